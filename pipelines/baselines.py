"""Exits without learning, on the product's entries: fixed per cent, ATR and GARCH, chandelier, SAR, time, random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from inference.replay import REASON_NAMES, TRADE, Bars, Costs, Entries, Mode, replay_levels
from pipelines.bootstrap import Floats
from pipelines.parabolic import parabolic_stop

Unit = Literal["percent", "atr", "garch"]

NAN = float("nan")


@dataclass(frozen=True, slots=True)
class BaselineParams:
    """Grids that the static exits are swept over on the training part; NaN-free, in the unit of each key's name."""

    stop_percent: tuple[float, ...]
    stop_atr: tuple[float, ...]
    stop_garch: tuple[float, ...]
    trail_atr: tuple[float, ...]
    sar_atr: tuple[float, ...]
    sar_step: tuple[float, ...]
    target_r: tuple[float, ...]
    random_seed: int

    def __post_init__(self) -> None:
        for name in ("stop_percent", "stop_atr", "stop_garch", "trail_atr", "sar_atr", "sar_step", "target_r"):
            grid = getattr(self, name)
            if len(grid) < 2 or min(grid) <= 0 or list(grid) != sorted(set(grid)):
                raise ValueError(
                    f"evaluate.baselines.{name}: must be at least two ascending numbers above 0, was {list(grid)!r}; "
                    "typical: five to ten"
                )
        if self.random_seed < 0:
            raise ValueError(
                f"evaluate.baselines.random_seed: must be at least 0, was {self.random_seed}; typical: any whole number"
            )


@dataclass(frozen=True, slots=True)
class Market:
    """One symbol: bars, per-bar volatility (price units) and the entries of one part, with their ids."""

    bars: Bars
    atr: Floats
    garch: Floats  # GARCH standard deviation of one horizon, price units
    entries: Entries
    ids: tuple[str, ...]

    def unit(self, unit: Unit) -> Floats:
        """One unit of stop distance at each bar's close, price units."""
        return {"percent": 0.01 * self.bars.close, "atr": self.atr, "garch": self.garch}[unit]


@dataclass(frozen=True, slots=True)
class Static:
    """Stop (and, with `trail`, chandelier trail) at `stop` units; target at `target_r` times that; infinity = none."""

    unit: Unit
    stop: float
    target_r: float
    trail: bool = False

    def trades(self, market: Market, horizon: int, costs: Costs, mode: Mode) -> pl.DataFrame:
        """Its trades on the market's entries."""
        stop = self.stop * market.unit(self.unit)
        target = stop * self.target_r if math.isfinite(self.target_r) else np.full_like(stop, NAN)
        trail = stop if self.trail else np.full_like(stop, NAN)
        return to_frame(replay_levels(market.bars, market.entries, stop, target, trail, horizon, costs, mode), market)

    def describe(self) -> str:
        """For tables: `2.5 ATR, target 3R`."""
        name = {"percent": "%", "atr": "ATR", "garch": "GARCH"}[self.unit]
        goal = f", target {self.target_r:g}R" if math.isfinite(self.target_r) else ""
        return f"{'trail ' if self.trail else ''}{self.stop:g} {name}{goal}"


@dataclass(frozen=True, slots=True)
class Parabolic:
    """Stop that starts `stop` ATR from the fill and then follows Wilder's parabolic SAR; no target."""

    stop: float
    step: float

    def trades(self, market: Market, horizon: int, costs: Costs, mode: Mode) -> pl.DataFrame:
        """Its trades on the market's entries: a replay each, since the stop depends on where the trade began."""
        trades = [self._trade(market, entry, horizon, costs, mode) for entry in range(len(market.ids))]
        return to_frame(np.concatenate([np.empty(0, TRADE), *trades]), market)

    def _trade(self, market: Market, entry: int, horizon: int, costs: Costs, mode: Mode) -> npt.NDArray[np.void]:
        signal, side = int(market.entries.index[entry]), market.entries.side[entry : entry + 1]
        bars = _part(market.bars, signal, signal + horizon + 1)
        high, low = bars.high[1:], bars.low[1:]
        sign = int(side[0])
        stop = self.stop * market.atr[signal]
        levels = parabolic_stop(high, low, sign, bars.open[1] - sign * stop, self.step)
        # The replay trails at a distance from the extreme since the fill; a close sets the level of the bar after it.
        extreme = np.maximum.accumulate(high) if sign > 0 else np.minimum.accumulate(low)
        trail = np.full(len(bars.ts), NAN)
        trail[1:-1] = sign * (extreme[:-1] - levels[1:])
        trade = replay_levels(bars, Entries(np.zeros(1, np.int64), side), stop, NAN, trail, horizon, costs, mode)
        trade["entry"] = entry
        for name in ("entry_index", "exit_index"):
            trade[name] += signal
        return trade

    def describe(self) -> str:
        """For tables: `2.5 ATR, step 0.02`."""
        return f"{self.stop:g} ATR, step {self.step:g}"


