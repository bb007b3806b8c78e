"""Ornstein-Uhlenbeck oracles: Bertram's figures, López de Prado's mesh, and the replay of the world ou against both."""

from __future__ import annotations

import datetime as dt

import mpmath  # type: ignore[import-untyped]
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import digamma, factorial, gamma

from inference.replay import Bars, Costs, Entries, replay_levels
from pipelines.worlds import Clock, OuParams, simulate
from pipelines.worlds.oracles import best_static
from pipelines.worlds.ou_oracles import (
    ou_best_level,
    ou_best_sharpe_level,
    ou_exit,
    ou_first_probability,
    ou_mesh,
    ou_rate,
    ou_sharpe,
    ou_trade_length,
    ou_trade_length_variance,
)

# Shift of a barrier that is watched at the closes alone, in volatilities of a bar: -zeta(1/2) / sqrt(2 pi)
# (Broadie, Glasserman and Kou 1997, Mathematical Finance 7, 325: 349).
AT_CLOSES = 0.5826


def drawn(params: OuParams, bars: int) -> Bars:
    return simulate("ou", params, Clock(bars, 4, 60, dt.date(2015, 1, 5)), 5)[0].bars


def agrees(found: NDArray[np.bool_], expected: NDArray[np.float64]) -> bool:
    """Independent events against their probabilities, within four standard errors."""
    return bool(abs(found.sum() - expected.sum()) < 4 * np.sqrt((expected * (1 - expected)).sum()))


def test_bertram_s_example() -> None:
    # His parameters (2010, section 5) with the figures that Hudson & Thames' arbitragelab tests its own code against.
    speed, volatility, cost = 180.9670, 0.1538, 0.001
    level = ou_best_level(cost, speed, volatility)
    length = ou_trade_length(-level, level, speed, volatility)
    variance = ou_trade_length_variance(-level, level, speed, volatility)
    assert length == pytest.approx(0.017122, abs=1e-6)
    assert variance == pytest.approx(0.00015438, abs=1e-7)
    assert ou_rate(-level, level, cost, speed, volatility) == pytest.approx(0.492358, abs=1e-6)
    assert (2 * level - cost) ** 2 * variance / length**3 == pytest.approx(0.0021857, abs=1e-6)
    level = ou_best_sharpe_level(cost, 0.01, speed, volatility)
    assert ou_sharpe(-level, level, cost, 0.01, speed, volatility) == pytest.approx(3.86293, abs=0.002)


def test_the_variance_of_a_trade_is_bertram_s_series() -> None:
    speed, volatility = 0.03, 0.01

    def of(level: float) -> float:
        z = level * np.sqrt(2 * speed) / volatility
        k, odd = np.arange(1, 80), np.arange(1, 160, 2)
        terms = gamma(k / 2) * (np.sqrt(2) * z) ** k / factorial(k)
        first = (terms.sum() / 2) ** 2 - (((-1.0) ** k * terms).sum() / 2) ** 2
        weight = gamma(odd / 2) * (digamma(odd / 2) - digamma(1))
        return float(first - (weight * (np.sqrt(2) * z) ** odd / factorial(odd)).sum())

    for buy, sell in ((-0.02, 0.02), (-0.05, 0.01), (0.005, 0.03)):
        expected = (of(sell) - of(buy)) / speed**2
        assert ou_trade_length_variance(buy, sell, speed, volatility) == pytest.approx(expected, rel=1e-6)


def test_far_levels_do_not_overflow() -> None:
    speed, volatility = 0.03, 0.01
    c = np.sqrt(speed) / volatility
    mpmath.mp.dps = 40
    up, down, start = 30 / c, -29.99 / c, 29.9 / c
    high, low, at = (mpmath.erfi(x * c) for x in (up, down, start))
    found = ou_first_probability(start, up, down, speed, volatility)
    assert found == pytest.approx(float((at - low) / (high - low)), rel=1e-9)
    assert ou_trade_length(-30 / c, 30 / c, speed, volatility) == np.inf
    assert ou_rate(-30 / c, 30 / c, 0.001, speed, volatility) == 0.0
    # Costs beyond all deviations: buy and sell so far apart.
    assert ou_best_level(100 / c, speed, volatility) * c == pytest.approx(50 + 1 / 100, abs=1e-3)


