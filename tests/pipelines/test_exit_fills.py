"""A ladder on paper: each exit against what it was meant to fill at, and the slippage of all of them."""

import numpy as np
import pytest

from handmade_resamples import one_a_day
from inference.replay import Bars, Conditions, Costs, Entries, Mode
from inference.venue import Rung
from pipelines.measures.figures import figures
from pipelines.measures.scorecard import mark_ambiguous, score
from pipelines.trades.baselines import Market, replayed, to_frame
from pipelines.trades.terms import Terms

DAY = 86_400_000_000
COSTS = Costs(taker_fee=0.002, maker_fee=0.001, slippage=0.001)
LADDER = Conditions(ladder=(Rung(0.5, 0.3), Rung(1.0, 0.3)))


def market(side: int, last_open: float) -> Market:
    """Entered at 100, stop at 98, 30 % at 101 and at 102 each. The price passes 101 inside a bar, opens at 102.5, and
    at `last_open` on the day after; a short sees the same path turned over at 100.
    """
    path = [
        (100.0, 100.0, 100.0, 100.0),
        (100.0, 101.5, 99.5, 101.2),
        (102.5, 102.6, 101.0, 101.0),
        (last_open, last_open + 0.1, last_open - 0.1, last_open),
        (last_open, last_open, last_open, last_open),
    ]
    opening, high, low, close = (100 + side * (np.array(column) - 100) for column in zip(*path, strict=True))
    bars = Bars("A", np.arange(5) * DAY, opening, np.maximum(high, low), np.minimum(high, low), close, np.ones(5))
    entries = Entries(np.array([0]), np.array([side], np.int8))
    return Market(bars, np.ones(5), np.ones(5), entries, ("a",), Terms(COSTS, LADDER))


def turned(side: int, price: float) -> float:
    return 100 + side * (price - 100)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("mode", ["pessimistic", "adaptive"])
@pytest.mark.parametrize(
    ("last_open", "reason", "index", "intended", "level"),
    [(97.0, "stop", 3, 98.0, 97.0), (101.0, "time", 4, 101.0, 101.0)],
)
def test_every_part_counts_under_its_own_reason(
    side: int, mode: Mode, last_open: float, reason: str, index: int, intended: float, level: float
) -> None:
    one = market(side, last_open)
    trades = to_frame(replayed(one, 2.0, 2.0, np.nan, 4, mode), one)
    (row,) = trades.iter_rows(named=True)
    at, meant = turned(side, level), turned(side, intended)
    first, second, jumped = (turned(side, price) for price in (101.0, 102.0, 102.5))
    by_hand = [
        (1, "target", 0.3, first, first, first),
        (2, "target", 0.3, second, jumped, jumped),
        (index, reason, 0.4, meant, at, at * (1 - side * 0.001)),
    ]
    assert [each["reason"] for each in row["exits"]] == ["target", "target", reason]
    assert [tuple(v for v in each.values() if not isinstance(v, str)) for each in row["exits"]] == [
        pytest.approx((i, *prices)) for i, _, *prices in by_hand
    ]
    assert row["exit_level"] == pytest.approx(0.3 * first + 0.3 * jumped + 0.4 * at)
    assert row["intended_price"] == pytest.approx(0.3 * first + 0.3 * second + 0.4 * meant)
    marked = mark_ambiguous(trades.with_columns(policy=trades["id"], mode=trades["id"]))
    value = dict(zip((f.key for f in figures()), score(marked, one_a_day(1, 10, 1)).value, strict=True))
    last, better = abs(at * (1 - side * 0.001) - meant) / meant, 0.5 / second
    assert value["slippage_targets"] == pytest.approx(0.3 * better / 0.6)
    assert value["slippage_targets_cost"] == pytest.approx(-0.3 * better / 0.6)
    assert value["slippage"] == pytest.approx(0.3 * better + 0.4 * last)
    other = {"stop": "time", "time": "stops"}[reason]
    assert value[f"slippage_{reason}{'s' * (reason == 'stop')}"] == pytest.approx(last)
    assert np.isnan(value[f"slippage_{other}"])
