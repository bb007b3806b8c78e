"""Swings: the market as a zigzag of legs, which turn once a retracement is large enough."""

from __future__ import annotations

from typing import NamedTuple

from features.expression import Expr, bar


class Swing(NamedTuple):
    """The live leg: where it began and how far it has come (prices), 1 up or -1 down, and the bars since its origin."""

    origin: Expr
    extreme: Expr
    direction: Expr
    age: Expr


Legs = tuple[Expr, Expr, Expr]


def legs(least: Expr) -> Legs:
    """What every kernel of swings takes: high and low (logs), and the least retracement (in logs) that ends a leg."""
    return bar("high").log(), bar("low").log(), least


def zigzag(inputs: Legs, output: int) -> Expr:
    """One figure of the zigzag (prices in logs); warm-up of the least retracement."""
    return Expr("zigzag", inputs, {"output": output})


def swing(inputs: Legs) -> Swing:
    """The live leg. The bar that makes a new extreme never ends it, since the order inside a bar is unknown."""
    direction, extreme, origin, age = (zigzag(inputs, output) for output in (0, 1, 2, 7))
    return Swing(origin.exp(), extreme.exp(), direction, age)


def parabolic_sar(step: float, most: float, output: int) -> Expr:
    """Parabolic stop (Wilder 1978, section II): 0 that of this bar, 2 that of the next (prices), 1 its side.

    step, most: by how much the speed grows at each new extreme, and its bound. Side 1: below the price. Warm-up: 1 bar.
    """
    return Expr("parabolic_sar", (bar("high"), bar("low")), {"step": step, "most": most, "output": output})


def turned(inputs: Legs) -> Expr:
    """1 on the bar that confirms a turning point, else 0. Warm-up: that of the legs + 1."""
    direction = zigzag(inputs, 0)
    return direction * direction.lag(1) < 0.0
