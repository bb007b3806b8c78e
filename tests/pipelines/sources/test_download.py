"""Downloads against a local server that serves files and also fails."""

import email.utils
import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from file_server import FileServer, serve
from pipelines.sources.download import Downloader, DownloadParams

DATA = bytes(range(256)) * 2000
NAME = "data/a.zip"


def put(root: Path, path: str, data: bytes = DATA) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    file.with_name(file.name + ".CHECKSUM").write_text(f"{hashlib.sha256(data).hexdigest()}  {file.name}\n")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    put(tmp_path / "served", NAME)
    with serve(tmp_path / "served") as running:
        yield running


def downloader(server: FileServer, tmp_path: Path, **changes: float) -> Downloader:
    params = DownloadParams(server.url, 4, 3, 0.01, 5.0)
    return Downloader(tmp_path / "here", replace(params, **changes))


def of(server: FileServer, path: str = NAME) -> list[str | None]:
    """The ranges asked of one path, in order."""
    return [asked for name, asked in server.requests if name == f"/{path}"]


def test_a_file_arrives_once(server: FileServer, tmp_path: Path) -> None:
    assert downloader(server, tmp_path).fetch([NAME, "data/none.zip"]) == ["data/none.zip"]
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    assert sorted(p.name for p in (tmp_path / "here/data").iterdir()) == ["a.zip", "a.zip.CHECKSUM"]
    asked = len(server.requests)
    assert downloader(server, tmp_path).fetch([NAME]) == []
    assert len(server.requests) == asked


@pytest.mark.parametrize("status", [429, 418, 500, 503])
def test_what_may_pass_is_tried_again(server: FileServer, tmp_path: Path, status: int) -> None:
    server.failures[f"/{NAME}"] = [("status", status, {})] * 2
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    assert len(of(server)) == 3


@pytest.mark.parametrize("as_date", [False, True])
def test_the_wait_is_as_long_as_the_server_asks(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, as_date: bool
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    asked = email.utils.formatdate(time.time() + 900, usegmt=True) if as_date else "900"
    server.failures[f"/{NAME}"] = [("status", 429, {"Retry-After": asked})]
    downloader(server, tmp_path).fetch([NAME])
    (wait,) = [each for each in waits if each > 0]
    assert 600 < wait <= 900 if as_date else 890 < wait <= 900


def test_a_pause_beyond_all_patience_ends_the_run(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("status", 418, {"Retry-After": "259200"})]
    with pytest.raises(ValueError, match=r"a\.zip: must ask to wait at most 3600 s, was 259200; run again"):
        downloader(server, tmp_path).fetch([NAME])


def test_a_pause_holds_for_all_requests(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    names = [f"data/{i}.zip" for i in range(3)]
    for name in names:
        put(tmp_path / "served", name)
    server.failures[f"/{names[0]}"] = [("status", 429, {"Retry-After": "900"})]
    downloader(server, tmp_path, parallel=1).fetch(names)
    # The first one's second attempt, and both that come after it.
    assert len([each for each in waits if each > 800]) == 3


def test_a_lost_checksum_does_not_cost_the_file(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}.CHECKSUM"] = [("status", 503, {})]
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    assert of(server) == [None, f"bytes={len(DATA)}-"]


def test_a_truncated_file_is_taken_up_where_it_broke_off(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("truncate", 200_000), ("truncate", 100_000)]
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    ranges = of(server)
    assert ranges[0] is None
    assert ranges[1:] == ["bytes=200000-", "bytes=300000-"]


def test_a_stalled_file_is_taken_up_too(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("stall", 1.0)]
    downloader(server, tmp_path, timeout_s=0.2).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    assert len(of(server)) == 2


def test_a_killed_download_goes_on_in_the_next_run(server: FileServer, tmp_path: Path) -> None:
    part = tmp_path / "here" / (NAME + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(DATA[:1234])
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    assert of(server) == ["bytes=1234-"]


@pytest.mark.parametrize("left", [b"other bytes", DATA, DATA + b"more"])
def test_a_part_that_does_not_fit_is_thrown_away_and_a_whole_one_is_not(
    server: FileServer, tmp_path: Path, left: bytes
) -> None:
    part = tmp_path / "here" / (NAME + ".part")
    part.parent.mkdir(parents=True)
    part.write_bytes(left)
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    whole = [] if left == DATA else [None]
    assert of(server) == [f"bytes={len(left)}-", *whole], "a whole part needs its checksum alone"


def test_a_wrong_checksum_is_tried_again_and_then_refused(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("wrong", b"x" * 100)]
    downloader(server, tmp_path).fetch([NAME])
    assert (tmp_path / "here" / NAME).read_bytes() == DATA
    put(tmp_path / "served", "data/b.zip")
    (tmp_path / "served/data/b.zip").write_bytes(b"never right")
    with pytest.raises(ValueError, match=r"data/b\.zip: must be fetched within 3 attempts, was not \(checksum must be"):
        downloader(server, tmp_path).fetch(["data/b.zip"])
    assert not list((tmp_path / "here/data").glob("b.zip*"))


def test_what_cannot_pass_is_refused_at_once(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("status", 403, {})]
    with pytest.raises(ValueError, match=r"a\.zip: must answer 200, was 403"):
        downloader(server, tmp_path).fetch([NAME])
    (tmp_path / "served" / (NAME + ".CHECKSUM")).unlink()
    with pytest.raises(ValueError, match=r"a\.zip\.CHECKSUM: must be there"):
        downloader(server, tmp_path).fetch([NAME])


def test_an_endless_failure_names_the_address_and_keeps_the_others(server: FileServer, tmp_path: Path) -> None:
    server.failures[f"/{NAME}"] = [("status", 503, {})] * 9
    put(tmp_path / "served", "data/b.zip", b"b")
    with pytest.raises(ValueError, match=r"a\.zip: must be fetched within 3 attempts, was not \(status 503\)"):
        downloader(server, tmp_path).fetch(["data/b.zip", NAME])
    assert (tmp_path / "here/data/b.zip").read_bytes() == b"b"
    assert len(of(server)) == 3


def test_requests_run_in_parallel_up_to_the_limit(server: FileServer, tmp_path: Path) -> None:
    names = [f"data/{i}.zip" for i in range(8)]
    for name in names:
        put(tmp_path / "served", name, name.encode())
    server.slow_s = 0.05
    downloader(server, tmp_path, parallel=3).fetch(names)
    assert server.most_at_once == 3
    assert [(tmp_path / "here" / name).read_bytes() for name in names] == [name.encode() for name in names]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parallel": 0}, r"parallel: must lie in \[1, 64\]"),
        ({"attempts": 0}, r"attempts: must lie in"),
        ({"timeout_s": 0.0}, r"timeout_s: must lie in"),
        ({"base_url": "ftp://x"}, r"base_url: must start with http"),
    ],
)
def test_parameters_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(DownloadParams("", 4, 3, 0.01, 5.0), **change)
