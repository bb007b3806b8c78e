"""All that is found out about the product's trades: forensics, other decisions, and what the steps did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from inference.replay import REASON_NAMES, Bars
from pipelines.atomic import write_csv, write_parquet
from pipelines.measures.bootstrap import BootstrapParams, Resamples, interval, resample
from pipelines.measures.counterfactuals import compare_options, joined, options, replay_options, suggestions
from pipelines.measures.forensics import ForensicsParams, forensics
from pipelines.measures.waterfall import step_table
from pipelines.trades.baselines import BaselineParams, Market, time_only, to_frame
from pipelines.trades.product import Product

FIGURES = ("r", "mae_r", "mfe_r", "after_horizon", "held", "left", "give_back")
PLOTTED = ("stop_times", "stop_atr", "target_r")


@dataclass(frozen=True, slots=True)
class Examination:
    """trades: of `forensics`, in time order; means: of `by_reason`; options, suggested: of `counterfactuals`; steps: of
    `waterfall`; bars: of each symbol, on which the trades' indices are.
    """

    trades: pl.DataFrame
    means: pl.DataFrame
    options: pl.DataFrame
    suggested: pl.DataFrame
    steps: pl.DataFrame
    bars: Mapping[str, Bars]
    horizon_bars: int
    params: ForensicsParams

    def metrics(self) -> dict[str, float]:
        """Flat numbers for `dvc metrics` and MLflow."""
        stops = self.trades.filter(pl.col("reason") == "stop")
        out: dict[str, float | None] = {
            "noise_of_stops": stops["noise"].cast(pl.Float64).mean(),  # type: ignore[dict-item]
            "back_at_entry_of_stops": (stops["recovery"] >= 0).cast(pl.Float64).mean(),  # type: ignore[dict-item]
            "left_r": self.trades["left"].mean(),  # type: ignore[dict-item]
        }
        for row in self.options.filter((pl.col("kind") == "without") & (pl.col("part") == "test")).iter_rows(
            named=True
        ):
            out[f"without_{row['step']}_bp"] = row["difference_bp"]
        return {name: value for name, value in out.items() if value is not None}

    def write(self, folder: Path) -> None:
        """Its tables, and those that `dvc plots` draws."""
        write_parquet(self.trades, folder / "forensics.parquet")
        write_csv(self.means, folder / "forensics.csv")
        write_csv(self.options, folder / "what_if.csv")
        write_csv(self.suggested, folder / "suggestions.csv")
        # Both pipelines end in a step named final.
        named = self.steps.with_columns(step=pl.format("{} {}", "level", "step")).drop("level")
        write_csv(named, folder / "plots/steps.csv")
        points = self.trades.select("reason", pl.col("mae_r", "mfe_r").round(4))
        write_csv(points, folder / "plots/excursions.csv")
        on_test = self.options.filter((pl.col("part") == "test") & pl.col("value").is_finite())
        for kind in PLOTTED:
            line = on_test.filter(pl.col("kind") == kind).select("value", "difference_bp", "low_bp", "high_bp")
            write_csv(line, folder / f"plots/what_if_{kind}.csv")


def examine(
    product: Product,
    earlier: Sequence[Sequence[Market]],
    test: Sequence[Market],
    regimes: pl.DataFrame,
    params: ForensicsParams,
    grids: BaselineParams,
    bootstrap: BootstrapParams,
    horizon: int,
) -> Examination:
    """Examine the trades of the test part. earlier: markets of the parts on which suggestions are chosen; regimes: id,
    regime; trades still open when the data ended are left out.
    """
    tables = []
    for market in test:
        ledger = product.ledger(market)
        trades = to_frame(ledger, market)
        tables.append(forensics(trades, market, ledger, horizon, params))
    trades = pl.concat(tables).filter(pl.col("reason") != "open").sort("entry_ts", "id")
    trades = trades.join(regimes.select("id", "regime"), on="id", how="left", maintain_order="left")
    generator = np.random.default_rng(bootstrap.seed)
    everything = joined([*earlier, test])
    held = pl.concat(time_only(market, horizon, "pessimistic") for market in everything)
    resamples = resample(trades.select("id").join(held, on="id", maintain_order="left"), bootstrap, generator)
    changes = options(params.stop_times, grids.stop_atr, grids.target_r)
    replays = replay_options(product, everything, changes)
    before = {name for part in earlier for market in part for name in market.ids}
    compared = compare_options(replays, before, held, bootstrap, generator)
    return Examination(
        trades=trades,
        means=by_reason(trades, params.after_bars, resamples, bootstrap.confidence),
        options=compared,
        suggested=suggestions(compared),
        steps=step_table(trades),
        bars=product.bars,
        horizon_bars=horizon,
        params=params,
    )


def by_reason(trades: pl.DataFrame, after_bars: Sequence[int], resamples: Resamples, confidence: float) -> pl.DataFrame:
    """Long table reason ("all" for all), trades, figure, value, low, high: means in R (give_back: a share) over the
    trades of the reason that know the figure.
    """
    names = [*FIGURES[:3], *(f"after_{n}" for n in after_bars), *FIGURES[3:]]
    reasons = [name for name in REASON_NAMES[1:] if (trades["reason"] == name).any()]
    rows, weights, level = [], resamples.weights, resamples.expanded(confidence)
    for reason in ("all", *reasons):
        mine = np.ones(trades.height, bool) if reason == "all" else (trades["reason"] == reason).to_numpy()
        for name in names:
            values = trades[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
            counted = mine & np.isfinite(values)
            if not counted.any():
                continue
            with np.errstate(invalid="ignore"):
                samples = (weights[:, counted] @ values[counted]) / weights[:, counted].sum(1)
            low, high = interval(samples, level)
            value = float(values[counted].mean())
            row = {"reason": reason, "trades": int(counted.sum()), "figure": name, "value": value}
            rows.append(row | {"low": low, "high": high})
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(pl.col("low", "high").fill_nan(None))
