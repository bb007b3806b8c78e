"""The stage evaluate on a small made market, from trained nets to files: what is chosen where, and what is compared.

Each test works out from the data what the stage should have used, and makes sure that a likely mistake would show.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML

from features.labels import LabelParams
from features.store import read_family
from inference import Engine
from pipelines import entries, evaluate, export, train
from pipelines.entries import TABLE, index_entries
from pipelines.evaluate import EvaluateParams
from pipelines.pages import charts
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.replays import markets, sweep
from pipelines.sources.tables import SERIES
from pipelines.splits import SplitParams
from pipelines.tables import bars_by_symbol
from pipelines.trades.baselines import Market
from pipelines.trades.product import Product
from pipelines.trades.terms import terms_of
from small_pipeline import inside, prepare

OUT = Path("artifacts/evaluate")


@dataclass(frozen=True)
class Stage:
    """What the stage read, and what it wrote (in the working folder)."""

    params: EvaluateParams
    cut: SplitParams
    horizon: int
    bars: pl.DataFrame
    volatility: pl.DataFrame
    entries: pl.DataFrame
    trades: pl.DataFrame

    @property
    def notional(self) -> float:
        return self.params.equity * self.params.notional_fraction

    def markets(self, part: str) -> list[Market]:
        symbols = bars_by_symbol(self.bars)
        terms = terms_of(self.params.venue, symbols, pl.DataFrame(schema=SERIES), self.notional)
        return markets(self.bars, self.volatility, self.entries, self.cut, part, self.horizon, terms)

    def of(self, policy: str, mode: str = "pessimistic") -> pl.DataFrame:
        return self.trades.filter((pl.col("policy") == policy) & (pl.col("mode") == mode)).sort("id")


def prepare_trained(folder: Path) -> None:
    """Trained nets, near levels so that many bars hold both of them, and grids that are quickly swept."""
    prepare(folder)
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((folder / "params.yaml").read_text())
    params["policy"]["stop"] |= {"min_atr": 0.3, "max_atr": 0.5}
    params["policy"]["target"] |= {"min_r": 0.8, "max_r": 1.2}
    params["evaluate"]["bootstrap"]["replications"] = 200
    params["evaluate"]["entries"] |= {"rule": "every_n", "every_bars": 4, "cooldown_bars": 0}
    grids = {name: [0.4, 0.7] for name in ("stop_percent", "stop_atr", "stop_garch", "trail_atr", "sar_atr")}
    params["evaluate"]["baselines"] |= grids | {"target_r": [0.6, 1.0]}
    (folder / "params.yaml").write_text(json.dumps(params))
    with inside(folder):
        entries.main()
        for net in ("stop", "exit"):
            train.main(net)
            export.main(net)


def read_stage() -> Stage:
    params, bars = section("evaluate", EvaluateParams), read_bars()
    return Stage(
        params,
        section("split", SplitParams),
        section("labels", LabelParams).horizon_bars,
        bars,
        read_family(Path("data/features/volatility"), ["atr", "garch_sigma"]),
        index_entries(pl.read_parquet(TABLE), bars),
        pl.read_parquet(OUT / "trades.parquet"),
    )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    prepare_trained(folder)
    with inside(folder):
        evaluate.main()
        yield read_stage()


def test_static_exits_are_chosen_on_training(stage: Stage) -> None:
    grids = stage.params.baselines
    chosen, other = (
        {name: s.describe() for name, (s, _) in sweep(stage.markets(part), grids, stage.horizon)[0].items()}
        for part in ("train", "test")
    )
    assert json.loads((OUT / "chosen.json").read_text())["settings"] == chosen
    assert chosen != other, "the test part would have chosen otherwise"


def test_suggestions_are_chosen_before_the_test_part(stage: Stage) -> None:
    what_if, found = (pl.read_csv(OUT / f"{name}.csv", infer_schema_length=None) for name in ("what_if", "suggestions"))
    sizes = {"earlier": ("validation", "calibration"), "test": ("test",)}
    for name, parts in sizes.items():
        entries = sum(len(market.ids) for part in parts for market in stage.markets(part))
        assert set(what_if.filter(pl.col("part") == name)["trades"]) == {entries}
    for row in found.iter_rows(named=True):
        mine = what_if.filter(pl.col("kind") == row["kind"])
        earlier = mine.filter(pl.col("part") == "earlier").sort("difference_bp")[-1]
        assert row["earlier_bp"] == pytest.approx(earlier["difference_bp"][0])
        assert row["value"] == (earlier["value"][0] if row["earlier_bp"] > 0 else None)


def test_regimes_are_thirds_of_the_training_part(stage: Stage) -> None:
    end = np.datetime64(stage.cut.train_until)
    known = stage.of("product").select("id", "symbol", "regime").join(stage.entries.select("id", "ts"), on="id")
    wrong = 0
    for (symbol,), rows in known.group_by("symbol"):
        mine = stage.volatility.filter((pl.col("symbol") == symbol) & pl.col("garch_sigma").is_finite())
        ts, sigma = mine["ts"].dt.replace_time_zone(None).to_numpy(), mine["garch_sigma"].to_numpy()
        for part, right in ((ts < end, True), (ts < np.datetime64(stage.cut.calibration_until), False)):
            cuts = np.quantile(sigma[part], [1 / 3, 2 / 3])
            at = rows.join(mine, on="ts", how="left", maintain_order="left")["garch_sigma"].to_numpy()
            named = np.array(["calm", "normal", "wild"])[np.searchsorted(cuts, at, "right")]
            if right:
                assert rows["regime"].to_list() == named.tolist()
            wrong += 0 if right else int((rows["regime"].to_numpy() != named).sum())
    assert wrong > 0, "later data would have cut otherwise"


def test_the_product_is_replayed_in_both_modes(stage: Stage) -> None:
    engine = Engine.load("artifacts/exports/stop.pt", "artifacts/exports/exit.pt", equity=stage.params.equity)
    series = pl.DataFrame(schema=SERIES)
    product = Product(engine, series, bars_by_symbol(stage.bars), stage.params.equity, stage.notional)
    for mode in ("pessimistic", "adaptive"):
        own = pl.concat(product.trades(market, mode=mode) for market in stage.markets("test")).sort("id")
        assert own.select("id", "reason", "pnl").equals(stage.of("product", mode).select("id", "reason", "pnl"))
    assert not stage.of("product", "adaptive")["pnl"].equals(stage.of("product")["pnl"])
    ambiguous = stage.of("product")["ambiguous"]
    assert 0 < ambiguous.sum() < len(ambiguous)


def test_the_sharpe_ratio_is_deflated_by_all_trials(stage: Stage) -> None:
    row = pl.read_csv(OUT / "selection.csv").row(by_predicate=pl.col("policy") == "product", named=True)
    assert row["trials"] == 2 * 2 + 2  # two nets with two seeds each, and both pairs were evaluated
    assert row["luck"] > 0


def test_each_seed_trades_the_same_entries_by_its_own_nets(stage: Stage) -> None:
    trades = pl.read_parquet(OUT / "seed_trades.parquet").sort("id")
    own = stage.of("product")
    found = {seed: trades.filter(pl.col("seed") == seed) for seed in (1, 2)}
    assert found[1].select("id", "pnl").equals(own.select("id", "pnl"))
    engine = Engine.load("artifacts/exports/seeds/stop/2.pt", "artifacts/exports/seeds/exit/2.pt")
    product = Product(
        engine, pl.DataFrame(schema=SERIES), bars_by_symbol(stage.bars), stage.params.equity, stage.notional
    )
    other = pl.concat(product.trades(market) for market in stage.markets("test")).sort("id")
    assert found[2].select("id", "pnl").equals(other.select("id", "pnl"))
    assert not found[2]["pnl"].equals(own["pnl"])
    told = pl.read_csv(OUT / "seeds.csv").filter(pl.col("figure") == "expectancy_bp").sort("seed")
    means = [1e4 * (each["pnl"] / each["entry_price"]).mean() for each in (own, other)]
    assert told["value"].to_list() == pytest.approx(means)
    assert json.loads((OUT / "metrics.json").read_text())["seeds"] == 2


def test_a_garch_stop_is_a_deviation_of_the_whole_horizon(stage: Stage) -> None:
    settings = json.loads((OUT / "chosen.json").read_text())["settings"]
    times = float(settings["garch"].split()[0])
    at_signal = stage.entries.select("id", "symbol", "ts").join(stage.volatility, on=["symbol", "ts"])
    signal = at_signal.join(stage.bars.select("symbol", "ts", "close"), on=["symbol", "ts"])
    rows = stage.of("garch").join(signal.select("id", "garch_sigma", "close"), on="id")
    wanted = times * rows["garch_sigma"] * stage.horizon**0.5 * rows["close"]
    assert rows["stop_distance"].to_numpy() == pytest.approx(wanted.to_numpy())


def test_equity_moves_when_trades_are_closed(stage: Stage) -> None:
    curve = pl.read_csv(OUT / "plots/equity.csv", try_parse_dates=True)
    mine = stage.of("product")
    gain = (100 * stage.params.notional_fraction * mine["pnl"] / mine["entry_price"]).to_numpy()
    closed = mine["exit_ts"].dt.replace_time_zone(None).to_numpy()
    for ts, value in zip(curve["ts"].dt.replace_time_zone(None).to_numpy(), curve["product"].to_list(), strict=True):
        assert value == pytest.approx(gain[closed <= ts].sum(), abs=1e-5)


def test_drawdown_is_the_way_from_the_peak() -> None:
    """From the first equity too: a curve that begins with a loss is below its peak of 0."""
    figure = charts.equity(pl.DataFrame({"ts": [1, 2, 3, 4, 5], "product": [-1.0, 2.0, 1.5, 3.0, -1.0]}))
    assert list(figure.data[1].y) == [-1.0, 0.0, -0.5, 0.0, -4.0]
