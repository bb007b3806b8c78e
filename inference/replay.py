"""Replay of history under the fill contract: the engine's decisions, or levels from a table (the baselines)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.engine import Engine
from inference.ledger import EVENT, EVENT_NAMES, REASON_NAMES, TRADE, Ledger
from inference.variant import DECISION, OWN, Variant
from inference.venue import Costs, Funding, Impact, Margin, Rung, check_ladder

__all__ = [
    "EVENT",
    "EVENT_NAMES",
    "REASON_NAMES",
    "TRADE",
    "Bars",
    "Conditions",
    "Costs",
    "Entries",
    "Ledger",
    "Mode",
    "ledger_engine",
    "ledger_levels",
    "ledger_multiples",
    "ledger_parabolic",
    "replay_engine",
    "replay_levels",
]

Mode = Literal["pessimistic", "adaptive", "detail"]
_MODES = {"pessimistic": 0, "adaptive": 1, "detail": 2}


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
class Conditions:
    """What a replay takes into account beyond the bars; every part may be absent.

    detail: bars of a lower timeframe (or trades, as bars of one price), needed by the mode detail. rejected: per bar,
    whether the venue refuses protective orders sent at its open. touch: a target that is touched is filled, where else
    price must trade through it. tick: price step of the symbol (0: none; the engine's own is policy.risk.tick);
    distances are whole numbers of it, at least one. single: one position at a time, so that a signal while one is open
    gives no trade; reenter: a signal at the close of the bar of its exit does.
    """

    detail: Bars | None = None
    impact: Impact | None = None
    margin: Margin | None = None
    funding: Funding | None = None
    rejected: ArrayLike | None = None
    ladder: Sequence[Rung] = ()
    touch: bool = False
    tick: float = 0.0
    single: bool = False
    reenter: bool = True


def _per_bar(name: str, bars: Bars, values: ArrayLike) -> NDArray[np.float64]:
    try:
        return np.ascontiguousarray(np.broadcast_to(np.asarray(values, np.float64), bars.ts.shape))
    except ValueError:
        shape = np.shape(values)
        raise ValueError(
            f"{name}: must be one number, or one per bar ({len(bars.ts)}), was {shape}; align it"
        ) from None


def _at(index: NDArray[np.int64], name: str, bars: Bars, values: ArrayLike) -> NDArray[np.float64]:
    """One number per entry: of its signal's bar."""
    array = np.asarray(values, np.float64)
    return np.ascontiguousarray(_per_bar(name, bars, array)[index]) if array.ndim else np.full(len(index), array)


def _terms(
    bars: Bars, index: NDArray[np.int64], costs: Costs, mode: Mode, conditions: Conditions, record: bool
) -> _native.Terms:
    if mode not in _MODES:
        raise ValueError(f"mode: must be one of {', '.join(_MODES)}, was {mode!r}; choose one")
    if (mode == "detail") != (conditions.detail is not None):
        raise ValueError(f"detail: goes with the mode detail, was mode {mode!r}; pass both or neither")
    none, times = np.empty(0), np.empty(0, np.int64)
    sigma = volume = none
    if conditions.impact is not None:
        sigma = _per_bar("impact.sigma", bars, conditions.impact.sigma)
        volume = _per_bar("impact.volume", bars, conditions.impact.volume)
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
        rejected = np.ascontiguousarray(_per_bar("rejected", bars, conditions.rejected) != 0.0).view(np.uint8)
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
        conditions.touch,
        conditions.single,
        conditions.reenter,
        record,
    )


def replay_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: ArrayLike,
    target_distance: ArrayLike,
    trail_distance: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
    conditions: Conditions = Conditions(),
) -> NDArray[np.void]:
    """Trades (TRADE rows, in the entries' order) of a policy given as per-bar distances in price units (NaN: none).

    Stop and target are set from the fill with the signal bar's distances; the trail follows the extreme since entry at
    the distance of the bar just closed, and holds from the next bar. Closed `horizon` bars after the signal at the
    latest. An entry in whose whole horizon nothing trades gives no row.
    """
    distances = (stop_distance, target_distance, trail_distance)
    return _levels(bars, entries, distances, _ONCE, horizon, costs, mode, conditions, record=False)[0].trades


def ledger_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: ArrayLike,
    target_distance: ArrayLike,
    trail_distance: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
    conditions: Conditions = Conditions(),
) -> Ledger:
    """replay_levels with the events of each trade: entry, moves of the stop, funding, exits."""
    distances = (stop_distance, target_distance, trail_distance)
    return _levels(bars, entries, distances, _ONCE, horizon, costs, mode, conditions, record=True)[0]


def ledger_multiples(
    bars: Bars,
    entries: Entries,
    unit: ArrayLike,
    multiples: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
    conditions: Conditions = Conditions(),
    record: bool = True,
) -> list[Ledger]:
    """ledger_levels for many settings in one pass over the bars; without events where they are not to be recorded.

    unit: of distance, per bar, price units (an ATR, 1 % of the close). multiples: (settings, 3), of stop, target and
    trail in units (NaN: none). Where positions may overlap, all settings trade the same entries, row by row.
    """
    table = np.asarray(multiples, np.float64)
    if table.ndim != 2 or table.shape[1] != 3:
        raise ValueError(
            f"multiples: must be a table of three columns, was {table.shape}; one row of stop, target and trail each"
        )
    return _levels(bars, entries, (unit, unit, unit), table, horizon, costs, mode, conditions, record)


