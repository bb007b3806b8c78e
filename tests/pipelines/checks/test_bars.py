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
    "unsorted": (put(CLEAN, {"ts": {8: START + 9 * HOUR, 9: START + 8 * HOUR}}), {"unsorted": [9], "gap": [8]}),
    "high_below_low": (put(CLEAN, {"high": {2: PRICES["low"][2] - 0.01}}), {"high_below_low": [2]}),
    "outside_range": (
        put(CLEAN, {"close": {0: PRICES["high"][0] + 0.01}, "open": {4: PRICES["low"][4] - 0.01}}),
        {"outside_range": [0, 4]},
    ),
    "off_grid": (put(CLEAN, {"ts": {7: START + 7 * HOUR + dt.timedelta(seconds=3)}}), {"off_grid": [7]}),
    "gap": (CLEAN[[*range(50), *range(52, 120)]], {"gap": [50]}),
    "zero_volume": (put(CLEAN, {"volume": {1: 0.0}}), {"zero_volume": [1]}),
    "stale_open": (
        put(CLEAN[[*range(50), *range(52, 120)]], {"open": {50: PRICES["close"][49]}}),
        {"gap": [50], "stale_open": [50]},
    ),
    "stale_close": (put(CLEAN, {"close": FLAT, **WIDE}), {"stale_close": [60, 61, 62, 63, 64, 65]}),
    "bad_tick": (put(CLEAN, {"high": {40: 10 * PRICES["high"][40]}}), {"bad_tick": [40]}),
    "scale_jump": (put(SCALED, {"open": {60: PRICES["close"][59] / 2}}), {"scale_jump": [60]}),
}
WITH_A_CALENDAR = {"outside_session", "missing_session", "missing_bars"}  # test_calendars.py


def test_every_rule_has_a_case() -> None:
    assert set(CASES) | WITH_A_CALENDAR == {field.name for field in fields(BarRules)}


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
    assert after.equals(dirty)
    assert refusal(findings) == ""


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    rules = replace(MARK.bars, **{name: "refuse"})
    _, findings = check_bars(CASES[name][0], replace(MARK, bars=rules), NOW)
    rows = len(CASES[name][1][name])
    assert refusal(findings).startswith(f"check.bars.{name}: must not occur, was in {rows} rows of A")
    assert "\n" not in refusal(findings)
    may_drop = name not in ("gap", "stale_open", "scale_jump")
    assert refusal(findings).endswith(f"set the rule to {'drop or mark' if may_drop else 'mark'} in params.yaml")


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("gap", "stale_open", "scale_jump")])
def test_dropped(name: str) -> None:
    dirty, expected = CASES[name]
    after, findings = check_bars(dirty, replace(MARK, bars=replace(MARK.bars, **{name: "drop"})), NOW)
    kept = dirty.with_row_index("row").filter(~pl.col("row").is_in(expected[name])).drop("row")
    assert after.equals(kept)
    assert refusal(findings) == ""
