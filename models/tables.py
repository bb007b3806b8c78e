"""What a stop or a target at each distance did to the training rows: the engine's policy weighs the curves with
these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data import Rows
from models.nets import Kind


def _mean_where(values: NDArray[np.float64], where: NDArray[np.bool_]) -> list[float]:
    """Column means of values (n, K) over the rows where it applies; 0 where there is none."""
    count = where.sum(0)
    return [float(v) for v in np.where(where, values, 0.0).sum(0) / np.maximum(count, 1)]


def conditional_means(kind: Kind, train: Rows, grid: NDArray[np.float64]) -> dict[str, list[float]]:
    """Conditional means in vol units at each grid distance d_k, from fresh training rows.

    stop: avoided = E[-final - d_k | hit, no reversal], the further loss that the stop saved; forgone = E[final + d_k |
    hit, reversal], the recovery that it cost. exit: unreached = E[final | target not reached].
    """
    rows = train.fresh()
    event, second = rows.outcomes[:, 0] > 0, rows.outcomes[:, 1] > 0  # (n, K)
    final = rows.final[:, None]
    if kind.name == "stop":
        return {
            "avoided": _mean_where(-final - grid, event & ~second),
            "forgone": _mean_where(final + grid, event & second),
        }
    return {"unreached": _mean_where(final + 0 * grid, ~event)}


def promised_and_kept(
    kind: Kind, tables: dict[str, list[float]], curves: NDArray[np.float32], rows: Rows, grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What a level at each distance was said to earn over having none, and what it earned; (n, K), vol units, no costs.

    curves (n, 2, K): the calibrated net's, for `rows`.
    """
    first, second = curves[:, 0].astype(np.float64), curves[:, 1].astype(np.float64)
    event, final = rows.outcomes[:, 0] > 0, rows.final[:, None]
    if kind.name == "stop":
        promised = (first - second) * np.array(tables["avoided"]) - second * np.array(tables["forgone"])
        return promised, np.where(event, -final - grid, 0.0)
    drift = rows.final.mean()  # of having no target: not the level's merit
    return first * grid + (1.0 - first) * np.array(tables["unreached"]) - drift, np.where(event, grid - final, 0.0)


def edge_weight(
    promised: NDArray[np.float64], kept: NDArray[np.float64], ts: NDArray[np.int64], block_us: int
) -> float:
    """How far promised benefits count in the engine: the slope of kept on promised, less one standard error, in [0, 1].

    promised, kept (n, K); rows of one block of time (block_us) share their market move, so the standard error is
    clustered by block (Liang and Zeger 1986). 0 where the rows show no edge: then costs and risk alone choose.
    """
    power = float((promised**2).sum())
    if power == 0.0:
        return 0.0
    slope = float((promised * kept).sum()) / power
    moments = (promised * (kept - slope * promised)).sum(1)
    _, block = np.unique(ts // block_us, return_inverse=True)
    error = float(np.sqrt((np.bincount(block, moments) ** 2).sum())) / power
    return float(np.clip(slope - error, 0.0, 1.0))


def policy_tables(
    kind: Kind,
    train: Rows,
    calibration: Rows,
    curves: NDArray[np.float32],
    grid: NDArray[np.float64],
    horizon_us: int,
) -> dict[str, list[float] | float]:
    """The means of the training rows and the weight that calibration rows grant them.

    calibration: the fresh rows of the user's entries, since a promise that holds on average over all bars and both
    sides need not hold where one enters; curves (n, 2, K): calibrated, for these. horizon_us: length of a label.
    """
    tables = conditional_means(kind, train, grid)
    promised, kept = promised_and_kept(kind, tables, curves, calibration, grid)
    return {**tables, "edge_weight": edge_weight(promised, kept, calibration.ts, horizon_us)}
