"""What `make repro` prints at its end: the figures in the terminal, and where to look next."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from pipelines.latency import FILE as LATENCY
from pipelines.measures.goals import counted, whole
from pipelines.pages.charts import NAMES

FOLDER = Path("artifacts/evaluate")
FIGURES = (
    "expectancy_r",
    "expectancy_bp",
    "win_rate",
    "win_rate_impact",
    "premature_rate",
    "premature_of_stops",
    "stop_effectiveness",
    "profit_capture",
    "profit_capture_horizon",
    "give_back",
    "r_at_target",
    "win_rate_2r",
    "partial_success",
    "slippage_stops",
    "stop_distance",
    "ambiguity_rate",
    "ambiguity_left",
)
STYLES = {"met": "green", "better": "green", "not met": "red", "worse": "red", "null": "dim"}


def text(value: float | None, unit: str) -> str:
    """A value as in the table's unit column; fractions in per cent."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{100 * value:.{2 if abs(value) < 0.0095 else 1}f}"
    return f"{value:.2f}" if unit == "R" else f"{value:.1f}"


def interval(low: float | None, high: float | None, unit: str) -> str:
    """`low … high`, or nothing."""
    return "" if low is None or high is None else f"{text(low, unit)} … {text(high, unit)}"


def styled(verdict: str) -> str:
    """A verdict with its colour."""
    return f"[{STYLES[verdict]}]{verdict}[/]" if verdict in STYLES else verdict


def figures_table(card: pl.DataFrame) -> Table:
    """The product's main figures under pessimistic fills."""
    table = Table(title="Exits on the test part, pessimistic fills", title_justify="left", title_style="bold")
    table.add_column("figure", no_wrap=True)
    for name in ("", "value", "interval", "target", "verdict", "best static", "versus"):
        table.add_column(name, justify="left" if name in ("", "verdict", "versus") else "right", no_wrap=True)
    rows = card.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    by_name = {row["figure"]: row for row in rows.iter_rows(named=True)}
    for row in (by_name[name] for name in FIGURES):
        unit, sign = row["unit"], {"higher": "> ", "lower": "< "}.get(row["better"], "")
        target = "" if row["target"] is None else f"{sign}{100 * row['target'] if unit == '%' else row['target']:g}"
        shown = interval(row["low"], row["high"], unit)
        verdicts = styled(row["verdict"]), styled(row["versus"])
        cells = [text(row["value"], unit), shown, target, verdicts[0], text(row["baseline"], unit), verdicts[1]]
        table.add_row(row["label"], unit, *cells)
    return table


def worst_lines(worst: pl.DataFrame) -> list[str]:
    """Maximum loss, open risk and cascades beside the static baselines."""
    lines = []
    for row in worst.filter(pl.col("policy").is_in(["product", "fixed_percent", "fixed_atr"])).iter_rows(named=True):
        open_risk = "–" if row["portfolio_loss"] is None else f"{100 * row['portfolio_loss']:.2f} %"
        lines.append(
            f"{NAMES[row['policy']]:>10}: maximum loss {100 * row['maximum_loss']:.2f} % of equity "
            f"({row['breaches']} beyond 2 %), open risk {open_risk} (limit 5 %), cascades {row['cascades']}"
        )
    return lines


def selection_lines(chosen: pl.DataFrame) -> list[str]:
    """What luck would have given, for the product and for the sweep of the exits without learning."""
    rows = {row["policy"]: row for row in chosen.iter_rows(named=True)}
    product, sweep = rows["product"], rows["all"]
    lines = [
        f"{'ratchet':>10}: Sharpe ratio {product['sharpe']:.3f} an entry; after {product['trials']} trials (nets, "
        f"settings) it exceeds luck with probability {_chance(product['deflated_sharpe'])} (deflated)"
    ]
    lines.append(
        f"{'sweep':>10}: best of {sweep['trials']} settings exceeds luck with probability "
        f"{_chance(sweep['deflated_sharpe'])}; overfit with probability {_chance(sweep['overfitting'])}"
    )
    return lines


def edge_line(chosen: Mapping[str, Any]) -> str:
    """Which static exits were best at an end of their grid, so that a wider grid might do better; "" where none was."""
    found = [f"{NAMES[name]} {chosen['settings'][name]}" for name in chosen["at_edge"]]
    return f"{'sweep':>10}: best at the edge of the grid: {'; '.join(found)}" if found else ""


def whole_line(found: pl.DataFrame) -> str:
    """All targets at once, at this one setting. found: of `pipelines.measures.goals`."""
    parts = ", ".join(f"{count} {name}" for name, count in counted(found).items() if count)
    return f"{'ratchet':>10}: all targets at once {styled(whole(found))} ({parts})"


def seeds_line(metrics: Mapping[str, float]) -> str:
    """How much of the result is chance of training; "" for one seed. metrics: of metrics.json."""
    if metrics.get("seeds", 1) < 2:
        return ""
    mean, spread = metrics["expectancy_bp_seeds_mean"], metrics["expectancy_bp_seeds_std"]
    return (
        f"{'ratchet':>10}: {metrics['seeds']:.0f} seeds of both nets earn {mean:.1f} ± {spread:.1f} bp (one deviation)"
    )


def latency_line(path: Path) -> str:
    """How long a decision takes, and where that stands."""
    if not path.exists():
        return f"{'ratchet':>10}: decision latency not measured (python -m pipelines.latency)"
    found = json.loads(path.read_text())
    parts = [
        f"{label} p50 {found[kind]['p50']:.1f}, p99 {found[kind]['p99']:.1f} µs"
        for kind, label in {"bar": "new bar to all actions", "tick": "tick alone"}.items()
    ]
    return f"{'ratchet':>10}: {'; '.join(parts)} ({path})"


def _chance(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def main() -> None:
    """Print the tables of the last evaluation."""
    if not (FOLDER / "scorecard.csv").exists():
        raise ValueError(f"{FOLDER}/scorecard.csv: must exist, was missing; run make repro")
    # Wide enough for the table where the output is a file or a narrow terminal.
    console = Console(highlight=False, width=max(Console().width, 112))
    card, worst = (
        pl.read_csv(FOLDER / "scorecard.csv", infer_schema_length=None),
        pl.read_csv(FOLDER / "worst_case.csv"),
    )
    console.print(figures_table(card))
    found = pl.read_csv(FOLDER / "targets.csv")
    seeds = seeds_line(json.loads((FOLDER / "metrics.json").read_text()))
    for line in [whole_line(found), *worst_lines(worst), *filter(None, [seeds]), latency_line(LATENCY)]:
        console.print(line)
    for line in selection_lines(pl.read_csv(FOLDER / "selection.csv")):
        console.print(line)
    if line := edge_line(json.loads((FOLDER / "chosen.json").read_text())):
        console.print(line)
    registry = Path("artifacts/registry.json")
    if registry.exists():
        for net, entry in json.loads(registry.read_text()).items():
            state = "promoted to champion" if entry["promoted"] else f"champion is {entry['champion'] or 'none yet'}"
            console.print(f"{net:>10}: {entry['model']} version {entry['version']}, {state}")
    console.print(
        f"\nNext: open [bold]{FOLDER}/report.html[/], or run [bold]make ui[/] for the runs in MLflow, "
        "[bold]dvc metrics show[/], [bold]dvc plots show[/].\n"
        "Verdicts: met or not met where the whole interval says so, else null; versus: paired with best static."
    )


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"summary: {error}")
