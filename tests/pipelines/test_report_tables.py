"""The report's tables against rows whose numbers are known."""

import datetime as dt
import re

import polars as pl
import pytest

from pipelines.pages import report_tables
from pipelines.pages.markup import number, span


def lines(html: str) -> list[list[str]]:
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall(r"<tr[^>]*>(.*?)</tr>", html)
    ]


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (0.1234, "%", False, "12.3 %"),
        (0.0123, "%", False, "1.23 %"),
        (-0.02, "%", True, "−2.00 pt"),
        (1.5, "R", True, "+1.50 R"),
        (-23.66, "bp", False, "−23.7 bp"),
        (9.44, "bars", False, "9.4 bars"),
        (-0.000001, "%", True, "0.00 pt"),
        (-0.001, "R", False, "0.00 R"),
        (None, "R", False, "–"),
        (float("nan"), "bp", False, "–"),
    ],
)
def test_a_value_has_its_unit_and_nothing_has_no_sign(value: float, unit: str, signed: bool, text: str) -> None:
    assert number(value, unit, signed) == text


@pytest.mark.parametrize(("unit", "text"), [("%", "−10.0 to 250.0"), ("bars", "−0.1 to 2.5"), ("bp", "−0.1 to 2.5")])
def test_an_interval_has_no_unit(unit: str, text: str) -> None:
    assert span(-0.1, 2.5, unit) == text
    assert span(None, 2.5, unit) == span(0.1, float("nan"), unit) == ""


def test_the_gap_is_that_of_the_product_to_the_static_curve() -> None:
    rows = {"metric": ["expectancy_bp"], "curve": ["garch"], "stop_distance": [0.0365], "product": [-23.7]}
    rows |= {"static": [-28.6], "gap": [4.9], "low": [-5.2], "high": [14.2], "versus": ["null"], "setting": [1.0]}
    assert lines(report_tables.gap_table(pl.DataFrame(rows))) == [
        ["at a mean stop of 3.65 %", "ratchet", "static", "gap", "interval", "versus"],
        ["expectancy against GARCH", "−23.7 bp", "−28.6 bp", "+4.9 bp", "−5.2 to 14.2", "null"],
    ]


def test_the_worst_trades_come_first_with_what_holding_would_have_brought() -> None:
    rows = {
        "symbol": ["A", "B"],
        "side": [1, -1],
        "entry_ts": [dt.datetime(2020, 1, 2, tzinfo=dt.UTC), dt.datetime(2020, 3, 4, tzinfo=dt.UTC)],
        "entry_price": [100.0, 200.0],
        "fill_price": [99.0, 201.0],
        "stop_distance": [4.0, 10.0],
        "target_r": [2.0, None],
        "fallback": [False, True],
        "reason": ["time", "stop"],
        "gap": [False, True],
        "entry_index": [5, 5],
        "exit_index": [14, 6],
        "r": [-0.5, -1.1],
        "pnl": [-2.0, -11.0],
        "horizon_pnl": [-2.0, 5.0],
    }
    assert lines(report_tables.worst_trades(pl.DataFrame(rows), 0.25))[1:] == [
        ["B short", "2020-03-04", "201.00", "rules", "5.00 %", "–", "stop, gap", "2", "−1.10 R", "0.50 R", "−1.38 %"],
        ["A long", "2020-01-02", "99.00", "nets", "4.00 %", "2.00 R", "time", "10", "−0.50 R", "−0.50 R", "−0.50 %"],
    ]


def test_the_scorecard_gives_holding_times_in_bars() -> None:
    row = {"figure": "holding_bars", "label": "Mean holding time", "unit": "bars", "better": "neither", "value": 9.4}
    row |= {"low": 9.2, "high": 9.6, "trades": 282, "target": None, "verdict": "", "baseline": 9.9, "difference": -0.5}
    row |= {"difference_low": -0.6, "difference_high": -0.3, "versus": ""}
    shown = lines(report_tables.scorecard(pl.DataFrame([row])))[-1]
    assert shown[:4] == ["Mean holding time", "9.4 bars", "9.2 to 9.6", "282"]
    assert shown[6:8] == ["9.9 bars", "−0.5 bars −0.6 to −0.3"]
