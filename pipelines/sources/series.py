"""Series with a publication delay: fear & greed, funding, open interest, put/call, implied volatility, social …"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from pipelines.sources.files import read_file
from pipelines.sources.tables import SERIES, Part, fingerprint
from pipelines.sources.times import check_zone, utc


@dataclass(frozen=True, slots=True)
class SeriesFile:
    """One file: what its columns mean, and how many days after `ts` its values became known.

    symbol: column of symbols, empty = for all; name: column of names, empty = the value columns' own names. names:
    those to take, each with its own delay; empty = all, with delay_days. zone: of times that name none.
    """

    path: str
    symbol: str
    name: str
    ts: str
    values: tuple[str, ...]
    delay_days: float
    names: dict[str, float]
    zone: str

    def __post_init__(self) -> None:
        for key, days in {"delay_days": self.delay_days, **{f"names.{k}": v for k, v in self.names.items()}}.items():
            if not 0 <= days <= 366:
                raise ValueError(
                    f"{key}: must lie in [0, 366], was {days!r}; typical: 0 for funding, 1 for daily values stamped at "
                    "the start of their day"
                )
        check_zone("zone", self.zone)
        if not self.values or (self.name and len(self.values) > 1):
            raise ValueError(
                f"values: must be one column beside a column of names, else one or more, was {list(self.values)!r}; "
                "name them"
            )


@dataclass(frozen=True, slots=True)
class SeriesParams:
    """files: as many as there are."""

    files: tuple[SeriesFile, ...]


def read_series(params: SeriesParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per file (CSV, Parquet, JSON or JSON lines); ts of the table = the file's own plus the delay.

    A time or value that cannot be read becomes null, for the check to judge.
    """
    if not params.files:
        raise ValueError("ingest.series.files: must name one or more, was []; add one, or take series out of sources")
    for i, file in enumerate(params.files):
        path = Path(file.path)
        if not path.is_file():
            raise ValueError(f"ingest.series.files[{i}].path: must be a file, was {file.path!r}; mend the path")
        # The place in the list, since one file may be named twice for different columns.
        yield Part(f"series-{i}-{path.name}", fingerprint(file, path), None, partial(_read, file, i))


def _read(file: SeriesFile, place: int) -> Iterator[dict[str, pl.DataFrame]]:
    path = Path(file.path)
    frame = read_file(path)
    for key, name in [
        ("symbol", file.symbol),
        ("name", file.name),
        ("ts", file.ts),
        *(("values", v) for v in file.values),
    ]:
        if name not in frame.columns and (name or key not in ("symbol", "name")):
            raise ValueError(
                f"ingest.series.files[{place}].{key}: must be a column of {path.name} ({', '.join(frame.columns)}), "
                f"was {name!r}; mend the name"
            )
    known = utc(frame, file.ts, path, file.zone)
    symbol = pl.col(file.symbol).cast(pl.String) if file.symbol else pl.lit("*")
    parts = [
        frame.select(
            symbol.alias("symbol"),
            (pl.col(file.name).cast(pl.String) if file.name else pl.lit(column)).alias("name"),
            known.alias("ts"),
            pl.col(column).cast(pl.Float64, strict=False).alias("value"),
        )
        for column in file.values
    ]
    yield {"series": _delayed(pl.concat(parts).cast(pl.Schema(SERIES)), file, place)}


def _delayed(series: pl.DataFrame, file: SeriesFile, place: int) -> pl.DataFrame:
    """Only the names asked for, and from when each value was known."""
    if not file.names:
        return series.with_columns(pl.col("ts") + dt.timedelta(days=file.delay_days))
    found = series["name"].unique().drop_nulls().sort().to_list()
    unknown = sorted(set(file.names) - set(found))
    if unknown:
        raise ValueError(
            f"ingest.series.files[{place}].names: must be names in {Path(file.path).name} ({', '.join(found)}), was "
            f"{unknown}; mend them"
        )
    delays = {name: dt.timedelta(days=days) for name, days in file.names.items()}
    chosen = series.filter(pl.col("name").is_in(list(delays)))
    return chosen.with_columns(pl.col("ts") + pl.col("name").replace_strict(delays, return_dtype=pl.Duration("us")))
