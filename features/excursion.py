"""Excursion: how far the price has lately run for and against positions, from closed horizons only.

At the close of bar t the latest closed horizon is the one entered at the open of bar t - H + 1; all quantities are in
the volatility unit of its decision bar t - H: sigma sqrt(H) entry. So nothing here looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.expression import Expr, bar
from features.volatility import VolatilityParams, ewma_sigma
from inference.checks import number_in, whole_in

AUXILIARY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExcursionParams:
    """horizon_bars: length of past positions; window_bars: how many are remembered; quantiles: of their excursion."""

    horizon_bars: int = 10
    window_bars: int = 120
    quantiles: tuple[float, ...] = (0.5, 0.8)
    peak_bars: int = 60

    def __post_init__(self) -> None:
        whole_in("features.excursion.horizon_bars", self.horizon_bars, 1, 10_000, "the label's horizon")
        whole_in("features.excursion.window_bars", self.window_bars, 2, 100_000, "120")
        whole_in("features.excursion.peak_bars", self.peak_bars, 2, 100_000, "60")
        for quantile in self.quantiles:
            number_in("features.excursion.quantiles", quantile, 0.0, 1.0, "0.5 and 0.8")


def excursions(p: ExcursionParams, sigma: Expr) -> tuple[Expr, Expr]:
    """Downward and upward excursion of the latest closed horizon (a long's MAE and MFE), in units."""
    entry = bar("open").lag(p.horizon_bars - 1) if p.horizon_bars > 1 else bar("open")
    unit = sigma.lag(p.horizon_bars) * p.horizon_bars**0.5 * entry
    down = (entry - bar("low").rolling_min(p.horizon_bars)) / unit
    up = (bar("high").rolling_max(p.horizon_bars) - entry) / unit
    return down, up


def expressions(p: ExcursionParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit."""
    sigma = ewma_sigma(volatility)
    down, up = excursions(p, sigma)
    out: dict[str, Expr] = {}
    for q in p.quantiles:
        out[f"down_excursion_q{round(100 * q)}"] = down.rolling_quantile(p.window_bars, q)
        out[f"up_excursion_q{round(100 * q)}"] = up.rolling_quantile(p.window_bars, q)
    out["down_excursion_last"] = down
    out["up_excursion_last"] = up
    peak, trough = bar("high").rolling_max(p.peak_bars), bar("low").rolling_min(p.peak_bars)
    scale = sigma * p.peak_bars**0.5
    out["drawdown"] = (peak / bar("close")).log() / scale
    out["rally"] = (bar("close") / trough).log() / scale
    out["peak_age"] = bar("high").bars_since_max(p.peak_bars) / float(p.peak_bars)
    out["trough_age"] = bar("low").bars_since_min(p.peak_bars) / float(p.peak_bars)
    return out
