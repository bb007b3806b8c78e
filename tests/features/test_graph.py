"""Expressions and their graphs as data; features on bars: nothing looks ahead, nothing gets lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from arch.data import nasdaq, sp500, vix

import handmade_export as handmade
from features import Expr, as_of, bar, constant, maximum, where
from features.families import FAMILIES, FeatureParams, price_levels
from features.graph import from_data, graph_hash, merge, to_data
from features.prices import with_levels
from features.reference import EVERYTHING, THREE_REGIMES
from features.reference import outputs as options
from features.timeframes import TimeframesParams
from features.volatility import VolatilityParams, fit
from inference import Graph
from inference.levels import GROUPS
from pipelines.params import section

MINUTE = 60_000_000
ROOT = Path(__file__).parents[2]
MINUTES = ROOT.parent / "shared/data/spot_1m"
COLUMNS = ("open", "high", "low", "close", "volume")

# Features that may depend on the price level, with the reason.
FIGURES = "people see the currency's own figures, so that is where orders gather"
LEVEL_DEPENDENT = {
    f"{kind}_{side}_distance": FIGURES for kind in ("round", "round_major", "square") for side in ("below", "above")
} | {
    f"hunt_{side}_{figure}": "some of the pools that hunts sweep lie at round numbers"
    for side in ("low", "high")
    for figure in ("rate", "depth", "age")
}


def test_equal_expressions_are_one_node() -> None:
    a = (bar("close") - bar("close").lag(1)).rolling_std(5)
    b = (bar("close") - bar("close").lag(1)).rolling_std(5)
    assert a is b
    assert a is not (bar("close") - bar("close").lag(2)).rolling_std(5)
    data = to_data({"a": a, "twice": b * 2.0, "square": a * a}, ["a"], MINUTE)
    assert [node["op"] for node in data["nodes"]].count("rolling_std") == 1


def test_a_graph_survives_json_and_merges_without_copies() -> None:
    first = to_data({"m": bar("close").rolling_mean(5)}, ["m"], MINUTE)
    second = to_data({"z": bar("close") / bar("close").rolling_mean(5)}, ["z"], MINUTE)
    assert to_data(from_data(json.loads(json.dumps(first))), ["m"], MINUTE) == first
    both = merge([first, second])
    assert len(both["nodes"]) == 3
    assert both["features"] == ["m", "z"]
    assert graph_hash(both) != graph_hash(first)
    with pytest.raises(ValueError, match=r"outputs\.m: must be one expression, was two"):
        merge([first, to_data({"m": bar("open").lag(1)}, ["m"], MINUTE)])
    with pytest.raises(ValueError, match="bar_interval_us: must be one for all graphs"):
        merge([first, {**second, "bar_interval_us": 1}])


def test_operators_are_what_they_say() -> None:
    bars, ts = handmade.random_bars(60)
    c, o = bars["close"], bars["open"]
    close, opening = bar("close"), bar("open")
    cases: list[tuple[Expr, np.ndarray]] = [
        (close + opening, c + o),
        (1.0 + close, 1.0 + c),
        (close - 2.0, c - 2.0),
        (2.0 - close, 2.0 - c),
        (close * opening, c * o),
        (3 * close, 3 * c),
        (close / opening, c / o),
        (1.0 / close, 1.0 / c),
        (-close, -c),
        ((close - opening).abs(), np.abs(c - o)),
        (close.log(), np.log(c)),
        ((close / 100.0).exp(), np.exp(c / 100.0)),
        (close.sqrt(), np.sqrt(c)),
        (close < opening, (c < o).astype(float)),
        (close > opening, (c > o).astype(float)),
        (close <= opening, (c <= o).astype(float)),
        (close >= opening, (c >= o).astype(float)),
        (where(close > opening, close, 0.0), np.where(c > o, c, 0.0)),
        (maximum(close, opening), np.maximum(c, o)),
        (constant(3.0), np.full(60, 3.0)),
    ]
    data = to_data({str(i): expr for i, (expr, _) in enumerate(cases)}, [], MINUTE)
    out = Graph(data).run(bars, ts)
    for i, (expr, expected) in enumerate(cases):
        np.testing.assert_allclose(out[str(i)], expected, rtol=1e-14, err_msg=repr(expr))


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (
            lambda: bar("close").rolling_mean(0),
            r"rolling_mean\.window: must be a whole number in \[1, 1e\+06\], was 0",
        ),
        (lambda: bar("close").lag(-1), r"lag\.bars: must be"),
        (lambda: bar("vwap"), "must be one of .*, was 'vwap'"),
        (lambda: as_of("vix", 0), "max_age_days: must be above 0"),
        (lambda: Expr("add", (bar("close"),)), "add: takes 2 inputs, was 1"),
        (lambda: bar("close").garch(0.0, {"SPX": 1e-6}, 0.1, 0.8, 1e-4), 'must have a value for "\\*"'),
    ],
)
def test_impossible_expressions_are_refused_where_they_are_written(make, rule) -> None:
    with pytest.raises(ValueError, match=rule):
        make()


def test_an_expression_is_no_condition() -> None:
    with pytest.raises(TypeError, match="use where"):
        bool(bar("close") > 1.0)


def test_an_unknown_kernel_in_stored_data_is_refused() -> None:
    data = to_data({"m": bar("close").rolling_mean(5)}, ["m"], MINUTE)
    data["nodes"][1]["op"] = "rolling_kurtosis"
    with pytest.raises(ValueError, match="must name a kernel of this engine, was 'rolling_kurtosis'"):
        Graph(data)


def test_no_feature_looks_ahead() -> None:
    """Every output of every family: another future changes nothing up to the cut, at many cuts."""
    graph = handmade.small_graph()
    bars, ts = handmade.random_bars(160, seed=1)
    other, _ = handmade.random_bars(160, seed=2)
    whole = Graph(graph, "SPX").run(bars, ts)
    for cut in range(1, 160, 13):
        spliced = {name: np.concatenate([bars[name][:cut], other[name][cut:]]) for name in bars}
        for name, values in Graph(graph, "SPX").run(spliced, ts).items():
            assert values[:cut].tobytes() == whole[name][:cut].tobytes(), name


def test_no_feature_looks_ahead_on_real_bars() -> None:
    """All families with the shipped parameters on the S&P 500: what is cut off changes nothing that went before."""
    params = section("features", FeatureParams, ROOT / "params.yaml")
    real = sp500.load()
    bars = {name: real[name.capitalize()].to_numpy(float) for name in ("open", "high", "low", "close", "volume")}
    ts = real.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    returns = {"SPX": np.diff(np.log(bars["close"][:2500]))}
    graph = merge([family.graph(params, returns, handmade.DAY) for family in FAMILIES.values()])
    names = Graph(graph).series  # closes of the other symbols
    series = dict.fromkeys(names, (ts + handmade.DAY + 1, bars["close"] ** 0.5))
    whole = Graph(graph, "SPX").run(bars, ts, series)
    assert all(np.isfinite(whole[name][300:]).mean() > 0.9 for name in graph["features"])
    for cut in (301, 1500, 4000):
        short = Graph(graph, "SPX").run({name: values[:cut] for name, values in bars.items()}, ts[:cut], series)
        for name, values in short.items():
            assert values.tobytes() == whole[name][:cut].tobytes(), name


def everything(bar_interval_us: int, timeframes: TimeframesParams) -> dict[str, object]:
    """Every output of every family with every option, two and three regimes, and all levels as prices."""
    every, more = (options(replace(params, timeframes=timeframes)) for params in (EVERYTHING, THREE_REGIMES))
    outputs = {name: expr for family in every.values() for name, expr in family.items()}
    three = {f"three_{name}": expr for family in more.values() for name, expr in family.items()}
    three = {name: expr for name, expr in three.items() if expr not in outputs.values()}
    assert {"three_middle_probability", "three_regime_horizon_log", "three_down_hit_rate_50_regime"} <= set(three)
    graph = to_data({**outputs, **three}, [], bar_interval_us)
    return with_levels(graph, price_levels(EVERYTHING, GROUPS))


def made_series(names: list[str], close_us: np.ndarray, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Positive values for each name: of every bar for the tape, now and then for all others."""
    rng = np.random.default_rng(seed)
    made = {}
    for name in names:
        at = close_us if name in ("taker_buy_volume", "trades") else close_us[rng.random(len(close_us)) < 0.7]
        level = 4.0 if name.endswith("_multiple") else 1.0  # of walls
        made[name] = (at, level * np.exp(np.cumsum(rng.normal(0, 0.01, len(at)))))
    return made


