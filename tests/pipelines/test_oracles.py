"""Labels, replay and the oracles against each other in worlds whose answer is known."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from numpy.typing import NDArray

from features.labels import LabelParams, make_labels
from inference.replay import Bars, Costs, Entries, replay_levels
from pipelines.worlds import (
    BookParams,
    BrownianParams,
    Clock,
    CrashParams,
    CrowdingParams,
    ExhaustionParams,
    HuntsParams,
    MomentumParams,
    simulate,
)
from pipelines.worlds.oracles import (
    Static,
    best_static,
    first_probability,
    garch_variance,
    reach_probability,
    regime_return,
    static_value,
)

START = dt.date(2015, 1, 5)
SIGMA = 0.004
H = 10


def clock(bars: int, steps: int = 4) -> Clock:
    return Clock(bars, steps, 60, START)


def brownian_bars(bars: int, drift: float, seed: int = 5) -> Bars:
    return simulate("brownian", BrownianParams(SIGMA, drift), clock(bars), seed)[0].bars


def agrees(found: NDArray[np.bool_], expected: float | NDArray[np.float64]) -> bool:
    """Independent events against their probabilities, within four standard errors."""
    p = np.broadcast_to(expected, found.shape)
    return bool(abs(found.sum() - p.sum()) < 4 * np.sqrt((p * (1 - p)).sum()))


def test_closed_forms_agree_among_themselves() -> None:
    # Without a limit of time, a barrier against the drift is reached with probability exp(-2 |drift| d / volatility²).
    assert reach_probability(0.05, -0.001, 0.01, 1e9) == pytest.approx(np.exp(-2 * 0.001 * 0.05 / 0.01**2), rel=1e-9)
    assert first_probability(0.05, 10.0, -0.001, 0.01) == pytest.approx(np.exp(-2 * 0.001 * 0.05 / 0.01**2), rel=1e-9)
    # At one side of one deviation, without drift: 2 Φ(-1).
    assert reach_probability(0.1, 0.0, 0.01, 100) == pytest.approx(0.31731050786291415, rel=1e-12)
    assert first_probability(0.03, 0.01, 1e-9, 0.01) == pytest.approx(
        first_probability(0.03, 0.01, 0.0, 0.01), rel=1e-4
    )


def test_the_return_of_a_regime_is_that_of_its_chain() -> None:
    leave, enter = 1 / 40, 1 / 25
    chain = np.array([[1 - leave, leave, 0], [enter / 2, 1 - enter, enter / 2], [0, leave, 1 - leave]])
    powers = sum(np.linalg.matrix_power(chain, h) for h in range(1, 11))
    for regime in (-1, 0, 1):
        expected = 0.003 * powers[regime + 1] @ np.array([-1, 0, 1])
        assert regime_return(regime, 10, 0.003, 40) == pytest.approx(expected, abs=1e-15)


def test_garch_variance_is_the_sum_of_its_recursion() -> None:
    long_run, alpha, beta = 1e-4, 0.08, 0.9
    for first in (0.2e-4, 3e-4):
        variance, total = first, 0.0
        for _ in range(10):
            total += variance + 2e-5
            variance = long_run * (1 - alpha - beta) + (alpha + beta) * variance
        found = garch_variance(np.array([first]), 10, long_run, alpha, beta, 2e-5)
        assert found[0] == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("drift", [0.0, 0.0008])
def test_labels_of_brownian_motion_have_first_passage_probabilities(drift: float) -> None:
    grid = (0.25, 0.5, 1.0, 2.0)
    # Many draws, since a price that drifts for long leaves the range of prices.
    draws = [brownian_bars(20_000, drift, seed) for seed in range(10)]
    labels = [make_labels(bars, np.full(len(bars.ts), SIGMA), LabelParams(H, grid, 7)) for bars in draws]
    rows, hits, reached = (np.concatenate([getattr(each, k) for each in labels]) for k in ("rows", "hit", "reach"))
    # Horizons that do not overlap are independent.
    apart = (rows["age"] == 0) & (rows["censored"] == 0) & (rows["bar"] % H == 0)
    log_drift = drift - SIGMA**2 / 2
    for side in (1, -1):
        chosen = apart & (rows["side"] == side)
        assert chosen.sum() > 19_000
        for k, distance in enumerate(grid):
            d = distance * SIGMA * np.sqrt(H)
            hit = reach_probability(-side * np.log1p(-side * d), -side * log_drift, SIGMA, H)
            reach = reach_probability(side * np.log1p(side * d), side * log_drift, SIGMA, H)
            assert agrees(hits[chosen, k] == 1, hit), (side, distance)
            assert agrees(reached[chosen, k] == 1, reach), (side, distance)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("drift", [0.0, 0.0004])
def test_replay_meets_the_target_first_as_brownian_motion_does(side: int, drift: float) -> None:
    stop, target, horizon = 5 * SIGMA, 8 * SIGMA, 400  # a mean time of 40 bars
    index = np.arange(0, 20_000 - horizon, horizon)
    entries = Entries(index, np.full(len(index), side, np.int8))
    draws = [brownian_bars(20_000, drift, seed) for seed in range(20)]
    trades = np.concatenate(
        [
            replay_levels(bars, entries, stop * bars.close, target * bars.close, np.nan, horizon, Costs())
            for bars in draws
        ]
    )
    assert (trades["reason"] != 3).all(), "no time exits"
    up, down = side * np.log1p(side * target), -side * np.log1p(-side * stop)
    assert agrees(trades["reason"] == 2, first_probability(up, down, side * (drift - SIGMA**2 / 2), SIGMA))


def test_no_static_exit_earns_more_than_its_costs_in_brownian_motion() -> None:
    bars = brownian_bars(200_000, 0.0)
    index = np.arange(0, len(bars.ts) - 2 * H, 2 * H)
    fee = 0.002
    # With one fee on every fill, optional stopping leaves two fees of the first price.
    costs = Costs(taker_fee=fee / 2, maker_fee=fee, slippage=fee / 2)
    for side in (1, -1):
        entries = Entries(index, np.full(len(index), side, np.int8))
        for stop in (4.0, 8.0, np.nan):
            for target in (4.0, 8.0, np.nan):
                trades = replay_levels(
                    bars, entries, stop * SIGMA * bars.close, target * SIGMA * bars.close, np.nan, 2 * H, costs
                )
                profit = trades["pnl"] / bars.open[index + 1]
                error = profit.std(ddof=1) / np.sqrt(len(profit))
                assert abs(profit.mean() + 2 * fee) < 4 * error, (side, stop, target)


def test_a_rule_found_in_brownian_motion_earns_nothing_in_another_draw() -> None:
    index = np.arange(0, 40_000 - H, H)
    rule = best_static(brownian_bars(40_000, 0.0), index, (0.01, 0.02, 0.04), H, Costs())
    fresh = static_value(brownian_bars(40_000, 0.0, seed=6), index, rule, H, Costs())
    assert abs(fresh.value) < 3 * fresh.error


BOOK = BookParams(0.002, 0.02, 0.004, 5.0, 0.25, 5, 0.001, (10.0,))


def test_walls_hold_stops_as_first_passage_of_the_flow_says() -> None:
    bars = simulate("book", BOOK, clock(400_000), 5)[0].bars
    log_close = np.log(bars.close)
    flow = BOOK.flow(log_close)
    distance = 0.006
    up = BOOK.flow(log_close + np.log1p(distance)) - flow
    down = flow - BOOK.flow(log_close + np.log1p(-distance))
    horizon = 2000
    index = np.arange(0, len(bars.ts) - horizon, horizon)
    entries = Entries(index, np.ones(len(index), np.int8))
    trades = replay_levels(bars, entries, distance * bars.close, distance * bars.close, np.nan, horizon, Costs())
    ended = trades["reason"] != 3
    assert ended.mean() > 0.99
    expected = (down / (up + down))[index]
    assert agrees(trades["reason"][ended] == 2, expected[ended])
    safe = expected > 0.7  # a wall before the stop and none before the target
    assert agrees(trades["reason"][safe & ended] == 2, expected[safe & ended])
    assert safe.sum() > 20


def test_labels_in_the_book_have_the_passage_times_of_the_flow() -> None:
    bars = simulate("book", BOOK, clock(100_000), 5)[0].bars
    labels = make_labels(bars, np.full(len(bars.ts), BOOK.volatility), LabelParams(H, (0.5, 1.0), 7))
    rows = labels.rows
    chosen = (rows["age"] == 0) & (rows["censored"] == 0) & (rows["bar"] % H == 0) & (rows["side"] == 1)
    reference, unit = np.log(rows["reference"][chosen]), rows["unit"][chosen] / rows["reference"][chosen]
    for k, distance in enumerate((0.5, 1.0)):
        below = BOOK.flow(reference) - BOOK.flow(reference + np.log1p(-distance * unit))
        expected = np.array([reach_probability(float(d), 0.0, BOOK.volatility, H) for d in below])
        assert agrees(labels.hit[chosen, k] == 1, expected)


GRID = (0.005, 0.01, 0.02, 0.04, 0.08)


def signals(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The chosen bars, so far apart that their horizons do not overlap and the standard error is honest."""
    apart: list[int] = []
    for i in np.flatnonzero(chosen[: -2 * H]).tolist():
        if not apart or i >= apart[-1] + H:
            apart.append(i)
    return np.array(apart, np.int64)


