"""Trade by trade beside backtesting.py, vectorbt and NautilusTrader on real minutes; docs/fills.md tells the rest.

Prices are in ticks, so that levels and touches are exact numbers. `make peers` builds the environments.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.minute_bars import breakouts
from inference.replay import Bars, Conditions, Costs, Entries, replay_levels

ROOT = Path(__file__).parents[2]
BTC = ROOT.parent / "shared" / "data" / "spot_1m" / "BTCUSDT.parquet"
PEERS = ROOT / "build" / "peers"
FREE, ROWS = Costs(), 100_000
PRICES = ("open", "high", "low", "close")

pytestmark = [
    pytest.mark.data(str(BTC)),
    pytest.mark.slow,
    pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project"),
    pytest.mark.skipif(not PEERS.exists(), reason=f"needs {PEERS}; run `make peers`"),
]


def minute_bars(tick: float, rows: int = ROWS) -> Bars:
    frame = pl.read_parquet(BTC, n_rows=rows)
    ticks = [np.round(frame[name].to_numpy() / tick) for name in PRICES]
    return Bars("BTCUSDT", frame["ts"].dt.epoch("us").to_numpy(), *ticks, np.ones(len(frame)))


def one_at_a_time(bars: Bars, entries: Entries, distances: tuple[np.ndarray, ...]) -> Entries:
    """The entries that a trader of one position would take: signals after the exit bar of the trade before."""
    trades = replay_levels(bars, entries, *distances, len(bars.ts), FREE)
    taken, free = [], -1
    for row, trade in enumerate(trades):
        if entries.index[row] > free and trade["reason"] != 0:
            taken.append(row)
            free = trade["exit_index"]
    return Entries(entries.index[taken], entries.side[taken])


def peer(script: str, environment: str, folder: Path, **case: np.ndarray) -> dict[str, np.ndarray]:
    np.savez(folder / "case.npz", **case)
    python = PEERS / environment / "bin" / "python"
    command = [str(python), str(ROOT / "tests" / "peers" / script), str(folder / "case.npz"), str(folder / "out.npz")]
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        timeout=120,
        env={"PATH": "/usr/bin:/bin", "NUMBA_CACHE_DIR": str(folder)},
    )
    out = np.load(folder / "out.npz")
    order = np.argsort(out["tag"])
    return {name: out[name][order] for name in out.files if out[name].ndim}


def case_of(bars: Bars, entries: Entries, stop: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    fill = bars.open[entries.index + 1]
    return {
        **{name: getattr(bars, name) for name in PRICES},
        "signal": entries.index,
        "side": entries.side,
        "stop": fill - entries.side * stop[entries.index],
        "target": fill + entries.side * target[entries.index],
    }


def differences(mine: np.ndarray, theirs: dict[str, np.ndarray]) -> np.ndarray:
    """Trades whose entry or exit, bar or price, is not the same."""
    same = (mine["entry_index"] == theirs["entry_bar"]) & (mine["exit_index"] == theirs["exit_bar"])
    same &= np.isclose(mine["fill_price"], theirs["entry_price"], rtol=1e-12)
    same &= np.isclose(mine["exit_price"], theirs["exit_price"], rtol=1e-12)
    return np.flatnonzero(~same)


def worth(ours: np.ndarray, theirs: dict[str, np.ndarray]) -> str:
    """Mean profit of a trade by either rule."""
    profit = [ours["side"] * (out["exit_price"] / ours["fill_price"] - 1.0) * 1e4 for out in (ours, theirs)]
    return f"{profit[0].mean():+.3f} bp ours, {profit[1].mean():+.3f} bp theirs"


# stop, target, trail as shares of the close; size of a tick in dollars (coarse ones make exact touches common)
CASES = {
    "wide": (0.01, 0.02, np.nan, 0.01),
    "tight": (0.001, 0.0015, np.nan, 0.01),
    "trail": (0.002, np.nan, 0.002, 0.01),
    "coarse": (0.002, 0.003, np.nan, 10.0),
}


@pytest.mark.parametrize("name", CASES)
def test_backtesting_py_agrees_but_for_targets_that_are_only_touched(name, tmp_path) -> None:
    *shares, tick = CASES[name]
    bars = minute_bars(tick)
    stop, target, trail = (np.round(share * bars.close) for share in shares)
    entries = one_at_a_time(bars, breakouts(bars), (stop, target, trail))
    theirs = peer("run_backtesting.py", "plain", tmp_path, **case_of(bars, entries, stop, target), trail=trail)
    assert (theirs["tag"] == np.arange(len(entries.index))).all()
    ours = replay_levels(bars, entries, stop, target, trail, len(bars.ts), FREE)
    differ = differences(ours, theirs)
    touched = replay_levels(bars, entries, stop, target, trail, len(bars.ts), FREE, conditions=Conditions(touch=True))
    print(f"\nbacktesting.py, {name}: {len(ours)} trades, {len(differ)} differ, {worth(ours, theirs)}", end=" ")
    assert len(differences(touched, theirs)) == 0
    assert (ours["exit_index"][differ] > theirs["exit_bar"][differ]).all()  # ours waits for more than a touch
    assert (len(differ) > 0) == (name == "coarse")


@pytest.mark.parametrize("name", ["wide", "tight"])
def test_vectorbt_agrees_but_for_the_entry_bar(name, tmp_path) -> None:
    """Levels between ticks: touches cannot be; a next-open entry's own bar is never checked there."""
    bars, none = minute_bars(0.01), np.full(ROWS, np.nan)
    stop, target = (np.round(share * bars.close) + 0.5 for share in CASES[name][:2])
    entries = one_at_a_time(bars, breakouts(bars), (stop, target, none))
    window = {"wide": 1500, "tight": 200}[name]
    keep = entries.index + 1 + window < ROWS
    entries = Entries(entries.index[keep], entries.side[keep])
    theirs = peer("run_vectorbt.py", "plain", tmp_path, **case_of(bars, entries, stop, target), window=np.array(window))
    ours = replay_levels(bars, entries, stop, target, none, ROWS, FREE)
    within = np.flatnonzero(ours["exit_index"] < entries.index + 1 + window)
    assert set(within) - set(theirs["tag"]) <= set(np.flatnonzero(ours["exit_index"] == ours["entry_index"]))
    ours = ours[theirs["tag"]]
    differ = differences(ours, theirs)
    print(f"\nvectorbt, {name}: {len(ours)} trades, {len(differ)} differ, {worth(ours, theirs)}", end=" ")
    assert (ours["exit_index"] == ours["entry_index"]).nonzero()[0].tolist() == differ.tolist()
    assert (theirs["exit_bar"] > theirs["entry_bar"]).all()


