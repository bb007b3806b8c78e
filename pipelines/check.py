"""Stage check: what is wrong with the ingested tables, row by row, and what params.yaml says to do about it.

Nothing is repaired unsaid: a finding refuses the data, drops its rows, or is only marked; the report names the rows.
"""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.atomic import fresh_folder, write_file, write_json, write_parquet, write_text
from pipelines.checks.ahead import Relation, closes_of, relation_of
from pipelines.checks.bars import check_bars, check_lag
from pipelines.checks.calendars import inside_days
from pipelines.checks.depth import check_depth
from pipelines.checks.finding import REPORTED_ROWS, RULES, Finding, all_places, merged, refusal
from pipelines.checks.params import CheckParams
from pipelines.checks.series import Span, check_series
from pipelines.checks.trades import check_trades
from pipelines.pages.check_report import render
from pipelines.params import section
from pipelines.partitions import read_bars, read_pieces, read_series, symbols_in, write_part
from pipelines.sources.tables import RECEIPT, SCHEMAS, SERIES

Counts = dict[str, dict[str, int]]
CheckPiece = Callable[[pl.DataFrame, CheckParams, dt.datetime, tuple[int, int]], tuple[pl.DataFrame, list[Finding]]]

# Of trades or books in memory at once.
PIECE_ROWS = 1_000_000
# Places of one finding in one piece that are kept in memory; more go to a file.
PLACES_IN_MEMORY = 10_000
PLACES = ".places"
ORIGIN = ("part", "row")


class Checked:
    """What came and stayed by table, the findings, and when each symbol's bars begin and end."""

    def __init__(self, spool: Path) -> None:
        self.counts: Counts = {name: {"ingested": 0, "kept": 0} for name in RULES}
        self.findings: list[Finding] = []
        self.spans: dict[str, Span] = {}
        self._spool = spool
        self._files = 0

    def take(self, table: str, before: int, after: int, found: list[Finding]) -> None:
        """Count the rows of one piece and remember its findings."""
        self.counts[table]["ingested"] += before
        self.counts[table]["kept"] += after
        self.findings += map(self._light, found)

    def span_of(self, symbol: str | None) -> Span | None:
        """Of the symbol's bars, or where it has none (as "*", all symbols), of all bars."""
        spans = [self.spans[symbol]] if symbol in self.spans else list(self.spans.values())
        return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None

    def to_data(self) -> dict[str, Any]:
        """Plain data: how many rows came and stayed, every finding with its rule and first rows."""
        found = [each.to_data() for each in self.findings]
        return {**self.counts, "findings": found, "reported_rows_at_most": REPORTED_ROWS}

    def _light(self, found: Finding) -> Finding:
        """With many places, these in a file, so that findings in large tables do not fill the memory."""
        if found.count <= PLACES_IN_MEMORY:
            return found
        self._files += 1
        path = self._spool / f"{self._files}.parquet"
        write_parquet(found.places, path)
        return replace(found, spool=pl.scan_parquet(path))


def check_folder(source: Path, target: Path, params: CheckParams, now: dt.datetime) -> Checked:
    """Check the tables under `source` and write what is kept to `target`.

    In memory are one symbol's bars, or PIECE_ROWS of its trades or books, at a time, and the series. now: later stamps
    lie in the future. Places of many findings lie in target/.places, to be removed when they have been read.
    """
    checked = Checked(target / PLACES)
    files = sum(1 for table in RULES for _ in (source / table).glob("symbol=*/month=*/*.parquet"))
    with tqdm(total=files, desc="check", unit="part", disable=None) as bar:
        first = None
        for symbol in symbols_in(source / "bars"):
            bars = read_bars(source / "bars", [symbol], origin=True)
            kept, found = check_bars(bars, params, now)
            if (closes := closes_of(kept)) is not None and inside_days(kept):
                first = first or (symbol, closes)
                found += check_lag(kept, closes, first, params)
            checked.take("bars", bars.height, kept.height, found)
            write_part(kept.drop(ORIGIN), target / "bars", "checked")
            if kept["ts"].count():
                checked.spans[symbol] = kept["ts"].min(), kept["ts"].max()  # type: ignore[assignment]
            bar.update(bars["part"].n_unique())
        series = read_series(source / "series", origin=True)
        _check_series(series, target, params, now, checked)
        bar.update(series["part"].n_unique())
        pieces = _Pieces(target, params, now, checked)
        tables: list[tuple[str, CheckPiece, dict[str, pl.DataType]]] = [
            ("trades", check_trades, SCHEMAS["trades"]),
            ("depth", check_depth, {**SCHEMAS["depth"], **RECEIPT}),
        ]
        for table, judge, schema in tables:
            (target / table).mkdir(parents=True, exist_ok=True)
            part = None
            for month, piece in read_pieces(source / table, schema, PIECE_ROWS):
                pieces.take(table, judge, month, piece)
                bar.update(part != (part := piece["part"][0]))
            pieces.finish()
    checked.findings = merged(checked.findings)
    return checked


