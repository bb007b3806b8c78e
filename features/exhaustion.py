"""Momentum exhaustion: how far, how fast and on what volume the price has run, and whether the run is slowing."""

from __future__ import annotations

from dataclasses import dataclass

from features.divergence import (
    bars_since,
    divergences,
    fading,
    on_balance_flow,
    on_balance_volume,
    value_when,
)
from features.expression import Expr, bar, maximum, minimum, ratio, where
from features.volatility import VolatilityParams, ewma_sigma, log_return, true_range
from inference.checks import number_in, whole_in

AUXILIARY: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExhaustionParams:
    """Windows and half-lives in bars; widths of bands in deviations (Bollinger) and in mean true ranges (Keltner)."""

    rsi_bars: int = 14
    adx_bars: int = 14
    velocity_bars: int = 10
    volume_bars: int = 50
    macd_fast_bars: int = 12
    macd_slow_bars: int = 26
    macd_signal_bars: int = 9
    pivot_bars: int = 3
    divergence_span_bars: int = 60
    divergence_half_life_bars: float = 5.0
    aroon_bars: int = 25
    efficiency_bars: int = 10
    squeeze_bars: int = 20
    bollinger_width: float = 2.0
    keltner_width: float = 1.5
    range_bars: int = 20
    run_bars: int = 50

    def __post_init__(self) -> None:
        whole_in("features.exhaustion.rsi_bars", self.rsi_bars, 2, 10_000, "14")
        whole_in("features.exhaustion.adx_bars", self.adx_bars, 2, 10_000, "14")
        whole_in("features.exhaustion.velocity_bars", self.velocity_bars, 1, 10_000, "10")
        whole_in("features.exhaustion.volume_bars", self.volume_bars, 3, 10_000, "50")
        whole_in("features.exhaustion.macd_fast_bars", self.macd_fast_bars, 1, 10_000, "12")
        whole_in("features.exhaustion.macd_slow_bars", self.macd_slow_bars, 2, 10_000, "26")
        whole_in("features.exhaustion.macd_signal_bars", self.macd_signal_bars, 1, 10_000, "9")
        whole_in("features.exhaustion.pivot_bars", self.pivot_bars, 1, 1_000, "2 to 5")
        whole_in("features.exhaustion.divergence_span_bars", self.divergence_span_bars, 1, 100_000, "60")
        number_in("features.exhaustion.divergence_half_life_bars", self.divergence_half_life_bars, 0.1, 10_000, "5")
        whole_in("features.exhaustion.aroon_bars", self.aroon_bars, 1, 10_000, "25")
        whole_in("features.exhaustion.efficiency_bars", self.efficiency_bars, 1, 10_000, "10")
        whole_in("features.exhaustion.squeeze_bars", self.squeeze_bars, 2, 10_000, "20")
        number_in("features.exhaustion.bollinger_width", self.bollinger_width, 0.1, 10, "2")
        number_in("features.exhaustion.keltner_width", self.keltner_width, 0.1, 10, "1.5")
        whole_in("features.exhaustion.range_bars", self.range_bars, 2, 10_000, "20")
        whole_in("features.exhaustion.run_bars", self.run_bars, 3, 10_000, "50")
        if self.macd_slow_bars <= self.macd_fast_bars:
            raise ValueError(
                f"features.exhaustion.macd_slow_bars: must exceed macd_fast_bars ({self.macd_fast_bars}), was "
                f"{self.macd_slow_bars}; typical: 12 and 26"
            )


def rsi(bars: int) -> Expr:
    """100 gain / (gain + loss) of Wilder averages (Wilder 1978), 0 to 100; 50 where nothing moved; warm-up `bars`."""
    return Expr("relative_strength", (bar("close"),), {"bars": bars})


