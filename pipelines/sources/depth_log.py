"""An order book rebuilt from a log of Binance's depth stream: a snapshot and differences, in unbroken sequence.

Rules: developers.binance.com, "How to manage a local order book correctly", for spot and for USD-M futures.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

from sortedcontainers import SortedDict  # type: ignore[import-untyped]

T = TypeVar("T")
Place = Literal["old", "next", "gap"]


class Book:
    """Bids and asks, price → quantity by ascending price, after the update `last`.

    delay_ms: how long that update was under way, by the receiver's clock less by the exchange's; None where the log
    does not say.
    """

    def __init__(self) -> None:
        self.bids = SortedDict()
        self.asks = SortedDict()
        self.last: int | None = None
        self.fresh = False
        self.delay_ms: float | None = None

    def start(self, snapshot: dict[str, Any]) -> None:
        """Take a snapshot; the next difference must reach over it."""
        for levels, side in ((self.bids, "bids"), (self.asks, "asks")):
            levels.clear()
            levels.update((float(price), float(quantity)) for price, quantity in snapshot[side])
        self.last, self.fresh = int(snapshot["lastUpdateId"]), True

    def lose(self) -> None:
        """Without a book until the next snapshot."""
        self.last = None

    def place(self, update: dict[str, Any]) -> Place:
        """Where a difference stands: already inside, next in sequence, or beyond a gap. Only futures have `pu`."""
        if self.last is None:
            return "gap"
        first, final, futures = update["U"], update["u"], "pu" in update
        if self.fresh:
            if final < self.last + (not futures):
                return "old"
            return "next" if first <= self.last + (not futures) else "gap"
        if final <= self.last:
            return "old"
        return "next" if (update["pu"] == self.last if futures else first == self.last + 1) else "gap"

    def apply(self, update: dict[str, Any]) -> None:
        """Quantities are absolute; 0 removes the level."""
        for levels, changes in ((self.bids, update["b"]), (self.asks, update["a"])):
            for price, quantity in changes:
                if (size := float(quantity)) > 0:
                    levels[float(price)] = size
                else:
                    levels.pop(float(price), None)
        self.last, self.fresh = update["u"], False


def books(path: Path, symbol: str) -> Iterator[tuple[int, Book]]:
    """After each difference of the log its time (ms, the exchange's), and the book, which the next one changes.

    Lines: the receiver's time, a space, and JSON, as the stream or the snapshot's answer sent it. A snapshot may come
    after the differences that it belongs to; later ones take up a book that a gap has lost. Raises ValueError naming
    file and line for a line that cannot be read, another symbol, and a gap that no snapshot mends.
    """
    book = Book()
    waiting: list[dict[str, Any]] = []
    lost_at, latest = 0, 0
    for number, line in _lines(path):
        if '"depthUpdate"' not in line and '"lastUpdateId"' not in line:
            continue
        update = _message(line, path, number)
        if "lastUpdateId" in update:
            if book.last is None:
                _taken(book.start, update, path, number)
            todo, waiting = waiting, []
        elif update.get("s") != symbol:
            raise ValueError(
                f"{path}:{number}: symbol must be {symbol!r}, was {update.get('s')!r}; mend ingest.depth.files, or "
                "split the log"
            )
        else:
            todo = [update]
        for each in todo:
            place = _taken(book.place, each, path, number)
            if place == "gap":
                # Kept, since the snapshot that it belongs to may come after it.
                waiting.append(each)
                lost_at = lost_at or number
                book.lose()
            elif place == "next":
                _taken(book.apply, each, path, number)
                lost_at = 0
                sent = _taken(lambda update: int(update["E"]), each, path, number)
                latest = max(latest, sent)
                book.delay_ms = None if each["received_ms"] is None else each["received_ms"] - sent
                yield latest, book
    if lost_at:
        raise ValueError(
            f"{path}:{lost_at}: updates must follow each other from a snapshot on, was a gap that no later snapshot "
            "mends; cut the log there"
        )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                yield number, line
    except (EOFError, OSError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path}:{number + 1}: must be whole, was not ({error}); take the lines before it into a file of their own"
        ) from None


def _message(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        message: dict[str, Any] = json.loads(line[line.index("{") :])
    except ValueError:
        raise ValueError(f"{path}:{number}: must be a time and JSON, was {line[:60]!r}; mend the line") from None
    update: dict[str, Any] = message.get("data", message)
    received = line[: line.index("{")].strip()
    # ns since 1970; a time in another unit or spelling is none.
    update["received_ms"] = int(received) / 1e6 if received.isdigit() and len(received) == 19 else None
    return update


def _taken(take: Callable[[dict[str, Any]], T], update: dict[str, Any], path: Path, number: int) -> T:
    try:
        return take(update)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}:{number}: must be a snapshot or update of Binance's depth stream, was not "
            f"({type(error).__name__}: {error}); take the line out"
        ) from None
