"""One equity for several symbols as a slow, obvious loop over time: what the compiled portfolio must agree with."""

from __future__ import annotations

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


def replay(books, equity: float, market_cost: float, limits: tuple[float, float, float]):
    """books: (bars, ledger) per symbol. {(symbol, entry): (quantity, wanted)} and [(ts, equity, risk, count)]."""
    max_trade, max_open, min_share = limits
    cash, closes, held, decided, path = equity, {}, {}, {}, []

    def loss(side: int, paid: float, stop: float) -> float:
        return side * (paid - stop * (1 - side * market_cost))

    def worth() -> float:
        return cash + sum(
            p.quantity * p.share * p.side * (closes[p.symbol] - p.paid) for p in held.values() if p.symbol in closes
        )

    def risk() -> float:
        return sum(p.quantity * p.share * max(0.0, loss(p.side, p.paid, p.stop)) for p in held.values())

    for ts in sorted({int(t) for bars, _ in books for t in bars.ts}):
        now = [
            (symbol, event, ledger.trades[ledger.trades["entry"] == event["entry"]][0])
            for symbol, (_, ledger) in enumerate(books)
            for event in ledger.events
            if event["ts"] == ts
        ]

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

        early = [
            x for x in now if x[1]["kind"] in (FUNDING, EXIT) and x[1]["at_open"] and x[1]["ts"] > x[2]["entry_ts"]
        ]
        for symbol, event, _ in early:
            realise(symbol, event)
        for symbol, event, trade in now:
            if event["kind"] == ENTRY:
                side, paid = int(trade["side"]), float(trade["entry_price"])
                stop = float(trade["fill_price"] - side * trade["stop_distance"])
                unit = loss(side, paid, stop)
                wanted = max(0.0, max_trade * worth() / unit)
                quantity = min(wanted, (max_open * worth() - risk()) / unit)
                if quantity <= 0 or quantity < min_share * wanted:
                    quantity = 0.0
                decided[symbol, int(event["entry"])] = (quantity, wanted)
                if quantity:
                    held[symbol, int(event["entry"])] = Position(symbol, side, quantity, 1.0, paid, stop)
        for symbol, event, _ in now:
            if event["kind"] != ENTRY and not any(event is x[1] for x in early):
                realise(symbol, event)
        for symbol, (bars, _) in enumerate(books):
            at = np.flatnonzero(bars.ts == ts)
            if len(at):
                closes[symbol] = float(bars.close[at[0]])
        path.append((ts, worth(), risk(), len(held)))
    return decided, path
