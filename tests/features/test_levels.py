"""The family as a whole: distances, bounds, sides, round numbers, parameters."""

from __future__ import annotations

import os
from math import floor, log10
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from features import bar
from features.fibonacci import EXTENSIONS, RETRACEMENTS
from features.graph import to_data
from features.levels import AUXILIARY, LevelsParams, expressions, round_numbers
from features.volatility import VolatilityParams
from handmade_bars import DAY, by_hand, compute
from inference import Graph

DATA = Path(os.environ.get("RATCHET_DATA", Path(__file__).parents[3] / "shared/data"))
BTC = DATA / "spot_1m/BTCUSDT.parquet"
MINUTE = 60_000_000
PARAMS, UNIT = LevelsParams(), VolatilityParams()


@pytest.mark.parametrize(
    ("price", "spacing", "below", "above"),
    [
        (1234.5, 30.0, 1200.0, 1250.0),  # step 50
        (1234.5, 50.0, 1200.0, 1250.0),
        (1234.5, 50.1, 1200.0, 1300.0),  # step 100
        (1234.5, 1.3, 1234.0, 1236.0),  # step 2
        (0.3, 0.1, 0.3, 0.4),  # 0.3 / 0.1 is a hair below 3
        (0.000123, 0.000004, 0.00012, 0.000125),  # step 0.000005
        (65_432.0, 900.0, 65_000.0, 66_000.0),
        (100.0, 10.0, 100.0, 110.0),  # at the level itself
    ],
)
def test_round_numbers_by_hand(price, spacing, below, above) -> None:
    market = by_hand([(price, price, 1.0)] * 2)
    out = compute(round_numbers(bar("close") * (spacing / price)), market)
    assert [out["0"][1], out["1"][1]] == pytest.approx([below, above], rel=1e-12)


def test_round_numbers_enclose_the_price_on_a_round_grid(market) -> None:
    spacing = bar("high") - bar("low") + 0.01
    out = compute({"s": spacing, **dict(zip("ab", round_numbers(spacing), strict=True))}, market)
    for close, wanted, below, above in zip(market[0]["close"], out["s"], out["a"], out["b"], strict=True):
        step = min(m * 10.0**e for e in range(-4, 6) for m in (1, 2, 5) if m * 10.0**e >= wanted * (1 - 1e-9))
        assert below == pytest.approx(floor(close / step + 1e-9) * step, rel=1e-12)
        assert above - below == pytest.approx(step, rel=1e-7)
        assert round(step / 10 ** floor(log10(step) + 1e-9)) in (1, 2, 5)


def test_every_feature_from_levels_and_unit_again(market) -> None:
    """The family's distances are clip((level / close - 1) / (sigma sqrt(H)), ±cap), from its own auxiliary levels."""
    out = compute(expressions(PARAMS, UNIT), market)
    b, n = market[0], len(market[1])
    returns = np.diff(np.log(b["close"]), prepend=np.nan)
    variance = np.full(n, np.nan)
    variance[20] = (returns[1:21] ** 2).mean()
    for t in range(21, n):
        variance[t] = 0.94 * variance[t - 1] + 0.06 * returns[t] ** 2
    one = np.sqrt(variance * PARAMS.horizon_bars)

    def distance(level):
        return np.clip((level / b["close"] - 1) / one, -PARAMS.cap_units, PARAMS.cap_units)

    origin, extreme = out["swing_origin"], out["swing_extreme"]
    expected = {f"{name}_distance": distance(out[name]) for name in AUXILIARY if f"{name}_distance" in out}
    assert len(expected) == len(AUXILIARY) - 2  # all but the swing's ends
    expected |= {f"retracement_{r * 1000:.0f}": distance(extreme - r * (extreme - origin)) for r in RETRACEMENTS}
    expected |= {f"extension_{r * 1000:.0f}": distance(origin + r * (extreme - origin)) for r in EXTENSIONS}
    expected["prior_close"] = distance(np.roll(b["close"], 1))
    expected["swing_size"] = np.log1p(np.abs(np.log(extreme / origin)) / one)
    expected["swing_retraced"] = (extreme - b["close"]) / (extreme - origin)
    for name, values in expected.items():
        ready = np.isfinite(out[name])
        assert ready.sum() > n - 125, name
        np.testing.assert_allclose(out[name][ready], values[ready], rtol=1e-7, atol=1e-9, err_msg=name)


def test_features_are_finite_bounded_and_on_their_side(market) -> None:
    outputs = expressions(PARAMS, UNIT)
    graph = Graph(to_data(outputs, [], DAY))
    out = graph.run(*market)
    assert max(graph.warm_up.values()) <= 160  # split.warmup_bars of params.yaml
    for name, values in out.items():
        after = values[graph.warm_up[name] :]
        assert np.isfinite(after).all(), name
        assert name in AUXILIARY or np.abs(after).max() < 12, name
    close = market[0]["close"]
    ready = slice(max(graph.warm_up.values()), None)
    assert (out["zone_below"][ready] <= close[ready] * (1 + 1e-12)).all()
    assert (out["zone_above"][ready] >= close[ready] * (1 - 1e-12)).all()
    assert (out["value_low"][ready] < out["poc"][ready]).all()
    assert (out["value_high"][ready] > out["poc"][ready]).all()


@pytest.mark.data(str(BTC))
@pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project")
def test_real_minutes_are_complete_and_bounded_and_the_future_changes_nothing() -> None:
    """The first 200,000 one-minute bars of BTCUSDT, and the same without the last 70,001."""
    frame = pl.read_parquet(BTC, n_rows=200_000)
    bars = {name: frame[name].to_numpy().astype(float) for name in ("open", "high", "low", "close", "volume")}
    ts = frame["ts"].dt.epoch("us").to_numpy()
    data = to_data(expressions(PARAMS, UNIT), [], MINUTE)
    graph = Graph(data)
    whole = graph.run(bars, ts)
    cut = len(ts) - 70_001
    part = Graph(data).run({name: values[:cut] for name, values in bars.items()}, ts[:cut])
    for name, values in whole.items():
        after = values[graph.warm_up[name] :]
        assert np.isfinite(after).all(), name
        assert name in AUXILIARY or np.abs(after).max() < 12, name
        assert values[:cut].tobytes() == part[name].tobytes(), name


def test_a_market_that_stood_still_has_levels_again_once_it_moves() -> None:
    """Constant prices have no unit of their own: that of the least volatility stands in; nothing stays in the state."""
    rng = np.random.default_rng(2)
    close = np.concatenate([np.full(150, 50.0), 50.0 * np.exp(np.cumsum(rng.normal(0, 0.01, 300)))])
    bars = {"open": close, "high": close, "low": close, "close": close, "volume": np.ones(450)}
    out = compute(expressions(PARAMS, UNIT), (bars, np.arange(450, dtype=np.int64) * DAY))
    for name, values in out.items():
        assert np.isfinite(values[125:]).all(), name
        assert name in AUXILIARY or np.abs(values[125:]).max() < 12.0, name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("zone_count", 0),
        ("value_share", 1.5),
        ("prior_bars", (5, 0)),
        ("zone_half_life_bars", 0.5),
        ("cap_units", 0.0),
        ("node_bins", 0),
        ("session_start_hour", 24.0),
        ("harmonic_tolerance", 0.0),
        ("cluster_tolerance", -0.1),
        ("time_tolerance", 0.0),
        ("angle_units", 0.0),
        ("square_units", 0.0),
    ],
)
def test_parameters_are_checked(field, value) -> None:
    with pytest.raises(ValueError, match=rf"features\.levels\.{field}: must be"):
        LevelsParams(**{field: value})
