"""Momentum exhaustion: how far, how fast and on what volume the price has run, and whether the run is slowing."""

from __future__ import annotations

from dataclasses import dataclass

from features.expression import Expr, bar, maximum, where
from features.volatility import VolatilityParams, ewma_sigma, log_return, true_range
from inference.checks import whole_in

AUXILIARY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExhaustionParams:
    """Windows in bars."""

    rsi_bars: int = 14
    adx_bars: int = 14
    velocity_bars: int = 10
    volume_bars: int = 50

    def __post_init__(self) -> None:
        whole_in("features.exhaustion.rsi_bars", self.rsi_bars, 2, 10_000, "14")
        whole_in("features.exhaustion.adx_bars", self.adx_bars, 2, 10_000, "14")
        whole_in("features.exhaustion.velocity_bars", self.velocity_bars, 1, 10_000, "10")
        whole_in("features.exhaustion.volume_bars", self.volume_bars, 3, 10_000, "50")


def rsi(bars: int) -> Expr:
    """100 gain / (gain + loss) of Wilder averages (Wilder 1978), 0 to 100; 50 where nothing moved."""
    change = bar("close") - bar("close").lag(1)
    gain, loss = maximum(change, 0.0).wilder(bars), maximum(-change, 0.0).wilder(bars)
    total = gain + loss
    return where(total > 0.0, 100.0 * gain / where(total > 0.0, total, 1.0), 50.0)


def directional(bars: int) -> tuple[Expr, Expr]:
    """+DI and -DI (Wilder 1978), 0 to 100."""
    up, down = bar("high") - bar("high").lag(1), bar("low").lag(1) - bar("low")
    plus = where(up > maximum(down, 0.0), up, 0.0).wilder_sum(bars)
    minus = where(down > maximum(up, 0.0), down, 0.0).wilder_sum(bars)
    span = true_range().wilder_sum(bars)
    return 100.0 * plus / span, 100.0 * minus / span


def adx(bars: int) -> Expr:
    """Wilder average of 100 |+DI - -DI| / (+DI + -DI) (Wilder 1978), 0 to 100; a bar without movement counts as 0."""
    plus, minus = directional(bars)
    total = plus + minus
    return where(total > 0.0, 100.0 * (plus - minus).abs() / where(total > 0.0, total, 1.0), 0.0).wilder(bars)


def expressions(p: ExhaustionParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit of speed."""
    sigma = ewma_sigma(volatility)
    n = p.velocity_bars
    velocity = (bar("close") / bar("close").lag(n)).log() / (sigma * n**0.5)
    plus, minus = directional(p.adx_bars)
    volume = (1.0 + bar("volume")).log()
    surprise = (volume - volume.rolling_mean(p.volume_bars)) / maximum(volume.rolling_std(p.volume_bars), 1e-6)
    span = bar("high") - bar("low")
    return {
        "rsi": rsi(p.rsi_bars) / 100.0,
        "velocity": velocity,
        "acceleration": velocity - velocity.lag(n),
        "adx": adx(p.adx_bars) / 100.0,
        "di_difference": (plus - minus) / 100.0,
        "volume_surprise": surprise,
        "volume_climax": surprise * log_return() / sigma,
        "close_location": where(span > 0.0, (bar("close") - bar("low")) / where(span > 0.0, span, 1.0), 0.5),
    }
