"""Stage register: both exports become challengers, and champions where the gate lets them through."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from features.labels import LabelParams
from inference import Net, read_export
from inference.graph import build_spec
from models.contest import contest
from models.nets import KINDS, Kind
from models.registry import RegisterParams, Verdict, Version, champion, gate, pair, promote, register, resolve
from models.tracking import log_files
from pipelines.atomic import write_json
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.sources.tables import OPTIONAL
from pipelines.splits import SplitParams, split
from pipelines.tables import bar_series

EVALUATION = Path("artifacts/evaluate/report.html")
SEED = 7  # of the bootstrap


def manifest_in_force(before: Version) -> dict[str, Any]:
    """The champion's manifest. Raises ValueError where this engine cannot run it."""
    manifest = read_export(resolve(before.uri)).manifest
    build_spec(manifest["graph"])
    return manifest


def verdict_on(
    kind: Kind, path: Path, version: Version, before: Version | None, lost: str | None, params: RegisterParams
) -> Verdict:
    """The gate's verdict on one challenger by itself. lost: why the champion before cannot be run any more, if so."""
    if version == before:
        return Verdict(True, ("passed: it is the champion already",))
    metrics = json.loads((Path("artifacts/train") / kind.name / "metrics.json").read_text())["test"]
    export = read_export(path)
    error = float(np.abs(Net(export).predict(export.probe_inputs) - export.probe_outputs).max())
    against = None
    if before is not None and lost is None:
        labels = split(
            pl.read_parquet("data/labels.parquet"),
            section("split", SplitParams),
            horizon_bars=section("labels", LabelParams).horizon_bars,
        )
        bars = read_bars()
        own = bar_series(bars, list(OPTIONAL), export.manifest["bar_interval_us"])
        series = pl.concat([pl.read_parquet("data/checked/series.parquet"), own])
        test = labels.filter(pl.col("part") == "test")
        against = contest(kind, path, resolve(before.uri), bars, series, test, SEED)
    return gate(metrics, error, against, params, f"this engine cannot run it ({lost})" if lost else "none yet")


def log_evaluation(net: str, weights_sha256: str) -> None:
    """Add the replay's report and figures to the net's run."""
    metrics = json.loads(EVALUATION.with_name("metrics.json").read_text())
    log_files(weights_sha256, f"{net} net", [EVALUATION], "evaluate", {"evaluate": metrics})


def main() -> None:
    """Reads the exports and what they scored, writes artifacts/registry.json and promotions.jsonl."""
    params = section("register", RegisterParams)
    paths = {net: Path("artifacts/exports") / f"{net}.pt" for net in KINDS}
    versions = {net: register(kind, paths[net]) for net, kind in KINDS.items()}
    for net in KINDS:
        log_evaluation(net, read_export(paths[net]).manifest["weights_sha256"])
    before = {net: champion(kind) for net, kind in KINDS.items()}
    champions: dict[str, dict[str, Any]] = {}
    lost: dict[str, str] = {}
    for net, old in before.items():
        try:
            if old is not None:
                champions[net] = manifest_in_force(old)
        except ValueError as error:
            lost[net] = str(error)
    verdicts = {
        net: verdict_on(kind, paths[net], versions[net], before[net], lost.get(net), params)
        for net, kind in KINDS.items()
    }
    challengers = {net: read_export(path).manifest for net, path in paths.items()}
    verdicts = pair(verdicts, challengers, champions)
    result: dict[str, Any] = {}
    for net, version in versions.items():
        old, verdict = before[net], verdicts[net]
        moved = version != old and promote(version, old, verdict)
        now = version.number if moved else old.number if old else None
        result[net] = {"model": version.name, "version": version.number, "champion": now, "promoted": moved}
        result[net]["reasons"] = list(verdict.reasons)
        print(f"register {version.uri}: {'promoted to champion' if moved else f'champion is {now}'}")
        for reason in verdict.reasons:
            print(f"  {reason}")
    write_json(result, "artifacts/registry.json")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"register: {error}")
