"""Series beside prices: what is made from a day's move, known after it, and stamped before it."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from check_cases import MARK, START, hours
from pipelines.checks.ahead import closes_of, relation_of

DAY = dt.timedelta(days=1)
BARS = hours(24 * 200)
CLOSES = closes_of(BARS)


def daily(delay: dt.timedelta, weight: float = 0.8, seed: int = 1) -> pl.DataFrame:
    """A fear index: the sum of each day's move (with a minus) and noise, stamped at 0:00 of its day plus the delay."""
    rng = np.random.default_rng(seed)
    assert CLOSES is not None
    ends = CLOSES.filter(pl.col("ts").dt.hour() == 0)["log"].to_numpy()
    moves = np.diff(ends, prepend=np.log(BARS["open"][0]))
    noise = rng.normal(0, moves.std(), len(moves))
    value = np.cumsum(-weight * moves + np.sqrt(1 - weight**2) * noise)
    stamps = [START + i * DAY + delay for i in range(len(moves))]
    return pl.DataFrame({"ts": stamps, "value": value}, schema={"ts": pl.Datetime("us", "UTC"), "value": pl.Float64})


def test_a_value_of_the_day_stamped_at_its_begin_looks_ahead() -> None:
    assert CLOSES is not None
    early = relation_of(daily(0 * DAY), CLOSES, MARK.clock)
    assert early is not None
    assert early.looks_ahead
    assert early.after == pytest.approx(0.8, abs=0.1)
    assert early.before < 0.2
    right = relation_of(daily(DAY), CLOSES, MARK.clock)
    assert right is not None
    assert not right.looks_ahead
    assert right.before == pytest.approx(early.after, abs=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_a_faint_lead_is_no_look_ahead(seed: int) -> None:
    assert CLOSES is not None
    faint = relation_of(daily(0 * DAY, weight=0.1, seed=seed), CLOSES, MARK.clock)
    assert faint is not None
    assert not faint.looks_ahead


def test_too_few_values_and_values_that_rest_say_nothing() -> None:
    assert CLOSES is not None
    assert relation_of(daily(0 * DAY)[:40], CLOSES, MARK.clock) is None
    assert relation_of(daily(0 * DAY).with_columns(value=pl.lit(1.0)), CLOSES, MARK.clock) is None
    assert relation_of(daily(500 * DAY), CLOSES, MARK.clock) is None


def test_a_close_is_known_when_its_bar_ends() -> None:
    assert CLOSES is not None
    assert CLOSES["ts"][0] == START + dt.timedelta(hours=1)
    assert closes_of(hours(1)) is None
