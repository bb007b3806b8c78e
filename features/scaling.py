"""What makes figures of any size comparable: caps, and deviations that rounding cannot pose as."""

from __future__ import annotations

from features.expression import Expr, maximum, minimum, ratio
from features.volatility_ranges import root_mean_square


def held(x: Expr, cap: float) -> Expr:
    """x, held inside ±cap."""
    return minimum(maximum(x, -cap), cap)


def deviation(x: Expr, window: int) -> Expr:
    """Sample standard deviation over the window; 0 where it is below 1e-6 of the root mean square.

    After a spike has left the window, up to 1e-7 of it stays in the deviation as rounding. Warm-up: window - 1 bars.
    """
    plain = x.rolling_std(window)
    return plain * (plain > 1e-6 * root_mean_square(x, window))


def score(x: Expr, window: int) -> Expr:
    """(x - mean) / deviation over the window, within ±5; 0 where x hardly varies. Warm-up: window - 1 bars."""
    return held(ratio(x - x.rolling_mean(window), deviation(x, window)), 5.0)
