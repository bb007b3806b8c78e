"""Exits without learning, on the product's entries: fixed per cent, ATR and GARCH, chandelier, SAR, time, random."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from inference.replay import (
    REASON_NAMES,
    Bars,
    Entries,
    Ledger,
    Mode,
    ledger_levels,
    ledger_multiples,
    ledger_parabolic,
)
from pipelines.arrays import Floats
from pipelines.trades.exit_fills import EACH, exits_of, over_exits
from pipelines.trades.partials import partial_exits
from pipelines.trades.terms import Terms

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
    """One symbol: bars, per-bar volatility (price units), the entries of one part with their ids, and the venue's
    terms.
    """

    bars: Bars
    atr: Floats
    garch: Floats  # GARCH standard deviation of one horizon, price units
    entries: Entries
    ids: tuple[str, ...]
    terms: Terms = field(default_factory=Terms)

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

    def ledger(self, market: Market, horizon: int, mode: Mode) -> Ledger:
        """Its replay of the market's entries."""
        return next(ledgers([self], market, horizon, mode))

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

    def ledger(self, market: Market, horizon: int, mode: Mode) -> Ledger:
        """Its replay of the market's entries."""
        return next(ledgers([self], market, horizon, mode))

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


def ledgers(options: Sequence[Exit], market: Market, horizon: int, mode: Mode) -> Iterator[Ledger]:
    """The replay of each option on the market's entries; options of one unit in one pass over the bars."""
    terms = market.terms
    under = (horizon, terms.costs, mode, terms.under(mode))
    for unit, group in groupby(options, lambda option: option.unit if isinstance(option, Static) else None):
        if unit is None:
            settings = [(o.stop, o.step) for o in group if isinstance(o, Parabolic)]
            yield from ledger_parabolic(market.bars, market.entries, market.atr, settings, *under)
        else:
            multiples = [o.multiples() for o in group if isinstance(o, Static)]
            yield from ledger_multiples(market.bars, market.entries, market.unit(unit), multiples, *under)


def choose(options: Sequence[Exit], markets: Sequence[Market], horizon: int) -> Iterator[tuple[Exit, pl.DataFrame]]:
    """Each option with its trades on all markets, pessimistic fills."""
    found = (ledgers(options, market, horizon, "pessimistic") for market in markets)
    for option, *each in zip(options, *found, strict=True):
        yield option, pl.concat([to_frame(ledger, market) for ledger, market in zip(each, markets, strict=True)])


def mean_profit(trades: pl.DataFrame) -> float:
    """Expectancy at fixed size: mean of profit / entry price over closed trades; minus infinity without any."""
    value = trades.filter(pl.col("reason") != "open").select((pl.col("pnl") / pl.col("entry_price")).mean()).item()
    return -math.inf if value is None else float(value)


def time_only(market: Market, horizon: int, mode: Mode) -> pl.DataFrame:
    """Held to the horizon's end, without stop or target; has no R."""
    return to_frame(replayed(market, NAN, NAN, NAN, horizon, mode), market)


def random_distances(
    market: Market, product: pl.DataFrame, horizon: int, mode: Mode, generator: np.random.Generator
) -> pl.DataFrame:
    """Stop and target drawn together from the product's own trades (as fractions of price), whatever the bar."""
    stop_share = (product["stop_distance"] / product["fill_price"]).to_numpy()
    target_r = product["target_r"].fill_null(NAN).to_numpy()
    draw = generator.integers(0, len(stop_share), len(market.bars.ts))
    stop = stop_share[draw] * market.bars.close
    return to_frame(replayed(market, stop, stop * target_r[draw], NAN, horizon, mode), market)


def replayed(
    market: Market,
    stop: npt.ArrayLike,
    target: npt.ArrayLike,
    trail: npt.ArrayLike,
    horizon: int,
    mode: Mode,
) -> Ledger:
    """The replay of distances (see `replay_levels`) on the market's entries, under its venue's terms; on ticks."""
    terms = market.terms
    return ledger_levels(
        market.bars, market.entries, stop, target, trail, horizon, terms.costs, mode, terms.under(mode)
    )


def trades_of(option: Exit, market: Market, horizon: int, mode: Mode) -> pl.DataFrame:
    """The trades of a static exit as a table."""
    return to_frame(option.ledger(market, horizon, mode), market)


def to_frame(ledger: Ledger, market: Market) -> pl.DataFrame:
    """Trades as a table: times as such, reasons by name, unknown numbers null; exits: of `exits_of`; exit_level: the
    mean price before all costs over them, as exit_price is after; partials, partials_won: of `partial_exits`;
    undecided: in the mode detail, the finer bar that decided the exit holds both levels too, or there was none.
    """
    trades = ledger.trades
    partials, won = partial_exits(ledger)
    names = [name for name in trades.dtype.names or () if name not in ("padding", "entry")]
    frame = pl.DataFrame({name: np.ascontiguousarray(trades[name]) for name in names})
    reasons = dict(enumerate(REASON_NAMES))
    named = frame.with_columns(
        pl.Series("id", market.ids, pl.String).gather(trades["entry"]),
        pl.lit(market.bars.symbol).alias("symbol"),
        exits_of(ledger),
        (pl.col("touched_both") == 2).alias("undecided"),
        pl.Series("partials", partials),
        pl.Series("partials_won", won),
        pl.col("entry_ts", "exit_ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        pl.col(pl.Float64).fill_nan(None),
        pl.col("reason").replace_strict(reasons, return_dtype=pl.String),
        pl.col("premature", "gap", "reached_2r", "fallback", "touched_both").cast(pl.Boolean),
    )
    level = over_exits(EACH("fraction") * EACH("level")).alias("exit_level")
    return named.select("id", "symbol", *names, level, "exits", "partials", "partials_won", "undecided")
