"""Times vectorbt's from_signals on a case (npz): one column, one position at a time, entries at the next open.

usage: time_vectorbt.py CASE RESULT ENGINE. CASE: open, high, low, close; signal, side; stop, target (shares of the
price). RESULT: seconds of one simulation (after a warm-up that compiles), seconds with its table of trades, number of
trades.
"""

import sys
import time

import numpy as np
import vectorbt as vbt

case = dict(np.load(sys.argv[1]))
n = len(case["close"])
long, short = np.zeros(n, bool), np.zeros(n, bool)
at = case["signal"] + 1
long[at[case["side"] > 0]] = True
short[at[case["side"] < 0]] = True


def run():
    return vbt.Portfolio.from_signals(
        case["close"],
        entries=long,
        short_entries=short,
        exits=False,
        short_exits=False,
        upon_opposite_entry="ignore",
        price=np.where(long | short, case["open"], case["close"]),
        open=case["open"],
        high=case["high"],
        low=case["low"],
        sl_stop=float(case["stop"]),
        tp_stop=float(case["target"]),
        stop_entry_price="fillprice",
        size=1.0,
        init_cash=1e12,
        engine=sys.argv[3],
    )


run()
bare, table = [], []
for _ in range(5):
    start = time.perf_counter()
    portfolio = run()
    bare.append(time.perf_counter() - start)
    trades = portfolio.trades.records_readable
    table.append(time.perf_counter() - start)
np.savez(sys.argv[2], seconds=np.median(bare), seconds_with_table=np.median(table), trades=len(trades))
