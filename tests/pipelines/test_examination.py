"""The examination as a whole: its means, its waterfall, its files, and the page's part on single trades."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from plotly.offline import get_plotlyjs

from browser import needs_browser, visit
from handmade_examination import BARS, CONDITIONS, COSTS, MARKETS, make_examination, make_product
from handmade_resamples import one_a_day
from inference.actions import STOP_STEPS, TARGET_STEPS
from inference.replay import ledger_engine
from pipelines.measures.examination import Examination, by_reason
from pipelines.measures.waterfall import step_table
from pipelines.pages import charts, forensic_charts, report_trades
from pipelines.pages.page import look, plot
from pipelines.trades.baselines import to_frame


@pytest.fixture(scope="module")
def examination(tmp_path_factory: pytest.TempPathFactory) -> Examination:
    return make_examination(tmp_path_factory.mktemp("product"))


def test_the_trades_are_the_products(examination: Examination, tmp_path: Path) -> None:
    ((market,),) = MARKETS[1:]
    product = make_product(tmp_path)
    money = {"equity": 100_000.0, "notional": 25_000.0}
    ledger = ledger_engine(product.engine, BARS, market.entries, COSTS, conditions=CONDITIONS, **money)
    trades = to_frame(ledger, market)
    assert examination.trades.select(trades.columns).equals(trades)
    assert {"stop", "target"} <= set(trades["reason"])
    for trade, (levels, row) in zip(examination.trades.iter_rows(named=True), enumerate(ledger.trades), strict=True):
        moves = [e for e in ledger.events if e["entry"] == levels and e["kind"] == 1]
        assert [d["level"] for d in trade["decisions"] if d["kind"] == "stop"] == [e["price"] for e in moves]
        assert trade["decisions"][0]["level"] == row["fill_price"] - row["side"] * row["stop_distance"]
    later = [d for t in examination.trades["decisions"] for d in t if d["before"] is not None]
    assert len(later) > 20
    for decision in later:  # the mover is the last step that changed the level by more than rounding
        names = TARGET_STEPS if decision["kind"] == "target" else STOP_STEPS
        way = [decision["before"], *decision["trace"]]
        moved = [n for n, a, b in zip(names, way, way[1:], strict=False) if abs(b - a) > 0.02]
        assert decision["mover"] == moved[-1] or len(moved) == 0


def test_means_by_exit_equal_slow_loops(examination: Examination) -> None:
    trades = examination.trades
    table = by_reason(trades, (4, 8, 16), one_a_day(trades.height, 300, 3), 0.9)
    assert set(table["reason"]) == {"all", *trades["reason"]}
    for row in table.iter_rows(named=True):
        mine = [t for t in trades.iter_rows(named=True) if row["reason"] in ("all", t["reason"])]
        known = [t[row["figure"]] for t in mine if t[row["figure"]] is not None]
        assert row["trades"] == len(known)
        assert row["value"] == pytest.approx(sum(known) / len(known))
        if row["low"] is not None and row["trades"] > 1:
            assert row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9


def test_the_waterfall_adds_up_to_the_levels_in_force(examination: Examination) -> None:
    table = examination.steps
    assert table["step"].to_list() == [*STOP_STEPS, *TARGET_STEPS]
    trades = examination.trades
    stop, target = (table.filter(pl.col("level") == level) for level in ("stop", "target"))
    mean_stop = 1e4 * (trades["stop_distance"] / trades["fill_price"]).mean()  # type: ignore[operator]
    assert stop["change_bp"].sum() == pytest.approx(mean_stop) == pytest.approx(stop["distance_bp"][-1])
    assert stop["distance_r"][-1] == pytest.approx(1.0)
    assert target["distance_r"][-1] == pytest.approx(trades["target_r"].mean())
    assert table["moved"].is_between(0, 1).all()
    moves = sum(d["before"] is not None for t in trades["decisions"] for d in t)
    assert table["later_moves"].sum() == moves


def test_a_waterfall_by_hand() -> None:
    """A short at 100: the net says 103, volatility 102, the tick 102.005; R is 2.005."""
    first = {"index": 5, "kind": "stop", "mover": "volatility", "before": None, "level": 102.005}
    later = {"index": 7, "kind": "stop", "mover": "ml_stop", "before": 102.005, "level": 101.0, "trace": [101.0] * 3}
    decisions = [first | {"trace": [103.0, 102.0, 102.005]}, later]
    trades = pl.DataFrame({"side": [-1], "fill_price": [100.0], "stop_distance": [2.005], "decisions": [decisions]})
    table = step_table(trades)
    assert table["distance_bp"].to_list() == pytest.approx([300.0, 200.0, 200.5])
    assert table["change_bp"].to_list() == pytest.approx([300.0, -100.0, 0.5])
    assert table["change_r"].to_list() == pytest.approx([3 / 2.005, -1 / 2.005, 0.005 / 2.005])
    assert table["moved"].to_list() == [1.0, 1.0, 0.0]
    assert table["later_moves"].to_list() == [1, 0, 0]


def test_the_files_are_the_same_each_time(examination: Examination, tmp_path: Path) -> None:
    examination.write(tmp_path / "one")
    make_examination(tmp_path).write(tmp_path / "two")
    names = sorted(str(p.relative_to(tmp_path / "one")) for p in (tmp_path / "one").rglob("*.*"))
    assert names == [
        "forensics.csv",
        "forensics.parquet",
        *(f"plots/{name}.csv" for name in ("excursions", "steps")),
        *(f"plots/what_if_{kind}.csv" for kind in ("stop_atr", "stop_times", "target_r")),
        "suggestions.csv",
        "what_if.csv",
    ]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    stops = examination.trades.filter(pl.col("reason") == "stop")
    assert examination.metrics()["noise_of_stops"] == pytest.approx(stops["noise"].mean())


def test_hits_by_weekday_and_hour_are_shares(examination: Examination) -> None:
    assert len(forensic_charts.hits(examination.trades)) == 3
    hours = pl.int_range(pl.len()) % 5
    trades = examination.trades.with_columns(pl.col("entry_ts") + pl.duration(hours=hours))
    figures = forensic_charts.hits(trades)
    assert len(figures) == 6
    ((by_hour,), (by_day,)) = (figures[f"stop-outs, %, by {axis}"].data for axis in ("hour", "weekday"))
    assert list(by_day.y) == list(by_hour.y) == ["calm", "wild", "unknown"]
    assert list(by_hour.x) == ["0", "1", "2", "3", "4"]
    for regime, line, counted in zip(("calm", "wild", None), by_hour.z, by_hour.customdata, strict=True):
        for hour, share, count in zip(range(5), line, counted, strict=True):
            mine = [t for t in trades.iter_rows(named=True) if (t["regime"], t["entry_ts"].hour) == (regime, hour)]
            assert count == len(mine)
            if mine:
                assert share == pytest.approx(100 * sum(t["reason"] == "stop" for t in mine) / len(mine))


def test_without_earlier_entries_nothing_is_suggested(tmp_path: Path) -> None:
    found = make_examination(tmp_path, earlier=[])
    assert found.suggested.is_empty()
    assert set(found.options["part"]) == {"test"}
    assert "Trade by trade" in report_trades.render(found, 0.9)
    found.write(tmp_path / "files")


def test_intervals_are_headed_as_intervals(examination: Examination) -> None:
    part = report_trades.render(examination, 0.9)
    head, first = (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", part)[:2])
    stops = examination.trades.filter(pl.col("reason") == "stop").height
    assert head[:5] == [
        "figure",
        "all exits",
        "90 % interval<br>(40 trades)",
        "stop exits",
        f"90 % interval<br>({stops} trades)",
    ]
    assert examination.trades.height == 40
    assert len(first) == len(head)
    counts = dict(examination.trades["reason"].value_counts().iter_rows())
    few = {reason for reason, count in counts.items() if count < 20}
    assert few
    for reason, count in counts.items():
        told = first[head.index(f"{reason} exits") + 1]
        assert (told == f"<span class=range>too few ({count})</span>") == (reason in few)


def test_trades_that_the_browser_does_not_hold_are_told_of(
    examination: Examination, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = report_trades.render(examination, 0.9)
    assert "do not open" not in whole
    monkeypatch.setattr(report_trades, "MOST_TRADES", 30)
    kept = report_trades.browsable(examination.trades)["id"].to_list()
    assert kept == examination.trades["id"].to_list()[10:]
    part = report_trades.render(examination, 0.9)
    assert "the latest 30 of 40 trades" in part
    assert "Hollow points of the scatter are earlier ones, which do not open." in part
    data = json.loads(re.search(r'id="trade-data" type="application/json">(.*?)</script>', part, re.S)[1])  # type: ignore[index]
    assert [row[0] for row in data["trades"]] == kept


@pytest.fixture(scope="module")
def page(examination: Examination) -> str:
    part = report_trades.render(examination, 0.9)
    style, theme = look().values()
    scatter = plot(charts.excursions(examination.trades, examination.trades["id"]))
    return (
        f"<!doctype html><html><head><meta charset=utf-8><style>{style}</style><script>{get_plotlyjs()}</script></head>"
        f"<body><main>{scatter}{part}</main><script>{theme}</script></body></html>"
    )


def test_the_part_stands_alone_and_its_plots_have_their_own_places(page: str) -> None:
    assert re.search(r'<(script|link|img)[^>]+(src|href)="?http', page) is None
    ids = re.findall(r'<div id="(plot-[^"]*)"', page)
    assert len(ids) == len(set(ids)) == 11
    assert "$" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)


# What a reader does, and what is then to be seen, told by the page itself.
VISIT = """
const seen = {}, by = (id) => document.getElementById(id);
const rows = () => [...document.querySelectorAll("#trades tbody tr")];
const texts = (selector) => [...document.querySelectorAll(selector)].map((each) => each.textContent);
const count = (selector) => document.querySelectorAll(selector).length;
const chart = () => ({
  id: document.querySelector("tr.chosen").dataset.id,
  title: by("trade-title").textContent,
  facts: by("trade-facts").textContent,
  candles: count("#trade-plot .boxlayer path.box"),
  lines: by("trade-plot").data.filter((t) => t.type === "scatter").map((t) => [t.name, t.x.length, t.y]),
  labels: by("trade-plot").data[0].x,
  decisions: texts(".decisions tbody tr"),
  movers: texts(".decisions tbody b"),
});
const choose = (id, value) => { by(id).value = value; by(id).dispatchEvent(new Event("change")); };
seen.rows = rows().length;
seen.counted = by("trade-count").textContent;
seen.first = chart();
choose("of-reason", "stop");
seen.stops = rows().map((row) => row.dataset.id);
choose("of-kind", "back");
seen.back = rows().map((row) => row.dataset.id);
choose("of-reason", ""); choose("of-kind", "");
const head = texts("#trades th").indexOf("R");
document.querySelectorAll("#trades th")[head].click();
seen.order = rows().map((row) => row.dataset.id);
rows()[0].click();
seen.best = chart();
const key = new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true });
document.querySelector("#trades tbody").dispatchEvent(key);
seen.next = chart().id;
const plots = [...document.querySelectorAll(".js-plotly-plot")];
seen.heat = plots.flatMap((plot) => plot.data).filter((trace) => trace.type === "heatmap").length;
seen.waterfalls = count(".waterfalllayer .point path") > 0;
const scatter = plots.find((plot) => plot.data.some((trace) => trace.meta === "excursions"));
const wanted = scatter.data[0].customdata[2];
scatter.emit("plotly_click", { points: [{ customdata: wanted }] });
seen.clicked = [wanted, chart().id];
tell(seen);
"""


@needs_browser
def test_the_part_in_a_browser(page: str, examination: Examination, tmp_path: Path) -> None:
    seen = visit(page, VISIT, tmp_path)
    trades = examination.trades
    assert seen["rows"] == trades.height
    assert len(best(trades)["exits"]) == 2, "a trade that left in parts is looked at"
    assert seen["counted"].startswith(f"{trades.height} of {trades.height} trades")
    stops = trades.filter(pl.col("reason") == "stop")
    assert sorted(seen["stops"]) == sorted(stops["id"])
    assert sorted(seen["back"]) == sorted(stops.filter(pl.col("recovery") >= 0)["id"])
    assert seen["order"] == trades.sort("r", "entry_ts", descending=[True, False])["id"].to_list()
    assert seen["heat"] == 3
    assert seen["waterfalls"]
    assert seen["clicked"][0] == seen["clicked"][1]
    assert seen["best"]["id"] == seen["order"][0]
    assert seen["next"] == seen["order"][1]
    for name, row in (("first", trades.sort("r").row(0, named=True)), ("best", best(trades))):
        told_of = seen[name]
        assert told_of["id"] == row["id"]
        assert f"SPX {'long' if row['side'] > 0 else 'short'}" in told_of["title"]
        assert f"{row['r']:+.2f} R".replace("-", "−") in told_of["title"]
        first, last = max(0, row["entry_index"] - report_trades.BEFORE_BARS), row["exit_index"] + 16
        assert told_of["candles"] == len(told_of["labels"]) == last - first + 1
        assert told_of["labels"][0] == str(np.datetime64(int(BARS.ts[first]), "us"))[:10]
        lines = {line: (count, y) for line, count, y in told_of["lines"]}
        held = row["exit_index"] - row["entry_index"] + 1
        assert lines["stop"][0] == lines["target"][0] == lines["best so far"][0] == held
        assert lines["stop"][1][-1] == pytest.approx(row["stop_at_exit"], rel=1e-6)
        assert lines["entry"][1] == pytest.approx([row["fill_price"]], rel=1e-6)
        assert lines["exit"][1] == pytest.approx([each["level"] for each in row["exits"]], rel=1e-6)
        assert lines["worst so far"][1] == pytest.approx([-value for value in row["mae_path"]], abs=1e-3)
        assert lines["close, R"][1][: held - 1] == pytest.approx(results(row)[: held - 1], abs=1e-4)
        for each in row["exits"]:
            slip = 1e4 * abs(each["fill"] - each["intended"]) / each["intended"]
            told = f"{100 * each['fraction']:.0f} % by {each['reason']} at {each['level']:,.2f}, slippage {slip:.1f} bp"
            assert told in told_of["facts"]
        assert len(told_of["decisions"]) == len(row["decisions"])
        assert [text.split()[0] for text in told_of["movers"]] == [each["mover"] for each in row["decisions"]]


def results(row: dict[str, Any]) -> list[float]:
    """What a trade has come to at each close, before the costs of exits: what has left, and the rest at the price."""
    out = []
    for index in range(row["entry_index"], row["exit_index"] + 1):
        left = [each for each in row["exits"] if each["index"] <= index]
        prices = [(each["fraction"], each["level"]) for each in left]
        prices.append((1 - sum(share for share, _ in prices), BARS.close[index]))
        out.append(sum(share * row["side"] * (price - row["entry_price"]) for share, price in prices))
    return [value / row["stop_distance"] for value in out]


def best(trades: pl.DataFrame) -> dict[str, Any]:
    return trades.sort("r", descending=True).row(0, named=True)
