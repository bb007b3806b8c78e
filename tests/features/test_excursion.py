"""Excursion against slow loops over real bars, against the labels of the same horizons, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from arch.data import nasdaq, sp500

import handmade_export as handmade
from features import bar
from features.excursion import ExcursionParams, excursions, expressions, stop_outcomes, trend
from features.expression import Expr, constant
from features.graph import to_data
from features.labels import LabelParams, make_labels
from features.volatility import VolatilityParams, ewma_sigma, fit_turbulence, log_return
from features.volatility_regimes import turbulent_probability
from inference import Graph
from inference.replay import Bars

DAY = 86_400_000_000
H, WINDOW = 10, 120
PARAMS = ExcursionParams(horizon_bars=H, window_bars=WINDOW, distances=(0.25, 0.5, 1.0))


@pytest.fixture(scope="module", params=[sp500, nasdaq], ids=["SPX", "NASDAQ"])
def real(request) -> dict[str, np.ndarray]:
    """5,031 real daily bars."""
    frame = request.param.load()
    return {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}


def run(outputs: dict[str, Expr], bars: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    ts = np.arange(len(bars["close"]), dtype=np.int64) * DAY
    return Graph(to_data(outputs, list(outputs), DAY)).run(bars, ts)


def walk(bars, sigma, side, distance, t) -> tuple[bool, bool]:
    """Hit and reversal of the position decided at the close of bar t - H, from the definition."""
    entry = bars["open"][t - H + 1]
    reach = distance * sigma[t - H] * np.sqrt(H) * entry
    stopped = False
    for j in range(t - H + 1, t + 1):
        worst, best = (bars["low"][j], bars["high"][j]) if side > 0 else (bars["high"][j], bars["low"][j])
        if stopped and side * (best - entry) > reach:
            return True, True
        stopped = stopped or side * (entry - worst) >= reach
    return stopped, False


@pytest.mark.parametrize("distance", [0.25, 0.5, 1.0])
@pytest.mark.parametrize(("side", "name"), [(1, "down"), (-1, "up")])
def test_hit_and_reversal_rates_equal_a_slow_loop(real, side, name, distance) -> None:
    volatility = VolatilityParams()
    sigma = run({"sigma": ewma_sigma(volatility)}, real)["sigma"]
    out = run(expressions(PARAMS, volatility), real)
    n, first = len(sigma), int(np.isfinite(sigma).argmax()) + 2 * H - 1
    outcomes = np.array([walk(real, sigma, side, distance, t) for t in range(first, n)], float)
    assert outcomes[:, 1].sum() > 10
    for column, rate in enumerate(("hit_rate", "reversal_rate")):
        ours = out[f"{name}_{rate}_{round(100 * distance)}"]
        slow = np.lib.stride_tricks.sliding_window_view(outcomes[:, column], WINDOW).mean(axis=1)
        assert np.isnan(ours[: first + WINDOW - 1]).all()
        np.testing.assert_allclose(ours[first + WINDOW - 1 :], slow, atol=1e-12)


@pytest.mark.parametrize(("side", "name"), [(1, "down"), (-1, "up")])
def test_rates_in_the_present_regime_equal_a_slow_loop(real, side, name) -> None:
    """Of the last 120 positions those whose decision bar was in the regime of now, and 5 of the common rate."""
    p = ExcursionParams(horizon_bars=H, window_bars=WINDOW, distances=(0.5,), regime_bars=50, regime_prior=5.0)
    sigma = run({"sigma": ewma_sigma(VolatilityParams())}, real)["sigma"]
    out = run(expressions(p, VolatilityParams()), real)
    windows = np.lib.stride_tricks.sliding_window_view(sigma, 50)
    high = np.concatenate([np.full(49, False), sigma[49:] > windows.mean(1)])
    n, first = len(sigma), int(np.isfinite(sigma).argmax()) + 49 + H  # the first position whose regime is known
    outcomes = np.full((n, 2), np.nan)
    outcomes[first:] = [walk(real, sigma, side, 0.5, t) for t in range(first, n)]
    counts = []
    for t in range(first + WINDOW - 1, n):
        past = np.arange(t - WINDOW + 1, t + 1)
        same = high[past - H] == high[t]
        counts.append(same.sum())
        for column, rate in enumerate(("hit_rate", "reversal_rate")):
            values = outcomes[past, column]
            expected = (values[same].sum() + 5.0 * values.mean()) / (same.sum() + 5.0)
            assert out[f"{name}_{rate}_50_regime"][t] == pytest.approx(expected, abs=1e-12), t
    assert np.isnan(out[f"{name}_hit_rate_50_regime"][: first + WINDOW - 1]).all()
    assert min(counts) < 20 < 100 < max(counts)


def regimes(real) -> tuple[VolatilityParams, dict[str, dict[str, float]], np.ndarray]:
    """Constants fitted on the first 2,500 returns, and whether each bar is more likely turbulent than not."""
    p = VolatilityParams(models=("regime",))
    constants = fit_turbulence(p, {"S": np.diff(np.log(real["close"][:2500]))})
    assert constants is not None
    probability = run({"p": turbulent_probability(log_return(), constants)}, real)["p"]
    return p, constants, probability > 0.5


@pytest.mark.parametrize(("side", "name"), [(1, "down"), (-1, "up")])
def test_rates_in_the_markov_filters_regime_equal_a_slow_loop(real, side, name) -> None:
    p = ExcursionParams(horizon_bars=H, window_bars=WINDOW, distances=(0.3, 0.7, 1.1), regime_prior=5.0)
    volatility, constants, turbulent = regimes(real)
    assert fit_turbulence(VolatilityParams(models=("har",)), {}) is None
    sigma = run({"sigma": ewma_sigma(volatility)}, real)["sigma"]
    out = run(expressions(p, volatility, constants), real)
    other = run(expressions(p, volatility), real)
    n, first = len(sigma), int(np.isfinite(sigma).argmax()) + 2 * H - 1
    for distance in (0.3, 1.1):
        label = f"{name}_hit_rate_{round(100 * distance)}"
        hits = np.array([walk(real, sigma, side, distance, t)[0] for t in range(first, n)], float)
        for t in range(first + WINDOW - 1, n, 7):
            past = np.arange(t - WINDOW + 1, t + 1)
            same = turbulent[past - H] == turbulent[t]
            values = hits[past - first]
            expected = (values[same].sum() + 5.0 * values.mean()) / (same.sum() + 5.0)
            assert out[f"{label}_regime"][t] == pytest.approx(expected, abs=1e-12), t
        assert out[label].tobytes() == other[label].tobytes()
        assert not np.array_equal(out[f"{label}_regime"], other[f"{label}_regime"], equal_nan=True)


@pytest.mark.parametrize("model", [True, False])
def test_quantiles_in_the_present_regime_equal_a_slow_loop(real, model) -> None:
    p = ExcursionParams(horizon_bars=H, window_bars=WINDOW, quantiles=(0.5, 0.9), regime_positions=25)
    volatility, constants, turbulent = regimes(real)
    out = run(expressions(p, volatility, constants if model else None) | {"sigma": ewma_sigma(volatility)}, real)
    if not model:
        mean = np.lib.stride_tricks.sliding_window_view(out["sigma"], p.regime_bars).mean(axis=1)
        turbulent = np.concatenate([np.zeros(p.regime_bars - 1, bool), out["sigma"][p.regime_bars - 1 :] > mean])
    start = (np.isfinite(out["sigma"]).argmax() + p.regime_bars - 1 if not model else 1) + H
    for name in ("down", "up"):
        values, own = out[f"{name}_excursion_last"], 0
        for q in p.quantiles:
            label = f"{name}_excursion_q{round(100 * q)}"
            known = np.flatnonzero(np.isfinite(values) & (np.arange(len(values)) >= start))
            for t in known[WINDOW::11]:
                past = known[known <= t]
                same = past[turbulent[past - H] == turbulent[t]][-25:]
                expected = np.quantile(values[same], q) if len(same) == 25 else out[label][t]
                own += len(same) == 25 and abs(expected - out[label][t]) > 1e-6
                assert out[f"{label}_regime"][t] == pytest.approx(expected, abs=1e-12), (label, t)
        assert own > 200, "the regimes' quantiles differ from the common one"


def test_outcomes_are_the_labels_of_closed_horizons(real) -> None:
    """At the close of bar t they are what the labels say of the fresh position decided at bar t - H."""
    sigma_of = ewma_sigma(VolatilityParams())
    distances = (0.3, 0.7, 1.2)
    outputs = {"sigma": sigma_of}
    for side in (1, -1):
        for k, distance in enumerate(distances):
            hit, reversal = stop_outcomes(PARAMS, sigma_of, side, distance)
            outputs |= {f"hit{side}{k}": hit, f"reversal{side}{k}": reversal}
    out = run(outputs, real)
    ts = np.arange(len(out["sigma"]), dtype=np.int64) * DAY
    labels = make_labels(Bars("S", ts, **real), out["sigma"], LabelParams(H, distances, 7))
    for side in (1, -1):
        keep = (labels.rows["age"] == 0) & (labels.rows["side"] == side) & (labels.rows["censored"] == 0)
        at = labels.rows["bar"][keep] + H
        warm = at >= np.isfinite(out[f"hit{side}0"]).argmax()
        for k in range(len(distances)):
            for name, curve in (("hit", labels.hit), ("reversal", labels.reversal)):
                assert np.array_equal(out[f"{name}{side}{k}"][at[warm]], curve[keep, k][warm])


def test_the_order_of_a_path_decides_by_hand() -> None:
    """Entry 100, unit 10, H = 4: stopped, then up is a reversal; up, then stopped, or both in one bar, is none."""
    p = ExcursionParams(horizon_bars=4, window_bars=40)
    unit = constant(0.05)  # sigma sqrt(4) 100 = 10
    hit, reversal = stop_outcomes(p, unit, 1, 1.0)
    for lows, highs, expected in (
        ([95, 90, 95, 95], [105, 105, 105, 111], (1, 1)),  # touched is hit
        ([95, 90.01, 95, 95], [105, 105, 105, 111], (0, 0)),
        ([95, 89, 95, 95], [105, 105, 105, 110], (1, 0)),  # touched is not traded through
        ([95, 95, 95, 89], [105, 111, 105, 105], (1, 0)),
        ([95, 89, 95, 95], [105, 111, 105, 105], (1, 0)),
        ([89, 95, 95, 95], [105, 111, 105, 105], (1, 1)),
    ):
        # one quiet bar before and so many bars that the window of the passage is full
        low, high = np.array([95.0] * 5 + lows), np.array([105.0] * 5 + highs)
        middle = np.full(9, 100.0)
        bars = {"open": middle, "high": high, "low": low, "close": middle, "volume": middle}
        out = run({"hit": hit, "reversal": reversal}, bars)
        assert (out["hit"][8], out["reversal"][8]) == expected
        turned = {**bars, "high": 200 - low, "low": 200 - high}
        short_hit, short_reversal = stop_outcomes(p, unit, -1, 1.0)
        out = run({"hit": short_hit, "reversal": short_reversal}, turned)
        assert (out["hit"][8], out["reversal"][8]) == expected


@pytest.mark.parametrize("window", [1, 2, 3, 8, 9, 100])
def test_passages_of_a_level_equal_a_slow_loop(real, window) -> None:
    close = real["close"][:2000].round(-1)  # ties
    level = np.maximum(close + np.random.default_rng(window).normal(0, 30 * window**0.5, 2000).round(-1), 1.0)
    bars = {"open": level, "close": close, "low": close * 0.0 + 1.0, "high": close + 1e4, "volume": close}
    inputs = (bar("close"), bar("open"))
    first = Expr("first_at_or_below", inputs, {"window": window})
    last = Expr("last_above", inputs, {"window": window})
    out = run({"first": first, "last": last}, bars)
    for t in range(window - 1, 2000):
        view = close[t - window + 1 : t + 1]
        below, above = np.flatnonzero(view <= level[t]), np.flatnonzero(view > level[t])
        assert out["first"][t] == (window - 1 - below[0] if len(below) else -1)
        assert out["last"][t] == (window - 1 - above[-1] if len(above) else -1)
    assert min((out["first"] == -1).sum(), (out["last"] == -1).sum()) > 5


def test_trend_equals_its_formula(real) -> None:
    p = PARAMS
    down, _ = excursions(p, ewma_sigma(VolatilityParams()))
    out = run({"down": down, "trend": trend(down, p.recent_bars, p.window_bars)}, real)
    values = out["down"]
    first = int(np.isfinite(values).argmax()) + WINDOW - 1
    short, long = (
        np.array([values[t - n + 1 : t + 1].mean() for t in range(first, len(values))]) for n in (p.recent_bars, WINDOW)
    )
    assert np.isnan(out["trend"][:first]).all()
    np.testing.assert_allclose(out["trend"][first:], (short - long) / (short + long), atol=1e-12)
    assert not run({"none": trend(down * 0.0, 5, 20)}, real)["none"][first:].any()


def test_drawdown_rally_and_their_ages_equal_a_slow_loop(real) -> None:
    p, n = ExcursionParams(), 60
    out = run(expressions(p, VolatilityParams()) | {"sigma": ewma_sigma(VolatilityParams())}, real)
    for t in range(n, len(real["close"]), 3):
        high, low = real["high"][t - n + 1 : t + 1], real["low"][t - n + 1 : t + 1]
        scale, close = out["sigma"][t] * np.sqrt(n), real["close"][t]
        assert out["drawdown"][t] == pytest.approx(np.log(high.max() / close) / scale, abs=1e-12)
        assert out["rally"][t] == pytest.approx(np.log(close / low.min()) / scale, abs=1e-12)
        assert out["peak_age"][t] == pytest.approx(np.argmax(high[::-1]) / n)
        assert out["trough_age"][t] == pytest.approx(np.argmin(low[::-1]) / n)


def test_quantiles_and_last_excursions_equal_a_slow_loop(real) -> None:
    p = PARAMS
    out = run(expressions(p, VolatilityParams()) | {"sigma": ewma_sigma(VolatilityParams())}, real)
    first = int(np.isfinite(out["sigma"]).argmax()) + H
    entries = real["open"][first - H + 1 : len(real["open"]) - H + 1]
    unit = out["sigma"][first - H : -H] * np.sqrt(H) * entries
    view = np.lib.stride_tricks.sliding_window_view
    down = (entries - view(real["low"], H)[first - H + 1 :].min(axis=1)) / unit
    up = (view(real["high"], H)[first - H + 1 :].max(axis=1) - entries) / unit
    for name, values in (("down", down), ("up", up)):
        np.testing.assert_allclose(out[f"{name}_excursion_last"][first:], values, atol=1e-12)
        for q in p.quantiles:
            slow = np.quantile(view(values, WINDOW), q, axis=1)
            ours = out[f"{name}_excursion_q{round(100 * q)}"]
            np.testing.assert_allclose(ours[first + WINDOW - 1 :], slow, atol=1e-12)
        mean = view(values, WINDOW).mean(axis=1)
        recent = view(values, p.recent_bars).mean(axis=1)[WINDOW - p.recent_bars :]
        trended = out[f"{name}_excursion_trend"][first + WINDOW - 1 :]
        np.testing.assert_allclose(trended, (recent - mean) / (recent + mean), atol=1e-12)


def test_every_feature_is_finite_after_its_warm_up(real) -> None:
    outputs = expressions(ExcursionParams(), VolatilityParams())
    graph = Graph(to_data(outputs, list(outputs), DAY))
    out = graph.run(real, np.arange(len(real["close"]), dtype=np.int64) * DAY)
    for name, values in out.items():
        assert np.isnan(values[: graph.warm_up[name]]).all(), name
        assert np.isfinite(values[graph.warm_up[name] :]).all(), name
        assert np.abs(values[graph.warm_up[name] :]).max() < 25, name


def test_no_rate_knows_a_horizon_that_is_still_open() -> None:
    """A crash in the last bars changes no rate of horizons that closed before, at any cut."""
    bars, _ = handmade.random_bars(300, seed=8)
    outputs = expressions(ExcursionParams(window_bars=40, recent_bars=10), VolatilityParams())
    whole = run(outputs, bars)
    for cut in (120, 200, 299):
        crashed = {name: values.copy() for name, values in bars.items()}
        for name in ("open", "high", "low", "close"):
            crashed[name][cut:] /= 2.0
        for name, values in run(outputs, crashed).items():
            assert values[:cut].tobytes() == whole[name][:cut].tobytes(), name


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"recent_bars": 120}, r"recent_bars: must be below window_bars \(120\), was 120"),
        ({"distances": (0.5, 0.0)}, r"distances: must be a number in \[0\.01, 100\], was 0\.0"),
    ],
)
def test_impossible_parameters_are_refused(change, rule) -> None:
    with pytest.raises(ValueError, match=rf"features\.excursion\.{rule}"):
        ExcursionParams(**change)
