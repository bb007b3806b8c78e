import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from check_cases import MARK, hours, put
from pipelines.checks.params import CheckParams, VolumeOutlierParams
from pipelines.checks.prices import price_flags
from pipelines.params import section

ROOT = Path(__file__).parents[3]
CLEAN = hours(400)
PRICES = ["open", "high", "low", "close"]


def rows(frame: pl.DataFrame, name: str) -> list[int]:
    return price_flags(frame, MARK)[name].arg_true().to_list()


def scaled(frame: pl.DataFrame, first: int, last: int, factor: float) -> pl.DataFrame:
    inside = pl.int_range(pl.len()).is_between(first, last)
    return frame.with_columns(pl.when(inside).then(pl.col(name) * factor).otherwise(name) for name in PRICES)


def reference(frame: pl.DataFrame) -> list[int]:
    """The definition of a bad tick, bar by bar."""
    log = {name: np.log(frame[name].to_numpy()) for name in PRICES}
    returns = np.abs(np.diff(log["close"], prepend=np.nan))
    found = []
    for i in range(1, frame.height - 1):
        past = returns[max(0, i - MARK.bad_tick.window_bars) : i]
        past = past[np.isfinite(past)]
        if len(past) < MARK.bad_tick.window_bars // 2:
            continue
        sides = log["close"][i - 1], log["close"][i + 1]
        wick = max(log["high"][i] - max(sides), min(sides) - log["low"][i])
        if wick > MARK.bad_tick.least and wick > MARK.bad_tick.deviations * 1.4826 * np.median(past):
            found.append(i)
    return found


def test_bad_ticks_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(5)
    bent = CLEAN.with_columns(
        (pl.col("high") * np.exp(rng.pareto(1.5, CLEAN.height) / 20)).alias("high"),
        (pl.col("low") / np.exp(rng.pareto(1.5, CLEAN.height) / 20)).alias("low"),
    )
    expected = reference(bent)
    assert len(expected) > 10
    assert rows(bent, "bad_tick") == expected


def run_reference(frame: pl.DataFrame) -> list[int]:
    """Runs of 2 to lasts_bars closes that go out and come back, run by run."""
    close = np.log(frame["close"].to_numpy())
    returns = np.abs(np.diff(close, prepend=np.nan))
    tick, found = MARK.bad_tick, set()
    for first in range(1, frame.height):
        past = returns[max(1, first - tick.window_bars) : first]
        if len(past) < tick.window_bars // 2:
            continue
        limit = max(tick.least, tick.deviations * 1.4826 * np.median(past))
        for length in range(2, tick.lasts_bars + 1):
            if first + length >= frame.height:
                break
            run, before, after = close[first : first + length], close[first - 1], close[first + length]
            way = max(run.min() - max(before, after), min(before, after) - run.max())
            if way > limit and abs(after - before) < way / 2:
                found |= set(range(first, first + length))
    return sorted(found)


def test_bad_runs_are_those_of_the_definition() -> None:
    rng = np.random.default_rng(6)
    factors = np.ones(CLEAN.height)
    for at in range(30, 380, 20):
        length = rng.integers(1, 8)
        factors[at : at + length] = np.exp(rng.choice([-1, 1]) * rng.uniform(0.05, 0.6)) * np.exp(
            rng.normal(0, 0.02, length)
        )
    # High and low are the close: no bar is bad by itself but those that a run of one makes.
    bent = CLEAN.with_columns((pl.col("close") * pl.Series(factors)).alias(name) for name in PRICES)
    expected = run_reference(bent)
    assert len(expected) > 10
    assert rows(bent, "bad_tick") == sorted({*expected, *reference(bent)})


@pytest.mark.parametrize("length", [2, 3, 5])
@pytest.mark.parametrize("factor", [1.5, 0.6])
def test_a_price_off_for_a_few_bars_that_comes_back(length: int, factor: float) -> None:
    assert rows(scaled(CLEAN, 200, 199 + length, factor), "bad_tick") == list(range(200, 200 + length))


def test_a_move_that_lasts_or_comes_back_in_part_is_no_bad_tick() -> None:
    assert rows(scaled(CLEAN, 200, 205, 1.5), "bad_tick") == []  # 6 bars
    partly = scaled(scaled(CLEAN, 200, 202, 2.5), 203, 399, 1.4)
    assert rows(partly, "bad_tick") == []


@pytest.mark.parametrize("at", [60, 200, 398])
@pytest.mark.parametrize("factor", [1.5, 0.6])
def test_a_whole_bar_off_is_one_bad_tick_and_no_jump(at: int, factor: float) -> None:
    assert rows(scaled(CLEAN, at, at, factor), "bad_tick") == [at]
    assert rows(scaled(CLEAN, at, at, factor), "scale_jump") == []


def test_a_move_that_stays_is_no_bad_tick() -> None:
    assert rows(scaled(CLEAN, 200, 399, 1.25), "bad_tick") == []


def test_the_bar_after_decides_so_the_last_bar_is_not_judged() -> None:
    assert rows(scaled(CLEAN, 399, 399, 1.5), "bad_tick") == []


def test_the_measure_does_not_see_the_bar_itself_nor_later_ones() -> None:
    wild = scaled(CLEAN, 200, 200, 1.5)
    later = wild.with_columns(
        pl.when(pl.int_range(pl.len()) > 202).then(pl.col(name).pow(3)).otherwise(name) for name in PRICES
    )
    assert 200 in rows(wild, "bad_tick")
    assert 200 in rows(later, "bad_tick")


