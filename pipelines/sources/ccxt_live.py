"""Live bars over ccxt.pro's websockets: each once, when it has closed, without holes."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from pipelines.sources.ccxt_pages import SHORTEST_PAGE

LiveBar = tuple[int, float, float, float, float, float]
"""ts (bar open, µs since 1970 UTC), open, high, low, close, volume: `engine.on_bar(symbol, *bar)` takes it."""


async def live_bars(exchange: Any, symbol: str, timeframe: str, first_wait_s: float = 1.0) -> AsyncIterator[LiveBar]:
    """Closed bars of one symbol from the first that closes after the call, until the caller stops.

    exchange: of ccxt.pro (`open_exchange("ccxt.pro", name)`). A bar has closed when the next one begins. A connection
    that breaks is taken up again, waiting `first_wait_s` and then longer; what closed meanwhile is fetched. Errors that
    waiting cannot mend (a wrong symbol, a refused key) are ccxt's own.
    """
    step = int(exchange.parse_timeframe(timeframe) * 1000)
    network_error = importlib.import_module("ccxt").NetworkError
    open_bar: list[float] | None = None
    broken = False

    def note(_: object) -> None:
        nonlocal broken
        broken = True

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(network_error),
        wait=wait_exponential_jitter(multiplier=first_wait_s, max=60.0, jitter=first_wait_s),
        before_sleep=note,
    )

    async def fetch(since: int) -> list[list[float]]:
        return list(await retrying(exchange.fetch_ohlcv, symbol, timeframe, since, 1000))

    while True:
        update: list[list[float]] = await retrying(exchange.watch_ohlcv, symbol, timeframe)
        # What closed before the call comes with the first update; only its last bar is still open.
        for bar in sorted(update)[-1 if open_bar is None else 0 :]:
            if open_bar is None or bar[0] == open_bar[0]:
                open_bar = bar
            elif bar[0] > open_bar[0]:
                closed = [open_bar]
                if broken or bar[0] > open_bar[0] + step:
                    closed = await _between(fetch, int(open_bar[0]), int(bar[0]), step)
                    broken = False
                for ts, *values in closed:
                    opened, high, low, close, volume = map(float, values)
                    yield int(ts) * 1000, opened, high, low, close, volume
                open_bar = bar


async def _between(ask: Callable[[int], Awaitable[list[list[float]]]], begin: int, end: int, step: int) -> list[Any]:
    """The exchange's bars in [begin, end) ms, page after page; over a hole as far as any exchange's page reaches."""
    bars: list[list[float]] = []
    since = begin
    while since < end:
        fresh = sorted(row for row in await ask(since) if since <= row[0] < end)
        bars += fresh
        since = int(fresh[-1][0]) + step if fresh else since + SHORTEST_PAGE * step
    return bars
