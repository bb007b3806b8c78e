"""The report's interactive plots. Colours are roles that the page fills in for light or dark."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipelines.trades.frontier_replays import OWN_STOP

NAMES = {
    "product": "ratchet",
    "fixed_percent": "fixed %",
    "fixed_atr": "fixed ATR",
    "garch": "GARCH",
    "chandelier": "chandelier",
    "sar": "parabolic SAR",
    "time_only": "time only",
    "random": "random distances",
}
# Of like contrast on white and on near-black, and far enough apart also for colour-blind eyes, as a test measures.
COLOURS = {
    "product": "#1e70b0",
    "fixed_percent": "#ba5938",
    "fixed_atr": "#2ac57c",
    "garch": "#de2380",
    "chandelier": "#cba50c",
    "sar": "#8c87f6",
    "time_only": "#5c5f65",
    "random": "#a9aeb7",
}
REASONS = {
    "stop": "#c8353f",
    "target": "#35bf85",
    "time": "#6a6f7c",
    "liquidation": "#4b6fe0",
    "emergency": "#cba50c",
}
"""Every way in which a trade ends (`inference.replay.REASON_NAMES`, without open)."""
SHAPES = {
    "stop": "square",
    "target": "diamond",
    "time": "circle",
    "liquidation": "triangle-down",
    "emergency": "star",
}
CURVES = {"hit": REASONS["stop"], "reversal": COLOURS["sar"], "reach": REASONS["target"], "giveback": "#cba50c"}
SOFT = "#8a8f98"


def reasons_of(trades: pl.DataFrame) -> dict[str, str]:
    """Colours of the reasons for which trades ended; an exchange without margin never liquidates."""
    found = set(trades["reason"])
    return {reason: colour for reason, colour in REASONS.items() if reason in found}


def equity(curves: pl.DataFrame) -> go.Figure:
    """Closed profit in % of first equity by policy, and below it the distance from its peak."""
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.68, 0.32], vertical_spacing=0.06)
    for name in [n for n in curves.columns if n != "ts"][::-1]:
        line = {"color": COLOURS[name], "width": 2.6 if name == "product" else 1.4, "shape": "hv"}
        common: dict[str, Any] = {"x": curves["ts"].to_list(), "line": line, "legendgroup": name, "mode": "lines"}
        depth = (curves[name] - curves[name].cum_max().clip(lower_bound=0.0)).to_list()
        hover = "%{y:.2f} %"
        figure.add_scatter(y=curves[name].to_list(), name=NAMES[name], hovertemplate=hover, **common, row=1, col=1)
        figure.add_scatter(y=depth, name=NAMES[name], showlegend=False, hovertemplate=hover, **common, row=2, col=1)
    figure.update_yaxes(title_text="% of first equity", row=1, col=1)
    figure.update_yaxes(title_text="drawdown, points", row=2, col=1)
    figure.update_layout(height=520, hovermode="x unified", legend_traceorder="reversed")
    return figure


def r_histogram(trades: pl.DataFrame, baseline: str) -> go.Figure:
    """R multiples of the product beside the best static baseline's."""
    figure = go.Figure()
    clipped = trades.with_columns(pl.col("r").clip(-4, 6))
    for name in (baseline, "product"):
        values = clipped.filter((pl.col("policy") == name) & pl.col("r").is_not_null())["r"]
        figure.add_histogram(
            x=values.to_list(),
            name=NAMES[name],
            marker_color=COLOURS[name],
            opacity=0.62,
            xbins={"start": -4, "end": 6.25, "size": 0.25},
            hovertemplate="%{x} R: %{y} trades",
        )
    figure.add_vline(x=0, line_width=1, line_dash="dot", line_color=SOFT)
    figure.update_layout(barmode="overlay", height=360, bargap=0.04)
    figure.update_xaxes(title_text="R multiple, costs inside")
    figure.update_yaxes(title_text="trades")
    return figure


def excursions(trades: pl.DataFrame, opening: Collection[str]) -> go.Figure:
    """In-trade adverse against favourable excursion, in R, one point a trade, by exit; premature stops as crosses.

    opening: ids of the trades that a click opens in the browser of trades; the others are hollow.
    """
    figure = go.Figure()
    known = trades.filter(pl.col("stop_distance").is_not_null()).with_columns(opens=pl.col("id").is_in(list(opening)))
    shut = pl.when("opens").then(pl.lit("")).otherwise(pl.lit("<br>earlier than the trades in the browser"))
    for reason, colour in reasons_of(known).items():
        part = known.filter(pl.col("reason") == reason)
        shape = pl.when(pl.col("premature")).then(pl.lit("x")).otherwise(pl.lit(SHAPES[reason]))
        result = pl.col("r").map_elements(lambda r: f"{r:+.2f}".replace("-", "−"), pl.String)
        points = part.select(
            text=pl.format("{} {} · {} R{}", "symbol", pl.col("entry_ts").dt.to_string("%Y-%m-%d"), result, shut),
            symbol=shape + pl.when("opens").then(pl.lit("")).otherwise(pl.lit("-open")),
            id=pl.when("opens").then("id"),
        )
        figure.add_scatter(
            x=(part["mae"] / part["stop_distance"]).to_list(),
            y=(part["mfe"] / part["stop_distance"]).to_list(),
            text=points["text"].to_list(),
            customdata=points["id"].to_list(),
            meta="excursions",  # by which the page's script knows the plot
            mode="markers",
            name=reason,
            marker={"color": colour, "size": 7, "opacity": 0.7, "symbol": points["symbol"].to_list()},
            hovertemplate="%{text}<br>MAE %{x:.2f} R, MFE %{y:.2f} R",
        )
    figure.update_layout(height=360)
    figure.update_xaxes(title_text="adverse excursion, R", rangemode="tozero")
    figure.update_yaxes(title_text="favourable excursion, R", rangemode="tozero")
    return figure


