"""What the engine decided in a replay, and what would have come of other decisions."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import handmade_export as handmade
import reference_replay as reference
from inference import Engine, Kind
from inference.actions import STOP_STEPS, TARGET_STEPS
from inference.policy import RiskPolicy
from inference.replay import Bars, Costs, Entries, Ledger, ledger_engine, replay_engine
from inference.variant import DECISION, OPTIONAL_STEPS, Variant

COLUMNS = ("open", "high", "low", "close", "volume")
N = 220
SIGNALS = np.arange(80, N - 12, 5)  # all features are known
ENTRIES = Entries(SIGNALS, np.where(SIGNALS % 2, 1, -1).astype(np.int8))
TICK = 0.01
NO_TICK = RiskPolicy(tick=0.0, min_distance=0.0)


@pytest.fixture(scope="module")
def graph() -> dict[str, Any]:
    return handmade.small_graph()


@pytest.fixture(scope="module")
def market() -> Bars:
    columns, ts = handmade.random_bars(N, seed=4)
    return Bars("SPX", ts, *(columns[c] for c in COLUMNS))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory, graph: dict[str, Any]) -> tuple[Path, Path]:
    return handmade.write_pair(tmp_path_factory.mktemp("pair"), graph)


@pytest.fixture(scope="module")
def engine(pair: tuple[Path, Path]) -> Engine:
    return Engine.load(*pair)


@pytest.fixture(scope="module")
def own(engine: Engine, market: Bars) -> Ledger:
    return ledger_engine(engine, market, ENTRIES, Costs())


def test_recorded_decisions_are_those_of_the_live_engine(own: Ledger, pair: tuple[Path, Path], market: Bars) -> None:
    assert DECISION.itemsize == 104
    moves = 0
    for row, trade in enumerate(own.trades):
        decisions = own.decisions[own.decisions["entry"] == row]
        live = Engine.load(*pair)
        bars = list(zip(*(getattr(market, c).tolist() for c in ("ts", *COLUMNS)), strict=True))
        for bar in bars[: SIGNALS[row] + 1]:
            live.on_bar("SPX", *bar)
        fill = float(trade["fill_price"])
        position = live.open("SPX", int(trade["side"]), fill, 10_000 / fill, int(trade["entry_ts"]))
        first = decisions[decisions["index"] == trade["entry_index"]]
        assert first["kind"].tolist() == [Kind.MOVE_STOP, Kind.MOVE_TARGET]
        assert np.isnan(first["before"]).all()
        assert [d["trace"][d["steps"] - 1] for d in first] == [position.stop, position.target]
        stop, target = position.stop, position.target
        for j in range(int(trade["entry_index"]), int(trade["exit_index"])):
            live.on_bar("SPX", *bars[j])
            actions = live.on_tick("SPX", bars[j][0], bars[j][4])
            told = decisions[decisions["index"] == j + 1]
            for name in ("kind", "reason", "step", "steps", "trace"):
                assert np.array_equal(told[name], actions[name], equal_nan=name == "trace"), name
            assert told["before"].tolist() == [stop if k == Kind.MOVE_STOP else target for k in told["kind"]]
            (position,) = live.positions("SPX")
            stop, target = position.stop, position.target
            moves += len(told)
    assert moves > 20


def test_the_engines_own_distances_change_nothing(own: Ledger, engine: Engine, market: Bars) -> None:
    distance = own.trades["stop_distance"]
    for variant in (Variant(stop_distance=distance), Variant(np.full(len(SIGNALS), np.nan))):
        again = ledger_engine(engine, market, ENTRIES, Costs(), variant=variant)
        assert again.trades.tobytes() == own.trades.tobytes()
        assert again.decisions.tobytes() == own.decisions.tobytes()


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.6, 3.0])
def test_another_stop_moves_nothing_but_the_stop(factor: float, own: Ledger, engine: Engine, market: Bars) -> None:
    distance = factor * own.trades["stop_distance"]
    other = ledger_engine(engine, market, ENTRIES, Costs(), variant=Variant(stop_distance=distance))
    for name in ("stop_distance", "target_r", "fill_price", "horizon_pnl", "horizon_mfe"):
        assert np.array_equal(other.trades[name], own.trades[name]), name
    first = {int(e["entry"]): float(e["price"]) for e in other.events[other.events["kind"] == 1][::-1]}
    changed = 0
    for row, (trade, was) in enumerate(zip(other.trades, own.trades, strict=True)):
        wanted = trade["fill_price"] - trade["side"] * distance[row]
        assert first[row] == pytest.approx(wanted, abs=TICK + 1e-9)
        # Levels of the target are decided alike as long as both live.
        last = min(trade["exit_index"], was["exit_index"])
        for ledger in (own, other):
            rows = ledger.decisions[(ledger.decisions["entry"] == row) & (ledger.decisions["index"] <= last)]
            targets = rows[rows["kind"] == Kind.MOVE_TARGET]["trace"]
            if ledger is own:
                before = targets
            else:
                assert np.array_equal(before, targets, equal_nan=True)
        changed += trade["exit_index"] != was["exit_index"] or trade["pnl"] != was["pnl"]
    assert changed > 3


@pytest.mark.parametrize("multiple", [0.5, 2.0, np.inf])
def test_another_target_stays_where_it_stands(multiple: float, own: Ledger, engine: Engine, market: Bars) -> None:
    distance = multiple * own.trades["stop_distance"]
    other = ledger_engine(engine, market, ENTRIES, Costs(), variant=Variant(target_distance=distance))
    assert (other.decisions["kind"] == Kind.MOVE_STOP).all()
    at_target = other.trades[other.trades["reason"] == 2]
    level = at_target["fill_price"] + at_target["side"] * multiple * at_target["stop_distance"]
    if np.isinf(multiple):
        assert len(at_target) == 0
        assert np.isnan(other.trades["target_r"]).all()
    else:
        assert len(at_target) > 2
        assert at_target["intended_price"] == pytest.approx(level)
        assert other.trades["target_r"] == pytest.approx(multiple)


@pytest.mark.parametrize(("width", "reward"), [(0.5, 1.0), (1.0, 3.0), (2.5, 0.4)])
def test_fixed_levels_give_the_trades_of_the_slow_reference(
    tmp_path: Path, graph: dict[str, Any], market: Bars, width: float, reward: float
) -> None:
    """Without trailing and ticks, own distances leave nothing to the engine: a plain Python loop earns the same."""
    stop, weights = handmade.contents("stop", graph)
    stop["policy"] = {"stop": asdict(replace(handmade.STOP_POLICY, trail_from_r=1000.0)), "risk": asdict(NO_TICK)}
    exit_, exit_weights = handmade.contents("exit", graph)
    paths = handmade.write(tmp_path / "s.pt", stop, weights), handmade.write(tmp_path / "e.pt", exit_, exit_weights)
    costs = Costs(0.001, 0.0005, 0.002)
    distance, per_bar = np.full(len(SIGNALS), width), np.full(N, width)
    variant = Variant(stop_distance=distance, target_distance=reward * distance)
    ours = replay_engine(Engine.load(*paths), market, ENTRIES, costs, variant=variant)
    none = np.full(N, np.nan)
    theirs, _ = reference.replay_levels(market, ENTRIES, per_bar, reward * per_bar, none, 10, costs, "pessimistic")
    assert len(ours) == len(theirs) == len(SIGNALS)
    for mine, slow in zip(ours, theirs, strict=True):
        assert mine["exit_index"] == slow["exit_index"]
        assert mine["reason"] == slow["reason"]
        assert mine["pnl"] == pytest.approx(slow["pnl"], abs=1e-9)


def test_without_a_step_is_as_if_its_parameters_let_all_through(
    tmp_path: Path, graph: dict[str, Any], market: Bars
) -> None:
    def with_limits(name: str, low: float, high: float) -> Engine:
        stop, weights = handmade.contents("stop", graph)
        stop["policy"] |= {"stop": asdict(replace(handmade.STOP_POLICY, min_atr=low, max_atr=high))}
        exit_, exit_weights = handmade.contents("exit", graph)
        return Engine.load(
            handmade.write(tmp_path / f"{name}_stop.pt", stop, weights),
            handmade.write(tmp_path / f"{name}_exit.pt", exit_, exit_weights),
        )

    narrow, wide = with_limits("narrow", 1.9, 2.0), with_limits("wide", 0.0, 100.0)
    expected = replay_engine(wide, market, ENTRIES, Costs())
    left_out = replay_engine(narrow, market, ENTRIES, Costs(), variant=Variant(without="volatility"))
    assert left_out.tobytes() == expected.tobytes()
    assert left_out.tobytes() != replay_engine(narrow, market, ENTRIES, Costs()).tobytes()


def test_without_a_net_the_rule_stands_in(
    tmp_path: Path, graph: dict[str, Any], engine: Engine, market: Bars, own: Ledger
) -> None:
    rules = Engine.load(*handmade.write_pair(tmp_path, graph, expires_us=1))
    expected = replay_engine(rules, market, ENTRIES, Costs())
    no_net = ledger_engine(engine, market, ENTRIES, Costs(), variant=Variant(without="ml_stop"))
    assert np.array_equal(no_net.trades["stop_distance"], expected["stop_distance"])
    assert not np.array_equal(no_net.trades["target_r"], expected["target_r"])  # the other net still speaks
    moved = no_net.decisions[no_net.decisions["kind"] == Kind.MOVE_STOP]
    assert np.isnan(moved["before"]).all()  # the rule never trails
    no_target = ledger_engine(engine, market, ENTRIES, Costs(), variant=Variant(without="ml_target"))
    assert np.array_equal(no_target.trades["stop_distance"], own.trades["stop_distance"])
    assert no_target.trades["target_r"] == pytest.approx(2.0, abs=0.05)  # fallback_r, on a tick


@pytest.mark.parametrize(
    ("variant", "rule"),
    [
        (Variant(without="final"), "without: must be one of ml_stop, volatility, ml_target, r_multiple, was 'final'"),
        (Variant(stop_distance=np.ones(3)), "stop_distance: must have one number per entry"),
        (Variant(stop_distance=np.zeros(len(SIGNALS))), "stop_distance: must be above 0"),
        (Variant(stop_distance=np.full(len(SIGNALS), np.inf)), "stop_distance: must be above 0"),
        (Variant(target_distance=np.full(len(SIGNALS), -1.0)), "target_distance: must be above 0"),
    ],
)
def test_impossible_changes_are_refused(variant: Variant, rule: str, engine: Engine, market: Bars) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        replay_engine(engine, market, ENTRIES, Costs(), variant=variant)


def test_every_step_but_the_last_can_be_left_out() -> None:
    assert {"final", *OPTIONAL_STEPS} == {*STOP_STEPS, *TARGET_STEPS}
