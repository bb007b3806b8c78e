"""Stage export@net: the trained net as one TorchScript file, proven in the engine before it replaces the last."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from features.families import FeatureParams, price_levels
from features.prices import with_levels
from inference import Net, read_export
from inference.errors import ExportError
from inference.policy import Policy
from models.export import export, run_script
from models.gate import PROBE_TOLERANCE
from models.nets import kind_of
from models.tracking import log_files
from models.trained import Trained
from pipelines.atomic import fresh_folder, write_bytes
from pipelines.params import section


def policy_of(net: str, policy: Policy) -> dict[str, Any]:
    """The sections of the policy that one net's export carries."""
    if net == "stop":
        return {"stop": asdict(policy.stop), "risk": asdict(policy.risk)}
    return {"target": asdict(policy.target)}


def git_commit() -> str:
    """The commit checked out, "" outside a repository."""
    try:
        done = subprocess.run(["git", "rev-parse", "--verify", "HEAD"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def prove(data: bytes) -> None:
    """ExportError unless the engine accepts the export, and it and TorchScript agree on the probes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "net.pt"
        path.write_bytes(data)
        inputs = read_export(path).probe_inputs
        error = float(np.abs(Net.load(path).predict(inputs) - run_script(path, inputs)).max())
    if not error <= PROBE_TOLERANCE:
        raise ExportError(f"probes: engine and TorchScript must agree to {PROBE_TOLERANCE:g}, were off by {error:.3g}")


def exported(net: str, trained: Trained, policy: Policy, features: FeatureParams) -> bytes:
    """The proven export of a net with its part of the policy."""
    levels = price_levels(features, policy.levels)
    trained = replace(trained, facts={**trained.facts, "graph": with_levels(trained.facts["graph"], levels)})
    data = export(trained, policy_of(net, policy), git_commit())
    prove(data)
    return data


def main(net: str) -> None:
    """Reads artifacts/train/{net}/, writes artifacts/exports/{net}.pt, and seeds/{net}/ for nets of other seeds."""
    kind_of(net)
    folder, exports = Path("artifacts/train") / net, Path("artifacts/exports")
    trained = Trained.load(folder)
    policy, features = section("policy", Policy), section("features", FeatureParams)
    data = exported(net, trained, policy, features)
    path = exports / f"{net}.pt"
    write_bytes(data, path)
    with fresh_folder(exports / "seeds" / net) as fresh:
        for other in sorted((folder / "seeds").iterdir()):
            write_bytes(exported(net, Trained.load(other), policy, features), fresh / f"{other.name}.pt")
    log_files(trained.weights_sha256, f"{net} net", [path], "export")
    print(f"export {net}: {path}, {len(data):,} bytes, weights {trained.weights_sha256[:12]}")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"export: {error}")
