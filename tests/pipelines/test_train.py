import json

import numpy as np
import polars as pl
import pytest
from lightning.pytorch.callbacks import Callback

from models import fit as fit_module
from models.data import assemble, read_features
from models.nets import kind_of
from models.tables import edge_weight, policy_tables, promised_and_kept
from models.task import TrainNets
from models.tracking import find_run, trained_nets
from models.trained import Trained, predict
from pipelines import train
from pipelines.params import section
from pipelines.splits import SplitParams, split
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


def test_promises_are_judged_where_the_user_enters(folder):
    labels = split(pl.read_parquet("data/labels.parquet"), section("split", SplitParams), horizon_bars=10)
    inputs = section("train", TrainNets).inputs
    rows = assemble(read_features(folder / "data/features").only(inputs), labels, kind_of("stop")).rows
    fresh, entries = rows.of("calibration").fresh(), pl.read_parquet("data/entries.parquet")
    opened = {(e["symbol"], int(e["ts"].timestamp() * 1e6), e["side"]) for e in entries.iter_rows(named=True)}
    mine = [key in opened for key in zip(fresh.symbol.tolist(), fresh.ts.tolist(), fresh.side.tolist(), strict=True)]
    assert 5 < sum(mine) < len(fresh) / 4
    trained = Trained.load(folder / "artifacts/train/stop")
    curves, grid = predict(trained.module(), fresh.inputs), np.asarray(trained.facts["grid"])
    tables = trained.facts["tables"]
    promised, kept = promised_and_kept(kind_of("stop"), tables, curves, fresh, grid)
    here, everywhere = (
        edge_weight(promised[chosen], kept[chosen], fresh.ts[chosen], 10 * 86_400_000_000)
        for chosen in (np.array(mine), np.ones(len(fresh), bool))
    )
    assert tables["edge_weight"] == pytest.approx(here, rel=1e-5)
    assert abs(here - everywhere) > 0.01
    found = train.entered(fresh, entries)
    assert found.ts.tolist() == fresh.ts[mine].tolist()
    assert found.side.tolist() == fresh.side[mine].tolist()
    # One who enters nowhere is promised nothing.
    none = train.entered(fresh, entries.clear())
    assert len(none) == 0
    assert policy_tables(kind_of("stop"), fresh, none, curves[:0], grid, 1)["edge_weight"] == 0.0


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
