"""The feature graph as the engine runs it: built from plain data, over history in blocks or bar by bar."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native

COLUMNS = ("open", "high", "low", "close", "volume")


def canonical(data: Mapping[str, Any]) -> str:
    """The one JSON text of a graph: sorted keys, no blanks, shortest numbers."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def graph_hash(data: Mapping[str, Any]) -> str:
    """sha256 of the canonical text, hex."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _parameters(node: Mapping[str, Any], names: list[str]) -> dict[str, list[float]]:
    """Parameters in the kernel's order, by symbol; "*" stands for every symbol that is not named."""
    values: dict[str, Any] = node.get("p", {})
    if set(values) != set(names):
        raise ValueError(
            f"{node['op']}: takes the parameters {names}, was {sorted(values)}; write the graph with to_data"
        )
    symbols = {"*"}.union(*(value for value in values.values() if isinstance(value, dict)))
    rows: dict[str, list[float]] = {symbol: [] for symbol in symbols}
    for symbol, row in rows.items():
        for name in names:
            value: Any = values[name]
            number = value[symbol if symbol in value else "*"] if isinstance(value, dict) else value
            row.extend(map(float, number if isinstance(number, list) else [number]))
    return rows


def build_spec(data: Mapping[str, Any]) -> _native.GraphSpec:
    """The compiled form of a graph's plain data. Raises ValueError for unknown kernels or impossible parameters."""
    kernels = {kernel.name: kernel for kernel in _native.kernels()}
    nodes = []
    for node in data["nodes"]:
        op = node["op"]
        if op == "input":
            names = []
        elif op == "as_of":
            names = ["max_age_us"]
        elif op in kernels:
            names = [parameter.name for parameter in kernels[op].parameters]
        else:
            raise ValueError(
                f"node.op: must name a kernel of this engine, was {op!r}; use the engine that wrote the graph"
            )
        parameters = _parameters(node, names)
        if op in kernels:
            for row in parameters.values():
                _native.check_parameters(op, row)
        nodes.append((op, node.get("name", ""), list(node.get("in", [])), parameters))
    names, outputs = list(data["outputs"]), list(data["outputs"].values())
    return _native.GraphSpec(nodes, names, outputs, int(data["bar_interval_us"]), graph_hash(data))


class Graph:
    """A feature graph for one symbol, with its own state: call `run` again to continue where the last bars ended.

    Values are NaN during warm-up and where an input is missing, in blocks and bar by bar alike. For one live bar there
    is `update(ts, open, high, low, close, volume)`, all by position: it returns the first output, and all of them then
    stand in `values`, in the order of `names`. Raises BarError for an impossible bar; then nothing has changed.
    """

    def __init__(self, data: Mapping[str, Any], symbol: str = "*") -> None:
        self.data = dict(data)
        self.symbol = symbol
        self._spec = build_spec(data)
        self._graph = _native.Graph(self._spec, symbol)
        self._fresh = self._graph.save()
        self.update: Callable[[int, float, float, float, float, float], float] = self._graph.update
        self.values: NDArray[np.float64] = self._graph.values

    @property
    def hash(self) -> str:
        """sha256 of the graph's plain data."""
        return self._spec.hash

    @property
    def names(self) -> list[str]:
        """Names of the outputs."""
        return self._spec.output_names

    @property
    def series(self) -> list[str]:
        """Names of the series that the graph joins as-of."""
        return self._spec.series_names()

    @property
    def warm_up(self) -> dict[str, int]:
        """Bars before each output can be finite."""
        return dict(zip(self.names, self._spec.warm_ups(), strict=True))

    def push(self, series: Mapping[str, tuple[ArrayLike, ArrayLike]]) -> None:
        """Values of named series to come: name → (ts µs from which each may be used, values).

        Raises BarError, or ValueError for a series that the graph does not take; then nothing has changed.
        """
        for values in self._checked(series):
            self._graph.push(*values)

    def _checked(
        self, series: Mapping[str, tuple[ArrayLike, ArrayLike]]
    ) -> list[tuple[str, NDArray[np.int64], NDArray[np.float64]]]:
        """The series as the engine takes them, all of which it can take."""
        columns = [
            (name, np.ascontiguousarray(times, np.int64), np.ascontiguousarray(values, np.float64))
            for name, (times, values) in series.items()
        ]
        for each in columns:
            self._graph.check_values(*each)
        return columns

    def run(
        self,
        bars: Mapping[str, ArrayLike],
        ts: ArrayLike,
        series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    ) -> dict[str, NDArray[np.float64]]:
        """Outputs by name, float64 (n,), for n bars (open, high, low, close, volume) at `ts` (µs UTC, bar open).

        series: as in `push`. Raises BarError, naming the row; then nothing has changed.
        """
        values = self._checked(series or {})
        columns = (np.ascontiguousarray(bars[name], np.float64) for name in COLUMNS)
        checked = _native.Bars(np.ascontiguousarray(ts, np.int64), *columns)
        self._graph.check_next(checked)
        for each in values:
            self._graph.push(*each)
        out = np.empty((len(self.names), len(checked)))
        self._graph.run(checked, 0, out)
        return dict(zip(self.names, out, strict=True))

    def stream(self, bars: _native.Bars, block: int = 65_536) -> Iterator[tuple[int, dict[str, NDArray[np.float64]]]]:
        """The same for a long history in memory of one block: (index of the block's first bar, outputs by name).

        bars: checked once (`inference.replay.Bars.native`). The arrays are written over by the next block.
        """
        memory = np.empty(len(self.names) * block)
        out, named = memory[:0], dict[str, NDArray[np.float64]]()
        for first in range(0, len(bars), block):
            n = min(block, len(bars) - first)
            if first == 0 or n < block:
                out = memory[: len(self.names) * n].reshape(-1, n)
                named = dict(zip(self.names, out, strict=True))
            self._graph.run(bars, first, out)
            yield first, named

    def reset(self) -> None:
        """Back to the state before the first bar; queued values of series are forgotten too."""
        self._graph.load(self._fresh)

    def copy(self) -> Graph:
        """Another graph with the same state, which goes its own way from here."""
        other = Graph(self.data, self.symbol)
        other.load(self.save())
        return other

    def save(self) -> bytes:
        """The exact state."""
        return self._graph.save()

    def load(self, state: bytes) -> None:
        """Takes a state saved from a graph of the same data; raises StateError."""
        self._graph.load(state)
