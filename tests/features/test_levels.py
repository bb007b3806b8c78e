"""Levels against slow, obvious loops written from their definitions, SciPy, and cases worked out by hand."""

from __future__ import annotations

from math import floor, log10

import numpy as np
import pytest
from arch.data import sp500
from scipy.signal import argrelextrema

import handmade_export as handmade
from features import Expr, bar
from features.graph import to_data
from features.levels import (
    AUXILIARY,
    EXTENSIONS,
    RETRACEMENTS,
    LevelsParams,
    expressions,
    extension,
    fractal_pivots,
    pivot_points,
    prior_range,
    profile,
    retracement,
    round_numbers,
)
from features.volatility import VolatilityParams
from inference import Graph

DAY = 86_400_000_000
PARAMS, UNIT = LevelsParams(), VolatilityParams()


def real_bars(n: int | None = None):
    """Real daily bars of the S&P 500 (5,031 in all)."""
    frame = sp500.load()[:n]
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


@pytest.fixture(scope="module", params=["S&P 500", "random"])
def market(request):
    return real_bars(2000) if request.param == "S&P 500" else handmade.random_bars(1500, seed=11)


def compute(outputs, market) -> dict[str, np.ndarray]:
    named = outputs if isinstance(outputs, dict) else {str(i): each for i, each in enumerate(outputs)}
    return Graph(to_data(named, [], DAY)).run(*market)


def by_hand(rows: list[tuple[float, float, float]]):
    """(high, low, volume) a bar; opens and closes in the middle."""
    high, low, volume = (np.array(column, float) for column in zip(*rows, strict=True))
    middle = (high + low) / 2
    bars = {"open": middle, "high": high, "low": low, "close": middle, "volume": volume}
    return bars, np.arange(len(rows), dtype=np.int64) * DAY


@pytest.mark.parametrize("k", [1, 2, 5])
def test_fractals_are_scipys_extrema_known_k_bars_later(market, k) -> None:
    out = compute(fractal_pivots(k), market)
    n = len(market[1])
    for got, column, beats in ((out["0"], "high", np.greater), (out["1"], "low", np.less)):
        (at,) = argrelextrema(market[0][column], beats, order=k)
        at = at[(at >= k) & (at + k < n)]  # SciPy also takes extremes at the ends, with fewer neighbours
        expected = np.zeros(n)
        expected[at + k] = 1.0
        assert at.size > 50
        assert np.isnan(got[: 2 * k]).all()
        assert np.array_equal(got[2 * k :], expected[2 * k :])


def test_pivot_points_have_price_and_weight(market) -> None:
    k, v = 3, 20
    b, n = market[0], len(market[1])
    out = compute(pivot_points(k, v), market)
    both = 0
    for t in range(k + max(k, v - 1), n):
        i = t - k
        others = [j for j in range(i - k, t + 1) if j != i]
        top = all(b["high"][i] > b["high"][j] for j in others)
        bottom = all(b["low"][i] < b["low"][j] for j in others)
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


def test_a_pivot_without_volume_weighs_as_a_turn_of_usual_volume() -> None:
    rows = [(10, 9, 0.0), (11, 10, 0.0), (13, 12, 0.0), (11, 10, 0.0), (10, 9, 0.0)]
    out = compute(pivot_points(2, 3), by_hand(rows))
    assert out["0"][4] == pytest.approx(np.log(13))
    assert out["1"][4] == 1.0


def naive_zigzag(high, low, threshold):
    """Rows: direction, extreme, five latest turning points, bars since the latest and since the extreme."""
    rows = []
    direction, extreme, extreme_at = 1, high[0], 0
    turns = [(low[0], 0)] * 5
    for t in range(len(high)):
        if t > 0:
            ahead, back = (high[t], low[t]) if direction == 1 else (low[t], high[t])
            if direction * (ahead - extreme) >= 0:
                extreme, extreme_at = ahead, t
            elif direction * (extreme - back) >= threshold[t]:
                turns.append((extreme, extreme_at))
                direction, extreme, extreme_at = -direction, back, t
        latest = turns[:-6:-1]
        rows.append([direction, extreme, *(price for price, _ in latest), t - turns[-1][1], t - extreme_at])
    return np.array(rows)


def test_zigzag_equals_the_loop(market) -> None:
    high, low = bar("high").log(), bar("low").log()
    threshold = 0.02 * bar("close") / bar("open")
    nodes = [Expr("zigzag", (high, low, threshold), {"output": output}) for output in range(9)]
    out = compute(nodes, market)
    b = market[0]
    expected = naive_zigzag(np.log(b["high"]), np.log(b["low"]), 0.02 * b["close"] / b["open"])
    assert (np.diff(expected[:, 0]) != 0).sum() > 50
    for output in range(9):
        np.testing.assert_allclose(out[str(output)], expected[:, output], rtol=1e-13, err_msg=str(output))


