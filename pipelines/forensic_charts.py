"""The report's plots of what happened in and after the trades. Colours are roles, as in `charts`."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from pipelines.charts import COLOURS, REASONS
from pipelines.groups import WEEKDAYS
from pipelines.scorecard import FEW

SOFT = "#8a8f98"
REGIMES = ("calm", "normal", "wild", "unknown")  # of `find_regimes`, and what it does not know
TITLES = {
    "stop_times": "first stop, × the product’s own",
    "stop_atr": "first stop, ATR at the signal",
    "target_r": "fixed target, R",
}
PARTS = {"earlier": ("before the test part", SOFT), "test": ("test part", COLOURS["product"])}


def after_exit(trades: pl.DataFrame, bars: int) -> go.Figure:
    """Mean path of the price after the exit, in R of the trade and in its direction, by exit.

    Band: quartiles. Dotted and without a band: few trades.
    """
    figure = go.Figure()
    for reason, colour in REASONS.items():
        paths = trades.filter(pl.col("reason") == reason)["after_path"].to_list()
        if not paths:
            continue
        columns = [[path[i] for path in paths if len(path) > i] for i in range(bars)]
        known = [pl.Series(column) for column in columns if column]
        x = list(range(len(known) + 1))
        if len(paths) >= FEW:
            low, high = ([0.0, *(each.quantile(q, "linear") for each in known)] for q in (0.25, 0.75))
            figure.add_scatter(
                x=[*x, *x[::-1]],
                y=[*high, *low[::-1]],
                fill="toself",
                mode="lines",
                line_width=0,
                fillcolor=colour,
                opacity=0.13,
                hoverinfo="skip",
                legendgroup=reason,
                showlegend=False,
            )
        figure.add_scatter(
            x=x,
            y=[0.0, *(each.mean() for each in known)],
            mode="lines",
            line={"color": colour, "width": 2, "dash": "solid" if len(paths) >= FEW else "dot"},
            name=f"{reason} ({len(paths)})",
            legendgroup=reason,
            hovertemplate="%{y:+.2f} R",
        )
    figure.add_hline(y=0, line_width=1, line_dash="dot", line_color=SOFT)
    figure.update_layout(height=360, hovermode="x unified")
    figure.update_xaxes(title_text="bars after the exit’s bar")
    figure.update_yaxes(title_text="price since the exit, R")
    return figure


def hits(trades: pl.DataFrame) -> go.Figure:
    """Share of stop-outs, share of targets and mean R, by regime and weekday; by hour too where bars have hours."""
    entry = pl.col("entry_ts").dt
    timed = trades.with_columns(pl.col("regime").fill_null("unknown"), weekday=entry.weekday() - 1, hour=entry.hour())
    axes = [("weekday", [day[:3] for day in WEEKDAYS])]
    if timed["hour"].n_unique() > 1:
        axes.append(("hour", [str(hour) for hour in range(24)]))
    red, green = REASONS["stop"], REASONS["target"]
    both = [[0, _clear(red, 0.75)], [0.5, _clear(SOFT)], [1, _clear(green, 0.75)]]
    panels = {
        "stop-outs, %": (100.0 * (pl.col("reason") == "stop").mean(), _fade(red), 0, 100, ".0f"),
        "targets, %": (100.0 * (pl.col("reason") == "target").mean(), _fade(green), 0, 100, ".0f"),
        "mean R": (pl.col("r").mean(), both, -1, 1, ".2f"),
    }
    regimes = [name for name in REGIMES if name in set(timed["regime"])]
    titles = list(panels) + [""] * (3 * (len(axes) - 1))
    figure = make_subplots(
        rows=len(axes), cols=3, subplot_titles=titles, horizontal_spacing=0.05, vertical_spacing=0.13
    )
    for i, (axis, names) in enumerate(axes):
        used = sorted(timed[axis].unique().to_list())
        for k, (title, (value, scale, low, high, form)) in enumerate(panels.items()):
            table = timed.group_by("regime", axis).agg(value=value, count=pl.len())
            cell = {(row["regime"], row[axis]): row for row in table.iter_rows(named=True)}
            z = [[cell.get((regime, at), {}).get("value") for at in used] for regime in regimes]
            n = [[cell.get((regime, at), {}).get("count", 0) for at in used] for regime in regimes]
            figure.add_heatmap(
                z=z,
                x=[names[at] for at in used],
                y=regimes,
                customdata=n,
                colorscale=scale,
                zmin=low,
                zmax=high,
                showscale=False,
                xgap=2,
                ygap=2,
                hovertemplate=f"%{{y}}, %{{x}}: %{{z:{form}}} ({title}), %{{customdata}} trades<extra></extra>",
                row=i + 1,
                col=k + 1,
            )
            # Annotations, since they follow the page's text colour.
            for y, line in enumerate(z if len(used) <= 7 else []):
                for x, shown in enumerate(line):
                    if shown is not None:
                        text = f"{shown:{form}}<br><span style='font-size:10px'>n {n[y][x]}</span>"
                        place = {"x": names[used[x]], "y": regimes[y], "showarrow": False}
                        figure.add_annotation(text=text, **place, row=i + 1, col=k + 1)
            if k:
                figure.update_yaxes(showticklabels=False, row=i + 1, col=k + 1)
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(showgrid=False)
    for i, (axis, _) in enumerate(axes):
        figure.update_xaxes(title_text=f"{axis} of the entry (UTC)", row=i + 1, col=2)
    figure.update_layout(height=110 + 230 * len(axes))
    return figure


def what_if(compared: pl.DataFrame) -> go.Figure:
    """Paired difference to the product in bp, by the changed level, with intervals; before and on the test part."""
    figure = make_subplots(
        rows=1, cols=3, subplot_titles=list(TITLES.values()), shared_yaxes=True, horizontal_spacing=0.03
    )
    for k, kind in enumerate(TITLES):
        for part, (label, colour) in PARTS.items():
            rows = compared.filter((pl.col("kind") == kind) & (pl.col("part") == part)).sort("value")
            figure.add_scatter(
                x=[_level(value) for value in rows["value"]],
                y=rows["difference_bp"].to_list(),
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": (rows["high_bp"] - rows["difference_bp"]).to_list(),
                    "arrayminus": (rows["difference_bp"] - rows["low_bp"]).to_list(),
                    "thickness": 1.2,
                    "width": 3,
                },
                customdata=rows.select("changed", "trades", "mean_bp", "difference_r").rows(),
                mode="lines+markers",
                line={"color": colour, "width": 1.5},
                name=label,
                legendgroup=part,
                showlegend=k == 0,
                hovertemplate="%{x}: %{y:+.1f} bp (%{customdata[3]:+.3f} R) against the product<br>mean "
                "%{customdata[2]:.1f} bp; %{customdata[0]} of %{customdata[1]} trades changed",
                row=1,
                col=k + 1,
            )
        figure.add_hline(y=0, line_width=1, line_dash="dot", line_color=SOFT, row=1, col=k + 1)
    figure.update_xaxes(type="category")
    figure.update_yaxes(title_text="difference to the product, bp", col=1)
    figure.update_layout(height=380, margin_t=78, legend_y=1.12)
    return figure


def waterfall(steps: pl.DataFrame, compared: pl.DataFrame) -> go.Figure:
    """Mean distance of the first levels after each step; and what leaving a step out changes, with intervals."""
    titles = ["first stop, bp from the fill", "first target, bp from the fill", "the trades without the step"]
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles, horizontal_spacing=0.11)
    for k, level in enumerate(("stop", "target")):
        rows = steps.filter(pl.col("level") == level)
        figure.add_waterfall(
            x=[*rows["step"], "in force"],
            y=[*rows["change_bp"], 0.0],
            measure=["relative"] * rows.height + ["total"],
            text=[f"{round(value):+d}" for value in rows["change_bp"]] + [f"{rows['distance_bp'][-1]:.0f}"],
            textposition="outside",
            cliponaxis=False,
            customdata=[*rows.select("moved", "later_moves").rows(), (None, None)],
            increasing_marker_color=COLOURS["product"],
            decreasing_marker_color=COLOURS["fixed_percent"],
            totals_marker_color=SOFT,
            connector={"line": {"color": SOFT, "width": 1, "dash": "dot"}},
            hovertemplate="%{x}: %{y:.1f} bp<br>moved the first level in %{customdata[0]:.0%} of trades, gave most to "
            "%{customdata[1]} later moves<extra></extra>",
            showlegend=False,
            row=1,
            col=k + 1,
        )
    for part, (label, colour) in PARTS.items():
        rows = compared.filter((pl.col("kind") == "without") & (pl.col("part") == part))
        figure.add_scatter(
            x=rows["difference_bp"].to_list(),
            y=rows["step"].to_list(),
            error_x={
                "type": "data",
                "symmetric": False,
                "array": (rows["high_bp"] - rows["difference_bp"]).to_list(),
                "arrayminus": (rows["difference_bp"] - rows["low_bp"]).to_list(),
                "thickness": 1.2,
            },
            customdata=rows.select("changed", "trades").rows(),
            mode="markers",
            marker={"color": colour, "size": 8},
            name=label,
            hovertemplate="without %{y}: %{x:+.1f} bp, %{customdata[0]} of %{customdata[1]} trades changed",
            row=1,
            col=3,
        )
    figure.add_vline(x=0, line_width=1, line_dash="dot", line_color=SOFT, row=1, col=3)
    figure.update_yaxes(autorange="reversed", row=1, col=3)
    figure.update_xaxes(title_text="difference to the product, bp", row=1, col=3)
    for k in (1, 2):
        figure.update_xaxes(title_text="step", row=1, col=k)
    figure.update_layout(height=380, margin_t=78, legend_y=1.12, legend_x=0.7)
    return figure


def _level(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "none"


def _clear(colour: str, alpha: float = 0.05) -> str:
    return f"rgba({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}, {alpha})"


def _fade(colour: str) -> list[list[object]]:
    return [[0, _clear(colour)], [1, _clear(colour, 0.75)]]
