"""The whole way, as a user goes it: `dvc repro` in a fresh copy, killed in the middle and taken up again."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
ENVIRONMENT = {
    **{k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"},
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "1",
}
pytestmark = pytest.mark.slow


def run(copy: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=copy, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout + done.stderr


def kill_while_training(copy: Path) -> None:
    """Starts the pipeline and kills all of it, without warning, once the first net has a checkpoint."""
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=copy,
        env=ENVIRONMENT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while not list(copy.glob("artifacts/checkpoints/**/*.ckpt")):
        assert process.poll() is None, "the pipeline ended before it could be killed"
        assert time.monotonic() < deadline, "no checkpoint within five minutes"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def repro(tmp_path_factory) -> Path:
    """A copy of the project, shortened training, killed once and then run to its end."""
    copy = tmp_path_factory.mktemp("fresh") / "ratchet"
    files = run(ROOT, "git", "ls-files", "--cached", "--others", "--exclude-standard").split("\n")
    for name in filter(None, files):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    params = copy / "params.yaml"
    shortened = re.sub(r"max_epochs: \d+", "max_epochs: 6", params.read_text())
    params.write_text(re.sub(r"replications: \d+", "replications: 100", shortened))
    run(copy, "git", "init", "-q")
    run(copy, "git", "add", "-A")
    run(copy, "git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "start")
    kill_while_training(copy)
    assert not list(copy.glob("artifacts/train/*/model.json")), "an interrupted training leaves no result"
    run(copy, "dvc", "repro")
    return copy


def test_a_second_run_does_nothing(repro) -> None:
    before = {path: path.stat().st_mtime_ns for path in repro.glob("artifacts/**/*") if path.is_file()}
    assert "up to date" in run(repro, "dvc", "repro")
    assert {path: path.stat().st_mtime_ns for path in repro.glob("artifacts/**/*") if path.is_file()} == before


def test_metrics_plots_and_graph_are_what_dvc_users_expect(repro) -> None:
    metrics = json.loads(run(repro, "dvc", "metrics", "show", "--json"))[""]["data"]
    assert {Path(name).parts[-2] for name in metrics} >= {"stop", "exit", "evaluate"}
    plots = run(repro, "dvc", "plots", "show")
    assert (repro / "dvc_plots" / "index.html").exists(), plots
    graph = run(repro, "dvc", "dag")
    for stage in (
        "ingest",
        "check",
        "features@volatility",
        "labels",
        "train@stop",
        "export@exit",
        "entries",
        "evaluate",
        "register",
    ):
        assert stage in graph


def test_the_registry_serves_what_was_trained(repro) -> None:
    program = """
import mlflow, polars as pl
from inference import Engine
from models.tracking import connect
connect()
client = mlflow.MlflowClient()
for name in ("stop-predictor", "exit-predictor"):
    aliases = client.get_registered_model(name).aliases
    assert "challenger" in aliases, aliases
    run = client.get_run(client.get_model_version_by_alias(name, "challenger").run_id)
    assert run.data.params and run.data.metrics
    files = [f.path for f in client.list_artifacts(run.info.run_id, "figures")]
    assert any("calibration" in f for f in files) and any("excursion" in f for f in files), files
    bars = pl.read_parquet("data/checked/bars/symbol=SPX/**/*.parquet").tail(300).to_pandas()
    out = mlflow.pyfunc.load_model(f"models:/{name}@challenger").predict(bars)
    last = out[out["ts"] == out["ts"].max()]  # the first bars are warm-up
    assert sorted(last["side"]) == [-1, 1] and last.notna().all(axis=None)
engine = Engine.from_registry("stop-predictor@challenger", "exit-predictor@challenger")
local = Engine.load("artifacts/exports/stop.pt", "artifacts/exports/exit.pt")
assert engine.stop_manifest == local.stop_manifest and engine.exit_manifest == local.exit_manifest
print("served")
"""
    assert "served" in run(repro, sys.executable, "-c", program)


def test_the_example_of_the_readme_runs(repro) -> None:
    """Its levels depend on the training, shortened here; what it prints must look as the README shows it."""
    readme = (ROOT / "README.md").read_text()
    program, shown = (re.search(rf"```{kind}\n(.*?)```", readme, re.S)[1] for kind in ("python", "text"))
    printed = run(repro, sys.executable, "-c", program)
    assert printed.split()[:3] == shown.split()[:3]
    assert re.search(r"stop \d+\.\d\d, target \d+\.\d\d", printed)
    assert re.search(r"position 1: (move_stop|move_target|exit) \d+\.\d\d \(\w+\)", printed)


def test_impossible_parameters_stop_before_any_data_are_read(repro) -> None:
    params = repro / "params.yaml"
    good = params.read_text()
    for wrong, rule in (
        (good.replace("rsi_bars: 14", "rsi_bar: 14"), "rsi_bar"),
        (good.replace("max_trade_loss: 0.02", "max_trade_loss: 0.5"), r"max_trade_loss: must be .* was 0.5"),
    ):
        params.write_text(wrong)
        done = subprocess.run(["dvc", "repro"], cwd=repro, env=ENVIRONMENT, capture_output=True, text=True)
        params.write_text(good)
        assert done.returncode != 0
        assert re.search(rule, done.stdout + done.stderr)
    assert "Running stage" not in run(repro, "dvc", "repro"), "the last good state must still be there"
