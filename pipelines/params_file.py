"""The whole of params.yaml, checked at once before any stage runs: `python -m pipelines.params_file`.

A stage reads only its own sections; a mistake in the last one would else show only after the training.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import get_type_hints

from features.families import FeatureParams
from features.labels import LabelParams
from inference.policy import Policy
from models.registry import RegisterParams
from models.task import TrainNets
from pipelines.checks.params import CheckParams
from pipelines.evaluate import EvaluateParams
from pipelines.folds import WalkForwardParams
from pipelines.ingest import IngestParams
from pipelines.params import parse, read
from pipelines.splits import SplitParams


@dataclass(frozen=True, slots=True)
class Params:
    """The whole of params.yaml, in stage order."""

    ingest: IngestParams
    check: CheckParams
    features: FeatureParams
    labels: LabelParams
    split: SplitParams
    train: TrainNets
    policy: Policy
    evaluate: EvaluateParams
    register: RegisterParams
    walk_forward: WalkForwardParams


def load(path: str | Path = "params.yaml") -> Params:
    """Parses the whole file; ValueError names the key, the rule, the value and the remedy."""
    data = read(path)
    return Params(**{name: parse(kind, data[name], name) for name, kind in get_type_hints(Params).items()})


if __name__ == "__main__":
    try:
        load()
    except ValueError as error:
        sys.exit(f"params.yaml: {error}")