def directional(bars: int) -> tuple[Expr, Expr]:
    """+DI and -DI (Wilder 1978), 0 to 100; 0 while nothing moved; warm-up `bars` bars."""
    plus, minus = (_directional_index(bars, output) for output in (0, 1))
    return plus, minus


def adx(bars: int) -> Expr:
    """Wilder average of 100 |+DM - -DM| / (+DM + -DM) (Wilder 1978), 0 to 100. Warm-up: 2 bars - 1.

    Without any movement there is no direction: that counts as 0 during the warm-up, and later leaves the average as it
    was (as in TA-Lib).
    """
    return _directional_index(bars, 2)


def _directional_index(bars: int, output: int) -> Expr:
    return Expr("directional_index", (bar("high"), bar("low"), bar("close")), {"bars": bars, "output": output})


def macd(fast: int, slow: int, signal: int) -> tuple[Expr, Expr]:
    """EMA(fast) - EMA(slow) of the close, and that line less its own EMA(signal), in price (Appel 1979).

    Warm-up slow - 1 bars, and signal - 1 more for the second. Each EMA starts from the mean of its own first values.
    """
    line = bar("close").ema(fast) - bar("close").ema(slow)
    return line, line - line.ema(signal)


def aroon(bars: int) -> tuple[Expr, Expr]:
    """100 (bars - age of the extreme) / bars: up from the highest high and down from the lowest low of bars + 1 bars.

    0 to 100; of equal extremes the last counts; warm-up `bars` bars (Chande 1995).
    """
    up, down = bar("high").bars_since_max(bars + 1), bar("low").bars_since_min(bars + 1)
    return 100.0 - (100.0 / bars) * up, 100.0 - (100.0 / bars) * down


def efficiency(bars: int, close: Expr | None = None) -> Expr:
    """(close - close of `bars` bars ago) / sum of |changes| over them: Kaufman's (1995) efficiency ratio with its sign.

    -1 to 1; 0 where nothing moved; warm-up `bars` bars. close: of some bars alone, say, in place of the bar's own.
    """
    close = bar("close") if close is None else close
    return ratio(close - close.lag(bars), (close - close.lag(1)).abs().rolling_sum(bars))


def squeeze(bars: int, bollinger_width: float, keltner_width: float) -> Expr:
    """Width of the Bollinger bands over that of the Keltner channel; below 1 the bands lie inside it.

    bollinger_width x (population) standard deviation of closes / (keltner_width x mean true range), both about the mean
    close of `bars` bars; 1 where the range is 0; warm-up `bars` bars (Carter 2005).
    """
    deviation = bar("close").rolling_std(bars) * ((bars - 1.0) / bars) ** 0.5
    return ratio(bollinger_width * deviation, keltner_width * true_range().rolling_mean(bars), 1.0)


def wicks() -> tuple[Expr, Expr]:
    """Upper and lower wick of the bar: high - max(open, close) and min(open, close) - low, in price; no warm-up."""
    top, bottom = maximum(bar("open"), bar("close")), minimum(bar("open"), bar("close"))
    return bar("high") - top, bottom - bar("low")


def run(cap: int) -> Expr:
    """Consecutive closes above (counted up) or below (counted down) the one before, at most `cap`; 0 at an equal close.

    Whole bars with sign; warm-up 1 bar.
    """
    close, before = bar("close"), bar("close").lag(1)
    return bars_since(close <= before, cap) - bars_since(close >= before, cap)


def run_move() -> Expr:
    """ln(close / close before the present run began): the return of the run so far; 0 at an equal close.

    Fraction of price; warm-up 2 bars, and a run that began before then counts from its last bar there.
    """
    close, before, log_close = bar("close"), bar("close").lag(1), bar("close").log()
    direction = (close > before) - (close < before)
    start = value_when(direction - direction.lag(1), log_close.lag(1), 0, log_close.lag(1))
    return log_close - start


