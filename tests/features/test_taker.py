"""The tape against NumPy and statsmodels, on random bars and on real one-minute bars with taker volume and trades."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import handmade_export as handmade
from features.exhaustion import ExhaustionParams
from features.expression import constant
from features.graph import to_data
from features.taker import of_this_bar, taker_features, trade_features
from inference import Graph

ROOT = Path(__file__).parents[2]
BTC = ROOT.parent / "shared/data/spot_1m/BTCUSDT.parquet"
N, SLOW, SIGMA = 20, 60, 0.01
COLUMNS = ("open", "high", "low", "close", "volume")


def features():
    out = taker_features("taker_buy_volume", N, SLOW, constant(SIGMA), ExhaustionParams())
    return out | trade_features("trades", N, SLOW)


def run(bars, ts, taker, trades, interval):
    at = ts + interval
    series = {"taker_buy_volume": (at, taker), "trades": (at, trades)}
    return Graph(to_data(features(), [], interval)).run(bars, ts, series)


def check(bars, ts, taker, trades, interval) -> dict[str, np.ndarray]:
    got = run(bars, ts, taker, trades, interval)
    frame = pl.DataFrame({"v": bars["volume"], "b": taker, "n": trades, "c": bars["close"]})
    share = pl.when(pl.col("v") > 0).then(pl.col("b") / pl.col("v")).otherwise(0.5)
    delta = (2 * pl.col("b") - pl.col("v")).rolling_sum(N) / pl.col("v").rolling_sum(N)
    path = pl.col("c").diff().abs().rolling_sum(N)
    intensity = (1 + pl.col("n")).log()

    def size(n: int) -> pl.Expr:
        return pl.col("v").rolling_sum(n) / pl.col("n").rolling_sum(n)

    expected = frame.select(
        taker_share=share,
        taker_share_score=((share - share.rolling_mean(SLOW)) / share.rolling_std(SLOW)).clip(-5, 5),
        taker_delta=delta,
        taker_gap=delta - (pl.col("c") - pl.col("c").shift(N)) / path,
        trade_intensity=((intensity - intensity.rolling_mean(SLOW)) / intensity.rolling_std(SLOW)).clip(-5, 5),
        trade_size=(size(N) / size(SLOW)).log(),
    )
    for name in expected.columns:
        np.testing.assert_allclose(
            got[name][SLOW:], expected[name].to_numpy()[SLOW:], rtol=1e-6, atol=1e-8, err_msg=name
        )
    net = 2 * taker - bars["volume"]
    flow, ret = np.sign(net) * np.sqrt(np.abs(net) * bars["close"]), np.diff(np.log(bars["close"]), prepend=np.nan)
    for t in range(SLOW, len(ts), len(ts) // 25):
        x = flow[t - N + 1 : t + 1]
        slope = sm.OLS(ret[t - N + 1 : t + 1], sm.add_constant(x)).fit().params[1]
        expected_impact = np.clip(slope * np.sqrt(np.mean(x**2)) / SIGMA, -5, 5)
        assert got["taker_impact"][t] == pytest.approx(expected_impact, rel=1e-6, abs=1e-9)
    return got


def test_random_tapes_equal_the_formulas() -> None:
    bars, ts = handmade.random_bars(500)
    rng = np.random.default_rng(2)
    taker, trades = bars["volume"] * rng.beta(5, 5, 500), rng.poisson(300, 500).astype(float)
    out = check(bars, ts, taker, trades, handmade.DAY)
    assert np.abs(out["taker_divergence"][SLOW:]).max() > 0.5


@pytest.mark.data(str(BTC))
@pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project")
def test_a_real_tape_equals_the_formulas_and_is_complete_and_bounded() -> None:
    frame = pl.read_parquet(BTC, n_rows=100_000)
    bars = {name: frame[name].to_numpy().astype(float) for name in COLUMNS}
    taker, trades = (frame[name].to_numpy().astype(float) for name in ("taker_buy_volume", "trades"))
    out = check(bars, frame["ts"].dt.epoch("us").to_numpy(), taker, trades, 60_000_000)
    for name, values in out.items():
        assert np.isfinite(values[2 * SLOW :]).all(), name
        assert np.abs(values[2 * SLOW :]).max() <= 7.0, name
    # net buying lifts the price: true flow must show it nearly always
    assert (out["taker_impact"][SLOW:] > 0).mean() > 0.95


def test_a_delta_that_does_not_confirm_a_new_low_is_a_divergence() -> None:
    """Two swing lows, the second lower in price, but sellers took less volume into it: bullish."""
    dip = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1])
    low = 100.0 - np.concatenate([np.zeros(30), dip, np.zeros(25), 1.2 * dip, np.zeros(12)])
    share = np.concatenate([np.full(30, 0.5), np.full(10, 0.1), np.full(25, 0.5), np.full(10, 0.4), np.full(12, 0.5)])
    bars = {"open": low + 0.5, "high": low + 1, "low": low, "close": low + 0.5, "volume": np.full(len(low), 10.0)}
    ts = np.arange(len(low)) * handmade.DAY
    out = run(bars, ts, 10.0 * share, np.full(len(low), 5.0), handmade.DAY)
    known = 30 + 10 + 25 + 5 + ExhaustionParams().pivot_bars
    assert out["taker_divergence"][known] == pytest.approx(1.0, abs=0.1)
    assert out["taker_divergence"][known - 1] <= 0.1


def test_a_delta_below_that_of_a_lower_low_is_a_hidden_divergence() -> None:
    """Two swing lows, the second higher in price, although sellers took more volume into it: bullish."""
    dip = np.array([0, 1, 2, 3, 4, 5, 4, 3, 2, 1])
    low = 100.0 - np.concatenate([np.zeros(30), dip, np.zeros(25), 0.8 * dip, np.zeros(12)])
    share = np.concatenate([np.full(30, 0.5), np.full(10, 0.4), np.full(25, 0.5), np.full(10, 0.1), np.full(12, 0.5)])
    bars = {"open": low + 0.5, "high": low + 1, "low": low, "close": low + 0.5, "volume": np.full(len(low), 10.0)}
    out = run(bars, np.arange(len(low)) * handmade.DAY, 10.0 * share, np.full(len(low), 5.0), handmade.DAY)
    known = 30 + 10 + 25 + 5 + ExhaustionParams().pivot_bars
    assert out["taker_hidden_divergence"][known] == pytest.approx(1.0, abs=0.1)
    assert out["taker_hidden_divergence"][known - 1] <= 0.1
    assert abs(out["taker_divergence"][known]) <= 0.1


def test_a_bar_without_its_number_is_missing_and_the_rest_goes_on() -> None:
    bars, ts = handmade.random_bars(200)
    at, values = ts + handmade.DAY, np.linspace(1.0, 2.0, 200)
    keep = np.arange(200) != 150
    out = Graph(to_data({"x": of_this_bar("s")}, [], handmade.DAY)).run(bars, ts, {"s": (at[keep], values[keep])})["x"]
    assert np.isnan(out[150])
    np.testing.assert_array_equal(out[keep], values[keep])


def test_bars_without_their_number_might_as_well_not_have_been_there() -> None:
    """Windows, lags and pivots of the tape and of the price count the same bars, and a spike has its bounds."""
    n = 600
    bars, ts = handmade.random_bars(n, seed=5)
    bars["volume"][300] = 1e14
    rng = np.random.default_rng(3)
    taker, trades = bars["volume"] * rng.beta(5, 5, n), rng.poisson(300, n).astype(float)
    keep = rng.random(n) > 0.1
    keep[300] = keep[0] = keep[-1] = True
    keep[305:312] = False
    at = ts[keep] + handmade.DAY
    series = {"taker_buy_volume": (at, taker[keep]), "trades": (at, trades[keep])}
    data = to_data(features(), [], handmade.DAY)
    got = Graph(data).run(bars, ts, series)
    dense = Graph(data).run({name: values[keep] for name, values in bars.items()}, ts[keep], series)
    for name, values in got.items():
        assert np.isnan(values[~keep]).all(), name
        assert np.nanmax(np.abs(values)) < 8.0, name
        if name != "taker_impact":  # of the bar's own return, which spans one bar whatever is missing
            assert values[keep].tobytes() == dense[name].tobytes(), name
    assert np.nanmax(np.abs(got["taker_delta"])) <= 1.0
    flow = np.sign(2 * taker - bars["volume"]) * np.sqrt(np.abs(2 * taker - bars["volume"]) * bars["close"])
    ret = np.diff(np.log(bars["close"]), prepend=np.nan)
    for t in np.flatnonzero(keep)[N + 1 : 200 : 20]:
        seen = np.flatnonzero(keep[: t + 1])[-N:]
        slope = sm.OLS(ret[seen], sm.add_constant(flow[seen])).fit().params[1]
        expected = np.clip(slope * np.sqrt(np.mean(flow[seen] ** 2)) / SIGMA, -5, 5)
        assert got["taker_impact"][t] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_silent_bars_are_balanced() -> None:
    bars, ts = handmade.random_bars(200)
    bars["volume"][:] = 0.0
    out = run(bars, ts, np.zeros(200), np.zeros(200), handmade.DAY)
    assert (out["taker_share"] == 0.5).all()
    for name in ("taker_share_score", "taker_delta", "taker_impact", "trade_intensity", "trade_size"):
        assert (out[name][SLOW:] == 0.0).all(), name
