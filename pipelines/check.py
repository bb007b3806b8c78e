"""Stage check: what is wrong with the ingested tables, row by row, and what params.yaml says to do about it.

Nothing is repaired: a finding refuses the data, drops its rows, or is only marked; the report names the rows.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.atomic import fresh_folder, write_json, write_parquet, write_text
from pipelines.check_report import render
from pipelines.checks.bars import check_bars
from pipelines.checks.depth import check_depth
from pipelines.checks.finding import REPORTED_ROWS, RULES, Finding, all_places, merged, refusal
from pipelines.checks.params import CheckParams
from pipelines.checks.series import Span, check_series
from pipelines.checks.trades import check_trades
from pipelines.params import section
from pipelines.partitions import read_bars, read_months, read_series, symbols_in, write_part
from pipelines.sources.tables import SCHEMAS, SERIES

Counts = dict[str, dict[str, int]]


class Checked:
    """What came and stayed by table, the findings, and when each symbol's bars begin and end."""

    def __init__(self) -> None:
        self.counts: Counts = {name: {"ingested": 0, "kept": 0} for name in RULES}
        self.findings: list[Finding] = []
        self.spans: dict[str, Span] = {}

    def take(self, table: str, before: int, after: int, found: list[Finding]) -> None:
        """Count the rows of one piece and remember its findings."""
        self.counts[table]["ingested"] += before
        self.counts[table]["kept"] += after
        self.findings += found

    def span_of(self, symbol: str | None) -> Span | None:
        """Of the symbol's bars, or where it has none (as "*", all symbols), of all bars."""
        spans = [self.spans[symbol]] if symbol in self.spans else list(self.spans.values())
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def to_data(self) -> dict[str, Any]:
        """Plain data: how many rows came and stayed, every finding with its rule and first rows."""
        found = [each.to_data() for each in self.findings]
        return {**self.counts, "findings": found, "reported_rows_at_most": REPORTED_ROWS}


def check_folder(source: Path, target: Path, params: CheckParams, now: dt.datetime) -> Checked:
    """Check the tables under `source` and write what is kept to `target`.

    In memory are one symbol's bars, or a month of its trades or books, at a time, and the series. now: later stamps lie
    in the future.
    """
    checked = Checked()
    for symbol in symbols_in(source / "bars"):
        bars = read_bars(source / "bars", [symbol])
        kept, found = check_bars(bars, params, now)
        checked.take("bars", bars.height, kept.height, found)
        write_part(kept.sort("ts"), target / "bars", "checked")
        if kept["ts"].count():
            checked.spans[symbol] = kept["ts"].min(), kept["ts"].max()  # type: ignore[assignment]
    frames = [pl.DataFrame(schema=SERIES)]
    for (symbol_key, _), series in read_series(source / "series").group_by("symbol", "name", maintain_order=True):
        span = checked.span_of(None if symbol_key is None else str(symbol_key))
        kept, found = check_series(series, span, params, now)
        checked.take("series", series.height, kept.height, found)
        frames.append(kept)
    write_parquet(pl.concat(frames).sort("symbol", "name", "ts"), target / "series.parquet")
    for table, judge in (("trades", check_trades), ("depth", check_depth)):
        (target / table).mkdir(parents=True, exist_ok=True)
        for month, part in read_months(source / table, SCHEMAS[table]):
            kept, found = judge(part, params, now)
            checked.take(table, part.height, kept.height, found)
            # Named by where the rows come from: a late row that goes to its own month must not replace what is there.
            write_part(kept.sort("ts", maintain_order=True), target / table, f"checked-{month}")
    checked.findings = merged(checked.findings)
    return checked


def main() -> None:
    """Run the stage; the report is written before a refusal, so that it can be read."""
    params = section("check", CheckParams)
    with fresh_folder("data/checked") as folder:
        checked = check_folder(Path("data"), folder, params, dt.datetime.now(dt.UTC))
        write_json(checked.to_data(), "artifacts/check.json")
        write_parquet(all_places(checked.findings), "artifacts/check.parquet")
        write_text(render(checked.counts, checked.findings, checked.spans), "artifacts/check.html")
        for found in checked.findings:
            print(f"{found.table}.{found.name}: {found.symbol}, {found.count:,} rows, {found.rule}")
        message = refusal(checked.findings)
        if message:
            raise ValueError(f"{message}\nall rows: artifacts/check.html, artifacts/check.parquet")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"check: {error}")
