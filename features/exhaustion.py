"""Momentum exhaustion: how far, how fast and on what volume the price has run, and whether the run is slowing."""

from __future__ import annotations

from dataclasses import dataclass

from features.expression import Expr, bar, maximum, ratio
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
    gain, moved = maximum(change, 0.0).wilder(bars), change.abs().wilder(bars)
    return 100.0 * ratio(gain, moved, 0.5)


def movement(bars: int, side: int) -> Expr:
    """Wilder's sum of the directional movement of one side (+1 up, -1 down), price units."""
    return Expr("directional_movement", (bar("high"), bar("low")), {"side": side}).wilder_sum(bars)


def directional(bars: int) -> tuple[Expr, Expr]:
    """+DI and -DI (Wilder 1978), 0 to 100."""
    span = true_range().wilder_sum(bars)
    return 100.0 * movement(bars, 1) / span, 100.0 * movement(bars, -1) / span


def adx(bars: int) -> Expr:
    """Wilder average of 100 |+DM - -DM| / (+DM + -DM) (Wilder 1978), 0 to 100; a bar without movement counts as 0."""
    plus, minus = movement(bars, 1), movement(bars, -1)
    return 100.0 * ratio((plus - minus).abs(), plus + minus, 0.0).wilder(bars)


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
        "close_location": ratio(bar("close") - bar("low"), span, 0.5),
    }
