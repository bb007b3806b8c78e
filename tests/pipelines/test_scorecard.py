"""Every figure against five trades worked out by hand."""

import math

import numpy as np
import polars as pl
import pytest

from handmade_resamples import held, one_a_day
from pipelines.measures.bootstrap import BootstrapParams, Resamples, resample
from pipelines.measures.figures import figures
from pipelines.measures.scorecard import (
    FEW,
    compare,
    comparison,
    mark_ambiguous,
    score,
    sums,
    verdict,
    with_win_rate_impact,
)


def exits(*each: tuple[str, float, float, float]) -> list[dict[str, object]]:
    """Reason, share, what it was meant to fill at, and did."""
    return [dict(zip(("reason", "fraction", "intended", "fill"), one, strict=True)) for one in each]


# All entered at 100 with a stop 2 away; long but for the last.
TRADES = pl.DataFrame(
    [
        # Stopped at 98, 1R lost; the price then rose to 102.5: premature. Held: +1.
        {"reason": "stop", "side": 1, "pnl": -2.0, "mfe": 0.5, "mae": 2.0, "horizon_mfe": 2.5, "horizon_pnl": 1.0,
         "beyond": 0.4, "premature": True, "gap": False, "bars": 2, "exits": exits(("stop", 1.0, 98.0, 97.902))},
        # Stopped at the open of 97 through a stop of 98, after two parts, the second at an open beyond its target; held
        # it would have lost 5, and the price went 3 beyond.
        {"reason": "stop", "side": 1, "pnl": -3.0, "mfe": 0.0, "mae": 3.0, "horizon_mfe": 0.0, "horizon_pnl": -5.0,
         "beyond": 3.0, "premature": False, "gap": True, "bars": 1,
         "exits": exits(("target", 0.25, 100.5, 100.5), ("target", 0.25, 101.0, 101.202), ("stop", 0.5, 98.0, 97.0))},
        # Target of 2.5R at 105.
        {"reason": "target", "side": 1, "pnl": 5.0, "mfe": 5.0, "mae": 0.5, "horizon_mfe": 6.0, "horizon_pnl": 4.0,
         "beyond": 0.0, "premature": False, "gap": False, "bars": 4, "two": True,
         "exits": exits(("target", 1.0, 105.0, 105.0))},
        # Trailed out at 101 after a move to 104.
        {"reason": "stop", "side": 1, "pnl": 1.0, "mfe": 4.0, "mae": 0.0, "horizon_mfe": 4.0, "horizon_pnl": 3.0,
         "beyond": 0.0, "premature": False, "gap": False, "bars": 5,
         "exits": exits(("target", 0.4, 103.0, 103.103), ("stop", 0.6, 101.0, 101.0))},
        # A short closed by time at 99.5 after a move to 99.49.
        {"reason": "time", "side": -1, "pnl": 0.5, "mfe": 0.51, "mae": 1.0, "horizon_mfe": 0.51, "horizon_pnl": 0.5,
         "beyond": 0.0, "premature": False, "gap": False, "bars": 10, "unclear": True,
         "exits": exits(("time", 1.0, 99.5, 99.6))},
    ]
).select(
    "reason", "side", "pnl", "mfe", "mae", "horizon_mfe", "horizon_pnl", "beyond", "premature", "gap",
    pl.lit(100.0).alias("entry_price"), pl.lit(2.0).alias("stop_distance"), (pl.col("pnl") / 2).alias("r"),
    "exits",
    pl.lit(7).alias("entry_index"), (pl.col("bars") + 6).alias("exit_index"), pl.lit(False).alias("fallback"),
    pl.col("two").fill_null(False).alias("reached_2r"), pl.col("unclear").fill_null(False).alias("ambiguous"),
    (pl.col("mae") + 1).alias("horizon_mae"), (pl.col("bars") == 1).alias("touched_both"),
    (pl.col("bars") <= 2).alias("undecided"),
    # The trailed one took a part at a profit, the one of the gap two, of which costs left one above zero.
    pl.col("bars").replace_strict({5: 1, 1: 2}, default=0).alias("partials"),
    pl.col("bars").replace_strict({5: 1, 1: 1}, default=0).alias("partials_won"),
)  # fmt: skip

