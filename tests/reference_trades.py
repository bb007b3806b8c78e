"""The words of the slow replay: its inputs, a trade while it happens, and a trade when it is over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OPEN, STOP, TARGET, TIME, LIQUIDATION, EMERGENCY = range(6)

TRADE = np.dtype(
    [
        ("entry", "i8"),
        ("side", "i1"),
        ("entry_index", "i8"),
        ("exit_index", "i8"),
        ("entry_ts", "i8"),
        ("exit_ts", "i8"),
        ("entry_price", "f8"),
        ("fill_price", "f8"),
        ("exit_price", "f8"),
        ("intended_price", "f8"),
        ("stop_distance", "f8"),
        ("stop_at_exit", "f8"),
        ("pnl", "f8"),
        ("r", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("horizon_mae", "f8"),
        ("horizon_mfe", "f8"),
        ("horizon_pnl", "f8"),
        ("beyond", "f8"),
        ("premature", "u1"),
        ("gap", "u1"),
        ("reason", "u1"),
        ("target_r", "f8"),
        ("reached_2r", "u1"),
        ("funding", "f8"),
        ("touched_both", "u1"),
        ("legs", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Bars:
    symbol: str
    ts: npt.NDArray[np.int64]  # bar open, µs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class Entries:
    index: npt.NDArray[np.int64]  # signal bar: decided at its close, filled at the next open
    side: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Costs:
    taker_fee: float
    maker_fee: float
    slippage: float


@dataclass(frozen=True, slots=True)
class Rung:
    target: float
    fraction: float
    stop_r: float | None


@dataclass(frozen=True, slots=True)
class Conditions:
    """None: not in play. impact: coefficient, notional, sigma, volume per bar; margin: leverage, maintenance, fee."""

    detail: Bars | None = None
    prints: bool = False  # detail are trades, as bars of one price
    impact: tuple[float, float, Floats, Floats] | None = None
    margin: tuple[float, float, float] | None = None
    funding: list[tuple[int, float]] = field(default_factory=list)
    rejected: npt.NDArray[np.bool_] | None = None
    ladder: tuple[Rung, ...] = ()
    touch: bool = False


class Leg(NamedTuple):
    """An exit. intended: where it was meant to be filled; level: where the bar did; fill: that with slippage, before
    fees.
    """

    bar: int
    fraction: float
    price: float  # after all costs
    pnl: float
    reason: int
    intended: float
    level: float
    fill: float


@dataclass(slots=True)
class Story:
    """A trade while it happens."""

    s: int
    fill: float
    p0: float
    d0: float
    stop: float
    targets: list[tuple[float, float, float | None]]  # price, fraction, new stop in R
    liquidation: float | None
    unprotected: bool
    remaining: float = 1.0
    legs: list[Leg] = field(default_factory=list)
    payments: list[tuple[int, float]] = field(default_factory=list)
    stops: list[tuple[int, float]] = field(default_factory=list)
    seen: list[float] = field(default_factory=list)  # prices inside the trade
    after: list[float] = field(default_factory=list)  # prices of the exit bar after the exit
    touched_both: int = 0
    gap: bool = False
    crossed: bool = False  # the stop was moved to where the close lay beyond it, and nothing was traded since
    market: bool = False  # the last exit was an order at the market
    opened: bool = False  # the last exit was at the open of what was walked

    def protective(self) -> tuple[float, int]:
        """The level that ends the trade at a loss, and its name."""
        stop = np.nan if self.unprotected else self.stop
        if self.liquidation is not None and not self.s * self.liquidation <= self.s * stop:
            return self.liquidation, LIQUIDATION
        return stop, STOP

    def next_target(self) -> float:
        return self.targets[0][0] if self.targets and not self.unprotected else np.nan