def test_zigzag_of_a_drawn_path() -> None:
    """Up to 20, down to 14, up to 25; a dip of 3 from 25 is less than the threshold of 5."""
    path = [10, 15, 20, 17, 14, 18, 25, 22]
    market = by_hand([(p, p, 1.0) for p in path])
    five = bar("close") - bar("close") + 5.0
    out = compute([Expr("zigzag", (bar("high"), bar("low"), five), {"output": o}) for o in range(9)], market)
    assert out["0"].tolist() == [1, 1, 1, 1, -1, -1, 1, 1]
    assert out["1"].tolist() == [10, 15, 20, 20, 14, 14, 25, 25]
    assert out["2"].tolist() == [10, 10, 10, 10, 20, 20, 14, 14]
    assert out["3"].tolist() == [10, 10, 10, 10, 10, 10, 20, 20]
    assert out["7"].tolist() == [0, 1, 2, 3, 2, 3, 2, 3]
    assert out["8"].tolist() == [0, 0, 0, 1, 0, 1, 0, 1]


def naive_zones(point, weight, price, p):
    """Zones as dictionaries whose strengths decay on every bar; the four outputs per bar."""
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
            out.append([np.nan] * 4)
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
        low = max(below, key=lambda z: z["centre"], default={"centre": price[t] - reach, "strength": 0.0})
        high = min(above, key=lambda z: z["centre"], default={"centre": price[t] + reach, "strength": 0.0})
        out.append([low["centre"], high["centre"], low["strength"], high["strength"]])
    return np.array(out)


@pytest.mark.parametrize(("width", "reach", "decay", "memory"), [(0.8, 12.0, 0.995, 24), (2.0, 4.0, 1.0, 5)])
def test_zones_equal_the_loop(market, width, reach, decay, memory) -> None:
    p = {"width": width, "reach": reach, "decay": decay, "alpha": 0.06, "seed": 20, "memory": memory}
    point, weight = pivot_points(3, 20)
    nodes = {str(o): Expr("zones", (point, weight, bar("close").log()), {**p, "output": o}) for o in range(4)}
    out = compute({**nodes, "point": point, "weight": weight}, market)
    start = int(np.argmax(np.isfinite(out["point"] + out["weight"])))
    price = np.log(market[0]["close"])[start:]
    expected = naive_zones(out["point"][start:], out["weight"][start:], price, p)
    assert (expected[20:, 2] == 0.0).any()
    assert (expected[20:, 2] > 3.0).any(), "else no zone is touched twice"
    for output in range(4):
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


def naive_profile(high, low, volume, window, bins, share):
    """Each bar: lay the grid where the rule says so, histogram the whole window from nothing."""
    rows, origin, step = [], 0.0, 0.0
    for t in range(len(high)):
        if t < window - 1:
            rows.append([np.nan] * 4)
            continue
        past = slice(t - window + 1, t + 1)
        if t % window == window - 1 or low[t] < origin or high[t] > origin + bins * step:
            span = high[past].max() - low[past].min()
            origin, step = low[past].min() - span / 4, 1.5 * span / bins
        edges = origin + step * np.arange(bins + 1)
        a, b, v = low[past, None], high[past, None], volume[past, None]
        overlap = np.clip(np.minimum(b, edges[1:]) - np.maximum(a, edges[:-1]), 0, None)
        inside = (a >= edges[:-1]) & (a < edges[1:])
        histogram = (v * np.where(b > a, overlap / np.where(b > a, b - a, 1.0), inside)).sum(0)
        poc = int(np.argmax(histogram))
        first = last = poc
        while histogram[first : last + 1].sum() < share * histogram.sum() * (1 - 1e-12):
            down = histogram[first - 1] if first > 0 else -1.0
            up = histogram[last + 1] if last + 1 < bins else -1.0
            first, last = (first, last + 1) if up >= down else (first - 1, last)
        middle = int(((high[t] + low[t]) / 2 - origin) / step)
        rows.append([edges[poc] + step / 2, edges[first], edges[last + 1], histogram[middle] / histogram[poc]])
    return np.array(rows)


@pytest.mark.parametrize(("window", "bins", "share"), [(100, 48, 0.7), (20, 11, 0.9)])
def test_profile_equals_the_loop(market, window, bins, share) -> None:
    p = LevelsParams(profile_bars=window, profile_bins=bins, value_share=share)
    out = compute(profile(p), market)
    b = market[0]
    expected = naive_profile(np.log(b["high"])[19:], np.log(b["low"])[19:], b["volume"][19:], window, bins, share)
    # the volume is known from bar 19 on, so the window begins there
    for i, values in enumerate(
        [np.exp(expected[:, 0]), np.exp(expected[:, 1]), np.exp(expected[:, 2]), expected[:, 3]]
    ):
        assert np.isnan(out[str(i)][: 19 + window - 1]).all()
        np.testing.assert_allclose(out[str(i)][19:], values, rtol=1e-8, equal_nan=True, err_msg=str(i))


