"""CSV inside zips, read strictly: a field that is not what its column needs is refused by file and line."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl


def unzipped(path: Path) -> bytes:
    """The one file in a zip, its checksum beside it (`.CHECKSUM`, SHA-256) verified where there is one."""
    checksum = path.with_name(path.name + ".CHECKSUM")
    data = path.read_bytes()
    if checksum.exists():
        wanted, found = checksum.read_text().split()[:1], hashlib.sha256(data).hexdigest()
        if wanted != [found]:
            raise ValueError(f"{path}: checksum must be {wanted}, was {found}; delete the file and fetch it again")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) != 1:
                raise ValueError(f"{path}: must hold one file, was {names}; fetch it again")
            return archive.read(names[0])
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(
            f"{path}: must be a whole zip, was not ({error}); delete the file and fetch it again"
        ) from None


def parse(data: bytes, columns: Mapping[str, pl.DataType], path: Path, least: int | None = None) -> pl.DataFrame:
    """Rows of a CSV with or without a header, which a first field that is no number tells.

    columns: in the file's order; with a header its names count instead. least: so many columns must be there (default
    all), the others may. An empty field becomes null. Raises ValueError naming the file and line of a field that cannot
    be read, of a line with too many fields, and a missing column.
    """
    first = data[: data.find(b"\n") if b"\n" in data else len(data)].decode().strip().split(",")
    if first == [""]:
        raise ValueError(f"{path}: must hold rows, was empty; delete the file and fetch it again")
    header = not first[0].lstrip("-").replace(".", "", 1).replace(":", "").replace(" ", "").replace("-", "").isdigit()
    names = first if header else list(columns)[: len(first)]
    if not header and len(first) > len(columns):
        raise ValueError(f"{path}:1: must have at most {len(columns)} fields, was {len(first)}; fetch it again")
    missing = [name for name in list(columns)[:least] if name not in names]
    if missing:
        raise ValueError(
            f"{path}: must have the columns {list(columns)[:least]}, was without {missing}; fetch it again"
        )
    schema = {name: columns.get(name, pl.String()) for name in names}
    try:
        frame = pl.read_csv(data, has_header=False, skip_rows=int(header), schema=schema)
    except pl.exceptions.ComputeError as error:
        raise ValueError(_wrong_line(data, schema, path, int(header)) or f"{path}: {error}; fetch it again") from None
    return frame.select(name for name in columns if name in names)


def _wrong_line(data: bytes, schema: dict[str, pl.DataType], path: Path, skipped: int) -> str | None:
    for number, line in enumerate(data.decode(errors="replace").splitlines()[skipped:], skipped + 1):
        fields = line.split(",")
        if len(fields) > len(schema):
            return (
                f"{path}:{number}: must have {len(schema)} fields, was {len(fields)}; mend the line or fetch it again"
            )
        row = pl.DataFrame({name: [value] for name, value in zip(schema, fields, strict=False)})
        for name, value in zip(schema, fields, strict=False):
            if value and row[name].cast(schema[name], strict=False).null_count():
                return f"{path}:{number}: {name} must be {schema[name]}, was {value!r}; mend the line or fetch it again"
    return None
