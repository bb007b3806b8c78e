"""One equity for the trades of several symbols, with the portfolio's limits on the positions held at each entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from inference import _native
from inference.checks import number_in
from inference.replay import Bars, Ledger
from inference.venue import Costs

# mirrors `struct Size` in native/portfolio.hpp: short_of: row of SHORT_OF, why quantity is less than wanted; quantity
# 0 = refused; wanted: by the limit per trade (and lots) alone; equity before the entry, open risk and margin with it,
# and profit, money
SIZE = np.dtype(
    [(name, np.int64) for name in ("symbol", "entry", "ts", "short_of")]
    + [(name, np.float64) for name in ("quantity", "wanted", "equity", "open_risk", "margin", "pnl")]
)
SHORT_OF = ("nothing", "open risk", "margin")
# mirrors `struct EquityPoint`: at a time `ts` (µs) at which bars closed, before anything at the opens of that time
EQUITY = np.dtype([("ts", np.int64), ("positions", np.int64), ("equity", np.float64), ("open_risk", np.float64)])


@dataclass(frozen=True, slots=True)
class Limits:
    """Fractions of equity: largest loss of a trade at its stop, largest sum of open risk; costs inside.

    An entry is shrunk to the room that held positions leave, and refused below `min_share` of its full size.
    """

    max_trade_loss: float = 0.02
    max_open_risk: float = 0.05
    min_share: float = 0.1

    def __post_init__(self) -> None:
        number_in("limits.max_trade_loss", self.max_trade_loss, 1e-6, 0.02, "0.005 to 0.02")
        number_in("limits.max_open_risk", self.max_open_risk, self.max_trade_loss, 0.05, "0.05")
        number_in("limits.min_share", self.min_share, 0.0, 1.0, "0.1 to 0.5")


@dataclass(frozen=True, slots=True)
class Book:
    """One symbol's replay with its events, and what it cost; lot: step of quantities, 0 for none.

    leverage: a position ties up its price / leverage as isolated margin; 0 (none): the whole price, as a cash account.
    """

    bars: Bars
    ledger: Ledger
    costs: Costs = field(default_factory=Costs)
    lot: float = 0.0
    leverage: float = 0.0

    def __post_init__(self) -> None:
        if self.leverage:
            number_in("book.leverage", self.leverage, 1.0, 1000.0, "2 to 20, 0 for none")


@dataclass(frozen=True, slots=True)
class Portfolio:
    """sizes: what became of each entry (SIZE rows, by time; `symbol` counts the books); path: EQUITY rows."""

    sizes: NDArray[np.void]
    path: NDArray[np.void]


def replay_portfolio(books: Sequence[Book], equity: float, limits: Limits = Limits()) -> Portfolio:
    """Walks the entries of all books in order of time, sizes each by risk, and follows the one equity.

    A position's risk is what it would lose at the stop now in force, costs inside; equity at an entry counts open
    positions at their last closes. An entry also needs its margin and entry costs, which come out of what the account
    has made and no open position ties up: as with isolated margin, open profits pay for nothing. What happens inside a
    bar is booked at its close (where the next bar begins, at the latest the book's most frequent interval after its
    open), so that bars of different length never tell each other the future. At one time, closes come before exits at
    the open, those before entries (each in the order of the books). A trade's path does not depend on its size, so
    impact in a book is that of the book's own notional. Raises RiskError where a trade has no stop.
    """
    number_in("equity", equity, 1e-9, 1e15, "your account")
    columns = [
        (
            book.bars.native(),
            np.ascontiguousarray(book.ledger.trades).view(np.uint8),
            np.ascontiguousarray(book.ledger.events).view(np.uint8),
            _native.Costs(book.costs.taker_fee, book.costs.maker_fee, book.costs.slippage),
            book.lot,
            book.leverage,
        )
        for book in books
    ]
    bounds = (limits.max_trade_loss, limits.max_open_risk, limits.min_share)
    sizes, path = _native.replay_portfolio(columns, equity, bounds)
    return Portfolio(np.asarray(sizes).view(SIZE), np.asarray(path).view(EQUITY))
