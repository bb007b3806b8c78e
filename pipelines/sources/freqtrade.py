"""freqtrade's data folders: candles, funding rates and mark prices as Feather or Parquet files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import polars as pl

from pipelines.sources.files import read_file
from pipelines.sources.tables import BARS, SERIES, Part, fingerprint
from pipelines.sources.times import utc

# freqtrade/data/history/datahandlers/idatahandler.py: PAIR-TIMEFRAME[-CANDLETYPE], the pair with _ for / and :.
NAME = re.compile(
    r"(?P<pair>[A-Za-z\d_-]+?)-(?P<timeframe>\d+[a-zA-Z]{1,2})(?:-(?P<kind>futures|mark|index|premiumIndex|funding_rate))?"
)
# Candle type (None: spot) → the table bars, or the name of a series.
TABLES: dict[str, dict[str | None, str]] = {
    "spot": {None: "bars"},
    "futures": {"futures": "bars", "funding_rate": "funding", "mark": "mark"},
}
COLUMNS = ("date", "open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True)
class FreqtradeParams:
    """path: `user_data/data/<exchange>`, subfolder futures or not; timeframe and candle type of the bars."""

    path: str
    timeframe: str
    candles: Literal["spot", "futures"]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+[smhdwM]", self.timeframe):
            raise ValueError(f"timeframe: must be freqtrade's, was {self.timeframe!r}; typical: 5m, 1h, 1d")


def read_freqtrade(params: FreqtradeParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per file: the bars of the timeframe, and with futures the series funding and mark of any timeframe.

    Symbols are freqtrade's pairs: LTC/USDT, LTC/USDT:USDT. A funding rate is known when it is paid, a mark price (the
    close of its bar) when its bar closes. Other files are not asked for. Raises ValueError where there are no bars.
    """
    folder = Path(params.path)
    parts, bars = [], 0
    for path in sorted(path for path in folder.rglob("*") if path.suffix in (".feather", ".parquet")):
        if path.stem.endswith("-trades"):
            continue
        name = NAME.fullmatch(path.stem)
        if name is None:
            raise ValueError(f"{path}: must be named like LTC_USDT-1h.feather, was not; take it out of the folder")
        table = TABLES[params.candles].get(name["kind"])
        symbol = pair_of(name["pair"])
        # The name alone does not tell 1M (a month) from 1m on every file system, so that freqtrade writes 1Mo.
        timeframe = name["timeframe"].replace("Mo", "M")
        if table is None or (table == "bars" and timeframe != params.timeframe) or (symbols and symbol not in symbols):
            continue
        bars += table == "bars"
        reader = partial(_bars, path, symbol) if table == "bars" else partial(_series, path, symbol, table)
        parts.append(Part(f"freqtrade-{path.name}", fingerprint(symbol, path), symbol, reader))
    if not bars:
        raise ValueError(
            f"ingest.freqtrade.path: must hold {params.candles} candles of {params.timeframe} for "
            f"{list(symbols) or 'any pair'}, was {str(folder)!r}; download them with freqtrade, or mend the parameters"
        )
    yield from parts


def pair_of(name: str) -> str:
    """The pair that a file name stands for: LTC_USDT → LTC/USDT, LTC_USDT_USDT-240628 → LTC/USDT:USDT-240628."""
    return name.replace("_", "/", 1).replace("_", ":", 1)


def _bars(path: Path, symbol: str) -> Iterator[dict[str, pl.DataFrame]]:
    frame = _read(path)
    bars = frame.select(
        pl.lit(symbol).alias("symbol"),
        utc(frame, "date", path).alias("ts"),
        *(pl.col(name).cast(pl.Float64) for name in COLUMNS[1:]),
    )
    yield {"bars": bars.cast(pl.Schema(BARS))}


def _series(path: Path, symbol: str, name: str) -> Iterator[dict[str, pl.DataFrame]]:
    frame = _read(path)
    ts = utc(frame, "date", path)
    if name == "mark":
        # The usual distance, since freqtrade names a timeframe that funding decides.
        ts = ts + frame["date"].diff().median()
    value = pl.col("close" if name == "mark" else "open").cast(pl.Float64)
    columns = (pl.lit(symbol).alias("symbol"), pl.lit(name).alias("name"), ts.alias("ts"), value.alias("value"))
    yield {"series": frame.select(*columns).cast(pl.Schema(SERIES))}


def _read(path: Path) -> pl.DataFrame:
    frame = read_file(path)
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(f"{path}: must have the columns {list(COLUMNS)}, was without {missing}; download it again")
    return frame
