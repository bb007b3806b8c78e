"""The number of trials behind a result: nets with all their seeds, and configurations."""

import mlflow

from models.tracking import EVALUATED, TAG, connect, log_evaluation, log_files, log_training, trained_nets, trials
from small_pipeline import inside


def train(name: str, digest: str, seeds: list[int]) -> None:
    log_training(name, digest, {"seeds": tuple(seeds)}, {}, [], {})


def test_every_seed_and_every_configuration_counts_once(tmp_path) -> None:
    with inside(tmp_path):
        assert trials() == 0
        train("stop net", "a", [7, 8, 9, 10, 11])
        train("exit net", "b", [7, 8, 9, 10, 11])
        assert trained_nets() == 10
        train("stop net", "a", [7, 8, 12])  # the same net again, and one seed that is new
        assert trained_nets() == 11
        train("stop net", "c", [7])
        file = tmp_path / "x.txt"
        file.write_text("x")
        log_files("a", "stop net", [file], "files")  # no training
        log_files("lost", "stop net", [file], "files")  # of which the training's run is gone
        assert trials() == trained_nets() == 13
        log_evaluation("one", {"entries": "breakout"})
        log_evaluation("two", {"entries": "breakout"})
        log_evaluation("one", {"entries": "breakout"})
        assert (trained_nets(), trials(), trials(10), trials(20)) == (13, 15, 15, 22)
        runs = mlflow.MlflowClient().search_runs([connect()], f"tags.{EVALUATED} != ''")
        assert sorted(run.data.tags[EVALUATED] for run in runs) == ["one", "two"]
        assert all(TAG not in run.data.tags for run in runs)
