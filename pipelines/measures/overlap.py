"""How many independent observations a Sharpe ratio rests on, where trades overlap in time and so share market moves."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from pipelines.arrays import Floats, Integers


def reach(held: pl.DataFrame) -> Integers:
    """For each instant of entry, in order of time, how many of the next ones come before its trades' horizon has ended.

    held: entry_ts and exit_ts of trades that are held for their whole horizon; several may share an instant.
    """
    spans = held.group_by("entry_ts").agg(pl.col("exit_ts").max()).sort("entry_ts")
    begin, end = (spans[name].dt.epoch("us").to_numpy() for name in ("entry_ts", "exit_ts"))
    later: Integers = np.searchsorted(begin, end, "right") - 1 - np.arange(len(begin))
    return later


def disjoint(overlaps: Integers) -> int:
    """The largest number of instants whose horizons don't overlap, of horizons of like length."""
    count, at = 0, 0
    while at < len(overlaps):
        count, at = count + 1, at + 1 + int(overlaps[at])
    return count


def effective_observations(profits: Floats, overlaps: Integers) -> float:
    """T / (1 + 2 Σ ρ), with the correlations ρ of those instants alone whose horizons overlap: so many independent
    observations would leave the Sharpe ratio of `profits` (times,) as uncertain as these T do.

    The correlations are those of what an instant adds to the Sharpe ratio, ψ = z - SR (z² - 1) / 2 with z the profit in
    standard deviations from its mean: mean ψ² is the denominator of `selection.deflated`, and the sum over lags the
    long-run variance in its place where observations depend on each other (Lo 2002, Financial Analysts Journal 58(4),
    "The Statistics of Sharpe Ratios", eq. 13 and 14). All overlapping pairs weigh 1 and all others 0, since profits
    that share no bar are not correlated where prices are not (Hansen and Hodrick 1980). Taking out the mean biases a
    sum over many pairs, which is corrected for independent profits. overlaps: of `reach`. Between the number of
    disjoint horizons and T; the former where over half of all pairs overlap, and nothing can be estimated.
    """
    n = len(profits)
    least = float(disjoint(overlaps))
    pairs = n + 2 * int(overlaps.sum())
    deviation = float(profits.std())
    if deviation == 0 or 2 * pairs > n * n:
        return least
    z = (profits - profits.mean()) / deviation
    influence = z - profits.mean() / deviation * (z**2 - 1) / 2
    total = np.concatenate([[0.0], np.cumsum(influence)])
    at = np.arange(n)
    shared = 2 * float(influence @ (total[at + overlaps + 1] - total[at + 1]))
    own = float(influence @ influence)
    alone, together = own / (1 - 1 / n), (own + shared) / (1 - pairs / n**2)
    effective = n * alone / together if together > 0 else math.inf
    return float(np.clip(effective, least, n))