def test_profile_of_four_bars_by_hand() -> None:
    """Range 10 to 18, so the grid is 6 to 22 in 1.5 * 8 / 12 = 1 a bin, from 8. Volumes a bin:

    (10, 14) 40: ten each in 10 to 14; (12, 14) 40: twenty each in 12 to 14; (13, 14) 5; (14, 18) 4: one each. The
    fullest bin is 13 to 14 with 35, of 89 in all; 70 % are 62.3: with 12 to 13 there are 65.
    """
    market = by_hand([(14, 10, 40), (14, 12, 40), (14, 13, 5), (18, 14, 4)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    parameters = {"window": 4, "bins": 12, "share": 0.7}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(4)], market)
    assert [out[str(o)][3] for o in range(3)] == pytest.approx([13.5, 12.0, 14.0])
    assert out["3"][3] == pytest.approx(1.0 / 35.0)  # the last bar's middle is 16


def test_of_two_equal_neighbours_the_value_area_takes_the_upper() -> None:
    """13 to 14 holds 36 of 58, its neighbours 8 each, 10 to 12 the rest; two bins hold 44, more than 0.7 * 58."""
    market = by_hand([(18, 10, 0), (14, 13, 36), (15, 14, 8), (13, 12, 8), (12, 10, 6)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    parameters = {"window": 5, "bins": 12, "share": 0.7}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(3)], market)
    assert [out[str(o)][4] for o in range(3)] == pytest.approx([13.5, 13.0, 15.0])


