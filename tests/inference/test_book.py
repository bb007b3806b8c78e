"""Order book figures against NumPy, cases worked out by hand, real snapshots, and live against batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from features import as_of
from features.graph import merge, to_data
from inference import BarError, Engine, Graph, book_figures
from inference.book import FIGURES, depth_names

ROOT = Path(__file__).parents[2]
BOOKS = ROOT.parent / "shared/data/depth/hyperliquid_eth_orderbooks.parquet"
RANGES = (1.0, 2.5, 10.0)

# bids and asks around 100, a wall of 40 at 99.8
BOOK = ([99.9, 99.8, 99.5], [3.0, 40.0, 5.0], [100.1, 100.4], [1.0, 2.0])


def by_numpy(bid_price, bid_quantity, ask_price, ask_quantity, ranges) -> dict[str, np.ndarray]:
    """The definitions, over whole columns (n, levels)."""
    middle = (bid_price[:, 0] + ask_price[:, 0]) / 2
    best, offered = bid_quantity[:, 0], ask_quantity[:, 0]
    out = {
        "book_spread_bp": (ask_price[:, 0] / middle - bid_price[:, 0] / middle) * 1e4,
        "book_imbalance": (best - offered) / (best + offered),
    }
    for side, price, quantity in (("bid", bid_price, bid_quantity), ("ask", ask_price, ask_quantity)):
        rows, at, n = np.arange(len(price)), quantity.argmax(1), price.shape[1]
        largest = quantity.max(1)
        out[f"book_{side}_wall_bp"] = np.abs(price[rows, at] / middle - 1) * 1e4
        out[f"book_{side}_wall_multiple"] = largest / ((quantity.sum(1) - largest) / (n - 1))
        for bp in ranges:
            near = np.round(np.abs(price / middle[:, None] - 1) * 1e4, 6) <= bp
            out[f"book_{side}_depth_{bp:g}bp"] = (price * quantity * near).sum(1)
    return out


def random_books(n: int, levels: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    middle = 3000 * np.exp(np.cumsum(rng.normal(0, 1e-4, n)))[:, None]
    away = np.cumsum(rng.uniform(0.01, 0.4, (2, n, levels)), axis=2)
    bid_quantity, ask_quantity = rng.lognormal(1, 1.5, (2, n, levels))
    return middle - away[0], bid_quantity, middle + away[1], ask_quantity


def real_books():
    frame = pl.read_parquet(BOOKS)
    columns = ("bid_price", "bid_size", "ask_price", "ask_size")
    sides = tuple(frame.select([f"{each}_{i}" for i in range(20)]).to_numpy() for each in columns)
    return sides, (frame["timestamp"].to_numpy() * 1e6).astype(np.int64)


def test_a_book_worked_out_by_hand() -> None:
    got = book_figures(*BOOK, depth_bp=(10.0, 20.0, 40.0))
    assert got["book_spread_bp"] == pytest.approx(20.0)
    assert got["book_imbalance"] == pytest.approx(0.5)
    assert got["book_bid_wall_bp"] == pytest.approx(20.0)
    assert got["book_bid_wall_multiple"] == pytest.approx(10.0)  # 40 beside a mean of 4
    assert got["book_ask_wall_bp"] == pytest.approx(40.0)
    assert got["book_ask_wall_multiple"] == pytest.approx(2.0)
    assert got["book_bid_depth_20bp"] == pytest.approx(99.9 * 3 + 99.8 * 40)
    assert got["book_ask_depth_20bp"] == pytest.approx(100.1)
    assert got["book_ask_depth_40bp"] == pytest.approx(100.1 + 200.8)
    assert set(got) == {*FIGURES, *(name for bp in (10, 20, 40) for name in depth_names(bp))}


def test_a_level_alone_is_no_wall_and_of_equals_the_nearest_counts() -> None:
    alone = book_figures([99.0], [7.0], [101.0, 102.0, 103.0], [5.0, 5.0, 5.0])
    assert alone["book_bid_wall_multiple"] == alone["book_ask_wall_multiple"] == 1.0
    assert alone["book_ask_wall_bp"] == pytest.approx(100.0)


def test_a_wall_beyond_all_digits_is_finite() -> None:
    got = book_figures([99.0, 98.0], [1e15, 1e-3], [101.0], [1.0])
    assert got["book_bid_wall_multiple"] == pytest.approx(1e18)


@pytest.mark.parametrize(("n", "levels"), [(1, 2), (300, 20), (50, 200)])
def test_random_books_equal_numpy(n, levels) -> None:
    books = random_books(n, levels)
    got = book_figures(*books, depth_bp=RANGES)
    for name, values in by_numpy(*books, RANGES).items():
        np.testing.assert_allclose(got[name], values, rtol=1e-9, err_msg=name)


@pytest.mark.data(str(BOOKS))
@pytest.mark.skipif(not BOOKS.exists(), reason=f"needs {BOOKS}, real book snapshots that are not part of the project")
def test_real_books_equal_numpy() -> None:
    books, _ = real_books()
    got = book_figures(*books, depth_bp=RANGES)
    assert len(got["book_spread_bp"]) > 2000
    for name, values in by_numpy(*books, RANGES).items():
        np.testing.assert_allclose(got[name], values, rtol=1e-9, err_msg=name)
    assert got["book_bid_depth_2.5bp"].std() > 0
    assert (got["book_bid_depth_1bp"] <= got["book_bid_depth_2.5bp"]).all()


def changed(side: int, values) -> tuple:
    return tuple(values if i == side else each for i, each in enumerate(BOOK))


BAD = {
    "crossed": (
        ([100.1, 99.8], [1.0, 1.0], [100.0], [1.0]),
        r"bid_price: must be below the best ask \(100\), was 100.1",
    ),
    "locked": (([100.1], [1.0], [100.1], [1.0]), "must be below the best ask"),
    "unsorted bids": (changed(0, [99.9, 99.5, 99.8]), r"bid_price: must go away .*, was 99.8 after 99.5; sort"),
    "unsorted asks": (changed(2, [100.4, 100.1]), r"ask_price: must go away .*, was 100.1 after 100.4"),
    "a price twice": (changed(2, [100.1, 100.1]), "each price once"),
    "NaN price": (changed(0, [99.9, np.nan, 99.5]), "bid_price: must be finite, above 0 and at most 1e15, was nan"),
    "infinite ask": (changed(2, [100.1, np.inf]), "ask_price: must be finite"),
    "price of 0": (changed(0, [99.9, 99.8, 0.0]), "bid_price: must be finite, above 0"),
    "NaN quantity": (changed(3, [1.0, np.nan]), "ask_quantity: must be finite"),
    "emptied level": (changed(1, [3.0, 0.0, 5.0]), "bid_quantity: .*, was 0; leave out emptied levels"),
    "no bids": (([], [], [100.1], [1.0]), "bid_price: must have a level, was none"),
    "no asks": (([99.9], [1.0], [], []), "ask_price: must have a level"),
    "quantity missing": (changed(1, [3.0, 40.0]), "must have a quantity for each price"),
    "mixed forms": (changed(1, [[3.0, 40.0, 5.0]]), r"must be arrays \(levels,\) or \(n, levels\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_books_are_refused(case) -> None:
    book, rule = BAD[case]
    with pytest.raises(BarError, match=rule):
        book_figures(*book)


def test_a_bad_row_is_named() -> None:
    books = random_books(10, 5)
    books[1][7, 2] = np.nan
    with pytest.raises(BarError, match=r"^row 7: book\.bid_quantity"):
        book_figures(*books)


@pytest.fixture(scope="module")
def graph():
    """The small graph with some figures of the book as further outputs; not all of them, and one range only."""
    names = ("book_imbalance", "book_spread_bp", "book_ask_wall_multiple", *depth_names(2.5))
    data = to_data({f"seen_{name}": as_of(name, 1.0) for name in names}, [], handmade.DAY)
    return merge([handmade.small_graph(), data])


def live_and_batch(tmp_path, graph, books, at):
    """Outputs per bar: from on_depth before each bar, and from the series of all snapshots in one block."""
    bars, ts = handmade.random_bars(40)
    engine = Engine.load(*handmade.write_pair(tmp_path, graph))
    rows, k = [], 0
    for i in range(len(ts)):
        while k < len(at) and at[k] <= ts[i] + handmade.DAY:
            engine.on_depth("SPX", int(at[k]), *(side[k] for side in books))
            k += 1
        engine.on_bar("SPX", int(ts[i]), *(float(bars[c][i]) for c in ("open", "high", "low", "close", "volume")))
        rows.append(engine.features("SPX"))
    figures = book_figures(*books, depth_bp=(2.5,))
    block = Graph(graph, "SPX")
    return rows, block.run(bars, ts, {name: (at, figures[name]) for name in block.series})


def equal(rows, block) -> None:
    for name, values in block.items():
        assert np.array([row[name] for row in rows]).tobytes() == values.tobytes(), name


def test_live_snapshots_equal_the_series_made_in_one_go(tmp_path, graph) -> None:
    at = np.sort(np.random.default_rng(1).integers(0, 40 * handmade.DAY, 300))
    rows, block = live_and_batch(tmp_path, graph, random_books(300, 8), at)
    assert np.isfinite(block["seen_book_bid_depth_2.5bp"]).sum() > 30
    equal(rows, block)


@pytest.mark.data(str(BOOKS))
@pytest.mark.skipif(not BOOKS.exists(), reason=f"needs {BOOKS}, real book snapshots that are not part of the project")
def test_live_equals_batch_on_real_snapshots(tmp_path, graph) -> None:
    """The 24 real minutes, stretched over forty daily bars."""
    books, ts = real_books()
    at = ((ts - ts[0]) / (ts[-1] - ts[0]) * 39 * handmade.DAY).astype(np.int64)
    equal(*live_and_batch(tmp_path, graph, books, at))


def test_a_refused_snapshot_changes_nothing(tmp_path, graph) -> None:
    engine = Engine.load(*handmade.write_pair(tmp_path, graph))
    engine.on_bar("SPX", 0, 100.0, 101.0, 99.0, 100.0, 1.0)
    engine.on_depth("SPX", handmade.DAY, *BOOK)
    before = engine.save()
    for book, _ in BAD.values():
        with pytest.raises(BarError):
            engine.on_depth("SPX", handmade.DAY, *book)
        with pytest.raises(BarError):
            engine.on_depth("ANOTHER", handmade.DAY, *book)
    with pytest.raises(BarError, match="must not be before the value before it"):
        engine.on_depth("SPX", handmade.DAY - 1, *BOOK)
    assert engine.save() == before
