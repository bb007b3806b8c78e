"""The fill contract under conditions of a venue, in cases small enough to reckon on paper."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inference.replay import REASON_NAMES, Bars, Conditions, Entries, ledger_multiples, replay_levels
from inference.venue import Funding, Impact, Margin, Rung
from venue_cases import FREE, HOUR, simple_bars

LONG = Entries(np.array([0]), np.array([1], np.int8))


def test_a_stop_waits_through_limit_down_for_the_open_with_volume() -> None:
    """Limit down: two bars trade nothing at 90 and 80; the stop at 95 fills where trading resumes, at 78."""
    prices = [100.0, 100, 90, 80, 78, 79]
    bars = simple_bars(prices, prices, prices, prices, [1.0, 1, 0, 0, 1, 1])
    (trade,) = replay_levels(bars, LONG, 5.0, np.nan, np.nan, 5, FREE)
    assert (trade["exit_index"], trade["exit_price"], trade["gap"]) == (4, 78.0, 1)
    (held,) = replay_levels(bars, LONG, 50.0, np.nan, np.nan, 2, FREE)  # the time exit too
    assert (held["exit_index"], held["exit_price"], REASON_NAMES[held["reason"]]) == (4, 78.0, "time")
    assert len(replay_levels(bars, Entries(np.array([1]), np.array([1], np.int8)), 5.0, 5.0, 5.0, 2, FREE)) == 0
    unknown = replace(bars, volume=np.zeros(6))  # a source without volume: every bar can fill
    (trade,) = replay_levels(unknown, LONG, 5.0, np.nan, np.nan, 5, FREE)
    assert (trade["exit_index"], trade["exit_price"]) == (2, 90.0)


def test_half_at_the_first_target_then_breakeven_in_the_same_bar() -> None:
    """Entry 100, stop 98, rungs 102 and 104. One bar 101-103-99.9-102.5: its order decides over the rest."""
    opening, high = [100.0, 100, 101, 102.5], [100.0, 100.5, 103, 105]
    low, close = [100.0, 99.5, 99.9, 102], [100.0, 100.2, 102.5, 104]
    bars, ladder = simple_bars(opening, high, low, close), (Rung(0.5, 0.5, 0.0), Rung(1.0, 0.5))
    (worst,) = replay_levels(bars, LONG, 2.0, 4.0, np.nan, 3, FREE, conditions=Conditions(ladder=ladder))
    assert (worst["pnl"], worst["legs"], worst["exit_index"], worst["touched_both"]) == (1.0, 2, 2, 1)
    (nearer,) = replay_levels(bars, LONG, 2.0, 4.0, np.nan, 3, FREE, "adaptive", Conditions(ladder=ladder))
    assert (nearer["pnl"], nearer["exit_index"]) == (3.0, 3)  # the low came first: 0.5 * 2 + 0.5 * 4
    ts = np.array([2, 2.5]) * HOUR
    inner = Bars(
        "X", ts.astype(np.int64), *np.array([[101, 100.5], [101, 103], [99.9, 100.4], [100.5, 102.5]]), np.ones(2)
    )
    (known,) = replay_levels(bars, LONG, 2.0, 4.0, np.nan, 3, FREE, "detail", Conditions(detail=inner, ladder=ladder))
    assert (known["pnl"], known["exit_index"], known["touched_both"]) == (3.0, 3, 1)


@pytest.mark.parametrize(("farthest", "reached"), [(4.0, 1), (3.9, 0)])
def test_a_target_of_2r_is_reached_whatever_becomes_of_the_rest(farthest, reached) -> None:
    """Entry 100, stop 98: a quarter leaves on the way, a quarter at the target, and half is stopped at 100."""
    bars = simple_bars([100.0, 100, 102, 103], [100, 102.5, 104.5, 103], [100, 100, 101, 99], [100, 102, 103, 99])
    ladder = Conditions(ladder=(Rung(0.5, 0.25), Rung(1.0, 0.25, 0.0)))
    (trade,) = replay_levels(bars, LONG, 2.0, farthest, np.nan, 3, FREE, conditions=ladder)
    assert (REASON_NAMES[trade["reason"]], trade["legs"], trade["reached_2r"]) == ("stop", 3, reached)


@pytest.mark.parametrize("mode", ["pessimistic", "adaptive"])
def test_a_stop_that_comes_up_beyond_the_price_is_met_at_once(mode) -> None:
    """Half leaves at 101, and the stop of the rest comes up to 102, where nothing ever traded: it leaves at 101 too,
    at the market. Where the bar opens at 101.5, both leave there.
    """
    ladder, costs = Conditions(ladder=(Rung(0.5, 0.5, 1.0), Rung(1.0, 0.5))), replace(FREE, taker_fee=0.01)
    for opening, high, price in ((100.0, 101.5, 101.0), (101.5, 101.7, 101.5)):
        bars = simple_bars([100, 100, opening], [100, 100, high], [100, 100, 99.5], [100, 100, 101])
        (trade,) = replay_levels(bars, LONG, 2.0, 2.0, np.nan, 2, costs, mode, ladder)
        assert (REASON_NAMES[trade["reason"]], trade["legs"], trade["exit_index"], trade["gap"]) == ("stop", 2, 2, 0)
        assert trade["exit_price"] == pytest.approx(price * (1 - 0.01 / 2))  # the target pays no taker fee
        assert (trade["intended_price"], trade["touched_both"]) == ((101.0 + price) / 2, 0)
    many = ledger_multiples(bars, LONG, 1.0, [[2.0, 2.0, np.nan], [9.0, 2.0, np.nan]], 2, FREE, conditions=ladder)
    assert [float(each.trades["pnl"][0]) for each in many] == [1.5, 1.5]  # a sweep goes through such settings


@pytest.mark.parametrize(
    ("resumes", "close", "exits", "gap", "intended"),
    [
        (104.0, 104, 104, 0, 104),  # the close had gone beyond the new stop: it leaves at the next open
        (90.0, 104, 90, 0, 90),
        (106.0, 104, 105, 0, 105),  # the price came back before: the stop rests
        (103.0, 107, 103, 1, 105),  # it rested, and the open jumped it
    ],
)
@pytest.mark.parametrize("halted", [False, True])
def test_a_trail_beyond_the_close_leaves_at_the_next_open(resumes, close, exits, gap, intended, halted) -> None:
    """The high of 110 pulls the stop to 105; without volume the next bar fills nothing."""
    opening, high = [100.0, 100, resumes, resumes], [100.0, 110, resumes, resumes]
    low, closes = [100.0, 100, min(resumes, 105), min(resumes, 105)], [100.0, close, resumes, resumes]
    bars = simple_bars(opening, high, low, closes, [1, 1, 0 if halted else 1, 1])
    (trade,) = replay_levels(bars, LONG, 9.0, np.nan, 5.0, 3, FREE)
    assert REASON_NAMES[trade["reason"]] == "stop"
    assert (trade["exit_price"], trade["gap"], trade["intended_price"]) == (exits, gap, intended)
    assert trade["exit_index"] == 2 + halted


def test_what_is_left_at_the_liquidation_price_is_the_maintenance_margin() -> None:
    flat, deep = [100.0, 100, 100, 100], [100.0, 100, 80, 80]
    for side, low, high in ((1, deep, flat), (-1, flat, [100.0, 100, 120, 120])):
        bars = simple_bars(flat, high, low, flat)
        one = Entries(np.array([0]), np.array([side], np.int8))
        margin = Margin(leverage=10, maintenance=0.01, fee=0.0)
        (trade,) = replay_levels(bars, one, 15.0, np.nan, np.nan, 3, FREE, conditions=Conditions(margin=margin))
        price = trade["exit_price"]
        assert REASON_NAMES[trade["reason"]] == "liquidation"
        assert 100.0 / 10 + side * (price - 100.0) == pytest.approx(0.01 * price)
        (stopped,) = replay_levels(bars, one, 5.0, np.nan, np.nan, 3, FREE, conditions=Conditions(margin=margin))
        assert (REASON_NAMES[stopped["reason"]], stopped["exit_price"]) == ("stop", 100.0 - side * 5.0)


def test_funding_is_paid_by_who_holds_across_the_stamp() -> None:
    """Stamps at the entry's open (not held across), at the next open, inside the bar of the time exit, and after it,
    or none there.
    """
    flat = np.full(5, 200.0)
    bars = simple_bars(flat, flat, flat, flat)
    ts = np.array([1 * HOUR, 2 * HOUR, 3 * HOUR + 1, 4 * HOUR])
    rates = np.array([0.1, 0.001, 0.002, 0.4])
    for side, stamps in ((1, 4), (-1, 4), (1, 3), (-1, 3)):
        conditions = Conditions(funding=Funding(ts[:stamps], rates[:stamps]))
        entry = Entries(np.array([0]), np.array([side], np.int8))
        (trade,) = replay_levels(bars, entry, 5.0, np.nan, np.nan, 3, FREE, conditions=conditions)
        assert trade["pnl"] == trade["funding"] == pytest.approx(-side * 200 * 0.003)


def test_a_stamp_between_two_bars_is_for_who_holds_until_the_next_opens() -> None:
    """Hours, and after the third a halt with a stamp in it, and a stamp after the last. A time exit at the third's
    close paid neither; who still holds pays at the price at which trading resumes; nobody pays the last.
    """
    flat = np.full(6, 200.0)
    bars = simple_bars(flat, flat, flat, flat)
    bars = replace(
        bars, ts=bars.ts + np.where(np.arange(6) > 2, 3 * HOUR, 0), open=np.where(np.arange(6) == 3, 210, flat)
    )
    bars = replace(bars, high=np.maximum(bars.high, bars.open))
    stamps = Funding(np.array([4 * HOUR + 1, bars.ts[-1] + HOUR, bars.ts[-1] + 9 * HOUR]), np.array([0.01, 0.2, 0.4]))
    for horizon, paid in ((2, 0.0), (3, 2.1), (9, 2.1)):
        conditions = Conditions(funding=stamps)
        (trade,) = replay_levels(bars, LONG, 50.0, np.nan, np.nan, horizon, FREE, conditions=conditions)
        assert trade["funding"] == pytest.approx(-paid)
        assert trade["horizon_pnl"] == pytest.approx(-paid)


@pytest.mark.parametrize(("refused", "reason", "index"), [([1], "stop", 2), ([1, 2], "emergency", 2), ([2], "stop", 1)])
def test_a_refused_bracket_is_placed_or_left_within_one_bar(refused, reason, index) -> None:
    """The entry bar would have been stopped out; unprotected it is not, and the next open protects or leaves."""
    bars = simple_bars([100.0, 100, 99, 99], [100.0, 100, 99, 99], [100.0, 90, 90, 99], [100.0, 99, 99, 99])
    rejected = np.isin(np.arange(4), refused)
    (trade,) = replay_levels(bars, LONG, 5.0, np.nan, np.nan, 3, FREE, conditions=Conditions(rejected=rejected))
    assert (REASON_NAMES[trade["reason"]], trade["exit_index"]) == (reason, index)
    assert trade["exit_price"] == (99.0 if reason == "emergency" else 95.0)


def test_a_refused_move_of_the_stop_leaves_the_old_one_in_force() -> None:
    path = [100.0, 100, 110, 104, 104]
    bars = simple_bars([100.0, 100, 100, 110, 104], [*path[:3], 110, 104], [100.0, 100, 100, 104, 104], path)
    for refused, exits in ((False, 105.0), (True, 104.0)):
        rejected = np.array([0, 0, 0, refused, 0])
        (trade,) = replay_levels(bars, LONG, 9.0, np.nan, 5.0, 4, FREE, conditions=Conditions(rejected=rejected))
        assert trade["exit_price"] == exits


def test_impact_follows_the_square_root_of_each_part() -> None:
    """Half the size costs sqrt(1/2) of the impact, whatever the price has become; targets have none."""
    prices = [100.0, 100, 105, 105]
    bars = simple_bars([100.0, 100, 100, 105], prices, [100.0, 100, 100, 105], prices)
    conditions = Conditions(impact=Impact(0.5, 1e4, 0.02, 400.0), ladder=(Rung(1.0, 0.5),))
    (trade,) = replay_levels(bars, LONG, 9.0, 3.0, np.nan, 3, FREE, conditions=conditions)
    entry = 100 * (1 + 0.5 * 0.02 * np.sqrt(100 / 400))
    rest = 105 * (1 - 0.5 * 0.02 * np.sqrt(0.5 * 100 / 400))  # of 100 units bought
    assert trade["pnl"] == pytest.approx(0.5 * (103 - entry) + 0.5 * (rest - entry))


def test_sigma_may_be_unknown_until_the_first_fill() -> None:
    flat = np.full(5, 100.0)
    impact = Impact(1.0, 1e4, np.array([np.nan, 0.01, 0.01, 0.01, 0.01]), 400.0)
    trades = replay_levels(
        simple_bars(*[flat] * 4), LONG, 5.0, 5.0, np.nan, 2, FREE, conditions=Conditions(impact=impact)
    )
    assert trades["entry_price"] == pytest.approx(100.5)
    later = Entries(np.array([], np.int64), np.array([], np.int8))
    assert len(replay_levels(simple_bars(*[flat] * 4), later, 5.0, 5.0, np.nan, 2, FREE)) == 0


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: Margin(0.5, 0.01), r"margin.leverage: must be a number in \[1"),
        (lambda: Margin(100.0, 0.01), "margin.maintenance: must lie below 1 / leverage"),
        (lambda: Funding(np.array([2, 1]), np.zeros(2)), "funding.ts: must ascend"),
        (lambda: Funding(np.array([1, 2]), np.zeros(1)), "one length"),
        (lambda: Funding(np.array([1]), np.array([np.nan])), "funding.rate: must be finite"),
        (lambda: run(ladder=(Rung(1, 0.7), Rung(2, 0.7))), "ladder.fraction: must sum to at most 1"),
        (lambda: run(ladder=(Rung(2, 0.2), Rung(1, 0.2))), "ladder.target: must ascend"),
        (lambda: run(ladder=(Rung(1, 0.5, np.inf),)), "ladder.stop_r: must be a number in"),
        (lambda: run(impact=Impact(1.0, 1.0, 0.01, 0.0)), "impact.volume: must be above 0"),
        (lambda: run(impact=Impact(1.0, 1.0, np.ones(3), 1.0)), "impact.sigma: must be one number, or one per bar"),
        (lambda: run(stop=-1.0), "stop_distance: must be at least 0"),
        (lambda: run(target=-1.0), "target_distance: must be at least 0"),
        (lambda: run(trail=-1.0), "trail_distance: must be at least 0"),
        (lambda: run(stop=np.nan, trail=1.0), "trail_distance: must have a stop to start from"),
        (lambda: run(horizon=0), "horizon: must be a whole number in"),
        (lambda: run("detail"), "detail: goes with the mode detail"),
        (lambda: run("optimistic"), "mode: must be one of pessimistic, adaptive, detail"),
    ],
)
def test_conditions_that_cannot_be_are_refused(make, rule) -> None:
    with pytest.raises(ValueError, match=rule):
        make()


def run(mode="pessimistic", stop=2.0, target=2.0, trail=np.nan, horizon=3, **conditions):
    bars = simple_bars(*[np.full(5, 100.0)] * 4)
    return replay_levels(bars, LONG, stop, target, trail, horizon, FREE, mode, Conditions(**conditions))
