"""One equity for several symbols as a slow, obvious loop over time: what the compiled portfolio must agree with."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

ENTRY, STOP_MOVED, FUNDING, EXIT = range(4)


@dataclass(slots=True)
class Position:
    symbol: int
    side: int
    quantity: float
    share: float
    paid: float
    stop: float
    fill: float


def replay(books, equity: float, limits: tuple[float, float, float]):
    """{(symbol, entry): (quantity, wanted, margin, short of)} and [(ts, equity, risk, count)].

    books: bars, ledger, costs, lot, leverage.
    """
    max_trade, max_open, min_share = limits
    cash, closes, held, decided, path = equity, {}, {}, {}, []

    def loss(symbol: int, side: int, paid: float, stop: float) -> float:
        costs = books[symbol].costs
        return side * (paid - stop * (1 - side * (costs.taker_fee + costs.slippage)))

    def worth() -> float:
        return cash + sum(
            p.quantity * p.share * p.side * (closes[p.symbol] - p.paid) for p in held.values() if p.symbol in closes
        )

    def risk() -> float:
        return sum(p.quantity * p.share * max(0.0, loss(p.symbol, p.side, p.paid, p.stop)) for p in held.values())

    def locked(symbol: int, side: int, fill: float, paid: float) -> float:
        """Margin of a unit, and what its entry cost beside the price."""
        return fill / (books[symbol].leverage or 1.0) + side * (paid - fill)

    def free() -> float:
        return cash - sum(p.quantity * p.share * locked(p.symbol, p.side, p.fill, p.paid) for p in held.values())

    ends = [closes_of(book.bars.ts) for book in books]
    moments = []  # (when, phase, symbol, event, trade): 0 inside a bar, known at its close; 1 at an open; 2 entries
    for symbol, book in enumerate(books):
        for event in book.ledger.events:
            trade = book.ledger.trades[book.ledger.trades["entry"] == event["entry"]][0]
            first_bar = event["ts"] == trade["entry_ts"]
            if event["kind"] == ENTRY:
                moments.append((int(event["ts"]), 2, symbol, event, trade))
            elif event["at_open"] and not first_bar:
                moments.append((int(event["ts"]), 1, symbol, event, trade))
            elif not (event["kind"] == STOP_MOVED and event["at_open"]):  # the first stop comes with the entry
                moments.append((ends[symbol][int(event["index"])], 0, symbol, event, trade))

    def realise(symbol: int, event) -> None:
        nonlocal cash
        position = held.get((symbol, int(event["entry"])))
        if position is None:
            return
        if event["kind"] == STOP_MOVED:
            position.stop = float(event["price"])
            return
        cash += position.quantity * float(event["pnl"])
        if event["kind"] == EXIT:
            position.share -= float(event["fraction"])
            if position.share < 1e-9:
                del held[symbol, int(event["entry"])]

    def enter(symbol: int, event, trade) -> None:
        side, paid = int(trade["side"]), float(trade["entry_price"])
        stop = float(trade["fill_price"] - side * trade["stop_distance"])
        unit = loss(symbol, side, paid, stop)
        lot = books[symbol].lot
        fill, money = float(trade["fill_price"]), free()
        wanted, room = max(0.0, max_trade * worth() / unit), (max_open * worth() - risk()) / unit
        affordable = money / locked(symbol, side, fill, paid)
        if lot:
            wanted, room, affordable = (math.floor(each / lot + 1e-9) * lot for each in (wanted, room, affordable))
        quantity = min(wanted, room, affordable)
        short = "nothing" if quantity == wanted else "margin" if affordable < room else "open risk"
        if quantity <= 0 or quantity < max(min_share, 1e-9) * wanted:  # rounding leaves no size
            quantity = 0.0
        margin = cash - money + quantity * locked(symbol, side, fill, paid)
        decided[symbol, int(event["entry"])] = (quantity, wanted, margin, short)
        if quantity:
            held[symbol, int(event["entry"])] = Position(symbol, side, quantity, 1.0, paid, stop, fill)

    for ts in sorted({t for book in books for t in book.bars.ts.tolist()} | {t for each in ends for t in each}):
        now = [moment for moment in moments if moment[0] == ts]
        for _, phase, symbol, event, _ in now:
            if phase == 0:
                realise(symbol, event)
        closing = [(symbol, each.index(ts)) for symbol, each in enumerate(ends) if ts in each]
        for symbol, bar in closing:
            closes[symbol] = float(books[symbol].bars.close[bar])
        if closing:
            path.append((ts, worth(), risk(), len(held)))
        for _, phase, symbol, event, _ in now:
            if phase == 1:
                realise(symbol, event)
        for _, phase, symbol, event, trade in now:
            if phase == 2:
                enter(symbol, event, trade)
    return decided, path


def closes_of(ts: np.ndarray) -> list[int]:
    """When each bar is over: where the next one begins, or after the usual time where there is none so soon."""
    lengths, counts = np.unique(np.diff(ts), return_counts=True)
    usual = int(lengths[counts.argmax()])
    following = [*ts[1:].tolist(), int(ts[-1]) + usual]
    return [min(int(t) + usual, after) for t, after in zip(ts, following, strict=True)]
