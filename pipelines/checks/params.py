"""Parameters of the check stage: how findings are recognised, and what is done about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.checks.calendars import check_name

Rule = Literal["refuse", "drop", "mark"]
MarkRule = Literal["refuse", "mark"]
# A table out of order cannot go on as it came: its rows leave, or move to their time, which the report says.
SortRule = Literal["refuse", "drop", "sort"]
DropRule = Literal["refuse", "drop"]


@dataclass(frozen=True, slots=True)
class CalendarParams:
    """default: of every symbol not named below: none, 24/7, or a name of exchange_calendars; symbols: symbol → name."""

    default: str
    symbols: dict[str, str]

    def __post_init__(self) -> None:
        check_name(self.default, "check.calendar.default")
        for symbol, name in self.symbols.items():
            check_name(name, f"check.calendar.symbols.{symbol}")

    def of(self, symbol: str) -> str:
        """The calendar's name for a symbol."""
        return self.symbols.get(symbol, self.default)


@dataclass(frozen=True, slots=True)
class BadTickParams:
    """Prices away from the closes on both sides, for up to `lasts_bars` bars.

    By so many deviations over `window_bars`, and at least `least` (log).
    """

    window_bars: int
    deviations: float
    least: float
    lasts_bars: int

    def __post_init__(self) -> None:
        _exceeds("bad_tick.window_bars", self.window_bars, 3, "100")
        _exceeds("bad_tick.deviations", self.deviations, 0, "15")
        _exceeds("bad_tick.least", self.least, 0, "0.01")
        _exceeds("bad_tick.lasts_bars", self.lasts_bars, 0, "5")


@dataclass(frozen=True, slots=True)
class VolumeOutlierParams:
    """A volume of more than `times` the upper 5 % of the `window_bars` bars before, and of as many after."""

    window_bars: int
    times: float

    def __post_init__(self) -> None:
        _exceeds("volume_outlier.window_bars", self.window_bars, 0, "100")
        _exceeds("volume_outlier.times", self.times, 1, "50")


@dataclass(frozen=True, slots=True)
class SeriesOutlierParams:
    """Up to `lasts_values` values away from both sides, by `times` the upper 5 % of `window_values` changes before."""

    window_values: int
    times: float
    lasts_values: int

    def __post_init__(self) -> None:
        _exceeds("series_outlier.window_values", self.window_values, 3, "100")
        _exceeds("series_outlier.times", self.times, 0, "5")
        _exceeds("series_outlier.lasts_values", self.lasts_values, 0, "3")


@dataclass(frozen=True, slots=True)
class TradeOutlierParams:
    """A price further than `least` (log) and `deviations` from the median of `around_trades` before and after."""

    around_trades: int
    deviations: float
    least: float

    def __post_init__(self) -> None:
        _exceeds("trade_outlier.around_trades", self.around_trades, 1, "25")
        _exceeds("trade_outlier.deviations", self.deviations, 0, "15")
        _exceeds("trade_outlier.least", self.least, 0, "0.01")


@dataclass(frozen=True, slots=True)
class ClockParams:
    """share: of daily bars that must agree on a shift. correlation: with later moves, of what looks ahead.

    delay_ms: longest honest way of a book from the exchange to the receiver.
    """

    share: float
    correlation: float
    delay_ms: float

    def __post_init__(self) -> None:
        if not 0.5 < self.share <= 1:
            raise ValueError(f"clock.share: must lie in (0.5, 1], was {self.share!r}; typical: 0.8")
        if not 0 < self.correlation < 1:
            raise ValueError(f"clock.correlation: must lie in (0, 1), was {self.correlation!r}; typical: 0.3")
        _exceeds("clock.delay_ms", self.delay_ms, 0, "2000")


