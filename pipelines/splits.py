"""Chronological parts, purged by each label's own end time, then embargoed (López de Prado 2018, chapter 7)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import polars as pl

PARTS = ("train", "validation", "calibration", "test")


@dataclass(frozen=True, slots=True)
class SplitParams:
    """Dates (00:00 UTC, exclusive) at which train, validation and calibration end; the rest is test.

    embargo_bars: bars left out at the start of each later part; warmup_bars: the features' longest warm-up, below which
    (plus the horizon) a part is too short.
    """

    train_until: dt.date
    validation_until: dt.date
    calibration_until: dt.date
    embargo_bars: int
    warmup_bars: int

    def __post_init__(self) -> None:
        if not self.train_until < self.validation_until < self.calibration_until:
            raise ValueError(
                "split.train_until: must lie before validation_until, and that before calibration_until, was "
                f"{self.train_until}, {self.validation_until}, {self.calibration_until}; put the dates in order"
            )
        for name in ("embargo_bars", "warmup_bars"):
            if getattr(self, name) < 0:
                raise ValueError(f"split.{name}: must be at least 0, was {getattr(self, name)}; typical: 5 to 250")

    def boundaries(self) -> list[tuple[str, dt.datetime | None, dt.datetime | None]]:
        """(part, begin, end) in order; begin inside, end outside; None = open."""
        days = (self.train_until, self.validation_until, self.calibration_until)
        cuts = [dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC) for day in days]
        return list(zip(PARTS, [None, *cuts], [*cuts, None], strict=True))


def split(frame: pl.DataFrame, params: SplitParams, *, horizon_bars: int = 0) -> pl.DataFrame:
    """The frame (symbol, ts and, where rows have one, end_ts) with a column `part`; null = purged or in the embargo.

    A row belongs to the part in which its bar opens. It is purged when its label ends after that part does, so that no
    label reads prices of a later part. The embargo takes the first bars of each later part, counted per symbol.
    ValueError where a part has fewer bars than warm-up + horizon, or no row left.
    """
    part: pl.Expr = pl.lit(None, pl.String)
    purged, embargoed = pl.lit(False), pl.lit(False)
    # One bar may have several rows (sides, ages): count distinct times.
    order = pl.col("ts").rank("dense").over("symbol", "_part") if frame.height else pl.lit(0)
    for name, begin, end in params.boundaries():
        inside = pl.lit(True)
        if begin is not None:
            inside &= pl.col("ts") >= begin
        if end is not None:
            inside &= pl.col("ts") < end
        part = pl.when(inside).then(pl.lit(name)).otherwise(part)
        if end is not None and "end_ts" in frame.columns:
            purged |= inside & (pl.col("end_ts") > end)
    labelled = frame.with_columns(part.alias("_part"))
    _check_lengths(labelled, params, horizon_bars)
    embargoed = (pl.col("_part") != PARTS[0]) & (order <= params.embargo_bars)
    done = labelled.with_columns(pl.when(purged | embargoed).then(None).otherwise(pl.col("_part")).alias("part"))
    for name, _, end in params.boundaries():
        if not done.select((pl.col("part") == name).any()).item():
            raise ValueError(
                f"split: {name} must keep rows after purge and embargo, was empty{_until(end)}; move the dates"
            )
    return done.drop("_part")


def _check_lengths(labelled: pl.DataFrame, params: SplitParams, horizon_bars: int) -> None:
    needed = params.warmup_bars + horizon_bars
    per_symbol = labelled.group_by("_part", "symbol").agg(pl.col("ts").n_unique().alias("bars"))
    longest = dict(per_symbol.group_by("_part").agg(pl.col("bars").max()).iter_rows())
    for name, _, end in params.boundaries():
        bars = longest.get(name, 0)
        if bars < max(needed, 1):
            raise ValueError(
                f"split: {name} must have at least {max(needed, 1)} bars (warm-up {params.warmup_bars} + horizon "
                f"{horizon_bars}), was {bars}{_until(end)}; move the dates in params.yaml"
            )


def _until(end: dt.datetime | None) -> str:
    return f" (until {end:%Y-%m-%d})" if end else " (to the end)"
