"""Volatility forecast by models: constants fitted on the training returns by libraries, recursions in the engine.

Every fit takes log returns by symbol, scales each to standard deviation 1 (in raw units many fits stop short of the
optimum), scales the constants back, and adds "*", the medians, for symbols never seen. The fits are deterministic. A
fit that fails is a ValueError that names symbol, model and remedy; no other constants take its place in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import erf, exp, pi, sqrt
from typing import Any, Literal

import numpy as np
from numpy.polynomial import chebyshev

from features.expression import Expr, maximum, minimum
from features.volatility_fits import Constants, Floats, Returns, each_symbol, mean_ahead, per_symbol
from features.volatility_ranges import LEAST, log_root, mean_square
from features.volatility_regimes import fit_regimes

Models = dict[str, Constants]

OPTIONAL = ("gjr", "egarch", "regime", "har")
# Of the polynomial in ln h that forecasts EGARCH to the horizon, and how far from its centre it reaches.
EGARCH_DEGREE = 8
EGARCH_RANGE = 5.0


def fit(
    models: Sequence[str], returns: Returns, windows: Sequence[int], horizon: int, regimes: int, regime_bars: int
) -> Models:
    """Constants of GARCH(1,1) and of each model in `models`. Raises ValueError where a fit fails."""
    fitted = {"garch": fit_garch(returns)}
    for name in models:
        if name == "gjr":
            fitted[name] = fit_gjr(returns)
        elif name == "egarch":
            fitted[name] = fit_egarch(returns)
        elif name == "regime":
            fitted[name] = fit_regimes(returns, regime_bars, regimes)
        elif name == "har":
            fitted[name] = fit_har(returns, windows, horizon)
    return fitted


def fit_garch(returns: Returns) -> Constants:
    """GARCH(1,1) constants mu, omega, alpha, beta, start by `arch` (maximum likelihood, normal shocks)."""
    return each_symbol(returns, "GARCH", lambda x, scale, symbol: _linear(_arch(x, symbol, "GARCH", o=0), scale))


def fit_gjr(returns: Returns) -> Constants:
    """GJR-GARCH(1,1,1) constants mu, omega, alpha, gamma, beta, start by `arch`."""
    return each_symbol(returns, "GJR", lambda x, scale, symbol: _linear(_arch(x, symbol, "GJR", o=1), scale))


def fit_egarch(returns: Returns) -> Constants:
    """EGARCH(1,1,1) constants mu, omega, alpha, gamma, beta, start by `arch`."""

    def one(x: Floats, scale: float, symbol: str) -> dict[str, float]:
        constants = _linear(_arch(x, symbol, "EGARCH", o=1), scale)
        # ln h of returns in raw units is that of scaled ones + 2 ln scale
        omega = constants["omega"] / scale**2 + (1.0 - constants["beta"]) * 2.0 * float(np.log(scale))
        return constants | {"omega": omega}

    return each_symbol(returns, "EGARCH", one)


def fit_har(returns: Returns, windows: Sequence[int], horizon: int) -> Constants:
    """Coefficients of the logarithmic HAR by least squares: ln RV(next horizon) on 1 and ln RV(window) of each window.

    intercept, and `b{window}` each. RV is the root mean square of returns, at least LEAST.
    """

    def one(x: Floats, scale: float, symbol: str) -> dict[str, float]:
        raw = x * scale
        first, n = max(windows), len(raw)
        rows = n - first - horizon + 1
        if rows < 10 * (len(windows) + 1):
            raise ValueError(
                f"features.volatility: HAR needs at least {first + horizon + 10 * (len(windows) + 1) - 1} returns of "
                f"{symbol} in the training part, was {n}; lengthen it, or shorten realised_bars"
            )
        design = np.ones((rows, len(windows) + 1))
        for column, window in enumerate(windows, 1):
            design[:, column] = _log_realised(raw, window)[first - window :][:rows]
        target = _log_realised(raw, horizon)[first:]
        solution, _, rank, _ = np.linalg.lstsq(design, target)
        if rank < design.shape[1]:
            raise ValueError(
                f"features.volatility: the realised volatilities of {symbol} must vary apart from each other, was rank "
                f"{rank} of {design.shape[1]}; take har out of features.volatility.models, or spread realised_bars"
            )
        names = ["intercept", *(f"b{window}" for window in windows)]
        return dict(zip(names, (float(value) for value in solution), strict=True))

    return each_symbol(returns, "HAR", one)


def gjr(ret: Expr, constants: Constants) -> Expr:
    """h' = omega + (alpha + gamma [r < mu]) (r - mu)^2 + beta h: GJR-GARCH variance forecast for the next bar.

    Glosten, Jagannathan and Runkle (1993); starts from h = start. Unit: squared fraction of price.
    """
    return Expr("gjr", (ret,), constants)


def egarch(ret: Expr, constants: Constants) -> Expr:
    """ln h' = omega + alpha (|z| - sqrt(2/pi)) + gamma z + beta ln h: EGARCH variance forecast for the next bar.

    z = (r - mu) / sqrt(h), within 20 deviations (Nelson 1991); starts from h = start. Unit: squared fraction of price.
    """
    return Expr("egarch", (ret,), constants)


def garch_horizon(variance: Expr, constants: Constants, horizon: int) -> Expr:
    """mean of E[h] over the next `horizon` bars, from h' and E[h_{i+1}] = omega + (alpha + gamma/2 + beta) E[h_i].

    The closed form of GARCH (gamma absent) and, for symmetric shocks, GJR; `variance` is the forecast for the next bar.
    """
    gamma = constants.get("gamma", {})
    persistence = {
        s: constants["alpha"][s] + gamma.get(s, 0.0) / 2.0 + constants["beta"][s] for s in constants["omega"]
    }
    return mean_ahead(variance, constants["omega"], persistence, horizon)


def log_egarch_horizon(log_variance: Expr, constants: Constants, horizon: int) -> Expr:
    """ln of the mean of E[h] over the next `horizon` bars of EGARCH with normal shocks, from ln h', exact in form.

    E[h_i] = h'^(beta^(i-1)) exp(omega sum_j beta^j) prod_j E[exp(beta^j g)], j < i - 1, with the closed form of
    E[exp(b g)], g = alpha (|z| - sqrt(2/pi)) + gamma z (Nelson 1991, theorem A1.2). ln of the mean is smooth in ln h':
    a polynomial takes its place, exact to 1e-8 relative for 10 bars and 1e-3 for 1,000, within e^5 times either way of
    the variance to which the model returns; farther out that bound counts.
    """
    fits = {s: _egarch_polynomial({n: values[s] for n, values in constants.items()}, horizon) for s in constants["mu"]}
    centre = per_symbol({s: fit[0] for s, fit in fits.items()})
    u = maximum(minimum((log_variance - centre) / EGARCH_RANGE, 1.0), -1.0)
    degree = len(next(iter(fits.values()))[1]) - 1
    total = per_symbol({s: fit[1][degree] for s, fit in fits.items()})
    for power in range(degree - 1, -1, -1):
        total = total * u + per_symbol({s: fit[1][power] for s, fit in fits.items()})
    return total


def egarch_log_mean(log_variance: Floats, c: dict[str, float], horizon: int) -> Floats:
    """ln of the mean of E[h_1] .. E[h_horizon] for each ln h_1, by the closed form; c: the constants of one symbol."""
    beta_power, shift = 1.0, 0.0  # E[h_i] = exp(shift + beta_power ln h_1)
    terms = []
    for _ in range(horizon):
        terms.append(shift + beta_power * log_variance)
        shift = shift + c["omega"] * beta_power + _log_mean_exp(beta_power, c["alpha"], c["gamma"])
        beta_power *= c["beta"]
    return np.asarray(np.logaddexp.reduce(terms, axis=0) - np.log(horizon))


def _log_mean_exp(b: float, alpha: float, gamma: float) -> float:
    """ln E[exp(b g(z))] for standard normal z: the two half-lines of |z| apart."""
    half = [exp(a * a / 2.0) * (1.0 + erf(a / sqrt(2.0))) / 2.0 for a in (b * (alpha + gamma), b * (alpha - gamma))]
    return float(np.log(sum(half)) - b * alpha * sqrt(2.0 / pi))


def _egarch_polynomial(c: dict[str, float], horizon: int) -> tuple[float, list[float]]:
    """Centre of ln h, and the coefficients in (ln h - centre) / EGARCH_RANGE, lowest power first."""
    centre = c["omega"] / (1.0 - c["beta"]) if c["beta"] < 1.0 else float(np.log(c["start"]))
    u = chebyshev.chebpts1(EGARCH_DEGREE + 1)
    fitted = chebyshev.chebfit(u, egarch_log_mean(centre + EGARCH_RANGE * u, c, horizon), EGARCH_DEGREE)
    return centre, [float(x) for x in chebyshev.cheb2poly(fitted)]


def log_har(ret: Expr, constants: Constants, windows: Sequence[int]) -> Expr:
    """intercept + sum of b ln RV(window): ln of the realised volatility of the next horizon.

    HAR (Corsi 2009, Journal of Financial Econometrics 7) in logarithms, RV = root mean square of returns. It is the
    median rather than the mean of a log-normal forecast. Warm-up: the longest window.
    """
    total = per_symbol(constants["intercept"])
    for window in windows:
        total = total + per_symbol(constants[f"b{window}"]) * log_root(mean_square(ret, window))
    return total


def _log_realised(values: Floats, window: int) -> Floats:
    """ln of the root mean square of each `window` neighbours; the first result ends at value window - 1."""
    mean = np.lib.stride_tricks.sliding_window_view(values * values, window).mean(axis=1)
    return np.asarray(np.log(np.maximum(np.sqrt(mean), LEAST)))


def _arch(x: Floats, symbol: str, model: str, o: int) -> Any:
    """The fit by `arch`, refused unless it converged."""
    from arch import arch_model

    vol: Literal["EGARCH", "GARCH"] = "EGARCH" if model == "EGARCH" else "GARCH"
    result = arch_model(x, mean="Constant", vol=vol, p=1, o=o, q=1, rescale=False).fit(
        disp="off", show_warning=False, options={"maxiter": 500}
    )
    if result.convergence_flag:
        remedy = f" or take {model.lower()} out of features.volatility.models" if model.lower() in OPTIONAL else ""
        raise ValueError(
            f"features.volatility: the {model} fit of {symbol} must converge, was flag {result.convergence_flag}; "
            f"check the bars for outliers{remedy}"
        )
    return result


def _linear(result: Any, scale: float) -> dict[str, float]:
    """The constants of a fit by `arch` in raw units, variances being linear in them."""
    fitted = result.params
    # the recursion starts from the variance with which arch starts (its backcast), so both give the same series
    start = float(np.asarray(result.conditional_volatility)[0]) ** 2
    constants = {
        "mu": float(fitted["mu"]) * scale,
        "omega": float(fitted["omega"]) * scale**2,
        "alpha": float(fitted["alpha[1]"]),
        "beta": float(fitted["beta[1]"]),
        "start": start * scale**2,
    }
    return constants | ({"gamma": float(fitted["gamma[1]"])} if "gamma[1]" in fitted else {})