def assert_no_look_ahead(graph, bars, ts, series, other, interval: int, seed: int) -> None:
    """Another future of bars and series alike, from random places on, changes nothing that went before.

    Live, the bars after such a place give what the block gave.
    """
    rng = np.random.default_rng(seed)
    whole = Graph(graph, "SPX").run(bars, ts, series)
    assert [name for name, values in whole.items() if np.isnan(values).all()] == [], "each must have been known"
    for cut in np.sort(rng.integers(50, len(ts) - 1, 12)):
        last = ts[cut - 1] + interval  # of what is known before the cut
        known = {name: (at[at <= last], values[at <= last]) for name, (at, values) in series.items()}
        later = made_series(list(series), ts[cut:] + interval, int(cut))
        spliced = {
            name: (np.concatenate([known[name][0], later[name][0]]), np.concatenate([known[name][1], later[name][1]]))
            for name in series
        }
        future = {name: np.concatenate([bars[name][:cut], other[name][cut:]]) for name in bars}
        for name, values in Graph(graph, "SPX").run(future, ts, spliced).items():
            assert values[:cut].tobytes() == whole[name][:cut].tobytes(), (name, cut)
    first = len(ts) - 40
    live = Graph(graph, "SPX")
    live.run({name: values[:first] for name, values in bars.items()}, ts[:first], series)
    for i in range(first, len(ts)):
        live.update(int(ts[i]), *(float(bars[name][i]) for name in COLUMNS))
        assert live.values.tobytes() == np.array([whole[name][i] for name in live.names]).tobytes()


