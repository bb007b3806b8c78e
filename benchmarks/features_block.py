"""Features over history: what the exports need, all families, several symbols at once, and streamed to disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.latency import EXPORTS
from benchmarks.measure import Row, latencies, medians
from benchmarks.minute_bars import MINUTE, REAL, real_or_made
from features.families import FAMILIES, FeatureParams
from features.graph import merge
from features.store import table_path
from inference import Graph
from inference.replay import Bars
from pipelines.features import write_columns
from pipelines.params import section
from pipelines.sources.tables import BARS

N = 1_000_000
BLOCK = 512  # bars whose features stay near the processor
Series = dict[str, tuple[np.ndarray, np.ndarray]]


def exported_graph() -> dict[str, Any]:
    """The feature graph of the exports."""
    with zipfile.ZipFile(EXPORTS[0]) as archive:
        name = next(n for n in archive.namelist() if n.endswith("manifest.json"))
        graph: dict[str, Any] = json.loads(archive.read(name))["graph"]
    return graph


def whole_graph(bars: Bars) -> dict[str, Any]:
    """All families with the shipped parameters, as they would be for minutes (models fitted on the first 20,000)."""
    params = section("features", FeatureParams)
    returns = {bars.symbol: np.diff(np.log(bars.close[:20_000]))}
    return merge([family.graph(params, returns, MINUTE) for family in FAMILIES.values()])


def joined(graph: dict[str, Any], bars: Bars) -> Series:
    """A value at each close for every series that the graph names (closes of other symbols)."""
    return dict.fromkeys(Graph(graph).series, (bars.ts + MINUTE + 1, bars.close**0.9))


def run_all(graph: dict[str, Any], bars: Bars, series: Series) -> None:
    engine = Graph(graph, bars.symbol)
    engine.push(series)
    for _ in engine.stream(bars.native(), BLOCK):
        pass


def streamed(workers: int) -> tuple[float, float]:
    """M bars/s and peak MiB of a process of its own that writes all families of three symbols as Parquet."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.features_block", str(workers)], capture_output=True, text=True, check=True
    )
    seconds, peak, rows = (float(value) for value in done.stdout.split()[-3:])
    return rows / seconds / 1e6, peak


def write_three(workers: int) -> None:
    symbols = [real_or_made(symbol, 2_000_000)[0] for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT")]
    graph = whole_graph(symbols[0])
    series = [joined(graph, bars) for bars in symbols]
    with tempfile.TemporaryDirectory(dir=".") as folder, ThreadPoolExecutor(workers) as pool:
        start = perf_counter()
        paths = [table_path(Path(folder), f"{i}") for i in range(len(symbols))]
        list(pool.map(write_columns, [graph] * len(symbols), symbols, series, paths))
        seconds = perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds, peak, sum(len(bars.ts) for bars in symbols))


def run() -> list[Row]:
    """features_block and its like."""
    bars, what = real_or_made(n=N)
    print(f"on {what}", file=sys.stderr)
    exported, whole = exported_graph(), whole_graph(bars)
    one, all_ = ((graph, bars, joined(graph, bars)) for graph in (exported, whole))
    symbols = [all_] * os.cpu_count()  # type: ignore[operator]

    def at_once() -> None:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: run_all(*each), symbols))

    exported_s, whole_s, parallel_s = medians([lambda: run_all(*one), lambda: run_all(*all_), at_once], 3)
    nodes = len(whole["nodes"])
    live = Graph(whole, bars.symbol)
    live.push(all_[2])
    rows = zip(*(getattr(bars, name).tolist() for name in ("ts", *list(BARS)[2:7])), strict=True)
    ns = latencies(lambda _: live.update(*next(rows)), 20_000, 2_000) / 1e3
    found = [
        Row("features_block", "M bars/s", N / exported_s / 1e6, budget=f"the nets' {len(exported['features'])} inputs"),
        Row("features_whole", f"M bars/s of {len(whole['features'])} features", N / whole_s / 1e6, budget=">= 1"),
        Row("features_per_node", f"ns/bar of {nodes} nodes", whole_s / N / nodes * 1e9),
        Row("features_symbols", f"speed-up of {len(symbols)} threads", len(symbols) * whole_s / parallel_s),
        Row(
            "features_live",
            f"µs/bar of {len(whole['features'])} features",
            float(np.median(ns)),
            p99=float(np.quantile(ns, 0.99)),
            p999=float(np.quantile(ns, 0.999)),
            budget="p99 <= 20 µs",
        ),
    ]
    if REAL.exists():
        rate, peak = streamed(os.cpu_count() or 1)
        found += [
            Row("features_to_parquet", "M bars/s, all families, 3 symbols", rate),
            Row("features_to_parquet_memory", "MiB", peak, budget="<= 2048 for 3.1 M bars"),
        ]
    return found


if __name__ == "__main__":
    write_three(int(sys.argv[1]))
