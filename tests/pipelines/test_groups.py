"""Groups of trades: who belongs where, and that a group's figures are those of its trades alone."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

from handmade_resamples import one_a_day
from pipelines.measures.groups import DIMENSIONS, FIGURES, find_regimes, group_table, with_groups
from pipelines.measures.scorecard import score

N = 60


def day(n: int) -> dt.datetime:
    return dt.datetime(2020, 1, 6, 15, tzinfo=dt.UTC) + dt.timedelta(days=n)  # a Monday


def test_regimes_are_cut_on_the_training_part_alone() -> None:
    sigma = [*map(float, range(1, 10)), 100.0, 3.0, 6.0, float("nan")]
    times = [day(i) for i in range(13)]
    volatility = pl.DataFrame({"symbol": "A", "ts": times, "garch_sigma": sigma})
    entries = pl.DataFrame({"id": list("abcde"), "symbol": "A", "ts": [times[i] for i in (0, 9, 10, 11, 12)]})
    found = find_regimes(entries, volatility, day(9).date())
    # Thirds of 1 … 9: 3.67 and 6.33.
    assert dict(found.iter_rows()) == {"a": "calm", "b": "wild", "c": "calm", "d": "normal", "e": None}
    doubled = volatility.with_columns(symbol=pl.lit("B"), garch_sigma=2 * pl.col("garch_sigma"))
    both = find_regimes(entries, pl.concat([volatility, doubled]), day(9).date())
    assert both.equals(found), "each symbol has its own thirds"
    late = find_regimes(entries, volatility, day(0).date())
    assert late["regime"].null_count() == 5, "without a bar in the training part there are no thirds"


@pytest.fixture
def trades() -> pl.DataFrame:
    generator = np.random.default_rng(1)
    pnl = generator.standard_normal(N)
    columns = {
        "id": [str(i) for i in range(N)],
        "policy": ["product"] * N,
        "symbol": ["A", "B"] * (N // 2),
        "side": [1, 1, -1] * (N // 3),
        "entry_ts": [day(i) for i in range(N)],
        "reason": np.where(pnl > 0, "target", "stop"),
        "pnl": pnl,
        "r": pnl / 2,
        "premature": (pnl < 0) & (generator.random(N) < 0.5),
        "ambiguous": generator.random(N) < 0.2,
        "exits": [[{"reason": "stop", "fraction": 1.0, "intended": 99.0, "fill": 99.0}]] * N,
    }
    prices = {"entry_price": 100.0, "stop_distance": 2.0, "beyond": 0.0}
    moves = {
        "mfe": 1.0,
        "mae": 1.0,
        "horizon_mfe": 1.0,
        "horizon_mae": 1.0,
        "horizon_pnl": 0.0,
        "entry_index": 1,
        "exit_index": 2,
    }
    flags = {"gap": False, "reached_2r": False, "fallback": False, "touched_both": False, "undecided": False}
    constant = {**prices, **moves, **flags, "partials": 0, "partials_won": 0}
    frame = pl.DataFrame(columns).with_columns(pl.lit(value).alias(name) for name, value in constant.items())
    regimes = frame.select("id", regime=pl.when(pl.int_range(pl.len()) < 25).then(pl.lit("calm")))
    return with_groups(frame, regimes, "a + b")


def test_groups_hold_their_own_trades(trades: pl.DataFrame) -> None:
    resamples = one_a_day(N, 200, 2)
    worse = trades.with_columns(pl.col("pnl") - 1, pl.col("r") - 0.5)
    table = group_table(trades, worse, resamples, 0.95)
    # One regime (the rest is unknown), one hour, one model: nothing to tell apart.
    assert table["dimension"].unique(maintain_order=True).to_list() == ["symbol", "side", "weekday", "reason"]
    assert set(table["figure"]) == set(FIGURES)
    assert table.filter(pl.col("dimension") == "weekday")["name"].unique(maintain_order=True)[0] == "Monday"
    for (dimension, group), rows in table.group_by("dimension", "group"):
        part = trades.filter(pl.col(str(dimension)).cast(pl.String) == group)
        assert set(rows["group_trades"]) == {part.height}
        row = rows.row(by_predicate=pl.col("figure") == "expectancy_bp", named=True)
        assert row["value"] == pytest.approx(100 * part["pnl"].mean())
        if dimension == "reason":
            assert (row["difference"], row["versus"]) == (None, "")
        else:
            assert (row["difference"], row["difference_low"]) == (pytest.approx(100), pytest.approx(100))
            assert row["versus"] == ("better" if part.height >= 20 else "null")


def test_a_groups_interval_is_that_of_its_resampled_trades(trades: pl.DataFrame) -> None:
    resamples = one_a_day(N, 200, 2)
    table = group_table(trades, trades, resamples, 0.9)
    row = table.row(by_predicate=(pl.col("group") == "B") & (pl.col("figure") == "expectancy_r"), named=True)
    r, of_b = trades["r"].to_numpy(), (trades["symbol"] == "B").to_numpy()
    rows = [np.repeat(np.arange(N), drawn.astype(int)) for drawn in resamples.weights]
    means = [r[sample][of_b[sample]].mean() for sample in rows]
    tail = (1 - resamples.part(of_b).expanded(0.9)) / 2
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(means, [tail, 1 - tail])))


def test_a_verdict_must_hold_for_all_groups_at_once(trades: pl.DataFrame) -> None:
    resamples = one_a_day(N, 500, 2)
    alone, together = 0, 0
    for shift in np.linspace(0.2, 0.8, 7):
        noise = np.random.default_rng(4).standard_normal(N) - shift
        other = trades.with_columns(pl.col("pnl") + noise, pl.col("r") + noise / 2)
        table = group_table(trades, other, resamples, 0.95).filter(pl.col("figure") == "expectancy_r")
        table = table.filter((pl.col("dimension") != "reason") & (pl.col("group_trades") >= 20))
        clear = table["difference_low"] > 0
        alone += int(clear.sum())
        better = table["versus"] == "better"
        together += int(better.sum())
        assert (clear | ~better).all()
    assert 0 < together < alone


def test_a_group_of_all_trades_has_the_interval_of_all(trades: pl.DataFrame) -> None:
    resamples = one_a_day(N, 200, 2)
    few = trades.with_columns(symbol=pl.when(pl.int_range(pl.len()) > 0).then(pl.lit("A")).otherwise(pl.lit("B")))
    row = group_table(few, few, resamples, 0.9).row(
        by_predicate=(pl.col("group") == "A") & (pl.col("figure") == "expectancy_r"), named=True
    )
    samples = score(trades, resamples).samples[:, 0]
    tail = (1 - resamples.expanded(0.9)) / 2
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(samples, [tail, 1 - tail])), abs=0.03)
    assert set(DIMENSIONS) <= set(trades.columns)
