"""The family as a whole: on real days and minutes complete and bounded, with every source, and its parameters."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from arch.data import nasdaq, sp500

import handmade_export as handmade
from features.exhaustion import ExhaustionParams
from features.flow import FlowParams, expressions
from features.graph import to_data
from features.levels import LevelsParams
from features.named_series import SeriesParams
from features.volatility import VolatilityParams
from inference import Graph
from pipelines.params import parse
from pipelines.params_file import load

ROOT = Path(__file__).parents[2]
BTC = ROOT.parent / "shared/data/spot_1m/BTCUSDT.parquet"
DAY, MINUTE = 86_400_000_000, 60_000_000
COLUMNS = ("open", "high", "low", "close", "volume")
ALL = FlowParams(taker="taker_buy_volume", trades="trades", book=True, series=(SeriesParams("funding", 1.0, 100, 5),))


def graph(p: FlowParams, interval: int = DAY) -> Graph:
    outputs = expressions(p, ExhaustionParams(), LevelsParams(), VolatilityParams())
    return Graph(to_data(outputs, list(outputs), interval))


def bounded(built: Graph, out: dict[str, np.ndarray]) -> None:
    for name, values in out.items():
        ready = values[built.warm_up[name] :]
        assert np.isfinite(ready).all(), name
        assert np.abs(ready).max() <= 7.0, name
        assert len(np.unique(ready)) > 10, name


@pytest.mark.parametrize("source", [sp500, nasdaq], ids=["SPX", "NASDAQ"])
def test_bars_alone_are_complete_and_bounded_on_real_days(source) -> None:
    params = load(ROOT / "params.yaml")
    frame = source.load()
    bars = {c: frame[c.capitalize()].to_numpy(float) for c in COLUMNS}
    built = graph(params.features.flow)
    assert built.series == []
    assert max(built.warm_up.values()) <= params.split.warmup_bars
    bounded(built, built.run(bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)))


@pytest.mark.data(str(BTC))
@pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project")
def test_bars_and_tape_are_complete_and_bounded_on_real_minutes() -> None:
    frame = pl.read_parquet(BTC, n_rows=200_000)
    bars = {c: frame[c].to_numpy().astype(float) for c in COLUMNS}
    ts = frame["ts"].dt.epoch("us").to_numpy()
    tape = {name: (ts + MINUTE, frame[name].to_numpy().astype(float)) for name in ("taker_buy_volume", "trades")}
    built = graph(FlowParams(taker="taker_buy_volume", trades="trades"), MINUTE)
    out = built.run(bars, ts, tape)
    bounded(built, out)
    for side in ("low", "high"):  # some hunts, but not on every other bar
        share = (out[f"hunt_{side}_age"] == 0.0).mean()
        assert 0.001 < share < 0.1


def test_a_price_that_stands_still_gives_finite_features() -> None:
    bars, ts = handmade.random_bars(400)
    for c in COLUMNS:
        bars[c][60:] = 100.0
    for volume in (0.0, 5.0):
        bars["volume"][60:] = volume
        built = graph(FlowParams())
        out = built.run(bars, ts)
        for name, values in out.items():
            assert np.isfinite(values[built.warm_up[name] :]).all(), name


def test_every_source_adds_its_features_and_reads_its_series() -> None:
    bars_alone = set(graph(FlowParams()).warm_up)
    for change, series, some in (
        ({"taker": "t"}, {"t"}, "taker_gap"),
        ({"trades": "n"}, {"n"}, "trade_intensity"),
        ({"series": ALL.series}, {"funding"}, "funding_staleness"),
    ):
        built = graph(replace(FlowParams(), **change))
        assert set(built.series) == series
        assert some in set(built.warm_up) - bars_alone
    whole = graph(ALL)
    assert {"book_bid_wall_distance", "book_depth_imbalance_50bp"} <= set(whole.warm_up)
    assert bars_alone < set(whole.warm_up)


def test_no_source_looks_ahead() -> None:
    """Another future of bars and series changes nothing up to the cut."""
    built = graph(ALL)
    n, rng = 240, np.random.default_rng(0)
    (bars, ts), (other, _) = handmade.random_bars(n), handmade.random_bars(n, seed=9)
    series = {name: rng.uniform(1, 2, n) for name in built.series}
    whole = built.run(bars, ts, {name: (ts + DAY, x) for name, x in series.items()})
    assert all(np.isfinite(values[-1]) for values in whole.values())
    for cut in (101, 150, 239):
        spliced = {c: np.concatenate([bars[c][:cut], other[c][cut:]]) for c in bars}
        changed = {name: (ts + DAY, np.where(np.arange(n) < cut, x, 3 - x)) for name, x in series.items()}
        for name, values in graph(ALL).run(spliced, ts, changed).items():
            assert values[:cut].tobytes() == whole[name][:cut].tobytes(), (name, cut)


def test_a_series_of_params_yaml_is_parsed() -> None:
    data = asdict(ALL) | {
        "book_depth_bp": [10],
        "series": [{"name": "funding", "max_age_days": 1, "window_bars": 9, "shift_bars": 2}],
    }
    assert parse(FlowParams, data, "features.flow").series == (SeriesParams("funding", 1.0, 9, 2),)
    data["series"] = [{"name": "funding", "max_age_days": 1, "window_bars": 9}]
    with pytest.raises(ValueError, match=r"features\.flow\.series\[0\]\.shift_bars: must be given"):
        parse(FlowParams, data, "features.flow")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"window_bars": 100}, r"slow_bars: must exceed window_bars \(100\), was 100"),
        ({"pool_bars": 1}, "pool_bars: must be a whole number in"),
        ({"equal_tolerance": -0.1}, "equal_tolerance: must be a number in"),
        ({"hunt_volume": 101.0}, "hunt_volume: must be a number in"),
        ({"hunt_half_life_bars": 0.0}, "hunt_half_life_bars: must be a number in"),
        ({"book_max_age_days": 0.0}, "book_max_age_days: must be a number in"),
        ({"book_wall_multiple": 0.5}, "book_wall_multiple: must be a number in"),
        ({"book_depth_bp": (50.0, 10.0)}, r"book_depth_bp: must ascend, was \[50.0, 10.0\]"),
        ({"book_depth_bp": (0.0,)}, "book_depth_bp: must be a number in"),
        ({"series": ALL.series * 2}, "series: must name each series once, was .'funding', 'funding'."),
    ],
)
def test_parameters_are_checked(change, rule) -> None:
    with pytest.raises(ValueError, match=rf"features\.flow\.{rule}"):
        FlowParams(**change)
