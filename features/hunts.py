"""Stop hunts: a wick through a pool of resting stops that closes back inside on more than usual volume.

`side` is 1 for stops above highs (of shorts) and -1 for those below lows (of longs). A pool is a price and counts only
while its stops should still rest there; pools come from features/levels.py. Osler (2005), Journal of International
Money and Finance 24: stops cluster beyond extremes and round numbers, and price runs when it reaches them.
"""

from __future__ import annotations

from collections.abc import Sequence

from features.divergence import bars_since, fading, pivot_high, pivot_low, value_when
from features.expression import Expr, bar, constant, maximum, minimum, ratio, where
from features.levels import LevelsParams, nearest_zones, round_numbers, unit
from features.sessions import prior_range
from features.volatility import VolatilityParams

NONE = constant(0.0)  # a price that no wick reaches from the body's side
LONG_AGO = 1_000_000
ZONE_STRENGTH = 3.0  # of three fresh turns on usual volume; weaker zones are everywhere


def wick(side: int) -> Expr:
    """The bar's far end on the side: its high or its low, price units."""
    return bar("high") if side > 0 else bar("low")


def body(side: int) -> Expr:
    """The end of the bar's body on the side: the higher or the lower of open and close, price units."""
    return maximum(bar("open"), bar("close")) if side > 0 else minimum(bar("open"), bar("close"))


def beyond(price: Expr, level: Expr, side: int) -> Expr:
    """1 where the price lies beyond the level on the side, else 0."""
    return price > level if side > 0 else price < level


def prior_extreme(bars: int, stood: int, side: int) -> Expr:
    """The highest high (lowest low) of the `bars` bars before, if it is at least `stood` bars old, else 0: price units.

    A younger one is the move itself, not a place where stops have gathered. Warm-up: bars.
    """
    highest, lowest, _ = prior_range(bars)
    level = highest if side > 0 else lowest
    age = bar("high").bars_since_max(bars) if side > 0 else bar("low").bars_since_min(bars)
    return where(age.lag(1) >= stood, level, NONE)


def equal_extremes(pivot_bars: int, tolerance: Expr, bars: int, side: int) -> Expr:
    """The outer of two successive fractal pivots at most `tolerance` (fraction of price) apart, a price; 0: none.

    Both pivots lie within `bars` bars; the pool is known from the bar after the second one is confirmed, for `bars`
    bars or until a wick has gone through it. Warm-up: 2 pivot_bars + 1, or that of the tolerance.
    """
    pivot = pivot_high(pivot_bars) if side > 0 else pivot_low(pivot_bars)
    level = wick(side).lag(pivot_bars)
    previous = value_when(pivot, level, 1, NONE)
    near = (level - previous).abs() <= tolerance * level
    found = pivot * near * (bars_since(pivot, LONG_AGO).lag(1) < bars)
    outer = maximum(level, previous) if side > 0 else minimum(level, previous)
    pool = value_when(found, outer, 0, NONE).lag(1)
    age = bars_since(found, LONG_AGO).lag(1)
    swept = bars_since(beyond(wick(side), pool, side), LONG_AGO).lag(1)
    return where((age < bars) * (swept >= age), pool, NONE)


def pools(p: LevelsParams, volatility: VolatilityParams, bars: int, tolerance: float, side: int) -> list[Expr]:
    """Prices beyond which stops should rest on the side: prior extreme, equal extremes, round number and zone; 0: none.

    Round numbers and zones (of strength 3 at least) are the nearest beyond the close. tolerance in units (levels.unit).
    """
    one = unit(p, volatility)
    at = 1 if side > 0 else 0
    nearest = nearest_zones(p, volatility)
    zone, strength = nearest[at], nearest[2 + at]
    return [
        prior_extreme(bars, p.pivot_bars, side),
        equal_extremes(p.pivot_bars, one * tolerance, bars, side),
        round_numbers(one * bar("close") * p.round_major_units)[at],
        where(strength >= ZONE_STRENGTH, zone, NONE),
    ]


def sweep(levels: Sequence[Expr], side: int) -> Expr:
    """How far the wick went through the furthest level that the whole body stayed inside of, price units; 0: none."""
    depth: Expr = NONE
    for level in levels:
        inside = beyond(level, body(side), side)
        depth = maximum(depth, inside * float(side) * (wick(side) - level))
    return depth


def on_volume(times: float, window: int) -> Expr:
    """1 where volume >= times * mean volume of the `window` bars before, else 0; 1 where those had none (not known).

    Warm-up: window bars.
    """
    return bar("volume") >= times * bar("volume").rolling_mean(window).lag(1)


def hunt_features(depth: Expr, one: Expr, half_life: float, cap: float) -> tuple[Expr, Expr, Expr]:
    """Rate, depth and age of hunts whose depth in price is given for each bar (0: no hunt on this bar).

    Rate: ln(1 + hunts so far, each weighted 2^(-bars since it / half_life)). Depth: of the last one's wick in units
    (fractions of price), at most `cap`, 0 before the first. Age: bars since it / (bars + half_life), 0 to 1.
    """
    event = depth > 0.0
    units = minimum(ratio(depth, one * bar("close"), cap), cap)
    age = bars_since(event, LONG_AGO)
    return (1.0 + fading(event, half_life)).log(), value_when(event, units, 0, NONE), age / (age + half_life)
