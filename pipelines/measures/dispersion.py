"""How figures spread over folds of time, or over seeds of the nets."""

from __future__ import annotations

import polars as pl


def dispersion(table: pl.DataFrame, over: str) -> pl.DataFrame:
    """Per figure: unit, how many values there are (a column named `over`), mean, standard deviation, least and largest,
    the same of the paired difference, and in how many it was positive (`over`_above).

    table: figure, unit, value, difference. Folds share the static exits' market, not their bars: their spread is that
    of the times; seeds share all but chance.
    """
    value, difference = pl.col("value"), pl.col("difference")
    return (
        table.filter(value.is_not_null())
        .group_by("figure", maintain_order=True)
        .agg(
            pl.col("unit").first(),
            pl.len().alias(over),
            mean=value.mean(),
            std=value.std(),
            low=value.min(),
            high=value.max(),
            difference_mean=difference.mean(),
            difference_std=difference.std(),
            above=(difference > 0).sum(),
        )
        .rename({"above": f"{over}_above"})
    )
