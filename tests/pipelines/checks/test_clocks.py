"""Clocks: made tables with stamps that are off, read back from the exchanges' and the zones' own rules."""

import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from check_cases import NOW, START, on, walk
from pipelines.checks.bars import check_bars
from pipelines.checks.clocks import clock_change, shifted, skewed

HOUR, MINUTE, DAY = dt.timedelta(hours=1), dt.timedelta(minutes=1), dt.timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
CLOSED = {dt.date(2012, 1, 16), dt.date(2012, 2, 20), dt.date(2012, 4, 6)}  # nyse.com
YEAR = [dt.datetime(2012, 1, 3) + i * DAY for i in range(120)]
SESSIONS = [day for day in YEAR if day.weekday() < 5 and day.date() not in CLOSED]


def stamps(every: dt.timedelta, count: int, start: dt.datetime = START) -> pl.Series:
    return pl.Series([start + i * every for i in range(count)], dtype=pl.Datetime("us", "UTC"))


@pytest.mark.parametrize(
    ("every", "off", "found"),
    [
        (MINUTE, dt.timedelta(seconds=1), True),
        (MINUTE, dt.timedelta(milliseconds=59_999), True),  # the last moment of a bar for its first
        (MINUTE, 0 * MINUTE, False),
        (HOUR, dt.timedelta(seconds=1), True),
        (HOUR, 30 * MINUTE, False),  # from 9:30 on
        (HOUR, 45 * MINUTE, False),  # Nepal's clock
        (HOUR, 7 * MINUTE, True),
        (10 * MINUTE, 5 * MINUTE, False),  # from 9:15 on
        (10 * MINUTE, 3 * MINUTE, True),
        (DAY, 5 * HOUR, False),
        (DAY, 5 * HOUR + dt.timedelta(seconds=1), True),
        (dt.timedelta(seconds=1), dt.timedelta(milliseconds=3), True),
        (7 * DAY, dt.timedelta(seconds=1), False),  # longer than a day: not judged
    ],
)
def test_stamps_beside_the_marks_of_the_clock(every: dt.timedelta, off: dt.timedelta, found: bool) -> None:
    ts = stamps(every, 50, START + off)
    assert skewed(ts).to_list() == [found] * 50


def test_skewed_are_those_that_begin_as_most_do() -> None:
    ts = pl.concat([stamps(HOUR, 30, START + dt.timedelta(seconds=1)), stamps(HOUR, 10, START + 30 * HOUR)])
    assert skewed(ts).to_list() == [True] * 30 + [False] * 10


@pytest.mark.parametrize(
    "name", ["America/New_York", "Europe/London", "Europe/Berlin", "Europe/Helsinki", "Australia/Sydney"]
)
@pytest.mark.parametrize("every", [MINUTE, HOUR])
def test_local_time_that_passes_for_utc(name: str, every: dt.timedelta) -> None:
    """A year of true stamps, written as the zone's wall clock shows them: an hour is lost and one comes twice."""
    true = pl.datetime_range(dt.datetime(2021, 1, 1), dt.datetime(2021, 12, 31), every, time_zone="UTC", eager=True)
    wall = true.dt.convert_time_zone(name).dt.replace_time_zone(None).dt.replace_time_zone("UTC")
    found = clock_change(wall).arg_true().to_list()
    offsets = true.dt.convert_time_zone(name).dt.dst_offset()
    assert found == (offsets != offsets.shift(1)).arg_true().to_list()
    assert len(found) == 2


def test_an_hour_that_is_missing_at_another_time_is_a_gap() -> None:
    hours = stamps(HOUR, 24 * 14, dt.datetime(2021, 3, 8, tzinfo=dt.UTC))
    for lost in (5, 6 * 24 + 1, 6 * 24 + 4, 7 * 24 + 2):  # New York loses the hour from 2:00 on the 14th, 6 days on
        assert not clock_change(hours.filter(pl.int_range(len(hours), eager=True) != lost)).any()
    lost = hours.filter(pl.int_range(len(hours), eager=True) != 6 * 24 + 2)
    assert clock_change(lost).arg_true().to_list() == [6 * 24 + 2]
    # Nor is an hour lost where the clock of New York repeats it, at 1:00 on November 7.
    autumn = stamps(HOUR, 24 * 14, dt.datetime(2021, 11, 1, tzinfo=dt.UTC))
    assert not clock_change(autumn.filter(pl.int_range(len(autumn), eager=True) != 6 * 24 + 1)).any()


def session_hours(shift: dt.timedelta, zone: dt.tzinfo = NEW_YORK) -> list[dt.datetime]:
    """New York's sessions by the hour from 9:30 to 16:00, each stamp moved."""
    opens = [day.replace(hour=hour, minute=30, tzinfo=zone) for day in SESSIONS for hour in range(9, 16)]
    return [ts.astimezone(dt.UTC) + shift for ts in opens]


@pytest.mark.parametrize("moved", [-5, -1, 1, 4])
def test_sessions_moved_by_hours(moved: int) -> None:
    ts = pl.Series(session_hours(moved * HOUR), dtype=pl.Datetime("us", "UTC"))
    assert shifted(ts, "XNYS", 0.9).all()
    assert not shifted(ts, "none", 0.9).any()


def test_stamps_of_a_zone_without_summer_time_are_shifted_in_summer() -> None:
    """Written at a fixed 5 hours from UTC: right in winter, an hour off from 2012-03-11 on."""
    ts = pl.Series(session_hours(0 * HOUR, dt.timezone(-5 * HOUR)), dtype=pl.Datetime("us", "UTC"))
    assert shifted(ts, "XNYS", 0.9).to_list() == (ts.dt.date() >= dt.date(2012, 3, 11)).to_list()


def test_wide_hours_late_opens_and_early_closes_are_no_shifts() -> None:
    wide = [day.replace(hour=hour, tzinfo=NEW_YORK) for day in SESSIONS for hour in range(4, 20)]
    late = [day.replace(hour=hour, tzinfo=NEW_YORK) for day in SESSIONS for hour in range(10, 16)]
    evening = [day.replace(hour=hour, tzinfo=NEW_YORK) for day in SESSIONS for hour in range(11, 21)]
    short = [ts for i, ts in enumerate(session_hours(0 * HOUR)) if i % 7 not in (0, 6)]
    for opens in (wide, late, evening, short, session_hours(0 * HOUR)):
        ts = pl.Series([each.astimezone(dt.UTC) for each in opens], dtype=pl.Datetime("us", "UTC"))
        assert not shifted(ts, "XNYS", 0.9).any()


@pytest.mark.parametrize(("moved", "found"), [(-1, True), (0, False), (1, True)])
def test_days_moved_by_one(moved: int, found: bool) -> None:
    ts = pl.Series([day.replace(tzinfo=dt.UTC) + moved * DAY for day in SESSIONS], dtype=pl.Datetime("us", "UTC"))
    assert shifted(ts, "XNYS", 0.9).to_list() == [found] * len(SESSIONS)


def test_a_whole_table_an_hour_off_is_one_finding_by_its_name() -> None:
    moved = session_hours(HOUR)
    found = {each.name: each.count for each in check_bars(walk(moved), on("XNYS"), NOW)[1]}
    assert found["shifted"] == len(moved)
    assert "skewed" not in found
