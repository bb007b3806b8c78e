"""Bars for the tests of features: real ones, drawn ones, and what expressions make of them."""

from __future__ import annotations

import numpy as np
from arch.data import sp500

from features.graph import to_data
from inference import Graph

DAY = 86_400_000_000


def real_bars(n: int | None = None):
    """Real daily bars of the S&P 500 (5,031 in all)."""
    frame = sp500.load()[:n]
    bars = {c.lower(): frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")}
    return bars, frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)


def compute(outputs, market) -> dict[str, np.ndarray]:
    named = outputs if isinstance(outputs, dict) else {str(i): each for i, each in enumerate(outputs)}
    return Graph(to_data(named, [], DAY)).run(*market)


def by_hand(rows: list[tuple[float, float, float]]):
    """(high, low, volume) a bar; opens and closes in the middle."""
    high, low, volume = (np.array(column, float) for column in zip(*rows, strict=True))
    middle = (high + low) / 2
    bars = {"open": middle, "high": high, "low": low, "close": middle, "volume": volume}
    return bars, np.arange(len(rows), dtype=np.int64) * DAY


def naive_zigzag(high, low, threshold):
    """Rows: direction, extreme, five latest turning points, bars since the latest and since the extreme."""
    rows = []
    direction, extreme, extreme_at = 1, high[0], 0
    turns = [(low[0], 0)] * 5
    for t in range(len(high)):
        if t > 0:
            ahead, back = (high[t], low[t]) if direction == 1 else (low[t], high[t])
            if direction * (ahead - extreme) >= 0:
                extreme, extreme_at = ahead, t
            elif direction * (extreme - back) >= threshold[t]:
                turns.append((extreme, extreme_at))
                direction, extreme, extreme_at = -direction, back, t
        latest = turns[:-6:-1]
        rows.append([direction, extreme, *(price for price, _ in latest), t - turns[-1][1], t - extreme_at])
    return np.array(rows)
