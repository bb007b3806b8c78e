"""Scores of forecasts: pinball loss, CRPS, Brier score, calibration error, coverage."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEVELS = np.array([0.1, 0.25, 0.5, 0.75, 0.9, 0.95])
CRPS_LEVELS = (np.arange(50) + 0.5) / 50
CALIBRATION_BINS = 10


def pinball(
    observed: NDArray[np.float64], forecast: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean over the levels of max(τ(y - q), (τ - 1)(y - q)), per row: observed (n,), forecast (n, levels) → (n,)."""
    error = observed[:, None] - forecast
    return np.asarray(np.maximum(levels * error, (levels - 1) * error).mean(1), np.float64)


def crps(
    observed: NDArray[np.float64], forecast: NDArray[np.float64], levels: NDArray[np.float64] = CRPS_LEVELS
) -> NDArray[np.float64]:
    """Continuous ranked probability score, per row: 2·∫ pinball dτ; forecast (n, levels), levels ascending.

    Each level stands for the probabilities nearer to it than to the next: with CRPS_LEVELS the midpoint rule, with few
    levels a coarse one, good only for comparing forecasts at the same levels.
    """
    edges = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [1.0]])
    error = observed[:, None] - forecast
    return np.asarray(2.0 * np.maximum(levels * error, (levels - 1) * error) @ np.diff(edges), np.float64)


def brier(probability: NDArray[np.floating], outcome: NDArray[np.uint8]) -> float:
    """Mean squared error of probabilities."""
    return float(np.square(probability.astype(np.float64) - outcome).mean())


def reliability(probability: NDArray[np.floating], outcome: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Per non-empty bin of ten uniform ones: mean probability, frequency of the event, share of the outcomes: (bins,
    3).
    """
    p, y = probability.astype(np.float64).ravel(), outcome.astype(np.float64).ravel()
    bins = np.minimum((p * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    count = np.bincount(bins, minlength=CALIBRATION_BINS)
    filled = count > 0
    sums = [np.bincount(bins, v, CALIBRATION_BINS)[filled] / count[filled] for v in (p, y)]
    return np.stack([*sums, count[filled] / len(p)], 1)


def calibration_error(probability: NDArray[np.floating], outcome: NDArray[np.uint8]) -> float:
    """Expected calibration error: |mean probability - frequency| over ten uniform bins, weighted by their share (Naeini
    et al. 2015).
    """
    table = reliability(probability, outcome)
    return float(np.abs(table[:, 0] - table[:, 1]) @ table[:, 2])


def coverage(
    observed: NDArray[np.float64], forecast: NDArray[np.float64], sigma: NDArray[np.float64], cuts: NDArray[np.float64]
) -> dict[str, dict[str, float]]:
    """Share of rows at or below each quantile in LEVELS, per regime of sigma: calm | normal | wild, cut at `cuts` (2,).

    A regime without rows is left out.
    """
    regime = np.digitize(sigma, cuts)
    return {
        name: {
            f"q{100 * level:.0f}": float((observed[rows] <= forecast[rows, j]).mean()) for j, level in enumerate(LEVELS)
        }
        for i, name in enumerate(("calm", "normal", "wild"))
        if (rows := regime == i).any()
    }
