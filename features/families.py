"""The families in the order of the nets' inputs, each a module and a pipeline stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features import cross, excursion, exhaustion, flow, levels, timeframes, volatility
from features.cross import CrossParams
from features.excursion import ExcursionParams
from features.exhaustion import ExhaustionParams
from features.expression import Expr
from features.flow import FlowParams
from features.levels import LevelsParams
from features.prices import Level
from features.timeframes import TimeframesParams
from features.volatility import VolatilityParams


@dataclass(frozen=True, slots=True)
class FeatureParams:
    """Parameters of all families."""

    volatility: VolatilityParams
    excursion: ExcursionParams
    exhaustion: ExhaustionParams
    levels: LevelsParams
    timeframes: TimeframesParams
    flow: FlowParams
    cross: CrossParams


Returns = Mapping[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Family:
    """A family: `expressions(params, training returns by symbol)` gives its outputs; `auxiliary` are not net inputs.

    `prices(params)` gives the levels that the engine can compute as prices.
    """

    name: str
    expressions: Callable[[FeatureParams, Returns], dict[str, Expr]]
    auxiliary: tuple[str, ...]
    prices: Callable[[FeatureParams], dict[str, Level]] = lambda _: {}

    def graph(self, params: FeatureParams, training_returns: Returns, bar_interval_us: int) -> dict[str, Any]:
        """The family's graph as plain data; constants are fitted on the training returns alone."""
        from features.graph import to_data

        outputs = self.expressions(params, training_returns)
        return to_data(outputs, [name for name in outputs if name not in self.auxiliary], bar_interval_us)


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "volatility",
            lambda p, returns: volatility.expressions(p.volatility, volatility.fit_models(p.volatility, returns)),
            volatility.AUXILIARY,
        ),
        Family(
            "excursion",
            lambda p, returns: excursion.expressions(
                p.excursion, p.volatility, volatility.fit_turbulence(p.volatility, returns)
            ),
            excursion.AUXILIARY,
        ),
        Family("exhaustion", lambda p, _: exhaustion.expressions(p.exhaustion, p.volatility), exhaustion.AUXILIARY),
        Family(
            "levels",
            lambda p, _: levels.expressions(p.levels, p.volatility),
            levels.AUXILIARY,
            lambda p: levels.prices(p.levels, p.volatility),
        ),
        Family("timeframes", lambda p, _: timeframes.expressions(p.timeframes), timeframes.AUXILIARY),
        Family(
            "flow",
            lambda p, _: flow.expressions(p.flow, p.exhaustion, p.levels, p.volatility),
            flow.AUXILIARY,
            lambda p: flow.prices(p.flow),
        ),
        Family("cross", lambda p, _: cross.expressions(p.cross), cross.AUXILIARY),
    )
}


def price_levels(params: FeatureParams, groups: Sequence[str]) -> dict[str, Level]:
    """The levels of some groups, of all families, by name."""
    every = {name: level for family in FAMILIES.values() for name, level in family.prices(params).items()}
    return {name: level for name, level in every.items() if level.group in groups}
