"""Scores of the curves and coverage by regime, as the report prints them."""

from handmade_report import TRAINING
from pipelines.pages.report_skills import quality


def test_scores_and_coverage_stand_under_their_heads() -> None:
    test = {
        "brier": {"hit": 0.1},
        "brier_uncalibrated": {"hit": 0.2},
        "calibration_error": {"hit": 0.03},
        "calibration_error_uncalibrated": {"hit": 0.04},
        "coverage": {"wild": {"q10": 0.125, "q95": 0.9}},
    }
    shown = quality({"stop": {"test": test}})
    assert "<tr><td>stop net: hit</td><td>0.1000</td><td>0.2000</td><td>0.0300</td><td>0.0400</td></tr>" in shown
    assert "<th>quantile .10</th><th>quantile .95</th>" in shown
    assert "<tr><td>stop net, wild</td><td>12.5 %</td><td>90.0 %</td></tr>" in shown
    both = quality({**TRAINING, "exit": TRAINING["stop"]})
    assert both.count("exit net") == 4
