"""The contract of STYLE.md, for every kernel in the registry and every choice of its parameters.

A new kernel is found here by itself, with the examples that it declares and each of its outputs. All kernels stand in
one graph, so that a check costs little and states, memory and flags of neighbours could disturb each other; two plain
kernels behind each one show what it tells those that build on it. Bars come in three blocks of the engine and more.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from features.expression import Expr, as_of, bar, maximum
from features.graph import to_data
from inference import Graph, _native

BARS = 800
MINUTE = 60_000_000
STYLES = ("noise", "constant", "ties", "spikes", "jump", "sessions", "silence")
COLUMNS = ("open", "high", "low", "close", "volume")
MOMENT = 1e-12  # days: a value of this very moment and none before
AGES = (MOMENT, 0.8 / 1440, 3.0 / 1440, 100.0)  # of the series `s`, in days

Bars = dict[str, np.ndarray]
Series = dict[str, tuple[np.ndarray, np.ndarray]]

_open, _high, _low, _close, _volume = (bar(name) for name in COLUMNS)
_change, _return = _close - _open, (_close / _open).log()
_event = maximum(_return.abs() - 0.03, 0.0)  # 0 on most bars
_legs = (_high.log(), _low.log(), 0.02 + 0.2 * _return.abs())

# What each kernel is fed with: what it is for, and what is awkward for it. Others get columns of the bar.
INPUTS: dict[str, tuple[Expr, ...]] = {
    "log": (_change,),
    "sqrt": (_change,),
    "divide": (_close, _volume),
    "ratio": (_close, _volume),
    "where": (_event, _close, _open),
    "latest": (_change.log(),),
    "or_else": (_change.log(),),
    "bars_since": (_event,),
    "value_when": (_event, _close, _open),
    "true_range": (_high, _low, _close),
    "directional_index": (_high, _low, _close),
    "zones": (_high.log(), _event, _close.log()),
    "volume_profile": (_high.log(), _low.log(), _volume),
    "round_number": (_close, 0.001 * _close + _high - _low),
    "square_of_nine": (_close, 0.001 * _close + _high - _low),
    **dict.fromkeys(("zigzag", "harmonic", "elliott", "fibonacci_cluster", "fibonacci_time"), _legs),
    **dict.fromkeys(("resample", "session"), (_close, bar("time"))),
    "seasonal_factor": (_close, bar("time"), bar("time")),
    "local_time": (bar("time"),),
    **dict.fromkeys(("garch", "gjr", "egarch", "turbulent_probability", "regime_probability"), (_return,)),
}
PARTLY_MISSING = ("log", "sqrt", "divide", "latest")  # on whole inputs too, as the inputs fall
STAND_INS = ("latest", "or_else", "resample")  # not guarded by the gate: answering where an input is missing is theirs


Value = float | tuple[float, ...]


def options_of(kernel: _native.KernelInfo) -> list[dict[str, Value]]:
    """The kernel's examples with the names of its parameters, and the first of them for each of its outputs."""
    names = [parameter.name for parameter in kernel.parameters]
    rows: list[list[Value]] = [list(row) for row in kernel.examples]
    if names and kernel.parameters[-1].table:
        rows = [[*row[: len(names) - 1], tuple(row[len(names) - 1 :])] for row in kernel.examples]
    if names and names[-1] == "output":
        rows += [[*rows[0][:-1], float(i)] for i in range(int(kernel.parameters[-1].high) + 1)]
    return [dict(zip(names, row, strict=True)) for row in dict.fromkeys(map(tuple, rows))]


def label(name: str, options: dict[str, Value]) -> str:
    values = [v for value in options.values() for v in (value if isinstance(value, tuple) else [value])]
    return f"{name}({', '.join(f'{v:g}' for v in values)})"


KERNELS = {kernel.name: kernel for kernel in _native.kernels()}
CASES = {label(name, o): (name, o) for name, kernel in KERNELS.items() for o in options_of(kernel)}


def inputs_of(name: str, masked: bool) -> tuple[Expr, ...]:
    """masked: input i is missing where the series h{i} is."""
    inputs = INPUTS.get(name, (_close, _open, _volume))[: KERNELS[name].arity]
    return tuple(x.beside(as_of(f"h{i}", MOMENT)) for i, x in enumerate(inputs)) if masked else inputs


