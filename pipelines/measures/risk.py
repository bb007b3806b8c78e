"""Figures of the worst case, which are no ratios of sums: maximum loss, tail, open risk, cascades of stops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.arrays import Floats

TRADE_LIMIT, PORTFOLIO_LIMIT = 0.02, 0.05
CASCADE_POSITIONS, CASCADE_CORRELATION, CASCADE_BARS = 3, 0.6, 3


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Fractions of equity, losses positive; counts of trades, and of instants for cascades."""

    maximum_loss: float
    maximum_loss_without_gaps: float
    breaches: int
    breaches_by_gap: int
    tail_loss: float  # mean of the worst 5 % of the trades
    portfolio_loss: float
    cascades: int
    drawdown: float  # of the closed profit from its peak, at fixed size, of the first equity


def worst_case(trades: pl.DataFrame, correlations: dict[tuple[str, str], float], notional_fraction: float) -> WorstCase:
    """Of one policy's trades, each of notional_fraction × equity; slippage, fees and gaps inside.

    correlations: of bar returns, by pair of symbols.
    """
    loss = -notional_fraction * (trades["pnl"] / trades["entry_price"]).to_numpy()
    gap = trades["gap"].to_numpy().astype(bool)
    breach = loss > TRADE_LIMIT
    return WorstCase(
        maximum_loss=float(max(loss.max(initial=0.0), 0.0)),
        maximum_loss_without_gaps=float(max(loss[~gap].max(initial=0.0), 0.0)),
        breaches=int(breach.sum()),
        breaches_by_gap=int((breach & gap).sum()),
        tail_loss=-float(cvar(-loss, np.ones((1, len(loss))))[0]) if len(loss) else 0.0,
        portfolio_loss=portfolio_loss(trades, notional_fraction),
        cascades=cascades(trades, correlations),
        drawdown=drawdown(trades, notional_fraction),
    )


def breaches(trades: pl.DataFrame, notional_fraction: float) -> pl.DataFrame:
    """Every trade that lost more than the limit, the worst first: policy, id, symbol, side, entry_ts, exit_ts, reason,
    gap, loss (of equity).
    """
    loss = -notional_fraction * pl.col("pnl") / pl.col("entry_price")
    found = trades.filter(loss > TRADE_LIMIT).with_columns(loss.alias("loss"))
    columns = ("policy", "id", "symbol", "side", "entry_ts", "exit_ts", "reason", "gap", "loss")
    return found.select(columns).sort("loss", "policy", "id", descending=[True, False, False])


def drawdown(trades: pl.DataFrame, notional_fraction: float) -> float:
    """Largest fall of the closed profit from its highest so far, which is at least none; nothing is reinvested."""
    gain = notional_fraction * pl.col("pnl") / pl.col("entry_price")
    equity = trades.group_by("exit_ts").agg(gain=gain.sum()).sort("exit_ts")["gain"].cum_sum().to_numpy()
    return float((np.maximum.accumulate(np.maximum(equity, 0.0)) - equity).max(initial=0.0))


def cvar(values: Floats, weights: Floats, share: float = 0.05) -> Floats:
    """Mean of the worst `share` of the values under each row of weights (replications, values)."""
    order = np.argsort(values, kind="stable")
    ordered, w = values[order], weights[:, order]
    wanted = share * w.sum(1, keepdims=True)
    before = np.cumsum(w, axis=1) - w
    taken = np.clip(wanted - before, 0.0, w)
    mean: Floats = (taken @ ordered) / wanted[:, 0]
    return mean


def portfolio_loss(trades: pl.DataFrame, notional_fraction: float) -> float:
    """Largest sum over positions open in the same bar of what their first stops would lose, as fraction of equity.

    METRICS.md's worst simultaneous open risk under the hardest stress: all positions lose together (correlation 1),
    whatever their sides, and a stop that has trailed still counts in full: never less than the risk in force, but for
    gaps beyond a stop and the costs of the exit, which the maximum loss holds. NaN without stops.
    """
    risk = (notional_fraction * trades["stop_distance"] / trades["entry_price"]).to_numpy()
    if not np.isfinite(risk).all():
        return float("nan")
    begin = trades["entry_ts"].dt.epoch("us").to_numpy()
    end = trades["exit_ts"].dt.epoch("us").to_numpy()
    # Within one instant, entries come before exits: a position counts in its exit bar.
    times = np.concatenate([begin, end])
    change = np.concatenate([risk, -risk])
    order = np.lexsort((np.repeat([0, 1], len(risk)), times))
    return float(np.cumsum(change[order]).max(initial=0.0))


def cascades(trades: pl.DataFrame, correlations: dict[tuple[str, str], float]) -> int:
    """Bars in which a stop-out completes a group of at least three within three bars, correlated above 0.6 with it.

    exit_bar numbers the bars of all symbols together. Correlation of positions: side × side × that of the returns.
    """
    stops = trades.filter(pl.col("reason") == "stop").sort("exit_bar")
    place = stops["exit_bar"].to_numpy()
    names, symbol = np.unique(stops["symbol"].to_numpy().astype(str), return_inverse=True)
    matrix = np.array([[correlations[str(a), str(b)] for b in names] for a in names])
    side = stops["side"].to_numpy().astype(np.int64)
    # The stops of the bars that count for each, itself among them: one slice of the sorted table.
    first = np.searchsorted(place, place - CASCADE_BARS, "right")
    last = np.searchsorted(place, place, "right")
    instants = set()
    for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        if b - a < CASCADE_POSITIONS or int(place[i]) in instants:
            continue
        shared = side[i] * side[a:b] * matrix[symbol[i], symbol[a:b]] > CASCADE_CORRELATION
        shared[i - a] = True
        if shared.sum() >= CASCADE_POSITIONS:
            instants.add(int(place[i]))
    return len(instants)


def return_correlations(bars: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Correlation of log returns for each pair of symbols, over the bars that both have."""
    returns = bars.with_columns(pl.col("close").log().diff().over("symbol").alias("ret"))
    wide = returns.pivot("symbol", index="ts", values="ret").drop("ts")
    out = {}
    for a in wide.columns:
        for b in wide.columns:
            both = wide.select(pl.col(a).alias("a"), pl.col(b).alias("b")).drop_nulls()
            out[a, b] = 1.0 if a == b else float(both.select(pl.corr("a", "b")).item() or 0.0)
    return out
