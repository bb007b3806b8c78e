"""Expressions to plain data and back: the form in which a feature graph is stored, hashed, merged and exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.expression import Expr, plain
from inference.graph import graph_hash

__all__ = ["from_data", "graph_hash", "merge", "to_data"]


def to_data(outputs: Mapping[str, Expr], features: Sequence[str], bar_interval_us: int) -> dict[str, Any]:
    """The graph of some outputs as plain data: each distinct expression is one node, inputs before users.

    features: the outputs that are net inputs, in order. bar_interval_us: time from a bar's open to its close.
    """
    unknown = [name for name in features if name not in outputs]
    if unknown:
        raise ValueError(f"features: must be outputs of the graph, was {unknown}; give each an expression")
    if bar_interval_us <= 0:
        raise ValueError(f"bar_interval_us: must be above 0, was {bar_interval_us}; pass the bar's length")
    index: dict[int, int] = {}
    nodes: list[dict[str, Any]] = []

    def visit(expr: Expr) -> int:
        if id(expr) in index:
            return index[id(expr)]
        inputs = [visit(each) for each in expr.inputs]
        node: dict[str, Any] = {"op": expr.op}
        if inputs:
            node["in"] = inputs
        if expr.parameters:
            node["p"] = {k: plain(v) for k, v in expr.parameters}
        if expr.name:
            node["name"] = expr.name
        nodes.append(node)
        index[id(expr)] = len(nodes) - 1
        return index[id(expr)]

    numbered = {name: visit(expr) for name, expr in outputs.items()}
    return {"bar_interval_us": bar_interval_us, "nodes": nodes, "outputs": numbered, "features": list(features)}


def from_data(data: Mapping[str, Any]) -> dict[str, Expr]:
    """The outputs of stored graph data as expressions again (interned, so equal parts of two graphs become one)."""
    built: list[Expr] = []
    for node in data["nodes"]:
        inputs = tuple(built[i] for i in node.get("in", []))
        built.append(Expr(node["op"], inputs, node.get("p"), node.get("name", "")))
    return {name: built[i] for name, i in data["outputs"].items()}


def merge(graphs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One graph of several: common sub-expressions become one node. Outputs of one name must be one expression."""
    outputs: dict[str, Expr] = {}
    features: list[str] = []
    intervals = {int(graph["bar_interval_us"]) for graph in graphs}
    if len(intervals) != 1:
        raise ValueError(f"bar_interval_us: must be one for all graphs, was {sorted(intervals)}; rebuild the features")
    for graph in graphs:
        for name, expr in from_data(graph).items():
            if outputs.setdefault(name, expr) is not expr:
                raise ValueError(f"outputs.{name}: must be one expression, was two; rename one of the features")
        features += [name for name in graph["features"] if name not in features]
    return to_data(outputs, features, intervals.pop())
