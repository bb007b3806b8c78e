"""Excursion: how far the price has lately run for and against positions, from closed horizons only.

At the close of bar t the latest closed horizon is the one entered at the open of bar t - H + 1; all quantities are in
the volatility unit of its decision bar t - H: sigma sqrt(H) entry. So nothing here looks ahead.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.expression import Expr, bar, minimum, where
from features.volatility import VolatilityParams, ewma_sigma, log_return
from features.volatility_fits import Constants
from features.volatility_regimes import three_probabilities, turbulent_probability
from inference.checks import number_in, whole_in

AUXILIARY: tuple[str, ...] = ()
MAX_EXCURSION = 20.0  # units: what the first move after a standstill comes to


@dataclass(frozen=True, slots=True)
class ExcursionParams:
    """horizon_bars: length of past positions; window_bars: how many are remembered; quantiles: of their excursion.

    distances: of the stops whose past is counted, in units; recent_bars: the latest of the window, for the trend;
    regime_bars: whose mean volatility divides high from low, without a model of regimes; regime_prior: weight of all
    positions, in positions; regime_positions: how many of a regime its quantiles are of.
    """

    horizon_bars: int = 10
    window_bars: int = 120
    quantiles: tuple[float, ...] = (0.5, 0.8)
    distances: tuple[float, ...] = (0.25, 0.5)
    recent_bars: int = 30
    regime_bars: int = 100
    regime_prior: float = 10.0
    regime_positions: int = 40
    peak_bars: int = 60

    def __post_init__(self) -> None:
        whole_in("features.excursion.horizon_bars", self.horizon_bars, 1, 10_000, "the label's horizon")
        whole_in("features.excursion.window_bars", self.window_bars, 2, 100_000, "120")
        whole_in("features.excursion.peak_bars", self.peak_bars, 2, 100_000, "60")
        whole_in("features.excursion.recent_bars", self.recent_bars, 1, 100_000, "a quarter of window_bars")
        whole_in("features.excursion.regime_bars", self.regime_bars, 2, 100_000, "100")
        whole_in("features.excursion.regime_positions", self.regime_positions, 2, 100_000, "40")
        number_in("features.excursion.regime_prior", self.regime_prior, 0.1, 1e6, "10")
        if self.recent_bars >= self.window_bars:
            raise ValueError(
                f"features.excursion.recent_bars: must be below window_bars ({self.window_bars}), was "
                f"{self.recent_bars}; typical: a quarter of window_bars"
            )
        for distance in self.distances:
            number_in("features.excursion.distances", distance, 0.01, 100.0, "0.25 and 0.5")
        for quantile in self.quantiles:
            number_in("features.excursion.quantiles", quantile, 0.0, 1.0, "0.5 and 0.8")


def excursions(p: ExcursionParams, sigma: Expr) -> tuple[Expr, Expr]:
    """Downward and upward excursion of the latest closed horizon (a long's MAE and MFE), in units, at most 20."""
    entry = bar("open").lag(p.horizon_bars - 1) if p.horizon_bars > 1 else bar("open")
    unit = sigma.lag(p.horizon_bars) * p.horizon_bars**0.5 * entry
    down = (entry - bar("low").rolling_min(p.horizon_bars)) / unit
    up = (bar("high").rolling_max(p.horizon_bars) - entry) / unit
    return minimum(down, MAX_EXCURSION), minimum(up, MAX_EXCURSION)


def stop_outcomes(p: ExcursionParams, sigma: Expr, side: int, distance: float) -> tuple[Expr, Expr]:
    """Hit and reversal of a stop at `distance` units in the latest closed horizon: 1 or 0 each, as in the labels.

    hit: a low touches entry - distance (side 1), or a high entry + distance (side -1); reversal: after the bar of the
    first hit, price trades through as far on the other side. Warm-up: sigma's + 2 horizon_bars - 1 bars.
    """
    h = p.horizon_bars
    entry = bar("open").lag(h - 1) if h > 1 else bar("open")
    offset = sigma.lag(h) * h**0.5 * entry * distance
    # mirrored for shorts, so that the stop lies below and the target above
    adverse, favourable = (bar("low"), bar("high")) if side > 0 else (-bar("high"), -bar("low"))
    stop, target = side * entry - offset, side * entry + offset
    stopped = Expr("first_at_or_below", (adverse, stop), {"window": h})  # bars ago, -1 for never
    turned = Expr("last_above", (favourable, target), {"window": h})
    return stopped >= 0.0, (turned >= 0.0) * (turned < stopped)


def trend(values: Expr, recent: int, window: int) -> Expr:
    """(r - w) / (r + w) of the means r of the last `recent` and w of the last `window` values (>= 0).

    -1 to 1, above 0 where they grow; 0 where all are 0; warm-up window - 1 bars.
    """
    short, long = values.rolling_mean(recent), values.rolling_mean(window)
    total = short + long
    return (short - long) / where(total > 0.0, total, 1.0)


def rate_in_regime(outcome: Expr, rate: Expr, entered: Expr, present: Expr, window: int, prior: float) -> Expr:
    """(hits + prior rate) / (count + prior) among the last `window` positions entered in the present regime, 0 to 1.

    outcome: 1 or 0 of each position, rate: its mean over the window; entered, present: 1 where volatility was high at
    the position's decision, and is now. The prior draws to the rate of all positions: where the window holds few of the
    present regime, or none, there is nothing else to say. Warm-up: the latest input's and window - 1 bars.
    """
    high, high_hits = entered.rolling_sum(window), (outcome * entered).rolling_sum(window)
    hits = where(present, high_hits, rate * float(window) - high_hits)
    count = where(present, high, float(window) - high)
    return (hits + prior * rate) / (count + prior)


def is_turbulent(p: ExcursionParams, volatility: VolatilityParams, constants: Constants | None) -> Expr:
    """1 where volatility is high, else 0: P(turbulent) > 1/2 by the Markov filter with these constants.

    Without them: sigma above its mean over regime_bars. Warm-up: that of returns, or of sigma and regime_bars - 1.
    """
    if constants is None:
        sigma = ewma_sigma(volatility)
        return sigma > sigma.rolling_mean(p.regime_bars)
    ret = log_return()
    two = volatility.regimes == 2
    return (turbulent_probability(ret, constants) if two else three_probabilities(ret, constants)[2]) > 0.5


def quantile_in_regime(
    values: Expr, entered: Expr, present: Expr, count: int, quantile: float, otherwise: Expr
) -> Expr:
    """Quantile (type 7) of the last `count` values (>= 0) of positions entered in the present regime.

    entered, present: as in rate_in_regime; `otherwise` until the present regime has had `count` positions. Unit of the
    values; warm-up of `otherwise`, or of the values and `entered` and count - 1 bars.
    """

    def of(kind: Expr) -> Expr:  # divided by 0 a value is missing, and what is missing leaves the window as it was
        known = Expr("latest", ((values / kind).rolling_quantile(count, quantile),))
        return Expr("or_else", (known,), {"value": -1.0})

    found = where(present, of(entered), of(1.0 - entered))
    begun = 0.0 * (values * entered).lag(count - 1)  # missing until there could have been so many
    return where(found < 0.0, otherwise, found) + begun


def expressions(
    p: ExcursionParams, volatility: VolatilityParams, constants: Constants | None = None
) -> dict[str, Expr]:
    """All outputs of the family; `volatility` defines the unit, `constants` of its regimes what turbulence is."""
    sigma = ewma_sigma(volatility)
    down, up = excursions(p, sigma)
    out: dict[str, Expr] = {}
    high = is_turbulent(p, volatility, constants)
    entered = high.lag(p.horizon_bars)
    for q in p.quantiles:
        for name, values in (("down", down), ("up", up)):
            common = values.rolling_quantile(p.window_bars, q)
            out[f"{name}_excursion_q{round(100 * q)}"] = common
            out[f"{name}_excursion_q{round(100 * q)}_regime"] = quantile_in_regime(
                values, entered, high, p.regime_positions, q, common
            )
    out["down_excursion_last"] = down
    out["up_excursion_last"] = up
    for side, name, values in ((1, "down", down), (-1, "up", up)):  # down: what stops longs
        for distance in p.distances:
            outcomes = stop_outcomes(p, sigma, side, distance)
            for what, outcome in zip(("hit_rate", "reversal_rate"), outcomes, strict=True):
                rate = outcome.rolling_mean(p.window_bars)
                out[f"{name}_{what}_{round(100 * distance)}"] = rate
                out[f"{name}_{what}_{round(100 * distance)}_regime"] = rate_in_regime(
                    outcome, rate, entered, high, p.window_bars, p.regime_prior
                )
        out[f"{name}_excursion_trend"] = trend(values, p.recent_bars, p.window_bars)
    high, low, close = (bar(column).log() for column in ("high", "low", "close"))
    peak, trough = high.rolling_max(p.peak_bars), low.rolling_min(p.peak_bars)
    scale = sigma * p.peak_bars**0.5
    out["drawdown"] = minimum((peak - close) / scale, MAX_EXCURSION)
    out["rally"] = minimum((close - trough) / scale, MAX_EXCURSION)
    out["peak_age"] = bar("high").bars_since_max(p.peak_bars) / float(p.peak_bars)
    out["trough_age"] = bar("low").bars_since_min(p.peak_bars) / float(p.peak_bars)
    return out
