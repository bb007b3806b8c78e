"""Runs NautilusTrader on a case (npz; prices in ticks) with bracket orders, one position at a time.

usage: run_nautilus.py CASE RESULT. As run_backtesting.py, without a trail; `adaptive`: nearer extreme of a bar first.
"""

import sys
import time

import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

MINUTE = 60_000_000_000
case = dict(np.load(sys.argv[1]))  # read once: an npz decompresses at each access
instrument = TestInstrumentProvider.btcusdt_perp_binance()
bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
rows = {int(signal): row for row, signal in enumerate(case["signal"])}


def price(ticks: float) -> Price:
    return Price(round(ticks) / 10, 1)  # this instrument's tick is 0.1


class Replayed(Strategy):
    def on_start(self):
        self.bar = -1
        self.subscribe_bars(bar_type)

    def on_bar(self, bar):
        self.bar += 1
        if self.bar in rows:
            row = rows[self.bar]
            self.submit_order_list(
                self.order_factory.bracket(
                    instrument_id=instrument.id,
                    order_side=OrderSide.BUY if case["side"][row] > 0 else OrderSide.SELL,
                    quantity=Quantity(0.01, 3),
                    sl_trigger_price=price(case["stop"][row]),
                    tp_price=price(case["target"][row]),
                )
            )


engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
engine.add_venue(
    Venue("BINANCE"),
    OmsType.HEDGING,
    AccountType.MARGIN,
    [Money(1_000_000, USDT)],
    bar_adaptive_high_low_ordering=bool(case["adaptive"]),
)
engine.add_instrument(instrument)
columns = [case[name] for name in ("open", "high", "low", "close")]
size = Quantity(1000.0, 3)
bars = [
    Bar(bar_type, *(price(x) for x in bar), size, (i + 1) * MINUTE, (i + 1) * MINUTE)
    for i, bar in enumerate(zip(*columns, strict=True))
]
engine.add_data(bars)
strategy = Replayed()
engine.add_strategy(strategy)
start = time.perf_counter()
engine.run()
seconds = time.perf_counter() - start
closed = sorted(engine.cache.positions_closed(), key=lambda p: p.ts_opened)
entered = np.array([p.ts_opened // MINUTE for p in closed])  # a fill at the close of bar i carries i + 1
np.savez(
    sys.argv[2],
    seconds=seconds,
    tag=np.array([rows[int(bar) - 1] for bar in entered]),
    entry_bar=entered,
    exit_bar=np.array([p.ts_closed // MINUTE for p in closed]) - 1,
    entry_price=np.round(np.array([p.avg_px_open for p in closed]) * 10, 6),
    exit_price=np.round(np.array([p.avg_px_close for p in closed]) * 10, 6),
)
