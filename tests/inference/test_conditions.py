"""The fill contract under all conditions of a venue, against the slow, obvious reference, and its invariants."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reference_replay as reference
from inference.replay import EVENT_NAMES, REASON_NAMES, Bars, Conditions, Costs, Entries, ledger_levels, replay_levels
from inference.venue import Funding, Impact, Margin, Rung

N, PARTS, HOUR = 60, 4, 3_600_000_000
COSTS = Costs(taker_fee=0.0004, maker_fee=0.0001, slippage=0.0003)
FREE = Costs()
NONE = np.full(N, np.nan)
LADDERS = [
    (),
    (Rung(0.5, 0.5, 0.0), Rung(1.0, 0.5)),
    (Rung(0.5, 0.25), Rung(0.75, 0.25, -0.5), Rung(1.0, 0.25, 0.25)),
    (Rung(0.2, 0.4, 0.1), Rung(0.4, 0.3, 0.2), Rung(0.6, 0.3)),
]


def detail_bars(rng: np.random.Generator, coarse: bool, holes: float) -> tuple[Bars, Bars]:
    """Bars of an hour and the four parts of each; rounded prices make touches and ties common; some trade nothing."""
    m = N * PARTS
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, m)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.005, m))
    opening[0] = 100.0
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.005, m))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.005, m))
    if coarse:
        opening, high, low, close = (np.round(x) for x in (opening, high, low, close))
    volume = np.where(rng.random(m) < holes, 0.0, rng.uniform(1, 9, m))
    volume[np.repeat(rng.random(N) < holes, PARTS)] = 0.0
    parts = Bars("X", np.arange(m, dtype=np.int64) * (HOUR // PARTS), opening, high, low, close, volume)
    return parts, joined(parts)


def joined(parts: Bars) -> Bars:
    """The parts of each hour as one bar."""
    by_hour = [values.reshape(N, PARTS) for values in (parts.open, parts.high, parts.low, parts.close, parts.volume)]
    opening, high, low, close, volume = by_hour
    return Bars(
        "X",
        parts.ts[::PARTS].copy(),
        opening[:, 0].copy(),
        high.max(1),
        low.min(1),
        close[:, -1].copy(),
        volume.sum(1),
    )


def every_entry(rng: np.random.Generator) -> Entries:
    return Entries(np.arange(N - 1, dtype=np.int64), rng.choice(np.array([-1, 1], np.int8), N - 1))


def translated(c: Conditions) -> reference.Conditions:
    """The same conditions in the reference's words."""
    return reference.Conditions(
        detail=c.detail,
        impact=(c.impact.coefficient, c.impact.notional, c.impact.sigma, c.impact.volume) if c.impact else None,
        margin=(c.margin.leverage, c.margin.maintenance, c.margin.fee) if c.margin else None,
        funding=list(zip(c.funding.ts.tolist(), c.funding.rate.tolist(), strict=True)) if c.funding else [],
        rejected=c.rejected,
        ladder=tuple(reference.Rung(r.target, r.fraction, r.stop_r) for r in c.ladder),
    )


def drawn_conditions(
    rng: np.random.Generator, parts: Bars, mode: str, ladder: tuple[Rung, ...], on: set[str]
) -> Conditions:
    stamps = np.unique(rng.integers(0, N * 2, 40)) * (HOUR // 2)  # at opens and inside bars
    missing = rng.random(len(parts.ts)) < 0.1  # the lower timeframe has holes
    inner = Bars("X", *(getattr(parts, name)[~missing] for name in ("ts", "open", "high", "low", "close", "volume")))
    return Conditions(
        detail=inner if mode == "detail" else None,
        impact=Impact(0.7, 1e4, rng.uniform(0.001, 0.02, N), rng.uniform(1e3, 1e5, N)) if "impact" in on else None,
        margin=Margin(float(rng.choice([5.0, 20.0, 50.0])), 0.005, 0.002) if "margin" in on else None,
        funding=Funding(stamps, rng.normal(0, 1e-3, len(stamps))) if "funding" in on else None,
        rejected=rng.random(N) < 0.3 if "rejected" in on else None,
        ladder=ladder,
    )


@settings(max_examples=250, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    coarse=st.booleans(),
    holes=st.sampled_from([0.0, 0.15, 1.0]),
    stop=st.sampled_from([0.5, 1.0, 3.0, 10.0]),
    target=st.sampled_from([1.0, 2.0, 6.0]),
    trail=st.sampled_from([1.0, 3.0, np.nan]),
    horizon=st.sampled_from([1, 2, 7, 25]),
    mode=st.sampled_from(["pessimistic", "adaptive", "detail"]),
    ladder=st.sampled_from(LADDERS),
    on=st.sets(st.sampled_from(["impact", "margin", "funding", "rejected"])),
)
def test_trades_legs_funding_and_stops_equal_the_reference(
    seed, coarse, holes, stop, target, trail, horizon, mode, ladder, on
) -> None:
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, coarse, holes)
    entries, conditions = every_entry(rng), drawn_conditions(rng, parts, mode, ladder, on)
    ladder = tuple(r for r in ladder if r.stop_r is None or r.stop_r * stop < r.target * target)
    conditions = replace(conditions, ladder=ladder)
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


