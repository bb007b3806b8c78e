"""Frontier at matched risk: what stops of each mean distance do on the same entries, and the product's gap to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.bootstrap import Floats, Resamples, interval
from pipelines.figures import Better
from pipelines.risk import cvar
from pipelines.scorecard import comparison

METRICS = ("stop_out_rate", "premature_rate", "expectancy_bp", "cvar_bp")
BETTER: dict[str, Better] = {"premature_rate": "lower", "expectancy_bp": "higher", "cvar_bp": "higher"}


@dataclass(frozen=True, slots=True)
class Point:
    """One setting: mean stop distance (fraction of price, so money at fixed size) and metrics, each with samples."""

    distance: float
    distances: Floats  # (replications,)
    value: Mapping[str, float]
    samples: Mapping[str, Floats]
    resamples: Resamples


def point(trades: pl.DataFrame, resamples: Resamples) -> Point:
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
    return Point(value.pop("distance"), samples.pop("distance"), value, samples, resamples)


def curve_table(points: Mapping[str, Sequence[Point]]) -> pl.DataFrame:
    """Long table policy, stop_distance, metrics: the curves of the report."""
    rows = [
        {"policy": policy, "stop_distance": p.distance, **p.value}
        for policy, line in points.items()
        for p in sorted(line, key=lambda p: p.distance)
    ]
    return pl.DataFrame(rows)


def gaps(product: Point, curves: Mapping[str, Sequence[Point]], confidence: float) -> pl.DataFrame:
    """Product less each static curve, read at the product's own mean stop distance by straight lines between settings.

    In each replication product and curve are resampled by the same rows. Null where the curve does not span it.
    """
    rows, level = [], product.resamples.expanded(confidence)
    for policy, line in curves.items():
        for metric in METRICS:
            at = _read([p.distance for p in line], [p.value[metric] for p in line], product.distance)
            spread = np.array(
                [
                    product.samples[metric][b]
                    - _read([p.distances[b] for p in line], [p.samples[metric][b] for p in line], product.distances[b])
                    for b in range(len(product.distances))
                ]
            )
            low, high = interval(spread, level) if np.isfinite(at) else (np.nan, np.nan)
            gap = product.value[metric] - at
            rows.append(
                {
                    "curve": policy,
                    "metric": metric,
                    "stop_distance": product.distance,
                    "product": product.value[metric],
                    "static": at,
                    "gap": gap,
                    "low": low,
                    "high": high,
                    "versus": comparison(gap, low, high, BETTER.get(metric, "neither")),
                }
            )
    return pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None))


def _read(distances: Sequence[float], values: Sequence[float], at: float) -> float:
    order = np.argsort(distances)
    x, y = np.asarray(distances, np.float64)[order], np.asarray(values, np.float64)[order]
    return float(np.interp(at, x, y, left=np.nan, right=np.nan))
