"""Exits without learning, on the product's entries: fixed per cent, ATR and GARCH, chandelier, SAR, time, random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from inference.replay import (
    REASON_NAMES,
    Bars,
    Costs,
    Entries,
    Mode,
    replay_levels,
    replay_multiples,
    replay_parabolic,
)
from pipelines.bootstrap import Floats

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

    def multiples(self) -> tuple[float, float, float]:
        """Of stop, target and trail, in units; NaN: none."""
        target = self.stop * self.target_r if math.isfinite(self.target_r) else NAN
        return self.stop, target, self.stop if self.trail else NAN

    def trades(self, market: Market, horizon: int, costs: Costs, mode: Mode) -> pl.DataFrame:
        """Its trades on the market's entries."""
        return next(replay_exits([self], market, horizon, costs, mode))

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
        """Its trades on the market's entries."""
        return next(replay_exits([self], market, horizon, costs, mode))

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


def replay_exits(
    options: Sequence[Exit], market: Market, horizon: int, costs: Costs, mode: Mode
) -> Iterator[pl.DataFrame]:
    """The trades of each option on the market's entries; options of one unit in one pass over the bars."""

    def kind(option: Exit) -> Unit | None:
        return option.unit if isinstance(option, Static) else None

    for unit, group in groupby(options, kind):
        if unit is None:
            settings = [(o.stop, o.step) for o in group if isinstance(o, Parabolic)]
            found = replay_parabolic(market.bars, market.entries, market.atr, settings, horizon, costs, mode)
        else:
            multiples = [o.multiples() for o in group if isinstance(o, Static)]
            found = replay_multiples(market.bars, market.entries, market.unit(unit), multiples, horizon, costs, mode)
        yield from (to_frame(trades, market) for trades in found)


def choose(
    options: Sequence[Exit], markets: Sequence[Market], horizon: int, costs: Costs, mode: Mode = "pessimistic"
) -> Iterator[tuple[Exit, pl.DataFrame]]:
    """Each option with its trades on all markets."""
    for option, *frames in zip(
        options, *(replay_exits(options, m, horizon, costs, mode) for m in markets), strict=True
    ):
        yield option, pl.concat(frames)


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
