"""The user's own bars: a folder of CSV or Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from pipelines.sources.files import read_file
from pipelines.sources.tables import BARS, OPTIONAL, Part, fingerprint
from pipelines.sources.times import utc


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
    """Bars from files: `path` holds *.csv and *.parquet."""

    path: str
    columns: ColumnNames


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
            stamp = fingerprint((params.columns, path.stem), path)
            yield Part(f"folder-{path.name}", stamp, symbol, partial(_bars, path, params.columns))


def _bars(path: Path, names: ColumnNames) -> dict[str, pl.DataFrame]:
    frame = read_file(path)
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
        utc(frame, wanted["ts"], path).alias("ts"),
        *(
            pl.col(name).cast(kinds[column], strict=False).alias(column)
            for column, name in wanted.items()
            if column not in ("symbol", "ts")
        ),
    )
    return {"bars": bars}
