"""Seasonality by the clock against a plain loop, and on a market whose hours are known."""

from __future__ import annotations

import numpy as np
import pytest

import handmade_export as handmade
from features import bar
from features.calendar import DAY_US, WEEK_US, seasonal_factor
from features.graph import to_data
from inference import Graph

HOUR = 3_600_000_000


def compute(expr, bars, ts, interval):
    return Graph(to_data({"x": expr}, [], interval)).run(bars, ts)["x"]


@pytest.mark.parametrize(("slots", "decay"), [(24, 0.0), (24, 0.9), (7, 0.97)])
def test_it_equals_a_plain_loop(slots, decay) -> None:
    bars, _ = handmade.random_bars(500, seed=3)
    ts = np.arange(500, dtype=np.int64) * HOUR
    ts = ts[np.random.default_rng(0).random(500) < 0.8]  # bars that never came
    bars = {name: values[: len(ts)] for name, values in bars.items()}
    ours = compute(seasonal_factor(bar("volume"), DAY_US, slots, decay), bars, ts, HOUR)
    history: dict[int, list[float]] = {}
    for i, t in enumerate(ts):
        own, coming = (int((moment % DAY_US) * slots // DAY_US) for moment in (t + HOUR - 1, t + HOUR))
        history.setdefault(own, []).append(bars["volume"][i])
        means = {}
        for slot, values in history.items():
            weights = decay ** np.arange(len(values))[::-1]
            means[slot] = np.sum(weights * values) / np.sum(weights)
        if t - ts[0] >= DAY_US:  # a slot that is still without bars gives way to the next one that has some
            coming = min(means, key=lambda slot: (slot - coming) % slots)
        expected = means[coming] / np.mean(list(means.values())) if coming in means else 1.0
        assert ours[i] == pytest.approx(expected, rel=1e-9)


def test_it_finds_the_busy_hour_before_it_begins() -> None:
    n = 24 * 60
    rng = np.random.default_rng(1)
    hour = np.arange(n) % 24
    volume = rng.exponential(1.0, n) * np.where(hour == 14, 5.0, 1.0)
    close = np.full(n, 10.0)
    bars = {"open": close, "high": close, "low": close, "close": close, "volume": volume}
    out = compute(seasonal_factor(bar("volume"), DAY_US, 24, 0.98), bars, np.arange(n, dtype=np.int64) * HOUR, HOUR)
    late = out[n // 2 :].reshape(-1, 24).mean(0)
    assert late[13] == pytest.approx(5.0 / (28 / 24), rel=0.2), "at the close of hour 13 it speaks of hour 14"
    assert np.delete(late, 13).max() < 1.5


def test_a_slot_never_seen_gives_way_to_the_next_one_that_was() -> None:
    bars, _ = handmade.random_bars(60)
    days = np.array([d for d in range(84) if d % 7 not in (4, 5)], np.int64)  # closed for two days in seven
    bars["volume"][days % 7 == 6] *= 4.0  # the first day after
    out = compute(seasonal_factor(bar("volume"), WEEK_US, 7, 0.9), bars, days * DAY_US, DAY_US)
    last = days % 7 == 3
    assert out[last][0] == 1.0, "in the first week it may still come"
    own = {d: bars["volume"][days % 7 == d] for d in range(7)}
    for week in range(1, 12):
        means = {
            d: np.average(v[: week + (d < 4)], weights=0.9 ** np.arange(week + (d < 4))[::-1])
            for d, v in own.items()
            if len(v)
        }
        assert out[last][week] == pytest.approx(means[6] / np.mean(list(means.values())))
