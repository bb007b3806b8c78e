"""Replay of history under the fill contract: the engine's decisions, or levels from a table (the baselines)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.bars import Bars, Entries, Trades, at_entries, per_bar
from inference.checks import whole_in
from inference.conditions import PLAIN, Conditions, Mode, terms_of
from inference.engine import Engine
from inference.ledger import EVENT, EVENT_NAMES, REASON_NAMES, TRADE, Ledger
from inference.variant import DECISION, OWN, Variant
from inference.venue import Costs

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
    "Trades",
    "ledger_engine",
    "ledger_levels",
    "ledger_multiples",
    "ledger_parabolic",
    "replay_engine",
    "replay_levels",
]


def replay_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: ArrayLike,
    target_distance: ArrayLike,
    trail_distance: ArrayLike,
    horizon: int,
    costs: Costs,
    mode: Mode = "pessimistic",
    conditions: Conditions = PLAIN,
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
    conditions: Conditions = PLAIN,
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
    conditions: Conditions = PLAIN,
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
    conditions: Conditions = PLAIN,
) -> list[Ledger]:
    """Wilder's parabolic stop ("New Concepts in Technical Trading Systems", 1978, section II), without target.

    The stop starts at the entry, and its acceleration grows by a step at each new extreme since, to ten of them
    (Wilder: 0.02 to 0.2). unit: per bar, price units. settings: (settings, 2), first distance in units, and step.
    """
    table = np.ascontiguousarray(settings, np.float64)
    if table.ndim != 2 or table.shape[1] != 2:
        raise ValueError(f"settings: must be a table of two columns, was {table.shape}; one row of stop and step each")
    index, side = entries.checked(bars)
    stop = at_entries(index, "unit", bars, unit)
    terms = terms_of(bars, index, costs, mode, conditions, True)
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
        at_entries(index, name, bars, values)
        for name, values in zip(("stop_distance", "target_distance"), distances[:2], strict=True)
    )
    trail = np.empty(0)
    if not (np.isnan(multiples[:, 2]).all() or np.isnan(distances[2]).all()):
        trail = per_bar("trail_distance", bars, distances[2])
    _check_distances(stop, target, trail, multiples)
    whole_in("horizon", horizon, 1, 2**31, "the bars that a trade may last")
    terms = terms_of(bars, index, costs, mode, conditions, record)
    table = np.ascontiguousarray(multiples).ravel()
    levels = (stop, target, trail, table, conditions.tick)
    return [_ledger(*each) for each in _native.replay_tables(bars.native(), index, side, *levels, horizon, terms)]


def _check_distances(
    stop: NDArray[np.float64],
    target: NDArray[np.float64],
    trail: NDArray[np.float64],
    multiples: NDArray[np.float64],
) -> None:
    named = {"stop_distance": stop, "target_distance": target, "trail_distance": trail, "multiples": multiples}
    for name, values in named.items():
        if (values < 0.0).any():
            raise ValueError(f"{name}: must be at least 0 (NaN: none), was {np.nanmin(values)}; drop the sign")
    trailing = ~np.isnan(multiples[:, 2])
    if len(trail) and trailing.any() and (np.isnan(multiples[trailing, 0]).any() or np.isnan(stop).any()):
        raise ValueError("trail_distance: must have a stop to start from, was without; give each entry a stop_distance")


def replay_engine(
    engine: Engine,
    bars: Bars,
    entries: Entries,
    costs: Costs,
    mode: Mode = "pessimistic",
    series: Mapping[str, tuple[ArrayLike, ArrayLike]] | None = None,
    equity: float = 100_000.0,
    notional: float = 10_000.0,
    conditions: Conditions = PLAIN,
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
    conditions: Conditions = PLAIN,
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
    terms = terms_of(bars, index, costs, mode, conditions, record, tick)
    trades, events, decisions = _native.replay_model(
        engine.model, graph, bars.native(), index, side, equity, notional, tick, terms, *variant.native(len(index))
    )
    return Ledger(*(np.asarray(a).view(b) for a, b in ((trades, TRADE), (events, EVENT), (decisions, DECISION))))
