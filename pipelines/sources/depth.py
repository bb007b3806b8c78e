"""Order books, from logs of Binance's depth stream or snapshots in Parquet, sampled to the depth table and series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import polars as pl

from inference import BarError
from inference.book import book_figures
from pipelines.sources.depth_log import books
from pipelines.sources.files import read_file
from pipelines.sources.tables import DEPTH, RECEIPT, SERIES, Part, fingerprint
from pipelines.sources.times import since_1970

# Of a log at a time; in Python's lists a book of ten levels takes some 2 kB.
BATCH_BOOKS = 10_000
# Prices and quantities of the bids, of the asks, and how long the book was under way.
Row = tuple[list[float], list[float], list[float], list[float], float | None]


@dataclass(frozen=True, slots=True)
class DepthFile:
    """A log (*.jsonl, *.jsonl.gz) or snapshots (*.parquet) of a symbol on a venue; series: whether it feeds book_*."""

    path: str
    symbol: str
    venue: str
    series: bool


@dataclass(frozen=True, slots=True)
class DepthParams:
    """levels: kept on each side; every_ms: distance of samples; depth_bp: ranges of the depth series, basis points."""

    files: tuple[DepthFile, ...]
    levels: int
    every_ms: int
    depth_bp: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 1 <= self.levels <= 1000:
            raise ValueError(f"levels: must lie in [1, 1000], was {self.levels}; typical: 10 to 20")
        if not 1 <= self.every_ms <= 86_400_000:
            raise ValueError(f"every_ms: must lie in [1, 86400000], was {self.every_ms}; typical: 1000")
        if any(not 0 < bp <= 1000 for bp in self.depth_bp):
            raise ValueError(f"depth_bp: must lie in (0, 1000], was {list(self.depth_bp)}; typical: [10]")
        feeds: dict[str, str] = {}
        for i, file in enumerate(self.files):
            if file.series and feeds.setdefault(file.symbol, file.venue) != file.venue:
                raise ValueError(
                    f"files[{i}].series: must be true for one venue of {file.symbol} alone, was for "
                    f"{feeds[file.symbol]} and {file.venue}; set one of them to false"
                )


def read_depth(params: DepthParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per file: the table depth, and series of the books' figures.

    The series are those of inference/book.py, by the names that the flow features read: book_spread_bp and so on.
    A sample is the last book of an interval by the exchange's clock, stamped with the interval's end, when it was
    known; an interval without news gives none.
    """
    if not params.files:
        raise ValueError("ingest.depth.files: must name one or more, was []; add one, or take depth out of sources")
    for i, file in enumerate(params.files):
        path = Path(file.path)
        if not path.is_file() or not path.name.endswith((".jsonl", ".jsonl.gz", ".parquet")):
            raise ValueError(
                f"ingest.depth.files[{i}].path: must be a file *.jsonl, *.jsonl.gz or *.parquet, was {file.path!r}; "
                "mend the path"
            )
        stamp = fingerprint((file, params.levels, params.every_ms, params.depth_bp), path)
        yield Part(f"depth-{i}-{path.name}", stamp, file.symbol, partial(_read, file, params))


def _read(file: DepthFile, params: DepthParams) -> Iterator[dict[str, pl.DataFrame]]:
    path = Path(file.path)
    for sampled in _of_snapshots(path, params) if path.suffix == ".parquet" else _of_log(path, file.symbol, params):
        table = sampled.select(pl.lit(file.symbol).alias("symbol"), pl.lit(file.venue).alias("venue"), pl.all())
        depth = table.select(*DEPTH, *RECEIPT).cast(pl.Schema({**DEPTH, **RECEIPT}))
        yield {"depth": depth, **({"series": figures_of(depth, params.depth_bp)} if file.series else {})}


def figures_of(depth: pl.DataFrame, depth_bp: tuple[float, ...]) -> pl.DataFrame:
    """The series of the sound books in the table depth; what is wrong with the others the check says."""
    rows = []
    # Book by book, since their numbers of levels may differ.
    for symbol, _, ts, bp, bq, ap, aq in depth.select(*DEPTH).iter_rows():
        with suppress(BarError):
            rows.append({"symbol": symbol, "ts": ts, **book_figures(bp, bq, ap, aq, depth_bp)})
    if not rows:
        return pl.DataFrame(schema=SERIES)
    series = pl.DataFrame(rows).unpivot(index=["symbol", "ts"], variable_name="name")
    return series.select(*SERIES).cast(pl.Schema(SERIES))


def _of_log(path: Path, symbol: str, params: DepthParams) -> Iterator[pl.DataFrame]:
    rows: dict[int, Row] = {}
    interval, kept = -1, None
    for ms, book in books(path, symbol):
        if kept is not None and ms // params.every_ms != interval:
            rows[interval] = kept
            if len(rows) == BATCH_BOOKS:
                yield _sampled(rows, params)
                rows = {}
        interval = ms // params.every_ms
        bids = [*islice(reversed(book.bids.items()), params.levels)]
        asks = [*islice(book.asks.items(), params.levels)]
        kept = (*_columns(bids), *_columns(asks), book.delay_ms)
    if kept is not None:
        rows[interval] = kept
    yield _sampled(rows, params)


def _columns(levels: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [price for price, _ in levels], [quantity for _, quantity in levels]


def _sampled(rows: dict[int, Row], params: DepthParams) -> pl.DataFrame:
    ends = pl.Series("ts", [(at + 1) * params.every_ms for at in rows], dtype=pl.Int64)
    types = dict([*list(DEPTH.items())[3:], *RECEIPT.items()])
    columns = {name: pl.Series([row[i] for row in rows.values()], dtype=types[name]) for i, name in enumerate(types)}
    return pl.DataFrame({"ts": ends.cast(pl.Datetime("ms", "UTC")), **columns})


def _of_snapshots(path: Path, params: DepthParams) -> Iterator[pl.DataFrame]:
    """Columns: exchange_timestamp (ms, or any unit since 1970) and {bid,ask}_{price,size}_0, best level first.

    And, where it has one, timestamp: when the book was received, in seconds since 1970.
    """
    frame = read_file(path)
    found = [int(match[1]) for name in frame.columns if (match := re.fullmatch(r"bid_price_(\d+)", name))]
    levels = range(min(params.levels, len(found)))
    columns = {
        f"{side}_{ours}": [f"{side}_{theirs}_{i}" for i in levels]
        for side in ("bid", "ask")
        for ours, theirs in (("price", "price"), ("quantity", "size"))
    }
    needed = ["exchange_timestamp", *(name for names in columns.values() for name in names)]
    missing = [name for name in needed if name not in frame.columns]
    if missing or not found:
        raise ValueError(f"{path}: must have {needed[:1]} and bid_price_0 …, was without {missing}; rename the columns")
    every = f"{params.every_ms}ms"
    # Without sorting: a row that comes late may not change an interval that has ended.
    ts = since_1970(pl.col("exchange_timestamp")).cum_max().dt.truncate(every).dt.offset_by(every).alias("ts")
    lists = [pl.concat_list(names).alias(name) for name, names in columns.items()]
    sent = since_1970(pl.col("exchange_timestamp")).dt.epoch("us") / 1e3
    delay = pl.col("timestamp").cast(pl.Float64) * 1e3 - sent if "timestamp" in frame.columns else pl.lit(None)
    yield frame.select(ts, *lists, delay.alias("delay_ms")).group_by("ts", maintain_order=True).last()
