import datetime as dt
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from arch.data import sp500

from part_reading import whole
from pipelines.sources.lean import LeanParams, read_lean
from pipelines.sources.tables import BARS, SERIES

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "raw/lean"
real = pytest.mark.skipif(
    not REAL.exists(), reason=f"needs {REAL}, real files of LEAN that are not part of the project"
)
HOURLY = LeanParams("none", "hour", "adjusted", True)


def zipped(path: Path, text: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{path.stem}.csv", text)


def read(params: LeanParams, path: Path, *symbols: str, table: str = "bars") -> pl.DataFrame:
    return pl.concat(whole(part)[table] for part in read_lean(replace(params, path=str(path)), symbols))


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type]


@pytest.fixture
def equities(tmp_path: Path) -> Path:
    """A share with a 4:1 split on Tuesday 2020-03-10, and a dividend before it; clocks change on the 8th."""
    root = tmp_path / "equity/usa"
    rows = ["20200305 09:00", "20200306 15:00", "20200309 09:00", "20200310 09:00"]
    prices = [4_000_000, 4_000_000, 4_000_000, 1_000_000]
    zipped(root / "hour/abc.zip", "".join(f"{t},{p},{p},{p},{p},100\n" for t, p in zip(rows, prices, strict=True)))
    (root / "factor_files").mkdir()
    (root / "factor_files/abc.csv").write_text("20200306,0.99,0.25,400\n20200309,1,0.25,400\n20501231,1,1,0\n")
    return tmp_path


def test_new_york_times_scaled_prices_and_factors(equities: Path) -> None:
    bars = read(HOURLY, equities)
    assert dict(bars.schema) == BARS
    assert bars["symbol"].unique().to_list() == ["ABC"]
    assert bars["ts"].to_list() == [utc(2020, 3, 5, 14), utc(2020, 3, 6, 20), utc(2020, 3, 9, 13), utc(2020, 3, 10, 13)]
    assert bars["close"].to_list() == pytest.approx([99, 99, 100, 100], rel=1e-12)
    assert bars["volume"].to_list() == [400, 400, 400, 100]
    assert read(replace(HOURLY, prices="split"), equities)["close"].to_list() == [100.0] * 4
    raw = read(replace(HOURLY, prices="raw"), equities)
    assert raw["close"].to_list() == [400, 400, 400, 100]
    assert raw["volume"].to_list() == [100] * 4


def test_minute_files_of_days_and_the_session(tmp_path: Path) -> None:
    folder = tmp_path / "equity/usa/minute/abc"
    at = [h * 3_600_000 + m * 60_000 for h, m in ((9, 29), (9, 30), (15, 59), (16, 0))]
    for day in (6, 5):
        zipped(folder / f"2020030{day}_trade.zip", "".join(f"{ms},1,1,1,1,1\n" for ms in at))
        zipped(folder / f"2020030{day}_quote.zip", "34200000,1,1,1,1,1,1,1,1,1,1\n")
    params = LeanParams(str(tmp_path), "minute", "raw", True)
    (part,) = read_lean(params, ("ABC",))
    assert part.key == "lean-ABC-minute-202003"
    ts = whole(part)["bars"]["ts"].to_list()
    assert ts == [utc(2020, 3, d, h, m) for d in (5, 6) for h, m in ((14, 30), (20, 59))]
    assert read(replace(params, regular_hours=False), tmp_path).height == 8


def test_quotes_are_utc_and_give_means_and_spread(tmp_path: Path) -> None:
    zipped(tmp_path / "cfd/oanda/hour/xauusd.zip", "20200309 09:00,10,12,8,10,0,10.2,12.4,8.2,10.4,0\n")
    bars = read(HOURLY, tmp_path)
    assert bars.row(0)[:2] == ("XAUUSD", utc(2020, 3, 9, 9))
    assert bars.row(0)[2:] == pytest.approx((10.1, 12.2, 8.1, 10.2, 0))
    series = read(HOURLY, tmp_path, table="series")
    assert dict(series.schema) == SERIES
    assert series.row(0)[:3] == ("XAUUSD", "spread", utc(2020, 3, 9, 10))
    assert series["value"][0] == pytest.approx(0.4 / 10.2)


def test_daily_bars_and_crypto(tmp_path: Path) -> None:
    zipped(tmp_path / "equity/usa/daily/abc.zip", "20200309 00:00,10000,10000,10000,10000,1\n")
    zipped(tmp_path / "crypto/x/daily/btcusd_trade.zip", "20200309 00:00,10000,10000,10000,10000,1\n")
    bars = read(LeanParams("", "daily", "raw", True), tmp_path)
    assert bars.select("symbol", "ts", "close").rows() == [
        ("ABC", utc(2020, 3, 9), 1.0),
        ("BTCUSD", utc(2020, 3, 9), 10_000.0),
    ]


