"""The check against recorded data whose faults are known from elsewhere."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from part_reading import whole
from pipelines.checks.ahead import relation_of
from pipelines.checks.bars import check_bars
from pipelines.checks.depth import check_depth
from pipelines.checks.finding import Finding, refusal
from pipelines.checks.params import CalendarParams, CheckParams
from pipelines.checks.series import check_series
from pipelines.checks.trades import check_trades
from pipelines.params import section
from pipelines.sources.depth import DepthFile, DepthParams, read_depth
from pipelines.sources.lean import LeanParams, read_lean
from pipelines.sources.tables import DEPTH, TRADES

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data"))
real = pytest.mark.skipif(not REAL.exists(), reason=f"needs {REAL}, real market data that are not part of the project")
NEW_YORK = ZoneInfo("America/New_York")
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type]


def found(bars: pl.DataFrame, calendar: str, deviations: float = 15.0) -> dict[str, Finding]:
    """With the shipped parameters but for these."""
    params = section("check", CheckParams)
    tick = replace(params.bad_tick, deviations=deviations)
    params = replace(params, calendar=CalendarParams(calendar, {}), bad_tick=tick)
    return {each.name: each for each in check_bars(bars, params, NOW)[1]}


def lean(symbol: str, prices: str) -> pl.DataFrame:
    params = LeanParams(str(REAL / "raw/lean"), "hour", prices, True)  # type: ignore[arg-type]
    return pl.concat(whole(part)["bars"] for part in read_lean(params, (symbol,)))


def days(finding: Finding) -> list[dt.date]:
    return [ts.astimezone(NEW_YORK).date() for ts in finding.places["ts"]]


@pytest.mark.data(str(REAL))
@real
def test_apples_splits_and_misprints() -> None:
    """Four splits since 1998, and prints at a tenth of the price; 2000-09-29 truly opened at 0.53 of the close."""
    shown = found(lean("AAPL", "raw"), "XNYS")
    assert days(shown["scale_jump"]) == [
        dt.date(2000, 6, 21),
        dt.date(2005, 2, 28),
        dt.date(2014, 6, 9),
        dt.date(2020, 8, 31),
    ]
    assert {dt.date(2009, 9, 21), dt.date(2010, 8, 31), dt.date(2011, 1, 3)} <= set(days(shown["bad_tick"]))
    assert "scale_jump" not in found(lean("AAPL", "adjusted"), "XNYS")


@pytest.mark.data(str(REAL))
@real
@pytest.mark.parametrize("symbol", ["AAPL", "SPY"])
def test_sessions_of_23_years(symbol: str) -> None:
    """5,849 sessions, none missing; bars after an early close; Nasdaq's halt of 2013-08-22, from 12:14 to 15:25."""
    shown = found(lean(symbol, "adjusted"), "XNYS")
    assert "missing_session" not in shown
    assert "off_grid" not in shown
    late = {ts.astimezone(NEW_YORK).time() for ts in shown["outside_session"].places["ts"]}
    assert late == {dt.time(13), dt.time(14), dt.time(15)}
    halts = [day for day in days(shown["missing_bars"]) if day != dt.date(2002, 9, 11)]  # trading began late
    assert halts == ([dt.date(2013, 8, 22)] if symbol == "AAPL" else [])


@pytest.mark.data(str(REAL))
@real
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_the_halt_of_binance(symbol: str) -> None:
    """2023-03-24: two years of minutes miss 80, in one place, and nothing traded for minutes around it."""
    bars = pl.read_parquet(REAL / f"spot_1m/{symbol}.parquet").with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
    shown = found(bars, "24/7")
    assert shown["missing_bars"].places.select("ts", "until", "missing").rows() == [
        (utc(2023, 3, 24, 12, 40), utc(2023, 3, 24, 14), 80)
    ]
    assert shown["zero_volume"].places["ts"].dt.date().unique().to_list() == [dt.date(2023, 3, 24)]
    assert set(shown) == {"missing_bars", "zero_volume", "stale_close", "bad_tick"}


@pytest.mark.data(str(REAL))
@real
def test_clean_bars_show_nothing_but_their_wicks() -> None:
    """415,168 half hours of perpetuals without a fault: at 30 deviations less than 1 in 10,000 is called a bad tick."""
    bars, wicks = 0, 0
    for path in sorted((REAL / "perp_30m").glob("*.parquet")):
        frame = pl.read_parquet(path).with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
        shown = found(frame, "24/7", 30.0)
        assert set(shown) <= {"bad_tick"}
        bars += frame.height
        wicks += shown["bad_tick"].count if shown else 0
    assert bars == 415_168
    assert 0 < wicks < bars / 10_000


