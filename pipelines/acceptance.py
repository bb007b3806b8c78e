"""`python -m pipelines.acceptance`: the whole pipeline in worlds whose answer is known, beside their oracles.

Every draw of a run of worlds.yaml goes from ingest to evaluate in a folder of its own, artifacts/worlds/RUN-SEED/, with
params.yaml but for what worlds.yaml changes; what is done is kept while parameters and code are the same. Writes
docs/worlds.csv, which docs/worlds.md shows.
"""

from __future__ import annotations

import copy
import json
import multiprocessing
import os
import shutil
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from ruamel.yaml import YAML
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines import check, ingest
from pipelines.arrays import Floats
from pipelines.atomic import write_csv, write_text
from pipelines.folds import code_digest
from pipelines.measures.bootstrap import BootstrapParams, interval, resample
from pipelines.measures.scorecard import ratio
from pipelines.params import read, section
from pipelines.results import by_policy, closed
from pipelines.walk_forward import run_fold

FOLDER, RUNS, RESULTS = Path("artifacts/worlds"), Path("worlds.yaml"), Path("docs/worlds.csv")


def runs(path: Path = RUNS) -> dict[str, tuple[int, dict[str, Any]]]:
    """Name of each run → how many draws of its world, and what it changes of params.yaml, by dotted key."""
    found = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    everywhere = found.pop("all")
    merged = {name: {**everywhere, "ingest.worlds.names": [name.split()[0]], **own} for name, own in found.items()}
    return {name: (changes.pop("draws"), changes) for name, changes in merged.items()}


def changed(params: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the parameters with other values at dotted keys. Raises ValueError for a key that is not there."""
    out = copy.deepcopy(dict(params))
    for key, value in changes.items():
        *way, last = key.split(".")
        place = out
        for part in way:
            place = place.get(part, {})
        if last not in place:
            raise ValueError(f"{RUNS}: {key} must be a key of params.yaml, was none; mend its spelling")
        place[last] = copy.deepcopy(value)
    return out


def prepare(name: str, seed: int, changes: Mapping[str, Any]) -> Path | None:
    """Make the folder of a run, with its params.yaml; None where it is done already with these parameters and code."""
    mine = changed(read(), {**changes, "ingest.worlds.seed": seed})
    for net in ("stop", "exit"):
        mine["train"][net]["seeds"] = mine["train"][net]["seeds"][:1]
    folder = place(name, seed)
    key = json.dumps([mine, code_digest()], sort_keys=True)
    if (folder / "done").exists() and (folder / "key.json").read_text(encoding="utf-8") == key:
        return None
    shutil.rmtree(folder, ignore_errors=True)
    # JSON is YAML.
    write_text(json.dumps(mine, indent=1), folder / "params.yaml")
    write_text(key, folder / "key.json")
    return folder


def place(name: str, seed: int) -> Path:
    """Where a run works."""
    return FOLDER / f"{name.replace(' ', '-')}-{seed}"


def run_world(folder: Path) -> None:
    """All stages from ingest to evaluate in the run's folder, in a process of its own."""
    os.chdir(folder)
    ingest.main()
    check.main()
    run_fold(folder)


def before_costs(trades: pl.DataFrame) -> Floats:
    """Profit of each trade at the levels of its fill and its exits, before fees and slippage, bp of the fill."""
    return (
        trades.select(1e4 * pl.col("side") * (pl.col("exit_level") - pl.col("fill_price")) / pl.col("fill_price"))
        .to_series()
        .to_numpy()
    )


def stitch(name: str, seeds: list[int]) -> dict[str, pl.DataFrame]:
    """Closed trades of all seeds under pessimistic fills: product, static (each seed's best on its training part) and
    oracle, row i the same entry in each.
    """
    frames = []
    for seed in seeds:
        where = place(name, seed) / "artifacts/evaluate"
        trades = closed(pl.read_parquet(where / "trades.parquet")).filter(pl.col("mode") == "pessimistic")
        best = json.loads((where / "chosen.json").read_text(encoding="utf-8"))["best_static"]
        static = trades.filter(pl.col("policy") == best).with_columns(policy=pl.lit("static"))
        frames.append(pl.concat([trades, static]).with_columns(id=pl.format("{}-{}", pl.lit(seed), "id")))
    return {str(policy): frame for (_, policy), frame in by_policy(pl.concat(frames))}


def result(name: str, seeds: list[int], params: BootstrapParams) -> dict[str, Any]:
    """One line of the table: what product, best static exit and oracle make before costs, bp a trade, with intervals;
    the product after costs; and the share of the oracle's profit that it reaches, null where that may be nothing.
    """
    trades = stitch(name, seeds)
    drawn = resample(trades["time_only"], params, np.random.default_rng(params.seed))
    level = drawn.expanded(params.confidence)
    money = {policy: before_costs(trades[policy]) for policy in ("product", "static", "oracle")}
    money["gain"] = money["product"] - money["static"]
    money["product_net"] = (1e4 * trades["product"]["pnl"] / trades["product"]["entry_price"]).to_numpy()
    row: dict[str, Any] = {"run": name, "seeds": len(seeds), "trades": trades["product"].height}
    samples = {key: drawn.weights @ values / drawn.weights.sum(axis=1) for key, values in money.items()}
    for key, values in money.items():
        row |= _with_interval(key, float(values.mean()), samples[key], level)
    for key in ("product", "static"):
        share = ratio(samples[key], samples["oracle"])
        row |= _with_interval(f"{key}_share", row[key] / row["oracle"], share, level)
        if row["oracle_low"] <= 0:
            row |= dict.fromkeys((f"{key}_share", f"{key}_share_low", f"{key}_share_high"))
    return row | claims(name, seeds)


def claims(name: str, seeds: list[int]) -> dict[str, int]:
    """In how many draws the product's own scorecard says that it earns after costs, that it beats the best static."""
    of = (pl.col("policy") == "product") & (pl.col("mode") == "pessimistic") & (pl.col("figure") == "expectancy_bp")
    files = [place(name, seed) / "artifacts/evaluate/scorecard.csv" for seed in seeds]
    cards = [pl.read_csv(file, infer_schema_length=None) for file in files]
    rows = [card.row(by_predicate=of, named=True) for card in cards]
    return {"earns": sum(r["verdict"] == "met" for r in rows), "beats": sum(r["versus"] == "better" for r in rows)}


def _with_interval(key: str, value: float, samples: Floats, level: float) -> dict[str, float]:
    low, high = interval(samples, level)
    return {key: value, f"{key}_low": low, f"{key}_high": high}


def main() -> None:
    """Run what is not done yet, first draws first, then write the table."""
    plan = runs()
    draws = [(seed, name) for name, (count, _) in plan.items() for seed in range(1, count + 1)]
    found = [prepare(name, seed, plan[name][1]) for seed, name in sorted(draws, key=lambda draw: draw[0])]
    todo = [folder.resolve() for folder in found if folder is not None]
    # The nets are small: one process, and one thread in it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        for _ in tqdm(pool.map(run_world, todo), total=len(todo), desc="worlds"):
            pass
    bootstrap = section("evaluate.bootstrap", BootstrapParams)
    rows = [result(name, list(range(1, count + 1)), bootstrap) for name, (count, _) in plan.items()]
    write_csv(pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).round(4)), RESULTS)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"worlds: {error}")
