"""The zigzag against a slow loop written from its definition, and a drawn path."""

from __future__ import annotations

import numpy as np

from features import Expr, bar
from handmade_bars import by_hand, compute, naive_zigzag


def test_zigzag_equals_the_loop(market) -> None:
    high, low = bar("high").log(), bar("low").log()
    threshold = 0.02 * bar("close") / bar("open")
    nodes = [Expr("zigzag", (high, low, threshold), {"output": output}) for output in range(9)]
    out = compute(nodes, market)
    b = market[0]
    expected = naive_zigzag(np.log(b["high"]), np.log(b["low"]), 0.02 * b["close"] / b["open"])
    assert (np.diff(expected[:, 0]) != 0).sum() > 50
    for output in range(9):
        np.testing.assert_allclose(out[str(output)], expected[:, output], rtol=1e-13, err_msg=str(output))


def test_zigzag_of_a_drawn_path() -> None:
    """Up to 20, down to 14, up to 25; a dip of 3 from 25 is less than the threshold of 5."""
    path = [10, 15, 20, 17, 14, 18, 25, 22]
    market = by_hand([(p, p, 1.0) for p in path])
    five = bar("close") - bar("close") + 5.0
    out = compute([Expr("zigzag", (bar("high"), bar("low"), five), {"output": o}) for o in range(9)], market)
    assert out["0"].tolist() == [1, 1, 1, 1, -1, -1, 1, 1]
    assert out["1"].tolist() == [10, 15, 20, 20, 14, 14, 25, 25]
    assert out["2"].tolist() == [10, 10, 10, 10, 20, 20, 14, 14]
    assert out["3"].tolist() == [10, 10, 10, 10, 10, 10, 20, 20]
    assert out["7"].tolist() == [0, 1, 2, 3, 2, 3, 2, 3]
    assert out["8"].tolist() == [0, 0, 0, 1, 0, 1, 0, 1]
