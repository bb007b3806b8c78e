import datetime as dt
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from check_cases import MARK, hours, put
from pipelines.checks.prices import price_flags

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


@pytest.mark.parametrize("ratio", [1 / 1000, 1 / 10, 1 / 3, 1 / 2, 1 / 1.5, 1.5, 2, 3, 10, 100, 1000])
def test_jumps_of_scale(ratio: float) -> None:
    assert rows(scaled(CLEAN, 200, 399, ratio), "scale_jump") == [200]


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
