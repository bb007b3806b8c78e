"""Replay speed: brackets and trails with their trade lists, many settings at once, and the engine with both nets."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
from arch.data import sp500

from benchmarks.latency import EXPORTS
from benchmarks.measure import Row, medians
from benchmarks.minute_bars import breakouts, made, real_or_made
from inference import Engine
from inference.replay import Bars, Conditions, Costs, Entries, ledger_multiples, replay_engine, replay_levels

N, HORIZON, DAY = 300_000, 1_200, 86_400_000_000
COSTS, SINGLE = Costs(0.0004, 0.0002, 0.0001), Conditions(single=True)
WIDTHS = {"wide": (0.01, 0.02), "tight": (0.001, 0.0015)}
"""Stop and target, shares of the price."""
GRID = [(stop, 1.5 * stop, np.nan) for stop in np.linspace(0.1, 2.0, 100)]
"""100 settings in per cent of the price."""


def spoken_bars(n: int) -> Bars:
    """Bars that the default nets know: the S&P 500's days again and again, each from where the last ended."""
    frame = sp500.load()
    opening, high, low, close, volume = (frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume"))
    high, low = np.maximum.reduce([opening, high, close]), np.minimum.reduce([opening, low, close])
    times = -(-n // len(close))
    scale = np.repeat((close[-1] / opening[0]) ** (np.arange(times) % 8), len(close))[:n]  # no price without bound
    prices = (np.tile(column, times)[:n] * scale for column in (opening, high, low, close))
    return Bars("SPX", np.arange(n, dtype=np.int64) * DAY, *prices, np.tile(volume, times)[:n])


def engine_case(bars: Bars, engine: Engine) -> Entries:
    """One position open at any time."""
    horizon = int(engine.stop_manifest["horizon_bars"])
    index = np.arange(400, len(bars.ts) - horizon - 1, horizon, dtype=np.int64)
    return Entries(index, np.where(np.arange(len(index)) % 2, 1, -1).astype(np.int8))


def memory(n: int) -> float:
    """MiB that a static replay and one of the engine take beyond their bars and trades, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.replay", str(n)], capture_output=True, text=True, check=True
    )
    return float(done.stdout.split()[-1])


def measure_memory(n: int) -> float:
    def peak() -> int:
        with open("/proc/self/status") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

    engine, bars = Engine.load(*EXPORTS), made(n)
    bars.native()
    entries = engine_case(bars, engine)
    few = Entries(entries.index[:1000].copy(), entries.side[:1000].copy())
    before = peak()
    replay_levels(bars, few, bars.close[0] * 0.01, bars.close[0] * 0.02, np.nan, HORIZON, COSTS)
    replay_engine(engine, bars, few, COSTS)
    return (peak() - before) / 1024


def run() -> list[Row]:
    """replay_static_*, replay_trail, replay_settings, replay_full and replay_memory, on one core."""
    bars, what = real_or_made(n=N)
    print(f"on {what}", file=sys.stderr)
    entries, percent = breakouts(bars), 0.01 * bars.close
    engine, days = Engine.load(*EXPORTS), spoken_bars(N)
    nets = engine_case(days, engine)
    mute = np.mean(replay_engine(engine, days, nets, COSTS)["fallback"])
    assert mute < 0.2, f"the nets must speak, and were silent in {mute:.0%} of the trades"

    def settings(grid: list[tuple[float, float, float]]) -> int:
        found = ledger_multiples(bars, entries, percent, grid, HORIZON, COSTS, conditions=SINGLE, record=False)
        return sum(len(ledger.trades) for ledger in found)

    def static(width: str) -> int:
        stop, target = (100 * share * percent for share in WIDTHS[width])
        return len(replay_levels(bars, entries, stop, target, np.nan, HORIZON, COSTS, conditions=SINGLE))

    wide, tight, trail, many, alone, full = medians(
        [
            lambda: static("wide"),
            lambda: static("tight"),
            lambda: replay_levels(bars, entries, percent, np.nan, percent, HORIZON, COSTS, conditions=SINGLE),
            lambda: settings(GRID),
            lambda: [settings([setting]) for setting in GRID[::10]],
            lambda: replay_engine(engine, days, nets, COSTS),
        ],
        5,
    )
    goal = ">= 40 M bars/s"
    return [
        Row("replay_static_wide", f"M bars/s, {static('wide'):,} trades", N / wide / 1e6, budget=goal),
        Row("replay_static_tight", f"M bars/s, {static('tight'):,} trades", N / tight / 1e6, budget=goal),
        Row("replay_trail", "M bars/s", N / trail / 1e6),
        Row(
            "replay_settings",
            f"µs/setting of 100, {settings(GRID):,} trades",
            many / 100 * 1e6,
            peer="one at a time",
            peer_value=alone / len(GRID[::10]) * 1e6,
            budget="<= 1",
        ),
        Row("replay_full", f"M bars/s, nets in {1 - mute:.0%}", N / full / 1e6, budget=">= 0.5 M bars/s"),
        Row("replay_memory", "MiB, 3 M bars", memory(3_000_000), peer="300 k bars", peer_value=memory(300_000)),
    ]


if __name__ == "__main__":
    print(measure_memory(int(sys.argv[1])))
