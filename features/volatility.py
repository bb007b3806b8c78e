"""Volatility: how far the price moves by itself, at several speeds, from closes, ranges, gaps and models.

Auxiliary outputs: `sigma` (EWMA forecast of the next bar's return standard deviation, fraction of price: the unit of
all distances; missing while the price stands still, when nothing should be labelled or decided in it), `garch_sigma`
(the GARCH forecast of the same), `atr` (price units), `seasonal_sigma` (sigma times the seasons of the bar to come).
Features are ratios to sigma, at least 1e-6 (SIGMA_FLOOR), so that one net serves symbols and eras of any level, and
are known and bounded in a standstill and after it. What is measured stands in volatility_ranges.py, what the clock says
in volatility_clock.py, what is fitted in volatility_models.py and volatility_regimes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features import volatility_models
from features.expression import Expr, as_of, bar, maximum, minimum, ratio
from features.scaling import held
from features.time_zones import check_zone
from features.volatility_clock import gap_variances, seasons
from features.volatility_fits import Constants
from features.volatility_models import (
    OPTIONAL,
    Models,
    egarch,
    garch_horizon,
    gjr,
    log_egarch_horizon,
    log_har,
)
from features.volatility_models import fit_garch as fit
from features.volatility_ranges import (
    MAX_RATIO,
    SIGMA_FLOOR,
    body,
    bollinger_width,
    capped_ratio,
    downside_share,
    gap,
    garman_klass,
    jump_share,
    keltner_width,
    log_ratio,
    log_return,
    log_root,
    log_volatility,
    mean_square,
    parkinson,
    rogers_satchell_variance,
    root_mean_square,
    true_range,
    yang_zhang_variance,
)
from features.volatility_regimes import (
    fit_regimes,
    regime_horizon,
    three_probabilities,
    three_regime_horizon,
    turbulent_probability,
)
from inference.checks import number_in, whole_in

AUXILIARY = ("sigma", "garch_sigma", "atr", "seasonal_sigma")
MAX_RETURN = 20.0  # deviations

__all__ = [
    "AUXILIARY",
    "VolatilityParams",
    "ewma_sigma",
    "expressions",
    "fit",
    "fit_models",
    "forecast",
    "garman_klass",
    "log_return",
    "measured",
    "parkinson",
    "true_range",
    "volatility_of_volatility",
]


@dataclass(frozen=True, slots=True)
class VolatilityParams:
    """Windows in bars; `models` are fitted besides GARCH; `implied` names a series in % a year ("" for none)."""

    atr_bars: int = 14
    window_bars: int = 20
    slow_bars: int = 100
    realised_bars: tuple[int, ...] = (5, 22, 66)
    ewma_decay: float = 0.94
    day_slots: int = 0
    week_slots: int = 7
    season_decay: float = 0.99
    zone: str = "UTC"
    horizon_bars: int = 10
    models: tuple[str, ...] = OPTIONAL
    regimes: int = 2
    regime_fit_bars: int = 10_000
    implied: str = "vix"
    implied_max_age_days: float = 5.0
    implied_bars: int = 22
    bars_per_year: float = 252.0

    def __post_init__(self) -> None:
        whole_in("features.volatility.atr_bars", self.atr_bars, 2, 10_000, "14")
        whole_in("features.volatility.window_bars", self.window_bars, 3, 10_000, "20")
        whole_in("features.volatility.slow_bars", self.slow_bars, 3, 100_000, "100")
        for bars in self.realised_bars:
            whole_in("features.volatility.realised_bars", bars, 2, 100_000, "5, 22 and 66")
        number_in("features.volatility.ewma_decay", self.ewma_decay, 0.5, 0.9999, "0.94 for daily bars")
        for name in ("day_slots", "week_slots"):
            if getattr(self, name) != 0:
                whole_in(f"features.volatility.{name}", getattr(self, name), 2, 10_000, "0 for none, 24 and 7")
        number_in("features.volatility.season_decay", self.season_decay, 0.0, 0.9999, "0.99 for a week's slots")
        check_zone("features.volatility.zone", self.zone)
        whole_in("features.volatility.horizon_bars", self.horizon_bars, 1, 10_000, "the label's horizon")
        whole_in("features.volatility.regimes", self.regimes, 2, 3, "2")
        whole_in("features.volatility.regime_fit_bars", self.regime_fit_bars, 100, 1_000_000, "10000")
        number_in(
            "features.volatility.implied_max_age_days", self.implied_max_age_days, 0.01, 365, "5 for daily values"
        )
        whole_in("features.volatility.implied_bars", self.implied_bars, 2, 100_000, "22 for the VIX on daily bars")
        number_in("features.volatility.bars_per_year", self.bars_per_year, 1, 525_600, "252 daily, 8760 hourly")
        if self.slow_bars <= self.window_bars:
            raise ValueError(
                f"features.volatility.slow_bars: must exceed window_bars ({self.window_bars}), was {self.slow_bars}; "
                "typical: five times window_bars"
            )
        if not self.realised_bars or list(self.realised_bars) != sorted(set(self.realised_bars)):
            raise ValueError(
                f"features.volatility.realised_bars: must ascend, was {list(self.realised_bars)}; typical: 5, 22, 66"
            )
        unknown = [name for name in self.models if name not in OPTIONAL]
        if unknown or len(set(self.models)) < len(self.models):
            raise ValueError(
                f"features.volatility.models: must name each once of {', '.join(OPTIONAL)}, was {list(self.models)}; "
                "take the others out"
            )


def ewma_sigma(p: VolatilityParams) -> Expr:
    """sqrt of the EWMA of squared log returns (RiskMetrics 1996, section 5.2), at least 1e-6: fraction of price a bar.

    Warm-up: window_bars bars.
    """
    ret = log_return()
    return maximum((ret * ret).ewma(p.ewma_decay, p.window_bars).sqrt(), SIGMA_FLOOR)


def moving_sigma(p: VolatilityParams) -> Expr:
    """ewma_sigma where it is above its floor, else missing."""
    sigma = ewma_sigma(p)
    return sigma / (sigma > SIGMA_FLOOR)


def implied_premium(implied: Expr, points: float, window: int) -> Expr:
    """implied - points sqrt(mean(ret^2)): implied less realised volatility of the window, in % a year.

    points: percent a year for one of a bar's standard deviation. The volatility risk premium of Carr and Wu (2009,
    Review of Financial Studies 22), as of now: realised over the bars before, not those to come. Warm-up: window bars.
    """
    return implied - points * root_mean_square(log_return(), window)


def volatility_of_volatility(p: VolatilityParams) -> Expr:
    """std(ln(sigma / previous sigma)) over window_bars: how restless the volatility itself is, no unit.

    Warm-up: 2 window_bars bars.
    """
    level = ewma_sigma(p).log()
    return (level - level.lag(1)).rolling_std(p.window_bars)


def fit_models(p: VolatilityParams, returns: Mapping[str, NDArray[np.float64]]) -> Models:
    """Constants of GARCH and of `p.models`, by model, fitted on the training returns. Raises ValueError."""
    return volatility_models.fit(p.models, returns, p.realised_bars, p.horizon_bars, p.regimes, p.regime_fit_bars)


def fit_turbulence(p: VolatilityParams, returns: Mapping[str, NDArray[np.float64]]) -> Constants | None:
    """Constants of the regimes alone, the same as in fit_models; None where `p.models` has none. Raises ValueError."""
    return fit_regimes(returns, p.regime_fit_bars, p.regimes) if "regime" in p.models else None


def expressions(p: VolatilityParams, constants: Models) -> dict[str, Expr]:
    """All outputs of the family; `constants` come from `fit_models`."""
    ret, sigma, n = log_return(), ewma_sigma(p), p.window_bars
    std, slow = ret.rolling_std(p.window_bars), ret.rolling_std(p.slow_bars)
    atr = true_range().wilder(p.atr_bars)
    garch = ret.garch(**constants["garch"])
    opened = gap()
    out = {
        "sigma": moving_sigma(p),
        "garch_sigma": garch.sqrt(),
        "atr": atr,
        "log_sigma": sigma.log(),
        "atr_ratio": capped_ratio(atr / bar("close"), sigma),
        "std_ratio": capped_ratio(std, sigma),
        "slow_ratio": capped_ratio(slow, sigma),
        "parkinson_ratio": capped_ratio(parkinson(p.window_bars), sigma),
        "garman_klass_ratio": capped_ratio(garman_klass(p.window_bars), sigma),
        "garch_ratio": capped_ratio(garch.sqrt(), sigma),
        "gap_share": minimum(ratio(root_mean_square(opened, n), root_mean_square(ret, n)), MAX_RATIO),
        "last_return": held(ret / sigma.lag(1), MAX_RETURN),
    }
    if p.implied:
        percent, points = as_of(p.implied, p.implied_max_age_days), 100.0 * p.bars_per_year**0.5
        out["implied_ratio"] = capped_ratio(percent / points, sigma)
        out["implied_premium"] = implied_premium(percent, points, p.implied_bars)
    return out | measured(p) | clock(p) | forecast(p, garch, constants)


def clock_factors(p: VolatilityParams) -> dict[str, Expr]:
    """The seasons' factors, by name (see volatility_clock.seasons)."""
    return seasons(log_return(), ewma_sigma(p), p.day_slots, p.week_slots, p.season_decay, p.zone)