def case(name: str, options: dict[str, Value], masked: bool) -> Expr:
    return Expr(name, inputs_of(name, masked), options)


def whole_graph(masked: bool) -> dict[str, Any]:
    """Every case and the series `s` at every age; `.before` and `.is` are what stands behind each."""
    outputs = {key: case(*value, masked) for key, value in CASES.items()}
    outputs |= {f"as_of({age:.2g})": as_of("s", age) for age in AGES}
    outputs |= {f"{key}.before": expr.lag(1) for key, expr in list(outputs.items())} | {
        f"{key}.is": expr <= expr for key, expr in outputs.items()
    }
    return to_data(outputs, [], MINUTE)


WHOLE, MASKED = whole_graph(False), whole_graph(True)
GRAPHS = {"whole": WHOLE, "masked": MASKED}
each_graph = pytest.mark.parametrize("kind", GRAPHS)


def make_bars(seed: int, styles: list[str]) -> Bars:
    """Bars that a market could print, in stretches: noise, constant prices, ties, spikes, jumps of the level, silence.

    In sessions some bars are absent, and the market closes for hours or days and opens elsewhere. In silence nothing is
    traded while quotes move.
    """
    rng = np.random.default_rng(seed)
    level, clock, parts = 1.0, 0, []
    edges = np.sort(rng.choice(np.arange(1, BARS), len(styles) - 1, replace=False))
    for style, n in zip(styles, np.diff([0, *edges, BARS]), strict=True):
        if style == "jump":
            level *= 1e-5 if level > 1.0 else 1e5
        close = level * np.exp(np.cumsum(rng.normal(0, 0.02, n)))
        opening = np.concatenate([[level], close[:-1]]) * np.exp(rng.normal(0, 0.01, n))
        step, volume = np.full(n, MINUTE), np.where(rng.random(n) < 0.2, 0.0, rng.exponential(1e4, n))
        if style == "constant":
            close = opening = np.full(n, level)
        elif style == "ties":
            close, opening = (level * (1.0 + 0.02 * rng.integers(0, 3, n)) for _ in range(2))
        elif style == "sessions":
            step = MINUTE * rng.choice([1, 1, 1, 1, 1, 1, 2, 5, 17 * 60, 65 * 60], n)
            moved = np.exp(np.cumsum(np.where(step > 60 * MINUTE, rng.normal(0, 0.05, n), 0.0)))
            close, opening = close * moved, opening * moved
        elif style == "silence":
            volume = np.zeros(n)
        elif style == "spikes":
            at = rng.integers(0, n, 3)
            close, volume = close.copy(), volume.copy()
            close[at] *= 1e6
            volume[at] = 1e13
        wick = np.zeros((2, n)) if style in ("constant", "ties") else rng.exponential(0.01, (2, n))
        high, low = np.maximum(opening, close) * (1.0 + wick[0]), np.minimum(opening, close) / (1.0 + wick[1])
        ts = clock + np.cumsum(step)
        parts.append((ts, opening, high, low, close, volume))
        level, clock = float(close[-1]) if style != "spikes" else level, int(ts[-1])
    return dict(zip(("ts", *COLUMNS), map(np.concatenate, zip(*parts, strict=True)), strict=True))


def make_series(bars: Bars, seed: int, holes: float = 0.1) -> Series:
    """`s` comes at moments of its own, in bursts and with long gaps; h0 to h2 are 1 at the bars that have them."""
    rng = np.random.default_rng(seed)
    closes = bars["ts"] + MINUTE
    times = np.sort(np.concatenate([rng.choice(closes, 60), rng.integers(closes[0] - MINUTE, closes[-1] + 5, 60)]))
    series: Series = {"s": (times, rng.normal(0.0, 1.0, len(times)))}
    for i in range(3):
        present = rng.random(BARS) > holes
        for at in rng.integers(0, BARS, 2):
            present[at : at + int(rng.integers(1, 60))] = False
        series[f"h{i}"] = closes[present], np.ones(int(present.sum()))
    return series