def without_gaps(bars: Bars) -> Bars:
    """Each bar opens at the close before, so that a fill at the signal's close is one at the next open."""
    opening = np.append(bars.open[0], bars.close[:-1])
    high, low = np.maximum(bars.high, opening), np.minimum(bars.low, opening)
    return Bars(bars.symbol, bars.ts, opening, high, low, bars.close, bars.volume)


@pytest.mark.parametrize("name", ["wide", "tight"])
@pytest.mark.parametrize("nearer_first", [True, False])
def test_nautilus_trader_agrees_but_for_the_order_inside_a_bar(name, nearer_first, tmp_path) -> None:
    """Even ticks for prices, odd ones for levels: touches cannot be. Its option for the nearer extreme is our adaptive
    mode; its default walks open, high, low, close whatever the bar."""
    coarse = minute_bars(0.2, 50_000)
    bars = without_gaps(Bars(coarse.symbol, coarse.ts, *(2 * getattr(coarse, x) for x in PRICES), coarse.volume))
    stop, target = (2 * np.round(share * bars.close / 2) + 1 for share in CASES[name][:2])
    none = np.full(len(bars.ts), np.nan)
    entries = one_at_a_time(bars, breakouts(bars), (stop, target, none))
    case = case_of(bars, entries, stop, target)
    theirs = peer("run_nautilus.py", "nautilus", tmp_path, **case, adaptive=np.array(nearer_first))
    assert (theirs["tag"] == np.arange(len(entries.index))).all()
    ours = replay_levels(bars, entries, stop, target, none, len(bars.ts), FREE, "adaptive")
    differ = differences(ours, theirs)
    option = "nearer first" if nearer_first else "default"
    print(f"\nNautilusTrader {option}, {name}: {len(ours)} trades, {len(differ)} differ,", end=" ")
    print(f"{ours['touched_both'].sum()} ambiguous, {worth(ours, theirs)}", end=" ")
    if nearer_first:
        assert len(differ) == 0
    else:
        assert ours["touched_both"][differ].all()
        assert (len(differ) > 0) == (name == "tight")
