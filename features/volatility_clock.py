"""Volatility by the clock: of the hour or weekday that comes next, and of the gaps in which no one could trade."""

from __future__ import annotations

from features.calendar import DAY_US, WEEK_US, seasonal_factor
from features.expression import Expr, bar, maximum, minimum, where
from features.volatility_ranges import SIGMA_FLOOR, gap

MAX_SHOCK = 5.0  # a larger return counts as this many deviations, so that one crash does not mark its weekday
GAP_EVENTS = 5  # gaps of a kind before they speak for themselves
GAP_KINDS = ("session", "overnight", "weekend")


def season(ret: Expr, sigma: Expr, period_us: int, slots: int, decay: float, zone: str = "UTC") -> Expr:
    """How much larger than usual the next bar's volatility tends to be by the clock, 0.1 to 10: a pure number.

    seasonal_factor of min(|r| / previous sigma, 5): the mean of standardised absolute returns in the slot that begins
    now, over the mean of all slots (the absolute moment instead of the square of Andersen and Bollerslev 1997, Journal
    of Empirical Finance 4). 1 until the slot has been seen. Warm-up: sigma's and 1 bar.
    """
    before = sigma.lag(1)
    shock = where(before > SIGMA_FLOOR, minimum(ret.abs() / before, MAX_SHOCK), 1.0)
    return minimum(maximum(seasonal_factor(shock, period_us, slots, decay, zone), 0.1), 10.0)


def seasons(
    ret: Expr, sigma: Expr, day_slots: int, week_slots: int, decay: float, zone: str = "UTC"
) -> dict[str, Expr]:
    """The factors by time of day and day of week of the zone's clock, each where its number of slots is not 0."""
    out = {}
    if day_slots:
        out["day_season"] = season(ret, sigma, DAY_US, day_slots, decay, zone)
    if week_slots:
        out["week_season"] = season(ret, sigma, WEEK_US, week_slots, decay, zone)
    return out


def gap_variances(window: int, decay: float) -> dict[str, Expr]:
    """EWMA of ln(open / previous close)^2, of each kind of gap apart: squared fraction of price, by kind.

    By the clock time from the previous bar's close to this one's open. weekend: a day or more (weekends, holidays);
    session: at most the length of one bar, which is the shortest step of the last `window`; overnight: what lies
    between. Each is updated by its own gaps alone and holds in between. Until a kind has been seen 5 times, and for
    ever where it never comes (around the clock; nights in daily bars), that of all gaps together stands in for it.
    Warm-up: at most window + 5 bars.
    """
    squared = gap() * gap()
    step = bar("time") - bar("time").lag(1)
    length = step.rolling_min(window)
    weekend = step - length >= float(DAY_US)
    short = step <= 2.0 * length
    kinds = (short * (1.0 - weekend), (1.0 - short) * (1.0 - weekend), weekend)
    every = squared.ewma(decay, GAP_EVENTS)
    out = {}
    for name, kind in zip(GAP_KINDS, kinds, strict=True):
        # divided by 0 the square is missing, and what is missing leaves the EWMA as it was
        own = Expr("latest", ((squared / kind).ewma(decay, GAP_EVENTS),))
        known = Expr("or_else", (own,), {"value": -1.0})
        out[name] = where(known < 0.0, every, known)
    return out
