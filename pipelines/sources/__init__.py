"""The sources that `ingest.sources` may name: one module each, from its section of the parameters to parts."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipelines.sources.arch import read_arch
from pipelines.sources.binance import read_binance
from pipelines.sources.ccxt import read_ccxt
from pipelines.sources.depth import read_depth
from pipelines.sources.folder import read_folder
from pipelines.sources.freqtrade import read_freqtrade
from pipelines.sources.lean import read_lean
from pipelines.sources.params import IngestParams
from pipelines.sources.series import read_series
from pipelines.sources.tables import BARS, OPTIONAL, SCHEMAS, SERIES, TIMESTAMP, Part, Tables, check_columns
from pipelines.sources.worlds import read_worlds

# A source takes the section of its own name and the wanted symbols (none = all it has).
SOURCES: dict[str, Callable[[Any, tuple[str, ...]], Iterable[Part]]] = {
    "arch": read_arch,
    "folder": read_folder,
    "series": read_series,
    "binance": read_binance,
    "freqtrade": read_freqtrade,
    "lean": read_lean,
    "depth": read_depth,
    "ccxt": read_ccxt,
    "worlds": read_worlds,
}


def parts_of(params: IngestParams) -> Iterator[Part]:
    """The parts of all chosen sources, in their order."""
    for name in params.sources:
        yield from SOURCES[name](getattr(params, name), params.symbols)


__all__ = [
    "BARS",
    "OPTIONAL",
    "SCHEMAS",
    "SERIES",
    "SOURCES",
    "TIMESTAMP",
    "IngestParams",
    "Part",
    "Tables",
    "check_columns",
    "parts_of",
]
