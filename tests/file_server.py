"""A local HTTP server of a folder's files that fails as told: for the tests of downloads."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class FileServer(ThreadingHTTPServer):
    """failures: path → what to do instead of answering well, one a request, until they are used up.

    An entry is ("status", code, headers), ("truncate", bytes), ("stall", seconds), ("wrong", bytes). requests: every
    path with its Range header, in order.
    """

    daemon_threads = True

    def __init__(self, root: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.root = root
        self.failures: dict[str, list[tuple]] = defaultdict(list)
        self.requests: list[tuple[str, str | None]] = []
        self.at_once = self.most_at_once = 0
        self.slow_s = 0.0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        with self.server.lock:
            self.server.requests.append((self.path, self.headers.get("Range")))
            self.server.at_once += 1
            self.server.most_at_once = max(self.server.most_at_once, self.server.at_once)
            todo = self.server.failures[self.path]
            failure = todo.pop(0) if todo else None
        try:
            time.sleep(self.server.slow_s)
            self._answer(failure)
        finally:
            with self.server.lock:
                self.server.at_once -= 1

    def _answer(self, failure: tuple | None) -> None:
        file = self.server.root / self.path.lstrip("/")
        if failure and failure[0] == "status":
            return self._send(failure[1], b"no", failure[2])
        if not file.is_file():
            return self._send(404, b"absent", {})
        data, status, headers = file.read_bytes(), 200, {}
        asked = self.headers.get("Range")
        if asked:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self._send(416, b"", {})
            status, headers = 206, {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            data = data[start:]
        if failure and failure[0] == "wrong":
            data = failure[1]
        if failure and failure[0] in ("truncate", "stall"):
            self._send(status, data, headers, failure[1] if failure[0] == "truncate" else 10)
            if failure[0] == "stall":
                time.sleep(failure[1])
            self.close_connection = True
            return None
        return self._send(status, data, headers)

    def _send(self, status: int, data: bytes, headers: dict[str, str], only: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:only])
        self.wfile.flush()


@contextmanager
def serve(root: Path) -> Iterator[FileServer]:
    """The server, running in a thread until the block ends."""
    server = FileServer(root)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
