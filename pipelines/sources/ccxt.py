"""Any exchange that the library ccxt knows: bars, trades and funding, page by page within the exchange's rate limit."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import polars as pl
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.atomic import write_parquet
from pipelines.sources.ccxt_pages import SETTLE_MS, Pager, Row
from pipelines.sources.tables import BARS, SERIES, TRADES, Part, fingerprint

# A month of trades may not fit into memory.
LABELS = {"ohlcv": "%Y-%m", "funding": "%Y-%m", "trades": "%Y-%m-%d"}
# What each kind needs of an exchange.
NEEDS = {"ohlcv": "fetchOHLCV", "trades": "fetchTrades", "funding": "fetchFundingRateHistory"}
TABLES = {"ohlcv": ("bars", BARS), "trades": ("trades", TRADES), "funding": ("series", SERIES)}
# How far an answer reaches at least, where exchanges count in time rather than in rows.
WINDOWS_MS = {"trades": 3_600_000, "funding": 86_400_000}
SIDES = {"buy": 1, "sell": -1}


@dataclass(frozen=True, slots=True)
class CcxtParams:
    """exchange: ccxt's name; timeframe of the bars; days [start, end), end None = now; path: keeps the answers."""

    path: str
    exchange: str
    kinds: tuple[Literal["ohlcv", "trades", "funding"], ...]
    timeframe: str
    start: dt.date
    end: dt.date | None
    page_rows: int
    attempts: int
    first_wait_s: float

    def __post_init__(self) -> None:
        if not self.kinds or len(set(self.kinds)) != len(self.kinds):
            raise ValueError(f"kinds: must name one or more, each once, was {list(self.kinds)!r}; typical: [ohlcv]")
        if self.end is not None and self.start >= self.end:
            raise ValueError(f"end: must lie after start ({self.start}), was {self.end}; move it")
        for name, low, high in (("page_rows", 2, 10_000), ("attempts", 1, 100), ("first_wait_s", 0, 60)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: must lie in [{low}, {high}], was {getattr(self, name)}; see params.yaml")


def read_ccxt(params: CcxtParams, symbols: tuple[str, ...]) -> Iterator[Part]:
    """A part per symbol (in ccxt's spelling: BTC/USDT, BTC/USDT:USDT), kind and month.

    Of trades a part is a day. Spans that are over for an hour are fetched once and kept below `path`, those without a
    row too, once the exchange has given rows of another; of the running one the pages that are as old are, so that a
    run goes on where the last one stopped. A bar that has not closed is left out. Raises ValueError for what the
    exchange cannot do, where it has only its latest rows, and when it fails after all attempts.
    """
    if not symbols:
        raise ValueError("ingest.symbols: must be named for the source ccxt, was []; name them")
    exchange = open_exchange("ccxt", params.exchange)
    for kind in params.kinds:
        if not exchange.has.get(NEEDS[kind]):
            raise ValueError(f"ingest.ccxt.kinds: must be served by {params.exchange}, was {kind!r}; take it out")
    for kind in params.kinds:
        pager = _pager(exchange, kind, params)
        for symbol in symbols:
            yield from _parts(exchange, pager, symbol, kind, params)


def _parts(exchange: Any, pager: Pager, symbol: str, kind: str, params: CcxtParams) -> Iterator[Part]:
    what = params.timeframe if kind == "ohlcv" else kind
    place = Path(params.path) / params.exchange / quote(symbol, safe="") / what
    now_ms = int(exchange.milliseconds())
    found: dict[str, Path] = {}
    silent: dict[str, tuple[Path, Path]] = {}
    for begin, end, over in tqdm(list(_spans(kind, params, now_ms)), desc=symbol, unit="span", disable=None):
        name = f"{dt.datetime.fromtimestamp(begin / 1000, dt.UTC):{LABELS[kind]}}"
        # The span stands in the name, so that another start or end does not take this file for its own.
        path, log = place / f"{name}_{begin}-{end}.parquet", place / f"{name}_{begin}.pages.jsonl"
        running = place / f"{name}_{begin}_running.parquet"
        found[name] = path
        if path.exists():
            continue
        # A bar is known when it has closed.
        closed = (
            [row for row in page if row[0] + pager.step <= int(exchange.milliseconds())]
            for page in pager.span(symbol, begin, min(end, now_ms), log)
        )
        table = pl.concat([_table([], symbol, kind, params), *(_table(p, symbol, kind, params) for p in closed)])
        whole = over and pager.answered
        if not whole:
            found[name] = running
        if over and not pager.answered:
            silent[name] = running, path
        write_parquet(table, found[name])
        if whole or not pager.answered:
            log.unlink()
        if whole:
            running.unlink(missing_ok=True)
    if silent:
        # An exchange that answers elsewhere has nothing there: before a listing, after the end of trading.
        settled = any(pl.scan_parquet(path).select(pl.len()).collect().item() for path in found.values())
        first, last = min(silent), max(silent)
        tqdm.write(
            f"ccxt: {params.exchange} has no {what} of {symbol} in {first if first == last else f'{first} to {last}'}; "
            + ("kept so" if settled else "asked again in the next run")
        )
        for name, (kept, final) in silent.items():
            if settled:
                found[name] = kept.rename(final)
    for name, path in found.items():
        key = f"ccxt-{params.exchange}-{symbol}-{what}-{name}"
        yield Part(key, fingerprint(kind, path), symbol, partial(_read, path, kind))


def open_exchange(library: str, name: str) -> Any:
    """The exchange of `library`: ccxt, or ccxt.pro for its websockets."""
    try:
        module = importlib.import_module(library)  # here, since it takes half a second
    except ModuleNotFoundError:
        raise ValueError("ingest.sources: ccxt must be installed, was not; pip install 'ratchet[exchanges]'") from None
    kind = getattr(module, name, None)
    if not isinstance(kind, type):
        raise ValueError(f"ingest.ccxt.exchange: must be one of ccxt's, was {name!r}; typical: binance, kraken, bybit")
    return kind({"enableRateLimit": True})


def _spans(kind: str, params: CcxtParams, now_ms: int) -> Iterator[tuple[int, int, bool]]:
    """(begin, end, whether it is over) of each month (of trades: day) in [start, end), ms."""
    end = min(now_ms, _ms(params.end)) if params.end else now_ms
    day = params.start
    while _ms(day) < end:
        month = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        after = day + dt.timedelta(days=1) if kind == "trades" else month
        stop = min(_ms(after), _ms(params.end)) if params.end else _ms(after)
        yield _ms(day), stop, stop + SETTLE_MS <= now_ms
        day = after


def _ms(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)


def _pager(exchange: Any, kind: str, params: CcxtParams) -> Pager:
    """The rows of one kind as lists: ts (ms), the table's own columns in their order, and what tells rows apart."""
    limit, step = params.page_rows, 0
    if kind == "ohlcv":
        step = int(exchange.parse_timeframe(params.timeframe) * 1000)

    def ask(symbol: str, since: int) -> list[Row]:
        if kind == "ohlcv":
            return [list(row[:6]) for row in exchange.fetch_ohlcv(symbol, params.timeframe, since, limit)]
        if kind == "funding":
            rates = exchange.fetch_funding_rate_history(symbol, since, limit)
            return [[row["timestamp"], row["fundingRate"]] for row in rates]
        trades = exchange.fetch_trades(symbol, since, limit)
        return [
            [row["timestamp"], row["price"], row["amount"], SIDES.get(row["side"]), row.get("id")] for row in trades
        ]

    errors = importlib.import_module("ccxt")
    retrying = Retrying(
        retry=retry_if_exception_type(errors.NetworkError),  # rate limits and outages among them
        wait=wait_exponential_jitter(multiplier=params.first_wait_s, max=60.0, jitter=params.first_wait_s),
        stop=stop_after_attempt(params.attempts),
        reraise=True,
    )

    def patient(symbol: str, since: int) -> list[Row]:
        try:
            return retrying(ask, symbol, since)
        except errors.BaseError as error:
            raise ValueError(
                f"ingest.ccxt.exchange: must answer within {params.attempts} attempts, was {type(error).__name__} "
                f"({error}); run again to go on, or mend the parameters"
            ) from None

    return Pager(patient, lambda: int(exchange.milliseconds()), step, WINDOWS_MS.get(kind, 0), limit)


def _table(rows: list[Row], symbol: str, kind: str, params: CcxtParams) -> pl.DataFrame:
    fixed = {"symbol": symbol, "name": "funding", "venue": params.exchange}
    schema = TABLES[kind][1]
    own = [name for name in schema if name not in fixed]
    frame = pl.DataFrame([row[: len(own)] for row in rows], schema=own, orient="row", strict=False)
    times = pl.col("ts").cast(pl.Int64).cast(pl.Datetime("ms", "UTC"))
    named = frame.with_columns(times, **{name: pl.lit(value) for name, value in fixed.items()})
    return named.select(*schema).cast(pl.Schema(schema))


def _read(path: Path, kind: str) -> Iterator[dict[str, pl.DataFrame]]:
    yield {TABLES[kind][0]: pl.read_parquet(path)}
