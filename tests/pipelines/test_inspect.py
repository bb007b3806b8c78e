"""The command from tables to page, its refusals, and the page as a browser shows it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

from browser import needs_browser, visit
from features.families import FAMILIES
from features.labels import LabelParams
from page_reading import LOOK
from pipelines import inspect
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.splits import SplitParams
from small_pipeline import inside, prepare

PAGE = Path("artifacts/inspect/A.html")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with features, labels and one trade."""
    folder = tmp_path_factory.mktemp("inspect")
    prepare(folder)
    times = read_bars(folder / "data/checked/bars", ["A"])["ts"]
    values = {
        "fill_price": 100.0,
        "stop_distance": 3.0,
        "target_r": 2.0,
        "stop_at_exit": 98.0,
        "r": -0.7,
    }
    names = {"symbol": "A", "id": "1", "policy": "product", "mode": "pessimistic", "reason": "stop", "side": 1}
    places = {"entry_index": len(times) - 60, "exit_index": len(times) - 55}
    half = [(places["exit_index"] - 2, "target", 0.5, 103.0), (places["exit_index"], "stop", 0.5, 98.0)]
    exits = [dict(zip(("index", "reason", "fraction", "fill"), each, strict=True)) for each in half]
    ends = {"entry_ts": [times[-60]], "exit_ts": [times[-55]], "exits": [exits]}
    trade = pl.DataFrame({**names, **values, **places, **ends})
    trade.write_parquet(folder / "artifacts/evaluate/trades.parquet")
    with inside(folder):
        yield folder


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    inspect.main(["A"])
    return (project / PAGE).read_text(encoding="utf-8")


def test_the_page_stands_alone_and_shows_all_features(page: str, project: Path) -> None:
    assert re.search(r'<(script|link|img)[^>]+(src|href)="?http', page) is None
    names = [
        n for f in FAMILIES for n in json.loads((project / f"data/features/{f}/graph.json").read_text())["features"]
    ]
    assert sorted(re.findall(r'<tr data-name="([^"]+)"', page)) == sorted(names)
    assert page.count("<option") == len(names)
    assert len(page.encode()) < 6e6


def test_what_is_printed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inspect.main(["B", "--from", "2001-01-01", "--to", "2001-01-31", "--out", "elsewhere/b.html"])
    out = capsys.readouterr().out
    assert "31 bars drawn" in out  # the last day is drawn too
    assert "elsewhere/b.html" in out
    assert len(re.findall(r"[+-]0\.\d\d ± 0\.\d\d", out)) == 3 * 12
    assert (project / "elsewhere/b.html").exists()


