"""The report's interactive plots. Colours are roles that the page fills in for light or dark."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipelines.frontier_replays import OWN_STOP

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
# Distinguishable on white and on near-black, also with colour-blind eyes (Okabe and Ito 2008, lightness evened).
COLOURS = {
    "product": "#0a84c6",
    "fixed_percent": "#d5732a",
    "fixed_atr": "#1f9e77",
    "garch": "#b65a9b",
    "chandelier": "#b08a00",
    "sar": "#6f7fd1",
    "time_only": "#8a8f98",
    "random": "#b9bec6",
}
REASONS = {"stop": "#d1495b", "target": "#1f9e77", "time": "#8a8f98"}


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
    figure.add_vline(x=0, line_width=1, line_dash="dot", line_color="#8a8f98")
    figure.update_layout(barmode="overlay", height=360, bargap=0.04)
    figure.update_xaxes(title_text="R multiple, costs inside (ends collect the rest)")
    figure.update_yaxes(title_text="trades")
    return figure


def excursions(trades: pl.DataFrame) -> go.Figure:
    """In-trade adverse against favourable excursion, in R, one point a trade, by exit; premature stops as crosses."""
    figure = go.Figure()
    known = trades.filter(pl.col("stop_distance").is_not_null())
    for reason, colour in REASONS.items():
        part = known.filter(pl.col("reason") == reason)
        labels = part.select(
            pl.format("{} {} · {} R", "symbol", pl.col("entry_ts").dt.to_string("%Y-%m-%d"), pl.col("r").round(2))
        )
        figure.add_scatter(
            x=(part["mae"] / part["stop_distance"]).to_list(),
            y=(part["mfe"] / part["stop_distance"]).to_list(),
            text=labels.to_series().to_list(),
            customdata=part["id"].to_list(),
            meta="excursions",  # by which the page's script knows the plot
            mode="markers",
            name=reason,
            marker={
                "color": colour,
                "size": 6,
                "opacity": 0.7,
                "symbol": ["x" if early else "circle" for early in part["premature"]],
            },
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
    for reason, colour in REASONS.items():
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
        x=[0, 1], y=[0, 1], mode="lines", line={"color": "#8a8f98", "dash": "dot", "width": 1}, name="perfect"
    )
    shades = {"hit": "#d1495b", "reversal": "#b65a9b", "reach": "#1f9e77", "giveback": "#b08a00"}
    for (net, curve), part in table.group_by("net", "curve", maintain_order=True):
        figure.add_scatter(
            x=part["forecast"].to_list(),
            y=part["observed"].to_list(),
            mode="lines+markers",
            name=f"{net} net: {curve}",
            line={"color": shades[str(curve)], "width": 1.6},
            hovertemplate="forecast %{x:.3f}, observed %{y:.3f}",
        )
    figure.update_layout(height=360)
    figure.update_xaxes(title_text="forecast probability", range=[0, 1])
    figure.update_yaxes(title_text="observed share", range=[0, 1])
    return figure


def frontier(curves: pl.DataFrame) -> go.Figure:
    """Stop-out rate, premature rate, expectancy and tail against the mean stop distance; the star is the product."""
    panels = {
        "stop_out_rate": ("stop-outs, %", 100.0),
        "premature_rate": ("premature stops, %", 100.0),
        "expectancy_bp": ("expectancy, bp of notional", 1.0),
        "cvar_bp": ("mean of worst 5 %, bp of notional", 1.0),
    }
    titles = [title for title, _ in panels.values()]
    figure = make_subplots(rows=2, cols=2, subplot_titles=titles, vertical_spacing=0.14, horizontal_spacing=0.08)
    for i, (metric, (_, scale)) in enumerate(panels.items()):
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
                legendgroup=policy,
                showlegend=i == 0,
                hovertemplate="stop %{x:.2f} %, %{y:.2f}",
                row=i // 2 + 1,
                col=i % 2 + 1,
            )
    figure.update_xaxes(title_text="mean first stop distance, % of price", row=2)
    figure.update_layout(height=640, margin_t=78, legend_y=1.07)
    return figure
