"""History as columns: bars, the signals on them, and values that stand per bar or per signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of one symbol's bars, sorted by `ts` (bar open, µs, UTC)."""

    symbol: str
    ts: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def native(self) -> _native.Bars:
        """The columns, checked, as the compiled engine reads them. Raises BarError, naming the row."""
        return _native.Bars(self.ts, self.open, self.high, self.low, self.close, self.volume)


@dataclass(frozen=True, slots=True)
class Trades:
    """Trades of one symbol in the order in which they were printed; several may be of one moment.

    ts: µs, UTC; price; quantity, above 0.
    """

    symbol: str
    ts: NDArray[np.int64]
    price: NDArray[np.float64]
    quantity: NDArray[np.float64]

    def native(self) -> _native.Bars:
        """The columns, checked, as the compiled engine reads them. Raises BarError, naming the row."""
        return _native.Bars(self.ts, self.price, self.quantity)


@dataclass(frozen=True, slots=True)
class Entries:
    """Signals: `index` of the bar at whose close each stands (ascending; filled at the next open), `side` +1 or -1."""

    index: NDArray[np.int64]
    side: NDArray[np.int8]

    def checked(self, bars: Bars) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Both columns, contiguous. Raises ValueError where they can't be signals on these bars."""
        index, side = np.ascontiguousarray(self.index, np.int64), np.ascontiguousarray(self.side, np.int8)
        if index.shape != side.shape:
            raise ValueError(
                f"entries: index and side must be of one length, was {len(index)} and {len(side)}; pair them"
            )
        if len(index) and (index.min() < 0 or index.max() >= len(bars.ts) - 1):
            raise ValueError(
                f"entries.index: must lie in [0, {len(bars.ts) - 2}], was {index.min()} to {index.max()}; "
                "a signal needs a next bar to fill"
            )
        if (np.diff(index) < 0).any():
            raise ValueError("entries.index: must ascend, was not; sort entries by time")
        if not np.isin(side, (1, -1)).all():
            raise ValueError("entries.side: must be +1 or -1, was another number; drop flat signals")
        return index, side


def per_bar(name: str, bars: Bars, values: ArrayLike) -> NDArray[np.float64]:
    """A column of one number per bar from one number, or from one per bar. Raises ValueError for another length."""
    try:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float64), bars.ts.shape))
    except ValueError:
        shape = np.shape(values)
        raise ValueError(
            f"{name}: must be one number, or one per bar ({len(bars.ts)}), was {shape}; align it"
        ) from None


def at_entries(index: NDArray[np.int64], name: str, bars: Bars, values: ArrayLike) -> NDArray[np.float64]:
    """One number per entry: that of its signal's bar."""
    array = np.asarray(values, np.float64)
    return np.ascontiguousarray(per_bar(name, bars, array)[index]) if array.ndim else np.full(len(index), array)