def test_correlations_are_those_of_fresh_training_labels(project: Path) -> None:
    split = section("split", SplitParams)
    found = inspect.examine("A", split, section("labels", LabelParams).horizon_bars)
    cut = np.datetime64(split.train_until, "us")
    labels = pl.read_parquet("data/labels.parquet").filter(pl.col("symbol") == "A", pl.col("age") == 0)
    long = labels.filter(pl.col("side") == 1).sort("ts")
    short = labels.filter(pl.col("side") == -1).sort("ts")
    # So that one side's correlations say the other's.
    assert long["mae"].equals(short["mfe"])
    assert long["final"].equals(-short["final"])
    table = pl.read_parquet("data/features/exhaustion/A.parquet")
    rows = long.filter(pl.col("end_ts").dt.replace_time_zone(None) <= cut).join(table, on="ts")
    rows = rows.filter(pl.col("rsi").is_finite())
    for label in ("mae", "mfe", "final"):
        row = found.related.row(by_predicate=(pl.col("feature") == "rsi") & (pl.col("label") == label), named=True)
        assert row["rows"] == rows.height
        assert row["rho"] == pytest.approx(stats.spearmanr(rows["rsi"], rows[label]).statistic, abs=1e-12)
    assert found.overall["missing"].max() == 0.0  # the small pipeline lacks nothing after the warm-up


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["C"], "symbol: must be one of A, B, was 'C'"),
        (
            ["A", "--from", "2031-01-01"],
            "span: must hold bars of A, was empty; its bars go from 2000-01-03 to 2003-11-02",
        ),
        (["A", "--from", "2001-01-01", "--to", "2000-06-01"], "span: must hold bars"),
        (["A", "--from", "2000-01-01"], "span: must hold at most 800 bars, was 1,400"),
    ],
)
def test_impossible_spans_are_refused(project: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        inspect.main(arguments)


@pytest.mark.parametrize("path", ["data/checked/bars", "data/features/levels/A.parquet", "data/labels.parquet"])
def test_a_stage_that_has_not_run_is_named(project: Path, path: str) -> None:
    (project / path).rename(project / "away")
    try:
        with pytest.raises(ValueError, match=re.escape(f"{path}: must exist, was missing; run `dvc repro`")):
            inspect.main(["A"])
    finally:
        (project / "away").rename(project / path)


def test_features_of_other_bars_are_refused(project: Path) -> None:
    path = project / "data/features/levels/A.parquet"
    whole = pl.read_parquet(path)
    whole.filter(pl.col("ts") < whole["ts"].max()).write_parquet(path)
    try:
        with pytest.raises(ValueError, match=r"levels: must have a row for each"):
            inspect.main(["A"])
    finally:
        whole.write_parquet(path)


def test_without_trades_the_page_says_so(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspect, "TRADES", tmp_path / "none.parquet")
    inspect.main(["A", "--out", str(tmp_path / "a.html")])
    assert "none.parquet is missing: run `dvc repro`" in capsys.readouterr().out.replace("\n", " ")
    assert "No trades are drawn" in (tmp_path / "a.html").read_text(encoding="utf-8")


# What a reader does, and what is then to be seen, told by the page itself.
VISIT = """
const count = (selector) => document.querySelectorAll(selector).length, seen = {};
const line = () => document.querySelector(".subplot.xy3 .scatterlayer path.js-line").getAttribute("d");
seen.title = document.title;
seen.candles = count(".boxlayer:not(.rangeplot) path.box");
seen.volumes = count(".subplot.xy2 .barlayer .point path");
const exits = document.querySelector(".js-plotly-plot")._fullData.find((trace) => trace.name === "exits");
seen.exits = exits.x.map((x, i) => [x, exits.y[i], exits.text[i]]);
seen.profile = count(".subplot.x2y .barlayer .point path");
seen.rows = count("#features tbody tr");
seen.dates = [...document.querySelectorAll(".xtick text")].map((each) => each.textContent);
const before = line();
chooser.value = "rsi";
chooser.dispatchEvent(new Event("change"));
const price = plot.layout.yaxis.range.slice();
setTimeout(() => {
  seen.changed = line() !== before;
  seen.pane = document.querySelector(".annotation-text").textContent;
  seen.years = count("#years tbody tr");
  const head = [...document.querySelectorAll("#features th")].findIndex((each) => each.textContent === "mfe");
  document.querySelectorAll("#features th")[head].click();
  seen.order = [...body.rows].map((row) => row.cells[head].dataset.v);
  const search = document.getElementById("search");
  search.value = "rsi_";
  search.dispatchEvent(new Event("input"));
  seen.found = [...body.rows].filter((row) => row.offsetParent).map((row) => row.dataset.name).sort();
  body.querySelector("tr[data-name=adx]").click();
  seen.clicked = chooser.value;
  Plotly.relayout(plot, { "xaxis.range": [100, 120] }).then(() => setTimeout(() => {
    seen.zoomed = plot.layout.yaxis.range, seen.price = price;
    tell(seen);
  }, 500));
}, 500);
"""


@needs_browser
def test_the_page_in_a_browser(page: str, project: Path, tmp_path: Path) -> None:
    seen = visit(page, VISIT, tmp_path)
    bars = read_bars(symbols=["A"]).tail(inspect.DEFAULT_BARS)
    features = page.count("<option")
    assert seen["title"] == "ratchet: A"
    assert seen["candles"] == bars.height
    assert seen["volumes"] == bars.height
    assert seen["profile"] > 20
    days = bars["ts"].dt.to_string("%Y-%m-%d")
    told = "50 % out by {}, -0.7 R in all"
    assert seen["exits"] == [[days[-57], 103.0, told.format("target")], [days[-55], 98.0, told.format("stop")]]
    assert seen["rows"] == features
    assert set(seen["dates"]) <= set(bars["ts"].dt.to_string("%Y-%m-%d"))
    assert len(seen["dates"]) >= 5
    assert seen["changed"]
    assert seen["pane"] == "rsi"
    assert seen["years"] == 4  # 2000 to 2003
    known = [float(value) for value in seen["order"] if value]
    assert known == sorted(known, reverse=True)
    assert not any(seen["order"][len(known) :])  # features without a correlation come last
    assert seen["found"] == ["rsi_divergence", "rsi_hidden_divergence", "rsi_tf1", "rsi_tf2"]
    assert seen["clicked"] == "adx"
    part = bars.slice(100, 21)
    low, high = part["low"].min(), part["high"].max()
    margin = 0.04 * (high - low)  # type: ignore[operator]
    assert seen["zoomed"] == pytest.approx([low - margin, high + margin])  # type: ignore[operator]
    assert seen["zoomed"] != seen["price"]


@needs_browser
def test_the_page_on_a_phone(page: str, tmp_path: Path) -> None:
    seen = visit(page, LOOK + "setTimeout(() => tell(look()), 600);", tmp_path, width=390)
    assert seen["across"] <= seen["width"] == 390
    (plot,) = seen["plots"]
    assert plot["marks"] > 100
    assert plot["collisions"] == plot["outside"] == []
    assert plot["over"] == 0
    features, years = seen["tables"]
    assert features["hinted"]
    assert features["hidden"] > 100
    assert years["rows"] == 4
    assert seen["fetched"] == []
