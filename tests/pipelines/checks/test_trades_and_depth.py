import datetime as dt
import math
from dataclasses import fields, replace
from typing import Any

import polars as pl
import pytest

from check_cases import MARK, NOW, START, named, put
from pipelines.checks.depth import check_depth
from pipelines.checks.params import DepthRules, TradeRules
from pipelines.checks.trades import check_trades
from pipelines.sources.tables import DEPTH, TRADES

SECOND = dt.timedelta(seconds=1)
EARLY = dt.datetime.fromtimestamp(START.timestamp() / 1000, dt.UTC)
FILLS = pl.DataFrame(
    [("A", "x", START + i * SECOND, 100.0 + i % 5, 1.0 + i, 1 if i % 2 else -1) for i in range(20)],
    schema=TRADES,
    orient="row",
)
BOOKS = pl.DataFrame(
    [("A", "x", START + i * SECOND, [99.0, 98.0], [1.0, 2.0], [101.0, 102.0], [3.0, 4.0]) for i in range(20)],
    schema=DEPTH,
    orient="row",
)
STAMPS: dict[str, dict[str, dict[int, Any]]] = {
    "missing_time": {"ts": {5: None}},
    "future": {"ts": {19: NOW + SECOND}},
    "wrong_unit": {"ts": {0: EARLY}},
    "unsorted": {"ts": {5: START + 3.5 * SECOND}},
}
TRADE_CASES: dict[str, tuple[dict[str, dict[int, Any]], list[int]]] = {
    **{name: (change, list(change["ts"])) for name, change in STAMPS.items()},
    "not_finite": ({"price": {2: math.nan}, "quantity": {3: None, 4: math.inf}}, [2, 3, 4]),
    "not_positive": ({"price": {2: 0.0}, "quantity": {3: -1.0}}, [2, 3]),
    "unknown_side": ({"side": {2: 0, 3: None}}, [2, 3]),
    "outlier": ({"price": {9: 200.0, 10: 201.0, 15: 10.0}}, [9, 10, 15]),
}
DEPTH_CASES: dict[str, tuple[dict[str, dict[int, Any]], list[int]]] = {
    **{name: (change, list(change["ts"])) for name, change in STAMPS.items()},
    "empty_side": ({"bid_price": {2: []}, "bid_quantity": {2: []}}, [2]),
    "uneven": ({"ask_quantity": {2: [1.0]}}, [2]),
    "not_finite": ({"ask_price": {2: [101.0, math.nan]}, "bid_quantity": {3: [1.0, None]}}, [2, 3]),
    "not_positive": ({"bid_quantity": {2: [0.0, 1.0]}, "bid_price": {3: [99.0, -98.0]}}, [2, 3]),
    "crossed": ({"bid_price": {2: [101.0, 98.0], 3: [101.5, 98.0]}}, [2, 3]),
    "levels_unsorted": ({"bid_price": {2: [98.0, 99.0]}, "ask_price": {3: [101.0, 101.0]}}, [2, 3]),
    "duplicate": ({"ts": {5: START + 4 * SECOND}}, [5]),
}


def test_every_rule_has_a_case() -> None:
    assert {*TRADE_CASES, "duplicate"} == {field.name for field in fields(TradeRules)}
    assert {*DEPTH_CASES, "clock_skew"} == {field.name for field in fields(DepthRules)}


def test_sound_tables_show_nothing() -> None:
    for check, frame in ((check_trades, FILLS), (check_depth, BOOKS)):
        after, findings = check(frame, MARK, NOW)
        assert findings == []
        assert after.equals(frame)


@pytest.mark.parametrize("name", TRADE_CASES)
def test_trades(name: str) -> None:
    change, rows = TRADE_CASES[name]
    dirty = put(FILLS, change)
    assert named(check_trades(dirty, MARK, NOW)[1]) == {name: rows}
    after, _ = check_trades(dirty, replace(MARK, trades=replace(MARK.trades, **{name: "drop"})), NOW)
    assert after.height == dirty.height - len(rows)


def test_trades_at_one_moment_are_duplicates_only_if_equal_in_everything() -> None:
    later = FILLS.with_columns(pl.lit(START).alias("ts"))
    assert check_trades(later, MARK, NOW)[1] == []
    assert named(check_trades(pl.concat([later, later[[3]]]), MARK, NOW)[1]) == {"duplicate": [20]}


def test_a_price_that_stays_is_no_outlier_nor_one_of_another_venue() -> None:
    moved = FILLS.with_columns(pl.when(pl.int_range(pl.len()) >= 10).then(200.0).otherwise("price").alias("price"))
    assert check_trades(moved, MARK, NOW)[1] == []
    other = FILLS.with_columns(pl.lit("y").alias("venue"), pl.col("price") * 3)
    mixed = pl.concat([FILLS, other]).sort("ts", maintain_order=True)
    assert check_trades(mixed, MARK, NOW)[1] == []
    lone = put(mixed, {"price": {20: 300.0}})
    assert (mixed["venue"][20], named(check_trades(lone, MARK, NOW)[1])) == ("x", {"outlier": [20]})


@pytest.mark.parametrize("name", DEPTH_CASES)
def test_depth(name: str) -> None:
    change, rows = DEPTH_CASES[name]
    dirty = put(BOOKS, change)
    assert named(check_depth(dirty, MARK, NOW)[1]) == {name: rows}
    after, _ = check_depth(dirty, replace(MARK, depth=replace(MARK.depth, **{name: "drop"})), NOW)
    assert after.height == dirty.height - len(rows)


def test_venues_are_judged_apart() -> None:
    for check, frame in ((check_trades, FILLS), (check_depth, BOOKS)):
        both = pl.concat([frame, frame.with_columns(pl.lit("y").alias("venue"))])
        assert check(both, MARK, NOW)[1] == []


def test_books_received_before_they_were_sent_or_long_after() -> None:
    delays = [40.0] * 17 + [-0.5, 2000.5, None]
    timed = BOOKS.with_columns(pl.Series("delay_ms", delays))
    params = replace(MARK, clock=replace(MARK.clock, delay_ms=2000.0))
    after, findings = check_depth(timed, params, NOW)
    assert named(findings) == {"clock_skew": [17, 18]}
    assert after.equals(timed)
    drop = replace(params, depth=replace(params.depth, clock_skew="drop"))
    assert check_depth(timed, drop, NOW)[0].equals(timed.filter(~pl.int_range(pl.len()).is_in([17, 18])))
