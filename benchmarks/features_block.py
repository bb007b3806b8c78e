"""Features over history: the whole set, and single indicators beside TA-Lib and Polars on the same bars."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from functools import partial

import numpy as np
import polars as pl
import talib

from benchmarks.latency import EXPORTS
from benchmarks.measure import Row, medians
from features import Expr, bar
from features.exhaustion import adx, rsi
from features.graph import to_data
from features.volatility import true_range
from inference import Graph
from inference.replay import Bars

MINUTE = 60_000_000
N = 500_000


def minute_bars(n: int = N) -> Bars:
    """A seeded walk with the shape of one-minute bars (speed does not depend on what the prices mean)."""
    rng = np.random.default_rng(0)
    close = 30_000 * np.exp(np.cumsum(rng.normal(0, 5e-4, n)))
    opening = np.roll(close, 1)
    opening[0] = close[0]
    high = np.maximum(opening, close) * (1 + rng.exponential(2e-4, n))
    low = np.minimum(opening, close) * (1 - rng.exponential(2e-4, n))
    return Bars("X", np.arange(n, dtype=np.int64) * MINUTE, opening, high, low, close, rng.exponential(10, n))


def exported_graph() -> Graph:
    """The feature graph of the exports."""
    with zipfile.ZipFile(EXPORTS[0]) as archive:
        name = next(n for n in archive.namelist() if n.endswith("manifest.json"))
        return Graph(json.loads(archive.read(name))["graph"], "X")


def columns(bars: Bars) -> dict[str, np.ndarray]:
    return {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}


def indicators(bars: Bars) -> list[tuple[str, Expr, dict[str, Callable[[], object]]]]:
    """(name, ours, peers by name): the same figure on the same bars."""
    h, low, c = bars.high, bars.low, bars.close
    close, high = pl.Series(c), pl.Series(h)
    return [
        ("ema14", bar("close").ema(14), {"TA-Lib": partial(talib.EMA, c, 14)}),
        ("atr14", true_range().wilder(14), {"TA-Lib": partial(talib.ATR, h, low, c, 14)}),
        ("rsi14", rsi(14), {"TA-Lib": partial(talib.RSI, c, 14)}),
        ("adx14", adx(14), {"TA-Lib": partial(talib.ADX, h, low, c, 14)}),
        (
            "std48",
            bar("close").rolling_std(48),
            {"TA-Lib": partial(talib.STDDEV, c, 48), "Polars": partial(close.rolling_std, 48)},
        ),
        (
            "max48",
            bar("high").rolling_max(48),
            {"TA-Lib": partial(talib.MAX, h, 48), "Polars": partial(high.rolling_max, 48)},
        ),
        (
            "quantile120",
            bar("close").rolling_quantile(120, 0.8),
            {"Polars": partial(close.rolling_quantile, 0.8, "linear", 120)},
        ),
    ]


def run() -> list[Row]:
    """features_block, and a row per indicator and peer."""
    bars = minute_bars()
    whole = exported_graph()
    series = {name: (bars.ts[::1440], np.full(len(bars.ts[::1440]), 20.0)) for name in whole.series}
    data = columns(bars)
    graph_nodes = len(whole.data["nodes"])

    def all_features() -> object:
        return Graph(whole.data, "X").run(data, bars.ts, series)

    (seconds,) = medians([all_features], 3)
    rows = [
        Row("features_block", "M bars/s", N / seconds / 1e6, budget=">= 1 M bars/s for the whole set"),
        Row("features_block_per_node", f"ns/bar of {graph_nodes} nodes", seconds / N / graph_nodes * 1e9),
    ]
    for name, expr, peers in indicators(bars):
        plain = to_data({name: expr}, [name], MINUTE)
        ours, *theirs = medians([lambda plain=plain: Graph(plain).run(data, bars.ts), *peers.values()], 5)
        rows += [
            Row(f"feature_{name}", "ns/bar", ours / N * 1e9, peer=peer, peer_value=value / N * 1e9)
            for peer, value in zip(peers, theirs, strict=True)
        ]
    return rows
