"""QuantConnect LEAN's data folders: trade bars of equities and crypto, quote bars of currencies and CFDs, in zips.

Format: github.com/QuantConnect/Lean, the readme.md of each folder below Data/.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Literal

import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.sources.rows import Block, decoded, opened, parse, unzipped
from pipelines.sources.tables import BARS, SERIES, Part, fingerprint

# Kinds of securities whose zips hold other things than one symbol's bars, or bars in other units and zones.
FOREIGN = {"option", "indexoption", "futureoption", "future", "index", "alternative", "universes"}
MINUTES = {"minute": 1, "hour": 60, "daily": 1440}
DAY_FILE = re.compile(r"(?P<month>\d{6})\d{2}_(?P<what>trade|quote)")
SIDES = ("open", "high", "low", "close", "size")
TRADE = {"time": pl.String(), **{name: pl.Float64() for name in ("open", "high", "low", "close", "volume")}}
QUOTE = {"time": pl.String(), **{f"{side}_{name}": pl.Float64() for side in ("bid", "ask") for name in SIDES}}
# Of equities alone, which LEAN keeps in the exchange's time and in ten-thousandths of a dollar.
EQUITY_ZONE, EQUITY_SCALE = "America/New_York", 10_000
SESSION = dt.time(9, 30), dt.time(16)


@dataclass(frozen=True, slots=True)
class LeanParams:
    """path: LEAN's data folder or one below it; prices of equities: adjusted (splits and dividends), split, or raw.

    regular_hours: only bars that overlap 9:30 to 16:00 New York time (equities).
    """

    path: str
    resolution: Literal["minute", "hour", "daily"]
    prices: Literal["adjusted", "split", "raw"]
    regular_hours: bool


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    symbol: str
    month: str
    equity: bool


def read_lean(params: LeanParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per symbol (minute bars: and month); symbols are LEAN's tickers in capitals. Options, futures and indices
    are not read.

    Times of equities are New York's, all others UTC; daily bars are stamped 00:00 UTC of their day. Quote bars give the
    mean of bid and ask, volume 0, and the series spread (of the closes, fraction of price). Raises ValueError for an
    equity without factor file unless prices are raw, and where there are no bars.
    """
    folder = Path(params.path)
    zips = tqdm(sorted(folder.rglob("*.zip")), desc="lean", unit="file", disable=None)
    files = [file for path in zips if (file := _describe(path, folder, params)) is not None]
    wanted = sorted(
        (file for file in files if not symbols or file.symbol in symbols), key=lambda file: (file.symbol, file.month)
    )
    if not wanted:
        raise ValueError(
            f"ingest.lean.path: must hold zips of {params.resolution} bars for {list(symbols) or 'any symbol'}, was "
            f"{str(folder)!r}; put them there, or mend the parameters"
        )
    for (symbol, month), group in groupby(wanted, lambda file: (file.symbol, file.month)):
        found = list(group)
        factors = _factor_file(found[0], folder) if found[0].equity and params.prices != "raw" else None
        paths = [file.path for file in found]
        matters = (params.resolution, params.prices, params.regular_hours, found[0].equity, [p.name for p in paths])
        stamp = fingerprint(matters, *paths, *([factors] if factors else []))
        key = "-".join(filter(None, ("lean", symbol, params.resolution, month)))
        yield Part(key, stamp, symbol, partial(_read, found, factors, params))


def _describe(path: Path, folder: Path, params: LeanParams) -> _File | None:
    above = path.relative_to(folder.parent).parts[:-1]
    resolutions = {"tick", "second", *MINUTES} & set(above)
    if FOREIGN & set(above) or (resolutions and params.resolution not in resolutions):
        return None
    day = DAY_FILE.fullmatch(path.stem)
    quotes = len(_first_line(path).split(",")) == len(QUOTE)
    equity = not quotes and not {"crypto", "cryptofuture"} & set(above)
    if day is None:
        return _File(path, path.stem.removesuffix("_trade").removesuffix("_quote").upper(), "", equity)
    if (day["what"] == "quote") and "equity" in above:
        return None  # beside the trades that bars are made of
    return _File(path, path.parent.name.upper(), day["month"], equity)


def _first_line(path: Path) -> str:
    with opened(path) as (stream, place):
        return decoded(stream.readline(), f"{place}:1")


def _factor_file(file: _File, folder: Path) -> Path:
    """The nearest factor_files/<ticker>.csv, from the zip's folder up to the source's."""
    for place in file.path.parents:
        found = place / "factor_files" / f"{file.symbol.lower()}.csv"
        if found.is_file():
            return found
        if place == folder.parent:
            break
    raise ValueError(
        f"ingest.lean.prices: needs a factor file of {file.symbol} (factor_files/{file.symbol.lower()}.csv below "
        f"{folder.parent}), was missing; add it, or set prices to raw"
    )


