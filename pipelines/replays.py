"""Who trades where: the entries of each part, the static exits chosen on training, and everybody's replay on test."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from inference.replay import Costs, Entries, Mode
from pipelines.baselines import (
    BaselineParams,
    Exit,
    Market,
    candidates,
    choose,
    mean_profit,
    random_distances,
    time_only,
)
from pipelines.product import Product
from pipelines.scorecard import mark_ambiguous
from pipelines.selection import Trials, profit_by_time
from pipelines.splits import SplitParams, split
from pipelines.tables import bars_by_symbol, microseconds

MODES: tuple[Mode, ...] = ("pessimistic", "adaptive")
POLICIES = ("product", "fixed_percent", "fixed_atr", "garch", "chandelier", "sar", "time_only", "random")
EQUITY = 100_000.0  # only ratios to it are reported


def markets(
    bars: pl.DataFrame, volatility: pl.DataFrame, entries: pl.DataFrame, cut: SplitParams, part: str, horizon: int
) -> list[Market]:
    """Per symbol, the entries of one part whose whole horizon lies inside that part and whose volatility is known."""
    ends = bars.with_columns(pl.col("ts").shift(-horizon - 1).over("symbol").alias("end_ts"))
    parts = split(ends, cut, horizon_bars=horizon).select("symbol", "ts", "part")
    out = []
    for symbol, data in bars_by_symbol(bars).items():
        rows = parts.filter(pl.col("symbol") == symbol).join(volatility, on=["symbol", "ts"], how="left").sort("ts")
        atr = rows["atr"].fill_null(np.nan).to_numpy()
        garch = rows["garch_sigma"].fill_null(np.nan).to_numpy() * horizon**0.5 * data.close
        in_part = rows.select((pl.col("part") == part).fill_null(False))["part"].to_numpy()
        usable = in_part & np.isfinite(atr) & np.isfinite(garch) & (np.arange(len(atr)) + horizon < len(atr))
        mine = entries.filter(pl.col("symbol") == symbol).sort("index")
        chosen = mine.filter(pl.Series(usable[mine["index"].to_numpy()], dtype=pl.Boolean))
        signals = Entries(chosen["index"].to_numpy(), chosen["side"].to_numpy())
        out.append(Market(data, atr, garch, signals, tuple(chosen["id"])))
    return out


def sweep(
    training: list[Market], params: BaselineParams, horizon: int, costs: Costs
) -> tuple[dict[str, tuple[Exit, float]], Trials]:
    """Each policy's best setting on the training part and its expectancy at fixed size; and all that was tried."""
    best: dict[str, tuple[Exit, float]] = {}
    names, profits = [], []
    options = candidates(params)
    with tqdm(total=sum(map(len, options.values())), desc="static exits, training part") as bar:
        for name, settings in options.items():
            for setting, trades in choose(settings, training, horizon, costs):
                bar.update()
                profit = mean_profit(trades)
                names.append(name)
                profits.append(profit_by_time(trades))
                if name not in best or profit > best[name][1]:
                    best[name] = setting, profit
    return best, Trials(tuple(names), np.stack(profits, axis=1))


def replay_all(
    product: Product, test: list[Market], chosen: Mapping[str, tuple[Exit, float]], random_seed: int, horizon: int
) -> pl.DataFrame:
    """Trades of every policy in both fill modes on the same entries, in time order within policy and mode."""
    costs, frames = product.costs, []
    for mode in tqdm(MODES, desc="replays, test part"):
        own = pl.concat(product.trades(market, mode=mode) for market in test)
        generator = np.random.default_rng(random_seed)
        tables = {
            "product": own,
            **{n: next(choose([s], test, horizon, costs, mode))[1] for n, (s, _) in chosen.items()},
            "time_only": pl.concat(time_only(m, horizon, costs, mode) for m in test),
            "random": pl.concat(random_distances(m, own, horizon, costs, mode, generator) for m in test),
        }
        frames += [
            frame.select(pl.lit(name).alias("policy"), pl.lit(mode).alias("mode"), pl.all())
            for name, frame in tables.items()
        ]
    order = pl.col("policy").replace_strict({name: i for i, name in enumerate(POLICIES)})
    calendar = np.unique(np.concatenate([market.bars.ts for market in test]))
    return add_fills(mark_ambiguous(pl.concat(frames)), costs, calendar).sort("mode", order, "entry_ts", "id")


def add_fills(trades: pl.DataFrame, costs: Costs, calendar: npt.NDArray[np.int64]) -> pl.DataFrame:
    """Adds `exit_fill`, the price before fees (what slippage is measured on), and `exit_bar`, its place in time.

    calendar: times of all symbols' bars, ascending, µs.
    """
    limit = pl.col("reason") == "target"
    paid = pl.when(limit).then(costs.maker_fee).otherwise(costs.taker_fee + costs.slippage)
    slip = pl.when(limit).then(0.0).otherwise(costs.slippage)
    return trades.with_columns(
        exit_fill=pl.col("exit_price") / (1 - pl.col("side") * paid) * (1 - pl.col("side") * slip),
        exit_bar=pl.Series(np.searchsorted(calendar, microseconds(trades["exit_ts"]))),
    )
