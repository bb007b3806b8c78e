"""The user's own files as they are: CSV, Parquet, Feather, JSON; what cannot be read is refused by file and line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl


def read_file(path: Path, as_text: bool = False) -> pl.DataFrame:
    """A file's table, by its ending: .parquet, .feather, .json, .jsonl or .ndjson, else CSV with a header.

    JSON: a list of objects, an object that holds one such list (as many web services answer), or an object a line.
    as_text: a CSV's fields stay as they are written (007). Raises ValueError naming the file, and the line where there
    is one.
    """
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".feather":
            return pl.read_ipc(path)
        if path.suffix in (".jsonl", ".ndjson"):
            return _table([_json(line, path) for line in _lines(path)], path)
        if path.suffix == ".json":
            return _json_table(path)
        return pl.read_csv(path, infer_schema=not as_text, infer_schema_length=None)
    except (pl.exceptions.PolarsError, UnicodeDecodeError, OSError) as error:
        raise ValueError(_csv_fault(path) or f"{path}: must be whole, was not ({error}); write it again") from None


def _csv_fault(path: Path) -> str | None:
    if path.suffix in (".parquet", ".feather", ".json", ".jsonl", ".ndjson"):
        return None
    width = 0
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            fields = next(csv.reader([line.decode("utf-8-sig")]), [])
        except UnicodeDecodeError:
            return f"{path}:{number}: must be UTF-8, was {line[:60]!r}; save the file as UTF-8"
        width = width or len(fields)
        if len(fields) > width:
            return f"{path}:{number}: must have at most {width} fields, was {len(fields)}; mend the line"
    return None if width else f"{path}: must hold a header and rows, was empty; write it again"


def _lines(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    return [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _json(numbered: tuple[int, str], path: Path) -> Any:
    number, line = numbered
    try:
        return json.loads(line)
    except ValueError:
        raise ValueError(f"{path}:{number}: must be JSON, was {line[:60]!r}; mend the line") from None


def _json_table(path: Path) -> pl.DataFrame:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}:{error.lineno}: must be JSON, was not ({error.msg}); write it again") from None
    if isinstance(data, dict):
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 else None
    return _table(data, path)


def _table(data: Any, path: Path) -> pl.DataFrame:
    if not isinstance(data, list) or not data or not all(isinstance(row, dict) for row in data):
        raise ValueError(
            f"{path}: must be a list of objects, an object with one such list, or an object a line, was another; "
            "reshape it"
        )
    return pl.DataFrame(data, infer_schema_length=None)
