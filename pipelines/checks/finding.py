"""A finding: the rows of one symbol that show one thing, and the rule of params.yaml that applies to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

import polars as pl

from pipelines.checks.params import BarRules, DepthRules, SeriesRules, TradeRules

REPORTED_ROWS = 200

TIMESTAMP = pl.Datetime("us", "UTC")
PLACES = {
    "part": pl.String(),
    "row": pl.Int64(),
    "ts": TIMESTAMP,
    "until": TIMESTAMP,
    "missing": pl.Int64(),
    "dropped": pl.Int64(),
}

Rules = BarRules | SeriesRules | TradeRules | DepthRules
RULES: dict[str, type[Rules]] = {"bars": BarRules, "series": SeriesRules, "trades": TradeRules, "depth": DepthRules}


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding in one symbol's rows (of series: one name's).

    spool: (part, row, ts, until, missing, dropped), one row for each place that shows it. part and row: the file below
    data/, and the row in it, from 0; of absent bars, the row before which they are missing. until, missing, dropped:
    only where bars are absent; dropped: how many rows of that time the check itself has dropped.
    rows: the first REPORTED_ROWS of them, whole; where neighbours decide, with the rows before and after.
    """

    table: str
    name: str
    rule: str
    symbol: str
    count: int
    spool: pl.LazyFrame
    rows: pl.DataFrame

    @property
    def places(self) -> pl.DataFrame:
        """All places, in memory."""
        return self.spool.collect()

    def to_data(self) -> dict[str, Any]:
        """For the report: plain data with the first rows."""
        return {
            "table": self.table,
            "finding": self.name,
            "rule": self.rule,
            "symbol": self.symbol,
            "count": self.count,
            "rows": self.rows.select(_plain(pl.col(name), kind) for name, kind in self.rows.schema.items()).to_dicts(),
        }


def _plain(value: pl.Expr, kind: Any) -> pl.Expr:
    """For JSON, which knows neither times nor NaN and Inf."""
    if kind.is_float():
        return pl.when(value.is_finite()).then(value)
    if kind.is_temporal():
        return value.dt.to_string("iso:strict")
    if isinstance(kind, pl.List):
        return value.list.eval(pl.when(pl.element().is_finite()).then(pl.element()))
    if isinstance(kind, pl.Struct):
        inside = [_plain(value.struct.field(each.name), each.dtype).alias(each.name) for each in kind.fields]
        return pl.when(value.is_not_null()).then(pl.struct(inside)).alias(value.meta.output_name())
    return value


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
        count = sum(each.count for each in same)
        spool = pl.concat([each.spool for each in same])
        rows = pl.concat([each.rows for each in same], how="diagonal").head(REPORTED_ROWS)
        found.append(Finding(key[0], key[2], same[0].rule, key[1], count, spool, rows))
    return found


def refusal(findings: list[Finding]) -> str:
    """What stands against the data, or an empty text."""
    lines = []
    for found in findings:
        if found.rule == "refuse":
            others = [rule for rule in get_args(get_type_hints(RULES[found.table])[found.name]) if rule != "refuse"]
            part, row, ts = found.spool.select("part", "row", "ts").head(1).collect().row(0)
            place = "" if part is None else f" (row {row:,} of {part})"
            lines.append(
                f"check.{found.table}.{found.name}: must not occur, was in {found.count:,} rows of {found.symbol}, the "
                f"first at {ts}{place}; mend the source, or set the rule to {' or '.join(others)} in params.yaml"
            )
    return "\n".join(lines)


def all_places(findings: list[Finding]) -> pl.LazyFrame:
    """Every row of every finding: table, finding, rule, symbol, and its place."""
    names = {"table": "table", "finding": "name", "rule": "rule", "symbol": "symbol"}
    frames = [pl.LazyFrame(schema={**dict.fromkeys(names, pl.String()), **PLACES})]
    for each in findings:
        labels = [pl.lit(getattr(each, attribute)).alias(name) for name, attribute in names.items()]
        frames.append(each.spool.select(*labels, *PLACES))
    return pl.concat(frames)
