"""What each step of the pipelines did to the levels: the way from the net's proposal to the level in force."""

from __future__ import annotations

from typing import Any

import polars as pl

from inference.actions import STOP_STEPS, TARGET_STEPS
from pipelines.measures.forensics import WORTH

STEPS = {"stop": STOP_STEPS, "target": TARGET_STEPS}


def step_table(trades: pl.DataFrame) -> pl.DataFrame:
    """One row per step of both pipelines: level, step; of the first levels: distance_bp and distance_r (mean distance
    from the fill after the step, of price and of the trade's final risk), change_bp and change_r (what the step added),
    moved (share of trades in which it moved the level by more than 1 bp); later_moves: moves of an open trade's level
    that are the step's, as `forensics` says (mover).

    trades: of `forensics`.
    """
    rows: list[dict[str, Any]] = []
    later: dict[tuple[str, str], int] = {}
    for trade in trades.iter_rows(named=True):
        fill, unit = trade["fill_price"], trade["stop_distance"]
        for decision in trade["decisions"]:
            kind = decision["kind"]
            if kind == "refused":
                continue
            if decision["before"] is not None:
                key = kind, decision["mover"]
                later[key] = later.get(key, 0) + 1
                continue
            at = 0.0  # signed, so that a level beyond the fill counts as such
            sign = -trade["side"] if kind == "stop" else trade["side"]
            for i, (step, level) in enumerate(zip(STEPS[kind], decision["trace"], strict=True)):
                distance = sign * (level - fill)
                change, at = distance - at, distance
                rows.append({"level": kind, "step": step, "at": distance, "change": change, "fill": fill, "unit": unit})
                rows[-1]["moved"] = i == 0 or abs(change) > WORTH * fill
    if not rows:
        return pl.DataFrame(schema=dict.fromkeys(("level", "step"), pl.String))
    money, risk = (pl.lit(1e4) / pl.col("fill")), 1 / pl.col("unit")
    table = pl.DataFrame(rows).group_by("level", "step", maintain_order=True)
    means = table.agg(
        distance_bp=(pl.col("at") * money).mean(),
        change_bp=(pl.col("change") * money).mean(),
        distance_r=(pl.col("at") * risk).mean(),
        change_r=(pl.col("change") * risk).mean(),
        moved=pl.col("moved").mean(),
    )
    moves = [later.get((row["level"], row["step"]), 0) for row in means.iter_rows(named=True)]
    return means.with_columns(later_moves=pl.Series(moves, dtype=pl.Int64))
