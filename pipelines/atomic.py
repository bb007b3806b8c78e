"""Files that are whole or absent: written beside their place, flushed to disk, then renamed over it."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl


def write_bytes(data: bytes, path: str | Path) -> None:
    """Write bytes; a kill or a full disk leaves the file as it was before."""
    write_file(lambda stream: stream.write(data), path)


def write_text(text: str, path: str | Path) -> None:
    """Write text as UTF-8."""
    write_bytes(text.encode(), path)


def write_json(obj: Any, path: str | Path) -> None:
    """Write plain data as JSON with sorted keys; ValueError for NaN and Inf, which JSON does not know."""
    write_text(json.dumps(obj, indent=2, sort_keys=True, allow_nan=False) + "\n", path)


def write_parquet(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a table as Parquet."""
    write_file(frame.write_parquet, path)


def write_csv(frame: pl.DataFrame, path: str | Path) -> None:
    """Write a table as CSV, times in ISO 8601."""
    write_file(frame.write_csv, path)


@contextmanager
def fresh_folder(path: str | Path) -> Iterator[Path]:
    """A new folder beside `path` that takes its place when the block ends well; an error leaves `path` as it was.

    What a kill has left of earlier ones is removed first; those that are being written hold a lock and stay.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    fresh = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    lock = os.open(fresh, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield fresh
        os.chmod(fresh, 0o777 & ~_umask())
        old = fresh.with_suffix(".old")
        if path.exists():
            os.rename(path, old)
        os.rename(fresh, path)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    finally:
        os.close(lock)
    _sync_folder(path.parent)


def _sweep(path: Path) -> None:
    """Remove the folders that stood beside `path` for a while, and that no process holds any more."""
    for left in (*path.parent.glob(f".{path.name}.*.part"), *path.parent.glob(f".{path.name}.*.old")):
        if not left.is_dir():
            continue
        lock = os.open(left, os.O_RDONLY)
        try:
            # The lock ends with its process, also if that is killed.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            pass
        finally:
            os.close(lock)


def write_file(write: Callable[[BinaryIO], object], path: str | Path) -> None:
    """Write a file by a function of the open stream."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # In the same folder, since a rename is atomic only inside one file system.
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    # The rename itself must reach the disk too.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
