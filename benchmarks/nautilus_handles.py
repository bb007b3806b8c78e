"""Times NautilusTrader's streaming indicators, in its own environment: prints ns an update by name, as JSON.

usage: build/peers/nautilus/bin/python benchmarks/nautilus_handles.py BARS, an npz with high, low, close.
"""

import json
import sys
from statistics import median
from time import perf_counter

import numpy as np
from nautilus_trader.indicators import (
    AverageTrueRange,
    ExponentialMovingAverage,
    MovingAverageType,
    RelativeStrengthIndex,
)

ROUNDS = 7
bars = dict(np.load(sys.argv[1]))
hlc = list(zip(*(bars[name].tolist() for name in ("high", "low", "close")), strict=True))
close = [(x,) for x in bars["close"].tolist()]
HANDLES = {
    "ema14": (lambda: ExponentialMovingAverage(14), close),
    "atr14": (lambda: AverageTrueRange(14, MovingAverageType.WILDER), hlc),
    "rsi14": (lambda: RelativeStrengthIndex(14, MovingAverageType.WILDER), close),
}


def one_by_one(make, arguments):
    handle = make()
    update = handle.update_raw
    start = perf_counter()
    for row in arguments:
        update(*row)
        value = handle.value
    return (perf_counter() - start) / len(arguments) * 1e9, value


found = {name: [] for name in HANDLES}
for turn in range(-1, ROUNDS):  # one to warm up
    for name, (make, arguments) in HANDLES.items():
        took, last = one_by_one(make, arguments)
        if turn >= 0:
            found[name].append(took)
json.dump({name: median(values) for name, values in found.items()}, sys.stdout)
