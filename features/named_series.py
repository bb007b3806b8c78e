"""Any named series as features: funding, open interest, fear & greed, put/call, implied volatility, social counts."""

from __future__ import annotations

from dataclasses import dataclass

from features.expression import Expr, age_of, as_of, ratio
from features.scaling import deviation, held, score
from features.volatility_ranges import root_mean_square
from inference.checks import number_in, whole_in


@dataclass(frozen=True, slots=True)
class SeriesParams:
    """One series: its name, the age at which it counts as missing, the window of what is usual, the span of a shift."""

    name: str
    max_age_days: float
    window_bars: int
    shift_bars: int

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(
                f"features.flow.series.name: must be letters, digits and _, was {self.name!r}; rename the series"
            )
        number_in("features.flow.series.max_age_days", self.max_age_days, 1e-5, 3650, "2 for daily values")
        whole_in("features.flow.series.window_bars", self.window_bars, 3, 100_000, "100")
        whole_in("features.flow.series.shift_bars", self.shift_bars, 1, 100_000, "5")


def staleness(name: str, max_age_days: float) -> Expr:
    """Age of the series' last value over max_age_days, 0 to 1; 1 where it is older and so missing.

    The one figure that is there when the value is not. Missing until a value has once been known at a bar's close.
    """
    share = age_of(name, max_age_days) / (max_age_days * 86_400e6)
    return Expr("or_else", (share,), {"value": 1.0}) + 0.0 * Expr("latest", (share,))


def series_features(p: SeriesParams) -> dict[str, Expr]:
    """Level, score, shift, rank and staleness of the series' latest value x at the bar's close.

    level: x / (|x| + root mean square), -1 to 1, keeps the sign. score: (x - mean) / std, within ±5. shift: (x - x of
    shift_bars bars before) / std, within ±5. rank: share of the window's values below x (ties half): its extremes are
    near 0 and 1. All over window_bars; 0 (rank 0.5) where x does not vary. Warm-up: window_bars - 1, or shift_bars.
    """
    x, n = as_of(p.name, p.max_age_days), p.window_bars
    return {
        f"{p.name}_level": ratio(x, x.abs() + root_mean_square(x, n)),
        f"{p.name}_score": score(x, n),
        f"{p.name}_shift": held(ratio(x - x.lag(p.shift_bars), deviation(x, n)), 5.0),
        f"{p.name}_rank": x.rolling_rank(n),
        f"{p.name}_staleness": staleness(p.name, p.max_age_days),
    }
