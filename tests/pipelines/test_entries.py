import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines.entries import RULES, EntryParams, find_entries

PARAMS = EntryParams("breakout", "both", 5, 3, 8, 4, 2, 1, "")


@pytest.fixture
def bars() -> pl.DataFrame:
    generator = np.random.default_rng(3)
    frames = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal(300)))
        spread = close * 0.005 * generator.random(300)
        ts = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(300)]
        prices = {"open": close, "high": close + spread, "low": close - spread, "close": close}
        frames.append(pl.DataFrame({"symbol": [symbol] * 300, "ts": ts, **prices, "volume": [1.0] * 300}))
    return pl.concat(frames).with_columns(pl.col("ts").dt.cast_time_unit("us"))


@pytest.mark.parametrize("rule", RULES)
def test_entries_do_not_look_ahead(bars: pl.DataFrame, rule: str) -> None:
    params = replace(PARAMS, rule=rule)
    whole = find_entries(bars, params)
    assert whole.height > 10
    for n in (20, 61, 150, 299):
        cut = find_entries(bars.filter(pl.col("ts").rank("dense") <= n), params).drop("id")
        # A signal on the last bar has no next open, so the cut ends one bar early.
        assert cut.equals(whole.filter(pl.col("index") < n - 1).drop("id"))


@pytest.mark.parametrize("rule", RULES)
def test_cool_down_order_and_sides(bars: pl.DataFrame, rule: str) -> None:
    found = find_entries(bars, replace(PARAMS, rule=rule, cooldown_bars=7, every_bars=9))
    assert found["ts"].is_sorted()
    for (_,), part in found.group_by("symbol"):
        assert part["index"].diff().min() > 7  # type: ignore[operator]
    assert set(found["side"]) == {1, -1}
    assert set(find_entries(bars, replace(PARAMS, rule=rule, sides="short"))["side"]) == {-1}


def test_breakout_by_hand() -> None:
    close = [1.0, 2.0, 3.0, 2.5, 3.0, 3.1, 0.5]
    series = pl.Series(close)
    signals = RULES["breakout"](series, series, series, replace(PARAMS, lookback_bars=2))
    # Bar 2 exceeds max(1, 2); bar 4 only equals max(3, 2.5); bar 5 exceeds max(2.5, 3); bar 6 falls below min(3, 3.1).
    assert signals.tolist() == [0, 0, 1, 0, 0, 1, -1]


def test_ma_cross_by_hand() -> None:
    series = pl.Series([3.0, 2.0, 1.0, 2.0, 4.0, 1.0, 0.0])
    signals = RULES["ma_cross"](series, series, series, replace(PARAMS, fast_bars=1, slow_bars=3))
    # Slow averages from bar 2: 2, 1.67, 2.33, 2.33, 1.67; the close is above them at bars 3 and 4.
    assert signals.tolist() == [0, 0, 0, 1, 0, -1, 0]


def test_the_users_file(bars: pl.DataFrame, tmp_path: Path) -> None:
    stamps = bars["ts"].head(300)
    rows = {"id": ["x", "y"], "symbol": ["B", "A"], "ts": [stamps[9], stamps[4]], "side": [-1, 1]}
    pl.DataFrame(rows).write_parquet(tmp_path / "e.parquet")
    pl.DataFrame(rows).with_columns(pl.col("ts").dt.to_string("%Y-%m-%d")).write_csv(tmp_path / "e.csv")
    for name in ("e.parquet", "e.csv"):
        found = find_entries(bars, replace(PARAMS, rule="file", file=str(tmp_path / name)))
        assert found.select("id", "symbol", "side", "index").rows() == [("y", "A", 1, 4), ("x", "B", -1, 9)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"side": [2, 1]}, "side must be 1 or -1"),
        ({"id": ["x", "x"]}, "id must not repeat"),
        ({"ts": [dt.datetime(1999, 1, 1, tzinfo=dt.UTC)] * 2}, "ts must be the open of a checked bar"),
    ],
)
def test_a_bad_file_is_refused(bars: pl.DataFrame, tmp_path: Path, change: dict[str, object], message: str) -> None:
    rows = {"id": ["x", "y"], "symbol": ["A", "A"], "ts": bars["ts"].head(2).to_list(), "side": [-1, 1], **change}
    pl.DataFrame(rows).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(ValueError, match=message):
        find_entries(bars, replace(PARAMS, rule="file", file=str(tmp_path / "e.parquet")))