@dataclass(frozen=True, slots=True)
class ScaleJumpParams:
    """Ratios (and their inverses) of open or close to the close before, within `tolerance` (log), that hold.

    hold_bars: closes on both sides that stay. busy: times the most of the volume and turnover before, above which it is
    a move of the market.
    """

    ratios: tuple[float, ...]
    tolerance: float
    hold_bars: int
    busy: float

    def __post_init__(self) -> None:
        if not self.ratios:
            raise ValueError("scale_jump.ratios: must name at least one, was []; typical: [1.5, 2, 3, 10, 100]")
        for ratio in self.ratios:
            _exceeds("scale_jump.ratios", ratio, 1, "[1.5, 2, 3, 10, 100]")
        _exceeds("scale_jump.tolerance", self.tolerance, 0, "0.04")
        _exceeds("scale_jump.hold_bars", self.hold_bars, 0, "5")
        _exceeds("scale_jump.busy", self.busy, 0, "1")


@dataclass(frozen=True, slots=True)
class BarRules:
    """What to do with each finding in bars."""

    missing_time: Rule
    future: Rule
    wrong_unit: Rule
    not_finite: Rule
    not_positive: Rule
    negative_volume: Rule
    duplicate: Rule
    unsorted: SortRule
    high_below_low: Rule
    outside_range: Rule
    off_grid: Rule
    skewed: MarkRule
    clock_change: MarkRule
    outside_session: Rule
    shifted: MarkRule
    lagged: MarkRule
    missing_session: MarkRule
    missing_bars: MarkRule
    gap: MarkRule
    zero_volume: Rule
    stale_open: MarkRule
    stale_close: Rule
    bad_tick: Rule
    scale_jump: MarkRule
    volume_outlier: Rule


@dataclass(frozen=True, slots=True)
class SeriesRules:
    """What to do with each finding in series."""

    missing_time: Rule
    future: Rule
    wrong_unit: Rule
    not_finite: Rule
    duplicate: Rule
    unsorted: SortRule
    outside_bars: Rule
    looks_ahead: MarkRule
    late: MarkRule
    ended: MarkRule
    stuck: Rule
    outlier: Rule


@dataclass(frozen=True, slots=True)
class TradeRules:
    """What to do with each finding in trades."""

    missing_time: Rule
    future: Rule
    wrong_unit: Rule
    not_finite: Rule
    not_positive: Rule
    unknown_side: Rule
    duplicate: Rule
    unsorted: DropRule
    outlier: Rule


@dataclass(frozen=True, slots=True)
class DepthRules:
    """What to do with each finding in books."""

    missing_time: Rule
    future: Rule
    wrong_unit: Rule
    empty_side: Rule
    uneven: Rule
    not_finite: Rule
    not_positive: Rule
    crossed: Rule
    levels_unsorted: Rule
    duplicate: Rule
    unsorted: DropRule
    clock_skew: Rule


@dataclass(frozen=True, slots=True)
class CheckParams:
    """gap_intervals: without a calendar, a bar later than this many median intervals after the one before is a gap.

    stale_closes: so many equal closes in a row are stale. stale_spacings: a series is late, ended or stuck after so
    many of its usual (median) spacings.
    """

    calendar: CalendarParams
    gap_intervals: float
    bad_tick: BadTickParams
    scale_jump: ScaleJumpParams
    volume_outlier: VolumeOutlierParams
    series_outlier: SeriesOutlierParams
    trade_outlier: TradeOutlierParams
    clock: ClockParams
    stale_closes: int
    stale_spacings: float
    bars: BarRules
    series: SeriesRules
    trades: TradeRules
    depth: DepthRules

    def __post_init__(self) -> None:
        _exceeds("check.gap_intervals", self.gap_intervals, 1, "4.5 daily, 1.5 around the clock")
        _exceeds("check.stale_closes", self.stale_closes, 1, "10")
        _exceeds("check.stale_spacings", self.stale_spacings, 1, "10")


def _exceeds(name: str, value: float, bound: float, typical: str) -> None:
    if not value > bound:
        raise ValueError(f"{name}: must exceed {bound:g}, was {value!r}; typical: {typical}")
