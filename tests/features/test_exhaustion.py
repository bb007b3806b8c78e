"""Exhaustion against TA-Lib, SciPy, statsmodels, the papers' formulas in NumPy, slow loops and small cases by hand."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from arch.data import sp500
from scipy.signal import argrelextrema
from scipy.stats import rankdata
from statsmodels.sandbox.stats.runs import runstest_1samp

import handmade_export as handmade
from features import bar
from features.divergence import (
    bars_since,
    divergences,
    fading,
    on_balance_flow,
    on_balance_volume,
    pivot_high,
    pivot_low,
    value_when,
)
from features.exhaustion import (
    ExhaustionParams,
    aroon,
    efficiency,
    expressions,
    macd,
    rsi,
    run,
    run_move,
    runs_score,
    squeeze,
    wicks,
)
from features.expression import Expr
from features.graph import to_data
from features.volatility import VolatilityParams, ewma_sigma
from inference import Graph

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def real() -> dict[str, np.ndarray]:
    """5,031 real daily bars of the S&P 500."""
    frame = sp500.load()
    return {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}


def compute(expr: Expr, bars: dict[str, np.ndarray]) -> np.ndarray:
    ts = np.arange(len(bars["close"]), dtype=np.int64) * DAY
    return Graph(to_data({"out": expr}, ["out"], DAY)).run(bars, ts)["out"]


def same(ours: np.ndarray, theirs: np.ndarray, rtol: float = 1e-10, atol: float = 0.0) -> None:
    """Equal where theirs is known, and missing where it is not."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)


def made(low: list[float], high: list[float], volume: list[float]) -> dict[str, np.ndarray]:
    """Bars by hand; the volume serves as an oscillator whose values one can choose."""
    middle = (np.array(low) + np.array(high)) / 2
    return {
        "open": middle,
        "high": np.array(high, float),
        "low": np.array(low, float),
        "close": middle,
        "volume": np.array(volume, float),
    }


# pivots and divergences


@pytest.mark.parametrize("k", [1, 2, 5])
def test_pivots_are_scipys_extrema_k_bars_later(k) -> None:
    bars, _ = handmade.random_bars(600, seed=4)  # no ties
    for ours, values, better in (
        (pivot_high(k), bars["high"], np.greater),
        (pivot_low(k), bars["low"], np.less),
    ):
        extrema = argrelextrema(values, better, order=k)[0]
        inside = extrema[(extrema >= k) & (extrema < 600 - k)]  # scipy shortens the window at the edges
        assert len(inside) > 20
        assert np.array_equal(np.flatnonzero(np.nan_to_num(compute(ours, bars))), inside + k)


def test_of_equal_highs_the_last_is_the_pivot() -> None:
    high = [1, 2, 5, 5, 3, 2, 4, 4, 4, 4, 1, 1, 1.0]
    bars = made([0.5] * 13, high, [1] * 13)
    # bar 3 (5, after an equal one) is known at bar 5; bar 9 ends a plateau longer than 2 bars and is known at 11
    assert np.flatnonzero(np.nan_to_num(compute(pivot_high(2), bars))).tolist() == [5, 11]


# One pivot at bar 2 and one at bar 7, each known a bar later (k = 1). TradingView's "Divergence Indicator" defines:
# bullish: price lower low, oscillator higher low; hidden bullish: price higher low, oscillator lower low; bearish
# likewise with highs. (first price, second price, first oscillator, second oscillator) -> regular, hidden
CASES = [
    ((50, 49, 30, 35), (1, 0)),
    ((50, 51, 30, 25), (0, 1)),
    ((50, 49, 30, 25), (0, 0)),
    ((50, 51, 30, 35), (0, 0)),
    ((50, 50, 30, 35), (0, 0)),
    ((50, 49, 30, 30), (0, 0)),
]


