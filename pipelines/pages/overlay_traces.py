"""Traces of what lies over the price; `x` are the places of the span's bars on the axis."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import polars as pl

from features.families import FeatureParams
from pipelines.pages import overlays
from pipelines.pages.charts import REASONS
from pipelines.pages.overlays import Span

UP, DOWN, SOFT, BLUE, VIOLET = REASONS["target"], REASONS["stop"], "#7c848f", "#0f5be8", "#9b49aa"
# Zones of a strength above each get this shade; a pivot founds a zone of strength 0.5 to 2.
SHADES = ((0.0, 0.10), (1.0, 0.20), (2.5, 0.34))


def zones(figure: go.Figure, span: Span, x: list[str], side: str, colour: str, params: FeatureParams) -> None:
    """Zones of one side: a band each, darker with strength, and its centre with the strength of the day."""
    found = overlays.zones(span.frame, side, params.levels)
    drawn = [zone for zone in found if zone.end >= span.lead]
    for at, (least, opacity) in enumerate(SHADES):
        most = SHADES[at + 1][0] if at + 1 < len(SHADES) else np.inf
        corners_x: list[str | None] = []
        corners_y: list[float | None] = []
        for zone in (each for each in drawn if least < each.strength <= most):
            # To the next bar, so that a zone of one bar is seen too.
            begin, end = x[max(zone.begin - span.lead, 0)], x[min(zone.end + 1 - span.lead, len(x) - 1)]
            low, high = zone.centre - zone.half_width, zone.centre + zone.half_width
            corners_x += [begin, begin, end, end, begin, None]
            corners_y += [low, high, high, low, low, None]
        figure.add_scatter(
            x=corners_x,
            y=corners_y,
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:], 16)},{opacity})",
            name=f"zone {side}",
            legendgroup=f"zone {side}",
            showlegend=False,
            hoverinfo="skip",
        )
    centre, strength = np.full(len(x), np.nan), np.full(len(x), np.nan)
    for zone in drawn:
        rows = slice(max(zone.begin - span.lead, 0), zone.end - span.lead + 1)
        centre[rows] = zone.centre
        strength[rows] = np.expm1(span.shown[f"zone_{side}_strength"].to_numpy()[rows])
    figure.add_scatter(
        x=x,
        y=centre,
        customdata=strength,
        mode="markers",
        marker={"symbol": "line-ew", "size": 4, "line": {"color": colour, "width": 1}},
        name=f"zone {side}",
        legendgroup=f"zone {side}",
        hovertemplate="%{y:.6g}, strength %{customdata:.2f}",
    )


def profile(figure: go.Figure, span: Span, x: list[str], params: FeatureParams) -> None:
    """Volume at price at the side, and over time (hidden at first) its point of control and value area."""
    shown = span.shown
    common: dict[str, Any] = {"x": x, "mode": "lines", "legendgroup": "profile", "hovertemplate": "%{y:.6g}"}
    for name, title, dash in (
        ("poc", "point of control", "solid"),
        ("value_low", "", "dash"),
        ("value_high", "", "dash"),
    ):
        figure.add_scatter(
            y=shown[name],
            name=title or name.replace("_", " "),
            showlegend=bool(title),
            line={"color": VIOLET, "width": 1.2, "dash": dash, "shape": "hv"},
            visible="legendonly",
            **common,
        )
    found = overlays.volume_profile(span.frame, params.levels, span.interval_us)
    if found is None:
        return
    low, high, poc = (shown[name][-1] for name in ("value_low", "value_high", "poc"))
    inside = found["price"].is_between(low, high)
    figure.add_bar(
        x=found["share"],
        y=found["price"],
        orientation="h",
        xaxis="x2",
        name="profile",
        showlegend=False,
        width=np.gradient(found["price"].to_numpy()),
        marker={"color": VIOLET, "opacity": [0.75 if each else 0.3 for each in inside], "line_width": 0},
        hovertemplate="%{y:.6g}: %{x:.0%} of the fullest<extra></extra>",
    )
    figure.add_scatter(
        x=[0, 1.05],
        y=[poc, poc],
        xaxis="x2",
        mode="lines",
        line={"color": VIOLET, "width": 1.4},
        showlegend=False,
        hovertemplate="point of control %{y:.6g}<extra></extra>",
    )


def swings(figure: go.Figure, span: Span, x: list[str], params: FeatureParams) -> None:
    """Confirmed swing highs and lows, and the zigzag's legs."""
    bars = params.levels.pivot_bars
    for rows, column, symbol, colour, title in zip(
        overlays.pivots(span.frame, params.levels, span.interval_us),
        ("high", "low"),
        ("triangle-down", "triangle-up"),
        (DOWN, UP),
        ("swing high", "swing low"),
        strict=True,
    ):
        drawn = rows[rows >= span.lead]
        figure.add_scatter(
            x=[x[row - span.lead] for row in drawn],
            y=span.frame[column].gather(drawn),
            mode="markers",
            marker={"symbol": symbol, "size": 6, "color": colour, "opacity": 0.9},
            name="swings",
            legendgroup="swings",
            showlegend=column == "high",
            hovertemplate=f"{title} %{{y:.6g}}, known {bars} bars later<extra></extra>",
        )
    rows, prices = overlays.zigzag(span.frame)
    inside = rows >= span.lead
    figure.add_scatter(
        x=[x[row - span.lead] for row in rows[inside]],
        y=prices[inside],
        mode="lines",
        line={"color": SOFT, "width": 1.4},
        name="zigzag",
        hovertemplate="end of leg %{y:.6g}<extra></extra>",
    )