def exits(trades: pl.DataFrame) -> go.Figure:
    """Share of exits by reason, per policy."""
    figure = go.Figure()
    shares = trades.group_by("policy").agg(*((pl.col("reason") == r).mean().alias(r) for r in REASONS))
    order = [name for name in NAMES if name in set(shares["policy"])][::-1]
    rows = {row["policy"]: row for row in shares.iter_rows(named=True)}
    for reason, colour in reasons_of(trades).items():
        figure.add_bar(
            y=[NAMES[name] for name in order],
            x=[100 * rows[name][reason] for name in order],
            name=reason,
            orientation="h",
            marker_color=colour,
            hovertemplate=f"{reason}: %{{x:.1f}} %",
        )
    figure.update_layout(barmode="stack", height=360, legend_traceorder="normal")
    figure.update_xaxes(title_text="% of trades", range=[0, 100])
    return figure


def calibration(table: pl.DataFrame) -> go.Figure:
    """Forecast probability against observed share, per curve."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": SOFT, "dash": "dot", "width": 1}, name="perfect"
    )
    for (net, curve), part in table.group_by("net", "curve", maintain_order=True):
        figure.add_scatter(
            x=part["forecast"].to_list(),
            y=part["observed"].to_list(),
            mode="lines+markers",
            name=f"{net} net: {curve}",
            line={"color": CURVES[str(curve)], "width": 1.6},
            hovertemplate="forecast %{x:.3f}, observed %{y:.3f}",
        )
    figure.update_layout(height=360)
    figure.update_xaxes(title_text="forecast probability", range=[0, 1])
    figure.update_yaxes(title_text="observed share", range=[0, 1])
    return figure


def frontier(curves: pl.DataFrame) -> dict[str, go.Figure]:
    """Stop-out rate, premature rate, expectancy and tail against the mean stop distance: title → figure; the star
    is the product as it is."""
    panels = {
        "stop_out_rate": ("stop-outs, %", 100.0),
        "premature_rate": ("premature stops, %", 100.0),
        "expectancy_bp": ("expectancy, bp of notional", 1.0),
        "cvar_bp": ("mean of worst 5 %, bp of notional", 1.0),
    }
    figures = {}
    for metric, (title, scale) in panels.items():
        figure = figures[title] = go.Figure()
        for (name,), part in curves.group_by("policy", maintain_order=True):
            policy = str(name)
            own = [policy == "product" and setting == OWN_STOP for setting in part["setting"]]
            figure.add_scatter(
                x=(100 * part["stop_distance"]).to_list(),
                y=(scale * part[metric]).to_list(),
                mode="lines+markers",
                marker={"size": [13 if o else 5 for o in own], "symbol": ["star" if o else "circle" for o in own]},
                line={"color": COLOURS[policy], "width": 1.6},
                marker_color=COLOURS[policy],
                name=NAMES[policy],
                hovertemplate="stop %{x:.2f} %, %{y:.2f}",
            )
        figure.update_xaxes(title_text="mean first stop distance, % of price")
        figure.update_layout(height=300)
    return figures


def folds(table: pl.DataFrame) -> go.Figure:
    """Expectancy of each fold of a walk-forward with its interval, beside that of the best static exit there.

    table: fold, test_from, figure, value, low, high, baseline.
    """
    rows = table.filter(pl.col("figure") == "expectancy_bp").sort("fold")
    x, names = rows["fold"].to_list(), rows["test_from"].dt.to_string("tested from %Y-%m-%d").to_list()
    figure = go.Figure()
    figure.add_scatter(
        x=x,
        text=names,
        y=rows["baseline"].to_list(),
        mode="markers",
        name="best static",
        marker={"color": COLOURS["fixed_percent"], "size": 9, "symbol": "diamond"},
        hovertemplate="%{text}: %{y:.1f} bp",
    )
    figure.add_scatter(
        x=x,
        text=names,
        y=rows["value"].to_list(),
        error_y={
            "type": "data",
            "symmetric": False,
            "array": (rows["high"] - rows["value"]).to_list(),
            "arrayminus": (rows["value"] - rows["low"]).to_list(),
            "thickness": 1.4,
        },
        mode="markers",
        name=NAMES["product"],
        marker={"color": COLOURS["product"], "size": 9},
        hovertemplate="%{text}: %{y:.1f} bp",
    )
    figure.add_hline(y=0, line_width=1, line_dash="dot", line_color=SOFT)
    figure.update_layout(height=320)
    figure.update_xaxes(title_text="fold", type="category")
    figure.update_yaxes(title_text="expectancy, bp of notional")
    return figure
