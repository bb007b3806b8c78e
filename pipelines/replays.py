"""Who trades where: the entries of each part, the static exits chosen on training, and everybody's replay on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from inference.replay import Entries, Mode
from pipelines.measures.overlap import reach
from pipelines.measures.scorecard import mark_ambiguous
from pipelines.measures.selection import Trials, profit_by_time
from pipelines.splits import SplitParams, split
from pipelines.tables import bars_by_symbol, microseconds
from pipelines.trades.baselines import (
    BaselineParams,
    Exit,
    Market,
    candidates,
    choose,
    mean_profit,
    random_distances,
    time_only,
    trades_of,
)
from pipelines.trades.product import Product
from pipelines.trades.terms import Terms

MODES: tuple[Mode, ...] = ("pessimistic", "adaptive", "detail")
POLICIES = ("product", "fixed_percent", "fixed_atr", "garch", "chandelier", "sar", "time_only", "random")


def markets(
    bars: pl.DataFrame,
    volatility: pl.DataFrame,
    entries: pl.DataFrame,
    cut: SplitParams,
    part: str,
    horizon: int,
    terms: Mapping[str, Terms],
) -> list[Market]:
    """Per symbol, the entries of one part whose whole horizon lies inside that part, and whose volatility and impact
    are known.
    """
    ends = bars.with_columns(pl.col("ts").shift(-horizon - 1).over("symbol").alias("end_ts"))
    parts = split(ends, cut, horizon_bars=horizon).select("symbol", "ts", "part")
    out = []
    for symbol, data in bars_by_symbol(bars).items():
        rows = parts.filter(pl.col("symbol") == symbol).join(volatility, on=["symbol", "ts"], how="left").sort("ts")
        atr = rows["atr"].fill_null(np.nan).to_numpy()
        garch = rows["garch_sigma"].fill_null(np.nan).to_numpy() * horizon**0.5 * data.close
        in_part = rows.select((pl.col("part") == part).fill_null(False))["part"].to_numpy()
        usable = in_part & np.isfinite(atr) & np.isfinite(garch) & (np.arange(len(atr)) + horizon < len(atr))
        if (impact := terms[symbol].conditions.impact) is not None:
            usable &= np.isfinite(impact.sigma) & np.isfinite(impact.volume)
        mine = entries.filter(pl.col("symbol") == symbol).sort("index")
        chosen = mine.filter(pl.Series(usable[mine["index"].to_numpy()], dtype=pl.Boolean))
        signals = Entries(chosen["index"].to_numpy(), chosen["side"].to_numpy())
        out.append(Market(data, atr, garch, signals, tuple(chosen["id"]), terms[symbol]))
    return out


def sweep(training: list[Market], params: BaselineParams, horizon: int) -> tuple[dict[str, tuple[Exit, float]], Trials]:
    """Each policy's best setting on the training part and its expectancy at fixed size; and all that was tried."""
    best: dict[str, tuple[Exit, float]] = {}
    names, profits = [], []
    options = candidates(params)
    with tqdm(total=sum(map(len, options.values())), desc="static exits, training part") as bar:
        for name, settings in options.items():
            for setting, trades in choose(settings, training, horizon):
                bar.update()
                profit = mean_profit(trades)
                names.append(name)
                profits.append(profit_by_time(trades))
                if name not in best or profit > best[name][1]:
                    best[name] = setting, profit
    held = pl.concat(time_only(market, horizon, "pessimistic") for market in training)
    return best, Trials(tuple(names), np.stack(profits, axis=1), reach(held))


def replay_all(
    product: Product, test: list[Market], chosen: Mapping[str, tuple[Exit, float]], random_seed: int, horizon: int
) -> pl.DataFrame:
    """Trades of every policy in all fill modes on the same entries, in time order within policy and mode."""
    frames = []
    for mode in tqdm(modes_of(test), desc="replays, test part"):
        own = pl.concat(product.trades(market, mode=mode) for market in test)
        generator = np.random.default_rng(random_seed)
        tables = {
            "product": own,
            **{n: pl.concat(trades_of(s, m, horizon, mode) for m in test) for n, (s, _) in chosen.items()},
            "time_only": pl.concat(time_only(m, horizon, mode) for m in test),
            "random": pl.concat(random_distances(m, own, horizon, mode, generator) for m in test),
        }
        frames += [
            frame.select(pl.lit(name).alias("policy"), pl.lit(mode).alias("mode"), pl.all())
            for name, frame in tables.items()
        ]
    order = pl.col("policy").replace_strict({name: i for i, name in enumerate(POLICIES)})
    calendar = np.unique(np.concatenate([market.bars.ts for market in test]))
    return add_exit_bars(mark_ambiguous(pl.concat(frames)), calendar).sort("mode", order, "entry_ts", "id")


def modes_of(test: Sequence[Market]) -> tuple[Mode, ...]:
    """The fill modes that the data allow: detail needs finer bars."""
    return tuple(mode for mode in MODES if mode != "detail" or all(market.terms.detail for market in test))


def add_exit_bars(trades: pl.DataFrame, calendar: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Adds `exit_bar`, the exit's place in `calendar`: times of all symbols' bars, ascending, µs."""
    return trades.with_columns(exit_bar=pl.Series(np.searchsorted(calendar, microseconds(trades["exit_ts"]))))
