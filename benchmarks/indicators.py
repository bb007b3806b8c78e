"""Single indicators beside TA-Lib and Polars, live also NautilusTrader: over history, and one bar at a time.

Live, each side does what its caller would: it hands over the next bar and keeps the value as a float. What that takes
is each side's own: ours the whole bar, which it checks, and its time; the peers one to three prices, unchecked.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import talib
from talib import _ta_lib as handles

from benchmarks.measure import Row, medians
from benchmarks.minute_bars import MINUTE, real_or_made
from features import Expr, bar
from features.exhaustion import adx, rsi
from features.graph import to_data
from features.swings import parabolic_sar
from features.volatility import true_range
from inference import Graph
from inference.replay import Bars

N = 1_000_000
LIVE, ROUNDS = 50_000, 7
NAUTILUS = Path("build/peers/nautilus/bin/python")  # `make peers` installs it
COLUMNS = ("open", "high", "low", "close", "volume")


def keltner() -> dict[str, Expr]:
    middle, width = bar("close").ema(20), 2.0 * true_range().wilder(10)
    return {"upper": middle + width, "lower": middle - width}


def in_blocks(bars: Bars) -> list[tuple[str, dict[str, Expr], dict[str, Callable[[], object]]]]:
    """(name, ours, peers by name): the same figure on the same bars."""
    h, low, c = bars.high, bars.low, bars.close
    close, high, lows = pl.Series(c), pl.Series(h), pl.Series(low)

    def talib_keltner() -> object:
        middle, width = talib.EMA(c, 20), 2.0 * talib.ATR(h, low, c, 10)
        return middle + width, middle - width

    return [
        ("ema14", {"x": bar("close").ema(14)}, {"TA-Lib": partial(talib.EMA, c, 14)}),
        ("atr14", {"x": true_range().wilder(14)}, {"TA-Lib": partial(talib.ATR, h, low, c, 14)}),
        ("rsi14", {"x": rsi(14)}, {"TA-Lib": partial(talib.RSI, c, 14)}),
        ("adx14", {"x": adx(14)}, {"TA-Lib": partial(talib.ADX, h, low, c, 14)}),
        ("sar", {"x": parabolic_sar(0.02, 0.2, 0)}, {"TA-Lib": partial(talib.SAR, h, low, 0.02, 0.2)}),
        ("keltner", keltner(), {"TA-Lib": talib_keltner}),
        (
            "std48",
            {"x": bar("close").rolling_std(48)},
            {"TA-Lib": partial(talib.STDDEV, c, 48), "Polars": partial(close.rolling_std, 48)},
        ),
        (
            "donchian48",
            {"high": bar("high").rolling_max(48), "low": bar("low").rolling_min(48)},
            {
                "TA-Lib": lambda: (talib.MAX(h, 48), talib.MIN(low, 48)),
                "Polars": lambda: (high.rolling_max(48), lows.rolling_min(48)),
            },
        ),
        (
            "quantile120",
            {"x": bar("close").rolling_quantile(120, 0.8)},
            {"Polars": partial(close.rolling_quantile, 0.8, "linear", 120)},
        ),
    ]


def live(bars: Bars) -> list[tuple[str, Expr, Callable[..., object], list[tuple[float, ...]]]]:
    """(name, ours, TA-Lib's streaming handle, what it takes for each bar)."""
    seed = 2_000
    h, low, c = bars.high[:seed], bars.low[:seed], bars.close[:seed]
    hlc = list(zip(bars.high.tolist(), bars.low.tolist(), bars.close.tolist(), strict=True))
    hl = list(zip(bars.high.tolist(), bars.low.tolist(), strict=True))
    close = [(x,) for x in bars.close.tolist()]
    return [
        ("ema14", bar("close").ema(14), handles.EMA_Stream(c, 14).update, close),
        ("atr14", true_range().wilder(14), handles.ATR_Stream(h, low, c, 14).update, hlc),
        ("rsi14", rsi(14), handles.RSI_Stream(c, 14).update, close),
        ("adx14", adx(14), handles.ADX_Stream(h, low, c, 14).update, hlc),
        ("sar", parabolic_sar(0.02, 0.2, 0), handles.SAR_Stream(h, low, 0.02, 0.2).update, hl),
        ("std48", bar("close").rolling_std(48), handles.STDDEV_Stream(c, 48).update, close),
    ]


def nautilus(bars: Bars) -> dict[str, float]:
    """ns an update of NautilusTrader's indicators by name, in its own environment; nothing where that is not built."""
    if not NAUTILUS.exists():
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        np.savez(path, high=bars.high, low=bars.low, close=bars.close)
        done = subprocess.run(
            [NAUTILUS, Path(__file__).with_name("nautilus_handles.py"), path],
            capture_output=True,
            text=True,
            check=True,
        )
    return {str(name): float(value) for name, value in json.loads(done.stdout).items()}


def run() -> list[Row]:
    """feature_* in ns a bar over history, live_* in ns an update from Python."""
    bars, what = real_or_made(n=N)
    print(f"on {what}", file=sys.stderr)
    checked, found = bars.native(), []
    for name, outputs, peers in in_blocks(bars):
        data = to_data(outputs, list(outputs), MINUTE)

        def ours(data: dict[str, object] = data) -> None:
            for _ in Graph(data).stream(checked, len(checked)):
                pass

        mine, *theirs = medians([ours, *peers.values()], 5)
        found += [
            Row(f"feature_{name}", "ns/bar", mine / N * 1e9, peer=peer, peer_value=value / N * 1e9, budget="<= 1.5")
            for peer, value in zip(peers, theirs, strict=True)
        ]
    few = Bars("X", *(getattr(bars, name)[:LIVE] for name in ("ts", *COLUMNS)))
    rows = list(zip(*(getattr(few, name).tolist() for name in ("ts", *COLUMNS)), strict=True))
    others = nautilus(few)
    for name, expr, update, arguments in live(few):
        data = to_data({"x": expr}, ["x"], MINUTE)

        fresh = iter([Graph(data).update for _ in range(ROUNDS + 1)])  # as the peers' handles: made beforehand

        def one_by_one(fresh: Iterator[Callable[..., float]] = fresh) -> float:
            update, value = next(fresh), np.nan
            for row in rows:
                value = update(*row)
            return value

        def theirs_one_by_one(
            update: Callable[..., object] = update, arguments: list[tuple[float, ...]] = arguments
        ) -> object:
            value: object = None
            for row in arguments:
                value = update(*row)
            return value

        mine, peer = (seconds / LIVE * 1e9 for seconds in medians([one_by_one, theirs_one_by_one], ROUNDS))
        found.append(Row(f"live_{name}", "ns/update", mine, peer="TA-Lib handle", peer_value=peer, budget="< 1"))
        if name in others:
            found.append(replace(found[-1], peer="NautilusTrader handle", peer_value=others[name]))
    return found


def check() -> None:
    """That both sides compute the same figure."""
    bars, _ = real_or_made(n=20_000)
    for name, outputs, peers in in_blocks(bars):
        if "TA-Lib" not in peers:
            continue
        theirs = peers["TA-Lib"]()
        if name == "std48":  # TA-Lib's deviation divides by n, ours by n - 1
            theirs = np.asarray(theirs) * (48 / 47) ** 0.5
        data = Graph(to_data(outputs, list(outputs), MINUTE)).run(
            {column: getattr(bars, column) for column in COLUMNS}, bars.ts
        )
        for mine, other in zip(data.values(), theirs if isinstance(theirs, tuple) else (theirs,), strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-8, err_msg=name)


if __name__ == "__main__":
    check()
