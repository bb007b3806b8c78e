"""An exchange's answers, page after page, without holes that it does not have; pages are kept as they come."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Row = list[Any]
"""ts (ms since 1970) first, then what the kind has."""

# After so long no exchange changes an answer: late trades, corrected bars.
SETTLE_MS = 3_600_000
# Exchanges give this many bars at once at least; how many really, their longest page tells.
SHORTEST_PAGE = 100


class Pager:
    """Rows of one kind.

    ask: a symbol and a time → the rows from then on, as many as the exchange gives. clock: its time, ms. step: length
    of a bar, 0 for rows without one. window_ms: how far an answer reaches at least, for rows without a step. page_rows:
    how many are asked for.
    """

    def __init__(
        self, ask: Callable[[str, int], list[Row]], clock: Callable[[], int], step: int, window_ms: int, page_rows: int
    ) -> None:
        self.ask, self.clock, self.step, self.page_rows = ask, clock, step, page_rows
        self.window_ms = window_ms
        self.longest = 0
        self.answered = False

    def span(self, symbol: str, begin: int, end: int, log: Path) -> Iterator[list[Row]]:
        """All rows in [begin, end) ms page after page, in time order and each once.

        Afterwards `answered` tells whether it is sure that there are no others: it is, once the exchange has given rows
        of the span or behind it. `log` takes each settled page, a line each, and is where a span that broke off goes
        on. Raises ValueError where the exchange gives its latest rows alone, and where a page cannot hold the rows of
        one time.
        """
        since, page = begin, list[Row]()
        self.answered = False
        for done in _kept(log):
            since, page = done
            self.answered = self.answered or bool(page)
            yield [row for row in page if row[0] < end]
        seen = {tuple(row) for row in page}
        self.longest = max(self.longest, len(seen))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as kept:
            while since < end:
                found = self.ask(symbol, since)
                self.longest = max(self.longest, len(found))
                fresh = sorted((row for row in found if tuple(row) not in seen and since <= row[0]), key=_time)
                if fresh and not self.answered:
                    self._judge(symbol, since, fresh[0][0], fresh[-1][0], len(found))
                    self.answered = True
                if not fresh:
                    # A quiet time, as far as the answer reached: more may come behind it.
                    since += self._reach()
                elif not self.step and len(found) >= self.page_rows and fresh[0][0] == fresh[-1][0] == since:
                    raise ValueError(
                        f"ingest.ccxt.page_rows: must exceed the rows of one time ({since} ms), was {self.page_rows}; "
                        "raise it"
                    )
                else:
                    # Without a step, rows of the same time may stand on the next page.
                    since = fresh[-1][0] + self.step
                seen = {tuple(row) for row in found}
                if since <= self.clock() - SETTLE_MS:
                    kept.write(json.dumps([since, fresh]) + "\n")
                    kept.flush()
                yield [row for row in fresh if row[0] < end]

    def _reach(self) -> int:
        return self.step * (self.longest or min(SHORTEST_PAGE, self.page_rows)) or self.window_ms

    def _judge(self, symbol: str, since: int, first: int, last: int, rows: int) -> None:
        """Refuse a first page that begins late because the exchange has nothing but its latest rows.

        It then ends now, nothing older is to be had, and no page of the exchange was longer. A symbol that was listed
        late gives a page from which it goes on, or a short one.
        """
        if first - since <= (self.step or self.window_ms):
            return
        now = last >= self.clock() - max(2 * self.step, 600_000) or not any(
            row[0] > last for row in self.ask(symbol, last + 1)
        )
        if now and rows >= self.longest and not any(row[0] < first for row in self.ask(symbol, since - self._reach())):
            raise ValueError(
                f"ingest.ccxt.start: must lie where the exchange still answers, was {_day(since)}; of {symbol} it "
                f"gives its latest {rows} rows alone, from {_day(first)} on: set start behind that day, or take the "
                "symbol out"
            )


def _time(row: Row) -> int:
    return int(row[0])


def _day(ms: int) -> dt.date:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC).date()


def _kept(log: Path) -> Iterator[tuple[int, list[Row]]]:
    """The kept pages, each with the time to go on from; what a kill tore at the end is cut off."""
    if not log.exists():
        return
    whole = 0
    with log.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            since, page = json.loads(line)
            yield since, page
    os.truncate(log, whole)
