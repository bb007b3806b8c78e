"""Figures by group of trades: in which regime, symbol, hour … a result arose, each with its own interval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import numpy as np
import polars as pl

from pipelines.bootstrap import Floats
from pipelines.scorecard import compare, score

FIGURES = ("expectancy_r", "expectancy_bp", "win_rate", "premature_rate", "stop_out_rate", "ambiguity_rate")
REGIMES = ("calm", "normal", "wild")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

DIMENSIONS: dict[str, Callable[[object], str]] = {
    "regime": str,
    "symbol": str,
    "side": lambda side: "long" if side == 1 else "short",
    "weekday": lambda day: WEEKDAYS[int(str(day)) - 1],
    "hour": lambda hour: f"{hour}:00",
    "model": str,
    "reason": str,
}
"""Column of the trades → the group's name for people. Weekday and hour are of the bar of the fill, UTC."""

OUTCOMES = ("reason",)
"""Known only afterwards: a group of these is no group of entries, so no policy is compared on it."""


def with_groups(trades: pl.DataFrame, regimes: pl.DataFrame, model: str) -> pl.DataFrame:
    """Adds the columns of DIMENSIONS that trades lack: regime, weekday (Monday = 1), hour, and the product's model.

    regimes: id, regime; model: names the nets that decided.
    """
    return trades.join(regimes.select("id", "regime"), on="id", how="left", maintain_order="left").with_columns(
        weekday=pl.col("entry_ts").dt.weekday(),
        hour=pl.col("entry_ts").dt.hour(),
        model=pl.when(pl.col("policy") == "product").then(pl.lit(model)),
    )


def find_regimes(entries: pl.DataFrame, volatility: pl.DataFrame, train_until: dt.date) -> pl.DataFrame:
    """Per entry (id): calm, normal or wild, by the GARCH volatility at the signal, cut at the thirds of the symbol's
    bars of the training part. Null where the volatility is missing.

    entries: id, symbol, ts; volatility: symbol, ts, garch_sigma; train_until: 00:00 UTC at which the part ends.
    """
    end = dt.datetime(train_until.year, train_until.month, train_until.day, tzinfo=dt.UTC)
    known = volatility.filter((pl.col("ts") < end) & pl.col("garch_sigma").is_finite())
    cuts = known.group_by("symbol").agg(
        low=pl.col("garch_sigma").quantile(1 / 3, "linear"), high=pl.col("garch_sigma").quantile(2 / 3, "linear")
    )
    sigma = pl.col("garch_sigma").fill_nan(None)
    regime = pl.when(sigma < pl.col("low")).then(pl.lit("calm")).when(sigma < pl.col("high")).then(pl.lit("normal"))
    named = regime.when(sigma.is_not_null()).then(pl.lit("wild")).alias("regime")
    found = entries.join(volatility, on=["symbol", "ts"], how="left").join(cuts, on="symbol", how="left")
    return found.select("id", named)


def group_table(product: pl.DataFrame, baseline: pl.DataFrame, weights: Floats, confidence: float) -> pl.DataFrame:
    """Long table dimension, group, name and the columns of `compare`: FIGURES in each group of the product's trades.

    product, baseline: closed trades of the same entries in the same order; weights: of `bootstrap.counts`, over all of
    them: a group's interval comes from the same resamples. A dimension with one group only is left out.
    """
    tables = []
    for dimension, name in DIMENSIONS.items():
        values = product[dimension].drop_nulls().unique().sort().to_list()
        for value in values if len(values) > 1 else ():
            rows = (product[dimension] == value).fill_null(False)
            mask = rows.to_numpy().astype(bool)
            mine, theirs = (score(each.filter(pl.Series(mask)), weights[:, mask]) for each in (product, baseline))
            table = compare(mine, theirs, confidence).filter(pl.col("figure").is_in(list(FIGURES)))
            if dimension in OUTCOMES:
                table = table.with_columns(
                    pl.lit(None, pl.Float64).alias(c)
                    for c in ("baseline", "difference", "difference_low", "difference_high")
                ).with_columns(versus=pl.lit(""))
            head = (
                pl.lit(text).alias(c)
                for c, text in (("dimension", dimension), ("group", str(value)), ("name", name(value)))
            )
            tables.append(table.select(*head, pl.lit(int(np.sum(mask))).alias("group_trades"), pl.all()))
    return pl.concat(tables) if tables else pl.DataFrame()