@pytest.mark.parametrize(("swings", "expected"), CASES)
@pytest.mark.parametrize("side", [1, -1])
def test_each_kind_of_divergence_by_hand(swings, expected, side) -> None:
    first, second, osc_first, osc_second = swings
    path = [60, 55, first, 55, 58, 59, 55, second, 55, 60]
    osc = [50, 40, osc_first, 45, 60, 60, 45, osc_second, 45, 50]
    flat = [80.0] * 10  # of the other kind there is no pivot
    mirrored = [40.0] * 10, [120 - x for x in path], [100 - x for x in osc]
    bars = made(path, flat, osc) if side > 0 else made(*mirrored)
    for events, sign in zip(divergences(bar("volume"), 1, 60), expected, strict=True):
        out = compute(events, bars)
        wanted = np.zeros(10)
        wanted[8] = side * sign  # at the bar that confirms the second pivot, and at no other
        assert np.isnan(out[:3]).all()
        assert np.array_equal(out[3:], wanted[3:])
    # pivots 5 bars apart are compared within a span of 5, not of 4
    regular, hidden = divergences(bar("volume"), 1, 5)
    assert (compute(regular, bars)[8], compute(hidden, bars)[8]) == tuple(side * x for x in expected)
    regular, hidden = divergences(bar("volume"), 1, 4)
    assert (compute(regular, bars)[8], compute(hidden, bars)[8]) == (0, 0)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", ["rsi", "macd", "obv"])
def test_divergences_equal_a_slow_loop_over_talibs_oscillators(real, name, k) -> None:
    span, n = 60, len(real["close"])
    if name == "rsi":
        ours, theirs = rsi(14), talib.RSI(real["close"], 14)
    elif name == "obv":
        ours, theirs = on_balance_volume(), talib.OBV(real["close"], real["volume"])
    else:
        ours = macd(12, 26, 9)[0]
        theirs = talib.EMA(real["close"], 12) - talib.EMA(real["close"], 26)
    regular, hidden = np.zeros(n), np.zeros(n)
    for side, price in ((1, real["low"]), (-1, -real["high"])):
        pivots: list[int] = []
        for t in range(2 * k, n):
            m = t - k
            if not (price[m] <= price[m - k : m]).all() or not (price[m] < price[m + 1 : t + 1]).all():
                continue
            if pivots and m - pivots[-1] <= span:
                rise, swing = price[m] - price[pivots[-1]], side * (theirs[m] - theirs[pivots[-1]])
                regular[t] += side * (rise < 0 and swing > 0)
                hidden[t] += side * (rise > 0 and swing < 0)
            pivots.append(m)
    found = divergences(ours, k, span)
    for events, slow in zip(found, (regular, hidden), strict=True):
        out = compute(events, real)
        ready = max(np.isfinite(theirs).argmax() + k, 2 * k + 1)
        assert np.isnan(out[:ready]).all()
        assert np.array_equal(out[ready:], slow[ready:])
        assert min((slow > 0).sum(), (slow < 0).sum()) > 20
        faded = compute(fading(events, 5.0), real)
        level, sums = 0.0, []
        for x in out[ready:]:
            level = level * 2 ** (-1 / 5) + x
            sums.append(level)
        np.testing.assert_allclose(faded[ready:], sums, atol=1e-12)


def test_an_event_on_the_first_bar_weighs_no_more_than_others(real) -> None:
    faded = compute(fading(bar("close") > 0.0, 5.0), {name: values[:3] for name, values in real.items()})
    decay = 2 ** (-1 / 5)
    np.testing.assert_allclose(faded, [1, 1 + decay, 1 + decay + decay**2], rtol=1e-12)


def test_bars_since_and_value_when_equal_numpy(real) -> None:
    close, volume = real["close"], real["volume"]
    event = np.concatenate([[0], np.diff(close) > 15]).astype(float)
    when = np.flatnonzero(event)
    assert 50 < len(when) < 1000
    happened = (bar("close") - bar("close").lag(1)) > 15.0
    n = np.arange(len(close))
    latest = np.searchsorted(when, n, side="right") - 1
    since = np.where(latest >= 0, n - when[np.maximum(latest, 0)], n)  # nothing before: since the first bar that counts
    assert np.array_equal(compute(bars_since(happened, 30), real)[1:], np.minimum(since, 30)[1:])
    for earlier in (0, 1, 4):
        at = latest - earlier
        expected = np.where(at >= 0, volume[when[np.maximum(at, 0)]], close)
        assert np.array_equal(
            compute(value_when(happened, bar("volume"), earlier, bar("close")), real)[1:], expected[1:]
        )


