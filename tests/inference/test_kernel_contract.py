"""The contract of STYLE.md, for every kernel in the registry and every choice of its parameters.

A new kernel is found here by itself, with the examples that it declares.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import Graph, _native

BARS = 120
STYLES = ("noise", "constant", "ties", "spikes", "jump", "sessions")
MINUTE = 60_000_000

# inputs of the kernel under test: columns of the bar, all of them random and independent
COLUMNS = ["close", "open", "volume"]
CLOCK = ["close", "time"]  # of the kernels that look at the clock


def options_of(kernel: _native.KernelInfo) -> list[dict[str, float]]:
    """The kernel's examples with the names of its parameters."""
    names = [parameter.name for parameter in kernel.parameters]
    return [dict(zip(names, row, strict=True)) for row in kernel.examples]


CASES = [
    pytest.param(kernel, options, id=f"{kernel.name}-{'-'.join(f'{v:g}' for v in options.values())}")
    for kernel in _native.kernels()
    for options in options_of(kernel)
]


def columns_of(kernel: _native.KernelInfo) -> list[str]:
    return CLOCK if kernel.name in ("resample", "seasonal_factor", "session") else COLUMNS[: kernel.arity]


def one_kernel_graph(kernel: _native.KernelInfo, options: dict[str, float]) -> Graph:
    nodes: list[dict[str, object]] = [{"op": "input", "name": name} for name in columns_of(kernel)]
    node: dict[str, object] = {"op": kernel.name, "in": list(range(kernel.arity))}
    if options:
        node["p"] = options
    nodes.append(node)
    return Graph({"bar_interval_us": MINUTE, "nodes": nodes, "outputs": {"out": kernel.arity}, "features": ["out"]})