def present_in(series: Series, bars: Bars, arity: int) -> np.ndarray:
    """Which bars have all of the first `arity` inputs."""
    return np.all([np.isin(bars["ts"] + MINUTE, series[f"h{i}"][0]) for i in range(arity)], axis=0)


def part(bars: Bars, a: int, b: int) -> tuple[Bars, np.ndarray]:
    return {name: values[a:b] for name, values in bars.items()}, bars["ts"][a:b]


def begin(data: dict[str, Any], series: Series) -> Graph:
    """A fresh graph with all values of the series that it takes."""
    graph = Graph(data)
    graph.push({name: series[name] for name in graph.series})
    return graph


def run(data: dict[str, Any], bars: Bars, series: Series) -> dict[str, np.ndarray]:
    return begin(data, series).run(bars, bars["ts"])


def live(graph: Graph, bars: Bars, a: int, b: int) -> dict[str, np.ndarray]:
    """The bars one by one, as the engine gets them."""
    rows = zip(*(bars[name][a:b].tolist() for name in ("ts", *COLUMNS)), strict=True)
    out = np.empty((len(graph.names), b - a))
    for i, row in enumerate(rows):
        first = graph.update(*row)
        out[:, i] = graph.values
        assert first == graph.values[0] or np.isnan([first, graph.values[0]]).all()
    return dict(zip(graph.names, out, strict=True))


