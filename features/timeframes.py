"""Higher timeframes: any expression on their closed bars alone, whether they agree; fractals and cycles."""

from __future__ import annotations

from dataclasses import dataclass

from features.exhaustion import rsi
from features.expression import Expr, bar, maximum, minimum, plain, ratio
from features.fractals import cycle, fractal_dimension, hurst
from features.volatility import log_return
from inference.checks import number_in, whole_in

AUXILIARY: tuple[str, ...] = ()

# how the kernel `resample` makes each column of the higher timeframe from the bars inside it
HOW = {"open": 0, "high": 1, "low": 2, "close": 3, "volume": 4}
LAST = 3
DAY_US = 86_400_000_000
MONDAY_US = 4 * DAY_US  # 1970 began on a Thursday


def on_timeframe(expr: Expr, interval_us: int, offset_us: int = 0) -> Expr:
    """`expr` as if the bars were of `interval_us`; its value of the last such bar that has closed.

    Spans end at offset_us + k interval_us since 1970 UTC (weeks from Monday: offset_us=MONDAY_US). A span whose last
    bar never comes (a weekend, a halt) is closed by the next bar that does. The clock alone closes spans, those of all
    columns together; of a series joined as-of the last value known inside the span counts.
    """
    if interval_us <= 0 or not 0 <= offset_us < interval_us:
        raise ValueError(
            f"on_timeframe: offset_us must lie in [0, interval_us), was {offset_us} of {interval_us}; "
            "typical: 3_600_000_000 (an hour) and 0"
        )
    moved: dict[int, Expr] = {}

    def move(each: Expr) -> Expr:
        if id(each) not in moved:
            if each.op in ("input", "as_of"):
                how = HOW.get(each.name, LAST) if each.op == "input" else LAST
                span = {"interval_us": interval_us, "offset_us": offset_us, "how": how}
                moved[id(each)] = Expr("resample", (each, bar("time")), span)
            elif each.op == "constant":
                moved[id(each)] = each
            else:
                parameters = {key: plain(v) for key, v in each.parameters}
                moved[id(each)] = Expr(each.op, tuple(move(i) for i in each.inputs), parameters, each.name)
        return moved[id(each)]

    return Expr("latest", (move(expr),))


@dataclass(frozen=True, slots=True)
class TimeframesParams:
    """interval_days: length of each higher timeframe's bars, ascending; bars: window of the figures, in those bars.

    hurst_bars, dimension_bars: windows of the fractals, in the symbol's own bars.
    """

    interval_days: tuple[float, ...] = (7.0, 28.0)
    bars: int = 4
    hurst_bars: int = 100
    dimension_bars: int = 32

    def __post_init__(self) -> None:
        for days in self.interval_days:
            number_in("features.timeframes.interval_days", days, 1e-3, 3650, "7 and 28 for daily bars, 0.25 for hours")
        if list(self.interval_days) != sorted(set(self.interval_days)) or not self.interval_days:
            raise ValueError(
                f"features.timeframes.interval_days: must ascend, was {list(self.interval_days)}; typical: [7, 28]"
            )
        whole_in("features.timeframes.bars", self.bars, 2, 1000, "4 to 14")
        whole_in("features.timeframes.hurst_bars", self.hurst_bars, 16, 100_000, "100")
        whole_in("features.timeframes.dimension_bars", self.dimension_bars, 4, 100_000, "32")
        if self.dimension_bars % 2:
            raise ValueError(
                f"features.timeframes.dimension_bars: must be even, was {self.dimension_bars}; its halves are compared"
            )


def sign(x: Expr) -> Expr:
    """1, 0 or -1."""
    return (x > 0.0) - (x < 0.0)


def trend(bars: int) -> Expr:
    """ln(close / EMA of the close): above 0 in a rising market, a pure number."""
    return bar("close").log() - bar("close").ema(bars).log()


def velocity(bars: int) -> Expr:
    """Return over `bars` bars in standard deviations of that span, capped at 5 (0 where nothing moved)."""
    spread = log_return().rolling_std(2 * bars) * bars**0.5
    return maximum(minimum(ratio(log_return(bars), spread, 0.0), 5.0), -5.0)


def expressions(p: TimeframesParams) -> dict[str, Expr]:
    """All outputs of the family; `_tf1` is the lowest of the higher timeframes."""
    out: dict[str, Expr] = {}
    signs = [sign(trend(p.bars))]
    for i, days in enumerate(p.interval_days, 1):
        interval = round(days * DAY_US)
        offset = MONDAY_US if interval % (7 * DAY_US) == 0 else 0

        def higher(expr: Expr, interval: int = interval, offset: int = offset) -> Expr:
            return on_timeframe(expr, interval, offset)

        out[f"rsi_tf{i}"] = higher(rsi(p.bars)) / 100.0
        out[f"velocity_tf{i}"] = higher(velocity(p.bars))
        # where the price stands in the range of the last closed bar of the timeframe: 0 its low, 1 its high
        low, high = higher(bar("low")), higher(bar("high"))
        out[f"location_tf{i}"] = maximum(minimum(ratio(bar("close") - low, high - low, 0.5), 3.0), -2.0)
        signs.append(higher(sign(trend(p.bars))))
    total = signs[0]
    for each in signs[1:]:
        total = total + each
    out["alignment"] = total / float(len(signs))
    out["hurst"] = hurst(p.hurst_bars)
    out["fractal_dimension"] = fractal_dimension(p.dimension_bars)
    out["cycle_period"], out["cycle_sine"], out["cycle_cosine"] = cycle(bar("close"))
    return out
