"""What is drawn over the price, against plain loops over the bars and the engine's own outputs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features.divergence import divergences
from features.exhaustion import rsi
from features.families import FAMILIES, FeatureParams
from features.graph import to_data
from features.store import read_family
from inference import Graph
from pipelines.pages import overlays
from pipelines.params import section
from pipelines.partitions import read_bars
from small_pipeline import DAY_US, inside, prepare

SYMBOL = "B"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("overlays")
    prepare(path)
    return path


@pytest.fixture(scope="module")
def params(folder: Path) -> FeatureParams:
    with inside(folder):
        return section("features", FeatureParams)


@pytest.fixture(scope="module")
def frame(folder: Path) -> pl.DataFrame:
    """All bars of one symbol with all features."""
    bars = read_bars(folder / "data/checked/bars")
    families = (read_family(folder / "data/features" / name) for name in FAMILIES)
    first, *rest = (table.filter(pl.col("symbol") == SYMBOL).drop("symbol") for table in (bars, *families))
    for each in rest:
        first = first.join(each, on="ts")
    return first


def test_pivots_stand_out_from_their_neighbours(frame: pl.DataFrame, params: FeatureParams) -> None:
    n, high, low = params.levels.pivot_bars, frame["high"].to_numpy(), frame["low"].to_numpy()
    tops, bottoms = overlays.pivots(frame, params.levels, DAY_US)
    around = {t: (slice(t - n, t), slice(t + 1, t + n + 1)) for t in range(n, len(high) - n)}  # of equals the last
    assert tops.tolist() == [t for t, (a, b) in around.items() if high[t] >= high[a].max() and high[t] > high[b].max()]
    assert bottoms.tolist() == [t for t, (a, b) in around.items() if low[t] <= low[a].min() and low[t] < low[b].min()]


def test_bars_before_the_span_make_pivots_and_profile_exact(frame: pl.DataFrame, params: FeatureParams) -> None:
    lead, begin = overlays.lead_bars(params.levels), 900
    part = frame.slice(begin - lead)
    for whole, cut in zip(*(overlays.pivots(each, params.levels, DAY_US) for each in (frame, part)), strict=True):
        assert whole[whole >= begin].tolist() == [row for row in (cut + begin - lead).tolist() if row >= begin]
    one = overlays.volume_profile(frame.slice(0, begin + 1), params.levels, DAY_US)
    two = overlays.volume_profile(frame.slice(begin + 1 - lead, lead), params.levels, DAY_US)
    assert one is not None
    assert two is not None
    assert one.equals(two)
    assert overlays.volume_profile(frame.head(lead - 1), params.levels, DAY_US) is None


def test_the_profile_is_the_volume_spread_over_each_bars_range(frame: pl.DataFrame, params: FeatureParams) -> None:
    p = replace(params.levels, profile_bars=60, profile_bins=20)
    found = overlays.volume_profile(frame.slice(0, 700), p, DAY_US)
    assert found is not None
    window = frame.slice(640, 60)
    low, high = np.log(window["low"].to_numpy()), np.log(window["high"].to_numpy())
    span = high.max() - low.min()
    edges = low.min() - 0.25 * span + 1.5 * span / 20 * np.arange(21)
    inside_bin = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    bins = (window["volume"].to_numpy()[:, None] * inside_bin.clip(0) / (high - low)[:, None]).sum(0)
    at = np.searchsorted(edges, np.log(found["price"].to_numpy()), "right") - 1
    assert found["share"].to_numpy() == pytest.approx(bins[at] / bins.max(), rel=1e-9, abs=1e-9)
    assert found["share"].max() == pytest.approx(1.0)


def test_without_volume_each_bar_counts_as_one(frame: pl.DataFrame, params: FeatureParams) -> None:
    shares = [
        overlays.volume_profile(frame.with_columns(volume=pl.lit(volume)), params.levels, DAY_US)
        for volume in (0.0, 1.0)
    ]
    assert shares[0] is not None
    assert shares[1] is not None
    assert shares[0]["share"].to_numpy() == pytest.approx(shares[1]["share"].to_numpy(), abs=1e-9)


def test_legs_of_the_zigzag_join_high_to_low(frame: pl.DataFrame) -> None:
    rows, prices = overlays.zigzag(frame)
    assert len(rows) > 20
    assert (np.diff(rows) > 0).all()
    direction = frame["swing_direction"].to_numpy()
    for row, price in zip(rows, prices, strict=True):
        assert price == pytest.approx(frame["high" if direction[row] > 0 else "low"][int(row)])
    assert (np.diff(direction[rows]) != 0).all()
    # Where the next leg is live, the table knows this end as its origin.
    assert frame["swing_origin"].gather(rows[1:]).to_numpy() == pytest.approx(prices[:-1])
    assert frame["swing_extreme"][-1] == prices[-1]


@pytest.mark.parametrize("side", ["below", "above"])
def test_zones_cover_the_bars_that_know_one(frame: pl.DataFrame, params: FeatureParams, side: str) -> None:
    centre = np.full(frame.height, np.nan)
    for zone in overlays.zones(frame, side, params.levels):
        rows = slice(zone.begin, zone.end + 1)
        assert np.isnan(centre[rows]).all()
        centre[rows] = zone.centre
        unit = frame["sigma"][zone.begin] * params.levels.horizon_bars**0.5 * zone.centre
        assert zone.half_width == pytest.approx(params.levels.zone_width * unit)
        assert np.log1p(zone.strength) == pytest.approx(frame[f"zone_{side}_strength"][zone.end])
    known = frame[f"zone_{side}_strength"].to_numpy() > 0
    assert 0.3 < known.mean() < 1.0
    assert (np.isfinite(centre) == known).all()
    assert (centre[known] == frame[f"zone_{side}"].to_numpy()[known]).all()


def test_divergences_are_those_that_the_engine_saw(frame: pl.DataFrame, params: FeatureParams) -> None:
    p = params.exhaustion
    regular, hidden = divergences(rsi(p.rsi_bars), p.pivot_bars, p.divergence_span_bars)
    graph = Graph(to_data({"rsi_divergence": regular, "rsi_hidden_divergence": hidden}, [], DAY_US))
    columns = {name: frame[name].to_numpy() for name in ("open", "high", "low", "close", "volume")}
    seen = graph.run(columns, frame["ts"].dt.epoch("us").to_numpy())
    for name, events in seen.items():
        found = overlays.divergences(frame, name, p)
        ready = np.flatnonzero(np.isfinite(events))[1:]
        assert np.count_nonzero(events[ready]) > 10
        assert (found[ready] == events[ready]).all()
    assert set(overlays.DIVERGENCES) <= set(frame.columns)


def test_trades_that_touch_the_span(frame: pl.DataFrame) -> None:
    times = frame["ts"]
    rows = [(90, 98), (95, 105), (102, 103), (148, 160), (150, 160)]
    table = pl.DataFrame(
        {
            "id": [str(i) for i in range(len(rows))],
            "policy": "product",
            "mode": "pessimistic",
            "entry_ts": times.gather([row[0] for row in rows]),
            "exit_ts": times.gather([row[1] for row in rows]),
            "fill_price": 100.0,
            "stop_distance": 2.0,
            "target_r": 3.0,
            "side": pl.Series([1, -1, 1, -1, 1], dtype=pl.Int8),
        }
    )
    others = pl.concat(
        [table, table.with_columns(policy=pl.lit("random")), table.with_columns(mode=pl.lit("adaptive"))]
    )
    found = overlays.trades(others, times.slice(100, 50))
    assert found.select("id", "entry", "exit", "stop", "target").rows() == [
        ("1", None, 5, 102.0, 94.0),
        ("2", 2, 3, 98.0, 106.0),
        ("3", 48, None, 102.0, 94.0),
    ]
