"""Files over HTTP: in parallel, tried again, taken up where they broke off, kept only when their checksum is right."""

from __future__ import annotations

import email.utils
import hashlib
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.atomic import write_text

# A server that asks for more is asked again in another run.
LONGEST_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class DownloadParams:
    """base_url: "" = no download; parallel: requests at once; attempts: per file; waits and timeouts in seconds."""

    base_url: str
    parallel: int
    attempts: int
    first_wait_s: float
    timeout_s: float

    def __post_init__(self) -> None:
        for name, low, high in (("parallel", 1, 64), ("attempts", 1, 100), ("first_wait_s", 0, 60)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: must lie in [{low}, {high}], was {getattr(self, name)}; typical: 1 to 8")
        if not 0 < self.timeout_s <= 3600:
            raise ValueError(f"timeout_s: must lie in (0, 3600], was {self.timeout_s}; typical: 30")
        if self.base_url and not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"base_url: must start with http:// or https://, was {self.base_url!r}; mend it")


class _Again(Exception):
    """What may pass: tried again. waits: after the pause that the server has asked for."""

    def __init__(self, reason: str, waits: bool = False) -> None:
        super().__init__(reason)
        self.waits = waits


class Downloader:
    """Fetches files below one base URL into the same paths below a folder.

    Beside each file stands its checksum file (`.CHECKSUM`: SHA-256 and name); a broken transfer leaves `.part`, from
    which the next attempt goes on. A file that is there is not fetched again.
    """

    def __init__(self, folder: Path, params: DownloadParams) -> None:
        self.folder, self.params = folder, params
        self._resume_at = 0.0
        backoff = wait_exponential_jitter(multiplier=params.first_wait_s, max=60.0, jitter=params.first_wait_s)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return 0.0 if isinstance(error, _Again) and error.waits else backoff(state)

        self._retrying: Callable[[], Retrying] = lambda: Retrying(
            retry=retry_if_exception_type((_Again, httpx.TransportError)),
            wait=wait,
            stop=stop_after_attempt(params.attempts),
            reraise=True,
        )

    def fetch(self, paths: list[str]) -> list[str]:
        """Bring all paths; returns those that the server does not have (404).

        Raises ValueError, naming the address, for a file that still fails after all attempts; the others stay.
        """
        missing = [path for path in paths if not (self.folder / path).exists()]
        absent = []
        limits = httpx.Limits(max_connections=self.params.parallel)
        with (
            httpx.Client(timeout=self.params.timeout_s, limits=limits, follow_redirects=True) as client,
            ThreadPoolExecutor(self.params.parallel) as pool,
        ):
            jobs = {pool.submit(self._bring, client, path): path for path in missing}
            try:
                for job in tqdm(as_completed(jobs), desc="download", unit="file", total=len(jobs), disable=None):
                    if not job.result():
                        absent.append(jobs[job])
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return sorted(absent)

    def _bring(self, client: httpx.Client, path: str) -> bool:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        url = f"{self.params.base_url.rstrip('/')}/{path}"
        try:
            return self._retrying()(self._attempt, client, url, target)
        except (_Again, httpx.TransportError) as error:
            raise ValueError(
                f"{url}: must be fetched within {self.params.attempts} attempts, was not "
                f"({error or type(error).__name__}); run again to go on, or raise attempts or timeout_s"
            ) from None

    def _attempt(self, client: httpx.Client, url: str, target: Path) -> bool:
        self._pause()
        part, checksum = target.with_name(target.name + ".part"), target.with_name(target.name + ".CHECKSUM")
        if not self._stream(client, url, part):
            return False
        answer = client.get(url + ".CHECKSUM")
        self._judge(answer)
        if answer.status_code == 404:
            raise ValueError(f"{url}.CHECKSUM: must be there, was not; without it a broken file cannot be told")
        with part.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if [found] != answer.text.split()[:1]:
            part.unlink()
            raise _Again(f"checksum must be {answer.text.split()[:1]}, was {found}")
        write_text(answer.text, checksum)
        os.replace(part, target)
        return True

    def _stream(self, client: httpx.Client, url: str, part: Path) -> bool:
        """Into `part`, behind what is there if the server can; False where it does not have the file."""
        have = part.stat().st_size if part.exists() else 0
        with client.stream("GET", url, headers={"Range": f"bytes={have}-"} if have else {}) as response:
            if response.status_code == 404:
                return False
            if response.status_code == 416:
                # Nothing behind it: exactly the whole, or more. The checksum tells.
                return True
            self._judge(response)
            resumed = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
            with part.open("ab" if response.status_code == 206 and resumed else "wb") as stream:
                for block in response.iter_raw():
                    stream.write(block)
                stream.flush()
                os.fsync(stream.fileno())
        return True

    def _judge(self, response: httpx.Response) -> None:
        """Raise for every answer but a good one and 404; where the server asks for a pause, all requests wait."""
        code = response.status_code
        # 418: how Binance bans those who go on after a 429.
        if code in (408, 418, 425, 429) or code >= 500:
            asked = _asked_wait_s(response.headers.get("Retry-After"))
            if asked is not None and asked > LONGEST_WAIT_S:
                raise ValueError(
                    f"{response.url}: must ask to wait at most {LONGEST_WAIT_S} s, was {asked:.0f}; run again then"
                )
            if asked is not None:
                self._resume_at = max(self._resume_at, time.monotonic() + asked)
            raise _Again(f"status {code}", waits=asked is not None)
        if code not in (200, 206, 404):
            raise ValueError(f"{response.url}: must answer 200, was {code}; mend the address")

    def _pause(self) -> None:
        left = self._resume_at - time.monotonic()
        if left > 0:
            time.sleep(left)


def _asked_wait_s(value: str | None) -> float | None:
    """Retry-After (RFC 9110, 10.2.3): seconds, or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
