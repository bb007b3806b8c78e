"""Every figure's traces against small tables whose numbers are known."""

import datetime as dt
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from inference.replay import REASON_NAMES
from pipelines.pages import charts, overlay_traces

DAYS = [dt.datetime(2020, 1, day, tzinfo=dt.UTC) for day in (1, 2, 3, 4)]
TRADES = pl.DataFrame(
    {
        "id": ["a", "b", "c", "d"],
        "policy": ["product", "product", "product", "garch"],
        "symbol": ["A", "A", "B", "B"],
        "entry_ts": DAYS,
        "reason": ["stop", "stop", "target", "time"],
        "r": [-1.0, -1.02, 2.0, 9.0],
        "stop_distance": [2.0, 4.0, 5.0, 2.0],
        "mae": [2.0, 6.0, 1.0, 1.0],
        "mfe": [1.0, 2.0, 10.0, 3.0],
        "premature": [False, True, False, False],
    }
)


def named(figure, name):
    (trace,) = (trace for trace in figure.data if trace.name == name)
    return trace


def test_drawdown_is_from_the_highest_so_far_which_is_at_least_the_beginning() -> None:
    """Equity falls first (drawdown from 0), rises to a peak of 3, falls below it, and recovers in part."""
    figure = charts.equity(pl.DataFrame({"ts": DAYS, "product": [-1.0, 3.0, -2.0, 1.0], "garch": [1.0, 1.0, 2.0, 2.0]}))
    found = {(trace.name, trace.yaxis): trace for trace in figure.data}
    assert list(found["ratchet", "y"].y) == [-1.0, 3.0, -2.0, 1.0]
    assert list(found["ratchet", "y2"].y) == [-1.0, 0.0, -5.0, -2.0]
    assert list(found["GARCH", "y2"].y) == [0.0, 0.0, 0.0, 0.0]
    assert all(list(trace.x) == DAYS for trace in figure.data)
    assert all(trace.line.shape == "hv" for trace in figure.data)  # what is earned stays until the next exit
    assert (figure.layout.yaxis.title.text, figure.layout.yaxis2.title.text) == (
        "% of first equity",
        "drawdown, points",
    )


def test_the_histogram_collects_what_lies_beyond_its_ends() -> None:
    figure = charts.r_histogram(TRADES, "garch")
    assert list(named(figure, "ratchet").x) == [-1.0, -1.02, 2.0]
    assert list(named(figure, "GARCH").x) == [6.0]
    assert named(figure, "GARCH").xbins.end > 6.0


def test_excursions_are_adverse_to_the_right_and_favourable_up_in_units_of_the_risk() -> None:
    figure = charts.excursions(TRADES.filter(pl.col("policy") == "product"), ["a", "b", "c"])
    stop, target = named(figure, "stop"), named(figure, "target")
    assert list(stop.x) == [1.0, 1.5]
    assert list(stop.y) == [0.5, 0.5]
    assert (list(target.x), list(target.y)) == ([0.2], [2.0])
    assert figure.layout.xaxis.title.text == "adverse excursion, R"
    assert figure.layout.yaxis.title.text == "favourable excursion, R"
    assert list(stop.marker.symbol) == ["square", "x"]  # premature
    assert list(stop.customdata) == ["a", "b"]
    assert stop.text[1] == "A 2020-01-02 · −1.02 R"


def test_a_point_that_opens_nothing_is_hollow_and_says_why() -> None:
    figure = charts.excursions(TRADES, ["b", "c", "d"])
    stop = named(figure, "stop")
    assert list(stop.marker.symbol) == ["square-open", "x"]
    assert list(stop.customdata) == [None, "b"]
    assert "earlier than the trades in the browser" in stop.text[0]
    assert "earlier" not in stop.text[1]


def test_exits_are_shares_in_per_cent_and_the_product_is_on_top() -> None:
    figure = charts.exits(TRADES)
    for reason, product, garch in (("stop", 200 / 3, 0.0), ("target", 100 / 3, 0.0), ("time", 0.0, 100.0)):
        bars = named(figure, reason)
        assert list(bars.y) == ["GARCH", "ratchet"]
        assert list(bars.x) == pytest.approx([garch, product])


def test_calibration_has_the_forecast_to_the_right_and_the_outcome_up() -> None:
    table = pl.DataFrame({"net": ["stop"] * 2, "curve": ["hit"] * 2, "forecast": [0.1, 0.5], "observed": [0.2, 0.8]})
    figure = charts.calibration(table)
    line = named(figure, "stop net: hit")
    assert (list(line.x), list(line.y)) == ([0.1, 0.5], [0.2, 0.8])
    assert figure.layout.xaxis.title.text == "forecast probability"
    assert figure.layout.yaxis.title.text == "observed share"
    assert list(named(figure, "perfect").x) == list(named(figure, "perfect").y) == [0, 1]


