"""The compiled forward pass of one export, checked against its own probes before it serves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.errors import ExportError
from inference.export_file import Export, read_export

PROBE_TOLERANCE = 1e-5


def build_net(export: Export) -> _native.Net:
    """The compiled net of an export. Raises ExportError where it does not reproduce the export's probes to 1e-5."""
    manifest = export.manifest
    layers = [
        _native.Dense(
            np.ascontiguousarray(export.weights[f"{layer['name']}.weight"]),
            np.ascontiguousarray(export.weights[f"{layer['name']}.bias"]),
            layer["activation"] == "relu",
        )
        for layer in manifest["layers"]
    ]
    scaling = manifest["scaling"]
    net = _native.Net(
        np.asarray(scaling["mean"], np.float32),
        np.asarray(scaling["std"], np.float32),
        scaling["clip"],
        layers,
        len(manifest["grid"]),
        manifest["coupling"] == "nested",
        np.asarray(manifest["calibration"], np.float32).ravel(),
    )
    error = float(np.abs(net.predict(export.probe_inputs) - export.probe_outputs).max())
    if not error <= PROBE_TOLERANCE:
        raise ExportError(
            f"{export.path}: probes must be reproduced to {PROBE_TOLERANCE:g}, was off by {error:.3g}; "
            "export the model again with this version"
        )
    return net


class Net:
    """One exported net on its own: curves for rows of inputs.

    `manifest` tells input names (`features` then `state`), `curves` and `grid` (in volatility units).
    """

    def __init__(self, export: Export) -> None:
        self.manifest = export.manifest
        self._net = build_net(export)

    @classmethod
    def load(cls, path: str | Path) -> Net:
        """Reads one export (stop or exit). Raises ExportError."""
        return cls(read_export(path))

    def predict(self, x: ArrayLike) -> NDArray[np.float32]:
        """Calibrated probabilities (rows, 2 curves, grid) for raw finite inputs (rows, F + 5)."""
        rows = np.ascontiguousarray(x, dtype=np.float32)
        if not np.isfinite(rows).all():
            raise ValueError("x: must be finite, was NaN or infinite in some rows; drop the rows before warm-up")
        return np.asarray(self._net.predict(rows))
