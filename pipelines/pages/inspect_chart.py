"""The chart of a span: candles with what lies over them, volume, the volume profile, and a pane for one feature."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import polars as pl

from features.families import FeatureParams
from pipelines.pages import overlay_traces, overlays
from pipelines.pages.overlay_traces import BLUE, DOWN, SOFT, UP
from pipelines.pages.overlays import Span

PROFILE_WIDTH = 0.13


def labels(times: pl.Series) -> list[str]:
    """Times as places on the axis: the date, and the time of day where bars are shorter than a day."""
    midnight = (times.dt.truncate("1d") == times).all()
    whole_minutes = (times.dt.truncate("1m") == times).all()
    form = "%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M" if whole_minutes else "%Y-%m-%d %H:%M:%S"
    return times.dt.to_string(form).to_list()


def chart(span: Span, params: FeatureParams, feature: str) -> go.Figure:
    """The figure; its trace named `feature` is the one that the page fills with another feature."""
    figure = go.Figure()
    x, shown = labels(span.shown["ts"]), span.shown
    # One axis of places for all panes, so that the crosshair goes through them and closed hours leave no gap.
    for side, colour in (("above", DOWN), ("below", UP)):
        overlay_traces.zones(figure, span, x, side, colour, params)
    figure.add_candlestick(
        x=x,
        **{name: shown[name] for name in ("open", "high", "low", "close")},
        name="price",
        increasing={"line": {"color": UP, "width": 1}, "fillcolor": UP},
        decreasing={"line": {"color": DOWN, "width": 1}, "fillcolor": DOWN},
    )
    overlay_traces.profile(figure, span, x, params)
    overlay_traces.swings(figure, span, x, params)
    overlay_traces.divergences(figure, span, x, params)
    if span.trades is not None:
        overlay_traces.trades(figure, overlays.trades(span.trades, shown["ts"]), x)
    rising = (shown["close"] >= shown["open"]).to_list()
    figure.add_bar(
        x=x,
        y=shown["volume"],
        yaxis="y2",
        name="volume",
        marker={"color": [UP if up else DOWN for up in rising], "line_width": 0, "opacity": 0.55},
        showlegend=False,
        hovertemplate="volume %{y:.4s}<extra></extra>",
    )
    line = {"color": BLUE, "width": 1.5}
    figure.add_scatter(
        x=x,
        y=shown[feature],
        yaxis="y3",
        mode="lines",
        line=line,
        name=feature,
        showlegend=False,
        meta="feature",
        hovertemplate="%{y:.4g}",
    )
    _layout(figure, x, shown, feature)
    return figure


def _layout(figure: go.Figure, x: list[str], shown: pl.DataFrame, feature: str) -> None:
    spike: dict[str, Any] = {"showspikes": True, "spikethickness": 1, "spikedash": "dot", "spikecolor": SOFT}
    low, high = shown["low"].min(), shown["high"].max()
    margin = 0.04 * (high - low)  # type: ignore[operator]
    reach = [-0.5, shown.height - 0.5]
    # Above its pane, since beside it a long name runs into the pane above.
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 0.27, "xanchor": "left", "yanchor": "bottom"}
    figure.update_layout(
        height=820,
        hovermode="x unified",
        hoversubplots="axis",
        annotations=[{"text": feature, "showarrow": False, **place}],
        dragmode="pan",
        margin_t=84,
        legend={"y": 1.01, "groupclick": "togglegroup", "traceorder": "normal", "font_size": 11, "entrywidth": 92},
        bargap=0.15,
        barmode="overlay",
        xaxis={
            "type": "category",
            "categoryorder": "array",
            "categoryarray": x,
            "domain": [0.0, 1.0 - PROFILE_WIDTH - 0.005],
            "anchor": "y3",
            "range": reach,
            "nticks": 9,
            "tickangle": 0,
            "rangeslider": {
                "visible": True,
                "thickness": 0.07,
                "range": reach,
                "yaxis": {"rangemode": "fixed", "range": [low, high]},
            },
            "spikemode": "across",
            "spikesnap": "hovered data",
            **spike,
        },
        yaxis={"domain": [0.42, 1.0], "range": [low - margin, high + margin], "title_text": "price", **spike},  # type: ignore[operator]
        yaxis2={"domain": [0.30, 0.40], "title_text": "volume", "nticks": 3, "tickformat": ".2s"},
        yaxis3={"domain": [0.0, 0.27], "zeroline": True, "nticks": 6, **spike},
        xaxis2={
            "domain": [1.0 - PROFILE_WIDTH, 1.0],
            "anchor": "y",
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "range": [0, 1.05],
            "title_text": "volume at price",
            "title_standoff": 4,
        },
    )
