"""The user's own list of entries, from CSV, Parquet or JSON; every row that does not fit is refused by its number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.sources.files import read_file
from pipelines.sources.tables import TIMESTAMP
from pipelines.sources.times import utc

# price, quantity: of the user's own fill, null where the list has none.
LIST = {
    "id": pl.String(),
    "symbol": pl.String(),
    "ts": TIMESTAMP,
    "side": pl.Int8(),
    "price": pl.Float64(),
    "quantity": pl.Float64(),
}
SIDES = {"1": 1, "+1": 1, "1.0": 1, "long": 1, "buy": 1, "-1": -1, "-1.0": -1, "short": -1, "sell": -1}


@dataclass(frozen=True, slots=True)
class EntryColumns:
    """What the file calls our columns; id, price and quantity may be empty: the file has none."""

    id: str
    symbol: str
    ts: str
    side: str
    price: str
    quantity: str


def read_list(path: Path, columns: EntryColumns, zone: str) -> pl.DataFrame:
    """The list with the columns of LIST, in the file's order.

    zone: of times that name none. Raises ValueError naming the file, the row (the first after the header is 1), the
    rule and the remedy.
    """
    if not path.is_file():
        raise ValueError(f"evaluate.entries.file: must be a file, was {str(path)!r}; mend the path")
    frame = read_file(path, as_text=True)
    names = {ours: getattr(columns, ours) for ours in LIST}
    for ours, name in names.items():
        if name not in frame.columns and (name or ours not in ("id", "price", "quantity")):
            raise ValueError(
                f"evaluate.entries.columns.{ours}: must be a column of {path.name} ({', '.join(frame.columns)}), was "
                f"{name!r}; mend the name"
            )
    if frame.is_empty():
        raise ValueError(f"{path}: must hold entries, was without rows; add them")
    text = {ours: pl.col(name).cast(pl.String).str.strip_chars() for ours, name in names.items() if name}
    number = pl.int_range(1, pl.len() + 1)
    table = frame.select(
        text.get("id", number.cast(pl.String)).alias("id"),
        text["symbol"].alias("symbol"),
        utc(frame, columns.ts, path, zone).cast(TIMESTAMP).alias("ts"),
        text["side"].str.to_lowercase().replace_strict(SIDES, default=None, return_dtype=pl.Int8).alias("side"),
        *(_amount(text, name).alias(name) for name in ("price", "quantity")),
    )
    for ours, rule in {
        "id": "must be given",
        "symbol": "must be given",
        "ts": "must be a time (ISO 8601, 20200131, or a number since 1970)",
        "side": "must be 1, -1, long, short, buy or sell",
    }.items():
        _refuse(table[ours].is_null() | (table[ours].cast(pl.String) == ""), frame, path, names[ours], rule)
    _refuse(table["id"].is_duplicated(), frame, path, names["id"], "must not repeat")
    for ours in ("price", "quantity"):
        if names[ours]:
            given = frame.select(text[ours].fill_null("") != "").to_series()
            sound = (table[ours].is_finite() & (table[ours] > 0)).fill_null(False)
            _refuse(given & ~sound, frame, path, names[ours], "must be empty or a number above 0")
    return table.cast(pl.Schema(LIST))


def _amount(text: dict[str, pl.Expr], name: str) -> pl.Expr:
    return text[name].cast(pl.Float64, strict=False) if name in text else pl.lit(None, pl.Float64)


def _refuse(wrong: pl.Series, frame: pl.DataFrame, path: Path, column: str, rule: str) -> None:
    if wrong.any():
        row = wrong.arg_max() or 0
        others = f", and in {wrong.sum() - 1} others" if wrong.sum() > 1 else ""
        raise ValueError(f"{path}: {column} {rule}, was {frame[column][row]!r} in row {row + 1}{others}; mend the file")
