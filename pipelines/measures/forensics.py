"""What happened in and after each of the product's trades: excursions bar by bar, decisions, and what the exit missed.

All in R, multiples of the trade's own initial risk, from the entry price after costs (p0).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from inference.actions import STOP_STEPS, TARGET_STEPS, Kind
from inference.replay import Bars, Ledger
from pipelines.trades.baselines import Market
from pipelines.trades.exit_fills import best_after

WORTH = 1e-4  # change of a level, fraction of price, that is more than rounding
DECISION = pl.Struct(
    {
        "index": pl.Int64,
        "kind": pl.String,
        "mover": pl.String,
        "before": pl.Float64,
        "level": pl.Float64,
        "trace": pl.List(pl.Float64),
    }
)


@dataclass(frozen=True, slots=True)
class ForensicsParams:
    """after_bars: when to look after the exit; noise_atr: see `noise`; stop_times: of the product's own distance."""

    after_bars: tuple[int, ...]
    noise_atr: float
    stop_times: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, least in (("after_bars", 1), ("stop_times", 0.05)):
            grid = getattr(self, name)
            if not grid or min(grid) < least or list(grid) != sorted(set(grid)):
                raise ValueError(
                    f"evaluate.forensics.{name}: must be ascending numbers from {least} on, was {list(grid)!r}; "
                    "typical: three to seven"
                )
        if not 0 < self.noise_atr <= 100:
            raise ValueError(
                f"evaluate.forensics.noise_atr: must lie in (0, 100], was {self.noise_atr}; typical: 0.5 to 2"
            )


def forensics(
    trades: pl.DataFrame, market: Market, ledger: Ledger, horizon: int, params: ForensicsParams
) -> pl.DataFrame:
    """One row per trade of one symbol, with what `trades` (of this ledger, pessimistic fills) says and beyond it:

    mae_path, mfe_path: largest adverse and favourable excursion so far, at each bar from entry to exit; the last ones
    are the trade's own. after_path: side (close - exit) at each bar after the exit, to the later of the horizon's end
    and the last of `after_bars` (as far as there are data); after_4 …: the same at those bars; after_horizon: at the
    horizon's end. recovery: best price from the exit to the horizon's end, less p0. beyond_atr: how far the price then
    went beyond the stop, in ATR at the signal. noise: stopped prematurely, and the price went less than `noise_atr`
    beyond the stop. left: best price of the horizon less the result. give_back: share of its MFE that a winner lost.
    held: the result of holding to the horizon's end. decisions: each level set or moved, from the bar `index` on, with
    the level after each step, and mover: the last step that changed it by more than 1 bp of the price (rounding to
    ticks is less), else the one that changed it most.

    premature is METRICS.md's, from the replay: stopped at or below +0R, then +1R reached from p0 within the horizon.
    """
    return trades.with_columns(
        pl.DataFrame(list(_rows(trades, market, ledger, horizon, params)), schema=_schema(params))
    )


def _schema(params: ForensicsParams) -> dict[str, Any]:
    path, number = pl.List(pl.Float64), pl.Float64
    return {
        "signal_index": pl.Int64,
        "mae_path": path,
        "mfe_path": path,
        "after_path": path,
        **{f"after_{bars}": number for bars in params.after_bars},
        "after_horizon": number,
        "stop_atr": number,
        "mae_r": number,
        "mfe_r": number,
        "recovery": number,
        "beyond_atr": number,
        "noise": pl.Boolean,
        "left": number,
        "give_back": number,
        "held": number,
        "decisions": pl.List(DECISION),
    }


def _rows(
    trades: pl.DataFrame, market: Market, ledger: Ledger, horizon: int, params: ForensicsParams
) -> Iterator[dict[str, Any]]:
    bars = market.bars
    decisions = _decisions(ledger)
    for row, entry in zip(trades.iter_rows(named=True), ledger.trades["entry"].tolist(), strict=True):
        signal = int(market.entries.index[entry])
        side, unit, p0, last = (row[c] for c in ("side", "stop_distance", "entry_price", "exit_index"))
        end = min(signal + horizon, len(bars.ts) - 1)
        adverse, favourable = excursions(bars, row)
        after = side * (bars.close[last + 1 : max(end, last + params.after_bars[-1]) + 1] - row["exit_price"]) / unit
        stopped, atr = row["reason"] == "stop", float(market.atr[signal])
        beyond = row["beyond"] / atr if stopped else None
        yield {
            "signal_index": signal,
            "mae_path": adverse,
            "mfe_path": favourable,
            "after_path": after.tolist(),
            **{f"after_{n}": float(after[n - 1]) if n <= len(after) else None for n in params.after_bars},
            "after_horizon": float(after[end - last - 1]) if end > last else 0.0,
            "stop_atr": unit / atr,
            "mae_r": row["mae"] / unit,
            "mfe_r": row["mfe"] / unit,
            "recovery": (best_after(bars, row, end) - side * p0) / unit if end >= last else None,
            "beyond_atr": beyond,
            "noise": bool(row["premature"] and beyond is not None and beyond < params.noise_atr),
            "left": (row["horizon_mfe"] - row["pnl"]) / unit,
            "give_back": 1 - row["pnl"] / row["mfe"] if row["pnl"] > 0 else None,
            "held": row["horizon_pnl"] / unit,
            "decisions": decisions.get(entry, []),
        }


def excursions(bars: Bars, trade: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Adverse and favourable excursion so far, in R, after each bar from the entry's to the exit's.

    The last exit's bar counts from its open to the fills in it alone, since the order inside a bar is not known; a
    trade that ends with its horizon saw its whole last bar.
    """
    side, first, last = trade["side"], trade["entry_index"], trade["exit_index"]
    high, low = bars.high[first : last + 1].copy(), bars.low[first : last + 1].copy()
    fills = [each["level"] for each in trade["exits"] if each["index"] == last]
    to_close = trade["reason"] in ("time", "open") and math.isclose(fills[-1], bars.close[last], rel_tol=1e-9)
    if not to_close:
        high[-1], low[-1] = max(bars.open[last], *fills), min(bars.open[last], *fills)
    down, up = (low, high) if side > 0 else (high, low)
    unit, p0 = trade["stop_distance"], trade["entry_price"]
    worst, best = (np.maximum.accumulate(np.maximum(0.0, sign * side * (x - p0))) for sign, x in ((-1, down), (1, up)))
    return (worst / unit).tolist(), (best / unit).tolist()


def _decisions(ledger: Ledger) -> dict[int, list[dict[str, Any]]]:
    out: dict[int, list[dict[str, Any]]] = {}
    for row in ledger.decisions:
        stop = row["kind"] != Kind.MOVE_TARGET
        trace = row["trace"][: row["steps"]]
        first = math.isnan(row["before"])
        changes = np.abs(np.diff(trace, prepend=0.0 if first else row["before"]))
        moved = np.flatnonzero(changes > WORTH * row["price"])
        out.setdefault(int(row["entry"]), []).append(
            {
                "index": int(row["index"]),
                "kind": "refused" if row["kind"] == Kind.REFUSE else "stop" if stop else "target",
                "mover": (STOP_STEPS if stop else TARGET_STEPS)[int(moved[-1] if len(moved) else changes.argmax())],
                "before": None if math.isnan(row["before"]) else float(row["before"]),
                "level": float(trace[-1]),
                "trace": trace.tolist(),
            }
        )
    return out
