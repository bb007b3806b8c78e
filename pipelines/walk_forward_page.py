"""The page of a walk-forward: folds, their dispersion, and the stitched result."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from string import Template

import polars as pl
from plotly.offline import get_plotlyjs

from pipelines import charts
from pipelines.folds import Fold
from pipelines.markup import cells, mark, number, span, table
from pipelines.page import look, plot
from pipelines.report_tables import groups, scorecard

SEEN = (
    "But parameters were chosen on bars that the first of these test parts hold: begin later, or read those with care."
)
SHOWN = {
    "expectancy_r": "mean R",
    "expectancy_bp": "expectancy",
    "win_rate": "win rate",
    "premature_rate": "premature stops",
    "profit_capture": "profit capture",
    "stop_distance": "stop distance",
    "skill_stop_atr": "skill of the stop net over ATR",
    "skill_exit_atr": "skill of the exit net over ATR",
}


def render(
    plan: list[Fold],
    card: pl.DataFrame,
    folds: pl.DataFrame,
    spread: pl.DataFrame,
    grouped: pl.DataFrame,
    equity: pl.DataFrame,
    confidence: float,
    chosen_until: dt.date,
) -> str:
    """The whole page; chosen_until: the end of the bars on which parameters were chosen (split.validation_until)."""
    page = Template(Path(__file__).with_name("walk_forward.html").read_text(encoding="utf-8"))
    rows = card.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    return page.substitute(
        **look(),
        plotly=get_plotlyjs(),
        summary=f"{len(plan)} folds, each trained anew and tested on {plan[0].cut.calibration_until:%B %Y} to "
        f"{plan[-1].end - dt.timedelta(days=1):%B %Y} in turn; {max(rows['trades'].to_list()):,} trades, none of "
        f"bars that their nets had seen.{' ' + SEEN if plan[0].cut.calibration_until < chosen_until else ''}",
        confidence=f"{100 * confidence:g}",
        by_fold=plot(charts.folds(folds)),
        folds=fold_rows(folds),
        dispersion=dispersion_rows(spread),
        scorecard=scorecard(rows),
        equity=plot(charts.equity(equity)),
        groups=groups(grouped),
    )


def fold_rows(folds: pl.DataFrame) -> str:
    """One line a fold."""
    body = []
    for rows in folds.partition_by("fold", maintain_order=True):
        of = {row["figure"]: row for row in rows.iter_rows(named=True)}
        bp = of["expectancy_bp"]
        line = [str(bp["fold"]), f"{bp['train_until']:%Y-%m-%d}", f"{bp['test_from']:%Y-%m-%d}", f"{bp['trades']:,}"]
        for name in ("expectancy_bp", "skill_stop_atr", "skill_exit_atr"):
            line.append(_valued(of[name]["value"], of[name]["low"], of[name]["high"], of[name]["unit"]))
        paired = _valued(bp["difference"], bp["difference_low"], bp["difference_high"], "bp", signed=True)
        body.append(cells([*line, paired, mark(bp["versus"])]))
    heads = [
        "fold",
        "trained until",
        "tested from",
        "trades",
        "expectancy",
        "skill, stop net",
        "skill, exit net",
        "less best static",
        "versus",
    ]
    return table(heads, body)


def dispersion_rows(spread: pl.DataFrame) -> str:
    """One line a figure."""
    body = []
    for row in spread.filter(pl.col("figure").is_in(list(SHOWN))).iter_rows(named=True):
        unit = row["unit"]
        values = [number(row[name], unit) for name in ("mean", "std", "low", "high")]
        above = "" if row["difference_mean"] is None else f"{row['folds_above']} of {row['folds']}"
        paired = "" if row["difference_mean"] is None else number(row["difference_mean"], unit, signed=True)
        body.append(cells([SHOWN[row["figure"]], *values, paired, above]))
    heads = ["figure", "mean", "standard deviation", "least", "largest", "less best static", "folds above it"]
    return table(heads, body)


def _valued(value: float | None, low: float | None, high: float | None, unit: str, signed: bool = False) -> str:
    return f"{number(value, unit, signed=signed)} <span class=range>{span(low, high, unit)}</span>"