def test_mistakes_are_named(equities: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest\.lean\.path: must hold zips of daily bars"):
        read(replace(HOURLY, resolution="daily"), equities)
    first = "20200305 09:00,1,1,1,1,1\n"
    for text, message in (
        (first + "later,1,1,1,1,1\n", r"abc\.zip/abc\.csv:2: time must be LEAN's, was 'later'"),
        (first + "20200305 10:00,1,x,1,1,1\n", r"abc\.zip/abc\.csv:2: high must be Float64, was 'x'"),
        (first + "20200305 10:00,1,1", r"abc\.zip/abc\.csv:2: must have 6 fields, was 3"),
        (first.encode() + b"20200305 10\xff", r"abc\.zip/abc\.csv:2: must be UTF-8, was b'20200305"),
        (b"\xff", r"abc\.zip/abc\.csv:1: must be UTF-8"),
        ("", r"abc\.zip/abc\.csv: must hold rows, was empty"),
    ):
        zipped(equities / "equity/usa/hour/abc.zip", text)
        with pytest.raises(ValueError, match=message):
            read(HOURLY, equities)
    (equities / "equity/usa/factor_files/abc.csv").unlink()
    with pytest.raises(ValueError, match=r"ingest\.lean\.prices: needs a factor file of ABC"):
        read(HOURLY, equities)


def test_other_kinds_of_securities_are_not_taken_for_equities(equities: Path) -> None:
    zipped(equities / "index/usa/hour/spx.zip", "20200305 09:00,2900,2900,2900,2900,0\n")
    for place in ("option/usa/hour/abc_2020_trade_american.zip", "future/cme/hour/es_trade.zip"):
        zipped(equities / place, "0,1,1,1,1,1\n")
        with zipfile.ZipFile(equities / place, "a") as archive:
            archive.writestr("another contract.csv", "")
    assert read(HOURLY, equities)["symbol"].unique().to_list() == ["ABC"]


def test_a_factor_file_that_ends_too_early_is_refused(equities: Path) -> None:
    (equities / "equity/usa/factor_files/abc.csv").write_text("20200306,0.99,0.25,400\n20200309,1,0.25,400\n")
    with pytest.raises(ValueError, match=r"abc\.csv: must reach the last bar \(2020-03-10\), was up to 2020-03-09"):
        read(HOURLY, equities)


@pytest.mark.data(str(REAL))
@real
def test_spy_is_a_tenth_of_its_index_and_gains_its_dividends() -> None:
    """Against the S&P 500 of another source: the fund follows the index day by day until its dividends are put back."""
    index = sp500.load()["Close"]
    daily = pl.DataFrame({"day": index.index.date.tolist(), "index": index.to_numpy()})
    ends = {}
    for prices in ("split", "adjusted"):
        bars = read(replace(HOURLY, prices=prices), REAL, "SPY")
        closes = bars.group_by(pl.col("ts").dt.date().alias("day"), maintain_order=True).agg(pl.col("close").last())
        joined = daily.join(closes, on="day")
        assert joined.height > 4900
        ratio = joined["close"] * 10 / joined["index"]
        if prices == "split":
            assert ratio.median() == pytest.approx(1, abs=0.005)
            assert ((ratio - 1).abs() < 0.02).mean() > 0.999
        ends[prices] = ratio[-1] / ratio[0]
    years = 20
    assert 0.015 < (ends["adjusted"] / ends["split"]) ** (1 / years) - 1 < 0.022, "dividends of 1.5 to 2.2 % a year"


@pytest.mark.data(str(REAL))
@real
def test_apples_splits_leave_no_jump() -> None:
    """7:1 on 2014-06-09 and 4:1 on 2020-08-31; nothing else has moved this share by 16 % at an open since 2009."""
    jumps = {}
    for prices in ("raw", "split", "adjusted"):
        bars = read(replace(HOURLY, prices=prices), REAL, "AAPL").filter(pl.col("ts") > utc(2009, 1, 1))
        moved = bars.with_columns((pl.col("open") / pl.col("close").shift(1)).log().abs().alias("jump"))
        jumps[prices] = moved.filter(pl.col("jump") > 0.16)["ts"].dt.date().to_list()
    assert jumps == {"raw": [dt.date(2014, 6, 9), dt.date(2020, 8, 31)], "split": [], "adjusted": []}
