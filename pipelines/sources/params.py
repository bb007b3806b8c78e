"""Parameters of the ingest stage; each source's own section stands in its module."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.sources.arch import ArchParams
from pipelines.sources.binance import BinanceParams
from pipelines.sources.ccxt import CcxtParams
from pipelines.sources.depth import DepthParams
from pipelines.sources.folder import FolderParams
from pipelines.sources.freqtrade import FreqtradeParams
from pipelines.sources.lean import LeanParams
from pipelines.sources.series import SeriesParams
from pipelines.sources.worlds import WorldsParams


@dataclass(frozen=True, slots=True)
class IngestParams:
    """sources: which ones, each with a section of its name; symbols: which symbols of theirs (empty = all)."""

    sources: tuple[Literal["arch", "folder", "series", "binance", "freqtrade", "lean", "depth", "ccxt", "worlds"], ...]
    symbols: tuple[str, ...]
    arch: ArchParams
    folder: FolderParams
    series: SeriesParams
    binance: BinanceParams
    freqtrade: FreqtradeParams
    lean: LeanParams
    depth: DepthParams
    ccxt: CcxtParams
    worlds: WorldsParams

    def __post_init__(self) -> None:
        if not self.sources or len(set(self.sources)) != len(self.sources):
            raise ValueError(
                f"ingest.sources: must name one or more, each once, was {list(self.sources)!r}; typical: [arch]"
            )
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"ingest.symbols: must not repeat, was {list(self.symbols)!r}; name each symbol once")
