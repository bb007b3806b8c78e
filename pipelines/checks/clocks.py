"""Clocks that are off: all stamps beside the marks of the clock, hours lost or repeated, sessions moved as a whole."""

from __future__ import annotations

import datetime as dt
import math
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from pipelines.checks.calendars import DAY_US, Sessions, day_zones, interval_of, sessions

QUARTER_US = 900_000_000
HOUR_US = 3_600_000_000
# Whose clocks change at different hours or on different days; the wall clocks of all others change as one of these.
ZONES = [
    ZoneInfo(name)
    for name in ("America/New_York", "Europe/London", "Europe/Berlin", "Europe/Athens", "Australia/Sydney")
]
LEAST_DAYS = 10


def skewed(ts: pl.Series) -> pl.Series:
    """Bars of up to a day where most begin off the clock's marks; those that do as most do.

    Markets open at quarters of an hour, in all time zones: so the place of bars inside the hour is a multiple of the
    greatest common divisor of their interval and a quarter of an hour. Stamps a second late, or a close's last
    millisecond, are not.
    """
    interval = interval_of(ts)
    if interval is None or interval > DAY_US:
        return pl.repeat(False, len(ts), dtype=pl.Boolean, eager=True)
    inside = ts.dt.epoch("us") % math.gcd(interval, QUARTER_US)
    most = inside.drop_nulls().mode().min()
    return (inside == most) & (inside != 0)


def clock_change(ts: pl.Series) -> pl.Series:
    """Bars after an hour that is lost, or that repeat one, just as a wall clock loses and repeats it.

    So do stamps of local time that pass for UTC. ts: in the source's order.
    """
    found = np.zeros(len(ts), dtype=np.bool_)
    interval = interval_of(ts)
    if interval is not None and interval <= HOUR_US:
        step = ts.diff().dt.total_microseconds()
        sunday = ts.dt.weekday() == 7  # when these zones change
        for kind, moved in (("lost", HOUR_US), ("again", -HOUR_US)):
            for at in ((step == interval + moved) & sunday).fill_null(False).arg_true():
                found[at] = _changes(ts[int(at)].replace(tzinfo=None), kind)
    return pl.Series(found)


def _changes(wall: dt.datetime, kind: str) -> bool:
    """Whether some zone's clock reads this as the first moment after a lost hour, or of the hour that it repeats."""
    hour, moment = dt.timedelta(hours=1), dt.timedelta(microseconds=1)
    for zone in ZONES:
        first, before = (wall - hour, wall - hour - moment) if kind == "lost" else (wall, wall - moment)
        if _twofold(first, zone) and not _twofold(before, zone):
            gains = first.replace(tzinfo=zone, fold=0).utcoffset() > first.replace(tzinfo=zone, fold=1).utcoffset()  # type: ignore[operator]
            if gains == (kind == "again"):
                return True
    return False


def _twofold(wall: dt.datetime, zone: ZoneInfo) -> bool:
    """Whether the zone's clock shows this time twice, or never."""
    return wall.replace(tzinfo=zone, fold=0).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset()


def shifted(ts: pl.Series, calendar: str, share: float) -> pl.Series:
    """Bars whose session begins and ends as many hours too late, or too early, as the calendar's.

    Inside days, session by session: they begin after the open and end a bar or more after the close, or the other way
    round, so that wide hours and thin trading are neither. Of daily bars all, if less than `share` fall on sessions but
    as many would a day earlier or later.
    """
    interval = interval_of(ts)
    nothing = pl.repeat(False, len(ts), dtype=pl.Boolean, eager=True)
    if calendar == "none" or interval is None or interval > DAY_US:
        return nothing
    around = sessions(calendar, ts.min(), ts.max())  # type: ignore[arg-type]
    if interval == DAY_US:
        return ts.is_not_null() & _days_shifted(ts, around, share)
    _, first = np.unique(around.days, return_index=True)
    last = np.r_[first[1:], len(around.days)] - 1
    opens, closes = around.opens[first], around.closes[last]
    middles = (closes[:-1] + opens[1:]) // 2
    table = pl.DataFrame({"ts": ts, "at": np.searchsorted(middles, ts.dt.epoch("us").fill_null(0).to_numpy(), "right")})
    time = pl.col("ts").dt.epoch("us")
    ends = table.drop_nulls("ts").group_by("at").agg(time.min().alias("first"), (time.max() + interval).alias("last"))
    at = ends["at"].to_numpy()
    begins, finishes = ends["first"].to_numpy() - opens[at], ends["last"].to_numpy() - closes[at]
    later = (begins > 0) & (finishes >= interval)
    earlier = (finishes < 0) & (begins <= -interval)
    moved = at[(later | earlier) & (np.abs(begins - finishes) < interval)]
    return table["at"].is_in(pl.Series(moved, dtype=table["at"].dtype).implode()) & ts.is_not_null()


def _days_shifted(ts: pl.Series, around: Sessions, share: float) -> bool:
    known = ts.drop_nulls()
    days = [known.dt.convert_time_zone(zone).dt.date().to_physical().to_numpy() for zone in day_zones(known, around)]
    hits = {move: max(float(np.isin(each + move, around.days).mean()) for each in days) for move in (-1, 0, 1)}
    return len(known) >= LEAST_DAYS and hits[0] < share <= max(hits[-1], hits[1])
