"""Binance's dumps: the exchange's own files where they are at hand, and small ones in its spelling."""

import datetime as dt
import hashlib
import io
import os
import shutil
import zipfile
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import polars as pl
import pytest

from file_server import serve
from part_reading import whole
from pipelines import ingest as stage
from pipelines.ingest import ingest
from pipelines.params import section
from pipelines.partitions import read_bars, read_pieces
from pipelines.sources import BARS, OPTIONAL, SERIES, IngestParams, rows
from pipelines.sources.binance import BinanceParams, read_binance
from pipelines.sources.download import DownloadParams
from pipelines.sources.tables import TRADES

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data"))
REAL = DATA / "raw/binance_vision"
real = pytest.mark.skipif(not REAL.exists(), reason=f"needs {REAL}, the exchange's files, not part of the project")
OFFLINE = DownloadParams("", 4, 3, 0.01, 5.0)
SPOT = BinanceParams("none", "spot", ("klines",), "1m", None, None, OFFLINE)
USDM = replace(SPOT, market="usdm")
LINE = "{stamp},10,12,9,11,5,{stamp},55,7,2,22,0\n"
HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
    "taker_buy_quote_volume,ignore\n"
)


def zipped(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.name.replace(".zip", ".csv"), text)
    return path


def with_checksum(path: Path) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_name(path.name + ".CHECKSUM").write_text(f"{digest}  {path.name}\n")
    return path


def read(params: BinanceParams, path: Path, table: str = "bars") -> pl.DataFrame:
    return pl.concat([whole(part)[table] for part in read_binance(replace(params, path=str(path)), ())])


def minute(day: dt.date, number: int = 0, unit: int = 1000) -> int:
    return (int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()) + 60 * number) * unit


DAY = dt.date(2023, 3, 23)
FIRST = LINE.format(stamp=minute(DAY))


@pytest.mark.parametrize("header", ["", HEADER])
@pytest.mark.parametrize("unit", [1000, 1_000_000])
def test_with_or_without_a_header_in_ms_or_us(tmp_path: Path, header: str, unit: int) -> None:
    zipped(tmp_path / "BTCUSDT-1m-2023-03-23.zip", header + LINE.format(stamp=minute(DAY, 1, unit)))
    frame = read(SPOT, tmp_path)
    assert dict(frame.schema) == {**BARS, **OPTIONAL}
    assert frame.row(0) == ("BTCUSDT", dt.datetime(2023, 3, 23, 0, 1, tzinfo=dt.UTC), 10, 12, 9, 11, 5, 7, 2)


def test_the_file_of_a_month_counts_before_those_of_its_days(tmp_path: Path) -> None:
    zipped(tmp_path / "A-1m-2023-03-24.zip", LINE.format(stamp=minute(dt.date(2023, 3, 24))))
    zipped(tmp_path / "A-1m-2023-03-23.zip", FIRST)
    parts = list(read_binance(replace(SPOT, path=str(tmp_path)), ()))
    assert [part.key for part in parts] == ["binance-spot-A-1m-2023-03"]
    assert whole(parts[0])["bars"]["ts"].dt.day().to_list() == [23, 24]
    zipped(tmp_path / "monthly/A-1m-2023-03.zip", LINE.format(stamp=minute(dt.date(2023, 3, 1))))
    assert read(SPOT, tmp_path)["ts"].dt.day().to_list() == [1]


def test_only_what_is_asked_for(tmp_path: Path) -> None:
    line = FIRST
    for place in (
        "data/spot/daily/klines/A/1m/A-1m-2023-03-23.zip",
        "data/futures/um/daily/klines/U/1m/U-1m-2023-03-23.zip",
        "data/futures/um/daily/markPriceKlines/M/1m/M-1m-2023-03-23.zip",
        "data/spot/daily/klines/B/15m/B-15m-2023-03-23.zip",
        "data/spot/daily/klines/C/1m/C-1m-2023-04-02.zip",
    ):
        zipped(tmp_path / place, line)
    for other in ("trades", "bookTicker", "liquidationSnapshot"):
        zipped(tmp_path / f"BTCUSDT-{other}-2023-03-23.zip", "tables that are not ours")
    asked = replace(SPOT, path=str(tmp_path), start=DAY, end=dt.date(2023, 4, 1))
    assert [part.symbol for part in read_binance(asked, ())] == ["A"]
    assert [part.symbol for part in read_binance(replace(asked, market="usdm"), ())] == ["U"]
    assert read(replace(asked, start=None, end=DAY + dt.timedelta(1)), tmp_path).height == 1
    month = FIRST + LINE.format(stamp=minute(DAY + dt.timedelta(1)))
    zipped(tmp_path / "data/spot/monthly/klines/D/1m/D-1m-2023-03.zip", month)
    (part,) = read_binance(replace(asked, start=DAY + dt.timedelta(1)), ("D",))
    assert whole(part)["bars"]["ts"].dt.day().to_list() == [24], "days before the start leave a month's file"


