"""What the volatility family measures without fitted constants: against the papers' formulas, TA-Lib, and real bars."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib
from arch.data import nasdaq, sp500, vix

from features import bar
from features.expression import Expr, maximum
from features.families import FAMILIES, FeatureParams
from features.graph import to_data
from features.volatility import (
    VolatilityParams,
    ewma_sigma,
    expressions,
    log_return,
    measured,
    volatility_of_volatility,
)
from features.volatility_ranges import (
    SIGMA_FLOOR,
    bollinger_width,
    downside_share,
    gap,
    jump_share,
    keltner_width,
    log_ratio,
    log_root,
    log_volatility,
    mean_square,
    rogers_satchell_variance,
    root_mean_square,
    yang_zhang_variance,
)
from inference import Graph
from pipelines.params_file import load

ROOT = Path(__file__).parents[2]
BTC = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "spot_1m/BTCUSDT.parquet"
DAY, MINUTE = 86_400_000_000, 60_000_000
COLUMNS = ("open", "high", "low", "close", "volume")
GARCH = ("mu", "omega", "alpha", "beta", "start")
Bars = tuple[dict[str, np.ndarray], np.ndarray]


def of_frame(frame) -> Bars:
    bars = {name: frame[name.capitalize()].to_numpy(float) for name in COLUMNS}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


@pytest.fixture(scope="module")
def real() -> Bars:
    """5,031 real daily bars of the NASDAQ Composite, whose opens differ from the close before."""
    return of_frame(nasdaq.load())


def compute(expr: Expr, bars: Bars) -> np.ndarray:
    return Graph(to_data({"out": expr}, ["out"], DAY)).run(*bars)["out"]


def made(returns: list[float], open_share: float = 0.0) -> Bars:
    """Bars with these log returns of the close, of which the gap takes a share, and no range beyond open and close."""
    total = np.array([0.0, *returns])
    close = 100 * np.exp(np.cumsum(total))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(open_share * total)
    bars = {"open": opened, "high": np.maximum(opened, close), "low": np.minimum(opened, close), "close": close}
    return {**bars, "volume": np.ones_like(close)}, np.arange(len(close), dtype=np.int64) * DAY


def windows(values: np.ndarray, n: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(values, n)


@pytest.mark.parametrize("n", [3, 20])
def test_range_estimators_equal_their_papers(real, n) -> None:
    b = real[0]
    # in the papers' letters: u = h - o, d = l - o, c = c - o (logs), o = open less the close before
    u, d, c = (np.log(b[name] / b["open"]) for name in ("high", "low", "close"))
    rs = u * (u - c) + d * (d - c)  # Rogers and Satchell (1991), eq. 3
    ours = compute(rogers_satchell_variance(n).sqrt(), real)
    assert np.isnan(ours[: n - 1]).all()
    np.testing.assert_allclose(ours[n - 1 :], np.sqrt(windows(rs, n).mean(1)), rtol=1e-9)
    o = np.log(b["open"][1:] / b["close"][:-1])
    vo, vc, vrs = windows(o, n).var(1, ddof=1), windows(c[1:], n).var(1, ddof=1), windows(rs[1:], n).mean(1)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))  # Yang and Zhang (2000), eq. 10 with alpha = 1.34
    ours = compute(yang_zhang_variance(n).sqrt(), real)
    assert np.isnan(ours[:n]).all()
    np.testing.assert_allclose(ours[n:], np.sqrt(vo + k * vc + (1 - k) * vrs), rtol=1e-9)


@pytest.mark.parametrize("n", [3, 20])
def test_realised_measures_equal_their_papers(real, n) -> None:
    r = np.diff(np.log(real[0]["close"]))
    views = windows(r, n)
    rv = (views**2).sum(1)
    np.testing.assert_allclose(compute(root_mean_square(log_return(), n), real)[n:], np.sqrt(rv / n), rtol=1e-9)
    # Barndorff-Nielsen and Shephard (2004): mu_1^-2 sum |r_i||r_i-1| with mu_1 = sqrt(2/pi), n / (n - 1) of it
    bv = np.pi / 2 * (np.abs(views[:, 1:]) * np.abs(views[:, :-1])).sum(1) * n / (n - 1)
    ours = compute(jump_share(log_return(), n), real)
    assert np.isnan(ours[:n]).all()
    np.testing.assert_allclose(ours[n:], np.maximum(1 - bv / rv, 0), rtol=1e-9, atol=1e-12)
    falls = np.where(views < 0, views**2, 0).sum(1)
    np.testing.assert_allclose(compute(downside_share(log_return(), n), real)[n:], falls / rv, rtol=1e-9)


def test_a_jump_is_nearly_all_jump_and_a_steady_walk_has_none() -> None:
    steady = [0.01, -0.01] * 10
    assert compute(jump_share(log_return(), 10), made(steady))[-1] == 0.0  # bipower exceeds realised: cut at 0
    jump = [*steady[:-4], 0.30, *steady[:3]]
    # 1 - pi/2 (7 0.01^2 + 2 0.3 0.01) / 9 / ((9 0.01^2 + 0.3^2) / 10)
    expected = 1 - np.pi / 2 * (7 * 1e-4 + 2 * 3e-3) / 9 / ((9e-4 + 0.09) / 10)
    assert compute(jump_share(log_return(), 10), made(jump))[-1] == pytest.approx(expected)
    assert compute(downside_share(log_return(), 4), made([0.01, 0.02, -0.02, 0.01]))[-1] == pytest.approx(0.4)


@pytest.mark.parametrize("n", [5, 20])
def test_bands_equal_talib(real, n) -> None:
    b = real[0]
    upper, middle, lower = talib.BBANDS(b["close"], n, 2.0, 2.0, talib.MA_Type.SMA)
    ours = compute(bollinger_width(n), real)
    assert np.array_equal(np.isnan(ours), np.isnan(upper))
    # TA-Lib takes the difference of two sums of squares of prices: 1e-8 is what is left of it
    np.testing.assert_allclose(ours, (upper - lower) / middle, rtol=1e-7)
    expected = 4 * talib.ATR(b["high"], b["low"], b["close"], 14) / talib.EMA(b["close"], n)
    ours = compute(keltner_width(n, 14), real)
    assert np.array_equal(np.isnan(ours), np.isnan(expected))
    np.testing.assert_allclose(ours, expected, rtol=1e-10)


def test_gap_and_body_make_the_return() -> None:
    """All of the movement in the gap, then none of it."""
    p = VolatilityParams(window_bars=4, slow_bars=8, realised_bars=(2, 4))
    returns = [0.01, -0.02, 0.03, -0.01, 0.02, 0.01, -0.03, 0.02, 0.01, -0.01]
    for share, there, absent in ((1.0, "gap_log", "body_log"), (0.0, "body_log", "gap_log")):
        out = {name: compute(expr, made(returns, share))[-1] for name, expr in measured(p).items()}
        rms = np.sqrt(np.mean(np.square(returns[-4:])))
        sigma = compute(ewma_sigma(p), made(returns))[-1]
        assert out[there] == pytest.approx(np.log(rms / sigma))
        assert out[absent] == pytest.approx(np.log(0.01), abs=1e-9)
        assert out["realised_log_4"] == pytest.approx(np.log(rms / sigma))
        assert out["realised_log_2"] == pytest.approx(np.log(np.sqrt(1e-4) / sigma))


def test_volatility_of_volatility_equals_numpy(real) -> None:
    p = VolatilityParams()
    sigma = compute(ewma_sigma(p), real)
    steps = np.diff(np.log(sigma[20:]))
    ours = compute(volatility_of_volatility(p), real)
    assert np.isnan(ours[:40]).all()
    np.testing.assert_allclose(ours[40:], windows(steps, 20).std(1, ddof=1), rtol=1e-8)


def test_log_ratios_stay_bounded() -> None:
    """100 % of a volatility of next to nothing, nothing of some, and both ordinary."""
    bars = made([0.0, 0.0, 0.1])
    variance, some = mean_square(log_return(), 1), bar("close") / bar("close")
    out = compute(log_ratio(log_volatility(some), maximum(variance.sqrt(), SIGMA_FLOOR)), bars)
    np.testing.assert_allclose(out[1:], [np.log(100), np.log(100), np.log(10)])
    for log_a in (log_root(variance), log_volatility(variance.sqrt())):
        out = compute(log_ratio(log_a, some), bars)
        np.testing.assert_allclose(out[1:], [np.log(0.01), np.log(0.01), np.log(0.1)])


def test_a_standstill_leaves_every_measure_finite() -> None:
    """40 bars at one price, before that and after it movement: nothing missing in what is new here."""
    p = VolatilityParams(window_bars=5, slow_bars=10, realised_bars=(2, 5), atr_bars=5)
    rng = np.random.default_rng(0)
    bars = made([*rng.normal(0, 0.01, 40), *[0.0] * 40, *rng.normal(0, 0.01, 40)], 0.3)
    for name, expr in measured(p).items():
        assert np.isfinite(compute(expr, bars)[20:]).all(), name
    still = made([0.0] * 60)
    for name, expr in measured(p).items():
        assert np.isfinite(compute(expr, still)[20:]).all(), name


def family_graph(params: FeatureParams, returns: np.ndarray, interval: int) -> dict:
    return FAMILIES["volatility"].graph(params, {"X": returns}, interval)


@pytest.mark.parametrize("source", [sp500, nasdaq], ids=["SPX", "NASDAQ"])
def test_the_family_is_complete_and_bounded_on_real_days(source) -> None:
    """With the shipped parameters, fitted on the first half: nothing missing after warm-up, nothing explodes."""
    bars = of_frame(source.load())
    graph = family_graph(load(ROOT / "params.yaml").features, np.diff(np.log(bars[0]["close"][:2500])), DAY)
    assert max(Graph(graph).warm_up.values()) <= load(ROOT / "params.yaml").split.warmup_bars
    for name, values in Graph(graph, "X").run(*bars).items():
        if name in graph["features"]:
            assert np.isfinite(values[Graph(graph).warm_up[name] :]).all(), name
            assert np.abs(values[np.isfinite(values)]).max() < 15.0, name


@pytest.mark.data(str(BTC))
@pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project")
def test_the_new_features_are_complete_and_bounded_on_real_minutes() -> None:
    """The first 200,000 one-minute bars of BTCUSDT, models fitted on the first 5,000."""
    frame = pl.read_parquet(BTC, n_rows=200_000)
    bars = {name: frame[name].to_numpy().astype(float) for name in COLUMNS}
    ts = np.arange(len(frame), dtype=np.int64) * MINUTE
    params = load(ROOT / "params.yaml").features
    graph = family_graph(params, np.diff(np.log(bars["close"][:5001])), MINUTE)
    out = Graph(graph, "X").run(bars, ts)
    old = {"atr_ratio", "std_ratio", "slow_ratio", "parkinson_ratio", "garman_klass_ratio", "garch_ratio", "gap_share"}
    for name in set(graph["features"]) - old - {"log_sigma", "last_return"}:
        values = out[name][Graph(graph).warm_up[name] :]
        assert np.isfinite(values).all(), name
        assert np.abs(values).max() < 15.0, name
    assert np.isfinite(compute(gap(), (bars, ts))[1:]).all()


def test_the_shipped_horizon_is_that_of_the_labels() -> None:
    params = load(ROOT / "params.yaml")
    assert params.features.volatility.horizon_bars == params.labels.horizon_bars


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"realised_bars": (5, 5)}, r"realised_bars: must ascend, was \[5, 5\]"),
        ({"realised_bars": ()}, r"realised_bars: must ascend, was \[\]"),
        ({"realised_bars": (1, 5)}, r"realised_bars: must be a whole number in \[2"),
        (
            {"models": ("gjr", "garhc")},
            r"models: must name each once of gjr, egarch, regime, har, was \['gjr', 'garhc'",
        ),
        ({"models": ("har", "har")}, r"models: must name each once"),
        ({"horizon_bars": 0}, r"horizon_bars: must be a whole number in \[1"),
        ({"regime_fit_bars": 10}, r"regime_fit_bars: must be a whole number in \[100"),
    ],
)
def test_parameters_are_checked(change, message) -> None:
    with pytest.raises(ValueError, match=rf"features\.volatility\.{message}"):
        VolatilityParams(**change)


def test_the_implied_premium_is_the_vix_less_realised_volatility() -> None:
    """In volatility points, of real S&P 500 bars and the real VIX; its mean is the known premium of a few points."""
    frame = sp500.load()
    bars, ts = of_frame(frame)
    index = vix.load()["vix"].dropna()
    at = index.index.to_numpy().astype("datetime64[us]").astype(np.int64) + DAY
    p = VolatilityParams(implied="vix", models=(), implied_bars=22)
    constants = {"garch": {name: {"*": x} for name, x in zip(GARCH, (0.0, 1e-6, 0.08, 0.9, 1e-4), strict=True)}}
    outputs = expressions(p, constants)
    out = Graph(to_data(outputs, [], DAY)).run(bars, ts, {"vix": (at, index.to_numpy(float))})["implied_premium"]
    ret = np.diff(np.log(bars["close"]), prepend=np.nan)
    known = dict(zip(at - DAY, index, strict=True))
    compared = []
    for t in range(22, len(ts)):
        if int(ts[t]) in known:
            realised = 100 * np.sqrt(252 * np.mean(ret[t - 21 : t + 1] ** 2))
            assert out[t] == pytest.approx(known[int(ts[t])] - realised, abs=1e-9)
            compared.append(out[t])
    assert len(compared) > 1000
    assert 1.0 < np.mean(compared) < 6.0
    assert np.isnan(out[: np.searchsorted(ts, at[0] - DAY)]).all()
    with pytest.raises(ValueError, match=r"features\.volatility\.implied_bars: must be a whole number in"):
        VolatilityParams(implied_bars=1)
