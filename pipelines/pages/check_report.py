"""The page of the check stage: findings by symbol with their rules, when they occur, and their first rows."""

from __future__ import annotations

import datetime as dt
import html
import math
from collections.abc import Iterable, Mapping
from itertools import groupby
from pathlib import Path
from string import Template

import polars as pl

from pipelines.checks.finding import Finding, refusal
from pipelines.checks.meanings import MEANINGS
from pipelines.pages.markup import heading
from pipelines.pages.page import look

Span = tuple[dt.datetime, dt.datetime]
SHOWN_ROWS = 20
BINS = 160
OPEN_ROWS = 5


def render(counts: Mapping[str, Mapping[str, int]], findings: list[Finding], spans: Mapping[str, Span]) -> str:
    """The whole page. counts: table → ingested, kept; spans: first and last bar of each symbol."""
    page = Template(Path(__file__).with_name("check.html").read_text(encoding="utf-8"))
    by_symbol = {key: list(group) for key, group in groupby(sorted(findings, key=_place), key=_place)}
    everything = _joined(spans.values())
    return page.substitute(
        **look(),
        summary=_summary(findings, spans),
        refusal=_refusal(findings),
        tiles="".join(_tile(table, each) for table, each in counts.items()),
        findings=_table(by_symbol) if findings else "<p><b class=good>Nothing was found.</b></p>",
        symbols="".join(
            _section(symbol, group, spans.get(symbol.split(" · ")[0], everything))
            for (_, symbol), group in by_symbol.items()
        ),
    )


def _place(found: Finding) -> tuple[int, str]:
    title = found.symbol if found.table in ("bars", "series") else f"{found.symbol} · {found.table}"
    return list(MEANINGS).index(found.table), title


def _joined(spans: Iterable[Span]) -> Span | None:
    every = list(spans)
    return (min(first for first, _ in every), max(last for _, last in every)) if every else None


def _span(found: Finding) -> Span | None:
    begin, end = found.spool.select(pl.col("ts").min().alias("begin"), pl.col("ts").max().alias("end")).collect().row(0)
    return None if begin is None else (begin, end)


def _summary(findings: list[Finding], spans: Mapping[str, Span]) -> str:
    span = _joined(spans.values())
    time = "" if span is None else f", {span[0]:%Y-%m-%d} to {span[1]:%Y-%m-%d} (UTC)"
    words = {"refuse": "refused", "drop": "dropped", "sort": "sorted", "mark": "marked"}
    rules = {rule: sum(found.rule == rule for found in findings) for rule in words}
    kinds = ", ".join(f"{number} {words[rule]}" for rule, number in rules.items() if number)
    return f"{len(spans):,} symbols{time}. {len(findings)} findings{f': {kinds}' if kinds else ''}."


def _refusal(findings: list[Finding]) -> str:
    text = refusal(findings)
    if not text:
        return ""
    lines = "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines())
    return f"<div class='card refusal'><b class=bad>The data are refused</b>{lines}</div>"


def _tile(table: str, counts: Mapping[str, int]) -> str:
    dropped = counts["ingested"] - counts["kept"]
    note = "<b class=null>–</b><span>none ingested</span>"
    if counts["ingested"]:
        note = f"<b>{counts['kept']:,}</b><span>kept of {counts['ingested']:,}, {dropped:,} dropped</span>"
    return f"<div class=tile><span>{table}</span>{note}</div>"


