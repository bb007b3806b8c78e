"""Flow: liquidity and stop hunts from bars alone, and the tape, the order book and any named series where there are.

A missing value of a named series makes features missing, and then the deterministic rules decide.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.book import book_features, book_prices
from features.exhaustion import ExhaustionParams, efficiency
from features.expression import Expr, minimum, ratio
from features.hunts import hunt_features, on_volume, pools, sweep
from features.levels import LevelsParams, unit
from features.liquidity import high_low_spread, illiquidity_log, money, money_flow, price_impact, tick_sign
from features.named_series import SeriesParams, series_features
from features.prices import Level
from features.taker import taker_features, trade_features
from features.volatility import VolatilityParams, ewma_sigma, log_return
from inference.checks import number_in, whole_in

AUXILIARY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowParams:
    """Windows in bars; `taker` and `trades` name series ("" for none); `book` asks for those of inference/book.py."""

    window_bars: int = 20
    slow_bars: int = 100
    pool_bars: int = 50
    equal_tolerance: float = 0.1
    hunt_volume: float = 1.2
    hunt_half_life_bars: float = 30.0
    taker: str = ""
    trades: str = ""
    book: bool = False
    book_max_age_days: float = 0.001
    book_depth_bp: tuple[float, ...] = (10.0, 50.0)
    book_wall_multiple: float = 3.0
    series: tuple[SeriesParams, ...] = ()

    def __post_init__(self) -> None:
        whole_in("features.flow.window_bars", self.window_bars, 3, 10_000, "20")
        whole_in("features.flow.slow_bars", self.slow_bars, 4, 100_000, "100")
        whole_in("features.flow.pool_bars", self.pool_bars, 2, 100_000, "50")
        number_in("features.flow.equal_tolerance", self.equal_tolerance, 0.0, 10, "0.1")
        number_in("features.flow.hunt_volume", self.hunt_volume, 0.0, 100, "1.2 for days, 1.5 for minutes")
        number_in("features.flow.hunt_half_life_bars", self.hunt_half_life_bars, 0.1, 10_000, "30")
        number_in("features.flow.book_max_age_days", self.book_max_age_days, 1e-6, 365, "0.001")
        number_in("features.flow.book_wall_multiple", self.book_wall_multiple, 1.0, 1_000, "3")
        for range_bp in self.book_depth_bp:
            number_in("features.flow.book_depth_bp", range_bp, 0.01, 10_000, "10 and 50")
        if self.slow_bars <= self.window_bars:
            raise ValueError(
                f"features.flow.slow_bars: must exceed window_bars ({self.window_bars}), was {self.slow_bars}; "
                "typical: five times window_bars"
            )
        if list(self.book_depth_bp) != sorted(set(self.book_depth_bp)):
            raise ValueError(
                f"features.flow.book_depth_bp: must ascend, was {list(self.book_depth_bp)}; typical: [10, 50]"
            )
        names = [each.name for each in self.series]
        if len(set(names)) < len(names):
            raise ValueError(f"features.flow.series: must name each series once, was {names}; take the others out")


def liquidity(p: FlowParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """What bars alone tell about liquidity and pressure."""
    sigma, flow = ewma_sigma(volatility), money_flow(p.window_bars)
    return {
        "illiquidity_log": illiquidity_log(p.window_bars, p.slow_bars),
        "price_impact": price_impact(log_return(), tick_sign() * money().sqrt(), sigma, p.window_bars),
        "high_low_spread": minimum(ratio(high_low_spread(p.window_bars), sigma), 5.0),
        "money_flow": flow,
        "money_flow_gap": flow - efficiency(p.window_bars),
    }


def hunts(p: FlowParams, levels: LevelsParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """Rate, depth and age of stop hunts per side: `low` swept the stops of longs, `high` those of shorts."""
    one, loud = unit(levels, volatility), on_volume(p.hunt_volume, p.window_bars)
    out: dict[str, Expr] = {}
    for name, side in (("low", -1), ("high", 1)):
        depth = loud * sweep(pools(levels, volatility, p.pool_bars, p.equal_tolerance, side), side)
        rate, wick, age = hunt_features(depth, one, p.hunt_half_life_bars, levels.cap_units)
        out |= {f"hunt_{name}_rate": rate, f"hunt_{name}_depth": wick, f"hunt_{name}_age": age}
    return out


def expressions(
    p: FlowParams, exhaustion: ExhaustionParams, levels: LevelsParams, volatility: VolatilityParams
) -> dict[str, Expr]:
    """All outputs of the family; `levels` says where stops gather, `volatility` defines the unit."""
    sigma, one = ewma_sigma(volatility), unit(levels, volatility)
    out = liquidity(p, volatility) | hunts(p, levels, volatility)
    if p.taker:
        out |= taker_features(p.taker, p.window_bars, p.slow_bars, sigma, exhaustion)
    if p.trades:
        out |= trade_features(p.trades, p.window_bars, p.slow_bars)
    if p.book:
        ranges, multiple = p.book_depth_bp, p.book_wall_multiple
        out |= book_features(p.book_max_age_days, ranges, multiple, one, levels.cap_units, p.slow_bars)
    for each in p.series:
        out |= series_features(each)
    return out


def prices(p: FlowParams) -> dict[str, Level]:
    """The levels that the engine can compute as prices: walls of the order book, where there is one."""
    return book_prices(p.book_max_age_days, p.book_wall_multiple) if p.book else {}