def ledger_parabolic(
    bars: Bars,
    entries: Entries,
    unit: ArrayLike,
    settings: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
    conditions: Conditions = Conditions(),
) -> list[Ledger]:
    """Wilder's parabolic stop ("New Concepts in Technical Trading Systems", 1978, section II), without target.

    The stop starts at the entry, and its acceleration grows by a step at each new extreme since, to ten of them
    (Wilder: 0.02 to 0.2). unit: per bar, price units. settings: (settings, 2), first distance in units, and step.
    """
    table = np.ascontiguousarray(settings, np.float64)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(f"settings: must be a table of two columns, was {table.shape}; one row of stop and step each")
    index, side = entries.checked(bars)
    stop = _at(index, "unit", bars, unit)
    terms = _terms(bars, index, costs, mode, conditions, True)
    found = _native.replay_parabolic(bars.native(), index, side, stop, table.ravel(), conditions.tick, horizon, terms)
    return [_ledger(*each) for each in found]


def _ledger(trades: object, events: object) -> Ledger:
    return Ledger(np.asarray(trades).view(TRADE), np.asarray(events).view(EVENT))


_ONCE = np.ones((1, 3))


def _levels(
    bars: Bars,
    entries: Entries,
    distances: tuple[ArrayLike, ArrayLike, ArrayLike],
    multiples: NDArray[np.float64],
    horizon: int,
    costs: Costs,
    mode: Mode,
    conditions: Conditions,
    record: bool,
) -> list[Ledger]:
    index, side = entries.checked(bars)
    stop, target = (
        _at(index, name, bars, values)
        for name, values in zip(("stop_distance", "target_distance"), distances[:2], strict=True)
    )
    trail = np.empty(0)
    if not (np.isnan(multiples[:, 2]).all() or np.isnan(distances[2]).all()):
        trail = _per_bar("trail_distance", bars, distances[2])
    for rung in conditions.ladder:
        for near, far, _ in multiples.tolist():
            if rung.stop_r is not None and (rung.stop_r * near * stop >= rung.target * far * target).any():
                raise ValueError(
                    f"ladder.stop_r: must leave the stop on the losing side of its target, was {rung.stop_r}; "
                    "0 is breakeven"
                )
    terms = _terms(bars, index, costs, mode, conditions, record)
    table = np.ascontiguousarray(multiples).ravel()
    levels = (stop, target, trail, table, conditions.tick)
    return [_ledger(*each) for each in _native.replay_tables(bars.native(), index, side, *levels, horizon, terms)]


def replay_engine(
    engine: Engine,
    bars: Bars,
    entries: Entries,
    costs: Costs,
    mode: Mode = "pessimistic",
    series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    equity: float = 100_000.0,
    notional: float = 10_000.0,
    conditions: Conditions = Conditions(),
    variant: Variant = OWN,
) -> NDArray[np.void]:
    """Trades of the engine's own decisions at each bar's close, from a fresh graph; its live state is not touched.

    Every trade has the same `notional`; the limit per trade acts against `equity`; open risk is not summed here (see
    inference/portfolio.py). variant: changes to the decisions, to see what would have come of them.
    """
    return _engine(engine, bars, entries, costs, mode, series, equity, notional, conditions, variant, False).trades


def ledger_engine(
    engine: Engine,
    bars: Bars,
    entries: Entries,
    costs: Costs,
    mode: Mode = "pessimistic",
    series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    equity: float = 100_000.0,
    notional: float = 10_000.0,
    conditions: Conditions = Conditions(),
    variant: Variant = OWN,
) -> Ledger:
    """replay_engine with the events and decisions of each trade."""
    return _engine(engine, bars, entries, costs, mode, series, equity, notional, conditions, variant, True)


def _engine(
    engine: Engine,
    bars: Bars,
    entries: Entries,
    costs: Costs,
    mode: Mode,
    series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None,
    equity: float,
    notional: float,
    conditions: Conditions,
    variant: Variant,
    record: bool,
) -> Ledger:
    index, side = entries.checked(bars)
    graph = _native.Graph(engine.spec, bars.symbol)
    for name, (times, values) in (series or {}).items():
        graph.push(name, np.ascontiguousarray(times, np.int64), np.ascontiguousarray(values, np.float64))
    tick = conditions.tick or float(engine.stop_manifest["policy"]["risk"]["tick"])
    terms = _terms(bars, index, costs, mode, conditions, record)
    trades, events, decisions = _native.replay_model(
        engine.model, graph, bars.native(), index, side, equity, notional, tick, terms, *variant.native(len(index))
    )
    return Ledger(*(np.asarray(a).view(b) for a, b in ((trades, TRADE), (events, EVENT), (decisions, DECISION))))
