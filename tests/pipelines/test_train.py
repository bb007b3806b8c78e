import json

import polars as pl
import pytest
from lightning.pytorch.callbacks import Callback

from models import fit as fit_module
from models.tracking import find_run, trained_nets
from models.trained import Trained
from pipelines import train
from small_pipeline import inside, prepare


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    prepare(folder)
    with inside(folder):
        yield folder


def content(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("net", ["stop", "exit"])
def test_the_stage_writes_a_net_metrics_and_curves_and_repeats_to_the_byte(folder, net, capsys):
    before = trained_nets()
    train.main(net)
    assert f"train {net}: " in capsys.readouterr().out
    out = folder / "artifacts/train" / net
    first = content(out)
    net_files = {"weights.safetensors", "model.json"}
    assert set(first) == {*net_files, "metrics.json", "curves.csv", *(f"seeds/2/{name}" for name in net_files)}
    assert first["seeds/2/weights.safetensors"] != first["weights.safetensors"]
    metrics = json.loads(first["metrics.json"])
    curves = pl.read_csv(out / "curves.csv")
    assert curves.columns == ["epoch", "train_loss", "val_loss"]
    assert len(curves) == metrics["epochs"] == 4
    assert set(metrics["test"]["skill"]) == {"unconditional", "atr", "garch", "lightgbm"}
    assert metrics["dropped"]["non-finite"] > 0
    for name, spread in metrics["seeds"]["skill"].items():  # two seeds: the product's net is one of them
        own = metrics["test"]["skill"][name]["pinball"]["skill"]
        assert own in (pytest.approx(spread["low"]), pytest.approx(spread["high"]))
        assert spread["low"] < spread["mean"] < spread["high"]
        assert spread["std"] == pytest.approx((spread["high"] - spread["low"]) / 2**0.5)
    assert not (folder / "artifacts/checkpoints" / net).exists()
    trained = Trained.load(out)
    assert trained.facts["features"] == trained.facts["graph"]["features"]
    assert find_run(trained.weights_sha256) is not None
    train.main(net)
    assert content(out) == first
    assert trained_nets() == before + 2, "both seeds are trials; the same nets again are no others"


def test_labels_of_the_test_part_do_not_reach_the_net(folder):
    before = content(folder / "artifacts/train/stop")
    labels = pl.read_parquet(folder / "data/labels.parquet")
    trained = Trained.load(folder / "artifacts/train/stop")
    late = pl.col("ts").dt.epoch("us") >= trained.facts["trained_until_us"]
    labels.with_columns(pl.when(late).then(pl.col("mae") + 1).otherwise(pl.col("mae")).alias("mae")).write_parquet(
        folder / "data/labels.parquet"
    )
    train.main("stop")
    after = content(folder / "artifacts/train/stop")
    labels.write_parquet(folder / "data/labels.parquet")
    for name in ("weights.safetensors", "model.json", "curves.csv"):
        assert after[name] == before[name]
    assert after["metrics.json"] != before["metrics.json"]


def test_an_interrupted_stage_leaves_the_last_net_and_resumes(folder, monkeypatch):
    train.main("exit")
    out = folder / "artifacts/train/exit"
    before = content(out)
    monkeypatch.setattr(fit_module, "CHECKPOINT_EPOCHS", 2)

    class Kill(Callback):
        def on_train_epoch_start(self, trainer, pl_module):
            if trainer.current_epoch == 3:
                raise MemoryError

    real = fit_module.fit
    monkeypatch.setattr(train, "fit", lambda *a: real(*a, extra=[Kill()]))
    with pytest.raises(MemoryError):
        train.main("exit")
    assert content(out) == before
    assert list((folder / "artifacts/checkpoints/exit").rglob("last.ckpt"))
    resumed = []
    monkeypatch.setattr(train, "fit", lambda *a: resumed.append(real(*a)) or resumed[-1])
    train.main("exit")
    assert [each.resumed for each in resumed] == [True, False]  # the second seed had not begun
    assert content(out) == before


def test_an_unknown_net_is_named(folder):
    with pytest.raises(ValueError, match=r"net: must be one of .* was 'entry'"):
        train.main("entry")


def test_the_report_prints_a_null_result_as_one():
    s = {"skill": -0.01, "low": -0.03, "high": 0.01, "dm": -1.0, "p": 0.3}
    test = {"pinball": 0.1, "skill": {"atr": {"pinball": s}}}
    seeds = {"count": 5, "skill": {"atr": {"mean": -0.02, "std": 0.01, "low": -0.03, "high": -0.01}}}
    printed = train.report(
        "stop", {"rows": {"train": 10}, "epochs": 2, "edge_weight": 0.0, "test": test, "seeds": seeds}
    )
    assert "skill over atr: -1.00% [-3.00%, +1.00%], p 0.300" in printed
    assert "5 seeds -2.00% ± 1.00%, -3.00% to -1.00%" in printed
    assert "edge weight 0.00" in printed
