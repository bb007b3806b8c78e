"""Levels as prices for the engine: declared by the families beside their features, added to the graph of an export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from features.expression import Expr, bar
from features.graph import from_data, to_data
from inference.levels import CLOSE


class Level(NamedTuple):
    """A price (missing where it is not known), its group (of inference/levels.py), and what its strength is, if any."""

    group: str
    price: Expr
    strength: Expr | None = None


def known_where(condition: Expr, price: Expr) -> Expr:
    """The price where the condition is above 0, else missing."""
    return price / (condition > 0.0)


def with_levels(graph: Mapping[str, Any], levels: Mapping[str, Level]) -> dict[str, Any]:
    """The graph with further outputs: the levels' prices and strengths, and the close. Its net inputs stay as they are.

    Output `price_{name}` holds the price, `strength_{name}` the strength; `levels` of the data says which are there.
    """
    if not levels:
        return dict(graph)
    outputs = {**from_data(graph), CLOSE: bar("close")}
    told: dict[str, dict[str, str]] = {}
    for name, level in levels.items():
        told[name] = {"group": level.group, "price": f"price_{name}"}
        outputs[f"price_{name}"] = level.price
        if level.strength is not None:
            told[name]["strength"] = f"strength_{name}"
            outputs[f"strength_{name}"] = level.strength
    return {**to_data(outputs, graph["features"], int(graph["bar_interval_us"])), "levels": told}
