"""Parameters of the ingest stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ColumnNames:
    """What the user's files call our columns; an empty symbol means: the file's stem is the symbol."""

    symbol: str
    ts: str
    open: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(frozen=True, slots=True)
class FolderParams:
    """Bars from files: `path` holds *.csv and *.parquet, `series` is one such file in our own columns, or empty."""

    path: str
    series: str
    columns: ColumnNames


@dataclass(frozen=True, slots=True)
class IngestParams:
    """source: which one; symbols: which of its symbols (empty = all); publication_delay_days: of its daily series."""

    source: Literal["arch", "folder"]
    symbols: tuple[str, ...]
    publication_delay_days: float
    folder: FolderParams

    def __post_init__(self) -> None:
        if not 0 <= self.publication_delay_days <= 31:
            raise ValueError(
                f"ingest.publication_delay_days: must lie in [0, 31], was {self.publication_delay_days!r}; "
                "typical: 1, known at the close of the day it describes"
            )
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"ingest.symbols: must not repeat, was {list(self.symbols)!r}; name each symbol once")
