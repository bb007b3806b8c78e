"""The product on a market's entries: its trades and decisions, as they are or with a change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from inference import Engine, Graph
from inference.replay import Bars, Costs, Entries, Ledger, Mode, ledger_engine, replay_engine
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
        return ledger_engine(*self._asked(market), mode, **self._terms(market), variant=variant)

    def trades(self, market: Market, variant: Variant = OWN, mode: Mode = "pessimistic") -> pl.DataFrame:
        """Its trades as a table."""
        return to_frame(replay_engine(*self._asked(market), mode, **self._terms(market), variant=variant), market)

    def _asked(self, market: Market) -> tuple[Engine, Bars, Entries, Costs]:
        return self.engine, market.bars, market.entries, self.costs

    def _terms(self, market: Market) -> dict[str, Any]:
        manifest = self.engine.stop_manifest
        names, interval = Graph(manifest["graph"]).series, int(manifest["bar_interval_us"])
        series = series_for(self.series, dict(self.bars), market.bars.symbol, names, interval)
        return {"series": series, "equity": self.equity, "notional": self.notional}