def test_trades(tmp_path: Path) -> None:
    zipped(
        tmp_path / "A-aggTrades-2023-03-23.zip",
        f"1,10.5,2,1,1,{minute(DAY)},True,True\n2,10.6,3,2,2,{minute(DAY)},False,True\n",
    )
    trades = read(replace(SPOT, kinds=("aggTrades",)), tmp_path, "trades")
    assert dict(trades.schema) == TRADES
    ts = dt.datetime(2023, 3, 23, tzinfo=dt.UTC)
    assert trades.rows() == [("A", "binance_spot", ts, 10.5, 2, -1), ("A", "binance_spot", ts, 10.6, 3, 1)]
    header = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"
    zipped(tmp_path / "A-aggTrades-2023-03-23.zip", header + f"1,10.5,2,1,1,{minute(DAY)},maybe\n")
    with pytest.raises(ValueError, match=r"A-aggTrades-2023-03-23\.csv:2: is_buyer_maker must be .* was 'maybe'"):
        read(replace(SPOT, kinds=("aggTrades",)), tmp_path, "trades")


def test_trades_come_in_batches_that_lie_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the sizes of blocks and files, the tables hold the rows in the dump's order, and late ones stay late."""
    times = [*range(20), 5, *range(20, 30), 10_000_000, 3, *range(10_000_001, 10_000_010)]
    lines = [f"{i},{10 + i},1,{i},{i},{minute(DAY) + 1000 * t},{i % 2 == 0},True" for i, t in enumerate(times)]
    zipped(tmp_path / "zips/A-aggTrades-2023-03.zip", "\n".join(lines))
    zipped(tmp_path / "zips/A-1m-2023-03-23.zip", FIRST)
    asked = replace(SPOT, path=str(tmp_path / "zips"), kinds=("klines", "aggTrades"))
    params = replace(section("ingest", IngestParams, ROOT / "params.yaml"), sources=("binance",), binance=asked)
    found = {}
    for block, rows_at_once, files in ((1, 1, 41), (100, 7, 6), (rows.BLOCK_BYTES, stage.BATCH_ROWS, 2)):
        monkeypatch.setattr(rows, "BLOCK_BYTES", block)
        monkeypatch.setattr(stage, "BATCH_ROWS", rows_at_once)
        folder = tmp_path / f"data{block}"
        ingest(replace(params, symbols=("A",)), folder)
        pieces = read_pieces(folder / "trades", TRADES, 7)
        found[block] = [
            (month, pl.concat(piece for _, piece in each)) for month, each in groupby(pieces, lambda it: it[0].name)
        ]
        assert ingest(replace(params, symbols=("A",)), folder) == []
        assert len(list(folder.glob("trades/*/*/*"))) == files
    for months in found.values():
        assert [month for month, _ in months] == ["month=2023-03", "month=2023-07"]
        assert pl.concat([frame for _, frame in months])["price"].to_list() == [10.0 + i for i in range(42)]
        assert [frame.height for _, frame in months] == [31, 11], "a late row stays beside its neighbours"


def test_a_dump_that_is_wrong_behind_its_first_batch_leaves_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", 1)
    monkeypatch.setattr(stage, "BATCH_ROWS", 1)
    shipped = section("ingest", IngestParams, ROOT / "params.yaml")
    params = replace(shipped, sources=("binance",), symbols=(), binance=replace(SPOT, path=str(tmp_path / "zips")))
    zipped(tmp_path / "zips/A-1m-2023-03.zip", FIRST + LINE.format(stamp=minute(DAY, 1)))
    ingest(params, tmp_path / "data")
    before = read_bars(tmp_path / "data/bars")
    zipped(tmp_path / "zips/A-1m-2023-03.zip", 2 * FIRST.replace(",10,", ",9,") + f"{minute(DAY, 1)},10")
    with pytest.raises(ValueError, match=r"csv:3: must have 12 fields, was 2"):
        ingest(params, tmp_path / "data")
    assert read_bars(tmp_path / "data/bars").equals(before)
    assert [path.name for path in (tmp_path / "data").glob(".*")] == []


