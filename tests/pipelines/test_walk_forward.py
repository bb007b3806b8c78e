"""Walk-forward: dates of the folds, what is done again and what is not, and a run that is killed in the middle."""

import datetime as dt
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from pipelines import folds as folds_module
from pipelines import walk_forward
from pipelines.atomic import write_parquet
from pipelines.folds import Fold, WalkForwardParams, folds, prepare
from pipelines.partitions import read_bars, write_part
from pipelines.splits import SplitParams, split
from small_pipeline import ROOT
from small_pipeline import prepare as prepare_small

CUT = SplitParams(dt.date(2010, 1, 1), dt.date(2011, 1, 1), dt.date(2012, 7, 1), 5, 20)
LAST = dt.date(2016, 12, 30)


def test_test_parts_follow_each_other_to_the_end_of_the_data() -> None:
    plan = folds(LAST, CUT, WalkForwardParams(4, 200, 0, 5, 1))
    assert [fold.number for fold in plan] == [1, 2, 3, 4]
    assert plan[-1].end == dt.date(2016, 12, 31)
    for fold, after in pairwise(plan):
        assert fold.end == after.cut.calibration_until
    for fold in plan:
        assert (fold.end - fold.cut.calibration_until).days == 200
        assert fold.cut.calibration_until - fold.cut.validation_until == CUT.calibration_until - CUT.validation_until
        assert fold.cut.validation_until - fold.cut.train_until == CUT.validation_until - CUT.train_until
        assert (fold.cut.embargo_bars, fold.begin) == (5, None)
    rolling = folds(LAST, CUT, WalkForwardParams(2, 200, 900, 5, 1))
    assert all((fold.cut.train_until - fold.begin).days == 900 for fold in rolling if fold.begin)
    assert all(fold.begin for fold in rolling)


@pytest.mark.parametrize(
    "wrong", [(1, 200, 0, 1, 1), (2, 0, 0, 1, 1), (2, 200, -1, 1, 1), (2, 9, 0, 0, 1), (2, 9, 0, 1, 0)]
)
def test_impossible_parameters_are_refused(wrong: tuple[int, int, int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"^walk_forward\.\w+: must be at least \d, was -?\d; typical"):
        WalkForwardParams(*wrong)


@pytest.fixture
def checked(tmp_path: Path) -> Path:
    ts = pl.datetime_range(dt.datetime(2009, 1, 1), LAST, "1d", time_zone="UTC", eager=True, time_unit="us")
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    write_part(pl.DataFrame({"symbol": "A", "ts": ts, **prices}), tmp_path / "checked/bars", "all")
    write_parquet(
        pl.DataFrame({"symbol": "*", "name": "x", "ts": ts, "value": 1.0}), tmp_path / "checked/series.parquet"
    )
    return tmp_path / "checked"


def params() -> dict:
    return YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())


def test_a_fold_sees_no_bar_after_its_end_and_its_parts_fit(checked: Path, tmp_path: Path) -> None:
    for fold in folds(LAST, CUT, WalkForwardParams(3, 300, 400, 5, 1)):
        folder = tmp_path / f"fold-{fold.number}"
        assert prepare(fold, params(), checked, folder)
        bars, series = read_bars(folder / "data/checked/bars"), pl.read_parquet(folder / "data/checked/series.parquet")
        assert bars["ts"].max().date() == series["ts"].max().date() == fold.end - dt.timedelta(days=1)
        assert bars["ts"].min().date() == fold.begin
        assert series["ts"].min().date() == dt.date(2009, 1, 1), "a value from before may still be in force"
        mine = json.loads((folder / "params.yaml").read_text())
        assert mine["split"]["train_until"] == str(fold.cut.train_until)
        assert [len(mine["train"][net]["seeds"]) for net in ("stop", "exit")] == [5, 5]
        parts = split(bars, fold.cut)["part"].value_counts()
        assert dict(parts.iter_rows())["test"] == 300 - 5


def test_a_fold_trains_the_first_seeds_and_no_more_than_there_are(checked: Path, tmp_path: Path) -> None:
    mine, fold = params(), Fold(1, CUT, None, LAST)
    mine["walk_forward"]["seeds"] = 2
    assert prepare(fold, mine, checked, tmp_path / "fold")
    trained = json.loads((tmp_path / "fold/params.yaml").read_text())["train"]
    assert trained["stop"]["seeds"] == mine["train"]["stop"]["seeds"][:2]
    mine["walk_forward"]["seeds"] = 6
    with pytest.raises(
        ValueError, match=r"^walk_forward\.seeds: must be at most the number of train\.stop\.seeds \(5\)"
    ):
        prepare(fold, mine, checked, tmp_path / "fold")


