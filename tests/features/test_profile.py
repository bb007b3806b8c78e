"""The volume profile against a histogram counted afresh on each bar, and cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

import handmade_export as handmade
from features import Expr, bar
from features.profile import profile
from handmade_bars import by_hand, compute


def naive_node(histogram, middle, reach, sign, side):
    """Place in bins of the nearest bin on that side that is the first extreme of its neighbourhood."""
    heights = sign * np.round(histogram / histogram.max(), 9)
    (traded,) = np.nonzero(heights)
    first, last = traded[0], traded[-1]
    nodes = []
    for i in range(first + (sign < 0), last + (sign > 0)):
        start = max(first, i - reach)
        if start + np.argmax(heights[start : min(last, i + reach) + 1]) == i:
            nodes.append(i)
    if side > 0:
        return min((i + 0.5 for i in nodes if i > middle), default=last + 1)
    return max((i + 0.5 for i in nodes if i < middle), default=first)


def naive_profile(high, low, volume, window, bins, share, reach):
    """Each bar: lay the grid where the rule says so, histogram the whole window from nothing."""
    rows, origin, step = [], 0.0, 0.0
    for t in range(len(high)):
        if t < window - 1:
            rows.append([np.nan] * 8)
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
        area = [edges[poc] + step / 2, edges[first], edges[last + 1], histogram[middle] / histogram[poc]]
        nodes = [naive_node(histogram, middle, reach, sign, side) for sign in (1, -1) for side in (-1, 1)]
        rows.append(area + [origin + step * place for place in nodes])
    return np.array(rows)


@pytest.mark.parametrize(
    ("window", "bins", "share", "node"), [(100, 48, 0.7, 2), (20, 11, 0.9, 1), (60, 96, 0.7, 5), (100, 96, 0.7, 70)]
)
def test_profile_equals_the_loop(market, window, bins, share, node) -> None:
    out = compute(profile(window, bins, share, node)._asdict(), market)
    b = market[0]
    # the volume is known from bar 19 on, so the window begins there
    high, low = np.log(b["high"])[19:], np.log(b["low"])[19:]
    expected = naive_profile(high, low, b["volume"][19:], window, bins, share, node)
    for i, (name, values) in enumerate(out.items()):
        wanted = expected[:, i] if name == "density" else np.exp(expected[:, i])
        assert np.isnan(values[: 19 + window - 1]).all()
        np.testing.assert_allclose(values[19:], wanted, rtol=1e-8, equal_nan=True, err_msg=name)


def test_profile_of_four_bars_by_hand() -> None:
    """Range 10 to 18, so the grid is 6 to 22 in 1.5 * 8 / 12 = 1 a bin, from 8. Volumes a bin:

    (10, 14) 40: ten each in 10 to 14; (12, 14) 40: twenty each in 12 to 14; (13, 14) 5; (14, 18) 4: one each. The
    fullest bin is 13 to 14 with 35, of 89 in all; 70 % are 62.3: with 12 to 13 there are 65.
    """
    market = by_hand([(14, 10, 40), (14, 12, 40), (14, 13, 5), (18, 14, 4)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    parameters = {"window": 4, "bins": 12, "share": 0.7, "node": 1}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(4)], market)
    assert [out[str(o)][3] for o in range(3)] == pytest.approx([13.5, 12.0, 14.0])
    assert out["3"][3] == pytest.approx(1.0 / 35.0)  # the last bar's middle is 16


def test_of_two_equal_neighbours_the_value_area_takes_the_upper() -> None:
    """13 to 14 holds 36 of 58, its neighbours 8 each, 10 to 12 the rest; two bins hold 44, more than 0.7 * 58."""
    market = by_hand([(18, 10, 0), (14, 13, 36), (15, 14, 8), (13, 12, 8), (12, 10, 6)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    parameters = {"window": 5, "bins": 12, "share": 0.7, "node": 1}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(3)], market)
    assert [out[str(o)][4] for o in range(3)] == pytest.approx([13.5, 13.0, 15.0])


def test_volume_that_left_the_window_leaves_nothing() -> None:
    """Parts of a bar are not exact in binary, yet once it has left, a bar without volume there sees exactly none."""
    wide = [(16, 10, 1e6 / 3), (16, 10, 1.1e6), (16, 10, 0.7)]
    market = by_hand([*wide, *[(12, 10, 9)] * 5, (16, 15, 0)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    node = Expr("volume_profile", inputs, {"window": 5, "bins": 11, "share": 0.7, "node": 1, "output": 3})
    assert compute([node], market)["0"][8] == 0.0


def test_a_profile_without_volume_counts_time() -> None:
    bars, ts = handmade.random_bars(200, seed=3)
    without = compute(profile(50, 48, 0.7, 2)._asdict(), ({**bars, "volume": np.zeros(200)}, ts))
    ones = compute(profile(50, 48, 0.7, 2)._asdict(), ({**bars, "volume": np.ones(200)}, ts))
    for name, values in ones.items():
        assert np.isfinite(values[69:]).all()
        np.testing.assert_array_equal(without[name], values)


def test_nodes_of_six_bars_by_hand() -> None:
    """Bins of 1 from 10 to 18 hold 2 6 6 1 0 3 5 4 and the last bar, at 14.5 without volume, stands in the gap.

    Fuller than their neighbours: 11 to 12 (of two equal ones the lower) and 16 to 17; emptier: 14 to 15 alone, where
    the bar stands, so that on either side only the ends of what traded are left for the low nodes.
    """
    volumes = [2, 6, 6, 1, 0, 3, 5, 4]
    market = by_hand([(11 + i, 10 + i, v) for i, v in enumerate(volumes)] + [(14.75, 14.25, 0)])
    inputs = (bar("high"), bar("low"), bar("volume"))
    parameters = {"window": 9, "bins": 12, "share": 0.7, "node": 1}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(4, 8)], market)
    assert [values[8] for values in out.values()] == pytest.approx([11.5, 16.5, 10.0, 18.0])
    for column in ("open", "high", "low", "close"):
        market[0][column][8] = 12.5
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(4, 8)], market)
    assert [values[8] for values in out.values()] == pytest.approx([11.5, 16.5, 10.0, 14.5])


def test_volume_beyond_all_numbers_has_a_value_area_of_one_bin() -> None:
    """Eight bins of a sum that no number holds: none of it can be reached, and the search ends where it began."""
    market = by_hand([(18, 10, 1.7e8)] * 9)
    inputs = (bar("high"), bar("low"), bar("volume") * 1e300)
    parameters = {"window": 5, "bins": 12, "share": 0.7, "node": 1}
    out = compute([Expr("volume_profile", inputs, {**parameters, "output": o}) for o in range(3)], market)
    for poc, low, high in zip(*(out[str(o)][4:] for o in range(3)), strict=True):
        assert (low, high) == pytest.approx((poc - 0.5, poc + 0.5))
