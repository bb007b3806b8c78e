"""Binance's public dumps: klines, aggTrades, fundingRate, metrics and bookDepth, spot and USD-M, from a folder.

Names and layout: github.com/binance/binance-public-data. With a base URL, what the folder lacks is fetched first.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import polars as pl

from pipelines.sources.binance_rows import DUMPS
from pipelines.sources.download import Downloader, DownloadParams
from pipelines.sources.rows import unzipped
from pipelines.sources.tables import Part, fingerprint

Kind = Literal["klines", "aggTrades", "fundingRate", "metrics", "bookDepth"]

# The last of the kinds are none of ours.
NAME = re.compile(
    r"(?P<symbol>.+?)-(?P<what>\d+(?:s|m|h|d|w|mo)|aggTrades|fundingRate|metrics|bookDepth"
    r"|trades|bookTicker|liquidationSnapshot|BVOLIndex|EOHSummary)"
    r"-(?P<month>\d{4}-\d{2})(?P<day>-\d{2})?\.zip"
)
FOLDERS = {"spot": "spot", "usdm": "futures/um"}
MONTHLY = ("klines", "aggTrades", "fundingRate")
DAILY = ("klines", "aggTrades", "metrics", "bookDepth")
# Other tables under the same file names as klines, and another market.
FOREIGN = {"markPriceKlines", "indexPriceKlines", "premiumIndexKlines", "cm", "option"}


@dataclass(frozen=True, slots=True)
class BinanceParams:
    """Which dumps: market, kinds, interval of klines, and days [start, end); None = all that the folder holds."""

    path: str
    market: Literal["spot", "usdm"]
    kinds: tuple[Kind, ...]
    interval: str
    start: dt.date | None
    end: dt.date | None
    download: DownloadParams

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError(f"kinds: must name one or more, each once, was {list(self.kinds)!r}; typical: [klines]")
        futures = sorted(set(self.kinds) & {"fundingRate", "metrics", "bookDepth"})
        if self.market == "spot" and futures:
            raise ValueError(f"kinds: must exist on spot, was {futures}; take them out, or set market to usdm")
        if not re.fullmatch(r"\d+(s|m|h|d|w|mo)", self.interval):
            raise ValueError(f"interval: must be Binance's, was {self.interval!r}; typical: 1m, 15m, 1h, 1d")
        if self.download.base_url and (self.start is None or self.end is None):
            raise ValueError("start: must be given for a download, and end too, was null; name the days")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"end: must lie after start ({self.start}), was {self.end}; move it")


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    symbol: str
    kind: str
    month: str
    daily: bool


def read_binance(params: BinanceParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per symbol, kind and month. A month's own file counts before those of its days.

    Stamps in ms or µs, header or none; checksum files beside the zips are verified. Raises ValueError for files that
    cannot be read as they should, and where there are none.
    """
    folder = Path(params.path)
    if params.download.base_url:
        _download(folder, params, symbols)
    files = sorted(
        (file for path in folder.rglob("*.zip") if (file := _describe(path, folder, params)) is not None),
        key=lambda file: (file.symbol, params.kinds.index(file.kind), file.month, file.daily, file.path.name),
    )
    wanted = [file for file in files if not symbols or file.symbol in symbols]
    if not wanted:
        raise ValueError(
            f"ingest.binance.path: must hold zips of {list(params.kinds)} ({params.interval}, {params.market}) for "
            f"{list(symbols) or 'any symbol'}, was {str(folder)!r}; put them there, or set base_url"
        )
    for (symbol, kind, month), group in groupby(wanted, lambda file: (file.symbol, file.kind, file.month)):
        found = list(group)
        chosen = [file for file in found if not file.daily] or found
        paths = [file.path for file in chosen]
        stamp = fingerprint((params.market, kind, params.start, params.end, [path.name for path in paths]), *paths)
        key = f"binance-{params.market}-{symbol}-{params.interval if kind == 'klines' else kind}-{month}"
        yield Part(key, stamp, symbol, partial(_read, paths, symbol, kind, params))


def _describe(path: Path, folder: Path, params: BinanceParams) -> _File | None:
    """What a zip holds by its name and folders; None for what is not asked for."""
    name = NAME.fullmatch(path.name)
    if name is None:
        raise ValueError(f"{path}: must be named like BTCUSDT-1m-2023-03.zip, was not; take it out of the folder")
    folders = set(path.relative_to(folder).parts[:-1])
    other = {"spot": "um", "usdm": "spot"}[params.market]
    kind = "klines" if name["what"][0].isdigit() else name["what"]
    day = name["day"]
    first = dt.date.fromisoformat(f"{name['month']}{day or '-01'}")
    last = first if day else first.replace(day=calendar.monthrange(first.year, first.month)[1])
    outside = (params.end is not None and first >= params.end) or (params.start is not None and last < params.start)
    if kind not in params.kinds or (kind == "klines" and name["what"] != params.interval):
        return None
    if outside or other in folders or folders & FOREIGN:
        return None
    return _File(path, name["symbol"], kind, name["month"], day is not None)


def _read(paths: list[Path], symbol: str, kind: str, params: BinanceParams) -> Iterator[dict[str, pl.DataFrame]]:
    inside = pl.lit(True)
    if params.start is not None:
        inside &= pl.col("ts").dt.date() >= params.start
    if params.end is not None:
        inside &= pl.col("ts").dt.date() < params.end
    dump = DUMPS[kind]
    for path in paths:
        for block in unzipped(path, dump.columns, dump.least):
            table, frame = dump.rows(block, symbol, f"binance_{params.market}")
            yield {table: frame.filter(inside | pl.col("ts").is_null())}


def _download(folder: Path, params: BinanceParams, symbols: tuple[str, ...]) -> None:
    """Months that lie inside the days asked for, else days; days too where the server lacks the file of a month."""
    if not symbols:
        raise ValueError("ingest.symbols: must be named for a download, was []; name them")
    downloader = Downloader(folder, params.download)
    months, days = _plan(params, symbols)
    lacking = downloader.fetch(list(months))
    days += [day for month in lacking for day in months[month]]
    absent = downloader.fetch(days)
    without_days = [month for month in lacking if not months[month]]
    for path in [*without_days, *absent]:
        print(f"binance: the server has no {path}")


def _plan(params: BinanceParams, symbols: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """Files of months with those of their days, and single days."""
    assert params.start is not None
    assert params.end is not None
    all_days = [params.start + dt.timedelta(i) for i in range((params.end - params.start).days)]
    months: dict[str, list[str]] = {}
    single: list[str] = []
    for symbol in symbols:
        for kind in params.kinds:
            middle = f"{symbol}/{params.interval}" if kind == "klines" else symbol
            what = params.interval if kind == "klines" else kind
            for (year, month), group in groupby(all_days, lambda day: (day.year, day.month)):
                days = list(group)
                root = FOLDERS[params.market]
                daily = [f"data/{root}/daily/{kind}/{middle}/{symbol}-{what}-{day}.zip" for day in days]
                whole = len(days) == calendar.monthrange(year, month)[1]
                if kind in MONTHLY and (whole or kind not in DAILY):
                    path = f"data/{root}/monthly/{kind}/{middle}/{symbol}-{what}-{year}-{month:02}.zip"
                    months[path] = daily if kind in DAILY else []
                else:
                    single += daily
    return months, single
