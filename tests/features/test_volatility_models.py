"""The fitted models against the libraries that fit them: arch, statsmodels; closed forms against plain recursion."""

from __future__ import annotations

import numpy as np
import pytest
from arch import arch_model
from arch.data import nasdaq, sp500
from scipy.stats import norm
from statsmodels.api import OLS, add_constant
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from features import bar
from features.expression import Expr
from features.graph import to_data
from features.volatility import VolatilityParams, expressions, fit_models, log_return
from features.volatility_models import (
    EGARCH_RANGE,
    egarch,
    egarch_log_mean,
    fit_egarch,
    fit_garch,
    fit_gjr,
    fit_har,
    garch_horizon,
    gjr,
    log_egarch_horizon,
    log_har,
)
from features.volatility_regimes import (
    NAMES,
    fit_regimes,
    regime_horizon,
    three_probabilities,
    three_regime_horizon,
    turbulent_probability,
)
from inference import Graph

DAY = 86_400_000_000
TRAIN = 3000
H = 10


def bars_of(close: np.ndarray):
    columns = dict.fromkeys(("open", "high", "low", "close"), close)
    return {**columns, "volume": np.ones_like(close)}, np.arange(len(close), dtype=np.int64) * DAY


@pytest.fixture(scope="module", params=[sp500, nasdaq], ids=["SPX", "NASDAQ"])
def close(request) -> np.ndarray:
    return request.param.load()["Close"].to_numpy(float)


def compute(expr: Expr, close: np.ndarray, symbol: str = "X") -> np.ndarray:
    return Graph(to_data({"out": expr}, ["out"], DAY), symbol).run(*bars_of(close))["out"]


def returns_of(close: np.ndarray) -> np.ndarray:
    return np.diff(np.log(close))


def by_arch(x: np.ndarray, vol: str, o: int):
    model = arch_model(x / x.std(), mean="Constant", vol=vol, p=1, o=o, q=1, rescale=False)
    return model.fit(disp="off", options={"maxiter": 500})


@pytest.mark.parametrize(
    ("vol", "fit", "recursion"), [("GARCH", fit_gjr, gjr), ("EGARCH", fit_egarch, egarch)], ids=["GJR", "EGARCH"]
)
def test_asymmetric_recursions_equal_arch(close, vol, fit, recursion) -> None:
    """Fitted on 3,000 returns; the same conditional variances inside, and one step ahead at the end."""
    r = returns_of(close)[:TRAIN]
    ours = compute(recursion(log_return(), fit({"X": r})), close)
    fitted = by_arch(r, vol, 1)
    theirs = np.asarray(fitted.conditional_volatility) ** 2 * r.var()
    # the bar of return i forecasts return i + 1
    np.testing.assert_allclose(ours[1:TRAIN], theirs[1:], rtol=1e-9)
    ahead = fitted.forecast(horizon=1, reindex=False).variance.to_numpy()[0, 0] * r.var()
    assert ours[TRAIN] == pytest.approx(ahead, rel=1e-9)


@pytest.mark.parametrize(("fit", "o"), [(fit_garch, 0), (fit_gjr, 1)], ids=["GARCH", "GJR"])
@pytest.mark.parametrize("horizon", [1, 10, 100])
def test_forecasts_to_the_horizon_equal_arch(close, fit, o, horizon) -> None:
    r = returns_of(close)[:TRAIN]
    constants = fit({"X": r})
    variance = gjr(log_return(), constants) if o else log_return().garch(**constants)
    ours = compute(garch_horizon(variance, constants, horizon), close)
    forecast = by_arch(r, "GARCH", o).forecast(horizon=horizon, start=TRAIN - 200, reindex=False)
    theirs = forecast.variance.to_numpy().mean(axis=1) * r.var()
    np.testing.assert_allclose(ours[TRAIN - 199 : TRAIN + 1], theirs, rtol=1e-9)