def columns_of(frame) -> dict[str, np.ndarray]:
    return {name: frame[name.capitalize()].to_numpy(float) for name in COLUMNS}


def test_no_output_of_any_option_looks_ahead_on_real_bars() -> None:
    """S&P 500 with the NASDAQ as other future, the real VIX; taker, trades, book, funding and other symbols made."""
    frame, index = sp500.load(), vix.load()["vix"].dropna()
    bars, other = columns_of(frame), columns_of(nasdaq.load())
    ts = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    graph = everything(handmade.DAY, TimeframesParams())
    series = made_series(Graph(graph).series, ts + handmade.DAY, 5)
    at = index.index.to_numpy().astype("datetime64[us]").astype(np.int64) + handmade.DAY
    series["vix"] = (at, index.to_numpy(float))
    assert {"taker_buy_volume", "trades", "book_spread_bp", "funding", "close@NASDAQ"} <= set(series)
    assert_no_look_ahead(graph, bars, ts, series, other, handmade.DAY, 6)


@pytest.mark.data(str(MINUTES))
@pytest.mark.skipif(not (MINUTES / "BTCUSDT.parquet").exists(), reason=f"needs {MINUTES}, not part of the project")
def test_no_output_of_any_option_looks_ahead_on_real_minutes() -> None:
    """Bitcoin's minutes with their true tape, Ether's close and future, true fear & greed; the book is made."""
    frames = [pl.read_parquet(MINUTES / f"{name}USDT.parquet", n_rows=12_000) for name in ("BTC", "ETH")]
    bars, other = ({name: frame[name].cast(pl.Float64).to_numpy() for name in COLUMNS} for frame in frames)
    ts = frames[0]["ts"].dt.epoch("us").to_numpy()
    graph = everything(MINUTE, TimeframesParams(interval_days=(1 / 24, 0.25)))
    series = made_series(Graph(graph).series, ts + MINUTE, 7)
    for name in ("taker_buy_volume", "trades"):
        series[name] = (ts + MINUTE, frames[0][name].cast(pl.Float64).to_numpy())
    series["close@NASDAQ"] = (ts + MINUTE + 1, other["close"])
    assert_no_look_ahead(graph, bars, ts, series, other, MINUTE, 8)


