"""Features of the order book: NumPy on random figures, and real snapshots from series and live."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from features.book import book_features
from features.expression import constant
from features.graph import merge, to_data
from inference import Engine, Graph, book_figures
from inference.book import FIGURES

ROOT = Path(__file__).parents[2]
BOOKS = ROOT.parent / "shared/data/depth/hyperliquid_eth_orderbooks.parquet"
SECOND = 1_000_000
N, CAP, UNIT, RANGES = 15, 4.0, 0.001, (2.0, 5.0)


def features(max_age_days: float = 0.001):
    return book_features(max_age_days, RANGES, 3.0, constant(UNIT), CAP, N)


def expected(f: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The definitions, of the figures known at each bar."""

    def usual(x: np.ndarray) -> np.ndarray:
        mean = pl.Series(x).rolling_mean(N).to_numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.clip(np.log(np.maximum(np.where(mean > 0, x / mean, 1.0), 1e-3)), -5, 5)

    out = {
        "book_imbalance": f["book_imbalance"],
        "book_spread": np.log1p(f["book_spread_bp"]),
        "book_spread_log": usual(f["book_spread_bp"]),
    }
    for bp in ("2", "5"):
        bid, ask = f[f"book_bid_depth_{bp}bp"], f[f"book_ask_depth_{bp}bp"]
        with np.errstate(invalid="ignore"):
            out[f"book_depth_imbalance_{bp}bp"] = np.where(bid + ask > 0, (bid - ask) / (bid + ask), 0.0)
        out |= {f"book_bid_depth_{bp}bp": usual(bid), f"book_ask_depth_{bp}bp": usual(ask)}
    for side in ("bid", "ask"):
        multiple = f[f"book_{side}_wall_multiple"]
        away = np.minimum(f[f"book_{side}_wall_bp"] / 1e4 / UNIT, CAP)
        out[f"book_{side}_wall"] = np.log(multiple)
        out[f"book_{side}_wall_distance"] = np.where(multiple >= 3.0, away, CAP)
    return out


def same(got, figures, start: int = N) -> None:
    theirs = expected(figures)
    assert set(got) == set(theirs)
    for name, values in theirs.items():
        np.testing.assert_allclose(got[name][start:], values[start:], rtol=1e-8, atol=1e-10, err_msg=name)


def test_random_books_equal_the_formulas() -> None:
    rng = np.random.default_rng(0)
    middle = 3000 * np.exp(np.cumsum(rng.normal(0, 1e-4, 200)))[:, None]
    away = np.cumsum(rng.uniform(0.01, 0.4, (2, 200, 12)), axis=2)
    quantity = rng.lognormal(1, 1.5, (2, 200, 12))
    figures = book_figures(middle - away[0], quantity[0], middle + away[1], quantity[1], RANGES)
    bars, ts = handmade.random_bars(200)
    graph = Graph(to_data(features(), [], handmade.DAY))
    same(graph.run(bars, ts, {name: (ts + handmade.DAY, x) for name, x in figures.items()}), figures)
    assert set(graph.series) == set(figures), "each figure is read"
    assert set(FIGURES) <= set(graph.series)


@pytest.mark.data(str(BOOKS))
@pytest.mark.skipif(not BOOKS.exists(), reason=f"needs {BOOKS}, real book snapshots that are not part of the project")
def test_real_snapshots_live_equal_the_series_and_the_formulas(tmp_path) -> None:
    """Bars of five seconds made of the book's middle, from 24 real minutes."""
    frame = pl.read_parquet(BOOKS)
    sides = [
        frame.select([f"{each}_{i}" for i in range(20)]).to_numpy()
        for each in ("bid_price", "bid_size", "ask_price", "ask_size")
    ]
    at = (frame["timestamp"].to_numpy() * 1e6).astype(np.int64)
    interval = 5 * SECOND
    middle = pl.DataFrame({"ts": at // interval * interval, "m": (sides[0][:, 0] + sides[2][:, 0]) / 2})
    m = pl.col("m")
    bars = middle.group_by("ts", maintain_order=True).agg(open=m.first(), high=m.max(), low=m.min(), close=m.last())
    ts = bars["ts"].to_numpy()
    columns = {name: bars[name].to_numpy() for name in ("open", "high", "low", "close")} | {"volume": np.ones(len(ts))}
    small = handmade.small_graph() | {"bar_interval_us": interval}
    data = merge([small, to_data(features(), [], interval)])
    figures = book_figures(*sides, depth_bp=RANGES)
    block = Graph(data, "ETH").run(columns, ts, {name: (at, x) for name, x in figures.items()})

    last = np.searchsorted(at, ts + interval, side="right") - 1  # the snapshot known at each close
    same({name: block[name] for name in features()}, {name: x[last] for name, x in figures.items()})
    for name in features():
        assert np.isfinite(block[name][N:]).all(), name
        assert np.abs(block[name][N:]).max() <= 7.0, name
        assert len(np.unique(block[name][N:])) > 10, name

    engine = Engine.load(*handmade.write_pair(tmp_path, data, bar_interval_us=interval, symbols=["ETH"]))
    k = 0
    for i in range(len(ts)):
        while k < len(at) and at[k] <= ts[i] + interval:
            engine.on_depth("ETH", int(at[k]), *(side[k] for side in sides))
            k += 1
        engine.on_bar("ETH", int(ts[i]), *(float(columns[c][i]) for c in columns))
        live = engine.features("ETH")
        for name in features():
            assert np.float64(live[name]).tobytes() == block[name][i].tobytes(), (name, i)


def test_an_old_book_is_missing() -> None:
    bars, ts = handmade.random_bars(60)
    figures = book_figures([99.0, 98.0], [1.0, 2.0], [101.0, 102.0], [1.0, 2.0], RANGES)
    series = {name: (np.array([handmade.DAY]), np.array([x])) for name, x in figures.items()}
    out = Graph(to_data(features(3.0), [], handmade.DAY)).run(bars, ts, series)
    assert np.isfinite(out["book_imbalance"][:4]).all()
    assert np.isnan(out["book_imbalance"][4:]).all()
