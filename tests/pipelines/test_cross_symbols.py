"""Closes of other symbols reach the feature stage, the replay and the registered models from the bars alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML

import handmade_export as handmade
import small_pipeline
from features.store import read_family
from inference import Engine, Graph
from inference.replay import Costs, Entries, replay_engine
from models.predictor import NO_SERIES, Predictor
from pipelines import features
from pipelines.partitions import write_part
from pipelines.tables import bars_by_symbol, series_for

COLUMNS = ("open", "high", "low", "close", "volume")
DAY = small_pipeline.DAY_US


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    """300 days of A and B."""
    return small_pipeline.bars().group_by("symbol", maintain_order=True).head(300)


def test_the_stage_writes_the_family(tmp_path: Path, bars: pl.DataFrame) -> None:
    params = YAML(typ="safe", pure=True).load((small_pipeline.ROOT / "params.yaml").read_text())
    params["features"]["cross"] |= {"symbols": ["A", "B"], "baskets": {"both": ["A", "B"]}}
    with (tmp_path / "params.yaml").open("w") as file:
        YAML(typ="safe", pure=True).dump(params, file)
    (tmp_path / "data/checked").mkdir(parents=True)
    write_part(bars, tmp_path / "data/checked/bars", "all")
    NO_SERIES.write_parquet(tmp_path / "data/checked/series.parquet")
    with small_pipeline.inside(tmp_path):
        gone = tmp_path / "data/features/cross/C.parquet"
        gone.parent.mkdir(parents=True)
        bars.with_columns(symbol=pl.lit("C")).write_parquet(gone)  # of an earlier run with a symbol more
        features.main("cross")
        assert not gone.exists()
        table = read_family(tmp_path / "data/features/cross")
    for symbol, other in ("AB", "BA"):
        mine = table.filter(pl.col("symbol") == symbol)
        assert mine[60:].select(pl.exclude("symbol", "ts").is_finite().all()).row(0) == (True,) * (mine.width - 2)
        assert (mine[f"correlation_{symbol}"][60:] == 1.0).all()
        # of two symbols, the others and the basket without itself are the other one
        assert mine["correlation_others"].equals(mine[f"correlation_{other}"])
        np.testing.assert_allclose(mine["beta_basket_both"][60:], mine[f"beta_{other}"][60:], rtol=1e-9, atol=1e-12)


def test_replay_and_registered_model_see_what_the_stage_sees(tmp_path: Path, bars: pl.DataFrame) -> None:
    graph = handmade.small_graph(others=("A", "B"))
    paths = handmade.write_pair(tmp_path, graph)
    by_symbol = bars_by_symbol(bars)
    names = Graph(graph).series
    predicted = Predictor(paths[0]).predict(bars)
    for symbol, mine in by_symbol.items():
        series = series_for(NO_SERIES, by_symbol, symbol, names, DAY)
        values = Graph(graph, symbol).run({c: getattr(mine, c) for c in COLUMNS}, mine.ts, series)
        predictor = Predictor(paths[0])
        x = np.stack([values[name] for name in graph["features"]], 1).astype(np.float32)[100:]
        state = np.zeros((len(x), 5), np.float32)
        state[:, 0] = 1
        curves = predictor.net.predict(np.concatenate([x, state], 1)).reshape(len(x), -1)
        rows = predicted.filter((pl.col("symbol") == symbol) & (pl.col("side") == 1))[100:]
        assert rows.select(predictor.columns).to_numpy().astype(np.float32).tobytes() == curves.tobytes()
        signals = np.arange(120, 280, 20)
        entries = Entries(signals, np.ones(len(signals), np.int8))
        engine = Engine.load(*paths)
        assert not replay_engine(engine, mine, entries, Costs(), series=series)["fallback"].any()
        assert replay_engine(engine, mine, entries, Costs())["fallback"].all(), "without closes the rules decide"


def test_a_symbol_without_bars_is_named() -> None:
    bars = bars_by_symbol(small_pipeline.bars())
    with pytest.raises(ValueError, match=r"bars: must hold 'C', which features\.cross names, was \['A', 'B'\]"):
        series_for(NO_SERIES, bars, "A", ["close@C"], DAY)
