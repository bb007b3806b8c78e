"""Values of the kernels against implementations that no one here wrote: Polars, NumPy, SciPy, TA-Lib, arch."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import talib
from arch import arch_model
from arch.data import sp500
from scipy.stats import rankdata

from features import as_of, bar
from features.exhaustion import adx, directional, rsi
from features.expression import Expr
from features.graph import to_data
from features.volatility import fit, garman_klass, log_return, parkinson, true_range
from inference import Graph

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def real() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """5,031 real daily bars of the S&P 500."""
    frame = sp500.load()
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


def compute(expr: Expr, real, symbol: str = "*") -> np.ndarray:
    return Graph(to_data({"out": expr}, ["out"], DAY), symbol).run(*real)["out"]


def same(ours: np.ndarray, theirs: np.ndarray, rtol: float = 1e-10, skip: int = 0) -> None:
    """Equal where theirs is known, and missing where it is not."""
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours[skip:], theirs[skip:], rtol=rtol, equal_nan=True)


def test_the_logarithm_is_right_to_one_unit_in_the_last_place() -> None:
    """Against the C library's, over all magnitudes: subnormal, near 1, at the edges of the reduction."""
    rng = np.random.default_rng(0)
    edges = np.array([5e-324, 2.3e-308, 0.5**0.5, 1 - 2**-53, 1.0, 1 + 2**-52, 2**0.5, 1.7e308, 0.0, -1.0])
    x = np.concatenate([np.exp(rng.uniform(-700, 700, 3000)), np.exp(rng.normal(0, 0.01, 3000)), edges])
    ts = np.arange(len(x), dtype=np.int64) * DAY
    ones = {name: np.ones(len(x)) for name in ("open", "high", "low", "close", "volume")}
    graph = Graph(to_data({"out": as_of("x", 1.0).log()}, [], DAY))
    ours = graph.run(ones, ts, {"x": (ts + DAY, x)})["out"]
    assert np.isnan(ours[-2:]).all()
    theirs = np.log(x[:-2])
    assert (np.abs(ours[:-2] - theirs) <= np.spacing(np.abs(theirs))).all()


def test_the_exponential_is_right_to_one_unit_in_the_last_place() -> None:
    """Against the C library's, from the smallest result to the largest; beyond it is missing."""
    rng = np.random.default_rng(0)
    edges = np.array([0.0, -0.0, 1e-300, 0.5 * np.log(2.0), -708.3, -709.0, -745.1, -746.0, -1e9, 709.7, 709.8, 1e9])
    x = np.concatenate([rng.uniform(-745, 709, 3000), rng.normal(0, 0.01, 3000), edges])
    ts = np.arange(len(x), dtype=np.int64) * DAY
    ones = {name: np.ones(len(x)) for name in ("open", "high", "low", "close", "volume")}
    graph = Graph(to_data({"out": as_of("x", 1.0).exp()}, [], DAY))
    ours = graph.run(ones, ts, {"x": (ts + DAY, x)})["out"]
    assert np.isnan(ours[-2:]).all()
    theirs = np.exp(x[:-2])
    assert (np.abs(ours[:-2] - theirs) <= np.spacing(theirs)).all()


