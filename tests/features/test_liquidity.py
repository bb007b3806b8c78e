"""Liquidity from bars against each paper's formula in NumPy, statsmodels' regression, and a simulated spread."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from arch.data import nasdaq, sp500
from numpy.lib.stride_tricks import sliding_window_view

import handmade_export as handmade
from features.expression import Expr, bar, constant
from features.graph import to_data
from features.liquidity import high_low_spread, illiquidity, illiquidity_log, money, money_flow, price_impact, tick_sign
from features.volatility import VolatilityParams, ewma_sigma, log_return
from inference import Graph

DAY = 86_400_000_000
N = 20


def real(source) -> tuple[dict[str, np.ndarray], np.ndarray]:
    frame = source.load()[-1500:]
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


@pytest.fixture(scope="module", params=["SPX", "NASDAQ", "random"])
def market(request):
    sources = {"SPX": sp500, "NASDAQ": nasdaq}
    bars, ts = real(sources[request.param]) if request.param in sources else handmade.random_bars(900, seed=3)
    bars = {name: values.copy() for name, values in bars.items()}
    bars["volume"][[200, 201, 300]] = 0.0  # days on which nothing traded, or was not recorded
    return bars, ts


def compute(expr: Expr, market) -> np.ndarray:
    return Graph(to_data({"x": expr}, [], DAY)).run(*market)["x"]


def windows(x: np.ndarray, n: int = N) -> np.ndarray:
    return sliding_window_view(x, n)


def amihud(bars, n: int) -> np.ndarray:
    """Eq. 1: mean over the days with volume of |return| / turnover."""
    ret = np.abs(np.diff(bars["close"]) / bars["close"][:-1])
    turnover = bars["close"][1:] * bars["volume"][1:]
    with np.errstate(divide="ignore"):
        daily = np.where(turnover > 0, ret / turnover, np.nan)
    return np.nanmean(windows(daily, n), axis=1)


def test_illiquidity_is_amihuds(market) -> None:
    expected = amihud(market[0], N)
    got = compute(illiquidity(N), market)
    assert np.isnan(got[:N]).all()
    np.testing.assert_allclose(got[N:], expected, rtol=1e-9)
    slow = amihud(market[0], 100)
    log = compute(illiquidity_log(N, 100), market)
    np.testing.assert_allclose(log[100:], np.log(expected[80:] / slow), rtol=1e-7, atol=1e-9)


def test_illiquidity_is_as_usual_where_nothing_trades() -> None:
    bars, ts = handmade.random_bars(300)
    bars["volume"][150:200] = 0.0
    log = compute(illiquidity_log(N, 100), (bars, ts))
    assert (log[172:199] == 0.0).all()
    assert np.isfinite(log[100:]).all()
    bars["volume"][:] = 0.0
    assert (compute(illiquidity_log(N, 100), (bars, ts))[100:] == 0.0).all()


def test_impact_is_the_slope_that_statsmodels_finds(market) -> None:
    bars = market[0]
    flow, sigma = tick_sign() * money().sqrt(), ewma_sigma(VolatilityParams())
    got = compute(price_impact(log_return(), flow, sigma, N), market)
    ret, unit = np.diff(np.log(bars["close"])), compute(sigma, market)
    sign = np.sign(np.diff(bars["close"]))
    for i in range(1, len(sign)):  # tick rule
        sign[i] = sign[i] or sign[i - 1]
    signed = sign * np.sqrt(bars["close"] * bars["volume"])[1:]
    for t in range(60, len(ret), 37):
        x, y = signed[t - N + 1 : t + 1], ret[t - N + 1 : t + 1]
        slope = sm.OLS(y, sm.add_constant(x)).fit().params[1]
        expected = slope * np.sqrt(np.mean(x**2)) / unit[t + 1]
        assert got[t + 1] == pytest.approx(np.clip(expected, -5, 5), rel=1e-8)
    assert np.isfinite(got[N:]).all()


def test_impact_is_0_where_flow_does_not_vary() -> None:
    bars, ts = handmade.random_bars(60)
    x = compute(price_impact(log_return(), constant(3.0) + 0.0 * log_return(), constant(0.01), N), (bars, ts))
    assert (x[N:] == 0.0).all()
    bars, ts = handmade.random_bars(2000)
    still = (np.arange(2000) // 40) % 2 == 1
    bars["volume"][still] = np.repeat(bars["volume"][::40], 40)[still]
    x = compute(price_impact(log_return(), bar("volume"), constant(1e-12), N), (bars, ts))
    for t in range(N, 2000):
        if still[t - N + 1 : t + 1].all():
            assert x[t] == 0.0, t


def test_impact_is_capped() -> None:
    bars, ts = handmade.random_bars(60)
    x = compute(price_impact(log_return(), log_return(), constant(1e-4), N), (bars, ts))
    assert (x[N:] == 5.0).all()


def test_an_equal_close_keeps_the_sign() -> None:
    close = np.array([5.0, 5, 6, 6, 6, 4, 4, 5])
    bars = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": np.ones(8)}
    got = compute(tick_sign(), (bars, np.arange(8) * DAY))
    assert np.array_equal(got, [np.nan, 0, 1, 1, 1, -1, -1, 1], equal_nan=True)


def test_money_flow_is_chaikins(market) -> None:
    bars = market[0]
    span = bars["high"] - bars["low"]
    with np.errstate(invalid="ignore"):
        location = np.where(span > 0, (2 * bars["close"] - bars["high"] - bars["low"]) / span, 0.0)
    volume = bars["volume"]
    expected = windows(location * volume).sum(1) / windows(volume).sum(1)
    np.testing.assert_allclose(compute(money_flow(N), market)[N - 1 :], expected, rtol=1e-9, atol=1e-12)


def test_money_flow_without_volume_or_range_is_0() -> None:
    bars = {name: np.full(40, 7.0) for name in ("open", "high", "low", "close")} | {"volume": np.zeros(40)}
    assert (compute(money_flow(N), (bars, np.arange(40) * DAY))[N - 1 :] == 0.0).all()


def corwin_schultz(bars) -> np.ndarray:
    """One estimate per pair of days, by the paper: eq. 18 for alpha, 14 for the spread, section II.B for gaps."""
    out = []
    high, low, close = bars["high"], bars["low"], bars["close"]
    for t in range(1, len(close)):
        top, bottom = high[t], low[t]
        if bottom > close[t - 1]:
            top, bottom = top - (bottom - close[t - 1]), close[t - 1]
        elif top < close[t - 1]:
            top, bottom = close[t - 1], bottom + (close[t - 1] - top)
        beta = np.log(high[t - 1] / low[t - 1]) ** 2 + np.log(top / bottom) ** 2
        gamma = np.log(max(high[t - 1], top) / min(low[t - 1], bottom)) ** 2
        k = 3 - 2 * np.sqrt(2)
        alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
        out.append(max(0.0, 2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))))
    return np.array(out)


def test_spread_is_corwin_and_schultzs(market) -> None:
    expected = windows(corwin_schultz(market[0])).mean(1)
    got = compute(high_low_spread(N), market)
    assert np.isnan(got[:N]).all()
    np.testing.assert_allclose(got[N:], expected, rtol=1e-9, atol=1e-14)
    assert expected.max() > 0.001


@pytest.mark.parametrize("spread", [0.01, 0.03])
def test_spread_is_the_one_that_was_simulated(spread) -> None:
    """Their section III: 390 trades a day at half a spread from a random walk; the mean estimate is near the truth."""
    rng = np.random.default_rng(5)
    days, minutes, sigma = 2000, 390, 0.01
    path = np.cumsum(rng.normal(0, sigma / minutes**0.5, days * minutes)).reshape(days, minutes)
    traded = np.exp(path) * (1 + spread / 2 * rng.choice([-1, 1], path.shape))
    prices = {"open": traded[:, 0], "high": traded.max(1), "low": traded.min(1), "close": traded[:, -1]}
    got = compute(high_low_spread(N), ({**prices, "volume": np.ones(days)}, np.arange(days) * DAY))
    assert np.nanmean(got) == pytest.approx(spread, rel=0.15)


def test_prices_are_of_no_consequence_in_their_unit(market) -> None:
    bars, ts = market
    scaled = {name: values * (1.0 if name == "volume" else 1024.0) for name, values in bars.items()}
    sigma = ewma_sigma(VolatilityParams())
    for expr in (
        illiquidity_log(N, 100),
        price_impact(log_return(), tick_sign() * bar("volume").sqrt(), sigma, N),
        high_low_spread(N),
    ):
        np.testing.assert_allclose(compute(expr, market), compute(expr, (scaled, ts)), rtol=1e-9, atol=1e-12)
