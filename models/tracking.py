"""Runs in MLflow. A run is found again by the digest of its weights: run ids never stand in files that DVC hashes."""

from __future__ import annotations

import json
import logging
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # our files are small

import mlflow
from matplotlib.figure import Figure
from mlflow.entities import Run

if TYPE_CHECKING:
    from models.task import Epoch

EXPERIMENT = "ratchet"
TAG, EVALUATED = "weights_sha256", "configuration_sha256"


def connect() -> str:
    """Use MLFLOW_TRACKING_URI, else ./mlflow.db with artifacts in ./mlartifacts; returns the id of the experiment, made
    if need be.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)  # a line per migration on the first run
    served = os.environ.get("MLFLOW_TRACKING_URI")
    # Absolute: MLflow keeps one open store per URI, and exports the URI to the environment.
    mlflow.set_tracking_uri(served or f"sqlite:///{Path('mlflow.db').resolve()}")
    with warnings.catch_warnings():
        # MLflow 3.17 declares its tables in a way that SQLAlchemy 2.1 deprecates.
        warnings.filterwarnings("ignore", "The ``noload`` loader strategy is deprecated", DeprecationWarning)
        experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    if experiment is not None:
        return str(experiment.experiment_id)
    local = None if served and not served.startswith("sqlite") else Path("mlartifacts").resolve().as_uri()
    return str(mlflow.create_experiment(EXPERIMENT, artifact_location=local))


def find_run(weights_sha256: str) -> str | None:
    """The id of the latest run of these weights; None where the store has none."""
    runs = mlflow.MlflowClient().search_runs(
        [connect()], f"tags.{TAG} = '{weights_sha256}'", order_by=["attributes.start_time DESC"], max_results=1
    )
    return str(runs[0].info.run_id) if runs else None


def trained_nets() -> int:
    """How many nets the store knows of, whatever became of them: each distinct product net with every seed that it was
    trained with (a run's parameter `seeds`; its others differ from the product's in the seed alone).
    """
    seeds: dict[str, set[int]] = {}
    for run in _runs_with(TAG):
        known = seeds.setdefault(run.data.tags[TAG], set())
        known |= set(json.loads(run.data.params.get("seeds", "[]")))
    return sum(max(1, len(known)) for known in seeds.values())


def log_evaluation(configuration_sha256: str, params: Mapping[str, str]) -> None:
    """Remember that this configuration was evaluated; a configuration that was seen before is no new trial."""
    if all(run.data.tags[EVALUATED] != configuration_sha256 for run in _runs_with(EVALUATED)):
        with mlflow.start_run(experiment_id=connect(), run_name="evaluation", tags={EVALUATED: configuration_sha256}):
            mlflow.log_params(dict(params))


def trials(nets: int = 0) -> int:
    """Nets trained plus configurations evaluated: so many chances were had to find a good result, at most.

    nets: at least so many were trained, also where the store has lost their runs.
    """
    return max(nets, trained_nets()) + len({run.data.tags[EVALUATED] for run in _runs_with(EVALUATED)})


def _runs_with(tag: str) -> Iterator[Run]:
    client, experiment, token = mlflow.MlflowClient(), connect(), None
    while True:
        page = client.search_runs([experiment], f"tags.{tag} != ''", page_token=token)
        yield from page
        token = page.token
        if not token:
            return


@contextmanager
def run_of(weights_sha256: str, name: str) -> Iterator[str]:
    """The run of these weights, opened again; a new one named `name` where the store has lost it (or never had it)."""
    found, experiment = find_run(weights_sha256), connect()
    tags = None if found else {TAG: weights_sha256}
    with mlflow.start_run(run_id=found, experiment_id=experiment, run_name=None if found else name, tags=tags) as run:
        yield str(run.info.run_id)


def log_training(
    name: str,
    weights_sha256: str,
    params: Mapping[str, Any],
    metrics: Mapping[str, Any],
    curve: Sequence[Epoch],
    figures: Mapping[str, Figure],
) -> str:
    """A new run: parameters, metrics (nested; text is skipped), one step a training epoch, figures by file name.
    Returns its id.
    """
    with mlflow.start_run(experiment_id=connect(), run_name=name, tags={TAG: weights_sha256}) as run:
        mlflow.log_params({k: json.dumps(v) if isinstance(v, (list, tuple, dict)) else v for k, v in params.items()})
        mlflow.log_metrics(flat(metrics))
        for epoch in curve:
            mlflow.log_metrics({"train_loss": epoch.train_loss, "val_loss": epoch.val_loss}, step=epoch.epoch)
        for file, figure in figures.items():
            mlflow.log_figure(figure, f"figures/{file}")
        mlflow.log_dict(dict(metrics), "metrics.json")
        return str(run.info.run_id)


def log_files(
    weights_sha256: str, name: str, files: Sequence[Path], folder: str, metrics: Mapping[str, Any] | None = None
) -> str:
    """Add files and metrics to the run of these weights. Returns its id."""
    with run_of(weights_sha256, name) as run_id:
        for file in files:
            mlflow.log_artifact(str(file), folder)
        if metrics:
            mlflow.log_metrics(flat(metrics))
        return run_id


def flat(metrics: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Nested numbers under joined names: {"skill": {"atr": 0.1}} → {"skill.atr": 0.1}; anything else is left out.

    Characters that MLflow refuses in names become "_".
    """
    out: dict[str, float] = {}
    for key, value in metrics.items():
        name = re.sub(r"[^\w\-. :/]", "_", f"{prefix}.{key}" if prefix else str(key))
        if isinstance(value, Mapping):
            out |= flat(value, name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            out[name] = float(value)
    return out
