"""Stationary block bootstrap (Politis and Romano 1994): blocks of geometric length on a circle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BootstrapParams:
    """block_trades: mean length of a block; confidence: of the intervals."""

    block_trades: float
    replications: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        rules = {
            "block_trades": (self.block_trades >= 1, "must be at least 1", "5 to 30"),
            "replications": (self.replications >= 100, "must be at least 100", "1000 to 10000"),
            "confidence": (0.5 < self.confidence < 1, "must lie between 0.5 and 1", "0.95"),
            "seed": (self.seed >= 0, "must be at least 0", "any whole number"),
        }
        for name, (ok, rule, typical) in rules.items():
            if not ok:
                raise ValueError(f"evaluate.bootstrap.{name}: {rule}, was {getattr(self, name)}; typical: {typical}")


def block_indices(
    n: int, block_length: float, replications: int, generator: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Row numbers of each replication, (replications, n).

    Each row follows the one before it, the last one followed by the first, except that with probability 1/block_length
    a new block starts at a row drawn uniformly.
    """
    if n < 1 or block_length < 1 or replications < 1:
        raise ValueError(
            f"n, block_length, replications: must each be at least 1, was {n}, {block_length}, {replications}; raise it"
        )
    starts = generator.integers(0, n, (replications, n))
    new = generator.random((replications, n)) < 1 / block_length
    new[:, 0] = True
    at = np.arange(n)
    # Position of the latest start at or before each place, then as many steps on from there.
    last = np.maximum.accumulate(np.where(new, at, 0), axis=1)
    rows: npt.NDArray[np.int64] = (np.take_along_axis(starts, last, axis=1) + at - last) % n
    return rows


def counts(indices: npt.NDArray[np.int64]) -> Floats:
    """How often each row occurs in each replication, (replications, n): a resampled sum is counts @ values."""
    replications, n = indices.shape
    flat = (indices + np.arange(replications)[:, None] * n).ravel()
    return np.bincount(flat, minlength=replications * n).reshape(replications, n).astype(np.float64)


def interval(samples: Floats, confidence: float) -> tuple[float, float]:
    """Percentile interval of the finite samples; NaN, NaN when fewer than half are finite."""
    finite = samples[np.isfinite(samples)]
    if 2 * len(finite) < len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(finite, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
