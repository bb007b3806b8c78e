"""Figures by group of trades: in which regime, symbol, hour … a result arose, each with its own interval."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import polars as pl

from pipelines.measures.bootstrap import Resamples
from pipelines.measures.scorecard import compare, score

FIGURES = ("expectancy_r", "expectancy_bp", "win_rate", "premature_rate", "stop_out_rate", "ambiguity_rate")
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
    bars of the training part. Null where the volatility is missing, or the symbol was not trained on.

    entries: id, symbol, ts; volatility: symbol, ts, garch_sigma; train_until: 00:00 UTC at which the part ends.
    """
    end = dt.datetime(train_until.year, train_until.month, train_until.day, tzinfo=dt.UTC)
    known = volatility.filter((pl.col("ts") < end) & pl.col("garch_sigma").is_finite())
    cuts = known.group_by("symbol").agg(
        low=pl.col("garch_sigma").quantile(1 / 3, "linear"), high=pl.col("garch_sigma").quantile(2 / 3, "linear")
    )
    sigma = pl.col("garch_sigma").fill_nan(None)
    regime = pl.when(sigma < pl.col("low")).then(pl.lit("calm")).when(sigma < pl.col("high")).then(pl.lit("normal"))
    named = regime.when(sigma >= pl.col("high")).then(pl.lit("wild")).alias("regime")
    found = entries.join(volatility, on=["symbol", "ts"], how="left").join(cuts, on="symbol", how="left")
    return found.select("id", named)


def group_table(product: pl.DataFrame, baseline: pl.DataFrame, resamples: Resamples, confidence: float) -> pl.DataFrame:
    """Long table dimension, group, name and the columns of `compare`: FIGURES in each group of the product's trades.

    product, baseline: closed trades of the same entries in the same order; resamples: of all of them: a
    group's interval comes from the same draws. The verdict `versus` holds for all groups at once
    (Bonferroni), so that searching them for one finds none by chance. A dimension with one group only is left out.
    """
    found = {name: product[name].drop_nulls().unique().sort().to_list() for name in DIMENSIONS}
    shown = {name: values for name, values in found.items() if len(values) > 1}
    compared = sum(len(values) for name, values in shown.items() if name not in OUTCOMES)
    tables = []
    for dimension, values in shown.items():
        for value in values:
            mask = (product[dimension] == value).fill_null(False).to_numpy().astype(bool)
            mine, theirs = (score(each.filter(pl.Series(mask)), resamples.part(mask)) for each in (product, baseline))
            strict = compare(mine, theirs, 1 - (1 - confidence) / max(compared, 1))["versus"]
            table = compare(mine, theirs, confidence).with_columns(versus=strict)
            if dimension in OUTCOMES:
                paired = ("baseline", "difference", "difference_low", "difference_high")
                unpaired = (pl.lit(None, pl.Float64).alias(column) for column in paired)
                table = table.with_columns(*unpaired, versus=pl.lit(""))
            head = {"dimension": dimension, "group": str(value), "name": DIMENSIONS[dimension](value)}
            columns = [pl.lit(text).alias(column) for column, text in head.items()]
            shown_rows = table.filter(pl.col("figure").is_in(list(FIGURES)))
            tables.append(shown_rows.select(*columns, pl.lit(int(mask.sum())).alias("group_trades"), pl.all()))
    return pl.concat(tables) if tables else pl.DataFrame()