def clock(p: VolatilityParams) -> dict[str, Expr]:
    """Outputs of the clock: ln of each season's factor for the bar to come, and of each gap's deviation over sigma."""
    sigma, factors = ewma_sigma(p), clock_factors(p)
    out = {f"{name}_log": factor.log() for name, factor in factors.items()}
    expected = sigma
    for factor in factors.values():
        expected = expected * factor
    out["seasonal_sigma"] = expected
    for kind, variance in gap_variances(p.window_bars, p.ewma_decay).items():
        out[f"{kind}_gap_log"] = log_ratio(log_root(variance), sigma)
    return out


def measured(p: VolatilityParams) -> dict[str, Expr]:
    """Outputs without fitted constants; `_log` marks ln of the ratio to sigma, within ln(1/100) and ln(100)."""
    ret, sigma, n = log_return(), ewma_sigma(p), p.window_bars
    out = {f"realised_log_{bars}": log_ratio(log_root(mean_square(ret, bars)), sigma) for bars in p.realised_bars}
    return out | {
        "rogers_satchell_log": log_ratio(log_root(rogers_satchell_variance(n)), sigma),
        "yang_zhang_log": log_ratio(log_root(yang_zhang_variance(n)), sigma),
        "gap_log": log_ratio(log_root(mean_square(gap(), n)), sigma),
        "body_log": log_ratio(log_root(mean_square(body(), n)), sigma),
        "bollinger_width_log": log_ratio(log_volatility(bollinger_width(n)), sigma),
        "keltner_width_log": log_ratio(log_volatility(keltner_width(n, p.atr_bars)), sigma),
        "jump_share": jump_share(ret, n),
        "downside_share": downside_share(ret, n),
        "volatility_of_volatility": volatility_of_volatility(p),
    }


