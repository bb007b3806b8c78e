"""Quantiles of an excursion from its survival curve on the grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def quantiles(
    survival: NDArray[np.floating], grid: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n, levels) in the grid's unit from P(excursion >= grid), (n, K), falling along K.

    The curve is linear between (0, 1) and the grid points. Beyond the last one it falls exponentially with the hazard
    of the last interval,
    at least one per unit of the last grid distance: S(x) = S_K exp(-(x - d_K)·max(ln(S_{K-1}/S_K)/(d_K - d_{K-1}),
    1/d_K)).
    """
    s = np.concatenate([np.ones((len(survival), 1)), survival.astype(np.float64)], 1)  # (n, K + 1)
    d = np.concatenate([[0.0], grid])
    s = np.minimum.accumulate(np.maximum(s, 1e-12), 1)
    hazard = np.maximum(np.log(s[:, -2] / s[:, -1]) / (d[-1] - d[-2]), 1 / d[-1])
    rows = np.arange(len(s))
    out = np.empty((len(s), len(levels)))
    for j, level in enumerate(levels):
        tail = 1.0 - level
        above = np.minimum(
            (s > tail).sum(1) - 1, len(d) - 2
        )  # the last point above the tail probability; S(0) = 1 always is
        left, right = s[rows, above], s[rows, above + 1]
        inside = d[above] + (d[above + 1] - d[above]) * (left - tail) / np.maximum(left - right, 1e-12)
        beyond = d[-1] + np.log(s[:, -1] / tail) / hazard
        out[:, j] = np.where(s[:, -1] > tail, beyond, inside)
    return out