def test_the_egarch_forecast_to_the_horizon_equals_the_simulation_of_arch(close) -> None:
    """20,000 paths of arch from each of 20 bars: within 2 % each, and without bias beyond half a percent."""
    r = returns_of(close)[:TRAIN]
    constants = fit_egarch({"X": r})
    ours = np.exp(compute(log_egarch_horizon(egarch(log_return(), constants).log(), constants, H), close))
    generator = np.random.RandomState(5)
    ahead = by_arch(r, "EGARCH", 1).forecast(
        horizon=H,
        start=TRAIN - 20,
        method="simulation",
        simulations=20_000,
        rng=generator.standard_normal,
        reindex=False,
    )
    ratio = ours[TRAIN - 19 : TRAIN + 1] / (ahead.variance.to_numpy().mean(axis=1) * r.var())
    np.testing.assert_allclose(ratio, 1.0, atol=0.02)
    assert ratio.mean() == pytest.approx(1.0, abs=0.005)


def test_the_closed_form_of_egarch_equals_quadrature() -> None:
    """Two steps ahead by the trapezoid rule: E[h_2] = E[exp(omega + g(z) + beta ln h_1)], with the kink of |z| at 0."""
    c = {"omega": -0.3, "alpha": 0.15, "gamma": -0.1, "beta": 0.97}
    z = np.linspace(-12, 12, 400_001)
    g = c["alpha"] * (np.abs(z) - np.sqrt(2 / np.pi)) + c["gamma"] * z
    x = -9.0
    second = np.trapezoid(np.exp(c["omega"] + g + c["beta"] * x) * norm.pdf(z), z)
    ours = egarch_log_mean(np.array([x]), c, 2)[0]
    assert ours == pytest.approx(np.log((np.exp(x) + second) / 2), abs=1e-9)


@pytest.mark.parametrize(("horizon", "tolerance"), [(1, 1e-12), (10, 1e-8), (100, 1e-4), (1000, 1e-3)])
def test_the_polynomial_of_the_egarch_forecast_is_as_exact_as_it_says(close, horizon, tolerance) -> None:
    constants = fit_egarch({"X": returns_of(close)[:TRAIN]})
    c = {name: values["X"] for name, values in constants.items()}
    centre = c["omega"] / (1 - c["beta"])
    log_variance = np.linspace(centre - EGARCH_RANGE, centre + EGARCH_RANGE, 500)
    ours = compute(log_egarch_horizon(bar("close").log(), constants, horizon), np.exp(log_variance), "X")
    np.testing.assert_allclose(ours, egarch_log_mean(log_variance, c, horizon), atol=tolerance)


def test_an_egarch_shock_counts_up_to_20_deviations() -> None:
    """After one bar of 40 deviations: ln h' = omega + alpha (20 - sqrt(2/pi)) - 20 gamma + beta ln h."""
    constants = {
        name: {"*": value}
        for name, value in {
            "mu": 0.0,
            "omega": -0.1,
            "alpha": 0.1,
            "gamma": -0.05,
            "beta": 0.99,
            "start": 1e-4,
        }.items()
    }
    out = compute(egarch(log_return(), constants), np.exp(np.array([0.0, -0.4])))
    expected = -0.1 + 0.1 * (20 - np.sqrt(2 / np.pi)) + 0.05 * 20 + 0.99 * np.log(1e-4)
    assert np.log(out[1]) == pytest.approx(expected)


@pytest.mark.parametrize("recursion", ["garch", "gjr", "egarch", "turbulent_probability", "regime_probability"])
def test_no_input_blows_up_a_recursion(recursion) -> None:
    """Returns of 1e300, then ordinary ones: finite throughout, and it recovers."""
    values = {
        "garch": {"mu": 0, "omega": 1e-6, "alpha": 0.05, "beta": 0.9, "start": 1e-4},
        "gjr": {"mu": 0, "omega": 1e-6, "alpha": 0.0, "gamma": 0.1, "beta": 0.5, "start": 1e-4},
        "egarch": {"mu": 0, "omega": -0.1, "alpha": 0.2, "gamma": -0.1, "beta": 0.98, "start": 1e-4},
        "turbulent_probability": {
            "mu": 0,
            "calm_sigma": 0.02,
            "turbulent_sigma": 0.02,  # where the odds are 0 times infinity if nothing bounds them
            "stay_calm": 0.99,
            "stay_turbulent": 0.9,
        },
        "regime_probability": {
            "mu": 0,
            "calm_sigma": 0.01,
            "middle_sigma": 0.02,
            "turbulent_sigma": 0.02,
            "calm_to_middle": 0.01,
            "calm_to_turbulent": 0.0,
            "middle_to_calm": 0.01,
            "middle_to_turbulent": 0.01,
            "turbulent_to_calm": 0.0,
            "turbulent_to_middle": 0.05,
            "output": 2,
        },
    }[recursion]
    extreme = Expr(recursion, ((bar("close") - 1.0) * -1e300,), values)
    out = compute(extreme, np.array([1.0, 2.0, 1.0, 3.0, *[1.0] * 3000]))
    assert np.isfinite(out).all()
    usual = compute(extreme, np.ones(3000))
    assert out[-1] == pytest.approx(usual[-1], rel=1e-6)


