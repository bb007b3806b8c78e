"""Stop hunts: cases made by hand (each condition alone missing: no hunt) and a slow loop on real bars."""

from __future__ import annotations

import numpy as np
import pytest
from arch.data import sp500

import handmade_export as handmade
from features.expression import Expr, bar, constant
from features.graph import to_data
from features.hunts import (
    equal_extremes,
    hunt_features,
    on_volume,
    pools,
    prior_extreme,
    sweep,
)
from features.levels import LevelsParams, nearest_zones, unit
from features.volatility import VolatilityParams
from inference import Graph

DAY = 86_400_000_000
LEVELS, UNIT = LevelsParams(), VolatilityParams()


def compute(outputs: dict[str, Expr], market) -> dict[str, np.ndarray]:
    return Graph(to_data(outputs, [], DAY)).run(*market)


def mirrored(rows: list[tuple[float, ...]], side: int):
    """Bars (open, high, low, close, volume); side 1 turns them upside down about 100, so that lows become highs."""
    names = ("open", "high", "low", "close", "volume")
    columns = dict(zip(names, np.array(rows, float).T, strict=True))
    if side > 0:
        columns["high"], columns["low"] = 200.0 - columns["low"], 200.0 - columns["high"]
        columns["open"], columns["close"] = 200.0 - columns["open"], 200.0 - columns["close"]
    return columns, np.arange(len(rows), dtype=np.int64) * DAY


def quiet(n: int, low: float = 99.0) -> list[tuple[float, ...]]:
    return [(100.5, 101.0, low, 100.5, 10.0)] * n


# a low of 95 that six bars have left alone, then: a wick to 94.5 and a close at 100, on three times the volume
BEFORE = [*quiet(4), (100.0, 101.0, 95.0, 100.0, 10.0), *quiet(6)]
HUNT = (100.0, 101.0, 94.5, 100.0, 30.0)
NO_HUNT = {
    "the wick stays above the pool": (100.0, 101.0, 95.2, 100.0, 30.0),
    "the wick only touches the pool": (100.0, 101.0, 95.0, 100.0, 30.0),
    "it closes below the pool": (100.0, 101.0, 94.5, 94.8, 30.0),
    "it closes at the pool": (100.0, 101.0, 94.5, 95.0, 30.0),
    "it opens below the pool: no wick of this bar went through": (94.8, 101.0, 94.5, 100.0, 30.0),
    "usual volume": (100.0, 101.0, 94.5, 100.0, 10.0),
}


def events(rows, side: int, stood: int = 3) -> np.ndarray:
    depth = on_volume(1.5, 5) * sweep([prior_extreme(10, stood, side)], side)
    return compute({"x": depth}, mirrored(rows, side))["x"]


@pytest.mark.parametrize("side", [-1, 1])
def test_a_wick_through_the_extreme_that_closes_back_on_volume_is_a_hunt(side) -> None:
    got = events([*BEFORE, HUNT], side)
    assert got[-1] == pytest.approx(0.5)
    assert (got[10:-1] == 0.0).all()


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("missing", NO_HUNT)
def test_with_one_condition_missing_it_is_none(missing, side) -> None:
    assert events([*BEFORE, NO_HUNT[missing]], side)[-1] == 0.0


@pytest.mark.parametrize("side", [-1, 1])
def test_an_extreme_needs_to_have_stood(side) -> None:
    young = [*quiet(10), (100.0, 101.0, 95.0, 100.0, 10.0), *quiet(2)]
    assert events([*young, HUNT], side)[-1] == 0.0
    assert events([*young, HUNT], side, stood=2)[-1] == pytest.approx(0.5)


def test_where_no_volume_is_known_it_is_not_asked_for() -> None:
    silent = [(*row[:4], 0.0) for row in [*BEFORE, HUNT]]
    assert events(silent, -1)[-1] == pytest.approx(0.5)
    lost = [*BEFORE, (*HUNT[:4], 0.0)]  # the others traded: this bar's volume is missing, and it is no hunt
    assert events(lost, -1)[-1] == 0.0


# lows of 95 and 95.2 with higher bars between them, confirmed by two higher bars after each
EQUAL = [*quiet(3), (100, 101, 95.0, 100, 10), *quiet(3), (100, 101, 95.2, 100, 10), *quiet(2)]


def equal(rows, side: int, tolerance: float = 0.004, bars: int = 12) -> np.ndarray:
    pool = equal_extremes(2, constant(tolerance), bars, side)
    return compute({"x": sweep([pool], side)}, mirrored(rows, side))["x"]


@pytest.mark.parametrize("side", [-1, 1])
def test_stops_rest_beyond_the_outer_of_two_equal_extremes(side) -> None:
    between, beyond = (100, 101, 95.1, 100, 10), (100, 101, 94.6, 100, 10)
    assert equal([*EQUAL, between], side)[-1] == 0.0
    assert equal([*EQUAL, beyond], side)[-1] == pytest.approx(0.4)
    assert equal([*EQUAL, beyond], side, tolerance=0.001)[-1] == 0.0, "the lows are 0.2 % apart"
    assert equal([*EQUAL[:-1], beyond], side)[-1] == 0.0, "the second low is not yet confirmed"
    assert equal([*EQUAL, beyond], side, bars=3)[-1] == 0.0, "the lows are four bars apart"


