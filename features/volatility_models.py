"""Volatility forecast by models: constants fitted on the training returns by libraries, recursions in the engine.

Every fit takes log returns by symbol, scales each to standard deviation 1 (in raw units many fits stop short of the
optimum), scales the constants back, and adds "*", the medians, for symbols never seen. The fits are deterministic. A
fit that fails is a ValueError that names symbol, model and remedy; no other constants take its place in silence.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from features.expression import Expr, maximum
from features.volatility_ranges import root_mean_square

Floats = NDArray[np.float64]
Returns = Mapping[str, Floats]
# value by parameter, then by symbol
Constants = dict[str, dict[str, float]]
Models = dict[str, Constants]

OPTIONAL = ("gjr", "egarch", "regime", "har")
MIN_RETURNS = 100
# Two regimes count as such when their deviations differ at least so much.
MIN_REGIME_RATIO = 1.1
# Smallest realised volatility of a window: below, its logarithm says nothing.
FLOOR = 1e-8


def fit(models: Sequence[str], returns: Returns, windows: Sequence[int], horizon: int, regime_bars: int) -> Models:
    """Constants of GARCH(1,1) and of each model in `models`. Raises ValueError where a fit fails."""
    fitted = {"garch": fit_garch(returns)}
    for name in models:
        if name == "gjr":
            fitted[name] = fit_gjr(returns)
        elif name == "egarch":
            fitted[name] = fit_egarch(returns)
        elif name == "regime":
            fitted[name] = fit_regimes(returns, regime_bars)
        elif name == "har":
            fitted[name] = fit_har(returns, windows, horizon)
    return fitted


def fit_garch(returns: Returns) -> Constants:
    """GARCH(1,1) constants mu, omega, alpha, beta, start by `arch` (maximum likelihood, normal shocks)."""
    return _each(returns, "GARCH", lambda x, scale, symbol: _linear(_arch(x, symbol, "GARCH", o=0), scale))


def fit_gjr(returns: Returns) -> Constants:
    """GJR-GARCH(1,1,1) constants mu, omega, alpha, gamma, beta, start by `arch`."""
    return _each(returns, "GJR", lambda x, scale, symbol: _linear(_arch(x, symbol, "GJR", o=1), scale))


def fit_egarch(returns: Returns) -> Constants:
    """EGARCH(1,1,1) constants mu, omega, alpha, gamma, beta, start by `arch`."""

    def one(x: Floats, scale: float, symbol: str) -> dict[str, float]:
        constants = _linear(_arch(x, symbol, "EGARCH", o=1), scale)
        # ln h of returns in raw units is that of scaled ones + 2 ln scale
        omega = constants["omega"] / scale**2 + (1.0 - constants["beta"]) * 2.0 * float(np.log(scale))
        return constants | {"omega": omega}

    return _each(returns, "EGARCH", one)


def fit_regimes(returns: Returns, last: int) -> Constants:
    """Constants of two regimes of variance with one mean, by MarkovRegression of statsmodels on the `last` returns.

    mu, calm_sigma < turbulent_sigma, stay_calm, stay_turbulent. A fit without convergence, or whose two deviations
    differ by less than 10 %, is refused: it would call noise a regime.
    """
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    def one(x: Floats, scale: float, symbol: str) -> dict[str, float]:
        model = MarkovRegression(x[-last:], k_regimes=2, trend="c", switching_trend=False, switching_variance=True)
        with warnings.catch_warnings():  # what they would say is checked below
            warnings.simplefilter("ignore")
            result = model.fit(start_params=[0.97, 0.05, 0.0, 0.5, 2.0], em_iter=20, disp=False)
        named = dict(zip(model.param_names, (float(value) for value in result.params), strict=True))
        stay = (named["p[0->0]"], 1.0 - named["p[1->0]"])
        sigma = tuple(float(np.sqrt(max(named[f"sigma2[{i}]"], 0.0))) for i in range(2))
        calm = int(sigma[1] < sigma[0])
        low, high = sigma[calm], sigma[1 - calm]
        if not result.mle_retvals["converged"] or not high > MIN_REGIME_RATIO * low > 0.0:
            raise ValueError(
                f"features.volatility: the returns of {symbol} must show two regimes of variance, was a fit with "
                f"deviations {low * scale:.2g} and {high * scale:.2g} (converged: {result.mle_retvals['converged']}); "
                "take regime out of features.volatility.models, or lengthen the training part"
            )
        edge = 1e-9  # of the probabilities: neither regime is for ever
        return {
            "mu": named["const"] * scale,
            "calm_sigma": low * scale,
            "turbulent_sigma": high * scale,
            "stay_calm": min(max(stay[calm], edge), 1.0 - edge),
            "stay_turbulent": min(max(stay[1 - calm], edge), 1.0 - edge),
        }

    return _each(returns, "regime", one)


def fit_har(returns: Returns, windows: Sequence[int], horizon: int) -> Constants:
    """Coefficients of the logarithmic HAR by least squares: ln RV(next horizon) on 1 and ln RV(window) of each window.

    intercept, and `b{window}` each. RV is the root mean square of returns, at least FLOOR.
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

    return _each(returns, "HAR", one)


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