def test_volume_that_left_the_window_leaves_nothing() -> None:
    """Parts of a bar are not exact in binary, yet once it has left, a bar without volume there sees exactly none."""
    wide = [(16, 10, 1e6 / 3), (16, 10, 1.1e6), (16, 10, 0.7)]
    market = by_hand([*wide, *[(12, 10, 9)] * 5, (16, 15, 0)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    node = Expr("volume_profile", inputs, {"window": 5, "bins": 11, "share": 0.7, "output": 3})
    assert compute([node], market)["0"][8] == 0.0


def test_a_profile_without_volume_counts_time() -> None:
    bars, ts = handmade.random_bars(200, seed=3)
    p = LevelsParams(profile_bars=50)
    without = compute(profile(p), ({**bars, "volume": np.zeros(200)}, ts))
    ones = compute(profile(p), ({**bars, "volume": np.ones(200)}, ts))
    for name, values in ones.items():
        assert np.isfinite(values[69:]).all()
        np.testing.assert_array_equal(without[name], values)


def test_prior_range_is_of_the_bars_before(market) -> None:
    b, n = market[0], len(market[1])
    high, low, close = compute(prior_range(21), market).values()
    for t in range(21, n):
        assert high[t] == b["high"][t - 21 : t].max()
        assert low[t] == b["low"][t - 21 : t].min()
        assert close[t] == b["close"][t - 21]


@pytest.mark.parametrize(
    ("price", "spacing", "below", "above"),
    [
        (1234.5, 30.0, 1200.0, 1250.0),  # step 50
        (1234.5, 50.0, 1200.0, 1250.0),
        (1234.5, 50.1, 1200.0, 1300.0),  # step 100
        (1234.5, 1.3, 1234.0, 1236.0),  # step 2
        (0.3, 0.1, 0.3, 0.4),  # 0.3 / 0.1 is a hair below 3
        (0.000123, 0.000004, 0.00012, 0.000125),  # step 0.000005
        (65_432.0, 900.0, 65_000.0, 66_000.0),
        (100.0, 10.0, 100.0, 110.0),  # at the level itself
    ],
)
def test_round_numbers_by_hand(price, spacing, below, above) -> None:
    market = by_hand([(price, price, 1.0)] * 2)
    out = compute(round_numbers(bar("close") * (spacing / price)), market)
    assert [out["0"][1], out["1"][1]] == pytest.approx([below, above], rel=1e-12)


def test_round_numbers_enclose_the_price_on_a_round_grid(market) -> None:
    spacing = bar("high") - bar("low") + 0.01
    out = compute({"s": spacing, **dict(zip("ab", round_numbers(spacing), strict=True))}, market)
    for close, wanted, below, above in zip(market[0]["close"], out["s"], out["a"], out["b"], strict=True):
        step = min(m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5) if m * 10.0**e >= wanted * (1 - 1e-9))
        assert below == pytest.approx(floor(close / step + 1e-9) * step, rel=1e-12)
        assert above - below == pytest.approx(step, rel=1e-7)
        assert round(step / 10 ** floor(log10(step) + 1e-9)) in (1, 2, 5)


def test_fibonacci_levels_of_a_leg_by_hand() -> None:
    """A leg from 100 to 200: half of it back is 150, 61.8 % is 138.2; 1.618 times as long ends at 261.8; down too.

    The ratios are those of Frost and Prechter (1978), Elliott Wave Principle, chapter 4.
    """
    market = by_hand([(200, 100, 1.0), (200, 100, 1.0)])
    low, high = bar("low"), bar("high")
    up = compute(
        [retracement(low, high, r) for r in RETRACEMENTS] + [extension(low, high, r) for r in EXTENSIONS], market
    )
    assert [values[1] for values in up.values()] == pytest.approx([161.8, 150.0, 138.2, 227.2, 261.8, 361.8])
    down = compute([retracement(high, low, 0.382), extension(high, low, 1.272)], market)
    assert [values[1] for values in down.values()] == pytest.approx([138.2, 72.8])


def test_every_feature_from_levels_and_unit_again(market) -> None:
    """The family's distances are clip((level / close - 1) / (sigma sqrt(H)), ±cap), from its own auxiliary levels."""
    out = compute(expressions(PARAMS, UNIT), market)
    b, n = market[0], len(market[1])
    returns = np.diff(np.log(b["close"]), prepend=np.nan)
    variance = np.full(n, np.nan)
    variance[20] = (returns[1:21] ** 2).mean()
    for t in range(21, n):
        variance[t] = 0.94 * variance[t - 1] + 0.06 * returns[t] ** 2
    one = np.sqrt(variance * PARAMS.horizon_bars)

    def distance(level):
        return np.clip((level / b["close"] - 1) / one, -PARAMS.cap_units, PARAMS.cap_units)

    origin, extreme = out["swing_origin"], out["swing_extreme"]
    expected = {f"{name}_distance": distance(out[name]) for name in AUXILIARY if not name.startswith("swing")}
    expected |= {f"retracement_{r * 1000:.0f}": distance(extreme - r * (extreme - origin)) for r in RETRACEMENTS}
    expected |= {f"extension_{r * 1000:.0f}": distance(origin + r * (extreme - origin)) for r in EXTENSIONS}
    expected["prior_close_5"] = distance(np.roll(b["close"], 5))
    expected["swing_size"] = np.log1p(np.abs(np.log(extreme / origin)) / one)
    expected["swing_retraced"] = (extreme - b["close"]) / (extreme - origin)
    for name, values in expected.items():
        ready = np.isfinite(out[name])
        assert ready.sum() > n - 125, name
        np.testing.assert_allclose(out[name][ready], values[ready], rtol=1e-7, atol=1e-9, err_msg=name)


def test_features_are_finite_bounded_and_on_their_side(market) -> None:
    outputs = expressions(PARAMS, UNIT)
    graph = Graph(to_data(outputs, [], DAY))
    out = graph.run(*market)
    assert max(graph.warm_up.values()) <= 160  # split.warmup_bars of params.yaml
    for name, values in out.items():
        after = values[graph.warm_up[name] :]
        assert np.isfinite(after).all(), name
        assert name in AUXILIARY or np.abs(after).max() < 12, name
    close = market[0]["close"]
    ready = slice(max(graph.warm_up.values()), None)
    assert (out["zone_below"][ready] <= close[ready] * (1 + 1e-12)).all()
    assert (out["zone_above"][ready] >= close[ready] * (1 - 1e-12)).all()
    assert (out["value_low"][ready] < out["poc"][ready]).all()
    assert (out["value_high"][ready] > out["poc"][ready]).all()


def test_a_market_that_stood_still_has_levels_again_once_it_moves() -> None:
    """Constant prices have no unit, so distances are missing; nothing of that stays in the state."""
    rng = np.random.default_rng(2)
    close = np.concatenate([np.full(150, 50.0), 50.0 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))])
    bars = {"open": close, "high": close, "low": close, "close": close, "volume": np.ones(450)}
    out = compute(expressions(PARAMS, UNIT), (bars, np.arange(450, dtype=np.int64) * DAY))
    assert np.isnan(out["poc_distance"][140])
    for name, values in out.items():
        assert np.isfinite(values[155:]).all(), name


@pytest.mark.parametrize(
    ("field", "value"),
    [("zone_count", 0), ("value_share", 1.5), ("prior_bars", (5, 0)), ("zone_half_life_bars", 0.5), ("cap_units", 0.0)],
)
def test_parameters_are_checked(field, value) -> None:
    with pytest.raises(ValueError, match=rf"features\.levels\.{field}: must be"):
        LevelsParams(**{field: value})
