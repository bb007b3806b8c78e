"""Seasonality: what the clock says about the bar to come."""

from __future__ import annotations

from features.expression import Expr
from features.time_zones import local_time

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US


def seasonal_factor(quantity: Expr, period_us: int, slots: int, decay: float, zone: str = "UTC") -> Expr:
    """How much larger than usual `quantity` tends to be in the slot that begins at this bar's close (a pure number).

    period_us is cut into `slots`, by the wall clock of `zone`; each slot's mean forgets by `decay` per visit. 1 until
    the coming slot has been seen. Once a whole period has passed, a slot never seen (a weekend) gives way to the next
    one that has been.
    """
    parameters = {"period_us": period_us, "slots": slots, "decay": decay}
    return Expr("seasonal_factor", (quantity, local_time(zone, before=True), local_time(zone)), parameters)
