"""The tables that sources bring, their columns, and the part: what a source is read in, one piece at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

TIMESTAMP = pl.Datetime("us", "UTC")

BARS = {
    "symbol": pl.String(),
    "ts": TIMESTAMP,
    "open": pl.Float64(),
    "high": pl.Float64(),
    "low": pl.Float64(),
    "close": pl.Float64(),
    "volume": pl.Float64(),
}
# Columns of bars that only some sources know. Features have them as series of these names, usable from the bar's close.
OPTIONAL = {"trades": pl.Int64(), "taker_buy_volume": pl.Float64()}
SERIES = {"symbol": pl.String(), "name": pl.String(), "ts": TIMESTAMP, "value": pl.Float64()}
# side: of the aggressor, 1 buys, -1 sells.
TRADES = {
    "symbol": pl.String(),
    "venue": pl.String(),
    "ts": TIMESTAMP,
    "price": pl.Float64(),
    "quantity": pl.Float64(),
    "side": pl.Int8(),
}
# One row a book; best level first.
DEPTH = {
    "symbol": pl.String(),
    "venue": pl.String(),
    "ts": TIMESTAMP,
    "bid_price": pl.List(pl.Float64()),
    "bid_quantity": pl.List(pl.Float64()),
    "ask_price": pl.List(pl.Float64()),
    "ask_quantity": pl.List(pl.Float64()),
}
# Of a book, where a source knows both clocks: when it was received, less when the exchange sent it, in milliseconds.
RECEIPT = {"delay_ms": pl.Float64()}
# What a generated world knows of each bar and no market tells; ts is the bar's open. No feature may read it.
TRUTH = SERIES
SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "bars": BARS,
    "series": SERIES,
    "trades": TRADES,
    "depth": DEPTH,
    "truth": TRUTH,
}


@dataclass(frozen=True, slots=True)
class Tables:
    """Bars (ts = bar open) and series (ts = moment from which the value may be used), in the source's own order."""

    bars: pl.DataFrame
    series: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Part:
    """What a source reads in one go: one file, or one symbol's files of a month.

    key: unique among all sources' parts, names its files. fingerprint: changes whenever `read` would give something
    else. symbol: the one symbol in it, None where only reading tells. read: batches that fit into memory, each table
    name → rows, in the source's order. section: of the parameters that it comes from.
    """

    key: str
    fingerprint: str
    symbol: str | None
    read: Callable[[], Iterable[Mapping[str, pl.DataFrame]]]
    section: str = ""


Reader = Callable[[Any, tuple[str, ...]], Iterable[Part]]
"""A source: from the section of its own name and the wanted symbols (none = all it has) to its parts."""


def fingerprint(params: object, *files: Path) -> str:
    """SHA-256 over the parameters that matter and the bytes of the files."""
    found = [hashlib.sha256(repr(params).encode()).hexdigest()]
    for path in files:
        with path.open("rb") as stream:
            found.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()


def check_columns(name: str, frame: pl.DataFrame, source: str) -> None:
    """Raise ValueError where a source brings other columns than the table has.

    Bars may have those of OPTIONAL too, books those of RECEIPT.
    """
    needed = SCHEMAS[name]
    more: dict[str, Mapping[str, pl.DataType]] = {"bars": OPTIONAL, "depth": RECEIPT}
    allowed = {**needed, **more.get(name, {})}
    schema = dict(frame.schema)
    if any(schema.get(column) != kind for column, kind in needed.items()) or any(
        allowed.get(column) != kind for column, kind in schema.items()
    ):
        raise ValueError(f"ingest.sources: {source} must bring {name} as {allowed}, was {schema}")
