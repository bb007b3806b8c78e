"""Partial exits of trades: how many there were, and how many of them made a profit."""

from __future__ import annotations

import numpy as np

from inference.replay import Ledger
from pipelines.arrays import Integers


def partial_exits(ledger: Ledger) -> tuple[Integers, Integers]:
    """Per trade, the exits that left a part of the position open, and those of them whose part made a profit, costs of
    entry and exit inside, funding aside (it is the position's).
    """
    legs, entries = ledger.legs, ledger.trades["entry"]
    last = np.searchsorted(legs["entry"], entries, side="right") - 1
    partial = np.ones(len(legs), bool)
    partial[last] = False
    row = np.searchsorted(entries, legs["entry"])
    count, won = (
        np.bincount(row[mask], minlength=len(entries)).astype(np.int64)
        for mask in (partial, partial & (legs["pnl"] > 0))
    )
    return count, won
