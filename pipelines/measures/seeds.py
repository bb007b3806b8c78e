"""The product with nets that differ from its own in their seed alone: how much of a result is chance of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from inference import Engine
from pipelines.measures.dispersion import dispersion
from pipelines.measures.figures import figures
from pipelines.measures.scorecard import ratio, sums
from pipelines.trades.baselines import Market
from pipelines.trades.product import Product

EXPORTS = Path("artifacts/exports")
SHOWN = {
    "expectancy_r": "Mean R, all trades",
    "expectancy_bp": "Expectancy at fixed size",
    "win_rate": "Win rate",
    "premature_rate": "Premature stops, of all trades",
    "stop_effectiveness": "Stops: holding would lose more",
    "profit_capture": "Profit capture, in-trade MFE",
    "give_back": "Give-back of winners",
    "stop_out_rate": "Stop-outs, of all trades",
    "stop_distance": "Mean first stop distance",
}
"""What is told over seeds. Ambiguity is not: the other seeds are replayed under pessimistic fills alone."""


def other_engines(equity: float) -> Iterator[tuple[int, Engine]]:
    """Number (the product's own is 1) and engine of each further pair of nets, as far as both nets have one."""
    pairs = (
        sorted((EXPORTS / "seeds" / net).glob("*.pt"), key=lambda path: int(path.stem)) for net in ("stop", "exit")
    )
    for stop, exit_ in zip(*pairs, strict=False):
        yield int(stop.stem), Engine.load(stop, exit_, equity=equity)


def seed_trades(own: pl.DataFrame, others: Sequence[tuple[int, Product]], test: Sequence[Market]) -> pl.DataFrame:
    """Trades under pessimistic fills by seed, in a column of that name. own: the product's own."""
    frames = {1: own}
    for number, product in others:
        frames[number] = pl.concat(product.trades(market) for market in test)
    names = [name for name in own.columns if all(name in frame.columns for frame in frames.values())]
    return pl.concat(frame.select(pl.lit(number).alias("seed"), *names) for number, frame in frames.items())


def seed_table(trades: pl.DataFrame, baseline: pl.DataFrame) -> pl.DataFrame:
    """Long table seed, figure, unit, value, difference (to the baseline on the same entries), over SHOWN.

    trades: of `seed_trades`; baseline: closed trades of the entries that count.
    """
    kept = trades.filter(pl.col("id").is_in(baseline["id"].to_list()))
    against, rows = values(baseline), []
    for (seed,), mine in kept.group_by("seed", maintain_order=True):
        found = values(mine)
        for figure in (f for f in figures() if f.key in SHOWN):
            value, other = found[figure.key], against[figure.key]
            row = {"seed": seed, "figure": figure.key, "unit": figure.unit, "value": value}
            rows.append(row | {"difference": value - other})
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col(pl.Float64).fill_nan(None))


def values(trades: pl.DataFrame) -> dict[str, float]:
    """The figures that SHOWN names."""
    blank = {name: pl.lit(None, pl.Boolean).alias(name) for name in ("ambiguous", "undecided")}
    numerator, denominator = sums(trades.with_columns(each for n, each in blank.items() if n not in trades.columns))
    value = ratio(numerator.sum(0), denominator.sum(0))
    return {f.key: float(value[i]) for i, f in enumerate(figures()) if f.key in SHOWN}


def metrics(table: pl.DataFrame) -> dict[str, float]:
    """Flat numbers: how many seeds, and of each figure their mean and standard deviation."""
    out: dict[str, float | None] = {"seeds": float(table["seed"].n_unique())}
    for row in dispersion(table, "seeds").iter_rows(named=True):
        out[f"{row['figure']}_seeds_mean"], out[f"{row['figure']}_seeds_std"] = row["mean"], row["std"]
    return {name: value for name, value in out.items() if value is not None}