def joined(pieces: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> None:
    """To the bit; else names the outputs that differ."""
    assert [name for name in a if a[name].tobytes() != b[name].tobytes()] == []


seeds = st.integers(0, 2**31)
# recipes, not bars: those that fail are reported, and 800 bars tell nobody anything
recipes = st.tuples(seeds, st.lists(st.sampled_from(STYLES), min_size=3, max_size=8))
cuts_of = st.lists(st.integers(1, BARS - 1), max_size=8)
CHECKS = settings(max_examples=20, deadline=None)


def test_every_kernel_has_examples_and_every_parameter_and_output_varies() -> None:
    for kernel in KERNELS.values():
        assert kernel.examples, kernel.name
        for values in zip(*(options.values() for options in options_of(kernel)), strict=True):
            assert len(set(values)) > 1, f"{kernel.name}: each parameter needs two settings"
        for i, parameter in enumerate(kernel.parameters):
            if parameter.name in ("output", "how"):
                seen = {list(o.values())[i] for o in options_of(kernel)}
                assert seen == set(range(int(parameter.high) + 1)), f"{kernel.name}.{parameter.name}"
    assert set(INPUTS) <= set(KERNELS)


def test_no_case_is_trivial() -> None:
    """Each output takes several values on the bars of these checks, so that a fault could show in it."""
    seen: dict[str, set[float]] = {key: set() for key in CASES}
    for seed in range(3):
        bars = make_bars(seed, ["noise", "ties", "noise", "sessions", "spikes", "noise"])
        out = run(WHOLE, bars, make_series(bars, seed))
        for key, values in seen.items():
            values.update(np.unique(out[key][np.isfinite(out[key])]))
    trivial = {key for key, values in seen.items() if len(values) < 2}
    # numbers, the age of the only value of a window of one, a variance that stays 0, and two regimes that are one
    assert trivial == {
        *("constant(0)", "constant(-2.5)", "bars_since_min(1)", "bars_since_max(1)"),
        *("garch(0.001, 0, 0, 0, 0)", "turbulent_probability(1, 0.5, 0.5, 0.6, 0.2)"),
    }


@each_graph
@CHECKS
@given(recipe=recipes, seed=seeds, cuts=cuts_of)
def test_any_chunking_gives_the_same_bits(kind, recipe, seed, cuts) -> None:
    """Blocks of any length and single bars; the series come in pieces too."""
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    series = make_series(bars, seed)
    graph, pieces = Graph(data), []
    edges = [0, *sorted({*cuts, 256, 257}), BARS]
    known = dict.fromkeys(graph.series, 0)
    for a, b in pairwise(edges):
        for name, at in known.items():
            times, values = series[name]
            known[name] = int(np.searchsorted(times, bars["ts"][b - 1] + MINUTE, side="right"))
            graph.push({name: (times[at : known[name]], values[at : known[name]])})
        pieces.append(graph.run(*part(bars, a, b)))
    same(joined(pieces), run(data, bars, series))


@each_graph
@CHECKS
@given(recipe=recipes, seed=seeds)
def test_live_bars_equal_blocks(kind, recipe, seed) -> None:
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    series = make_series(bars, seed)
    same(live(begin(data, series), bars, 0, BARS), run(data, bars, series))


@each_graph
@CHECKS
@given(recipe=recipes, other_recipe=recipes, seed=seeds, cut=st.integers(1, BARS - 1))
def test_no_look_ahead(kind, recipe, other_recipe, seed, cut) -> None:
    """Another future changes nothing up to the cut."""
    bars, other = make_bars(*recipe), make_bars(*other_recipe)
    data = GRAPHS[kind]
    spliced = {name: np.concatenate([bars[name][:cut], other[name][cut:]]) for name in COLUMNS}
    spliced["ts"] = bars["ts"]
    series = make_series(bars, seed)
    now = bars["ts"][cut - 1] + MINUTE
    ends = {name: int(np.searchsorted(times, now, side="right")) for name, (times, _) in series.items()}
    future = {n: (t, np.concatenate([v[: ends[n]], 3.0 - v[ends[n] :]])) for n, (t, v) in series.items()}
    a, b = run(data, bars, series), run(data, spliced, future)
    same({name: values[:cut] for name, values in a.items()}, {name: values[:cut] for name, values in b.items()})


@each_graph
@CHECKS
@given(recipe=recipes, seed=seeds)
def test_what_stands_behind_a_kernel_sees_what_it_told(kind, recipe, seed) -> None:
    """A kernel that passes off missing values as whole would make those behind it count them."""
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    series = make_series(bars, seed)
    out = run(data, bars, series)
    for key in out:
        if key.endswith((".before", ".is")):
            continue
        known = np.isfinite(out[key])
        before, is_known = np.full(BARS, np.nan), np.where(known, 1.0, np.nan)
        before[np.flatnonzero(known)[1:]] = out[key][known][:-1]
        assert np.array_equal(out[f"{key}.before"], before, equal_nan=True), key
        assert np.array_equal(out[f"{key}.is"], is_known, equal_nan=True), key


@CHECKS
@given(recipe=recipes, seed=seeds)
def test_a_missing_input_gives_nan_and_leaves_the_state(recipe, seed) -> None:
    """A bar on which any input is missing might as well not have been there, in blocks and live."""
    bars = make_bars(*recipe)
    series = make_series(bars, seed)
    for out in (run(MASKED, bars, series), live(begin(MASKED, series), bars, 0, BARS)):
        for arity in (1, 2, 3):
            present = present_in(series, bars, arity)
            dense = run(WHOLE, {name: values[present] for name, values in bars.items()}, series)
            guarded = [k for k, (n, _) in CASES.items() if KERNELS[n].arity == arity and n not in STAND_INS]
            assert guarded
            assert [key for key in guarded if not np.isnan(out[key][~present]).all()] == []
            same({key: out[key][present] for key in guarded}, {key: dense[key] for key in guarded})


@CHECKS
@given(recipe=recipes, seed=seeds)
def test_a_series_is_its_latest_value_of_no_more_than_its_age(recipe, seed) -> None:
    bars = make_bars(*recipe)
    series = make_series(bars, seed)
    out, (times, values), closes = run(WHOLE, bars, series), series["s"], bars["ts"] + MINUTE
    at = np.searchsorted(times, closes, side="right") - 1
    for age in AGES:
        known = (at >= 0) & (closes - times[np.maximum(at, 0)] <= age * 86_400e6)
        expected = np.where(known, values[np.maximum(at, 0)], np.nan)
        assert np.array_equal(out[f"as_of({age:.2g})"], expected, equal_nan=True), age


@CHECKS
@given(recipe=recipes, seed=seeds)
def test_conditions_choose(recipe, seed) -> None:
    """What hangs on a condition, by plain loops, with bars on which it holds, does not, or is missing."""
    bars = make_bars(*recipe)
    series = make_series(bars, seed)
    for data in (WHOLE, MASKED):
        out = run(data, bars, series)
        size = np.abs(np.log(bars["close"] / bars["open"]))
        happened, edge = size > 0.03, np.abs(size - 0.03) < 1e-9  # at the edge, rounding decides
        assume(not edge.any())
        one, three = (present_in(series, bars, n) if data is MASKED else np.ones(BARS, bool) for n in (1, 3))
        since, past = 0, []
        for i in range(BARS):
            if one[i]:
                since = 0 if happened[i] else since + 1
                assert out["bars_since(7)"][i] == min(since, 7)
                assert out["bars_since(1)"][i] == min(since, 1)
            if three[i]:
                past += [bars["close"][i]] * bool(happened[i])
                assert out["where()"][i] == bars["close" if happened[i] else "open"][i]
                for earlier in (0, 1, 5):
                    expected = past[-1 - earlier] if len(past) > earlier else bars["open"][i]
                    assert out[f"value_when({earlier})"][i] == expected


@pytest.mark.parametrize("name", KERNELS)
def test_each_case_is_what_it_is_alone(name) -> None:
    """Neither neighbours in the graph nor readings of a shared state change a bit, also after a save in between."""
    bars = make_bars(5, ["noise", "sessions", "ties", "noise"])
    series = make_series(bars, 5)
    cases = {key: options for key, (kernel, options) in CASES.items() if kernel == name}
    together = begin(to_data({key: case(name, o, False) for key, o in cases.items()}, [], MINUTE), series)
    first = together.run(*part(bars, 0, 301))
    state, rest = together.save(), together.run(*part(bars, 301, BARS))
    together.load(state)
    same(together.run(*part(bars, 301, BARS)), rest)
    alone = {k: run(to_data({k: case(name, o, False)}, [], MINUTE), bars, series)[k] for k, o in cases.items()}
    same(joined([first, rest]), alone)


def test_some_examples_share_a_state_and_it_is_saved_once() -> None:
    shared = {name for name, kernel in KERNELS.items() if kernel.shared}
    assert {"rolling_quantile", "volume_profile", "zigzag", "zones", "round_number"} <= shared
    low, high = (_close.rolling_quantile(50, q) for q in (0.1, 0.9))
    one, two = Graph(to_data({"a": low}, [], MINUTE)), Graph(to_data({"a": low, "b": high}, [], MINUTE))
    assert len(two.save()) == len(one.save())


@pytest.mark.parametrize("key", [key for key, (name, _) in CASES.items() if name != "resample"])
def test_ready_exactly_after_the_declared_warm_up(key) -> None:
    """But for `resample`, which is ready when the clock says so: tests/features/test_timeframes.py."""
    name, options = CASES[key]
    bars = make_bars(3, ["noise"])
    graph = Graph(to_data({"out": case(name, options, False)}, [], MINUTE))
    finite = np.isfinite(graph.run(bars, bars["ts"])["out"])
    if name in PARTLY_MISSING:
        assert graph.warm_up["out"] == 0
        assert finite.any()
        return
    assert int(np.argmax(finite)) == graph.warm_up["out"]
    assert finite[graph.warm_up["out"] :].all()


@each_graph
@CHECKS
@given(recipe=recipes, seed=seeds, cut=st.integers(1, BARS - 1))
def test_saved_in_mid_stream_and_loaded_elsewhere(kind, recipe, seed, cut) -> None:
    """Values of series that are still to count are part of the state."""
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    original = begin(data, make_series(bars, seed))
    original.run(*part(bars, 0, cut))
    copy = Graph(data)
    copy.run(*part(make_bars(seed, ["noise", "sessions", "noise"]), 0, 300))  # what it was before is gone
    copy.load(original.save())
    rest = original.run(*part(bars, cut, BARS))
    same(copy.run(*part(bars, cut, BARS)), rest)
    assert copy.save() == original.save()


@each_graph
@CHECKS
@given(recipe=recipes, seed=seeds, cut=st.integers(1, BARS - 1))
def test_copies_are_independent_and_a_reset_graph_begins_anew(kind, recipe, seed, cut) -> None:
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    series = make_series(bars, seed)
    graph = begin(data, series)
    first = graph.run(*part(bars, 0, cut))
    copy = graph.copy()
    state = copy.save()
    rest = graph.run(*part(bars, cut, BARS))
    assert copy.save() == state
    same(copy.run(*part(bars, cut, BARS)), rest)
    graph.reset()
    assert graph.save() == Graph(data).save()
    graph.push({name: series[name] for name in graph.series})
    same(graph.run(bars, bars["ts"]), joined([first, rest]))


@each_graph
@settings(max_examples=6, deadline=None)
@given(recipe=recipes, seed=seeds, cut=st.integers(1, BARS - 1))
def test_a_refused_bar_changes_nothing(kind, recipe, seed, cut) -> None:
    """Live and in blocks: impossible bars, those that come too late, and values of series that cannot be."""
    bars = make_bars(*recipe)
    data = GRAPHS[kind]
    series = make_series(bars, seed)
    graph = begin(data, series)
    live(graph, bars, 0, cut)
    before = graph.save()
    ts, *row = (bars[name][cut].item() for name in ("ts", *COLUMNS))
    for at, factor in ((1, 0.5), (2, 2.0), (3, float("nan")), (0, -1.0), (4, -1.0 if row[4] else float("inf"))):
        bad = [*row]
        bad[at] = row[2] * 0.4 if (at, factor) == (1, 0.5) else row[1] * 2.5 if at == 2 else factor * (row[at] or 1.0)
        with pytest.raises(ValueError, match=r"bar\.\w+: must"):
            graph.update(ts, *bad)
    with pytest.raises(ValueError, match=r"bar\.ts: must be later"):
        graph.update(int(bars["ts"][cut - 1]), *row)
    rest, times = part(bars, cut, BARS)
    worse = {**rest, "high": np.where(np.arange(BARS - cut) == BARS - cut - 1, rest["low"] * 0.5, rest["high"])}
    for columns, when in ((worse, times), (rest, times - (times[0] - bars["ts"][cut - 1]))):
        with pytest.raises(ValueError, match=r"bar\.\w+: must"):
            graph.run(columns, when)
    assert graph.save() == before
    same(graph.run(rest, times), {name: values[cut:] for name, values in run(data, bars, series).items()})


@pytest.mark.parametrize("kernel", [k for k in KERNELS.values() if k.parameters], ids=lambda k: k.name)
def test_impossible_parameters_are_refused_by_name(kernel) -> None:
    for parameter in kernel.parameters:
        options = options_of(kernel)[0]
        wrong = [float("nan"), parameter.low - abs(parameter.low) - 1.0] + ([2.5] if parameter.whole else [])
        for value in wrong:
            node = {"op": kernel.name, "in": list(range(kernel.arity)), "p": {**options, parameter.name: value}}
            nodes = [{"op": "input", "name": "close"}] * kernel.arity + [node]
            data = {"bar_interval_us": MINUTE, "nodes": nodes, "outputs": {"out": kernel.arity}, "features": []}
            with pytest.raises(ValueError, match=rf"{kernel.name}\.{parameter.name}: must be"):
                _native.Graph(_native.GraphSpec(*native(data, kernel)), "*")


def native(data: dict[str, Any], kernel: _native.KernelInfo) -> tuple[Any, ...]:
    """The arguments of the compiled graph, without the checks of Python."""
    *inputs, last = data["nodes"]
    row = {"*": np.hstack([last["p"][parameter.name] for parameter in kernel.parameters]).tolist()}
    nodes = [("input", each["name"], [], {}) for each in inputs] + [(kernel.name, "", last["in"], row)]
    return nodes, ["out"], [kernel.arity], MINUTE, "hash"


def test_a_saved_state_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    bars = make_bars(1, ["noise"])
    graph, other = (Graph(to_data({"out": _close.rolling_std(n)}, [], MINUTE)) for n in (17, 3))
    graph.run(bars, bars["ts"])
    state = graph.save()
    flipped = bytes([*state[:40], state[40] ^ 1, *state[41:]])
    for wrong, rule in (
        (state[:-3], "complete saved state"),
        (flipped, "complete saved state"),
        (other.save(), "same feature graph"),
    ):
        with pytest.raises(ValueError, match=rule):
            graph.load(wrong)
        assert graph.save() == state
