"""Times of any spelling as µs since 1970 in UTC."""

from __future__ import annotations

import polars as pl

from pipelines.sources.tables import TIMESTAMP


def utc(frame: pl.DataFrame, name: str) -> pl.Expr:
    """The column as UTC times: ISO 8601 text (no zone = UTC), dates, datetimes, or whole numbers of any unit.

    What cannot be read becomes null, for the check to judge.
    """
    kind = frame.schema[name]
    if kind == pl.String:
        # An offset is honoured; without one, the time is UTC.
        zoned = pl.col(name).str.to_datetime("%+", time_unit="us", time_zone="UTC", strict=False)
        plain = pl.coalesce(
            pl.col(name).str.to_datetime(form, time_unit="us", strict=False)
            for form in ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M")
        )
        day = pl.col(name).str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us"))
        # Fewer digits may be a date without dashes.
        digits = pl.when(pl.col(name).str.contains(r"^\d{10,19}$")).then(pl.col(name))
        utc_day = day.dt.replace_time_zone("UTC")
        return pl.coalesce(zoned, plain.dt.replace_time_zone("UTC"), utc_day, since_1970(digits))
    if isinstance(kind, pl.Datetime):
        stamped = pl.col(name).cast(pl.Datetime("us", kind.time_zone))
        return stamped.dt.convert_time_zone("UTC") if kind.time_zone else stamped.dt.replace_time_zone("UTC")
    if kind == pl.Date:
        return pl.col(name).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return since_1970(pl.col(name))


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
