"""How a graph is laid out: constants as numbers, batches of one kernel, columns written over by others."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from features.expression import Expr, bar, constant, maximum, minimum
from features.graph import to_data
from inference import Graph, _native

BARS, MINUTE, NUMBER = 1300, 60_000_000, 2.5  # bars of more than two blocks
COLUMNS = ("open", "high", "low", "close", "volume")


@pytest.fixture
def bars() -> dict[str, np.ndarray]:
    """A walk around 1, so that logarithms and differences have either sign; all volumes are NUMBER."""
    rng = np.random.default_rng(7)
    close = np.exp(np.cumsum(rng.normal(0.0, 0.02, BARS)))
    opening = close * np.exp(rng.normal(0.0, 0.01, BARS))
    high, low = np.maximum(opening, close) * 1.01, np.minimum(opening, close) * 0.99
    return dict(zip(COLUMNS, (opening, high, low, close, np.full(BARS, NUMBER)), strict=True))


def run(data: dict[str, Any], bars: dict[str, np.ndarray], block: int) -> dict[str, np.ndarray]:
    graph, parts = Graph(data), []
    for first in range(0, BARS, block):
        part = {name: column[first : first + block] for name, column in bars.items()}
        parts.append(graph.run(part, np.arange(first, min(first + block, BARS)) * MINUTE))
    return {name: np.concatenate([part[name] for part in parts]) for name in graph.names}


@pytest.mark.parametrize("block", [BARS, 700, 1])
def test_a_constant_is_as_good_as_a_column(bars, block) -> None:
    """In every place of every kernel, alone and with others, beside whole and missing values."""
    spread = bar("close") - bar("open")
    inputs = (spread, spread.log(), bar("high"))
    with_constants, with_columns = {}, {}
    for kernel in _native.kernels():
        names = [parameter.name for parameter in kernel.parameters]
        options = dict(zip(names, kernel.examples[0], strict=True))
        for places in product((False, True), repeat=kernel.arity):
            key = f"{kernel.name} {places}"
            for outputs, number in ((with_constants, constant(NUMBER)), (with_columns, bar("volume"))):
                chosen = tuple(number if place else inputs[i] for i, place in enumerate(places))
                outputs[key] = Expr(kernel.name, chosen, options)
    a = run(to_data(with_constants, [], MINUTE), bars, block)
    b = run(to_data(with_columns, [], MINUTE), bars, BARS)
    for key in a:
        assert np.array_equal(a[key], b[key], equal_nan=True), key


def test_a_column_of_the_bars_takes_nobody_s_place(bars) -> None:
    """It is read where it stands, which the column before it in that memory would do in the next block."""
    before = {f"sum_{i}": bar("close").lag(i).rolling_sum(2) for i in range(1, 9)}
    out = run(to_data(before | {"low": bar("low").rolling_sum(1)}, [], MINUTE), bars, BARS)
    for i in range(1, 9):
        assert np.array_equal(out[f"sum_{i}"][i + 1 :], bars["close"][1:-i] + bars["close"][: -i - 1])
    assert np.array_equal(out["low"], bars["low"])


def test_the_bits_do_not_depend_on_what_else_is_in_the_graph(bars) -> None:
    """Batches order the nodes anew with each one that is added."""
    close, volume = bar("close"), bar("volume")
    chain = {"0": close}
    for i in range(1, 40):
        last = chain[str(i - 1)]
        chain[str(i)] = (last - 0.5 * close if i % 3 else last * close) + (last / volume).lag(1 + i % 4)
    whole = run(to_data(chain, [], MINUTE), bars, BARS)
    for name, expr in chain.items():
        assert np.array_equal(run(to_data({name: expr}, [], MINUTE), bars, BARS)[name], whole[name], equal_nan=True)


@pytest.mark.parametrize("block", [BARS, 1])
def test_numbers_are_held_between_constants(bars, block) -> None:
    """A maximum of a minimum is one step where nothing else reads the inner one, whichever way round."""
    x = (bar("close") / bar("open")).log()  # of either sign
    inner = maximum(x, -0.004)
    outputs = {
        "min_max": minimum(maximum(x, -0.01), 0.01),
        "max_min": maximum(minimum(x, 0.012), -0.008),
        "crossed": minimum(maximum(x, 0.005), -0.005),
        "read twice": minimum(inner, 0.004),
        "inner": inner,
        "three": maximum(minimum(maximum(x, -0.02), 0.015), 0.001),
        "missing": minimum(maximum((0.0 * x).log(), -1.0), 1.0),
    }
    out = run(to_data(outputs, list(outputs), MINUTE), bars, block)
    log = run(to_data({"x": x}, ["x"], MINUTE), bars, BARS)["x"]
    assert np.array_equal(out["min_max"], np.clip(log, -0.01, 0.01))
    assert np.array_equal(out["max_min"], np.clip(log, -0.008, 0.012))
    assert np.array_equal(out["crossed"], np.full(BARS, -0.005))
    assert np.array_equal(out["read twice"], np.clip(log, -0.004, 0.004))
    assert np.array_equal(out["inner"], np.maximum(log, -0.004))
    assert np.array_equal(out["three"], np.clip(log, 0.001, 0.015))
    assert np.isnan(out["missing"]).all()
