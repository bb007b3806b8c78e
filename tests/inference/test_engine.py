"""The live engine: the same decisions as the replay, its limits, its fallbacks, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import handmade_export as handmade
from inference import BarError, Engine, Kind, RiskError, StateError, UnknownSymbolError
from inference.actions import ACTION, REASONS, STOP_STEPS, TARGET_STEPS
from inference.policy import RiskPolicy
from inference.replay import Bars, Costs, Entries, replay_engine

COLUMNS = ("open", "high", "low", "close", "volume")
N = 200
READY = 80  # bars after which every feature of the small graph is known


@pytest.fixture(scope="module")
def graph():
    return handmade.small_graph()


@pytest.fixture
def pair(tmp_path, graph):
    return handmade.write_pair(tmp_path, graph)


@pytest.fixture(scope="module")
def market():
    return handmade.random_bars(N, seed=4)


def feed(engine: Engine, market, a: int, b: int, symbol: str = "SPX") -> None:
    bars, ts = market
    for i in range(a, b):
        engine.on_bar(symbol, int(ts[i]), *(float(bars[c][i]) for c in COLUMNS))


def warm(pair, market, until: int = READY, **options) -> Engine:
    engine = Engine.load(*pair, **options)
    feed(engine, market, 0, until)
    return engine


def test_live_features_equal_the_block_to_the_bit(pair, graph, market) -> None:
    from inference import Graph

    engine = Engine.load(*pair)
    block = Graph(graph, "SPX").run(market[0], market[1])
    for i in range(N):
        feed(engine, market, i, i + 1)
        live = engine.features("SPX")
        assert np.array([live[k] for k in block]).tobytes() == np.array([block[k][i] for k in block]).tobytes()


@pytest.mark.parametrize("side", [1, -1])
def test_live_decisions_equal_the_replay(pair, market, side) -> None:
    """Bars and closes fed one by one through Python give each trade's levels exactly as the compiled replay does."""
    bars, ts = market
    replayed = Bars("SPX", ts, *(bars[c] for c in COLUMNS))
    signals = np.arange(20, N - 2, 7)
    entries = Entries(signals, np.full(len(signals), side, np.int8))
    trades = replay_engine(Engine.load(*pair), replayed, entries, Costs(), "pessimistic")
    assert {1, 2} <= set(trades["reason"].tolist())
    for signal, trade in zip(signals, trades, strict=True):
        engine = warm(pair, market, int(signal) + 1)
        fill = float(bars["open"][signal + 1])
        position = engine.open("SPX", side, fill, 10_000 / fill, int(ts[signal + 1]))
        assert position.initial_distance == trade["stop_distance"]
        stop = position.stop
        for j in range(int(signal) + 1, int(trade["exit_index"])):
            feed(engine, market, j, j + 1)
            actions = engine.on_tick("SPX", int(ts[j]), float(bars["close"][j]))
            assert not (actions["kind"] == Kind.EXIT).any()
            (position,) = engine.positions("SPX")
            assert side * (position.stop - stop) >= 0.0, "a stop never loosens"
            stop = position.stop
        if trade["reason"] != 0:  # the level of a trade still open at the end is already that of the next bar
            assert stop == trade["stop_at_exit"]


def test_state_saved_and_restored_continues_exactly(pair, market) -> None:
    a = warm(pair, market, 100)
    price = float(market[0]["close"][99])
    a.open("SPX", 1, price, 10, 1)
    a.open("SPX", -1, price, 10, 2)
    b = Engine.load(*pair)
    b.restore(a.save())
    for i in range(100, N):
        for engine in (a, b):
            feed(engine, market, i, i + 1)
        ticks = [engine.on_tick("SPX", i, float(market[0]["close"][i])).tobytes() for engine in (a, b)]
        assert ticks[0] == ticks[1]
    assert a.save() == b.save()


def test_a_state_that_does_not_fit_changes_nothing(pair, market, graph, tmp_path) -> None:
    engine = warm(pair, market)
    before = engine.save()
    other = Engine.load(*handmade.write_pair(tmp_path, {**graph, "bar_interval_us": 60_000_000}, seed=5))
    feed(other, market, 0, 5)
    for state, rule in ((before[:-1], "complete"), (other.save(), "same feature graph")):
        with pytest.raises(StateError, match=rule):
            engine.restore(state)
        assert engine.save() == before


