"""Gann's angles and square of nine.

Gann measured angles in his own price units per day, an arbitrary choice. Here the 1x1 rises by a number of volatility
units per horizon, so that it means the same in every market; with that, the 45 degrees of his charts are gone.
"""

from __future__ import annotations

from features.expression import Expr, bar
from features.swings import Legs, turned, zigzag

# price steps per time step: Gann's 1x2, 1x1 and 2x1
ANGLES = {"1x2": 0.5, "1x1": 1.0, "2x1": 2.0}


def angle(inputs: Legs, per_bar: Expr, steepness: float) -> Expr:
    """origin × exp(direction × steepness × per_bar × bars since the origin): where the live leg's angle stands (price).

    per_bar: growth of the 1x1 (a fraction of price), held from the bar that confirms the origin, so that the angle is a
    straight line on a log chart. Gann (1935), The Basis of My Forecasting Method. Warm-up: that of the legs + 1.
    """
    slope = Expr("value_when", (turned(inputs), per_bar, per_bar), {"earlier": 0})
    return (zigzag(inputs, 2) + zigzag(inputs, 0) * zigzag(inputs, 7) * slope * steepness).exp()


def square_of_nine(spacing: Expr) -> tuple[Expr, Expr]:
    """Nearest prices at or below and above the close whose root is a multiple of 1/2: quarter turns of the square.

    The price is read in the power of ten (as chartists shift its decimal point) in which neighbours are about `spacing`
    apart, or up to root(10) times that. In price units: the square is of the currency's own figures, as are round
    numbers. Gann (1931), after Mikula (2003), The Definitive Guide to Forecasting Using W. D. Gann's Square of Nine. No
    warm-up of its own.
    """
    below, above = (Expr("square_of_nine", (bar("close"), spacing), {"output": output}) for output in (0, 1))
    return below, above
