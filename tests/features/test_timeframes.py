"""Higher timeframes: what Polars groups by time, seen only once it has closed."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from features import as_of, bar
from features.exhaustion import adx, rsi
from features.graph import to_data
from features.timeframes import DAY_US, MONDAY_US, TimeframesParams, expressions, on_timeframe
from features.volatility import true_range
from inference import Graph

MINUTE = 60_000_000
HOUR = 60 * MINUTE
N = 900


@pytest.fixture(scope="module")
def minutes():
    """15 hours of one-minute bars from 00:00, with a halt of 100 minutes and single bars that never came."""
    bars, _ = handmade.random_bars(N, seed=8)
    ts = np.arange(N, dtype=np.int64) * MINUTE
    keep = np.ones(N, bool)
    keep[310:410] = False
    keep[[59, 118, 119, 120, 500]] = False
    return {name: values[keep] for name, values in bars.items()}, ts[keep]


def compute(exprs, bars, ts, interval=MINUTE, series=None):
    return Graph(to_data(exprs, [], interval)).run(bars, ts, series)


def hourly(bars, ts, every="1h") -> pl.DataFrame:
    frame = pl.DataFrame({"ts": pl.Series(ts).cast(pl.Datetime("us")), **bars})
    return frame.group_by_dynamic("ts", every=every).agg(
        pl.col("open").first(),
        pl.col("high").max(),
        pl.col("low").min(),
        pl.col("close").last(),
        pl.col("volume").sum(),
    )


def test_columns_are_those_of_the_closed_hours(minutes) -> None:
    bars, ts = minutes
    names = ("open", "high", "low", "close", "volume")
    ours = compute({n: on_timeframe(bar(n), HOUR) for n in names}, bars, ts)
    hours = hourly(bars, ts)
    starts = hours["ts"].dt.epoch("us").to_numpy()
    for i, t in enumerate(ts):
        # closed by the bar that ends the hour, else by the first bar of a later hour
        ended = starts + HOUR <= t + MINUTE
        full = ended & ((starts + HOUR == t + MINUTE) | (starts // HOUR < t // HOUR))
        if not full.any():
            assert all(np.isnan(ours[n][i]) for n in names)
            continue
        row = hours.row(int(np.flatnonzero(full)[-1]), named=True)
        for n in names:
            assert ours[n][i] == pytest.approx(row[n], rel=1e-12), (n, i)


def test_indicators_on_hours_are_those_of_the_hourly_bars(minutes) -> None:
    bars, ts = minutes
    exprs = {"rsi": rsi(3), "atr": true_range().wilder(3), "adx": adx(2), "std": bar("close").rolling_std(4)}
    ours = compute({name: on_timeframe(expr, HOUR) for name, expr in exprs.items()}, bars, ts)
    hours = hourly(bars, ts)
    alone = compute(exprs, {n: hours[n].to_numpy() for n in bars}, hours["ts"].dt.epoch("us").to_numpy(), HOUR)
    for name in exprs:
        np.testing.assert_allclose(ours[name][-1], alone[name][-1], rtol=1e-12)
        held, own = (values[np.isfinite(values)] for values in (ours[name], alone[name]))
        held, own = (values[np.concatenate([[True], np.diff(values) != 0])] for values in (held, own))
        np.testing.assert_allclose(held, own, rtol=1e-12)


def test_an_open_hour_is_invisible(minutes) -> None:
    bars, ts = minutes
    expr = {"x": on_timeframe(bar("close").ema(2) + bar("high"), HOUR)}
    whole = compute(expr, bars, ts)["x"]
    for cut in (61, 200, 355, 600):
        other = {name: np.concatenate([values[:cut], values[cut:] * 1.5]) for name, values in bars.items()}
        assert compute(expr, other, ts)["x"][:cut].tobytes() == whole[:cut].tobytes()


def test_a_series_with_holes_closes_with_the_price(minutes) -> None:
    """The value of each hour is the last one known inside it, if any; the clock alone closes hours."""
    bars, ts = minutes
    rng = np.random.default_rng(4)
    keep = (rng.random(len(ts)) < 0.3) & (ts % HOUR != HOUR - MINUTE) & (ts // HOUR != 3)
    at, values = (ts + MINUTE)[keep], rng.normal(5.0, 1.0, keep.sum())
    s = as_of("s", 1 / 86_400)
    exprs = {"s": s, "ratio": s / bar("close"), "change": s - s.lag(1), "close": bar("close")}
    ours = compute({k: on_timeframe(e, HOUR) for k, e in exprs.items()}, bars, ts, series={"s": (at, values)})
    frame = pl.DataFrame({"hour": ts // HOUR, "close": bars["close"], "s": np.full(len(ts), np.nan)})
    frame = frame.with_columns(s=pl.Series(np.where(keep, np.interp(ts + MINUTE, at, values), np.nan)).fill_nan(None))
    hours = frame.group_by("hour", maintain_order=True).agg(pl.col("close").last(), pl.col("s").drop_nulls().last())
    assert hours["s"].null_count() == 1
    sparse = hours.drop_nulls()
    for name, expected in (
        ("s", sparse["s"]),
        ("ratio", sparse["s"] / sparse["close"]),
        ("change", sparse["s"].diff().drop_nulls()),
    ):
        got = ours[name][np.isfinite(ours[name])]
        np.testing.assert_allclose(got[np.concatenate([[True], np.diff(got) != 0])], expected.to_numpy(), rtol=1e-12)
        moved = np.flatnonzero(np.diff(np.nan_to_num(ours[name])))
        assert np.isin(moved, np.flatnonzero(np.diff(np.nan_to_num(ours["close"])))).all(), name


def test_weeks_begin_on_monday() -> None:
    bars, _ = handmade.random_bars(30)
    first = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000  # a Monday
    days = np.array([d for d in range(42) if d % 7 < 5])  # without weekends
    close = on_timeframe(bar("close"), 7 * DAY_US, MONDAY_US)
    out = compute({"x": close}, bars, first + days * DAY_US, DAY_US)["x"]
    # Friday's close is known as the week's once Monday's bar has closed
    assert np.isnan(out[:5]).all()
    for week in range(1, 6):
        assert (out[5 * week : 5 * week + 5] == bars["close"][5 * week - 1]).all()


def test_series_are_taken_at_the_close(minutes) -> None:
    bars, ts = minutes
    series = {"s": (ts[::7], np.arange(len(ts[::7]), dtype=float))}
    out = compute({"x": on_timeframe(as_of("s", 1.0), HOUR), "now": as_of("s", 1.0)}, bars, ts, series=series)
    at = int(np.flatnonzero(ts == 3 * HOUR - MINUTE)[0])
    assert out["x"][at] == out["now"][at]


def test_the_declared_warm_up_suffices(minutes) -> None:
    bars, ts = minutes
    graph = Graph(to_data({"x": on_timeframe(bar("close").rolling_std(3), 5 * MINUTE)}, [], MINUTE))
    first = int(np.argmax(np.isfinite(graph.run(bars, ts)["x"])))
    assert 14 <= first <= graph.warm_up["x"] <= 25


def test_an_offset_outside_the_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"offset_us must lie in \[0, interval_us\), was 5 of 5"):
        on_timeframe(bar("close"), 5, 5)


def test_the_family_says_where_the_timeframes_agree(minutes) -> None:
    bars, ts = minutes
    days = (5 * MINUTE / DAY_US, 60 * MINUTE / DAY_US)
    out = compute(expressions(TimeframesParams(days, 3)), bars, ts)

    def falls_and_rises(frame: dict[str, np.ndarray]) -> float:
        ema = pl.Series(frame["close"])
        seeded = [ema[:3].mean()]
        for x in frame["close"][3:]:
            seeded.append(0.5 * seeded[-1] + 0.5 * x)
        return float(np.sign(np.log(frame["close"][-1] / seeded[-1])))

    at = int(np.flatnonzero(ts == 15 * HOUR - MINUTE)[0])  # closes a bar of every timeframe
    frames = [bars, *(hourly(bars, ts, every).to_dict(as_series=False) for every in ("5m", "1h"))]
    signs = [falls_and_rises({k: np.asarray(v) for k, v in frame.items()}) for frame in frames]
    assert out["alignment"][at] == pytest.approx(np.mean(signs))
    last = frames[2]
    location = (bars["close"][at] - last["low"][-1]) / (last["high"][-1] - last["low"][-1])
    assert out["location_tf2"][at] == pytest.approx(location, rel=1e-9)
    returns = np.diff(np.log(last["close"]))
    speed = np.log(last["close"][-1] / last["close"][-4]) / (np.std(returns[-6:], ddof=1) * 3**0.5)
    assert out["velocity_tf2"][at] == pytest.approx(np.clip(speed, -5, 5), rel=1e-9)


def test_timeframes_that_do_not_ascend_are_refused() -> None:
    with pytest.raises(ValueError, match=r"interval_days: must ascend, was \[7.0, 1.0\]"):
        TimeframesParams((7.0, 1.0))
