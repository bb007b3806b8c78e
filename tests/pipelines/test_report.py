"""The whole report as a browser shows it, on a desk and on a phone."""

from __future__ import annotations

from typing import Any

import pytest

from browser import needs_browser, visit
from handmade_report import make_report
from page_reading import LOOK

# Heading → how many figures and how many tables stand below it.
SECTIONS = {
    "Scorecard": (0, 1),
    "Worst case": (0, 1),
    "Equity and drawdown": (1, 0),
    "Frontier at matched risk": (4, 2),
    "By group": (0, 1),
    "What choosing does": (0, 1),
    "R multiples": (1, 0),
    "Exits by reason": (1, 0),
    "Excursions in the trade": (1, 0),
    "Calibration of the curves": (1, 0),
    "Skill of the nets": (0, 3),
    "Over seeds": (0, 1),
    "All policies": (0, 2),
    "Worst trades of the product": (0, 1),
    "After the exit": (1, 1),
    "Where trades hit": (3, 0),
    "Other stops and targets on the same trades": (3, 1),
    "What each step did": (3, 0),
    "Trade by trade": (1, 2),
}
DESK, PHONE = 0, 390

VISIT = (
    LOOK
    + """
const chart = () => document.getElementById("trade-title").textContent, told = {};
const after = () => new Promise((go) => setTimeout(go, 600));
const reader = async () => {
  await after();
  Object.assign(told, look());
  const rows = [...document.querySelectorAll("#trades tbody tr")].slice(0, 2);
  told.opened = rows.map((row) => row.cells[0].textContent);
  told.titles = rows.map((row) => { row.click(); return chart(); });
  // A person's click on a point of the scatter: where it is drawn.
  const plots = [...document.querySelectorAll(".js-plotly-plot")];
  const scatter = plots.find((plot) => plot.data.some((trace) => trace.meta === "excursions"));
  const pane = scatter.querySelector(".nsewdrag");
  scatter.scrollIntoView();
  // The one that stands most apart: the mouse finds the nearest.
  const all = [...scatter.querySelectorAll(".scatterlayer .point")].map(box);
  const far = (a) => Math.min(...all.map((b) => Math.hypot(a.left - b.left, a.top - b.top)).filter((d) => d > 0));
  const mine = [...scatter.querySelectorAll(".scatterlayer .trace:last-child .point")].map(box);
  const chosen = mine.map(far).reduce((best, d, i, each) => (d > each[best] ? i : best), 0);
  told.point = scatter.data.at(-1).text[chosen];
  const { left, right, top, bottom } = mine[chosen];
  const mouse = { clientX: (left + right) / 2, clientY: (top + bottom) / 2, bubbles: true, view: window };
  pane.dispatchEvent(new MouseEvent("mousemove", mouse));
  await after();
  told.hover = [...scatter.querySelectorAll(".hoverlayer text")].map((each) => each.textContent).join(" ");
  pane.dispatchEvent(new MouseEvent("mousedown", mouse));
  document.dispatchEvent(new MouseEvent("mouseup", mouse));
  await after();
  told.clicked = chart();
  tell(told);
};
reader();
"""
)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return make_report(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module", params=[DESK, PHONE], ids=["desk", "phone"])
def seen(page: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return visit(page, VISIT, tmp_path_factory.mktemp("seen"), request.param)


def below(parts: list[dict[str, Any]], heading: str) -> list[dict[str, Any]]:
    return [part for part in parts if part["under"] == heading]


@needs_browser
def test_every_section_has_its_figures_and_tables(seen: dict[str, Any]) -> None:
    assert seen["heads"] == list(SECTIONS)
    for heading, (figures, tables) in SECTIONS.items():
        plots = below(seen["plots"], heading)
        assert len(plots) == figures, heading
        for plot in plots:
            assert plot["marks"] > 0, plot
            assert min(plot["size"]) > 200, plot
            assert plot["over"] == 0, plot
        filled = below(seen["tables"], heading)
        assert len(filled) == tables, heading
        for table in filled:
            assert table["rows"] > 0, table
            assert table["filled"] >= 2 * table["rows"], table


@needs_browser
def test_no_text_lies_on_another_or_leaves_its_figure(seen: dict[str, Any]) -> None:
    for plot in seen["plots"]:
        assert plot["collisions"] == [], plot["id"]
        assert plot["outside"] == [], plot["id"]


@needs_browser
def test_the_page_never_scrolls_sideways_but_wide_tables_say_so(seen: dict[str, Any]) -> None:
    assert seen["across"] <= seen["width"]
    for table in seen["tables"]:
        assert table["hinted"] == (table["hidden"] > 1), table
    (scorecard,) = below(seen["tables"], "Scorecard")
    assert scorecard["hinted"] == (seen["width"] == PHONE)


@needs_browser
def test_the_page_fetches_nothing(seen: dict[str, Any]) -> None:
    assert seen["fetched"] == []


@needs_browser
def test_a_row_and_a_point_open_their_trades(seen: dict[str, Any]) -> None:
    for day, title in zip(seen["opened"], seen["titles"], strict=True):
        assert f", {day} to " in title
    symbol, day, *_ = seen["point"].split()
    assert day in seen["hover"]
    assert seen["clicked"].startswith(symbol)
    assert f", {day} to " in seen["clicked"]


def test_the_page_carries_the_plots_library_once(page: str) -> None:
    assert page.count("* plotly.js v") == 1
    assert len(page.encode()) < 6 * 2**20
