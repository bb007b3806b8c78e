"""Replay of history under the fill contract: the engine's decisions, or levels from a table (the baselines)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.engine import Engine

Mode = Literal["pessimistic", "adaptive"]
_MODES = {"pessimistic": 0, "adaptive": 1}

REASON_NAMES = ("open", "stop", "target", "time")

# mirrors `struct Trade` in native/replay.hpp; prices and results per unit of quantity
TRADE = np.dtype(
    [(name, np.int64) for name in ("entry", "entry_index", "exit_index", "entry_ts", "exit_ts")]
    + [(name, np.float64) for name in ("entry_price", "fill_price", "exit_price", "intended_price", "stop_distance")]
    + [(name, np.float64) for name in ("pnl", "r", "mae", "mfe", "horizon_mae", "horizon_mfe", "horizon_pnl")]
    + [(name, np.float64) for name in ("beyond", "target_r", "stop_at_exit")]
    + [("side", np.int8)]
    + [(name, np.uint8) for name in ("reason", "premature", "gap", "reached_2r", "fallback")]
    + [("padding", np.uint8, (2,))]
)


@dataclass(frozen=True, slots=True)
class Bars:
    """Columns of one symbol's bars, sorted by `ts` (bar open, µs, UTC)."""

    symbol: str
    ts: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    volume: NDArray[np.float64]

    def native(self) -> _native.Bars:
        """The columns, checked, as the compiled engine reads them. Raises BarError, naming the row."""
        return _native.Bars(self.ts, self.open, self.high, self.low, self.close, self.volume)


@dataclass(frozen=True, slots=True)
class Entries:
    """Signals: `index` of the bar at whose close each stands (ascending; filled at the next open), `side` +1 or -1."""

    index: NDArray[np.int64]
    side: NDArray[np.int8]

    def checked(self, bars: Bars) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Both columns, contiguous. Raises ValueError where they can't be signals on these bars."""
        index, side = np.ascontiguousarray(self.index, np.int64), np.ascontiguousarray(self.side, np.int8)
        if index.shape != side.shape:
            raise ValueError(
                f"entries: index and side must be of one length, was {len(index)} and {len(side)}; pair them"
            )
        if len(index) and (index.min() < 0 or index.max() >= len(bars.ts) - 1):
            raise ValueError(
                f"entries.index: must lie in [0, {len(bars.ts) - 2}], was {index.min()} to {index.max()}; "
                "a signal needs a next bar to fill"
            )
        if (np.diff(index) < 0).any():
            raise ValueError("entries.index: must ascend, was not; sort entries by time")
        if not np.isin(side, (1, -1)).all():
            raise ValueError("entries.side: must be +1 or -1, was another number; drop flat signals")
        return index, side


@dataclass(frozen=True, slots=True)
class Costs:
    """Fractions of price: taker fee and slippage on market fills, maker fee on targets."""

    taker_fee: float = 0.0
    maker_fee: float = 0.0
    slippage: float = 0.0


def _native_costs(costs: Costs) -> _native.Costs:
    return _native.Costs(costs.taker_fee, costs.maker_fee, costs.slippage)


def _per_bar(bars: Bars, values: ArrayLike) -> NDArray[np.float64]:
    return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float64), bars.ts.shape))


def replay_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: ArrayLike,
    target_distance: ArrayLike,
    trail_distance: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
) -> NDArray[np.void]:
    """Trades (TRADE rows, in the entries' order) of a policy given as per-bar distances in price units (NaN: none).

    Stop and target are set from the fill with the signal bar's distances; the trail follows the extreme since entry at
    the distance of the bar just closed, and holds from the next bar. Closed `horizon` bars after the signal at the
    latest.
    """
    index, side = entries.checked(bars)
    stop, target, trail = (_per_bar(bars, values) for values in (stop_distance, target_distance, trail_distance))
    raw = _native.replay_table(
        bars.native(), index, side, stop, target, trail, horizon, _native_costs(costs), _MODES[mode]
    )
    return np.asarray(raw).view(TRADE)


def replay_engine(
    engine: Engine,
    bars: Bars,
    entries: Entries,
    costs: Costs,
    mode: Mode = "pessimistic",
    series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    equity: float = 100_000.0,
    notional: float = 10_000.0,
) -> NDArray[np.void]:
    """Trades of the engine's own decisions at each bar's close, from a fresh graph; its live state is not touched.

    Every trade has the same `notional`; the limit per trade acts against `equity`; open risk is not summed here.
    """
    index, side = entries.checked(bars)
    graph = _native.Graph(engine.spec, bars.symbol)
    for name, (times, values) in (series or {}).items():
        graph.push(name, np.ascontiguousarray(times, np.int64), np.ascontiguousarray(values, np.float64))
    tick = float(engine.stop_manifest["policy"]["risk"]["tick"])
    raw = _native.replay_model(
        engine.model, graph, bars.native(), index, side, equity, notional, tick, _native_costs(costs), _MODES[mode]
    )
    return np.asarray(raw).view(TRADE)
