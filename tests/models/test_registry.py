import json

import mlflow
import numpy as np
import polars as pl
import pytest

from features.expression import bar
from features.graph import to_data
from inference import ExportError, Graph
from models.calibration import identity
from models.contest import contest
from models.export import export
from models.figures import calibration_figure, excursion_figure, loss_figure
from models.fit import fit
from models.nets import KINDS
from models.predictor import Predictor
from models.registry import Verdict, champion, promote, register, resolve
from models.task import Epoch, TrainParams
from models.tracking import find_run, flat, log_files, log_training
from models.trained import describe, predict
from small_pipeline import inside

DAY = 86_400_000_000
BARS = 160


@pytest.fixture(scope="module")
def bars():
    rng = np.random.default_rng(0)
    frames = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))
        start = np.concatenate([[100.0], close[:-1]])
        frames.append(
            pl.DataFrame(
                {
                    "symbol": symbol,
                    "ts": pl.Series(np.arange(BARS) * DAY).cast(pl.Datetime("us", "UTC")),
                    "open": start,
                    "high": np.maximum(start, close) * 1.004,
                    "low": np.minimum(start, close) * 0.996,
                    "close": close,
                    "volume": 1000.0,
                }
            )
        )
    return pl.concat(frames)


@pytest.fixture(scope="module")
def trained(dataset, grid):
    """A stop net whose features are computed from bars: names as in the synthetic rows."""
    kind, params = KINDS["stop"], TrainParams(hidden=(8,), max_epochs=2)
    ret = (bar("close") / bar("close").lag(1)).log()
    outputs = {n: ret.rolling_mean(i + 2) / ret.rolling_std(20) for i, n in enumerate(dataset.features)}
    outputs |= {"sigma": ret.rolling_std(20), "atr": bar("high") - bar("low")}
    graph = to_data(outputs, dataset.features, DAY)
    judged = dataset.rows.of("calibration").fresh()
    return describe(
        kind, dataset, fit(kind, dataset, params), params, np.stack([identity()] * 2), graph, grid, 10, judged
    )