RATIOS = [1.5, 2, 3, 4, 5, 10, 20, 100, 1000]
SHIPPED = replace(MARK, scale_jump=section("check", CheckParams, ROOT / "params.yaml").scale_jump)


def jumps(frame: pl.DataFrame) -> list[int]:
    return price_flags(frame, SHIPPED)["scale_jump"].arg_true().to_list()


@pytest.mark.parametrize("ratio", [*RATIOS, *(1 / ratio for ratio in RATIOS)])
def test_jumps_of_scale(ratio: float) -> None:
    jump = scaled(CLEAN, 200, 399, ratio)
    assert jumps(jump) == [200]
    # The same where each bar opens at the close before, so that the jump lies inside a bar.
    chained = jump.with_columns(pl.col("close").shift(1).fill_null(pl.col("open")).alias("open"))
    assert jumps(chained) == [200]
    # And after a split, volume counts the new pieces.
    split = jump.with_columns(pl.when(pl.int_range(pl.len()) >= 200).then(pl.col("volume") / ratio).otherwise("volume"))
    assert jumps(split) == [200]


@pytest.mark.parametrize("ratio", [1 / 2, 2, 1 / 3, 10])
def test_a_jump_in_a_wild_market_is_the_market(ratio: float) -> None:
    """Half the price gone on twenty times the volume: a crash."""
    jump = scaled(CLEAN, 200, 399, ratio)
    wild = jump.with_columns(pl.when(pl.int_range(pl.len()) == 200).then(pl.col("volume") * 40).otherwise("volume"))
    assert jumps(wild) == []
    # Without a volume that says so, it cannot be told.
    assert jumps(wild.with_columns(pl.lit(0.0).alias("volume"))) == [200]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_volumes_in_another_unit(length: int) -> None:
    inside = pl.int_range(pl.len()).is_between(200, 199 + length)
    params = replace(MARK, volume_outlier=VolumeOutlierParams(100, 50.0))
    wrong = CLEAN.with_columns(pl.when(inside).then(pl.col("volume") * 1000).otherwise("volume"))
    assert price_flags(wrong, params)["volume_outlier"].arg_true().to_list() == list(range(200, 200 + length))


def test_bursts_of_trading_and_volumes_at_the_end_are_no_outliers() -> None:
    params = replace(MARK, volume_outlier=VolumeOutlierParams(100, 50.0))
    burst = CLEAN.with_columns(
        (pl.col("volume") * (1 + 300 * (-((pl.int_range(pl.len()) - 200).abs() / 10)).exp())).alias("volume")
    )
    assert price_flags(burst, params)["volume_outlier"].sum() == 0
    last = put(CLEAN, {"volume": {398: 1e6, 5: 1e6}})  # what comes after, or was before, is not known
    assert price_flags(last, params)["volume_outlier"].sum() == 0


@pytest.mark.parametrize("factor", [0.55, 0.8, 1.25, 1.8, 2.4])
def test_other_jumps_are_the_market(factor: float) -> None:
    assert rows(scaled(CLEAN, 200, 399, factor), "scale_jump") == []


def test_a_jump_that_is_taken_back_soon_is_none() -> None:
    assert rows(scaled(CLEAN, 200, 201, 0.5), "scale_jump") == []
    # Its way back looks like one, if it holds.
    assert rows(scaled(CLEAN, 200, 204, 0.5), "scale_jump") == [200, 205]


def test_a_jump_at_the_end_is_judged_by_the_closes_that_there_are() -> None:
    assert rows(scaled(CLEAN, 399, 399, 0.5), "scale_jump") == [399]


def test_stale_closes_count_from_the_shortest_run() -> None:
    close = CLEAN["close"][100]
    five = put(CLEAN, {"close": dict.fromkeys(range(101, 105), close)})
    six = put(CLEAN, {"close": dict.fromkeys(range(101, 106), close)})
    assert rows(five, "stale_close") == []
    assert rows(six, "stale_close") == [101, 102, 103, 104, 105]
    assert price_flags(five, replace(MARK, stale_closes=5))["stale_close"].sum() == 4


def test_prices_that_are_no_prices_count_as_unknown() -> None:
    odd = put(CLEAN, {"low": {50: 0.0, 60: -1.0}, "close": {70: float("nan"), 80: None, 90: float("inf")}})
    assert all(flags.sum() == 0 for flags in price_flags(odd, MARK).values())


def test_false_positives_on_a_long_sound_walk() -> None:
    calm = hours(20_000, dt.timedelta(minutes=1))
    assert {name: flags.sum() for name, flags in price_flags(calm, MARK).items()} == {
        "bad_tick": 0,
        "scale_jump": 0,
        "stale_close": 0,
        "volume_outlier": 0,
    }


def test_quiet_minutes_need_a_wick_of_a_size_too() -> None:
    level = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 1e-6, CLEAN.height)))
    quiet = CLEAN.with_columns(pl.Series(name, level) for name in PRICES)
    high = quiet["high"][200]
    assert rows(put(quiet, {"high": {200: 1.008 * high}}), "bad_tick") == []
    assert rows(put(quiet, {"high": {200: 1.012 * high}}), "bad_tick") == [200]
