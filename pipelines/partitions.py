"""Tables in folders: `symbol=BTCUSDT/month=2023-01/<part>.parquet`, each file written by one part of a source.

Sources that overlap never rewrite each other's files, and what a part no longer brings is known by its name. Inside a
symbol, the months in order, and in each its files by their first times, hold the rows in the source's own order,
mistakes included.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from urllib.parse import quote, unquote

import polars as pl

from pipelines.atomic import write_parquet
from pipelines.sources.tables import BARS, OPTIONAL, SERIES, TIMESTAMP

# What Hive calls the partition of rows whose key is missing.
MISSING = "__HIVE_DEFAULT_PARTITION__"
ORIGIN = {"part": pl.String(), "row": pl.Int64()}


class PartWriter:
    """Writes a part's rows of one table, batch by batch, into files `<part>.parquet`, `<part>@0001.parquet` …

    A row goes to the month of the latest time so far in its symbol (of series: and name). For sound data that is its
    own month; a row that comes too late, or has no time, stays beside its neighbours, so that the check stage sees what
    the source did.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        self.batches = 0
        self._latest: pl.DataFrame | None = None

    def write(self, frame: pl.DataFrame) -> dict[Path, int]:
        """Write the next rows: file, relative to the folder → its number of rows."""
        keys: list[str] = [name for name in ("symbol", "name") if name in frame.columns]
        frame = frame.with_columns(self._known(frame, keys).alias("_before"))
        so_far = pl.max_horizontal(pl.col("ts").cum_max().forward_fill(), "_before").backward_fill()
        month_of = (so_far.over("name") if "name" in keys else so_far).dt.date().dt.month_start()
        name = quote(self.key, safe="") + (f"@{self.batches:04}" if self.batches else "")
        files = {}
        for symbol in frame["symbol"].unique(maintain_order=True):
            rows = frame.filter(pl.col("symbol").eq_missing(symbol)).with_columns(month_of.alias("_month"))
            for (month,), part in rows.group_by("_month", maintain_order=True):
                stem = MISSING if month is None else f"{month:%Y-%m}"
                place = Path(symbol_folder(symbol)) / f"month={stem}" / f"{name}.parquet"
                write_parquet(part.drop("_month", "_before"), self.folder / place)
                files[place] = part.height
        self.batches += 1
        latest = frame.group_by(keys).agg(pl.max_horizontal("ts", "_before").max())
        self._latest = latest if self._latest is None else pl.concat([self._latest, latest]).group_by(keys).max()
        return files

    def _known(self, frame: pl.DataFrame, keys: list[str]) -> pl.Series:
        """The latest time of each row's symbol (and name) in the batches before."""
        if self._latest is None:
            return pl.Series([None], dtype=TIMESTAMP).new_from_index(0, frame.height)
        found = frame.select(*keys).join(self._latest, on=keys, how="left", nulls_equal=True, maintain_order="left")
        return found["ts"]


def write_part(frame: pl.DataFrame, folder: Path, key: str) -> dict[Path, int]:
    """Write a part that is one batch."""
    return PartWriter(folder, key).write(frame)


def symbol_folder(symbol: object) -> str:
    """The folder of a symbol's rows inside a table's; every symbol is a safe name, BTC/USDT too."""
    return f"symbol={MISSING if symbol is None else quote(str(symbol), safe='')}"


def symbols_in(folder: str | Path) -> list[str]:
    """Symbols of a table's folder, ascending; MISSING stands for rows without one."""
    return sorted(unquote(path.name.removeprefix("symbol=")) for path in Path(folder).glob("symbol=*"))


def read_bars(
    folder: str | Path = "data/checked/bars", symbols: list[str] | None = None, origin: bool = False
) -> pl.DataFrame:
    """Bars by symbol, in the order in which they stand in the files; optional columns only where any symbol has them.

    symbols: which ones, None = all. origin: with the columns part (file, as below the folder's parent) and row (in it,
    from 0). Raises ValueError where there are none.
    """
    bars = _read(Path(folder), {**BARS, **OPTIONAL}, symbols, origin)
    if bars.is_empty():
        raise ValueError(f"{folder}: must hold bars, was empty; run the stage that writes it")
    return bars.drop(name for name in OPTIONAL if bars[name].null_count() == bars.height)


def read_series(folder: str | Path = "data/series", origin: bool = False) -> pl.DataFrame:
    """The ingested series by symbol and name, in the source's own order in time; empty where no source has any."""
    return _read(Path(folder), SERIES, None, origin).sort("symbol", "name", maintain_order=True, nulls_last=True)


def read_pieces(folder: Path, schema: dict[str, pl.DataType], rows: int) -> Iterator[tuple[Path, pl.DataFrame]]:
    """A table's rows with their origin, at most `rows` at a time, in the order of the files; and each one's month.

    A month is the folder symbol=…/month=… below the table's.
    """
    for month in sorted(folder.glob("symbol=*/month=*")):
        for file in _in_order(month):
            table = _scan([file], schema, "part")
            for first in range(0, table.select(pl.len()).collect().item(), rows):
                yield month.relative_to(folder), _placed(table.slice(first, rows).collect(), folder, first)


def _in_order(month: Path) -> list[Path]:
    """The parts of a month by their first times, which names need not follow (part 10, part 2); else by name.

    A part's batches follow each other as they were written.
    """
    files = sorted(month.glob("*.parquet"), key=lambda path: path.stem.split("@"))
    parts = [list(batches) for _, batches in groupby(files, lambda path: path.stem.split("@")[0])]
    if len(parts) < 2:
        return files
    firsts = [pl.scan_parquet(part[0]).select(pl.col("ts").drop_nulls().first()).collect().item() for part in parts]
    latest = max((first for first in firsts if first is not None), default=None)
    ordered = sorted(zip((first or latest for first in firsts), parts, strict=True))
    return [path for _, batches in ordered for path in batches]


def _read(folder: Path, schema: dict[str, pl.DataType], symbols: list[str] | None, origin: bool) -> pl.DataFrame:
    wanted = symbols_in(folder) if symbols is None else symbols
    places = [folder / symbol_folder(None if symbol == MISSING else symbol) for symbol in wanted]
    files = [path for place in places for month in sorted(place.glob("month=*")) for path in _in_order(month)]
    if not files:
        return pl.DataFrame(schema={**schema, **ORIGIN} if origin else schema)
    if not origin:
        return _scan(files, schema, None).collect()
    return _placed(_scan(files, schema, "part").collect(), folder, 0)


def _scan(files: list[Path], schema: dict[str, pl.DataType], part: str | None) -> pl.LazyFrame:
    return pl.scan_parquet(
        files, schema=schema, missing_columns="insert", hive_partitioning=False, include_file_paths=part
    )


def _placed(rows: pl.DataFrame, folder: Path, first: int) -> pl.DataFrame:
    """With the files named as below the table's parent, and the number of each row in its file."""
    above = f"{folder.parent}/" if folder.parent != Path() else ""
    number = first + pl.int_range(pl.len(), dtype=pl.Int64).over("part")
    return rows.with_columns(pl.col("part").str.strip_prefix(above), number.alias("row"))