@pytest.mark.parametrize(("first", "last"), [(0, 700), (600, 1900), (0, 2400)], ids=["start", "middle", "always"])
def test_a_standstill_leaves_every_feature_known_and_bounded(first, last) -> None:
    """The shipped families on days of which some do not move a tick; in those there is no sigma to trade by."""
    n = 2400
    bars, ts = handmade.random_bars(n, seed=7)
    still = (np.arange(n) >= first) & (np.arange(n) < last)
    level = bars["close"][max(first - 1, 0)]
    for name in ("open", "high", "low", "close"):
        bars[name] = np.where(np.arange(n) < first, bars[name], bars[name] * (level / bars["close"][min(last, n) - 1]))
        bars[name][still] = level
    bars["high"] = np.maximum(bars["high"], np.maximum(bars["open"], bars["close"]))
    bars["low"] = np.minimum(bars["low"], np.minimum(bars["open"], bars["close"]))
    bars["volume"][still] = 0.0
    params = section("features", FeatureParams, ROOT / "params.yaml")
    returns = {"SPX": np.diff(np.log(sp500.load()["Close"].to_numpy(float)))[:2500]}
    graph = merge([family.graph(params, returns, handmade.DAY) for family in FAMILIES.values()])
    live = Graph(graph, "SPX")
    out = live.run(bars, ts, dict.fromkeys(live.series, (ts + handmade.DAY + 1, bars["close"] ** 0.5)))
    for name in graph["features"]:
        assert np.isfinite(out[name][live.warm_up[name] :]).all(), name
        assert np.nanmax(np.abs(out[name])) <= 100.0, name
    settled = still & (np.arange(n) > max(first, 20) + 600)
    assert np.isnan(out["sigma"][settled]).all()
    assert (out["sigma"][last:] > 1e-6).all()


def test_two_ages_of_one_series_both_see_the_past_alone() -> None:
    """A block in which one node has read the series to its end hides nothing and shows no future to the next node."""
    bars, ts = handmade.random_bars(60)
    times, values = ts[::4] + handmade.DAY + 5, np.arange(15.0)
    data = to_data({"week": as_of("s", 7.0), "days": as_of("s", 2.5)}, [], handmade.DAY)
    out = Graph(data).run(bars, ts, {"s": (times, values)})
    for name, age in (("week", 7.0), ("days", 2.5)):
        for i, close in enumerate(ts + handmade.DAY):
            known = [v for t, v in zip(times, values, strict=True) if close - age * handmade.DAY <= t <= close]
            assert np.array_equal(out[name][i], known[-1] if known else np.nan, equal_nan=True), (name, i)


def test_a_refused_block_or_value_changes_nothing() -> None:
    """Bars that cannot be, that come too late, values that cannot be, series that no one takes: checked before all."""
    bars, ts = handmade.random_bars(40)
    data = to_data(
        {"a": as_of("a", 5.0), "b": as_of("b", 5.0).lag(1), "m": bar("close").rolling_mean(3)}, [], handmade.DAY
    )
    at, values = ts + handmade.DAY, np.linspace(1.0, 2.0, 40)
    series = {"a": (at, values), "b": (at, values)}
    graph = Graph(data)
    graph.run({name: column[:10] for name, column in bars.items()}, ts[:10], {"a": (at[:10], values[:10])})
    before = graph.save()
    rest, later = {name: column[10:] for name, column in bars.items()}, ts[10:]
    good = {"a": (at[10:], values[10:]), "b": (at, values)}
    hole = np.where(np.arange(30) == 20, np.nan, values[10:])
    back = at[10:][[*range(20), 0, *range(21, 30)]]
    for block, when, given, rule in (
        (
            {**rest, "high": np.where(np.arange(30) == 29, 1e-9, rest["high"])},
            later,
            good,
            "row 29: bar.high: must",
        ),
        (rest, later - 2 * handmade.DAY, good, "bar.ts: must be later than the bar before it"),
        (rest, later, {**good, "b": (at[10:], hole)}, "series.b: must be finite, was nan"),
        (
            rest,
            later,
            {"b": (at, values), "a": (back, values[10:])},
            "series.a.ts: must not be before",
        ),
        (
            rest,
            later,
            {"b": (at, values), "a": (at[:5], values[:5])},
            "series.a.ts: must not be before",
        ),
        (rest, later, {"b": (at, values[:7])}, "series.b: must have a value for each of its 40 times, was 7"),
        (
            rest,
            later,
            {**good, "c": (at, values)},
            "series: must be one that the feature graph joins, was 'c'",
        ),
    ):
        with pytest.raises(ValueError, match=rule):
            graph.run(block, when, given)
        assert graph.save() == before, rule
        if given is not good:
            with pytest.raises(ValueError, match=rule):
                graph.push(given)
            assert graph.save() == before, rule
    out, whole = graph.run(rest, later, good), Graph(data).run(bars, ts, series)
    for name in ("a", "m"):
        np.testing.assert_array_equal(out[name], whole[name][10:])


