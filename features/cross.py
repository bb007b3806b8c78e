"""Cross: how the symbol moves with others, and against them.

Another symbol's close is the named series `close@SYMBOL`, usable one microsecond after that bar's close, so it is seen
from this symbol's next bar on, in whatever order live bars of one moment arrive. To compare like with like, the own
close is taken one bar late too. Every symbol has the same graph, in which a symbol may meet itself: its own close
follows the same rule, so its correlation and beta with itself are 1 and its relative strength is 0; in baskets and
means it counts nothing (weight 0). Where two symbols keep different sessions, the bar after a gap of this symbol pairs
the other's move over the gap with its own last one before it: that one pair is off by a bar.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from features.expression import Expr, as_of, bar, constant, maximum, minimum, ratio
from inference.checks import number_in, whole_in
from inference.closes import close_of

AUXILIARY: tuple[str, ...] = ()
MAX_BETA = 5.0
MAX_STRENGTH = 5.0


@dataclass(frozen=True, slots=True)
class CrossParams:
    """symbols: the others, by name ([] leaves the family out); baskets: name → members; windows in bars."""

    symbols: tuple[str, ...] = ("SPX", "NASDAQ")
    baskets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    decay: float = 0.97
    seed_bars: int = 30
    shrinkage: float = 0.3
    long_decay: float = 0.997
    strength_bars: int = 20
    change_bars: int = 20
    max_age_days: float = 5.0

    def __post_init__(self) -> None:
        named = {f"baskets.{name}": members for name, members in self.baskets.items()}
        if self.symbols:
            named["symbols"] = self.symbols
        for key, members in named.items():
            if len(set(members)) < 2 or len(set(members)) < len(members) or "" in members:
                raise ValueError(
                    f"features.cross.{key}: must name two or more symbols, each once, was {list(members)}; a symbol is "
                    "not compared with itself, so one alone would leave it with nothing"
                )
        if "" in self.baskets:
            raise ValueError("features.cross.baskets: must have names, was ''; name the sector")
        if self.baskets and not self.symbols:
            raise ValueError(
                f"features.cross.baskets: must be empty without symbols, was {sorted(self.baskets)}; name the symbols "
                "too, or {}"
            )
        number_in("features.cross.decay", self.decay, 0.5, 0.9999, "0.97")
        whole_in("features.cross.seed_bars", self.seed_bars, 2, 100_000, "30")
        number_in("features.cross.shrinkage", self.shrinkage, 0.0, 1.0, "0.3")
        number_in("features.cross.long_decay", self.long_decay, 0.5, 0.99999, "0.997")
        if self.long_decay <= self.decay:
            raise ValueError(
                f"features.cross.long_decay: must exceed decay ({self.decay}), was {self.long_decay}; typical: 0.97 "
                "and 0.997"
            )
        whole_in("features.cross.strength_bars", self.strength_bars, 1, 100_000, "20")
        whole_in("features.cross.change_bars", self.change_bars, 1, 100_000, "20")
        number_in("features.cross.max_age_days", self.max_age_days, 1e-4, 365, "5 for daily bars, 0.01 for minutes")


@dataclass(frozen=True, slots=True)
class Pair:
    """Returns of this symbol and of another over the same spans: both missing, or neither."""

    own: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Moments:
    """EWMA of the squares and products of a pair's returns."""

    own: Expr
    other: Expr
    product: Expr


def log_close(symbol: str, p: CrossParams) -> Expr:
    """ln of the other's last close before this bar's close; missing where it is older than max_age_days."""
    return as_of(close_of(symbol), p.max_age_days).log()


def own_log_close() -> Expr:
    """ln of this symbol's close one bar ago: what the others see of it."""
    return bar("close").log().lag(1)


def symbol_pair(symbol: str, p: CrossParams) -> Pair:
    """Returns of this symbol and of `symbol`; after bars on which the other was missing both span them."""
    other = log_close(symbol, p)
    own = own_log_close().beside(other)
    return Pair(own - own.lag(1), other - other.lag(1))


def basket_pair(members: Sequence[str], p: CrossParams) -> Pair:
    """Returns of this symbol and the mean log return of the members present, this symbol left out.

    A member that is missing or stale is left out of the mean until it is back, and then counts with its whole move
    since; the basket is missing only while every member is, and then the own return spans those bars too.
    """
    levels = {name: log_close(name, p) for name in members}
    basket = mean_of_present({name: level - level.lag(1) for name, level in levels.items()})
    own = own_log_close().beside(mean_of_present(levels))  # so that it spans the bars on which there was no member
    return Pair((own - own.lag(1)).beside(basket), basket)


