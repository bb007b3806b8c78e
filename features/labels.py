"""Labels: what the next bars do to a grid of stops and targets, under the fill contract of the replay (compiled)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference import _native
from inference.bars import Bars
from inference.checks import whole_in

# mirrors `struct LabelRow` in inference/native/replay/labels.hpp
LABEL_ROW = np.dtype(
    [("bar", np.int64), ("end_bar", np.int64)]
    + [(name, np.float64) for name in ("reference", "unit", "age_fraction", "unrealised", "peak", "trough")]
    + [(name, np.float64) for name in ("mae", "mfe", "final")]
    + [("age", np.int32), ("side", np.int8), ("censored", np.uint8), ("padding", np.uint8, (2,))]
)


@dataclass(frozen=True, slots=True)
class LabelParams:
    """horizon_bars: longest holding time; grid: ascending distances in units of sigma sqrt(H) price; seed: of ages."""

    horizon_bars: int
    grid: tuple[float, ...]
    seed: int

    def __post_init__(self) -> None:
        whole_in("labels.horizon_bars", self.horizon_bars, 2, 100_000, "10 for daily bars")
        whole_in("labels.seed", self.seed, 0, 2**63 - 1, "7")
        if not 2 <= len(self.grid) <= 64 or any(b <= a for a, b in zip(self.grid, self.grid[1:], strict=False)):
            raise ValueError(
                f"labels.grid: must be 2 to 64 ascending distances, was {list(self.grid)}; typical: 0.1 to 3"
            )
        if not self.grid[0] > 0.0:
            raise ValueError(f"labels.grid: must start above 0, was {self.grid[0]}; typical: 0.1")


@dataclass(frozen=True, slots=True)
class Labels:
    """Rows of LABEL_ROW (n,) and, beside them, the outcomes on the grid, uint8 (n, K)."""

    rows: NDArray[np.void]
    hit: NDArray[np.uint8]
    reversal: NDArray[np.uint8]
    reach: NDArray[np.uint8]


def make_labels(bars: Bars, sigma: NDArray[np.float64], params: LabelParams) -> Labels:
    """Four rows per bar that has a sigma and a next bar: each side, fresh and at a random age.

    hit: the adverse excursion touches the distance; reversal: after the bar of the hit, price trades through as far on
    the other side; reach: price trades through the distance in favour. Paths end with the horizon; `censored` where
    the data end before. Raises BarError.
    """
    if len(sigma) != len(bars.ts):
        raise ValueError(
            f"sigma: must have one value per bar ({len(bars.ts)}), was {len(sigma)}; rerun features@volatility"
        )
    raw, hit, reversal, reach = _native.make_labels(
        bars.native(),
        np.ascontiguousarray(sigma, np.float64),
        params.horizon_bars,
        np.asarray(params.grid, np.float64),
        params.seed,
    )
    return Labels(np.asarray(raw).view(LABEL_ROW), np.asarray(hit), np.asarray(reversal), np.asarray(reach))
