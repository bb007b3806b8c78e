"""The model registry: versions of stop-predictor and exit-predictor, their aliases, and the log of promotions."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException

from inference import read_export
from models.gate import RegisterParams, Verdict, gate, pair
from models.nets import Kind
from models.tracking import connect, run_of

with warnings.catch_warnings():
    # MLflow 3.17 warns of type hints of its own.
    warnings.filterwarnings("ignore", ".*Any type hint is inferred as AnyType", UserWarning)
    import mlflow.pyfunc

__all__ = [
    "PROMOTIONS",
    "RegisterParams",
    "Verdict",
    "Version",
    "champion",
    "gate",
    "pair",
    "promote",
    "register",
    "resolve",
]

CHALLENGER, CHAMPION = "challenger", "champion"
PROMOTIONS = Path("promotions.jsonl")
SCRIPT = Path(__file__).with_name("pyfunc_model.py")
REQUIREMENTS = ["mlflow", "numpy", "polars", "safetensors"]  # and this package, which is not on an index


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a registered model; export_sha256: digest of its export file."""

    name: str
    number: str
    export_sha256: str

    @property
    def uri(self) -> str:
        """As MLflow and the engine name it: stop-predictor/3."""
        return f"{self.name}/{self.number}"


def register(kind: Kind, export: Path) -> Version:
    """Register an export as the challenger; one that is registered already keeps its version. Raises ExportError for a
    damaged file.
    """
    manifest = read_export(export).manifest
    digest = hashlib.sha256(export.read_bytes()).hexdigest()
    connect()
    client = mlflow.MlflowClient()
    known = [
        v for v in client.search_model_versions(f"name = '{kind.registered}'") if v.tags.get("export_sha256") == digest
    ]
    if known:
        number = str(known[0].version)
    else:
        tags = {
            "export_sha256": digest,
            "weights_sha256": manifest["weights_sha256"],
            "graph_hash": manifest["graph_hash"],
        }
        with run_of(manifest["weights_sha256"], f"{kind.name} net"):
            info = mlflow.pyfunc.log_model(
                name=kind.registered,
                python_model=str(SCRIPT),
                artifacts={"export": str(export)},
                pip_requirements=REQUIREMENTS,
                registered_model_name=kind.registered,
            )
        number = str(info.registered_model_version)
        for key, value in tags.items():
            client.set_model_version_tag(kind.registered, number, key, value)
    client.set_registered_model_alias(kind.registered, CHALLENGER, number)
    return Version(kind.registered, number, digest)


def champion(kind: Kind) -> Version | None:
    """The champion in force; None where there is none."""
    connect()
    try:
        found = mlflow.MlflowClient().get_model_version_by_alias(kind.registered, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return Version(kind.registered, str(found.version), found.tags["export_sha256"])


def promote(version: Version, before: Version | None, verdict: Verdict, log: Path = PROMOTIONS) -> bool:
    """Make the version champion if the verdict accepts it; returns whether it does.

    Either way the verdict is appended to the log, before the alias moves: MLflow keeps no history of aliases.
    """
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": version.name,
        "version": version.number,
        "champion_before": before.number if before else None,
        "promoted": verdict.accepted,
        "reasons": list(verdict.reasons),
        "export_sha256": version.export_sha256,
    }
    with log.open("a") as file:
        file.write(json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())
    if verdict.accepted:
        mlflow.MlflowClient().set_registered_model_alias(version.name, CHAMPION, version.number)
    return verdict.accepted


def resolve(uri: str) -> Path:
    """The local path of a registered export: "stop-predictor@champion" or "stop-predictor/3". ValueError where there is
    none.
    """
    connect()
    try:
        folder = Path(mlflow.artifacts.download_artifacts(f"models:/{uri}"))
    except MlflowException as error:
        raise ValueError(
            f"uri: must name a registered model, was {uri!r}; run `make repro`, then see `make ui` ({error.message})"
        ) from error
    return next(folder.rglob("*.pt"))