BY_HAND = {
    "expectancy_r": (-1 - 1.5 + 2.5 + 0.5 + 0.25) / 5,
    "expectancy_bp": 1e4 * (-2 - 3 + 5 + 1 + 0.5) / 100 / 5,
    "win_rate": 3 / 5,
    "r_at_target": 2.5,
    "win_rate_2r": 1 / 5,
    "mfe_r": (0.5 + 0 + 5 + 4 + 0.51) / 2 / 5,
    "mae_r": (2 + 3 + 0.5 + 0 + 1) / 2 / 5,
    "horizon_mfe_r": (2.5 + 0 + 6 + 4 + 0.51) / 2 / 5,
    "horizon_mae_r": (3 + 4 + 1.5 + 1 + 2) / 2 / 5,
    "premature_rate": 1 / 5,
    "premature_of_stops": 1 / 3,
    "stop_effectiveness": 1 / 3,  # only the second would have lost more
    "stop_effectiveness_beyond": 1 / 3,  # only the second went 1 beyond
    "profit_capture": (5 + 1) / (5 + 4),  # in-trade MFE of at least 2
    "profit_capture_horizon": (-2 + 5 + 1) / (2.5 + 6 + 4),
    "give_back": 1 - (5 + 1 + 0.5) / (5 + 4 + 0.51),
    "exit_timing_price": 3 / 3,  # 105 of 106, 101 of 104, 99.5 of 99.49
    "exit_timing_move": 1 / 3,  # 0.5 of 0.51; 5 of 6 and 1 of 4 are not within 5 %
    "partial_success": 2 / 3,
    "partial_trades_won": 1 / 2,
    "slippage_stops": (0.098 / 98 + 0.5 * 1 / 98 + 0.6 * 0) / (1 + 0.5 + 0.6),
    "slippage_stops_smooth": (0.098 / 98 + 0.6 * 0) / (1 + 0.6),
    "slippage_targets": (0.25 * 0.202 / 101 + 0.4 * 0.103 / 103) / (0.25 + 0.25 + 1 + 0.4),
    "slippage_targets_cost": -(0.25 * 0.202 / 101 + 0.4 * 0.103 / 103) / (0.25 + 0.25 + 1 + 0.4),
    "slippage_time": 0.1 / 99.5,
    "slippage_liquidations": math.nan,
    "slippage_emergencies": math.nan,
    "slippage": (0.098 / 98 + 0.5 / 98 + 0.25 * 0.202 / 101 + 0.4 * 0.103 / 103 + 0.1 / 99.5) / 5,
    "gap_rate": 1 / 3,
    "ambiguity_rate": 1 / 5,
    "ambiguity_left": 2 / 5,
    "touched_both_rate": 1 / 5,
    "stop_out_rate": 3 / 5,
    "stop_distance": 0.02,
    "holding_bars": (2 + 1 + 4 + 5 + 10) / 5,
    "fallback_rate": 0.0,
}


@pytest.fixture(scope="module")
def resamples() -> Resamples:
    return one_a_day(5, 500, 1)


def test_every_figure_has_its_value() -> None:
    assert list(BY_HAND) == [figure.key for figure in figures()]


@pytest.mark.parametrize("key", BY_HAND)
def test_by_hand(key: str, resamples: Resamples) -> None:
    place = list(BY_HAND).index(key)
    assert score(TRADES, resamples).value[place] == pytest.approx(BY_HAND[key], rel=1e-12, nan_ok=True)


@pytest.mark.parametrize(("side", "fill", "cost"), [(1, 106.05, -0.01), (-1, 106.05, 0.01), (1, 103.95, 0.01)])
def test_slippage_on_targets_tells_gains_from_costs(side: int, fill: float, cost: float) -> None:
    """Asked 105, filled 1 % beside: the literal figure is the same, its sign is not."""
    trades = TRADES.with_columns(side=pl.lit(side), exits=pl.Series([exits(("target", 1.0, 105.0, fill))] * 5))
    found = dict(zip(BY_HAND, score(trades, one_a_day(5, 100, 1)).value, strict=True))
    assert (found["slippage_targets"], found["slippage_targets_cost"]) == pytest.approx((0.01, cost))