def divergences(figure: go.Figure, span: Span, x: list[str], params: FeatureParams) -> None:
    """Divergences, at the bar on which each was confirmed; hidden ones are hidden at first."""
    gap = 0.02 * (span.shown["high"].max() - span.shown["low"].min())  # type: ignore[operator]
    for name in overlays.DIVERGENCES:
        events = overlays.divergences(span.frame, name, params.exhaustion)
        rows = np.flatnonzero(events)
        rows = rows[rows >= span.lead]
        bullish = events[rows] > 0
        # MACD's lie further out, so that both are seen where both are found.
        away = gap * (2.0 if name.startswith("macd") else 1.0)
        price = np.where(bullish, span.frame["low"].gather(rows) - away, span.frame["high"].gather(rows) + away)
        hidden = "hidden" in name
        title = name.replace("_", " ").replace("rsi", "RSI").replace("macd", "MACD")
        short = title.removesuffix(" divergence") if hidden else title  # two columns of a phone's legend
        figure.add_scatter(
            x=[x[row - span.lead] for row in rows],
            y=price,
            mode="markers",
            marker={
                "symbol": ("diamond" if name.startswith("rsi") else "square") + ("-open" if hidden else ""),
                "size": 7,
                "color": [UP if each else DOWN for each in bullish],
            },
            text=[f"{'bullish' if each else 'bearish'} {title}" for each in bullish],
            name=short,
            visible="legendonly" if hidden else True,
            hovertemplate="%{text}<extra></extra>",
        )


def trades(figure: go.Figure, table: pl.DataFrame, x: list[str]) -> None:
    """Entries, exits by reason, and the levels in between."""
    if table.is_empty():
        return
    for column, colour in (("stop", DOWN), ("target", UP)):
        points_x: list[str | None] = []
        points_y: list[float | None] = []
        for row in table.filter(pl.col(column).is_finite()).iter_rows(named=True):
            begin = x[0 if row["entry"] is None else row["entry"]]
            end = x[-1 if row["exit"] is None else row["exit"]]
            points_x += [begin, end]
            points_y += [row[column], row[column]]
            if (
                column == "stop"
                and row["exit"] is not None
                and abs(row["stop_at_exit"] - row["stop"]) > 1e-9 * row["stop"]
            ):
                points_x, points_y = [*points_x, end], [*points_y, row["stop_at_exit"]]
            points_x, points_y = [*points_x, None], [*points_y, None]
        figure.add_scatter(
            x=points_x,
            y=points_y,
            mode="lines",
            line={"color": colour, "width": 1.6},
            name=f"first {column}s",
            visible=True if column == "stop" else "legendonly",
            hovertemplate=f"{column} %{{y:.6g}}<extra></extra>",
        )
    entries = table.filter(pl.col("entry").is_not_null())
    figure.add_scatter(
        x=[x[row] for row in entries["entry"]],
        y=entries["fill_price"],
        mode="markers",
        marker={
            "symbol": ["arrow-right"] * entries.height,
            "size": 11,
            "color": [BLUE if side > 0 else VIOLET for side in entries["side"]],
        },
        text=["long" if side > 0 else "short" for side in entries["side"]],
        name="entries",
        hovertemplate="%{text} at %{y:.6g}<extra></extra>",
    )
    each = pl.col("exits").struct.field
    first = pl.coalesce(pl.col("exit") - pl.col("exit_index"), pl.col("entry") - pl.col("entry_index"))
    exits = table.explode("exits").with_columns(each("reason", "fraction", "fill"), row=first + each("index"))
    exits = exits.filter(pl.col("row").is_between(0, len(x) - 1))
    share = (100 * pl.col("fraction")).round(0).cast(pl.Int64)
    figure.add_scatter(
        x=[x[row] for row in exits["row"]],
        y=exits["fill"],
        mode="markers",
        marker={"symbol": "x", "size": 8, "color": [REASONS.get(reason, SOFT) for reason in exits["reason"]]},
        text=exits.select(pl.format("{} % out by {}, {} R in all", share, "reason", pl.col("r").round(2))).to_series(),
        name="exits",
        hovertemplate="%{text}<extra></extra>",
    )
