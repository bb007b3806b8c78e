"""The fill contract under all conditions of a venue, against the slow, obvious reference, and its invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_replay as reference
from inference.replay import EVENT_NAMES, Bars, Conditions, Entries, ledger_levels, replay_levels
from reference_trades import Story
from venue_cases import COSTS, FREE, LADDERS, PARTS, N, detail_bars, drawn_conditions, every_entry, translated


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    coarse=st.booleans(),
    holes=st.sampled_from([0.0, 0.15, 1.0]),
    halts=st.sampled_from([0.0, 0.2]),
    stop=st.sampled_from([0.5, 1.0, 3.0, 10.0]),
    target=st.sampled_from([1.0, 2.0, 6.0]),
    trail=st.sampled_from([1.0, 3.0, np.nan]),
    horizon=st.sampled_from([1, 2, 7, 25]),
    mode=st.sampled_from(["pessimistic", "adaptive", "detail"]),
    ladder=st.sampled_from(LADDERS),
    on=st.sets(st.sampled_from(["impact", "margin", "funding", "rejected", "touch", "prints"])),
)
def test_trades_legs_funding_and_stops_equal_the_reference(
    seed, coarse, holes, halts, stop, target, trail, horizon, mode, ladder, on
) -> None:
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, coarse, holes, halts)
    entries, conditions = every_entry(rng), drawn_conditions(rng, parts, mode, ladder, on)
    distances = [np.full(N, d) for d in (stop, target, trail)]
    ours = ledger_levels(bars, entries, *distances, horizon, COSTS, mode, conditions)
    theirs, stories = reference.replay_levels(bars, entries, *distances, horizon, COSTS, mode, translated(conditions))
    assert len(ours.trades) == len(theirs)
    closed = theirs["reason"] != 0
    for name in theirs.dtype.names:
        here = closed if name == "stop_at_exit" else slice(None)  # a trade open at the end has no exit
        np.testing.assert_allclose(
            ours.trades[name][here], theirs[name][here], rtol=1e-11, atol=1e-11, err_msg=name, equal_nan=True
        )
    compare_events(ours.events, theirs, stories)


def compare_events(events: np.ndarray, trades: np.ndarray, stories: list[Story]) -> None:
    kinds = {name: events[events["kind"] == code] for code, name in enumerate(EVENT_NAMES)}
    rows = list(zip(trades["entry"], stories, strict=True))
    legs = [(entry, *leg) for entry, story in rows for leg in story.legs]
    found = kinds["exit"][
        ["entry", "index", "fraction", "price", "pnl", "reason", "intended", "level", "fill"]
    ].tolist()
    np.testing.assert_allclose(np.array(found), np.array(legs), rtol=1e-11, atol=1e-11)
    totals = [(entry, i, p) for entry, story in rows for i, p in story.payments]
    found = kinds["funding"][["entry", "index", "pnl"]].tolist()
    np.testing.assert_allclose(np.array(found).reshape(-1, 3), np.array(totals).reshape(-1, 3), rtol=1e-11, atol=1e-15)
    stops = [(entry, i, level) for entry, story in rows for i, level in story.stops]
    found = kinds["stop_moved"][["entry", "index", "price"]].tolist()
    np.testing.assert_allclose(np.array(found), np.array(stops), rtol=1e-11)
    assert (kinds["entry"]["entry"] == trades["entry"]).all()
    others = events[events["kind"] != EVENT_NAMES.index("exit")]
    assert all(np.isnan(others[name]).all() for name in ("intended", "level", "fill"))


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    stop=st.sampled_from([0.5, 2.0, 5.0]),
    target=st.sampled_from([1.0, 3.0]),
    ladder=st.sampled_from(LADDERS[:3]),
)
def test_detail_on_coarse_bars_is_the_pessimistic_replay_of_the_fine_ones(seed, stop, target, ladder) -> None:
    """With levels that don't move by the clock, the coarse bars add nothing: an independent answer for the mode."""
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, False, 0.0)
    side = rng.choice(np.array([-1, 1], np.int8), N - 8)
    hours = Entries(np.arange(N - 8, dtype=np.int64), side)
    last_part = Entries(hours.index * PARTS + PARTS - 1, side)
    coarse = replay_levels(
        bars, hours, stop, target, np.nan, 6, COSTS, "detail", Conditions(detail=parts, ladder=ladder)
    )
    fine = replay_levels(parts, last_part, stop, target, np.nan, 6 * PARTS, COSTS, conditions=Conditions(ladder=ladder))
    for name in (
        "fill_price",
        "exit_price",
        "intended_price",
        "reason",
        "gap",
        "pnl",
        "mae",
        "mfe",
        "legs",
        "premature",
    ):
        np.testing.assert_allclose(coarse[name], fine[name], rtol=1e-12, err_msg=name)
    assert (coarse["exit_index"] == fine["exit_index"] // PARTS).all()


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**31), ladder=st.sampled_from(LADDERS), trail=st.sampled_from([1.0, np.nan]))
def test_pessimistic_ladders_never_earn_more_than_adaptive_without_gaps(seed, ladder, trail) -> None:
    """A rest that is not stopped keeps its stop; only a gap could then make it worse than being stopped."""
    rng = np.random.default_rng(seed)
    _, bars = detail_bars(rng, False, 0.0)
    flat = Bars("X", bars.ts, bars.close.copy(), bars.high, bars.low, bars.close, bars.volume)
    flat.open[1:] = flat.close[:-1]
    flat = replace(flat, high=np.maximum(bars.high, flat.open), low=np.minimum(bars.low, flat.open))
    conditions = Conditions(ladder=ladder)
    worst, nearer = (
        replay_levels(flat, every_entry(np.random.default_rng(seed)), 3.0, 6.0, trail, 20, FREE, mode, conditions)
        for mode in ("pessimistic", "adaptive")
    )
    assert (worst["pnl"] <= nearer["pnl"] + 1e-9).all()


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    ladder=st.sampled_from(LADDERS),
    mode=st.sampled_from(["pessimistic", "adaptive", "detail"]),
)
def test_fractions_sum_to_one_and_profit_is_the_sum_of_legs_and_funding(seed, ladder, mode) -> None:
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, False, 0.1)
    conditions = drawn_conditions(rng, parts, mode, ladder, {"funding", "impact"})
    ledger = ledger_levels(bars, every_entry(rng), 3.0, 6.0, 4.0, 12, COSTS, mode, conditions)
    rows, n = ledger.legs["entry"], N - 1
    assert np.bincount(rows, ledger.legs["fraction"], n)[ledger.trades["entry"]] == pytest.approx(1.0, abs=1e-12)
    profit = np.bincount(rows, ledger.legs["pnl"], n)
    paid = ledger.events[ledger.events["kind"] == EVENT_NAMES.index("funding")]
    profit += np.bincount(paid["entry"], paid["pnl"], n)
    np.testing.assert_allclose(profit[ledger.trades["entry"]], ledger.trades["pnl"], atol=1e-11)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    trail=st.sampled_from([2.0, np.nan]),
    mode=st.sampled_from(["pessimistic", "adaptive", "detail"]),
    ladder=st.sampled_from(LADDERS),
    on=st.sets(st.sampled_from(["margin", "funding", "rejected", "prints"])),
)
def test_no_stop_of_a_gap_fills_better_than_the_open(seed, trail, mode, ladder, on) -> None:
    """Under every condition, and where the lower timeframe lacks the bar's first part."""
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, bool(seed % 2), 0.1, 0.2)
    conditions = drawn_conditions(rng, parts, mode, ladder, on)
    legs = ledger_levels(bars, entries := every_entry(rng), 1.5, 3.0, trail, 12, FREE, mode, conditions).legs
    bar = legs[["entry", "index"]]
    first = np.append(True, bar[1:] != bar[:-1])  # in its bar: a part that left before may have brought the stop along
    side, opens = entries.side[legs["entry"]].astype(float), bars.open[legs["index"]]
    gaps = first & np.isin(legs["reason"], (1, 4)) & (side * (opens - legs["intended"]) <= 0)
    np.testing.assert_array_equal(legs["level"][gaps], opens[gaps])


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), mode=st.sampled_from(["pessimistic", "adaptive"]))
def test_nothing_fills_in_a_bar_without_volume(seed, mode) -> None:
    rng = np.random.default_rng(seed)
    _, bars = detail_bars(rng, True, 0.3)
    trades = replay_levels(bars, every_entry(rng), 2.0, 3.0, 2.0, 8, FREE, mode)
    done = trades[trades["reason"] != 0]
    assert (bars.volume[trades["entry_index"]] > 0).all()
    assert (bars.volume[done["exit_index"]] > 0).all()
    assert (trades["fill_price"] == bars.open[trades["entry_index"]]).all()
    # who waits for volume has waited through all the bars without it
    for trade in trades:
        assert (bars.volume[trade["entry"] + 1 : trade["entry_index"]] == 0).all()
