"""Swing pivots, and divergences: a new extreme of the price that an oscillator does not confirm, or the reverse.

A pivot is known only `bars` bars after its extreme; everything here acts at that bar, never before.
"""

from __future__ import annotations

from features.expression import Expr, bar, where


def bars_since(condition: Expr, cap: int) -> Expr:
    """Bars since the condition was last not 0 (or since the start), at most `cap`; whole bars, ready at once."""
    return Expr("bars_since", (condition,), {"cap": cap})


def value_when(condition: Expr, value: Expr, earlier: int, otherwise: Expr) -> Expr:
    """The value at the last bar on which the condition was not 0, or `earlier` such bars before.

    `otherwise` while there was no such bar; unit of the value; ready at once.
    """
    return Expr("value_when", (condition, value, otherwise), {"earlier": earlier})


def pivot_high(bars: int, high: Expr | None = None) -> Expr:
    """1 where the high of `bars` bars ago is confirmed as a swing high, else 0 (fractal: Williams 1995).

    high[t - bars] >= each of the `bars` highs before it, and > each of the `bars` highs after it: of equal highs the
    last counts. Warm-up 2 `bars`. high: in place of the bar's own.
    """
    age = (bar("high") if high is None else high).bars_since_max(2 * bars + 1)
    return (age >= bars) * (age <= bars)


def pivot_low(bars: int, low: Expr | None = None) -> Expr:
    """1 where the low of `bars` bars ago is confirmed as a swing low, else 0; the mirror image of `pivot_high`."""
    age = (bar("low") if low is None else low).bars_since_min(2 * bars + 1)
    return (age >= bars) * (age <= bars)


def divergences(
    oscillator: Expr, bars: int, span: int, low: Expr | None = None, high: Expr | None = None
) -> tuple[Expr, Expr]:
    """Regular and hidden divergence at the bar that confirms a pivot: 1 bullish, -1 bearish, 0 none or any other bar.

    The pivot is compared with the previous one of its kind, if that lies at most `span` bars before it:
    regular bullish: lower low, higher oscillator; hidden bullish: higher low, lower oscillator;
    regular bearish: higher high, lower oscillator; hidden bearish: lower high, higher oscillator.
    Regular: Wilder 1978; hidden: Brown 1999 (Cardwell's reversals). Compared are lows or highs, and the oscillator at
    the same bars. Warm-up: that of the oscillator + `bars`, at least 2 `bars` + 1. An oscillator that misses bars needs
    low and high beside it, so that both count the same bars.
    """
    low, high = bar("low") if low is None else low, bar("high") if high is None else high
    regular, hidden = [], []
    for side, price, pivot in ((1.0, low, pivot_low(bars, low)), (-1.0, high, pivot_high(bars, high))):
        level, swing = price.lag(bars), oscillator.lag(bars)
        rise = side * (level - value_when(pivot, level, 1, level))
        swing_rise = side * (swing - value_when(pivot, swing, 1, swing))
        near = bars_since(pivot, span).lag(1) < span
        found = side * pivot * near
        regular.append(found * (rise < 0.0) * (swing_rise > 0.0))
        hidden.append(found * (rise > 0.0) * (swing_rise < 0.0))
    return regular[0] + regular[1], hidden[0] + hidden[1]


def fading(events: Expr, half_life: float) -> Expr:
    """Sum of the events so far, each weighted 2^(-bars since it / half_life): s = s 2^(-1/half_life) + event.

    half_life in bars; unit of the events; no warm-up of its own.
    """
    decay: float = 0.5 ** (1.0 / half_life)
    begun = bars_since(0.0 * events, 2) > 1.0  # the average starts from its first value, which must not weigh more
    return where(begun, events, (1.0 - decay) * events).ewma(decay, 1) * (1.0 / (1.0 - decay))


def on_balance_volume() -> Expr:
    """Sum of sign(change) volume since the start, in volume: only its differences mean anything (Granville 1963).

    Warm-up: 1 bar.
    """
    close, before = bar("close"), bar("close").lag(1)
    return Expr("running_sum", (((close > before) - (close < before)) * bar("volume"),))


def on_balance_flow(bars: int) -> Expr:
    """Change of on-balance volume as a share of all volume: sum(sign(change) volume) / sum(volume) over `bars` bars.

    -1 to 1; 0 where nothing traded; warm-up `bars` bars. On-balance volume: Granville 1963.
    """
    close, before = bar("close"), bar("close").lag(1)
    volume = bar("volume")
    signed = ((close > before) - (close < before)) * volume
    total = volume.rolling_sum(bars)
    return signed.rolling_sum(bars) / where(total > 0.0, total, 1.0)
