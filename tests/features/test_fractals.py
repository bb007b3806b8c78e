"""Fractals and cycles against TA-Lib, plain loops, and paths whose exponent or period is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import talib
from arch.data import nasdaq, sp500

from features import bar
from features.expression import Expr
from features.fractals import HURST_SCALES, cycle, fractal_dimension, hurst
from features.graph import to_data
from features.timeframes import TimeframesParams
from inference import Graph

DAY = 86_400_000_000


@pytest.fixture(scope="module", params=[sp500, nasdaq], ids=["SPX", "NASDAQ"])
def real(request) -> dict[str, np.ndarray]:
    frame = request.param.load()
    return {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}


def compute(bars: dict[str, np.ndarray], **outputs: Expr) -> dict[str, np.ndarray]:
    ts = np.arange(len(bars["close"]), dtype=np.int64) * DAY
    return Graph(to_data(outputs, list(outputs), DAY)).run(bars, ts)


def closes(close: np.ndarray) -> dict[str, np.ndarray]:
    return {**dict.fromkeys(("open", "high", "low", "close"), close), "volume": np.ones_like(close)}


def parts(price: Expr) -> dict[str, Expr]:
    return {name: Expr("dominant_cycle", (price,), {"output": i}) for i, name in enumerate(("period", "i", "q"))}


def test_the_dominant_cycle_equals_talib(real) -> None:
    ours = compute(real, **parts(bar("close")))
    in_phase, quadrature = talib.HT_PHASOR(real["close"])
    for name, theirs in (("period", talib.HT_DCPERIOD(real["close"])), ("i", in_phase), ("q", quadrature)):
        assert np.array_equal(np.isnan(ours[name]), np.isnan(theirs)), name
        scale = np.nanmax(np.abs(theirs))
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-10, atol=1e-10 * scale, err_msg=name)


def test_cycles_of_any_length_equal_talib() -> None:
    """Noise upon waves of 6 to 40 bars, so that the period is now at its least, now at its most."""
    t = np.arange(6000)
    turns = np.cumsum(1.0 / (23.0 + 17.0 * np.sin(t / 300.0)))
    price = 100.0 + 5.0 * np.sin(2.0 * np.pi * turns) + np.random.default_rng(4).normal(size=len(t))
    ours, theirs = compute(closes(price), **parts(bar("close")))["period"], talib.HT_DCPERIOD(price)
    assert np.nanmin(theirs) < 8.0
    assert np.nanmax(theirs) > 35.0
    np.testing.assert_allclose(ours, theirs, rtol=1e-11, err_msg="period")


@pytest.mark.parametrize("period", [10, 20, 35])
def test_a_sine_has_its_period_and_phase(period) -> None:
    t = np.arange(600)
    wave, noise = np.sin(2 * np.pi * t / period), np.random.default_rng(0).normal(size=600)
    out = compute(
        closes(100 * np.exp(0.02 * wave + 0.0005 * noise)), **dict(zip("psc", cycle(bar("close")), strict=True))
    )
    assert 50 * np.median(out["p"][200:]) == pytest.approx(period, rel=0.08)
    np.testing.assert_allclose((out["s"] ** 2 + out["c"] ** 2)[40:], 1.0, rtol=1e-12)
    turns = np.diff(np.unwrap(np.arctan2(out["s"], out["c"])[200:]))
    assert np.mean(turns) * period == pytest.approx(2 * np.pi, rel=0.02), "once around per period"


def test_the_cycle_forgets_the_wildest_input() -> None:
    rng = np.random.default_rng(2)
    steps = rng.normal(size=3000)
    wild = compute(closes(np.exp(0.01 * steps)), **parts(bar("close")))
    price = (bar("close") - 1.0) * 1e300
    extreme = compute(closes(np.concatenate([[2.0, 1.0, 3.0], np.ones(2997)])), **parts(price))
    assert all(np.isfinite(values[32:]).all() for values in (*wild.values(), *extreme.values()))


def test_hurst_equals_a_regression_of_numpy(real) -> None:
    ours = compute(real, h=hurst(60))["h"]
    price = pd.Series(np.log(real["close"]))
    stds = np.column_stack([price.diff(k).rolling(60).std() for k in HURST_SCALES])
    first = 60 + HURST_SCALES[-1] - 1
    assert np.isnan(ours[:first]).all()
    slopes = np.polyfit(np.log(HURST_SCALES), np.log(stds[first:]).T, 1)[0]
    np.testing.assert_allclose(ours[first:], np.clip(slopes, 0, 1), rtol=1e-6, atol=1e-9)


def test_hurst_tells_trending_from_reverting_paths() -> None:
    noise = np.random.default_rng(5).normal(size=20_000)

    def median(phi: float) -> float:
        steps = np.zeros_like(noise)
        for i in range(1, len(noise)):
            steps[i] = phi * steps[i - 1] + noise[i]
        return float(np.nanmedian(compute(closes(np.exp(1e-4 * np.cumsum(steps))), h=hurst(400))["h"]))

    assert median(0.0) == pytest.approx(0.5, abs=0.02)
    assert median(0.6) > 0.6
    assert median(-0.6) < 0.4


def test_the_fractal_dimension_equals_a_slow_loop(real) -> None:
    n = 20
    ours = compute(real, d=fractal_dimension(n))["d"]
    high, low = real["high"], real["low"]
    assert np.isnan(ours[: n - 1]).all()
    for t in range(n - 1, 600):
        first, second = slice(t - n + 1, t - n // 2 + 1), slice(t - n // 2 + 1, t + 1)
        n1, n2 = ((high[s].max() - low[s].min()) / (n / 2) for s in (first, second))
        n3 = (high[t - n + 1 : t + 1].max() - low[t - n + 1 : t + 1].min()) / n
        expected = (np.log(n1 + n2) - np.log(n3)) / np.log(2)
        assert ours[t] == pytest.approx(np.clip(expected, 1, 2), abs=1e-10), t


def test_known_paths_have_their_dimension() -> None:
    line = compute(closes(100.0 + np.arange(60)), d=fractal_dimension(20))["d"]
    assert line[-1] == 1.0
    zigzag = compute(closes(100.0 + np.arange(60) % 2), d=fractal_dimension(20))["d"]
    assert zigzag[-1] == 2.0


def test_a_standstill_is_a_walk_of_its_own() -> None:
    still = closes(np.full(200, 7.0))
    period, sine, cosine = cycle(bar("close"))
    out = compute(still, h=hurst(30), d=fractal_dimension(20), p=period, s=sine, c=cosine)
    assert out["h"][-1] == pytest.approx(0.5)
    assert out["d"][-1] == pytest.approx(1.5)
    assert all(np.isfinite(values[60:]).all() for values in out.values())


def test_an_odd_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dimension_bars: must be even, was 31"):
        TimeframesParams(dimension_bars=31)
