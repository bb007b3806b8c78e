"""The gap to a curve: with shifts known beforehand, and on the engine's own replay."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from handmade_examination import GRIDS, MARKETS, make_product
from handmade_resamples import DAY_US, one_a_day
from pipelines.measures.bootstrap import interval
from pipelines.measures.frontier import METRICS, curves, gaps
from pipelines.trades.frontier_replays import OWN_STOP, frontier_trades, per_entry, with_targets
from pipelines.trades.product import Product

N, SLOPE = 150, 0.4
RNG = np.random.default_rng(1)
WIDTH, OWN_WIDTH = RNG.uniform(0.5, 1.5, (2, N))  # one unit of the static stop and of the product's, % of price
MARKET = RNG.normal(0, 2.0, N)  # what the market gives each entry, %
IDS = {f"{i:03d}" for i in range(N)}
DRAWS = one_a_day(N, 500, 2)


def line(policy: str, setting: float, width: np.ndarray, extra: np.ndarray | float = 0.0) -> pl.DataFrame:
    """Trades that earn what the market gives and 0.4 of their stop distance: a straight curve, in each resample too."""
    distance = setting * width
    profit = MARKET + SLOPE * distance + extra
    columns = {"id": sorted(IDS), "entry_ts": np.arange(N) * DAY_US, "pnl": profit, "stop_distance": distance}
    frame = pl.DataFrame(columns).with_columns(pl.col("entry_ts").cast(pl.Datetime("us")))
    stopped = pl.when(pl.int_range(N) % 3 == 0).then(pl.lit("stop")).otherwise(pl.lit("time"))
    return frame.select(
        pl.lit(policy).alias("policy"), pl.lit(setting).alias("setting"), pl.all(),
        entry_price=pl.lit(100.0), reason=stopped, premature=pl.int_range(N) % 6 == 0,
    )  # fmt: skip


def table(extra: np.ndarray | float, settings: tuple[float, ...] = (OWN_STOP,)) -> pl.DataFrame:
    static = [line("garch", stop, WIDTH) for stop in (0.5, 1.0, 4.0)]
    product = [line("product", times, OWN_WIDTH, extra) for times in settings]
    return gaps(curves(pl.concat([*product, *static]), IDS, DRAWS), DRAWS, 0.95)


def of(rows: pl.DataFrame, metric: str = "expectancy_bp", setting: float = OWN_STOP) -> dict[str, float]:
    return rows.row(by_predicate=(pl.col("metric") == metric) & (pl.col("setting") == setting), named=True)


@pytest.mark.parametrize(("shift", "expected"), [(0.1, "better"), (-0.1, "worse"), (0.0, "null")])
def test_the_same_shift_in_every_trade_is_found_without_doubt(shift: float, expected: str) -> None:
    """Since product and curve are resampled by the same rows and read at the resampled distance, nothing else moves."""
    row = of(table(shift))
    assert (row["gap"], row["low"], row["high"]) == pytest.approx((100 * shift,) * 3, abs=1e-6)
    assert row["product"] - row["static"] == pytest.approx(row["gap"])
    assert row["versus"] == expected


def test_a_shift_that_varies_has_the_interval_of_its_mean() -> None:
    shift = np.random.default_rng(4).normal(0.3, 1.0, N)
    row = of(table(shift))
    means = 100 * (DRAWS.weights @ shift) / DRAWS.weights.sum(1)
    assert row["gap"] == pytest.approx(100 * shift.mean())
    assert (row["low"], row["high"]) == pytest.approx(interval(means, DRAWS.expanded(0.95)))


def test_each_distance_has_its_gap_and_verdicts_hold_for_all_at_once() -> None:
    noise = np.random.default_rng(4).normal(0.0, 1.0, N)
    means = (DRAWS.weights @ noise) / DRAWS.weights.sum(1)
    # Just enough for an interval of its own, not for one of four.
    shift = noise - interval(means, DRAWS.expanded(0.95))[0] + 0.01
    settings = (0.75, OWN_STOP, 1.25, 1.5, 2.0)
    rows = table(shift, settings)
    assert rows.height == len(settings) * len(METRICS)
    for times in settings:
        row = of(rows, setting=times)
        assert row["stop_distance"] == pytest.approx(0.01 * times * OWN_WIDTH.mean())
        assert row["gap"] == pytest.approx(100 * shift.mean())
        assert row["low"] > 0
        assert row["versus"] == ("better" if times == OWN_STOP else "null")


def test_a_curve_is_not_read_beyond_its_ends() -> None:
    rows = table(0.5, (0.2, OWN_STOP, 5.0))
    for times in (0.2, 5.0):
        row = of(rows, setting=times)
        assert (row["static"], row["gap"], row["low"], row["high"], row["versus"]) == (None, None, None, None, "")
    assert of(rows, "stop_out_rate")["gap"] == pytest.approx(0.0)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return make_product(tmp_path_factory.mktemp("product"))


@pytest.fixture(scope="module")
def trades(product: Product) -> pl.DataFrame:
    return frontier_trades(product, MARKETS[1], GRIDS, (0.5, 1.5), handmade.HORIZON)


def test_the_products_line_goes_through_its_own_trades(product: Product, trades: pl.DataFrame) -> None:
    (market,) = MARKETS[1]
    own = product.trades(market)
    lines = {setting: part for (setting,), part in trades.filter(pl.col("policy") == "product").group_by("setting")}
    assert sorted(lines) == [0.5, OWN_STOP, 1.5]
    mine = lines[OWN_STOP]
    assert mine.select("id", "reason", "pnl", "premature").equals(own.select("id", "reason", "pnl", "premature"))
    assert own["premature"].sum() > 0
    assert mine["stop_distance"].to_numpy() == pytest.approx(own["stop_distance"].to_numpy(), abs=1e-9)
    for times in (0.5, 1.5):  # as far as the risk envelope and the tick let it
        ratio = (lines[times]["stop_distance"] / own["stop_distance"]).to_numpy()
        assert np.median(ratio) == pytest.approx(times, abs=0.02)
        assert ((ratio - times) * (1 - times) >= -0.02).all()
    assert lines[0.5]["premature"].sum() > lines[1.5]["premature"].sum()


def test_static_stops_have_the_products_targets(product: Product, trades: pl.DataFrame) -> None:
    (market,) = MARKETS[1]
    own, ledger = product.trades(market), product.ledger(market)
    targets = per_entry(market, ledger, "target_r") * per_entry(market, ledger, "stop_distance")
    mine = with_targets(market, 2 * market.atr, targets, handmade.HORIZON)
    both = own.join(mine, on="id", how="inner", suffix="_static")
    assert both.height == own.height
    wanted, found = (both[f"target_r{s}"] * both[f"stop_distance{s}"] for s in ("", "_static"))
    assert found.to_numpy() == pytest.approx(wanted.to_numpy())
    assert both["stop_distance_static"].to_numpy() == pytest.approx(2 * market.atr[0])
    same = trades.filter((pl.col("policy") == "fixed_atr") & (pl.col("setting") == 2.0))
    assert same.select("id", "pnl").equals(mine.select("id", "pnl"))
    assert set(trades["policy"]) == {"product", "fixed_percent", "fixed_atr", "garch"}
