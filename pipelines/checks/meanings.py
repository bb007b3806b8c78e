"""What each finding says, in a sentence for the report."""

from __future__ import annotations

_STAMPS = {
    "missing_time": "a row without time or symbol",
    "future": "stamped after the moment of the check: a clock ahead, or µs read as ms",
    "wrong_unit": "stamped in the first days of 1970: ms read as µs, or s read as ms",
    "duplicate": "repeats the time of an earlier row",
    "unsorted": "earlier than a row before it",
}

MEANINGS: dict[str, dict[str, str]] = {
    "bars": {
        **_STAMPS,
        "not_finite": "a price or volume is missing, NaN or infinite",
        "not_positive": "a price of zero or below",
        "negative_volume": "volume below zero",
        "high_below_low": "the high is below the low",
        "outside_range": "open or close lies outside high and low",
        "off_grid": "begins elsewhere inside the interval than most bars do",
        "skewed": "begins off the clock's marks, as most bars do: a clock that is off, or closes for opens",
        "clock_change": "an hour is lost or repeated where local clocks change: local time that passes for UTC",
        "outside_session": "overlaps no session of the calendar",
        "shifted": "its session begins and ends as many hours beside the calendar's: another time zone",
        "lagged": "moves as another symbol does, but hours before or after it: one has stamps of another zone",
        "missing_session": "the calendar has a session, the data have no bar in it",
        "missing_bars": "bars are missing inside a session",
        "gap": "comes later after the bar before than the interval allows (no calendar given)",
        "zero_volume": "volume 0: nothing traded, or the volume was not recorded",
        "stale_open": "opens exactly at the close before a pause of trading: the open was not recorded",
        "stale_close": "repeats the close before, in a long run of equal closes",
        "bad_tick": "far away from the closes on both sides, for a bar or a few",
        "scale_jump": "jumps by a simple ratio in a calm market, and stays there: a split, or another unit",
        "volume_outlier": "a volume many times that of all others around: a misprint, or another unit",
    },
    "series": {
        **_STAMPS,
        "not_finite": "a value is missing, NaN or infinite",
        "outside_bars": "no value of the series lies in the time of the bars",
        "looks_ahead": "goes with what prices do next: stamped before it was published",
        "late": "came much later after the value before than usual",
        "ended": "the last value, though the bars go on",
        "stuck": "unchanged for much longer than usual",
        "outlier": "far away from the values on both sides, for a value or a few",
    },
    "trades": {
        **_STAMPS,
        "not_finite": "price or quantity is missing, NaN or infinite",
        "not_positive": "price or quantity of zero or below",
        "unknown_side": "the side is neither 1 nor -1",
        "duplicate": "equal in everything to an earlier trade",
        "outlier": "a price far away from those of the trades around it",
    },
    "depth": {
        **_STAMPS,
        "empty_side": "no bid, or no ask",
        "uneven": "not as many quantities as prices",
        "not_finite": "a price or quantity is missing, NaN or infinite",
        "not_positive": "a price or quantity of zero or below",
        "crossed": "the best bid is not below the best ask",
        "levels_unsorted": "prices do not go away from the middle level by level",
        "clock_skew": "received before the exchange sent it, or long after: one of the clocks is off",
    },
}
