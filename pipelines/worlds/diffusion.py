"""Worlds whose price is one process throughout: Brownian motion, Ornstein-Uhlenbeck, GARCH with jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from inference.checks import number_in
from pipelines.worlds.path import FIRST_PRICE, Clock, World, noise, path_of, world_of


def check_volatility(value: float) -> None:
    """Raise ValueError unless a bar's volatility is one that prices survive."""
    number_in("volatility", value, 1e-6, 0.2, "0.01, which is 1 % a bar")


@dataclass(frozen=True, slots=True)
class BrownianParams:
    """volatility: standard deviation of the log return of a bar; drift: of the price, fraction a bar."""

    volatility: float
    drift: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("drift", self.drift, -0.05, 0.05, "0, a fair game")


def brownian(params: BrownianParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Geometric Brownian motion: dS = drift S dt + volatility S dW.

    Without drift the price is a martingale, so that no stop, target or timing earns anything before costs (optional
    stopping). Truth: drift. Oracle: first passage of Brownian motion with drift, `reach_probability` for one barrier
    within a time and `first_probability` for which of two barriers comes first (Karatzas and Shreve 1991, section
    3.5.C; Borodin and Salminen 2002, part II, chapter 2).
    """
    volatility = np.full(clock.bars, params.volatility)
    path = path_of(noise(volatility, clock, rng) + params.drift / clock.steps)
    return [world_of("BROWNIAN", clock, rng, path, volatility, {"drift": np.full(clock.bars, params.drift)})]


@dataclass(frozen=True, slots=True)
class OuParams:
    """half_life_bars: after which half a deviation is left; volatility: of a bar's log return without reversion."""

    half_life_bars: float
    volatility: float

    def __post_init__(self) -> None:
        number_in("half_life_bars", self.half_life_bars, 0.5, 1e6, "20")
        check_volatility(self.volatility)

    @property
    def speed(self) -> float:
        """Rate of reversion a bar."""
        return float(np.log(2) / self.half_life_bars)


def ou(params: OuParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Ornstein-Uhlenbeck: ln S = ln 100 + X, dX = -speed X dt + volatility dW, speed = ln 2 / half_life_bars.

    Steps follow the exact transition and begin in the stationary law. Truth: deviation, X at the bar's close. Oracle:
    `ou_first_probability` by the scale function; `ou_best_level`, the distance from the mean at which to enter and, on
    the other side, to take profit, and `ou_rate`, the profit a bar that it earns (Bertram 2010, Physica A 389, 2234:
    2243), and `ou_sharpe` over its risk; `ou_mesh`, what each stop and target with a horizon come to, without Monte
    Carlo (López de Prado 2018, Advances in Financial Machine Learning, chapter 13): around an equilibrium take small
    profits, and stop far away or not at all.
    """
    decay = np.exp(-params.speed / clock.steps)
    deviation = params.volatility / np.sqrt(2 * params.speed)
    shocks = rng.standard_normal(clock.bars * clock.steps + 1) * deviation
    shocks[1:] *= np.sqrt(1 - decay**2)
    x = lfilter([1.0], [1.0, -decay], shocks)
    inside = x[1:].reshape(clock.bars, clock.steps)
    opens = np.concatenate([x[:1], inside[:-1, -1]])
    path = np.log(FIRST_PRICE) + np.concatenate([opens[:, None], inside], axis=1)
    return [world_of("OU", clock, rng, path, np.full(clock.bars, params.volatility), {"deviation": inside[:, -1]})]


@dataclass(frozen=True, slots=True)
class GarchParams:
    """volatility: long-run, of a bar without jumps; alpha, beta: of the last shock and of the last variance.

    jump_probability: that a bar opens with a jump; jump_volatility: standard deviation of the log jump.
    """

    volatility: float
    alpha: float
    beta: float
    jump_probability: float
    jump_volatility: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("alpha", self.alpha, 0.0, 1.0, "0.08")
        number_in("beta", self.beta, 0.0, 1.0, "0.9")
        if not self.alpha + self.beta < 1.0:
            raise ValueError(f"beta: must stay below 1 - alpha = {1 - self.alpha:g}, was {self.beta}; typical: 0.9")
        number_in("jump_probability", self.jump_probability, 0.0, 1.0, "0.01")
        number_in("jump_volatility", self.jump_volatility, 0.0, 0.5, "0.03")


def garch(params: GarchParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """GARCH(1, 1) with jumps: v[t+1] = omega + alpha e[t]² + beta v[t], omega = volatility² (1 - alpha - beta).

    e[t] is the bar's shock, Brownian inside the bar with variance v[t]; jumps come between a close and the next open,
    are normal and do not feed the variance. The price is a martingale. Truth: volatility, sqrt(v[t]), known at the
    bar's open; jump, the log jump into it. Oracle: `garch_variance`, the variance of the next h bars (Bollerslev 1986,
    Journal of Econometrics 31, 307: 327; jumps as in Merton 1976, Journal of Financial Economics 3, 125: 144).
    """
    scale = rng.standard_normal((clock.bars, clock.steps)) / np.sqrt(clock.steps)
    squares = (scale.sum(axis=1) ** 2).tolist()
    omega = params.volatility**2 * (1 - params.alpha - params.beta)
    variance, variances = params.volatility**2, []
    for square in squares:
        variances.append(variance)
        variance = omega + (params.alpha * square + params.beta) * variance
    volatility = np.sqrt(variances)
    jumps = params.jump_volatility * rng.standard_normal(clock.bars)
    jumps *= rng.random(clock.bars) < params.jump_probability
    jumps[0] = 0.0
    mean_jump = np.log1p(params.jump_probability * np.expm1(params.jump_volatility**2 / 2))
    increments = scale * volatility[:, None] - (volatility**2 / (2 * clock.steps))[:, None]
    path = path_of(increments, jumps - mean_jump)
    return [world_of("GARCH", clock, rng, path, volatility, {"jump": jumps})]
