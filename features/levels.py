"""Levels: prices at which the market has turned, traded or tends to hesitate, and how far away they are.

Features are distances in units of sigma sqrt(horizon_bars) price, positive where the level lies above the close, and
end at `cap_units` on either side. Auxiliary outputs are the levels themselves, as prices, for stops and targets.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from features import fibonacci, gann, patterns, sessions, zones
from features.expression import Expr, bar, maximum, minimum, where
from features.prices import Level, known_where
from features.profile import Profile, profile
from features.swings import legs, parabolic_sar, swing, zigzag
from features.time_zones import check_zone
from features.volatility import VolatilityParams, ewma_sigma
from inference.checks import number_in, whole_in

LEAST_FIT = 0.1  # of a harmonic pattern whose completion counts as a level: its ratios miss by two tolerances or so

AUXILIARY = (
    "zone_below",
    "zone_above",
    *(name for name in Profile._fields if name != "density"),
    "swing_origin",
    "swing_extreme",
    "round_below",
    "round_above",
    *sessions.Session._fields,
    "harmonic_completion",
    "wave3",
    *patterns.WAVE_5,
    "cluster",
)


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
    zones_told: int = 1
    swing_units: float = 1.0
    profile_bars: int = 100
    profile_bins: int = 48
    value_share: float = 0.7
    node_bins: int = 2
    prior_bars: tuple[int, ...] = (5, 21)
    session_start_hour: float = 0.0
    session_zone: str = "UTC"
    round_units: float = 1.0
    round_major_units: float = 2.5
    harmonic_tolerance: float = 0.1
    cluster_tolerance: float = 0.1
    time_tolerance: float = 0.1
    angle_units: float = 1.0
    square_units: float = 1.0
    sar_step: float = 0.02
    sar_most: float = 0.2

    def __post_init__(self) -> None:
        whole_in("features.levels.horizon_bars", self.horizon_bars, 1, 10_000, "the label's horizon")
        number_in("features.levels.cap_units", self.cap_units, 0.1, 100, "4")
        whole_in("features.levels.pivot_bars", self.pivot_bars, 1, 1_000, "3")
        whole_in("features.levels.pivot_volume_bars", self.pivot_volume_bars, 1, 10_000, "20")
        number_in("features.levels.zone_width", self.zone_width, 0.0, 10, "0.25")
        number_in("features.levels.zone_half_life_bars", self.zone_half_life_bars, 1.0, 1e6, "120")
        whole_in("features.levels.zone_count", self.zone_count, 1, 256, "24")
        whole_in("features.levels.zones_told", self.zones_told, 1, 4, "1, the nearest on each side")
        number_in("features.levels.swing_units", self.swing_units, 0.01, 100, "1")
        whole_in("features.levels.profile_bars", self.profile_bars, 2, 100_000, "100")
        whole_in("features.levels.profile_bins", self.profile_bins, 3, 1_024, "48")
        number_in("features.levels.value_share", self.value_share, 0.01, 1.0, "0.7")
        whole_in("features.levels.node_bins", self.node_bins, 1, 256, "2")
        for bars in self.prior_bars:
            whole_in("features.levels.prior_bars", bars, 1, 10_000, "5 and 21 for a week and a month of daily bars")
        number_in("features.levels.session_start_hour", self.session_start_hour, 0.0, 23.99, "0, or 17 in New York")
        check_zone("features.levels.session_zone", self.session_zone)
        number_in("features.levels.round_units", self.round_units, 0.01, 100, "1")
        number_in("features.levels.round_major_units", self.round_major_units, 0.01, 100, "2.5")
        number_in("features.levels.harmonic_tolerance", self.harmonic_tolerance, 0.001, 10, "0.1")
        number_in("features.levels.cluster_tolerance", self.cluster_tolerance, 0.0, 10, "0.1")
        number_in("features.levels.time_tolerance", self.time_tolerance, 0.001, 1, "0.1")
        number_in("features.levels.angle_units", self.angle_units, 0.01, 100, "1")
        number_in("features.levels.square_units", self.square_units, 0.01, 100, "1")
        number_in("features.levels.sar_step", self.sar_step, 1e-4, 1.0, "0.02")
        number_in("features.levels.sar_most", self.sar_most, 1e-4, 1.0, "0.2")


def unit(p: LevelsParams, volatility: VolatilityParams) -> Expr:
    """sigma sqrt(horizon_bars): fraction of price; warm-up of sigma."""
    return ewma_sigma(volatility) * sqrt(p.horizon_bars)


def distance(level: Expr, p: LevelsParams, unit: Expr) -> Expr:
    """(level - close) / (close unit), held inside ±cap_units: positive where the level lies above."""
    units = (level - bar("close")) * (1.0 / (bar("close") * unit))  # one division for all levels
    return minimum(maximum(units, -p.cap_units), p.cap_units)


def round_numbers(spacing: Expr) -> tuple[Expr, Expr]:
    """Nearest multiple, at or below and above the close, of the smallest 1, 2 or 5 times 10^k not below `spacing`.

    In price units: not free of scale, since people see the currency's own figures. Osler (2003), Journal of Finance 58:
    stop and target orders cluster at round numbers. No warm-up of its own.
    """
    below, above = (Expr("round_number", (bar("close"), spacing), {"output": output}) for output in (0, 1))
    return below, above


def nearest_zones(p: LevelsParams, volatility: VolatilityParams, rank: int = 0) -> tuple[Expr, Expr, Expr, Expr]:
    """Zones of the turning points of both kinds at or below and above the close (prices), and their strengths; rank: so
    many nearer ones are passed over on each side.
    """
    one, root = unit(p, volatility), sqrt(p.horizon_bars)
    swings = zones.swing_points(legs(one * p.swing_units), one)
    points = zones.both(zones.fractal_points(p.pivot_bars, p.pivot_volume_bars), swings)
    width, reach, decay, seed = p.zone_width * root, p.cap_units * root, volatility.ewma_decay, volatility.window_bars
    return zones.zones(points, width, reach, p.zone_half_life_bars, p.zone_count, decay, seed, rank)


def expressions(p: LevelsParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit."""
    one, close = unit(p, volatility), bar("close")
    inputs = legs(one * p.swing_units)
    live = swing(inputs)
    zone_below, zone_above, below_strength, above_strength = nearest_zones(p, volatility)
    traded = profile(p.profile_bars, p.profile_bins, p.value_share, p.node_bins)._asdict()
    density = traded.pop("density")
    day = sessions.session(p.session_start_hour, p.session_zone)._asdict()
    harmonic, elliott = patterns.harmonic(inputs, p.harmonic_tolerance), patterns.elliott(inputs)
    cluster_here, cluster, cluster_share = fibonacci.cluster(
        inputs, p.cluster_tolerance / p.swing_units, p.cap_units / p.swing_units
    )
    # levels by name: first what the engine gets as prices too
    at: dict[str, Expr] = {"zone_below": zone_below, "zone_above": zone_above, **traded}
    at |= {"swing_origin": live.origin, "swing_extreme": live.extreme}
    at["round_below"], at["round_above"] = round_numbers(one * close * p.round_units)
    at |= {
        **day,
        "harmonic_completion": harmonic.completion,
        "wave3": elliott.wave3,
        **elliott.wave5,
        "cluster": cluster,
    }
    out = {name: at[name] for name in AUXILIARY}
    del at["swing_origin"], at["swing_extreme"]  # their distances are the swing's retracements of 1 and 0
    at["round_major_below"], at["round_major_above"] = round_numbers(one * close * p.round_major_units)
    at |= harmonic.completions
    for name, steepness in gann.ANGLES.items():
        at[f"angle_{name}"] = gann.angle(inputs, one * (p.angle_units / p.horizon_bars), steepness)
    at["square_below"], at["square_above"] = gann.square_of_nine(one * close * p.square_units)
    at["sar"] = parabolic_sar(p.sar_step, p.sar_most, 2)
    farther = farther_zones(p, volatility)
    at |= {name: level for name, (level, _) in farther.items()}
    out |= {f"{name}_distance": distance(level, p, one) for name, level in at.items()}
    out |= {f"{name}_strength": (1.0 + strength).log() for name, (_, strength) in farther.items()}
    for ratio in fibonacci.RETRACEMENTS:
        level = fibonacci.retracement(live.origin, live.extreme, ratio)
        out[f"retracement_{round(1000 * ratio)}"] = distance(level, p, one)
    for ratio in fibonacci.EXTENSIONS:
        level = fibonacci.extension(live.origin, live.extreme, ratio)
        out[f"extension_{round(1000 * ratio)}"] = distance(level, p, one)
    for bars in p.prior_bars:
        high, low, before = sessions.prior_range(bars)
        out[f"prior_high_{bars}"], out[f"prior_low_{bars}"] = distance(high, p, one), distance(low, p, one)
        out["prior_close"] = distance(before, p, one)  # one for all
    leg = live.extreme - live.origin
    out |= {
        "zone_below_strength": (1.0 + below_strength).log(),
        "zone_above_strength": (1.0 + above_strength).log(),
        "profile_density": density,
        "swing_direction": live.direction,
        "swing_size": (1.0 + (zigzag(inputs, 1) - zigzag(inputs, 2)).abs() / one).log(),
        "swing_age": live.age / (live.age + float(p.horizon_bars)),
        "swing_retraced": where(leg.abs() > 0.0, (live.extreme - close) / where(leg.abs() > 0.0, leg, 1.0), 0.0),
        "harmonic_fit": harmonic.best,
        "harmonic_completed": harmonic.completed,
        **{f"{name}_fit": fit for name, fit in harmonic.fits.items()},
        "is_wave3": elliott.is_wave3,
        "is_wave5": elliott.is_wave5,
        "cluster_here": cluster_here,
        "cluster_share": cluster_share,
        "time_point": fibonacci.time_point(inputs, p.time_tolerance),
    }
    return out