def test_scale_does_not_matter() -> None:
    prices = ("pnl", "mfe", "mae", "horizon_mfe", "horizon_mae", "horizon_pnl", "beyond", "entry_price",
              "stop_distance")  # fmt: skip
    fills = pl.element().struct.with_fields(pl.field("intended") * 50, pl.field("fill") * 50)
    dear = TRADES.with_columns(pl.col("exits").list.eval(fills), *(pl.col(name) * 50 for name in prices))
    mixed = pl.concat([TRADES, dear])
    one, both = (score(frame, one_a_day(frame.height, 100, 1)).value for frame in (TRADES, mixed))
    assert both == pytest.approx(one, nan_ok=True)


def test_trades_without_a_stop_have_no_r_but_count_in_money(resamples: Resamples) -> None:
    nothing = pl.lit(None, pl.Float64)
    value = dict(
        zip(BY_HAND, score(TRADES.with_columns(r=nothing, stop_distance=nothing), resamples).value, strict=True)
    )
    assert math.isnan(value["expectancy_r"])
    assert math.isnan(value["profit_capture"])
    assert math.isnan(value["stop_distance"])
    assert value["expectancy_bp"] == pytest.approx(BY_HAND["expectancy_bp"])


def test_a_resample_is_the_figure_of_the_resampled_trades() -> None:
    drawn = one_a_day(5, 100, 2)
    samples = score(TRADES, drawn).samples
    for b in range(20):
        rows = np.repeat(np.arange(5), drawn.weights[b].astype(int))
        again = score(TRADES[rows.tolist()], one_a_day(5, 100, 1)).value
        assert samples[b] == pytest.approx(again, nan_ok=True)


def test_differences_are_paired() -> None:
    many = pl.concat([TRADES] * 10)
    w = one_a_day(50, 400, 3)
    lifted = many.with_columns(pl.col("pnl") + 1, pl.col("r") + 0.5)
    table = compare(score(lifted, w), score(many, w), 0.95)
    row = table.row(by_predicate=pl.col("figure") == "expectancy_r", named=True)
    # The same lift in every trade: unpaired, this interval would be wide.
    assert (row["difference"], row["difference_low"], row["difference_high"]) == pytest.approx((0.5, 0.5, 0.5))
    assert row["high"] - row["low"] > 0.2
    assert row["versus"] == "better"
    same = compare(score(many, w), score(many, w), 0.95)
    assert set(same["versus"]) == {"null", ""}


def test_win_rate_impact_is_the_paired_difference() -> None:
    many = pl.concat([TRADES] * 10)
    w = one_a_day(50, 400, 3)
    table = compare(score(many.with_columns(pl.col("pnl") + 4), w), score(many, w), 0.95)
    row = with_win_rate_impact(table).row(by_predicate=pl.col("figure") == "win_rate_impact", named=True)
    assert row["value"] == pytest.approx(1 - 3 / 5)
    assert (row["target"], row["verdict"]) == (0.05, "met")


def test_few_trades_bear_no_verdict(resamples: Resamples) -> None:
    scores = score(TRADES, resamples)
    assert (scores.counted < FEW).all()
    table = compare(scores, scores, 0.95)
    assert set(table["verdict"]) == {"null", ""}


