"""Closes of other symbols as named series: what the live engine hands on by itself, for batches and replays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CLOSE_OF = "close@"
DELAY_US = 1  # mirrors CLOSE_DELAY_US in inference/native/market.hpp


def close_of(symbol: str) -> str:
    """Name of the series that holds a symbol's closes."""
    return CLOSE_OF + symbol


def symbol_of(series: str) -> str | None:
    """The symbol whose closes a series holds; None for any other series."""
    return series.removeprefix(CLOSE_OF) if series.startswith(CLOSE_OF) else None


def close_series(
    ts: NDArray[np.int64], close: NDArray[np.float64], bar_interval_us: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(times from which each close may be used, closes) of bars that open at `ts`, all (n,), µs UTC.

    A close may be used one microsecond after its bar's close: a bar of another symbol that closes at the same moment
    does not see it, the next one does. So live bars of one moment may arrive in any order.
    """
    return ts + bar_interval_us + DELAY_US, close
