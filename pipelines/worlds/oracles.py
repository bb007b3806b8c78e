"""What is best in a world whose truth is known: closed forms where there are, else Monte Carlo on the latent state.

Distances are log prices, times are bars, unless said otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.special import log_ndtr, ndtr

from inference.replay import Bars, Costs, Entries, replay_levels
from pipelines.arrays import Floats


def reach_probability(distance: float, drift: float, volatility: float, bars: float) -> float:
    """P(max over `bars` of drift t + volatility W(t) >= distance), distance > 0.

    Φ((drift T - d) / s) + exp(2 drift d / volatility²) Φ((-drift T - d) / s), s = volatility sqrt(T). For a barrier
    below, pass -drift. Karatzas and Shreve (1991), section 3.5.C; Borodin and Salminen (2002), part II, chapter 2.
    """
    spread = volatility * np.sqrt(bars)
    reflected = 2 * drift * distance / volatility**2 + log_ndtr((-drift * bars - distance) / spread)
    return float(ndtr((drift * bars - distance) / spread) + np.exp(reflected))


def first_probability(up: float, down: float, drift: float, volatility: float) -> float:
    """P(drift t + volatility W(t) reaches up before -down), without a limit of time; both > 0.

    (1 - exp(-k down)) / (1 - exp(-k (up + down))), k = 2 drift / volatility²; down / (up + down) without drift.
    Karatzas and Shreve (1991), section 5.5.C, from the scale function exp(-k x).
    """
    k = 2 * drift / volatility**2
    if k == 0:
        return down / (up + down)
    # With |k|, and a factor for k < 0, nothing overflows.
    return float(np.exp(min(k, 0.0) * up) * np.expm1(-abs(k) * down) / np.expm1(-abs(k) * (up + down)))


def garch_variance(
    variance: Floats, bars: int, long_run: float, alpha: float, beta: float, jump_variance: float
) -> Floats:
    """Expected variance of the sum of the next `bars` log returns, from the first bar's variance (n,).

    bars (long_run + jump_variance) + (variance - long_run) (1 - p^bars) / (1 - p), p = alpha + beta (Bollerslev
    1986).
    """
    p = alpha + beta
    return bars * (long_run + jump_variance) + (variance - long_run) * (1 - p**bars) / (1 - p)


def regime_return(regime: int, bars: int, drift: float, trend_bars: float) -> float:
    """Expected log return of the `bars` after a bar in `regime` (-1, 0, 1) of the world momentum.

    regime drift (q + q² + … + q^bars), q = 1 - 1 / trend_bars: after a trend, up and down are equally probable.
    """
    q = 1 - 1 / trend_bars
    return float(regime * drift * (q ** np.arange(1, bars + 1)).sum())


def crowded_return(reversal_in: Floats, bars: int, drift: float) -> Floats:
    """Expected log return along the trend of now, over `bars` from this one on, in the world crowding.

    reversal_in: bars to the first of the other trend, (n,); exact while the other trend does not end within `bars`.
    """
    before = np.minimum(reversal_in, bars)
    return drift * (2 * before - bars)


def gap_probability(distance: float, gap_volatility: float, freedom: float) -> float:
    """P(the log gap falls below -distance) where it has Student's law, scaled to gap_volatility."""
    return float(stats.t.cdf(-distance / (gap_volatility * np.sqrt((freedom - 2) / freedom)), freedom))


def basket_volatility(volatility: float, correlation: float, symbols: int) -> float:
    """Of the mean of `symbols` returns that are alike: volatility sqrt((1 + (symbols - 1) correlation) / symbols)."""
    return float(volatility * np.sqrt((1 + (symbols - 1) * correlation) / symbols))


@dataclass(frozen=True, slots=True)
class Static:
    """A side with stop and target (fractions of price), and the mean profit of a trade with its standard error."""

    side: int
    stop: float
    target: float
    value: float
    error: float


def best_static(
    bars: Bars, index: NDArray[np.int64], distances: tuple[float, ...], horizon: int, costs: Costs
) -> Static:
    """The best of both sides and all pairs of stop and target, for signals at the closes of the bars `index`.

    Monte Carlo: signals are picked by the truth, such as all bars of a regime. The value is that of the best among
    many, hence too high; `static_value` on a world of another seed is fair.
    """
    rules = [Static(*rule, 0.0, 0.0) for rule in product((1, -1), distances, distances)]
    return max((static_value(bars, index, rule, horizon, costs) for rule in rules), key=lambda rule: rule.value)


def static_value(bars: Bars, index: NDArray[np.int64], rule: Static, horizon: int, costs: Costs) -> Static:
    """The rule with what it earns at these signals, fraction of the entry's price.

    The standard error takes trades for independent: let their horizons not overlap where it matters.
    """
    entries = Entries(index, np.full(len(index), rule.side, np.int8))
    trades = replay_levels(
        bars, entries, rule.stop * bars.close, rule.target * bars.close, np.nan, horizon, costs, "adaptive"
    )
    profit = trades["pnl"] / trades["fill_price"]
    error = float(profit.std(ddof=1) / np.sqrt(len(profit)))
    return Static(rule.side, rule.stop, rule.target, float(profit.mean()), error)
