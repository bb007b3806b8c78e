"""From a finer path of the log price to bars whose highs and lows are right, and what a world consists of.

Every world is simulated in `steps` steps a bar. Between two steps the log price is a Brownian bridge, whose maximum and
minimum are drawn from their exact law given both ends: M = (a + b + sqrt((b - a)² - 2 v ln U)) / 2 with the step's
variance v and U uniform (Glasserman 2004, Monte Carlo Methods in Financial Engineering, section 6.4). So a bar's high,
and its low, have the law of the continuous path at any number of steps where volatility is constant inside a step; both
together have it but for bars whose high and low fall into one step, where they are drawn apart.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.checks import whole_in
from inference.replay import Bars
from pipelines.arrays import Floats

FIRST_PRICE = 100.0
MEAN_VOLUME = 1000.0
# Standard deviation of the log of a bar's volume around its mean.
VOLUME_SPREAD = 0.3
MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """bars: of each symbol; steps: finer ones a bar; bar_minutes: a bar's length; start: day of the first (UTC)."""

    bars: int
    steps: int
    bar_minutes: int
    start: dt.date

    def __post_init__(self) -> None:
        whole_in("bars", self.bars, 2, 10_000_000, "5000 to 50000")
        whole_in("steps", self.steps, 2, 10_000, "20")
        whole_in("bar_minutes", self.bar_minutes, 1, 10_080, "60")

    @property
    def interval_us(self) -> int:
        """Length of a bar, µs."""
        return self.bar_minutes * MINUTE_US

    def opens(self) -> NDArray[np.int64]:
        """Opens of bars around the clock, µs since 1970 UTC, (bars,)."""
        first = int(np.datetime64(self.start, "us").astype(np.int64))
        return first + np.arange(self.bars, dtype=np.int64) * self.interval_us


@dataclass(frozen=True, slots=True)
class Book:
    """Order books at the bars' closes: (bars, levels) each, best level first."""

    bid_price: Floats
    bid_quantity: Floats
    ask_price: Floats
    ask_quantity: Floats


@dataclass(frozen=True, slots=True)
class World:
    """One symbol. truth: the latent state of each bar (bars,); series: values known at each bar's close (bars,)."""

    bars: Bars
    truth: dict[str, Floats]
    series: dict[str, Floats]
    book: Book | None


def noise(volatility: Floats, clock: Clock, rng: np.random.Generator) -> Floats:
    """Increments of the log price of a fair game, (bars, steps), at each bar's volatility (bars,).

    Their mean, -volatility² / 2 a bar, makes the expected price constant.
    """
    shocks = rng.standard_normal((clock.bars, clock.steps)) * (volatility / np.sqrt(clock.steps))[:, None]
    return np.asarray(shocks - (volatility**2 / (2 * clock.steps))[:, None])


def path_of(increments: Floats, gaps: Floats | None = None) -> Floats:
    """Log price at every step, (bars, steps + 1), each open first; gaps: log jumps into the opens (bars,)."""
    jumps = np.zeros(len(increments)) if gaps is None else gaps
    inside = np.cumsum(increments, axis=1)
    opens = np.log(FIRST_PRICE) + np.cumsum(np.concatenate([[0.0], inside[:-1, -1]]) + jumps)
    path: Floats = np.concatenate([opens[:, None], opens[:, None] + inside], axis=1)
    # Without what rounding adds: where there is no gap, a bar opens at the close before.
    path[1:, 0] = path[:-1, -1] + jumps[1:]
    return path


def extremes(path: Floats, step_volatility: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Highest and lowest log price of each bar, (bars,), from the path (bars, steps + 1) and a step's volatility."""
    start, end = path[:, :-1], path[:, 1:]
    twice_variance = 2 * (step_volatility**2)[:, None]
    up, down = rng.exponential(size=(2, *start.shape))
    high = (start + end + np.sqrt((end - start) ** 2 + twice_variance * up)) / 2
    low = (start + end - np.sqrt((end - start) ** 2 + twice_variance * down)) / 2
    return high.max(axis=1), low.min(axis=1)


def volumes(multiple: Floats, rng: np.random.Generator) -> Floats:
    """Log-normal volumes with mean MEAN_VOLUME times `multiple` (bars,)."""
    spread = np.exp(VOLUME_SPREAD * rng.standard_normal(len(multiple)) - VOLUME_SPREAD**2 / 2)
    return MEAN_VOLUME * multiple * spread


def to_bars(symbol: str, ts: NDArray[np.int64], path: Floats, high: Floats, low: Floats, volume: Floats) -> Bars:
    """Bars of prices from log prices."""
    opens, closes = np.exp(path[:, 0]), np.exp(path[:, -1])
    # exp rounds: an extreme at the bar's edge may not come out beyond it.
    highs = np.maximum(np.exp(high), np.maximum(opens, closes))
    lows = np.minimum(np.exp(low), np.minimum(opens, closes))
    return Bars(symbol, ts, opens, highs, lows, closes, volume)


def world_of(
    symbol: str,
    clock: Clock,
    rng: np.random.Generator,
    path: Floats,
    volatility: Floats,
    truth: dict[str, Floats],
    *,
    ts: NDArray[np.int64] | None = None,
    volume_multiple: Floats | None = None,
    series: dict[str, Floats] | None = None,
) -> World:
    """A world from its path (bars, steps + 1) and each bar's volatility (bars,), which joins the truth."""
    high, low = extremes(path, volatility / np.sqrt(clock.steps), rng)
    volume = volumes(np.ones(clock.bars) if volume_multiple is None else volume_multiple, rng)
    bars = to_bars(symbol, clock.opens() if ts is None else ts, path, high, low, volume)
    return World(bars, {"volatility": volatility, **truth}, series or {}, None)