def test_bad_bars_are_refused_and_change_nothing(pair, market) -> None:
    engine = warm(pair, market)
    before = engine.save()
    ts = int(market[1][READY])
    nan = float("nan")
    cases = [
        ((ts, 10.0, 9.0, 11.0, 10.0, 1.0), "high: must not be below low"),
        ((ts, 10.0, 9.5, 9.0, 9.2, 1.0), "high: must not be below open or close"),
        ((ts, 10.0, 11.0, 10.5, 10.7, 1.0), "low: must not be above open or close"),
        ((ts, -10.0, 11.0, 9.0, 10.0, 1.0), "open: must be a finite price above 0"),
        ((ts, 10.0, 11.0, 9.0, nan, 1.0), "close: must be a finite price"),
        ((ts, 10.0, float("inf"), 9.0, 10.0, 1.0), "high: must be a finite price"),
        ((ts, 10.0, 11.0, 9.0, 10.0, -1.0), "volume: must be finite, at least 0"),
        ((ts, 10.0, 11.0, 9.0, 10.0, nan), "volume: must be finite, at least 0"),
        ((int(market[1][READY - 1]), 10.0, 11.0, 9.0, 10.0, 1.0), "ts: must be later than the bar before"),
        ((int(market[1][3]), 10.0, 11.0, 9.0, 10.0, 1.0), "ts: must be later than the bar before"),
    ]
    for bar, rule in cases:
        with pytest.raises(BarError, match=rule):
            engine.on_bar("SPX", *bar)
        assert engine.save() == before
    engine.on_bar("SPX", ts, 10.0, 11.0, 9.0, 10.0, 0.0)  # zero volume is a fact of markets


def test_unknown_symbols_and_bad_prices(pair, market) -> None:
    engine = warm(pair, market)
    with pytest.raises(UnknownSymbolError, match="'NDX'; call on_bar"):
        engine.on_tick("NDX", 1, 100.0)
    price = float(market[0]["close"][READY - 1])
    position = engine.open("SPX", 1, price, 10, 1)
    for bad in (float("nan"), float("inf"), 0.0, -5.0):
        (action,) = engine.on_tick("SPX", 2, bad)
        assert (action["kind"], REASONS[action["reason"]]) == (Kind.REFUSE, "bad_price")
    (after,) = engine.positions("SPX")
    assert (after.stop, after.target) == (position.stop, position.target)


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        ({"quantity": 0}, "quantity: must be a finite amount above 0"),
        ({"quantity": -3}, "use side=-1 for a short"),
        ({"side": 0}, r"side: must be \+1"),
        ({"price": float("nan")}, "price: must be a finite price"),
        ({"stop": 1e4}, "stop: must be on the losing side"),
        ({"target": 1.0}, "target: must be on the winning side"),
        ({"quantity": 1e9}, "quantity: must risk at most 2000"),
    ],
)
def test_orders_that_cannot_be_are_refused(pair, market, order, rule) -> None:
    engine = warm(pair, market)
    price = float(market[0]["close"][READY - 1])
    with pytest.raises(RiskError, match=rule):
        engine.open("SPX", **{"side": 1, "price": price, "quantity": 10, "ts": 1, **order})
    assert engine.positions("SPX") == []


@pytest.mark.parametrize("side", [1, -1])
def test_two_percent_a_trade_and_five_percent_in_all(pair, market, side) -> None:
    engine = warm(pair, market, equity=10_000.0)
    price = float(market[0]["close"][READY - 1])
    far = price * (1.0 - side * 0.1)  # a stop beyond every limit
    quantity = 10_000 / price  # 2 % of equity is then 2 % of price
    opened = [engine.open("SPX", side, price, quantity, 1, stop=far) for _ in range(2)]
    for position in opened:
        cost = handmade.STOP_POLICY.cost * price  # of getting out: inside the limit
        assert (side * (position.entry - position.stop) + cost) * quantity <= 200.0 * (1 + 1e-9)
        assert side * (position.entry - position.stop) > 0
    assert engine.open_risk() <= 500.0
    with pytest.raises(RiskError, match="open risk of all positions at or below 500"):
        engine.open("SPX", side, price, quantity, 1, stop=far)
    assert len(engine.positions("SPX")) == 2


@pytest.mark.parametrize("side", [1, -1])
def test_exits_are_asked_for_until_closed(pair, market, side) -> None:
    engine = warm(pair, market)
    price = float(market[0]["close"][READY - 1])
    position = engine.open("SPX", side, price, 10, 1)
    at_target, beyond = position.target, position.target + side * 0.02
    actions = engine.on_tick("SPX", 2, at_target)
    assert "target" not in [REASONS[a["reason"]] for a in actions], "touched is not traded through"
    (position,) = engine.positions("SPX")
    beyond = position.target + side * 0.02
    for ts in (3, 4):
        (action,) = engine.on_tick("SPX", ts, beyond)
        assert (action["kind"], REASONS[action["reason"]], action["fraction"]) == (Kind.EXIT, "target", 1.0)
        assert action["position"] == position.id
    (action,) = engine.on_tick("SPX", 5, position.stop)
    assert REASONS[action["reason"]] == "stop"
    engine.close(position.id)
    assert len(engine.on_tick("SPX", 6, position.stop)) == 0
    with pytest.raises(RiskError, match="must be open"):
        engine.close(position.id)


def test_the_horizon_ends_a_trade(pair, market) -> None:
    engine = warm(pair, market)
    price = float(market[0]["close"][READY - 1])
    engine.open("SPX", 1, price, 1, 1, stop=price * 0.5, target=price * 2)
    for j in range(READY, READY + handmade.HORIZON):
        feed(engine, market, j, j + 1)
    reasons = [REASONS[a["reason"]] for a in engine.on_tick("SPX", 9, price)]
    assert reasons == ["time"]