def _read(files: list[_File], factors: Path | None, params: LeanParams) -> Iterator[dict[str, pl.DataFrame]]:
    for file in files:
        quotes = len(_first_line(file.path).split(",")) == len(QUOTE)
        for block in unzipped(file.path, QUOTE if quotes else TRADE):
            frame = _timed(block, file, params).with_columns(pl.lit(file.symbol).alias("symbol"))
            yield _of_quotes(frame, params) if quotes else {"bars": _of_trades(frame, file, factors, params)}


def _timed(block: Block, file: _File, params: LeanParams) -> pl.DataFrame:
    """With `local`, the time as it stands in the file, and `ts`, that in UTC."""
    if file.month:
        midnight = dt.datetime.strptime(file.path.stem[:8], "%Y%m%d")
        local = pl.lit(midnight, pl.Datetime("us")) + pl.duration(
            milliseconds=pl.col("time").cast(pl.Int64, strict=False)
        )
    else:
        local = pl.col("time").str.to_datetime("%Y%m%d %H:%M", time_unit="us", strict=False)
    frame = block.frame.with_columns(local.alias("local"))
    if frame["local"].null_count():
        row = frame["local"].is_null().arg_max() or 0
        raise ValueError(f"{block.line(row)}: time must be LEAN's, was {frame['time'][row]!r}; fetch it again")
    zone = EQUITY_ZONE if file.equity and params.resolution != "daily" else "UTC"
    # In the hour that the clock repeats, no exchange in New York is open.
    stamp = pl.col("local").dt.replace_time_zone(zone, ambiguous="earliest").dt.convert_time_zone("UTC")
    return frame.with_columns(stamp.alias("ts"))


def _of_trades(frame: pl.DataFrame, file: _File, factors: Path | None, params: LeanParams) -> pl.DataFrame:
    price, shares = pl.lit(1.0 / (EQUITY_SCALE if file.equity else 1)), pl.lit(1.0)
    if factors is not None:
        table = _factors(factors)
        last, until = frame.select(pl.col("local").max().dt.date()).item(), table.select(pl.col("day").max()).item()
        if last is not None and (until is None or last > until):
            raise ValueError(
                f"{factors}: must reach the last bar ({last}), was up to {until}; fetch it again, or set "
                "ingest.lean.prices to raw"
            )
        # A row holds up to and on its own day, from the day after the row before it.
        frame = (
            frame.with_columns(pl.col("local").dt.date().alias("day"))
            .sort("day", maintain_order=True)
            .join_asof(table, on="day", strategy="forward")
        )
        price *= pl.col("split") * (pl.col("dividend") if params.prices == "adjusted" else 1.0)
        shares = 1.0 / pl.col("split")
    if file.equity and params.regular_hours and params.resolution != "daily":
        begin = pl.col("local").dt.time()
        end = (pl.col("local") + pl.duration(minutes=MINUTES[params.resolution])).dt.time()
        frame = frame.filter((end > SESSION[0]) & (begin < SESSION[1]))
    bars = frame.select(
        "symbol", "ts", *(pl.col(name) * price for name in ("open", "high", "low", "close")), pl.col("volume") * shares
    )
    return bars.cast(pl.Schema(BARS))


def _factors(path: Path) -> pl.DataFrame:
    """day, dividend and split: what prices up to that day are multiplied by."""
    columns = {"day": pl.String(), "dividend": pl.Float64(), "split": pl.Float64(), "price": pl.Float64()}
    with path.open("rb") as stream:
        table = pl.concat(block.frame for block in parse(stream, columns, str(path), 3))
    return table.select(pl.col("day").str.to_date("%Y%m%d"), "dividend", "split").sort("day")


def _of_quotes(frame: pl.DataFrame, params: LeanParams) -> dict[str, pl.DataFrame]:
    means = [
        ((pl.col(f"bid_{name}") + pl.col(f"ask_{name}")) / 2).alias(name) for name in ("open", "high", "low", "close")
    ]
    bars = frame.select("symbol", "ts", *means, pl.lit(0.0).alias("volume")).cast(pl.Schema(BARS))
    spread = 2 * (pl.col("ask_close") - pl.col("bid_close")) / (pl.col("ask_close") + pl.col("bid_close"))
    series = frame.select(
        "symbol",
        pl.lit("spread").alias("name"),
        pl.col("ts") + pl.duration(minutes=MINUTES[params.resolution]),
        spread.alias("value"),
    )
    return {"bars": bars, "series": series.cast(pl.Schema(SERIES))}
