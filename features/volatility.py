"""Volatility: how far the price moves by itself, at several speeds, from closes, ranges and gaps.

Auxiliary outputs: `sigma` (EWMA forecast of the next bar's return standard deviation, fraction of price: the unit of
all distances), `garch_sigma` (the GARCH forecast of the same), `atr` (price units). Features are ratios to `sigma`, so
that one net serves symbols and eras of any level.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from features.expression import Expr, as_of, bar
from inference.checks import number_in, whole_in

AUXILIARY = ("sigma", "garch_sigma", "atr")

Constants = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class VolatilityParams:
    """Windows in bars; `implied` names a series of implied volatility in % a year ("" for none)."""

    atr_bars: int = 14
    window_bars: int = 20
    slow_bars: int = 100
    ewma_decay: float = 0.94
    implied: str = "vix"
    implied_max_age_days: float = 5.0
    bars_per_year: float = 252.0

    def __post_init__(self) -> None:
        whole_in("features.volatility.atr_bars", self.atr_bars, 2, 10_000, "14")
        whole_in("features.volatility.window_bars", self.window_bars, 3, 10_000, "20")
        whole_in("features.volatility.slow_bars", self.slow_bars, 3, 100_000, "100")
        number_in("features.volatility.ewma_decay", self.ewma_decay, 0.5, 0.9999, "0.94 for daily bars")
        number_in(
            "features.volatility.implied_max_age_days", self.implied_max_age_days, 0.01, 365, "5 for daily values"
        )
        number_in("features.volatility.bars_per_year", self.bars_per_year, 1, 525_600, "252 daily, 8760 hourly")
        if self.slow_bars <= self.window_bars:
            raise ValueError(
                f"features.volatility.slow_bars: must exceed window_bars ({self.window_bars}), was {self.slow_bars}; "
                "typical: five times window_bars"
            )


def log_return() -> Expr:
    """ln(close / previous close)."""
    return (bar("close") / bar("close").lag(1)).log()


def ewma_sigma(p: VolatilityParams) -> Expr:
    """sqrt of the EWMA of squared log returns (RiskMetrics 1996, section 5.2): fraction of price a bar."""
    ret = log_return()
    return (ret * ret).ewma(p.ewma_decay, p.window_bars).sqrt()


def true_range() -> Expr:
    """max(high - low, |high - previous close|, |low - previous close|) (Wilder 1978), price units."""
    return Expr("true_range", (bar("high"), bar("low"), bar("close")))


def parkinson(window: int) -> Expr:
    """sqrt(mean(ln(high/low)^2) / (4 ln 2)) (Parkinson 1980): fraction of price a bar, without gaps."""
    span = (bar("high") / bar("low")).log()
    return ((span * span).rolling_mean(window) / (4.0 * log(2.0))).sqrt()


def garman_klass(window: int) -> Expr:
    """sqrt(mean(ln(high/low)^2 / 2 - (2 ln 2 - 1) ln(close/open)^2)) (Garman and Klass 1980): fraction of price."""
    span, body = (bar("high") / bar("low")).log(), (bar("close") / bar("open")).log()
    return (0.5 * (span * span) - (2.0 * log(2.0) - 1.0) * (body * body)).rolling_mean(window).sqrt()


def fit(returns: Mapping[str, NDArray[np.float64]]) -> Constants:
    """GARCH(1,1) constants per symbol from log returns of the training part, fitted by `arch`.

    Returns are scaled to standard deviation 1 for the fit (in raw units many fits stop short of the optimum) and the
    constants scaled back. "*", for symbols never seen, holds the medians. Raises ValueError where a fit fails.
    """
    from arch import arch_model

    constants: Constants = {name: {} for name in ("mu", "omega", "alpha", "beta", "start")}
    for symbol, values in returns.items():
        scale = float(np.std(values))
        if len(values) < 100 or not scale > 0.0:
            raise ValueError(
                f"features.volatility: GARCH needs at least 100 varying returns of {symbol} in the training part, "
                f"was {len(values)}; lengthen the training part"
            )
        result = arch_model(values / scale, mean="Constant", vol="GARCH", p=1, q=1, rescale=False).fit(disp="off")
        if result.convergence_flag:
            raise ValueError(
                f"features.volatility: the GARCH fit of {symbol} must converge, was flag {result.convergence_flag}; "
                "check the bars for outliers"
            )
        fitted = result.params
        # the recursion starts from the variance with which arch starts (its backcast), so both give the same series
        start = np.asarray(result.conditional_volatility)[0] ** 2
        constants["mu"][symbol] = float(fitted["mu"]) * scale
        constants["omega"][symbol] = float(fitted["omega"]) * scale**2
        constants["alpha"][symbol] = float(fitted["alpha[1]"])
        constants["beta"][symbol] = float(fitted["beta[1]"])
        constants["start"][symbol] = float(start) * scale**2
    for name, by_symbol in constants.items():
        constants[name] = {**by_symbol, "*": float(np.median(list(by_symbol.values())))}
    return constants


def expressions(p: VolatilityParams, constants: Constants) -> dict[str, Expr]:
    """All outputs of the family; `constants` come from `fit`."""
    ret, sigma = log_return(), ewma_sigma(p)
    std, slow = ret.rolling_std(p.window_bars), ret.rolling_std(p.slow_bars)
    atr = true_range().wilder(p.atr_bars)
    garch = ret.garch(**constants).sqrt()
    gap = (bar("open") / bar("close").lag(1)).log()
    out = {
        "sigma": sigma,
        "garch_sigma": garch,
        "atr": atr,
        "log_sigma": sigma.log(),
        "atr_ratio": atr / bar("close") / sigma,
        "std_ratio": std / sigma,
        "slow_ratio": slow / sigma,
        "parkinson_ratio": parkinson(p.window_bars) / sigma,
        "garman_klass_ratio": garman_klass(p.window_bars) / sigma,
        "garch_ratio": garch / sigma,
        "gap_share": ((gap * gap).rolling_mean(p.window_bars) / (ret * ret).rolling_mean(p.window_bars)).sqrt(),
        "last_return": ret / sigma.lag(1),
    }
    if p.implied:
        implied = as_of(p.implied, p.implied_max_age_days) / (100.0 * p.bars_per_year**0.5)
        out["implied_ratio"] = implied / sigma
    return out
