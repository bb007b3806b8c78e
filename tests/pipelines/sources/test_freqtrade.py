import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from part_reading import whole
from pipelines.sources.freqtrade import FreqtradeParams, pair_of, read_freqtrade
from pipelines.sources.tables import BARS, SERIES

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "raw/freqtrade"
SPOT = FreqtradeParams("none", "1h", "spot")
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def candles(path: Path, hours: int, price: float = 10.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = [START + i * dt.timedelta(hours=hours) for i in range(3)]
    columns = {name: [price + i for i in range(3)] for name in ("open", "high", "low", "close", "volume")}
    frame = pl.DataFrame({"date": stamps, **columns}).with_columns(pl.col("date").cast(pl.Datetime("ns", "UTC")))
    if path.suffix == ".feather":
        frame.write_ipc(path, compression="lz4")
    else:
        frame.write_parquet(path)


@pytest.mark.parametrize(
    ("name", "pair"),
    [
        ("LTC_USDT", "LTC/USDT"),
        ("LTC_USDT_USDT", "LTC/USDT:USDT"),
        ("1000PEPE_USDT_USDT", "1000PEPE/USDT:USDT"),
        ("ETH_USDT_USDT-240628", "ETH/USDT:USDT-240628"),
    ],
)
def test_pairs(name: str, pair: str) -> None:
    assert pair_of(name) == pair


@pytest.mark.parametrize("suffix", [".feather", ".parquet"])
def test_candles_of_the_timeframe_and_series_of_futures(tmp_path: Path, suffix: str) -> None:
    candles(tmp_path / f"LTC_USDT-1h{suffix}", 1)
    candles(tmp_path / f"LTC_USDT-5m{suffix}", 1)
    (tmp_path / f"LTC_USDT-trades{suffix}").write_bytes(b"raw trades, which freqtrade keeps beside them")
    for name, hours in (("1h-futures", 1), ("8h-mark", 8), ("8h-funding_rate", 8), ("1h-premiumIndex", 1)):
        candles(tmp_path / "futures" / f"ETH_USDT_USDT-{name}{suffix}", hours)
    (part,) = read_freqtrade(replace(SPOT, path=str(tmp_path)), ())
    bars = whole(part)["bars"]
    assert dict(bars.schema) == BARS
    assert bars.row(1) == ("LTC/USDT", START + dt.timedelta(hours=1), 11, 11, 11, 11, 11)
    parts = list(read_freqtrade(replace(SPOT, path=str(tmp_path), candles="futures"), ()))
    tables = [table for part in parts for table in whole(part).items()]
    assert [(name, part.symbol) for part, (name, _) in zip(parts, tables, strict=True)] == [
        ("bars", "ETH/USDT:USDT"),
        ("series", "ETH/USDT:USDT"),
        ("series", "ETH/USDT:USDT"),
    ]
    funding, mark = tables[1][1], tables[2][1]
    assert dict(funding.schema) == SERIES
    assert funding.row(0) == ("ETH/USDT:USDT", "funding", START, 10.0)
    assert mark.row(0) == ("ETH/USDT:USDT", "mark", START + dt.timedelta(hours=8), 10.0)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest\.freqtrade\.path: must hold spot candles of 1h"):
        list(read_freqtrade(replace(SPOT, path=str(tmp_path)), ()))
    candles(tmp_path / "LTC_USDT-1h.feather", 1)
    with pytest.raises(ValueError, match=r"for \['BTC/USDT'\]"):
        list(read_freqtrade(replace(SPOT, path=str(tmp_path)), ("BTC/USDT",)))
    pl.DataFrame({"date": [START]}).write_ipc(tmp_path / "LTC_USDT-1h.feather")
    (part,) = read_freqtrade(replace(SPOT, path=str(tmp_path)), ())
    with pytest.raises(ValueError, match=r"LTC_USDT-1h\.feather: must have the columns"):
        whole(part)
    candles(tmp_path / "notes.feather", 1)
    with pytest.raises(ValueError, match=r"notes\.feather: must be named like"):
        list(read_freqtrade(replace(SPOT, path=str(tmp_path)), ()))
    with pytest.raises(ValueError, match=r"timeframe: must be freqtrade's"):
        replace(SPOT, timeframe="hourly")


@pytest.mark.data(str(REAL))
@pytest.mark.skipif(not REAL.exists(), reason=f"needs {REAL}, real files of freqtrade that are not part of the project")
def test_real_files() -> None:
    """The hour's candles are those of its twelve five minutes; the mark stays near them."""
    params = FreqtradeParams(str(REAL), "1h", "futures")
    parts = {part.key: whole(part) for part in read_freqtrade(params, ())}
    hourly = parts["freqtrade-LTC_USDT_USDT-1h-futures.feather"]["bars"]
    (fine,) = (
        whole(part)["bars"] for part in read_freqtrade(replace(params, timeframe="5m"), ()) if "-5m-" in part.key
    )
    summed = fine.group_by(pl.col("ts").dt.truncate("1h"), maintain_order=True).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )
    joined = hourly.join(summed, on="ts", suffix="_sum", validate="1:1").head(-1)
    for name in ("open", "high", "low", "close"):
        assert (joined[name] == joined[f"{name}_sum"]).mean() > 0.999
    assert ((joined["volume"] / joined["volume_sum"] - 1).abs() < 1e-9).mean() > 0.999
    mark = parts["freqtrade-LTC_USDT_USDT-8h-mark.feather"]["series"].sort("ts")
    closes = hourly.select((pl.col("ts") + pl.duration(hours=1)).alias("ts"), "close")
    near = mark.join(closes, on="ts")
    assert near.height > 1000
    assert (near["value"] / near["close"] - 1).abs().quantile(0.99) < 0.003
    funding = parts["freqtrade-LTC_USDT_USDT-8h-funding_rate.feather"]["series"]
    assert funding["value"].abs().max() < 0.01
    assert funding["value"].abs().max() > 0
