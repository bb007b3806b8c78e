"""Named series against Polars, and real funding and fear & greed on hourly bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from features.expression import age_of, as_of
from features.graph import to_data
from features.named_series import SeriesParams, series_features, staleness
from inference import Graph

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data"
SERIES, HOURS = DATA / "series/series.parquet", DATA / "perp_1h/BTCUSDT.parquet"
HOUR, DAY = 3_600_000_000, 86_400_000_000
N, K = 40, 5


def formulas(x: np.ndarray, n: int, k: int) -> pl.DataFrame:
    """The definitions, of the value known at each bar."""
    s = pl.col("x")
    std = s.rolling_std(n)

    def scaled(change: pl.Expr) -> pl.Expr:
        return pl.when(std > 1e-6 * (s * s).rolling_mean(n).sqrt()).then((change / std).clip(-5, 5)).otherwise(0.0)

    def rank(window: pl.Series) -> float:
        values = window.to_numpy()
        return float(((values < values[-1]).sum() + ((values == values[-1]).sum() - 1) / 2) / (len(values) - 1))

    return pl.DataFrame({"x": x}).select(
        level=s / (s.abs() + (s * s).rolling_mean(n).sqrt()),
        score=scaled(s - s.rolling_mean(n)),
        shift=scaled(s - s.shift(k)),
        rank=s.rolling_map(rank, n),
    )


def test_figures_are_polars() -> None:
    bars, ts = handmade.random_bars(400)
    x = np.random.default_rng(4).normal(0.1, 1.0, 400)
    x[100:160] = 0.3  # does not vary for longer than the window
    out = Graph(to_data(series_features(SeriesParams("s", 1.0, N, K)), [], DAY)).run(bars, ts, {"s": (ts + DAY, x)})
    expected = formulas(x, N, K)
    for name in expected.columns:
        ours = out[f"s_{name}"]
        assert np.isnan(ours[: max(N - 1, K)]).all()
        np.testing.assert_allclose(ours[N:], expected[name].to_numpy()[N:], rtol=1e-7, atol=1e-9, err_msg=name)
    assert (out["s_score"][145:160] == 0.0).all()
    assert (out["s_staleness"] == 0.0).all()


def test_rounding_is_no_deviation() -> None:
    """After the values have stopped moving, neither score nor shift may grow out of the last bits."""
    bars, ts = handmade.random_bars(2000)
    rng = np.random.default_rng(0)
    still = (np.arange(2000) // 60) % 2 == 1
    x = np.where(still, np.repeat(rng.normal(0, 1, 40), 60)[:2000], rng.normal(0, 1, 2000))
    params = SeriesParams("s", 1.0, N, N + 15)  # the shift reaches back to when they moved
    out = Graph(to_data(series_features(params), [], DAY)).run(bars, ts, {"s": (ts + DAY, x)})
    for t in range(N, 2000):
        if still[t - N + 1 : t + 1].all():
            assert out["s_score"][t] == out["s_shift"][t] == 0.0


def test_staleness_is_the_age_as_a_share_of_its_limit() -> None:
    """Also of a value that came between two bars, or that repeats the one before; 1 once it is too old."""
    bars, ts = handmade.random_bars(40)
    times = np.array([2 * DAY, 3 * DAY, 22 * DAY - HOUR])
    data = to_data({"x": staleness("s", 12.0), "age": age_of("s", 12.0), "value": as_of("s", 12.0)}, [], DAY)
    series = {"s": (times, np.array([1.0, 2.0, 2.0]))}
    out = Graph(data).run(bars, ts, series)
    close = ts + DAY
    age = np.array([float(t - times[times <= t][-1]) if t >= times[0] else np.nan for t in close])
    known = age <= 12 * DAY
    np.testing.assert_array_equal(out["age"], np.where(known, age, np.nan))
    np.testing.assert_array_equal(np.isnan(out["value"]), ~known)
    np.testing.assert_allclose(out["x"], np.where(np.isnan(age), np.nan, np.minimum(age / (12 * DAY), 1.0)), rtol=1e-12)
    assert 0.0 < out["x"][21] == pytest.approx(1 / 24 / 12)
    assert (out["x"][15:21] == 1.0).all()
    live = Graph(data)
    live.push(series)
    for i in range(40):
        live.update(int(ts[i]), *(float(bars[c][i]) for c in ("open", "high", "low", "close", "volume")))
        assert live.values.tobytes() == np.array([out[name][i] for name in live.names]).tobytes()


def test_a_missing_series_is_missing() -> None:
    bars, ts = handmade.random_bars(100)
    out = Graph(to_data(series_features(SeriesParams("s", 1.0, 10, 2)), [], DAY)).run(bars, ts)
    assert all(np.isnan(values).all() for values in out.values())


@pytest.mark.data(str(SERIES))
@pytest.mark.skipif(not (SERIES.exists() and HOURS.exists()), reason=f"needs {SERIES} and {HOURS}, not in the project")
@pytest.mark.parametrize(
    ("symbol", "name", "max_age", "delay_days"), [("BTCUSDT", "funding", 0.5, 0), ("*", "fear_greed", 3.0, 1)]
)
def test_real_series_on_hourly_bars_are_complete_and_bounded(symbol, name, max_age, delay_days) -> None:
    bars = pl.read_parquet(HOURS).filter(pl.col("ts").dt.year() >= 2021)
    values = pl.read_parquet(SERIES).filter((pl.col("symbol") == symbol) & (pl.col("name") == name))
    values = values.with_columns(pl.col("ts") + pl.duration(days=delay_days))
    ts, at = (each["ts"].dt.epoch("us").to_numpy() for each in (bars, values))
    columns = {c: bars[c].to_numpy().astype(float) for c in ("open", "high", "low", "close", "volume")}
    params = SeriesParams(name, max_age, 24 * 30, 24)
    graph = Graph(to_data(series_features(params), [], HOUR))
    out = graph.run(columns, ts, {name: (at, values["value"].to_numpy())})
    joined = bars.select(close=pl.col("ts") + pl.duration(hours=1)).join_asof(
        values.select("ts", "value"), left_on="close", right_on="ts"
    )
    expected = formulas(joined["value"].to_numpy(), params.window_bars, params.shift_bars)
    for figure, got in out.items():
        ready = got[params.window_bars :]
        assert np.isfinite(ready).all(), figure
        assert np.abs(ready).max() <= 5.0, figure
        assert len(np.unique(ready)) > 1, figure
        short = figure.removeprefix(f"{name}_")
        if short in expected.columns:
            theirs = expected[short].to_numpy()[params.window_bars :]
            np.testing.assert_allclose(ready, theirs, rtol=1e-6, atol=1e-8, err_msg=figure)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"name": "open interest"}, "name: must be letters, digits and _, was 'open interest'"),
        ({"max_age_days": 0.0}, "max_age_days: must be a number in"),
        ({"window_bars": 2}, "window_bars: must be a whole number in"),
        ({"shift_bars": 0}, "shift_bars: must be a whole number in"),
    ],
)
def test_impossible_series_are_refused(change, rule) -> None:
    good = {"name": "funding", "max_age_days": 1.0, "window_bars": 100, "shift_bars": 5}
    with pytest.raises(ValueError, match=rf"features\.flow\.series\.{rule}"):
        SeriesParams(**(good | change))
