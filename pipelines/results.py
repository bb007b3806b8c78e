"""From trades to files: scorecard.csv, pairs.csv, metrics.json, the curves for plots, report.html."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipelines.atomic import write_csv, write_json, write_text
from pipelines.measures import goals
from pipelines.measures.bootstrap import BootstrapParams, Resamples, resample
from pipelines.measures.examination import Examination
from pipelines.measures.frontier import curve_table, curves, gaps
from pipelines.measures.groups import group_table
from pipelines.measures.oracle_share import with_oracle
from pipelines.measures.outcome import Facts, Outcome
from pipelines.measures.overlap import reach
from pipelines.measures.pairs import pair_table
from pipelines.measures.risk import WorstCase, breaches, return_correlations, worst_case
from pipelines.measures.scorecard import Scores, compare, score, with_win_rate_impact
from pipelines.measures.seeds import metrics as seed_metrics
from pipelines.measures.seeds import seed_table
from pipelines.measures.selection import Trials, profit_by_time, selection_table
from pipelines.pages.report import render
from pipelines.replays import MODES, POLICIES
from pipelines.trades.account import Account
from pipelines.trades.frontier_replays import OWN_STOP


def closed(trades: pl.DataFrame) -> pl.DataFrame:
    """Without the entries of which any policy's trade was still open when the data ended: all keep the same entries."""
    censored = trades.filter(pl.col("reason") == "open")["id"].unique()
    return trades.filter(~pl.col("id").is_in(censored.to_list()))


def draws(trades: pl.DataFrame, params: BootstrapParams) -> Resamples:
    """Resamples of the entries of closed trades: those of the policy time_only last for the whole horizon."""
    held = dict(by_policy(trades))["pessimistic", "time_only"]
    return resample(held, params, np.random.default_rng(params.seed))


def score_all(trades: pl.DataFrame, resamples: Resamples) -> dict[tuple[str, str], Scores]:
    """Scores by (mode, policy)."""
    return {(str(mode), str(policy)): score(t, resamples) for (mode, policy), t in by_policy(trades)}


def scorecard(scores: Mapping[tuple[str, str], Scores], best_static: str, confidence: float) -> pl.DataFrame:
    """Every policy in all modes, each compared with the best static baseline in the same mode."""
    tables = []
    for mode in (each for each in MODES if (each, best_static) in scores):
        for policy in POLICIES:
            table = compare(scores[mode, policy], scores[mode, best_static], confidence)
            table = with_win_rate_impact(table)
            tables.append(table.select(pl.lit(mode).alias("mode"), pl.lit(policy).alias("policy"), pl.all()))
    return pl.concat(tables)


def equity_curves(trades: pl.DataFrame, notional_fraction: float) -> pl.DataFrame:
    """ts and, per policy, the closed profit so far in % of the first equity; size fixed, nothing reinvested."""
    long = trades.filter(pl.col("mode") == "pessimistic").select(
        "policy", pl.col("exit_ts").alias("ts"), gain=100 * notional_fraction * pl.col("pnl") / pl.col("entry_price")
    )
    daily = long.group_by("policy", "ts").agg(pl.col("gain").sum())
    wide = daily.pivot("policy", index="ts", values="gain").sort("ts").fill_null(0.0)
    return wide.select("ts", *(pl.col(name).cum_sum().round(6) for name in POLICIES))


def metrics(
    table: pl.DataFrame,
    worst: Mapping[str, WorstCase],
    gap_table: pl.DataFrame,
    selection: pl.DataFrame,
    best_static: str,
    trades: int,
) -> dict[str, float]:
    """Flat numbers of the product under pessimistic fills, for `dvc metrics` and MLflow; unknown ones are left out."""
    rows = table.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    out: dict[str, float | None] = {"trades": float(trades)}
    for row in rows.iter_rows(named=True):
        out[row["figure"]] = row["value"]
        out[f"{row['figure']}_low"], out[f"{row['figure']}_high"] = row["low"], row["high"]
        if row["figure"] != "win_rate_impact":
            out[f"{row['figure']}_vs_static"] = row["difference"]
    for name, value in dataclasses.asdict(worst["product"]).items():
        out[name] = float(value)
        out[f"{name}_static"] = float(getattr(worst[best_static], name))
    for row in gap_table.filter(pl.col("setting") == OWN_STOP).iter_rows(named=True):
        name = f"frontier_gap_{row['metric']}_{row['curve']}"
        out[name], out[f"{name}_low"], out[f"{name}_high"] = row["gap"], row["low"], row["high"]
    chosen = {row["policy"]: row for row in selection.iter_rows(named=True)}
    for name in ("trials", "sharpe", "deflated_sharpe"):
        out[name] = chosen["product"][name]
    out["effective_observations"] = chosen["product"]["effective"]
    out["overfitting_static"] = chosen["all"]["overfitting"]
    return {name: value for name, value in out.items() if value is not None and math.isfinite(value)}


