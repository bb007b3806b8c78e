"""The gate between challenger and champion: plain rules over plain numbers, each with a sentence on how it came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from models.significance import Skill

PROBE_TOLERANCE = 1e-5
# The engine serves a stop net and an exit net together, and refuses two that differ here.
PAIR_KEYS = ("graph_hash", "features", "unit", "atr", "horizon_bars", "bar_interval_us")


@dataclass(frozen=True, slots=True)
class RegisterParams:
    """Limits of the gate.

    max_calibration_error: of each curve on the test part, a probability. min_skill: the lower end of the interval of
    the pinball skill over unconditional quantiles must exceed it; over other baselines the upper end must reach 0.
    min_times: bars that challenger and champion must both be new to, so that they can be compared.
    """

    max_calibration_error: float = 0.05
    min_skill: float = 0.0
    min_times: int = 100

    def __post_init__(self) -> None:
        if not (isfinite(self.max_calibration_error) and 0 < self.max_calibration_error <= 1):
            raise ValueError(
                f"register.max_calibration_error: must lie in (0, 1], was {self.max_calibration_error!r}; typical: 0.05"
            )
        if not (isfinite(self.min_skill) and -1 <= self.min_skill < 1):
            raise ValueError(f"register.min_skill: must lie in [-1, 1), was {self.min_skill!r}; typical: 0 to 0.05")
        if self.min_times < 2:
            raise ValueError(f"register.min_times: must be at least 2, was {self.min_times!r}; typical: 100 to 1000")


@dataclass(frozen=True, slots=True)
class Contest:
    """Challenger against champion on rows that are new to both; skill: None where they cannot be compared, and `reason`
    says why.
    """

    times: int
    skill: Skill | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """accepted: every rule held; reasons: one sentence a rule."""

    accepted: bool
    reasons: tuple[str, ...]


def interval(s: Skill) -> str:
    """A skill with its interval and significance, for people."""
    return f"{s.skill:+.4f} [{s.low:+.4f}, {s.high:+.4f}], Diebold-Mariano p {s.p:.3f}"


def gate(
    metrics: Mapping[str, Any],
    probe_error: float,
    contest: Contest | None,
    params: RegisterParams,
    without: str = "none yet",
) -> Verdict:
    """Judge a challenger.

    metrics: its scores on the test part (models.skill.judge); probe_error: largest difference of the compiled engine's
    output from the export's probes; contest: None where there is no champion to compare with, and `without` says why:
    then the absolute rules alone decide.
    """
    rules: list[tuple[bool, str]] = [
        (probe_error <= PROBE_TOLERANCE, f"probes: the engine is off by {probe_error:.2g}, limit {PROBE_TOLERANCE:g}")
    ]
    for curve, error in metrics["calibration_error"].items():
        limit = params.max_calibration_error
        rules.append((error <= limit, f"calibration: error of the {curve} curve {error:.4f}, limit {limit:g}"))
    for name, skill in metrics["skill"].items():
        s = Skill(**skill["pinball"])
        text = f"skill over {name} quantiles: {interval(s)}"
        if name == "unconditional":
            rules.append((s.low > params.min_skill, f"{text}, lower end must exceed {params.min_skill:g}"))
        else:
            rules.append((s.high >= 0, f"{text}, upper end must reach 0"))
    if contest is None:
        rules.append((True, f"champion: {without}, so the limits above decide"))
    elif contest.skill is None:
        rules.append((False, f"champion: no comparison, {contest.reason}"))
    elif contest.times < params.min_times:
        rules.append(
            (False, f"champion: only {contest.times} bars are new to both, at least {params.min_times} are needed")
        )
    else:
        text = f"skill over the champion on {contest.times} bars: {interval(contest.skill)}"
        rules.append((contest.skill.high >= 0, f"{text}, upper end must reach 0"))
    return Verdict(
        all(ok for ok, _ in rules), tuple(f"{'passed' if ok else 'failed'}: {reason}" for ok, reason in rules)
    )


def pair(
    verdicts: Mapping[str, Verdict],
    challengers: Mapping[str, Mapping[str, Any]],
    champions: Mapping[str, Mapping[str, Any]],
) -> dict[str, Verdict]:
    """Verdicts after the rule that promotion must leave two champions that the engine serves together.

    challengers, champions: manifests by net ("stop", "exit"); a net without champion is left out of `champions`.
    """
    after = {net: challengers[net] if verdict.accepted else champions.get(net) for net, verdict in verdicts.items()}
    absent = [net for net, manifest in after.items() if manifest is None]
    present = [manifest for manifest in after.values() if manifest is not None]
    differing = [key for key in PAIR_KEYS if any(m[key] != present[0][key] for m in present)]
    if absent:
        reason = f"failed: pair: there would be no champion for the {' and the '.join(absent)} net"
    elif differing:
        reason = f"failed: pair: the two champions would differ in {', '.join(differing)}"
    else:
        return dict(verdicts)
    return {
        net: replace(v, accepted=False, reasons=(*v.reasons, reason)) if v.accepted else v
        for net, v in verdicts.items()
    }
