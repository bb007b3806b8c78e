"""The page of a walk-forward: folds, their dispersion, and the stitched result."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from string import Template

import polars as pl
from plotly.offline import get_plotlyjs

from pipelines.folds import Fold
from pipelines.pages import charts
from pipelines.pages.markup import cells, mark, number, span, table
from pipelines.pages.page import look, panels, plot
from pipelines.pages.report_seeds import dispersion_rows, seeds_card, seeds_note
from pipelines.pages.report_tables import gap_table, groups, pairs, scorecard, selection
from pipelines.stitching import STATIC, Stitched

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
    "deflated_sharpe": "deflated Sharpe ratio",
    "overfitting": "overfitting of the statics’ sweep",
}


def render(plan: list[Fold], stitched: Stitched, confidence: float, chosen_until: dt.date) -> str:
    """The whole page; chosen_until: the end of the bars on which parameters were chosen (split.validation_until)."""
    page = Template(Path(__file__).with_name("walk_forward.html").read_text(encoding="utf-8"))
    rows = stitched.card.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    return page.substitute(
        **look(),
        plotly=get_plotlyjs(),
        summary=f"{len(plan)} folds, each trained anew and tested on {plan[0].cut.calibration_until:%B %Y} to "
        f"{plan[-1].end - dt.timedelta(days=1):%B %Y} in turn; {max(rows['trades'].to_list()):,} trades, none of "
        f"bars that their nets had seen.{' ' + SEEN if plan[0].cut.calibration_until < chosen_until else ''}",
        confidence=f"{100 * confidence:g}",
        by_fold=plot(charts.folds(stitched.folds)),
        folds=fold_rows(stitched.folds),
        dispersion=dispersion_rows(stitched.dispersion, "folds", SHOWN),
        seeds_note=seeds_note(stitched.seeds["seed"].n_unique(), "walk_forward.seeds"),
        seeds=seeds_card(stitched.seeds),
        scorecard=scorecard(rows),
        pairs=pairs(stitched.pairs),
        worst=worst_rows(stitched.worst),
        frontier=panels(charts.frontier(stitched.curves)),
        gaps=gap_table(stitched.gaps),
        selection=selection(stitched.selection),
        equity=plot(charts.equity(stitched.equity)),
        groups=groups(stitched.groups),
    )


def worst_rows(worst: pl.DataFrame) -> str:
    """One line a policy: its worst fold, and the worst of all folds in one row of time."""
    body = []
    rows = {row["policy"]: row for row in worst.iter_rows(named=True)}
    for policy in dict.fromkeys(("product", STATIC, *charts.NAMES)):
        row, name = rows[policy], charts.NAMES.get(policy, "best static of each fold")
        fold = f"{number(row['worst_fold_bp'], 'bp')} <span class=range>fold {row['worst_fold']}</span>"
        shares = (number(row[key], "%") for key in ("drawdown", "maximum_loss", "tail_loss"))
        risk = number(row["portfolio_loss"], "%")
        body.append(cells([name, fold, *shares, f"{row['breaches']}", risk, f"{row['cascades']}"]))
    heads = [
        "policy",
        "worst fold",
        "drawdown",
        "maximum loss",
        "mean of worst 5 %",
        "breaches",
        "open risk",
        "cascades",
    ]
    return table(heads, body)


def fold_rows(folds: pl.DataFrame) -> str:
    """One line a fold."""
    body = []
    for rows in folds.partition_by("fold", maintain_order=True):
        of = {row["figure"]: row for row in rows.iter_rows(named=True)}
        bp = of["expectancy_bp"]
        line = [str(bp["fold"]), f"{bp['train_until']:%Y-%m}", f"{bp['test_from']:%Y-%m}", f"{bp['trades']:,}"]
        for name in ("expectancy_bp", "skill_stop_atr", "skill_exit_atr"):
            line.append(_valued(of[name]["value"], of[name]["low"], of[name]["high"], of[name]["unit"]))
        paired = _valued(bp["difference"], bp["difference_low"], bp["difference_high"], "bp", signed=True)
        chances = " / ".join(number(of[name]["value"], "%") for name in ("deflated_sharpe", "overfitting"))
        body.append(cells([*line, paired, mark(bp["versus"]), chances]))
    heads = [
        "fold",
        "trained to",
        "tested from",
        "trades",
        "expectancy",
        "skill, stop",
        "skill, exit",
        "less best static",
        "versus",
        "DSR / PBO",
    ]
    return table(heads, body)


def _valued(value: float | None, low: float | None, high: float | None, unit: str, signed: bool = False) -> str:
    return f"{number(value, unit, signed=signed)}<br><span class=range>{span(low, high, unit)}</span>"
