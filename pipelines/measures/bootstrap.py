"""Stationary bootstrap (Politis and Romano 1994) over blocks of time: all trades entered at one instant stay together.

Trades that share a market move are one draw, not many: a block is a run of instants of entry with all of their trades,
and lasts on average for several horizons, since trades whose holding times overlap depend on each other as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.stats import beta, norm, t

from pipelines.arrays import Floats, Integers


@dataclass(frozen=True, slots=True)
class BootstrapParams:
    """block_horizons: mean length of a block, in times that a trade can last; confidence: of the intervals."""

    block_horizons: float
    replications: int
    confidence: float
    seed: int

    def __post_init__(self) -> None:
        rules = {
            "block_horizons": (1 <= self.block_horizons <= 100, "must lie in [1, 100]", "3"),
            "replications": (self.replications >= 100, "must be at least 100", "1000 to 10000"),
            "confidence": (0.5 < self.confidence < 1, "must lie between 0.5 and 1", "0.95"),
            "seed": (self.seed >= 0, "must be at least 0", "any whole number"),
        }
        for name, (ok, rule, typical) in rules.items():
            if not ok:
                raise ValueError(f"evaluate.bootstrap.{name}: {rule}, was {getattr(self, name)}; typical: {typical}")


@dataclass(frozen=True, slots=True)
class Resamples:
    """The same draws of the same entries for all policies, so that differences are paired.

    weights: how often each trade occurs in each replication, (replications, trades): a resampled sum is weights @
    values; begin, end: opens of the first and the last bar of each trade's horizon, (trades,), µs; block_horizons: as
    drawn.
    """

    weights: Floats
    begin: Integers
    end: Integers
    block_horizons: float

    def part(self, mask: npt.NDArray[np.bool_]) -> Resamples:
        """Of the trades of a group alone, in the same draws."""
        return Resamples(self.weights[:, mask], self.begin[mask], self.end[mask], self.block_horizons)

    def disjoint(self) -> int:
        """The largest number of trades whose horizons don't overlap: about so many are independent."""
        count, taken = 0, np.iinfo(np.int64).min
        for i in np.argsort(self.end, kind="stable"):  # the one that ends first leaves most room
            if self.begin[i] > taken:
                count, taken = count + 1, self.end[i]
        return count

    def expanded(self, confidence: float) -> float:
        """The level at which the percentile interval of few blocks holds `confidence`: 2 Φ(t sqrt(n / (n - 1))) - 1, t
        the quantile of Student's law of n - 1 degrees, n blocks (Hesterberg 2015, The American Statistician 69, 371).
        """
        n = max(2.0, self.disjoint() / self.block_horizons)
        quantile = t.ppf((1 + confidence) / 2, n - 1) * (n / (n - 1)) ** 0.5
        return float(2 * norm.cdf(quantile) - 1)


def resample(held: pl.DataFrame, params: BootstrapParams, generator: np.random.Generator) -> Resamples:
    """Draws of entries. held: a row per entry, in order of time, with entry_ts and exit_ts of a trade that is held for
    the whole horizon.
    """
    begin, end = (held[name].dt.epoch("us").to_numpy() for name in ("entry_ts", "exit_ts"))
    instants, row = np.unique(begin, return_inverse=True)
    length = mean_block(begin, end, params.block_horizons)
    drawn = counts(block_indices(len(instants), length, params.replications, generator))
    return Resamples(drawn[:, row], begin, end, params.block_horizons)


def mean_block(begin: Integers, end: Integers, horizons: float) -> float:
    """Mean length of a block, in instants of entry: `horizons` times the mean number of instants from a trade's entry
    to the end of its horizon, itself counted; and at least n^(1/3) of n instants, the rate of Politis and White (2004).
    """
    instants = np.unique(begin)
    spanned = np.searchsorted(instants, end, "right") - np.searchsorted(instants, begin)
    return max(horizons * float(spanned.mean()), float(len(instants) ** (1 / 3)))


def block_indices(n: int, block_length: float, replications: int, generator: np.random.Generator) -> Integers:
    """Numbers of the instants in each replication, (replications, n).

    Each follows the one before it, the last one followed by the first, except that with probability 1/block_length a
    new block starts at an instant drawn uniformly.
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
    rows: Integers = (np.take_along_axis(starts, last, axis=1) + at - last) % n
    return rows


def counts(indices: Integers) -> Floats:
    """How often each instant occurs in each replication, (replications, n)."""
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


def share_interval(share: float, n: int, confidence: float) -> tuple[float, float]:
    """Interval of a share that is 0 or 1 in all n independent observations, of which a bootstrap sees no spread: the
    exact one of Clopper and Pearson (1934). At 0 its upper end is 1 - (α/2)^(1/n), about 3.7 / n at 95 %.
    """
    tail = (1 - confidence) / 2
    if n < 1:
        return 0.0, 1.0
    bound = float(beta.ppf(1 - tail, 1, n))
    return (0.0, bound) if share < 0.5 else (1 - bound, 1.0)
