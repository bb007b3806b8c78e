"""Stage check: what is wrong with the ingested tables, row by row, and what params.yaml says to do about it.

Nothing is repaired: a finding refuses the data, drops its rows, or is only marked; the report names the rows.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from typing import Any, Literal

import polars as pl

from pipelines.atomic import write_json, write_parquet
from pipelines.params import section
from pipelines.sources.tables import Tables

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
    """One kind of finding in one table: the rows that show it, and the rule that applied."""

    table: str
    name: str
    rule: str
    rows: pl.DataFrame

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
            "count": self.rows.height,
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
                f"check.{found.table}.{found.name}: must not occur, was in {found.rows.height} rows, the first "
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
            findings.append(Finding(table, field.name, rule, rows))
        if rule == "drop":
            flags = flags.with_columns(pl.col("dropped") | pl.col(f"is_{field.name}"))
    return flags.filter(~pl.col("dropped")).select(frame.columns), findings


def report(before: Tables, after: Tables, findings: list[Finding]) -> dict[str, Any]:
    """Plain data: how many rows came and stayed, every finding with its rule and rows."""
    return {
        "bars": {"ingested": before.bars.height, "kept": after.bars.height},
        "series": {"ingested": before.series.height, "kept": after.series.height},
        "findings": [found.to_data() for found in findings],
        "reported_rows_at_most": REPORTED_ROWS,
    }


def main() -> None:
    """Run the stage; the report is written before a refusal, so that it can be read."""
    params = section("check", CheckParams)
    before = Tables(pl.read_parquet("data/bars.parquet"), pl.read_parquet("data/series.parquet"))
    after, findings = check(before, params)
    write_json(report(before, after, findings), "artifacts/check.json")
    for found in findings:
        print(f"{found.table}.{found.name}: {found.rows.height:,} rows, {found.rule}")
    message = refusal(findings)
    if message:
        raise ValueError(f"{message}\nall rows: artifacts/check.json")
    write_parquet(after.bars, "data/checked/bars.parquet")
    write_parquet(after.series, "data/checked/series.parquet")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"check: {error}")
