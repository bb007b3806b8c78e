"""What other stops, targets, or one step less would have earned on the product's own trades, all else equal.

Suggestions are chosen on the entries between the training and the test part and judged on the test part alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from inference.replay import Entries, Ledger
from inference.variant import OPTIONAL_STEPS, Variant
from pipelines.measures.bootstrap import BootstrapParams, interval, resample
from pipelines.measures.scorecard import FEW, comparison
from pipelines.trades.baselines import Market, to_frame
from pipelines.trades.product import Product

Kind = Literal["stop_times", "stop_atr", "target_r", "without"]
PARTS = ("earlier", "test")
SWEPT: tuple[Kind, ...] = ("stop_times", "stop_atr", "target_r")


@dataclass(frozen=True, slots=True)
class Option:
    """One change. value: first stop as a multiple of the product's own, or in ATR at the signal; target in R (infinity:
    none); not a number for a step left out.
    """

    kind: Kind
    value: float = math.nan
    step: str = ""

    def variant(self, market: Market, own: Ledger) -> Variant:
        """The change on the market's entries, where the product has the trades `own`."""
        if self.kind == "without":
            return Variant(without=self.step)
        distance = np.full(len(market.entries.index), math.nan)
        distance[own.trades["entry"]] = own.trades["stop_distance"]
        if self.kind == "target_r":
            return Variant(target_distance=self.value * distance)
        unit = distance if self.kind == "stop_times" else market.atr[market.entries.index]
        return Variant(stop_distance=self.value * unit)


def options(stop_times: Sequence[float], stop_atr: Sequence[float], target_r: Sequence[float]) -> list[Option]:
    """Every change that is tried; no target is one of them."""
    grids: dict[Kind, Sequence[float]] = {
        "stop_times": stop_times,
        "stop_atr": stop_atr,
        "target_r": (*target_r, math.inf),
    }
    swept = [Option(kind, value) for kind, grid in grids.items() for value in grid]
    return swept + [Option("without", step=step) for step in OPTIONAL_STEPS]


def joined(parts: Sequence[Sequence[Market]]) -> list[Market]:
    """The entries of several parts as one market per symbol, in time order: so each change is one replay a symbol."""
    out = []
    for same in zip(*parts, strict=True):
        index = np.concatenate([each.entries.index for each in same])
        order = np.argsort(index, kind="stable")
        side = np.concatenate([each.entries.side for each in same])[order]
        ids = [name for each in same for name in each.ids]
        first = same[0]
        out.append(replace(first, entries=Entries(index[order], side), ids=tuple(ids[i] for i in order)))
    return out


def replay_options(product: Product, markets: Sequence[Market], changes: Sequence[Option]) -> pl.DataFrame:
    """Long table kind, value, step, id, entry_ts, profit and own (fractions of the entry price, with and without the
    change), r and own_r (in the R of the trade without the change), reason, own_reason, premature.

    Pessimistic fills; entries of which any replay was still open when the data ended are left out of all.
    """
    frames = []
    with tqdm(total=len(changes) * len(markets), desc="what if", leave=False) as bar:
        for market in markets:
            ledger = product.ledger(market)
            own = to_frame(ledger, market).select(
                "id",
                own=pl.col("pnl") / pl.col("entry_price"),
                unit=pl.col("stop_distance"),
                own_r=pl.col("r"),
                own_reason=pl.col("reason"),
            )
            for change in changes:
                bar.update()
                trades = product.trades(market, change.variant(market, ledger))
                frames.append(
                    trades.join(own, on="id", how="inner", maintain_order="left").select(
                        pl.lit(change.kind).alias("kind"),
                        pl.lit(change.value).alias("value"),
                        pl.lit(change.step).alias("step"),
                        "id",
                        "entry_ts",
                        profit=pl.col("pnl") / pl.col("entry_price"),
                        r=pl.col("pnl") / pl.col("unit"),
                        reason=pl.col("reason"),
                        premature=pl.col("premature"),
                        own=pl.col("own"),
                        own_r=pl.col("own_r"),
                        own_reason=pl.col("own_reason"),
                    )
                )
    table = pl.concat(frames)
    open_ = table.filter((pl.col("reason") == "open") | (pl.col("own_reason") == "open"))["id"].unique()
    return table.filter(~pl.col("id").is_in(open_.to_list())).sort("entry_ts", "id", maintain_order=True)


