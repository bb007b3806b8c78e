"""The world of the order book: walls and thin spots around the price, and a price that feels them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.checks import number_in, whole_in
from pipelines.arrays import Floats
from pipelines.worlds.diffusion import check_volatility
from pipelines.worlds.path import FIRST_PRICE, Book, Clock, World, extremes, to_bars, volumes

# Quantity on a level of the book where there is neither wall nor thin spot.
USUAL_QUANTITY = 100.0


@dataclass(frozen=True, slots=True)
class BookParams:
    """volatility: of a bar where depth is usual; period: distance of walls, width: of walls and thin spots (log price).

    wall, thin: depth there, as multiples of the usual; levels: of the book, on each side; level_width: between them;
    depth_bp: ranges of the depth series, basis points.
    """

    volatility: float
    period: float
    width: float
    wall: float
    thin: float
    levels: int
    level_width: float
    depth_bp: tuple[float, ...]

    def __post_init__(self) -> None:
        check_volatility(self.volatility)
        number_in("period", self.period, 1e-5, 1.0, "0.04")
        if not 0 < self.width < self.period / 2:
            raise ValueError(f"width: must lie between 0 and period / 2, was {self.width}; typical: period / 10")
        number_in("wall", self.wall, 1.0, 1000.0, "5")
        number_in("thin", self.thin, 1e-3, 1.0, "0.25")
        whole_in("levels", self.levels, 1, 1000, "20")
        number_in("level_width", self.level_width, 1e-6, 0.1, "0.001")
        if any(not 0 < bp <= 1000 for bp in self.depth_bp):
            raise ValueError(f"depth_bp: must lie in (0, 1000], was {list(self.depth_bp)}; typical: [10]")

    def flow(self, log_price: Floats) -> Floats:
        """Net order flow that moves the log price from ln 100 to here, in usual log prices: the integral of depth."""
        whole, part = np.divmod(log_price - np.log(FIRST_PRICE), self.period)
        knots, flows = self._knots()
        return np.asarray(whole * flows[-1] + np.interp(part, knots, flows))

    def log_price(self, flow: Floats) -> Floats:
        """The inverse of `flow`."""
        knots, flows = self._knots()
        whole, part = np.divmod(flow, flows[-1])
        return np.asarray(np.log(FIRST_PRICE) + whole * self.period + np.interp(part, flows, knots))

    def _knots(self) -> tuple[Floats, Floats]:
        # A period begins with a wall; its second half with a thin spot.
        half = self.period / 2
        knots = np.array([0.0, self.width, half, half + self.width, self.period])
        depth = np.array([self.wall, 1.0, self.thin, 1.0])
        return knots, np.concatenate([[0.0], np.cumsum(depth * np.diff(knots))])


def book(params: BookParams, clock: Clock, rng: np.random.Generator) -> list[World]:
    """Depth with walls and thin spots: net order flow Q is Brownian, and the price has eaten through the depth.

    Q = G(ln S), G the integral of depth over the log price, so that dS / S = volatility / depth dW: slow in walls, fast
    in thin spots. Highs and lows are exact, since G is monotone. A period begins with a wall, half a period on lies a
    thin spot. The table depth has the quantities at each close; its series are those of the source depth. Truth: depth
    at the close as a multiple of the usual, volatility there. Oracle: first passage of Q, thus `first_probability` and
    `reach_probability` with the distances `BookParams.flow` of the barriers (price as flow over depth: Bouchaud, Farmer
    and Lillo 2009, Handbook of Financial Markets, 57: 160).
    """
    q = np.cumsum(rng.standard_normal(clock.bars * clock.steps)) * params.volatility / np.sqrt(clock.steps)
    inside = q.reshape(clock.bars, clock.steps)
    # Begin halfway between wall and thin spot.
    first = float(params.flow(np.array(np.log(FIRST_PRICE) + params.period / 4 + params.width / 2)))
    opens = np.concatenate([[0.0], inside[:-1, -1]])
    flow = first + np.concatenate([opens[:, None], inside], axis=1)
    high, low = extremes(flow, np.full(clock.bars, params.volatility / np.sqrt(clock.steps)), rng)
    path = params.log_price(flow)
    bars = to_bars(
        "BOOK", clock.opens(), path, params.log_price(high), params.log_price(low), volumes(np.ones(clock.bars), rng)
    )
    close = path[:, -1]
    small = params.level_width * 1e-3
    depth = (params.flow(close + small) - params.flow(close - small)) / (2 * small)
    truth = {"depth": depth, "volatility": params.volatility / depth}
    return [World(bars, truth, {}, _levels(params, close))]


def _levels(params: BookParams, close: Floats) -> Book:
    """A level holds what lies between it and the one before, at the price in the middle of that."""
    edges = np.arange(params.levels + 1) * params.level_width
    sides = []
    for sign in (-1.0, 1.0):
        flows = params.flow(close[:, None] + sign * edges)
        quantity = USUAL_QUANTITY * np.abs(np.diff(flows, axis=1)) / params.level_width
        sides += [np.exp(close[:, None] + sign * (edges[:-1] + params.level_width / 2)), quantity]
    return Book(*sides)
