"""The report's plots of what happened in and after the trades. Colours are roles, as in `charts`."""

from __future__ import annotations

import math

import plotly.graph_objects as go
import polars as pl

from pipelines.measures.groups import WEEKDAYS
from pipelines.measures.scorecard import FEW
from pipelines.pages.charts import COLOURS, REASONS, SOFT, reasons_of

MOST_WRITTEN = 7  # columns of a heatmap whose cells have room for numbers
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
    for reason, colour in reasons_of(trades).items():
        paths = trades.filter(pl.col("reason") == reason)["after_path"].to_list()
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


def hits(trades: pl.DataFrame) -> dict[str, go.Figure]:
    """Share of stop-outs, share of targets and mean R, by regime and weekday; by hour too where bars have hours."""
    entry = pl.col("entry_ts").dt
    timed = trades.with_columns(pl.col("regime").fill_null("unknown"), weekday=entry.weekday() - 1, hour=entry.hour())
    axes = {"weekday": [day[:3] for day in WEEKDAYS]}
    if timed["hour"].n_unique() > 1:
        axes["hour"] = [str(hour) for hour in range(24)]
    red, green = REASONS["stop"], REASONS["target"]
    both = [[0, _clear(red, 0.75)], [0.5, _clear(SOFT)], [1, _clear(green, 0.75)]]
    panels = {
        "stop-outs, %": (100.0 * (pl.col("reason") == "stop").mean(), _fade(red), 0, 100, ".0f"),
        "targets, %": (100.0 * (pl.col("reason") == "target").mean(), _fade(green), 0, 100, ".0f"),
        "mean R": (pl.col("r").mean(), both, -1, 1, ".2f"),
    }
    regimes = [name for name in REGIMES if name in set(timed["regime"])]
    figures = {}
    for axis, names in axes.items():
        used = sorted(timed[axis].unique().to_list())
        labels = [names[at] for at in used]
        for title, (value, scale, low, high, form) in panels.items():
            table = timed.group_by("regime", axis).agg(value=value, count=pl.len())
            cell = {(row["regime"], row[axis]): row for row in table.iter_rows(named=True)}
            z = [[cell.get((regime, at), {}).get("value") for at in used] for regime in regimes]
            n = [[cell.get((regime, at), {}).get("count", 0) for at in used] for regime in regimes]
            figure = figures[f"{title}, by {axis}"] = go.Figure()
            written = len(used) <= MOST_WRITTEN
            figure.add_heatmap(
                z=z,
                x=labels,
                y=regimes,
                customdata=n,
                colorscale=scale,
                zmin=low,
                zmax=high,
                showscale=not written,
                colorbar={"thickness": 10, "outlinewidth": 0, "nticks": 5},
                xgap=2,
                ygap=2,
                hovertemplate=f"%{{y}}, %{{x}}: %{{z:{form}}} ({title}), %{{customdata}} trades<extra></extra>",
            )
            # Annotations, since they follow the page's text colour.
            size = 12 if len(used) <= 5 else 10
            for y, line in enumerate(z if written else []):
                for x, shown in enumerate(line):
                    if shown is not None:
                        text = f"{shown:{form}}".replace("-", "−")
                        text += f"<br><span style='font-size:9px'>n {n[y][x]}</span>"
                        figure.add_annotation(text=text, x=labels[x], y=regimes[y], showarrow=False, font_size=size)
            figure.update_xaxes(type="category", showgrid=False, title_text=f"{axis} of the entry (UTC)")
            figure.update_yaxes(showgrid=False)
            figure.update_layout(height=110 + 62 * len(regimes), margin_t=12)
    return figures


def what_if(compared: pl.DataFrame) -> dict[str, go.Figure]:
    """Paired difference to the product in bp, by the changed level, with intervals; before and on the test part."""
    shown = compared.filter(pl.col("kind").is_in(list(TITLES)))
    low, high = (min([0.0, *shown["low_bp"].drop_nulls()]), max([0.0, *shown["high_bp"].drop_nulls()]))
    margin = 0.05 * (high - low) or 1.0
    figures = {}
    for kind, title in TITLES.items():
        figure = figures[title] = go.Figure()
        for part, (label, colour) in PARTS.items():
            rows = shown.filter((pl.col("kind") == kind) & (pl.col("part") == part)).sort("value")
            figure.add_scatter(
                x=[_level(value) for value in rows["value"]],
                y=rows["difference_bp"].to_list(),
                error_y=_interval(rows),
                customdata=rows.select("changed", "trades", "mean_bp", "difference_r").rows(),
                mode="lines+markers",
                line={"color": colour, "width": 1.5},
                name=label,
                hovertemplate="%{x}: %{y:+.1f} bp (%{customdata[3]:+.3f} R) against the product<br>mean "
                "%{customdata[2]:.1f} bp; %{customdata[0]} of %{customdata[1]} trades changed",
            )
        figure.add_hline(y=0, line_width=1, line_dash="dot", line_color=SOFT)
        figure.update_xaxes(type="category", title_text=title)
        # One scale for all panels, so that they compare.
        figure.update_yaxes(title_text="difference to the product, bp", range=[low - margin, high + margin])
        figure.update_layout(height=330)
    return figures


def waterfall(steps: pl.DataFrame, compared: pl.DataFrame) -> dict[str, go.Figure]:
    """Mean distance of the first levels after each step; and what leaving a step out changes, with intervals."""
    figures = {}
    for level in ("stop", "target"):
        rows = steps.filter(pl.col("level") == level)
        figure = figures[f"first {level}, bp from the fill"] = go.Figure()
        figure.add_waterfall(
            x=[*rows["step"], "in force"],
            y=[*rows["change_bp"], 0.0],
            measure=["relative"] * rows.height + ["total"],
            text=[*(_step(value) for value in rows["change_bp"]), f"{rows['distance_bp'][-1]:.0f}"],
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
        )
        figure.update_xaxes(title_text="step")
        figure.update_yaxes(title_text=f"distance of the {level}, bp")
    figure = figures["the trades without the step"] = go.Figure()
    for part, (label, colour) in PARTS.items():
        rows = compared.filter((pl.col("kind") == "without") & (pl.col("part") == part))
        figure.add_scatter(
            x=rows["difference_bp"].to_list(),
            y=rows["step"].to_list(),
            error_x=_interval(rows),
            customdata=rows.select("changed", "trades").rows(),
            mode="markers",
            marker={"color": colour, "size": 8},
            name=label,
            hovertemplate="without %{y}: %{x:+.1f} bp, %{customdata[0]} of %{customdata[1]} trades changed",
        )
    figure.add_vline(x=0, line_width=1, line_dash="dot", line_color=SOFT)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(title_text="difference to the product, bp")
    for each in figures.values():
        each.update_layout(height=330)
    return figures


def _interval(rows: pl.DataFrame) -> dict[str, object]:
    return {
        "type": "data",
        "symmetric": False,
        "array": (rows["high_bp"] - rows["difference_bp"]).to_list(),
        "arrayminus": (rows["difference_bp"] - rows["low_bp"]).to_list(),
        "thickness": 1.2,
        "width": 3,
    }


def _level(value: float) -> str:
    return f"{value:g}" if math.isfinite(value) else "none"


def _step(value: float) -> str:
    whole = round(value)
    return f"{whole:+d}".replace("-", "−") if whole else "0"


def _clear(colour: str, alpha: float = 0.05) -> str:
    return f"rgba({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))}, {alpha})"


def _fade(colour: str) -> list[list[object]]:
    return [[0, _clear(colour)], [1, _clear(colour, 0.75)]]