def test_series_of_futures(tmp_path: Path) -> None:
    zipped(
        tmp_path / "A-fundingRate-2023-03.zip",
        f"calc_time,funding_interval_hours,last_funding_rate\n{minute(DAY)},8,0.0001\n",
    )
    zipped(
        tmp_path / "A-metrics-2023-03-23.zip",
        "create_time,symbol,sum_open_interest,sum_open_interest_value,count_toptrader_long_short_ratio,"
        "sum_toptrader_long_short_ratio,count_long_short_ratio,sum_taker_long_short_vol_ratio\n"
        "2023-03-23 00:05:00,A,100.5,2000,1.1,,1.3,0.9\n",
    )
    zipped(
        tmp_path / "A-bookDepth-2023-03-23.zip",
        "timestamp,percentage,depth,notional\n2023-03-23 00:00:07,-1,5,50\n2023-03-23 00:00:07,0.20,6,60\n",
    )
    series = read(replace(USDM, kinds=("fundingRate", "metrics", "bookDepth")), tmp_path, "series")
    assert dict(series.schema) == SERIES
    found = {name: (ts.strftime("%H:%M:%S"), value) for _, name, ts, value in series.iter_rows()}
    assert found == {
        "funding": ("00:00:00", 0.0001),
        "open_interest": ("00:10:00", 100.5),
        "open_interest_value": ("00:10:00", 2000.0),
        "top_account_ratio": ("00:10:00", 1.1),
        "account_ratio": ("00:10:00", 1.3),
        "taker_volume_ratio": ("00:10:00", 0.9),
        "bid_notional_1pct": ("00:00:07", 50.0),
        "ask_notional_0.2pct": ("00:00:07", 60.0),
    }


@pytest.mark.parametrize("block", [1, rows.BLOCK_BYTES])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FIRST + FIRST.replace(",10,", ",ten,"), r"23\.zip/A-1m-2023-03-23\.csv:2: open must be Float64, was 'ten'"),
        (FIRST + "1,2,3,4,5,6,7,8,9,10,11,12,13\n", r"csv:2: must have 12 fields, was 13"),
        ("", r"csv: must hold rows, was empty"),
        (FIRST + f"{minute(DAY, 1)},10,12", r"csv:2: must have 12 fields, was 3"),
        ((FIRST + f"{minute(DAY, 1)},10,1é").encode("latin1"), r"csv:2: must be UTF-8, was b'"),
        (b"\xff\xfe", r"csv:1: must be UTF-8, was b'\\xff"),
        (HEADER.replace("close,", "last,", 1) + FIRST, r"was without \['close'\]"),
        ("1,2,3\n", r"was without \['low'"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(
    tmp_path: Path, text: str | bytes, message: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "BLOCK_BYTES", block)
    zipped(tmp_path / "A-1m-2023-03-23.zip", text)
    with pytest.raises(ValueError, match=message):
        read(SPOT, tmp_path)


def test_broken_files_are_refused(tmp_path: Path) -> None:
    path = with_checksum(zipped(tmp_path / "A-1m-2023-03-23.zip", FIRST))
    assert read(SPOT, tmp_path).height == 1
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    with pytest.raises(ValueError, match=r"checksum must be .* delete the file and fetch it again"):
        read(SPOT, tmp_path)
    path.with_name(path.name + ".CHECKSUM").unlink()
    with pytest.raises(ValueError, match="must be a whole zip"):
        read(SPOT, tmp_path)
    path.rename(tmp_path / "A.zip")
    with pytest.raises(ValueError, match=r"A\.zip: must be named like BTCUSDT-1m-2023-03\.zip"):
        read(SPOT, tmp_path)
    with pytest.raises(ValueError, match=r"ingest\.binance\.path: must hold zips of \['klines'\]"):
        read(SPOT, tmp_path / "none")


def test_a_download_takes_months_and_where_they_are_lacking_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """January has its month, February only days (one of them lacking), March is asked for in part."""
    served = tmp_path / "served/data/spot"
    january = "".join(LINE.format(stamp=minute(dt.date(2023, 1, day))) for day in range(1, 32))
    with_checksum(zipped(served / "monthly/klines/A/1m/A-1m-2023-01.zip", january))
    days = [dt.date(2023, 2, 1) + dt.timedelta(i) for i in range(30)]
    for day in days:
        if day != dt.date(2023, 2, 10):
            with_checksum(zipped(served / f"daily/klines/A/1m/A-1m-{day}.zip", LINE.format(stamp=minute(day))))
    with serve(tmp_path / "served") as server:
        server.failures["/data/spot/monthly/klines/A/1m/A-1m-2023-01.zip"] = [
            ("status", 429, {"Retry-After": "0"}),
            ("truncate", 50),
        ]
        params = replace(
            section("ingest", IngestParams, ROOT / "params.yaml"),
            sources=("binance",),
            symbols=("A",),
            binance=replace(
                SPOT,
                path=str(tmp_path / "here"),
                start=dt.date(2023, 1, 1),
                end=dt.date(2023, 3, 3),
                download=replace(OFFLINE, base_url=server.url),
            ),
        )
        assert len(ingest(params, tmp_path / "data")) == 3
        assert capsys.readouterr().out == "binance: the server has no data/spot/daily/klines/A/1m/A-1m-2023-02-10.zip\n"
        asked = [path for path, _ in server.requests]
        assert "/data/spot/daily/klines/A/1m/A-1m-2023-01-05.zip" not in asked
        server.requests.clear()
        assert ingest(params, tmp_path / "data") == []
        lacking = ["monthly/klines/A/1m/A-1m-2023-02.zip", "daily/klines/A/1m/A-1m-2023-02-10.zip"]
        assert [path for path, _ in server.requests] == [f"/data/spot/{name}" for name in lacking], "only these again"
    bars = read_bars(tmp_path / "data/bars")
    expected = [dt.date(2023, 1, 1) + dt.timedelta(i) for i in range(61) if i != 40]
    assert bars["ts"].dt.date().to_list() == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kinds": ()}, r"kinds: must name one or more"),
        ({"kinds": ("metrics",)}, r"kinds: must exist on spot, was \['metrics'\]"),
        ({"interval": "1 minute"}, r"interval: must be Binance's"),
        ({"start": DAY, "end": DAY}, r"end: must lie after start"),
        ({"download": replace(OFFLINE, base_url="http://localhost")}, r"start: must be given for a download"),
    ],
)
def test_parameters_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(SPOT, **change)


