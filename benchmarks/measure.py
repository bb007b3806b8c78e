"""Timing: medians and tails of many single calls, and the medians of two programs run in turn."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter, perf_counter_ns
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. `value` is the figure itself, or p50 of a latency; `ratio` = ours / peer's."""

    name: str
    unit: str
    value: float
    p99: float | None = None
    p999: float | None = None
    peer: str | None = None
    peer_value: float | None = None
    budget: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's, in the same run."""
        return self.value / self.peer_value if self.peer_value else None

    def plain(self) -> dict[str, Any]:
        """For artifacts/bench.json: without what is not known."""
        data = asdict(self) | {"ratio": self.ratio}
        if self.p99 is not None:
            data["p50"] = data.pop("value")
        return {key: value for key, value in data.items() if value is not None and value != ""}


def latencies(call: Callable[[int], object], calls: int, warm_up: int) -> np.ndarray:
    """Nanoseconds of each of `calls` calls (the timer's own 50 ns or so inside)."""
    for i in range(warm_up):
        call(i)
    out = np.empty(calls, np.int64)
    gc.collect()
    gc.disable()  # a collection would be the caller's, not the call's
    try:
        for i in range(calls):
            start = perf_counter_ns()
            call(i)
            out[i] = perf_counter_ns() - start
    finally:
        gc.enable()
    return out


def medians(calls: Sequence[Callable[[], object]], rounds: int = 7) -> list[float]:
    """Median seconds of each call, run in turn so that the machine's drift hits all alike; one round of warm-up."""
    seconds = np.empty((rounds, len(calls)))
    for r in range(-1, rounds):
        for c, call in enumerate(calls):
            start = perf_counter()
            call()
            if r >= 0:
                seconds[r, c] = perf_counter() - start
    return [float(value) for value in np.median(seconds, axis=0)]
