import datetime as dt
import math
from dataclasses import fields, replace

import polars as pl
import pytest

from check_cases import MARK, NOW, START, named, put, series
from pipelines.checks.params import SeriesRules
from pipelines.checks.series import check_series

DAY = dt.timedelta(days=1)
VALUES = [float(i % 7) for i in range(60)]
CLEAN = series(VALUES)
SPAN = (START, START + 60 * DAY)
CASES: dict[str, tuple[pl.DataFrame, dict[str, list[int]]]] = {
    "missing_time": (put(CLEAN, {"ts": {5: None}}), {"missing_time": [5]}),
    "future": (put(CLEAN, {"ts": {59: NOW + DAY}}), {"future": [59], "late": [59]}),
    "wrong_unit": (
        put(CLEAN, {"ts": {0: dt.datetime.fromtimestamp(START.timestamp() / 1000, dt.UTC)}}),
        {"wrong_unit": [0], "late": [1]},
    ),
    "not_finite": (put(CLEAN, {"value": {3: math.nan, 4: None, 5: math.inf}}), {"not_finite": [3, 4, 5]}),
    "duplicate": (put(CLEAN, {"ts": {9: START + 8 * DAY}}), {"duplicate": [9]}),
    "unsorted": (put(CLEAN, {"ts": {9: START + 7.5 * DAY}}), {"unsorted": [9]}),
    "outside_bars": (CLEAN.with_columns(pl.col("ts") + 90 * DAY), {"outside_bars": list(range(60))}),
    "late": (CLEAN[[*range(20), *range(31, 60)]], {"late": [20]}),
    "ended": (CLEAN[:40], {"ended": [39]}),
    "stuck": (put(CLEAN, {"value": dict.fromkeys(range(20, 34), -1.0)}), {"stuck": [31, 32, 33]}),
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == {field.name for field in fields(SeriesRules)}


def test_a_sound_series_shows_nothing() -> None:
    after, findings = check_series(CLEAN, SPAN, MARK, NOW)
    assert findings == []
    assert after.equals(CLEAN)


@pytest.mark.parametrize("name", CASES)
def test_each_finding_is_found_exactly(name: str) -> None:
    frame, expected = CASES[name]
    after, findings = check_series(frame, SPAN, MARK, NOW)
    assert named(findings) == expected
    assert after.equals(frame)
    assert all(each.symbol == "* · vix" for each in findings)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("late", "ended")])
def test_dropped(name: str) -> None:
    frame, expected = CASES[name]
    after, _ = check_series(frame, SPAN, replace(MARK, series=replace(MARK.series, **{name: "drop"})), NOW)
    assert after.equals(frame.with_row_index("row").filter(~pl.col("row").is_in(expected[name])).drop("row"))


def test_history_from_january_1970_on_is_no_confusion_of_units() -> None:
    old = CLEAN.with_columns(pl.col("ts") - (START - dt.datetime(1970, 1, 15, tzinfo=dt.UTC)))
    assert named(check_series(old, None, MARK, NOW)[1]) == {}


def test_without_bars_nothing_is_said_about_them() -> None:
    assert check_series(CLEAN, None, MARK, NOW)[1] == []


def test_late_is_counted_from_the_last_value_that_was_one() -> None:
    lost = put(CLEAN, {"value": {20: None}})[[*range(21), *range(32, 60)]]
    assert named(check_series(lost, SPAN, MARK, NOW)[1]) == {"not_finite": [20], "late": [21]}


def test_stuck_is_measured_by_how_long_values_usually_rest() -> None:
    slow = series([float(i // 3) for i in range(120)])
    span = (START, START + 120 * DAY)
    rests = put(slow, {"value": dict.fromkeys(range(30, 60), -1.0)})
    assert named(check_series(rests, span, MARK, NOW)[1]) == {}
    sticks = put(slow, {"value": dict.fromkeys(range(30, 63), -1.0)})
    assert named(check_series(sticks, span, MARK, NOW)[1]) == {"stuck": [61, 62]}


def test_every_value_behind_the_latest_one_is_unsorted() -> None:
    order = [*range(10), 14, 10, 11, 12, 13, *range(15, 60)]
    assert named(check_series(CLEAN[order], SPAN, MARK, NOW)[1]) == {"unsorted": [11, 12, 13, 14]}
