"""The product on a market's entries: its trades and decisions, as they are or with a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from inference import Engine, Graph
from inference.replay import Bars, Ledger, Mode, ledger_engine
from inference.variant import OWN, Variant
from pipelines.tables import series_for
from pipelines.trades.baselines import Market, to_frame


@dataclass(frozen=True, slots=True)
class Product:
    """series: all external series; bars: of every symbol, by name; notional: of each trade, money."""

    engine: Engine
    series: pl.DataFrame
    bars: Mapping[str, Bars]
    equity: float
    notional: float

    def ledger(self, market: Market, variant: Variant = OWN, mode: Mode = "pessimistic") -> Ledger:
        """The replay with its events and decisions, under the terms of the market's venue."""
        terms, around = market.terms, self._around(market)
        return ledger_engine(
            self.engine,
            market.bars,
            market.entries,
            terms.costs,
            mode,
            conditions=terms.under(mode),
            variant=variant,
            **around,
        )

    def trades(self, market: Market, variant: Variant = OWN, mode: Mode = "pessimistic") -> pl.DataFrame:
        """Its trades as a table."""
        return to_frame(self.ledger(market, variant, mode), market)

    def _around(self, market: Market) -> dict[str, Any]:
        manifest = self.engine.stop_manifest
        names, interval = Graph(manifest["graph"]).series, int(manifest["bar_interval_us"])
        series = series_for(self.series, dict(self.bars), market.bars.symbol, names, interval)
        return {"series": series, "equity": self.equity, "notional": self.notional}
