"""Detail mode by hand: bars of a lower timeframe count only inside the bar around them, and within its range."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inference import BarError
from inference.replay import Bars, Conditions, Costs, Entries, Trades, replay_levels

HOUR = 3_600_000_000
FLAT = (100, 100, 100, 100)
PRINTS = Path(__file__).parents[3] / "shared/data/depth/hyperliquid_eth_trades.parquet"
ONE = Entries(np.array([0]), np.array([1], np.int8))


def bars(hours: list[float], rows: list[tuple[float, float, float, float]]) -> Bars:
    columns = np.array(rows, float).T.copy()
    return Bars("X", np.array([int(h * HOUR) for h in hours]), *columns, np.ones(len(rows)))


def test_prices_of_an_absent_bar_do_not_fill_the_one_before_it() -> None:
    """The hour from 3 to 4 is missing; its minutes go to 110, but the hour from 2 touches the target at 103 alone."""
    coarse = bars([0, 1, 2, 4], [FLAT, (100, 101, 99, 100), (100, 103.5, 99.5, 103), (103, 103, 103, 103)])
    inner = bars(
        [2, 2.5, 3, 3.5], [(100, 100, 99.5, 100), (100, 100.4, 100, 100.4), (100.4, 110, 95, 110), (110, 110, 110, 110)]
    )
    trade = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", Conditions(detail=inner))[0]
    assert (trade["exit_index"], trade["reason"], trade["exit_price"], trade["premature"]) == (2, 2, 103.0, 0)


def test_the_last_bar_ends_when_it_ends() -> None:
    coarse = bars([0, 1, 2], [FLAT, (100, 101, 99, 100), (100, 101, 95.5, 100.5)])
    inner = bars([2.0, 2.5, 7.0], [(100, 101, 99, 100), (100, 100.5, 95.5, 100.5), (104, 110, 104, 110)])
    trade = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", Conditions(detail=inner))[0]
    assert (trade["exit_index"], trade["reason"], trade["exit_price"], trade["premature"]) == (2, 1, 96.0, 0)


def test_a_short_bar_of_a_session_does_not_shorten_the_others() -> None:
    """A session of hours begins with half of one; the bar of 3:30 lasts to 4:30, and its detail tells of the target."""
    rows = [FLAT, (100, 101, 99, 100), FLAT, FLAT, (100, 104, 95, 100), FLAT]
    coarse = bars([0, 1, 2, 2.5, 3.5, 4.5], rows)
    inner = bars([3.5, 4.2, 4.3], [(100, 100, 99.5, 100), (100, 104, 100, 103), (103, 103, 95, 100)])
    trade = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", Conditions(detail=inner))[0]
    assert (trade["exit_index"], trade["reason"], trade["exit_price"]) == (4, 2, 103.0)


def test_a_part_is_held_to_the_range_of_its_bar() -> None:
    """The finer source has a spike to 120 that the bar does not know: the gap fills at the bar's high."""
    coarse = bars([0, 1, 2], [FLAT, (100, 104, 99, 100), FLAT])
    inner = bars([1.0, 1.5], [(100, 102, 99, 102), (120, 120, 100, 100)])
    trade = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", Conditions(detail=inner))[0]
    assert (trade["reason"], trade["exit_price"], trade["mfe"]) == (2, 104.0, 4.0)


def trades(*prints: tuple[float, float]) -> Trades:
    ts, price = np.array(prints).T
    return Trades("X", (ts * HOUR).astype(np.int64), price.copy(), np.ones(len(ts)))


def test_trades_tell_the_order_and_their_own_prices() -> None:
    """Stop 96, target 103; several trades of one moment. A stop leaves where the next trade was printed, a limit at its
    price, and only the first trade of the bar can jump it.
    """
    coarse = bars([0, 1, 2], [FLAT, (100, 101, 99, 100), (100, 104, 95, 100)])
    cases = {
        ("target", 103.0, 0): [(1, 100), (2, 100), (2.1, 102), (2.1, 104), (2.1, 95), (2.2, 100)],
        ("stop", 95.5, 1): [(1, 100), (2, 100), (2.1, 97), (2.1, 95.5), (2.1, 104), (2.1, 95), (2.2, 100)],
        ("target", 104.0, 0): [(1, 100), (2, 104), (2.1, 95), (2.2, 100)],
    }
    for (reason, price, gap), prints in cases.items():
        conditions = Conditions(detail=trades(*prints))
        (trade,) = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", conditions)
        assert (trade["reason"], trade["exit_price"], trade["gap"]) == ({"stop": 1, "target": 2}[reason], price, gap)
        assert trade["touched_both"] == 1


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"ts": [2, 1]}, r"row 1: trade\.ts: must not be before the trade before it, was 1"),
        ({"price": [1.0, np.nan]}, r"row 1: trade\.price: must be a finite price above 0"),
        ({"quantity": [0.0, 1.0]}, r"row 0: trade\.quantity: must be finite, above 0"),
        ({"price": [1.0]}, r"trades: must have columns of one length \(2\), was 1"),
    ],
)
def test_bad_trades_are_refused(change, rule) -> None:
    columns = {"ts": [1, 1], "price": [1.0, 1.0], "quantity": [1.0, 1.0]} | change
    ts, price, quantity = columns.values()
    with pytest.raises(BarError, match=rule):
        Trades("X", np.array(ts), np.array(price), np.array(quantity)).native()


@pytest.mark.data(str(PRINTS))
@pytest.mark.skipif(not PRINTS.exists(), reason=f"needs {PRINTS}, real trades that are not part of the project")
def test_minute_bars_with_their_trades_are_a_walk_over_the_trades() -> None:
    """24 real minutes of ETH, entries at each: the first print at or beyond the stop, or beyond the target, decides."""
    frame = pl.read_parquet(PRINTS).sort("exchange_timestamp", maintain_order=True)
    ts = frame["exchange_timestamp"].to_numpy() * 1000
    price, size = frame["price"].to_numpy(), frame["size"].to_numpy()
    minute = ts // 60_000_000
    rows = [price[minute == m] for m in np.unique(minute)]
    ends = np.array([(p[0], p.max(), p.min(), p[-1]) for p in rows]).T.copy()
    coarse = Bars("ETH", np.unique(minute) * 60_000_000, *ends, np.ones(len(rows)))
    n, found = len(rows), 0
    for side in (1, -1):
        entries = Entries(np.arange(n - 1), np.full(n - 1, side, np.int8))
        for stop, target in ((1.0, 1.5), (4.0, 6.0)):
            conditions = Conditions(detail=Trades("ETH", ts, price, size))
            ours = replay_levels(coarse, entries, stop, target, np.nan, n, Costs(), "detail", conditions)
            for trade in ours:
                later = ts >= trade["entry_ts"]
                gain = side * (price[later] - trade["fill_price"])
                out = np.flatnonzero((gain <= -stop) | (gain > target))
                if len(out) == 0:
                    assert trade["reason"] == 0
                    continue
                at = out[0]
                opens = at == 0 or minute[later][at] != minute[later][at - 1]
                left = gain[at] if gain[at] <= -stop or opens else target
                assert trade["reason"] == (1 if gain[at] <= -stop else 2)
                assert trade["pnl"] == pytest.approx(left)
                found += int(trade["touched_both"])
    assert found > 5, "some bars must hold both levels"
