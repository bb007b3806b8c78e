"""All targets at once: every one of METRICS.md is counted, and what was not measured is never met."""

import dataclasses
import json

import polars as pl
import pytest

from pipelines import summary
from pipelines.latency import PERCENTILES
from pipelines.measures.figures import figures
from pipelines.measures.goals import counted, goals, metrics, whole
from pipelines.measures.risk import WorstCase
from pipelines.pages import report_goals

GOOD = WorstCase(0.02, 0.02, 0, 0, 0.01, 0.05, 0, 0.1)
TIMES = {"calls": 1000, **dict.fromkeys(PERCENTILES, 3.0)}
FAST = {"bar": TIMES, "tick": TIMES, "model": 1.0, "machine": "A <quick> one"}


def card(*verdicts: str) -> pl.DataFrame:
    rows = [("a", "A", "%", 0.1, 0.2, "lower", verdict) for verdict in verdicts]
    rows.append(("free", "no target", "%", 0.1, None, "neither", ""))
    schema = {"figure": pl.String, "label": pl.String, "unit": pl.String, "value": pl.Float64, "target": pl.Float64}
    return pl.DataFrame(rows, schema=schema | {"better": pl.String, "verdict": pl.String}, orient="row")


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (("met", "met"), "met"),
        (("met", "null"), "null"),
        (("null", "not met"), "not met"),
        (("met", ""), "null"),
        (("", "not met"), "not met"),
    ],
)
def test_all_targets_hold_at_once_or_not_at_all(verdicts: tuple[str, ...], expected: str) -> None:
    found = goals(card(*verdicts), GOOD, FAST)
    assert whole(found) == expected
    assert metrics(found, FAST)["all_targets"] == float(expected == "met")
    assert counted(found)["not measured"] == verdicts.count("")
    assert found.height == len(verdicts) + 4


@pytest.mark.parametrize(
    ("beyond", "expected"),
    [
        ({"maximum_loss": 0.03}, "not met"),
        ({"portfolio_loss": 0.06}, "not met"),
        ({"cascades": 1}, "not met"),
        ({"portfolio_loss": float("nan")}, "null"),
    ],
)
def test_the_limits_of_the_worst_case_count(beyond: dict[str, float], expected: str) -> None:
    assert whole(goals(card("met"), dataclasses.replace(GOOD, **beyond), FAST)) == expected


@pytest.mark.parametrize(("p99", "expected"), [(10.0, "met"), (10.1, "null"), (50.0, "null"), (50.1, "not met")])
def test_latency_is_met_far_below_its_limit_and_judged_with_the_features_inside(p99: float, expected: str) -> None:
    slow = FAST | {"bar": TIMES | {"p99": p99}}
    assert whole(goals(card("met"), GOOD, slow)) == expected
    assert metrics(goals(card(), GOOD, slow), slow)["decision_latency_bar_p99_us"] == p99
    assert metrics(goals(card(), GOOD, slow), slow)["decision_latency_tick_p99.9_us"] == 3.0


def test_a_latency_that_was_not_measured_is_said_not_to_be(tmp_path) -> None:
    found = goals(card("met"), GOOD, None)
    assert (whole(found), counted(found)["not measured"]) == ("null", 1)
    assert not any("latency" in name for name in metrics(found, None))
    assert "not measured" in "".join(report_goals.latency_rows(None))
    assert "not measured" in summary.latency_line(tmp_path / "none.json")
    (tmp_path / "some.json").write_text(json.dumps(FAST))
    assert "p99 3.0 µs" in summary.latency_line(tmp_path / "some.json")
    assert "A &lt;quick&gt; one" in "".join(report_goals.latency_rows(FAST))


def test_what_is_shown_names_every_target_under_its_verdict() -> None:
    found = goals(card("met", "null"), GOOD, None)
    assert "2 null" not in (text := report_goals.counts(found))
    assert text == "4 met, 1 null, 1 not measured"
    assert report_goals.whole_tile(found).count("null") == 3  # its class, the word, and the count
    shown = report_goals.sentences(found)
    assert "<b>not measured</b>: New bar to all actions, p99." in shown
    assert "<b>not met</b>" not in shown
    assert f"all targets at once {summary.styled('null')} ({text})" in summary.whole_line(found)


def test_the_spread_over_seeds_is_told_where_there_are_several() -> None:
    found = {"seeds": 5.0, "expectancy_bp_seeds_mean": -23.456, "expectancy_bp_seeds_std": 1.4}
    assert "5 seeds of both nets earn -23.5 ± 1.4 bp" in summary.seeds_line(found)
    assert summary.seeds_line({"seeds": 1.0}) == ""


def test_every_target_of_the_figures_is_one_of_all() -> None:
    wanted = {f.key for f in figures() if f.target is not None}
    assert {"premature_rate", "profit_capture", "stop_effectiveness", "partial_success", "give_back"} < wanted
    assert {"r_at_target", "expectancy_r", "win_rate_2r", "slippage_stops", "slippage_targets"} < wanted
