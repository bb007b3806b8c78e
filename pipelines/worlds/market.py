"""Worlds of market structure: sessions with gaps between them, and a crash in which everything falls together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.checks import number_in, whole_in
from pipelines.worlds.diffusion import check_volatility
from pipelines.worlds.path import MINUTE_US, Clock, World, noise, path_of, world_of
from pipelines.worlds.regimes import spells

DAY_US = 1440 * MINUTE_US


@dataclass(frozen=True, slots=True)
class SessionsParams:
    """opens_minutes: after 00:00 UTC; session_bars: a day; gap_volatility: of the log gap; gap_freedom: of its law."""

    volatility: float
    opens_minutes: int
    session_bars: int
    gap_volatility: float
    gap_freedom: float

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        whole_in("opens_minutes", self.opens_minutes, 0, 1439, "870")
        whole_in("session_bars", self.session_bars, 1, 1440, "7")
        number_in("gap_volatility", self.gap_volatility, 0.0, 0.2, "0.01")
        number_in("gap_freedom", self.gap_freedom, 2.1, 1000.0, "4")


def sessions(params: SessionsParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Session gaps: session_bars bars a weekday, and between a close and the next open a gap with fat tails.

    gap = gap_volatility sqrt((f - 2) / f) T, T of Student's law with f = gap_freedom: what no stop can hold. Truth:
    gap, the log gap into the bar (0 inside a session). Oracle: `gap_probability`, that a gap goes beyond a distance.
    """
    if params.opens_minutes + params.session_bars * clock.bar_minutes > 1440:
        raise ValueError(
            f"sessions.session_bars: must end on its day, was {params.session_bars} bars of {clock.bar_minutes} minutes"
            f" from minute {params.opens_minutes}; take fewer or shorter bars"
        )
    day, inside = np.divmod(np.arange(clock.bars), params.session_bars)
    days = np.busday_offset(np.datetime64(clock.start), day, roll="forward").astype("datetime64[us]").astype(np.int64)
    ts = days + params.opens_minutes * MINUTE_US + inside * clock.interval_us
    freedom = params.gap_freedom
    gaps = params.gap_volatility * np.sqrt((freedom - 2) / freedom) * rng.standard_t(freedom, clock.bars)
    gaps *= (inside == 0) & (day > 0)
    volatility = np.full(clock.bars, params.volatility)
    path = path_of(noise(volatility, clock, rng), gaps)
    return [world_of("SESSIONS", clock, rng, path, volatility, {"gap": gaps}, ts=ts)]


@dataclass(frozen=True, slots=True)
class CrashParams:
    """symbols: how many; correlation: of their returns in calm; calm_bars, crash_bars: mean length of either.

    calm_drift: rise of the log price in calm, a bar;
    crash_correlation, crash_volatility (a multiple), crash_drift (fall of the log price a bar): in a crash.
    """

    symbols: int
    volatility: float
    correlation: float
    calm_bars: float
    crash_bars: float
    calm_drift: float
    crash_correlation: float
    crash_volatility: float
    crash_drift: float

    def __post_init__(self) -> None:
        whole_in("symbols", self.symbols, 2, 100, "4")
        check_volatility(self.volatility)
        number_in("correlation", self.correlation, 0.0, 1.0, "0.3")
        number_in("calm_bars", self.calm_bars, 1.0, 1e6, "200")
        number_in("crash_bars", self.crash_bars, 1.0, 1e6, "20")
        number_in("calm_drift", self.calm_drift, 0.0, 0.1, "what makes good a crash")
        number_in("crash_correlation", self.crash_correlation, 0.0, 1.0, "0.9")
        number_in("crash_volatility", self.crash_volatility, 0.1, 20.0, "3")
        number_in("crash_drift", self.crash_drift, 0.0, 0.1, "0.01")


def crash(params: CrashParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Correlated crashes: returns are sqrt(c) times one market shock + sqrt(1 - c) times a shock of their own.

    A two-state chain of calm and crash is common to all symbols; in a crash correlation c and volatility are higher and
    the log price falls by crash_drift a bar, in calm it rises by calm_drift. Truth: crash (1 or 0), correlation,
    volatility. Oracle: `basket_volatility`, what is left of volatility in a basket of equal weights; `best_static` on
    the state.
    """
    pairs = clock.bars // 2 + 1
    lengths = np.stack([rng.geometric(1 / params.calm_bars, pairs), rng.geometric(1 / params.crash_bars, pairs)], 1)
    state = spells(lengths.ravel().astype(np.float64), np.tile([0.0, 1.0], pairs), clock.bars)
    falling = state == 1
    correlation = np.where(falling, params.crash_correlation, params.correlation)
    volatility = params.volatility * np.where(falling, params.crash_volatility, 1.0)
    common = rng.standard_normal((clock.bars, clock.steps))
    drift = np.where(falling, -params.crash_drift, params.calm_drift) - volatility**2 / 2
    worlds = []
    for i in range(params.symbols):
        own = rng.standard_normal((clock.bars, clock.steps))
        shocks = np.sqrt(correlation)[:, None] * common + np.sqrt(1 - correlation)[:, None] * own
        path = path_of(shocks * (volatility / np.sqrt(clock.steps))[:, None] + (drift / clock.steps)[:, None])
        truth = {"crash": state, "correlation": correlation}
        worlds.append(world_of(f"CRASH_{i + 1}", clock, rng, path, volatility, truth))
    return worlds
