"""What the fitted volatility models share: one fit per symbol, constants per symbol, forecasts to the horizon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.expression import Expr

Floats = NDArray[np.float64]
Returns = Mapping[str, Floats]
# value by parameter, then by symbol
Constants = dict[str, dict[str, float]]

MIN_RETURNS = 100


def each_symbol(returns: Returns, model: str, one: Any) -> Constants:
    """`one(scaled returns, scale, symbol)` of every symbol, by parameter, with the medians as "*"."""
    constants: Constants = {}
    for symbol, values in returns.items():
        scale = float(np.std(values)) if len(values) else 0.0
        if len(values) < MIN_RETURNS or not scale > 0.0:
            raise ValueError(
                f"features.volatility: {model} needs at least {MIN_RETURNS} varying returns of {symbol} in the "
                f"training part, was {len(values)}; lengthen the training part"
            )
        for name, value in one(values / scale, scale, symbol).items():
            constants.setdefault(name, {})[symbol] = value
    return {
        name: {**by_symbol, "*": float(np.median(list(by_symbol.values())))} for name, by_symbol in constants.items()
    }


def per_symbol(values: Mapping[str, float]) -> Expr:
    """A constant of each symbol."""
    return Expr("constant", (), {"value": values})


def mean_ahead(first: Expr, shift: Mapping[str, float], factor: Mapping[str, float], horizon: int) -> Expr:
    """The mean of x_1 .. x_horizon where x_1 is `first` and x_{i+1} = shift + factor x_i: linear in x_1."""
    constant, slope = {}, {}
    for symbol, k in factor.items():
        powers = k ** np.arange(horizon)
        slope[symbol] = float(powers.mean())
        constant[symbol] = shift[symbol] * float(np.concatenate([[0.0], powers.cumsum()[:-1]]).mean())
    return per_symbol(constant) + per_symbol(slope) * first