def compare_options(
    replays: pl.DataFrame,
    earlier: set[str],
    held: pl.DataFrame,
    bootstrap: BootstrapParams,
    generator: np.random.Generator,
) -> pl.DataFrame:
    """One row per change and part: means and paired differences to the product, with bootstrap intervals.

    earlier: ids of the entries before the test part; held: id, entry_ts, exit_ts of each entry held for the whole
    horizon. Profits in bp of the entry price, and in the trade's own R.
    """
    rows = []
    is_earlier = pl.col("id").is_in(sorted(earlier))
    for part in PARTS:
        mine = replays.filter(is_earlier if part == "earlier" else ~is_earlier)
        entries = mine.select("id").unique(maintain_order=True)
        if entries.is_empty():
            continue
        resamples = resample(entries.join(held, on="id", maintain_order="left"), bootstrap, generator)
        weights, level = resamples.weights, resamples.expanded(bootstrap.confidence)
        for (kind, value, step), trades in mine.group_by("kind", "value", "step", maintain_order=True):
            gain_bp = 1e4 * (trades["profit"] - trades["own"]).to_numpy()
            gain_r = (trades["r"] - trades["own_r"]).to_numpy()
            stopped = trades["reason"] == "stop"
            row = {
                "kind": kind,
                "value": value,
                "step": step,
                "part": part,
                "trades": entries.height,
                "changed": int((np.abs(gain_bp) > 1e-9).sum()),
                "mean_bp": 1e4 * _mean(trades["profit"]),
                "own_bp": 1e4 * _mean(trades["own"]),
                "mean_r": _mean(trades["r"]),
                "own_r": _mean(trades["own_r"]),
                "stop_out_rate": _mean(stopped.cast(pl.Float64)),
                "premature_rate": _mean(trades["premature"].cast(pl.Float64)),
            }
            for name, gain in (("bp", gain_bp), ("r", gain_r)):
                low, high = interval((weights @ gain) / weights.sum(1), level)
                row |= {f"difference_{name}": float(gain.mean()), f"low_{name}": low, f"high_{name}": high}
            verdict = comparison(float(gain_bp.mean()), row["low_bp"], row["high_bp"], "higher")
            row["versus"] = verdict if row["changed"] >= FEW else "null"
            rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def suggestions(compared: pl.DataFrame) -> pl.DataFrame:
    """Per kind of change: the value that earned most on the earlier entries, and what it did on the test part.

    versus: better, worse or null by the test part's interval alone; "keep" where nothing beat the product earlier.
    """
    rows = []
    for kind in SWEPT:
        mine = compared.filter(pl.col("kind") == kind)
        earlier, test = (mine.filter(pl.col("part") == part) for part in PARTS)
        if earlier.is_empty() or test.is_empty():
            continue
        best = earlier.sort("difference_bp", descending=True, maintain_order=True).row(0, named=True)
        keep = best["difference_bp"] <= 0
        judged = test.row(by_predicate=pl.col("value") == best["value"], named=True)
        rows.append(
            {
                "kind": kind,
                "tried": earlier.height,
                "value": None if keep else best["value"],
                "earlier_trades": best["trades"],
                "earlier_bp": best["difference_bp"],
                "test_trades": judged["trades"],
                **{name: None if keep else judged[name] for name in ("difference_bp", "low_bp", "high_bp")},
                **{name: None if keep else judged[name] for name in ("difference_r", "low_r", "high_r")},
                "versus": "keep" if keep else judged["versus"],
            }
        )
    return pl.DataFrame(rows, infer_schema_length=None)


def _mean(values: pl.Series) -> float:
    return float(values.to_numpy().mean())
