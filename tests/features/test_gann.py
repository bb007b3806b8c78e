"""Gann's square of nine and angles by hand and against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from features import bar
from features.gann import ANGLES, angle, square_of_nine
from features.swings import legs
from handmade_bars import by_hand, compute, naive_zigzag


@pytest.mark.parametrize(
    ("price", "spacing", "below", "above"),
    [
        (50.0, 5.0, 49.0, 56.25),  # 49 closes a ring of the square; 7.5² = 56.25
        (25.0, 5.0, 25.0, 30.25),  # at the level itself: root 5, and neighbours 5 apart are wide enough
        (25.0, 5.1, 22.5, 40.0),  # too near: read as 2.5, 1.5² and 2² times 10
        (4830.0, 60.0, 4761.0, 4830.25),  # roots 69 and 69.5
        (0.5, 0.05, 0.49, 0.5625),
        (4.225, 0.585, 4.225, 4.9),  # a hair below in binary
        (1.6, 0.4, 1.6, 2.025),  # neighbours a hair less than 0.4 apart
        (65_432.0, 250.0, 65_280.25, 65_536.0),
    ],
)
def test_square_of_nine_by_hand(price, spacing, below, above) -> None:
    """Quarter turns of the square of nine: the root grows by 1/2; 49 and 64 stand on its diagonal."""
    out = compute(square_of_nine(bar("close") * (spacing / price)), by_hand([(price, price, 1.0)] * 2))
    assert [out["0"][1], out["1"][1]] == pytest.approx([below, above], rel=1e-12)


def test_square_levels_enclose_the_price_and_keep_their_distance(market) -> None:
    spacing = bar("high") - bar("low") + 0.01
    out = compute({"s": spacing, **dict(zip("ab", square_of_nine(spacing), strict=True))}, market)
    close = market[0]["close"]
    assert (out["a"] <= close * (1 + 1e-9)).all()
    assert (out["b"] > close * (1 - 1e-9)).all()
    # between levels with roots r and r + 1/2 (in units u) lie (r + 1/4) u, of a price between: root(price u) at most
    gap, root = out["b"] - out["a"], np.sqrt(out["b"]) - np.sqrt(out["a"])
    scale = (2 * root) ** 2
    np.testing.assert_allclose(scale, 10.0 ** np.round(np.log10(scale)), rtol=1e-6)
    np.testing.assert_allclose(2 * np.sqrt(out["a"] / scale), np.round(2 * np.sqrt(out["a"] / scale)), atol=1e-6)
    wide = np.sqrt(close * scale)
    assert (wide >= out["s"] * (1 - 1e-9)).all()
    assert (wide < out["s"] * np.sqrt(10) * (1 + 1e-9)).all()
    assert (np.abs(gap - wide) <= 0.3 * scale).all()


def test_angles_are_straight_lines_from_the_origin(market) -> None:
    """In logs: origin + direction × steepness × slope × bars, with the slope of the bar that confirmed the origin."""
    per_bar = 0.001 * bar("high") / bar("low")
    inputs = legs(0.02 * bar("close") / bar("open"))
    out = compute({name: angle(inputs, per_bar, k) for name, k in ANGLES.items()}, market)
    b = market[0]
    zigzag = naive_zigzag(np.log(b["high"]), np.log(b["low"]), 0.02 * b["close"] / b["open"])
    slope = 0.001 * b["high"] / b["low"]
    held = None
    for t in range(1, len(zigzag)):
        if zigzag[t, 0] != zigzag[t - 1, 0]:
            held = slope[t]
        for name, k in ANGLES.items():
            line = zigzag[t, 2] + zigzag[t, 0] * k * (slope[t] if held is None else held) * zigzag[t, 7]
            assert out[name][t] == pytest.approx(np.exp(line), rel=1e-10)
