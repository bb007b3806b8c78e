"""The user's own bars: a folder of CSV or Parquet files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from pipelines.sources.params import ColumnNames, IngestParams
from pipelines.sources.tables import BARS, SERIES, TIMESTAMP, Tables, no_series


def read_folder(params: IngestParams) -> Tables:
    """All *.csv and *.parquet files of the folder, columns renamed by `ingest.folder.columns`.

    Times: text in ISO 8601 (no zone = UTC), dates, or whole numbers since 1970 in s, ms, µs or ns (told by their size).
    A time or number that cannot be read becomes null, for the check to judge.
    """
    folder = Path(params.folder.path)
    files = sorted([*folder.glob("*.csv"), *folder.glob("*.parquet")])
    if not files:
        raise ValueError(
            f"ingest.folder.path: must hold *.csv or *.parquet files, was {str(folder)!r}; put the bars there"
        )
    bars = pl.concat([_bars(path, params.folder.columns) for path in files])
    if params.symbols:
        missing = sorted(set(params.symbols) - set(bars["symbol"]))
        if missing:
            raise ValueError(f"ingest.symbols: must be in the files of {folder}, was {missing!r}; mend the names")
        bars = bars.filter(pl.col("symbol").is_in(list(params.symbols)))
    series = _series(Path(params.folder.series)) if params.folder.series else no_series()
    return Tables(bars, series)


def _bars(path: Path, names: ColumnNames) -> pl.DataFrame:
    frame = _read(path)
    wanted = {column: getattr(names, column) for column in BARS}
    if not wanted["symbol"]:
        frame, wanted["symbol"] = frame.with_columns(pl.lit(path.stem).alias("symbol")), "symbol"
    for column, name in wanted.items():
        if name not in frame.columns:
            raise ValueError(
                f"ingest.folder.columns.{column}: must be a column of {path.name} ({', '.join(frame.columns)}), "
                f"was {name!r}; mend the name"
            )
    return frame.select(
        pl.col(wanted["symbol"]).cast(pl.String).alias("symbol"),
        _time(frame, wanted["ts"]).alias("ts"),
        *(pl.col(wanted[name]).cast(pl.Float64, strict=False).alias(name) for name in list(BARS)[2:]),
    )


def _series(path: Path) -> pl.DataFrame:
    if not path.exists():
        raise ValueError(f"ingest.folder.series: must be a file, was {str(path)!r}; mend the path or leave it empty")
    frame = _read(path)
    missing = [column for column in SERIES if column not in frame.columns]
    if missing:
        raise ValueError(
            f"ingest.folder.series: must have the columns {', '.join(SERIES)}, was without {missing!r}; add them"
        )
    return frame.select(
        pl.col("symbol").cast(pl.String),
        pl.col("name").cast(pl.String),
        _time(frame, "ts").alias("ts"),
        pl.col("value").cast(pl.Float64, strict=False),
    )


def _read(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema_length=None)


def _time(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema[name]
    if kind == pl.String:
        # An offset is honoured; without one, the time is UTC.
        zoned = pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        plain = pl.coalesce(
            pl.col(name).str.to_datetime(form, time_unit="us", strict=False)
            for form in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
        )
        day = pl.col(name).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        return pl.coalesce(zoned, plain.dt.replace_time_zone("UTC"), day.dt.replace_time_zone("UTC"))
    if isinstance(kind, pl.Datetime):
        stamped = pl.col(name).cast(pl.Datetime("us", kind.time_zone))
        return stamped.dt.convert_time_zone("UTC") if kind.time_zone else stamped.dt.replace_time_zone("UTC")
    if kind == pl.Date:
        return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    whole = pl.col(name).cast(pl.Int64, strict=False)
    size = whole.abs()
    micros = (
        pl.when(size < 10**11).then(whole * 10**6)
        .when(size < 10**14).then(whole * 10**3)
        .when(size < 10**17).then(whole)
        .otherwise(whole // 10**3)
    )  # fmt: skip
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIMESTAMP)
