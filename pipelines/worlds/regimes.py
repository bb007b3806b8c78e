"""Worlds whose drift has a latent state: momentum regimes, exhaustion tops, crowding that leads reversals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr

from inference.checks import number_in, whole_in
from pipelines.arrays import Floats
from pipelines.worlds.diffusion import check_volatility
from pipelines.worlds.path import Clock, World, noise, path_of, world_of


def spells(lengths: Floats, values: Floats, bars: int) -> Floats:
    """Each value for its number of bars, cut at `bars`."""
    return np.repeat(values, lengths.astype(np.int64))[:bars]


@dataclass(frozen=True, slots=True)
class MomentumParams:
    """drift: of the log price in a trend, a bar; trend_bars, flat_bars: mean length of a trend, of none."""

    volatility: float
    drift: float
    trend_bars: float
    flat_bars: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("drift", self.drift, 0.0, 0.05, "0.003, a third of a bar's volatility")
        number_in("trend_bars", self.trend_bars, 1.0, 1e6, "40")
        number_in("flat_bars", self.flat_bars, 1.0, 1e6, "40")


def momentum(params: MomentumParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Momentum regimes: a Markov chain of up (1), down (-1) and flat (0); ln S drifts by regime times drift.

    A trend ends with probability 1 / trend_bars a bar, and always in flat; flat ends with 1 / flat_bars, in up or down
    alike (regimes after Hamilton 1989, Econometrica 57, 357: 384). Truth: regime. Oracle: `regime_return`, the expected
    log return of the next bars; stops and targets by `best_static` on the regime.
    """
    pairs = clock.bars // 2 + 1
    lengths = np.stack([rng.geometric(1 / params.flat_bars, pairs), rng.geometric(1 / params.trend_bars, pairs)], 1)
    states = np.stack([np.zeros(pairs), rng.choice([-1.0, 1.0], pairs)], 1)
    regime = spells(lengths.ravel().astype(np.float64), states.ravel(), clock.bars)
    volatility = np.full(clock.bars, params.volatility)
    path = path_of(noise(volatility, clock, rng) + (regime * params.drift / clock.steps)[:, None])
    return [world_of("MOMENTUM", clock, rng, path, volatility, {"regime": regime})]


@dataclass(frozen=True, slots=True)
class ExhaustionParams:
    """An advance of advance_bars that slows from `drift` a bar to nearly none; a climax; a fall of reversal_bars.

    wait_bars: mean bars between; climax_volume, climax_volatility: multiples in the climax; climax_rise: log rise
    inside it that is given back; reversal_drift: fall a bar.
    """

    volatility: float
    wait_bars: float
    advance_bars: int
    drift: float
    climax_volume: float
    climax_volatility: float
    climax_rise: float
    reversal_bars: int
    reversal_drift: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("wait_bars", self.wait_bars, 1.0, 1e6, "40")
        whole_in("advance_bars", self.advance_bars, 2, 10_000, "20")
        whole_in("reversal_bars", self.reversal_bars, 1, 10_000, "10")
        number_in("drift", self.drift, 0.0, 0.1, "0.01")
        number_in("climax_volume", self.climax_volume, 1.0, 100.0, "4")
        number_in("climax_volatility", self.climax_volatility, 1.0, 10.0, "1.5")
        number_in("climax_rise", self.climax_rise, 0.0, 0.2, "0.02")
        number_in("reversal_drift", self.reversal_drift, 0.0, 0.1, "0.008")