def our_filter(constants: dict[str, dict[str, float]], x: np.ndarray) -> tuple[MarkovRegression, np.ndarray]:
    """The model of statsmodels with our constants, state 1 being the turbulent one."""
    model = MarkovRegression(x, k_regimes=2, trend="c", switching_trend=False, switching_variance=True)
    c = {name: value["X"] for name, value in constants.items()}
    return model, np.array(
        [c["stay_calm"], 1 - c["stay_turbulent"], c["mu"], c["calm_sigma"] ** 2, c["turbulent_sigma"] ** 2]
    )


def test_the_regime_filter_equals_statsmodels(close) -> None:
    """Constants fitted on 3,000 returns, filtered over all of them."""
    r = returns_of(close)
    constants = fit_regimes({"X": r[:TRAIN]}, 10_000)
    model, values = our_filter(constants, r)
    theirs = model.filter(values).filtered_marginal_probabilities[:, 1]
    ours = compute(turbulent_probability(log_return(), constants), close)
    np.testing.assert_allclose(ours[1:], theirs, rtol=1e-8, atol=1e-12)
    assert constants["turbulent_sigma"]["X"] > constants["calm_sigma"]["X"]


def test_the_regime_fit_is_the_best_that_statsmodels_finds(close) -> None:
    """From its own start values, which are other than ours, and on the latest returns alone."""
    x = returns_of(close)[:TRAIN]
    constants = fit_regimes({"X": x}, 2000)
    model, values = our_filter(constants, x[-2000:])
    scaled = x[-2000:] / x.std()
    own = MarkovRegression(scaled, k_regimes=2, trend="c", switching_trend=False, switching_variance=True)
    best = own.fit(disp=False).llf - 2000 * np.log(x.std())
    assert model.loglike(values) == pytest.approx(best, abs=0.01)


def test_the_turbulent_state_is_the_wilder_one_wherever_the_fit_puts_it(close, monkeypatch) -> None:
    r = {"X": returns_of(close)[:1500]}
    usual = fit_regimes(r, 10_000)
    original = MarkovRegression.fit

    def mirrored(self, start_params, **options):
        p00, p10, mu, first, second = start_params
        return original(self, start_params=[1 - p10, 1 - p00, mu, second, first], **options)

    monkeypatch.setattr(MarkovRegression, "fit", mirrored)
    for name, values in fit_regimes(r, 10_000).items():
        assert values["X"] == pytest.approx(usual[name]["X"], rel=0.02, abs=1e-5), name


def test_regimes_are_found_where_they_were_made() -> None:
    rng = np.random.default_rng(4)
    state = np.zeros(6000, bool)
    for t in range(1, 6000):
        state[t] = rng.random() < (0.96 if state[t - 1] else 0.01)
    r = rng.normal(0.0004, np.where(state, 0.02, 0.006))
    constants = fit_regimes({"X": r}, 10_000)
    assert constants["calm_sigma"]["X"] == pytest.approx(0.006, rel=0.05)
    assert constants["turbulent_sigma"]["X"] == pytest.approx(0.02, rel=0.05)
    assert constants["stay_calm"]["X"] == pytest.approx(0.99, abs=0.005)
    assert constants["stay_turbulent"]["X"] == pytest.approx(0.96, abs=0.02)


