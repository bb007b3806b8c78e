"""Stage entries: where positions are opened, by a named rule on closed bars or by the user's own list.

The table data/entries.parquet: id, symbol, ts (open of the bar at whose close the signal stands), side (1 or -1), price
and quantity of the user's own fill, null where there is none. The replay fills every entry at the open of the bar after
ts, all of one size, so that policies differ by their exits alone; price and quantity are carried, not replayed.
"""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from pipelines.atomic import write_parquet
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.trades.entry_file import LIST, read_list
from pipelines.trades.entry_rules import RULES, EntryParams

__all__ = ["EntryParams", "find_entries", "index_entries"]

TABLE = Path("data/entries.parquet")


class Found(NamedTuple):
    """The table in time order; how many were left out, by reason; and how long each waits from the close of its bar, or
    from its own later time, to the next open (0: none).
    """

    table: pl.DataFrame
    left_out: dict[str, int]
    waits: pl.Series


def find_entries(bars: pl.DataFrame, params: EntryParams) -> Found:
    """Entries by the rule. Left out are those before the first bar of their symbol, those on its last bar or after it,
    which have no next open to fill at, and those that would wait for it longer than `max_wait_days`.

    Raises ValueError for a list that does not fit.
    """
    if params.rule == "file":
        found = _placed(read_list(Path(params.file), params.columns, params.zone), bars, Path(params.file))
    else:
        found = _by_rule(bars, params).with_columns(told=pl.col("ts"))
    nexts = bars.select("symbol", "ts", next=pl.col("ts").shift(-1).over("symbol"))
    step = (pl.col("next") - pl.col("ts")).drop_nulls().mode().min()
    lengths = nexts.group_by("symbol").agg(length=step)
    found = found.join(nexts, on=["symbol", "ts"], how="left", maintain_order="left")
    found = found.join(lengths, on="symbol", how="left", maintain_order="left")
    ready = pl.max_horizontal("told", pl.col("ts") + pl.col("length"))
    found = found.with_columns(wait=pl.max_horizontal(pl.col("next") - ready, pl.duration()))
    early, last = pl.col("index").is_null(), pl.col("index").is_not_null() & pl.col("next").is_null()
    long = (pl.col("wait") > pl.duration(seconds=params.max_wait_days * 86_400)).fill_null(False)
    reasons = {
        "before the first bar": early,
        "on or after the last bar": last,
        "more than max_wait_days before the next bar": ~early & ~last & long,
    }
    left_out = {reason: int(found.select(which.sum()).item()) for reason, which in reasons.items()}
    kept = found.filter(~pl.any_horizontal(reasons.values())).sort("ts", "symbol", maintain_order=True)
    if params.rule != "file":
        kept = kept.with_row_index("id")
    return Found(kept.select(pl.col(name).cast(kind) for name, kind in LIST.items()), left_out, kept["wait"])


def index_entries(entries: pl.DataFrame, bars: pl.DataFrame) -> pl.DataFrame:
    """The entries with `index`, the place of their bar within the symbol."""
    places = bars.select("symbol", "ts", index=pl.int_range(pl.len(), dtype=pl.Int64).over("symbol"))
    return entries.join(places, on=["symbol", "ts"], how="inner", maintain_order="left")


def _by_rule(bars: pl.DataFrame, params: EntryParams) -> pl.DataFrame:
    wanted = {"both": (1, -1), "long": (1,), "short": (-1,)}[params.sides]
    frames = []
    for (symbol,), part in bars.group_by("symbol", maintain_order=True):
        signals = RULES[params.rule](part["close"], part["high"], part["low"], params)
        index = _cooled(np.flatnonzero(np.isin(signals, wanted)), params.cooldown_bars)
        frame = pl.DataFrame({"ts": part["ts"].gather(index), "side": signals[index], "index": index})
        frames.append(frame.with_columns(symbol=pl.lit(symbol), price=None, quantity=None))
    return pl.concat(frames)


def _cooled(index: npt.NDArray[np.int64], cooldown_bars: int) -> npt.NDArray[np.int64]:
    """Keep a signal only when more than `cooldown_bars` bars have passed since the last one kept."""
    kept: list[int] = []
    for i in index.tolist():
        if not kept or i - kept[-1] > cooldown_bars:
            kept.append(i)
    return np.array(kept, np.int64)


def _placed(entries: pl.DataFrame, bars: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Each entry at the last bar that opened at its time or before: it holds it, or trading paused after it.

    It is filled at the next open, which comes after its time: a fill at the open before would know what came later.
    """
    symbols = bars["symbol"].unique().sort().to_list()
    unknown = entries.with_row_index("row", 1).filter(~pl.col("symbol").is_in(symbols))
    if unknown.height:
        row, symbol = unknown.row(0)[0], unknown["symbol"][0]
        raise ValueError(
            f"{path}: symbol must be one of the checked bars ({', '.join(symbols)}), was {symbol!r} in row {row}; "
            "ingest it, or take its rows out"
        )
    places = bars.select("symbol", "ts", open=pl.col("ts"), index=pl.int_range(pl.len(), dtype=pl.Int64).over("symbol"))
    placed = entries.sort("ts").join_asof(places.sort("ts"), on="ts", by="symbol", check_sortedness=False)
    return placed.rename({"ts": "told", "open": "ts"})


def main() -> None:
    """Reads data/checked/bars and the list, if one is named; writes the table."""
    params = section("evaluate.entries", EntryParams)
    entries, left_out, waits = find_entries(read_bars(), params)
    write_parquet(entries, TABLE)
    sides = entries["side"]
    print(f"entries: {(sides == 1).sum():,} long, {(sides == -1).sum():,} short by the rule {params.rule}")
    for reason, count in left_out.items():
        if count:
            print(f"entries: {count:,} left out, {reason} of their symbol")
    waiting = waits.filter(waits > dt.timedelta())
    if len(waiting):
        days = waiting.max() / dt.timedelta(days=1)  # type: ignore[operator]
        print(f"entries: {len(waiting):,} fall into a pause and wait for the next open, the longest {days:.2g} days")
    if entries.select(pl.any_horizontal(pl.col("price", "quantity").is_not_null().any())).item():
        print("entries: the replay fills at the next open, all of one size; your prices and quantities are kept beside")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"entries: {error}")
