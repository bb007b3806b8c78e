"""Stage features@family: the family's graph (constants fitted on the training part) and its columns for every bar."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import polars as pl

from features.families import FAMILIES, FeatureParams, Returns
from inference import Graph
from inference.replay import Bars
from pipelines.atomic import write_json, write_parquet
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.splits import SplitParams
from pipelines.tables import Series, bar_interval_us, bar_series, bars_by_symbol, series_for


def training_returns(bars: dict[str, Bars], split: SplitParams) -> Returns:
    """Log returns of each symbol's bars that open in the training part."""
    end = np.datetime64(split.train_until, "us").astype(np.int64)
    return {symbol: np.diff(np.log(each.close[each.ts < end])) for symbol, each in bars.items()}


def columns(graph: dict[str, Any], bars: Bars, series: Series) -> pl.DataFrame:
    """All outputs of the graph for one symbol: symbol, ts and a column each."""
    frame = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    out = Graph(graph, bars.symbol).run(frame, bars.ts, series)
    times = pl.Series("ts", bars.ts).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame({"symbol": [bars.symbol] * len(bars.ts), "ts": times, **out})


def main(family: str) -> None:
    """Reads data/checked/, writes data/features/{family}.parquet and .json."""
    if family not in FAMILIES:
        raise ValueError(f"family: must be one of {', '.join(FAMILIES)}, was {family!r}; name one of them")
    params, split = section("features", FeatureParams), section("split", SplitParams)
    table = read_bars()
    bars = bars_by_symbol(table)
    interval = bar_interval_us(bars)
    graph = FAMILIES[family].graph(params, training_returns(bars, split), interval)
    names = Graph(graph).series
    series = pl.concat([pl.read_parquet("data/checked/series.parquet"), bar_series(table, names, interval)])
    with ThreadPoolExecutor() as pool:  # the engine lets go of the interpreter while it runs
        parts = list(pool.map(lambda each: columns(graph, each, series_for(series, each.symbol, names)), bars.values()))
    write_parquet(pl.concat(parts), f"data/features/{family}.parquet")
    write_json(graph, f"data/features/{family}.json")
    print(f"{family}: {len(graph['features'])} features, {len(graph['nodes'])} nodes, {sum(map(len, parts)):,} rows")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"features: {error}")