def test_the_frontier_is_in_per_cent_and_basis_points() -> None:
    rows = {
        "policy": ["product", "product", "garch", "garch"],
        "setting": [1.0, 2.0, 1.0, 4.0],
        "stop_distance": [0.02, 0.04, 0.01, 0.04],
        "stop_out_rate": [0.3, 0.1, 0.6, 0.1],
        "premature_rate": [0.05, 0.0, 0.2, 0.0],
        "expectancy_bp": [-3.0, -4.0, 2.0, -12.5],
        "cvar_bp": [-200.0, -300.0, -90.0, -400.0],
    }
    panels = charts.frontier(pl.DataFrame(rows))
    assert {title: list(named(figure, "GARCH").y) for title, figure in panels.items()} == {
        "stop-outs, %": [60.0, 10.0],
        "premature stops, %": [20.0, 0.0],
        "expectancy, bp of notional": [2.0, -12.5],
        "mean of worst 5 %, bp of notional": [-90.0, -400.0],
    }
    for figure in panels.values():
        assert list(named(figure, "GARCH").x) == [1.0, 4.0]
        assert list(named(figure, "ratchet").x) == [2.0, 4.0]
        assert figure.layout.xaxis.title.text == "mean first stop distance, % of price"
        assert list(named(figure, "ratchet").marker.symbol) == ["star", "circle"]
        assert set(named(figure, "GARCH").marker.symbol) == {"circle"}


def test_folds_stand_in_order_with_their_intervals_and_the_best_static_beside() -> None:
    rows = {"fold": [2, 1, 1], "test_from": [dt.date(2016, 1, 4), dt.date(2015, 1, 2), dt.date(2015, 1, 2)]}
    rows |= {"figure": ["expectancy_bp", "expectancy_bp", "win_rate"], "value": [4.0, -2.0, 0.5]}
    rows |= {"low": [1.0, -4.0, 0.4], "high": [9.0, 1.0, 0.6], "baseline": [3.0, -5.0, 0.5]}
    figure = charts.folds(pl.DataFrame(rows))
    own = named(figure, "ratchet")
    assert list(own.x) == [1, 2]
    assert list(own.text) == ["tested from 2015-01-02", "tested from 2016-01-04"]
    assert list(own.y) == [-2.0, 4.0]
    assert (list(own.error_y.array), list(own.error_y.arrayminus)) == ([3.0, 5.0], [2.0, 3.0])
    assert list(named(figure, "best static").y) == [-5.0, 3.0]


def test_every_way_out_has_a_colour_and_a_shape_of_its_own_and_is_drawn() -> None:
    assert list(charts.REASONS) == list(charts.SHAPES) == list(REASON_NAMES[1:])
    assert len(set(charts.SHAPES.values()) | {"x"}) == len(charts.SHAPES) + 1, "a cross is a premature stop"
    rare = TRADES.with_columns(reason=pl.Series(["liquidation", "emergency", "target", "time"]))
    figure = charts.exits(rare)
    assert [trace.name for trace in figure.data] == ["target", "time", "liquidation", "emergency"]
    assert sum(trace.x[1] for trace in figure.data) == pytest.approx(100)
    drawn = charts.excursions(rare, [])
    assert list(named(drawn, "liquidation").x) == [1.0]
    assert "stop" not in [trace.name for trace in drawn.data]


# What the eyes of people without one kind of cone see (Machado, Oliveira and Fernandes 2009, severity 1).
EYES = {
    "all cones": np.eye(3),
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


OVERLAYS = {name: getattr(overlay_traces, name) for name in ("UP", "DOWN", "SOFT", "BLUE", "VIOLET")}


def linear(colour: str):
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    matrix = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    xyz = matrix @ np.clip(rgb, 0, 1) / [0.95047, 1.0, 1.08883]
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize(
    "colours",
    [charts.COLOURS, charts.REASONS, charts.CURVES, OVERLAYS],
    ids=["policies", "exits", "curves", "overlays"],
)
def test_colours_are_told_apart_by_all_eyes(colours: dict[str, str], eyes: str) -> None:
    seen = {name: lab(np.array(EYES[eyes]) @ linear(colour)) for name, colour in colours.items()}
    for a, b in combinations(seen, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 15, (a, b)


@pytest.mark.parametrize("ground", ["#ffffff", "#1b1f23"])  # of the cards, light and dark
def test_colours_stand_out_from_the_ground(ground: str) -> None:
    def light(colour: str) -> float:
        return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour)) + 0.05

    for colour in (*charts.COLOURS.values(), *charts.REASONS.values(), *OVERLAYS.values()):
        low, high = sorted((light(colour), light(ground)))
        assert high / low > 2.0, colour