def farther_zones(p: LevelsParams, volatility: VolatilityParams) -> dict[str, tuple[Expr, Expr]]:
    """Centre (price) and strength of the second to `zones_told`th nearest zone on each side, by name."""
    out: dict[str, tuple[Expr, Expr]] = {}
    for rank in range(1, p.zones_told):
        below, above, below_strength, above_strength = nearest_zones(p, volatility, rank)
        out |= {f"zone_below_{rank + 1}": (below, below_strength), f"zone_above_{rank + 1}": (above, above_strength)}
    return out


def prices(p: LevelsParams, volatility: VolatilityParams) -> dict[str, Level]:
    """The levels that the engine can compute as prices, by name; missing where there is none.

    Strengths: of zones the sum of their points' weights, of the cluster its share of all Fibonacci levels, of harmonic
    patterns the fit (at least LEAST_FIT).
    """
    one, close = unit(p, volatility), bar("close")
    inputs = legs(one * p.swing_units)
    live = swing(inputs)
    below, above, below_strength, above_strength = nearest_zones(p, volatility)
    out = {
        "zone_below": Level("zones", known_where(below_strength, below), below_strength),
        "zone_above": Level("zones", known_where(above_strength, above), above_strength),
    }
    for name, (level, strength) in farther_zones(p, volatility).items():
        out[name] = Level("zones", known_where(strength, level), strength)
    traded = profile(p.profile_bars, p.profile_bins, p.value_share, p.node_bins)._asdict()
    out |= {name: Level("profile", level) for name, level in traded.items() if name != "density"}
    day = sessions.session(p.session_start_hour, p.session_zone)._asdict()
    out |= {name: Level("session", level) for name, level in day.items()}
    for bars in p.prior_bars:
        high, low, before = sessions.prior_range(bars)
        out |= {f"prior_high_{bars}": Level("range", high), f"prior_low_{bars}": Level("range", low)}
        out["prior_close"] = Level("range", before)  # one for all
    for name, units in (("round", p.round_units), ("round_major", p.round_major_units)):
        for side, level in zip(("below", "above"), round_numbers(one * close * units), strict=True):
            out[f"{name}_{side}"] = Level("round", level)
    out |= {"swing_origin": Level("swing", live.origin), "swing_extreme": Level("swing", live.extreme)}
    for name, ratios in (("retracement", fibonacci.RETRACEMENTS), ("extension", fibonacci.EXTENSIONS)):
        for ratio in ratios:
            level = getattr(fibonacci, name)(live.origin, live.extreme, ratio)
            out[f"{name}_{round(1000 * ratio)}"] = Level("swing", level)
    _, cluster, share = fibonacci.cluster(inputs, p.cluster_tolerance / p.swing_units, p.cap_units / p.swing_units)
    out["cluster"] = Level("cluster", known_where(share, cluster), share)
    harmonic, elliott = patterns.harmonic(inputs, p.harmonic_tolerance), patterns.elliott(inputs)
    for name, fit in harmonic.fits.items():
        out[name] = Level("harmonic", known_where(fit >= LEAST_FIT, harmonic.completions[name]), fit)
    out["wave3"] = Level("elliott", known_where(elliott.is_wave3, elliott.wave3))
    out |= {name: Level("elliott", known_where(elliott.is_wave5, level)) for name, level in elliott.wave5.items()}
    for name, steepness in gann.ANGLES.items():
        level = gann.angle(inputs, one * (p.angle_units / p.horizon_bars), steepness)
        out[f"angle_{name}"] = Level("gann", level)
    for side, level in zip(("below", "above"), gann.square_of_nine(one * close * p.square_units), strict=True):
        out[f"square_{side}"] = Level("gann", level)
    out["sar"] = Level("trail", parabolic_sar(p.sar_step, p.sar_most, 2))
    return out
