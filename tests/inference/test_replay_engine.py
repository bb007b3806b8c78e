"""The engine's replay with ladders, halts and refused orders, against its own log of decisions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import handmade_export as handmade
from inference import Engine, Kind
from inference.policy import RiskPolicy
from inference.replay import EVENT_NAMES, Bars, Conditions, Costs, Entries, Ledger, ledger_engine
from inference.venue import Rung

N = 220
SIGNALS = np.arange(80, N - 12, 3)  # all features are known
ENTRIES = Entries(SIGNALS, np.where(SIGNALS % 2, 1, -1).astype(np.int8))
LADDER = (Rung(0.2, 0.4), Rung(0.5, 0.4))
TICK = RiskPolicy().tick


@pytest.fixture(scope="module")
def market() -> Bars:
    columns, ts = handmade.random_bars(N, seed=4)
    return Bars("SPX", ts, *(columns[c] for c in ("open", "high", "low", "close", "volume")))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    pair: tuple[Path, Path] = handmade.write_pair(tmp_path_factory.mktemp("pair"), handmade.small_graph())
    return Engine.load(*pair)


def in_force(ledger: Ledger, entry: int, kind: int, bar: int) -> float:
    """The level of this kind that holds in a bar, by the log."""
    told = ledger.decisions[(ledger.decisions["entry"] == entry) & (ledger.decisions["kind"] == kind)]
    last = told[told["index"] <= bar][-1]
    return float(last["trace"][last["steps"] - 1])


def test_rungs_stand_on_the_way_to_the_target_that_the_engine_holds(engine: Engine, market: Bars) -> None:
    ledger = ledger_engine(engine, market, ENTRIES, Costs(), conditions=Conditions(ladder=LADDER))
    legs = ledger.legs
    taken = moved = 0
    for row, trade in enumerate(ledger.trades):
        entry, side, fill = int(trade["entry"]), int(trade["side"]), float(trade["fill_price"])
        mine = legs[legs["entry"] == entry]
        rung, left = 0, []
        first = in_force(ledger, entry, Kind.MOVE_TARGET, int(trade["entry_index"]))
        for bar in range(int(trade["entry_index"]), int(trade["exit_index"]) + 1):
            stop = in_force(ledger, entry, Kind.MOVE_STOP, bar)
            goal = in_force(ledger, entry, Kind.MOVE_TARGET, bar)
            bad, good = (market.low, market.high) if side > 0 else (market.high, market.low)
            levels = [fill + np.round(each.target * (goal - fill) / TICK) * TICK for each in LADDER]
            while rung < len(LADDER) and side * (market.open[bar] - levels[rung]) > 0:  # opens beyond it
                left.append((bar, market.open[bar]))
                rung += 1
            if side * (bad[bar] - stop) <= 0:
                break
            while rung < len(LADDER) and side * (good[bar] - levels[rung]) > 0:
                left.append((bar, levels[rung]))
                rung += 1
            moved += bool(left) and left[-1][0] == bar and goal != first
        targets = mine[mine["reason"] == 2]
        assert targets["index"].tolist() == [bar for bar, _ in left], row
        np.testing.assert_allclose(targets["price"], [price for _, price in left], rtol=1e-12)
        taken += len(left)
    assert taken > 20
    assert moved > 5, "some rungs must have followed a moved target"


def test_decisions_hold_from_the_bar_of_the_fill(engine: Engine, market: Bars) -> None:
    """Three bars without volume put the fill off; the log tells of the bar from which the levels hold."""
    volume = market.volume.copy()
    volume[SIGNALS[4] + 1 : SIGNALS[4] + 4] = 0.0
    ledger = ledger_engine(engine, replace(market, volume=volume), ENTRIES, Costs())
    first = {int(d["entry"]): int(d["index"]) for d in ledger.decisions[::-1]}
    assert [first[int(t["entry"])] for t in ledger.trades] == ledger.trades["entry_index"].tolist()
    assert ledger.trades["entry_index"][4] == SIGNALS[4] + 4


def test_refused_moves_are_no_decisions_and_leave_both_levels(engine: Engine, market: Bars) -> None:
    free = ledger_engine(engine, market, ENTRIES, Costs())
    moves = free.decisions[~np.isnan(free.decisions["before"])]
    assert {Kind.MOVE_STOP, Kind.MOVE_TARGET} <= set(moves["kind"].tolist())
    rejected = np.ones(N, bool)
    rejected[ENTRIES.index + 1] = False  # brackets of entries are accepted
    ledger = ledger_engine(engine, market, ENTRIES, Costs(), conditions=Conditions(rejected=rejected))
    accepted = set((ENTRIES.index + 1).tolist())
    assert len(ledger.decisions) < len(free.decisions)
    assert set(ledger.decisions["index"].tolist()) <= accepted
    moved = ledger.events[ledger.events["kind"] == EVENT_NAMES.index("stop_moved")]
    assert set((moved["index"] + (moved["at_open"] == 0)).tolist()) <= accepted
    for trade in ledger.trades[ledger.trades["reason"] == 2]:
        goal = in_force(ledger, int(trade["entry"]), Kind.MOVE_TARGET, int(trade["exit_index"]))
        assert trade["side"] * (trade["intended_price"] - goal) == pytest.approx(0.0, abs=1e-9)
