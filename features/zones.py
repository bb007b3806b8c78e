"""Zones: turning points of the market that lie close together, with a strength."""

from __future__ import annotations

from typing import NamedTuple

from features.divergence import pivot_high, pivot_low
from features.expression import Expr, bar, maximum, minimum, ratio, where
from features.swings import Legs, turned, zigzag

_HIGH, _LOW, _CLOSE = bar("high").log(), bar("low").log(), bar("close").log()


class Points(NamedTuple):
    """Log price of the turning point confirmed on this bar, and its weight (0: none)."""

    price: Expr
    weight: Expr


def fractal_points(bars: int, volume_bars: int) -> Points:
    """Fractal pivots with the weight (1 + min(volume ratio, 3)) / 2.

    The volume ratio is the pivot bar's volume over the mean of the `volume_bars` bars up to it (1 where those have
    none): half the weight is for the turn, half for its volume. A bar that is a high and a low counts once, by its
    longer wick. Warm-up: bars + max(bars, volume_bars - 1).
    """
    is_top, is_bottom = pivot_high(bars), pivot_low(bars)
    upper, lower = _HIGH - _CLOSE, _CLOSE - _LOW
    take_top = is_top * (1.0 - is_bottom * (upper < lower).lag(bars))
    usual = ratio(bar("volume"), bar("volume").rolling_mean(volume_bars), 1.0).lag(bars)
    weight = where(maximum(is_top, is_bottom) > 0.0, 0.5 + 0.5 * minimum(usual, 3.0), 0.0)
    return Points(where(take_top > 0.0, _HIGH.lag(bars), _LOW.lag(bars)), weight)


def swing_points(inputs: Legs, unit: Expr) -> Points:
    """Turning points of the zigzag, each with half the size of the leg it ends in units, at most 2.

    So a swing of two units weighs as much as a fractal pivot of usual volume. Warm-up: that of the legs + 1.
    """
    point = zigzag(inputs, 2)
    weight = 0.5 * minimum(ratio((point - zigzag(inputs, 3)).abs(), unit), 4.0)
    return Points(point, where(turned(inputs), weight, 0.0))


def both(a: Points, b: Points) -> Points:
    """Points of either kind: on the same bar and at the same price their weights add up, else `b` has precedence."""
    same = (a.price <= b.price) * (a.price >= b.price)
    return Points(where(b.weight, b.price, a.price), where(b.weight, b.weight + same * a.weight, a.weight))


def zones(
    points: Points,
    width: float,
    reach: float,
    half_life_bars: float,
    count: int,
    decay: float,
    seed: int,
    rank: int = 0,
) -> tuple[Expr, Expr, Expr, Expr]:
    """Nearest zone of points at or below and above the close (prices), and the strength of each (>= 0); rank 1 to 3:
    the second to fourth nearest.

    A point joins the zone with the nearest centre if that is within `width` sigmas, else founds one; centre: mean by
    weight; strength: sum of weights, halved every half_life_bars. The weakest of `count` gives way to a new one. Where
    no zone is within `reach` sigmas: the price there, with strength 0. Sigma is the kernel's own EWMA of squared
    returns (a kernel has three inputs), with `decay`, begun by the mean of the first `seed`. Warm-up: the points' +
    seed.
    """
    parameters = {
        "width": width,
        "reach": reach,
        "decay": 0.5 ** (1.0 / half_life_bars),
        "alpha": 1.0 - decay,
        "seed": seed,
        "memory": count,
    }
    below, above, below_strength, above_strength = (
        Expr("zones", (*points, _CLOSE), {**parameters, "output": 4 * rank + output}) for output in range(4)
    )
    return below.exp(), above.exp(), below_strength, above_strength