@pytest.mark.data(str(REAL))
@real
def test_recorded_books_and_trades_are_sound_and_milliseconds_read_as_microseconds_are_not() -> None:
    wide = pl.read_parquet(REAL / "depth/hyperliquid_eth_orderbooks.parquet")
    fills = pl.read_parquet(REAL / "depth/hyperliquid_eth_trades.parquet")
    labels = [pl.lit("ETH").alias("symbol"), pl.lit("hyperliquid").alias("venue")]
    ts = pl.from_epoch("exchange_timestamp", "ms").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("ts")
    columns = {"price": "price", "size": "quantity"}
    lists = [
        pl.concat_list(f"{side}_{column}_{i}" for i in range(20)).alias(f"{side}_{kind}")
        for side in ("bid", "ask")
        for column, kind in columns.items()
    ]
    side = pl.col("side").replace_strict({"buy": 1, "sell": -1}, return_dtype=pl.Int8)
    books = wide.select(*labels, ts, *lists).select(list(DEPTH))
    trades = fills.select(*labels, ts, "price", pl.col("size").alias("quantity"), side).select(list(TRADES))
    params = section("check", CheckParams)
    for check, table in ((check_depth, books), (check_trades, trades)):
        assert {each.name for each in check(table, params, NOW)[1]} <= {"duplicate"}
        confused = table.with_columns((pl.col("ts").dt.epoch("us") // 1000).cast(pl.Datetime("us", "UTC")).alias("ts"))
        shown = {each.name: each for each in check(confused, params, NOW)[1]}
        assert shown["wrong_unit"].count == table.height
        assert "wrong_unit" in refusal(list(shown.values()))


def prices_of(path: str, length: dt.timedelta) -> pl.DataFrame:
    bars = pl.read_parquet(REAL / path, columns=["ts", "close"])
    closed = (pl.col("ts").cast(pl.Datetime("us", "UTC")) + length).alias("ts")
    return bars.select(closed, pl.col("close").log().alias("log"))


@pytest.mark.data(str(REAL))
@real
def test_days_whose_value_is_stamped_at_their_begin_look_ahead_and_sound_series_do_not() -> None:
    """Implied volatility of a day stamped 0:00 of it knows the day; a day later it is history. Funding is sound."""
    clock = section("check", CheckParams).clock
    series = pl.read_parquet(REAL / "series/series.parquet").with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
    closes = prices_of("perp_1h/BTCUSDT.parquet", dt.timedelta(hours=1))
    days = {"vix", "implied_volatility", "put_call", "fear_greed"}
    shown = {}
    for delay in (0, 1):
        for (name,), each in series.filter(pl.col("symbol").is_in(["*", "BTCUSDT"])).group_by("name"):
            moved = each.with_columns(pl.col("ts") + dt.timedelta(days=delay if name in days else 0))
            relation = relation_of(moved, closes, clock)
            shown[name, delay] = relation is not None and relation.looks_ahead
    assert {key for key, ahead in shown.items() if ahead} == {("vix", 0), ("implied_volatility", 0)}
    assert {name for name, _ in shown} >= {*days, "funding"}


@pytest.mark.data(str(REAL))
@real
def test_few_values_of_series_are_called_outliers() -> None:
    """5 of 21,774: funding in crashes (2021-05-19, 2022-11-10, 2023-11-09), and 54,686 contributors for 5,000 once."""
    params, called, values = section("check", CheckParams), 0, 0
    series = pl.read_parquet(REAL / "series/series.parquet").with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
    for _, each in series.group_by("symbol", "name", maintain_order=True):
        shown = {found.name: found.count for found in check_series(each, None, params, NOW)[1]}
        called += shown.get("outlier", 0)
        values += each.height
    assert 0 < called < values / 2000


@pytest.mark.data(str(REAL))
@real
@pytest.mark.parametrize(
    ("file", "early"), [("binance_usdm_btcusdt_20240808.jsonl.gz", True), ("hyperliquid_eth_orderbooks.parquet", False)]
)
def test_a_recorder_whose_clock_is_behind(file: str, early: bool) -> None:
    """The Binance log's receiver is 1.27 s behind the exchange; the other took 0.7 to 1.4 s for each book."""
    symbol = "BTCUSDT" if early else "ETH"
    (part,) = read_depth(DepthParams((DepthFile(str(REAL / "depth" / file), symbol, "v", False),), 2, 1000, ()), ())
    books = whole(part)["depth"]
    shown = {found.name: found.count for found in check_depth(books, section("check", CheckParams), NOW)[1]}
    assert shown == ({"clock_skew": books.height} if early else {})
    assert (books["delay_ms"].median() < -1200) == early
