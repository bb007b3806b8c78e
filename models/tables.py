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


def policy_tables(kind: Kind, train: Rows, grid: NDArray[np.float64]) -> dict[str, list[float]]:
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
