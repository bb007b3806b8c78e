"""Any exchange that the library ccxt knows: bars, trades and funding, page by page within the exchange's rate limit."""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import polars as pl
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.atomic import write_parquet
from pipelines.sources.tables import BARS, SERIES, TRADES, Part, fingerprint

Page = Callable[[int], list[Any]]
MONTH = "%Y-%m"
# What each kind needs of an exchange.
NEEDS = {"ohlcv": "fetchOHLCV", "trades": "fetchTrades", "funding": "fetchFundingRateHistory"}


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

    Months that are over are fetched once and kept below `path`; the running one is fetched again. A bar that has not
    closed is left out. Raises ValueError for what the exchange cannot do, and when it fails after all attempts.
    """
    if not symbols:
        raise ValueError("ingest.symbols: must be named for the source ccxt, was []; name them")
    exchange = open_exchange("ccxt", params.exchange)
    for kind in params.kinds:
        if not exchange.has.get(NEEDS[kind]):
            raise ValueError(f"ingest.ccxt.kinds: must be served by {params.exchange}, was {kind!r}; take it out")
    now_ms = int(exchange.milliseconds())
    spans = list(_months(params, now_ms))
    jobs = [(symbol, kind, span) for symbol in symbols for kind in params.kinds for span in spans]
    for symbol, kind, (begin, end, over) in tqdm(jobs, desc=params.exchange, unit="month", disable=None):
        what = params.timeframe if kind == "ohlcv" else kind
        month = f"{dt.datetime.fromtimestamp(begin / 1000, dt.UTC):{MONTH}}"
        # The span stands in the name, so that another start or end does not take this file for its own.
        name = f"{month}_{begin}_{end if over else 'running'}.parquet"
        path = Path(params.path) / params.exchange / quote(symbol, safe="") / what / name
        if not over or not path.exists():
            table = _fetch(exchange, symbol, kind, begin, min(end, now_ms), params)
            write_parquet(table, path)
            if over:
                path.with_name(f"{month}_{begin}_running.parquet").unlink(missing_ok=True)
        key = f"ccxt-{params.exchange}-{symbol}-{what}-{month}"
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


def _months(params: CcxtParams, now_ms: int) -> Iterator[tuple[int, int, bool]]:
    """(begin, end, whether it is over) of each month in [start, end), ms."""
    end = min(now_ms, _ms(params.end)) if params.end else now_ms
    day = params.start
    while _ms(day) < end:
        after = (day.replace(day=1) + dt.timedelta(days=32)).replace(day=1)
        stop = min(_ms(after), _ms(params.end)) if params.end else _ms(after)
        yield _ms(day), stop, stop <= now_ms
        day = after


def _ms(day: dt.date) -> int:
    return int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp() * 1000)


def _fetch(exchange: Any, symbol: str, kind: str, begin: int, end: int, params: CcxtParams) -> pl.DataFrame:
    limit = params.page_rows
    if kind == "ohlcv":
        step = int(exchange.parse_timeframe(params.timeframe) * 1000)

        def page(since: int) -> list[Any]:
            return list(exchange.fetch_ohlcv(symbol, params.timeframe, since, limit))

        rows = _pages(page, begin, end, step, params)
        # A bar is known when it has closed.
        rows = [row for row in rows if row[0] + step <= int(exchange.milliseconds())]
        columns = [[row[i] for row in rows] for i in range(6)]
        return _table(BARS, symbol, [columns[0]], columns[1:6])
    if kind == "funding":
        rows = _pages(lambda since: exchange.fetch_funding_rate_history(symbol, since, limit), begin, end, 1, params)
        rates = [row["fundingRate"] for row in rows]
        return _table(SERIES, symbol, [["funding"] * len(rows), [row["timestamp"] for row in rows]], [rates])
    rows = _pages(lambda since: exchange.fetch_trades(symbol, since, limit), begin, end, 1, params)
    sides = {"buy": 1, "sell": -1}
    head = [[params.exchange] * len(rows), [row["timestamp"] for row in rows]]
    rest = [[row["price"] for row in rows], [row["amount"] for row in rows], [sides.get(row["side"]) for row in rows]]
    return _table(TRADES, symbol, head, rest)


def _pages(page: Page, begin: int, end: int, step: int, params: CcxtParams) -> list[Any]:
    """All rows in [begin, end) ms, in time order and each once; `step`: smallest distance of rows with one time, ms."""
    errors = importlib.import_module("ccxt")
    retrying = Retrying(
        retry=retry_if_exception_type(errors.NetworkError),  # rate limits and outages among them
        wait=wait_exponential_jitter(multiplier=params.first_wait_s, max=60.0, jitter=params.first_wait_s),
        stop=stop_after_attempt(params.attempts),
        reraise=True,
    )
    rows: list[Any] = []
    seen: set[Any] = set()
    since = begin
    while since < end:
        try:
            found = retrying(page, since)
        except errors.BaseError as error:
            raise ValueError(
                f"ingest.ccxt.exchange: must answer within {params.attempts} attempts, was {type(error).__name__} "
                f"({error}); run again to go on, or mend the parameters"
            ) from None
        fresh = sorted((row for row in found if _identity(row) not in seen and since <= _time(row)), key=_time)
        rows += [row for row in fresh if _time(row) < end]
        seen = {_identity(row) for row in found}
        if not fresh:
            # Nothing more: to the end where rows have ids, else over a hole as long as a page.
            since = end if step == 1 else since + step * params.page_rows
        elif step == 1 and len(found) >= params.page_rows and _time(fresh[0]) == _time(fresh[-1]) == since:
            raise ValueError(
                f"ingest.ccxt.page_rows: must exceed the rows of one time ({since} ms), was {params.page_rows}; "
                "raise it"
            )
        else:
            # Rows of the same time may stand on the next page.
            since = _time(fresh[-1]) + (step if step > 1 else 0)
    return rows


def _time(row: Any) -> int:
    return int(row[0] if isinstance(row, list) else row["timestamp"])


def _identity(row: Any) -> Any:
    return row[0] if isinstance(row, list) else (row.get("id"), row["timestamp"])


def _table(schema: dict[str, pl.DataType], symbol: str, head: list[Any], rest: list[Any]) -> pl.DataFrame:
    """Columns in the order of the table, the last of `head` in ms since 1970."""
    names = list(schema)
    frame = pl.DataFrame(dict(zip(names[1:], [*head, *rest], strict=True)), strict=False)
    times = pl.col("ts").cast(pl.Int64).cast(pl.Datetime("ms", "UTC"))
    table = frame.select(pl.lit(symbol).alias("symbol"), times, pl.exclude("ts"))
    return table.select(names).cast(pl.Schema(schema))


def _read(path: Path, kind: str) -> dict[str, pl.DataFrame]:
    return {{"ohlcv": "bars", "funding": "series", "trades": "trades"}[kind]: pl.read_parquet(path)}
