"""Scores of closed trades: each figure with its block-bootstrap interval and the paired comparison with a baseline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.arrays import Floats
from pipelines.measures.bootstrap import Resamples, interval, share_interval
from pipelines.measures.figures import Better, figures


def sums(trades: pl.DataFrame) -> tuple[Floats, Floats]:
    """Numerators and denominators per trade, each (trades, figures). NaN in a trade counts as unknown."""
    clean = trades.with_columns(pl.col(pl.Float64).fill_nan(None))
    columns = [f"_{i}" for i in range(2 * len(figures()))]
    pairs = [part.cast(pl.Float64).fill_null(0.0) for f in figures() for part in (f.numerator, f.denominator)]
    values = clean.with_columns(part.alias(name) for part, name in zip(pairs, columns, strict=True))
    table = values.select(columns).to_numpy()
    return table[:, 0::2], table[:, 1::2]


def shares(trades: pl.DataFrame) -> list[int]:
    """The figures that count trades or exits: those whose numerator is true or false, or a whole number."""
    kinds = trades.head(0).select(f.numerator.alias(f.key) for f in figures()).schema
    return [i for i, f in enumerate(figures()) if kinds[f.key] == pl.Boolean or kinds[f.key].is_integer()]


def ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Elementwise ratio; NaN where no trade counts."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(denominator != 0, numerator / denominator, np.nan)


@dataclass(frozen=True, slots=True)
class Scores:
    """One policy: each figure's value (figures,), bootstrap samples (replications, figures), and how many trades and
    instants of entry it rests on.
    """

    value: Floats
    samples: Floats
    counted: Floats
    instants: Floats
    resamples: Resamples
    certain: Mapping[int, int]  # by figure: shares that are 0 or 1, with the number of trades that are independent

    def interval(self, figure: int, confidence: float, level: float) -> tuple[float, float]:
        """Of a figure's value; level: `confidence` expanded for the bootstrap."""
        if figure in self.certain:
            return share_interval(float(self.value[figure]), self.certain[figure], confidence)
        return interval(self.samples[:, figure], level)


def score(trades: pl.DataFrame, resamples: Resamples) -> Scores:
    """Figures of one policy's closed trades, in the order of the entries that were resampled."""
    numerator, denominator = sums(trades)
    counts, value = denominator != 0, ratio(numerator.sum(0), denominator.sum(0))
    certain = [i for i in shares(trades) if value[i] in (0.0, 1.0)]
    return Scores(
        value,
        ratio(resamples.weights @ numerator, resamples.weights @ denominator),
        counts.sum(0).astype(np.float64),
        np.array([len(np.unique(resamples.begin[mask])) for mask in counts.T], np.float64),
        resamples,
        {i: resamples.part(counts[:, i]).disjoint() for i in certain},
    )


FEW = 20
"""Fewer instants of entry than this bear no verdict: the bootstrap of a handful knows too little of what may happen."""


def verdict(value: float, low: float, high: float, better: Better, target: float | None) -> str:
    """`met` or `not met` where the whole interval says so, `null` where it holds the target, "" without a target."""
    if target is None or better == "neither" or not math.isfinite(value):
        return ""
    ends = [end for end in (low, high) if math.isfinite(end)] or [value]
    meets = [end > target if better == "higher" else end < target for end in ends]
    return "met" if all(meets) else "null" if any(meets) else "not met"


def comparison(difference: float, low: float, high: float, better: Better) -> str:
    """`better` or `worse` where the whole interval of the difference lies on that side of 0, else `null`."""
    if better == "neither" or not math.isfinite(difference):
        return ""
    sign = 1.0 if better == "higher" else -1.0
    ends = [sign * end for end in (low, high) if math.isfinite(end)] or [sign * difference]
    # Differences of rounding are none.
    return "better" if min(ends) > 1e-9 else "worse" if max(ends) < -1e-9 else "null"


def compare(product: Scores, baseline: Scores, confidence: float) -> pl.DataFrame:
    """One row per figure: value, interval, target, verdict, the baseline's value and the paired difference.

    Paired: both policies are resampled by the same rows of the same entries.
    """
    rows, level = [], product.resamples.expanded(confidence)
    for i, figure in enumerate(figures()):
        low, high = product.interval(i, confidence, level)
        gap_low, gap_high = interval(product.samples[:, i] - baseline.samples[:, i], level)
        value, other = float(product.value[i]), float(baseline.value[i])
        versus = comparison(value - other, gap_low, gap_high, figure.better)
        reached = verdict(value, low, high, figure.better, figure.target)
        if reached and product.instants[i] < FEW:
            reached = "null"
        if versus and min(product.instants[i], baseline.instants[i]) < FEW:
            versus = "null"
        rows.append(
            {
                "figure": figure.key,
                "label": figure.label,
                "unit": figure.unit,
                "better": figure.better,
                "value": value,
                "low": low,
                "high": high,
                "trades": int(product.counted[i]),
                "instants": int(product.instants[i]),
                "target": figure.target,
                "verdict": reached,
                "baseline": other,
                "difference": value - other,
                "difference_low": gap_low,
                "difference_high": gap_high,
                "versus": versus,
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).fill_nan(None))


def with_win_rate_impact(table: pl.DataFrame) -> pl.DataFrame:
    """The table with, below the win rate, its paired difference as a figure of its own: target +5 points."""
    place = table["figure"].to_list().index("win_rate") + 1
    row = table.row(by_predicate=pl.col("figure") == "win_rate", named=True)
    value, low, high = (row[name] for name in ("difference", "difference_low", "difference_high"))
    nan = float("nan")
    known = [nan if x is None else float(x) for x in (value, low, high)]
    reached = verdict(known[0], known[1], known[2], "higher", 0.05)
    if reached and row["instants"] < FEW:
        reached = "null"
    row |= {
        "figure": "win_rate_impact",
        "label": "Win-rate impact against best static",
        "value": value,
        "low": low,
        "high": high,
        "target": 0.05,
        "verdict": reached,
        "baseline": None,
        "difference": None,
        "difference_low": None,
        "difference_high": None,
        "versus": "",
    }
    return pl.concat([table[:place], pl.DataFrame([row], schema=table.schema), table[place:]])


def mark_ambiguous(trades: pl.DataFrame) -> pl.DataFrame:
    """Adds `ambiguous`: the exit differs between the fill modes (columns policy, id tell which trades are the same),
    and `undecided`: bars of the lower timeframe leave it open too; without these, all that is ambiguous.
    """
    exits, same = pl.struct("reason", "exit_index", "exit_price"), ("policy", "id")
    marked = trades.with_columns((exits.n_unique().over(*same) > 1).alias("ambiguous"))
    finer = (trades["mode"] == "detail").any()
    left = pl.col("undecided").any().over(*same) if finer else pl.col("ambiguous")
    return marked.with_columns(left.alias("undecided"))
