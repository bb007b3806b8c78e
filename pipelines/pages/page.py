"""What all pages share: their look, and figures as pieces of a page, alone or side by side."""

from __future__ import annotations

import html
from collections.abc import Mapping
from pathlib import Path

import plotly.graph_objects as go

LOOK = {"style": "page.css", "theme": "page.js"}


def look() -> dict[str, str]:
    """`style`, and `theme`, the script that gives the plots the page's colours and wide tables their hint."""
    return {key: Path(__file__).with_name(name).read_text("utf-8") for key, name in LOOK.items()}


def plot(figure: go.Figure, title: str = "") -> str:
    """A figure as a piece of the page; title: of its panel, which tells figures with the same axes apart."""
    figure.layout.margin.t = figure.layout.margin.t or 46
    figure.layout.legend.y = figure.layout.legend.y or 1.02
    figure.update_layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif", "size": 12},
        margin={"l": 58, "r": 16, "b": 46},
        legend={"orientation": "h", "x": 0, "yanchor": "bottom", "title_text": ""},
    )
    options = {"displayModeBar": False, "responsive": True}  # drag to zoom, double click to return
    # Fixed ids, so that equal results give an equal page.
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=options, div_id=_identity(figure, title)))


def panels(figures: Mapping[str, go.Figure]) -> str:
    """Figures below their titles, side by side where the page is wide enough, else one below the other."""
    columns = 2 if len(figures) == 4 else 3
    body = "".join(
        f"<section><h3>{html.escape(title)}</h3>{plot(each, title)}</section>" for title, each in figures.items()
    )
    return f"<div class=panels style='--columns: {columns}'>{body}</div>"


def _identity(figure: go.Figure, title: str) -> str:
    titles = [title, *(axis.title.text or "" for axis in (*figure.select_xaxes(), *figure.select_yaxes()))]
    return "plot-" + "".join(c for c in " ".join(titles).lower().replace(" ", "-") if c.isalnum() or c == "-")[:80]
