"""Runs backtesting.py on the entries and levels of a case (npz), one position at a time, with its own environment.

usage: run_backtesting.py CASE RESULT. CASE: open, high, low, close; signal, side; stop, target (levels, NaN: none);
trail (distance per bar). RESULT: entry_bar, exit_bar, entry_price, exit_price, tag (row of the entry),
seconds (of the run).
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy

case = dict(np.load(sys.argv[1]))  # read once: an npz decompresses at each access
high, low = case["high"], case["low"]
trails = not np.isnan(case["trail"]).all()
rows = {int(signal): row for row, signal in enumerate(case["signal"])}


class Replayed(Strategy):
    def init(self):
        self.best = np.nan

    def next(self):
        bar = len(self.data) - 1
        for trade in self.trades if trails else ():  # moved by hand at each close, as this package's users do
            side = 1 if trade.is_long else -1
            if trade.entry_bar == bar:
                self.best = trade.entry_price
            self.best = side * max(side * self.best, side * (high[bar] if side > 0 else low[bar]))
            level = self.best - side * case["trail"][bar]
            if side * level > side * trade.sl:
                trade.sl = level
        if bar in rows:
            row = rows[bar]
            order = self.buy if case["side"][row] > 0 else self.sell
            target = float(case["target"][row])
            order(size=1, sl=float(case["stop"][row]), tp=None if np.isnan(target) else target, tag=row)


frame = pd.DataFrame({name.capitalize(): case[name] for name in ("open", "high", "low", "close")})
frame.index = pd.date_range("2022-01-01", periods=len(frame), freq="min")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    backtest = Backtest(frame, Replayed, cash=1e12, hedging=True)
    start = time.perf_counter()
    trades = backtest.run()["_trades"]
    seconds = time.perf_counter() - start
columns = {"entry_bar": "EntryBar", "exit_bar": "ExitBar", "entry_price": "EntryPrice", "exit_price": "ExitPrice"}
found = {k: trades[v].to_numpy() for k, v in columns.items()}
np.savez(sys.argv[2], tag=trades["Tag"].to_numpy(int), seconds=seconds, **found)
