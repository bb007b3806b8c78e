"""Stage ingest: the chosen source's bars and series into data/, as they are; the check stage judges them."""

from __future__ import annotations

import sys

import polars as pl

from pipelines.atomic import write_parquet
from pipelines.params import section
from pipelines.sources import BARS, SERIES, SOURCES, IngestParams, Tables

__all__ = ["IngestParams", "ingest", "main"]


def ingest(params: IngestParams) -> Tables:
    """Read the source; rows grouped by symbol (series: and name) but in the source's own order in time.

    Sorting by time here would hide a source that is out of order.
    """
    tables = SOURCES[params.source](params)
    for name, frame, schema in (("bars", tables.bars, BARS), ("series", tables.series, SERIES)):
        if dict(frame.schema) != dict(schema):
            raise ValueError(f"ingest.source: {params.source} must bring {name} as {schema}, was {dict(frame.schema)}")
    if tables.bars.is_empty():
        raise ValueError(f"ingest.source: {params.source} must bring at least one bar, was empty; look at the source")
    return Tables(
        tables.bars.sort("symbol", maintain_order=True, nulls_last=True),
        tables.series.sort("symbol", "name", maintain_order=True, nulls_last=True),
    )


def main() -> None:
    """Run the stage."""
    params = section("ingest", IngestParams)
    tables = ingest(params)
    write_parquet(tables.bars, "data/bars.parquet")
    write_parquet(tables.series, "data/series.parquet")
    counts = tables.bars.group_by("symbol").agg(
        pl.len(), pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last")
    )
    for row in counts.sort("symbol").iter_rows(named=True):
        print(f"{row['symbol']}: {row['len']:,} bars, {row['first']:%Y-%m-%d} to {row['last']:%Y-%m-%d}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"ingest: {error}")
