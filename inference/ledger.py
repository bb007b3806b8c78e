"""What a replay answers: trades, what happened to them, and what was decided."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference.variant import DECISION

REASON_NAMES = ("open", "stop", "target", "time", "liquidation", "emergency")
EVENT_NAMES = ("entry", "stop_moved", "funding", "exit")

# mirrors `struct Trade` in native/replay/trade.hpp; prices and results per unit of quantity; touched_both: 1 where the
# bar of an exit holds both levels, in the mode detail 2 where the finer bar that decided does too, or there was none;
# exit_price and intended_price: means over the exits, by their fractions
TRADE = np.dtype(
    [(name, np.int64) for name in ("entry", "entry_index", "exit_index", "entry_ts", "exit_ts")]
    + [(name, np.float64) for name in ("entry_price", "fill_price", "exit_price", "intended_price", "stop_distance")]
    + [(name, np.float64) for name in ("pnl", "r", "mae", "mfe", "horizon_mae", "horizon_mfe", "horizon_pnl")]
    + [(name, np.float64) for name in ("beyond", "target_r", "stop_at_exit", "funding")]
    + [("side", np.int8)]
    + [(name, np.uint8) for name in ("reason", "premature", "gap", "reached_2r", "fallback", "touched_both", "legs")]
)

# mirrors `struct Event`: fraction of the first quantity; price after costs, the new stop, or the mark of a funding
# stamp; pnl per unit of the first quantity; of an exit, else NaN: intended, the price that it was meant to have, level,
# that at which the bar filled it, before all costs, and fill, before fees alone (slippage is |fill - intended| /
# intended); at_open: at the bar's open, before anything inside it
EVENT = np.dtype(
    [(name, np.int64) for name in ("entry", "index", "ts")]
    + [(name, np.float64) for name in ("fraction", "price", "pnl", "intended", "level", "fill")]
    + [(name, np.uint8) for name in ("kind", "reason", "at_open")]
    + [("padding", np.uint8, (5,))]
)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Trades (TRADE rows, in the entries' order), what happened to them (EVENT rows, by trade and time) and, of the
    engine, what was decided (DECISION rows, likewise).
    """

    trades: NDArray[np.void]
    events: NDArray[np.void]
    decisions: NDArray[np.void] = field(default_factory=lambda: np.empty(0, DECISION))

    @property
    def legs(self) -> NDArray[np.void]:
        """The exits alone; their fractions sum to 1 in each trade."""
        legs: NDArray[np.void] = self.events[self.events["kind"] == EVENT_NAMES.index("exit")]
        return legs
