"""Golden-ratio points of the swings, in price and time."""

from __future__ import annotations

from features.expression import Expr
from features.swings import Legs

RETRACEMENTS = (0.382, 0.5, 0.618)
EXTENSIONS = (1.272, 1.618, 2.618)


def retracement(origin: Expr, extreme: Expr, ratio: float) -> Expr:
    """extreme - ratio (extreme - origin): the price at which that share of the leg is given back."""
    return extreme - ratio * (extreme - origin)


def extension(origin: Expr, extreme: Expr, ratio: float) -> Expr:
    """origin + ratio (extreme - origin): the leg made `ratio` times as long (Frost and Prechter 1978, chapter 4)."""
    return origin + ratio * (extreme - origin)


def cluster(inputs: Legs, tolerance: float, reach: float) -> tuple[Expr, Expr, Expr]:
    """Share of the Fibonacci levels at the live extreme; densest cluster of them ahead (price), and its share.

    The levels are RETRACEMENTS and EXTENSIONS of the four latest closed legs. tolerance, reach: how near levels count
    as one cluster, how far ahead one is looked for, in the legs' least retracements; where there is none ahead, the
    price there, with share 0. Boroden (2008), Fibonacci Trading: price clusters. Warm-up of the legs.
    """
    parameters = {"tolerance": tolerance, "reach": reach}
    here, ahead, share = (Expr("fibonacci_cluster", inputs, {**parameters, "output": output}) for output in range(3))
    return here, ahead, share


def time_point(inputs: Legs, tolerance: float) -> Expr:
    """max(1 - |bars since the turn / length / ratio - 1| / tolerance, 0), the best of all lengths and ratios.

    Lengths: of the two latest closed legs, in bars; ratios: 0.618, 1, 1.618. Boroden (2008), Fibonacci Trading: time
    projections. Warm-up of the legs.
    """
    return Expr("fibonacci_time", inputs, {"tolerance": tolerance})