def test_rules_stand_in_for_the_nets(tmp_path, graph, market) -> None:
    policy = handmade.STOP_POLICY
    price = float(market[0]["close"][2])
    cold = warm(handmade.write_pair(tmp_path, graph), market, 3)
    position = cold.open("SPX", 1, price, 1, 1)
    assert (cold.status("SPX"), REASONS[position.reason_code]) == ("warm_up", "warm_up")
    assert position.initial_distance == pytest.approx(policy.fallback_fraction * price, abs=0.01)
    assert position.target == pytest.approx(price + 2 * position.initial_distance, abs=0.02)

    half = warm(handmade.write_pair(tmp_path, graph), market, 15)  # ATR is known, the slow features are not
    price = float(market[0]["close"][14])
    atr = half.features("SPX")["atr"]
    assert half.open("SPX", -1, price, 1, 1).stop == pytest.approx(price + policy.fallback_atr * atr, abs=0.01)

    for change, status in (
        ({"expires_us": int(market[1][READY - 2])}, "expired"),
        (
            {"scaling": handmade.contents("stop", graph)[0]["scaling"] | {"high": [-49.0] * len(graph["features"])}},
            "out_of_range",
        ),
    ):
        engine = warm(handmade.write_pair(tmp_path, graph, **change), market)
        position = engine.open("SPX", 1, price, 1, 1)
        assert engine.status("SPX") == status == REASONS[position.reason_code]
    assert warm(handmade.write_pair(tmp_path, graph), market).status("SPX") == "model"


def test_the_trace_ends_in_the_level_in_force(pair, market) -> None:
    engine = warm(pair, market)
    moved = 0
    for j in range(READY, N):
        feed(engine, market, j, j + 1)
        price = float(market[0]["close"][j])
        for action in engine.on_tick("SPX", j, price).copy():
            held = {p.id: p for p in engine.positions("SPX")}[int(action["position"])]
            if action["kind"] == Kind.EXIT:
                engine.close(held.id)
                continue
            level = held.stop if action["kind"] == Kind.MOVE_STOP else held.target
            assert action["price"] == action["trace"][action["steps"] - 1] == level
            assert np.isnan(action["trace"][action["steps"] :]).all()
            assert level == pytest.approx(round(level / RiskPolicy().tick) * RiskPolicy().tick)
            moved += 1
        for side in (1, -1):  # always one of each side
            if side not in [p.side for p in engine.positions("SPX")]:
                engine.open("SPX", side, price, 10, j)
    assert moved > 10


def test_the_python_layout_is_the_compiled_one() -> None:
    assert ACTION.itemsize == 96
    assert ACTION.isalignedstruct is False
    assert STOP_STEPS == ("ml_stop", "volatility", "final")
    assert TARGET_STEPS == ("ml_target", "r_multiple", "final")


def test_series_are_joined_as_of_and_go_stale(tmp_path, market) -> None:
    pair = handmade.write_pair(tmp_path, handmade.small_graph(implied="vix"))
    engine = Engine.load(*pair)
    ts = market[1]
    with pytest.raises(ValueError, match="this graph takes: vix"):
        engine.on_input("SPX", "vox", 0, 20.0)
    for i in range(READY):
        # known only after the close of bar i: bar i must not see it, bar i + 1 must
        feed(engine, market, i, i + 1)
        seen = engine.features("SPX")["implied_ratio"] * engine.features("SPX")["sigma"] * 100 * 252**0.5
        assert np.isnan(seen) or seen == pytest.approx(10.0 + 0.5 * (i - 1))
        engine.on_input("*", "vix", int(ts[i]) + handmade.DAY + 1, 10.0 + 0.5 * i)
    assert engine.status("SPX") == "model"
    feed(engine, market, READY, READY + 6)  # the last value is now more than five days old
    assert engine.status("SPX") == "warm_up"
    with pytest.raises(BarError, match="must not be before the value before it"):
        engine.on_input("SPX", "vix", 5, 1.0)
    with pytest.raises(BarError, match="must be finite"):
        engine.on_input("SPX", "vix", int(ts[-1]), float("nan"))


def test_a_refused_value_of_a_series_changes_nothing(tmp_path, market) -> None:
    engine = Engine.load(*handmade.write_pair(tmp_path, handmade.small_graph(implied="vix")))
    fresh = engine.save()
    for symbol in ("SPX", "*"):  # neither is the symbol known by it, nor is the value kept for later ones
        with pytest.raises(BarError, match="must be finite"):
            engine.on_input(symbol, "vix", 0, float("nan"))
        assert engine.save() == fresh
    feed(engine, market, 0, 3)
    engine.on_input("SPX", "vix", 10, 1.0)
    before = engine.save()
    with pytest.raises(BarError, match="must not be before the value before it"):
        engine.on_input("*", "vix", 5, 1.0)
    assert engine.save() == before