def _check_series(series: pl.DataFrame, target: Path, params: CheckParams, now: dt.datetime, checked: Checked) -> None:
    groups = dict(series.group_by("symbol", "name", maintain_order=True))
    relations: dict[tuple[object, ...], Relation] = {}
    for symbol in checked.spans:
        beside = [key for key in groups if key[0] in (symbol, "*", None)]
        closes = closes_of(read_bars(target / "bars", [symbol])) if beside else None
        for key in beside:
            relation = relation_of(groups[key], closes, params.clock) if closes is not None else None
            if relation is not None and (key not in relations or relation.after > relations[key].after):
                relations[key] = relation
    frames = [pl.DataFrame(schema=SERIES)]
    for key, each in groups.items():
        span = checked.span_of(None if key[0] is None else str(key[0]))
        kept, found = check_series(each, span, params, now, relations.get(key))
        checked.take("series", each.height, kept.height, found)
        frames.append(kept.drop(ORIGIN))
    write_parquet(pl.concat(frames), target / "series.parquet")


@dataclass
class _Pieces:
    """Trades and books, a piece at a time: its last rows are judged with the next one, beside the rows kept before."""

    target: Path
    params: CheckParams
    now: dt.datetime
    checked: Checked
    table: str = ""
    judge: CheckPiece = check_trades
    month: Path = Path()
    number: int = 0
    before: pl.DataFrame | None = None
    held: pl.DataFrame | None = None

    def take(self, table: str, judge: CheckPiece, month: Path, piece: pl.DataFrame) -> None:
        """Judge what has been held back, and the piece but for its last rows."""
        if (table, month) != (self.table, self.month):
            self.finish()
            self.table, self.judge, self.month, self.number = table, judge, month, 0
        edge = 2 * self.params.trade_outlier.around_trades
        self._check(piece, min(edge, piece.height))

    def finish(self) -> None:
        """Judge the last rows of a month."""
        if self.held is not None:
            self._check(None, 0)
        self.before = self.held = None

    def _check(self, piece: pl.DataFrame | None, later: int) -> None:
        frames = [each for each in (self.before, self.held, piece) if each is not None]
        frame = pl.concat(frames)
        earlier = 0 if self.before is None else self.before.height
        kept, found = self.judge(frame, self.params, self.now, (earlier, later))
        self.checked.take(self.table, frame.height - earlier - later, kept.height, found)
        # Named by where the rows come from: a late row that goes to its own month must not replace what is there.
        key = f"checked-{self.month.name.removeprefix('month=')}-{self.number:04}"
        write_part(kept.drop(ORIGIN), self.target / self.table, key)
        self.number += 1
        edge = 2 * self.params.trade_outlier.around_trades
        known = kept if self.before is None else pl.concat([self.before, kept])
        self.before = known.group_by("venue", maintain_order=True).tail(edge).select(known.columns)
        self.held = frame.tail(later)


def main() -> None:
    """Run the stage; the report is written before a refusal, so that it can be read."""
    params = section("check", CheckParams)
    with fresh_folder("data/checked") as folder:
        checked = check_folder(Path("data"), folder, params, dt.datetime.now(dt.UTC))
        write_json(checked.to_data(), "artifacts/check.json")
        write_file(all_places(checked.findings).sink_parquet, "artifacts/check.parquet")
        write_text(render(checked.counts, checked.findings, checked.spans), "artifacts/check.html")
        for found in checked.findings:
            print(f"{found.table}.{found.name}: {found.symbol}, {found.count:,} rows, {found.rule}")
        message = refusal(checked.findings)
        if message:
            raise ValueError(f"{message}\nall rows: artifacts/check.html, artifacts/check.parquet")
        shutil.rmtree(folder / PLACES, ignore_errors=True)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"check: {error}")
