"""Frontier at matched risk: what stops of each mean distance do on the same entries, and the product's gap to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.arrays import Floats
from pipelines.measures.bootstrap import Resamples, interval
from pipelines.measures.figures import Better
from pipelines.measures.risk import cvar
from pipelines.measures.scorecard import comparison
from pipelines.trades.frontier_replays import OWN_STOP

METRICS = ("stop_out_rate", "premature_rate", "expectancy_bp", "cvar_bp")
BETTER: dict[str, Better] = {"premature_rate": "lower", "expectancy_bp": "higher", "cvar_bp": "higher"}


@dataclass(frozen=True, slots=True)
class Point:
    """One setting: mean stop distance (fraction of price, so money at fixed size) and metrics, each with samples."""

    setting: float
    distance: float
    distances: Floats  # (replications,)
    value: Mapping[str, float]
    samples: Mapping[str, Floats]


def point(setting: float, trades: pl.DataFrame, resamples: Resamples) -> Point:
    """Of one setting's closed trades, in the order of the entries that were resampled."""
    profit = 1e4 * (trades["pnl"] / trades["entry_price"]).to_numpy()
    per_trade = {
        "distance": (trades["stop_distance"] / trades["entry_price"]).to_numpy(),
        "stop_out_rate": (trades["reason"] == "stop").cast(pl.Float64).to_numpy(),
        "premature_rate": trades["premature"].cast(pl.Float64).to_numpy(),
        "expectancy_bp": profit,
    }
    weights, n = resamples.weights, resamples.weights.sum(1)
    samples = {name: (weights @ values) / n for name, values in per_trade.items()}
    samples["cvar_bp"] = cvar(profit, weights)
    value = {name: float(values.mean()) for name, values in per_trade.items()}
    value["cvar_bp"] = float(cvar(profit, np.ones((1, len(profit))))[0])
    return Point(setting, value.pop("distance"), samples.pop("distance"), value, samples)


def curves(trades: pl.DataFrame, kept: set[str], resamples: Resamples) -> dict[str, list[Point]]:
    """Each policy's points, by distance. trades: of `frontier_trades`; kept: ids of the entries that were resampled."""
    lines: dict[str, list[Point]] = {}
    mine = trades.filter(pl.col("id").is_in(sorted(kept))).sort("entry_ts", "id", maintain_order=True)
    for (policy, setting), line in mine.group_by("policy", "setting", maintain_order=True):
        lines.setdefault(str(policy), []).append(point(float(str(setting)), line, resamples))
    return {policy: sorted(line, key=lambda p: p.distance) for policy, line in lines.items()}


def curve_table(points: Mapping[str, Sequence[Point]]) -> pl.DataFrame:
    """Long table policy, setting, stop_distance, metrics: the curves of the report."""
    rows = [
        {"policy": policy, "setting": p.setting, "stop_distance": p.distance, **p.value}
        for policy, line in points.items()
        for p in line
    ]
    return pl.DataFrame(rows)


def gaps(points: Mapping[str, Sequence[Point]], resamples: Resamples, confidence: float) -> pl.DataFrame:
    """The product's curve less each static one, at each of the product's distances; setting 1 is its own stop.

    The static curve is read by straight lines between its settings; null where it does not span the distance. In each
    replication both curves are made of the same rows, and the static one is read at the product's distance there.
    `versus` of the product's own stop holds by itself, of the other distances for all of them at once (Bonferroni).
    """
    rows, product = [], points["product"]
    others = max(1, sum(p.setting != OWN_STOP for p in product))
    for policy, line in points.items():
        if policy == "product":
            continue
        for mine in product:
            share = 1 if mine.setting == OWN_STOP else others
            for metric in METRICS:
                at = float(_read(line, metric, mine)[0])
                gap, spread = mine.value[metric] - at, mine.samples[metric] - _read(line, metric, mine)[1:]
                known = np.isfinite(at)
                ends = [
                    interval(spread, resamples.expanded(1 - (1 - confidence) / n)) if known else (np.nan, np.nan)
                    for n in (1, share)
                ]
                rows.append(
                    {
                        "curve": policy,
                        "setting": mine.setting,
                        "metric": metric,
                        "stop_distance": mine.distance,
                        "product": mine.value[metric],
                        "static": at,
                        "gap": gap,
                        "low": ends[0][0],
                        "high": ends[0][1],
                        "versus": comparison(gap, *ends[1], BETTER.get(metric, "neither")),
                    }
                )
    return pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None))


def _read(line: Sequence[Point], metric: str, mine: Point) -> Floats:
    """The curve at the product's distance, first of the trades themselves, then in each replication; NaN outside."""
    x = np.stack([np.concatenate([[p.distance], p.distances]) for p in line], axis=1)  # (1 + replications, settings)
    y = np.stack([np.concatenate([[p.value[metric]], p.samples[metric]]) for p in line], axis=1)
    at = np.concatenate([[mine.distance], mine.distances])[:, None]
    order = np.argsort(x, axis=1)
    x, y = (np.take_along_axis(each, order, axis=1) for each in (x, y))
    right = np.clip((x < at).sum(1, keepdims=True), 1, x.shape[1] - 1)
    (x0, x1), (y0, y1) = ([np.take_along_axis(each, i, axis=1) for i in (right - 1, right)] for each in (x, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.where(x1 > x0, y0 + (at - x0) / (x1 - x0) * (y1 - y0), y1)
    inside: Floats = np.where((at >= x[:, :1]) & (at <= x[:, -1:]), value, np.nan)[:, 0]
    return inside