def test_many_trades_of_few_instants_bear_no_verdict() -> None:
    """Ten times five trades: at 50 instants a verdict, at 5 none."""
    many = pl.concat([TRADES] * 10)
    for instants, expected in ((50, "not met"), (5, "null")):
        day = np.repeat(np.arange(instants), 50 // instants)
        drawn = resample(held(day, 1), BootstrapParams(3.0, 400, 0.95, 3), np.random.default_rng(3))
        table = compare(score(many, drawn), score(many, drawn), 0.95)
        row = table.row(by_predicate=pl.col("figure") == "win_rate_2r", named=True)
        assert (row["trades"], row["verdict"]) == (50, expected)


def test_shares_that_never_failed_are_not_certain() -> None:
    """No premature stop in 50 trades, two at each instant, held two days: at most 13 are independent of each other."""
    limit = pl.Series([exits(("target", 1.0, 105.0, 105.0))] * 5)
    flags = {"premature": pl.lit(False), "gap": pl.lit(True), "partials_won": pl.col("partials")}
    never = TRADES.with_columns(exits=limit, **flags)
    many = pl.concat([never] * 10)
    drawn = resample(held(np.repeat(np.arange(25), 2), 2), BootstrapParams(3.0, 400, 0.95, 3), np.random.default_rng(3))
    scores = score(many, drawn)
    table = {row["figure"]: row for row in compare(scores, scores, 0.95).iter_rows(named=True)}
    row = table["premature_rate"]
    assert (row["value"], row["low"]) == (0.0, 0.0)
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 13))
    assert row["verdict"] == "null"  # 24.7 % of a target below 20 %
    assert table["gap_rate"]["high"] == table["partial_success"]["high"] == 1.0
    assert 0.5 < table["partial_success"]["low"] < 0.8
    assert 0.5 < table["gap_rate"]["low"] < 0.8
    assert table["slippage_targets"]["high"] == 0.0, "no share of trades"
    longer = pl.concat([many] * 2)
    drawn = resample(held(np.arange(100), 1), BootstrapParams(3.0, 400, 0.95, 3), np.random.default_rng(3))
    scores = score(longer, drawn)
    again = compare(scores, scores, 0.95).row(by_predicate=pl.col("figure") == "premature_rate", named=True)
    assert again["high"] == pytest.approx(1 - 0.025 ** (1 / 100))
    assert again["verdict"] == "met"


@pytest.mark.parametrize(
    ("value", "low", "high", "better", "expected"),
    [
        (0.1, 0.05, 0.15, "lower", "met"),
        (0.1, 0.05, 0.25, "lower", "null"),
        (0.3, 0.25, 0.35, "lower", "not met"),
        (0.3, 0.25, 0.35, "higher", "met"),
        (0.2, 0.2, 0.2, "higher", "not met"),
        (math.nan, math.nan, math.nan, "higher", ""),
        (0.1, math.nan, math.nan, "lower", "met"),
    ],
)
def test_verdicts(value: float, low: float, high: float, better: str, expected: str) -> None:
    assert verdict(value, low, high, better, 0.2) == expected  # type: ignore[arg-type]


def test_comparisons() -> None:
    assert comparison(0.1, 0.05, 0.2, "higher") == "better"
    assert comparison(0.1, 0.05, 0.2, "lower") == "worse"
    assert comparison(0.1, -0.05, 0.2, "higher") == "null"
    assert comparison(0.0, 0.0, 0.0, "higher") == "null"
    assert comparison(0.1, 0.05, 0.2, "neither") == ""


def test_ambiguous_means_that_the_modes_disagree_and_undecided_that_finer_bars_do_not_help() -> None:
    trades = pl.DataFrame(
        {
            "policy": ["a", "a", "a", "a", "b", "b"],
            "id": ["1", "1", "2", "2", "1", "1"],
            "mode": ["pessimistic", "adaptive"] * 3,
            "reason": ["stop", "target", "stop", "stop", "time", "time"],
            "exit_index": [3, 3, 4, 4, 5, 6],
            "exit_price": [1.0, 2.0, 1.0, 1.0, 3.0, 3.0],
            "undecided": False,
        }
    )
    marked = mark_ambiguous(trades)
    assert marked["ambiguous"].to_list() == [True, True, False, False, True, True]
    assert marked["undecided"].to_list() == marked["ambiguous"].to_list(), "without finer bars nothing is decided"
    detail = trades.filter(pl.col("mode") == "adaptive").with_columns(mode=pl.lit("detail"))
    detail = detail.with_columns(undecided=(pl.col("policy") == "b"))
    marked = mark_ambiguous(pl.concat([trades, detail]))
    assert marked["ambiguous"].to_list() == [True, True, False, False, True, True, True, False, True]
    assert marked["undecided"].to_list() == [False] * 4 + [True] * 2 + [False, False, True]


def test_sums_know_no_nan() -> None:
    numerator, denominator = sums(TRADES.with_columns(r=pl.lit(math.nan)))
    assert np.isfinite(numerator).all()
    assert np.isfinite(denominator).all()
