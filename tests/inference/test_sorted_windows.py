"""Quantile and rank of long windows against sorting, where the tree below them must split, join and lower itself."""

from __future__ import annotations

import numpy as np
import pytest

from features.expression import bar
from features.graph import to_data
from inference import Graph

N, WINDOW = 24_000, 5_000
RNG = np.random.default_rng(0)
STEPS = np.arange(N)
SERIES = {
    "walk": 1000 * np.exp(np.cumsum(RNG.normal(0, 1e-3, N))),
    "noise": RNG.uniform(1, 2, N),
    "ties": RNG.integers(1, 8, N).astype(float),
    "rise": 1.0 + STEPS,  # all leave at one end and enter at the other
    "fall and jumps": np.where(STEPS % 3000 < 1500, 2.0 * N - STEPS, RNG.uniform(1, 9, N)),
    "one price, then noise": np.where(STEPS < 9000, 5.0, RNG.uniform(1, 9, N)),
}
QUANTILES = (0.0, 0.3, 1.0)


def graph() -> Graph:
    close = bar("close")
    quantiles = {f"q{q}": close.rolling_quantile(WINDOW, q) for q in QUANTILES}
    return Graph(to_data({**quantiles, "rank": close.rolling_rank(WINDOW)}, [], 60))


def run(on: Graph, close: np.ndarray, first: int = 0) -> dict[str, np.ndarray]:
    columns = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": np.ones(len(close))}
    return on.run(columns, 60 * (first + np.arange(len(close), dtype=np.int64)))


@pytest.mark.parametrize("name", SERIES)
def test_quantile_and_rank_equal_sorting(name) -> None:
    close = SERIES[name]
    out = run(graph(), close)
    assert np.isnan(out["rank"][: WINDOW - 1]).all()
    for end in range(WINDOW, N + 1, 251):
        window = close[end - WINDOW : end]
        for q in QUANTILES:
            assert out[f"q{q}"][end - 1] == pytest.approx(np.quantile(window, q), rel=1e-14)
        x = window[-1]
        rank = ((window < x).sum() + 0.5 * ((window == x).sum() - 1)) / (WINDOW - 1)
        assert out["rank"][end - 1] == pytest.approx(rank, rel=1e-14)


@pytest.mark.parametrize("name", ["walk", "ties"])
def test_a_restored_window_goes_on_to_the_bit(name) -> None:
    close = SERIES[name]
    whole = run(graph(), close)
    for cut in (3_000, 11_111):
        before, after = graph(), graph()
        run(before, close[:cut])
        after.load(before.save())
        assert after.save() == before.save()
        for values, tail in zip(whole.values(), run(after, close[cut:], cut).values(), strict=True):
            assert values[cut:].tobytes() == tail.tobytes()
