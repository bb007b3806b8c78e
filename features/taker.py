"""The tape: who crossed the spread and in which pieces, from series of taker-buy volume and of trade counts.

Both series hold a number per bar, stamped with the bar's close. A bar without its number gives missing values, and all
windows pass over it: the bar's own columns are taken beside the series.
"""

from __future__ import annotations

from features.divergence import divergences, fading
from features.exhaustion import ExhaustionParams, efficiency
from features.expression import Expr, as_of, bar, maximum, ratio, where
from features.liquidity import money, price_impact
from features.scaling import held, score
from features.volatility import log_return

THIS_BAR_DAYS = 1.0 / 86_400.0  # a second: the number of this bar and no earlier one


def of_this_bar(name: str) -> Expr:
    """The series' value that came at this bar's close or up to a second before; missing where there is none."""
    return as_of(name, THIS_BAR_DAYS)


def taker_share(taker: Expr) -> Expr:
    """taker-buy volume / volume of the bar, 0 to 1; 0.5 where nothing traded."""
    return ratio(taker, bar("volume"), 0.5)


def taker_delta(taker: Expr, window: int) -> Expr:
    """sum(buys - sells) / sum(volume) over the window, buys: taker-buy volume, sells: the rest; held inside ±1.

    0 where nothing traded. Warm-up: window - 1 bars.
    """
    volume = bar("volume").beside(taker)
    return held(ratio((2.0 * taker - volume).rolling_sum(window), volume.rolling_sum(window)), 1.0)


def taker_features(name: str, window: int, slow: int, sigma: Expr, exhaustion: ExhaustionParams) -> dict[str, Expr]:
    """Share of taker buys, its score, cumulated delta, its divergences from the price, and the impact of true flow.

    taker_gap: delta less the efficiency ratio, both over the window: buying that the price does not follow (> 0), or
    the reverse. taker_divergence: swing pivots that the cumulated delta does not confirm, fading;
    taker_hidden_divergence: those that it overdoes (see divergences).
    """
    taker, volume = of_this_bar(name), bar("volume")
    share, delta = taker_share(taker), taker_delta(taker, window)
    net = ratio(2.0 * taker - volume, volume)  # -1 to 1: the share of the bar's money that net buying is
    flow = where(net < 0.0, -1.0, 1.0) * (net.abs() * money()).sqrt()
    low, high, close = (bar(name).beside(taker) for name in ("low", "high", "close"))
    regular, hidden = divergences(delta, exhaustion.pivot_bars, exhaustion.divergence_span_bars, low, high)
    return {
        "taker_share": share,
        "taker_share_score": score(share, slow),
        "taker_delta": delta,
        "taker_gap": delta - efficiency(window, close),
        "taker_divergence": fading(regular, exhaustion.divergence_half_life_bars),
        "taker_hidden_divergence": fading(hidden, exhaustion.divergence_half_life_bars),
        "taker_impact": price_impact(log_return().beside(taker), flow, sigma, window),
    }


def trade_features(name: str, window: int, slow: int) -> dict[str, Expr]:
    """Intensity: score of ln(1 + trades); size: ln of mean trade size over the window against that over slow bars."""
    trades = of_this_bar(name)
    volume = bar("volume").beside(trades)

    def size(bars: int) -> Expr:
        return ratio(volume.rolling_sum(bars), trades.rolling_sum(bars))

    quotient = where(size(window) > 0.0, ratio(size(window), size(slow), 1.0), 1.0)
    return {
        "trade_intensity": score((1.0 + trades).log(), slow),
        "trade_size": held(maximum(quotient, 1e-3).log(), 5.0),
    }