Exit = Static | Parabolic


def candidates(params: BaselineParams) -> dict[str, list[Exit]]:
    """Every setting that is tried on the training part, by policy."""
    goals = (*params.target_r, math.inf)
    return {
        "fixed_percent": [Static("percent", stop, goal) for stop in params.stop_percent for goal in goals],
        "fixed_atr": [Static("atr", stop, goal) for stop in params.stop_atr for goal in goals],
        "garch": [Static("garch", stop, goal) for stop in params.stop_garch for goal in goals],
        "chandelier": [Static("atr", stop, math.inf, trail=True) for stop in params.trail_atr],
        "sar": [Parabolic(stop, step) for stop in params.sar_atr for step in params.sar_step],
    }


def at_edge(setting: Exit, params: BaselineParams) -> bool:
    """Whether the stop is the nearest or the widest of its grid: the best of all may then lie beyond it."""
    if isinstance(setting, Parabolic):
        grid = params.sar_atr
    elif setting.trail:
        grid = params.trail_atr
    else:
        grid = {"percent": params.stop_percent, "atr": params.stop_atr, "garch": params.stop_garch}[setting.unit]
    return setting.stop in (grid[0], grid[-1])


def choose(
    options: Sequence[Exit], markets: Sequence[Market], horizon: int, costs: Costs
) -> Iterator[tuple[Exit, pl.DataFrame]]:
    """Each option with its trades on all markets, pessimistic fills."""
    for option in options:
        yield option, pl.concat([option.trades(market, horizon, costs, "pessimistic") for market in markets])


def mean_profit(trades: pl.DataFrame) -> float:
    """Expectancy at fixed size: mean of profit / entry price over closed trades; minus infinity without any."""
    value = trades.filter(pl.col("reason") != "open").select((pl.col("pnl") / pl.col("entry_price")).mean()).item()
    return -math.inf if value is None else float(value)


def time_only(market: Market, horizon: int, costs: Costs, mode: Mode) -> pl.DataFrame:
    """Held to the horizon's end, without stop or target; has no R."""
    return to_frame(replay_levels(market.bars, market.entries, NAN, NAN, NAN, horizon, costs, mode), market)


def random_distances(
    market: Market, product: pl.DataFrame, horizon: int, costs: Costs, mode: Mode, generator: np.random.Generator
) -> pl.DataFrame:
    """Stop and target drawn together from the product's own trades (as fractions of price), whatever the bar."""
    stop_share = (product["stop_distance"] / product["fill_price"]).to_numpy()
    target_r = product["target_r"].fill_null(NAN).to_numpy()
    draw = generator.integers(0, len(stop_share), len(market.bars.ts))
    stop = stop_share[draw] * market.bars.close
    none = np.full_like(stop, NAN)
    trades = replay_levels(market.bars, market.entries, stop, stop * target_r[draw], none, horizon, costs, mode)
    return to_frame(trades, market)


def _part(bars: Bars, begin: int, end: int) -> Bars:
    prices = (each[begin:end] for each in (bars.open, bars.high, bars.low, bars.close, bars.volume))
    return Bars(bars.symbol, bars.ts[begin:end], *prices)


def to_frame(trades: npt.NDArray[np.void], market: Market) -> pl.DataFrame:
    """Trade records as a table: times as such, reasons by name, unknown numbers null."""
    names = [name for name in trades.dtype.names or () if name not in ("padding", "entry")]
    frame = pl.DataFrame({name: np.ascontiguousarray(trades[name]) for name in names})
    reasons = dict(enumerate(REASON_NAMES))
    return frame.with_columns(
        pl.Series("id", market.ids, pl.String).gather(trades["entry"]),
        pl.lit(market.bars.symbol).alias("symbol"),
        pl.col("entry_ts", "exit_ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        pl.col(pl.Float64).fill_nan(None),
        pl.col("reason").replace_strict(reasons, return_dtype=pl.String),
        pl.col("premature", "gap", "reached_2r", "fallback", "touched_both").cast(pl.Boolean),
    ).select("id", "symbol", *names)
