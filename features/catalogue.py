"""Unit and source of every feature, by family, for docs/features.md: one entry a feature or a group of like ones.

A feature's name matches exactly one entry of its family, and every entry matches a feature: tests see to it. "own"
marks what has no source but the formula.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Entry(NamedTuple):
    """name: regular expression of whole names; unit, with its range where it has one; source: author, year, place."""

    name: str
    unit: str
    source: str


MULTIPLE = "multiple of sigma"
LOG_MULTIPLE = "ln of a multiple of sigma, -4.6 to 4.6"
UNITS = "volatility units (sigma √horizon_bars price)"
SHARE, SIGNED = "share, 0 to 1", "share, -1 to 1"
PRICE = "price"
RATE = "share of past positions, 0 to 1"
SCORE = "standard deviations, -5 to 5"

RISKMETRICS = "J.P. Morgan (1996), RiskMetrics Technical Document, section 5.2"
WILDER = "Wilder (1978), New Concepts in Technical Trading Systems"
BOLLERSLEV = "Bollerslev (1986), Journal of Econometrics 31"
HAMILTON = "Hamilton (1989), Econometrica 57"
FROST = "Frost and Prechter (1978), Elliott Wave Principle, chapters 1 and 4"
CARNEY = "Gartley (1935), Profits in the Stock Market; Carney (2010), Harmonic Trading 1"
BORODEN = "Boroden (2008), Fibonacci Trading"
PROFILE = "Steidlmayer and Koy (1986), Markets and Market Logic"
NODES = "Dalton, Dalton and Jones (2007), Markets in Profile"
OSLER = "Osler (2003), Journal of Finance 58"
OSLER_STOPS = "pools: Osler (2005), Journal of International Money and Finance 24; the sweep: own"
SWEENEY = "excursions: Sweeney (1996), Maximum Adverse Excursion; their past distribution: own"
KAUFMAN = "Kaufman (1995), Smarter Trading"
LEDOIT = "Ledoit and Wolf (2004), Journal of Portfolio Management 30; fixed intensity"
GOULD = "Gould and Bonart (2016), Market Microstructure and Liquidity 2"
DIVERGENCE = "regular: Wilder (1978); hidden: Brown (1999), Technical Analysis for the Trading Professional"
ZIGZAG = "zigzag by least retracement, in volatility units; own"
EHLERS = "Ehlers (2001), Rocket Science for Traders"

CATALOGUE: dict[str, tuple[Entry, ...]] = {
    "volatility": (
        Entry("sigma", "fraction of price a bar", RISKMETRICS),
        Entry("garch_sigma", "fraction of price a bar", BOLLERSLEV),
        Entry("atr", PRICE, f"{WILDER}, section III"),
        Entry("log_sigma", "ln of a fraction of price a bar", RISKMETRICS),
        Entry("atr_ratio", MULTIPLE, f"{WILDER}, section III"),
        Entry("std_ratio|slow_ratio", MULTIPLE, "sample standard deviation, ddof 1"),
        Entry("parkinson_ratio", MULTIPLE, "Parkinson (1980), Journal of Business 53"),
        Entry("garman_klass_ratio", MULTIPLE, "Garman and Klass (1980), Journal of Business 53"),
        Entry("garch_ratio", MULTIPLE, BOLLERSLEV),
        Entry("gap_share", "gaps' deviation over that of returns", "own"),
        Entry("last_return", "multiple of the sigma before", "own"),
        Entry("implied_premium", "volatility points (% a year)", "Carr and Wu (2009), Review of Financial Studies 22"),
        Entry("implied_ratio", MULTIPLE, "implied over realised volatility; own scale"),
        Entry(r"realised_log_\d+", LOG_MULTIPLE, "Andersen and Bollerslev (1998), International Economic Review 39"),
        Entry(
            "rogers_satchell_log", LOG_MULTIPLE, "Rogers and Satchell (1991), Annals of Applied Probability 1, eq. 3"
        ),
        Entry("yang_zhang_log", LOG_MULTIPLE, "Yang and Zhang (2000), Journal of Business 73, eq. 7 and 10"),
        Entry("gap_log|body_log", LOG_MULTIPLE, "root mean square of overnight and inside returns; own"),
        Entry("bollinger_width_log", LOG_MULTIPLE, "Bollinger (2001), Bollinger on Bollinger Bands"),
        Entry(
            "keltner_width_log", LOG_MULTIPLE, "Keltner (1960), How to Make Money in Commodities; ATR channel: Raschke"
        ),
        Entry(
            "jump_share", SHARE, "Barndorff-Nielsen and Shephard (2004), Journal of Financial Econometrics 2, eq. 6, 9"
        ),
        Entry("downside_share", SHARE, "Barndorff-Nielsen, Kinnebrock and Shephard (2010), realised semivariance"),
        Entry("volatility_of_volatility", "standard deviation of ln sigma a bar", "own"),
        Entry(
            "(day|week)_season_log",
            "ln of a multiple of the usual volatility, -2.3 to 2.3",
            "Andersen and Bollerslev (1997), Journal of Empirical Finance 4; absolute moment in place of the square",
        ),
        Entry("seasonal_sigma", "fraction of price a bar", f"{RISKMETRICS}, times the seasons"),
        Entry("(session|overnight|weekend)_gap_log", LOG_MULTIPLE, "EWMA of squared gaps by kind; own"),
        Entry("garch_horizon_log", LOG_MULTIPLE, f"{BOLLERSLEV}; mean forecast over the horizon"),
        Entry("gjr(_horizon)?_log", LOG_MULTIPLE, "Glosten, Jagannathan and Runkle (1993), Journal of Finance 48"),
        Entry("egarch(_horizon)?_log", LOG_MULTIPLE, "Nelson (1991), Econometrica 59, theorem A1.2"),
        Entry("(turbulent|middle)_probability", "probability, 0 to 1", HAMILTON),
        Entry("regime_horizon_log", LOG_MULTIPLE, "Hamilton (1994), Time Series Analysis, eq. 22.2"),
        Entry("har_horizon_log", LOG_MULTIPLE, "Corsi (2009), Journal of Financial Econometrics 7; in logarithms"),
    ),
    "excursion": (
        Entry(r"(down|up)_excursion_(q\d+(_regime)?|last)", UNITS, SWEENEY),
        Entry(r"(down|up)_hit_rate_\d+(_regime)?", RATE, "own: hits as in the labels"),
        Entry(r"(down|up)_reversal_rate_\d+(_regime)?", RATE, "own: reversals as in the labels"),
        Entry("(down|up)_excursion_trend", SIGNED, "own"),
        Entry("drawdown|rally", "sigma √peak_bars, at least 0", "distance from the rolling extreme; own scale"),
        Entry("(peak|trough)_age", "share of peak_bars, 0 to 1", "Chande (1995), as in Aroon"),
    ),
    "exhaustion": (
        Entry("rsi", SHARE, f"{WILDER}, section VI"),
        Entry("velocity|acceleration|jerk", "return in sigma √velocity_bars, and its differences", "own"),
        Entry("adx|di_difference", SHARE + " (difference: -1 to 1)", f"{WILDER}, section IV"),
        Entry("volume_surprise", "standard deviations of ln(1 + volume)", "own"),
        Entry("volume_climax", "standard deviations of volume times returns in sigma", "own"),
        Entry("close_location", SHARE, "Williams (1973), %R of one bar"),
        Entry("macd(_histogram)?", "price in sigma √macd_slow_bars", "Appel (1979), The MACD Method"),
        Entry("aroon_(up|down)", SHARE, "Chande (1995), Technical Analysis of Stocks and Commodities 13"),
        Entry("efficiency", SIGNED, f"{KAUFMAN}, with its sign"),
        Entry("squeeze", "ln of widths' ratio, below 0 inside", "Carter (2005), Mastering the Trade"),
        Entry("squeeze_run", "ln(1 + bars)", "Carter (2005), Mastering the Trade"),
        Entry("upper_wick|lower_wick", "share of the bar's range, 0 to 1", "own"),
        Entry("wick_balance", "share of the ranges, -1 to 1", "own"),
        Entry("range_surprise", "ln of a multiple of the mean range", f"{WILDER}, section III; own scale"),
        Entry("range_rank", "rank, 0 to 1", f"{WILDER}, section III; own scale"),
        Entry("run", "± ln(1 + bars)", "own"),
        Entry("run_move", "return in sigma √bars of the run", "own"),
        Entry("runs_score", "standard deviations", "Wald and Wolfowitz (1940), Annals of Mathematical Statistics 11"),
        Entry("obv_flow", SIGNED, "Granville (1963), New Key to Stock Market Profits; over a window"),
        Entry("obv_gap", "difference of shares, -2 to 2", f"Granville (1963) less {KAUFMAN}"),
        Entry("(rsi|macd|obv)(_hidden)?_divergence", "fading count, above 0 bullish", DIVERGENCE),
    ),
    "levels": (
        Entry("zone_(below|above)", PRICE, "pivots: Williams (1995), Trading Chaos; zones by distance: own"),
        Entry(
            "zone_(below|above)(_[2-4])?_distance",
            UNITS,
            "pivots: Williams (1995), Trading Chaos; zones by distance: own",
        ),
        Entry(
            "zone_(below|above)(_[2-4])?_strength", "ln(1 + sum of weights)", "own: turns by recency, size and volume"
        ),
        Entry("poc|value_(low|high)", PRICE, PROFILE),
        Entry("(poc|value_low|value_high)_distance", UNITS, PROFILE),
        Entry("(high|low)_node_(below|above)", PRICE, NODES),
        Entry("(high|low)_node_(below|above)_distance", UNITS, NODES),
        Entry("profile_density", "share of the fullest bin, 0 to 1", PROFILE),
        Entry("swing_origin|swing_extreme", PRICE, ZIGZAG),
        Entry("swing_direction", "1 up, -1 down", ZIGZAG),
        Entry("swing_size", "ln(1 + size in volatility units)", ZIGZAG),
        Entry("swing_age", "bars / (bars + horizon_bars), 0 to 1", ZIGZAG),
        Entry("swing_retraced", "share of the leg", ZIGZAG),
        Entry("round_(below|above)", PRICE, OSLER),
        Entry("round_(major_)?(below|above)_distance", UNITS, OSLER),
        Entry("(prior_)?session_(open|high|low|close)", PRICE, "the clock's day"),
        Entry("(prior_)?session_(open|high|low|close)_distance", UNITS, "the clock's day"),
        Entry(r"prior_(high|low)_\d+", UNITS, "Donchian (1960), channel of the bars before"),
        Entry("prior_close", UNITS, "own"),
        Entry("harmonic_completion", PRICE, CARNEY),
        Entry("(harmonic_completion|gartley|bat|butterfly|crab)_distance", UNITS, CARNEY),
        Entry("harmonic_(fit|completed)", "fit, -1 to 1, above 0 where it ends in a low", CARNEY),
        Entry("(gartley|bat|butterfly|crab)_fit", "fit, 0 to 1", CARNEY),
        Entry("wave3|wave5_(net_)?(618|1000)", PRICE, FROST),
        Entry("(wave3|wave5_(net_)?(618|1000))_distance", UNITS, FROST),
        Entry("is_wave(3|5)", "1 or 0", FROST),
        Entry("sar_distance", UNITS, f"{WILDER}, section II; the stop of the next bar"),
        Entry("cluster", PRICE, f"{BORODEN}: price clusters"),
        Entry("cluster_distance", UNITS, f"{BORODEN}: price clusters"),
        Entry("cluster_here|cluster_share", "share of the levels, 0 to 1", f"{BORODEN}: price clusters"),
        Entry("time_point", "nearness, 0 to 1", f"{BORODEN}: time projections"),
        Entry(r"retracement_\d+|extension_\d+", UNITS, "Frost and Prechter (1978), Elliott Wave Principle, chapter 4"),
        Entry(r"angle_\dx\d_distance", UNITS, "Gann (1935), The Basis of My Forecasting Method; scaled by volatility"),
        Entry(
            "square_(below|above)_distance", UNITS, "Gann (1931); Mikula (2003), The Definitive Guide to Forecasting"
        ),
    ),
    "timeframes": (
        Entry(r"rsi_tf\d", SHARE, f"{WILDER}, section VI, on closed bars of the timeframe"),
        Entry(r"velocity_tf\d", SCORE, "own"),
        Entry(r"location_tf\d", "share of the last closed bar's range, -2 to 3", "own"),
        Entry("alignment", "mean of signs, -1 to 1", "Elder (1986), triple screen; as a score"),
        Entry("hurst", "exponent, 0 to 1", "Taqqu, Teverovsky and Willinger (1995), Fractals 3, section 3.2"),
        Entry("fractal_dimension", "dimension, 1 to 2", "Ehlers (2005), Fractal Adaptive Moving Averages"),
        Entry("cycle_period", "share of 50 bars, 0.12 to 1", EHLERS),
        Entry("cycle_(sine|cosine)", "-1 to 1", EHLERS),
    ),
    "flow": (
        Entry("illiquidity_log", "ln of a ratio, -4.6 to 4.6", "Amihud (2002), Journal of Financial Markets 5, eq. 1"),
        Entry(
            "price_impact|taker_impact",
            "sigma per usual net buying, -5 to 5",
            "Kyle (1985), Econometrica 53; Hasbrouck (2009), Journal of Finance 64; ticks: Lee and Ready (1991)",
        ),
        Entry(
            "high_low_spread",
            "multiple of sigma, 0 to 5",
            "Corwin and Schultz (2012), Journal of Finance 67, eq. 14, 18",
        ),
        Entry("money_flow", SIGNED, "Chaikin, after Achelis (2001), Technical Analysis from A to Z"),
        Entry("money_flow_gap|taker_gap", "difference of shares, -2 to 2", f"flow less {KAUFMAN}"),
        Entry("hunt_(low|high)_rate", "ln(1 + fading count)", OSLER_STOPS),
        Entry("hunt_(low|high)_depth", UNITS, OSLER_STOPS),
        Entry("hunt_(low|high)_age", "bars / (bars + half-life), 0 to 1", OSLER_STOPS),
        Entry("taker_share", SHARE, "exchanges' taker-buy volume"),
        Entry("taker_share_score", SCORE, "exchanges' taker-buy volume"),
        Entry("taker_delta", SIGNED, "cumulated delta: Chordia, Roll and Subrahmanyam (2002), order imbalance"),
        Entry("taker(_hidden)?_divergence", "fading count, above 0 bullish", DIVERGENCE),
        Entry("trade_intensity", SCORE, "own"),
        Entry("trade_size", "ln of a ratio, -5 to 5", "own"),
        Entry("book_imbalance", SIGNED, GOULD),
        Entry("book_spread", "ln(1 + basis points)", "quoted spread"),
        Entry("book_spread_log|book_(bid|ask)_depth_.*bp", "ln of a ratio, -5 to 5", "against usual; own"),
        Entry("book_depth_imbalance_.*bp", SIGNED, "Cao, Hansch and Wang (2009), Journal of Futures Markets 29"),
        Entry("book_(bid|ask)_wall", "ln of a multiple, at most 6.9", "own"),
        Entry("book_(bid|ask)_wall_distance", UNITS, "own"),
        Entry("funding_level", SIGNED, "own"),
        Entry("funding_(score|shift)", SCORE, "own"),
        Entry("funding_rank", "rank, 0 to 1", "own"),
        Entry("funding_staleness", "share of max_age_days, 0 to 1", "own"),
    ),
    "cross": (
        Entry("correlation_.*(?<!change)", "correlation, -1 to 1", f"{RISKMETRICS}; shrinkage: {LEDOIT}"),
        Entry(
            "correlation_others_change",
            "difference of correlations, -2 to 2",
            "contagion: Forbes and Rigobon (2002), Journal of Finance 57",
        ),
        Entry("beta_.*", "own return per return of the other, -5 to 5", RISKMETRICS),
        Entry("relative_strength_.*", "own deviations, -5 to 5", "Levy (1967), Journal of Finance 22"),
    ),
}


def entry(family: str, name: str) -> Entry:
    """Unit and source of one feature. LookupError unless exactly one entry of the family is its own."""
    found = [each for each in CATALOGUE[family] if re.fullmatch(each.name, name)]
    if len(found) != 1:
        raise LookupError(f"catalogue: {family}.{name} must have one entry, has {len(found)}; write it there")
    return found[0]
