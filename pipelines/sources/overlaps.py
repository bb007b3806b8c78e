"""Where several sections bring the same symbol: their times may follow each other, not overlap."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import polars as pl

# What may stand side by side under one symbol.
APART = {"series": "name", "truth": "name", "trades": "venue", "depth": "venue"}


def refuse_overlaps(folder: Path, sections: Mapping[str, str]) -> None:
    """Raise ValueError where two sections bring rows of one table and symbol (and name or venue) in the same time.

    sections: file under `folder`, table/symbol=…/…, → the section that brought it.
    """
    places: dict[tuple[str, str], dict[str, list[Path]]] = {}
    for file, section in sections.items():
        table, symbol = Path(file).parts[:2]
        places.setdefault((table, symbol), {}).setdefault(section, []).append(folder / file)
    for (table, symbol), found in sorted(places.items()):
        if len(found) < 2:
            continue
        by = APART.get(table)
        spans = pl.concat(_spans(files, by).with_columns(section=pl.lit(section)) for section, files in found.items())
        for (what,), rows in spans.sort("what", "first", "last", "section").group_by("what", maintain_order=True):
            for before, after in pairwise(rows.iter_rows(named=True)):
                if after["first"] <= before["last"]:
                    name = unquote(symbol.removeprefix("symbol=")) + (f" ({what})" if by else "")
                    raise ValueError(
                        f"ingest.sources: {table} of {name} must come from one section at a time, was from "
                        f"{_told(before)} and {_told(after)}; move a start or end, leave it out of the symbols of one "
                        "in ingest.sections, or give it another name in its aliases"
                    )


def _spans(files: list[Path], by: str | None) -> pl.DataFrame:
    rows = pl.scan_parquet(files, hive_partitioning=False, missing_columns="insert", extra_columns="ignore")
    what = (pl.col(by) if by else pl.lit("")).alias("what")
    timed = rows.select(what, "ts").filter(pl.col("ts").is_not_null())
    return timed.group_by("what").agg(first=pl.col("ts").min(), last=pl.col("ts").max()).collect()


def _told(span: dict[str, object]) -> str:
    return f"{span['section']} ({span['first']:%Y-%m-%d %H:%M} to {span['last']:%Y-%m-%d %H:%M})"
