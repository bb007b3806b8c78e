"""What lies over the price in a span: turning points, zigzag legs, zones, divergences, the volume profile, trades.

All of it comes from the feature tables, or from the engine's own kernels where a table does not hold it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.divergence import pivot_high, pivot_low
from features.exhaustion import ExhaustionParams
from features.graph import to_data
from features.levels import LevelsParams
from features.profile import profile
from inference import Graph

DIVERGENCES = ("rsi_divergence", "rsi_hidden_divergence", "macd_divergence", "macd_hidden_divergence")
_PRICES = ("open", "high", "low", "close")
_PROFILE_POINTS = 72
_PROFILE_WARM_UP = 19  # of the volume that `features.profile` feeds its kernel
_NOTHING = 1e-12  # a volume that no bin shows


@dataclass(frozen=True, slots=True)
class Span:
    """Bars with all features, in time order; the first `lead` rows only serve what looks back and are not drawn."""

    symbol: str
    frame: pl.DataFrame
    lead: int
    interval_us: int
    trades: pl.DataFrame | None

    @property
    def shown(self) -> pl.DataFrame:
        """The rows that are drawn."""
        return self.frame.slice(self.lead)


def _run(graph: Graph, bars: pl.DataFrame) -> dict[str, NDArray[np.float64]]:
    columns = {name: bars[name].to_numpy() for name in (*_PRICES, "volume")}
    return graph.run(columns, bars["ts"].dt.epoch("us").to_numpy())


def lead_bars(p: LevelsParams) -> int:
    """Bars before the span that `pivots` and `volume_profile` need to be exact on it."""
    return max(4 * p.pivot_bars + 2, p.profile_bars + _PROFILE_WARM_UP)


def pivots(bars: pl.DataFrame, p: LevelsParams, interval_us: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the confirmed swing highs and swing lows, at their own bar (known pivot_bars later)."""
    top, bottom = pivot_high(p.pivot_bars), pivot_low(p.pivot_bars)
    out = _run(Graph(to_data({"top": top, "bottom": bottom}, [], interval_us)), bars)
    return np.flatnonzero(out["top"] == 1.0) - p.pivot_bars, np.flatnonzero(out["bottom"] == 1.0) - p.pivot_bars


def volume_profile(bars: pl.DataFrame, p: LevelsParams, interval_us: int) -> pl.DataFrame | None:
    """Price and share (0 to 1, of the fullest bin's volume) of the last profile_bars bars; None with too few bars.

    The engine's kernel answers for one price a bar: so each price is asked with a further bar at it, of no volume, and
    the state goes back. The kernel lays its bins over just this window here; live it lays them once a window, so its
    point of control may lie a bin apart.
    """
    needed = p.profile_bars + _PROFILE_WARM_UP
    if bars.height < needed:
        return None
    window = bars.tail(needed)
    density = profile(p.profile_bars + 1, p.profile_bins, p.value_share, p.node_bins).density
    graph = Graph(to_data({"density": density}, [], interval_us))
    _run(graph, window)
    state, counted = graph.save(), window.tail(p.profile_bars)
    probe = window.tail(1).with_columns(pl.col("ts").dt.offset_by(f"{interval_us}us"), volume=pl.lit(_NOTHING))
    prices = np.geomspace(counted["low"].min(), counted["high"].max(), _PROFILE_POINTS)  # type: ignore[arg-type]
    shares = []
    for price in prices:
        graph.load(state)
        asked = probe.with_columns(pl.lit(price).alias(name) for name in _PRICES)
        shares.append(_run(graph, asked)["density"][0])
    return pl.DataFrame({"price": prices, "share": shares})


def zigzag(features: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Row numbers and prices of the legs' ends in the span; the last is the live leg's extreme so far."""
    direction, extreme = features["swing_direction"].to_numpy(), features["swing_extreme"].to_numpy()
    known = np.flatnonzero(np.isfinite(direction))
    if not len(known):
        return known, extreme[known]
    turns = np.flatnonzero(np.diff(direction[known])) + 1
    # A leg's end is the bar on which its extreme was set last.
    rows = np.array([leg[np.argmax(extreme[leg] == extreme[leg[-1]])] for leg in np.split(known, turns)])
    return rows, extreme[rows]


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone near the price from row `begin` to `end`: centre and half width in price, strength at its end."""

    begin: int
    end: int
    centre: float
    half_width: float
    strength: float


def zones(features: pl.DataFrame, side: str, p: LevelsParams) -> list[Zone]:
    """Nearest zones "below" or "above" the price, a run of bars each while the centre stays; none of strength 0."""
    strength = np.expm1(features[f"zone_{side}_strength"].to_numpy())
    centre = features[f"zone_{side}"].to_numpy()
    width = p.zone_width * p.horizon_bars**0.5 * features["sigma"].to_numpy() * centre
    rows = np.flatnonzero(strength > 1e-9)
    if not len(rows):
        return []
    breaks = np.flatnonzero((np.diff(rows) > 1) | (np.diff(centre[rows]) != 0.0)) + 1
    return [
        Zone(int(run[0]), int(run[-1]), float(centre[run[0]]), float(width[run[0]]), float(strength[run[-1]]))
        for run in np.split(rows, breaks)
    ]


def divergences(features: pl.DataFrame, name: str, p: ExhaustionParams) -> NDArray[np.float64]:
    """1 where a bullish, -1 where a bearish divergence was confirmed, else 0, of the feature that fades with time."""
    decay = 0.5 ** (1.0 / p.divergence_half_life_bars)
    event = features.select((pl.col(name) - decay * pl.col(name).shift(1)).fill_null(0.0).fill_nan(0.0).round())
    return event.to_series().to_numpy()


def trades(table: pl.DataFrame, times: pl.Series) -> pl.DataFrame:
    """The product's trades (pessimistic fills) that touch the span: rows of entry and exit (null outside), levels.

    stop and target are the first ones, as prices; stop_at_exit is where the stop stood in the end. The path between is
    not recorded.
    """
    rows = pl.DataFrame({"ts": times, "row": np.arange(len(times))})
    first, last = times[0], times[-1]
    mine = table.filter(
        (pl.col("policy") == "product")
        & (pl.col("mode") == "pessimistic")
        & (pl.col("entry_ts") <= last)
        & (pl.col("exit_ts") >= first)
    )
    away = pl.col("side") * pl.col("stop_distance")
    return (
        mine.with_columns(stop=pl.col("fill_price") - away, target=pl.col("fill_price") + away * pl.col("target_r"))
        .join(rows.rename({"ts": "entry_ts", "row": "entry"}), on="entry_ts", how="left")
        .join(rows.rename({"ts": "exit_ts", "row": "exit"}), on="exit_ts", how="left")
        .sort("entry_ts", "id")
    )
