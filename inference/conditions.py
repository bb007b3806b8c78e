"""Under which conditions a replay fills: the mode inside a bar, and what the venue adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.bars import Bars, Trades, per_bar
from inference.venue import Costs, Funding, Impact, Margin, Rung, check_ladder

Mode = Literal["pessimistic", "adaptive", "detail"]
_MODES = {"pessimistic": 0, "adaptive": 1, "detail": 2}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a replay takes into account beyond the bars; every part may be absent.

    detail: bars of a lower timeframe, or trades, needed by the mode detail. rejected: per bar, whether the venue
    refuses protective orders sent at its open. touch: a target that is touched is filled, where else price must trade
    through it. tick: price step of the symbol (0: none; the engine's own is policy.risk.tick); distances are whole
    numbers of it, at least one. single: one position at a time, so that a signal while one is open gives no trade;
    reenter: a signal at the close of the bar of its exit does.
    """

    detail: Bars | Trades | None = None
    impact: Impact | None = None
    margin: Margin | None = None
    funding: Funding | None = None
    rejected: ArrayLike | None = None
    ladder: Sequence[Rung] = ()
    touch: bool = False
    tick: float = 0.0
    single: bool = False
    reenter: bool = True


PLAIN = Conditions()


def terms_of(
    bars: Bars,
    index: NDArray[np.int64],
    costs: Costs,
    mode: Mode,
    conditions: Conditions,
    record: bool,
    tick: float | None = None,
) -> _native.Terms:
    """What the compiled replay takes of all this. index: of the signals; record: events too; tick: the engine's own.
    Raises ValueError where a part does not fit the bars or the mode.
    """
    if mode not in _MODES:
        raise ValueError(f"mode: must be one of {', '.join(_MODES)}, was {mode!r}; choose one")
    if (mode == "detail") != (conditions.detail is not None):
        raise ValueError(f"detail: goes with the mode detail, was mode {mode!r}; pass both or neither")
    none, times = np.empty(0), np.empty(0, np.int64)
    sigma = volume = none
    if conditions.impact is not None:
        sigma = per_bar("impact.sigma", bars, conditions.impact.sigma)
        volume = per_bar("impact.volume", bars, conditions.impact.volume)
        first = int(index[0]) + 1 if len(index) else len(bars.ts)
        for name, values in (("sigma", sigma), ("volume", volume)):
            if not (np.isfinite(values[first:]) & (values[first:] > 0.0)).all():
                raise ValueError(
                    f"impact.{name}: must be above 0 from the first entry on, was {np.min(values[first:])}; "
                    "use a mean over several bars"
                )
    impact = (conditions.impact.coefficient, conditions.impact.notional) if conditions.impact else (0.0, 0.0)
    rejected = np.empty(0, np.uint8)
    if conditions.rejected is not None:
        rejected = np.ascontiguousarray(per_bar("rejected", bars, conditions.rejected) != 0.0).view(np.uint8)
    margin, funding = conditions.margin, conditions.funding
    return _native.Terms(
        _native.Costs(costs.taker_fee, costs.maker_fee, costs.slippage),
        _MODES[mode],
        (conditions.detail or Bars(bars.symbol, times, none, none, none, none, none)).native(),
        impact,
        sigma,
        volume,
        (margin.leverage, margin.maintenance, margin.fee) if margin else (0.0, 0.0, 0.0),
        np.ascontiguousarray(funding.ts, np.int64) if funding else times,
        np.ascontiguousarray(funding.rate, np.float64) if funding else none,
        rejected,
        check_ladder(conditions.ladder),
        conditions.tick if tick is None else tick,
        conditions.touch,
        conditions.single,
        conditions.reenter,
        record,
    )
