"""What the folds of a walk-forward did, put together in one row of time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from models.nets import KINDS
from pipelines.folds import Fold
from pipelines.measures.risk import worst_case
from pipelines.measures.selection import Trials, profit_by_time
from pipelines.results import by_policy, closed
from pipelines.tables import microseconds

FOLDER = Path("artifacts/walk_forward")
STATIC = "static"
"""In the stitched trades: each fold's best static exit, chosen on its own training part."""


@dataclass(frozen=True, slots=True)
class Stitched:
    """What all folds came to. entries: how many; card: of `results.scorecard`; pairs: of `pair_table`; folds: of
    `fold_table`; dispersion: over folds; seeds: of `seeds.seed_table`; worst: of `worst_table`; curves, gaps: of
    `frontier`; selection: of `selection.selection_table`; groups, equity: as in an evaluation.
    """

    entries: int
    card: pl.DataFrame
    pairs: pl.DataFrame
    folds: pl.DataFrame
    dispersion: pl.DataFrame
    seeds: pl.DataFrame
    worst: pl.DataFrame
    curves: pl.DataFrame
    gaps: pl.DataFrame
    selection: pl.DataFrame
    groups: pl.DataFrame
    equity: pl.DataFrame

    def tables(self) -> dict[str, pl.DataFrame]:
        """Each table under the name of its file."""
        files = {"card": "scorecard", "worst": "worst_case"}
        names = [each.name for each in fields(self) if each.name != "entries"]
        return {files.get(name, name): getattr(self, name) for name in names}


def stitch(plan: list[Fold], calendar: np.ndarray) -> pl.DataFrame:
    """Trades of all folds, in which `fold` tells them apart, with the policy STATIC added; entries open at the end of a
    test part are left out.
    """
    frames = []
    for fold in plan:
        where = fold_folder(fold) / "artifacts/evaluate"
        trades = closed(pl.read_parquet(where / "trades.parquet"))
        best = json.loads((where / "chosen.json").read_text())["best_static"]
        static = trades.filter(pl.col("policy") == best).with_columns(policy=pl.lit(STATIC))
        frames.append(_of_fold(pl.concat([trades, static]), fold))
    trades = pl.concat(frames)
    # Folds number their bars from their own first one.
    return trades.with_columns(exit_bar=pl.Series(np.searchsorted(calendar, microseconds(trades["exit_ts"]))))


def stitch_table(plan: list[Fold], name: str, kept: set[str]) -> pl.DataFrame:
    """The trades of a table that the stage evaluate wrote in each fold (seed_trades, frontier_trades), of the entries
    that `stitch` kept.
    """
    tables = (_of_fold(pl.read_parquet(fold_folder(f) / f"artifacts/evaluate/{name}.parquet"), f) for f in plan)
    return pl.concat(tables).filter(pl.col("id").is_in(sorted(kept)))


def _of_fold(trades: pl.DataFrame, fold: Fold) -> pl.DataFrame:
    return trades.with_columns(id=pl.format("{}-{}", pl.lit(fold.number), "id"), fold=pl.lit(fold.number))


def stops_tried(frontier: pl.DataFrame, overlaps: np.ndarray) -> tuple[Trials, np.ndarray]:
    """The stops of the frontier as trials on the stitched test parts: the static ones, and the profits (times,
    settings) of the product with its own stop at several distances.
    """
    names, columns = [], []
    for (policy, _), line in frontier.group_by("policy", "setting", maintain_order=True):
        names.append(str(policy))
        columns.append(profit_by_time(line))
    everything = Trials(tuple(names), np.stack(columns, axis=1), overlaps)
    statics = tuple(name for name in dict.fromkeys(names) if name != "product")
    mine = everything.of("product")
    return Trials(tuple(name for name in names if name in statics), everything.of(*statics), overlaps), mine


def worst_table(
    trades: pl.DataFrame, correlations: dict[tuple[str, str], float], notional_fraction: float
) -> pl.DataFrame:
    """One row per policy under pessimistic fills: the fold with the lowest expectancy, and the worst case of all folds
    in one row of time.
    """
    rows = []
    for (_, policy), mine in by_policy(trades.filter(pl.col("mode") == "pessimistic")):
        profit = 1e4 * pl.col("pnl") / pl.col("entry_price")
        by_fold = mine.group_by("fold").agg(bp=profit.mean()).sort("bp", "fold")
        worst: Mapping[str, float] = asdict(worst_case(mine, correlations, notional_fraction))
        rows.append({"policy": policy, "worst_fold": by_fold["fold"][0], "worst_fold_bp": by_fold["bp"][0], **worst})
    return pl.DataFrame(rows, infer_schema_length=None).fill_nan(None)


def fold_table(plan: list[Fold]) -> pl.DataFrame:
    """The product's figures in each fold under pessimistic fills (rows of the folds' own scorecards), and the nets'
    skill over each baseline, with their intervals.
    """
    tables = []
    for fold in plan:
        folder = fold_folder(fold)
        card = pl.read_csv(folder / "artifacts/evaluate/scorecard.csv", infer_schema_length=None)
        rows = card.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
        paired = ("baseline", "difference", "difference_low", "difference_high", "versus")
        parts = [rows.select("figure", "unit", "value", "low", "high", "trades", *paired), _chances(folder)]
        for net in KINDS:
            scores = json.loads((folder / f"artifacts/train/{net}/metrics.json").read_text())["test"]
            for name, skill in scores["skill"].items():
                s = skill["pinball"]
                head = {"figure": f"skill_{net}_{name}", "unit": "%", "trades": scores["times"]}
                parts.append(pl.DataFrame([{**head, "value": s["skill"], "low": s["low"], "high": s["high"]}]))
        dates = {
            "fold": fold.number,
            "train_until": fold.cut.train_until,
            "test_from": fold.cut.calibration_until,
            "test_until": fold.end,
        }
        table = pl.concat([part.cast({"trades": pl.Int64}) for part in parts], how="diagonal_relaxed")
        tables.append(table.select(*(pl.lit(value).alias(name) for name, value in dates.items()), pl.all()))
    return pl.concat(tables, how="diagonal_relaxed")


def _chances(folder: Path) -> pl.DataFrame:
    """What choosing does in a fold: the product's deflated Sharpe ratio, and how overfit its sweep of statics is."""
    chosen = pl.read_csv(folder / "artifacts/evaluate/selection.csv")
    rows = {row["policy"]: row for row in chosen.iter_rows(named=True)}
    values = {
        "deflated_sharpe": (rows["product"]["deflated_sharpe"], rows["product"]["times"]),
        "overfitting": (rows["all"]["overfitting"], rows["all"]["times"]),
    }
    table = [{"figure": name, "unit": "%", "value": value, "trades": n} for name, (value, n) in values.items()]
    return pl.DataFrame(table, schema_overrides={"value": pl.Float64})


def fold_folder(fold: Fold) -> Path:
    """Where a fold works."""
    return FOLDER / f"fold-{fold.number}"
