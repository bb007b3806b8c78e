import datetime as dt
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from check_cases import NOW, START, hours, named, on, put, walk
from pipelines.checks.bars import check_bars
from pipelines.checks.calendars import check_name, sessions

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
NEW_YORK = ZoneInfo("America/New_York")
# NYSE's holidays of 2012 on weekdays (nyse.com), and the two days of hurricane Sandy.
CLOSED_2012 = {
    dt.date(2012, *day)
    for day in [(1, 2), (1, 16), (2, 20), (4, 6), (5, 28), (7, 4), (9, 3), (10, 29), (10, 30), (11, 22), (12, 25)]
}
EARLY_2012 = {dt.date(2012, *day) for day in [(7, 3), (11, 23), (12, 24)]}  # 13:00
DAYS_2012 = [
    day for day in (dt.date(2012, 1, 3) + i * DAY for i in range(363)) if day.weekday() < 5 and day not in CLOSED_2012
]


def stamp(day: dt.date, hour: int = 0, minute: int = 0, zone: dt.tzinfo = dt.UTC) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(dt.UTC)


def new_york_hours(minute: int) -> pl.DataFrame:
    """Hourly bars of 2012's sessions that begin at 9:00 (minute 0, as LEAN's) or at 9:30, New York time."""
    return walk(
        [stamp(day, hour, minute, NEW_YORK) for day in DAYS_2012 for hour in range(9, 13 if day in EARLY_2012 else 16)]
    )


def found(frame: pl.DataFrame, calendar: str) -> dict[str, list[int]]:
    return named(check_bars(frame, on(calendar), NOW)[1])


@pytest.mark.parametrize("zone", [dt.UTC, NEW_YORK])
def test_holidays_are_no_missing_sessions(zone: dt.tzinfo) -> None:
    daily = walk([stamp(day, zone=zone) for day in DAYS_2012])
    assert found(daily, "XNYS") == {}
    assert set(found(daily, "24/7")) == {"missing_session"} | ({"off_grid"} if zone is NEW_YORK else set())


def test_missing_and_surplus_days_are_found_exactly() -> None:
    days = [day for day in DAYS_2012 if day != dt.date(2012, 3, 14)]
    saturday = dt.date(2012, 6, 9)
    days = sorted([*days, saturday, dt.date(2012, 10, 29)])
    _, findings = check_bars(walk([stamp(day) for day in days]), on("XNYS"), NOW)
    assert {each.name: each.places["ts"].dt.date().to_list() for each in findings} == {
        "missing_session": [dt.date(2012, 3, 14)],
        "outside_session": [saturday, dt.date(2012, 10, 29)],
    }


@pytest.mark.parametrize("minute", [0, 30])
def test_hours_of_a_year_over_two_changes_of_clocks(minute: int) -> None:
    assert found(new_york_hours(minute), "XNYS") == {}


@pytest.mark.parametrize("minute", [0, 30])
def test_missing_bars_and_sessions_are_found_exactly(minute: int) -> None:
    frame = new_york_hours(minute)
    begin = stamp(dt.date(2012, 5, 2), 11, minute, NEW_YORK)
    halt = pl.col("ts").is_between(begin, begin + 2 * HOUR, closed="left")
    lost = pl.col("ts").dt.date().is_in([dt.date(2012, 8, 1), dt.date(2012, 8, 2)])
    _, findings = check_bars(frame.filter(~halt & ~lost), on("XNYS"), NOW)
    places = {each.name: each.places.select("ts", "until", "missing").rows() for each in findings}
    assert places["missing_bars"] == [(begin, begin + 2 * HOUR, 2)]
    assert [(begin.astimezone(NEW_YORK).date(), bars) for begin, _, bars in places["missing_session"]] == [
        (dt.date(2012, 8, 1), 7),
        (dt.date(2012, 8, 2), 7),
    ]
    assert len(places) == 2


