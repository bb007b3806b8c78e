import datetime as dt
import math
from dataclasses import fields, replace
from typing import Any

import polars as pl
import pytest

from check_cases import MARK, NOW, START, hours, named, on, put
from pipelines.checks.bars import check_bars
from pipelines.checks.finding import refusal
from pipelines.checks.params import BarRules

HOUR = dt.timedelta(hours=1)
CLEAN = hours()
PRICES = {name: CLEAN[name].to_list() for name in ("open", "high", "low", "close")}
SCALED = CLEAN.with_columns(
    (pl.col(name) / pl.when(pl.int_range(pl.len()) >= 60).then(2.0).otherwise(1.0)).alias(name)
    for name in ("open", "high", "low", "close")
)
FLAT = {60: PRICES["close"][59], 61: PRICES["close"][59]} | dict.fromkeys(range(62, 66), PRICES["close"][59])
WIDE = {name: dict.fromkeys(range(60, 67), fill) for name, fill in (("high", 1e3), ("low", 1.0))}

# From the Friday on, after which the clocks of New York lose the hour from 2:00 on Sunday, 50 bars later.
SPRING = CLEAN.with_columns(pl.col("ts") + (dt.datetime(2020, 3, 6, tzinfo=dt.UTC) - START))

# Finding → dirty bars and what they must show, everything else included.
CASES: dict[str, tuple[pl.DataFrame, dict[str, list[int]]]] = {
    "missing_time": (put(CLEAN, {"ts": {9: None}}), {"missing_time": [9], "gap": [10]}),
    "future": (put(CLEAN, {"ts": {119: NOW + HOUR}}), {"future": [119]}),
    "wrong_unit": (
        put(CLEAN, {"ts": {0: dt.datetime.fromtimestamp(START.timestamp() / 1000, dt.UTC)}}),
        {"wrong_unit": [0]},
    ),
    "not_finite": (
        put(CLEAN, {"volume": {3: math.inf}, "open": {4: None}, "high": {5: math.nan}}),
        {"not_finite": [3, 4, 5]},
    ),
    "not_positive": (put(CLEAN, {"low": {1: 0.0, 2: -1.0}}), {"not_positive": [1, 2]}),
    "negative_volume": (put(CLEAN, {"volume": {4: -1.0}}), {"negative_volume": [4]}),
    "duplicate": (put(CLEAN, {"ts": {1: START}}), {"duplicate": [1], "gap": [2]}),
    "unsorted": (put(CLEAN, {"ts": {8: START + 9 * HOUR, 9: START + 8 * HOUR}}), {"unsorted": [9]}),
    "high_below_low": (put(CLEAN, {"high": {2: PRICES["low"][2] - 0.01}}), {"high_below_low": [2]}),
    "outside_range": (
        put(CLEAN, {"close": {0: PRICES["high"][0] + 0.01}, "open": {4: PRICES["low"][4] - 0.01}}),
        {"outside_range": [0, 4]},
    ),
    "off_grid": (put(CLEAN, {"ts": {7: START + 7 * HOUR + dt.timedelta(seconds=3)}}), {"off_grid": [7]}),
    "skewed": (CLEAN.with_columns(pl.col("ts") + dt.timedelta(seconds=1)), {"skewed": list(range(120))}),
    "clock_change": (SPRING[[*range(50), *range(51, 120)]], {"clock_change": [50], "gap": [50]}),
    "gap": (CLEAN[[*range(50), *range(52, 120)]], {"gap": [50]}),
    "zero_volume": (put(CLEAN, {"volume": {1: 0.0}}), {"zero_volume": [1]}),
    "stale_open": (
        put(CLEAN[[*range(50), *range(52, 120)]], {"open": {50: PRICES["close"][49]}}),
        {"gap": [50], "stale_open": [50]},
    ),
    "stale_close": (put(CLEAN, {"close": FLAT, **WIDE}), {"stale_close": [60, 61, 62, 63, 64, 65]}),
    "bad_tick": (put(CLEAN, {"high": {40: 10 * PRICES["high"][40]}}), {"bad_tick": [40]}),
    "scale_jump": (put(SCALED, {"open": {60: PRICES["close"][59] / 2}}), {"scale_jump": [60]}),
    "volume_outlier": (put(CLEAN, {"volume": {60: 1e3}}), {"volume_outlier": [60]}),
}
WITH_A_CALENDAR = {"outside_session", "shifted", "missing_session", "missing_bars"}  # test_calendars.py, test_clocks.py
WITH_ANOTHER = {"lagged"}  # test_check.py, test_lags.py
NO_DROP = ("skewed", "clock_change", "gap", "stale_open", "scale_jump")


def test_every_rule_has_a_case() -> None:
    assert set(CASES) | WITH_A_CALENDAR | WITH_ANOTHER == {field.name for field in fields(BarRules)}


@pytest.mark.parametrize("calendar", ["none", "24/7"])
def test_sound_bars_show_nothing(calendar: str) -> None:
    after, findings = check_bars(CLEAN, on(calendar), NOW)
    assert findings == []
    assert after.equals(CLEAN)


def _shown(name: str, params: Any = MARK) -> dict[str, list[int]]:
    found = named(check_bars(CASES[name][0], params, NOW)[1])
    if name == "stale_close":
        found.pop("bad_tick")  # of the wide bars around them
    return found


