"""Sessions: the ranges of spans before this bar, by count of bars and by the clock."""

from __future__ import annotations

from typing import NamedTuple

from features.expression import Expr, bar
from features.time_zones import local_time
from features.timeframes import DAY_US, HOW

HOUR_US = 3_600_000_000


class Session(NamedTuple):
    """The session in which this bar closes, so far, and the one before it (prices)."""

    session_open: Expr
    session_high: Expr
    session_low: Expr
    prior_session_high: Expr
    prior_session_low: Expr
    prior_session_close: Expr


def prior_range(bars: int) -> tuple[Expr, Expr, Expr]:
    """High, low and close of the `bars` bars before this one (a rolling session). Warm-up: bars.

    Its close is that of the bar before, whatever `bars` is.
    """
    return bar("high").rolling_max(bars).lag(1), bar("low").rolling_min(bars).lag(1), bar("close").lag(1)


def session(start_hour: float, zone: str = "UTC") -> Session:
    """Open, high and low so far of the day that begins at start_hour (by the zone's clock); high, low and close of the
    last day before.

    A day without bars is passed over. On daily bars a session is one bar. In the data's first session, the present one
    stands in for the one before. No warm-up.
    """
    span = {"interval_us": DAY_US, "offset_us": round(start_hour * HOUR_US)}

    def column(name: str, output: int) -> Expr:
        return Expr("session", (bar(name), local_time(zone, before=True)), {**span, "how": HOW[name], "output": output})

    return Session(
        column("open", 0),
        column("high", 0),
        column("low", 0),
        column("high", 1),
        column("low", 1),
        column("close", 1),
    )