def turbulent_probability(ret: Expr, constants: Constants) -> Expr:
    """P(turbulent | returns so far) by Hamilton's (1989) filter of two regimes of variance, 0 to 1."""
    return Expr("turbulent_probability", (ret,), constants)


def garch_horizon(variance: Expr, constants: Constants, horizon: int) -> Expr:
    """mean of E[h] over the next `horizon` bars, from h' and E[h_{i+1}] = omega + (alpha + gamma/2 + beta) E[h_i].

    The closed form of GARCH (gamma absent) and, for symmetric shocks, GJR; `variance` is the forecast for the next bar.
    """
    gamma = constants.get("gamma", {})
    persistence = {
        s: constants["alpha"][s] + gamma.get(s, 0.0) / 2.0 + constants["beta"][s] for s in constants["omega"]
    }
    return _mean_ahead(variance, constants["omega"], persistence, horizon)


def regime_horizon(probability: Expr, constants: Constants, horizon: int) -> Expr:
    """mean of E[variance] over the next `horizon` bars by the two regimes' chain (Hamilton 1994, eq. 22.2).

    `probability` is that of the present bar's turbulence. Unit: squared fraction of price.
    """
    calm, turbulent = constants["calm_sigma"], constants["turbulent_sigma"]
    leave = {s: 1.0 - stay for s, stay in constants["stay_calm"].items()}
    memory = {s: constants["stay_calm"][s] + constants["stay_turbulent"][s] - 1.0 for s in leave}
    first = _per_symbol(leave) + _per_symbol(memory) * probability
    mean = _mean_ahead(first, leave, memory, horizon)
    difference = {s: turbulent[s] ** 2 - calm[s] ** 2 for s in calm}
    return _per_symbol({s: value**2 for s, value in calm.items()}) + _per_symbol(difference) * mean


def har(ret: Expr, constants: Constants, windows: Sequence[int]) -> Expr:
    """exp(intercept + sum of b ln RV(window)): realised volatility of the next horizon, fraction of price a bar.

    HAR (Corsi 2009, Journal of Financial Econometrics 7) in logarithms, RV = root mean square of returns. It is the
    median rather than the mean of a log-normal forecast. Warm-up: the longest window.
    """
    total = _per_symbol(constants["intercept"])
    for window in windows:
        level = maximum(root_mean_square(ret, window), FLOOR).log()
        total = total + _per_symbol(constants[f"b{window}"]) * level
    return total.exp()


def _per_symbol(values: Mapping[str, float]) -> Expr:
    return Expr("constant", (), {"value": values})


def _mean_ahead(first: Expr, shift: Mapping[str, float], factor: Mapping[str, float], horizon: int) -> Expr:
    """The mean of x_1 .. x_horizon where x_1 is `first` and x_{i+1} = shift + factor x_i: linear in x_1."""
    constant, slope = {}, {}
    for symbol, k in factor.items():
        powers = k ** np.arange(horizon)
        slope[symbol] = float(powers.mean())
        constant[symbol] = shift[symbol] * float(np.concatenate([[0.0], powers.cumsum()[:-1]]).mean())
    return _per_symbol(constant) + _per_symbol(slope) * first


def _log_realised(values: Floats, window: int) -> Floats:
    """ln of the root mean square of each `window` neighbours; the first result ends at value window - 1."""
    mean = np.lib.stride_tricks.sliding_window_view(values * values, window).mean(axis=1)
    return np.asarray(np.log(np.maximum(np.sqrt(mean), FLOOR)))


def _each(returns: Returns, model: str, one: Any) -> Constants:
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