def runs_score(bars: int) -> Expr:
    """(R - m) / s of the number R of runs among the last `bars` closes, up or not (Wald and Wolfowitz 1940).

    m = 2 n1 n2 / n + 1, s^2 = (m - 1)(m - 2) / (n - 1) with n1 rises, n2 others. Below 0: runs are longer than chance
    has them; 0 where all closes went one way. Standard deviations; warm-up `bars` bars.
    """
    up = bar("close") > bar("close").lag(1)
    rises = up.rolling_sum(bars)
    runs = 1.0 + (up - up.lag(1)).abs().rolling_sum(bars - 1)
    mean = 2.0 * rises * (float(bars) - rises) / float(bars) + 1.0
    variance = (mean - 1.0) * (mean - 2.0) / (bars - 1.0)
    return ratio(runs - mean, maximum(variance, 0.0).sqrt())


def expressions(p: ExhaustionParams, volatility: VolatilityParams) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit of speed."""
    sigma = ewma_sigma(volatility)
    n = p.velocity_bars
    velocity = log_return(n) / (sigma * n**0.5)
    plus, minus = directional(p.adx_bars)
    volume = (1.0 + bar("volume")).log()
    surprise = (volume - volume.rolling_mean(p.volume_bars)) / maximum(volume.rolling_std(p.volume_bars), 1e-6)
    span = bar("high") - bar("low")
    line, histogram = macd(p.macd_fast_bars, p.macd_slow_bars, p.macd_signal_bars)
    macd_unit = bar("close") * sigma * p.macd_slow_bars**0.5
    aroon_up, aroon_down = aroon(p.aroon_bars)
    bands = squeeze(p.squeeze_bars, p.bollinger_width, p.keltner_width)
    upper, lower = wicks()
    streak = run(p.run_bars)
    flow = on_balance_flow(p.volume_bars)
    out = {
        "rsi": rsi(p.rsi_bars) / 100.0,
        "velocity": velocity,
        "acceleration": velocity - velocity.lag(n),
        "adx": adx(p.adx_bars) / 100.0,
        "di_difference": (plus - minus) / 100.0,
        "volume_surprise": surprise,
        "volume_climax": surprise * log_return() / sigma,
        "close_location": ratio(bar("close") - bar("low"), span, 0.5),
        "jerk": velocity - 2.0 * velocity.lag(n) + velocity.lag(2 * n),
        "macd": line / macd_unit,
        "macd_histogram": histogram / macd_unit,
        "aroon_up": aroon_up / 100.0,
        "aroon_down": aroon_down / 100.0,
        "efficiency": efficiency(p.efficiency_bars),
        "squeeze": maximum(bands, 0.01).log(),
        "squeeze_run": (1.0 + bars_since(bands >= 1.0, p.squeeze_bars)).log(),
        "upper_wick": ratio(upper, span),
        "lower_wick": ratio(lower, span),
        "wick_balance": ratio((lower - upper).rolling_sum(p.range_bars), span.rolling_sum(p.range_bars)),
        "range_surprise": maximum(ratio(true_range(), true_range().rolling_mean(p.range_bars), 1.0), 0.01).log(),
        "range_rank": true_range().rolling_rank(p.range_bars),
        "run": where(streak > 0.0, 1.0, -1.0) * (1.0 + streak.abs()).log(),
        "run_move": run_move() / (sigma * maximum(streak.abs(), 1.0).sqrt()),
        "runs_score": runs_score(p.run_bars),
        "obv_flow": flow,
        "obv_gap": flow - efficiency(p.volume_bars),
    }
    for name, oscillator in (("rsi", rsi(p.rsi_bars)), ("macd", line), ("obv", on_balance_volume())):
        regular, hidden = divergences(oscillator, p.pivot_bars, p.divergence_span_bars)
        out[f"{name}_divergence"] = fading(regular, p.divergence_half_life_bars)
        out[f"{name}_hidden_divergence"] = fading(hidden, p.divergence_half_life_bars)
    return out
