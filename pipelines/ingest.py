"""Stage ingest: the chosen sources' tables into data/, as they are; the check stage judges them.

Sources are read part by part, and these batch by batch, so that memory holds one batch. data/ingest.jsonl is the
manifest: which part, of which fingerprint, wrote which files. A part that has not changed is not read again; a killed
run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from tqdm import tqdm  # type: ignore[import-untyped]

from pipelines.atomic import write_text
from pipelines.params import section
from pipelines.partitions import PartWriter, read_bars, symbol_folder, symbols_in
from pipelines.sources import SCHEMAS, IngestParams, Part, check_columns, refuse_overlaps

__all__ = ["IngestParams", "ingest", "main"]

MANIFEST = "ingest.jsonl"
ASIDE = ".ingest.part"
# Of one file at most; 500,000 trades take some 30 MiB.
BATCH_ROWS = 500_000
CODE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Done:
    """A part that is in the tables: its fingerprint, and its files under data/ with rows and SHA-256."""

    key: str
    fingerprint: str
    files: dict[str, tuple[int, str]]

    def line(self) -> str:
        """As it stands in the manifest."""
        return (
            json.dumps({"key": self.key, "fingerprint": self.fingerprint, "files": self.files}, sort_keys=True) + "\n"
        )


def ingest(params: IngestParams, folder: Path = Path("data")) -> list[str]:
    """Bring the tables under `folder` up to date with the sources; returns the keys of the parts that were read.

    Raises ValueError where a source cannot be read, where two bring the same, and where a wanted symbol is in none of
    them; parts that are done stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known = _known(folder)
    code = _code()
    every = (part for section in params.chosen() for part in section.parts())
    # Their files are hashed, which takes time.
    found = tqdm(every, desc="sources", unit="part", disable=None)
    parts = _unique(part for part in found if _wanted(part, params))
    read = []
    with (folder / MANIFEST).open("a", encoding="utf-8") as manifest:
        for part in tqdm(parts, desc="ingest", unit="part", disable=None):
            stamp = _stamp(part, params, code)
            done = known.get(part.key)
            if done is None or done.fingerprint != stamp or not _intact(done, folder):
                known[part.key] = _take(part, stamp, params, folder)
                manifest.write(known[part.key].line())
                manifest.flush()
                read.append(part.key)
    sections = {part.key: part.section for part in parts}
    current = sorted((done for done in known.values() if done.key in sections), key=lambda done: done.key)
    _complete(current, params)
    refuse_overlaps(folder, {file: sections[done.key] for done in current for file in done.files})
    _sweep(folder, {file for done in current for file in done.files})
    write_text("".join(done.line() for done in current), folder / MANIFEST)
    return read


def _wanted(part: Part, params: IngestParams) -> bool:
    return part.symbol in (None, "*") or not params.symbols or part.symbol in params.symbols


def _unique(parts: Iterable[Part]) -> list[Part]:
    found: dict[str, Part] = {}
    for part in parts:
        if part.key in found:
            raise ValueError(f"ingest.sources: parts must have different names, was {part.key!r} twice; rename a file")
        found[part.key] = part
    return list(found.values())


def _code() -> str:
    # What reads differently must not pass for unchanged.
    book = CODE.parent / "inference"
    own = sorted([CODE / "ingest.py", CODE / "partitions.py", *(CODE / "sources").glob("*.py")])
    # The figures of books come from the engine's own code; an installed package has no sources of it.
    files = [*own, *(path for path in (book / "book.py", book / "native" / "book.hpp") if path.exists())]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _stamp(part: Part, params: IngestParams, code: str) -> str:
    filtered = params.symbols if part.symbol is None else ()
    return hashlib.sha256(json.dumps([part.fingerprint, code, filtered]).encode()).hexdigest()


def _known(folder: Path) -> dict[str, Done]:
    path = folder / MANIFEST
    if not path.exists():
        return {}
    known = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
            files = {str(name): (int(rows), str(digest)) for name, (rows, digest) in row["files"].items()}
            known[row["key"]] = Done(row["key"], row["fingerprint"], files)
        except (ValueError, KeyError, TypeError):
            # A kill tore the line: its part is read again.
            continue
    # The torn line must not swallow what is appended behind it.
    write_text("".join(done.line() for done in known.values()), path)
    return known


def _intact(done: Done, folder: Path) -> bool:
    return all(
        (folder / file).is_file() and _digest(folder / file) == digest for file, (_, digest) in done.files.items()
    )


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _take(part: Part, stamp: str, params: IngestParams, folder: Path) -> Done:
    """Written aside first: what fails in its middle leaves the tables as they were."""
    aside = folder / ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    files: dict[str, tuple[int, str]] = {}
    writers: dict[str, PartWriter] = {}
    try:
        for name, frame in _batches(part):
            check_columns(name, frame, part.key)
            if params.symbols:
                # A row without a symbol stays, for the check to judge.
                frame = frame.filter(pl.col("symbol").is_in([*params.symbols, "*"]) | pl.col("symbol").is_null())
            writer = writers.setdefault(name, PartWriter(aside / name, part.key))
            for place, rows in writer.write(frame).items():
                files[str(Path(name) / place)] = rows, _digest(aside / name / place)
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(aside / file, folder / file)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Done(part.key, stamp, files)


def _batches(part: Part) -> Iterator[tuple[str, pl.DataFrame]]:
    """The part's rows table by table, as many at once as memory should hold, few files rather than many."""
    waiting: dict[str, list[pl.DataFrame]] = {}
    for batch in part.read():
        for name, frame in batch.items():
            frames = waiting.setdefault(name, [])
            frames.append(frame)
            if sum(each.height for each in frames) >= BATCH_ROWS:
                yield name, pl.concat(waiting.pop(name))
    for name, frames in waiting.items():
        yield name, pl.concat(frames)


def _complete(current: list[Done], params: IngestParams) -> None:
    bars = {Path(file).parts[1] for done in current for file in done.files if file.startswith("bars/")}
    if not bars and not params.symbols:
        raise ValueError(
            f"ingest.sources: must bring at least one bar, was {list(params.sources)} without any; look at the sources"
        )
    missing = [symbol for symbol in params.symbols if symbol_folder(symbol) not in bars]
    if missing:
        raise ValueError(
            f"ingest.symbols: must be in one of the sources {list(params.sources)}, was {missing!r}; mend the names"
        )


def _sweep(folder: Path, files: set[str]) -> None:
    """Removes what no current part has written: parts that left the sources, and what a kill left half done."""
    for name in SCHEMAS:
        (folder / name).mkdir(exist_ok=True)
        for path in (folder / name).glob("symbol=*/month=*/*"):
            if str(path.relative_to(folder)) not in files:
                path.unlink()
        for path in sorted((folder / name).rglob("*"), reverse=True):
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()


def main() -> None:
    """Run the stage."""
    params = section("ingest", IngestParams)
    read = ingest(params)
    for symbol in symbols_in("data/bars"):
        days = read_bars("data/bars", [symbol])["ts"].dt.date()
        print(f"{symbol}: {len(days):,} bars, {days.min()!s} to {days.max()!s}")
    print(f"ingest: {len(read):,} parts read, the others are as they were")


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"ingest: {error}")
