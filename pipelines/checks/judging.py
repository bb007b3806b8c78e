"""How rows are judged: look after look, each at what the rules have left so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields

import polars as pl

from pipelines.checks.finding import PLACES, REPORTED_ROWS, Finding, Rules

# Findings that only the rows before and after explain; the report shows these too.
BESIDE = {"bad_tick", "volume_outlier", "scale_jump", "outlier", "clock_change"}


@dataclass(frozen=True, slots=True)
class Seen:
    """flags: finding → true for each row that shows it (null: does not).

    absent: finding → (ts, until, missing) of bars that are not there, from the first missing bar's open to the last
    one's end.
    """

    flags: Mapping[str, pl.Expr | pl.Series] = field(default_factory=dict)
    absent: Mapping[str, pl.DataFrame] = field(default_factory=dict)


Look = Callable[[pl.DataFrame], Seen]


def judge(
    table: str, symbol: str, frame: pl.DataFrame, looks: Sequence[Look], rules: Rules, context: tuple[int, int] = (0, 0)
) -> tuple[pl.DataFrame, list[Finding]]:
    """The rows that stay, and the findings in the order of the rules.

    Each look judges the rows that the looks before it have left, and while it drops rows it looks again: so what stays
    shows nothing that is to be dropped, and what depends on neighbours (gaps, stale opens) is told of the table that
    goes on. Refused and dropped rows are named as they are found, marked ones as they stand at the end. Where the rule
    of unsorted is sort, rows go to their time behind the look that finds them.

    frame: with part and row (file, and row in it, from 0), or without: then row counts the frame's own. context: so
    many of its first rows have been judged already, and so many of its last will be: they are neighbours only.
    """
    columns = frame.columns
    if "row" not in columns:
        origin = [pl.lit(None, pl.String).alias("part"), pl.int_range(pl.len(), dtype=pl.Int64).alias("row")]
        frame = frame.with_columns(origin)
    first, last = context[0], frame.height - context[1]
    left = frame.with_row_index("_at")
    own = pl.col("_at").is_between(first, last, closed="left")
    shown: dict[str, list[pl.DataFrame]] = {}
    gone: list[pl.Series] = []
    for look in looks:
        while True:
            seen = look(left)
            flags = left.select(**seen.flags).select(pl.all().fill_null(False))
            droppable = [name for name in flags.columns if getattr(rules, name) == "drop"]
            out = left.select(pl.lit(bool(droppable)) & (pl.col("_at") >= first)).to_series()
            if droppable:
                out &= flags.select(pl.any_horizontal(droppable)).to_series()
            again = bool(out.any())
            for name in flags.columns:
                if not again or getattr(rules, name) in ("refuse", "drop"):
                    shown.setdefault(name, []).append(_rows(left, flags[name], name).filter(own))
            if not again:
                break
            gone.append(left.filter(out)["ts"])
            left = left.filter(~out)
        for name, places in seen.absent.items():
            shown[name] = [_placed(places, left, symbol, gone)]
        if getattr(rules, "unsorted", None) == "sort" and "unsorted" in flags.columns:
            left = left.sort(pl.col("ts").forward_fill().backward_fill(), maintain_order=True)
    findings = []
    for rule in fields(rules):
        rows = pl.concat(shown[rule.name]) if rule.name in shown else pl.DataFrame()
        if rows.height:
            if "_at" in rows.columns:
                rows = rows.unique("_at", keep="first").sort("_at").drop("_at")
            new = [pl.lit(None, kind).alias(name) for name, kind in PLACES.items() if name not in rows.columns]
            spool = rows.with_columns(new).select(*PLACES).lazy()
            told = rows.head(REPORTED_ROWS)
            findings.append(Finding(table, rule.name, getattr(rules, rule.name), symbol, rows.height, spool, told))
    return left.filter(own).select(columns), findings


def _rows(left: pl.DataFrame, flags: pl.Series, name: str) -> pl.DataFrame:
    """Those that show it, their place first; where neighbours decide, with the rows before and after."""
    place = ["_at", "part", "row"]
    if name not in BESIDE:
        return left.filter(flags).select(*place, pl.exclude(place))
    told = pl.struct(pl.exclude(*place, "symbol", "name", "venue"))
    beside = [told.shift(1).alias("before"), told.shift(-1).alias("after")]
    return left.select(*place, pl.exclude(place), *beside).filter(flags)


def _placed(places: pl.DataFrame, left: pl.DataFrame, symbol: str, gone: list[pl.Series]) -> pl.DataFrame:
    """Absent bars with the row that follows them, and how many rows of their time have been dropped."""
    rows = left.select("part", "row", pl.col("ts").alias("until")).drop_nulls("until").sort("until")
    after = places.sort("until").join_asof(rows, on="until", strategy="forward")
    dropped = pl.concat(gone).drop_nulls().sort() if gone else pl.Series([], dtype=PLACES["ts"])
    inside = dropped.search_sorted(after["until"], "left") - dropped.search_sorted(after["ts"], "left").cast(pl.Int64)
    return after.select(
        "part", "row", pl.lit(symbol).alias("symbol"), "ts", "until", "missing", inside.cast(pl.Int64).alias("dropped")
    )
