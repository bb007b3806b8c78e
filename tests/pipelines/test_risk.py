import datetime as dt
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipelines.measures.risk import breaches, cascades, cvar, drawdown, portfolio_loss, return_correlations, worst_case

TOGETHER = {("A", "A"): 1.0, ("A", "B"): 0.8, ("B", "A"): 0.8, ("B", "B"): 1.0}
APART = {("A", "A"): 1.0, ("A", "B"): 0.5, ("B", "A"): 0.5, ("B", "B"): 1.0}


def trade(symbol: str, side: int, begin: int, end: int, **more: Any) -> dict[str, Any]:
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    return {
        "symbol": symbol,
        "side": side,
        "entry_ts": start + dt.timedelta(days=begin),
        "exit_ts": start + dt.timedelta(days=end),
        "exit_bar": end,
        "reason": "stop",
        "gap": False,
        "pnl": -2.0,
        "entry_price": 100.0,
        "stop_distance": 2.0,
        **more,
    }


def test_worst_case_by_hand() -> None:
    trades = pl.DataFrame(
        [
            trade("A", 1, 0, 2, pnl=-6.0, gap=True),
            trade("A", 1, 3, 5, pnl=-4.1),
            trade("B", 1, 9, 11, pnl=-1.0, reason="time"),
            trade("B", 1, 13, 15, pnl=9.0, reason="target"),
        ]
    )
    worst = worst_case(trades, TOGETHER, 0.5)
    assert worst.maximum_loss == pytest.approx(0.03)
    assert worst.maximum_loss_without_gaps == pytest.approx(0.0205)
    assert (worst.breaches, worst.breaches_by_gap) == (2, 1)
    assert worst.portfolio_loss == pytest.approx(0.01)
    assert worst.cascades == 0
    assert worst.drawdown == pytest.approx(0.5 * 0.111), "before the last trade, from the beginning"


def test_breaches_are_listed_worst_first() -> None:
    rows = [trade("A", 1, 0, 2, pnl=-4.0), trade("A", 1, 3, 5, pnl=-4.1), trade("B", -1, 9, 11, pnl=-6.0, gap=True)]
    named = pl.DataFrame(rows).with_columns(policy=pl.lit("product"), id=pl.Series(["x", "y", "z"]))
    found = breaches(named, 0.5)
    assert found.select("id", "gap", "side").rows() == [("z", True, -1), ("y", False, 1)]
    assert found["loss"].to_list() == pytest.approx([0.03, 0.0205])


def test_a_drawdown_is_from_the_peak_of_the_exits_in_their_order() -> None:
    rows = [trade("A", 1, 0, 5, pnl=-3.0), trade("B", 1, 1, 2, pnl=4.0), trade("A", 1, 3, 5, pnl=1.0)]
    rows.append(trade("B", 1, 6, 7, pnl=-1.0))
    assert drawdown(pl.DataFrame(rows), 1.0) == pytest.approx(0.03)  # 4, 2 (both exits of one time), 1
    assert drawdown(pl.DataFrame(rows[1:2]), 1.0) == 0.0


def test_open_risk_adds_up_positions_that_share_a_bar_whatever_their_sides() -> None:
    trades = pl.DataFrame([trade("A", 1, 0, 4), trade("B", -1, 4, 6, stop_distance=3.0), trade("A", 1, 5, 9)])
    assert portfolio_loss(trades, 0.5) == pytest.approx(0.5 * (0.02 + 0.03))
    assert np.isnan(portfolio_loss(trades.with_columns(stop_distance=pl.lit(None, pl.Float64)), 0.5))


