"""Partial exits against the ladder's fills, which are known."""

import numpy as np

from inference.replay import Bars, Conditions, Costs, Entries, ledger_levels
from inference.venue import Rung
from pipelines.trades.baselines import Market, to_frame
from pipelines.trades.terms import Terms

DAY = 86_400_000_000


def trades(highs: list[float], lows: list[float], costs: Costs, sides: tuple[int, ...] = (1,)):
    """Entries at 100 with a stop 2 away and a ladder at 0.1 and 1 of the way to a target 2 away."""
    n = len(highs)
    flat = np.full(n, 100.0)
    bars = Bars("A", np.arange(n) * DAY, flat, np.array(highs), np.array(lows), flat, np.ones(n))
    ladder = (Rung(0.1, 0.25), Rung(1.0, 0.25))
    conditions = Conditions(ladder=ladder)
    entries = Entries(np.zeros(len(sides), np.int64), np.array(sides, np.int8))
    ids = tuple(map(str, range(len(sides))))
    market = Market(bars, flat, flat, entries, ids, Terms(costs, conditions))
    ledger = ledger_levels(bars, entries, 2.0, 2.0, np.nan, 4, costs, conditions=conditions)
    return to_frame(ledger, market).select("id", "partials", "partials_won", "reason")


def test_each_exit_that_leaves_a_part_open_counts_and_the_last_does_not() -> None:
    both = [100.0, 100.5, 103.0, 100.0, 100.0, 100.0, 100.0], [100.0, 99.9, 99.9, 99.9, 99.9, 99.9, 99.9]
    assert trades(*both, Costs()).rows() == [("0", 2, 2, "time")]
    # A near rung earns 20 bp, less than what entry and exit cost; the far one 200.
    dear = Costs(taker_fee=0.002, maker_fee=0.001)
    assert trades(*both, dear).rows() == [("0", 2, 1, "time")]
    # Stopped at once: one exit, and no part before it.
    stopped = [100.0] * 7, [100.0, 97.0, 99.9, 99.9, 99.9, 99.9, 99.9]
    assert trades(*stopped, Costs()).rows() == [("0", 0, 0, "stop")]


def test_trades_of_one_table_keep_their_own_parts() -> None:
    highs, lows = [100.0, 100.5, 101.0, 100.0, 100.0, 100.0, 100.0], [100.0, 99.9, 99.9, 99.9, 99.9, 99.9, 99.9]
    assert trades(highs, lows, Costs(), (-1, 1)).rows() == [("0", 0, 0, "time"), ("1", 1, 1, "time")]
