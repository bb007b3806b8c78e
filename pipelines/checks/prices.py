"""Prices that do not fit their neighbours: bad ticks, jumps of scale, and closes that no longer move."""

from __future__ import annotations

import polars as pl

from pipelines.checks.params import CheckParams

# The median absolute deviation of a normal distribution is its standard deviation divided by this.
MAD_TO_DEVIATION = 1.4826


def price_flags(bars: pl.DataFrame, params: CheckParams) -> dict[str, pl.Series]:
    """One symbol's bars, in the source's order; prices that are not finite and positive count as unknown.

    bad_tick: the high lies above, or the low below, the closes of both neighbours by more than `deviations` robust
    deviations and more than `least` (logs), so it is come back from on the next bar. The deviation is 1.4826 times the
    median absolute log return of the `window_bars` returns before the bar, so the bar cannot widen its own measure.
    scale_jump: open / close before is within `tolerance` (logs) of a ratio or its inverse, and the closes of
    `hold_bars` bars before and from this one on stay on their side of half the way. stale_close: repeats the close
    before, in a run of at least `stale_closes` equal closes.
    """
    logs = [
        pl.when(pl.col(name).is_finite() & (pl.col(name) > 0)).then(pl.col(name).log()).alias(name)
        for name in ("open", "high", "low", "close")
    ]
    close, before, after = pl.col("close"), pl.col("close").shift(1), pl.col("close").shift(-1)
    tick, jump = params.bad_tick, params.scale_jump
    window = tick.window_bars
    deviation = MAD_TO_DEVIATION * close.diff().abs().rolling_median(window, min_samples=window // 2).shift(1)
    above = pl.col("high") - pl.max_horizontal(before, after)
    below = pl.min_horizontal(before, after) - pl.col("low")
    wick = pl.max_horizontal(above, below)
    known = before.is_not_null() & after.is_not_null()
    moved = pl.col("open") - before
    nearest = pl.min_horizontal(
        (moved.abs() - ratio).abs() for ratio in pl.Series(jump.ratios, dtype=pl.Float64).log().to_list()
    )
    # How far later closes still are from the one before, in the direction of the jump.
    stays = pl.min_horizontal((close.shift(-bars) - before) * moved.sign() for bars in range(jump.hold_bars))
    # And how far earlier closes were from it: a return to where the price was is no jump of scale.
    stayed = pl.max_horizontal((close.shift(1 + bars) - before) * moved.sign() for bars in range(jump.hold_bars))
    run = pl.col("close").rle_id()
    return dict(
        zip(
            ("bad_tick", "scale_jump", "stale_close"),
            bars.lazy()
            .select(logs)
            .select(
                (known & (wick > tick.least) & (wick > tick.deviations * deviation)).alias("bad_tick"),
                ((nearest <= jump.tolerance) & (stays > moved.abs() / 2) & (stayed < moved.abs() / 2)).alias(
                    "scale_jump"
                ),
                ((close == before) & (pl.len().over(run) >= params.stale_closes)).alias("stale_close"),
            )
            .collect()
            .get_columns(),
            strict=True,
        )
    )
