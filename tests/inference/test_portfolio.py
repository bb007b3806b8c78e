"""One equity curve: the compiled portfolio against the slow loop, its limits, and its books to the cent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import reference_portfolio as reference
from inference.portfolio import SHORT_OF, Book, Limits, replay_portfolio
from inference.replay import Bars, Conditions, Costs, Entries, ledger_levels
from inference.venue import Funding, Rung

N, HOUR = 50, 3_600_000_000
COSTS = Costs(taker_fee=0.0004, maker_fee=0.0001, slippage=0.0003)
LADDER = (Rung(0.5, 0.5, 0.0), Rung(1.0, 0.5))


def drawn_bars(rng: np.random.Generator, offset: int, interval: int = HOUR) -> Bars:
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, N)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.01, N))
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.01, N))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.01, N))
    ts = offset * HOUR + np.arange(N, dtype=np.int64) * interval  # symbols share some of their times, not all
    return Bars("X", ts, opening, high, low, close, np.where(rng.random(N) < 0.05, 0.0, 1.0))


def drawn_books(seed: int, symbols: int, mixed: bool = False):
    rng = np.random.default_rng(seed)
    books = []
    for symbol in range(symbols):
        bars = drawn_bars(rng, 3 * symbol, int(rng.choice([HOUR // 12, HOUR, 5 * HOUR])) if mixed else HOUR)
        index = np.sort(rng.integers(0, N - 1, 25)).astype(np.int64)  # several at one bar, overlapping
        entries = Entries(index, rng.choice(np.array([-1, 1], np.int8), 25))
        stamps = np.arange(0, N + 9, 8, dtype=np.int64) * HOUR
        conditions = Conditions(funding=Funding(stamps, rng.normal(0, 1e-3, len(stamps))), ladder=LADDER)
        stop = rng.uniform(1.0, 4.0, N)
        costs = replace(COSTS, taker_fee=0.0004 * (symbol + 1))
        ledger = ledger_levels(bars, entries, stop, 2 * stop, 1.5 * stop, 10, costs, conditions=conditions)
        leverage = float(rng.choice([0.0, 1.0, 3.0, 25.0]))
        books.append(Book(bars, ledger, costs, [0.0, 0.5, 7.0][symbol % 3], leverage))
    return books


@settings(max_examples=60, deadline=None)
@example(seed=1_989_720_964, symbols=2, min_share=0.0, mixed=False)  # money used up to a rounding
@given(
    seed=st.integers(0, 2**31),
    symbols=st.integers(1, 3),
    min_share=st.sampled_from([0.0, 0.3, 1.0]),
    mixed=st.booleans(),
)
def test_sizes_and_the_path_equal_the_reference(seed, symbols, min_share, mixed) -> None:
    books = drawn_books(seed, symbols, mixed)
    ours = replay_portfolio(books, 1e5, Limits(0.015, 0.04, min_share))
    decided, path = reference.replay(books, 1e5, (0.015, 0.04, min_share))
    rows = ours.sizes[["symbol", "entry"]].tolist()
    assert sorted(rows) == sorted(decided)
    theirs = np.array([decided[row][:3] for row in rows])
    assert [SHORT_OF[code] for code in ours.sizes["short_of"]] == [decided[row][3] for row in rows]
    np.testing.assert_allclose(ours.sizes["quantity"], theirs[:, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ours.sizes["wanted"], theirs[:, 1], rtol=1e-9)
    np.testing.assert_allclose(ours.sizes["margin"], theirs[:, 2], rtol=1e-9)
    found = np.array(ours.path[["ts", "equity", "open_risk", "positions"]].tolist())
    np.testing.assert_allclose(found, np.array(path), rtol=1e-9, atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), symbols=st.integers(1, 4))
def test_equity_reconciles_to_the_cent_and_no_limit_is_passed_at_an_entry(seed, symbols) -> None:
    books = drawn_books(seed, symbols)
    limits = Limits(0.02, 0.05, 0.1)
    out = replay_portfolio(books, 1e5, limits)
    profit = {(s, int(t["entry"])): float(t["pnl"]) for s, book in enumerate(books) for t in book.ledger.trades}
    each = [row["quantity"] * profit[int(row["symbol"]), int(row["entry"])] for row in out.sizes]
    np.testing.assert_allclose(out.sizes["pnl"], each, atol=1e-6)
    assert out.path["equity"][-1] == pytest.approx(1e5 + sum(each), abs=0.005)
    assert out.path["positions"][-1] == 0
    taken = out.sizes[out.sizes["quantity"] > 0]
    assert (taken["open_risk"] <= 0.05 * taken["equity"] * (1 + 1e-9)).all()
    assert (taken["quantity"] <= taken["wanted"]).all()
    assert (taken["quantity"] >= 0.1 * taken["wanted"]).all()
    for symbol, book in enumerate(books):
        if book.lot:
            lots = taken[taken["symbol"] == symbol]["quantity"] / book.lot
            np.testing.assert_allclose(lots, np.round(lots), atol=1e-9)


def flat_bars(prices) -> Bars:
    p = np.asarray(prices, np.float64)
    return Bars("X", np.arange(len(p), dtype=np.int64) * HOUR, p, p, p, p, np.ones(len(p)))


def test_held_risk_shrinks_the_third_entry_and_a_trailed_stop_frees_it() -> None:
    """2 % + 2 % are held: the third gets 1 %, the fourth nothing; once those have trailed to no risk, the next fits."""
    bars = flat_bars([100.0, 100, 100, 120, 120, 120])
    at = Entries(np.array([0, 0, 0, 0, 3]), np.ones(5, np.int8))
    ledger = ledger_levels(bars, at, 10.0, np.nan, 10.0, 5, Costs())
    out = replay_portfolio([Book(bars, ledger)], 1e4)
    assert out.sizes["quantity"].tolist() == pytest.approx([20, 20, 10, 0, 22])  # 1 % of 11,000 at 10 a unit = 22
    assert out.sizes["wanted"].tolist() == pytest.approx([20, 20, 20, 20, 22])
    assert out.path["equity"].tolist() == pytest.approx([1e4, 1e4, 1e4, 11e3, 11e3, 11e3])
    assert out.path["open_risk"].tolist() == pytest.approx([0, 500, 500, 0, 220, 0])  # closed with the data


@pytest.mark.parametrize(
    ("leverage", "quantities", "margins", "short"),
    [
        (0.0, [200 / 3, 100 / 3, 0], [20 / 3, 10, 10], ["nothing", "margin", "margin"]),
        (2.0, [200 / 3, 200 / 3, 500 / 9], [10 / 3, 20 / 3, 10], ["nothing", "nothing", "margin"]),
        (10.0, [200 / 3, 200 / 3, 700 / 9], [2 / 3, 4 / 3, 34 / 15], ["nothing", "nothing", "open risk"]),
    ],
)
def test_what_a_position_ties_up_is_not_there_for_the_next(leverage, quantities, margins, short) -> None:
    """Stops of 3 on a price of 100, and 2 % of 10,000 at risk: positions of 6,667. By the third entry, at 120, the
    first two have made 20 a unit: it counts as equity, and so for risk, but it pays for nothing.
    """
    bars = flat_bars([100.0, 100, 120, 120, 120, 120])
    ledger = ledger_levels(bars, Entries(np.array([0, 0, 2]), np.ones(3, np.int8)), 3.0, np.nan, np.nan, 5, Costs())
    out = replay_portfolio([Book(bars, ledger, leverage=leverage)], 1e4)
    assert out.sizes["quantity"].tolist() == pytest.approx(quantities)
    assert (out.sizes["margin"] / 1e3).tolist() == pytest.approx(margins)
    assert [SHORT_OF[code] for code in out.sizes["short_of"]] == short


def test_margin_is_free_again_once_a_part_has_left() -> None:
    """Half of a position of 10,000 leaves at a target, at the open of 103, with 150 of profit: 5,150 can be spent."""
    prices = [100.0, 100, 103, 102, 102, 102]
    bars = flat_bars(prices)
    conditions = Conditions(ladder=(Rung(1.0, 0.5),))
    entries = Entries(np.array([0, 2]), np.ones(2, np.int8))
    ledger = ledger_levels(bars, entries, 2.0, 2.0, np.nan, 5, Costs(), conditions=conditions)
    out = replay_portfolio([Book(bars, ledger)], 1e4)
    assert out.sizes["quantity"].tolist() == pytest.approx([100, 5150 / 102])
    assert SHORT_OF[out.sizes["short_of"][1]] == "margin"


def test_a_leverage_below_one_is_refused() -> None:
    bars = flat_bars([100.0, 100, 100])
    ledger = ledger_levels(bars, Entries(np.array([0]), np.ones(1, np.int8)), 1.0, np.nan, np.nan, 2, Costs())
    with pytest.raises(ValueError, match=r"book\.leverage: must be a number in"):
        Book(bars, ledger, leverage=0.5)


def test_a_daily_bar_tells_nobody_before_its_close_what_happened_inside_it() -> None:
    """Two daily positions hold 4 % when day 1 begins, and are stopped at some time in it. An entry at 00:05 of that day
    still finds their risk held, and only 1 % free; after midnight the loss is booked, and all is free.
    """
    minutes, day = 5 * 60_000_000, 24 * HOUR
    daily = flat_bars([100.0, 100, 100, 90])
    low = np.array([100.0, 100, 85, 90])
    daily = replace(daily, ts=np.arange(4, dtype=np.int64) * day, low=low)
    two = Entries(np.array([0, 0]), np.ones(2, np.int8))  # filled at the open of day 1, stopped at 90 on day 2
    held = ledger_levels(daily, two, 10.0, np.nan, np.nan, 3, Costs())
    count = 2 * 288
    fine = replace(flat_bars(np.full(count, 50.0)), ts=2 * day + np.arange(count, dtype=np.int64) * minutes)
    signals = Entries(np.array([0, 287]), np.ones(2, np.int8))  # filled at 00:05 of day 2 and 00:00 of day 3
    quick = ledger_levels(fine, signals, 5.0, np.nan, np.nan, 4, Costs())
    out = replay_portfolio([Book(daily, held), Book(fine, quick)], 1e5)
    early, late = out.sizes[2:]
    assert (early["ts"], late["ts"]) == (2 * day + minutes, 3 * day)
    assert (early["equity"], early["open_risk"]) == (1e5, pytest.approx(5e3))
    assert early["quantity"] == pytest.approx(0.01 * 1e5 / 5)
    assert (late["equity"], late["open_risk"]) == (pytest.approx(96e3), pytest.approx(0.02 * 96e3))
    at = {int(row["ts"]): row for row in out.path}
    assert at[2 * day + minutes]["positions"] == 2
    assert at[3 * day]["positions"] == 0
    assert min(row["equity"] for ts, row in at.items() if ts < 3 * day) == 1e5


def test_a_trade_without_a_stop_has_no_size() -> None:
    bars = flat_bars([100.0, 100, 100])
    ledger = ledger_levels(bars, Entries(np.array([0]), np.ones(1, np.int8)), np.nan, np.nan, np.nan, 2, Costs())
    with pytest.raises(ValueError, match="stop: must bound the loss of every trade"):
        replay_portfolio([Book(bars, ledger)], 1e4)


@pytest.mark.parametrize(("name", "value"), [("max_trade_loss", 0.03), ("max_open_risk", 0.06), ("min_share", 1.5)])
def test_limits_cannot_be_lifted(name, value) -> None:
    with pytest.raises(ValueError, match=f"limits.{name}: must be a number in"):
        replace(Limits(), **{name: value})