def mean_of_present(values: Mapping[str, Expr]) -> Expr:
    """Mean over the symbols whose value is not missing, this symbol left out; missing where none is left."""
    total, count = constant(0.0), constant(0.0)
    for name, value in values.items():
        weight = Expr("constant", (), {"value": {name: 0.0, "*": 1.0}})
        total = total + weight * Expr("or_else", (value,), {"value": 0.0})
        count = count + weight * Expr("or_else", (0.0 * value + 1.0,), {"value": 0.0})
    return total / count


def moments(pair: Pair, decay: float, seed_bars: int) -> Moments:
    """EWMA of x^2, y^2 and x y with one decay, means taken as 0 (RiskMetrics 1996, section 5.2).

    Seeded with the means of the first seed_bars pairs. Warm-up: seed_bars + 1 bars.
    """
    return Moments(
        *(x.ewma(decay, seed_bars) for x in (pair.own * pair.own, pair.other * pair.other, pair.own * pair.other))
    )


def long_run(pair: Pair, p: CrossParams) -> Expr:
    """Correlation with the slow decay: what is usual for the pair."""
    return correlation(moments(pair, p.long_decay, p.seed_bars))


def correlation(m: Moments) -> Expr:
    """E[x y] / sqrt(E[x^2] E[y^2]), -1 to 1; 0 where one of both never moved."""
    return clipped(ratio(m.product, (m.own * m.other).sqrt()), 1.0)


def shrunk(raw: Expr, target: Expr, p: CrossParams, symbol: str = "") -> Expr:
    """(1 - shrinkage) correlation + shrinkage target; that of `symbol` with itself stays 1.

    A correlation of few bars is noisy, and most of its swings go back. The target is what is usual: the mean over the
    other symbols of the pairs' long-run correlations, towards which all are drawn alike (constant correlation: Ledoit
    and Wolf 2004, Journal of Portfolio Management 30, "Honey, I Shrunk the Sample Covariance Matrix"; that the overall
    mean forecasts best: Elton and Gruber 1973, Journal of Finance 28). With one other symbol, and for a basket, it is
    the pair's own long-run correlation (as Vasicek 1973, Journal of Finance 28, draws a beta to what was known before).
    The intensity is a parameter.
    """
    own = {symbol: 0.0} if symbol else {}
    weight = Expr("constant", (), {"value": {**own, "*": p.shrinkage}})
    return raw + weight * (target - raw)


def beta(correlated: Expr, m: Moments) -> Expr:
    """correlation sqrt(E[x^2] / E[y^2]): own return per return of the other, within -5 and 5; 0 where it stood."""
    return clipped(ratio(correlated * m.own.sqrt(), m.other.sqrt()), MAX_BETA)


def relative_strength(pair: Pair, m: Moments, bars: int) -> Expr:
    """sum(x - y) / sqrt(bars E[x^2]) over `bars` pairs: own return less the other's, in deviations of its own.

    Within -5 and 5; 0 where nothing moved (Levy 1967, Journal of Finance 22, compares returns likewise).
    """
    ahead = (pair.own - pair.other).rolling_sum(bars)
    return clipped(ratio(ahead, m.own.sqrt() * bars**0.5), MAX_STRENGTH)


def clipped(x: Expr, bound: float) -> Expr:
    """x within -bound and bound."""
    return maximum(minimum(x, bound), -bound)


def expressions(p: CrossParams) -> dict[str, Expr]:
    """All outputs of the family: with each symbol, each basket, and with all other symbols together."""
    if not p.symbols:
        return {}
    out: dict[str, Expr] = {}
    pairs = {name: symbol_pair(name, p) for name in p.symbols}
    target = mean_of_present({name: long_run(pair, p) for name, pair in pairs.items()})
    for name, pair in pairs.items():
        m = moments(pair, p.decay, p.seed_bars)
        together = shrunk(correlation(m), target, p, name)
        out[f"correlation_{name}"] = together
        out[f"beta_{name}"] = beta(together, m)
        out[f"relative_strength_{name}"] = relative_strength(pair, m, p.strength_bars)
    for name, members in p.baskets.items():
        pair = basket_pair(members, p)
        m = moments(pair, p.decay, p.seed_bars)
        together = shrunk(correlation(m), long_run(pair, p), p)
        out[f"correlation_basket_{name}"] = together
        out[f"beta_basket_{name}"] = beta(together, m)
        out[f"relative_strength_basket_{name}"] = relative_strength(pair, m, p.strength_bars)
    others = basket_pair(p.symbols, p)
    together = shrunk(correlation(moments(others, p.decay, p.seed_bars)), long_run(others, p), p)
    out["correlation_others"] = together
    # rises where all fall together: contagion (Forbes and Rigobon 2002, Journal of Finance 57)
    out["correlation_others_change"] = together - together.lag(p.change_bars)
    return out
