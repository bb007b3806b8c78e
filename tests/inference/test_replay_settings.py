"""Many settings in one pass, one position at a time, and long horizons: each against something slow and obvious."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_replay as reference
from inference.replay import Bars, Conditions, Costs, Entries, ledger_multiples, ledger_parabolic, replay_levels
from reference_parabolic import parabolic_stop

COSTS = Costs(taker_fee=0.0004, maker_fee=0.0001, slippage=0.0003)
N = 700


def long_bars(seed: int, holes: float = 0.02) -> Bars:
    """Enough bars for several blocks of the compiled replay, some of them without volume."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, N)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.003, N))
    opening[0] = 100.0
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.005, N))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.005, N))
    volume = np.where(rng.random(N) < holes, 0.0, 1.0)
    return Bars("X", np.arange(N, dtype=np.int64) * 60, opening, high, low, close, volume)


def some_entries(seed: int, every: int) -> Entries:
    index = np.arange(3, N - 1, every, dtype=np.int64)
    return Entries(index, np.random.default_rng(seed).choice(np.array([-1, 1], np.int8), len(index)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    stop=st.sampled_from([1.0, 8.0, 40.0, np.nan]),
    target=st.sampled_from([2.0, 15.0, np.nan]),
    horizon=st.sampled_from([31, 64, 333, 2 * N]),
    mode=st.sampled_from(["pessimistic", "adaptive"]),
)
def test_long_trades_equal_the_reference(seed, stop, target, horizon, mode) -> None:
    bars, entries = long_bars(seed), some_entries(seed, 53)
    ours = replay_levels(bars, entries, stop, target, np.nan, horizon, COSTS, mode)
    distances = [np.full(N, d) for d in (stop, target, np.nan)]
    theirs, _ = reference.replay_levels(bars, entries, *distances, horizon, COSTS, mode)
    assert len(ours) == len(theirs)
    closed = theirs["reason"] != 0
    for name in theirs.dtype.names:
        here = closed if name == "stop_at_exit" else slice(None)
        np.testing.assert_allclose(ours[name][here], theirs[name][here], rtol=1e-12, atol=1e-12, err_msg=name)


def test_each_setting_of_one_pass_is_its_own_replay() -> None:
    bars, entries = long_bars(5), some_entries(5, 3)
    unit = 0.01 * bars.close
    multiples = np.array([[1.0, 2.0, np.nan], [3.0, np.nan, np.nan], [2.0, np.nan, 2.0], [0.5, 4.0, 1.0]])
    for conditions in (Conditions(), Conditions(single=True)):
        ledgers = ledger_multiples(bars, entries, unit, multiples, 40, COSTS, "adaptive", conditions)
        found = [ledger.trades for ledger in ledgers]
        for trades, times in zip(found, multiples, strict=True):
            alone = replay_levels(bars, entries, *(m * unit for m in times), 40, COSTS, "adaptive", conditions)
            assert len(trades) > 20
            assert trades.tobytes() == alone.tobytes()
        assert len({len(trades) for trades in found}) == (4 if conditions.single else 1)


@pytest.mark.parametrize("reenter", [True, False])
def test_one_position_at_a_time_skips_what_comes_while_it_is_open(reenter: bool) -> None:
    bars, entries = long_bars(6, holes=0.1), some_entries(6, 1)
    for stop, target, trail in ((1.0, 2.0, np.nan), (2.0, np.nan, 2.0)):
        every = replay_levels(bars, entries, stop, target, trail, 25, COSTS)
        taken, free = [], 0
        for trade in every:
            if entries.index[trade["entry"]] >= free:
                taken.append(trade)
                free = trade["exit_index"] + (not reenter) if trade["reason"] else N
        single = Conditions(single=True, reenter=reenter)
        ours = replay_levels(bars, entries, stop, target, trail, 25, COSTS, conditions=single)
        assert len(every) > 2 * len(ours) > 60
        assert ours.tobytes() == np.array(taken).tobytes()


def test_a_table_of_other_shape_is_refused() -> None:
    bars, entries = long_bars(1), some_entries(1, 50)
    with pytest.raises(ValueError, match="multiples: must be a table of three columns"):
        ledger_multiples(bars, entries, 1.0, [[1.0, 2.0]], 5, COSTS)
    with pytest.raises(ValueError, match="settings: must be a table of two columns"):
        ledger_parabolic(bars, entries, 1.0, [1.0, 2.0], 5, COSTS)


def test_the_parabolic_stop_is_the_slow_one_and_its_entries_are_everybodys() -> None:
    bars, entries = long_bars(7, holes=0.0), some_entries(7, 11)
    ours = ledger_parabolic(bars, entries, 0.02 * bars.close, [[1.5, 0.02]], 12, COSTS)[0].trades
    for trade in ours:
        at, side = int(trade["entry_index"]), int(trade["side"])
        first = bars.open[at] - side * 1.5 * 0.02 * bars.close[at - 1]
        levels = parabolic_stop(bars.high[at:], bars.low[at:], side, first, 0.02)
        touched = side * (np.where(side > 0, bars.low[at:], bars.high[at:]) - levels) <= 0
        last = min(11, N - 1 - at)
        assert trade["exit_index"] - at == min(int(np.argmax(touched)) if touched.any() else N, last)
        if trade["reason"] == 1:
            assert trade["intended_price"] == pytest.approx(levels[trade["exit_index"] - at], rel=1e-12)
    assert {1, 3} <= set(ours["reason"])
    halted = long_bars(7, holes=0.4)
    sar, fixed = (
        ledger_parabolic(halted, entries, 1.0, [[2.0, 0.02], [9.0, 0.1]], 8, COSTS)[1].trades,
        replay_levels(halted, entries, 2.0, np.nan, np.nan, 8, COSTS),
    )
    assert (sar["entry"] == fixed["entry"]).all()
    assert (sar["entry_index"] == fixed["entry_index"]).all()
    assert len(fixed) <= len(entries.index)
