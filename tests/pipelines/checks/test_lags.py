"""Two symbols with a common part in their moves, one of them stamped in another zone."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from check_cases import MARK, START
from pipelines.checks.lags import lag_of

MINUTES = 5


def pair(minutes: int, weight: float = 0.8, count: int = 12_000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Closes every 5 minutes; the first is stamped so many minutes late."""
    rng = np.random.default_rng(4)
    common, own, other = rng.normal(0, 1e-3, (3, count))
    rest = np.sqrt(1 - weight)
    stamps = [START + (i + 1) * dt.timedelta(minutes=MINUTES) for i in range(count)]
    frames = [
        pl.DataFrame(
            {
                "ts": [ts + dt.timedelta(minutes=late) for ts in stamps],
                "log": np.cumsum(np.sqrt(weight) * common + rest * alone),
            },
            schema={"ts": pl.Datetime("us", "UTC"), "log": pl.Float64},
        )
        for alone, late in ((own, minutes), (other, 0))
    ]
    return frames[0], frames[1]


@pytest.mark.parametrize("minutes", [-480, -60, 30, 60, 540])
def test_a_symbol_stamped_in_another_zone(minutes: int) -> None:
    lag = lag_of(*pair(minutes), MARK.clock)
    assert lag is not None
    assert (lag.minutes, lag.shifted) == (minutes, True)
    assert lag.correlation == pytest.approx(0.8, abs=0.05)


@pytest.mark.parametrize("weight", [0.0, 0.2, 0.8])
def test_symbols_of_one_clock_and_strangers_are_not_shifted(weight: float) -> None:
    lag = lag_of(*pair(0, weight), MARK.clock)
    assert lag is not None
    assert not lag.shifted


def test_too_little_beside_each_other_says_nothing() -> None:
    own, other = pair(60)
    assert lag_of(own[:1000], other, MARK.clock) is None
    days = pl.col("ts").dt.hour() == 0
    assert lag_of(own.filter(days), other.filter(days), MARK.clock) is None