@pytest.mark.parametrize("side", [-1, 1])
def test_a_swept_or_old_pool_holds_no_stops(side) -> None:
    through = (100, 101, 94.6, 100, 10)
    got = equal([*EQUAL, through, *quiet(1), through], side)
    assert got[10] == pytest.approx(0.4)
    assert got[-1] == 0.0, "its stops are gone"
    fallen = (94.8, 95.1, 94.0, 94.2, 10)  # gone through for good, which is no hunt
    assert (equal([*EQUAL, fallen, *quiet(1), through], side)[10:] == 0.0).all()
    assert equal([*EQUAL, *quiet(10), through], side)[-1] == pytest.approx(0.4)
    assert equal([*EQUAL, *quiet(12), through], side)[-1] == 0.0


def test_the_pool_that_was_swept_furthest_gives_the_depth() -> None:
    rows = mirrored([*BEFORE, HUNT], -1)
    got = compute({"x": sweep([constant(95.0), constant(97.0), constant(94.0), constant(0.0)], -1)}, rows)["x"]
    assert got[-1] == pytest.approx(2.5)


def test_rate_depth_and_age_by_hand() -> None:
    depths = np.array([6.0, 0, 0, 2.0, 0, 90.0, 0])
    market = ({n: np.full(7, 100.0) for n in ("open", "high", "low", "close")} | {"volume": depths}, np.arange(7) * DAY)
    rate, depth, age = hunt_features(bar("volume"), constant(0.02), 2.0, 4.0)
    got = compute({"rate": rate, "depth": depth, "age": age}, market)
    half = 0.5**0.5
    counts = [1, half, half**2, half**3 + 1, half**4 + half, half**5 + half**2 + 1, half**6 + half**3 + half]
    np.testing.assert_allclose(got["rate"], np.log1p(counts), rtol=1e-12)
    np.testing.assert_allclose(got["depth"], [3, 3, 3, 1, 1, 4, 4], rtol=1e-12)
    np.testing.assert_allclose(got["age"], [a / (a + 2) for a in (0, 1, 2, 0, 1, 0, 1)], rtol=1e-12)


@pytest.fixture(scope="module", params=["S&P 500", "random"])
def market(request):
    if request.param == "random":
        return handmade.random_bars(1500, seed=11)
    frame = sp500.load()[-2500:]
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


def naive_pools(bars, one, n: int, k: int, tolerance: float, side: int) -> np.ndarray:
    """(prior extreme, equal extremes) per bar, 0 for none; bars as if upside down for lows."""
    tip = side * bars["high" if side > 0 else "low"]
    out = np.zeros((len(tip), 2))
    pivots: list[int] = []
    pool, born, alive = 0.0, 0, False
    for t in range(len(tip)):
        if t >= n:
            last = t - 1 - int(np.argmax(tip[t - n : t][::-1]))  # of equal extremes the latest
            if t - 1 - last >= k:
                out[t, 0] = tip[last]
        if alive and t - 1 - born < n:
            out[t, 1] = pool
        if alive and tip[t] > pool:
            alive = False
        i = t - k
        if i >= k and tip[i] >= max(tip[i - k : i]) and tip[i] > max(tip[i + 1 : t + 1]):  # of equals the last
            if pivots and t - 1 - (pivots[-1] + k) < n:
                previous = tip[pivots[-1]]
                if abs(tip[i] - previous) <= tolerance * one[t] * abs(tip[i]):
                    pool, born, alive = max(tip[i], previous), t, True
            pivots.append(i)
    return out


@pytest.mark.parametrize("side", [-1, 1])
def test_pools_equal_a_slow_loop(market, side) -> None:
    n, k, tolerance = 30, LEVELS.pivot_bars, 0.3
    ours = pools(LEVELS, UNIT, n, tolerance, side)
    got = compute({"one": unit(LEVELS, UNIT)} | {str(i): each for i, each in enumerate(ours)}, market)
    slow = naive_pools(market[0], got["one"], n, k, tolerance, side)
    ready = 100  # from here on no pool stems from before sigma was known
    for column in (0, 1):
        np.testing.assert_array_equal(got[str(column)][ready:], side * slow[ready:, column])
        assert (slow[ready:, column] != 0).sum() > 60
    for column in ("2", "3"):  # round numbers and zones lie beyond the close, where they are
        at = got[column][ready:]
        assert (side * (at - market[0]["close"][ready:]) >= 0)[at > 0].all()
    zone = compute({str(i): each for i, each in enumerate(nearest_zones(LEVELS, UNIT))}, market)
    price, strength = (zone["1"], zone["3"]) if side > 0 else (zone["0"], zone["2"])
    np.testing.assert_array_equal(got["3"][ready:], np.where(strength >= 3.0, price, 0.0)[ready:])
    assert 0.05 < (got["3"][ready:] > 0).mean() < 0.95
    depth = compute({"x": sweep(ours, side)}, market)["x"][ready:]
    assert 0.005 < (depth > 0).mean() < 0.3
