"""Liquidity from bars alone: what a trade moves the price by, which side presses, and how wide the spread must be.

Windows are in bars and include the present one. Where a feature is a ratio of two speeds, 0 means as usual.
"""

from __future__ import annotations

from features.divergence import value_when
from features.expression import Expr, bar, maximum, minimum, ratio, where
from features.scaling import deviation, held
from features.volatility_ranges import root_mean_square, span


def money() -> Expr:
    """close * volume: what a bar turned over, in the quote currency."""
    return bar("close") * bar("volume")


def illiquidity(window: int) -> Expr:
    """mean of |close / previous close - 1| / (close * volume) over the bars that traded; 0 where none did.

    Amihud (2002), Journal of Financial Markets 5, eq. 1 (there over the days of a year with volume). Per unit of the
    quote currency. Warm-up: window bars.
    """
    traded = money() > 0.0
    moved = (bar("close") / bar("close").lag(1) - 1.0).abs()
    return ratio(ratio(moved, money()).rolling_sum(window), traded.rolling_sum(window))


def illiquidity_log(window: int, slow: int) -> Expr:
    """ln(illiquidity(window) / illiquidity(slow)), within ln(1/100) and ln(100); 0 where one of them is 0.

    Positive: a trade moves the price more than usual. No unit. Warm-up: slow bars.
    """
    fast, usual = illiquidity(window), illiquidity(slow)
    quotient = where(fast > 0.0, ratio(fast, usual, 1.0), 1.0)
    return minimum(maximum(quotient, 0.01), 100.0).log()


def tick_sign() -> Expr:
    """1 where the close rose, -1 where it fell; at an equal close the sign before (tick rule: Lee and Ready 1991, I.B).

    0 until the first change. Warm-up: 1 bar.
    """
    close, before = bar("close"), bar("close").lag(1)
    sign = (close > before) - (close < before)
    return value_when(sign, sign, 0, sign)


def price_impact(ret: Expr, flow: Expr, sigma: Expr, window: int) -> Expr:
    """cov(return, flow) / var(flow) * sqrt(mean flow^2) / sigma: the return, in sigma, that usual net buying goes with.

    The slope of the least squares regression with intercept of returns on signed root money (flow): Kyle's (1985)
    lambda, in Hasbrouck's (2009, Journal of Finance 64, section II.C) square-root form. Within ±5; 0 where flow hardly
    varies. Warm-up: window - 1 bars after the first return.
    """
    spread = deviation(flow, window)
    variance = spread * spread * ((window - 1.0) / window)
    covariance = (ret * flow).rolling_mean(window) - ret.rolling_mean(window) * flow.rolling_mean(window)
    slope = ratio(covariance, variance)
    return held(ratio(slope * root_mean_square(flow, window), sigma), 5.0)


def money_flow(window: int) -> Expr:
    """sum(location * volume) / sum(volume), location = (2 close - high - low) / (high - low): Chaikin's money flow.

    -1 (all closes at the low: sellers) to 1; a bar without range counts as 0; 0 where nothing traded. Signs volume
    where the taker's side is not known. Achelis (2001), Technical Analysis from A to Z. Warm-up: window - 1 bars.
    """
    high, low, volume = bar("high"), bar("low"), bar("volume")
    location = ratio(2.0 * bar("close") - high - low, high - low)
    return ratio((location * volume).rolling_sum(window), volume.rolling_sum(window))


def high_low_spread(window: int) -> Expr:
    """mean of max(0, 2 (e^a - 1) / (1 + e^a)), a = (sqrt(2 b) - sqrt(b)) / (3 - 2 sqrt 2) - sqrt(c / (3 - 2 sqrt 2)).

    b: sum over two bars of ln(high / low)^2; c: ln(high / low)^2 of both as one bar. The effective spread as a fraction
    of price: highs are bought and lows sold, and the spread does not grow with time as the variance does. Corwin and
    Schultz (2012), Journal of Finance 67, eq. 14 and 18, with their corrections: the later bar is moved by the gap
    between it and the close before, and negative estimates count as 0. Warm-up: window bars.
    """
    high, low, before = bar("high"), bar("low"), bar("close").lag(1)
    gap = maximum(before - high, 0.0) - maximum(low - before, 0.0)
    top, bottom = high + gap, low + gap
    own, moved = span(), (top / bottom).log()
    both = (maximum(top, high.lag(1)) / minimum(bottom, low.lag(1))).log()
    k: float = 3.0 - 2.0 * 2.0**0.5
    alpha = (own.lag(1) * own.lag(1) + moved * moved).sqrt() * ((2.0**0.5 - 1.0) / k) - both * k**-0.5
    grown = maximum(alpha, 0.0).exp()
    return (2.0 * (grown - 1.0) / (1.0 + grown)).rolling_mean(window)
