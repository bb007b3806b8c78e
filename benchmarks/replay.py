"""Replay speed: a static bracket with its trade list, and the engine with both nets and every step."""

from __future__ import annotations

import numpy as np

from benchmarks.latency import EXPORTS
from benchmarks.measure import Row, medians
from benchmarks.minute_bars import made as minute_bars
from inference import Engine
from inference.replay import Costs, Entries, replay_engine, replay_levels


def run() -> list[Row]:
    """replay_static and replay_full, bars a second on one core."""
    bars = minute_bars(300_000)
    n = len(bars.ts)
    engine = Engine.load(*EXPORTS)
    horizon = int(engine.stop_manifest["horizon_bars"])
    costs = Costs(0.0004, 0.0002, 0.0001)
    index = np.arange(200, n - horizon - 1, horizon, dtype=np.int64)  # one position open at any time
    entries = Entries(index, np.where(np.arange(len(index)) % 2, 1, -1).astype(np.int8))
    sparse = Entries(entries.index[::20].copy(), entries.side[::20].copy())
    none = np.full(n, np.nan)
    stop, target = bars.close * 0.01, bars.close * 0.02
    series = {name: (bars.ts[::1440], np.full(len(bars.ts[::1440]), 20.0)) for name in engine.spec.series_names()}
    static, full = medians(
        [
            lambda: replay_levels(bars, sparse, stop, target, none, 20 * horizon, costs),
            lambda: replay_engine(engine, bars, entries, costs, series=series),
        ],
        5,
    )
    return [
        Row("replay_static", "M bars/s", n / static / 1e6, budget=">= 40 M bars/s with the trade list"),
        Row("replay_full", "M bars/s", n / full / 1e6, budget=">= 0.5 M bars/s"),
    ]