@pytest.mark.parametrize("name", CASES)
def test_each_finding_is_found_exactly_and_marking_changes_nothing(name: str) -> None:
    dirty, expected = CASES[name]
    assert _shown(name) == expected
    after, findings = check_bars(dirty, MARK, NOW)
    assert after.equals(dirty.sort("ts") if name == "unsorted" else dirty)
    assert refusal(findings) == ""


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    rules = replace(MARK.bars, **{name: "refuse"})
    _, findings = check_bars(CASES[name][0], replace(MARK, bars=rules), NOW)
    rows = len(CASES[name][1][name])
    assert refusal(findings).startswith(f"check.bars.{name}: must not occur, was in {rows} rows of A")
    assert "\n" not in refusal(findings)
    others = "drop or sort" if name == "unsorted" else "mark" if name in NO_DROP else "drop or mark"
    assert refusal(findings).endswith(f"set the rule to {others} in params.yaml")


@pytest.mark.parametrize("name", [name for name in CASES if name not in NO_DROP])
def test_dropped(name: str) -> None:
    dirty, expected = CASES[name]
    after, findings = check_bars(dirty, replace(MARK, bars=replace(MARK.bars, **{name: "drop"})), NOW)
    kept = dirty.with_row_index("row").filter(~pl.col("row").is_in(expected[name])).drop("row")
    assert after.equals(kept)
    assert refusal(findings) == ""


def dropping(*names: str) -> Any:
    return replace(MARK, bars=replace(MARK.bars, **dict.fromkeys(names, "drop")))


def test_gaps_are_told_of_the_table_that_goes_on() -> None:
    """Two bars that are dropped leave a gap, which the data before did not have."""
    dirty = put(CLEAN, {"close": {50: math.nan, 51: math.nan}})
    assert named(check_bars(dirty, MARK, NOW)[1]) == {"not_finite": [50, 51]}
    after, findings = check_bars(dirty, dropping("not_finite"), NOW)
    assert named(findings) == {"not_finite": [50, 51], "gap": [52]}
    assert named(check_bars(after, MARK, NOW)[1]) == {"gap": [50]}  # and so it is, for who looks at the table itself


def test_missing_bars_say_how_many_the_check_has_dropped() -> None:
    dirty = put(CLEAN, {"close": {50: math.nan, 51: math.nan}})[[*range(52), *range(53, 120)]]
    params = replace(dropping("not_finite"), calendar=on("24/7").calendar)
    found = {each.name: each for each in check_bars(dirty, params, NOW)[1]}
    (place,) = found["missing_bars"].places.rows(named=True)
    assert (place["missing"], place["dropped"], place["row"]) == (3, 2, 52)
    assert (place["ts"], place["until"]) == (START + 50 * HOUR, START + 53 * HOUR)


def test_an_open_is_stale_beside_the_close_that_is_left() -> None:
    """At the close of the bar before the two that are dropped, no more beside a bar that is not there."""
    dirty = put(CLEAN, {"volume": {50: -1.0, 51: -1.0}, "open": {52: PRICES["close"][49]}})
    assert named(check_bars(dirty, dropping("negative_volume"), NOW)[1])["stale_open"] == [52]
    assert "stale_open" not in named(check_bars(dirty, MARK, NOW)[1])


def test_a_row_that_is_dropped_makes_no_others_late() -> None:
    ahead = put(CLEAN, {"ts": {40: NOW + HOUR}})
    assert named(check_bars(ahead, MARK, NOW)[1])["unsorted"] == list(range(41, 120))
    assert named(check_bars(ahead, dropping("future"), NOW)[1]) == {"future": [40], "gap": [41]}
    twice = put(CLEAN, {"ts": {41: START + 40 * HOUR}, "close": {40: math.nan}})
    after, findings = check_bars(twice, dropping("not_finite", "duplicate"), NOW)
    assert named(findings) == {"not_finite": [40], "gap": [42]}  # the second has no first any more
    assert after["close"][40] == PRICES["close"][41]


def test_what_stays_shows_nothing_that_is_to_be_dropped() -> None:
    """Behind a bad tick that is dropped another one comes to light."""
    factor = {200: 1.9, 201: 1.4}
    lone = hours(400).with_columns(
        pl.Series(name, [value * factor.get(i, 1.0) for i, value in enumerate(hours(400)[name])])
        for name in ("open", "high", "low", "close")
    )
    params = replace(dropping("bad_tick"), bad_tick=replace(MARK.bad_tick, lasts_bars=1))
    marked = replace(MARK, bad_tick=params.bad_tick)
    assert named(check_bars(lone, marked, NOW)[1])["bad_tick"] == [200]
    after, findings = check_bars(lone, params, NOW)
    assert named(findings)["bad_tick"] == [200, 201]
    assert "bad_tick" not in named(check_bars(after, marked, NOW)[1])


def test_rows_out_of_order_move_and_are_named() -> None:
    order = [*range(8), 9, 10, 8, *range(11, 120)]
    after, findings = check_bars(CLEAN[order], MARK, NOW)
    assert after.equals(CLEAN)
    assert {each.name: (each.rule, each.places["row"].to_list()) for each in findings} == {"unsorted": ("sort", [10])}
    refused = replace(MARK, bars=replace(MARK.bars, unsorted="refuse"))
    assert check_bars(CLEAN[order], refused, NOW)[0].equals(CLEAN[order])


def test_bad_ticks_come_with_the_bars_before_and_after() -> None:
    (tick,) = check_bars(CASES["bad_tick"][0], MARK, NOW)[1]
    (row,) = tick.to_data()["rows"]
    assert [row[side]["close"] for side in ("before", "after")] == [PRICES["close"][39], PRICES["close"][41]]
    assert row["before"]["ts"] == "2020-01-02T15:00:00.000000+00:00"