def test_the_regime_forecast_equals_the_powers_of_the_chain(close) -> None:
    constants = fit_regimes({"X": returns_of(close)[:TRAIN]}, 10_000)
    c = {name: value["X"] for name, value in constants.items()}
    chain = np.array([[c["stay_calm"], 1 - c["stay_calm"]], [1 - c["stay_turbulent"], c["stay_turbulent"]]])
    p = compute(turbulent_probability(log_return(), constants), close)[1:]
    now = np.column_stack([1 - p, p])
    variances = np.array([c["calm_sigma"], c["turbulent_sigma"]]) ** 2
    steps = [now @ np.linalg.matrix_power(chain, i) @ variances for i in range(1, H + 1)]
    probability = turbulent_probability(log_return(), constants)
    ours = compute(regime_horizon(probability, constants, H), close)[1:]
    np.testing.assert_allclose(ours, np.mean(steps, axis=0), rtol=1e-10)


@pytest.fixture(scope="module")
def three(close) -> dict[str, dict[str, float]]:
    """Three regimes fitted on 3,000 returns."""
    return fit_regimes({"X": returns_of(close)[:TRAIN]}, 10_000, 3)


def test_three_regimes_are_filtered_as_by_statsmodels(close, three) -> None:
    """And fitted better than two are, calm to turbulent, the probabilities summing to 1."""
    r = returns_of(close)
    c = {name: value["X"] for name, value in three.items()}
    model = MarkovRegression(r, k_regimes=3, trend="c", switching_trend=False, switching_variance=True)
    stay = {a: 1 - sum(c[f"{a}_to_{b}"] for b in NAMES[3] if b != a) for a in NAMES[3]}
    rows = {a: [stay[a] if a == b else c[f"{a}_to_{b}"] for b in NAMES[3]] for a in NAMES[3]}
    values = [rows[a][j] for j in range(2) for a in NAMES[3]]
    values += [c["mu"], *(c[f"{a}_sigma"] ** 2 for a in NAMES[3])]
    theirs = model.filter(np.array(values)).filtered_marginal_probabilities
    ours = np.column_stack([compute(each, close) for each in three_probabilities(log_return(), three)])[1:]
    np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours.sum(1), 1.0, rtol=1e-12)
    assert c["calm_sigma"] < c["middle_sigma"] < c["turbulent_sigma"]
    assert ours.max(0).min() > 0.9, "each has its days"

    chain, variances = np.array([rows[a] for a in NAMES[3]]), np.array([c[f"{a}_sigma"] ** 2 for a in NAMES[3]])
    steps = [ours @ np.linalg.matrix_power(chain, i) @ variances for i in range(1, H + 1)]
    ahead = compute(three_regime_horizon(three_probabilities(log_return(), three), three, H), close)[1:]
    np.testing.assert_allclose(ahead, np.mean(steps, axis=0), rtol=1e-10)


def test_three_regimes_are_features(close, three) -> None:
    p = VolatilityParams(implied="", models=("regime",), regimes=3)
    out = expressions(p, {"garch": fit_garch({"X": returns_of(close)[:TRAIN]}), "regime": three})
    assert {"turbulent_probability", "middle_probability", "regime_horizon_log"} <= set(out)
    assert np.isfinite(compute(out["regime_horizon_log"], close)[21:]).all()
    with pytest.raises(ValueError, match=r"regimes: must be a whole number in \[2, 3\], was 4"):
        VolatilityParams(regimes=4)


def test_har_equals_least_squares_of_statsmodels(close) -> None:
    """Coefficients from rows made one by one; the forecast is their line, for every bar."""
    r = returns_of(close)
    windows = (5, 22, 66)
    train = r[:TRAIN]

    def level(end: int, n: int) -> float:
        return 0.5 * np.log(np.mean(r[end - n : end] ** 2))  # of the n returns before `end`

    x = np.array([[level(t, n) for n in windows] for t in range(66, TRAIN - H + 1)])
    y = np.array([0.5 * np.log(np.mean(train[t : t + H] ** 2)) for t in range(66, TRAIN - H + 1)])
    fitted = OLS(y, add_constant(x)).fit()
    constants = fit_har({"X": train}, windows, H)
    ours = [constants[name]["X"] for name in ("intercept", "b5", "b22", "b66")]
    np.testing.assert_allclose(ours, fitted.params, rtol=1e-8)
    out = compute(log_har(log_return(), constants, windows), close)
    assert np.isnan(out[:66]).all()
    every = np.array([[level(t, n) for n in windows] for t in range(66, len(r) + 1)])
    np.testing.assert_allclose(out[66:], fitted.predict(add_constant(every)), rtol=1e-8)


