"""Where a family's columns lie: data/features/{family}/, a Parquet table for each symbol, and graph.json."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import polars as pl

KEYS = ("symbol", "ts")
GRAPH = "graph.json"


def table_path(folder: Path, symbol: str) -> Path:
    """The table of one symbol, whose name may hold what a file's name may not."""
    return folder / f"{quote(symbol, safe='')}.parquet"


def read_family(folder: Path, columns: Sequence[str] = ()) -> pl.DataFrame:
    """The tables of all symbols as one, sorted by symbol and ts: the keys and some columns, or all."""
    return pl.read_parquet(folder / "*.parquet", columns=[*KEYS, *columns] if columns else None).sort(KEYS)
