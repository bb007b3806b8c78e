"""Levels as prices: declared by the families, computed by the engine once a bar, the same live and over history."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import handmade_export as handmade
from features.families import price_levels
from features.prices import with_levels
from inference import Engine, Graph, UnknownSymbolError
from inference.levels import GROUPS
from inference.levels import price_levels as levels_of
from inference.policy import Policy, RiskPolicy, StopPolicy, TargetPolicy

N = 260
COLUMNS = ("open", "high", "low", "close", "volume")


@pytest.fixture(scope="module")
def market():
    return handmade.random_bars(N, seed=9)


@pytest.fixture(scope="module")
def graph():
    return with_levels(handmade.small_graph(), price_levels(handmade.small_params(), GROUPS))


@pytest.fixture(scope="module")
def pair(graph, tmp_path_factory):
    return handmade.write_pair(tmp_path_factory.mktemp("exports"), graph)


def feed(engine: Engine, market, a: int, b: int) -> None:
    bars, ts = market
    for i in range(a, b):
        engine.on_bar("SPX", int(ts[i]), *(float(bars[c][i]) for c in COLUMNS))


def test_every_group_has_levels_and_every_level_a_group() -> None:
    params = handmade.small_params(book=True)
    levels = price_levels(params, GROUPS)
    assert {level.group for level in levels.values()} == set(GROUPS)
    for group in GROUPS:
        chosen = price_levels(params, [group])
        assert chosen == {name: level for name, level in levels.items() if level.group == group}
    assert not price_levels(handmade.small_params(), ["book"])


def test_levels_change_neither_net_inputs_nor_their_values(graph, market) -> None:
    plain = handmade.small_graph()
    assert graph["features"] == plain["features"]
    a, b = Graph(plain, "SPX").run(*market), Graph(graph, "SPX").run(*market)
    for name, values in a.items():
        assert values.tobytes() == b[name].tobytes(), name
    assert with_levels(plain, {}) == plain


def test_live_levels_equal_those_of_history_to_the_bit(pair, graph, market) -> None:
    engine = Engine.load(*pair)
    block = Graph(graph, "SPX").run(*market)
    told = {each.name: each for each in levels_of(graph)}
    seen: set[str] = set()
    for i in range(N):
        feed(engine, market, i, i + 1)
        rows = engine.levels("SPX")
        assert sorted(rows["name"]) == sorted(told)
        known = ~np.isnan(rows["price"])
        count = int(known.sum())
        assert known[:count].all(), "what is not known comes last"
        assert (np.diff(rows["price"][:count]) >= 0.0).all(), "by price"
        assert np.isnan(rows["strength"][count:]).all()
        assert np.isnan(rows["distance"][count:]).all()
        unit = block["sigma"][i] * np.sqrt(handmade.HORIZON) * market[0]["close"][i]
        for row in rows:
            level = told[str(row["name"])]
            assert row["group"] == level.group
            assert row["price"].tobytes() == block[level.price][i].tobytes()
            if row["price"] > 0.0:
                seen.add(level.name)
                strength = block[level.strength][i] if level.strength else np.nan
                assert row["strength"].tobytes() == np.float64(strength).tobytes()
                np.testing.assert_equal(row["distance"], (row["price"] - market[0]["close"][i]) / unit)
    assert seen == set(told), "each must have been known at some bar"


def test_no_level_looks_ahead(graph, market) -> None:
    bars, ts = market
    other, _ = handmade.random_bars(N, seed=10)
    whole = Graph(graph, "SPX").run(bars, ts)
    for cut in (40, 137, 201):
        spliced = {name: np.concatenate([bars[name][:cut], other[name][cut:]]) for name in bars}
        for name, values in Graph(graph, "SPX").run(spliced, ts).items():
            assert values[:cut].tobytes() == whole[name][:cut].tobytes(), name


def test_levels_are_what_their_features_measure_the_distance_of(graph, market) -> None:
    """Where a level is known and not beyond the cap, its feature is its distance in units."""
    out = Graph(graph, "SPX").run(*market)
    unit = out["sigma"] * np.sqrt(handmade.HORIZON) * market[0]["close"]
    compared = 0
    for level in levels_of(graph):
        feature = out.get(f"{level.name}_distance", out.get(level.name) if level.name in graph["features"] else None)
        if feature is None or level.name in ("swing_origin", "swing_extreme"):
            continue
        units = np.clip((out[level.price] - market[0]["close"]) / unit, -4.0, 4.0)
        known = ~np.isnan(units)
        np.testing.assert_allclose(feature[known], units[known], rtol=1e-9, atol=1e-12, err_msg=level.name)
        compared += 1
    assert compared > 30


def test_levels_that_are_not_there_are_missing_instead_of_a_stand_in(graph, market) -> None:
    out = Graph(graph, "SPX").run(*market)
    for name, strength in (("zone_below", "strength_zone_below"), ("cluster", "strength_cluster")):
        none = out[strength] == 0.0
        assert none.any()
        assert np.isnan(out[f"price_{name}"][none]).all()
        assert (out[f"price_{name}"][out[strength] > 0.0] > 0.0).all()
    ready = ~np.isnan(out["is_wave5"])
    assert (np.isnan(out["price_wave5_618"]) == (out["is_wave5"] != 1.0))[ready].all()


def test_levels_known_by_hand(graph, market) -> None:
    bars, _ = market
    out = Graph(graph, "SPX").run(*market)
    i = N - 1
    assert out["price_prior_high_5"][i] == bars["high"][i - 5 : i].max()
    assert out["price_prior_session_low"][i] == bars["low"][i - 1]  # of daily bars, the bar before
    assert out["price_session_open"][i] == bars["open"][i]
    origin, extreme = out["price_swing_origin"][i], out["price_swing_extreme"][i]
    np.testing.assert_allclose(out["price_retracement_618"][i], extreme - 0.618 * (extreme - origin), rtol=1e-12)
    np.testing.assert_allclose(out["price_extension_1618"][i], origin + 1.618 * (extreme - origin), rtol=1e-12)
    assert out["price_round_below"][i] <= bars["close"][i] < out["price_round_above"][i]


def test_walls_of_the_book_are_levels() -> None:
    params = handmade.small_params(book=True)
    data = with_levels(handmade.small_graph(book=True), price_levels(params, ["book"]))
    bars, ts = handmade.random_bars(3)
    at = ts + handmade.DAY
    series = {
        "book_bid_wall_bp": (at, np.array([20.0, 50.0, 10.0])),
        "book_bid_wall_multiple": (at, np.array([5.0, 3.0, 2.9])),
        "book_ask_wall_bp": (at[:1], np.array([30.0])),
        "book_ask_wall_multiple": (at[:1], np.array([4.0])),
    }
    out = Graph(data, "SPX").run(bars, ts, series)
    np.testing.assert_allclose(out["price_bid_wall"], [*(bars["close"][:2] * [0.998, 0.995]), np.nan], rtol=1e-12)
    np.testing.assert_allclose(out["price_ask_wall"], [bars["close"][0] * 1.003, np.nan, np.nan], rtol=1e-12)
    np.testing.assert_array_equal(out["strength_bid_wall"], [5.0, 3.0, 2.9])


def test_saved_and_restored_levels_are_the_same(pair, market) -> None:
    a, b = Engine.load(*pair), Engine.load(*pair)
    feed(a, market, 0, 150)
    b.restore(a.save())
    assert a.levels("SPX").tobytes() == b.levels("SPX").tobytes()
    for engine in (a, b):
        feed(engine, market, 150, 170)
    assert a.levels("SPX").tobytes() == b.levels("SPX").tobytes()


def test_an_export_without_levels_loads_and_has_none(tmp_path, market) -> None:
    engine = Engine.load(*handmade.write_pair(tmp_path))
    with pytest.raises(UnknownSymbolError):
        engine.levels("SPX")
    feed(engine, market, 0, 5)
    assert len(engine.levels("SPX")) == 0


def test_an_unknown_group_is_refused(tmp_path, graph) -> None:
    told = {"x": {"group": "moon", "price": "price_zone_below"}}
    with pytest.raises(ValueError, match=r"level\.group: must be one that this engine knows, was 'moon'"):
        Engine.load(*handmade.write_pair(tmp_path, {**graph, "levels": told}))
    policy = Policy(StopPolicy(), TargetPolicy(), RiskPolicy(), ("zones",))
    for wrong in (("moon",), ("zones", "zones")):
        with pytest.raises(ValueError, match=r"policy\.levels: must name groups"):
            replace(policy, levels=wrong)
