"""The product on a market's entries: its trades and decisions, as they are or with a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from inference import Engine, Graph
from inference.replay import Bars, Costs, Ledger, Mode, ledger_engine
from inference.variant import OWN, Variant
from pipelines.baselines import Market, to_frame
from pipelines.tables import series_for


@dataclass(frozen=True, slots=True)
class Product:
    """series: all external series; bars: of every symbol, by name; notional: of each trade, money."""

    engine: Engine
    series: pl.DataFrame
    bars: Mapping[str, Bars]
    costs: Costs
    equity: float
    notional: float

    def ledger(self, market: Market, variant: Variant = OWN, mode: Mode = "pessimistic") -> Ledger:
        """The replay with its events and decisions."""
        manifest = self.engine.stop_manifest
        names, interval = Graph(manifest["graph"]).series, int(manifest["bar_interval_us"])
        return ledger_engine(
            self.engine,
            market.bars,
            market.entries,
            self.costs,
            mode,
            series=series_for(self.series, dict(self.bars), market.bars.symbol, names, interval),
            equity=self.equity,
            notional=self.notional,
            variant=variant,
        )

    def trades(self, market: Market, variant: Variant = OWN, mode: Mode = "pessimistic") -> pl.DataFrame:
        """Its trades as a table."""
        return to_frame(self.ledger(market, variant, mode).trades, market)