def test_the_ou_cycle_and_its_best_level() -> None:
    speed, volatility, cost = 0.03, 0.01, 0.01
    k = speed / volatility**2
    half = quad(lambda y: np.exp(k * y**2) * quad(lambda z: np.exp(-k * z**2), -1.0, y, points=[0.0])[0], -0.02, 0.02)[
        0
    ]
    # Mean passage time by the Green function (Karlin and Taylor 1981, chapter 15.3), there and, by symmetry, back.
    cycle = 2 * (2 / volatility**2) * half
    assert ou_rate(-0.02, 0.02, cost, speed, volatility) == pytest.approx((0.04 - cost) / cycle, rel=1e-6)
    swept = minimize_scalar(
        lambda a: -ou_rate(-a, a, cost, speed, volatility),
        bounds=(1e-4, 0.1),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert ou_best_level(cost, speed, volatility) == pytest.approx(swept.x, rel=1e-5)


def test_the_first_of_two_levels_without_reversion_is_that_of_brownian_motion() -> None:
    assert ou_first_probability(0.0, 0.02, -0.02, 0.03, 0.01) == pytest.approx(0.5)
    assert ou_first_probability(0.0, 0.03, -0.01, 1e-9, 0.01) == pytest.approx(0.25, rel=1e-6)
    # Nobody out of (down, up) within a time: the sine series of heat between two cold walls (Borodin and Salminen 2002,
    # part II, 1.15.4). And a fair game is worth nothing.
    stop, target, horizon, volatility = 0.02, 0.03, 10.0, 0.01
    n = np.arange(1, 40, 2)
    width = stop + target
    decay = np.exp(-(n**2) * np.pi**2 * volatility**2 * horizon / (2 * width**2))
    inside = (4 / (n * np.pi) * np.sin(n * np.pi * stop / width) * decay).sum()
    found = ou_exit(0.0, stop, target, horizon, 1e-9, volatility)
    assert 1 - found.stopped - found.at_target == pytest.approx(inside, rel=1e-8)
    assert found.mean == pytest.approx(0.0, abs=1e-8)


def test_a_stop_a_target_and_a_horizon_end_as_in_the_replay() -> None:
    params, horizon, stop, target = OuParams(20.0, 0.01), 12, 0.02, 0.025
    bars = drawn(params, 200_000)
    deviation = np.log(bars.close / 100)
    index = np.arange(0, len(bars.ts) - horizon - 1, horizon)
    index = index[(deviation[index] > -0.06) & (deviation[index] < 0.02)]
    entries = Entries(index, np.ones(len(index), np.int8))
    down, up = -np.expm1(-stop) * bars.close, np.expm1(target) * bars.close
    trades = replay_levels(bars, entries, down, up, np.nan, horizon, Costs(), "adaptive")
    grid = np.linspace(-0.06, 0.02, 17)
    mesh = [ou_exit(each, stop, target, horizon, params.speed, params.volatility) for each in grid]
    stopped, at_target, mean = (
        np.interp(deviation[index], grid, [getattr(each, name) for each in mesh])
        for name in ("stopped", "at_target", "mean")
    )
    # Two levels in one bar, whose order nobody knows, are rare so far apart.
    assert agrees(trades["reason"] == 1, stopped)
    assert agrees(trades["reason"] == 2, at_target)
    profit = np.log(trades["exit_price"] / trades["fill_price"]) - mean
    assert abs(profit.mean()) < 4 * profit.std() / np.sqrt(len(profit))
    deep = deviation[index] < -0.04
    assert abs(profit[deep].mean()) < 4 * profit[deep].std() / np.sqrt(deep.sum()) < mean[deep].mean() / 2
    # Costs are paid at the end, each its own.
    free, paid = (
        ou_exit(-0.02, stop, target, horizon, params.speed, params.volatility, *c) for c in ((), (3e-4, 1e-4))
    )
    assert free.mean - paid.mean == pytest.approx(3e-4 - 2e-4 * free.at_target, rel=1e-5)


def test_the_mesh_has_the_shape_that_lopez_de_prado_found() -> None:
    # His case (2018, section 13.6.1): equilibrium 0 at the start, half-life 5, at most 100 bars.
    speed, volatility = np.log(2) / 5, 1.0
    levels = [0.5, 1.0, 2.0, 4.0, 8.0]
    mesh = ou_mesh(0.0, levels, levels, 100, speed, volatility)
    sharpe = np.array([[each.sharpe for each in row] for row in mesh])
    # Of stop and target the nearer is met first: mirrored rules mirror the profit, and equal ones are worth nothing.
    assert sharpe == pytest.approx(-sharpe.T, abs=1e-6)
    # Small profits, large stops; the worst is the opposite.
    assert (np.diff(sharpe, axis=0) > 0)[:, 0].all()
    stop, target = np.unravel_index(sharpe.argmax(), sharpe.shape)
    assert levels[stop] == 8.0
    assert levels[target] <= 1.0
    # The longer the half-life, the less there is to gain (section 13.6.1, half-lives 10 to 100).
    slower = [ou_exit(0.0, 4.0, 1.0, 100, np.log(2) / life, volatility).sharpe for life in (5, 10, 25, 50, 100)]
    assert (np.diff(slower) < 0).all()
    # Above the equilibrium a long position has nothing to hope for, below it has.
    assert (
        ou_exit(2.0, 4.0, 1.0, 100, speed, volatility).mean < 0 < ou_exit(-2.0, 4.0, 1.0, 100, speed, volatility).mean
    )


def test_the_best_static_exit_lies_at_the_top_of_the_mesh() -> None:
    params, horizon = OuParams(20.0, 0.01), 20
    bars = drawn(params, 400_000)
    deviation = np.log(bars.close / 100)
    distances = (0.01, 0.02, 0.03, 0.05, 0.1)
    index = np.flatnonzero(abs(deviation + 0.06) < 0.003)
    index = index[np.flatnonzero(np.diff(index, prepend=-horizon) >= horizon)]
    index = index[index < len(bars.ts) - horizon - 1]
    rule = best_static(bars, index, distances, horizon, Costs())
    start = float(deviation[index].mean())
    levels = [np.log1p(each) for each in distances]
    mesh = ou_mesh(start, [-np.log1p(-each) for each in distances], levels, horizon, params.speed, params.volatility)
    # Simple profit from log profit, to the second order.
    value = np.array([[each.mean + (each.mean**2 + each.deviation**2) / 2 for each in row] for row in mesh])
    chosen = value[distances.index(rule.stop), distances.index(rule.target)]
    assert rule.side == 1
    assert rule.value == pytest.approx(chosen, abs=4 * rule.error)
    assert chosen > value.max() - 2 * rule.error
    assert value.max() > 10 * rule.error
    assert value.min() < value.max() - 8 * rule.error, "the mesh is no plain"


def reentries(bars: Bars, mean: float, level: float) -> NDArray[np.int64]:
    """Closes at or below -level, the first after each time that the high has been above +level."""
    deviation = np.log(bars.close / mean)
    out, above = [], np.log(bars.high / mean) > level
    waiting = True
    for i in np.flatnonzero((deviation <= -level) | above):
        if above[i]:
            waiting = True
        elif waiting:
            out.append(i)
            waiting = False
    return np.array(out[:-1], np.int64)


def test_the_swept_ou_optimum_lies_at_the_closed_form() -> None:
    params, cost = OuParams(100.0, 0.003), 0.02
    bars = drawn(params, 400_000)
    levels = np.arange(0.014, 0.044, 0.003)
    rates = []
    for level in levels:
        index = reentries(bars, 100.0, level)
        entries = Entries(index, np.ones(len(index), np.int8))
        target = np.where(bars.close < 100 * np.exp(level), 100 * np.exp(level) - bars.close, np.nan)
        trades = replay_levels(bars, entries, np.nan, target, np.nan, len(bars.ts), Costs())
        profit = np.log(trades["exit_price"] / trades["fill_price"]) - cost
        times = np.diff(index)
        rate = profit[:-1].sum() / times.sum()
        # Renewal-reward: the error of a ratio of means.
        error = np.std(profit[:-1] - rate * times) / np.sqrt(len(times)) / times.mean()
        buy = -(level + AT_CLOSES * params.volatility)
        assert abs(rate - ou_rate(buy, level, cost, params.speed, params.volatility)) < 4 * error, level
        rates.append(rate)
    closed = ou_best_level(cost, params.speed, params.volatility)
    swept = levels[np.argmax(rates)]

    def value(level: float) -> float:
        return ou_rate(-level, level, cost, params.speed, params.volatility)

    assert swept == pytest.approx(closed, rel=0.25)
    # The top is flat: what is lost by the sweep's noise is little.
    assert value(swept) > 0.95 * value(closed)
    assert max(value(levels[0]), value(levels[-1])) < 0.9 * value(closed), "the sweep's ends are worse"


def test_replay_meets_the_upper_level_first_as_the_ou_process_does() -> None:
    params = OuParams(100.0, 0.003)
    bars = drawn(params, 400_000)
    low, high, horizon = -0.03, 0.04, 2000
    deviation = np.log(bars.close / 100)
    index = np.arange(0, len(bars.ts) - horizon, horizon)
    index = index[(deviation[index] > low) & (deviation[index] < high)]
    entries = Entries(index, np.ones(len(index), np.int8))
    stop, target = bars.close - 100 * np.exp(low), 100 * np.exp(high) - bars.close
    trades = replay_levels(bars, entries, stop, target, np.nan, horizon, Costs())
    expected = np.array([ou_first_probability(deviation[i], high, low, params.speed, params.volatility) for i in index])
    ended = trades["reason"] != 3
    assert ended.mean() > 0.99
    assert agrees(trades["reason"][ended] == 2, expected[ended])
