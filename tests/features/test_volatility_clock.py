"""Volatility by the clock against plain loops: seasons of hours and weekdays, gaps of each kind."""

from __future__ import annotations

import numpy as np
import pytest
from arch.data import sp500

import handmade_export as handmade
from features.graph import to_data
from features.volatility import VolatilityParams, clock, ewma_sigma
from inference import Graph

HOUR = 3_600_000_000
DAY = 24 * HOUR


def compute(p: VolatilityParams, bars, ts, interval) -> dict[str, np.ndarray]:
    out = clock(p) | {"sigma": ewma_sigma(p)}
    return Graph(to_data(out, list(out), interval)).run(bars, ts)


def session_hours(weeks: int) -> np.ndarray:
    """Opens of hourly bars from 14:00 to 20:00, Monday to Friday, with a Wednesday off each fourth week."""
    days = [d for d in range(4, 7 * weeks) if d % 7 not in (2, 3) and d % 28 != 13]  # 1970 began on a Thursday
    return np.array([d * DAY + h * HOUR for d in days for h in range(14, 21)], np.int64)


def gap_kinds(ts: np.ndarray, interval: int) -> list[str]:
    closed = np.diff(ts) - interval
    return ["weekend" if c >= DAY else "session" if c <= interval else "overnight" for c in closed]


def slow_gaps(bars, ts, interval, decay, window):
    """Per kind the EWMA of squared gaps, seeded with the mean of 5; all gaps together until then."""
    squared = np.log(bars["open"][1:] / bars["close"][:-1]) ** 2
    kinds = gap_kinds(ts, interval)
    out = {kind: np.full(len(ts), np.nan) for kind in ("session", "overnight", "weekend")}
    every: list[float] = []
    own: dict[str, list[float]] = {kind: [] for kind in out}

    def level(values: list[float]) -> float:
        m = np.mean(values[:5])
        for x in values[5:]:
            m = decay * m + (1 - decay) * x
        return float(m)

    for i, (x, kind) in enumerate(zip(squared, kinds, strict=True), 1):
        every.append(x)
        if i >= window:  # the length of a bar is known
            own[kind].append(x)
        for name in out:
            if len(every) >= 5:
                out[name][i] = level(own[name]) if len(own[name]) >= 5 else level(every)
    return out


def test_gaps_of_each_kind_equal_a_slow_loop() -> None:
    ts = session_hours(16)
    bars, _ = handmade.random_bars(len(ts), seed=6)
    p = VolatilityParams()
    ours = compute(p, bars, ts, HOUR)
    expected = slow_gaps(bars, ts, HOUR, p.ewma_decay, p.window_bars)
    assert min(gap_kinds(ts, HOUR).count(kind) for kind in expected) > 15
    known = np.isfinite(ours["sigma"])
    for kind, variance in expected.items():
        log_ratio = np.log(np.clip(np.sqrt(variance) / ours["sigma"], 0.01, 100))
        np.testing.assert_allclose(ours[f"{kind}_gap_log"][known], log_ratio[known], rtol=1e-9, err_msg=kind)


def test_daily_bars_have_nights_and_weekends() -> None:
    """The real S&P 500: weekends and holidays are told from nights by their length alone."""
    frame = sp500.load()
    ts = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    p = VolatilityParams()
    ours = compute(p, bars, ts, DAY)
    expected = slow_gaps({c: v[:1500] for c, v in bars.items()}, ts[:1500], DAY, p.ewma_decay, p.window_bars)
    known = np.flatnonzero(np.isfinite(ours["sigma"][:1500]))
    for kind, variance in expected.items():
        log_ratio = np.log(np.clip(np.sqrt(variance[known]) / ours["sigma"][known], 0.01, 100))
        np.testing.assert_allclose(ours[f"{kind}_gap_log"][known], log_ratio, rtol=1e-9, err_msg=kind)
    both = ours["session_gap_log"][known], ours["overnight_gap_log"][known]
    assert not np.allclose(*both), "what never comes is not what happens every night"
    assert "day_season_log" not in ours


def test_the_season_of_the_coming_hour_is_found() -> None:
    """Returns twice as wild from 14:00 to 15:00 and on Mondays; sigma times both seasons says so beforehand."""
    n = 24 * 7 * 60
    rng = np.random.default_rng(3)
    ts = np.arange(n, dtype=np.int64) * HOUR
    hour, day = ts // HOUR % 24, ts // DAY % 7
    true = 0.002 * np.where(hour == 14, 2.0, 1.0) * np.where(day == 4, 2.0, 1.0)
    close = 100 * np.exp(np.cumsum(rng.normal(size=n) * true))
    bars = {**dict.fromkeys(("open", "high", "low", "close"), close), "volume": np.ones(n)}
    p = VolatilityParams(day_slots=24, week_slots=7, season_decay=0.99, ewma_decay=0.995, window_bars=50, slow_bars=100)
    out = compute(p, bars, ts, HOUR)
    half = slice(n // 2, n - 1)
    coming_hour, coming_day = hour[n // 2 + 1 :], day[n // 2 + 1 :]
    day_factor = np.exp(out["day_season_log"][half])
    assert day_factor[coming_hour == 14].mean() / day_factor[coming_hour != 14].mean() == pytest.approx(2.0, rel=0.1)
    week_factor = np.exp(out["week_season_log"][half])
    assert week_factor[coming_day == 4].mean() / week_factor[coming_day != 4].mean() > 1.5
    expected = out["sigma"] * np.exp(out["day_season_log"]) * np.exp(out["week_season_log"])
    np.testing.assert_allclose(out["seasonal_sigma"][half], expected[half], rtol=1e-12)
    ahead = true[n // 2 + 1 :]
    plain, seasonal = (np.std(np.log(out[name][half] / ahead)) for name in ("sigma", "seasonal_sigma"))
    assert seasonal < 0.6 * plain


def test_seasons_of_a_market_that_stands_still_are_finite() -> None:
    n = 300
    still = {**dict.fromkeys(("open", "high", "low", "close"), np.full(n, 5.0)), "volume": np.ones(n)}
    out = compute(VolatilityParams(day_slots=24), still, np.arange(n, dtype=np.int64) * HOUR, HOUR)
    for name, values in out.items():
        assert np.isfinite(values[30:]).all(), name


def test_slots_are_none_or_many() -> None:
    assert not {"day_season_log", "week_season_log"} & set(clock(VolatilityParams(day_slots=0, week_slots=0)))
    with pytest.raises(ValueError, match=r"day_slots: must be a whole number in \[2, 10000\], was 1"):
        VolatilityParams(day_slots=1)
    with pytest.raises(ValueError, match=r"season_decay: must be a number in \[0, 0.9999\], was 1.0"):
        VolatilityParams(season_decay=1.0)
