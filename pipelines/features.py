"""Stage features@family: the family's graph (constants fitted on the training part) and its columns for every bar."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from features.families import FAMILIES, FeatureParams, Returns
from features.store import GRAPH, KEYS, table_path
from inference import Graph
from inference.bars import Bars
from pipelines.atomic import write_file, write_json
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.splits import SplitParams
from pipelines.tables import Series, bar_interval_us, bar_series, bars_by_symbol, series_for


def training_returns(bars: dict[str, Bars], split: SplitParams) -> Returns:
    """Log returns of each symbol's bars that open in the training part."""
    end = np.datetime64(split.train_until, "us").astype(np.int64)
    return {symbol: np.diff(np.log(each.close[each.ts < end])) for symbol, each in bars.items()}


def write_columns(graph: dict[str, Any], bars: Bars, series: Series, path: Path) -> None:
    """All outputs of the graph for one symbol: symbol, ts and a column each, in memory of one block of bars."""
    names = list(graph["outputs"])
    fields = [("symbol", pa.string()), ("ts", pa.timestamp("us", "UTC")), *((name, pa.float64()) for name in names)]
    schema = pa.schema(fields)
    engine = Graph(graph, bars.symbol)
    engine.push(series)

    def write(file: BinaryIO) -> None:
        with pq.ParquetWriter(
            file, schema, compression="lz4", use_dictionary=["symbol"], write_statistics=list(KEYS)
        ) as writer:
            # A family without features leaves the keys, so that later stages find the same tables.
            for first, out in engine.stream(bars.native()) if names else [(0, {})]:
                n = len(out[names[0]]) if names else len(bars.ts)
                ts = pa.array(bars.ts[first : first + n].view("datetime64[us]")).cast(schema.field("ts").type)
                columns = [pa.repeat(bars.symbol, n), ts, *(pa.array(out[name]) for name in names)]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))

    write_file(write, path)


def main(family: str) -> None:
    """Reads data/checked/, writes data/features/{family}/: a table for each symbol, and graph.json."""
    if family not in FAMILIES:
        raise ValueError(f"family: must be one of {', '.join(FAMILIES)}, was {family!r}; name one of them")
    params, split = section("features", FeatureParams), section("split", SplitParams)
    table = read_bars()
    bars = bars_by_symbol(table)
    interval = bar_interval_us(bars)
    graph = FAMILIES[family].graph(params, training_returns(bars, split), interval)
    names = Graph(graph).series
    series = pl.concat([pl.read_parquet("data/checked/series.parquet"), bar_series(table, names, interval)])
    folder = Path("data/features") / family

    def run(each: Bars) -> Path:
        path = table_path(folder, each.symbol)
        write_columns(graph, each, series_for(series, bars, each.symbol, names, interval), path)
        return path

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # the engine lets go of the interpreter while it runs
        written = set(pool.map(run, bars.values()))
    for path in set(folder.glob("*.parquet")) - written:  # of symbols that are not in the bars any more
        path.unlink()
    write_json(graph, folder / GRAPH)
    rows = sum(len(each.ts) for each in bars.values())
    print(f"{family}: {len(graph['features'])} features, {len(graph['nodes'])} nodes, {rows:,} rows")


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"features: {error}")
