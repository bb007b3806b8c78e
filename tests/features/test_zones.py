"""Zones of turning points against a slow loop, and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from features import Expr, bar
from features.swings import legs
from features.zones import Points, both, fractal_points, swing_points
from handmade_bars import by_hand, compute


def test_fractal_points_have_price_and_weight(market) -> None:
    k, v = 3, 20
    b, n = market[0], len(market[1])
    out = compute(fractal_points(k, v), market)
    both = 0
    for t in range(k + max(k, v - 1), n):
        i = t - k
        before, after = range(i - k, i), range(i + 1, t + 1)  # of equal extremes the last counts
        top = all(b["high"][i] >= b["high"][j] for j in before) and all(b["high"][i] > b["high"][j] for j in after)
        bottom = all(b["low"][i] <= b["low"][j] for j in before) and all(b["low"][i] < b["low"][j] for j in after)
        if not (top or bottom):
            assert out["1"][t] == 0.0
            continue
        both += top and bottom
        upper, lower = np.log(b["high"][i] / b["close"][i]), np.log(b["close"][i] / b["low"][i])
        price = b["high"][i] if top and not (bottom and upper < lower) else b["low"][i]
        ratio = b["volume"][i] / b["volume"][i - v + 1 : i + 1].mean()
        assert out["0"][t] == pytest.approx(np.log(price), rel=1e-12)
        assert out["1"][t] == pytest.approx(0.5 + 0.5 * min(ratio, 3.0), rel=1e-9)
    assert both > 0, "else the choice between high and low is not seen"


def test_a_double_top_is_one_point_at_its_last_bar() -> None:
    rows = [(10, 9, 1.0), (11, 10, 1.0), (13, 12, 1.0), (13, 12, 1.0), (11, 10, 1.0), (10, 9, 1.0)]
    out = compute(fractal_points(2, 3), by_hand(rows))
    assert out["0"][5] == pytest.approx(np.log(13))
    assert np.flatnonzero(np.nan_to_num(out["1"])).tolist() == [5]


def test_a_pivot_without_volume_weighs_as_a_turn_of_usual_volume() -> None:
    rows = [(10, 9, 0.0), (11, 10, 0.0), (13, 12, 0.0), (11, 10, 0.0), (10, 9, 0.0)]
    out = compute(fractal_points(2, 3), by_hand(rows))
    assert out["0"][4] == pytest.approx(np.log(13))
    assert out["1"][4] == 1.0


def naive_zones(point, weight, price, p):
    """Zones as dictionaries whose strengths decay on every bar; the four outputs per bar, of each rank."""
    n, zones, out, changes, variance = len(price), [], [], [], None
    for t in range(n):
        for zone in zones:
            zone["strength"] *= p["decay"]
        if t > 0:
            changes.append((price[t] - price[t - 1]) ** 2)
            if len(changes) == p["seed"]:
                variance = np.mean(changes)
            elif len(changes) > p["seed"]:
                variance = (1 - p["alpha"]) * variance + p["alpha"] * changes[-1]
        if variance is None:
            out.append([np.nan] * 16)
            continue
        sigma = np.sqrt(variance)
        if weight[t] > 0:
            near = min(zones, key=lambda z: abs(z["centre"] - point[t]), default=None)
            if near is not None and abs(near["centre"] - point[t]) <= p["width"] * sigma:
                total = near["strength"] + weight[t]
                near["centre"] = (near["strength"] * near["centre"] + weight[t] * point[t]) / total
                near["strength"] = total
            else:
                if len(zones) == p["memory"]:
                    zones.remove(min(zones, key=lambda z: z["strength"]))
                zones.append({"centre": point[t], "strength": weight[t]})
        reach = p["reach"] * sigma
        below = [z for z in zones if 0 <= price[t] - z["centre"] <= reach]
        above = [z for z in zones if 0 < z["centre"] - price[t] <= reach]
        below.sort(key=lambda z: -z["centre"])
        above.sort(key=lambda z: z["centre"])
        row = []
        for rank in range(4):
            low = below[rank] if rank < len(below) else {"centre": price[t] - reach, "strength": 0.0}
            high = above[rank] if rank < len(above) else {"centre": price[t] + reach, "strength": 0.0}
            row += [low["centre"], high["centre"], low["strength"], high["strength"]]
        out.append(row)
    return np.array(out)


@pytest.mark.parametrize(("width", "reach", "decay", "memory"), [(0.8, 12.0, 0.995, 24), (2.0, 4.0, 1.0, 5)])
def test_zones_equal_the_loop(market, width, reach, decay, memory) -> None:
    p = {"width": width, "reach": reach, "decay": decay, "alpha": 0.06, "seed": 20, "memory": memory}
    point, weight = fractal_points(3, 20)
    nodes = {str(o): Expr("zones", (point, weight, bar("close").log()), {**p, "output": o}) for o in range(16)}
    out = compute({**nodes, "point": point, "weight": weight}, market)
    start = int(np.argmax(np.isfinite(out["point"] + out["weight"])))
    price = np.log(market[0]["close"])[start:]
    expected = naive_zones(out["point"][start:], out["weight"][start:], price, p)
    assert (expected[20:, 2] == 0.0).any()
    assert (expected[20:, 2] > 3.0).any(), "else no zone is touched twice"
    assert (expected[20:, 6] > 0.0).any(), "else there is never a second one"
    for output in range(16):
        assert np.array_equal(np.isnan(out[str(output)][start:]), np.isnan(expected[:, output]))
        np.testing.assert_allclose(out[str(output)][start:], expected[:, output], rtol=1e-9, atol=1e-12)


def test_three_touches_make_one_zone() -> None:
    """Touches at 110, 110.5 and 109.5 of weight 1, without decay: a zone at 110 of strength 3; the low at 90 apart."""
    close = [100.0, 101.0] * 6
    market = by_hand([(p, p, 1.0) for p in close])
    point = {3: 110.0, 5: 110.5, 6: 90.0, 8: 109.5}
    market[0]["open"] = np.array([point.get(i, 50.0) for i in range(12)])
    market[0]["volume"] = np.array([float(i in point) for i in range(12)])
    market[0]["low"] = np.minimum(market[0]["open"], market[0]["low"])
    market[0]["high"] = np.maximum(market[0]["open"], market[0]["high"])
    p = {"width": 1.0, "reach": 50.0, "decay": 1.0, "alpha": 0.5, "seed": 1, "memory": 4}
    inputs = (bar("open"), bar("volume"), bar("close"))
    out = compute([Expr("zones", inputs, {**p, "output": o}) for o in range(4)], market)
    assert out["1"][[3, 5, 8]].tolist() == pytest.approx([110.0, 110.25, 110.0])
    assert out["3"][[2, 3, 5, 8]].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert (out["0"][5], out["2"][5]) == (101.0 - 50.0, 0.0)
    assert (out["0"][6], out["2"][6]) == (90.0, 1.0)


def test_a_swing_weighs_half_its_size_in_units() -> None:
    """Up 20 %, back 10 %, up: the high weighs 0.5 × ln 1.2 / 0.05, the low 0.5 × ln(120 / 108) / 0.05; at most 2."""
    path = [100.0, 110.0, 120.0, 108.0, 118.0]
    point = swing_points(legs(bar("close") - bar("close") + 0.05), bar("close") - bar("close") + 0.05)
    out = compute(point._asdict(), by_hand([(p, p, 1.0) for p in path]))
    assert out["weight"][1:].tolist() == pytest.approx([0.0, 0.0, 10 * np.log(1.2), 10 * np.log(120 / 108)])
    assert np.exp(out["price"][[3, 4]]).tolist() == pytest.approx([120.0, 108.0])
    tall = compute(point._asdict(), by_hand([(p, p, 1.0) for p in [100.0, 180.0, 150.0]]))
    assert tall["weight"][2] == 2.0


def test_points_of_both_kinds_add_up_at_one_price_else_the_second_wins() -> None:
    """Prices of the first kind stand in `open`, of the second in `high`; weights in `volume` and `low` (+ 1)."""
    rows = [(10, 0, 3), (10, 1, 3), (10, 1, 0), (9, 1, 3), (9, 0, 0)]  # first price, second weight, first weight
    bars = {name: np.full(5, 10.0) for name in ("open", "high", "low", "close")}
    bars["low"], bars["volume"] = np.array([r[1] + 1.0 for r in rows]), np.array([r[2] for r in rows], float)
    bars["open"] = np.array([r[0] for r in rows], float)
    points = both(Points(bar("open"), bar("volume")), Points(bar("high"), bar("low") - 1.0))
    out = compute(points._asdict(), (bars, np.arange(5) * 86_400_000_000))
    assert out["weight"].tolist() == [3.0, 4.0, 1.0, 1.0, 0.0]
    assert out["price"].tolist() == [10.0, 10.0, 10.0, 10.0, 9.0]


def test_a_point_midway_joins_the_lower_zone() -> None:
    """Sigma is 1: zones at 102 and 100, then a point at 101, and one at 101.5, nearer to the upper."""
    close = [100.0, 101.0] * 6
    market = by_hand([(p, p, 1.0) for p in close])
    point = {3: 102.0, 5: 100.0, 7: 101.0, 9: 101.5}
    market[0]["open"] = np.array([point.get(i, 50.0) for i in range(12)])
    market[0]["volume"] = np.array([float(i in point) for i in range(12)])
    market[0]["low"] = np.minimum(market[0]["open"], market[0]["low"])
    market[0]["high"] = np.maximum(market[0]["open"], market[0]["high"])
    p = {"width": 1.2, "reach": 50.0, "decay": 1.0, "alpha": 0.5, "seed": 1, "memory": 4}
    inputs = (bar("open"), bar("volume"), bar("close"))
    out = compute([Expr("zones", inputs, {**p, "output": o}) for o in range(4)], market)
    assert out["0"][[5, 7, 9]].tolist() == [100.0, 100.5, 100.5]
    assert out["2"][[5, 7, 9]].tolist() == [1.0, 2.0, 2.0]
    assert out["1"][[5, 7, 9]].tolist() == [102.0, 102.0, 101.75]
