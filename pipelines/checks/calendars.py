"""Bars against a calendar: which are missing, which come outside sessions, and which do not begin where bars begin.

Calendars are those of exchange_calendars, 24/7 among them. A calendar judges bars of up to a day.
"""

from __future__ import annotations

import datetime as dt
import difflib
import warnings
from dataclasses import dataclass

import exchange_calendars
import numpy as np
import polars as pl
from numpy.typing import NDArray

DAY_US = 86_400_000_000
TIMESTAMP = pl.Datetime("us", "UTC")
MARGIN = dt.timedelta(days=10)  # a calendar must hold a session, also for one bar on a holiday

Times = NDArray[np.int64]  # µs since 1970
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Verdict:
    """flags: finding → per bar. absent: finding → (ts, until, missing). fresh: bars that open after a pause."""

    flags: dict[str, pl.Series]
    absent: dict[str, pl.DataFrame]
    fresh: pl.Series


@dataclass(frozen=True, slots=True)
class Sessions:
    """Trading time, ascending: opens and closes, and the session (days since 1970) of each; a break cuts one in two."""

    opens: Times
    closes: Times
    days: Times
    zone: str


def check_name(name: str, key: str) -> None:
    """Raise ValueError for a calendar that does not exist."""
    known = ["none", *exchange_calendars.get_calendar_names()]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        remedy = f"did you mean {near[0]}?" if near else "24/7, XNYS, XLON … are known"
        raise ValueError(f"{key}: must be none or a calendar of exchange_calendars, was {name!r}; {remedy}")


