"""Stage latency: how long one decision of the exported engine takes on this machine, called from Python."""

from __future__ import annotations

import gc
import heapq
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference import Engine
from inference.closes import symbol_of
from inference.replay import Bars
from pipelines.atomic import write_json
from pipelines.partitions import read_bars
from pipelines.sources.tables import OPTIONAL
from pipelines.tables import Series, bar_series, bars_by_symbol, series_for

Event = tuple[int, str, tuple[Any, ...]]

FILE = Path("artifacts/latency.json")
WARM_UP, MOST_BARS, TICKS = 1000, 20_000, 100_000
LIMIT_US = 50.0
FAR = 5.0  # METRICS.md's "p99 ≪ 50 µs": so many times below it
PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9, "max": 100.0}


def summarise(nanoseconds: NDArray[np.int64]) -> dict[str, float]:
    """Percentiles in µs, and how many calls there were."""
    found = {name: float(np.percentile(nanoseconds, share)) / 1e3 for name, share in PERCENTILES.items()}
    return {"calls": len(nanoseconds), **found}


def verdict(p99: float) -> str:
    """Of a p99 in µs: met far below the limit, null below it."""
    return "met" if p99 <= LIMIT_US / FAR else "null" if p99 <= LIMIT_US else "not met"


def feed(bars: Mapping[str, Bars], series: Series, symbol: str, interval_us: int) -> Iterator[Event]:
    """All that the engine hears, in order of time: when, the call's name, its arguments. A value that may be used from
    a bar's close on comes before that bar.
    """
    inputs = (_inputs(symbol, name, ts, values, interval_us) for name, (ts, values) in series.items())
    return heapq.merge(*inputs, *map(_bars, bars.values()), key=lambda event: event[0])


def _inputs(symbol: str, name: str, ts: NDArray[Any], values: NDArray[Any], interval_us: int) -> Iterator[Event]:
    for at, value in zip(ts.tolist(), values.tolist(), strict=True):
        yield at - interval_us, "on_input", (symbol, name, at, value)


def _bars(bars: Bars) -> Iterator[Event]:
    columns = (bars.ts, bars.open, bars.high, bars.low, bars.close, bars.volume)
    for row in zip(*(column[-MOST_BARS - WARM_UP :].tolist() for column in columns), strict=True):
        yield row[0], "on_bar", (bars.symbol, *row)


def measure(engine: Engine, bars: Mapping[str, Bars], series: pl.DataFrame) -> dict[str, Any]:
    """bar: a new bar through the features, then a tick to all actions, both nets and every step inside; tick: the tick
    alone, between bars. One position is open. model: share of the bars on which the nets decided.
    """
    symbol, interval = next(iter(bars)), int(engine.stop_manifest["bar_interval_us"])
    names = [name for name in engine.spec.series_names() if symbol_of(name) is None]  # other symbols come as bars
    inputs = series_for(series, dict(bars), symbol, names, interval)
    on_bar, on_tick, position = engine.on_bar, engine.on_tick, None
    times, decided, seen = [], 0, 0
    close, ts = 0.0, 0
    gc.collect()
    gc.disable()  # a collection would be the caller's, not the call's
    try:
        for at, kind, given in feed(bars, inputs, symbol, interval):
            if kind == "on_input":
                engine.on_input(*given)
            elif given[0] != symbol:
                on_bar(*given)
            else:
                close, ts = given[5], at
                start = perf_counter_ns()
                on_bar(*given)
                on_tick(symbol, at, close)
                taken = perf_counter_ns() - start
                seen += 1
                if position is not None and seen > WARM_UP:
                    times.append(taken)
                    decided += engine.status(symbol) == "model"
                if position is not None:
                    engine.close(position.id)
                position = engine.open(symbol, 1, close, 1.0, at)
        prices = (close * (1 + np.random.default_rng(0).uniform(-0.002, 0.002, TICKS))).tolist()
        ticks = np.empty(TICKS, np.int64)
        for i, price in enumerate(prices):
            start = perf_counter_ns()
            on_tick(symbol, ts, price)
            ticks[i] = perf_counter_ns() - start
    finally:
        gc.enable()
    if not times:
        raise ValueError(
            f"bars: must be more than {WARM_UP + 1} of {symbol} to warm up the engine, was {seen}; ingest more"
        )
    return {
        "bar": summarise(np.array(times)),
        "tick": summarise(ticks[TICKS // 20 :]),
        "model": decided / len(times),
        "machine": machine(),
    }


def machine() -> str:
    """The processor's name, as far as the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main() -> None:
    """Reads the exports and the bars, writes artifacts/latency.json."""
    engine = Engine.load("artifacts/exports/stop.pt", "artifacts/exports/exit.pt")
    bars = read_bars()
    own = bar_series(bars, list(OPTIONAL), engine.stop_manifest["bar_interval_us"])
    series = pl.concat([pl.read_parquet("data/checked/series.parquet"), own])
    found = measure(engine, bars_by_symbol(bars), series)
    write_json(found, FILE)
    for name, label in {"bar": "new bar to all actions", "tick": "tick to all actions"}.items():
        print(f"latency, {label}: " + ", ".join(f"{key} {found[name][key]:.1f} µs" for key in PERCENTILES))


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"latency: {error}")
