"""Worlds with a known answer: seeded generators of bars, series and books, with the latent truth beside them."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from pipelines.worlds.book import BookParams, book
from pipelines.worlds.diffusion import BrownianParams, GarchParams, OuParams, brownian, garch, ou
from pipelines.worlds.hunts import HuntsParams, hunts
from pipelines.worlds.market import CrashParams, SessionsParams, crash, sessions
from pipelines.worlds.path import Book, Clock, World
from pipelines.worlds.regimes import CrowdingParams, ExhaustionParams, MomentumParams, crowding, exhaustion, momentum

WORLDS: dict[str, Callable[[Any, Clock, np.random.Generator], list[World]]] = {
    "brownian": brownian,
    "ou": ou,
    "garch": garch,
    "momentum": momentum,
    "hunts": hunts,
    "exhaustion": exhaustion,
    "sessions": sessions,
    "crash": crash,
    "book": book,
    "crowding": crowding,
}


def simulate(name: str, params: Any, clock: Clock, seed: int) -> list[World]:
    """The named world's symbols; the same arguments give the same bits, whatever other worlds there are."""
    return WORLDS[name](params, clock, np.random.default_rng([seed, zlib.crc32(name.encode())]))


__all__ = [
    "WORLDS",
    "Book",
    "BookParams",
    "BrownianParams",
    "Clock",
    "CrashParams",
    "CrowdingParams",
    "ExhaustionParams",
    "GarchParams",
    "HuntsParams",
    "MomentumParams",
    "OuParams",
    "SessionsParams",
    "World",
    "simulate",
]
