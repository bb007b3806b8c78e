"""The table of features against NumPy, SciPy and statsmodels."""

import datetime as dt

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from scipy import stats

from pipelines.measures.feature_statistics import BLOCK_HORIZONS, correlations, distributions, threshold

N, WARM_UP, HORIZON = 1500, 40, 5
CUT = dt.datetime(2002, 6, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    """A drifting feature, one in steps (ties), one that never moves, and one with holes."""
    rng = np.random.default_rng(3)
    ts = [dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(N)]
    wandering = np.cumsum(rng.normal(size=N))
    wandering[:WARM_UP] = np.nan
    holes = rng.normal(size=N)
    holes[rng.random(N) < 0.1] = np.nan
    holes[700] = np.inf
    frame = pl.DataFrame({"ts": ts, "wandering": wandering, "holes": holes, "constant": np.ones(N)})
    return frame.with_columns(
        steps=pl.Series(np.floor(3 * rng.normal(size=N))), ts=pl.col("ts").dt.cast_time_unit("us")
    )


NAMES = ("wandering", "holes", "constant", "steps")


@pytest.fixture(scope="module")
def labels(table: pl.DataFrame) -> pl.DataFrame:
    """Overlapping sums that lean on the feature in steps."""
    rng = np.random.default_rng(4)
    noise = np.convolve(rng.normal(size=N), np.ones(HORIZON), "same")
    rows = table.select("ts", mae=0.3 * pl.col("steps") + noise, mfe=pl.Series(np.abs(noise)), final=pl.Series(-noise))
    return rows.filter(pl.col("ts") < CUT)


def test_distributions_are_numpys(table: pl.DataFrame) -> None:
    warm_up = {name: WARM_UP if name == "wandering" else 0 for name in NAMES}
    overall, yearly = distributions(table.lazy(), warm_up, CUT)
    assert overall["feature"].to_list() == list(NAMES)
    for name in NAMES:
        part = table.slice(warm_up[name])
        cases = [(overall.row(by_predicate=pl.col("feature") == name, named=True), part[name].to_numpy())]
        for row in yearly.filter(pl.col("feature") == name).iter_rows(named=True):
            cases.append((row, part.filter(pl.col("ts").dt.year() == row["year"])[name].to_numpy()))
        assert len(cases) == 1 + 5
        for row, every in cases:
            values = every[np.isfinite(every)]
            wanted = [len(every), 1 - len(values) / len(every), values.mean(), values.std(ddof=1)]
            wanted += list(np.quantile(values, [0.01, 0.5, 0.99]))
            assert [row[c] for c in ("rows", "missing", "mean", "sd", "p1", "p50", "p99")] == pytest.approx(wanted)


def test_drift_is_scipys_statistic_against_training_without_the_year(table: pl.DataFrame) -> None:
    overall, yearly = distributions(table.lazy(), dict.fromkeys(NAMES, 0), CUT)
    for row in yearly.iter_rows(named=True):
        finite = table.filter(pl.col(row["feature"]).is_finite())
        inside = finite["ts"].dt.year() == row["year"]
        training = finite.filter((pl.col("ts") < CUT) & ~inside)[row["feature"]]
        reference = stats.ks_2samp(finite.filter(inside)[row["feature"]], training, method="asymp").statistic
        assert row["ks"] == pytest.approx(reference, abs=1e-12)
        assert row["training"] == (row["year"] <= 2002)
    for row in overall.iter_rows(named=True):
        mine = yearly.filter(pl.col("feature") == row["feature"])
        assert row["ks_train"] == mine.filter("training")["ks"].max()
        assert row["ks_later"] == mine.filter(~pl.col("training"))["ks"].max()


def test_no_drift_is_known_without_other_training_years(table: pl.DataFrame) -> None:
    early = dt.datetime(2000, 3, 1, tzinfo=dt.UTC)
    _, yearly = distributions(table.lazy(), {"steps": 0}, early)
    assert yearly["ks"].is_null().to_list() == [True, False, False, False, False]


def test_rank_correlation_is_scipys_and_its_error_statsmodels(table: pl.DataFrame, labels: pl.DataFrame) -> None:
    found = correlations(table.lazy(), NAMES, labels, HORIZON)
    assert found.height == 3 * len(NAMES)
    joined = labels.join(table, on="ts").with_columns(block=pl.int_range(labels.height) // (BLOCK_HORIZONS * HORIZON))
    for row in found.iter_rows(named=True):
        if row["feature"] == "constant":
            assert (row["rho"], row["se"]) == (None, None)
            continue
        rows = joined.filter(pl.col(row["feature"]).is_finite())
        x, y = rows[row["feature"]].to_numpy(), rows[row["label"]].to_numpy()
        assert row["rho"] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)
        ranks = [stats.zscore(stats.rankdata(each)) for each in (x, y)]
        fit = sm.OLS(ranks[1], ranks[0]).fit(cov_type="cluster", cov_kwds={"groups": rows["block"].to_numpy()})
        assert row["se"] == pytest.approx(fit.bse[0], rel=1e-10)
        assert row["rows"] == len(x)
        assert row["blocks"] == rows["block"].n_unique()
        assert row["effective"] == pytest.approx((1 - row["rho"] ** 2) / fit.bse[0] ** 2)


def test_overlap_makes_the_error_larger_than_independent_rows_would(labels: pl.DataFrame) -> None:
    rng = np.random.default_rng(9)
    slow = np.convolve(rng.normal(size=labels.height), np.ones(30), "same")
    found = correlations(labels.select("ts", slow=pl.Series(slow)).lazy(), ["slow"], labels, HORIZON)
    row = found.row(by_predicate=pl.col("label") == "final", named=True)
    assert row["effective"] < 0.6 * row["rows"]


def test_threshold_grows_with_the_number_of_tries() -> None:
    assert threshold(1, 10_000) == pytest.approx(1.96, abs=0.001)
    assert threshold(390, 25) > threshold(390, 1000) > threshold(1, 1000)
