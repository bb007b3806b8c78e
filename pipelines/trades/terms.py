"""Terms of the venue as the replays take them: parameters met with the data of each symbol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl

from inference.replay import Bars, Conditions, Costs, Mode, Trades
from inference.venue import Funding, Impact
from pipelines.arrays import Floats
from pipelines.partitions import read_bars, symbol_folder
from pipelines.sources.files import read_file
from pipelines.sources.tables import BARS
from pipelines.sources.times import utc
from pipelines.tables import bars_by_symbol, microseconds
from pipelines.trades.venue import ImpactParams, VenueParams

SECOND = 1_000_000
TRADES = ("ts", "price", "quantity")
OUTSIDE = 0.01  # of the bars, so many may disagree with their finer ones


@dataclass(frozen=True, slots=True)
class Terms:
    """Of one symbol. conditions: of all fill modes; detail: finer bars or trades for the mode of that name; tick, lot:
    steps of price and quantity, 0 for none.
    """

    costs: Costs = field(default_factory=Costs)
    conditions: Conditions = field(default_factory=Conditions)
    detail: Bars | Trades | None = None
    tick: float = 0.0
    lot: float = 0.0

    def under(self, mode: Mode) -> Conditions:
        """The conditions of a replay in this mode."""
        return replace(self.conditions, detail=self.detail if mode == "detail" else None, tick=self.tick)


def terms_of(params: VenueParams, bars: Mapping[str, Bars], series: pl.DataFrame, notional: float) -> dict[str, Terms]:
    """The terms of each symbol. series: of data/checked; notional: of each trade, money, for its impact.

    Raises ValueError for a symbol without bars, and for a series or file that is not there.
    """
    unknown = sorted(set(params.symbols) - set(bars))
    if unknown:
        raise ValueError(f"evaluate.venue.symbols: must be of {', '.join(bars)}, was {unknown[0]!r}; mend the name")
    out = {}
    for symbol, each in bars.items():
        own = params.of(symbol)
        impact = _impact(own.impact, each, series, notional) if own.impact.coefficient else None
        funding = _funding(own.funding, symbol, series) if own.funding else None
        out[symbol] = Terms(
            Costs(own.taker_fee, own.maker_fee, own.slippage),
            Conditions(impact=impact, margin=own.margin.margin(), funding=funding, ladder=own.ladder),
            _of_same_market(finer_bars(Path(params.detail), symbol), each) if params.detail else None,
            own.tick,
            own.lot,
        )
    return out


def finer_bars(folder: Path, symbol: str) -> Bars | Trades:
    """A symbol's bars from a folder that is either laid out as data/checked/bars or holds SYMBOL.parquet or .csv files
    with the columns of a table of bars; or its trades, from such a file with the columns of TRADES.
    """
    if (folder / symbol_folder(symbol)).is_dir():
        return bars_by_symbol(read_bars(folder, [symbol]))[symbol]
    path = next((p for p in (folder / f"{symbol}.parquet", folder / f"{symbol}.csv") if p.is_file()), None)
    if path is None:
        raise ValueError(
            f"evaluate.venue.detail: must hold {symbol_folder(symbol)}/, {symbol}.parquet or {symbol}.csv, was "
            f"{str(folder)!r}; put the finer bars there"
        )
    frame = read_file(path)
    columns = TRADES if TRADES[1] in frame.columns else BARS
    missing = [name for name in columns if name not in frame.columns and name != "symbol"]
    if missing:
        raise ValueError(f"evaluate.venue.detail: {path.name} must have {', '.join(columns)}, was without {missing}")
    frame = frame.with_columns(utc(frame, "ts", path).alias("ts"), pl.lit(symbol).alias("symbol"))
    if columns is TRADES:
        frame = frame.sort("ts", maintain_order=True)  # those of one moment stand as they were printed
        price, quantity = (np.ascontiguousarray(frame[name].to_numpy(), np.float64) for name in TRADES[1:])
        return Trades(symbol, microseconds(frame["ts"]), price, quantity)
    return bars_by_symbol(frame.select(*BARS))[symbol]


def _of_same_market(finer: Bars | Trades, bars: Bars) -> Bars | Trades:
    """The finer bars (or trades), if they lie inside the coarse ones: else a touch in one is none in the other."""
    tops, bottoms = (finer.price, finer.price) if isinstance(finer, Trades) else (finer.high, finer.low)
    place = np.searchsorted(bars.ts, finer.ts, side="right") - 1
    inside = (place >= 0) & (finer.ts < bars.ts[-1])  # how long the last bar is, is not known
    at, high, low = place[inside], tops[inside], bottoms[inside]
    outside = np.unique(at[(high > bars.high[at] * (1 + 1e-6)) | (low < bars.low[at] * (1 - 1e-6))])
    count = len(np.unique(at))
    if len(outside) > OUTSIDE * count or count == 0:
        raise ValueError(
            f"evaluate.venue.detail: finer bars (or trades) of {bars.symbol} must lie inside its bars, was otherwise "
            f"in {len(outside)} of {count}; take them from the same market and price, in UTC"
        )
    return finer


def _impact(params: ImpactParams, bars: Bars, series: pl.DataFrame, notional: float) -> Impact:
    """sigma and volume at each bar's open: means over the bars before it, or the series' last value."""
    returns = pl.Series(bars.close).log().diff()
    sigma = (returns * returns).rolling_mean(params.window_bars).shift(1).sqrt()
    if params.volume:
        ts, values = _values(series, bars.symbol, params.volume, "impact.volume")
        place = np.searchsorted(ts, bars.ts, side="right")
        volume = pl.Series(np.concatenate([[np.nan], values])[place])
    else:
        volume = pl.Series(bars.volume).rolling_mean(params.window_bars).shift(1)
    return Impact(params.coefficient, notional, _last_known(sigma), _last_known(volume))


def _funding(name: str, symbol: str, series: pl.DataFrame) -> Funding:
    ts, rate = _values(series, symbol, name, "funding")
    ts = (ts + SECOND // 2) // SECOND * SECOND  # exchanges stamp some ms late; who enters at the hour does not pay
    return Funding(ts, rate)


def _last_known(values: pl.Series) -> Floats:
    known = pl.when(pl.col("x").is_finite() & (pl.col("x") > 0)).then(pl.col("x"))
    out: Floats = pl.DataFrame({"x": values}).select(known.forward_fill().fill_null(np.nan))["x"].to_numpy()
    return out


def _values(series: pl.DataFrame, symbol: str, name: str, key: str) -> tuple[np.ndarray, Floats]:
    rows = series.filter((pl.col("name") == name) & pl.col("symbol").is_in([symbol, "*"])).drop_nulls().sort("ts")
    if rows.is_empty():
        raise ValueError(
            f"evaluate.venue: {key} of {symbol} must be a series of its own, was {name!r} (there are "
            f"{sorted(series['name'].unique())}); ingest it, or name it for the symbols that have it"
        )
    return microseconds(rows["ts"]), np.ascontiguousarray(rows["value"].to_numpy(), np.float64)
