"""Isotonic calibration of the curves, on a part of the data that the weights have not seen.

For each curve the residual y - p is averaged around 33 uniform knots, added to the knots, and made monotone by isotonic
regression (Zadrozny & Elkan 2002). Between knots the map is linear: it keeps the order of the curves along the grid.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from models.nets import KNOTS

# Outcomes that a knot's residual is shrunk by towards "no change": labels of neighbouring bars share most of their path
# and all distances # of the grid one path, so that thousands of outcomes hold few independent ones.
PRIOR_OUTCOMES = 500.0


def identity() -> NDArray[np.float64]:
    """The map that changes nothing, (33,)."""
    return np.linspace(0.0, 1.0, KNOTS)


def fit_map(probability: NDArray[np.floating], outcome: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Values of the map at the knots, (33,), non-decreasing, 0 at 0 and 1 at 1; both inputs of one shape, any."""
    p, y = probability.astype(np.float64).ravel(), outcome.astype(np.float64).ravel()
    position = p * (KNOTS - 1)
    low = np.minimum(position.astype(np.int64), KNOTS - 2)
    right = position - low  # weight of the knot above
    weight = np.bincount(low, 1 - right, KNOTS) + np.bincount(low + 1, right, KNOTS)
    residual = np.bincount(low, (1 - right) * (y - p), KNOTS) + np.bincount(low + 1, right * (y - p), KNOTS)
    raw = identity() + residual / (weight + PRIOR_OUTCOMES)
    fitted = IsotonicRegression(y_min=0.0, y_max=1.0).fit(identity(), raw, weight + PRIOR_OUTCOMES).predict(identity())
    fitted[0], fitted[-1] = 0.0, 1.0
    return np.asarray(fitted, np.float64)


def apply_map(knots: NDArray[np.floating], probability: NDArray[np.floating]) -> NDArray[np.float64]:
    """The map (33,) at any probabilities."""
    return np.asarray(np.interp(probability, identity(), knots), np.float64)


def calibrate(
    probability: NDArray[np.floating], outcomes: NDArray[np.uint8], ts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Both curves' maps, (2, 33), from rows (n, 2, K) of the calibration part.

    A map stays the identity unless, fitted on either half of the part in time, it lowers the Brier score summed over
    the other half.
    """
    early = ts < np.median(ts)
    maps = []
    for curve in (0, 1):
        p, y = probability[:, curve], outcomes[:, curve]
        gain = 0.0
        for fit_on, judge_on in ((early, ~early), (~early, early)):
            q = apply_map(fit_map(p[fit_on], y[fit_on]), p[judge_on])
            gain += float(np.square(p[judge_on] - y[judge_on]).sum() - np.square(q - y[judge_on]).sum())
        maps.append(fit_map(p, y) if gain > 0 else identity())
    return np.stack(maps)