def test_bars_after_an_early_close_and_at_night_are_outside() -> None:
    extra = [stamp(dt.date(2012, 7, 3), 13, 0, NEW_YORK), stamp(dt.date(2012, 7, 5), 20, 0, NEW_YORK)]
    stamps = sorted([*new_york_hours(0)["ts"], *extra])
    _, findings = check_bars(walk(stamps), on("XNYS"), NOW)
    assert {each.name: each.places["ts"].to_list() for each in findings} == {"outside_session": extra}


def test_a_bar_that_ends_as_the_session_opens_is_outside() -> None:
    early = stamp(dt.date(2012, 7, 5), 8, 30, NEW_YORK)
    stamps = sorted([*new_york_hours(30)["ts"], early])
    _, findings = check_bars(walk(stamps), on("XNYS"), NOW)
    assert {each.name: each.places["ts"].to_list() for each in findings} == {"outside_session": [early]}


def test_bars_of_four_hours_follow_the_exchanges_clock() -> None:
    stamps = [stamp(day, hour, 30, NEW_YORK) for day in DAYS_2012 for hour in ((9,) if day in EARLY_2012 else (9, 13))]
    assert found(walk(stamps), "XNYS") == {}
    assert found(walk([*stamps[:101], *stamps[102:]]), "XNYS") == {"missing_bars": [1]}


def test_a_halt_around_the_clock() -> None:
    minutes = hours(3000, dt.timedelta(minutes=1))
    halted = minutes[[*range(700), *range(780, 3000)]]
    _, findings = check_bars(halted, on("24/7"), NOW)
    begin = START + dt.timedelta(minutes=700)
    assert [(each.name, each.places.select("ts", "until", "missing").rows()) for each in findings] == [
        ("missing_bars", [(begin, begin + dt.timedelta(minutes=80), 80)])
    ]


def test_a_lunch_break_is_no_gap() -> None:
    zone = ZoneInfo("Asia/Hong_Kong")
    days = [dt.date(2024, 6, 3) + i * DAY for i in range(5)]
    times = [(9, 30), (10, 0), (10, 30), (11, 0), (11, 30), *[(h, m) for h in (13, 14, 15) for m in (0, 30)]]
    frame = walk([stamp(day, *time, zone) for day in days for time in times])
    assert found(frame, "XHKG") == {}
    assert found(frame.filter(pl.int_range(pl.len()) != 6), "XHKG") == {"missing_bars": [1]}


def test_an_open_at_the_close_before_counts_after_a_pause_only() -> None:
    frame = new_york_hours(0)
    first = [ts for ts in frame["ts"][1:] if ts.astimezone(NEW_YORK).hour == 9]
    stale = frame.with_columns(pl.col("close").shift(1).fill_null(pl.col("open")).alias("open"))
    stale_open = next(each for each in check_bars(stale, on("XNYS"), NOW)[1] if each.name == "stale_open")
    assert stale_open.places["ts"].to_list() == first
    steady = hours(200)
    steady = steady.with_columns(pl.col("close").shift(1).fill_null(pl.col("open")).alias("open"))
    assert "stale_open" not in found(steady, "24/7")


def test_off_grid_bars_inside_a_session() -> None:
    frame = hours(100)
    skewed = put(frame, {"ts": {50: frame["ts"][50] + dt.timedelta(minutes=7)}})
    assert found(skewed, "24/7") == {"off_grid": [50], "missing_bars": [1]}


def test_weekly_bars_are_judged_by_their_steps() -> None:
    weekly = hours(60, 7 * DAY)
    assert found(weekly, "XNYS") == {}
    assert found(weekly[[*range(30), *range(31, 60)]], "XNYS") == {"gap": [30]}


def test_one_bar_and_none() -> None:
    assert found(hours(1), "24/7") == {}
    assert found(hours(1), "none") == {}


def test_names() -> None:
    check_name("XNYS", "check.calendar.default")
    with pytest.raises(ValueError, match="was 'XNY'; did you mean XNYS"):
        check_name("XNY", "check.calendar.default")


def test_a_calendar_that_does_not_reach_so_far() -> None:
    with pytest.raises(ValueError, match="XKRX must reach from 1900"):
        sessions("XKRX", dt.datetime(1900, 1, 1, tzinfo=dt.UTC), dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
