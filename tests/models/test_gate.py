import copy

import pytest

from models.gate import Contest, RegisterParams, Verdict, gate, pair
from models.significance import Skill

SKILL = {"skill": 0.1, "low": 0.05, "high": 0.15, "dm": 4.0, "p": 0.0}
METRICS = {
    "calibration_error": {"hit": 0.02, "reversal": 0.03},
    "skill": {
        "unconditional": {"pinball": SKILL},
        "atr": {"pinball": {**SKILL, "skill": 0.0, "low": -0.02, "high": 0.02}},
    },
}
PARAMS = RegisterParams()
EVEN = Contest(500, Skill(0.0, -0.01, 0.01, 0.0, 1.0))


def changed(path, value):
    metrics = copy.deepcopy(METRICS)
    *head, last = path
    at = metrics
    for key in head:
        at = at[key]
    at[last] = value
    return metrics


@pytest.mark.parametrize("contest", [None, EVEN])
def test_a_sound_challenger_passes_with_a_reason_per_rule(contest):
    verdict = gate(METRICS, 1e-7, contest, PARAMS)
    assert verdict.accepted
    assert len(verdict.reasons) == 6
    assert all(reason.startswith("passed: ") for reason in verdict.reasons)
    assert ("none yet" in verdict.reasons[-1]) == (contest is None)


@pytest.mark.parametrize(
    ("metrics", "error", "contest", "names"),
    [
        (METRICS, 2e-5, None, "probes"),
        (METRICS, float("nan"), None, "probes"),
        (changed(["calibration_error", "reversal"], 0.051), 0, None, "error of the reversal curve 0.0510"),
        (changed(["skill", "unconditional", "pinball", "low"], 0.0), 0, None, "over unconditional"),
        (changed(["skill", "atr", "pinball", "high"], -0.001), 0, None, "over atr"),
        (METRICS, 0, Contest(500, Skill(-0.02, -0.03, -0.001, -3.0, 0.01)), "over the champion on 500 bars"),
        (METRICS, 0, Contest(99, EVEN.skill), "only 99 bars"),
        (METRICS, 0, Contest(0, None, "horizon_bars is 5"), "horizon_bars is 5"),
    ],
)
def test_each_rule_refuses_by_itself_and_says_so(metrics, error, contest, names):
    verdict = gate(metrics, error, contest, PARAMS)
    failed = [reason for reason in verdict.reasons if reason.startswith("failed: ")]
    assert not verdict.accepted
    assert len(failed) == 1
    assert names in failed[0]


MANIFEST = {
    "graph_hash": "a",
    "features": ["f"],
    "unit": "sigma",
    "atr": "atr",
    "horizon_bars": 10,
    "bar_interval_us": 1,
}
OTHER = {**MANIFEST, "graph_hash": "b"}
YES, NO = Verdict(True, ("passed: x",)), Verdict(False, ("failed: y",))


def test_one_of_two_is_promoted_where_the_pair_still_fits():
    verdicts = {"stop": YES, "exit": NO}
    both = {"stop": MANIFEST, "exit": MANIFEST}
    assert pair(verdicts, both, both) == verdicts


@pytest.mark.parametrize(
    ("challengers", "champions", "names"),
    [
        ({"stop": OTHER, "exit": OTHER}, {"stop": MANIFEST, "exit": MANIFEST}, "differ in graph_hash"),
        ({"stop": MANIFEST, "exit": MANIFEST}, {}, "no champion for the exit net"),
    ],
)
def test_one_of_two_is_held_back_where_the_engine_would_refuse_the_pair(challengers, champions, names):
    after = pair({"stop": YES, "exit": NO}, challengers, champions)
    assert not after["stop"].accepted
    assert names in after["stop"].reasons[-1]
    assert after["exit"] == NO


def test_both_pass_together_to_a_new_graph():
    verdicts = {"stop": YES, "exit": YES}
    assert pair(verdicts, {"stop": OTHER, "exit": OTHER}, {"stop": MANIFEST, "exit": MANIFEST}) == verdicts
    assert not any(v.accepted for v in pair(verdicts, {"stop": OTHER, "exit": MANIFEST}, {}).values())


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_calibration_error", 0.0), ("max_calibration_error", float("nan")), ("min_skill", 1.0), ("min_times", 1)],
)
def test_impossible_limits_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"^register\.{name}: .*, was .*; typical"):
        RegisterParams(**{name: value})
