"""Stage check: what is wrong with the ingested tables, row by row, and what params.yaml says to do about it.

Nothing is repaired: a finding refuses the data, drops its rows, or is only marked; the report names the rows.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import polars as pl

from pipelines.atomic import fresh_folder, write_json, write_parquet
from pipelines.params import section
from pipelines.partitions import read_bars, read_series, symbols_in, write_part
from pipelines.sources.tables import BARS, SERIES, Tables

Rule = Literal["refuse", "drop", "mark"]
MarkRule = Literal["refuse", "mark"]

REPORTED_ROWS = 200

PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class BarRules:
    """What to do with each finding in bars."""

    missing_time: Rule
    not_finite: Rule
    not_positive: Rule
    negative_volume: Rule
    duplicate: Rule
    unsorted: Rule
    high_below_low: Rule
    outside_range: Rule
    zero_volume: Rule
    gap: MarkRule
    stale_open: MarkRule


@dataclass(frozen=True, slots=True)
class SeriesRules:
    """What to do with each finding in series."""

    missing_time: Rule
    not_finite: Rule
    duplicate: Rule
    unsorted: Rule


@dataclass(frozen=True, slots=True)
class CheckParams:
    """gap_intervals: a bar later than this many median bar intervals after the one before counts as a gap."""

    gap_intervals: float
    bars: BarRules
    series: SeriesRules

    def __post_init__(self) -> None:
        if not self.gap_intervals > 1:
            raise ValueError(
                f"check.gap_intervals: must exceed 1, was {self.gap_intervals!r}; "
                "typical: 4.5 daily, 1.5 around the clock"
            )


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding in one table: the rows that show it, their number, and the rule that applied.

    Findings that were put together keep the first REPORTED_ROWS rows only.
    """

    table: str
    name: str
    rule: str
    rows: pl.DataFrame
    count: int

    def to_data(self) -> dict[str, Any]:
        """For the report: the number of rows and the first of them."""
        shown = self.rows.head(REPORTED_ROWS).drop("row")
        finite = [
            pl.when(pl.col(name).is_finite()).then(pl.col(name)).otherwise(None).alias(name)
            for name, kind in shown.schema.items()
            if kind.is_float()
        ]
        shown = shown.with_columns(*finite, pl.col("ts").dt.to_string("iso:strict"))
        return {
            "table": self.table,
            "finding": self.name,
            "rule": self.rule,
            "count": self.count,
            "rows": shown.to_dicts(),
        }


def bar_findings(bars: pl.DataFrame, gap_intervals: float) -> dict[str, pl.Expr]:
    """Name → expression that is true for the rows that show the finding; order in time is judged within each symbol."""
    later = pl.col("ts").shift(1).cum_max().over("symbol")
    step = (pl.col("ts") - later).over("symbol").dt.total_microseconds()
    usual = step.filter(step > 0).median().over("symbol")
    price = [pl.col(name) for name in PRICES]
    return {
        "missing_time": pl.any_horizontal(pl.col("ts").is_null(), pl.col("symbol").is_null()),
        "not_finite": pl.any_horizontal((~c.is_finite()).fill_null(True) for c in [*price, pl.col("volume")]),
        "not_positive": pl.any_horizontal((c <= 0).fill_null(False) for c in price),
        "negative_volume": pl.col("volume") < 0,
        "duplicate": pl.struct("symbol", "ts").is_first_distinct().not_() & pl.col("ts").is_not_null(),
        "unsorted": pl.col("ts") < later,
        "high_below_low": pl.col("high") < pl.col("low"),
        "outside_range": (pl.col("high") >= pl.col("low"))
        & pl.any_horizontal(
            (pl.col(name) > pl.col("high")) | (pl.col(name) < pl.col("low")) for name in ("open", "close")
        ),
        "zero_volume": pl.col("volume") == 0,
        "gap": step > gap_intervals * usual,
        "stale_open": pl.col("open") == pl.col("close").shift(1).over("symbol"),
    }


def series_findings() -> dict[str, pl.Expr]:
    """As for bars; a series is one symbol and name."""
    key = ["symbol", "name"]
    return {
        "missing_time": pl.any_horizontal(pl.col("ts").is_null(), pl.col("symbol").is_null(), pl.col("name").is_null()),
        "not_finite": (~pl.col("value").is_finite()).fill_null(True),
        "duplicate": pl.struct(*key, "ts").is_first_distinct().not_() & pl.col("ts").is_not_null(),
        "unsorted": pl.col("ts") < pl.col("ts").shift(1).cum_max().over(key),
    }


