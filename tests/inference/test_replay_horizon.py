"""What a replay says of the whole horizon, over stretches of many blocks of bars, against plain slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import handmade_export as handmade
from inference import Engine
from inference.replay import Bars, Costs, Entries, ledger_multiples, replay_engine

HALT = slice(2_500, 4_000)


def halting_bars(seed: int, n: int) -> Bars:
    """Bars that trade nothing for a while."""
    columns, ts = handmade.random_bars(n, seed)
    columns["volume"][HALT] = 0.0
    return Bars("SPX", ts, *(columns[c] for c in ("open", "high", "low", "close", "volume")))


def check(trades: np.ndarray, bars: Bars, horizon: int) -> None:
    for trade in trades:
        side, p0, first = int(trade["side"]), float(trade["entry_price"]), int(trade["entry_index"])
        whole = slice(first, min(int(trade["entry"]), len(bars.ts)) + horizon + 1)
        good, bad = (bars.high, bars.low) if side > 0 else (bars.low, bars.high)
        assert trade["horizon_mfe"] == max(0.0, (side * (good[whole] - p0)).max())
        assert trade["horizon_mae"] == max(0.0, (side * (p0 - bad[whole])).max())
        if trade["reason"] == 1 and trade["exit_index"] < whole.stop:
            rest = slice(int(trade["exit_index"]), whole.stop)
            assert trade["beyond"] == max(0.0, (side * (trade["stop_at_exit"] - bad[rest])).max())


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), horizon=st.sampled_from([31, 65, 400, 3_000, 9_000]))
def test_static_exits_over_many_blocks(seed: int, horizon: int) -> None:
    bars = halting_bars(seed, 6_000)
    rng = np.random.default_rng(seed)
    index = np.sort(rng.integers(0, 5_999, 80))
    entries = Entries(index, rng.choice(np.array([-1, 1], np.int8), 80))
    grid = [[2.0, 4.0, np.nan], [20.0, 40.0, np.nan], [5.0, np.nan, 5.0]]
    for ledger in ledger_multiples(bars, entries, 1.0, grid, horizon, Costs()):
        rows = ledger.trades.copy()
        rows["entry"] = index[rows["entry"]]
        check(rows, bars, horizon)


def test_the_engine_after_a_long_halt(tmp_path: Path) -> None:
    """Two trades sit through the halt, far longer than their horizon, and leave where trading resumes; trades that
    enter there are stopped in the same bar, and look a horizon ahead, before the second one has looked back.
    """
    horizon = 200
    engine = Engine.load(*handmade.write_pair(tmp_path, handmade.small_graph(), horizon_bars=horizon))
    bars = halting_bars(3, 4_400)
    bars.high[HALT.stop] *= 1.5
    bars.low[HALT.stop] *= 0.5
    index = np.array([HALT.start - 3, HALT.start - 2, *range(HALT.stop - 9, HALT.stop)])
    trades = replay_engine(engine, bars, Entries(index, np.ones(len(index), np.int8)), Costs()).copy()
    assert trades["exit_index"].tolist() == [HALT.stop] * len(index)
    assert trades["reason"].tolist() == [3, 3, *[1] * 9]
    trades["entry"] = index[trades["entry"]]
    check(trades, bars, horizon)