def test_a_fold_finds_the_finer_bars_where_they_were(
    checked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = params()
    for given, found in (("", ""), ("fine", str(tmp_path / "fine")), ("/data/fine", "/data/fine")):
        mine["evaluate"]["venue"]["detail"] = given
        assert prepare(Fold(1, CUT, None, LAST), mine, checked, tmp_path / "fold")
        assert json.loads((tmp_path / "fold/params.yaml").read_text())["evaluate"]["venue"]["detail"] == found


def test_only_what_changed_is_done_again(checked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fold, folder = Fold(1, CUT, None, LAST), tmp_path / "fold"
    assert prepare(fold, params(), checked, folder)
    (folder / "half").touch()
    assert prepare(fold, params(), checked, folder), "not done yet"
    assert (folder / "half").exists(), "but what there is stays"
    (folder / "done").touch()
    assert not prepare(fold, params(), checked, folder)
    other = params()
    other["register"]["min_times"] += 1
    other["walk_forward"]["processes"] += 1
    assert not prepare(fold, other, checked, folder), "that changes no fold"
    other["policy"]["stop"]["cost"] *= 2
    assert prepare(fold, other, checked, folder)
    assert not (folder / "half").exists()
    (folder / "done").touch()
    monkeypatch.setattr(folds_module, "code_digest", lambda: "other code")
    assert prepare(fold, other, checked, folder)
    (folder / "done").touch()
    series = checked / "series.parquet"
    write_parquet(pl.read_parquet(series).head(2000), series)
    assert prepare(fold, other, checked, folder)
    (tmp_path / "e.csv").write_text("id,symbol,ts,side\n")
    monkeypatch.chdir(tmp_path)
    other["evaluate"]["entries"] |= {"rule": "file", "file": "e.csv"}
    assert prepare(fold, other, checked, folder)
    assert YAML(typ="safe", pure=True).load((folder / "params.yaml").read_text())["evaluate"]["entries"]["file"] == str(
        tmp_path / "e.csv"
    )
    (folder / "done").touch()
    assert not prepare(fold, other, checked, folder)
    (tmp_path / "e.csv").write_text("id,symbol,ts,side\n1,A,2010-01-03,1\n")
    assert prepare(fold, other, checked, folder)
    monkeypatch.chdir(folder)
    walk_forward.entry_stage.main()
    assert pl.read_parquet("data/entries.parquet")["id"].to_list() == ["1"], "the project's list, not one of the fold's"


def test_the_stages_of_a_fold_are_those_of_the_pipeline() -> None:
    stages = YAML(typ="safe", pure=True).load((ROOT / "dvc.yaml").read_text())["stages"]
    names = [name for name in stages if name not in ("ingest", "check", "latency", "register")]
    assert names == [stage.__module__.removeprefix("pipelines.") for stage, _ in walk_forward.STAGES]
    for name, (_, items) in zip(names, walk_forward.STAGES, strict=True):
        assert list(items) == [item for values in stages[name].get("matrix", {}).values() for item in values]


@pytest.mark.slow
def test_a_killed_run_goes_on_with_the_next_fold(tmp_path: Path) -> None:
    prepare_small(tmp_path)
    shutil.rmtree(tmp_path / "data/features")
    (tmp_path / "data/labels.parquet").unlink()
    yaml = YAML(typ="safe", pure=True)
    mine = yaml.load((tmp_path / "params.yaml").read_text())
    mine["walk_forward"] = {"folds": 2, "test_days": 250, "train_days": 0, "seeds": 2, "processes": 1}
    mine["evaluate"]["bootstrap"]["replications"] = 100
    (tmp_path / "params.yaml").write_text(json.dumps(mine))
    command = [sys.executable, "-m", "pipelines.walk_forward"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    folder = tmp_path / "artifacts/walk_forward"
    first = subprocess.Popen(
        command, cwd=tmp_path, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (folder / "fold-2/data").exists() or not (folder / "fold-1/done").exists():
        assert first.poll() is None, (folder / "fold-1/log.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    assert not (folder / "fold-2/done").exists()
    stamp = (folder / "fold-1/artifacts/evaluate/trades.parquet").stat().st_mtime_ns
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "walk-forward: 2 folds" in done.stdout
    assert (folder / "fold-1/artifacts/evaluate/trades.parquet").stat().st_mtime_ns == stamp
    table = pl.read_csv(folder / "folds.csv", try_parse_dates=True, infer_schema_length=None)
    assert table["fold"].unique().to_list() == [1, 2]
    card = pl.read_csv(folder / "scorecard.csv", infer_schema_length=None)
    stitched = card.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    each = table.filter(pl.col("figure") == "expectancy_bp")
    whole = stitched.row(by_predicate=pl.col("figure") == "expectancy_bp", named=True)
    assert whole["trades"] == each["trades"].sum()
    assert whole["value"] == pytest.approx((each["value"] * each["trades"]).sum() / each["trades"].sum())
    assert whole["baseline"] == pytest.approx((each["baseline"] * each["trades"]).sum() / each["trades"].sum())
    seeds = pl.read_csv(folder / "seeds.csv", infer_schema_length=None)
    assert seeds["seed"].unique().sort().to_list() == [1, 2]
    own = seeds.row(by_predicate=(pl.col("figure") == "expectancy_bp") & (pl.col("seed") == 1), named=True)
    assert (own["value"], own["difference"]) == pytest.approx((whole["value"], whole["difference"]))
    other = seeds.row(by_predicate=(pl.col("figure") == "expectancy_bp") & (pl.col("seed") == 2), named=True)
    assert other["value"] != own["value"]
    curves = pl.read_csv(folder / "curves.csv", infer_schema_length=None)
    star = curves.row(by_predicate=(pl.col("policy") == "product") & (pl.col("setting") == 1), named=True)
    assert star["expectancy_bp"] == pytest.approx(whole["value"]), "the frontier's star is the product"
    selection = pl.read_csv(folder / "selection.csv", infer_schema_length=None)
    product = selection.row(by_predicate=pl.col("policy") == "product", named=True)
    assert product["trials"] == 2 * 2 + 1, "two nets with two seeds, and this walk-forward"
    assert 0 <= product["overfitting"] <= 1
    assert 0 < product["effective"] <= product["times"]
    worst = pl.read_csv(folder / "worst_case.csv", infer_schema_length=None)
    mine = worst.row(by_predicate=pl.col("policy") == "product", named=True)
    least = each.sort("value").row(0, named=True)
    assert (mine["worst_fold"], mine["worst_fold_bp"]) == (least["fold"], pytest.approx(least["value"]))
    assert "Over seeds" in (folder / "report.html").read_text()
