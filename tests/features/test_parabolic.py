"""Parabolic SAR against TA-Lib, by hand, and as feature and level."""

from __future__ import annotations

import numpy as np
import pytest
import talib

import handmade_export as handmade
from features.expression import bar
from features.graph import to_data
from features.levels import LevelsParams, expressions, unit
from features.swings import parabolic_sar
from features.volatility import VolatilityParams
from inference import Graph

DAY = 86_400_000_000


def run(bars, step: float, most: float) -> list[np.ndarray]:
    outputs = {str(i): parabolic_sar(step, most, i) for i in range(3)}
    ts = np.arange(len(bars["close"]), dtype=np.int64) * DAY
    return list(Graph(to_data(outputs, [], DAY)).run(bars, ts).values())


@pytest.mark.parametrize(("step", "most"), [(0.02, 0.2), (0.05, 0.1), (0.3, 0.1), (0.0, 0.2), (1.0, 1.0)])
def test_the_stop_is_talibs(market, step, most) -> None:
    bars = market[0]
    for first in (0, 1, 5, 77):  # the first trend is down in some, up in others
        part = {name: np.ascontiguousarray(values[first:]) for name, values in bars.items()}
        stop, side, ahead = run(part, step, most)
        theirs = talib.SAR(part["high"], part["low"], step, most)
        assert np.isnan(stop[0])
        assert np.isnan(side[0])
        assert np.isnan(ahead[0])
        np.testing.assert_allclose(stop[1:], theirs[1:], rtol=1e-10)
        assert set(side[1:]) == {1.0, -1.0}
        # what is told for the next bar is its stop, unless the bar turned the trend
        held = side[2:] == side[1:-1]
        np.testing.assert_array_equal(ahead[1:-1][held], stop[2:][held])
        assert ((ahead <= part["low"]) | (side < 0))[1:].all()
        assert ((ahead >= part["high"]) | (side > 0))[1:].all()


def test_a_trend_and_its_turn_by_hand() -> None:
    """From 10 upward: the speed grows with each new high; a low through the stop turns it to the highest high."""
    high = np.array([11.0, 12.0, 13.0, 14.0, 11.0])
    low = np.array([10.0, 11.0, 12.0, 13.0, 9.0])
    bars = {"open": high, "high": high, "low": low, "close": low, "volume": high}
    stop, side, ahead = run(bars, 0.1, 0.2)
    a = 10.0
    b = min(a + 0.1 * 2.0, 11.0)  # no further than the lows of the trend's last two bars
    c = min(b + 0.2 * (13.0 - b), 11.0)
    d = min(c + 0.2 * (14.0 - c), 12.0)
    np.testing.assert_allclose(stop[1:], [a, b, c, 14.0])
    np.testing.assert_allclose(ahead[1:4], [b, c, d])
    assert side[1:].tolist() == [1.0, 1.0, 1.0, -1.0]
    assert ahead[4] == max(14.0 + 0.1 * (9.0 - 14.0), 14.0)


def test_the_feature_is_the_distance_of_the_next_stop(market) -> None:
    bars, ts = market
    p, v = LevelsParams(), VolatilityParams()
    outputs = {"sar_distance": expressions(p, v)["sar_distance"], "unit": unit(p, v) * bar("close")}
    out = Graph(to_data(outputs | {"next": parabolic_sar(0.02, 0.2, 2)}, [], DAY)).run(bars, ts)
    expected = np.clip((out["next"] - bars["close"]) / out["unit"], -4.0, 4.0)
    np.testing.assert_allclose(out["sar_distance"], expected, rtol=1e-9)
    assert (expected[30:] > 0).any()
    assert (expected[30:] < 0).any()


def test_a_bad_parameter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"parabolic_sar\.most: must be a number in \[0, 1\], was 2"):
        parabolic_sar(0.02, 2.0, 0)
    with pytest.raises(ValueError, match=r"features\.levels\.sar_step: must be a number in"):
        LevelsParams(sar_step=0.0)
    assert handmade.DAY == DAY
