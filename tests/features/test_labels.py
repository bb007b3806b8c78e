"""Labels against a slow path walk written from the definition, and against the fills of the replay."""

from __future__ import annotations

import numpy as np
import pytest

import handmade_export as handmade
from features.labels import LabelParams, make_labels
from inference.replay import Bars, Costs, Entries, replay_levels

GRID = (0.25, 0.5, 1.0, 2.0)
H = 6
N = 60


@pytest.fixture(scope="module")
def bars() -> Bars:
    columns, ts = handmade.random_bars(N, seed=3)
    return Bars("SPX", ts, **columns)


@pytest.fixture(scope="module")
def sigma() -> np.ndarray:
    values = np.random.default_rng(1).uniform(0.008, 0.02, N)
    values[:4] = np.nan
    return values


@pytest.fixture(scope="module")
def labels(bars, sigma):
    return make_labels(bars, sigma, LabelParams(H, GRID, 7))


def test_every_row_equals_the_walk(bars, sigma, labels) -> None:
    for row, hit, reversal, reach in zip(labels.rows, labels.hit, labels.reversal, labels.reach, strict=True):
        t, s, age = int(row["bar"]), int(row["side"]), int(row["age"])
        reference = bars.open[t + 1] if age == 0 else bars.close[t]
        unit = sigma[t] * np.sqrt(H) * reference
        last = min(t + H - age, N - 1)
        assert (row["reference"], row["end_bar"]) == (reference, last)
        assert row["unit"] == pytest.approx(unit, rel=1e-14)
        assert bool(row["censored"]) == (t + H - age > N - 1)
        path = range(t + 1, last + 1)
        down = [s * (reference - (bars.low if s > 0 else bars.high)[j]) / unit for j in path]
        up = [s * ((bars.high if s > 0 else bars.low)[j] - reference) / unit for j in path]
        assert row["mae"] == pytest.approx(max(0.0, *down))
        assert row["mfe"] == pytest.approx(max(0.0, *up))
        assert row["final"] == pytest.approx(s * (bars.close[last] - reference) / unit)
        for k, d in enumerate(GRID):
            first = next((i for i, x in enumerate(down) if x >= d), None)
            assert hit[k] == (first is not None)
            assert reach[k] == any(x > d for x in up)
            assert reversal[k] == (first is not None and any(x > d for x in up[first + 1 :]))


def test_the_state_of_an_aged_position(bars, sigma, labels) -> None:
    seen = set()
    for row in labels.rows[labels.rows["age"] > 0]:
        t, s, age = int(row["bar"]), int(row["side"]), int(row["age"])
        seen.add(age)
        entry = bars.open[t - age + 1]
        unit = sigma[t] * np.sqrt(H) * bars.close[t]
        high, low = bars.high[t - age + 1 : t + 1].max(), bars.low[t - age + 1 : t + 1].min()
        best, worst = (high, low) if s > 0 else (low, high)
        assert row["age_fraction"] == pytest.approx(age / H)
        assert row["unrealised"] == pytest.approx(s * (bars.close[t] - entry) / unit)
        assert row["peak"] == pytest.approx(max(0.0, s * (best - entry) / unit))
        assert row["trough"] == pytest.approx(max(0.0, s * (entry - worst) / unit))
    assert seen == set(range(1, H)), "every age must occur"
    fresh = labels.rows[labels.rows["age"] == 0]
    assert not any(fresh[name].any() for name in ("age_fraction", "unrealised", "peak", "trough"))


@pytest.mark.parametrize("k", range(len(GRID)))
def test_hits_are_the_stop_outs_of_the_replay(bars, labels, k) -> None:
    """A fresh row's hit is exactly a stop-out of a trade with that stop and no target."""
    fresh = (labels.rows["age"] == 0) & (labels.rows["side"] == 1) & (labels.rows["censored"] == 0)
    rows = labels.rows[fresh]
    distance = np.full(N, np.nan)
    distance[rows["bar"]] = GRID[k] * rows["unit"]
    nan = np.full(N, np.nan)
    entries = Entries(rows["bar"].astype(np.int64), np.ones(len(rows), np.int8))
    trades = replay_levels(bars, entries, distance, nan, nan, H, Costs())
    assert np.array_equal(trades["reason"] == 1, labels.hit[fresh, k] == 1)


def test_curves_are_monotone_in_distance(labels) -> None:
    for curve in (labels.hit, labels.reversal, labels.reach):
        assert (np.diff(curve.astype(int), axis=1) <= 0).all()
    assert (labels.reversal <= labels.hit).all()


def test_ages_depend_on_seed_bar_and_side_alone(bars, sigma, labels) -> None:
    again = make_labels(bars, sigma, LabelParams(H, GRID, 7))
    assert again.rows.tobytes() == labels.rows.tobytes()
    other = make_labels(bars, sigma, LabelParams(H, GRID, 8))
    assert not np.array_equal(other.rows["age"], labels.rows["age"])


def test_what_cannot_be_labelled_is_refused(bars, sigma) -> None:
    with pytest.raises(ValueError, match=r"sigma: must have one value per bar \(60\), was 59"):
        make_labels(bars, sigma[1:], LabelParams(H, GRID, 7))
    with pytest.raises(ValueError, match=r"labels\.grid: must be 2 to 64 ascending distances"):
        LabelParams(H, (1.0, 0.5), 7)
    with pytest.raises(ValueError, match=r"labels\.horizon_bars: must be a whole number in \[2"):
        LabelParams(1, GRID, 7)
