"""Wilder's parabolic stop ("New Concepts in Technical Trading Systems", 1978, section II) as an obvious loop."""

from __future__ import annotations

import numpy as np

from reference_trades import Floats

MOST_STEPS = 10
"""The acceleration factor grows by one step at each new extreme, to ten of them (Wilder: 0.02 to 0.2)."""


def parabolic_stop(high: Floats, low: Floats, side: int, start: float, step: float) -> Floats:
    """The stop in force in each bar since the fill, (n,): SAR' = SAR + AF (EP - SAR), EP the extreme since the fill.

    high, low: (n,), of the bars from the fill on. Never nearer than the worse extreme of the last two of these bars.
    What bar k shows moves the stop of bar k + 1. Wilder reverses at the stop; a trade ends there.
    """
    good, bad = (high, low) if side > 0 else (-low, -high)
    levels = np.empty(len(high))
    level, extreme, factor = side * start, good[0], step
    for k in range(len(high)):
        levels[k] = level
        if k and good[k] > extreme:
            extreme, factor = good[k], min(factor + step, MOST_STEPS * step)
        level = min(level + factor * (extreme - level), bad[k], bad[max(k - 1, 0)])
    return side * levels
