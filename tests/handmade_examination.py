"""The product as a random engine on random bars, examined: for the tests of what the report says of single trades."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

import handmade_export as handmade
from inference import Engine
from inference.replay import Bars, Conditions, Costs, Entries
from inference.venue import Rung
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.examination import Examination, examine
from pipelines.measures.forensics import ForensicsParams
from pipelines.sources.tables import SERIES
from pipelines.trades.baselines import BaselineParams, Market
from pipelines.trades.product import Product
from pipelines.trades.terms import Terms

N, READY, TEST_FROM = 420, 80, 180
COSTS = Costs(0.0002, 0.0001, 0.0003)
CONDITIONS = Conditions(ladder=(Rung(0.3, 0.4), Rung(1.0, 0.6)))
GRIDS = BaselineParams((1.0, 2.0), (1.0, 2.0), (0.5, 1.0), (1.0, 2.0), (1.0, 2.0), (0.02, 0.1), (1.0, 2.0), 3)
PARAMS = ForensicsParams((4, 8, 16), 1.0, (0.5, 2.0))
COLUMNS, TIMES = handmade.random_bars(N, seed=4)
BARS = Bars("SPX", TIMES, *(COLUMNS[c] for c in ("open", "high", "low", "close", "volume")))


def _market(first: int, last: int) -> Market:
    signals = np.arange(first, last, 5)
    entries = Entries(signals, np.where(signals % 2, 1, -1).astype(np.int8))
    atr = np.full(N, float(np.mean(BARS.high - BARS.low)))
    return Market(BARS, atr, 3 * atr, entries, tuple(str(i) for i in signals), Terms(COSTS, CONDITIONS))


MARKETS = [[_market(READY, TEST_FROM - 30)], [_market(TEST_FROM, N - 40)]]
EARLIER = set(MARKETS[0][0].ids)


def make_product(folder: Path) -> Product:
    engine = Engine.load(*handmade.write_pair(folder, handmade.small_graph()))
    return Product(engine, pl.DataFrame(schema=SERIES), {"SPX": BARS}, 100_000.0, 25_000.0)


def make_examination(folder: Path, earlier: Sequence[Sequence[Market]] = MARKETS[:1]) -> Examination:
    ids = MARKETS[1][0].ids
    regimes = pl.DataFrame({"id": ids, "regime": [("calm", "wild", None)[i % 3] for i in range(len(ids))]})
    bootstrap = BootstrapParams(3.0, 200, 0.9, 1)
    return examine(make_product(folder), earlier, MARKETS[1], regimes, PARAMS, GRIDS, bootstrap, handmade.HORIZON)
