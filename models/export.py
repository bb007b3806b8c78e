"""The export: one TorchScript file that also carries all that the compiled engine reads. Nothing else touches
torch.jit.

torch.jit.save is not reproducible: class names carry a counter of the process, and debug records the paths of source
files. So the archive is written again without either; equal nets then give equal bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

from inference.export_file import SCHEMA, seal_of
from inference.graph import graph_hash
from models.nets import CLIP, STATE
from models.trained import Trained, predict

TOLERANCE = 1e-6  # between the eager and the scripted net
_MANGLED = re.compile(rb"___torch_mangle_\d+")


@contextmanager
def _scripting() -> Iterator[None]:
    with warnings.catch_warnings(), torch.no_grad():
        warnings.filterwarnings("ignore", r"`torch\.jit\.", DeprecationWarning)
        yield


def export(trained: Trained, policy: dict[str, Any], git_commit: str) -> bytes:
    """The export as bytes (layout: inference/export_file.py).

    policy: the policy sections that this net carries, as plain data. ValueError for non-finite weights or a script that
    disagrees with the net it was made from.
    """
    for name, values in trained.weights.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: must be finite, was NaN or infinite; lower train.learning_rate and train again")
    module, inputs = trained.module(), trained.weights["probes"]
    with _scripting():
        script = torch.jit.freeze(torch.jit.script(module))
        outputs = predict(script, inputs)
    if not np.abs(outputs - predict(module, inputs)).max() <= TOLERANCE:
        raise ValueError(
            f"script: must agree with the net to {TOLERANCE:g} on the probes, did not; report the PyTorch version"
        )
    weights, probes = trained.layers(), save({"inputs": inputs, "outputs": outputs})
    manifest = _manifest(trained, policy, git_commit, weights, probes)
    extra = {
        "manifest.json": json.dumps(manifest, sort_keys=True, separators=(",", ":"), allow_nan=False).encode(),
        "weights.safetensors": weights,
        "probes.safetensors": probes,
    }
    buffer = io.BytesIO()
    with _scripting():
        torch.jit.save(script, buffer, _extra_files=extra)
    return _sealed(_reproducible(buffer.getvalue()))


def run_script(path: Path, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Curves (n, 2, K) of an exported file by TorchScript itself: the reference for the compiled forward."""
    with _scripting():
        return predict(torch.jit.load(str(path)), inputs)  # type: ignore[no-untyped-call]


def _manifest(
    trained: Trained, policy: dict[str, Any], git_commit: str, weights: bytes, probes: bytes
) -> dict[str, Any]:
    facts = trained.facts
    names = [f"hidden{i}" for i in range(len(facts["hidden"]))] + ["head"]
    shapes = [trained.weights[f"{name}.weight"].shape for name in names]
    same = ("kind", "graph", "features", "grid", "calibration", "horizon_bars", "bar_interval_us", "trained_until_us")
    return {
        **{name: facts[name] for name in (*same, "expires_us", "symbols", "tables", "data_hash")},
        "schema": SCHEMA,
        "graph_hash": graph_hash(facts["graph"]),
        "state": list(STATE),
        "unit": "sigma",
        "atr": "atr",
        "scaling": {
            "mean": trained.weights["mean"].tolist(),
            "std": trained.weights["std"].tolist(),
            "low": facts["low"],
            "high": facts["high"],
            "clip": CLIP,
        },
        "layers": [
            {"name": name, "in": shape[1], "out": shape[0], "activation": "none" if name == "head" else "relu"}
            for name, shape in zip(names, shapes, strict=True)
        ],
        "curves": list(trained.kind.curves),
        "coupling": trained.kind.coupling,
        "policy": policy,
        "git_commit": git_commit,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "probes_sha256": hashlib.sha256(probes).hexdigest(),
    }


def _reproducible(archive: bytes) -> bytes:
    """The same TorchScript archive without what differs from process to process and machine to machine."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as new:
        for info in old.infolist():
            name, data = info.filename, old.read(info)
            if name.endswith(".debug_pkl") or name.endswith("/serialization_id"):
                continue
            if name.endswith(".py") or name.endswith("/data.pkl"):
                # A frozen module is one class. Its name stands in pickled GLOBAL records, which end with a newline: any
                # length will do.
                name = _MANGLED.sub(b"___torch_mangle_0", name.encode()).decode()
                data = _MANGLED.sub(b"___torch_mangle_0", data)
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return out.getvalue()


def _sealed(archive: bytes) -> bytes:
    """The archive with its digest as comment; the last two bytes of one without comment are the comment's length, 0."""
    body = archive[:-2]
    seal = seal_of(body)
    return body + struct.pack("<H", len(seal)) + seal
