"""The report: one HTML file with tables and interactive plots, readable offline, in light or dark."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

import polars as pl
from plotly.offline import get_plotlyjs

from pipelines.measures.outcome import Outcome
from pipelines.measures.risk import PORTFOLIO_LIMIT, TRADE_LIMIT
from pipelines.measures.scorecard import FEW
from pipelines.pages import charts, report_account, report_goals, report_trades
from pipelines.pages.charts import NAMES
from pipelines.pages.page import look, panels, plot
from pipelines.pages.report_seeds import seeds_card, seeds_note
from pipelines.pages.report_skills import quality, skills
from pipelines.pages.report_tables import (
    distance_table,
    gap_table,
    groups,
    pairs,
    pick,
    policies,
    scorecard,
    selection,
    tile,
    worst_case,
    worst_trades,
)

HEADLINE = ("expectancy_r", "premature_rate", "profit_capture", "win_rate_impact")


def render(report: Outcome) -> str:
    """The whole page."""
    facts, trades = report.facts, report.pessimistic()
    page = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    product = trades.filter(pl.col("policy") == "product")
    begin, end = product.select(pl.col("entry_ts").min(), pl.col("exit_ts").max()).row(0)
    edge = dict.fromkeys(facts.at_edge, " (at the edge of its grid)")
    chosen = ", ".join(f"{NAMES[name]} {each.describe()}{edge.get(name, '')}" for name, each in facts.chosen.items())
    examined = report.examination
    opening = report_trades.browsable(examined.trades)["id"].to_list() if examined else product["id"].to_list()
    return page.substitute(
        **look(),
        plotly=get_plotlyjs(),
        summary=html.escape(
            f"{product.height:,} entries ({facts.entry_rule}) on {' and '.join(facts.symbols)}, "
            f"{begin:%B %Y} to {end:%B %Y}, held {facts.horizon_bars} bars at "
            f"most ({report.censored} cut off by the end of the data, left out). {facts.venue} "
            f"Every trade has {100 * facts.notional_fraction:g} % of equity. Static exits were swept over "
            f"{facts.training_entries:,} entries of the training part; the best one there, "
            f"{NAMES[facts.best_static]} ({facts.chosen[facts.best_static].describe()}), is the baseline."
        ),
        tiles=report_goals.whole_tile(report.goals) + "".join(tile(r) for r in pick(report.rows("product"), HEADLINE)),
        scorecard_note="Pessimistic fills: of stop and target in one bar, the stop. Intervals: "
        f"{100 * facts.confidence:g} %, stationary bootstrap over blocks of time, differences paired by entry. "
        f"A verdict stands only where the whole interval agrees and at least {FEW} instants of entry bear it, "
        "else it is null; trades: how many there are.",
        scorecard=scorecard(report.rows("product"), report_goals.latency_rows(report.latency)),
        targets=report_goals.sentences(report.goals),
        worst_note=f"Limits: {100 * TRADE_LIMIT:g} % of equity a trade, {100 * PORTFOLIO_LIMIT:g} % open at once. "
        "Open risk adds up all first stops in force, as if every position lost together; entries are held fixed here, "
        "so the engine's own limit on open risk does not stand in their way. breaches.csv lists every trade beyond its "
        "limit.",
        worst=worst_case(report),
        equity=plot(charts.equity(report.equity)),
        account=report_account.render(report.account, plot) if report.account else "",
        frontier=panels(charts.frontier(report.curves)),
        gaps=gap_table(report.gaps),
        distances=distance_table(report.gaps),
        groups_note=f"Each group has its own interval ({100 * facts.confidence:g} %); a verdict holds for all groups "
        "at once (Bonferroni), since of many some differ by chance. Regimes are thirds of the symbol's own GARCH "
        "volatility on the training part. Ambiguous: the exit depends on which of two levels in one bar came first.",
        groups=groups(report.groups),
        selection=selection(report.selection),
        histogram=plot(charts.r_histogram(trades, facts.best_static)),
        exits=plot(charts.exits(trades)),
        excursions=plot(charts.excursions(product, opening)),
        calibration=plot(charts.calibration(report.calibration)),
        skills=skills(report.skills),
        quality=quality(report.training) if report.training else "",
        seeds_note=seeds_note(report.seeds["seed"].n_unique(), "train.stop.seeds, train.exit.seeds"),
        seeds=seeds_card(report.seeds),
        chosen=html.escape(chosen),
        policies=policies(report),
        pairs=pairs(report.pairs),
        pairs_note="The product less each of them, paired by entry, with its interval "
        f"({100 * facts.confidence:g} %); a verdict holds for all of them at once (Bonferroni).",
        trades=worst_trades(product, facts.notional_fraction),
        examination=report_trades.render(examined, facts.confidence) if examined else "",
    )