def exhaustion(params: ExhaustionParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Exhaustion tops: bar k of an advance of A bars drifts by drift (1 - k / A)²: new highs come ever slower.

    Momentum indicators fall while the price still rises: a divergence. The climax has more volume and range, and rises
    by climax_rise in its first half, only to give it back; then the price falls by reversal_drift a bar. Truth: phase
    (0 none, 1 advance, 2 climax, 3 reversal); reversal_in, bars to the first of the fall (0 outside advance and
    climax). Oracle: `best_static` on the phase.
    """
    a, r = params.advance_bars, params.reversal_bars
    top = np.concatenate([np.ones(a), [2.0], np.full(r, 3.0)])
    slowing = params.drift * (1 - np.arange(a) / a) ** 2
    drifts = np.concatenate([slowing, [0.0], np.full(r, -params.reversal_drift)])
    ahead = np.concatenate([np.arange(a + 1, 0, -1), np.zeros(r)])
    phase, drift, reversal_in = np.zeros((3, clock.bars))
    at = int(rng.geometric(1 / params.wait_bars))
    while at < clock.bars:
        end = min(at + len(top), clock.bars)
        for column, values in ((phase, top), (drift, drifts), (reversal_in, ahead)):
            column[at:end] = values[: end - at]
        at = end + int(rng.geometric(1 / params.wait_bars))
    climax = phase == 2
    volatility = params.volatility * np.where(climax, params.climax_volatility, 1.0)
    increments = noise(volatility, clock, rng) + (drift / clock.steps)[:, None]
    half = clock.steps // 2
    increments[climax, :half] += params.climax_rise / half
    increments[climax, half:] -= params.climax_rise / (clock.steps - half)
    multiple = np.where(climax, params.climax_volume, 1.0)
    truth = {"phase": phase, "reversal_in": reversal_in}
    path = path_of(increments)
    return [world_of("EXHAUSTION", clock, rng, path, volatility, truth, volume_multiple=multiple)]


@dataclass(frozen=True, slots=True)
class CrowdingParams:
    """drift: of the log price along the trend, a bar; trend_bars: mean length of a trend before its crowded end.

    lead_bars: length of that end; shift: of funding and sentiment in it, in their standard deviations; persistence:
    their correlation from bar to bar.
    """

    volatility: float
    drift: float
    trend_bars: float
    lead_bars: int
    shift: float
    persistence: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("drift", self.drift, 0.0, 0.05, "0.003")
        number_in("trend_bars", self.trend_bars, 1.0, 1e6, "40")
        whole_in("lead_bars", self.lead_bars, 1, 10_000, "8")
        number_in("shift", self.shift, 0.0, 10.0, "2")
        number_in("persistence", self.persistence, 0.0, 0.999, "0.5")


FUNDING_UNIT = 1e-4


def crowding(params: CrowdingParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Sentiment and funding that lead reversals: the trend (1 up, -1 down) always turns, and is crowded before it does.

    In the last lead_bars of a trend z = shift times trend + AR(1) noise of variance 1, else z is the noise alone;
    funding = 0.0001 z, and sentiment = 100 Φ(z') with noise of its own, a number from 0 (fear) to 100 (greed). Both are
    known at the bar's close. Truth: trend; reversal_in, bars to the first of the other trend. Oracle: `crowded_return`,
    the expected log return up to and over the next reversal; stops and targets by `best_static` on reversal_in.
    """
    count = clock.bars // (params.lead_bars + 1) + 2
    lengths = (rng.geometric(1 / params.trend_bars, count) + params.lead_bars).astype(np.float64)
    direction = np.where(np.arange(count) % 2, -1.0, 1.0) * rng.choice([-1.0, 1.0])
    trend = spells(lengths, direction, clock.bars)
    ends = np.cumsum(lengths)
    at = np.arange(clock.bars)
    reversal_in = ends[np.searchsorted(ends, at, side="right")] - at
    crowded = trend * (reversal_in <= params.lead_bars)
    readings = []
    for _ in range(2):
        shocks = rng.standard_normal(clock.bars)
        shocks[1:] *= np.sqrt(1 - params.persistence**2)
        readings.append(params.shift * crowded + lfilter([1.0], [1.0, -params.persistence], shocks))
    volatility = np.full(clock.bars, params.volatility)
    path = path_of(noise(volatility, clock, rng) + (trend * params.drift / clock.steps)[:, None])
    series = {"funding": FUNDING_UNIT * readings[0], "sentiment": 100 * ndtr(readings[1])}
    truth = {"trend": trend, "reversal_in": reversal_in}
    return [world_of("CROWDING", clock, rng, path, volatility, truth, series=series)]
