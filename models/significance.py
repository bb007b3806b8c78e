"""Is one forecast better than another: skill with a block-bootstrap interval, and the Diebold-Mariano test.

Losses are first summed over all symbols and sides at one time: they move together and are one draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
from numpy.typing import NDArray

DRAWS = 1000
LARGEST_TABLE = 5_000_000  # indices drawn at once: 40 MB


@dataclass(frozen=True, slots=True)
class Skill:
    """skill = 1 - loss / baseline loss with its 95 % interval [low, high]; dm: Diebold-Mariano statistic, > 0 where the
    model is better; p: two-sided.
    """

    skill: float
    low: float
    high: float
    dm: float
    p: float


def by_time(ts: NDArray[np.int64], loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of the losses (n,) per distinct ts, in order of time: (times,)."""
    _, index = np.unique(ts, return_inverse=True)
    return np.bincount(index, loss).astype(np.float64)


def stationary_bootstrap(n: int, mean_block: float, draws: int, seed: int) -> NDArray[np.int64]:
    """Indices (draws, n) of circular blocks of geometric length (Politis & Romano 1994)."""
    rng = np.random.default_rng(seed)
    starts = rng.integers(0, n, (draws, n))
    fresh = rng.random((draws, n)) < 1 / mean_block
    fresh[:, 0] = True
    at = np.maximum.accumulate(np.where(fresh, np.arange(n), 0), 1)  # where the block began that each place lies in
    return np.asarray((np.take_along_axis(starts, at, 1) + np.arange(n) - at) % n, np.int64)


def diebold_mariano(difference: NDArray[np.float64], lags: int) -> tuple[float, float]:
    """Statistic and two-sided p of mean(difference) = 0 with Newey-West (Bartlett) errors; (0, 1) where nothing
    differs.

    difference: baseline loss - model loss per time (Diebold & Mariano 1995, eq. 4); lags: at least the horizon, since
    labels overlap.
    """
    n = len(difference)
    centred = difference - difference.mean()
    variance = float(centred @ centred) / n
    for lag in range(1, min(lags, n - 1) + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / n
    if variance <= 0:
        return 0.0, 1.0
    statistic = float(difference.mean()) / sqrt(variance / n)
    return statistic, erfc(abs(statistic) / sqrt(2))


def compare(
    ts: NDArray[np.int64], loss: NDArray[np.float64], baseline: NDArray[np.float64], horizon_bars: int, seed: int
) -> Skill:
    """Skill of a model over a baseline, losses (n,) of the same rows; mean block of the bootstrap: two horizons, or
    n^(1/3) if longer.
    """
    model, other = by_time(ts, loss), by_time(ts, baseline)
    block = max(2.0 * horizon_bars, len(model) ** (1 / 3))
    size = max(1, LARGEST_TABLE // len(model))
    ratios = []
    for start in range(0, DRAWS, size):
        index = stationary_bootstrap(len(model), block, min(size, DRAWS - start), seed + start)
        ratios.append(1 - model[index].sum(1) / other[index].sum(1))
    low, high = np.quantile(np.concatenate(ratios), [0.025, 0.975])
    dm, p = diebold_mariano(other - model, max(horizon_bars, int(4 * (len(model) / 100) ** (2 / 9))))
    return Skill(1 - float(model.sum() / other.sum()), float(low), float(high), dm, p)