@pytest.mark.data(str(REAL))
@real
def test_the_exchanges_own_files_served_and_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three days of one-minute bars, one with an exchange halt, against the same days from another hand; from a server
    that fails in every way on the first try, and lacks a fourth day.
    """
    for path in REAL.glob("*-1m-*.zip"):
        symbol = path.name.split("-")[0]
        place = tmp_path / f"served/data/spot/daily/klines/{symbol}/1m/{path.name}"
        place.parent.mkdir(parents=True, exist_ok=True)
        with_checksum(Path(shutil.copy(path, place)))
    failures = [
        ("status", 429, {"Retry-After": "0"}), ("status", 503, {}), ("truncate", 20_000), ("stall", 1.0),
        ("wrong", b"PK torn on its way"), ("truncate", 0),
    ]  # fmt: skip
    with serve(tmp_path / "served") as server:
        served = sorted((tmp_path / "served").rglob("*.zip"))
        for path, failure in zip(served, failures, strict=True):
            server.failures[f"/{path.relative_to(tmp_path / 'served')}"] = [failure]
        download = replace(OFFLINE, base_url=server.url, timeout_s=0.5, attempts=6)
        asked = replace(SPOT, path=str(tmp_path / "here"), start=DAY, end=dt.date(2023, 3, 27), download=download)
        bars = pl.concat(whole(part)["bars"] for part in read_binance(asked, ("BTCUSDT", "ETHUSDT")))
        assert not any(server.failures.values()), "every failure was met"
    assert capsys.readouterr().out.count("the server has no") == 2
    got = sorted(path.relative_to(tmp_path / "here") for path in (tmp_path / "here").rglob("*.zip"))
    assert got == [path.relative_to(tmp_path / "served") for path in served]
    assert bars.height == 2 * (3 * 1440 - 80)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        other = pl.read_parquet(DATA / f"spot_1m/{symbol}.parquet").filter(
            pl.col("ts").dt.date().is_between(DAY, dt.date(2023, 3, 25))
        )
        assert bars.filter(pl.col("symbol") == symbol).equals(other.select(bars.columns))


@pytest.mark.data(str(REAL))
@real
def test_the_exchanges_minutes_sum_to_its_quarter_hours() -> None:
    """Two dumps of one market: volumes and counts of 15 one-minute bars are those of the 15-minute bar."""
    fine, coarse = (read(replace(SPOT, interval=interval), REAL) for interval in ("1m", "15m"))
    summed = fine.group_by("symbol", pl.col("ts").dt.truncate("15m")).agg(
        pl.col("open").first(), pl.col("high").max(), pl.col("low").min(), pl.col("close").last(),
        pl.col("volume", "trades", "taker_buy_volume").sum(),
    )  # fmt: skip
    joined = coarse.join(summed, on=["symbol", "ts"], suffix="_sum", validate="1:1")
    assert joined.height == coarse.height
    for name in ("open", "high", "low", "close", "trades"):
        assert joined[name].equals(joined[f"{name}_sum"].alias(name)), name
    for name in ("volume", "taker_buy_volume"):
        assert ((joined[name] / joined[f"{name}_sum"] - 1).abs().fill_nan(0) < 1e-12).all()


def test_a_zip_with_two_files_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "")
        archive.writestr("b.csv", "")
    (tmp_path / "A-1m-2023-03-23.zip").write_bytes(buffer.getvalue())
    with pytest.raises(ValueError, match=r"must hold one file, was \['a\.csv', 'b\.csv'\]"):
        read(SPOT, tmp_path)