def check(tables: Tables, params: CheckParams) -> tuple[Tables, list[Finding]]:
    """The tables without the rows to drop, sorted by symbol and time, and the findings, refusals among them."""
    bars, in_bars = _apply("bars", tables.bars, bar_findings(tables.bars, params.gap_intervals), params.bars)
    series, in_series = _apply("series", tables.series, series_findings(), params.series)
    return Tables(bars.sort("symbol", "ts"), series.sort("symbol", "name", "ts")), in_bars + in_series


def refusal(findings: list[Finding]) -> str:
    """What stands against the data, or an empty text."""
    lines = []
    for found in findings:
        if found.rule == "refuse":
            row = found.rows.row(0, named=True)
            lines.append(
                f"check.{found.table}.{found.name}: must not occur, was in {found.count} rows, the first "
                f"{row['symbol']} {row['ts']}; mend the source, or set the rule to drop or mark in params.yaml"
            )
    return "\n".join(lines)


def _apply(
    table: str, frame: pl.DataFrame, expressions: dict[str, pl.Expr], rules: BarRules | SeriesRules
) -> tuple[pl.DataFrame, list[Finding]]:
    numbered = frame.with_row_index("row").with_columns(pl.lit(False).alias("dropped"))
    flags = numbered.with_columns(shows.fill_null(False).alias(f"is_{name}") for name, shows in expressions.items())
    findings = []
    for field in fields(rules):
        rule = getattr(rules, field.name)
        rows = flags.filter(f"is_{field.name}").select("row", *frame.columns)
        if rows.height:
            findings.append(Finding(table, field.name, rule, rows, rows.height))
        if rule == "drop":
            flags = flags.with_columns(pl.col("dropped") | pl.col(f"is_{field.name}"))
    return flags.filter(~pl.col("dropped")).select(frame.columns), findings


def merged(findings: list[Finding]) -> list[Finding]:
    """Findings of several symbols put together by table and name, in the order of the rules."""
    order = [("bars", field.name) for field in fields(BarRules)] + [
        ("series", field.name) for field in fields(SeriesRules)
    ]
    found = []
    for key in order:
        same = [each for each in findings if (each.table, each.name) == key]
        if same:
            rows = pl.concat([each.rows.head(REPORTED_ROWS) for each in same], how="diagonal").head(REPORTED_ROWS)
            found.append(Finding(*key, same[0].rule, rows, sum(each.count for each in same)))
    return found


def report(counts: dict[str, dict[str, int]], findings: list[Finding]) -> dict[str, Any]:
    """Plain data: how many rows came and stayed, every finding with its rule and rows."""
    found = [each.to_data() for each in findings]
    return {**counts, "findings": found, "reported_rows_at_most": REPORTED_ROWS}


def check_folder(source: Path, target: Path, params: CheckParams) -> tuple[dict[str, dict[str, int]], list[Finding]]:
    """Check the tables under `source`, one symbol in memory at a time, and write what is kept to `target`."""
    counts = {name: {"ingested": 0, "kept": 0} for name in ("bars", "series")}
    findings: list[Finding] = []
    none = pl.DataFrame(schema=BARS), pl.DataFrame(schema=SERIES)
    series = read_series(source / "series")
    inputs = (Tables(read_bars(source / "bars", [symbol]), none[1]) for symbol in symbols_in(source / "bars"))
    for before in itertools.chain(inputs, [Tables(none[0], series)]):
        after, found = check(before, params)
        findings = merged(findings + found)
        for name in counts:
            counts[name]["ingested"] += getattr(before, name).height
            counts[name]["kept"] += getattr(after, name).height
        write_part(after.bars, target / "bars", "checked")
    write_parquet(after.series, target / "series.parquet")
    return counts, findings


def main() -> None:
    """Run the stage; the report is written before a refusal, so that it can be read."""
    params = section("check", CheckParams)
    with fresh_folder("data/checked") as folder:
        counts, findings = check_folder(Path("data"), folder, params)
        write_json(report(counts, findings), "artifacts/check.json")
        for found in findings:
            print(f"{found.table}.{found.name}: {found.count:,} rows, {found.rule}")
        message = refusal(findings)
        if message:
            raise ValueError(f"{message}\nall rows: artifacts/check.json")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"check: {error}")
