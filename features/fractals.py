"""Fractals and cycles: how rough the path is, whether moves carry on, and where in its dominant cycle the price is."""

from __future__ import annotations

from math import log

import numpy as np

from features.expression import Expr, bar, constant, maximum, minimum, ratio
from features.volatility_ranges import log_return

HURST_SCALES = (1, 2, 4, 8)


def hurst(window: int) -> Expr:
    """Slope of ln std(ln(close / close k bars ago)) on ln k, k = 1, 2, 4, 8: the Hurst exponent, within 0 and 1.

    0.5 for a random walk, above where moves carry on, below where they turn back. Aggregated variance (Taqqu,
    Teverovsky and Willinger 1995, Fractals 3, section 3.2) by least squares, std over the last `window` overlapping
    moves of each span. 0.5 where the price stood still. Warm-up: window + 7 bars.
    """
    x = np.log(HURST_SCALES)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    slope = constant(0.0)
    for weight, scale in zip(weights, HURST_SCALES, strict=True):
        std = log_return(scale).rolling_std(window)
        # a standstill gives k^0.5 times one tiny number: the slope of a random walk
        slope = slope + float(weight) * maximum(std, 1e-12 * scale**0.5).log()
    return maximum(minimum(slope, 1.0), 0.0)


def fractal_dimension(window: int) -> Expr:
    """(ln(2 (R1 + R2) / R)) / ln 2 of the ranges R1, R2 of both halves of the window and R of the whole, 1 to 2.

    R = highest high - lowest low; 1: a straight line, 1.5: a random walk, 2: it fills the range (Ehlers 2005, Fractal
    Adaptive Moving Averages). `window` must be even. 1.5 where nothing moved. Warm-up: window - 1 bars.
    """
    half = window // 2
    late = bar("high").rolling_max(half) - bar("low").rolling_min(half)
    whole = bar("high").rolling_max(window) - bar("low").rolling_min(window)
    both = ratio(2.0 * (late + late.lag(half)), whole, 2.0**1.5)
    return maximum(minimum(both.log() / log(2.0), 2.0), 1.0)


def cycle(price: Expr) -> tuple[Expr, Expr, Expr]:
    """Period of the dominant cycle over 50 bars (0.12 to 1), and sine and cosine of the phase in it, each -1 to 1.

    By the homodyne discriminator (Ehlers 2001, Rocket Science for Traders); sine and cosine are the in-phase and
    quadrature parts over their length, 0 where nothing moves; on a pure sine they are 4 bars late at a period of 10, 2
    late at 20, 2 early at 35. Warm-up: 32 bars, and some dozens more until the start from 0 has faded.
    """
    period, in_phase, quadrature = (Expr("dominant_cycle", (price,), {"output": i}) for i in range(3))
    length = (in_phase * in_phase + quadrature * quadrature).sqrt()
    return period / 50.0, ratio(in_phase, length), ratio(quadrature, length)