# oscillators and averages


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (5, 35, 5)])
def test_macd_equals_talib(real, fast, slow, signal) -> None:
    line, histogram = macd(fast, slow, signal)
    theirs = talib.MACD(real["close"], fast, slow, signal)
    # TA-Lib starts the fast average later than its own EMA does: the start has faded (by 1 - 2 / 36 a bar) after 600
    np.testing.assert_allclose(compute(line, real)[600:], theirs[0][600:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(compute(histogram, real)[600:], theirs[2][600:], rtol=1e-9, atol=1e-9)
    same(compute(line, real), talib.EMA(real["close"], fast) - talib.EMA(real["close"], slow), atol=1e-10)


@pytest.mark.parametrize("bars", [2, 14, 25])
def test_aroon_equals_talib(real, bars) -> None:
    down, up = talib.AROON(real["high"], real["low"], bars)
    same(compute(aroon(bars)[0], real), up, atol=1e-12)
    same(compute(aroon(bars)[1], real), down, atol=1e-12)
    oscillator = aroon(bars)[0] - aroon(bars)[1]
    same(compute(oscillator, real), talib.AROONOSC(real["high"], real["low"], bars), atol=1e-12)


@pytest.mark.parametrize("bars", [1, 10])
def test_efficiency_is_kaufmans(real, bars) -> None:
    close = real["close"]
    change = np.abs(np.diff(close))
    path = np.array([change[i - bars : i].sum() for i in range(bars, len(close))])
    net = close[bars:] - close[:-bars]
    expected = np.concatenate([np.full(bars, np.nan), np.where(path > 0, net / np.where(path > 0, path, 1), 0)])
    same(compute(efficiency(bars), real), expected, atol=1e-12)


def test_kaufmans_average_from_our_efficiency_equals_talibs(real) -> None:
    """TA-Lib's KAMA contains the ratio: rebuilt from ours, with its constants 2/3 and 2/31."""
    close, e = real["close"], np.abs(compute(efficiency(10), real))
    theirs = talib.KAMA(close, 10)
    level, ours = close[9], np.full(len(close), np.nan)
    for t in range(10, len(close)):
        level += (e[t] * (2 / 3 - 2 / 31) + 2 / 31) ** 2 * (close[t] - level)
        ours[t] = level
    same(ours, theirs, rtol=1e-10)


def test_on_balance_flow_equals_talibs_obv(real) -> None:
    bars = 50
    obv, total = talib.OBV(real["close"], real["volume"]), np.cumsum(real["volume"])
    expected = (obv[bars:] - obv[:-bars]) / (total[bars:] - total[:-bars])
    np.testing.assert_allclose(compute(on_balance_flow(bars), real)[bars:], expected, atol=1e-9)
    nothing = {**real, "volume": np.zeros(len(obv))}
    assert not compute(on_balance_flow(bars), nothing)[bars:].any()


# ranges and runs


def test_squeeze_equals_talibs_bands(real) -> None:
    upper, middle, _ = talib.BBANDS(real["close"], 20, 2.0, 2.0)
    keltner = 1.5 * talib.SMA(np.nan_to_num(talib.TRANGE(real["high"], real["low"], real["close"])), 20)
    expected = (upper - middle)[20:] / keltner[20:]
    ours = compute(squeeze(20, 2.0, 1.5), real)
    assert np.isnan(ours[:20]).all()
    np.testing.assert_allclose(ours[20:], expected, rtol=1e-8)
    assert 0.05 < (ours[20:] < 1).mean() < 0.95


def test_wicks_and_ranges_equal_numpy(real) -> None:
    o, h, low, c = (real[name] for name in ("open", "high", "low", "close"))
    upper, lower = h - np.maximum(o, c), np.minimum(o, c) - low
    same(compute(wicks()[0], real), upper)
    same(compute(wicks()[1], real), lower)
    out = {name: compute(expr, real) for name, expr in expressions(ExhaustionParams(), VolatilityParams()).items()}
    view = np.lib.stride_tricks.sliding_window_view
    span = h - low
    same(out["upper_wick"], upper / span)
    same(out["lower_wick"], lower / span)
    balance = view(lower - upper, 20).sum(axis=1) / view(span, 20).sum(axis=1)
    np.testing.assert_allclose(out["wick_balance"][19:], balance, atol=1e-12)
    true_range = talib.TRANGE(h, low, c)
    windows = view(true_range[1:], 20)
    np.testing.assert_allclose(out["range_surprise"][20:], np.log(windows[:, -1] / windows.mean(axis=1)), atol=1e-12)
    rank = [(rankdata(window)[-1] - 1) / 19 for window in windows]
    np.testing.assert_allclose(out["range_rank"][20:], rank, atol=1e-12)


def test_jerk_is_the_change_of_acceleration(real) -> None:
    out = {name: compute(expr, real) for name, expr in expressions(ExhaustionParams(), VolatilityParams()).items()}
    same(out["jerk"][10:], out["acceleration"][10:] - out["acceleration"][:-10], atol=1e-12)


def test_runs_equal_a_slow_loop(real) -> None:
    close = real["close"].round(-1)  # ties
    bars = {**real, "close": close, "open": close, "high": close + 1, "low": close - 1}
    sigma = compute(ewma_sigma(VolatilityParams()), bars)
    expected, length, start = np.zeros(len(close)), 0, close[0]
    moves = np.zeros(len(close))
    for t in range(1, len(close)):
        step = int(np.sign(close[t] - close[t - 1]))
        if step == 0 or step != np.sign(length):
            length, start = 0, close[t - 1]
        length += step
        expected[t] = length
        moves[t] = np.log(close[t] / start)
    assert set(range(-4, 6)) <= set(expected.tolist())
    assert np.array_equal(compute(run(50), bars)[1:], expected[1:])
    assert np.array_equal(compute(run(3), bars)[1:], np.clip(expected, -3, 3)[1:])
    np.testing.assert_allclose(compute(run_move(), bars)[3:], moves[3:], atol=1e-14)  # bar 3 begins a run
    out = expressions(ExhaustionParams(), VolatilityParams())
    unit = sigma * np.sqrt(np.maximum(np.abs(expected), 1))
    np.testing.assert_allclose(compute(out["run_move"], bars)[30:], (moves / unit)[30:], atol=1e-10)
    logs = np.sign(expected) * np.log1p(np.abs(expected))
    np.testing.assert_allclose(compute(out["run"], bars)[30:], logs[30:], atol=1e-14)


def test_runs_score_equals_statsmodels(real) -> None:
    up = (np.diff(real["close"]) > 0).astype(float)
    ours = compute(runs_score(50), real)
    assert np.isnan(ours[:50]).all()
    for t in range(50, len(ours), 7):
        score, _ = runstest_1samp(up[t - 50 : t], cutoff=0.5, correction=False)
        assert ours[t] == pytest.approx(score, abs=1e-10)
    rising = made([1 + 0.1 * i for i in range(60)], [2 + 0.1 * i for i in range(60)], [1] * 60)
    assert not compute(runs_score(50), rising)[50:].any()  # one run: no deviation to measure by


# the family as a whole


def test_each_output_is_its_quantity_in_its_unit(real) -> None:
    """What the nets get under each name, from TA-Lib's values, on the bars after 600."""
    p = ExhaustionParams()
    h, low, c, v = (real[name] for name in ("high", "low", "close", "volume"))
    out = {name: compute(expr, real) for name, expr in expressions(p, VolatilityParams()).items()}
    sigma = compute(ewma_sigma(VolatilityParams()), real)
    line, _, histogram = talib.MACD(c, 12, 26, 9)
    down, up = talib.AROON(h, low, 25)
    upper, middle, _ = talib.BBANDS(c, 20, 2.0, 2.0)
    true_range = talib.TRANGE(h, low, c)
    bands = (upper - middle) / (1.5 * talib.SMA(np.nan_to_num(true_range), 20))
    inside, since = np.zeros(len(c)), 0
    for t in range(20, len(c)):
        since = since + 1 if bands[t] < 1 else 0
        inside[t] = np.log1p(min(since, 20))
    obv, total, path = talib.OBV(c, v), np.cumsum(v), np.cumsum(np.abs(np.diff(c, prepend=c[0])))

    def change(x: np.ndarray, bars: int) -> np.ndarray:
        return x - np.roll(x, bars)

    flow = change(obv, 50) / change(total, 50)
    velocity = change(np.log(c), 10) / (sigma * np.sqrt(10))
    volume = np.lib.stride_tricks.sliding_window_view(np.log1p(v), 50)
    surprise = np.full(len(c), np.nan)
    surprise[49:] = (volume[:, -1] - volume.mean(axis=1)) / volume.std(axis=1, ddof=1)
    expected = {
        "rsi": talib.RSI(c, 14) / 100,
        "adx": talib.ADX(h, low, c, 14) / 100,
        "di_difference": (talib.PLUS_DI(h, low, c, 14) - talib.MINUS_DI(h, low, c, 14)) / 100,
        "velocity": velocity,
        "acceleration": change(velocity, 10),
        "volume_surprise": surprise,
        "volume_climax": surprise * change(np.log(c), 1) / sigma,
        "close_location": (c - low) / (h - low),
        "macd": line / (c * sigma * np.sqrt(26)),
        "macd_histogram": histogram / (c * sigma * np.sqrt(26)),
        "aroon_up": up / 100,
        "aroon_down": down / 100,
        "efficiency": change(c, 10) / change(path, 10),
        "squeeze": np.log(bands),
        "squeeze_run": inside,
        "obv_flow": flow,
        "obv_gap": flow - change(c, 50) / change(path, 50),
    }
    for name, theirs in expected.items():
        np.testing.assert_allclose(out[name][600:], theirs[600:], rtol=1e-7, atol=1e-9, err_msg=name)
    for name, oscillator in (("rsi", rsi(14)), ("macd", macd(12, 26, 9)[0]), ("obv", on_balance_volume())):
        found = divergences(oscillator, p.pivot_bars, p.divergence_span_bars)
        for kind, events in zip(("divergence", "hidden_divergence"), found, strict=True):
            same(out[f"{name}_{kind}"], compute(fading(events, 5.0), real))


@pytest.mark.parametrize("style", ["flat", "no volume", "real"])
def test_every_feature_is_finite_and_bounded_after_its_warm_up(real, style) -> None:
    """Also on bars without any range, as in a quiet minute, and without volume."""
    bars = {name: values[:600].copy() for name, values in real.items()} if style != "real" else real
    if style == "flat":
        for name in ("open", "high", "low", "close"):
            bars[name][300:420] = bars["close"][299]
    if style == "no volume":
        bars["volume"][:] = 0.0
    outputs = expressions(ExhaustionParams(), VolatilityParams())
    graph = Graph(to_data(outputs, list(outputs), DAY))
    out = graph.run(bars, np.arange(len(bars["close"]), dtype=np.int64) * DAY)
    for name, values in out.items():
        ready = values[graph.warm_up[name] :]
        assert np.isnan(values[: graph.warm_up[name]]).all(), name
        assert np.isfinite(ready).all(), name
        if style == "real":
            assert np.abs(ready).max() < 25, name


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"macd_fast_bars": 26}, r"macd_slow_bars: must exceed macd_fast_bars \(26\), was 26"),
        ({"pivot_bars": 0}, r"pivot_bars: must be a whole number in \[1, 1000\], was 0"),
        ({"divergence_half_life_bars": 0.0}, r"divergence_half_life_bars: must be a number in"),
        ({"keltner_width": 0}, r"keltner_width: must be a number in"),
    ],
)
def test_impossible_parameters_are_refused(change, rule) -> None:
    with pytest.raises(ValueError, match=rf"features\.exhaustion\.{rule}"):
        ExhaustionParams(**change)
