"""Sessions against Polars and plain slices."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from features.graph import to_data
from features.sessions import prior_range, session
from handmade_bars import DAY, compute, real_bars
from inference import Graph

HOUR = 3_600_000_000


def test_prior_range_is_of_the_bars_before(market) -> None:
    b, n = market[0], len(market[1])
    high, low, close = compute(prior_range(21), market).values()
    for t in range(21, n):
        assert high[t] == b["high"][t - 21 : t].max()
        assert low[t] == b["low"][t - 21 : t].min()
        assert close[t] == b["close"][t - 21 : t][-1]


@pytest.mark.parametrize("start", [0.0, 21.0, 13.5])
def test_sessions_are_polars_groups_by_the_clock(start) -> None:
    """Half-hours with a weekend, a holiday, and sessions that begin or end late."""
    bars, _ = handmade.random_bars(1200, seed=4)
    ts = np.arange(1200, dtype=np.int64) * (HOUR // 2) + 3 * HOUR
    keep = np.random.default_rng(0).random(1200) > 0.1
    keep[200:310] = False
    keep[600:640] = False
    bars, ts = {name: values[keep] for name, values in bars.items()}, ts[keep]
    out = Graph(to_data(session(start)._asdict(), [], HOUR // 2)).run(bars, ts)
    # a bar belongs to the session in which it closes; one that closes at the boundary ends the session
    number = (ts + HOUR // 2 - 1 - round(start * HOUR)) // DAY
    frame = pl.DataFrame({"day": number, **bars})
    days = frame.group_by("day", maintain_order=True).agg(
        pl.col("high").max(), pl.col("low").min(), pl.col("close").last()
    )
    prior = frame.join(days.with_columns(pl.all().exclude("day").shift(1)), on="day", suffix="_prior")
    first = number == number[0]
    assert days.height > 15
    for name in ("high", "low", "close"):
        np.testing.assert_array_equal(out[f"prior_session_{name}"][~first], prior[f"{name}_prior"].to_numpy()[~first])
    so_far = frame.select(
        open=pl.col("open").first().over("day"),
        high=pl.col("high").cum_max().over("day"),
        low=pl.col("low").cum_min().over("day"),
        close=pl.col("close"),
    )
    for name in ("open", "high", "low"):
        np.testing.assert_array_equal(out[f"session_{name}"], so_far[name].to_numpy())
    for name in ("high", "low", "close"):
        np.testing.assert_array_equal(out[f"prior_session_{name}"][first], so_far[name].to_numpy()[first])


def test_on_daily_bars_a_session_is_one_bar() -> None:
    bars, ts = real_bars(300)
    out = compute(session(0.0)._asdict(), (bars, ts))
    for name in ("open", "high", "low"):
        np.testing.assert_array_equal(out[f"session_{name}"], bars[name])
    for name in ("high", "low", "close"):
        np.testing.assert_array_equal(out[f"prior_session_{name}"][1:], bars[name][:-1])
