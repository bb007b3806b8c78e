"""Parameters of the ingest stage; each source's own section stands in its module."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import Any

from pipelines.params import changed, parse
from pipelines.sources.arch import ArchParams, read_arch
from pipelines.sources.binance import BinanceParams, read_binance
from pipelines.sources.ccxt import CcxtParams, read_ccxt
from pipelines.sources.depth import DepthParams, read_depth
from pipelines.sources.folder import FolderParams, read_folder
from pipelines.sources.freqtrade import FreqtradeParams, read_freqtrade
from pipelines.sources.lean import LeanParams, read_lean
from pipelines.sources.sections import Choice, Section
from pipelines.sources.series import SeriesParams, read_series
from pipelines.sources.tables import Reader
from pipelines.sources.worlds import WorldsParams, read_worlds

SOURCES: dict[str, Reader] = {
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


@dataclass(frozen=True, slots=True)
class IngestParams:
    """sources: which ones, each with a section of its name, or of `sections`; symbols: which of theirs (empty = all).

    sections: name → source, and what is not as in that source's own section; symbols and aliases as in Choice.
    """

    sources: tuple[str, ...]
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
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.sources or len(set(self.sources)) != len(self.sources):
            raise ValueError(
                f"ingest.sources: must name one or more, each once, was {list(self.sources)!r}; typical: [arch]"
            )
        for name in self.sources:
            _one_of("ingest.sources", name, [*SOURCES, *self.sections])
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"ingest.symbols: must not repeat, was {list(self.symbols)!r}; name each symbol once")
        for name in self.sections:
            self._named(name)

    def chosen(self) -> list[Section]:
        """The sections that `sources` names, in its order."""
        own = {name: Section(name, f"ingest.{name}", read, getattr(self, name), self.symbols, None)
               for name, read in SOURCES.items()}  # fmt: skip
        return [own[name] if name in own else self._named(name) for name in self.sources]

    def _named(self, name: str) -> Section:
        key = f"ingest.sections.{name}"
        if name in SOURCES:
            raise ValueError(f"{key}: must not be called like a source; choose another name")
        data = dict(self.sections[name])
        chosen = {"source": data.pop("source", None), "symbols": data.pop("symbols", list(self.symbols))}
        choice = parse(Choice, {**chosen, "aliases": data.pop("aliases", {})}, key)
        _one_of(f"{key}.source", choice.source, list(SOURCES))
        unknown = sorted(set(choice.symbols) - set(self.symbols)) if self.symbols else []
        if unknown:
            raise ValueError(f"{key}.symbols: must be among ingest.symbols, was {unknown}; add them there too")
        params = changed(getattr(self, choice.source), data, key)
        return Section(name, key, SOURCES[choice.source], params, choice.symbols, choice)


def _one_of(key: str, name: str, known: list[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"did you mean {near[0]}?" if near else "choose one of them"
        raise ValueError(f"{key}: must be one of {', '.join(known)}, was {name!r}; {remedy}")
