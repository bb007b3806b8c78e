"""Worlds with a known answer as a source: bars, series and books, and the table truth, which no market would tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

import pipelines.worlds as worlds
from inference.checks import whole_in
from pipelines.sources.depth import figures_of
from pipelines.sources.tables import BARS, DEPTH, TIMESTAMP, TRUTH, Part, fingerprint

VENUE = "worlds"
CODE = sorted(Path(worlds.__file__).parent.glob("*.py"))

Name = Literal[
    "brownian", "ou", "garch", "momentum", "hunts", "exhaustion", "sessions", "crash", "book", "crowding"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorldsParams:
    """names: which worlds; seed: of all; bars, steps, bar_minutes, start: as in Clock; a section for each world."""

    names: tuple[Name, ...]
    seed: int
    bars: int
    steps: int
    bar_minutes: int
    start: dt.date
    brownian: worlds.BrownianParams
    ou: worlds.OuParams
    garch: worlds.GarchParams
    momentum: worlds.MomentumParams
    hunts: worlds.HuntsParams
    exhaustion: worlds.ExhaustionParams
    sessions: worlds.SessionsParams
    crash: worlds.CrashParams
    book: worlds.BookParams
    crowding: worlds.CrowdingParams

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(
                f"names: must name one or more, each once, was {list(self.names)!r}; typical: [brownian, ou]"
            )
        whole_in("seed", self.seed, 0, 2**63 - 1, "7")
        self.clock()

    def clock(self) -> worlds.Clock:
        """What all worlds share."""
        return worlds.Clock(self.bars, self.steps, self.bar_minutes, self.start)


def read_worlds(params: WorldsParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per world; symbols are the worlds' names in capitals, CRASH_1, CRASH_2 … where there are several.

    truth: ts is the open of the bar whose latent state it is; it lies beside the bars, where no feature looks.
    """
    for name in params.names:
        section = getattr(params, name)
        stamp = fingerprint((name, section, params.clock(), params.seed), *CODE)
        symbol = None if name == "crash" else name.upper()
        yield Part(f"worlds-{name}", stamp, symbol, partial(_read, name, section, params))


def _read(name: str, section: object, params: WorldsParams) -> Iterator[dict[str, pl.DataFrame]]:
    found: dict[str, list[pl.DataFrame]] = {"bars": [], "series": [], "depth": [], "truth": []}
    for world in worlds.simulate(name, section, params.clock(), params.seed):
        bars, symbol = world.bars, pl.lit(world.bars.symbol)
        opens = pl.Series("ts", bars.ts).cast(TIMESTAMP)
        closes = pl.Series("ts", bars.ts + params.clock().interval_us).cast(TIMESTAMP)
        columns = {column: getattr(bars, column) for column in BARS if column not in ("symbol", "ts")}
        found["bars"].append(pl.DataFrame({"ts": opens, **columns}).select(symbol.alias("symbol"), pl.all()))
        found["truth"] += [_long(symbol, key, opens, values) for key, values in world.truth.items()]
        found["series"] += [_long(symbol, key, closes, values) for key, values in world.series.items()]
        if world.book is not None:
            sides = {
                column: pl.Series(getattr(world.book, column).tolist(), dtype=DEPTH[column])
                for column in list(DEPTH)[3:]
            }
            depth = pl.DataFrame({"ts": closes, **sides})
            found["depth"].append(depth.select(symbol.alias("symbol"), pl.lit(VENUE).alias("venue"), pl.all()))
            found["series"].append(figures_of(found["depth"][-1], params.book.depth_bp))
    yield {table: pl.concat(frames) for table, frames in found.items() if frames}


def _long(symbol: pl.Expr, name: str, ts: pl.Series, values: NDArray[np.float64]) -> pl.DataFrame:
    frame = pl.DataFrame({"ts": ts, "value": values})
    return frame.select(symbol.alias("symbol"), pl.lit(name).alias("name"), "ts", "value").cast(pl.Schema(TRUTH))
