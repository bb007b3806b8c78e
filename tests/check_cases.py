"""Sound tables for the tests of the check stage: dirt is put in by each test."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args, get_type_hints

import numpy as np
import polars as pl

from pipelines.checks.finding import Finding
from pipelines.checks.params import (
    BadTickParams,
    BarRules,
    CalendarParams,
    CheckParams,
    ClockParams,
    DepthRules,
    ScaleJumpParams,
    SeriesOutlierParams,
    SeriesRules,
    TradeOutlierParams,
    TradeRules,
    VolumeOutlierParams,
)
from pipelines.sources.tables import BARS, SERIES

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MILD = ("mark", "sort", "refuse")
START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def marking(kind: type) -> Any:
    """Each rule the mildest: mark; of unsorted rows, which cannot stay where they are, sort, else refuse."""
    return kind(**{name: next(r for r in MILD if r in get_args(hint)) for name, hint in get_type_hints(kind).items()})


MARK = CheckParams(
    CalendarParams("none", {}),
    1.5,
    BadTickParams(20, 15.0, 0.01, 5),
    ScaleJumpParams((1.5, 2.0, 3.0, 10.0, 100.0, 1000.0), 0.04, 3, 1.0),
    VolumeOutlierParams(20, 50.0),
    SeriesOutlierParams(20, 5.0, 3),
    TradeOutlierParams(5, 15.0, 0.01),
    ClockParams(0.9, 0.3, 1000.0),
    6,
    10.0,
    marking(BarRules),
    marking(SeriesRules),
    marking(TradeRules),
    marking(DepthRules),
)


def on(calendar: str) -> CheckParams:
    return replace(MARK, calendar=CalendarParams(calendar, {}))


def walk(stamps: list[dt.datetime], seed: int = 3) -> pl.DataFrame:
    """Sound bars of symbol A at these times: a random walk, steps of 1 % a bar, that opens off the close before."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(stamps))))
    opened = np.r_[100.0, close[:-1]] * np.exp(rng.normal(0, 0.001, len(stamps)))
    wicks = np.exp(np.abs(rng.normal(0, 0.003, (2, len(stamps)))))
    columns = {
        "symbol": ["A"] * len(stamps),
        "ts": stamps,
        "open": opened,
        "high": np.maximum(opened, close) * wicks[0],
        "low": np.minimum(opened, close) / wicks[1],
        "close": close,
        "volume": rng.uniform(1, 2, len(stamps)),
    }
    return pl.DataFrame(columns, schema=BARS)


def hours(count: int = 120, every: dt.timedelta = dt.timedelta(hours=1)) -> pl.DataFrame:
    return walk([START + i * every for i in range(count)])


def put(frame: pl.DataFrame, changes: Mapping[str, Mapping[int, Any]]) -> pl.DataFrame:
    """The frame with other values: column → row → value."""
    for column, values in changes.items():
        cells = frame[column].to_list()
        for row, value in values.items():
            cells[row] = value
        frame = frame.with_columns(pl.Series(column, cells, frame.schema[column]))
    return frame


def series(values: list[float | None], every: dt.timedelta = dt.timedelta(days=1)) -> pl.DataFrame:
    rows = [("*", "vix", START + i * every, value) for i, value in enumerate(values)]
    return pl.DataFrame(rows, schema=SERIES, orient="row")


def named(findings: list[Finding]) -> dict[str, list[int]]:
    """Finding → positions of its rows, or (where bars are absent) → how many are missing in each place."""
    return {
        each.name: (each.places["missing"] if "missing" in each.rows.columns else each.rows["row"]).to_list()
        for each in findings
    }