def _table(by_symbol: Mapping[tuple[int, str], list[Finding]]) -> str:
    body = []
    for (_, symbol), group in by_symbol.items():
        body.append(heading(html.escape(symbol), 6))
        for found in group:
            span = _span(found)
            first, last = ("–", "–") if span is None else (f"{each:%Y-%m-%d}" for each in span)
            count = f"{found.count:,}{_absent(found)}"
            cells = [found.name, f"<b class={found.rule}>{found.rule}</b>", count, first, last]
            body.append(
                "<tr>"
                + "".join(f"<td>{cell}</td>" for cell in cells)
                + f"<td class='text wrap'>{html.escape(MEANINGS[found.table][found.name])}</td></tr>"
            )
    heads = "".join(f"<th>{name}</th>" for name in ("finding", "rule", "places", "first", "last"))
    return (
        f"<div class='card wide'><table><thead><tr>{heads}<th class=text>what it says</th></tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _absent(found: Finding) -> str:
    """How many bars are missing, and how many of them the check itself has dropped."""
    missing, dropped = found.spool.select(pl.col("missing", "dropped").sum()).collect().row(0)
    own = f", {dropped:,} dropped here" if dropped else ""
    return f" <span class=range>({missing:,} bars{own})</span>" if missing else ""


def _section(symbol: str, group: list[Finding], span: Span | None) -> str:
    span = _joined(each for each in (span, *map(_span, group)) if each is not None)
    lines = "".join(_details(found, span) for found in group)
    ends = "" if span is None else f"<i>{span[0]:%Y-%m-%d}</i><i>{span[1]:%Y-%m-%d}</i>"
    return (
        f"<h2>{html.escape(symbol)}</h2><div class='card wide'>{lines}"
        f"<div class=line><span></span><div class=ends>{ends}</div></div></div>"
    )


def _line(found: Finding, span: Span) -> str:
    """One finding's places in time; a darker bin has more of them."""
    begin, length = span[0], max((span[1] - span[0]).total_seconds(), 1.0)
    share = (pl.col("ts") - begin).dt.total_microseconds() / 1e6 / length
    bins = (
        found.spool.drop_nulls("ts")
        .select((share * BINS).floor().clip(0, BINS - 1).cast(pl.Int64).alias("bin"), "ts")
        .group_by("bin")
        .agg(pl.len().alias("count"), pl.col("ts").min())
        .sort("bin")
        .collect()
    )
    most = max([1, *bins["count"]])
    marks = "".join(
        f"<rect x={place} y=0 width=1 height=16 class={found.rule} "
        f"opacity={0.5 + 0.5 * math.log1p(count) / math.log1p(most):.2f}>"
        f"<title>{count:,} from {first:%Y-%m-%d %H:%M}</title></rect>"
        for place, count, first in bins.iter_rows()
    )
    return (
        f"<svg viewBox='0 0 {BINS} 16' preserveAspectRatio=none shape-rendering=crispEdges role=img "
        f"aria-label='{found.name}, {found.count} places'>{marks}</svg>"
    )


def _details(found: Finding, span: Span | None) -> str:
    """A finding's timeline, which opens to its first rows; where neighbours decide, these stand around in grey."""
    shown = found.rows.head(SHOWN_ROWS)
    names = [name for name in shown.columns if name not in ("part", "symbol", "name", "before", "after")]
    heads = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body, part, seen = [], None, set(shown["ts"])
    for row in shown.iter_rows(named=True):
        if row["part"] not in (part, None):
            part = row["part"]
            body.append(heading(html.escape(part), len(names)))
        before, after = (row.get(side) or {} for side in ("before", "after"))
        for told, beside in ((before, True), (row, False), (after, True)):
            # Of rows that follow each other each stands once.
            if not beside or told.get("ts") not in {*seen, None}:
                body.append(_row(told, names, beside))
                seen.add(told["ts"])
    rest = found.count - shown.height
    more = f"<p>and {rest:,} more in <a href='check.parquet'>check.parquet</a></p>" if rest else ""
    return (
        f"<details{' open' if found.count <= OPEN_ROWS else ''}><summary class=line><span>{found.name}</span>"
        f"{'<i></i>' if span is None else _line(found, span)}<b class={found.rule}>{found.rule} {found.count:,}</b>"
        f"</summary><table><thead><tr>{heads}</tr></thead><tbody>{''.join(body)}</tbody></table>{more}</details>"
    )


def _row(row: Mapping[str, object], names: list[str], beside: bool) -> str:
    cells = "".join(f"<td>{_cell(row.get(name)) if name in row else ''}</td>" for name in names)
    return f"<tr class=beside>{cells}</tr>" if beside else f"<tr>{cells}</tr>"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d}" if value.time() == dt.time() else f"{value:%Y-%m-%d %H:%M:%S}"
    if isinstance(value, float):
        return f"{value:,.10g}".replace("-", "−")
    if isinstance(value, list):
        return ", ".join(_cell(each) for each in value[:3]) + (" …" if len(value) > 3 else "")
    return html.escape(str(value))
