"""What the frontier rests on: stops at many distances on the same entries, all with the product's own first targets.

So policies at one distance differ by the stop alone. Pessimistic fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from inference.replay import EVENT_NAMES, Bars, Entries, Ledger
from inference.variant import OWN, Variant
from pipelines.arrays import Floats
from pipelines.trades.baselines import BaselineParams, Market, Unit, replayed, to_frame
from pipelines.trades.exit_fills import best_after
from pipelines.trades.product import Product

OWN_STOP = 1.0
"""The product's setting at which its first stop is its own; other settings are multiples of its distance."""


def frontier_trades(
    product: Product, test: Sequence[Market], grids: BaselineParams, stop_times: Sequence[float], horizon: int
) -> pl.DataFrame:
    """Trades of every policy and setting: columns policy, setting (a multiple of the product's own first stop, or the
    static stop in its units), and of each trade id, symbol, entry_ts, side, entry_price, stop_distance (of the first
    stop in force, from the fill), reason, pnl, premature.
    """
    units: dict[str, tuple[Unit, Sequence[float]]] = {
        "fixed_percent": ("percent", grids.stop_percent),
        "fixed_atr": ("atr", grids.stop_atr),
        "garch": ("garch", grids.stop_garch),
    }
    frames = []
    for market in tqdm(test, desc="frontier", leave=False):
        own = product.ledger(market)
        wanted = per_entry(market, own, "stop_distance")
        for times in sorted({OWN_STOP, *stop_times}):
            variant = OWN if times == OWN_STOP else Variant(stop_distance=times * wanted)
            ledger = own if times == OWN_STOP else product.ledger(market, variant)
            frames.append(_labelled("product", times, swept(ledger, market, horizon)))
        targets = per_entry(market, own, "target_r") * wanted
        for policy, (unit, stops) in units.items():
            for stop in stops:
                trades = with_targets(market, stop * market.unit(unit), targets, horizon)
                frames.append(_labelled(policy, stop, trades))
    return pl.concat(frames)


def per_entry(market: Market, ledger: Ledger, name: str) -> Floats:
    """A column of the ledger's trades by entry; not a number where an entry has no trade."""
    values = np.full(len(market.ids), np.nan)
    values[ledger.trades["entry"]] = ledger.trades[name]
    return values


def with_targets(market: Market, stop: Floats, targets: Floats, horizon: int) -> pl.DataFrame:
    """Trades of a stop distance per bar and a target distance per entry (NaN: none), both in price units.

    Long and short apart: two entries at one bar are then alike, and the product gave them the same target.
    """
    frames = []
    for side in (1, -1):
        mine = np.flatnonzero(market.entries.side == side)
        target = np.full_like(stop, np.nan)
        target[market.entries.index[mine]] = targets[mine]
        entries = Entries(market.entries.index[mine], market.entries.side[mine])
        part = replace(market, entries=entries, ids=tuple(market.ids[i] for i in mine))
        frames.append(to_frame(replayed(part, stop, target, np.nan, horizon, "pessimistic"), part))
    return pl.concat(frames)


def swept(ledger: Ledger, market: Market, horizon: int) -> pl.DataFrame:
    """Trades of a variant, measured by the stop that was in force: in the ledger's own, R stays the product's own."""
    trades = to_frame(ledger, market)
    moved = ledger.events[ledger.events["kind"] == EVENT_NAMES.index("stop_moved")]
    entry, first = np.unique(moved["entry"], return_index=True)
    stop = dict(zip(entry.tolist(), moved["price"][first].tolist(), strict=True))
    stops = np.array([stop[each] for each in ledger.trades["entry"].tolist()])
    distance = np.abs(trades["fill_price"].to_numpy() - stops)
    ends = np.minimum(market.entries.index[ledger.trades["entry"]] + horizon, len(market.bars.ts) - 1)
    early = [
        premature(row, unit, int(end), market.bars)
        for row, unit, end in zip(trades.iter_rows(named=True), distance.tolist(), ends.tolist(), strict=True)
    ]
    return trades.with_columns(stop_distance=pl.Series(distance), premature=pl.Series(early, dtype=pl.Boolean))


def premature(trade: dict[str, Any], unit: float, end: int, bars: Bars) -> bool:
    """METRICS.md's: stopped at or below +0R, and the price then reaches p0 + 1R by the bar `end`; R = unit."""
    if trade["reason"] != "stop" or trade["pnl"] > 0:
        return False
    return bool(best_after(bars, trade, end) - trade["side"] * trade["entry_price"] >= unit)


def _labelled(policy: str, setting: float, trades: pl.DataFrame) -> pl.DataFrame:
    names = ("id", "symbol", "entry_ts", "side", "entry_price", "stop_distance", "reason", "pnl", "premature")
    return trades.select(pl.lit(policy).alias("policy"), pl.lit(setting).alias("setting"), *names)