LATENT = {
    # name: world, its parameters, what of the truth, which state, the side that it asks for
    "momentum up": ("momentum", MomentumParams(0.01, 0.003, 40, 40), "regime", 1.0, 1),
    "momentum down": ("momentum", MomentumParams(0.01, 0.003, 40, 40), "regime", -1.0, -1),
    "climax": ("exhaustion", ExhaustionParams(0.01, 40, 20, 0.01, 4, 1.5, 0.02, 10, 0.01), "phase", 2.0, -1),
    "crash": ("crash", CrashParams(2, 0.005, 0.3, 200, 20, 0.0005, 0.9, 3, 0.005), "crash", 1.0, -1),
}


@pytest.mark.parametrize("name", LATENT)
def test_knowing_the_latent_state_pays(name: str) -> None:
    world, params, key, state, side = LATENT[name]
    one, two = (simulate(world, params, clock(20_000), seed)[0] for seed in (5, 6))
    rule = best_static(one.bars, signals(one.truth[key] == state), GRID, H, Costs())
    assert rule.side == side
    fresh = static_value(two.bars, signals(two.truth[key] == state), rule, H, Costs())
    assert fresh.value > 3 * fresh.error


def test_a_hunt_takes_the_near_stop_and_pays_the_far_one() -> None:
    params = HuntsParams(0.01, 5, 20, 1, 0.3, 0.5, 0.5, 5, 3)
    (world,) = simulate("hunts", params, clock(20_000), 5)
    hunt = np.append(world.truth["hunt"][1:], 0.0)  # of the bar in which the trade begins
    for side in (1, -1):
        index = signals(hunt == side)
        near, far = (
            static_value(world.bars, index, Static(side, stop, 0.08, 0, 0), H, Costs()) for stop in (0.004, 0.04)
        )
        assert near.value == pytest.approx(-0.004, abs=1e-4), "a hunt drives at least depth volatilities, 0.005"
        # What the hunt's bar gains, and a fair game after it.
        assert abs(far.value - params.rebound * params.volatility) < 4 * far.error
        assert far.value > 3 * far.error


def test_knowing_that_the_crowd_is_about_to_turn_pays() -> None:
    params = CrowdingParams(0.01, 0.003, 40, 8, 2, 0.5)
    one, two = (simulate("crowding", params, clock(20_000), seed)[0] for seed in (5, 6))
    turning = [(world.truth["reversal_in"] == 1) & (world.truth["trend"] > 0) for world in (one, two)]
    rule = best_static(one.bars, signals(turning[0]), GRID, H, Costs())
    assert rule.side == -1
    fresh = static_value(two.bars, signals(turning[1]), rule, H, Costs())
    assert fresh.value > 3 * fresh.error
