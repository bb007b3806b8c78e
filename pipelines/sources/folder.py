"""The user's own bars: a folder of CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import polars as pl

from pipelines.sources.files import read_file
from pipelines.sources.tables import BARS, OPTIONAL, Part, fingerprint
from pipelines.sources.times import check_zone, utc


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What the user's files call our columns; an empty symbol means: the file's stem is the symbol.

    trades and taker_buy_volume may be empty: the files have none.
    """

    symbol: str
    ts: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    trades: str
    taker_buy_volume: str


@dataclass(frozen=True, slots=True)
class FolderParams:
    """path: holds *.csv and *.parquet; zone: of times that name none; stamp: what ts marks of a bar."""

    path: str
    columns: ColumnNames
    zone: str
    stamp: Literal["open", "close"]

    def __post_init__(self) -> None:
        check_zone("zone", self.zone)


def read_folder(params: FolderParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per *.csv and *.parquet file of the folder, columns renamed by `ingest.folder.columns`.

    A time or number that cannot be read becomes null, for the check to judge.
    """
    folder = Path(params.path)
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.parquet")])
    if not files:
        raise ValueError(
            f"ingest.folder.path: must hold *.csv or *.parquet files, was {str(folder)!r}; put the bars there"
        )
    for path in files:
        symbol = None if params.columns.symbol else path.stem
        if symbol is None or not symbols or symbol in symbols:
            stamp = fingerprint((params.columns, params.zone, params.stamp, path.stem), path)
            yield Part(f"folder-{path.name}", stamp, symbol, partial(_bars, path, params))


def _bars(path: Path, params: FolderParams) -> Iterator[dict[str, pl.DataFrame]]:
    frame, names = read_file(path), params.columns
    wanted = {column: getattr(names, column) for column in {**BARS, **OPTIONAL}}
    wanted = {column: name for column, name in wanted.items() if name or column not in OPTIONAL}
    if not wanted["symbol"]:
        frame, wanted["symbol"] = frame.with_columns(pl.lit(path.stem).alias("symbol")), "symbol"
    for column, name in wanted.items():
        if name not in frame.columns:
            raise ValueError(
                f"ingest.folder.columns.{column}: must be a column of {path.name} ({', '.join(frame.columns)}), "
                f"was {name!r}; mend the name"
            )
    kinds = {**BARS, **OPTIONAL}
    bars = frame.select(
        pl.col(wanted["symbol"]).cast(pl.String).alias("symbol"),
        utc(frame, wanted["ts"], path, params.zone).alias("ts"),
        *(
            pl.col(name).cast(kinds[column], strict=False).alias(column)
            for column, name in wanted.items()
            if column not in ("symbol", "ts")
        ),
    )
    if params.stamp == "close":
        bars = bars.with_columns(_opens(bars, path))
    yield {"bars": bars}


def _opens(bars: pl.DataFrame, path: Path) -> pl.Series:
    """When bars stamped at their closes opened: the usual length before, or where that lies before the close of the
    bar before it, then: the last bar of a session may be shorter.
    """
    closes = bars.select("symbol", "ts").drop_nulls("ts").unique().sort("symbol", "ts", nulls_last=True)
    steps = closes.select((pl.col("ts") - pl.col("ts").shift()).over("symbol")).to_series().drop_nulls()
    if steps.is_empty():
        raise ValueError(f"{path}: must hold two bars, so that their length shows, was {bars.height}; add some")
    usual = pl.col("ts") - pl.lit(steps.mode().min())
    opens = closes.with_columns(opened=pl.max_horizontal(usual, pl.col("ts").shift().over("symbol")))
    found = bars.join(opens, on=["symbol", "ts"], how="left", nulls_equal=True, maintain_order="left")
    return found["opened"].alias("ts")
