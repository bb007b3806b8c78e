"""What a venue adds to the price: impact, funding, liquidation, refused orders; and exits in parts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.checks import number_in

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Costs:
    """Fractions of price: taker fee and slippage (half the spread, or any constant) on market fills, maker fee on
    targets."""

    taker_fee: float = 0.0
    maker_fee: float = 0.0
    slippage: float = 0.0


@dataclass(frozen=True, slots=True)
class Impact:
    """Square-root impact of market fills, beside `Costs.slippage`: coefficient · sigma · sqrt(quantity / volume).

    sigma: volatility per bar, fraction of price; volume: per bar, in units of quantity, either traded (the bar's own or
    a mean) or resting in the book; `notional`: quote currency of each trade, quantity = notional / price. Both arrays
    have one number above 0 per bar from the first entry on. Source: Almgren et al. 2005; Tóth et al. 2011.
    """

    coefficient: float
    notional: float
    sigma: ArrayLike
    volume: ArrayLike

    def __post_init__(self) -> None:
        number_in("impact.coefficient", self.coefficient, 0.0, 1e6, "0.3 to 1.5 on traded volume; fit it")
        number_in("impact.notional", self.notional, 0.0, 1e15, "the size that you trade")


@dataclass(frozen=True, slots=True)
class Margin:
    """Isolated margin of entry / leverage; the venue closes where what is left of it falls to maintenance · price.

    liquidation price = entry · (1 - side / leverage) / (1 - side · maintenance); `fee`: fraction of price beside the
    taker's.
    """

    leverage: float
    maintenance: float
    fee: float = 0.0

    def __post_init__(self) -> None:
        number_in("margin.leverage", self.leverage, 1.0, 1000.0, "2 to 20")
        number_in("margin.maintenance", self.maintenance, 0.0, 0.5, "0.004 to 0.05")
        number_in("margin.fee", self.fee, 0.0, 0.5, "0 to 0.015")
        if self.maintenance >= 1.0 / self.leverage:
            raise ValueError(
                f"margin.maintenance: must lie below 1 / leverage ({1.0 / self.leverage:g}), was {self.maintenance}; "
                "such a position is liquidated as it opens"
            )


@dataclass(frozen=True, slots=True)
class Funding:
    """Funding stamps of a perpetual: times ascending, µs, and rates (fraction of price; above 0 longs pay shorts)."""

    ts: NDArray[np.int64]
    rate: Floats

    def __post_init__(self) -> None:
        if np.shape(self.ts) != np.shape(self.rate):
            raise ValueError(
                f"funding: ts and rate must be of one length, was {len(self.ts)} and {len(self.rate)}; pair them"
            )
        if (np.diff(self.ts) <= 0).any():
            raise ValueError("funding.ts: must ascend, was not; sort stamps and drop duplicates")
        if not np.isfinite(self.rate).all():
            raise ValueError("funding.rate: must be finite, was not; drop unknown stamps")


@dataclass(frozen=True, slots=True)
class Rung:
    """A partial exit: `fraction` of the first quantity at `target` times the target distance.

    In the same cycle the stop goes to `stop_r` initial risks from the fill (0: breakeven; None: it stays), if that is
    tighter; where that is at or beyond the price at which the part left, the rest leaves there too.
    """

    target: float
    fraction: float
    stop_r: float | None = None


def check_ladder(ladder: Sequence[Rung]) -> Floats:
    """The rungs as target, fraction, stop_r in turn. What the fractions leave has no target."""
    if len(ladder) > 255:
        raise ValueError(f"ladder: must have at most 255 rungs, was {len(ladder)}; merge some")
    previous, total = 0.0, 0.0
    for rung in ladder:
        number_in("ladder.target", rung.target, 1e-9, 1e9, "1, 2, 3")
        number_in("ladder.fraction", rung.fraction, 1e-6, 1.0, "0.25 to 0.5")
        if rung.stop_r is not None:
            number_in("ladder.stop_r", rung.stop_r, -1e9, 1e9, "0 is breakeven, null leaves the stop")
        if rung.target <= previous:
            raise ValueError(f"ladder.target: must ascend, was {rung.target} after {previous}; sort the rungs")
        previous, total = rung.target, total + rung.fraction
    if total > 1.0 + 1e-9:
        raise ValueError(f"ladder.fraction: must sum to at most 1, was {total}; exit no more than there is")
    rows = [(r.target, r.fraction, math.nan if r.stop_r is None else r.stop_r) for r in ladder]
    return np.asarray(rows, np.float64).reshape(-1)