def write_results(
    trades: pl.DataFrame,
    frontier: pl.DataFrame,
    bars: pl.DataFrame,
    facts: Facts,
    bootstrap: BootstrapParams,
    trials: Trials,
    reliability: pl.DataFrame,
    skills: pl.DataFrame,
    folder: Path,
    examination: Examination | None = None,
    account: Account | None = None,
    latency: Mapping[str, Any] | None = None,
    seeds: pl.DataFrame | None = None,
    training: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Score the trades and write everything that people and `dvc` read. frontier: of `frontier_trades`; examination:
    where the product is an engine; latency: of a decision, where it was measured; seeds: of `seed_trades`, else the
    product's own trades are all that there are; training: the nets' metrics.json, by net.
    """
    kept = closed(trades)
    entries = kept["id"].n_unique()
    resamples = draws(kept, bootstrap)
    scores = score_all(kept, resamples)
    table = with_oracle(scorecard(scores, facts.best_static, facts.confidence), scores, facts.confidence)
    pairs = pair_table(scores, POLICIES[1:], facts.confidence)
    correlations = return_correlations(bars)
    worst = {
        str(policy): worst_case(frame, correlations, facts.notional_fraction)
        for (mode, policy), frame in by_policy(kept)
        if mode == "pessimistic"
    }
    points = curves(frontier, set(kept["id"]), resamples)
    curve_rows = curve_table(points)
    gap_table = gaps(points, resamples, facts.confidence)
    equity = equity_curves(kept, facts.notional_fraction)
    ordered = dict(by_policy(kept.filter(pl.col("mode") == "pessimistic")))
    product, static = ordered["pessimistic", "product"], ordered["pessimistic", facts.best_static]
    groups = group_table(product, static, resamples, facts.confidence)
    held = ordered["pessimistic", "time_only"]
    selection = selection_table(trials, profit_by_time(product), reach(held), facts.product_trials)

    write_csv(table, folder / "scorecard.csv")
    write_csv(pairs, folder / "pairs.csv")
    write_csv(equity, folder / "plots/equity.csv")
    # One file a line: so `dvc plots` tells them apart.
    for (policy,), line in curve_rows.group_by("policy"):
        write_csv(line, folder / f"plots/frontier_{policy}.csv")
    for (net, curve), line in reliability.group_by("net", "curve"):
        write_csv(line, folder / f"plots/calibration_{net}_{curve}.csv")
    write_csv(gap_table, folder / "frontier_gaps.csv")
    write_csv(groups, folder / "groups.csv")
    settings = {name: setting.describe() for name, setting in facts.chosen.items()}
    write_json(
        {"best_static": facts.best_static, "settings": settings, "at_edge": list(facts.at_edge)}, folder / "chosen.json"
    )
    write_csv(selection, folder / "selection.csv")
    write_csv(
        pl.DataFrame([{"policy": name, **dataclasses.asdict(each)} for name, each in worst.items()]).fill_nan(None),
        folder / "worst_case.csv",
    )
    mine = table.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    found = goals.goals(mine, worst["product"], latency)
    write_csv(found, folder / "targets.csv")
    by_seed = seed_table(product.with_columns(seed=pl.lit(1)) if seeds is None else seeds, static)
    write_csv(by_seed, folder / "seeds.csv")
    pessimistic = kept.filter(pl.col("mode") == "pessimistic")
    write_csv(breaches(pessimistic, facts.notional_fraction), folder / "breaches.csv")
    figures = metrics(table, worst, gap_table, selection, facts.best_static, entries) | goals.metrics(found, latency)
    figures |= seed_metrics(by_seed)
    if examination is not None:
        examination.write(folder)
        figures |= examination.metrics()
    if account is not None:
        account.write(folder)
    write_json(figures, folder / "metrics.json")
    report = Outcome(
        trades=kept,
        table=table,
        pairs=pairs,
        worst=worst,
        equity=equity,
        curves=curve_rows,
        gaps=gap_table,
        calibration=reliability,
        skills=skills,
        groups=groups,
        selection=selection,
        seeds=by_seed,
        goals=found,
        latency=latency,
        facts=facts,
        censored=trades["id"].n_unique() - entries,
        examination=examination,
        account=account,
        training=training,
    )
    write_text(render(report), folder / "report.html")


def by_policy(trades: pl.DataFrame) -> list[tuple[tuple[object, ...], pl.DataFrame]]:
    """Trades of each (mode, policy), in time order: row i is the same entry in each of them."""
    return [
        (key, frame.sort("entry_ts", "id")) for key, frame in trades.group_by("mode", "policy", maintain_order=True)
    ]
