"""The report's tables, as HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.measures.outcome import Outcome
from pipelines.measures.risk import PORTFOLIO_LIMIT, TRADE_LIMIT
from pipelines.pages.charts import NAMES
from pipelines.pages.markup import cells, heading, mark, number, span, table
from pipelines.trades.frontier_replays import OWN_STOP

GROUPS = {
    "expectancy_r": "What the trades made",
    "premature_rate": "Whether the stops were right",
    "profit_capture": "How much of the move was kept",
    "slippage_stops": "What the fills cost, and how far they can be known",
    "stop_out_rate": "What the policy did",
}
GROUP_HEADS = {
    "regime": "Volatility at the signal",
    "symbol": "Symbol",
    "side": "Side",
    "weekday": "Weekday of the fill",
    "hour": "Hour of the fill, UTC",
    "model": "Model",
    "reason": "Reason of the exit (known only afterwards)",
}
SHORT = {
    "expectancy_r": "mean R",
    "expectancy_bp": "expectancy",
    "win_rate": "win rate",
    "premature_rate": "premature",
    "stop_effectiveness": "effective",
    "profit_capture": "capture",
    "give_back": "give-back",
    "stop_out_rate": "stop-outs",
    "stop_distance": "stop",
    "holding_bars": "holding",
    "ambiguity_rate": "ambiguous",
}
PAIRED = ("expectancy_bp", "expectancy_r", "win_rate", "premature_rate", "profit_capture")


def goal(target: float | None, unit: str, better: str) -> str:
    """A target as `< 20 %`."""
    if target is None:
        return ""
    shown = f"{100 * target:g} {unit}" if unit in ("%", "pt") else f"{target:g} {unit}"
    return f"{'&gt;' if better == 'higher' else '&lt;'} {shown}"


def tile(row: Mapping[str, Any]) -> str:
    """One headline figure."""
    figure = _Row(row)
    return (
        f"<div class=tile><span>{figure.label}</span><b>{figure.value}</b>"
        f"<span>{figure.interval}<br>target {figure.target}: {mark(figure.verdict)}</span></div>"
    )


def scorecard(rows: pl.DataFrame, more: Sequence[str] = ()) -> str:
    """The headline table: the product's rows of the scorecard, in a world with a known answer beside its oracle's; and
    more lines below them.
    """
    known = "oracle" in rows.columns
    body = []
    for row in rows.iter_rows(named=True):
        if row["figure"] in GROUPS:
            body.append(heading(GROUPS[row["figure"]], 9 + known))
        r = _Row(row)
        texts = [
            r.label,
            r.value,
            r.interval,
            r.trades,
            r.target,
            mark(r.verdict),
            r.baseline,
            r.paired,
            mark(r.versus),
            *([r.oracle] if known else []),
        ]
        body.append(cells(texts))
    body += more
    heads = [
        "figure",
        "ratchet",
        "interval",
        "trades",
        "target",
        "verdict",
        "best static",
        "paired difference",
        "versus",
        *(["oracle, share reached"] if known else []),
    ]
    return table(heads, body)


class _Row:
    """The texts of one line of the scorecard."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        unit, better = str(row["unit"]), str(row["better"])
        get = {key: value if isinstance(value, float) else None for key, value in row.items()}
        self.label, self.verdict, self.versus = str(row["label"]), str(row["verdict"]), str(row["versus"])
        self.value = number(get["value"], unit, signed=row["figure"] == "win_rate_impact")
        interval = span(get["low"], get["high"], unit)
        self.interval = f"<span class=range>{interval}</span>"
        self.target = goal(get["target"], "pt" if row["figure"] == "win_rate_impact" else unit, better)
        self.trades = f"{row['trades']:,}"
        self.baseline = number(get["baseline"], unit)
        self.oracle = number(get.get("oracle"), unit)
        if get.get("share") is not None:
            reached = span(get["share_low"], get["share_high"], "%")
            self.oracle += f" {number(get['share'], '%')} <span class=range>{reached}</span>"
        paired = span(get["difference_low"], get["difference_high"], unit)
        self.paired = f"{number(get['difference'], unit, signed=True)} <span class=range>{paired}</span>"


