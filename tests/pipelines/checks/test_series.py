import datetime as dt
import math
from dataclasses import fields, replace

import polars as pl
import pytest

from check_cases import MARK, NOW, START, named, put, series
from pipelines.checks.ahead import Relation
from pipelines.checks.params import SeriesRules
from pipelines.checks.series import check_series

DAY = dt.timedelta(days=1)
VALUES = [float(i % 7) for i in range(60)]
CLEAN = series(VALUES)
SPAN = (START, START + 60 * DAY)
AHEAD = {"looks_ahead": Relation(0.8, 0.1, True)}  # what prices say of it: test_ahead.py
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
    "looks_ahead": (CLEAN, {"looks_ahead": list(range(60))}),
    "outlier": (put(CLEAN, {"value": {40: 100.0, 41: 101.0}}), {"outlier": [40, 41]}),
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
    after, findings = check_series(frame, SPAN, MARK, NOW, AHEAD.get(name))
    assert named(findings) == expected
    assert after.equals(frame.sort("ts") if name == "unsorted" else frame)
    assert all(each.symbol == "* · vix" for each in findings)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("late", "ended", "looks_ahead")])
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


def test_a_series_that_goes_on_from_where_it_jumped_is_no_outlier() -> None:
    raised = CLEAN.with_columns(pl.when(pl.int_range(pl.len()) >= 40).then(pl.col("value") + 100).otherwise("value"))
    assert named(check_series(raised, SPAN, MARK, NOW)[1]) == {}
    four = put(CLEAN, {"value": dict.fromkeys(range(40, 44), 100.0)})
    assert named(check_series(four, SPAN, MARK, NOW)[1]) == {}  # lasts_values are 3
    three = put(CLEAN, {"value": {40: 100.0, 41: None, 42: 100.0, 43: 90.0}})
    assert named(check_series(three, SPAN, MARK, NOW)[1]) == {"not_finite": [41], "outlier": [40, 42, 43]}


def test_outliers_are_measured_by_the_moves_of_what_rests() -> None:
    rests = series([float(i % 25 == 0) for i in range(1000)])
    assert "outlier" not in named(check_series(rests, None, MARK, NOW)[1])
    assert named(check_series(put(rests, {"value": {905: 40.0}}), None, MARK, NOW)[1])["outlier"] == [905]


def test_what_is_late_or_stuck_is_told_of_what_is_left() -> None:
    holes = put(CLEAN, {"value": dict.fromkeys(range(20, 31), None)})
    params = replace(MARK, series=replace(MARK.series, not_finite="drop"))
    assert named(check_series(holes, SPAN, params, NOW)[1]) == {"not_finite": list(range(20, 31)), "late": [31]}
