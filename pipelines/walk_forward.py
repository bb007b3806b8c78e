"""Walk-forward: `python -m pipelines.walk_forward` retrains in every fold and stitches what each did on unseen bars.

Reads data/checked/ and params.yaml, writes artifacts/walk_forward/. A run that was killed goes on where it was:
finished folds are kept, and so is the training of an unfinished one.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from features.families import FAMILIES
from models.nets import KINDS
from pipelines import entries as entry_stage
from pipelines import evaluate, export, features, labels, train
from pipelines.atomic import write_csv, write_text
from pipelines.evaluate import EvaluateParams
from pipelines.folds import Fold, WalkForwardParams, folds, prepare
from pipelines.groups import group_table
from pipelines.params import read, section
from pipelines.partitions import read_bars
from pipelines.replays import POLICIES
from pipelines.results import by_policy, closed, draws, equity_curves, score_all, scorecard
from pipelines.splits import SplitParams
from pipelines.tables import microseconds
from pipelines.walk_forward_page import render

CHECKED, FOLDER = Path("data/checked"), Path("artifacts/walk_forward")
STATIC = "static"
"""In the stitched trades: each fold's best static exit, chosen on its own training part."""

STAGES: tuple[tuple[Callable[..., None], tuple[str, ...]], ...] = (
    (features.main, tuple(FAMILIES)),
    (labels.main, ()),
    (entry_stage.main, ()),
    (train.main, tuple(KINDS)),
    (export.main, tuple(KINDS)),
    (evaluate.main, ()),
)
"""The stages of dvc.yaml from checked data to scored trades, each with the items of its matrix."""


def run_fold(folder: Path) -> None:
    """All stages in the fold's folder, in a process of its own, with an MLflow store of its own."""
    os.chdir(folder)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    with Path("log.txt").open("w", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        try:
            for stage, items in STAGES:
                if not items:
                    stage()
                for item in items:
                    stage(item)
        except BaseException:
            traceback.print_exc()
            raise
    Path("done").touch()


def run_folds(todo: dict[int, Path], processes: int) -> None:
    """Run these folds, so many at a time. An error names the fold; the others are finished first."""
    if not todo:
        return
    # The nets are small: more threads than cores only get in each other's way.
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // processes)))
    context = multiprocessing.get_context("spawn")
    failed: list[str] = []
    with ProcessPoolExecutor(processes, context, max_tasks_per_child=1) as pool:
        running = {pool.submit(run_fold, folder.resolve()): number for number, folder in todo.items()}
        for done in tqdm(as_completed(running), total=len(running), desc="folds"):
            if (error := done.exception()) is not None:
                failed.append(f"fold {running[done]}: {error} (see {todo[running[done]]}/log.txt)")
    if failed:
        raise ValueError("\n".join(sorted(failed)))


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
        both = pl.concat([trades, static])
        frames.append(both.with_columns(id=pl.format("{}-{}", pl.lit(fold.number), "id"), fold=pl.lit(fold.number)))
    trades = pl.concat(frames)
    # Folds number their bars from their own first one.
    return trades.with_columns(exit_bar=pl.Series(np.searchsorted(calendar, microseconds(trades["exit_ts"]))))


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
        parts = [rows.select("figure", "unit", "value", "low", "high", "trades", *paired)]
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


def dispersion(table: pl.DataFrame) -> pl.DataFrame:
    """Per figure: mean, standard deviation, least and largest over the folds, and in how many the paired difference was
    positive. Folds share the static exits' market, not their bars: the spread is that of the times.
    """
    known = table.filter(pl.col("value").is_not_null())
    value = pl.col("value")
    return known.group_by("figure", maintain_order=True).agg(
        pl.col("unit").first(),
        pl.len().alias("folds"),
        mean=value.mean(),
        std=value.std(),
        low=value.min(),
        high=value.max(),
        difference_mean=pl.col("difference").mean(),
        difference_std=pl.col("difference").std(),
        folds_above=(pl.col("difference") > 0).sum(),
    )


def fold_folder(fold: Fold) -> Path:
    """Where a fold works."""
    return FOLDER / f"fold-{fold.number}"


def main() -> None:
    """Run what is not done yet, then write trades, tables and the page."""
    params, evaluation = section("walk_forward", WalkForwardParams), section("evaluate", EvaluateParams)
    cut = section("split", SplitParams)
    bars = read_bars(CHECKED / "bars").select("symbol", "ts")
    plan = folds(bars["ts"].max().date(), cut, params)  # type: ignore[union-attr]
    everything = read()
    run_folds(
        {f.number: fold_folder(f) for f in plan if prepare(f, everything, CHECKED, fold_folder(f))}, params.processes
    )
    trades = stitch(plan, np.unique(microseconds(bars["ts"])))
    entries, bootstrap = trades["id"].n_unique(), evaluation.bootstrap
    resamples = draws(trades, bootstrap)
    card = scorecard(score_all(trades, resamples), STATIC, bootstrap.confidence)
    ordered = dict(by_policy(trades.filter(pl.col("mode") == "pessimistic")))
    groups = group_table(
        ordered["pessimistic", "product"], ordered["pessimistic", STATIC], resamples, bootstrap.confidence
    )
    table = fold_table(plan)
    spread = dispersion(table)
    equity = equity_curves(trades.filter(pl.col("policy").is_in(list(POLICIES))), evaluation.notional_fraction)
    for name, frame in {
        "scorecard": card,
        "folds": table,
        "dispersion": spread,
        "groups": groups,
        "equity": equity,
    }.items():
        write_csv(frame, FOLDER / f"{name}.csv")
    write_text(
        render(plan, card, table, spread, groups, equity, bootstrap.confidence, cut.validation_until),
        FOLDER / "report.html",
    )
    row = card.row(
        by_predicate=(pl.col("policy") == "product")
        & (pl.col("mode") == "pessimistic")
        & (pl.col("figure") == "expectancy_bp"),
        named=True,
    )
    print(
        f"walk-forward: {params.folds} folds, {entries:,} entries out of sample; expectancy {row['value']:+.1f} bp "
        f"[{row['low']:+.1f}, {row['high']:+.1f}], less best static {row['difference']:+.1f} bp "
        f"[{row['difference_low']:+.1f}, {row['difference_high']:+.1f}]: {row['versus']}\nOpen {FOLDER}/report.html"
    )


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"walk_forward: {error}")
