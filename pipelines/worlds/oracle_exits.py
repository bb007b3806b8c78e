"""The exit of one who sees a world's latent state: what the product's could come to on the same entries at best.

Given the state, a world's returns are a drift that the state sets and noise that nothing foretells. So no stop and no
target adds to the expectation (optional stopping), and the best exit leaves, at a bar's close, where the rest of the
horizon promises nothing: optimal stopping by backward induction (Peskir and Shiryaev 2006, Optimal Stopping and
Free-Boundary Problems, chapter I.1). Drifts and transitions of the states are measured on a draw of another seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference.replay import Bars, Entries
from pipelines import worlds
from pipelines.arrays import Floats
from pipelines.params import section
from pipelines.partitions import read_series, symbols_in
from pipelines.replays import add_exit_bars
from pipelines.sources.worlds import WorldsParams
from pipelines.tables import microseconds
from pipelines.trades.baselines import Market, time_only
from pipelines.worlds.path import FIRST_PRICE

States = NDArray[np.int64]
Truth = Mapping[str, Floats]

FOLDER = Path("data/truth")
DRAWN_BARS = 50_000


def _ou(params: Any, bars: Bars, truth: Truth) -> States:
    """The deviation, a quarter of its standard deviation wide."""
    return _binned(truth["deviation"] / params.volatility * np.sqrt(2 * params.speed))


def _hunts(params: Any, bars: Bars, truth: Truth) -> States:
    """Where the next bar has a pool in reach: it lies at the close, and whether it may be hunted is known."""
    return _whole(np.append(truth["pool"][1:], 0.0)) + 1


def _exhaustion(params: Any, bars: Bars, truth: Truth) -> States:
    """Bars to the fall, or since it began."""
    falling = truth["phase"] == 3
    at = np.arange(len(falling))
    began = np.maximum.accumulate(np.where(falling, -1, at))
    return _whole(truth["reversal_in"]) + np.where(falling, params.advance_bars + 1 + at - began, 0)


def _book(params: Any, bars: Bars, truth: Truth) -> States:
    """The place between two walls: where depth changes, a price that eats through it drifts."""
    return np.asarray(np.floor(20 * np.mod(np.log(bars.close / FIRST_PRICE) / params.period, 1.0)), np.int64)


def _crowding(params: Any, bars: Bars, truth: Truth) -> States:
    """The trend, and bars to its end up to 24."""
    return _whole(truth["trend"] * np.minimum(truth["reversal_in"], 24)) + 24


def _fair(params: Any, bars: Bars, truth: Truth) -> States:
    """One state: nothing foretells the price."""
    return np.zeros(len(bars.ts), np.int64)


STATES: dict[str, Callable[[Any, Bars, Truth], States]] = {
    "brownian": _fair,
    "ou": _ou,
    "garch": _fair,
    "momentum": lambda params, bars, truth: _whole(truth["regime"]) + 1,
    "hunts": _hunts,
    "exhaustion": _exhaustion,
    "sessions": _fair,
    "crash": lambda params, bars, truth: _whole(truth["crash"]),
    "book": _book,
    "crowding": _crowding,
}
"""What is known at each bar's close to one who sees the truth: a number from 0 on, (bars,)."""


def _whole(values: Floats) -> States:
    return np.asarray(np.rint(values), np.int64)


def _binned(values: Floats) -> States:
    return np.digitize(values, np.arange(-3.0, 3.01, 0.25))


def leave(states: States, returns: Floats, horizon: int) -> NDArray[np.bool_]:
    """Whether to leave a long position after each bar (horizon, states): True where the rest promises nothing.

    states: (bars,), at the closes; returns: of the bars, simple. For short positions pass -returns.
    """
    count = int(states.max()) + 1
    now, after = states[:-1], states[1:]
    visits = np.maximum(np.bincount(now, minlength=count), 1)
    drift = np.bincount(now, returns[1:], minlength=count) / visits
    moves = np.bincount(now * count + after, minlength=count**2).reshape(count, count) / visits[:, None]
    out = np.ones((horizon, count), np.bool_)
    value = np.zeros(count)
    for bar in range(horizon - 1)[::-1]:
        promised = drift + moves @ value
        out[bar], value = promised <= 0, np.maximum(promised, 0.0)
    return out


