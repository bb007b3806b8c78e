"""Live bars over ccxt.pro's websockets: each once, when it has closed, with no holes but the exchange's."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential_jitter

from pipelines.sources.ccxt_pages import SHORTEST_PAGE

LiveBar = tuple[int, float, float, float, float, float]
"""ts (bar open, µs since 1970 UTC), open, high, low, close, volume: `engine.on_bar(symbol, *bar)` takes it."""

Ask = Callable[[int], Awaitable[list[list[float]]]]
# Of a bar that has closed and that the exchange's answers do not have yet.
ASKS = 3
LOOK_AGAIN_MS = 60_000


async def live_bars(
    exchange: Any, symbol: str, timeframe: str, first_wait_s: float = 1.0, patience_s: float = 10.0
) -> AsyncIterator[LiveBar]:
    """Closed bars of one symbol from the first that closes after the call, until the caller stops.

    exchange: of ccxt.pro (`open_exchange("ccxt.pro", name)`). A bar has closed when the next one begins, or when the
    stream stays silent for `patience_s` after its end and the exchange, asked for it, has it; so the clock must be
    right within that. A connection that breaks is taken up again, waiting `first_wait_s` and then longer; what closed
    meanwhile is fetched. Errors that waiting cannot mend (a wrong symbol, a refused key) are ccxt's own.
    """
    step, patience_ms = int(exchange.parse_timeframe(timeframe) * 1000), int(patience_s * 1000)
    broken = False

    def note(_: object) -> None:
        nonlocal broken
        broken = True

    retrying = AsyncRetrying(
        retry=retry_if_exception_type(importlib.import_module("ccxt").NetworkError),
        wait=wait_exponential_jitter(multiplier=first_wait_s, max=60.0, jitter=first_wait_s),
        before_sleep=note,
    )

    async def ask(since: int) -> list[list[float]]:
        return list(await retrying.copy(before_sleep=None)(exchange.fetch_ohlcv, symbol, timeframe, since, 1000))

    # The earliest open of a bar that is still to be handed out, and that bar as the stream has told it last.
    since = int(exchange.milliseconds()) - step + 1
    latest: list[float] | None = None
    look_at = since + 2 * step + patience_ms
    watching: asyncio.Future[list[list[float]]] | None = None
    try:
        while True:
            if watching is None:
                watching = asyncio.ensure_future(retrying(exchange.watch_ohlcv, symbol, timeframe))
            await asyncio.wait({watching}, timeout=max(0, look_at - exchange.milliseconds()) / 1000)
            if watching.done():
                update, watching = watching.result(), None
                for bar in sorted(update, key=lambda row: row[0]):
                    opened = int(bar[0])
                    if opened > since:
                        if latest is not None and not broken and opened == since + step:
                            closed = [latest]
                        else:
                            closed = await _between(ask, since, opened, step, latest, first_wait_s)
                        broken = False
                        for each in closed:
                            yield _live(each)
                    if opened >= since:
                        since, latest, look_at = opened, bar, opened + step + patience_ms
            elif (now := int(exchange.milliseconds())) >= look_at:
                closed = [row for row in await ask(since) if since <= row[0] <= now - patience_ms - step]
                look_at = now + min(step, LOOK_AGAIN_MS)
                for each in sorted(closed, key=lambda row: row[0]):
                    yield _live(each)
                    since, latest = int(each[0]) + step, None
                    look_at = since + step + patience_ms
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _between(
    ask: Ask, begin: int, end: int, step: int, latest: list[float] | None, wait_s: float
) -> list[list[float]]:
    """The exchange's bars in [begin, end) ms, page after page; over a hole as far as any exchange's page reaches.

    Where the last one lacks, the answers may lag behind the stream: they are asked for again, at most ASKS times. What
    the stream has told of the first bar stands in for it.
    """
    bars: list[list[float]] = []
    for attempt in range(ASKS if end - step >= begin else 0):
        if attempt:
            await asyncio.sleep(wait_s)
        bars, since = [], begin
        while since < end:
            fresh = sorted((row for row in await ask(since) if since <= row[0] < end), key=lambda row: row[0])
            bars += fresh
            since = int(fresh[-1][0]) + step if fresh else since + SHORTEST_PAGE * step
        if bars and bars[-1][0] == end - step:
            break
    return bars if latest is None or (bars and bars[0][0] == latest[0]) else [latest, *bars]


def _live(bar: list[float]) -> LiveBar:
    ts, *values = bar
    opened, high, low, close, volume = map(float, values)
    return int(ts) * 1000, opened, high, low, close, volume