@pytest.mark.parametrize("order", [1, -1])
def test_a_position_that_ends_in_the_bar_in_which_another_begins_is_open_with_it(order: int) -> None:
    """The one is filled at the bar's open, the other is stopped inside: together 5 %, apart 3 % at most."""
    rows = [trade("A", 1, 0, 4), trade("B", -1, 4, 6, stop_distance=3.0)]
    assert portfolio_loss(pl.DataFrame(rows[::order]), 1.0) == pytest.approx(0.05)
    rows[1] = trade("B", -1, 5, 6, stop_distance=3.0)
    assert portfolio_loss(pl.DataFrame(rows[::order]), 1.0) == pytest.approx(0.03)
    within = [trade("A", 1, 2, 2), trade("A", 1, 2, 2), trade("B", 1, 2, 3)]  # two live and die in one bar
    assert portfolio_loss(pl.DataFrame(within[::order]), 1.0) == pytest.approx(0.06)


def slow_cascades(trades: pl.DataFrame, correlations: dict[tuple[str, str], float]) -> int:
    stops = trades.filter(pl.col("reason") == "stop").rows(named=True)
    instants = set()
    for i, a in enumerate(stops):
        count = 0
        for j, b in enumerate(stops):
            near = 0 <= a["exit_bar"] - b["exit_bar"] < 3
            alike = i == j or a["side"] * b["side"] * correlations[a["symbol"], b["symbol"]] > 0.6
            count += near and alike
        if count >= 3:
            instants.add(a["exit_bar"])
    return len(instants)


@pytest.mark.parametrize("seed", range(6))
def test_cascades_are_those_of_plain_loops(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = "ABCD"
    upper = {(a, b): float(rng.uniform(-0.2, 1)) for a in names for b in names if a < b}
    table = {(a, b): 1.0 if a == b else upper[min(a, b), max(a, b)] for a in names for b in names}
    rows = [
        trade(
            str(rng.choice(list(names))), int(rng.choice([1, 1, -1])), 0, end, reason=str(rng.choice(["stop", "time"]))
        )
        for end in rng.integers(1, 40, 90).tolist()
    ]
    found = cascades(pl.DataFrame(rows), table)
    assert found == slow_cascades(pl.DataFrame(rows), table)
    assert found > 0


def test_cascades_need_three_correlated_stops_within_three_bars() -> None:
    three = pl.DataFrame([trade("A", 1, 0, 4), trade("A", 1, 1, 5), trade("B", 1, 2, 6)])
    assert cascades(three, TOGETHER) == 1
    assert cascades(three, APART) == 0
    # One of them on the other side is a hedge, and one bar later it is too late.
    assert cascades(three.with_columns(side=pl.Series([1, 1, -1])), TOGETHER) == 0
    assert cascades(three.with_columns(exit_bar=pl.Series([4, 5, 7])), TOGETHER) == 0
    assert cascades(three.with_columns(reason=pl.Series(["stop", "time", "stop"])), TOGETHER) == 0
    # A fourth stop two bars later completes a second instant.
    assert cascades(pl.concat([three, pl.DataFrame([trade("A", 1, 3, 7)])]), TOGETHER) == 2


def test_cvar_by_hand() -> None:
    values = np.array([5.0, -10.0, 1.0, -4.0])
    assert cvar(values, np.ones((1, 4)), 0.5).tolist() == [-7.0]
    # Three quarters of the way: 10 whole, 4 half.
    assert cvar(values, np.ones((1, 4)), 0.375) == pytest.approx([(-10 - 4 / 2) / 1.5])
    assert cvar(values, np.array([[0.0, 0.0, 2.0, 2.0]]), 0.25).tolist() == [-4.0]


def test_correlation_of_returns() -> None:
    ts = [dt.datetime(2020, 1, 1) + dt.timedelta(days=i) for i in range(6)]
    close = np.array([1.0, 2.0, 1.0, 3.0, 2.0, 5.0])
    bars = pl.concat(
        pl.DataFrame({"symbol": [s] * 6, "ts": ts, "close": c})
        for s, c in (("A", close), ("B", close**2), ("C", 1 / close))
    )
    found = return_correlations(bars)
    assert found["A", "A"] == 1.0
    assert found["A", "B"] == pytest.approx(1.0)
    assert found["C", "B"] == pytest.approx(-1.0)