@pytest.mark.parametrize("window", [2, 20, 252, 1500, 4500])
def test_rolling_statistics_equal_polars(real, window) -> None:
    close = pl.Series(real[0]["close"])
    c = bar("close")
    polars = {
        "sum": close.rolling_sum(window),
        "mean": close.rolling_mean(window),
        "min": close.rolling_min(window),
        "max": close.rolling_max(window),
        "q": close.rolling_quantile(0.3, interpolation="linear", window_size=window),
    }
    ours = {
        "sum": c.rolling_sum(window),
        "mean": c.rolling_mean(window),
        "min": c.rolling_min(window),
        "max": c.rolling_max(window),
        "q": c.rolling_quantile(window, 0.3),
    }
    for name, series in polars.items():
        same(compute(ours[name], real), series.to_numpy(), rtol=1e-11)
    # Polars' rolling_std drifts too: the windows themselves are the reference (1e-10 is 1e-13 of these prices)
    exact = np.lib.stride_tricks.sliding_window_view(real[0]["close"], window).std(axis=1, ddof=1)
    np.testing.assert_allclose(compute(c.rolling_std(window), real)[window - 1 :], exact, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("window", [5, 60, 700, 4500])
def test_rank_and_age_equal_numpy_and_scipy(real, window) -> None:
    close = real[0]["close"].round(-1)  # ties
    views = np.lib.stride_tricks.sliding_window_view(close, window)
    rounded = ({**real[0], "close": close, "high": close + 1e4, "low": np.ones_like(close), "open": close}, real[1])
    rank = [(rankdata(view)[-1] - 1) / (window - 1) for view in views]
    np.testing.assert_allclose(compute(bar("close").rolling_rank(window), rounded)[window - 1 :], rank, rtol=1e-12)
    age = [np.argmax(view[::-1]) for view in views]
    assert np.array_equal(compute(bar("close").bars_since_max(window), rounded)[window - 1 :], age)
    age = [np.argmin(view[::-1]) for view in views]
    assert np.array_equal(compute(bar("close").bars_since_min(window), rounded)[window - 1 :], age)


@pytest.mark.parametrize("bars", [2, 14, 50])
def test_indicators_equal_talib(real, bars) -> None:
    b = real[0]
    high, low, close = b["high"], b["low"], b["close"]
    same(compute(bar("close").ema(bars), real), talib.EMA(close, bars))
    same(compute(true_range(), real), talib.TRANGE(high, low, close))
    same(compute(true_range().wilder(bars), real), talib.ATR(high, low, close, bars))
    same(compute(rsi(bars), real), talib.RSI(close, bars), rtol=1e-9)
    plus, minus = directional(bars)
    same(compute(plus, real), talib.PLUS_DI(high, low, close, bars))
    same(compute(minus, real), talib.MINUS_DI(high, low, close, bars))
    same(compute(adx(bars), real), talib.ADX(high, low, close, bars))


@pytest.mark.parametrize("bars", [2, 14])
@pytest.mark.parametrize(("first", "still"), [(0, 150), (150, 100), (150, 900), (150, 3000)])
def test_directions_in_a_standstill_equal_talib(bars, first, still) -> None:
    """0 while nothing has ever moved; what was before it stays, until after some 1,000 bars it is a number no more."""
    rng = np.random.default_rng(0)
    moves = [np.cumsum(rng.normal(0, 1, n)) for n in (first, 150)]
    close = 50.0 + np.concatenate([moves[0], np.zeros(still), moves[1]])
    market = dict.fromkeys(("open", "high", "low", "close", "volume"), close), np.arange(len(close)) * DAY
    plus, minus = directional(bars)
    ready = slice(2 * bars - 1, first + 900 if still == 3000 else None)  # TA-Lib's are made of the last bits from there
    for expr, talibs in ((plus, talib.PLUS_DI), (minus, talib.MINUS_DI), (adx(bars), talib.ADX)):
        ours, theirs = compute(expr, market), talibs(close, close, close, bars)
        np.testing.assert_allclose(ours[ready], theirs[ready], rtol=1e-8, atol=1e-9)
        assert np.isfinite(ours[2 * bars - 1 :]).all()


def test_range_volatilities_equal_their_papers(real) -> None:
    b = real[0]
    span = np.log(b["high"] / b["low"]) ** 2
    body = np.log(b["close"] / b["open"]) ** 2

    def mean(values: np.ndarray) -> np.ndarray:
        return pl.Series(values).rolling_mean(20).to_numpy()

    # Parkinson (1980), eq. 2; Garman and Klass (1980), the practical estimator
    same(compute(parkinson(20), real), np.sqrt(mean(span) / (4 * np.log(2))))
    same(compute(garman_klass(20), real), np.sqrt(mean(0.5 * span - (2 * np.log(2) - 1) * body)))


def test_ewma_equals_polars_after_its_seed(real) -> None:
    squares = compute(log_return(), real) ** 2
    ours = compute((log_return() * log_return()).ewma(0.94, 20), real)
    seeded = np.concatenate([[squares[1:21].mean()], squares[21:]])
    same(ours[20:], pl.Series(seeded).ewm_mean(alpha=0.06, adjust=False).to_numpy())


def test_garch_equals_arch(real) -> None:
    """Fitted by us on the first 3,000 returns, filtered by both over all of them."""
    returns = compute(log_return(), real)
    constants = fit({"SPX": returns[1:3001]})
    ours = compute(log_return().garch(**constants), real, "SPX")
    scale = returns[1:3001].std()
    model = arch_model(returns[1:3001] / scale, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    fitted = model.fit(disp="off")
    np.testing.assert_allclose(ours[1:3000], fitted.conditional_volatility[1:] ** 2 * scale**2, rtol=1e-9)
    forecast = fitted.forecast(horizon=1, reindex=False).variance.to_numpy()[0, 0] * scale**2
    assert ours[3000] == pytest.approx(forecast, rel=1e-9)


def test_an_unknown_symbol_gets_the_median_constants(real) -> None:
    returns = compute(log_return(), real)
    constants = fit({"SPX": returns[1:3001], "half": returns[1:3001] / 2})
    assert constants["alpha"]["*"] == pytest.approx((constants["alpha"]["SPX"] + constants["alpha"]["half"]) / 2)
    known, unknown = (
        compute(log_return().garch(**constants), real, "SPX"),
        compute(log_return().garch(**constants), real, "new"),
    )
    assert not np.allclose(known[1:], unknown[1:])


def test_a_spike_leaves_no_trace_in_the_windows() -> None:
    """Sums and deviations are exact again once a value of 1e14 has left the window."""
    n, window = 400, 16
    close = np.full(n, 3.0) + np.sin(np.arange(n))
    close[100] = 1e14
    bars = {"open": close, "high": close, "low": close, "close": close, "volume": np.ones(n)}
    real = (bars, np.arange(n, dtype=np.int64))
    clean = close[200 : 200 + window]
    at = 200 + window - 1
    assert compute(bar("close").rolling_sum(window), real)[at] == pytest.approx(clean.sum(), rel=1e-14)
    assert compute(bar("close").rolling_std(window), real)[at] == pytest.approx(clean.std(ddof=1), rel=1e-12)
    # and a window of zeros sums to exactly 0, never below
    assert compute((bar("close") - bar("close")).rolling_mean(window), real)[window:].max() == 0.0