def forecast(p: VolatilityParams, garch: Expr, constants: Models) -> dict[str, Expr]:
    """Outputs of the fitted models: forecasts for the next bar and, `_horizon_`, per bar over horizon_bars."""
    ret, sigma = log_return(), ewma_sigma(p)
    ahead = garch_horizon(garch, constants["garch"], p.horizon_bars)
    out = {"garch_horizon_log": log_ratio(log_root(ahead), sigma)}
    if "gjr" in constants:
        variance = gjr(ret, constants["gjr"])
        out["gjr_log"] = log_ratio(log_root(variance), sigma)
        ahead = garch_horizon(variance, constants["gjr"], p.horizon_bars)
        out["gjr_horizon_log"] = log_ratio(log_root(ahead), sigma)
    if "egarch" in constants:
        variance = egarch(ret, constants["egarch"]).log()  # which is never 0
        out["egarch_log"] = log_ratio(variance * 0.5, sigma)
        ahead = log_egarch_horizon(variance, constants["egarch"], p.horizon_bars)
        out["egarch_horizon_log"] = log_ratio(ahead * 0.5, sigma)
    if "regime" in constants:
        fitted = constants["regime"]
        if p.regimes == 2:
            probability = turbulent_probability(ret, fitted)
            ahead = regime_horizon(probability, fitted, p.horizon_bars)
        else:
            states = three_probabilities(ret, fitted)
            out["middle_probability"], probability = states[1:]
            ahead = three_regime_horizon(states, fitted, p.horizon_bars)
        out["turbulent_probability"] = probability
        out["regime_horizon_log"] = log_ratio(log_root(ahead), sigma)
    if "har" in constants:
        out["har_horizon_log"] = log_ratio(log_har(ret, constants["har"], p.realised_bars), sigma)
    return out
