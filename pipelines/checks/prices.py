"""Prices and volumes that do not fit their neighbours: bad ticks, jumps of scale, closes that no longer move."""

from __future__ import annotations

import polars as pl

from pipelines.checks.params import BadTickParams, CheckParams, ScaleJumpParams, VolumeOutlierParams

# The median absolute deviation of a normal distribution is its standard deviation divided by this.
MAD_TO_DEVIATION = 1.4826


def price_flags(bars: pl.DataFrame, params: CheckParams) -> dict[str, pl.Series]:
    """One symbol's bars, in order; prices that are not finite and positive count as unknown.

    bad_tick: `_bad_tick`. scale_jump: `_scale_jump`. volume_outlier: `_volume_outlier`. stale_close: repeats the close
    before, in a run of at least `stale_closes` equal closes.
    """
    logs = [
        pl.when(pl.col(name).is_finite() & (pl.col(name) > 0)).then(pl.col(name).log()).alias(name)
        for name in ("open", "high", "low", "close")
    ]
    volume = pl.when(pl.col("volume").is_finite() & (pl.col("volume") >= 0)).then("volume").alias("volume")
    close, tick = pl.col("close"), params.bad_tick
    limit = tick.deviations * usual_change(close, tick.window_bars)
    flags = {
        "bad_tick": _bad_tick(tick),
        "scale_jump": _scale_jump(params.scale_jump, tick.window_bars),
        "stale_close": (close == close.shift(1)) & (pl.len().over(close.rle_id()) >= params.stale_closes),
        "volume_outlier": _volume_outlier(params.volume_outlier),
    }
    shown = bars.lazy().select(*logs, volume).with_columns(limit.alias("limit")).select(**flags).collect()
    return {name: shown[name] for name in flags}


def usual_change(value: pl.Expr, window: int) -> pl.Expr:
    """Robust deviation of the `window` changes before a row, so that it cannot widen its own measure."""
    return MAD_TO_DEVIATION * value.diff().abs().rolling_median(window, min_samples=window // 2).shift(1)


def outside_run(value: pl.Expr, limit: pl.Expr, longest: int, shortest: int = 1) -> pl.Expr:
    """Rows of a run that goes out and comes back: of `shortest` to `longest` values.

    All values of the run lie above, or all below, the values before and after it, by more than `limit` of its first
    row; and those two are nearer to each other than half of that way, so that a move which stays in part is none.
    """
    inside = []
    for length in range(shortest, longest + 1):
        before, after = value.shift(length), value.shift(-1)
        above = value.rolling_min(length) - pl.max_horizontal(before, after)
        below = pl.min_horizontal(before, after) - value.rolling_max(length)
        way = pl.max_horizontal(above, below)
        ends = (way > limit.shift(length - 1)) & ((after - before).abs() < way / 2)
        inside += [ends.shift(-back) for back in range(length)]
    return pl.any_horizontal(each.fill_null(False) for each in inside) if inside else pl.lit(False)


def _bad_tick(tick: BadTickParams) -> pl.Expr:
    """Of one bar: its high lies above, or its low below, the closes of both neighbours by more than the limit.

    Of 2 to `lasts_bars` bars: their closes do, see `outside_run`. The limit: `deviations` of the usual change of closes
    over `window_bars` bars, and at least `least` (logs).
    """
    close, before, after = pl.col("close"), pl.col("close").shift(1), pl.col("close").shift(-1)
    limit = pl.when(pl.col("limit").is_not_null()).then(pl.max_horizontal("limit", tick.least))
    known = before.is_not_null() & after.is_not_null()
    above = pl.col("high") - pl.max_horizontal(before, after)
    below = pl.min_horizontal(before, after) - pl.col("low")
    wick = known & (pl.max_horizontal(above, below) > limit)
    return wick.fill_null(False) | outside_run(close, limit, tick.lasts_bars, 2)


def _scale_jump(jump: ScaleJumpParams, window: int) -> pl.Expr:
    """The first bar after a jump by a ratio, or its inverse, that stays, while the market was calm.

    Of the open from the close before; where the bar opens at that close, of its close. Within `tolerance` (log) of the
    ratio; the closes of `hold_bars` bars before, and from this one on, stay on their side of half the way. A split
    changes prices and counts, not what is turned over, and another unit neither: so a bar with more volume, and more
    turnover, than `busy` times the most of the `window` bars before is a move of the market.
    """
    close, before, volume = pl.col("close"), pl.col("close").shift(1), pl.col("volume")
    opened = pl.col("open") - before
    moved = pl.when(opened.abs() <= jump.tolerance).then(close - before).otherwise(opened)
    nearest = pl.min_horizontal(
        (moved.abs() - ratio).abs() for ratio in pl.Series(jump.ratios, dtype=pl.Float64).log().to_list()
    )
    # How far later closes still are from the one before, in the direction of the jump.
    stays = pl.min_horizontal((close.shift(-bars) - before) * moved.sign() for bars in range(jump.hold_bars))
    # And how far earlier closes were from it: a return to where the price was is no jump of scale.
    stayed = pl.max_horizontal((close.shift(1 + bars) - before) * moved.sign() for bars in range(jump.hold_bars))
    busy = pl.all_horizontal(
        each > jump.busy * each.rolling_max(window, min_samples=window // 2).shift(1)
        for each in (volume, volume * close.exp())
    )
    held = (stays > moved.abs() / 2) & (stayed < moved.abs() / 2)
    return (nearest <= jump.tolerance) & held & ~busy.fill_null(False)


def _volume_outlier(outlier: VolumeOutlierParams) -> pl.Expr:
    """More than `times` the volume that 5 % of the bars exceed, of the `window_bars` before and of those after.

    Bursts of trading come in clusters, so that both sides know them; a misprint stands alone.
    """
    volume = pl.col("volume")
    usual = [
        each.rolling_quantile(0.95, "lower", outlier.window_bars, min_samples=outlier.window_bars // 2).shift(1)
        for each in (volume, volume.reverse())
    ]
    return (volume > outlier.times * usual[0]) & (volume > outlier.times * usual[1].reverse())
