"""Ingest of zips as Binance publishes them: one-minute bars beside a bare Polars read of the same files, and trades."""

from __future__ import annotations

import datetime as dt
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.measure import Row, medians
from benchmarks.minute_bars import made as minute_bars
from pipelines.ingest import ingest
from pipelines.params import section
from pipelines.sources import IngestParams
from pipelines.sources.binance import BinanceParams, Kind
from pipelines.sources.download import DownloadParams

ROOT = Path(__file__).parents[1]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "spot_1m"
SYNTHETIC_BARS = 500_000
TRADES = 3_000_000
# Fewer, and still more than the stage holds at once.
LESS = 3
ROUNDS = 3


def one_minute_bars() -> list[pl.DataFrame]:
    """Three symbols' real bars of two years where they are at hand, else a random walk of one symbol."""
    if REAL.exists():
        return [pl.read_parquet(path) for path in sorted(REAL.glob("*.parquet"))]
    bars = minute_bars(SYNTHETIC_BARS)
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    start = int(dt.datetime(2022, 1, 1, tzinfo=dt.UTC).timestamp() * 1e6)
    ts = pl.int_range(start, start + len(bars.ts) * 60_000_000, 60_000_000, eager=True).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"symbol": "BTCUSDT", "ts": ts, **columns})
    return [frame.with_columns(pl.lit(1).alias("trades"), (pl.col("volume") / 2).alias("taker_buy_volume"))]


def write_zips(bars: pl.DataFrame, folder: Path) -> None:
    """A zip a month, 12 columns, ms, no header; what our tables lack is 0."""
    ms = pl.col("ts").dt.epoch("ms")
    none = [pl.lit(0).alias(name) for name in ("quote_volume", "taker_buy_quote_volume", "ignore")]
    lines = bars.sort("ts").select(
        "symbol", ms.alias("open_time"), "open", "high", "low", "close", "volume", (ms + 59_999).alias("close_time"),
        none[0], "trades", "taker_buy_volume", *none[1:], pl.col("ts").dt.strftime("%Y-%m").alias("month"),
    )  # fmt: skip
    for (symbol, month), rows in lines.group_by("symbol", "month", maintain_order=True):
        with zipfile.ZipFile(folder / f"{symbol}-1m-{month}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            text = rows.drop("symbol", "month").write_csv(include_header=False)
            archive.writestr(f"{symbol}-1m-{month}.csv", text)


def write_trades(path: Path, trades: int) -> None:
    """One month's aggTrades as a zip: a random walk, header and all."""
    generator = np.random.default_rng(7)
    start = int(dt.datetime(2023, 3, 1, tzinfo=dt.UTC).timestamp() * 1000)
    step = 30 * 86_400_000 // TRADES
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open(f"{path.stem}.csv", "w", force_zip64=True) as member,
    ):
        for first in range(0, trades, 100_000):
            n = min(100_000, trades - first)
            ids = np.arange(first, first + n)
            columns = {
                "agg_trade_id": ids,
                "price": np.round(20_000 * np.exp(np.cumsum(1e-5 * generator.standard_normal(n))), 2),
                "quantity": np.round(generator.exponential(0.1, n), 3),
                "first_trade_id": ids,
                "last_trade_id": ids,
                "transact_time": start + step * ids,
                "is_buyer_maker": generator.random(n) < 0.5,
            }
            member.write(pl.DataFrame(columns).write_csv(include_header=first == 0).encode())


def bare_read(zips: list[Path]) -> int:
    """Unzip and parse all columns, nothing else."""
    rows = 0
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            rows += pl.read_csv(io.BytesIO(archive.read(archive.namelist()[0])), has_header=False).height
    return rows


def peak_mib(program: str, *arguments: str) -> float:
    """Of a process of its own, which says it itself: VmHWM, since ru_maxrss counts what its parent held at the fork."""
    ending = "\nfor line in open('/proc/self/status'):\n    if line.startswith('VmHWM'): print(line.split()[1])"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program + ending, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=environment)
    return int(done.stdout.split()[-1]) / 1024


