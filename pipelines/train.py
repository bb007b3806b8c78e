"""Stage train@net: fit a net, calibrate it, judge it on the test part beside its baselines, log the run."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.labels import LabelParams
from models.calibration import calibrate
from models.data import Dataset, Rows, assemble, read_features
from models.figures import calibration_figure, excursion_figure, loss_figure
from models.fit import Fitted, fit
from models.nets import Kind, kind_of
from models.scores import LEVELS, pinball
from models.skill import dispersion, judge, net_quantiles, observed
from models.task import TrainNets, TrainParams
from models.tracking import log_training
from models.trained import Trained, describe, predict
from pipelines.atomic import fresh_folder, write_bytes, write_csv, write_json
from pipelines.entries import TABLE as ENTRIES
from pipelines.params import section
from pipelines.splits import SplitParams, split


def train(
    kind: Kind,
    dataset: Dataset,
    graph: dict[str, Any],
    params: TrainParams,
    labels: LabelParams,
    entries: pl.DataFrame,
    checkpoints: Path,
) -> tuple[Fitted, Trained]:
    """Fit on train and validation, calibrate on calibration; the test part is not looked at.

    What the curves promise is judged on the calibration part's entries, not on all of its bars: who enters with the
    trend has nothing of a stop that helps on average, against the trend half of the time.
    """
    fitted = fit(kind, dataset, params, checkpoints)
    rows = dataset.rows.of("calibration")
    maps = calibrate(predict(fitted.net, rows.inputs), rows.outcomes, rows.ts)
    judged, grid = entered(rows.fresh(), entries), np.asarray(labels.grid)
    return fitted, describe(kind, dataset, fitted, params, maps, graph, grid, labels.horizon_bars, judged)


def entered(rows: Rows, entries: pl.DataFrame) -> Rows:
    """Those of the fresh rows on whose bar and side a position is opened. entries: the table data/entries.parquet."""
    keys = ["symbol", "ts", "side"]
    mine = pl.DataFrame({key: getattr(rows, key) for key in keys}, schema_overrides={"symbol": pl.String})
    theirs = entries.select("symbol", pl.col("ts").dt.epoch("us"), "side").unique().with_columns(entered=pl.lit(True))
    found = mine.join(theirs, on=keys, how="left", maintain_order="left")["entered"]
    return rows.take(found.fill_null(False).to_numpy())


def scores(dataset: Dataset, fitted: Fitted, trained: Trained) -> tuple[dict[str, Any], dict[str, NDArray[np.float32]]]:
    """Metrics of the run, and the curves on the fresh rows of the test part (net, calibrated: (n, 2, K))."""
    fresh = dataset.rows.fresh()
    test = fresh.of("test")
    curves = {
        "net": predict(trained.net(), test.inputs),
        "calibrated": predict(trained.module(), test.inputs),
    }
    grid, horizon = np.asarray(trained.facts["grid"]), trained.facts["horizon_bars"]
    best = min(fitted.curve, key=lambda epoch: epoch.val_loss)
    test_scores = judge(
        trained.kind,
        curves["calibrated"],
        curves["net"],
        test,
        fresh.of("train"),
        fresh.of("validation"),
        grid,
        horizon,
    )
    metrics = {
        "rows": {part: len(dataset.rows.of(part)) for part in ("train", "validation", "calibration", "test")},
        "dropped": dataset.dropped,
        "epochs": len(fitted.curve),
        "best": asdict(best),
        "edge_weight": trained.facts["tables"]["edge_weight"],
        "test": test_scores,
    }
    return metrics, curves


def seed_nets(
    kind: Kind,
    dataset: Dataset,
    graph: dict[str, Any],
    params: TrainParams,
    labels: LabelParams,
    entries: pl.DataFrame,
    checkpoints: Path,
) -> list[tuple[Trained, float]]:
    """Nets that differ from the product's in their seed alone, with their losses (pinball) on the test part."""
    test, nets = dataset.rows.fresh().of("test"), []
    for seed in params.seeds[1:]:
        folder = checkpoints.with_name(f"{checkpoints.name}-{seed}")
        _, trained = train(kind, dataset, graph, replace(params, seeds=(seed,)), labels, entries, folder)
        forecast = net_quantiles(predict(trained.module(), test.inputs), test, np.asarray(labels.grid), LEVELS)
        nets.append((trained, float(pinball(observed(test), forecast, LEVELS).mean())))
    return nets


def main(net: str) -> None:
    """Reads data/features/, data/labels.parquet and data/entries.parquet, writes artifacts/train/{net}/."""
    kind = kind_of(net)
    nets, label_params = section("train", TrainNets), section("labels", LabelParams)
    params: TrainParams = getattr(nets, net)
    table = read_features(Path("data/features")).only(nets.inputs)
    labels = split(
        pl.read_parquet("data/labels.parquet"), section("split", SplitParams), horizon_bars=label_params.horizon_bars
    )
    dataset = assemble(table, labels, kind)
    checkpoints, first = Path("artifacts/checkpoints") / net, replace(params, seeds=params.seeds[:1])
    entries = pl.read_parquet(ENTRIES)
    fitted, trained = train(kind, dataset, table.graph, first, label_params, entries, checkpoints)
    metrics, curves = scores(dataset, fitted, trained)
    others = seed_nets(kind, dataset, table.graph, params, label_params, entries, checkpoints)
    metrics["seeds"] = dispersion(metrics["test"], [loss for _, loss in others])
    folder = Path("artifacts/train") / net
    write_csv(pl.DataFrame([asdict(epoch) for epoch in fitted.curve]), folder / "curves.csv")
    write_json(metrics, folder / "metrics.json")
    for name, data in trained.files().items():
        write_bytes(data, folder / name)
    with fresh_folder(folder / "seeds") as fresh:  # by number: the product's own is the first
        for number, (other, _) in enumerate(others, 2):
            for name, data in other.files().items():
                write_bytes(data, fresh / str(number) / name)
    test = dataset.rows.of("test").fresh()
    log_training(
        f"{net} net",
        trained.weights_sha256,
        {**asdict(params), "horizon_bars": label_params.horizon_bars, "features": len(dataset.features), "net": net},
        metrics,
        fitted.curve,
        {
            "loss.png": loss_figure(fitted.curve),
            "calibration.png": calibration_figure(kind, curves["calibrated"], curves["net"], test.outcomes),
            "excursion.png": excursion_figure(kind, curves["calibrated"], test, np.asarray(label_params.grid)),
        },
    )
    print(report(net, metrics))


def report(net: str, metrics: dict[str, Any]) -> str:
    """Rows, epochs and the skill over each baseline, in lines."""
    test, rows, seeds = metrics["test"], metrics["rows"], metrics["seeds"]
    lines = [f"train {net}: {rows['train']:,} rows, {metrics['epochs']} epochs; pinball {test['pinball']:.6f} on test"]
    for name, skill in test["skill"].items():
        s = skill["pinball"]
        lines.append(f"  skill over {name}: {s['skill']:+.2%} [{s['low']:+.2%}, {s['high']:+.2%}], p {s['p']:.3f}")
        if name in seeds["skill"] and seeds["count"] > 1:
            d = seeds["skill"][name]
            lines[-1] += (
                f"; {seeds['count']} seeds {d['mean']:+.2%} ± {d['std']:.2%}, {d['low']:+.2%} to {d['high']:+.2%}"
            )
    lines.append(f"  edge weight {metrics['edge_weight']:.2f} (0: on the calibration part the curves' value was noise)")
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"train: {error}")
