"""The whole pipeline in small worlds with a known answer: where there is nothing it finds nothing, elsewhere something.

And the bookkeeping of `make worlds`: what its file changes, what it keeps, how shares and claims are counted.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from contextlib import chdir
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from pipelines import acceptance
from pipelines.acceptance import RESULTS, before_costs, changed, place, prepare, result, runs
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.params_file import load
from pipelines.worlds import WORLDS
from pipelines.worlds.page import results

ROOT = Path(__file__).parents[2]
YAML_OF = YAML(typ="safe", pure=True)


def test_the_shipped_file_runs_every_world_with_possible_parameters(tmp_path: Path) -> None:
    plan = runs(ROOT / "worlds.yaml")
    assert {name.split()[0] for name in plan} == set(WORLDS)
    shipped = YAML_OF.load((ROOT / "params.yaml").read_text())
    for name, (draws, changes) in plan.items():
        assert draws >= 1
        mine = changed(shipped, changes)
        (tmp_path / "params.yaml").write_text(json.dumps(mine))
        params = load(tmp_path / "params.yaml")
        assert params.ingest.worlds.names == (name.split()[0],)
        # What a run learns with is as shipped, but for what it can see.
        assert {**mine["train"], "inputs": 0} == {**shipped["train"], "inputs": 0}
        for key in ("policy", "labels", "register"):
            assert mine[key] == shipped[key]
    with pytest.raises(ValueError, match=r"worlds\.yaml: train\.stop\.widht must be a key of params\.yaml, was none"):
        changed(shipped, {"train.stop.widht": 3})


SMALL = {
    "all": {
        "draws": 1,
        "ingest.sources": ["worlds"],
        "ingest.symbols": [],
        "ingest.worlds.bars": 4000,
        "ingest.worlds.bar_minutes": 1440,
        "ingest.worlds.start": "1990-01-01",
        "check.calendar": {"default": "none", "symbols": {}},
        "features.volatility.models": [],
        "features.cross.symbols": [],
        "split.train_until": "1994-01-01",
        "split.validation_until": "1995-01-01",
        "split.calibration_until": "1996-01-01",
        "train.stop.hidden": [8],
        "train.exit.hidden": [8],
        "train.stop.max_epochs": 4,
        "train.exit.max_epochs": 4,
        "evaluate.bootstrap.replications": 400,
        # Fewer settings are swept, so that the test is quick.
        "evaluate.baselines.stop_percent": [2.0, 4.0],
        "evaluate.baselines.stop_atr": [2.0, 4.0],
        "evaluate.baselines.stop_garch": [0.6, 1.3],
        "evaluate.baselines.target_r": [2.0, 5.0],
        "evaluate.forensics.stop_times": [0.5, 1.0, 2.0],
    },
    "brownian": {},
    "momentum in long trends": {"ingest.worlds.momentum.trend_bars": 80.0, "ingest.worlds.momentum.drift": 0.005},
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both small worlds have gone through the pipeline."""
    folder = tmp_path_factory.mktemp("worlds")
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (folder / "worlds.yaml").write_text(json.dumps(SMALL))
    with chdir(folder):
        acceptance.main()
    return folder


@pytest.mark.slow
def test_no_edge_is_found_in_brownian_motion(done: Path) -> None:
    row = pl.read_csv(done / RESULTS).row(by_predicate=pl.col("run") == "brownian", named=True)
    assert row["trades"] > 100
    for policy in ("product", "static", "oracle", "gain"):
        assert row[f"{policy}_low"] < 0 < row[f"{policy}_high"], policy
    assert row["product_net"] < row["product"]
    assert (row["earns"], row["beats"], row["product_share"]) == (0, 0, None)


@pytest.mark.slow
def test_an_edge_that_is_there_is_found(done: Path) -> None:
    row = pl.read_csv(done / RESULTS).row(by_predicate=pl.col("run") == "momentum in long trends", named=True)
    assert row["oracle_low"] > 0
    assert row["product_net_low"] > 0
    assert row["earns"] == 1
    assert row["product_share_low"] > 0.5
    assert row["product_share"] == pytest.approx(row["product"] / row["oracle"], abs=1e-3)
    assert row["product_share_high"] < 1.2


