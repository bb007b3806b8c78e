"""Synthetic rows: an exponential excursion whose scale follows the first feature as far as `signal` says."""

import numpy as np
import pytest

from models.data import PARTS, Dataset, Rows

DAY_US = 86_400_000_000
GRID = np.array([0.1, 0.3, 0.6, 1.0, 1.5, 2.2])


@pytest.fixture(scope="session")
def grid():
    return GRID


@pytest.fixture(scope="session")
def make_dataset():
    """make_dataset(times, features, signal, seed): two symbols, both sides, fresh and aged rows; parts 50:15:10:25."""

    def make(times=600, features=4, signal=0.5, seed=0):
        rng = np.random.default_rng(seed)
        n = 8 * times
        day = np.repeat(np.arange(times), 8)
        inputs = rng.normal(size=(n, features + 5)).astype(np.float32)
        inputs[:, features] = np.tile([-1, -1, 1, 1], 2 * times)
        scale = 0.8 * np.exp(signal * inputs[:, 0].astype(np.float64))
        excursion = scale * rng.exponential(size=n)
        first = excursion[:, None] >= GRID
        second = first & (rng.random((n, 1)) < 0.4)
        sigma = 0.01 * np.exp(0.2 * rng.normal(size=n))
        entry = np.full(n, 50.0)
        rows = Rows(
            inputs=inputs,
            outcomes=np.stack([first, second], 1).astype(np.uint8),
            excursion=excursion,
            final=rng.normal(size=n),
            symbol=np.tile(np.repeat(["A", "B"], 4), times),
            ts=day * DAY_US,
            end_ts=(day + 10) * DAY_US,
            side=np.tile([-1, -1, 1, 1], 2 * times).astype(np.int8),
            age=np.tile([0, 3], 4 * times).astype(np.int32),
            entry_price=entry,
            unit=sigma * np.sqrt(10) * entry,
            sigma=sigma,
            atr=sigma * entry,
            garch_sigma=sigma,
            part=np.digitize(day, times * np.array([0.5, 0.65, 0.75])).astype(np.int8),
        )
        assert set(rows.part) == set(range(len(PARTS)))
        return Dataset(rows, tuple(f"f{i}" for i in range(features)), {"censored": 0})

    return make


@pytest.fixture(scope="session")
def dataset(make_dataset):
    return make_dataset()