def worst_case(report: Outcome) -> str:
    """Maximum loss, open risk and cascades, per policy."""
    body = []
    for name in (n for n in NAMES if n in report.worst):
        w = report.worst[name]
        loss = mark("met" if w.maximum_loss <= TRADE_LIMIT else "not met", number(w.maximum_loss, "%"))
        open_risk = "–"
        if math.isfinite(w.portfolio_loss):
            open_risk = mark("met" if w.portfolio_loss <= PORTFOLIO_LIMIT else "not met", number(w.portfolio_loss, "%"))
        texts = [NAMES[name], loss, number(w.maximum_loss_without_gaps, "%"), number(w.tail_loss, "%")]
        texts += [str(w.breaches), str(w.breaches_by_gap), number(w.drawdown, "%")]
        body.append(cells([*texts, open_risk, mark("met" if w.cascades == 0 else "not met", str(w.cascades))]))
    heads = [
        "policy",
        "maximum loss",
        "without gaps",
        "mean of worst 5 %",
        "breaches",
        "by gap",
        "drawdown",
        "open risk",
        "cascades",
    ]
    return table(heads, body)


def gap_table(gaps: pl.DataFrame) -> str:
    """The product's gap to each static curve at its own mean stop distance."""
    names = {
        "stop_out_rate": ("stop-outs", "%"),
        "premature_rate": ("premature stops", "%"),
        "expectancy_bp": ("expectancy", "bp"),
        "cvar_bp": ("worst 5 %", "bp"),
    }
    body = []
    own = gaps.filter((pl.col("setting") == OWN_STOP) & pl.col("metric").is_in(list(names)))
    for row in own.iter_rows(named=True):
        label, unit = names[row["metric"]]
        at = f"{label} against {NAMES[row['curve']]}"
        values = [number(row["product"], unit), number(row["static"], unit), number(row["gap"], unit, signed=True)]
        body.append(cells([at, *values, span(row["low"], row["high"], unit), mark(row["versus"])]))
    distance = number(own["stop_distance"][0], "%")
    return table([f"at a mean stop of {distance}", "ratchet", "static", "gap", "interval", "versus"], body)


def distance_table(gaps: pl.DataFrame) -> str:
    """The product's gap in expectancy to each static curve, one line a distance."""
    rows = gaps.filter(pl.col("metric") == "expectancy_bp")
    curves = rows["curve"].unique(maintain_order=True).to_list()
    body = []
    for _, line in rows.group_by("setting", maintain_order=True):
        of = {row["curve"]: row for row in line.iter_rows(named=True)}
        texts = [number(line["stop_distance"][0], "%"), f"{line['setting'][0]:g}", number(line["product"][0], "bp")]
        for each in (of[name] for name in curves):
            interval = f"<span class=range>{span(each['low'], each['high'], 'bp')}</span>"
            texts += [f"{number(each['gap'], 'bp', signed=True)} {interval}", mark(each["versus"])]
        body.append(cells(texts))
    heads = [head for name in curves for head in (f"less {NAMES[name]}", "versus")]
    return table(["mean stop", "times its own", "ratchet", *heads], body)


def policies(report: Outcome) -> str:
    """The main figures of every policy side by side."""
    body = []
    for name in (n for n in NAMES if n in set(report.table["policy"])):
        rows = pick(report.rows(name), tuple(SHORT))
        body.append(cells([NAMES[name], *(number(row["value"], row["unit"]) for row in rows)]))
    return table(["policy", *SHORT.values()], body)


def pairs(table_of_pairs: pl.DataFrame) -> str:
    """The product less each other policy on the same entries, under pessimistic fills."""
    body = []
    rows = table_of_pairs.filter(pl.col("mode") == "pessimistic")
    for (policy,), mine in rows.group_by("policy", maintain_order=True):
        texts = [NAMES[str(policy)]]
        for row in pick(mine, PAIRED):
            interval = span(row["difference_low"], row["difference_high"], row["unit"])
            difference = number(row["difference"], row["unit"], signed=True)
            texts += [f"{difference} <span class=range>{interval}</span>", mark(row["versus"])]
        body.append(cells(texts))
    heads = [head for name in PAIRED for head in (SHORT[name], "versus")]
    return table(["ratchet less", *heads], body)


