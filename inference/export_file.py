"""Reads an export (a TorchScript file with extra files) without torch, and refuses a damaged one.

Layout: a zip archive written by `torch.jit.save`, whose extra files hold `manifest.json`, `weights.safetensors` and
`probes.safetensors`; the archive's comment is `ratchet-sha256:<hex>` over every byte before the comment's length field.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors

from inference.errors import ExportError

SCHEMA = 1
SEAL = b"ratchet-sha256:"
_COMMENT_SIZE = len(SEAL) + 64


@dataclass(frozen=True, slots=True)
class Export:
    """One export in memory: manifest, weights by name (float32), probe inputs (n, F+5) and outputs (n, 2, K)."""

    path: Path
    manifest: dict[str, Any]
    weights: dict[str, NDArray[np.float32]]
    probe_inputs: NDArray[np.float32]
    probe_outputs: NDArray[np.float32]


def seal_of(archive: bytes) -> bytes:
    """The comment that belongs at the end of an archive; `archive` ends before the two-byte length of its comment."""
    return SEAL + hashlib.sha256(archive).hexdigest().encode()


def _refuse(
    path: Path, rule: str, was: str, remedy: str = "export the model again (`dvc repro export`)"
) -> ExportError:
    return ExportError(f"{path}: {rule}, was {was}; {remedy}")


def _checked_bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _refuse(
            path, "must be a readable file", error.strerror or "unreadable", "run `make repro` first"
        ) from error
    body, comment = data[: -_COMMENT_SIZE - 2], data[-_COMMENT_SIZE:]
    length = data[len(body) : len(body) + 2]
    if length != _COMMENT_SIZE.to_bytes(2, "little") or not comment.startswith(SEAL):
        raise _refuse(path, "must end with its seal", "truncated, or not an export")
    if seal_of(body) != comment:
        raise _refuse(path, "must match its sha256 seal", "changed after it was written")
    return data


def read_export(path: str | Path) -> Export:
    """Reads and checks one export. Raises ExportError; nothing else of the process changes."""
    path = Path(path)
    data = _checked_bytes(path)
    with zipfile.ZipFile(BytesIO(data)) as archive:
        extra = {name.rsplit("/", 1)[1]: archive.read(name) for name in archive.namelist() if "/extra/" in name}
    missing = {"manifest.json", "weights.safetensors", "probes.safetensors"} - extra.keys()
    if missing:
        raise _refuse(path, "must hold a manifest, weights and probes", f"without {', '.join(sorted(missing))}")
    manifest = json.loads(extra["manifest.json"])
    if manifest.get("schema") != SCHEMA:
        raise _refuse(
            path, f"must be of schema {SCHEMA}", f"schema {manifest.get('schema')}", "use the engine of that schema"
        )
    for name in ("weights", "probes"):
        if hashlib.sha256(extra[f"{name}.safetensors"]).hexdigest() != manifest[f"{name}_sha256"]:
            raise _refuse(path, f"{name} must match the manifest's sha256", "others")
    try:
        weights = load_tensors(extra["weights.safetensors"])
        probes = load_tensors(extra["probes.safetensors"])
    except SafetensorError as error:
        raise _refuse(path, "must hold readable tensors", str(error)) from error
    for name, values in weights.items():
        if not np.isfinite(values).all():
            raise _refuse(path, f"weights {name} must be finite", "NaN or infinite", "train the model again")
    return Export(path, manifest, weights, probes["inputs"], probes["outputs"])
