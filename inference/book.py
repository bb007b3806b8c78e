"""Figures of order book snapshots, by the names of the series that the flow features read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native

FIGURES: tuple[str, ...] = tuple(_native.book_names())
_DEPTH = re.compile(r"book_(?:bid|ask)_depth_(\d+(?:\.\d+)?)bp")


def depth_names(range_bp: float) -> tuple[str, str]:
    """Names of the bid and ask depth within `range_bp` basis points of the middle."""
    return f"book_bid_depth_{range_bp:.15g}bp", f"book_ask_depth_{range_bp:.15g}bp"


def depth_ranges(names: Iterable[str]) -> list[float]:
    """The ranges, in bp and ascending, of the depths among the names of some series."""
    return sorted({float(found[1]) for found in map(_DEPTH.fullmatch, names) if found})


def book_figures(
    bid_price: ArrayLike,
    bid_quantity: ArrayLike,
    ask_price: ArrayLike,
    ask_quantity: ArrayLike,
    depth_bp: Sequence[float] = (10.0,),
) -> dict[str, NDArray[np.float64]]:
    """Figures of each snapshot, by name: arrays of the shape (levels,) give numbers, (n, levels) give arrays (n,).

    Prices best first, quantities in the asset's units; the sides may differ in their number of levels.
    book_spread_bp: 1e4 (ask - bid) / middle. book_imbalance: (bid - ask) / (bid + ask) of the quantities at the best
    prices, -1 to 1 (Gould and Bonart 2016). book_bid_wall_multiple, book_bid_wall_bp (and ask): the largest quantity
    of the side over the mean of its other levels, and how far from the middle it stands. book_bid_depth_10bp (and ask;
    one pair per entry of `depth_bp`): money of the levels at most so far from the middle.
    Raises BarError for a crossed, unsorted or empty book and for numbers that are not finite or not above 0.
    """
    sides = [np.ascontiguousarray(each, np.float64) for each in (bid_price, bid_quantity, ask_price, ask_quantity)]
    if any(each.ndim != sides[0].ndim or each.ndim not in (1, 2) for each in sides):
        raise _native.BarError(
            f"book: must be arrays (levels,) or (n, levels), was {[each.shape for each in sides]}; pass all in one form"
        )
    tables = [np.atleast_2d(each) for each in sides]
    ranges = np.asarray(depth_bp, np.float64)
    values = np.asarray(_native.book_figures(tables[0], tables[1], tables[2], tables[3], ranges))
    names = [*FIGURES, *(name for bp in depth_bp for name in depth_names(bp))]
    return dict(zip(names, values[0] if sides[0].ndim == 1 else values.T, strict=True))
