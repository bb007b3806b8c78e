"""Levels: prices at which the market has turned, traded or tends to hesitate, and how far away they are.

Features are distances in units of sigma sqrt(horizon_bars) price, positive where the level lies above the close, and
end at `cap_units` on either side. Auxiliary outputs are the levels themselves, as prices, for stops to be anchored to.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from features.expression import Expr, bar, maximum, minimum, where
from features.volatility import VolatilityParams, ewma_sigma
from inference.checks import number_in, whole_in

AUXILIARY = (
    "zone_below",
    "zone_above",
    "poc",
    "value_low",
    "value_high",
    "swing_origin",
    "swing_extreme",
    "round_below",
    "round_above",
)
RETRACEMENTS = (0.382, 0.5, 0.618)
EXTENSIONS = (1.272, 1.618, 2.618)

_HIGH, _LOW, _CLOSE = bar("high").log(), bar("low").log(), bar("close").log()


@dataclass(frozen=True, slots=True)
class LevelsParams:
    """Windows in bars, distances in units of sigma sqrt(horizon_bars) price."""

    horizon_bars: int = 10
    cap_units: float = 4.0
    pivot_bars: int = 3
    pivot_volume_bars: int = 20
    zone_width: float = 0.25
    zone_half_life_bars: float = 120.0
    zone_count: int = 24
    swing_units: float = 1.0
    profile_bars: int = 100
    profile_bins: int = 48
    value_share: float = 0.7
    prior_bars: tuple[int, ...] = (5, 21)
    round_units: float = 1.0
    round_major_units: float = 2.5

    def __post_init__(self) -> None:
        whole_in("features.levels.horizon_bars", self.horizon_bars, 1, 10_000, "the label's horizon")
        number_in("features.levels.cap_units", self.cap_units, 0.1, 100, "4")
        whole_in("features.levels.pivot_bars", self.pivot_bars, 1, 1_000, "3")
        whole_in("features.levels.pivot_volume_bars", self.pivot_volume_bars, 1, 10_000, "20")
        number_in("features.levels.zone_width", self.zone_width, 0.0, 10, "0.25")
        number_in("features.levels.zone_half_life_bars", self.zone_half_life_bars, 1.0, 1e6, "120")
        whole_in("features.levels.zone_count", self.zone_count, 1, 256, "24")
        number_in("features.levels.swing_units", self.swing_units, 0.01, 100, "1")
        whole_in("features.levels.profile_bars", self.profile_bars, 2, 100_000, "100")
        whole_in("features.levels.profile_bins", self.profile_bins, 3, 1_024, "48")
        number_in("features.levels.value_share", self.value_share, 0.01, 1.0, "0.7")
        for bars in self.prior_bars:
            whole_in("features.levels.prior_bars", bars, 1, 10_000, "5 and 21 for a week and a month of daily bars")
        number_in("features.levels.round_units", self.round_units, 0.01, 100, "1")
        number_in("features.levels.round_major_units", self.round_major_units, 0.01, 100, "2.5")


def unit(p: LevelsParams, volatility: VolatilityParams) -> Expr:
    """sigma sqrt(horizon_bars): fraction of price; warm-up of sigma."""
    return ewma_sigma(volatility) * sqrt(p.horizon_bars)


def distance(level: Expr, p: LevelsParams, unit: Expr) -> Expr:
    """(level / close - 1) / unit, held inside ±cap_units: positive where the level lies above."""
    return minimum(maximum((level / bar("close") - 1.0) / unit, -p.cap_units), p.cap_units)


def fractal_pivots(bars: int) -> tuple[Expr, Expr]:
    """1 where the bar `bars` bars ago is a high (low) above (below) all `bars` bars before it and all since, else 0.

    Williams (1995), Trading Chaos, with bars = 2. Known only now, `bars` bars after the turn. Warm-up: 2 × bars.
    """
    high, low = bar("high"), bar("low")
    top, bottom = high.lag(bars), low.lag(bars)
    is_top = (top > high.rolling_max(bars)) * (top > high.rolling_max(bars).lag(bars + 1))
    is_bottom = (bottom < low.rolling_min(bars)) * (bottom < low.rolling_min(bars).lag(bars + 1))
    return is_top, is_bottom


def pivot_points(bars: int, volume_bars: int) -> tuple[Expr, Expr]:
    """Log price of the fractal pivot confirmed on this bar, and its weight: (1 + min(volume ratio, 3)) / 2, or 0.

    Weight 0: no pivot on this bar. The volume ratio is the pivot bar's volume over the mean of the `volume_bars` bars
    up to it (1 where those have none): half the weight is for the turn, half for its volume. A bar that is a high and a
    low counts once, by its longer wick. Warm-up: bars + max(bars, volume_bars - 1).
    """
    is_top, is_bottom = fractal_pivots(bars)
    upper, lower = _HIGH - _CLOSE, _CLOSE - _LOW
    take_top = is_top * (1.0 - is_bottom * (upper < lower).lag(bars))
    mean = bar("volume").rolling_mean(volume_bars)
    ratio = where(mean > 0.0, bar("volume") / where(mean > 0.0, mean, 1.0), 1.0).lag(bars)
    weight = where(maximum(is_top, is_bottom) > 0.0, 0.5 + 0.5 * minimum(ratio, 3.0), 0.0)
    return where(take_top > 0.0, _HIGH.lag(bars), _LOW.lag(bars)), weight


def zones(p: LevelsParams, volatility: VolatilityParams) -> tuple[Expr, Expr, Expr, Expr]:
    """Nearest zone of fractal pivots at or below and above the close (prices), and the strength of each (>= 0).

    A pivot joins the zone with the nearest centre if that is within zone_width units, else founds one; centre: mean by
    weight; strength: sum of weights, halved every zone_half_life_bars. The weakest of zone_count gives way to a new
    one. Where no zone is within cap_units: the price there, with strength 0. The unit is the kernel's own EWMA sigma
    (a kernel has three inputs); it differs from `unit` only by its seed. Warm-up: the pivots' + volatility.window_bars.
    """
    root = sqrt(p.horizon_bars)
    parameters = {
        "width": p.zone_width * root,
        "reach": p.cap_units * root,
        "decay": 0.5 ** (1.0 / p.zone_half_life_bars),
        "alpha": 1.0 - volatility.ewma_decay,
        "seed": volatility.window_bars,
        "memory": p.zone_count,
    }
    inputs = (*pivot_points(p.pivot_bars, p.pivot_volume_bars), _CLOSE)
    below, above, below_strength, above_strength = (
        Expr("zones", inputs, {**parameters, "output": output}) for output in range(4)
    )
    return below.exp(), above.exp(), below_strength, above_strength


def swing(p: LevelsParams, unit: Expr) -> tuple[Expr, Expr, Expr, Expr]:
    """The live zigzag leg: origin and extreme (prices), direction (1 up, -1 down) and the bars since its origin.

    A leg turns once a later bar retraces swing_units units of volatility (in logs) from its extreme. Warm-up of sigma.
    """
    inputs = (_HIGH, _LOW, unit * p.swing_units)
    direction, extreme, origin, age = (Expr("zigzag", inputs, {"output": output}) for output in (0, 1, 2, 7))
    return origin.exp(), extreme.exp(), direction, age


def retracement(origin: Expr, extreme: Expr, ratio: float) -> Expr:
    """extreme - ratio (extreme - origin): the price at which that share of the leg is given back."""
    return extreme - ratio * (extreme - origin)


def extension(origin: Expr, extreme: Expr, ratio: float) -> Expr:
    """origin + ratio (extreme - origin): the leg made `ratio` times as long (Frost and Prechter 1978, chapter 4)."""
    return origin + ratio * (extreme - origin)


def profile(p: LevelsParams) -> tuple[Expr, Expr, Expr, Expr]:
    """Point of control, value area low and high (prices) of the rolling volume profile, and its density at the bar.

    profile_bins log-price bins over profile_bars bars; each bar's volume is spread over its range (while the last 20
    bars show no volume, each bar counts as 1). Density: volume at the bar's middle over that at the point of control, 0
    to 1. Steidlmayer and Koy (1986), Markets and Market Logic. Warm-up: profile_bars + 18.
    """
    volume = where(bar("volume").rolling_sum(20) > 0.0, bar("volume"), 1.0)
    parameters = {"window": p.profile_bars, "bins": p.profile_bins, "share": p.value_share}
    poc, low, high, density = (
        Expr("volume_profile", (_HIGH, _LOW, volume), {**parameters, "output": output}) for output in range(4)
    )
    return poc.exp(), low.exp(), high.exp(), density


def prior_range(bars: int) -> tuple[Expr, Expr, Expr]:
    """High, low and close of the `bars` bars before this one (a rolling session). Warm-up: bars."""
    return bar("high").rolling_max(bars).lag(1), bar("low").rolling_min(bars).lag(1), bar("close").lag(bars)


def round_numbers(spacing: Expr) -> tuple[Expr, Expr]:
    """Nearest multiple, at or below and above the close, of the smallest 1, 2 or 5 times 10^k not below `spacing`.

    In price units: the one level that is not free of scale, since people see the currency's own figures. Osler (2003),
    Journal of Finance 58: stop and target orders cluster at round numbers. No warm-up of its own.
    """
    below, above = (Expr("round_number", (bar("close"), spacing), {"output": output}) for output in (0, 1))
    return below, above


def expressions(p: LevelsParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit."""
    one, close = unit(p, volatility), bar("close")
    below, above, below_strength, above_strength = zones(p, volatility)
    origin, extreme, direction, age = swing(p, one)
    poc, value_low, value_high, density = profile(p)
    round_below, round_above = round_numbers(one * close * p.round_units)
    major_below, major_above = round_numbers(one * close * p.round_major_units)
    levels = (below, above, poc, value_low, value_high, origin, extreme, round_below, round_above)
    out = dict(zip(AUXILIARY, levels, strict=True))
    leg = extreme - origin
    out |= {
        "zone_below_distance": distance(below, p, one),
        "zone_above_distance": distance(above, p, one),
        "zone_below_strength": (1.0 + below_strength).log(),
        "zone_above_strength": (1.0 + above_strength).log(),
        "poc_distance": distance(poc, p, one),
        "value_low_distance": distance(value_low, p, one),
        "value_high_distance": distance(value_high, p, one),
        "profile_density": density,
        "swing_direction": direction,
        "swing_size": (1.0 + (extreme / origin).log().abs() / one).log(),
        "swing_age": age / (age + float(p.horizon_bars)),
        "swing_retraced": where(leg.abs() > 0.0, (extreme - close) / where(leg.abs() > 0.0, leg, 1.0), 0.0),
    }
    for ratio in RETRACEMENTS:
        out[f"retracement_{round(1000 * ratio)}"] = distance(retracement(origin, extreme, ratio), p, one)
    for ratio in EXTENSIONS:
        out[f"extension_{round(1000 * ratio)}"] = distance(extension(origin, extreme, ratio), p, one)
    for bars in p.prior_bars:
        for name, level in zip(("high", "low", "close"), prior_range(bars), strict=True):
            out[f"prior_{name}_{bars}"] = distance(level, p, one)
    out["round_below_distance"] = distance(round_below, p, one)
    out["round_above_distance"] = distance(round_above, p, one)
    out["round_major_below_distance"] = distance(major_below, p, one)
    out["round_major_above_distance"] = distance(major_above, p, one)
    return out
