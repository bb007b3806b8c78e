import numpy as np

from models.quantiles import quantiles
from models.scores import LEVELS

FINE = np.linspace(0.005, 3, 600)


def test_a_known_distribution_gives_its_quantiles():
    rate = np.array([[0.8], [2.0]])
    out = quantiles(np.exp(-rate * FINE), FINE, LEVELS)
    np.testing.assert_allclose(out, -np.log(1 - LEVELS) / rate, rtol=5e-4)  # 0.95 of the first lies beyond the grid


def test_between_the_grid_points_the_curve_is_linear():
    out = quantiles(np.array([[0.6, 0.2]]), np.array([1.0, 2.0]), np.array([0.2, 0.4, 0.6, 0.8]))
    np.testing.assert_allclose(out, [[0.5, 1.0, 1.5, 2.0]])


def test_beyond_the_grid_the_last_hazard_goes_on_but_at_least_one_per_last_distance():
    grid = np.array([1.0, 2.0])
    np.testing.assert_allclose(
        quantiles(np.array([[0.8, 0.4]]), grid, np.array([0.9])), 2 + np.log(0.4 / 0.1) / np.log(2)
    )
    np.testing.assert_allclose(quantiles(np.array([[0.5, 0.5]]), grid, np.array([0.9])), 2 + np.log(0.5 / 0.1) * 2)


def test_quantiles_rise_with_the_level_for_any_falling_curve():
    rng = np.random.default_rng(0)
    curves = -np.sort(-rng.random((200, 5)).astype(np.float32), axis=1)
    curves[:20, -2:] = 0
    curves[20:40, :2] = 1
    out = quantiles(curves, np.array([0.1, 0.5, 1.0, 2.0, 3.0]), np.linspace(0.01, 0.99, 50))
    assert np.isfinite(out).all()
    assert (np.diff(out, axis=1) >= -1e-12).all()
