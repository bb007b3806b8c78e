"""Wall clocks: what a zone's clocks show, daylight saving included, from the table of its changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from features.expression import Expr, bar

SINCE, UNTIL = datetime(1990, 1, 1, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


def check_zone(name: str, zone: str) -> None:
    """Raises ValueError unless `zone` is an IANA name, as America/New_York."""
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name}: must be an IANA time zone, was {zone!r}; typical: UTC, America/New_York") from None


def local_time(zone: str, before: bool = False) -> Expr:
    """What the zone's wall clock shows at this bar's close, µs since 1970 on that clock.

    before: as the bar saw it, that is the moment before, and 1 µs; the two differ where clocks change at the close.
    Changes are those that Python's time zone data know when this is declared, 1990 to 2049; earlier bars take the first
    offset, later ones the last. UTC is the bar's time itself.
    """
    time = bar("time")
    offsets = zone_offsets(zone)
    if offsets == (0.0,):
        return time
    if before:
        return Expr("local_time", (time - 1.0,), {"offsets": offsets}) + 1.0
    return Expr("local_time", (time,), {"offsets": offsets})


@cache
def zone_offsets(zone: str) -> tuple[float, ...]:
    """The offset from UTC at first, then the time of each change and the offset from it on; all µs."""
    place = ZoneInfo(zone)
    offset = _offset(place, SINCE)
    out = [_us(offset)]
    day = SINCE
    while day < UNTIL:
        following = day + _DAY
        if _offset(place, following) != offset:
            out += [float((_change(place, day, following) - datetime(1970, 1, 1, tzinfo=UTC)) // _SECOND * 1_000_000)]
            offset = _offset(place, following)
            out += [_us(offset)]
        day = following
    return tuple(out)


def _change(place: tzinfo, low: datetime, high: datetime) -> datetime:
    """The first second from which the offset is that of `high`, which is not that of `low`."""
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        low, high = (middle, high) if _offset(place, middle) == _offset(place, low) else (low, middle)
    return high


def _offset(place: tzinfo, moment: datetime) -> timedelta:
    return place.utcoffset(moment.astimezone(place)) or timedelta(0)


def _us(offset: timedelta) -> float:
    return float(offset // timedelta(microseconds=1))