@pytest.fixture(scope="module")
def exports(trained, tmp_path_factory):
    """Two exports of one net, as from two commits."""
    folder = tmp_path_factory.mktemp("exports")
    for commit in ("one", "two"):
        (folder / commit).mkdir()
        (folder / commit / "stop.pt").write_bytes(export(trained, {}, commit))
    return [folder / commit / "stop.pt" for commit in ("one", "two")]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A folder with an MLflow store of its own as working directory."""
    folder = tmp_path_factory.mktemp("store")
    with inside(folder):
        yield folder


YES, NO = Verdict(True, ("passed: x",)), Verdict(False, ("failed: y",))


def test_a_version_is_registered_once_promoted_by_verdict_and_served(store, exports, bars):
    kind, log = KINDS["stop"], store / "promotions.jsonl"
    assert champion(kind) is None
    first = register(kind, exports[0])
    assert register(kind, exports[0]) == first
    assert not promote(first, None, NO, log)
    assert champion(kind) is None
    assert promote(first, None, YES, log)
    second = register(kind, exports[1])
    assert second != first
    assert not promote(second, champion(kind), NO, log)
    assert champion(kind) == first
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["version"], line["champion_before"], line["promoted"]) for line in lines] == [
        ("1", None, False),
        ("1", None, True),
        ("2", "1", False),
    ]
    assert lines[2]["reasons"] == ["failed: y"]
    assert resolve("stop-predictor@champion").read_bytes() == exports[0].read_bytes()
    assert resolve("stop-predictor@challenger").read_bytes() == exports[1].read_bytes()
    with pytest.raises(ValueError, match="stop-predictor@king"):
        resolve("stop-predictor@king")

    model = mlflow.pyfunc.load_model("models:/stop-predictor@champion")
    expected = Predictor(exports[0]).predict(bars)
    assert model.predict(bars).equals(expected)
    assert model.predict({"bars": bars}).equals(expected)
    answer = model.predict(bars.to_pandas())
    assert list(answer["ts"]) == list(expected.to_pandas()["ts"])
    np.testing.assert_array_equal(answer["hit_0.3"], expected["hit_0.3"].to_numpy())


def test_no_pickle_is_stored(store):
    stored = [path.name for path in (store / "mlartifacts").rglob("*") if path.is_file()]
    assert "stop.pt" in stored
    assert not [name for name in stored if name.endswith((".pkl", ".pickle", ".joblib"))]


def test_a_damaged_export_is_not_registered(store, exports, tmp_path):
    bad = tmp_path / "stop.pt"
    bad.write_bytes(exports[0].read_bytes()[:-7])
    with pytest.raises(ExportError):
        register(KINDS["stop"], bad)


def test_a_run_is_found_by_its_weights_and_made_again_where_lost(store, dataset, grid, tmp_path):
    test = dataset.rows.of("test").fresh()
    curves = np.sort(np.random.default_rng(0).random((len(test), 2, len(grid))), axis=2)[:, :, ::-1]
    curve = [Epoch(0, 0.5, 0.6), Epoch(1, 0.4, 0.55)]
    figures = {
        "loss.png": loss_figure(curve),
        "calibration.png": calibration_figure(KINDS["stop"], curves, curves, test.outcomes),
        "excursion.png": excursion_figure(KINDS["stop"], curves, test, grid),
    }
    metrics = {"test": {"skill": {"atr": 0.1}, "note": "text", "90 %": 1}}
    run_id = log_training("stop net", "abc", {"hidden": (8, 8), "seed": 7}, metrics, curve, figures)
    assert find_run("abc") == run_id
    report = tmp_path / "report.html"
    report.write_text("x")
    assert log_files("abc", "stop net", [report], "evaluate", {"evaluate": {"trades": 3}}) == run_id
    run = mlflow.get_run(run_id)
    assert run.data.params == {"hidden": "[8, 8]", "seed": "7"}
    assert run.data.metrics == {
        "test.skill.atr": 0.1,
        "test.90 _": 1,
        "train_loss": 0.4,
        "val_loss": 0.55,
        "evaluate.trades": 3,
    }
    history = mlflow.MlflowClient().get_metric_history(run_id, "val_loss")
    assert [(m.step, m.value) for m in history] == [(0, 0.6), (1, 0.55)]
    paths = {a.path for folder in ("figures", "evaluate") for a in mlflow.MlflowClient().list_artifacts(run_id, folder)}
    assert paths == {*(f"figures/{name}" for name in figures), "evaluate/report.html"}
    assert find_run("lost") is None
    assert log_files("lost", "stop net", [report], "evaluate") == find_run("lost")


def test_flat_keeps_numbers_only():
    assert flat({"a": {"b": 1, "c": True, "d": None}, "e": 2.5}) == {"a.b": 1.0, "e": 2.5}


def test_predictor_is_graph_then_net(exports, bars, trained):
    frame = Predictor(exports[0]).predict(bars.sample(fraction=1.0, shuffle=True, seed=1))
    assert frame.equals(frame.sort("symbol", "ts", "side"))
    assert len(frame) == 4 * BARS
    one = bars.filter(pl.col("symbol") == "B")
    values = Graph(trained.facts["graph"], "B").run(
        {c: one[c].to_numpy() for c in ("open", "high", "low", "close", "volume")}, one["ts"].dt.epoch("us").to_numpy()
    )
    at = 100
    row = np.array([[*(values[n][at] for n in trained.facts["features"]), -1, 0, 0, 0, 0]], np.float32)
    mine = frame.filter((pl.col("symbol") == "B") & (pl.col("ts") == one["ts"][at]) & (pl.col("side") == -1))
    np.testing.assert_allclose(
        mine.select(pl.col("^(hit|reversal)_.*$")).row(0), predict(trained.module(), row).ravel(), atol=1e-5
    )
    assert mine["unit"][0] == values["sigma"][at] * np.sqrt(10)
    assert frame.filter(pl.col("ts") < one["ts"][20])["hit_0.3"].null_count() == 4 * 20


def test_predictor_names_missing_columns(exports, bars):
    with pytest.raises(ValueError, match=r"bars: must have .* was without \['low'\]"):
        Predictor(exports[0]).predict(bars.drop("low"))


def test_contest_of_equals_is_even_and_one_with_itself_needs_new_bars(exports, bars, trained):
    kind = KINDS["stop"]
    rng = np.random.default_rng(2)
    labels = bars.select("symbol", "ts", entry_price=pl.col("close"), unit=pl.col("close") * 0.03).join(
        pl.DataFrame({"side": [-1, 1]}, schema={"side": pl.Int8}), how="cross"
    )
    labels = labels.with_columns(
        pl.lit(False).alias("censored"), pl.lit(0).alias("age"), pl.Series("mae", rng.exponential(0.7, len(labels)))
    )
    before = contest(kind, *exports, bars, pl.DataFrame(), labels, 1)
    assert (before.times, before.skill) == (0, None)  # all of these bars lie in the training span
    shift = pl.col("ts") + pl.duration(microseconds=trained.facts["trained_until_us"] + DAY)
    after = contest(kind, *exports, bars.with_columns(shift), pl.DataFrame(), labels.with_columns(shift), 1)
    assert 100 < after.times < BARS
    assert after.skill.skill == 0
    assert after.skill.low == after.skill.high == 0
