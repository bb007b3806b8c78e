"""CSV inside zips, read strictly and block by block: what is not as its columns need is refused by file and line."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import polars as pl

# Of text at a time, so that a month of trades, some gigabytes, does not have to fit into memory.
BLOCK_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that follow each other in one file. place: the file (of a zip with its member); first: line of the first."""

    frame: pl.DataFrame
    place: str
    first: int

    def line(self, row: int) -> str:
        """Where a row stands."""
        return f"{self.place}:{self.first + row}"


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The one file in a zip, and its place, as errors name it: zip/member.

    The checksum beside the zip (`.CHECKSUM`, SHA-256) is verified where there is one. Raises ValueError for a zip that
    is not whole, whenever that shows.
    """
    checksum = path.with_name(path.name + ".CHECKSUM")
    if checksum.exists():
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        wanted = checksum.read_text(encoding="utf-8", errors="replace").split()[:1]
        if wanted != [found]:
            raise ValueError(f"{path}: checksum must be {wanted}, was {found}; delete the file and fetch it again")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"{path}: must hold one file, was {names}; fetch it again")
            with archive.open(names[0]) as member:
                yield member, f"{path}/{names[0]}"
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ValueError(
            f"{path}: must be a whole zip, was not ({error}); delete the file and fetch it again"
        ) from None


def unzipped(path: Path, columns: Mapping[str, pl.DataType], least: int | None = None) -> Iterator[Block]:
    """Rows of the CSV in a zip, as `parse` reads them."""
    with opened(path) as (stream, place):
        yield from parse(stream, columns, place, least)


def parse(
    stream: IO[bytes], columns: Mapping[str, pl.DataType], place: str, least: int | None = None
) -> Iterator[Block]:
    """Rows of a CSV with or without a header, which a first field that is no number tells.

    columns: in the file's order; with a header its names count instead. least: so many columns must be there (default
    all), the others may. An empty field becomes null. Raises ValueError naming the file and line of a field that cannot
    be read, of a line with more or fewer fields than the first, and of text that is not UTF-8; and a missing column.
    """
    start = stream.readline()
    first = decoded(start, f"{place}:1").strip().split(",")
    if first == [""]:
        raise ValueError(f"{place}: must hold rows, was empty; delete the file and fetch it again")
    header = not first[0].lstrip("-").replace(".", "", 1).replace(":", "").replace(" ", "").replace("-", "").isdigit()
    names = first if header else list(columns)[: len(first)]
    if not header and len(first) > len(columns):
        raise ValueError(f"{place}:1: must have at most {len(columns)} fields, was {len(first)}; fetch it again")
    missing = [name for name in list(columns)[:least] if name not in names]
    if missing:
        raise ValueError(
            f"{place}: must have the columns {list(columns)[:least]}, was without {missing}; fetch it again"
        )
    schema = {name: columns.get(name, pl.String()) for name in names}
    number, start = (2, b"") if header else (1, start)
    while data := start + stream.read(BLOCK_BYTES) + stream.readline():
        fault = None
        try:
            frame = pl.read_csv(data, has_header=False, schema=schema)
            if frame[names[-1]].null_count():
                fault = _fault(data, schema, place, number)  # a line that broke off has no last field
        except pl.exceptions.PolarsError as error:
            fault = _fault(data, schema, place, number) or f"{place}: {error}; fetch it again"
        if fault:
            raise ValueError(fault)
        yield Block(frame.select(name for name in columns if name in names), place, number)
        number, start = number + data.count(b"\n"), b""


def decoded(line: bytes, where: str) -> str:
    """The text of a line; ValueError where it is not UTF-8."""
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError(f"{where}: must be UTF-8, was {line[:60]!r}; mend the line or fetch it again") from None


def _fault(data: bytes, schema: dict[str, pl.DataType], place: str, first: int) -> str | None:
    """What is wrong with the first wrong line."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start)
        line = data.split(b"\n")[number]
        return f"{place}:{first + number}: must be UTF-8, was {line[:60]!r}; mend the line or fetch it again"
    fields = pl.Series(text.removesuffix("\n").replace("\r\n", "\n").split("\n")).str.split(",")
    width = fields.list.len()
    found = [(row, f"must have {len(schema)} fields, was {width[row]}") for row in _first(width != len(schema))]
    for i, (name, kind) in enumerate(schema.items()):
        values = fields.list.get(i, null_on_oob=True)
        odd = values.cast(kind, strict=False).is_null() & (values != "")
        found += [(row, f"{name} must be {kind}, was {values[row]!r}") for row in _first(odd)]
    if not found:
        return None
    row, what = min(found)
    return f"{place}:{first + row}: {what}; mend the line or fetch it again"


def _first(wrong: pl.Series) -> list[int]:
    return wrong.arg_true().head(1).to_list()
