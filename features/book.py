"""The order book at the bar's close, from the series that inference/book.py makes of snapshots."""

from __future__ import annotations

from collections.abc import Sequence

from features.expression import Expr, as_of, bar, maximum, minimum, ratio, where
from features.prices import Level, known_where
from features.scaling import held
from inference.book import depth_names


def against_usual(x: Expr, window: int) -> Expr:
    """ln(x / mean of x over the window), within ±5; 0 where both are 0. Warm-up: window - 1 bars."""
    return held(maximum(ratio(x, x.rolling_mean(window), 1.0), 1e-3).log(), 5.0)


def book_features(
    max_age_days: float, ranges_bp: Sequence[float], wall_multiple: float, one: Expr, cap: float, window: int
) -> dict[str, Expr]:
    """Imbalance, spread, depth per range and side, and the wall on each side.

    book_imbalance: of the best prices' quantities, -1 to 1. book_spread: ln(1 + spread in bp); book_spread_log: spread
    against usual. book_depth_imbalance_Nbp: (bid - ask) / (bid + ask) of the money within N bp, 0 where there is none;
    book_bid_depth_Nbp (ask): that money against usual. book_bid_wall (ask): ln of the largest level over the mean of
    the others; book_bid_wall_distance (ask): its distance in units (`one`, fraction of price), at most `cap`, which
    also stands where no level is `wall_multiple` times the others.
    """

    def series(name: str) -> Expr:
        return as_of(name, max_age_days)

    spread = series("book_spread_bp")
    out = {
        "book_imbalance": series("book_imbalance"),
        "book_spread": (1.0 + spread).log(),
        "book_spread_log": against_usual(spread, window),
    }
    for range_bp in ranges_bp:
        bid, ask = map(series, depth_names(range_bp))
        out[f"book_depth_imbalance_{range_bp:.15g}bp"] = ratio(bid - ask, bid + ask)
        for name, depth in zip(depth_names(range_bp), (bid, ask), strict=True):
            out[name] = against_usual(depth, window)
    for side in ("bid", "ask"):
        multiple = series(f"book_{side}_wall_multiple")
        away = ratio(series(f"book_{side}_wall_bp") * 1e-4, one, cap)
        out[f"book_{side}_wall"] = minimum(multiple, 1e3).log()
        out[f"book_{side}_wall_distance"] = where(multiple >= wall_multiple, minimum(away, cap), cap)
    return out


def book_prices(max_age_days: float, wall_multiple: float) -> dict[str, Level]:
    """Walls of both sides, close * (1 -+ distance from the middle): what was far from the middle is so from the close.

    Missing where no level is `wall_multiple` times the side's others; strength: that multiple.
    """
    out = {}
    for side, sign in (("bid", -1.0), ("ask", 1.0)):
        multiple, away = (as_of(f"book_{side}_wall_{what}", max_age_days) for what in ("multiple", "bp"))
        price = bar("close") * (1.0 + sign * 1e-4 * away)
        out[f"{side}_wall"] = Level("book", known_where(multiple >= wall_multiple, price), multiple)
    return out