def test_models_know_more_about_the_next_bars_than_the_past_average(close) -> None:
    """Fitted on 3,000 days, the forecasts of all models correlate with what the next ten days bring, out of sample."""
    r = returns_of(close)
    p = VolatilityParams(implied="")
    out = expressions(p, fit_models(p, {"X": r[:TRAIN]}))
    sigma = compute(out["sigma"], close)
    future = np.log([r[t : t + H].std() for t in range(TRAIN, len(r) - H)])
    slow = np.log(compute(log_return().rolling_std(250), close)[TRAIN:-H][: len(future)])
    for name in (
        "garch_horizon_log",
        "gjr_horizon_log",
        "egarch_log",
        "egarch_horizon_log",
        "regime_horizon_log",
        "har_horizon_log",
    ):
        forecast = (compute(out[name], close) + np.log(sigma))[TRAIN:-H][: len(future)]
        assert np.corrcoef(forecast, future)[0, 1] > np.corrcoef(slow, future)[0, 1] + 0.1, name


def test_symbols_have_their_own_constants_and_others_the_medians() -> None:
    both = {"X": returns_of(sp500.load()["Close"].to_numpy()), "Y": returns_of(nasdaq.load()["Close"].to_numpy())}
    p = VolatilityParams(implied="")
    for model, constants in fit_models(p, both).items():
        for name, values in constants.items():
            assert set(values) == {"X", "Y", "*"}, model
            assert values["X"] != values["Y"], (model, name)
            assert values["*"] == pytest.approx((values["X"] + values["Y"]) / 2)
    assert fit_models(p, both) == fit_models(p, both), "fits must be deterministic"


def test_models_can_be_left_out() -> None:
    r = {"X": returns_of(sp500.load()["Close"].to_numpy())}
    p = VolatilityParams(implied="", models=("har",))
    constants = fit_models(p, r)
    assert set(constants) == {"garch", "har"}
    names = set(expressions(p, constants))
    assert "har_horizon_log" in names
    assert not names & {"gjr_log", "gjr_horizon_log", "egarch_log", "turbulent_probability", "regime_horizon_log"}


def test_a_fit_that_cannot_be_trusted_is_refused_by_name() -> None:
    rng = np.random.default_rng(0)
    # quantiles of one normal in shuffled order: no regimes, no clustering
    plain = {"X": rng.permutation(norm.ppf((np.arange(500) + 0.5) / 500)) * 0.01}
    with pytest.raises(ValueError, match=r"returns of X must show two regimes of variance.*take regime out of"):
        fit_regimes(plain, 10_000)
    for fit, name in ((fit_gjr, "GJR"), (fit_egarch, "EGARCH"), (lambda r: fit_regimes(r, 500), "regime")):
        with pytest.raises(ValueError, match=f"{name} needs at least 100 varying returns of X"):
            fit({"X": rng.normal(size=50)})
        with pytest.raises(ValueError, match=f"{name} needs at least 100 varying returns of X"):
            fit({"X": np.zeros(200)})
    with pytest.raises(ValueError, match=r"HAR needs at least 115 returns of X .* was 110"):
        fit_har({"X": rng.normal(size=110)}, (5, 22, 66), 10)
    with pytest.raises(ValueError, match=r"realised volatilities of X must vary apart from each other"):
        fit_har({"X": np.tile([0.01, -0.01], 200) + 1e-3}, (2, 4), 10)


def test_a_fit_without_convergence_is_refused(monkeypatch) -> None:
    r = {"X": returns_of(sp500.load()["Close"].to_numpy()[:1000])}
    import features.volatility_models as models

    class Result:
        convergence_flag = 9

    class Model:
        def fit(self, **_):
            return Result()

    monkeypatch.setattr("arch.arch_model", lambda *_, **__: Model())
    for fit, name in ((models.fit_egarch, "EGARCH"), (models.fit_gjr, "GJR")):
        with pytest.raises(ValueError, match=rf"{name} fit of X must converge, was flag 9.*take {name.lower()} out"):
            fit(r)
    with pytest.raises(ValueError, match=r"GARCH fit of X must converge, was flag 9; check the bars for outliers$"):
        models.fit_garch(r)