def resumed_s(params: IngestParams, zips: Path, data: Path, parts: int) -> float:
    """Seconds in which a run ends that takes up one that was killed when half of the parts were done."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", INGEST, str(zips), str(data), "", "klines"]
    manifest = data / "ingest.jsonl"
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not (manifest.exists() and manifest.read_bytes().count(b"\n") >= parts // 2):
            time.sleep(0.002)
        process.kill()
    done = manifest.read_bytes().count(b"\n")
    start = time.perf_counter()
    read = ingest(params, data)
    seconds = time.perf_counter() - start
    assert 0 < len(read) <= parts - done
    return seconds


INGEST = """
import sys
from pathlib import Path
from benchmarks.ingest import params_of
from pipelines.ingest import ingest
symbols = tuple(filter(None, sys.argv[3].split(",")))
ingest(params_of(Path(sys.argv[1]), symbols, tuple(sys.argv[4:])), Path(sys.argv[2]))
"""


def params_of(zips: Path, symbols: tuple[str, ...] = (), kinds: tuple[Kind, ...] = ("klines",)) -> IngestParams:
    """Ingest of the zips alone."""
    source = BinanceParams(str(zips), "spot", kinds, "1m", None, None, DownloadParams("", 1, 1, 1.0, 1.0))
    shipped = section("ingest", IngestParams, ROOT / "params.yaml")
    return replace(shipped, sources=("binance",), symbols=symbols, binance=source)


def trades_memory(folder: Path, trades: int) -> float:
    """MiB at the peak of the ingest of one zip of so many trades, with a bar beside it."""
    zips = folder / f"{trades}"
    zips.mkdir()
    write_trades(zips / "BTCUSDT-aggTrades-2023-03.zip", trades)
    write_zips(one_minute_bars()[0].head(1), zips)
    return peak_mib(INGEST, str(zips), str(folder / f"data-{trades}"), "", "klines", "aggTrades")


def run() -> list[Row]:
    """ingest_rows, ingest_bytes (of CSV), ingest_again (beside a first run), ingest_resumed and ingest_memory."""
    with tempfile.TemporaryDirectory() as name:
        zips, data = Path(name) / "zips", Path(name) / "data"
        zips.mkdir()
        frames = one_minute_bars()
        symbols = [str(frame["symbol"][0]) for frame in frames]
        for frame in frames:
            write_zips(frame, zips)
        del frames
        paths = sorted(zips.glob("*.zip"))
        size = sum(info.file_size for path in paths for info in zipfile.ZipFile(path).infolist()) / 1e6
        rows = bare_read(paths)
        params = params_of(zips)
        fresh = iter(Path(name) / f"data{i}" for i in range(100))
        ours, bare = medians([lambda: ingest(params, next(fresh)), lambda: bare_read(paths)], ROUNDS)
        again = medians([lambda: ingest(params, data)], ROUNDS)[0]  # its warm-up fills the tables
        shutil.rmtree(data)
        resumed = resumed_s(params, zips, data, len(paths))
        shutil.rmtree(data)
        whole = peak_mib(INGEST, str(zips), str(data), "", "klines")
        shutil.rmtree(data)
        one = peak_mib(INGEST, str(zips), str(data), symbols[0], "klines")
        trades, fewer = (trades_memory(Path(name), n) for n in (TRADES, TRADES // LESS))
    peer = "bare Polars read"
    return [
        Row("ingest_rows", "M rows/s", rows / ours / 1e6, peer=peer, peer_value=rows / bare / 1e6),
        Row("ingest_bytes", "MB/s of CSV", size / ours, peer=peer, peer_value=size / bare),
        Row("ingest_again", "M rows/s", rows / again / 1e6, peer="first run", peer_value=rows / ours / 1e6),
        Row("ingest_resumed", "s after a kill at half", resumed, peer="whole run", peer_value=ours),
        Row("ingest_memory", "MiB peak", whole, peer=f"one of {len(symbols)} symbols", peer_value=one),
        Row("ingest_trades_memory", "MiB peak", trades, peer=f"1/{LESS} of the trades", peer_value=fewer),
    ]