def compare_events(events: np.ndarray, trades: np.ndarray, stories: list[reference.Story]) -> None:
    kinds = {name: events[events["kind"] == code] for code, name in enumerate(EVENT_NAMES)}
    rows = list(zip(trades["entry"], stories, strict=True))
    legs = [(entry, *leg) for entry, story in rows for leg in story.legs]
    found = kinds["exit"][["entry", "index", "fraction", "price", "pnl", "reason"]].tolist()
    np.testing.assert_allclose(np.array(found), np.array(legs), rtol=1e-11, atol=1e-11)
    totals = [(entry, i, p) for entry, story in rows for i, p in story.payments]
    found = kinds["funding"][["entry", "index", "pnl"]].tolist()
    np.testing.assert_allclose(np.array(found).reshape(-1, 3), np.array(totals).reshape(-1, 3), rtol=1e-11, atol=1e-15)
    stops = [(entry, i, level) for entry, story in rows for i, level in story.stops]
    found = kinds["stop_moved"][["entry", "index", "price"]].tolist()
    np.testing.assert_allclose(np.array(found), np.array(stops), rtol=1e-11)
    assert (kinds["entry"]["entry"] == trades["entry"]).all()


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
    ladder = tuple(r for r in ladder if r.stop_r is None or r.stop_r * stop < r.target * target)
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


def simple_bars(opening, high, low, close, volume=1.0) -> Bars:
    columns = [np.asarray(x, np.float64) for x in (opening, high, low, close)]
    n = len(columns[0])
    return Bars("X", np.arange(n, dtype=np.int64) * HOUR, *columns, np.broadcast_to(volume, n).astype(float).copy())


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
    assert (worst["pnl"], worst["legs"], worst["exit_index"], worst["ambiguous"]) == (1.0, 2, 2, 1)
    (nearer,) = replay_levels(bars, LONG, 2.0, 4.0, np.nan, 3, FREE, "adaptive", Conditions(ladder=ladder))
    assert (nearer["pnl"], nearer["exit_index"]) == (3.0, 3)  # the low came first: 0.5 * 2 + 0.5 * 4
    ts = np.array([2, 2.5]) * HOUR
    inner = Bars(
        "X", ts.astype(np.int64), *np.array([[101, 100.5], [101, 103], [99.9, 100.4], [100.5, 102.5]]), np.ones(2)
    )
    (known,) = replay_levels(bars, LONG, 2.0, 4.0, np.nan, 3, FREE, "detail", Conditions(detail=inner, ladder=ladder))
    assert (known["pnl"], known["exit_index"], known["ambiguous"]) == (3.0, 3, 1)


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
    """Stamps at the entry's open (not held across), at the next open, inside the bar of the time exit, and after it."""
    flat = np.full(5, 200.0)
    bars = simple_bars(flat, flat, flat, flat)
    ts = np.array([1 * HOUR, 2 * HOUR, 3 * HOUR + 1, 4 * HOUR])
    conditions = Conditions(funding=Funding(ts, np.array([0.1, 0.001, 0.002, 0.4])))
    for side in (1, -1):
        entry = Entries(np.array([0]), np.array([side], np.int8))
        (trade,) = replay_levels(bars, entry, 5.0, np.nan, np.nan, 3, FREE, conditions=conditions)
        assert trade["pnl"] == trade["funding"] == pytest.approx(-side * 200 * 0.003)


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
    """Half the size costs sqrt(1/2) of the impact; targets have none."""
    prices = [100.0, 100, 105, 105]
    bars = simple_bars([100.0, 100, 100, 105], prices, [100.0, 100, 100, 105], prices)
    conditions = Conditions(impact=Impact(0.5, 1e4, 0.02, 400.0), ladder=(Rung(1.0, 0.5),))
    (trade,) = replay_levels(bars, LONG, 9.0, 3.0, np.nan, 3, FREE, conditions=conditions)
    entry = 100 * (1 + 0.5 * 0.02 * np.sqrt(100 / 400))
    rest = 105 * (1 - 0.5 * 0.02 * np.sqrt(0.5 * (1e4 / 105) / 400))
    assert trade["pnl"] == pytest.approx(0.5 * (103 - entry) + 0.5 * (rest - entry))


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
        (lambda: run(ladder=(Rung(1, 0.5, 3.0),)), "ladder.stop_r: must leave the stop on the losing side"),
        (lambda: run(impact=Impact(1.0, 1.0, 0.01, 0.0)), "impact.volume: must be above 0"),
        (lambda: run(impact=Impact(1.0, 1.0, np.ones(3), 1.0)), "impact.sigma: must be one number, or one per bar"),
        (lambda: run("detail"), "detail: goes with the mode detail"),
        (lambda: run("optimistic"), "mode: must be one of pessimistic, adaptive, detail"),
    ],
)
def test_conditions_that_cannot_be_are_refused(make, rule) -> None:
    with pytest.raises(ValueError, match=rule):
        make()


def run(mode="pessimistic", **conditions):
    bars = simple_bars(*[np.full(5, 100.0)] * 4)
    return replay_levels(bars, LONG, 2.0, 2.0, np.nan, 3, FREE, mode, Conditions(**conditions))
