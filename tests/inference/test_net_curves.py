"""The compiled forward pass against NumPy in double precision."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from inference import _native

STATE, KNOTS = 5, 33
IDENTITY = np.tile(np.linspace(0, 1, KNOTS, dtype=np.float32), 2)


def net_of(layers: list[tuple[np.ndarray, np.ndarray]], grid: int, nested: bool, clip: float = 200.0) -> _native.Net:
    inputs = layers[0][0].shape[1]
    dense = [_native.Dense(w, b, i + 1 < len(layers)) for i, (w, b) in enumerate(layers)]
    mean, scale = np.zeros(inputs, np.float32), np.ones(inputs, np.float32)
    return _native.Net(mean, scale, clip, dense, grid, nested, IDENTITY)


def test_a_curve_s_point_is_the_logistic_function_to_single_precision() -> None:
    weight = np.zeros((2, STATE + 1), np.float32)
    weight[:, 0] = 1.0
    x = np.zeros((4001, STATE + 1), np.float32)
    x[:, 0] = np.linspace(-100, 80, len(x))
    found = np.asarray(net_of([(weight, np.zeros(2, np.float32))], 1, False).predict(x))
    expected = 1.0 / (1.0 + np.exp(np.maximum(x[:, 0].astype(np.float64), -88)))
    np.testing.assert_allclose(found[:, 0, 0], expected, rtol=5e-7)
    np.testing.assert_array_equal(found[:, 0], found[:, 1])


def test_what_is_too_large_to_tell_is_certain() -> None:
    weight = np.zeros((2, STATE + 1), np.float32)
    weight[0, 0], weight[1, 0] = 1.0, -1.0
    x = np.zeros((1, STATE + 1), np.float32)
    x[0, 0] = 1e6
    found = np.asarray(net_of([(weight, np.zeros(2, np.float32))], 1, False, 1e9).predict(x))
    np.testing.assert_allclose(found.ravel(), [0.0, 1.0], atol=1e-37)


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("width", [3, 16, 17, 32, 48, 64, 80, 112, 130])
def test_every_width_gives_the_curves_of_numpy(width: int, nested: bool) -> None:
    rng = np.random.default_rng(width)
    grid, sizes = 7, [STATE + 9, width, width + 5, 14]
    layers = [
        (rng.normal(0, a**-0.5, (b, a)).astype(np.float32), rng.normal(0, 0.1, b).astype(np.float32))
        for a, b in pairwise(sizes)
    ]
    x = rng.normal(0, 1, (50, sizes[0])).astype(np.float32)
    h = x.astype(np.float64)
    for i, (weight, bias) in enumerate(layers):
        h = h @ weight.T.astype(np.float64) + bias
        h = np.maximum(h, 0) if i < 2 else h
    first, second = (np.cumprod(1 / (1 + np.exp(part)), axis=1) for part in (h[:, :grid], h[:, grid:]))
    expected = np.stack([first, first * second if nested else second], axis=1)
    np.testing.assert_allclose(net_of(layers, grid, nested).predict(x), expected, rtol=1e-5, atol=1e-7)
