"""The compiled replay against the slow, obvious reference, trade by trade."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_replay as reference
from inference.replay import TRADE, Bars, Costs, Entries, replay_levels

N = 80
COSTS = Costs(taker_fee=0.0004, maker_fee=0.0001, slippage=0.0003)


def adversarial_bars(seed: int, coarse: bool) -> Bars:
    """Random bars with gaps and wide ranges; coarse prices make exact touches and ties common."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, N)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.01, N))
    opening[0] = 100.0
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.01, N))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.01, N))
    if coarse:
        opening, high, low, close = (np.round(x) for x in (opening, high, low, close))
    return Bars("X", np.arange(N, dtype=np.int64), opening, high, low, close, np.ones(N))


def both(bars: Bars, entries: Entries, stop, target, trail, horizon: int, mode: str):
    distances = [np.broadcast_to(np.asarray(d, float), (N,)) for d in (stop, target, trail)]
    ours = replay_levels(bars, entries, *distances, horizon, COSTS, mode)
    theirs, _ = reference.replay_levels(bars, entries, *distances, horizon, COSTS, mode)
    return ours, theirs


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    coarse=st.booleans(),
    stop=st.sampled_from([0.5, 1.0, 3.0, 10.0, 30.0]),
    target=st.sampled_from([0.5, 1.0, 2.0, 10.0, np.nan]),
    trail=st.sampled_from([1.0, 2.0, 5.0, np.nan]),
    horizon=st.sampled_from([1, 2, 7, 30]),
    mode=st.sampled_from(["pessimistic", "adaptive"]),
)
def test_every_field_of_every_trade_equals_the_reference(seed, coarse, stop, target, trail, horizon, mode) -> None:
    bars = adversarial_bars(seed, coarse)
    rng = np.random.default_rng(seed)
    entries = Entries(np.arange(N - 1, dtype=np.int64), rng.choice(np.array([-1, 1], np.int8), N - 1))
    ours, theirs = both(bars, entries, stop, target, trail, horizon, mode)
    assert len(ours) == len(theirs) == N - 1
    closed = theirs["reason"] != 0
    for name in sorted(theirs.dtype.names, key=lambda n: n == "stop_at_exit"):
        if name == "stop_at_exit":  # a trade still open at the end of the data has no exit
            ours, theirs = ours[closed], theirs[closed]
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-12, err_msg=name, equal_nan=True)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), stop=st.sampled_from([0.5, 2.0]), target=st.sampled_from([0.5, 2.0, 5.0]))
def test_pessimistic_never_earns_more_than_adaptive(seed, stop, target) -> None:
    bars = adversarial_bars(seed, False)
    entries = Entries(np.arange(N - 1, dtype=np.int64), np.ones(N - 1, np.int8))
    distances = (np.full(N, stop), np.full(N, target), np.full(N, np.nan), 10, COSTS)
    worst, nearer = (replay_levels(bars, entries, *distances, mode) for mode in ("pessimistic", "adaptive"))
    assert (worst["pnl"] <= nearer["pnl"] + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_a_stop_never_fills_better_than_the_open_of_a_gap(seed) -> None:
    bars = adversarial_bars(seed, False)
    entries = Entries(np.arange(N - 1, dtype=np.int64), np.ones(N - 1, np.int8))
    free = Costs()
    trades = replay_levels(
        bars, entries, np.full(N, 0.8), np.full(N, np.nan), np.full(N, np.nan), 20, free, "pessimistic"
    )
    stops = trades[trades["reason"] == 1]
    opens = bars.open[stops["exit_index"]]
    assert (stops["exit_price"] <= np.minimum(opens, stops["intended_price"]) + 1e-12).all()
    assert (stops["gap"] == (opens <= stops["intended_price"])).all()


def test_a_limit_that_is_only_touched_is_not_filled() -> None:
    flat = np.full(6, 100.0)
    high = np.array([100.0, 100, 102, 102.01, 100, 100])
    bars = Bars("X", np.arange(6, dtype=np.int64), flat, high, flat, flat, np.ones(6))
    nan = np.full(6, np.nan)
    (trade,) = replay_levels(
        bars, Entries(np.array([0]), np.array([1], np.int8)), np.full(6, 5.0), np.full(6, 2.0), nan, 5, Costs()
    )
    assert (trade["exit_index"], trade["exit_price"], trade["reason"]) == (3, 102.0, 2)


@pytest.mark.parametrize(
    ("index", "side", "rule"),
    [
        ([5, 3], [1, 1], "must ascend"),
        ([79], [1], "must lie in"),
        ([1], [0], r"must be \+1 or -1"),
        ([1, 2], [1], "one length"),
    ],
)
def test_entries_that_cannot_be_are_refused(index, side, rule) -> None:
    entries = Entries(np.array(index, np.int64), np.array(side, np.int8))
    with pytest.raises(ValueError, match=rule):
        replay_levels(adversarial_bars(1, False), entries, 1.0, 1.0, 1.0, 5, COSTS)


def test_the_python_layout_is_the_compiled_one() -> None:
    bars = adversarial_bars(2, False)
    (trade,) = replay_levels(bars, Entries(np.array([4]), np.array([-1], np.int8)), 1.0, 2.0, np.nan, 5, COSTS)
    assert TRADE.itemsize == 176
    assert (trade["entry"], trade["entry_index"], trade["side"], trade["fill_price"]) == (0, 5, -1, bars.open[5])
