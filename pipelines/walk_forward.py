"""Walk-forward: `python -m pipelines.walk_forward` retrains in every fold and stitches what each did on unseen bars.

Reads data/checked/ and params.yaml, writes artifacts/walk_forward/. A run that was killed goes on where it was:
finished folds are kept, and so is the training of an unfinished one.
"""

from __future__ import annotations

import hashlib
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
from models.tracking import log_evaluation, trials
from pipelines import entries as entry_stage
from pipelines import evaluate, export, features, labels, train
from pipelines.atomic import write_csv, write_text
from pipelines.evaluate import EvaluateParams
from pipelines.folds import Fold, WalkForwardParams, folds, prepare
from pipelines.measures.dispersion import dispersion
from pipelines.measures.frontier import curve_table, curves, gaps
from pipelines.measures.groups import group_table
from pipelines.measures.overlap import reach
from pipelines.measures.pairs import pair_table
from pipelines.measures.risk import return_correlations
from pipelines.measures.seeds import seed_table
from pipelines.measures.selection import profit_by_time, selection_table
from pipelines.pages.walk_forward_page import render
from pipelines.params import read, section
from pipelines.partitions import read_bars
from pipelines.replays import POLICIES
from pipelines.results import by_policy, draws, equity_curves, score_all, scorecard
from pipelines.splits import SplitParams
from pipelines.stitching import (
    FOLDER,
    STATIC,
    Stitched,
    fold_folder,
    fold_table,
    stitch,
    stitch_table,
    stops_tried,
    worst_table,
)
from pipelines.tables import microseconds

CHECKED = Path("data/checked")

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


def put_together(plan: list[Fold], bars: pl.DataFrame, evaluation: EvaluateParams, seeds: int) -> Stitched:
    """All that the page shows, from what the folds wrote."""
    trades = stitch(plan, np.unique(microseconds(bars["ts"])))
    bootstrap = evaluation.bootstrap
    resamples = draws(trades, bootstrap)
    scores = score_all(trades, resamples)
    ordered = dict(by_policy(trades.filter(pl.col("mode") == "pessimistic")))
    product, static, held = (ordered["pessimistic", name] for name in ("product", STATIC, "time_only"))
    kept, overlaps = set(product["id"]), reach(held)
    frontier = stitch_table(plan, "frontier_trades", kept)
    points = curves(frontier, kept, resamples)
    tried, variants = stops_tried(frontier, overlaps)
    log_evaluation(digest(plan), {"entries": evaluation.entries.rule, "model": "walk-forward"})
    count = trials(len(KINDS) * seeds)
    table = fold_table(plan)
    return Stitched(
        entries=len(kept),
        card=scorecard(scores, STATIC, bootstrap.confidence),
        pairs=pair_table(scores, POLICIES[1:], bootstrap.confidence),
        folds=table,
        dispersion=dispersion(table, "folds"),
        seeds=seed_table(stitch_table(plan, "seed_trades", kept), static),
        worst=worst_table(trades, return_correlations(bars), evaluation.notional_fraction),
        curves=curve_table(points),
        gaps=gaps(points, resamples, bootstrap.confidence),
        selection=selection_table(tried, profit_by_time(product), overlaps, count, "test", variants),
        groups=group_table(product, static, resamples, bootstrap.confidence),
        equity=equity_curves(trades.filter(pl.col("policy").is_in(list(POLICIES))), evaluation.notional_fraction),
    )


def digest(plan: list[Fold]) -> str:
    """Of what a walk-forward tries: every fold's parameters, data and code."""
    keys = "".join((fold_folder(fold) / "key.json").read_text() for fold in plan)
    return hashlib.sha256(keys.encode()).hexdigest()


def main() -> None:
    """Run what is not done yet, then write trades, tables and the page."""
    params, evaluation = section("walk_forward", WalkForwardParams), section("evaluate", EvaluateParams)
    cut = section("split", SplitParams)
    bars = read_bars(CHECKED / "bars").select("symbol", "ts", "close")
    plan = folds(bars["ts"].max().date(), cut, params)  # type: ignore[union-attr]
    everything = read()
    run_folds(
        {f.number: fold_folder(f) for f in plan if prepare(f, everything, CHECKED, fold_folder(f))}, params.processes
    )
    stitched = put_together(plan, bars, evaluation, params.seeds)
    for name, frame in stitched.tables().items():
        write_csv(frame, FOLDER / f"{name}.csv")
    write_text(render(plan, stitched, evaluation.bootstrap.confidence, cut.validation_until), FOLDER / "report.html")
    card = stitched.card
    row = card.row(
        by_predicate=(pl.col("policy") == "product")
        & (pl.col("mode") == "pessimistic")
        & (pl.col("figure") == "expectancy_bp"),
        named=True,
    )
    print(
        f"walk-forward: {params.folds} folds, {stitched.entries:,} entries out of sample; expectancy "
        f"{row['value']:+.1f} bp [{row['low']:+.1f}, {row['high']:+.1f}], less best static {row['difference']:+.1f} bp "
        f"[{row['difference_low']:+.1f}, {row['difference_high']:+.1f}]: {row['versus']}\nOpen {FOLDER}/report.html"
    )


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"walk_forward: {error}")
