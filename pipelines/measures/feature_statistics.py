"""What the values of a feature are like: missing share, distribution by year, drift, rank correlation with the labels.

All of one symbol's rows, a few columns at a time, so that memory holds a batch and not the table.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

import polars as pl
from scipy import stats

LABELS = ("mae", "mfe", "final")
BLOCK_HORIZONS = 10
_BATCH = 8
_QUANTILES = {"p1": 0.01, "p50": 0.5, "p99": 0.99}


def distributions(
    table: pl.LazyFrame, warm_up: Mapping[str, int], train_until: dt.datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A row per feature, and a row per feature and year; the features are the keys of `warm_up`.

    table: ts and the features of one symbol, in time order. warm_up: bars before each feature can be finite; they are
    left out. Columns: rows, missing (share not finite), mean, sd, p1, p50, p99; by year also ks, the Kolmogorov–Smirnov
    statistic of the year against the training part less that year (null where that is empty). Per feature
    ks_train and ks_later are its largest values over the years that touch training and over those after it.
    """
    overall, yearly = [], []
    for frame in _batches(table, list(warm_up)):
        for name in frame.columns[1:]:
            values = frame.select(
                pl.col("ts").dt.year().alias("year"),
                (pl.col("ts") < train_until).alias("training"),
                pl.when(pl.col(name).is_finite()).then(name).cast(pl.Float64).alias("value"),
            ).slice(warm_up[name])
            years = (
                values.group_by("year")
                .agg(*_moments(), pl.col("training").any())
                .sort("year")
                .join(_drift(values.drop_nulls()), on="year", how="left")
            )
            yearly.append(years.select(pl.lit(name).alias("feature"), pl.all()))
            drift = years.select(
                ks_train=pl.col("ks").filter("training").max(), ks_later=pl.col("ks").filter(~pl.col("training")).max()
            )
            overall.append(
                values.select(pl.lit(name).alias("feature"), *_moments()).hstack(drift),
            )
    return pl.concat(overall), pl.concat(yearly)


def correlations(table: pl.LazyFrame, names: Sequence[str], labels: pl.DataFrame, horizon_bars: int) -> pl.DataFrame:
    """Spearman's rank correlation of each feature with each label, and its standard error by blocks of time.

    labels: ts, mae, mfe and final of rows to count, one a bar, in time order. Labels of `horizon_bars` bars overlap, so
    rows are not independent: the error is that of the regression of ranks on ranks, clustered by blocks of
    BLOCK_HORIZONS horizons (Liang and Zeger 1986, times blocks / (blocks - 1)). Columns: feature, label, rows, blocks,
    rho, se, effective = (1 - rho^2) / se^2, the number of independent rows that would err as much. Null where a
    feature does not vary or has fewer than two blocks.
    """
    blocks = labels.with_row_index("row").select("ts", *LABELS, block=pl.col("row") // (BLOCK_HORIZONS * horizon_bars))
    out = []
    known, ranked = pl.Series(dtype=pl.Boolean), pl.DataFrame()
    for frame in _batches(table, names):
        joined = blocks.join(frame, on="ts", how="inner", maintain_order="left")
        for name in frame.columns[1:]:
            finite = joined[name].is_finite().fill_null(False)
            if not finite.equals(known):  # most features of a family are known on the same rows
                known, ranked = finite, _standard_ranks(joined.select("block", *LABELS).filter(finite), LABELS)
            values = ranked.with_columns(_standard_ranks(joined.select(name).filter(finite), [name])[name].alias("x"))
            out += [{"feature": name, "label": label} | _regression(values, label) for label in LABELS]
    schema = {"feature": pl.String, "label": pl.String, "rows": pl.Int64, "blocks": pl.Int64}
    return pl.DataFrame(out, schema | {"rho": pl.Float64, "se": pl.Float64, "effective": pl.Float64})


def threshold(count: int, blocks: int, chance: float = 0.05) -> float:
    """|rho / se| that one of `count` correlations exceeds by chance with at most that probability (Bonferroni)."""
    return float(stats.t.isf(chance / (2 * max(count, 1)), max(blocks - 1, 1)))


def _batches(table: pl.LazyFrame, names: Sequence[str]) -> Iterator[pl.DataFrame]:
    for begin in range(0, len(names), _BATCH):
        yield table.select("ts", *names[begin : begin + _BATCH]).collect(engine="streaming")


def _moments() -> list[pl.Expr]:
    value = pl.col("value")
    return [
        pl.len().cast(pl.Int64).alias("rows"),
        (value.null_count() / pl.len()).alias("missing"),
        value.mean().alias("mean"),
        value.std().alias("sd"),
        *(value.quantile(q, "linear").alias(name) for name, q in _QUANTILES.items()),
    ]


def _drift(values: pl.DataFrame) -> pl.DataFrame:
    """Largest distance between the distribution functions of each year and of the training part's other years."""
    ordered = values.sort("value")
    at_step = (pl.col("value") != pl.col("value").shift(-1)).fill_null(True)
    years = ordered["year"].unique().sort().to_list()

    def share(rows: pl.Expr) -> pl.Expr:
        return rows.cum_sum() / rows.sum()

    def distance(year: int) -> pl.Expr:
        inside = pl.col("year") == year
        gap = share(inside) - share(pl.col("training") & ~inside)
        return gap.filter(at_step).abs().max().fill_nan(None).alias(str(year))

    row = ordered.select(distance(year) for year in years).row(0) if years else ()
    return pl.DataFrame({"year": years, "ks": row}, {"year": pl.Int32, "ks": pl.Float64})


def _standard_ranks(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """The frame with average ranks of mean 0 and standard deviation 1 in place of the columns."""
    ranks = frame.with_columns(pl.col(columns).rank())
    return ranks.with_columns((pl.col(columns) - pl.col(columns).mean()) / pl.col(columns).std(ddof=0))


def _regression(ranks: pl.DataFrame, label: str) -> dict[str, float | int | None]:
    x, y, blocks = pl.col("x"), pl.col(label), ranks["block"].n_unique()
    found: dict[str, float | int | None] = {"rows": ranks.height, "blocks": blocks}
    rho = ranks.select((x * y).mean()).item()
    if blocks < 2 or rho is None or rho != rho:
        return found | {"rho": None, "se": None, "effective": None}
    score = ranks.group_by("block").agg((x * (y - rho * x)).sum().alias("sum"))
    variance = score.select(pl.col("sum").pow(2).sum()).item() / ranks.height**2 * blocks / (blocks - 1)
    effective = (1 - rho**2) / variance if variance > 0 else None
    return found | {"rho": rho, "se": variance**0.5, "effective": effective}
