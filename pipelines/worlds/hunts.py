"""The world of stop hunts: the price is driven beyond a place where stops gather, and comes back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.checks import number_in, whole_in
from pipelines.arrays import Floats
from pipelines.worlds.diffusion import check_volatility
from pipelines.worlds.path import FIRST_PRICE, Clock, World, extremes, noise, to_bars, volumes


@dataclass(frozen=True, slots=True)
class HuntsParams:
    """round_step: distance of round numbers, in price; prior_bars: whose extremes gather stops too.

    reach: pools so near to a bar's open may be hunted in it, depth: how far beyond the pool a hunt drives, rebound: how
    far beyond the bar's open it closes, all in volatilities of a bar; probability: of a hunt where one may be;
    quiet_bars: without a hunt after one; volume: multiple in a hunt.
    """

    volatility: float
    round_step: float
    prior_bars: int
    reach: float
    probability: float
    depth: float
    rebound: float
    quiet_bars: int
    volume: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("round_step", self.round_step, 1e-6, 1e6, "5")
        whole_in("prior_bars", self.prior_bars, 1, 100_000, "20")
        number_in("reach", self.reach, 0.01, 10.0, "1")
        number_in("probability", self.probability, 0.0, 1.0, "0.3")
        number_in("depth", self.depth, 0.0, 10.0, "0.5")
        number_in("rebound", self.rebound, 0.0, 10.0, "0.5")
        whole_in("quiet_bars", self.quiet_bars, 0, 100_000, "5")
        number_in("volume", self.volume, 1.0, 100.0, "3")


def hunts(params: HuntsParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Hunt and revert: stops gather at round numbers and at the extremes of the last prior_bars bars.

    Where the nearest such pool lies within reach of a bar's open, the bar is a hunt with the given probability: in its
    first half a Brownian bridge leads to depth beyond the pool, in its second back to rebound beyond the open. All
    other bars are a fair game. Truth: pool (1 a pool below, -1 above, 0 none in reach), hunt (1 of lows, -1 of highs,
    0 none), pool_price (0 without). Oracle: `best_static` on hunt; a stop less than depth behind a pool is reached
    in every hunt, and each hunt closes rebound beyond its open.
    """
    sigma, n, steps = params.volatility, clock.bars, clock.steps
    shocks = noise(np.full(n, sigma), clock, rng)
    chance = rng.random(n)
    step_sigma = np.array([sigma / np.sqrt(steps)])
    path = np.empty((n, steps + 1))
    high, low, pool, hunt, pool_price = np.zeros((5, n))
    at, quiet_until = np.log(FIRST_PRICE), 0
    for t in range(n):
        before = slice(max(t - params.prior_bars, 0), t)
        side, level = (0, 0.0) if t < quiet_until else _pool(at, low[before], high[before], params)
        path[t] = at + np.concatenate([[0.0], np.cumsum(shocks[t])])
        if side:
            pool[t], pool_price[t] = side, np.exp(level)
            if chance[t] < params.probability:
                hunt[t] = side
                quiet_until = t + 1 + params.quiet_bars
                path[t] = _drive(path[t], level - side * params.depth * sigma, at + side * params.rebound * sigma)
        highest, lowest = extremes(path[t : t + 1], step_sigma, rng)
        high[t], low[t] = highest[0], lowest[0]
        at = path[t, -1]
    volume = volumes(np.where(hunt != 0, params.volume, 1.0), rng)
    bars = to_bars("HUNTS", clock.opens(), path, high, low, volume)
    truth = {"volatility": np.full(n, sigma), "pool": pool, "hunt": hunt, "pool_price": pool_price}
    return [World(bars, truth, {}, None)]


def _pool(at: float, lows: Floats, highs: Floats, params: HuntsParams) -> tuple[int, float]:
    """Side (1 below, -1 above) and log price of the nearest pool in reach of the log price; (0, 0) without one."""
    number = np.exp(at) / params.round_step
    with np.errstate(divide="ignore"):  # no round number below the first step
        below = [float(np.log(np.floor(number) * params.round_step))]
    above = [float(np.log((np.floor(number) + 1) * params.round_step))]
    if len(lows) == params.prior_bars:
        below.append(float(lows.min()))
        above.append(float(highs.max()))
    pools = [(at - level, 1, level) for level in below] + [(level - at, -1, level) for level in above]
    distance, side, level = min(each for each in pools if each[0] > 0)
    return (side, level) if distance <= params.reach * params.volatility else (0, 0.0)


def _drive(path: Floats, turn: float, end: float) -> Floats:
    """The path, bent so that its middle lies at `turn` and its end at `end`; a Brownian path becomes two bridges."""
    steps = len(path) - 1
    half = steps // 2
    at = np.arange(steps + 1)
    knots = np.array([0, half, steps])
    wanted = np.array([path[0], turn, end])
    return np.asarray(path + np.interp(at, knots, wanted - path[knots]))
