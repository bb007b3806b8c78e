"""Forensics of trades against slow loops on random bars, and on trades made by hand."""

import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.replay import Bars, Conditions, Costs, Entries, Ledger, ledger_levels
from inference.venue import Rung
from pipelines.measures.forensics import ForensicsParams, forensics
from pipelines.trades.baselines import Market, to_frame
from pipelines.trades.terms import Terms

COSTS = Costs(0.001, 0.0005, 0.002)
PARAMS = ForensicsParams((1, 4, 8), 0.75, (0.5, 2.0))
H = 6
N = 60


def wild_bars(seed: int) -> Bars:
    """Random bars around 100 with gaps and wide ranges."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, N)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.006, N))
    opening[0] = 100.0
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.006, N))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.006, N))
    return Bars("X", np.arange(N, dtype=np.int64) * 60_000_000, opening, high, low, close, np.ones(N))


def examine(
    bars: Bars,
    index: list[int],
    side: list[int],
    stop: float,
    target: float,
    costs: Costs = COSTS,
    trail: float = np.nan,
    ladder: tuple[Rung, ...] = (),
) -> pl.DataFrame:
    """Forensics of trades with fixed distances; ATR 2."""
    entries = Entries(np.array(index, np.int64), np.array(side, np.int8))
    ledger = ledger_levels(bars, entries, stop, target, trail, H, costs, conditions=Conditions(ladder=ladder))
    ids = tuple(str(i) for i in range(len(index)))
    market = Market(bars, np.full(len(bars.ts), 2.0), np.full(len(bars.ts), 1.0), entries, ids, Terms(costs))
    return forensics(to_frame(ledger, market), market, ledger, H, PARAMS)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    stop=st.sampled_from([0.5, 1.5, 4.0]),
    target=st.sampled_from([0.7, 3.0, np.nan]),
    ladder=st.sampled_from([(), (Rung(0.5, 0.5, 0.0), Rung(1.0, 0.5)), (Rung(0.3, 0.5, 0.9),)]),
)
def test_every_figure_equals_a_slow_loop(seed: int, stop: float, target: float, ladder: tuple[Rung, ...]) -> None:
    bars = wild_bars(seed)
    n = len(bars.ts)
    rng = np.random.default_rng(seed)
    index = np.sort(rng.choice(n - 1, 12, replace=False)).tolist()
    side = rng.choice([-1, 1], 12).tolist()
    table = examine(bars, index, side, stop, target, trail=[np.nan, 2.0][seed % 2], ladder=ladder)
    for t in table.iter_rows(named=True):
        s, unit, p0, out = t["side"], t["stop_distance"], t["entry_price"], t["exit_price"]
        end = min(index[int(t["id"])] + H, n - 1)
        assert t["signal_index"] == index[int(t["id"])]
        assert len(t["mae_path"]) == len(t["mfe_path"]) == t["exit_index"] - t["entry_index"] + 1
        # before the exit's bar: highs and lows; with it: the replay's own figures
        worst = best = 0.0
        for k, j in enumerate(range(t["entry_index"], t["exit_index"])):
            gain = [s * (x - p0) / unit for x in (bars.high[j], bars.low[j])]
            worst, best = max(worst, -min(gain)), max(best, max(gain))
            assert t["mae_path"][k] == pytest.approx(worst)
            assert t["mfe_path"][k] == pytest.approx(best)
        assert t["mae_path"][-1] == pytest.approx(t["mae"] / unit) == pytest.approx(t["mae_r"])
        assert t["mfe_path"][-1] == pytest.approx(t["mfe"] / unit) == pytest.approx(t["mfe_r"])
        after = [s * (bars.close[j] - out) / unit for j in range(t["exit_index"] + 1, n)]
        assert t["after_path"] == pytest.approx(after[: max(end - t["exit_index"], 8)])
        for k in (1, 4, 8):
            assert t[f"after_{k}"] == (pytest.approx(after[k - 1]) if k <= len(after) else None)
        assert t["after_horizon"] == pytest.approx(after[end - t["exit_index"] - 1] if end > t["exit_index"] else 0.0)
        recovery = max(
            s * (x - p0) / unit for j in range(t["exit_index"], end + 1) for x in (bars.high[j], bars.low[j])
        )
        if [each["index"] for each in t["exits"]].count(t["exit_index"]) == 1:  # else a part may have left at the best
            assert t["recovery"] == pytest.approx(recovery)
        assert t["recovery"] <= recovery + 1e-9
        assert t["premature"] == (t["reason"] == "stop" and t["r"] <= 0 and t["recovery"] >= 1)  # as the replay says
        beyond = max(
            [
                0.0,
                *(
                    s * (t["stop_at_exit"] - (bars.low if s > 0 else bars.high)[j])
                    for j in range(t["exit_index"], end + 1)
                ),
            ]
        )
        assert t["beyond_atr"] == (pytest.approx(beyond / 2) if t["reason"] == "stop" else None)
        assert t["noise"] == (t["premature"] and beyond / 2 < 0.75)
        high = max(s * (x - p0) for j in range(t["entry_index"], end + 1) for x in (bars.high[j], bars.low[j]))
        assert t["left"] == pytest.approx((max(0.0, high) - t["pnl"]) / unit)
        assert t["give_back"] == (pytest.approx(1 - t["pnl"] / t["mfe"]) if t["pnl"] > 0 else None)
        assert t["held"] == pytest.approx(t["horizon_pnl"] / unit)
        assert t["stop_atr"] == pytest.approx(stop / 2)
        assert t["decisions"] == []


def made(rows: list[tuple[float, float, float, float]]) -> Bars:
    table = np.array(rows, float)
    ts = np.arange(len(rows), dtype=np.int64) * 60_000_000
    return Bars("X", ts, *(np.ascontiguousarray(table[:, i]) for i in range(4)), np.ones(len(rows)))


def test_a_stop_hit_by_noise() -> None:
    """Long at 100, stop 98: dips to 97.5 (0.25 ATR beyond), then trades at 102.5, above +1R, and ends at 101."""
    rows = [(100, 100, 100, 100), (100, 101, 99.5, 100.5), (100.5, 100.5, 97.5, 99), (99, 102.5, 99, 102)]
    rows += [(102, 102, 101, 101)] * 8
    (trade,) = examine(made(rows), [0], [1], 2.0, np.nan, Costs()).iter_rows(named=True)
    assert (trade["reason"], trade["r"], trade["premature"], trade["noise"]) == ("stop", -1.0, True, True)
    assert trade["mae_path"] == [0.25, 1.0]
    assert trade["mfe_path"] == [0.5, 0.5]
    assert (trade["recovery"], trade["beyond_atr"]) == (1.25, 0.25)
    assert trade["after_path"] == [2.0, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    assert (trade["after_4"], trade["after_horizon"], trade["held"]) == (1.5, 1.5, 0.5)
    assert (trade["left"], trade["give_back"]) == (2.25, None)


def test_a_deeper_dip_was_no_noise() -> None:
    """As before, but 1.6 beyond the stop (0.8 ATR): premature all the same."""
    rows = [(100, 100, 100, 100), (100, 101, 99.5, 100.5), (100.5, 100.5, 96.4, 99), (99, 102.5, 99, 102)]
    (trade,) = examine(made(rows + [(102, 102, 101, 101)] * 8), [0], [1], 2.0, np.nan, Costs()).iter_rows(named=True)
    assert (trade["premature"], trade["noise"], trade["beyond_atr"]) == (True, False, pytest.approx(0.8))


def test_a_best_price_before_the_rest_is_stopped_is_no_recovery() -> None:
    """Long at 100, stop 98. One bar goes to 103: a quarter leaves at 100.2, and the stop that comes up to 99.5 takes
    the rest. Under pessimistic fills 103 came before it; after it only the close of 99.8, and 100.
    """
    rows = [(100, 100, 100, 100), (100, 100.1, 99.9, 100), (100, 103, 99.4, 99.8)] + [(100, 100, 100, 100)] * 9
    (trade,) = examine(made(rows), [0], [1], 2.0, 0.4, Costs(), ladder=(Rung(0.5, 0.25, -0.25),)).iter_rows(named=True)
    assert [(each["reason"], each["level"]) for each in trade["exits"]] == [("target", 100.2), ("stop", 99.5)]
    assert trade["r"] == pytest.approx((0.25 * 0.2 - 0.75 * 0.5) / 2)
    assert (trade["premature"], trade["recovery"]) == (False, 0.0)
    assert trade["mfe_path"] == pytest.approx([0.05, 0.1])


def test_without_trades_the_table_has_its_columns() -> None:
    bars = wild_bars(1)
    empty = Entries(np.empty(0, np.int64), np.empty(0, np.int8))
    market = Market(bars, np.ones(len(bars.ts)), np.ones(len(bars.ts)), empty, (), Terms(COSTS))
    ledger = ledger_levels(bars, empty, 1.0, 1.0, np.nan, H, COSTS)
    assert isinstance(ledger, Ledger)
    table = forensics(to_frame(ledger, market), market, ledger, H, PARAMS)
    assert {"noise", "after_8", "decisions"} <= set(table.columns)
    assert table.is_empty()


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (((), 1.0, (1.0,)), "after_bars: must be ascending numbers from 1 on, was []"),
        (((4, 2), 1.0, (1.0,)), "after_bars: must be ascending"),
        (((4,), 0.0, (1.0,)), "noise_atr: must lie in (0, 100], was 0.0"),
        (((4,), 1.0, (0.0, 1.0)), "stop_times: must be ascending numbers from 0.05 on"),
    ],
)
def test_impossible_parameters_are_refused(values: tuple[object, ...], rule: str) -> None:
    with pytest.raises(ValueError, match=re.escape(rule)):
        ForensicsParams(*values)  # type: ignore[arg-type]
