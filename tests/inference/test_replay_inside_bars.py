"""Detail mode by hand: bars of a lower timeframe count only inside the bar around them, and within its range."""

from __future__ import annotations

import numpy as np

from inference.replay import Bars, Conditions, Costs, Entries, replay_levels

HOUR = 3_600_000_000
FLAT = (100, 100, 100, 100)
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


def test_a_part_is_held_to_the_range_of_its_bar() -> None:
    """The finer source has a spike to 120 that the bar does not know: the gap fills at the bar's high."""
    coarse = bars([0, 1, 2], [FLAT, (100, 104, 99, 100), FLAT])
    inner = bars([1.0, 1.5], [(100, 102, 99, 102), (120, 120, 100, 100)])
    trade = replay_levels(coarse, ONE, 4.0, 3.0, np.nan, 9, Costs(), "detail", Conditions(detail=inner))[0]
    assert (trade["reason"], trade["exit_price"], trade["mfe"]) == (2, 104.0, 4.0)
