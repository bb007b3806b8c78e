"""Parameters of the check stage: how findings are recognised, and what is done about each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pipelines.checks.calendars import check_name

Rule = Literal["refuse", "drop", "mark"]
MarkRule = Literal["refuse", "mark"]


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
    """A wick away from the closes on both sides: by so many deviations over `window_bars`, and at least `least`."""

    window_bars: int
    deviations: float
    least: float

    def __post_init__(self) -> None:
        _exceeds("bad_tick.window_bars", self.window_bars, 3, "100")
        _exceeds("bad_tick.deviations", self.deviations, 0, "15")
        _exceeds("bad_tick.least", self.least, 0, "0.01")


@dataclass(frozen=True, slots=True)
class ScaleJumpParams:
    """Ratios (and their inverses) of open to the close before, within `tolerance` (log), that hold for `hold_bars`."""

    ratios: tuple[float, ...]
    tolerance: float
    hold_bars: int

    def __post_init__(self) -> None:
        if not self.ratios:
            raise ValueError("scale_jump.ratios: must name at least one, was []; typical: [1.5, 2, 3, 10, 100]")
        for ratio in self.ratios:
            _exceeds("scale_jump.ratios", ratio, 1, "[1.5, 2, 3, 10, 100]")
        _exceeds("scale_jump.tolerance", self.tolerance, 0, "0.04")
        _exceeds("scale_jump.hold_bars", self.hold_bars, 0, "5")


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
    unsorted: Rule
    high_below_low: Rule
    outside_range: Rule
    off_grid: Rule
    outside_session: Rule
    missing_session: MarkRule
    missing_bars: MarkRule
    gap: MarkRule
    zero_volume: Rule
    stale_open: MarkRule
    stale_close: Rule
    bad_tick: Rule
    scale_jump: MarkRule


@dataclass(frozen=True, slots=True)
class SeriesRules:
    """What to do with each finding in series."""

    missing_time: Rule
    future: Rule
    wrong_unit: Rule
    not_finite: Rule
    duplicate: Rule
    unsorted: Rule
    outside_bars: Rule
    late: MarkRule
    ended: MarkRule
    stuck: Rule


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
    unsorted: Rule


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
    unsorted: Rule


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
