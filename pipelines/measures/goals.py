"""All of METRICS.md's targets at once, at one setting: which are met, which are not, and what was not measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.latency import LIMIT_US, verdict
from pipelines.measures.risk import PORTFOLIO_LIMIT, TRADE_LIMIT, WorstCase

VERDICTS = ("met", "null", "not met", "not measured")
LIMITS = {
    "maximum_loss": ("Maximum loss, of equity", "%", TRADE_LIMIT),
    "portfolio_loss": ("Open risk at once, of equity", "%", PORTFOLIO_LIMIT),
    "cascades": ("Cascades of stops", "", 0.0),
}


def goals(rows: pl.DataFrame, worst: WorstCase, latency: Mapping[str, Any] | None) -> pl.DataFrame:
    """One row per target: figure, label, unit, value, target, better, verdict.

    rows: the product's in the scorecard, in one fill mode; latency: of `pipelines.latency`, None where not measured.
    """
    names = ("figure", "label", "unit", "value", "target", "better", "verdict")
    card = rows.filter(pl.col("target").is_not_null()).select(names)
    card = card.with_columns(verdict=pl.when(pl.col("verdict") == "").then(pl.lit("not measured")).otherwise("verdict"))
    more = []
    for figure, (label, unit, limit) in LIMITS.items():
        value = float(getattr(worst, figure))
        reached = "not measured" if math.isnan(value) else "met" if value <= limit else "not met"
        more.append((figure, label, unit, value, limit, "lower", reached))
    p99 = math.nan if latency is None else float(latency["bar"]["p99"])
    reached = "not measured" if latency is None else verdict(p99)
    more.append(("decision_latency_p99", "New bar to all actions, p99", "µs", p99, LIMIT_US, "lower", reached))
    return pl.concat([card, pl.DataFrame(more, schema=card.schema, orient="row")]).fill_nan(None)


def whole(found: pl.DataFrame) -> str:
    """met where every target is, not met where one is not, else null."""
    verdicts = set(found["verdict"])
    return "not met" if "not met" in verdicts else "met" if verdicts == {"met"} else "null"


def counted(found: pl.DataFrame) -> dict[str, int]:
    """How many targets have each verdict."""
    verdicts = found["verdict"].to_list()
    return {name: verdicts.count(name) for name in VERDICTS}


def metrics(found: pl.DataFrame, latency: Mapping[str, Any] | None) -> dict[str, float]:
    """Flat numbers: all_targets is 1 where all are met at once; latencies in µs."""
    out = {"all_targets": float(whole(found) == "met")}
    out |= {f"targets_{name.replace(' ', '_')}": float(count) for name, count in counted(found).items()}
    for kind in ("bar", "tick"):
        if latency is not None:
            times = {name: value for name, value in latency[kind].items() if name != "calls"}
            out |= {f"decision_latency_{kind}_{name}_us": float(value) for name, value in times.items()}
    return out
