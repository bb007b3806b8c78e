"""Volatility measured from the bars themselves: ranges, gaps, jumps and bands, as expressions without fitted constants.

Returns are differences of logarithms, one of each price for all of them: a logarithm takes longer than a subtraction,
and the 2e-15 that the difference is off by lies far below a tick of any market. Logarithms of ratios of two
volatilities are differences too, and half the logarithm of a variance is that of its root.

All windows are in bars and include the present one. Estimators give a standard deviation, fraction of price a bar.
"""

from __future__ import annotations

from math import log, pi, sqrt

from features.expression import Expr, bar, maximum, minimum, where

# Least volatility of a bar that counts as one, a fraction of price: a hundredth of a basis point, below any that trades
# (one-minute bars of BTCUSDT: 1e-5 on the quietest of a million). While the price stands still an average of squares
# falls without end, and what is measured in it would grow without end.
SIGMA_FLOOR = 1e-6
MAX_RATIO = 100.0  # of two volatilities
LEAST = SIGMA_FLOOR / MAX_RATIO  # what a volatility of less counts as in a logarithm


def true_range() -> Expr:
    """max(high - low, |high - previous close|, |low - previous close|) (Wilder 1978), price units."""
    return Expr("true_range", (bar("high"), bar("low"), bar("close")))


def gap() -> Expr:
    """ln(open / previous close): the part of the return in which no one could trade. Warm-up: 1 bar."""
    return bar("open").log() - bar("close").log().lag(1)


def body() -> Expr:
    """ln(close / open): the part of the return inside the bar."""
    return bar("close").log() - bar("open").log()


def span() -> Expr:
    """ln(high / low): the bar's range."""
    return bar("high").log() - bar("low").log()


def log_return(bars: int = 1) -> Expr:
    """ln(close / close `bars` bars ago)."""
    close = bar("close").log()
    return close - close.lag(bars)


def mean_square(x: Expr, window: int) -> Expr:
    """mean(x^2): of returns, the realised variance (Andersen and Bollerslev 1998). Warm-up: window - 1 bars."""
    return (x * x).rolling_mean(window)


def root_mean_square(x: Expr, window: int) -> Expr:
    """sqrt(mean(x^2)): of returns, the realised volatility. Warm-up: window - 1 bars."""
    return mean_square(x, window).sqrt()


def parkinson(window: int) -> Expr:
    """sqrt(mean(ln(high/low)^2) / (4 ln 2)) (Parkinson 1980): fraction of price a bar, without gaps."""
    return (mean_square(span(), window) / (4.0 * log(2.0))).sqrt()


def garman_klass(window: int) -> Expr:
    """sqrt(mean(ln(high/low)^2 / 2 - (2 ln 2 - 1) ln(close/open)^2)) (Garman and Klass 1980): fraction of price."""
    return (0.5 * (span() * span()) - (2.0 * log(2.0) - 1.0) * (body() * body())).rolling_mean(window).sqrt()


def rogers_satchell_variance(window: int) -> Expr:
    """mean(ln(h/c) ln(h/o) + ln(l/c) ln(l/o)), of high, low, open, close: variance without gaps, whatever the drift.

    Rogers and Satchell (1991), Annals of Applied Probability 1, eq. 3. Warm-up: window - 1 bars.
    """
    opened, high, low, close = (bar(column).log() for column in ("open", "high", "low", "close"))
    up, down = (high - close) * (high - opened), (low - close) * (low - opened)
    return maximum((up + down).rolling_mean(window), 0.0)


def yang_zhang_variance(window: int) -> Expr:
    """var(gap) + k var(body) + (1 - k) Rogers-Satchell variance, k = 0.34 / (1.34 + (n + 1) / (n - 1)).

    The estimator of least variance that knows gaps and ignores drift (Yang and Zhang 2000, Journal of Business 73,
    eq. 7 and 10); var with ddof 1, n = window. Warm-up: window bars.
    """
    k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    overnight, inside = gap().rolling_std(window), body().rolling_std(window)
    return overnight * overnight + k * (inside * inside) + (1.0 - k) * rogers_satchell_variance(window)


def bipower_variance(ret: Expr, window: int) -> Expr:
    """pi/2 mean(|r| |previous r|) over the window's n - 1 neighbours: variance without jumps.

    Barndorff-Nielsen and Shephard (2004), Journal of Financial Econometrics 2, eq. 6, with the factor n / (n - 1) for
    the missing product. Warm-up: window - 1 bars after the first return.
    """
    return (pi / 2.0) * (ret.abs() * ret.lag(1).abs()).rolling_mean(window - 1)


def jump_share(ret: Expr, window: int) -> Expr:
    """max(0, 1 - bipower variance / realised variance): the share of jumps, 0 to 1; 0 where nothing moved.

    Barndorff-Nielsen and Shephard (2004), eq. 9; cut at 0 as they propose. Warm-up: window - 1 bars after the first
    return.
    """
    total = (ret * ret).rolling_mean(window)
    smooth = bipower_variance(ret, window) / where(total > 0.0, total, 1.0)
    return where(total > 0.0, maximum(1.0 - smooth, 0.0), 0.0)


def downside_share(ret: Expr, window: int) -> Expr:
    """sum(r^2 [r < 0]) / sum(r^2): the falls' share in realised variance, 0 to 1; 0.5 where nothing moved.

    Realised semivariance (Barndorff-Nielsen, Kinnebrock and Shephard 2010). Warm-up: window - 1 bars after the first
    return.
    """
    falls = minimum(ret, 0.0)
    total = (ret * ret).rolling_mean(window)
    return where(total > 0.0, (falls * falls).rolling_mean(window) / where(total > 0.0, total, 1.0), 0.5)


def bollinger_width(window: int, deviations: float = 2.0) -> Expr:
    """2 deviations std(close) / mean(close), std with ddof 0 (Bollinger 2001): fraction of price.

    The upper band less the lower, over the middle. Warm-up: window - 1 bars.
    """
    close = bar("close")
    std = close.rolling_std(window) * sqrt((window - 1.0) / window)
    return 2.0 * deviations * std / close.rolling_mean(window)


def keltner_width(window: int, atr_bars: int, ranges: float = 2.0) -> Expr:
    """2 ranges ATR / EMA(close) (Keltner 1960, in the form of Raschke): fraction of price.

    The upper channel less the lower, over the middle. Warm-up: the longer of window - 1 and atr_bars bars.
    """
    return 2.0 * ranges * true_range().wilder(atr_bars) / bar("close").ema(window)


def capped_ratio(a: Expr, b: Expr) -> Expr:
    """a / b, at most 100: a ratio of two volatilities, b not 0."""
    return minimum(a / b, MAX_RATIO)


def log_ratio(log_a: Expr, sigma: Expr) -> Expr:
    """ln a - ln sigma within ±ln(100): a ratio of two volatilities, sigma above 0."""
    return minimum(maximum(log_a - sigma.log(), -log(MAX_RATIO)), log(MAX_RATIO))


def log_volatility(a: Expr) -> Expr:
    """ln a, where less than 1e-8 counts as that."""
    return maximum(a, LEAST).log()


def log_root(variance: Expr) -> Expr:
    """ln of the square root of a variance, where less than 1e-8 counts as that."""
    return maximum(variance, LEAST**2).log() * 0.5