@pytest.mark.slow
def test_the_report_shows_the_oracle(done: Path) -> None:
    where = done / place("momentum in long trends", 1) / "artifacts/evaluate"
    page = (where / "report.html").read_text(encoding="utf-8")
    assert "oracle, share reached" in page
    card = pl.read_csv(where / "scorecard.csv", infer_schema_length=None)
    money = card.filter((pl.col("figure") == "expectancy_bp") & (pl.col("mode") == "pessimistic"))
    assert money["share"].null_count() == 0
    assert money["oracle"].n_unique() == 1
    assert card.filter(pl.col("mode") == "adaptive")["share"].null_count() == card.height // 2


@pytest.mark.slow
def test_what_is_done_is_not_done_again(done: Path) -> None:
    with chdir(done):
        changes = runs()["brownian"][1]
        assert prepare("brownian", 1, changes) is None
        other = prepare("brownian", 2, changes)
        assert other is not None
        assert json.loads((other / "params.yaml").read_text())["ingest"]["worlds"]["seed"] == 2
        # Another parameter throws the old run away.
        again = prepare("brownian", 1, {**changes, "policy.stop.cost": 0.002})
        assert again is not None
        assert not (again / "done").exists()


def handmade(folder: Path, seed: int, gain: float, verdict: str) -> None:
    """A finished run of 40 trades: the oracle makes 1 % at each, the product `gain` times that, the static nothing."""
    where = folder / place("ou", seed) / "artifacts/evaluate"
    where.mkdir(parents=True)
    start = dt.datetime(2000, 1, 3, tzinfo=dt.UTC)
    base = {
        "mode": "pessimistic",
        "id": [str(i) for i in range(40)],
        "reason": "time",
        "side": pl.Series([1, -1] * 20, dtype=pl.Int8),
        "entry_ts": [start + dt.timedelta(days=20 * i) for i in range(40)],
        "exit_ts": [start + dt.timedelta(days=20 * i + 9) for i in range(40)],
        "fill_price": 100.0,
        "entry_price": 100.0,
    }
    moves = {"product": gain, "fixed_atr": 0.0, "garch": -1.0, "time_only": 0.5, "oracle": 1.0}
    frames = [
        pl.DataFrame({"policy": policy, **base}).with_columns(
            exit_level=100 + pl.col("side") * move, pnl=pl.lit(move - 0.08)
        )
        for policy, move in moves.items()
    ]
    pl.concat(frames).write_parquet(where / "trades.parquet")
    (where / "chosen.json").write_text('{"best_static": "fixed_atr"}')
    card = {"policy": "product", "mode": "pessimistic", "figure": "expectancy_bp", "verdict": verdict, "versus": "null"}
    pl.DataFrame([card]).write_csv(where / "scorecard.csv")


def test_draws_are_scored_together(tmp_path: Path) -> None:
    handmade(tmp_path, 1, 0.5, "met")
    handmade(tmp_path, 2, 0.7, "null")
    with chdir(tmp_path):
        row = result("ou", [1, 2], BootstrapParams(3.0, 400, 0.95, 1))
    assert (row["seeds"], row["trades"], row["earns"], row["beats"]) == (2, 80, 1, 0)
    assert row["product"] == pytest.approx(60.0)
    assert row["product_net"] == pytest.approx(52.0)
    assert (row["static"], row["oracle"], row["gain"]) == pytest.approx((0.0, 100.0, 60.0))
    # Both draws share their instants: each resample has as many trades of one as of the other.
    assert (row["product_share"], row["product_share_low"], row["product_share_high"]) == pytest.approx((0.6,) * 3)


def test_profit_before_costs_is_from_level_to_level() -> None:
    trades = pl.DataFrame({"side": [1, -1], "fill_price": [100.0, 50.0], "exit_level": [101.0, 51.0]})
    assert before_costs(trades) == pytest.approx([100.0, -200.0])


def test_the_page_shows_the_table_as_it_was_written(tmp_path: Path) -> None:
    handmade(tmp_path, 1, 0.5, "met")
    with chdir(tmp_path):
        row = result("ou", [1], BootstrapParams(3.0, 400, 0.95, 1))
    shown = results(pl.DataFrame([row]))
    line = next(line for line in shown.splitlines() if line.startswith("| ou |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:3] == ["ou", "1", "40"]
    assert cells[3] == "50.0 (50.0 … 50.0)"
    assert cells[-1] == "1 / 0"
    assert re.fullmatch(r"50 % \(50 … 50\)", cells[7])