def make_bars(seed: int, style: str = "noise") -> dict[str, np.ndarray]:
    """Bars that a market could print: noise, constant prices, spikes, ties, zero volume, jumps of level, sessions.

    In sessions some bars are absent, and the market closes for hours or days and opens elsewhere.
    """
    rng = np.random.default_rng(seed)
    if style == "constant":
        close = np.full(BARS, 7.0)
    elif style == "ties":
        close = rng.integers(1, 4, BARS).astype(float)
    else:
        close = np.exp(np.cumsum(rng.normal(0, 0.02, BARS)))
    if style == "spikes":
        close[rng.integers(0, BARS, 4)] *= 1e6
    if style == "jump":
        close[BARS // 2 :] *= 1e-5
    step = np.full(BARS, MINUTE)
    if style == "sessions":
        step = MINUTE * rng.choice([1, 1, 1, 1, 1, 1, 2, 5, 17 * 60, 65 * 60], BARS)
        close *= np.exp(np.cumsum(np.where(step > 60 * MINUTE, rng.normal(0, 0.05, BARS), 0.0)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.01, BARS)) if style != "constant" else close.copy()
    volume = np.where(rng.random(BARS) < 0.2, 0.0, rng.exponential(1e4, BARS))
    return {
        "ts": np.cumsum(step),
        "open": opening,
        "high": np.maximum(opening, close),
        "low": np.minimum(opening, close),
        "close": close,
        "volume": volume,
    }


def part(bars: dict[str, np.ndarray], a: int, b: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    return {name: values[a:b] for name, values in bars.items()}, bars["ts"][a:b]


bars_of = st.builds(make_bars, st.integers(0, 2**31), st.sampled_from(list(STYLES)))
CHECKS = settings(max_examples=15, deadline=None)


def test_every_kernel_has_examples_and_every_parameter_varies() -> None:
    for kernel in _native.kernels():
        assert kernel.examples, kernel.name
        for values in zip(*kernel.examples, strict=True):
            assert len(set(values)) > 1, f"{kernel.name}: each parameter needs two settings"


@pytest.mark.parametrize(("kernel", "options"), CASES)
@CHECKS
@given(bars=bars_of, cuts=st.lists(st.integers(1, BARS - 1), max_size=6))
def test_any_chunking_gives_the_same_bits(kernel, options, bars, cuts) -> None:
    whole = one_kernel_graph(kernel, options).run(bars, bars["ts"])["out"]
    graph = one_kernel_graph(kernel, options)
    edges = [0, *sorted(set(cuts)), BARS]
    pieces = [graph.run(*part(bars, a, b))["out"] for a, b in pairwise(edges)]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()


@pytest.mark.parametrize(("kernel", "options"), CASES)
@CHECKS
@given(bars=bars_of)
def test_bar_by_bar_equals_block(kernel, options, bars) -> None:
    whole = one_kernel_graph(kernel, options).run(bars, bars["ts"])["out"]
    graph = one_kernel_graph(kernel, options)
    single = [graph.run(*part(bars, i, i + 1))["out"][0] for i in range(BARS)]
    assert np.array(single).tobytes() == whole.tobytes()


def test_a_live_bar_equals_the_block_and_bars_go_forward() -> None:
    kernel = next(k for k in _native.kernels() if k.name == "rolling_std")
    bars = make_bars(4, "sessions")
    whole = one_kernel_graph(kernel, {"window": 17}).run(bars, bars["ts"])["out"]
    graph = one_kernel_graph(kernel, {"window": 17})
    live = []
    for i in range(BARS):
        graph.update(int(bars["ts"][i]), *(float(bars[name][i]) for name in ("open", "high", "low", "close", "volume")))
        live.append(graph.values[0])
    assert np.array(live).tobytes() == whole.tobytes()
    before = graph.save()
    with pytest.raises(ValueError, match=r"bar\.ts: must be later than the bar before it"):
        graph.update(int(bars["ts"][-1]), 1.0, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"bar\.ts: must be later than the bar before it"):
        graph.run(*part(bars, BARS - 1, BARS))
    with pytest.raises(ValueError, match=r"bar\.high: must not be below low"):
        graph.update(int(bars["ts"][-1]) + 1, 1.0, 1.0, 2.0, 1.0, 1.0)
    assert graph.save() == before


@pytest.mark.parametrize(("kernel", "options"), CASES)
@CHECKS
@given(bars=bars_of, other=bars_of, cut=st.integers(1, BARS - 1))
def test_no_look_ahead(kernel, options, bars, other, cut) -> None:
    """Another future changes nothing up to the cut."""
    spliced = {name: np.concatenate([bars[name][:cut], other[name][cut:]]) for name in bars}
    spliced["ts"][cut:] += bars["ts"][-1]
    a = one_kernel_graph(kernel, options).run(bars, bars["ts"])["out"][:cut]
    b = one_kernel_graph(kernel, options).run(spliced, spliced["ts"])["out"][:cut]
    assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("kernel", [k for k in _native.kernels() if k.shared], ids=lambda k: k.name)
@CHECKS
@given(bars=bars_of, cut=st.integers(1, BARS - 1))
def test_readings_of_one_state_are_what_each_is_alone(kernel, bars, cut) -> None:
    """All examples in one graph, where those that differ in the last parameter alone share a state."""
    examples = options_of(kernel)
    nodes: list[dict[str, object]] = [{"op": "input", "name": name} for name in columns_of(kernel)]
    nodes += [{"op": kernel.name, "in": list(range(kernel.arity)), "p": options} for options in examples]
    outputs = {str(i): kernel.arity + i for i in range(len(examples))}
    together = Graph({"bar_interval_us": MINUTE, "nodes": nodes, "outputs": outputs, "features": []})
    first = together.run(*part(bars, 0, cut))
    state, rest = together.save(), together.run(*part(bars, cut, BARS))
    together.load(state)
    again = together.run(*part(bars, cut, BARS))
    for i, options in enumerate(examples):
        alone = one_kernel_graph(kernel, options).run(bars, bars["ts"])["out"]
        assert np.concatenate([first[str(i)], rest[str(i)]]).tobytes() == alone.tobytes(), options
        assert again[str(i)].tobytes() == rest[str(i)].tobytes(), options


def test_some_examples_share_a_state_and_it_is_saved_once() -> None:
    shared = [k for k in _native.kernels() if k.shared]
    assert {"rolling_quantile", "volume_profile", "zigzag", "zones", "round_number"} <= {k.name for k in shared}
    node = {"op": "rolling_quantile", "in": [0], "p": {"window": 50.0, "quantile": 0.1}}
    nodes = [{"op": "input", "name": "close"}, node]
    one = Graph({"bar_interval_us": MINUTE, "nodes": nodes, "outputs": {"a": 1}, "features": []})
    second = {**node, "p": {"window": 50.0, "quantile": 0.9}}
    two = Graph({"bar_interval_us": MINUTE, "nodes": [*nodes, second], "outputs": {"a": 1, "b": 2}, "features": []})
    assert len(two.save()) == len(one.save())


@pytest.mark.parametrize(("kernel", "options"), CASES)
def test_ready_exactly_after_the_declared_warm_up(kernel, options) -> None:
    if kernel.name == "resample":
        pytest.skip("ready when the clock says so: tests/features/test_timeframes.py")
    graph = one_kernel_graph(kernel, options)
    finite = np.isfinite(graph.run(*part(make_bars(3), 0, BARS))["out"])
    assert int(np.argmax(finite)) == graph.warm_up["out"]
    assert finite[graph.warm_up["out"] :].all() or kernel.name in ("log", "sqrt", "divide")


@pytest.mark.parametrize(("kernel", "options"), CASES)
@CHECKS
@given(bars=bars_of, cut=st.integers(1, BARS - 1))
def test_saved_in_mid_stream_and_loaded_elsewhere(kernel, options, bars, cut) -> None:
    original = one_kernel_graph(kernel, options)
    original.run(*part(bars, 0, cut))
    copy = one_kernel_graph(kernel, options)
    copy.load(original.save())
    rest = original.run(*part(bars, cut, BARS))["out"]
    assert copy.run(*part(bars, cut, BARS))["out"].tobytes() == rest.tobytes()
    assert copy.save() == original.save()


@pytest.mark.parametrize(("kernel", "options"), CASES)
@CHECKS
@given(bars=bars_of, missing=st.lists(st.integers(0, BARS - 1), min_size=1, max_size=8, unique=True))
def test_a_missing_input_gives_nan_and_leaves_the_state(kernel, options, bars, missing) -> None:
    """A bar on which an input is missing might as well not have been there."""
    if kernel.arity == 0 or kernel.name in ("latest", "or_else"):
        return  # nothing can be missing; standing in for what is missing is what these are for
    nodes = [{"op": "as_of", "name": f"s{i}", "p": {"max_age_us": 0}} for i in range(kernel.arity)]
    node: dict[str, object] = {"op": kernel.name, "in": list(range(kernel.arity))}
    if options:
        node["p"] = options
    data = {"bar_interval_us": 0, "nodes": [*nodes, node], "outputs": {"out": kernel.arity}, "features": []}
    present = np.setdiff1d(np.arange(BARS), missing)
    ts = bars["ts"]
    values = {**bars, "time": ts.astype(float)}
    series = {f"s{i}": (ts[present], values[name][present]) for i, name in enumerate(columns_of(kernel))}
    out = Graph(data).run(bars, ts, series)["out"]
    dense = Graph(data).run({k: v[present] for k, v in bars.items()}, ts[present], series)["out"]
    assert np.isnan(out[missing]).all()
    assert out[present].tobytes() == dense.tobytes()


@pytest.mark.parametrize(("kernel", "options"), CASES)
def test_a_refused_bar_changes_nothing(kernel, options) -> None:
    bars = make_bars(5)
    graph = one_kernel_graph(kernel, options)
    graph.run(*part(bars, 0, 60))
    before = graph.save()
    bad, ts = part(bars, 60, 62)
    bad["high"] = bad["low"] * 0.5
    with pytest.raises(ValueError, match=r"row 0: bar\.high: must not be below low"):
        graph.run(bad, ts)
    assert graph.save() == before


@pytest.mark.parametrize("kernel", [k for k in _native.kernels() if k.parameters], ids=lambda k: k.name)
def test_impossible_parameters_are_refused_by_name(kernel) -> None:
    for parameter in kernel.parameters:
        options = options_of(kernel)[0]
        wrong = [float("nan"), parameter.low - abs(parameter.low) - 1.0] + ([2.5] if parameter.whole else [])
        for value in wrong:
            with pytest.raises(ValueError, match=rf"{kernel.name}\.{parameter.name}: must be"):
                one_kernel_graph(kernel, {**options, parameter.name: value})


def test_a_saved_state_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    kernel = next(k for k in _native.kernels() if k.name == "rolling_std")
    graph, other = one_kernel_graph(kernel, {"window": 17}), one_kernel_graph(kernel, {"window": 3})
    graph.run(*part(make_bars(1), 0, BARS))
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
