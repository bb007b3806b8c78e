"""The exits of each trade: when, why and how much of it left, what it was meant to fill at, and what it did."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from inference.replay import REASON_NAMES, Bars, Ledger

EXIT = pl.Struct(
    {
        "index": pl.Int64,
        "reason": pl.String,
        "fraction": pl.Float64,
        "intended": pl.Float64,
        "level": pl.Float64,
        "fill": pl.Float64,
    }
)
EACH = pl.element().struct.field
"""A field of each exit, for `over_exits`."""


def over_exits(value: pl.Expr) -> pl.Expr:
    """The sum of a value over a trade's exits."""
    return pl.col("exits").list.eval(value).list.sum()


def exits_of(ledger: Ledger) -> pl.Series:
    """Per trade, its exits in order of time: lists of EXIT, whose fractions (of the first quantity) sum to 1.

    intended: the price that the exit was meant to have; level: that at which the bar filled it, before all costs; fill:
    before fees alone, so that |fill - intended| / intended is METRICS.md's slippage.
    """
    legs, reasons = ledger.legs, dict(enumerate(REASON_NAMES))
    columns = {name: np.ascontiguousarray(legs[name]) for name in ("entry", *(field.name for field in EXIT.fields))}
    frame = pl.DataFrame(columns).with_columns(pl.col("reason").replace_strict(reasons, return_dtype=pl.String))
    exits = pl.struct(field.name for field in EXIT.fields).alias("exits")
    return frame.group_by("entry", maintain_order=True).agg(exits).get_column("exits")


def best_after(bars: Bars, trade: dict[str, Any], end: int) -> float:
    """Best price from the last exit of a trade (a row of `to_frame`) to bar `end`, times its side.

    Under pessimistic fills a stop comes first in its bar, so that the best price of the bar counts too; unless a part
    left at a target inside the bar before the stop was met: then only its close came after.
    """
    side, last, exits = trade["side"], trade["exit_index"], trade["exits"]
    best = side * (bars.high if side > 0 else bars.low)[last : end + 1]
    before = [each["level"] for each in exits[:-1] if each["index"] == last and each["level"] != bars.open[last]]
    if trade["reason"] == "stop" and before and before[-1] != exits[-1]["level"]:
        best[0] = side * bars.close[last]
    return float(best.max())
