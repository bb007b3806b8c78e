"""A finding: the rows of one symbol that show one thing, and the rule of params.yaml that applies to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

import polars as pl

from pipelines.checks.params import BarRules, DepthRules, SeriesRules, TradeRules

REPORTED_ROWS = 200

NO_UNTIL = pl.lit(None, pl.Datetime("us", "UTC")).alias("until")
NO_MISSING = pl.lit(None, pl.Int64).alias("missing")

Rules = BarRules | SeriesRules | TradeRules | DepthRules
RULES: dict[str, type[Rules]] = {"bars": BarRules, "series": SeriesRules, "trades": TradeRules, "depth": DepthRules}


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding in one symbol's rows (of series: one name's).

    places: (ts, until, missing), one row for each that shows it; until and missing only where bars are absent.
    rows: the first REPORTED_ROWS of them, whole, with their position among the rows judged together.
    """

    table: str
    name: str
    rule: str
    symbol: str
    places: pl.DataFrame
    rows: pl.DataFrame

    @property
    def count(self) -> int:
        """How many rows show it, or from how many places bars are absent."""
        return self.places.height

    def to_data(self) -> dict[str, Any]:
        """For the report: plain data with the first rows."""
        finite = [
            pl.when(pl.col(name).is_finite()).then(pl.col(name)).otherwise(None).alias(name)
            for name, kind in self.rows.schema.items()
            if kind.is_float()
        ]
        lists = [
            pl.col(name).list.eval(pl.when(pl.element().is_finite()).then(pl.element()))
            for name, kind in self.rows.schema.items()
            if isinstance(kind, pl.List)
        ]
        times = [
            pl.col(name).dt.to_string("iso:strict") for name, kind in self.rows.schema.items() if kind.is_temporal()
        ]
        return {
            "table": self.table,
            "finding": self.name,
            "rule": self.rule,
            "symbol": self.symbol,
            "count": self.count,
            "rows": self.rows.drop("row", strict=False).with_columns(*finite, *lists, *times).to_dicts(),
        }


def judge(
    table: str,
    symbol: str,
    frame: pl.DataFrame,
    flags: Mapping[str, pl.Expr | pl.Series],
    rules: Rules,
    absent: Mapping[str, pl.DataFrame] | None = None,
) -> tuple[pl.DataFrame, list[Finding]]:
    """The rows that stay, and the findings in the order of the rules.

    flags: finding → true for each row that shows it (null: does not). absent: finding → (ts, until, missing) of bars
    that are not there, from the first missing bar's open to the last one's end.
    """
    shown = frame.select(**flags).select(pl.all().fill_null(False))
    findings = []
    dropped = []
    for field in fields(rules):
        rule = getattr(rules, field.name)
        if absent is not None and field.name in absent:
            places = absent[field.name]
            rows = places.select(pl.lit(symbol).alias("symbol"), "ts", "until", "missing")
        elif field.name in flags:
            rows = frame.with_row_index("row").filter(shown[field.name])
            places = rows.select("ts", NO_UNTIL, NO_MISSING)
            if rule == "drop":
                dropped.append(field.name)
        else:
            continue
        if places.height:
            findings.append(Finding(table, field.name, rule, symbol, places, rows.head(REPORTED_ROWS)))
    kept = frame.filter(~shown.select(pl.any_horizontal(dropped)).to_series()) if dropped else frame
    return kept, findings


def merged(findings: list[Finding]) -> list[Finding]:
    """Findings of several pieces of one symbol put together, by table, symbol and rule's order."""
    order = {(table, field.name): i for i, (table, kind) in enumerate(RULES.items()) for field in fields(kind)}
    rank = {(table, field.name): j for table, kind in RULES.items() for j, field in enumerate(fields(kind))}
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for each in findings:
        groups.setdefault((each.table, each.symbol, each.name), []).append(each)
    keys = sorted(groups, key=lambda key: (order[key[0], key[2]], key[1], rank[key[0], key[2]]))
    found = []
    for key in keys:
        same = groups[key]
        places = pl.concat([each.places for each in same])
        rows = pl.concat([each.rows for each in same], how="diagonal").head(REPORTED_ROWS)
        found.append(Finding(key[0], key[2], same[0].rule, key[1], places, rows))
    return found


def refusal(findings: list[Finding]) -> str:
    """What stands against the data, or an empty text."""
    lines = []
    for found in findings:
        if found.rule == "refuse":
            others = [rule for rule in get_args(get_type_hints(RULES[found.table])[found.name]) if rule != "refuse"]
            lines.append(
                f"check.{found.table}.{found.name}: must not occur, was in {found.count:,} rows of {found.symbol}, the "
                f"first at {found.places['ts'][0]}; mend the source, or set the rule to "
                f"{' or '.join(others)} in params.yaml"
            )
    return "\n".join(lines)


def all_places(findings: list[Finding]) -> pl.DataFrame:
    """Every row of every finding: table, finding, rule, symbol, ts, until, missing."""
    names = {"table": "table", "finding": "name", "rule": "rule", "symbol": "symbol"}
    schema = {**dict.fromkeys(names, pl.String()), "ts": pl.Datetime("us", "UTC"), "until": pl.Datetime("us", "UTC")}
    frames = [pl.DataFrame(schema={**schema, "missing": pl.Int64()})]
    for each in findings:
        labels = [pl.lit(getattr(each, attribute)).alias(name) for name, attribute in names.items()]
        frames.append(each.places.select(*labels, "ts", "until", "missing"))
    return pl.concat(frames)