def test_each_output_of_the_whole_graph_is_what_it_is_alone() -> None:
    """Neither memory that is written over nor states that are shared let one node's values into another's."""
    graph = handmade.small_graph()
    bars, ts = handmade.random_bars(600)  # more than one block, and not a whole number of them
    whole = Graph(graph, "SPX").run(bars, ts)
    for name, expr in from_data(graph).items():
        alone = Graph(to_data({name: expr}, [], graph["bar_interval_us"]), "SPX").run(bars, ts)[name]
        assert alone.tobytes() == whole[name].tobytes(), name


def test_one_node_under_two_names_that_another_reads_and_a_constant_come_out() -> None:
    """In blocks, live after blocks, and in blocks after live: also past one block of the graph's own."""
    mean = bar("close").ema(5)
    outputs = {"a": mean, "b": mean, "twice": 2.0 * mean, "range": bar("high") - bar("low"), "two": constant(2.0)}
    outputs |= {"again": outputs["range"], "high": bar("high"), "time": bar("time")}
    bars, ts = handmade.random_bars(700, seed=3)
    graph = Graph(to_data(outputs, [], handmade.DAY))
    first = graph.run({name: values[:600] for name, values in bars.items()}, ts[:600])
    live = {name: values.copy() for name, values in first.items()}
    for i in range(600, 610):
        graph.update(int(ts[i]), *(float(bars[name][i]) for name in COLUMNS))
        live = {name: np.append(live[name], value) for name, value in zip(graph.names, graph.values, strict=True)}
    rest = graph.run({name: values[610:] for name, values in bars.items()}, ts[610:])
    for name, expr in outputs.items():
        alone = Graph(to_data({name: expr}, [], handmade.DAY)).run(bars, ts)[name]
        np.testing.assert_array_equal(np.append(live[name], rest[name]), alone, err_msg=name)
        np.testing.assert_array_equal(first[name], alone[:600], err_msg=name)
    np.testing.assert_array_equal(np.append(live["range"], rest["range"]), bars["high"] - bars["low"])
    np.testing.assert_array_equal(first["a"], first["b"])


def test_features_do_not_depend_on_the_price_level() -> None:
    """Net inputs are ratios: prices in cents or in thousands give the same features."""
    graph = handmade.small_graph()
    bars, ts = handmade.random_bars(160)
    scaled = {name: values * (1.0 if name == "volume" else 1024.0) for name, values in bars.items()}
    a, b = Graph(graph, "SPX").run(bars, ts), Graph(graph, "SPX").run(scaled, ts)
    assert set(LEVEL_DEPENDENT) <= set(graph["features"])
    for name in graph["features"]:
        if name in LEVEL_DEPENDENT:
            assert not np.allclose(a[name], b[name], equal_nan=True), f"{name}: not an exception"
            continue
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_garch_says_when_it_cannot_be_fitted() -> None:
    with pytest.raises(ValueError, match="at least 100 varying returns of SPX"):
        fit({"SPX": np.zeros(500)})
    with pytest.raises(ValueError, match="at least 100 varying returns of SPX"):
        fit({"SPX": np.random.default_rng(0).normal(size=20)})


def test_parameters_of_a_family_are_checked() -> None:
    with pytest.raises(ValueError, match=r"features\.volatility\.slow_bars: must exceed window_bars"):
        VolatilityParams(window_bars=50, slow_bars=20)
    with pytest.raises(ValueError, match=r"features\.volatility\.ewma_decay: must be a number in"):
        VolatilityParams(ewma_decay=1.5)
