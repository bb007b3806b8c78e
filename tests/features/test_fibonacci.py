"""Fibonacci levels of swings by hand and against a slow loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from features import bar
from features.fibonacci import EXTENSIONS, RETRACEMENTS, cluster, extension, retracement, time_point
from features.swings import legs
from handmade_bars import by_hand, compute, naive_zigzag


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


def levels_of(points) -> list[float]:
    """Of the legs between five turning points, the latest first; a leg of no length has none."""
    out = []
    for end, start in pairwise(points):
        if end != start:
            out += [end - r * (end - start) for r in RETRACEMENTS] + [start + r * (end - start) for r in EXTENSIONS]
    return out


@pytest.mark.parametrize(("tolerance", "reach"), [(0.1, 4.0), (0.4, 1.0)])
def test_clusters_equal_the_loop(market, tolerance, reach) -> None:
    inputs = legs(0.02 * bar("close") / bar("open"))
    out = compute(cluster(inputs, tolerance, reach), market)
    b = market[0]
    least = 0.02 * b["close"] / b["open"]
    zigzag = naive_zigzag(np.log(b["high"]), np.log(b["low"]), least)
    one, most_seen, none_ahead = least[0], 0.0, 0
    for t, row in enumerate(zigzag):
        if t > 0 and row[0] != zigzag[t - 1, 0]:
            one = least[t]  # of the bar that laid the levels
        way, price, levels = row[0], np.exp(row[1]), levels_of(np.exp(row[2:7]))
        here = sum(abs(level - price) <= tolerance * one * price for level in levels) / 24
        ahead = sorted((lv for lv in levels if 0 < way * (lv - price) <= reach * one * price), key=lambda lv: way * lv)
        counts = [sum(abs(a - lv) <= tolerance * one * lv for a in levels) for lv in ahead]
        best = int(np.argmax(counts)) if ahead else -1
        expected = [here, ahead[best], counts[best] / 24] if ahead else [here, price + way * reach * one * price, 0.0]
        assert [out[k][t] for k in "012"] == pytest.approx(expected, rel=1e-9), t
        most_seen, none_ahead = max(most_seen, expected[2]), none_ahead + (not ahead)
    assert most_seen >= 4 / 24
    assert none_ahead > 0


def test_a_cluster_by_hand() -> None:
    """Legs 100 to 200 to 150: 1.272 of the first is 227.2, 1.618 of it 261.8, and of the second, upwards 38.2 % back
    from 150 is 169.1, half 175, 61.8 % 180.9. With a tolerance of 1.75 % of the price, 175 has two neighbours at
    most 5.9 away only if 0.0175 × 175 = 3.06 reached: it does not; with 3.5 %, 6.1, it does, and so it is the cluster.
    """
    path = [100, 150, 200, 175, 150, 153]
    market = by_hand([(p, p, 1.0) for p in path])
    one = legs(bar("close") - bar("close") + 0.01)
    wide, narrow = (compute(cluster(one, tolerance, 40.0), market) for tolerance in (3.5, 1.75))
    assert [wide[k][5] for k in "12"] == pytest.approx([175.0, 3 / 24])
    assert [narrow[k][5] for k in "12"] == pytest.approx([161.8, 1 / 24])


def test_time_points_equal_the_loop(market) -> None:
    tolerance = 0.2
    out = compute([time_point(legs(0.02 * bar("close") / bar("open")), tolerance)], market)["0"]
    b = market[0]
    zigzag = naive_zigzag(np.log(b["high"]), np.log(b["low"]), 0.02 * b["close"] / b["open"])
    turns = [0]  # bars of the turning points
    for t, row in enumerate(zigzag):
        if t > 0 and row[0] != zigzag[t - 1, 0]:
            turns.append(t - int(row[7]))
        lengths = [n for n in np.diff(turns)[-2:] if n > 0]
        off = [abs((t - turns[-1]) / n / ratio - 1) for n in lengths for ratio in (0.618, 1.0, 1.618)]
        assert out[t] == pytest.approx(max(0.0, 1 - min(off, default=1.0) / tolerance), abs=1e-12), t
    assert (out == 1.0).sum() > 20
    assert (out == 0.0).sum() > 20


def test_a_leg_as_long_as_the_last_is_at_its_time_point() -> None:
    """Ten bars up, then down: after 6 bars 0.618 is near (6.18), after 10 the ratio 1 is met."""
    path = [100.0 + 2 * i for i in range(11)] + [120.0 - i for i in range(1, 13)]
    out = compute([time_point(legs(bar("close") - bar("close") + 0.005), 0.1)], by_hand([(p, p, 1.0) for p in path]))[
        "0"
    ]
    assert out[20] == 1.0
    assert out[16] == pytest.approx(1 - (1 - 6 / 6.18) / 0.1)
    assert out[18] == 0.0
