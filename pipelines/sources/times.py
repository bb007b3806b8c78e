"""Times of any spelling as µs since 1970 in UTC."""

from __future__ import annotations

import zoneinfo
from pathlib import Path

import polars as pl

from pipelines.sources.tables import TIMESTAMP

# Whole numbers below it are no times of markets: the third of March 1973 in seconds.
LEAST = 10**8


def utc(frame: pl.DataFrame, name: str, path: Path, zone: str = "UTC") -> pl.Expr:
    """The column as UTC times: ISO 8601 text, dates (2020-01-31 or 20200131), datetimes, or whole numbers since 1970.

    zone: of times and dates that name none; an hour that its clock repeats is taken as the first of the two. What
    cannot be read becomes null, for the check to judge. Raises ValueError, naming the file and row, for whole numbers
    that are too small for a time since 1970 and no date.
    """
    kind = frame.schema[name]
    if kind == pl.String:
        text = pl.col(name)
        # An offset is honoured.
        zoned = text.str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        plain = pl.coalesce(
            text.str.to_datetime(form, time_unit="us", strict=False)
            for form in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
        )
        day = text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        whole = pl.when(text.str.contains(r"^-?\d+$")).then(text).cast(pl.Int64, strict=False)
        return pl.coalesce(zoned, _in_zone(plain, zone), _in_zone(day, zone), _number(frame, whole, path, zone))
    if isinstance(kind, pl.Datetime):
        stamped = pl.col(name).cast(pl.Datetime("us", kind.time_zone))
        return stamped.dt.convert_time_zone("UTC") if kind.time_zone else _in_zone(stamped, zone)
    if kind == pl.Date:
        return _in_zone(pl.col(name).cast(pl.Datetime("us")), zone)
    return _number(frame, pl.col(name).cast(pl.Int64, strict=False), path, zone)


def since_1970(number: pl.Expr) -> pl.Expr:
    """Numbers of s, ms, µs or ns since 1970 as UTC times; the unit is told by the size, which fits 1973 to 5138."""
    whole = number.cast(pl.Int64, strict=False)
    size = whole.abs()
    micros = (
        pl.when(size < 10**11).then(whole * 10**6)
        .when(size < 10**14).then(whole * 10**3)
        .when(size < 10**17).then(whole)
        .otherwise(whole // 10**3)
    )  # fmt: skip
    return micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").cast(TIMESTAMP)


def check_zone(key: str, zone: str) -> None:
    """Raise ValueError where `zone` is no name of a time zone."""
    if zone not in zoneinfo.available_timezones():
        raise ValueError(f"{key}: must be a time zone, was {zone!r}; typical: UTC, America/New_York, Europe/London")


def _number(frame: pl.DataFrame, whole: pl.Expr, path: Path, zone: str) -> pl.Expr:
    date = whole.cast(pl.String).str.to_date("%Y%m%d", strict=False)
    day = pl.when(whole.is_between(1000_01_01, 9999_12_31)).then(date)
    odd = frame.select(
        row=pl.int_range(1, pl.len() + 1), number=whole, odd=(whole.abs() < LEAST) & day.is_null()
    ).filter("odd")
    if odd.height:
        row, number, _ = odd.row(0)
        raise ValueError(
            f"{path}: times that are whole numbers must be dates (20200131) or s, ms, µs or ns since 1970, was "
            f"{number} in row {row}; write them so"
        )
    return pl.coalesce(_in_zone(day.cast(pl.Datetime("us")), zone), since_1970(whole))


def _in_zone(naive: pl.Expr, zone: str) -> pl.Expr:
    stamped = naive.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return stamped.dt.convert_time_zone("UTC")
