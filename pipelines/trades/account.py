"""One account: the test part's entries of all symbols on one equity, sized by risk under the portfolio's limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from inference.portfolio import SHORT_OF, Book, Limits, Portfolio, replay_portfolio
from inference.replay import Ledger
from pipelines.atomic import write_csv, write_parquet
from pipelines.trades.baselines import Exit, Market
from pipelines.trades.product import Product


@dataclass(frozen=True, slots=True)
class Account:
    """By policy. sizes: of `size_table`; summary: of `summarise`; curve: ts and, per policy, profit at each day's last
    close, open positions inside, in % of the first equity.
    """

    sizes: pl.DataFrame
    summary: pl.DataFrame
    curve: pl.DataFrame
    limits: Limits

    def write(self, folder: Path) -> None:
        """Its tables, and the one that `dvc plots` draws."""
        write_parquet(self.sizes, folder / "portfolio_trades.parquet")
        write_csv(self.summary, folder / "portfolio.csv")
        write_csv(self.curve, folder / "plots/portfolio.csv")


def walk_account(
    product: Product, test: Sequence[Market], chosen: Mapping[str, tuple[Exit, float]], horizon: int
) -> Account:
    """The product and each chosen static exit, every one on an equity of its own; pessimistic fills."""
    books = {"product": [_book(market, product.ledger(market)) for market in test]}
    for name, (setting, _) in chosen.items():
        books[name] = [_book(market, setting.ledger(market, horizon, "pessimistic")) for market in test]
    risk = product.engine.stop_manifest["policy"]["risk"]
    limits = Limits(risk["max_trade_loss"], risk["max_open_risk"])
    walked = {name: replay_portfolio(each, product.equity, limits) for name, each in books.items()}
    return Account(
        pl.concat(size_table(name, each, test) for name, each in walked.items()),
        pl.DataFrame([{"policy": name, **summarise(each, product.equity)} for name, each in walked.items()]),
        curve_table(walked, product.equity),
        limits,
    )


def _book(market: Market, ledger: Ledger) -> Book:
    margin = market.terms.conditions.margin
    return Book(market.bars, ledger, market.terms.costs, market.terms.lot, margin.leverage if margin else 0.0)


def size_table(policy: str, walked: Portfolio, test: Sequence[Market]) -> pl.DataFrame:
    """Each entry in time order: quantity (0: refused), wanted by the limit per trade alone, short of what,
    equity before it, open risk and margin with it, and what it made, money.
    """
    sizes = walked.sizes
    markets = [test[int(symbol)] for symbol in sizes["symbol"]]
    rows = {
        "policy": [policy] * len(sizes),
        "id": [market.ids[int(entry)] for market, entry in zip(markets, sizes["entry"], strict=True)],
        "symbol": [market.bars.symbol for market in markets],
        "ts": pl.Series(sizes["ts"]).cast(pl.Datetime("us", "UTC")),
        "short_of": [SHORT_OF[code] for code in sizes["short_of"]],
        **{name: sizes[name].copy() for name in ("quantity", "wanted", "equity", "open_risk", "margin", "pnl")},
    }
    return pl.DataFrame(rows, schema_overrides=dict.fromkeys(("policy", "id", "symbol", "short_of"), pl.String))


def summarise(walked: Portfolio, equity: float) -> dict[str, float]:
    """Counts of entries (shrunk, refused, and of these two short of margin); fractions: profit of the first equity,
    largest fall from a peak (at closes), largest open risk (at entries and closes), margin (at entries; above 1 where
    open positions lose) and loss of a trade, of the equity then.
    """
    sizes, path = walked.sizes, walked.path
    taken = sizes[sizes["quantity"] > 0]
    peak = np.maximum.accumulate(np.maximum(path["equity"], equity))
    at_entries, at_closes = taken["open_risk"] / taken["equity"], path["open_risk"] / path["equity"]
    return {
        "entries": len(sizes),
        "shrunk": int((taken["quantity"] < taken["wanted"] * (1 - 1e-9)).sum()),
        "refused": len(sizes) - len(taken),
        "short_of_margin": int((sizes["short_of"] == SHORT_OF.index("margin")).sum()),
        "profit": float(path["equity"][-1] / equity - 1),
        "drawdown": float((1 - path["equity"] / peak).max()),
        "open_risk": float(max(at_entries.max(initial=0.0), at_closes.max())),
        "margin": float((taken["margin"] / taken["equity"]).max(initial=0.0)),
        "maximum_loss": float((-taken["pnl"] / taken["equity"]).max(initial=0.0)),
        "positions": int(path["positions"].max()),
    }


def curve_table(walked: Mapping[str, Portfolio], equity: float) -> pl.DataFrame:
    """Of `Account.curve`; from the first entry of any policy on."""
    first = min(int(each.sizes["ts"].min()) for each in walked.values())
    path = next(iter(walked.values())).path
    kept = path["ts"] >= first
    gains = {name: (100 * (each.path["equity"][kept] / equity - 1)).round(6) for name, each in walked.items()}
    table = pl.DataFrame({"ts": pl.Series(path["ts"][kept]).cast(pl.Datetime("us", "UTC")), **gains})
    return table.group_by(pl.col("ts").dt.date().alias("day"), maintain_order=True).last().drop("day")
