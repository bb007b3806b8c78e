"""At which price an exit was filled: the trades tell it after costs."""

from __future__ import annotations

import numpy as np

from inference.replay import REASON_NAMES, Ledger
from pipelines.bootstrap import Floats
from pipelines.terms import Terms

TARGET, LIQUIDATION = (REASON_NAMES.index(name) for name in ("target", "liquidation"))


def last_fills(ledger: Ledger, terms: Terms) -> tuple[Floats, Floats]:
    """Of each trade's last exit, the price before all costs, and the price before fees alone (slippage is measured on
    it). Where there is impact, price = fill · (1 - side · paid) - side · k · sqrt(fill) is solved for the fill.
    """
    legs, trades, costs = ledger.legs, ledger.trades, terms.costs
    last = legs[np.searchsorted(legs["entry"], trades["entry"], side="right") - 1]
    side, price = trades["side"].astype(np.float64), last["price"]
    limit = last["reason"] == TARGET
    paid = np.where(limit, costs.maker_fee, costs.taker_fee + costs.slippage)
    if terms.conditions.margin is not None:
        paid = paid + np.where(last["reason"] == LIQUIDATION, terms.conditions.margin.fee, 0.0)
    k = np.zeros(len(last))
    if terms.conditions.impact is not None:
        impact, at = terms.conditions.impact, last["index"]
        size = last["fraction"] * impact.notional / np.asarray(impact.volume)[at]
        k = np.where(limit, 0.0, impact.coefficient * np.asarray(impact.sigma)[at] * np.sqrt(size))
    share = 1 - side * paid
    root = (side * k + np.sqrt(k * k + 4 * share * price)) / (2 * share)
    level = np.where(k == 0.0, price / share, root * root)
    slip = np.where(limit, 0.0, costs.slippage + k / np.sqrt(level))
    return level, level * (1 - side * slip)
