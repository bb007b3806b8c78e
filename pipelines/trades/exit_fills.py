"""At which price an exit was filled: the trades tell it after costs."""

from __future__ import annotations

import numpy as np

from inference.replay import REASON_NAMES, Ledger
from pipelines.arrays import Floats
from pipelines.trades.terms import Terms

TARGET, LIQUIDATION = (REASON_NAMES.index(name) for name in ("target", "liquidation"))


def last_fills(ledger: Ledger, terms: Terms) -> tuple[Floats, Floats]:
    """Of each trade's last exit, the price before all costs, and the price before fees alone (slippage is measured on
    it).
    """
    legs, trades, costs = ledger.legs, ledger.trades, terms.costs
    last = legs[np.searchsorted(legs["entry"], trades["entry"], side="right") - 1]
    side, limit = trades["side"].astype(np.float64), last["reason"] == TARGET
    slip = np.full(len(last), costs.slippage)
    if terms.conditions.impact is not None:
        impact, at = terms.conditions.impact, last["index"]
        size = last["fraction"] * impact.notional / trades["fill_price"] / np.asarray(impact.volume)[at]
        slip += impact.coefficient * np.asarray(impact.sigma)[at] * np.sqrt(size)
    paid = np.where(limit, costs.maker_fee, costs.taker_fee + slip)
    if terms.conditions.margin is not None:
        paid = paid + np.where(last["reason"] == LIQUIDATION, terms.conditions.margin.fee, 0.0)
    level = last["price"] / (1 - side * paid)
    return level, level * (1 - side * np.where(limit, 0.0, slip))
