import datetime as dt
import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipelines.check import BarRules, CheckParams, SeriesRules, check, check_folder, refusal, report
from pipelines.ingest import ingest
from pipelines.params import section
from pipelines.partitions import read_bars, write_part
from pipelines.sources import BARS, SERIES, IngestParams, Tables

MARK = CheckParams(1.5, BarRules(*["mark"] * 11), SeriesRules(*["mark"] * 4))  # type: ignore[arg-type]
DAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def bars(**changes: Any) -> pl.DataFrame:
    """Five sound bars; changes name a column and give {row: value}."""
    rows = [
        {"symbol": "A", "ts": DAY + dt.timedelta(days=i), "open": 10.1 + i, "high": 12.0 + i, "low": 9.0 + i,
         "close": 11.0 + i, "volume": 5.0}
        for i in range(5)
    ]  # fmt: skip
    for column, values in changes.items():
        for row, value in values.items():
            rows[row][column] = value
    return pl.DataFrame(rows, schema=BARS)


def series(*values: tuple[int, float]) -> pl.DataFrame:
    return pl.DataFrame([("*", "vix", DAY + dt.timedelta(days=d), v) for d, v in values], schema=SERIES, orient="row")


CASES: dict[str, tuple[pl.DataFrame, list[int]]] = {
    "missing_time": (bars(ts={2: None}), [2]),
    "not_finite": (bars(close={1: math.nan}, volume={3: math.inf}, open={4: None}), [1, 3, 4]),
    "not_positive": (bars(low={1: 0.0, 2: -1.0}), [1, 2]),
    "negative_volume": (bars(volume={4: -1.0}), [4]),
    "duplicate": (bars(ts={3: DAY + dt.timedelta(days=1)}), [3]),
    "unsorted": (bars(ts={2: DAY - dt.timedelta(days=1)}), [2]),
    "high_below_low": (bars(high={2: 8.0}), [2]),
    "outside_range": (bars(close={0: 12.5}, open={4: 12.9}), [0, 4]),
    "zero_volume": (bars(volume={1: 0.0}), [1]),
    "gap": (bars(ts={4: DAY + dt.timedelta(days=9)}), [4]),
    "stale_open": (bars(open={1: 11.0}), [1]),
}


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == {field.name for field in fields(BarRules)}


def test_sound_bars_show_nothing() -> None:
    after, findings = check(Tables(bars(), series((0, 1.0), (1, 2.0))), MARK)
    assert findings == []
    assert after.bars.equals(bars())


@pytest.mark.parametrize("name", CASES)
def test_findings_name_their_rows_and_marking_changes_nothing(name: str) -> None:
    frame, rows = CASES[name]
    after, findings = check(Tables(frame, series()), MARK)
    found = next(f for f in findings if f.name == name)
    assert found.rows["row"].to_list() == rows
    assert after.bars.height == frame.height
    assert refusal(findings) == ""


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    rules = replace(MARK.bars, **{name: "refuse"})
    _, findings = check(Tables(CASES[name][0], series()), replace(MARK, bars=rules))
    assert f"check.bars.{name}: must not occur, was in {len(CASES[name][1])} rows" in refusal(findings)


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("gap", "stale_open")])
def test_dropped(name: str) -> None:
    frame, rows = CASES[name]
    rules = replace(MARK.bars, **{name: "drop"})
    after, findings = check(Tables(frame, series()), replace(MARK, bars=rules))
    kept = frame.with_row_index("row").filter(~pl.col("row").is_in(rows)).drop("row").sort("symbol", "ts")
    assert after.bars.equals(kept)
    assert refusal(findings) == ""


def test_symbols_are_judged_apart() -> None:
    other = bars().with_columns(pl.lit("B").alias("symbol"))
    assert check(Tables(pl.concat([bars(), other]), series()), MARK)[1] == []


def test_series_findings() -> None:
    frame = series((0, 1.0), (2, math.nan), (1, 2.0), (1, 2.0))
    _, findings = check(Tables(bars(), frame), MARK)
    assert {f.name: f.rows["row"].to_list() for f in findings} == {
        "not_finite": [1],
        "unsorted": [2, 3],
        "duplicate": [3],
    }


def test_the_report_is_json_even_for_nan() -> None:
    _, findings = check(Tables(CASES["not_finite"][0], series((0, math.nan))), MARK)
    data = json.loads(json.dumps(report({}, findings), allow_nan=False))
    found = next(f for f in data["findings"] if f["finding"] == "not_finite" and f["table"] == "bars")
    assert found["count"] == 3
    assert found["rows"][0]["ts"].startswith("2020-01-02")


def test_symbols_one_by_one_find_what_the_whole_table_shows(tmp_path: Path) -> None:
    sick = pl.concat(frame.with_columns(pl.lit(name).alias("symbol")) for name, (frame, _) in CASES.items())
    odd = series((0, 1.0), (2, math.nan), (1, 2.0), (1, 2.0))
    for symbol in sorted(CASES):
        write_part(sick.filter(pl.col("symbol") == symbol), tmp_path / "bars", "all")
    write_part(odd, tmp_path / "series", "all")
    params = replace(MARK, bars=replace(MARK.bars, not_finite="drop", duplicate="drop"))
    counts, findings = check_folder(tmp_path, tmp_path / "checked", params)
    after, expected = check(Tables(sick, odd), params)
    assert counts["bars"] == {"ingested": sick.height, "kept": after.bars.height}
    assert {(f.table, f.name, f.rule): f.count for f in findings} == {
        (f.table, f.name, f.rule): f.rows.height for f in expected
    }
    assert read_bars(tmp_path / "checked/bars").equals(after.bars)
    assert pl.read_parquet(tmp_path / "checked/series.parquet").equals(after.series)


def test_the_shipped_data_pass_and_only_holidays_leave(tmp_path: Path) -> None:
    ingest(section("ingest", IngestParams), tmp_path)
    counts, findings = check_folder(tmp_path, tmp_path / "checked", section("check", CheckParams))
    assert refusal(findings) == ""
    assert counts == {"bars": {"ingested": 10_062, "kept": 10_062}, "series": {"ingested": 1305, "kept": 1259}}
    assert {f"{f.table}.{f.name}": f.count for f in findings} == {
        "bars.zero_volume": 2,
        "bars.gap": 6,
        "bars.stale_open": 2012,
        "series.not_finite": 46,
    }
