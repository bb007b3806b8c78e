"""A look at one symbol: `python -m pipelines.inspect SYMBOL [--from DATE] [--to DATE] [--out FILE]`.

Writes a page with a chart of the span and a table of all features over the whole history, and prints the table's top.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from tqdm import tqdm  # type: ignore[import-untyped]

from features.families import FAMILIES, FeatureParams
from features.labels import LabelParams
from features.store import GRAPH, table_path
from inference import Graph
from pipelines.atomic import write_text
from pipelines.measures.feature_statistics import correlations, distributions
from pipelines.pages.inspect_page import Findings, render, strongest
from pipelines.pages.overlays import Span, lead_bars
from pipelines.params import section
from pipelines.partitions import read_bars, symbols_in
from pipelines.splits import SplitParams

DEFAULT_BARS = 250
MAX_BARS = 800  # more candles than a screen has columns only make the page heavy
BARS = Path("data/checked/bars")
LABELS = Path("data/labels.parquet")
TRADES = Path("artifacts/evaluate/trades.parquet")


def scan(path: Path, symbol: str) -> pl.LazyFrame:
    """One symbol's rows of a stage's table. Raises ValueError where the stage has not run."""
    if not path.exists():
        raise ValueError(f"{path}: must exist, was missing; run `dvc repro`")
    return pl.scan_parquet(path).filter(pl.col("symbol") == symbol)


def features_of(family: str, symbol: str) -> tuple[pl.LazyFrame, dict[str, int]]:
    """A family's table of a symbol, and its features (net inputs) with the bars before each can be finite."""
    folder = Path("data/features") / family
    table = scan(table_path(folder, symbol), symbol)
    graph = Graph(json.loads((folder / GRAPH).read_text(encoding="utf-8")), symbol)
    return table, {name: graph.warm_up[name] for name in graph.data["features"]}


def load_span(symbol: str, begin: dt.datetime | None, end: dt.datetime | None, lead: int) -> Span:
    """The span's bars with all features, and up to `lead` rows before. Raises ValueError for an impossible one."""
    if not BARS.exists():
        raise ValueError(f"{BARS}: must exist, was missing; run `dvc repro`")
    if symbol not in symbols_in(BARS):
        known = ", ".join(symbols_in(BARS))
        raise ValueError(f"symbol: must be one of {known}, was {symbol!r}; name one, or ingest it")
    bars = read_bars(BARS, [symbol]).sort("ts")
    times = bars["ts"]
    first = 0 if begin is None else int(times.search_sorted(begin, "left"))
    after = len(times) if end is None else int(times.search_sorted(end, "left"))
    if begin is None:
        first = max(0, after - DEFAULT_BARS)
    if after <= first:
        raise ValueError(
            f"span: must hold bars of {symbol}, was empty; its bars go from {times[0]:%Y-%m-%d} to "
            f"{times[-1]:%Y-%m-%d}: move --from or --to"
        )
    if after - first > MAX_BARS:
        raise ValueError(
            f"span: must hold at most {MAX_BARS:,} bars, was {after - first:,}; move --from or --to together"
        )
    start = max(0, first - lead)
    inside = pl.col("ts").is_between(times[start], times[after - 1])
    frame = bars.filter(inside)
    for family in FAMILIES:
        table, _ = features_of(family, symbol)
        part = table.filter(inside).drop("symbol").collect(engine="streaming")
        if part.height != frame.height:
            raise ValueError(
                f"data/features/{family}: must have a row for each of the span's {frame.height} bars, was "
                f"{part.height}; run `dvc repro`"
            )
        frame = frame.join(part, on="ts", how="left", maintain_order="left")
    interval = int(times.diff().dt.total_microseconds().drop_nulls().mode().min())  # type: ignore[arg-type]
    trades = scan(TRADES, symbol).collect() if TRADES.exists() else None
    return Span(symbol, frame, first - start, interval, trades)


def examine(symbol: str, split: SplitParams, horizon_bars: int) -> Findings:
    """Statistics of all features over the symbol's whole history; correlations on the training part alone."""
    _, _, cut = split.boundaries()[0]
    assert cut is not None  # only the last part is open
    rows = scan(LABELS, symbol).filter(
        (pl.col("age") == 0) & (pl.col("side") == 1) & ~pl.col("censored") & (pl.col("end_ts") <= cut)
    )
    labels = rows.select("ts", "mae", "mfe", "final").sort("ts").collect(engine="streaming")
    overall, yearly, related = [], [], []
    family_of: dict[str, str] = {}
    for family in tqdm(FAMILIES, desc="features", unit="family"):
        table, warm_up = features_of(family, symbol)
        parts = distributions(table, warm_up, cut)
        overall.append(parts[0])
        yearly.append(parts[1])
        related.append(correlations(table, list(warm_up), labels, horizon_bars))
        family_of |= dict.fromkeys(warm_up, family)
    return Findings(pl.concat(overall), pl.concat(yearly), pl.concat(related), family_of, cut, horizon_bars)


def printed(findings: Findings, count: int = 12) -> Table:
    """The features that move most with a label, for the terminal."""
    table = Table(title="Features by their strongest rank correlation with a label", title_justify="left")
    table.add_column("feature", no_wrap=True)
    for name in ("missing", "median", "KS train", "KS later", "mae", "mfe", "final"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in strongest(findings).head(count).iter_rows(named=True):
        cells = [row["feature"], f"{100 * row['missing']:.1f} %"]
        cells.append("–" if row["p50"] is None else f"{row['p50']:.3g}")
        cells += ["–" if row[c] is None else f"{row[c]:.2f}" for c in ("ks_train", "ks_later")]
        for label in ("mae", "mfe", "final"):
            rho, se = row[f"{label}_rho"], row[f"{label}_se"]
            cells.append("–" if rho is None else f"{rho:+.2f} ± {2 * se:.2f}")
        table.add_row(*cells)
    return table


def day(text: str) -> dt.datetime:
    """A date or time in ISO 8601; without a zone it is UTC."""
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def through(text: str) -> dt.datetime:
    """The end of a day, or a time in ISO 8601."""
    return day(text) + dt.timedelta(days=len(text) == len("2015-06-30"))


def main(arguments: list[str] | None = None) -> None:
    """Reads the tables of data/ and artifacts/, writes one HTML file."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.inspect", description="Look at one symbol's features.")
    parser.add_argument("symbol")
    parser.add_argument("--from", dest="begin", type=day, help="first day drawn (default: 250 bars before the end)")
    parser.add_argument(
        "--to", dest="end", type=through, help="last day drawn, or time before which (default: the end)"
    )
    parser.add_argument("--out", type=Path, help="the page (default: artifacts/inspect/SYMBOL.html)")
    given = parser.parse_args(arguments)
    params = section("features", FeatureParams)
    split, horizon = section("split", SplitParams), section("labels", LabelParams).horizon_bars
    span = load_span(given.symbol, given.begin, given.end, lead_bars(params.levels))
    findings = examine(given.symbol, split, horizon)
    out = given.out or Path("artifacts/inspect") / f"{given.symbol.replace('/', '-')}.html"
    write_text(render(span, params, findings), out)
    console = Console(highlight=False, width=max(Console().width, 132))
    console.print(printed(findings))
    if span.trades is None:
        console.print(f"Without trades, since {TRADES} is missing: run `dvc repro`.")
    console.print(f"{span.shown.height} bars drawn, {findings.overall.height} features in the table: {out}")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"inspect: {error}")
