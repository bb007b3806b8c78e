"""The outcome of an evaluation: all that the report shows, and how it came about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.measures.examination import Examination
from pipelines.measures.risk import WorstCase
from pipelines.trades.account import Account
from pipelines.trades.baselines import Exit

STATIC = ("fixed_percent", "fixed_atr", "garch")


@dataclass(frozen=True, slots=True)
class Facts:
    """What the reader of the results must know about how they came about."""

    horizon_bars: int
    entry_rule: str
    symbols: tuple[str, ...]
    venue: str  # its terms, in words
    notional_fraction: float
    confidence: float
    chosen: Mapping[str, Exit]
    training_expectancy: Mapping[str, float]
    training_entries: int
    product_trials: int  # of `models.tracking.trials`: nets trained and configurations evaluated so far
    at_edge: tuple[str, ...] = ()  # policies whose chosen stop is the first or last of its grid

    @property
    def best_static(self) -> str:
        """The static baseline with the highest expectancy at fixed size on the training part."""
        return max(STATIC, key=lambda name: self.training_expectancy[name])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the trades came to. trades: closed, of all policies and modes; pairs: of `pair_table`; censored: entries
    left out; seeds: of `seed_table`; goals: all targets at once; latency: of a decision; examination: of the product's
    trades; account: all symbols on one equity; training: the nets' metrics.json, by net.
    """

    trades: pl.DataFrame
    table: pl.DataFrame
    pairs: pl.DataFrame
    worst: Mapping[str, WorstCase]
    equity: pl.DataFrame
    curves: pl.DataFrame
    gaps: pl.DataFrame
    calibration: pl.DataFrame
    skills: pl.DataFrame
    groups: pl.DataFrame
    selection: pl.DataFrame
    seeds: pl.DataFrame
    goals: pl.DataFrame
    latency: Mapping[str, Any] | None
    facts: Facts
    censored: int
    examination: Examination | None = None
    account: Account | None = None
    training: Mapping[str, Mapping[str, Any]] | None = None

    def rows(self, policy: str) -> pl.DataFrame:
        """A policy's figures under pessimistic fills."""
        return self.table.filter((pl.col("policy") == policy) & (pl.col("mode") == "pessimistic"))

    def pessimistic(self) -> pl.DataFrame:
        """Trades under pessimistic fills."""
        return self.trades.filter(pl.col("mode") == "pessimistic")
