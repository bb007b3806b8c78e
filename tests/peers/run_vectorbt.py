"""Runs vectorbt's from_signals on a case (npz), each entry in a column of its own, with its own environment.

usage: run_vectorbt.py CASE RESULT. As run_backtesting.py, without a trail; `window` bars from each signal's next bar.
"""

import sys

import numpy as np
import vectorbt as vbt

case = dict(np.load(sys.argv[1]))  # read once: an npz decompresses at each access
window, signal, side = int(case["window"]), case["signal"], case["side"]
at = signal[None, :] + 1 + np.arange(window)[:, None]
prices = {name: case[name][at] for name in ("open", "high", "low", "close")}
fill = prices["open"][0]
entry = np.zeros_like(at, dtype=bool)
entry[0] = True
portfolio = vbt.Portfolio.from_signals(
    prices["close"],
    entries=entry & (side > 0),
    short_entries=entry & (side < 0),
    exits=False,
    short_exits=False,
    price=np.where(entry, prices["open"], prices["close"]),  # entered at the next open
    open=prices["open"],
    high=prices["high"],
    low=prices["low"],
    sl_stop=np.broadcast_to(np.abs(case["stop"] - fill) / fill, at.shape),
    tp_stop=np.broadcast_to(np.abs(case["target"] - fill) / fill, at.shape),
    stop_entry_price="fillprice",
    size=1.0,
    init_cash=1e12,
)
records = portfolio.trades.records
records = records[records["status"] == 1]
tag = records["col"].to_numpy()
np.savez(
    sys.argv[2],
    tag=tag,
    entry_bar=signal[tag] + 1 + records["entry_idx"].to_numpy(),
    exit_bar=signal[tag] + 1 + records["exit_idx"].to_numpy(),
    entry_price=records["entry_price"].to_numpy(),
    exit_price=records["exit_price"].to_numpy(),
)
