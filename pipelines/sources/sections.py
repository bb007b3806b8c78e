"""Sections of `ingest` that sources are read from: each source's own, and named ones that differ in a few keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl

from pipelines.sources.tables import Part, Reader, fingerprint


@dataclass(frozen=True, slots=True)
class Choice:
    """What a named section says beside the keys of its source: symbols (the user's names), aliases: theirs → ours."""

    source: str
    symbols: tuple[str, ...]
    aliases: dict[str, str]

    def __post_init__(self) -> None:
        for name, values in (("symbols", self.symbols), ("aliases", tuple(self.aliases.values()))):
            twice = sorted({value for value in values if values.count(value) > 1 or not value})
            if twice:
                raise ValueError(f"{name}: must give each symbol once, was {twice} twice or empty; mend it")


@dataclass(frozen=True, slots=True)
class Section:
    """A source with its parameters. key: where these stand in params.yaml; a source's own section has no choice."""

    name: str
    key: str
    read: Reader
    params: Any
    symbols: tuple[str, ...]
    choice: Choice | None

    def parts(self) -> Iterator[Part]:
        """The source's parts, symbols by the user's names; keys of a named section's begin with its name."""
        if self.choice is None:
            yield from (replace(part, section=self.name) for part in self.read(self.params, self.symbols))
            return
        own = f"ingest.{self.choice.source}."
        try:
            for part in self.read(self.params, self._theirs(self.choice)):
                symbol = None if part.symbol is None else self._ours(part.symbol, self.choice)
                if symbol in (None, "*") or not self.symbols or symbol in self.symbols:
                    filtered = self.symbols if symbol is None else ()
                    yield Part(
                        f"{self.name}-{part.key}",
                        fingerprint((part.fingerprint, self.choice.aliases, filtered)),
                        symbol,
                        partial(self._renamed, part, self.choice),
                        self.name,
                    )
        except ValueError as error:
            raise ValueError(str(error).replace(own, f"{self.key}.")) from None

    def _theirs(self, choice: Choice) -> tuple[str, ...]:
        """By which names the source is asked for the wanted symbols."""
        names = {ours: theirs for theirs, ours in choice.aliases.items()}
        return tuple(names.get(symbol, symbol) for symbol in self.symbols)

    def _ours(self, symbol: str, choice: Choice) -> str:
        if symbol not in choice.aliases and symbol in choice.aliases.values():
            raise ValueError(
                f"{self.key}.aliases: must not give the name of another symbol of the source, was {symbol!r}; give "
                "that one an alias too"
            )
        return choice.aliases.get(symbol, symbol)

    def _renamed(self, part: Part, choice: Choice) -> Iterator[dict[str, pl.DataFrame]]:
        own = f"ingest.{choice.source}."
        try:
            for batch in part.read():
                found = {}
                for table, frame in batch.items():
                    names = {symbol: self._ours(symbol, choice) for symbol in frame["symbol"].unique().drop_nulls()}
                    frame = frame.with_columns(pl.col("symbol").replace(names))
                    wanted = pl.col("symbol").is_in([*self.symbols, "*"]) | pl.col("symbol").is_null()
                    found[table] = frame.filter(wanted) if self.symbols else frame
                yield found
        except ValueError as error:
            raise ValueError(str(error).replace(own, f"{self.key}.")) from None