def groups(figures: pl.DataFrame) -> str:
    """The product by group, and its paired difference from the best static baseline there."""
    if figures.is_empty():
        return "<p>All trades are of one group.</p>"
    body: list[str] = []
    before = ""
    for (dimension, _, name), rows in figures.group_by("dimension", "group", "name", maintain_order=True):
        if dimension != before:
            body.append(heading(GROUP_HEADS[str(dimension)], 9))
            before = str(dimension)
        of = {row["figure"]: _Row(row) for row in rows.iter_rows(named=True)}
        r, bp = of["expectancy_r"], of["expectancy_bp"]
        texts = [
            html.escape(str(name)),
            f"{rows['group_trades'][0]:,}",
            f"{r.value} {r.interval}",
            f"{bp.value} {bp.interval}",
        ]
        texts += [of[figure].value for figure in ("win_rate", "premature_rate", "ambiguity_rate")]
        body.append(cells([*texts, bp.paired if bp.baseline != "–" else "", mark(bp.versus)]))
    heads = [
        "group",
        "trades",
        "mean R",
        "expectancy",
        "win rate",
        "premature",
        "ambiguous",
        "less best static",
        "versus",
    ]
    return table(heads, body)


def selection(chosen: pl.DataFrame) -> str:
    """What was chosen from how many, and what luck alone would have given."""
    body = []
    for row in chosen.iter_rows(named=True):
        name = "all of these" if row["policy"] == "all" else NAMES[row["policy"]]
        chances = ["–" if row[key] is None else f"{100 * row[key]:.1f} %" for key in ("deflated_sharpe", "overfitting")]
        ratios = [f"{row[key]:.3f}".replace("-", "−") for key in ("sharpe", "luck")]
        counts = (f"{row[key]:,.0f}" for key in ("trials", "times", "effective"))
        body.append(cells([name, row["part"], *counts, *ratios, *chances]))
    heads = [
        "chosen",
        "part",
        "of trials",
        "instants",
        "independent",
        "Sharpe ratio",
        "best by luck",
        "deflated Sharpe",
        "overfitting",
    ]
    return table(heads, body)


def worst_trades(product: pl.DataFrame, notional_fraction: float, count: int = 15) -> str:
    """The trades that lost most, with the decision."""
    loss = (pl.col("pnl") / pl.col("entry_price")).alias("loss")
    body = []
    for row in product.with_columns(loss).sort("loss").head(count).iter_rows(named=True):
        stop, target = row["stop_distance"] / row["entry_price"], row["target_r"]
        body.append(
            cells(
                [
                    f"{row['symbol']} {'long' if row['side'] > 0 else 'short'}",
                    f"{row['entry_ts']:%Y-%m-%d}",
                    f"{row['fill_price']:,.2f}",
                    "rules" if row["fallback"] else "nets",
                    number(stop, "%"),
                    "–" if target is None else f"{target:.2f} R",
                    f"{row['reason']}{', gap' if row['gap'] else ''}",
                    str(row["exit_index"] - row["entry_index"] + 1),
                    number(row["r"], "R"),
                    number(row["horizon_pnl"] / row["stop_distance"], "R"),
                    _of_equity(notional_fraction * row["loss"]),
                ]
            )
        )
    heads = ["trade", "entry", "fill", "decided by", "stop", "target", "exit", "bars", "result", "if held", "of equity"]
    return table(heads, body)


def _of_equity(profit: float) -> str:
    text = number(profit, "%")
    return mark("not met", text) if -profit > TRADE_LIMIT else text


def pick(rows: pl.DataFrame, figures: Sequence[str]) -> list[dict[str, Any]]:
    """The named figures' rows, in that order."""
    by_name = {row["figure"]: row for row in rows.iter_rows(named=True)}
    return [by_name[name] for name in figures]