def sessions(name: str, first: dt.datetime, last: dt.datetime) -> Sessions:
    """The calendar's sessions around these times. ValueError where it does not reach so far."""
    with warnings.catch_warnings():
        # Of the library's own use of pandas.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            calendar = exchange_calendars.get_calendar(
                name, start=(first - MARGIN).date().isoformat(), end=(last + MARGIN).date().isoformat()
            )
        except ValueError as error:
            raise ValueError(
                f"check.calendar: {name} must reach from {first:%Y-%m-%d} to {last:%Y-%m-%d}, but: {error}; name none "
                "for the symbol, or mend its stamps"
            ) from None
        table = pl.DataFrame(
            {
                "day": pl.Series(calendar.sessions.to_numpy().astype("datetime64[us]")),
                **{
                    column: pl.Series(calendar.schedule[column].dt.tz_convert(None).to_numpy().astype("datetime64[us]"))
                    for column in ("open", "break_start", "break_end", "close")
                },
            }
        )
    whole = pl.col("break_start").is_null()
    parts = pl.concat(
        [
            table.filter(whole).select("day", "open", "close"),
            table.filter(~whole).select("day", "open", pl.col("break_start").alias("close")),
            table.filter(~whole).select("day", pl.col("break_end").alias("open"), "close"),
        ]
    ).sort("open")
    opens, closes, days = (np.ascontiguousarray(parts[c].dt.epoch("us").to_numpy()) for c in ("open", "close", "day"))
    return Sessions(opens, closes, days // DAY_US, str(calendar.tz))


def interval_of(ts: pl.Series) -> int | None:
    """The most frequent distance between bars that follow each other in time, µs; None for less than two bars."""
    steps = ts.drop_nulls().unique().sort().diff().dt.total_microseconds().drop_nulls()
    return int(steps.mode().min()) if len(steps) else None  # type: ignore[arg-type]


def inside_days(bars: pl.DataFrame) -> bool:
    """Whether several bars come a day."""
    interval = interval_of(bars["ts"])
    return interval is not None and interval <= DAY_US // 2


def judge_times(ts: pl.Series, name: str, gap_intervals: float) -> Verdict:
    """One symbol's bars against a calendar; where it is none, or bars are longer than a day, against their own steps.

    gap: without a calendar, later than `gap_intervals` median steps after the latest bar before.
    """
    interval = interval_of(ts)
    if interval is None:
        return Verdict({}, {}, pl.repeat(False, len(ts), eager=True))
    if name == "none" or interval > DAY_US:
        step = (ts - ts.shift(1).cum_max().forward_fill()).dt.total_microseconds()
        usual = step.filter(step > 0).median()
        flags = {"gap": step > gap_intervals * usual}  # type: ignore[operator]
        if interval <= DAY_US:
            off, _ = _off_grid(ts, interval, "UTC")
            flags["off_grid"] = off
        return Verdict(flags, {}, (step > interval).fill_null(False) | (interval >= DAY_US))
    around = sessions(name, ts.min(), ts.max())  # type: ignore[arg-type]
    if interval == DAY_US:
        return _days(ts, around)
    return _inside_days(ts, interval, around)


def _local(ts: pl.Series, zone: str) -> Times:
    """Wall-clock time as if it were UTC, µs."""
    shown = ts if zone == "UTC" else ts.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return np.ascontiguousarray(shown.dt.epoch("us").fill_null(0).to_numpy())


def _off_grid(ts: pl.Series, interval: int, zone: str) -> tuple[pl.Series, int]:
    """Bars that begin elsewhere than most do inside an interval of wall-clock time, and where most do."""
    inside = pl.Series(_local(ts, zone) % interval)
    phase = int(inside.filter(ts.is_not_null()).mode().min())  # type: ignore[arg-type]
    return (inside != phase) & ts.is_not_null(), phase


def _days(ts: pl.Series, around: Sessions) -> Verdict:
    """Daily bars: stamped in UTC or in the exchange's time, whichever hits more sessions, then the steadier one."""
    zones = day_zones(ts, around)
    dates = {zone: _local(ts, zone) // DAY_US for zone in zones}
    grids = {zone: _off_grid(ts, DAY_US, zone) for zone in zones}
    zone = max(zones, key=lambda each: (int(np.isin(dates[each], around.days).sum()), -int(grids[each][0].sum())))
    day, known = dates[zone], ts.is_not_null().to_numpy()
    off, phase = grids[zone]
    expected = np.unique(around.days)
    expected = expected[(expected >= day[known].min()) & (expected <= day[known].max())]
    absent = np.setdiff1d(expected, day[known])
    opens = _utc(absent * DAY_US + phase, zone)
    one = pl.repeat(1, len(absent), dtype=pl.Int64, eager=True)
    table = pl.DataFrame({"ts": opens, "until": opens.dt.offset_by("1d"), "missing": one})
    # Between sessions trading stops, unless one begins where the other ends.
    closed = pl.repeat(not bool((around.opens[1:] == around.closes[:-1]).all()), len(ts), eager=True)
    return Verdict(
        {"off_grid": off, "outside_session": pl.Series(known & ~np.isin(day, around.days))},
        {"missing_session": table},
        closed,
    )


def day_zones(ts: pl.Series, around: Sessions) -> list[str]:
    """In which daily bars may be stamped: at midnight in UTC they are days of UTC, else of either."""
    return ["UTC"] if (ts.dt.time() == dt.time()).mean() > 0.5 else ["UTC", around.zone]  # type: ignore[operator]


def _utc(wall: Times, zone: str) -> pl.Series:
    naive = pl.Series(wall, dtype=pl.Int64).cast(pl.Datetime("us"))
    return naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def _inside_days(ts: pl.Series, interval: int, around: Sessions) -> Verdict:
    """Bars inside sessions: every bar of the grid that overlaps trading time, from first to last bar, is expected."""
    zones = ["UTC", around.zone]
    grids = {zone: _off_grid(ts, interval, zone) for zone in zones}
    zone = min(zones, key=lambda each: int(grids[each][0].sum()))
    off, phase = grids[zone]
    known = ts.is_not_null().to_numpy()
    time = _local(ts, "UTC")

    part = np.searchsorted(around.opens, time + interval, "left") - 1  # the last to open before the bar's end
    outside = known & ((part < 0) | (around.closes[part] <= time))
    stopped = np.r_[True, around.opens[1:] > around.closes[:-1]]  # before this part of a session
    first_of_part = np.r_[True, part[1:] != part[:-1]]
    fresh = first_of_part & stopped[part] & ~outside
    fresh[0] = False

    expected, session = _expected(around, interval, phase, zone)
    reached = (expected >= time[known].min()) & (expected <= time[known].max())
    expected, session = expected[reached], session[reached]
    there = np.isin(expected, time[known])
    return Verdict(
        {"off_grid": off & ~pl.Series(outside), "outside_session": pl.Series(outside)},
        _absent(expected, session, there, interval),
        pl.Series(fresh),
    )


def _expected(around: Sessions, interval: int, phase: int, zone: str) -> tuple[Times, Times]:
    """Opens of all bars that overlap trading time, and their sessions."""
    offset = _local(pl.Series(around.opens).cast(TIMESTAMP), zone) - around.opens
    first = (around.opens + offset - phase) // interval * interval + phase - offset
    counts = -((first - around.closes) // interval)
    starts = np.repeat(first, counts)
    steps = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    opens, index = np.unique(starts + steps * interval, return_index=True)  # a bar may overlap two parts
    return opens, np.repeat(around.days, counts)[index]


def _absent(expected: Times, session: Times, there: Flags, interval: int) -> dict[str, pl.DataFrame]:
    """Sessions without any bar, and runs of missing bars inside the others."""
    table = pl.DataFrame({"ts": expected, "session": session, "there": there})
    pieces = (
        table.with_columns(pl.col("there").any().over("session").alias("open"), pl.col("there").cum_sum().alias("run"))
        .filter(~pl.col("there"))
        .group_by("session", "run", "open", maintain_order=True)
        .agg(
            pl.col("ts").first(),
            (pl.col("ts").last() + interval).alias("until"),
            pl.len().cast(pl.Int64).alias("missing"),
        )
        .with_columns(pl.col("ts", "until").cast(TIMESTAMP))
    )
    columns = ("ts", "until", "missing")
    return {
        "missing_session": pieces.filter(~pl.col("open")).select(columns),
        "missing_bars": pieces.filter("open").select(columns),
    }
