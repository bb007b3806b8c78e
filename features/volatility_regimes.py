"""Regimes of variance: two or three states of a Markov chain, fitted by statsmodels, filtered by the engine.

The states have one mean and are named by their deviation: calm < (middle <) turbulent.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from itertools import pairwise

import numpy as np

from features.expression import Expr
from features.volatility_fits import Constants, Floats, Returns, each_symbol, mean_ahead, per_symbol

# Two regimes count as such when their deviations differ at least so much.
MIN_REGIME_RATIO = 1.1
EDGE = 1e-9  # of the probabilities: no regime is for ever
NAMES = {2: ("calm", "turbulent"), 3: ("calm", "middle", "turbulent")}
COUNTS = {2: "two", 3: "three"}
# Where the fits begin, for returns of deviation 1: p[i->j] by column j but the last, mean, variances.
STARTS = {
    2: (0.97, 0.05, 0.0, 0.5, 2.0),
    3: (0.97, 0.02, 0.01, 0.02, 0.96, 0.04, 0.0, 0.3, 1.0, 3.0),
}


def fit_regimes(returns: Returns, last: int, states: int = 2) -> Constants:
    """Constants of two or three regimes of variance with one mean, by statsmodels on the `last` returns.

    mu and {regime}_sigma; of two regimes stay_calm and stay_turbulent, of three {regime}_to_{other}. A fit by
    MarkovRegression without convergence, or with two deviations that differ by less than 10 %, is refused: it would
    call noise a regime. The latest fits are remembered, since two families ask for the same.
    """
    frozen = tuple((symbol, np.asarray(values, np.float64).tobytes()) for symbol, values in returns.items())
    return {name: dict(values) for name, values in _fit(frozen, last, states).items()}


@lru_cache(maxsize=4)
def _fit(frozen: tuple[tuple[str, bytes], ...], last: int, states: int) -> Constants:
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    def one(x: Floats, scale: float, symbol: str) -> dict[str, float]:
        model = MarkovRegression(x[-last:], k_regimes=states, trend="c", switching_trend=False, switching_variance=True)
        with warnings.catch_warnings():  # what they would say is checked below
            warnings.simplefilter("ignore")
            result = model.fit(start_params=list(STARTS[states]), em_iter=20, disp=False)
        named = dict(zip(model.param_names, (float(value) for value in result.params), strict=True))
        found = [float(np.sqrt(max(named[f"sigma2[{i}]"], 0.0))) for i in range(states)]
        order = [int(i) for i in np.argsort(found)]
        sigma = [found[i] for i in order]
        distinct = sigma[0] > 0.0 and all(high > MIN_REGIME_RATIO * low for low, high in pairwise(sigma))
        if not result.mle_retvals["converged"] or not distinct:
            raise ValueError(
                f"features.volatility: the returns of {symbol} must show {COUNTS[states]} regimes of variance, was a "
                f"fit with deviations {', '.join(f'{each * scale:.2g}' for each in sigma)} (converged: "
                f"{result.mle_retvals['converged']}); take regime out of features.volatility.models, ask for fewer "
                "regimes, or lengthen the training part"
            )
        chain = np.empty((states, states))  # from, to
        for i in range(states):
            for j in range(states - 1):
                chain[i, j] = named[f"p[{i}->{j}]"]
            chain[i, -1] = 1.0 - chain[i, :-1].sum()
        chain = np.clip(chain[np.ix_(order, order)], EDGE, 1.0 - EDGE)
        chain /= chain.sum(axis=1, keepdims=True)
        constants = {"mu": named["const"] * scale}
        constants |= {f"{name}_sigma": value * scale for name, value in zip(NAMES[states], sigma, strict=True)}
        if states == 2:
            return constants | {"stay_calm": float(chain[0, 0]), "stay_turbulent": float(chain[1, 1])}
        return constants | {
            f"{a}_to_{b}": float(chain[i, j]) for i, a in enumerate(NAMES[3]) for j, b in enumerate(NAMES[3]) if i != j
        }

    return each_symbol({symbol: np.frombuffer(values) for symbol, values in frozen}, "regime", one)


def turbulent_probability(ret: Expr, constants: Constants) -> Expr:
    """P(turbulent | returns so far) by Hamilton's (1989) filter of two regimes of variance, 0 to 1."""
    return Expr("turbulent_probability", (ret,), constants)


def three_probabilities(ret: Expr, constants: Constants) -> tuple[Expr, Expr, Expr]:
    """P(calm), P(middle), P(turbulent), given the returns so far, by Hamilton's (1989) filter; each 0 to 1, sum 1."""
    calm, middle, turbulent = (Expr("regime_probability", (ret,), {**constants, "output": i}) for i in range(3))
    return calm, middle, turbulent


def regime_horizon(probability: Expr, constants: Constants, horizon: int) -> Expr:
    """mean of E[variance] over the next `horizon` bars by the two regimes' chain (Hamilton 1994, eq. 22.2).

    `probability` is that of the present bar's turbulence. Unit: squared fraction of price.
    """
    calm, turbulent = constants["calm_sigma"], constants["turbulent_sigma"]
    leave = {s: 1.0 - stay for s, stay in constants["stay_calm"].items()}
    memory = {s: constants["stay_calm"][s] + constants["stay_turbulent"][s] - 1.0 for s in leave}
    first = per_symbol(leave) + per_symbol(memory) * probability
    mean = mean_ahead(first, leave, memory, horizon)
    difference = {s: turbulent[s] ** 2 - calm[s] ** 2 for s in calm}
    return per_symbol({s: value**2 for s, value in calm.items()}) + per_symbol(difference) * mean


def three_regime_horizon(probabilities: tuple[Expr, Expr, Expr], constants: Constants, horizon: int) -> Expr:
    """mean of E[variance] over the next `horizon` bars: p P^i sigma^2, i = 1 .. horizon (Hamilton 1994, eq. 22.2).

    probabilities: of the present bar's regime. Unit: squared fraction of price.
    """
    ahead = {s: _mean_variances({n: v[s] for n, v in constants.items()}, horizon) for s in constants["mu"]}
    calm, middle, turbulent = (
        per_symbol({s: float(values[i]) for s, values in ahead.items()}) * probability
        for i, probability in enumerate(probabilities)
    )
    return calm + middle + turbulent


def _mean_variances(c: dict[str, float], horizon: int) -> Floats:
    """Mean variance of the next `horizon` bars from each of three regimes, (3,)."""
    chain = np.array([[c.get(f"{a}_to_{b}", 0.0) for b in NAMES[3]] for a in NAMES[3]])
    chain /= np.maximum(chain.sum(axis=1, keepdims=True), 1.0)  # as the kernel does
    np.fill_diagonal(chain, 1.0 - chain.sum(axis=1))
    variances = np.array([c[f"{name}_sigma"] ** 2 for name in NAMES[3]])
    total = np.zeros(3)
    for _ in range(horizon):
        variances = chain @ variances
        total += variances
    return np.asarray(total / horizon)
