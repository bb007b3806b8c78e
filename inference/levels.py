"""Levels as prices: which ones a feature graph computes beside the nets' inputs, and the rows that tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import _native

# kinds of level, as in `enum class LevelGroup` in native/price_levels.hpp
GROUPS: tuple[str, ...] = tuple(_native.level_groups())

LEVEL = np.dtype([("name", "U32"), ("group", "U16")] + [(x, np.float64) for x in ("price", "strength", "distance")])

CLOSE = "close"  # the output that distances are measured from


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """A level of a graph: the outputs that hold its price and its strength ("": it has none)."""

    name: str
    group: str
    price: str
    strength: str

    def native(self, outputs: Mapping[str, int]) -> tuple[str, int, int]:
        """Group, and the places of price and strength (-1: none) among the graph's outputs."""
        return self.group, outputs[self.price], outputs.get(self.strength, -1)


def price_levels(graph: Mapping[str, Any]) -> list[PriceLevel]:
    """The levels of a graph's plain data in order; none in exports from before there were any."""
    return [
        PriceLevel(name, each["group"], each["price"], each.get("strength", ""))
        for name, each in sorted(graph.get("levels", {}).items())
    ]


def level_rows(
    levels: Sequence[PriceLevel], known: Sequence[tuple[int, float, float]], close: float, unit: float
) -> NDArray[np.void]:
    """Rows of LEVEL: the known ones (place in `levels`, price, strength) in their order, then the others with NaN.

    close, unit: the last close and one volatility unit, in price.
    """
    rows = np.empty(len(levels), LEVEL)
    rows[["price", "strength", "distance"]] = (np.nan,) * 3
    places = [place for place, _, _ in known]
    rest = [i for i in range(len(levels)) if i not in set(places)]
    for row, place in enumerate(places + rest):
        rows["name"][row], rows["group"][row] = levels[place].name, levels[place].group
    for row, (_, price, strength) in enumerate(known):
        rows["price"][row], rows["strength"][row], rows["distance"][row] = price, strength, (price - close) / unit
    return rows