def oracle_trades(test: Sequence[Market], horizon: int) -> list[pl.DataFrame]:
    """The oracle's trades on the entries of these markets, under the policy's name oracle and pessimistic fills, in the
    columns of `replay_all`; [] where not all of the markets are worlds of `ingest.worlds`.
    """
    known = set(symbols_in(FOLDER))
    if not test or any(market.bars.symbol not in known for market in test):
        return []
    params = section("ingest.worlds", WorldsParams)
    clock = replace(params.clock(), bars=DRAWN_BARS)
    frames, learned = [], {}
    for market in test:
        name = market.bars.symbol.partition("_")[0].lower()
        own = getattr(params, name)
        if name not in learned:
            drawn = worlds.simulate(name, own, clock, params.seed + 1)
            states = STATES[name](own, drawn[0].bars, drawn[0].truth)
            returns = np.mean([_returns(world.bars) for world in drawn], axis=0)
            learned[name] = {side: leave(states, side * returns, horizon) for side in (1, -1)}
        states = STATES[name](own, market.bars, read_truth(market.bars))
        frames.append(_trades(market, states, learned[name], horizon))
    calendar = np.unique(np.concatenate([market.bars.ts for market in test]))
    trades = pl.concat(frames).with_columns(ambiguous=pl.lit(False))
    head = (pl.lit("oracle").alias("policy"), pl.lit("pessimistic").alias("mode"))
    return [add_exit_bars(trades.select(*head, pl.all()), calendar).sort("entry_ts", "id")]


def read_truth(bars: Bars, folder: Path = FOLDER) -> dict[str, Floats]:
    """The latent state of each of these bars, by name. Raises ValueError where it is not known of all."""
    mine = (
        read_series(folder).filter(pl.col("symbol") == bars.symbol).pivot("name", index="ts", values="value").sort("ts")
    )
    place = np.searchsorted(times := microseconds(mine["ts"]), bars.ts)
    if (place == len(times)).any() or (times[place] != bars.ts).any():
        raise ValueError(f"{folder}: must hold the truth of all bars of {bars.symbol}, was another one; ingest again")
    return {name: mine[name].to_numpy()[place] for name in mine.columns if name != "ts"}


def _returns(bars: Bars) -> Floats:
    return np.append(0.0, bars.close[1:] / bars.close[:-1] - 1)


def _trades(market: Market, states: States, rules: Mapping[int, NDArray[np.bool_]], horizon: int) -> pl.DataFrame:
    """Each entry closed after the first bar at whose close its side's rule leaves."""
    index, side = market.entries.index, market.entries.side
    # A state that the draw never saw is left.
    ahead = states[index[:, None] + np.arange(1, horizon + 1)]
    seen = len(rules[1][0])
    now = np.minimum(ahead, seen - 1)
    after = np.arange(horizon)
    out = np.where((side > 0)[:, None], rules[1][after, now], rules[-1][after, now]) | (ahead >= seen)
    held = out.argmax(axis=1) + 1
    whole = time_only(market, horizon, "pessimistic").select("id", "horizon_mae", "horizon_mfe", "horizon_pnl")
    frames = []
    for bars in np.unique(held):
        of_it = held == bars
        ids = tuple(each for each, mine in zip(market.ids, of_it, strict=True) if mine)
        part = replace(market, entries=Entries(index[of_it], side[of_it]), ids=ids)
        frames.append(time_only(part, int(bars), "pessimistic"))
    found = pl.concat(frames)
    # What came later is that of the whole horizon, as for all policies.
    return found.drop(whole.columns[1:]).join(whole, on="id", how="left").select(found.columns)
