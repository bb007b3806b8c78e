"""A trained net with all that its export needs, as two plain files: weights.safetensors and model.json."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from models.data import PARTS, Dataset, Rows
from models.fit import Fitted
from models.nets import Calibrated, CurveNet, Kind, kind_of, named_weights, set_weights
from models.tables import policy_tables
from models.task import TrainParams

PROBES = 64
RANGE_MARGIN = 0.25  # of the training range, at either end: the engine trusts the net a little beyond what it has seen
DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Trained:
    """weights: by layer, and `mean`, `std` of the scaling and `probes`, inputs (64, F + 5). facts: the content of
    model.json.

    facts: kind, features, hidden, grid, horizon_bars, bar_interval_us, trained_until_us, expires_us, symbols, low,
    high, calibration, tables, graph, data_hash.
    """

    weights: dict[str, NDArray[np.float32]]
    facts: dict[str, Any]

    @property
    def kind(self) -> Kind:
        """Which of the two nets it is."""
        return kind_of(self.facts["kind"])

    def net(self) -> CurveNet:
        """The uncalibrated net, in evaluation mode."""
        net = self.kind.net(self.weights["mean"], self.weights["std"], self.facts["hidden"], len(self.facts["grid"]))
        set_weights(net, {k: v for k, v in self.weights.items() if "." in k})
        net.eval()
        return net

    @property
    def weights_sha256(self) -> str:
        """Digest of the layers as the export stores them: names the run in MLflow."""
        return hashlib.sha256(self.layers()).hexdigest()

    def layers(self) -> bytes:
        """The layers alone, as safetensors."""
        return save({k: v for k, v in self.weights.items() if "." in k})

    def module(self) -> Calibrated:
        """The calibrated net, in evaluation mode."""
        module = Calibrated(self.net(), np.asarray(self.facts["calibration"], np.float32), self.kind.nested)
        module.eval()
        return module

    def files(self) -> dict[str, bytes]:
        """File name → content; equal nets give equal bytes."""
        text = json.dumps(self.facts, sort_keys=True, indent=1, allow_nan=False) + "\n"
        return {"weights.safetensors": save(self.weights), "model.json": text.encode()}

    @classmethod
    def load(cls, folder: Path) -> Trained:
        """Inverse of `files`; FileNotFoundError where the folder has not both."""
        return cls(load_file(folder / "weights.safetensors"), json.loads((folder / "model.json").read_text()))


@torch.no_grad()
def predict(module: torch.nn.Module, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Curves of raw inputs (n, F + 5): (n, 2, K)."""
    out: torch.Tensor = module(torch.from_numpy(np.ascontiguousarray(inputs)))
    return out.numpy()


def probe_inputs(
    inputs: NDArray[np.float32], mean: NDArray[np.float32], std: NDArray[np.float32]
) -> NDArray[np.float32]:
    """64 inputs from the training rows (n, F + 5): those that are extreme in some input, evenly spaced ones, and two
    beyond the clipping.
    """
    order = np.stack([inputs.argmin(0), inputs.argmax(0)], 1).ravel()
    extreme = list(dict.fromkeys(order.tolist()))[: PROBES // 2]
    spaced = np.linspace(0, len(inputs) - 1, PROBES - 2 - len(extreme)).round().astype(np.int64)
    beyond = np.stack([mean - 20 * std, mean + 20 * std])
    return np.concatenate([inputs[extreme], inputs[spaced], beyond]).astype(np.float32)


def describe(
    kind: Kind,
    dataset: Dataset,
    fitted: Fitted,
    params: TrainParams,
    calibration: NDArray[np.float64],
    graph: dict[str, Any],
    grid: NDArray[np.float64],
    horizon_bars: int,
    judged: Rows,
) -> Trained:
    """Gather a trained net and its facts. Calibration rows count as training: the net may be judged only on what comes
    after. judged: fresh calibration rows that say how far the curves' promises count, those of the user's entries.
    """
    train, seen = dataset.rows.of("train"), dataset.rows.of(*PARTS[:-1])
    features = train.inputs[:, : len(dataset.features)]
    low, high = features.min(0).astype(np.float64), features.max(0).astype(np.float64)
    margin = RANGE_MARGIN * (high - low)
    mean, std = (getattr(fitted.net, name).numpy().copy() for name in ("mean", "std"))
    until = int(seen.end_ts.max())
    facts = {
        "kind": kind.name,
        "features": list(dataset.features),
        "hidden": list(params.hidden),
        "grid": grid.tolist(),
        "horizon_bars": horizon_bars,
        "bar_interval_us": int(graph["bar_interval_us"]),
        "trained_until_us": until,
        "expires_us": until + params.valid_days * DAY_US if params.valid_days else 0,
        "symbols": sorted(set(train.symbol.tolist())),
        "low": (low - margin).tolist(),
        "high": (high + margin).tolist(),
        "calibration": calibration.tolist(),
        "graph": graph,
        "data_hash": seen.digest(),
    }
    weights = {**named_weights(fitted.net), "mean": mean, "std": std, "probes": probe_inputs(train.inputs, mean, std)}
    curves = predict(Trained(weights, facts).module(), judged.inputs)
    horizon_us = horizon_bars * int(facts["bar_interval_us"])
    return Trained(weights, {**facts, "tables": policy_tables(kind, train, judged, curves, grid, horizon_us)})
