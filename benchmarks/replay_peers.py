"""Static brackets beside the peers (`make peers`): the same entries, one position at a time.

Each peer is timed inside its process, without start, data preparation and compilation; ours with its checks of bars.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.measure import Row, medians
from benchmarks.minute_bars import breakouts, real_or_made
from benchmarks.replay import SINGLE, WIDTHS, N
from inference.replay import Bars, Costs, Entries, replay_levels

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "build" / "peers"


def peer(script: str, environment: str, folder: Path, case: Mapping[str, object], *arguments: str) -> dict[str, float]:
    """The seconds that a peer's script tells, and whatever else it tells in one number."""
    np.savez(folder / "case.npz", **case)  # type: ignore[arg-type]
    subprocess.run(
        [
            str(PEERS / environment / "bin" / "python"),
            str(ROOT / "tests" / "peers" / script),
            str(folder / "case.npz"),
            str(folder / "out.npz"),
            *arguments,
        ],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin:/bin", "NUMBA_CACHE_DIR": str(folder)},
    )
    out = np.load(folder / "out.npz")
    return {name: float(out[name]) for name in out.files if not out[name].ndim}


def in_ticks(bars: Bars, tick: float) -> Bars:
    prices = (np.round(getattr(bars, name) / tick) for name in ("open", "high", "low", "close"))
    return Bars(bars.symbol, bars.ts, *prices, np.ones(len(bars.ts)))


def rows_of(width: str, bars: Bars, folder: Path) -> list[Row]:
    stop, target = (share * bars.close for share in WIDTHS[width])
    everyone = breakouts(bars)

    def ours() -> np.ndarray:
        return replay_levels(bars, everyone, stop, target, np.nan, len(bars.ts), Costs(), conditions=SINGLE)

    (seconds,) = medians([ours], 5)
    taken = ours()["entry"]
    entries = Entries(everyone.index[taken], everyone.side[taken])
    case: dict[str, object] = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    case |= {"signal": entries.index, "side": entries.side}
    shares = dict(zip(("stop", "target"), WIDTHS[width], strict=True))
    rust, numba = (peer("time_vectorbt.py", "plain", folder, case | shares, engine) for engine in ("rust", "numba"))
    fill = bars.open[entries.index + 1]
    levels = {
        "stop": np.round(fill - entries.side * stop[entries.index]),
        "target": np.round(fill + entries.side * target[entries.index]),
    }
    # both judge levels by the signal's close, and refuse the few that a gap has passed
    close = bars.close[entries.index]
    held = (entries.side * (close - levels["stop"]) > 0) & (entries.side * (levels["target"] - close) > 0)

    bracketed = case | {name: np.asarray((case | levels)[name])[held] for name in ("signal", "side", *levels)}
    trail = np.full(len(bars.ts), np.nan)
    plain = peer("run_backtesting.py", "plain", folder, bracketed | {"trail": trail})
    nautilus = peer("run_nautilus.py", "nautilus", folder, bracketed | {"adaptive": True})
    mine, what = len(bars.ts) / seconds / 1e6, f"M bars/s, {len(entries.index):,} trades"
    theirs = {
        "vectorbt, Rust, no trade table": len(bars.ts) / rust["seconds"],
        "vectorbt, Rust, trade table": len(bars.ts) / rust["seconds_with_table"],
        "vectorbt, Numba, no trade table": len(bars.ts) / numba["seconds"],
        "backtesting.py": len(bars.ts) / plain["seconds"],
        "NautilusTrader": len(bars.ts) / nautilus["seconds"],
    }
    return [
        Row(f"replay_{width}_beside", what, mine, peer=name, peer_value=rate / 1e6) for name, rate in theirs.items()
    ]


def run() -> list[Row]:
    """replay_wide_beside and replay_tight_beside, a row for each peer; none without their environments."""
    if not all((PEERS / name / "bin" / "python").exists() for name in ("plain", "nautilus")):
        print("no peers: run `make peers` for rows beside vectorbt, backtesting.py and NautilusTrader", file=sys.stderr)
        return []
    bars, _ = real_or_made(n=N)
    with tempfile.TemporaryDirectory() as folder:
        return [row for width in WIDTHS for row in rows_of(width, in_ticks(bars, 0.1), Path(folder))]
