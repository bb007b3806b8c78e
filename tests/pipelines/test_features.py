"""The features stage: what lies on disk is what the engine says, for each symbol, whatever its name."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq

import handmade_export as handmade
from features.store import read_family, table_path
from inference import Graph
from inference.replay import Bars
from pipelines.features import write_columns


def test_columns_on_disk_equal_the_engines_in_blocks_and_order(tmp_path, monkeypatch) -> None:
    graph = handmade.small_graph()
    bars, ts = handmade.random_bars(300)
    blocks = []
    stream = Graph.stream
    monkeypatch.setattr(Graph, "stream", lambda self, each: stream(self, each, 77))
    monkeypatch.setattr(pq.ParquetWriter, "write_table", _counting(pq.ParquetWriter.write_table, blocks))
    for symbol in ("B/USDT:USDT", "A"):
        write_columns(graph, Bars(symbol, ts, **bars), {}, table_path(tmp_path, symbol))
    assert blocks == [77, 77, 77, 69] * 2
    frame = read_family(tmp_path)
    assert frame["symbol"].to_list() == ["A"] * 300 + ["B/USDT:USDT"] * 300
    assert frame.schema["ts"] == pl.Datetime("us", "UTC")
    for symbol in ("A", "B/USDT:USDT"):
        part = frame.filter(pl.col("symbol") == symbol)
        assert np.array_equal(part["ts"].dt.epoch("us").to_numpy(), ts)
        for name, values in Graph(graph, symbol).run(bars, ts).items():
            assert part[name].to_numpy().tobytes() == values.tobytes(), name
    assert read_family(tmp_path, ["sigma"]).columns == ["symbol", "ts", "sigma"]


def _counting(write, blocks):
    def counted(self, table):
        blocks.append(table.num_rows)
        return write(self, table)

    return counted
