"""What is best in an Ornstein-Uhlenbeck process: Bertram's entries and exits, López de Prado's stops and targets.

dX = -speed X dt + volatility dW: X is the log price's distance from its mean, speed is per bar, volatility that of a
bar's log return without reversion. With c = sqrt(speed) / volatility, u = X c has no unit.

erfi grows like exp(u²), and overflows beyond u = 26. It is 2 / sqrt(π) exp(u²) D(u), D Dawson's function: so ratios are
taken of D's, the largest exponent left out, and a time that no float holds comes out as infinite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.integrate import cumulative_simpson
from scipy.interpolate import BarycentricInterpolator
from scipy.linalg import expm
from scipy.optimize import brentq, minimize_scalar
from scipy.special import dawsn, erfcx

from pipelines.arrays import Floats


def ou_first_probability(start: float, up: float, down: float, speed: float, volatility: float) -> float:
    """P(X reaches up before down), down < start < up, as distances from the mean, without a limit of time.

    The scale function of the process is erfi(x sqrt(speed) / volatility).
    """
    u = np.array([start, up, down]) * np.sqrt(speed) / volatility
    at, high, low = dawsn(u) * np.exp(u**2 - (u[1:] ** 2).max())
    return float((at - low) / (high - low))


def ou_trade_length(buy: float, sell: float, speed: float, volatility: float) -> float:
    """Mean bars from `buy` up to `sell` and back, buy < sell: (π / speed) (erfi(sell c) - erfi(buy c)).

    Bertram (2010), Physica A 389, 2234: 2243. Infinite where no float holds it.
    """
    u = np.array([buy, sell]) * np.sqrt(speed) / volatility
    most = (u**2).max()
    low, high = dawsn(u) * np.exp(u**2 - most)
    with np.errstate(over="ignore"):
        return float(2 * np.sqrt(np.pi) / speed * (high - low) * np.exp(most))


def ou_trade_length_variance(buy: float, sell: float, speed: float, volatility: float) -> float:
    """Variance of the bars of that trade.

    Passages are independent, and the variance V(x) of that from x up to the sale, E its mean, solves
    volatility² / 2 V'' - speed x V' = -volatility² E'(x)². In u = c x, V' = -2 exp(u²) ∫ E'(w)² exp(-w²) dw from below
    to u, and E' = -sqrt(π) / speed erfcx(-u), erfcx(u) = exp(u²) erfc(u). Bertram has it as a series, which cancels.
    """
    c = np.sqrt(speed) / volatility
    # From where no passage begins any more: the weight 1 / s is 1e-32 there.
    y = np.linspace(min(buy, -sell) * c - 8.5, max(sell, -buy) * c, 20_001)
    inner = cumulative_simpson(erfcx(-y) ** 2 * np.exp(-(y**2)), x=y, initial=0.0)
    # Up from buy to sell, and by symmetry down from there as up from -sell to -buy.
    passed = cumulative_simpson(2 * np.exp(y**2) * inner, x=y, initial=0.0)
    ends = np.interp(np.array([sell, buy, -buy, -sell]) * c, y, passed)
    return float(np.pi / speed**2 * (ends[0] - ends[1] + ends[2] - ends[3]))


def ou_rate(buy: float, sell: float, cost: float, speed: float, volatility: float) -> float:
    """Log profit a bar of buying at `buy` and selling at `sell`, over and over: (sell - buy - cost) / trade length.

    cost: log price a round trip (Bertram 2010).
    """
    return (sell - buy - cost) / ou_trade_length(buy, sell, speed, volatility)


def ou_sharpe(buy: float, sell: float, cost: float, risk_free: float, speed: float, volatility: float) -> float:
    """Sharpe ratio of that profit a bar: (rate - risk_free / T) / sqrt((sell - buy - cost)² V / T³) for the mean T and
    the variance V of a trade's length; risk_free: of a trade, as in Bertram (2010).
    """
    length = ou_trade_length(buy, sell, speed, volatility)
    variance = ou_trade_length_variance(buy, sell, speed, volatility)
    profit = sell - buy - cost
    return float((profit - risk_free) / length / np.sqrt(profit**2 * variance / length**3))


def ou_best_level(cost: float, speed: float, volatility: float) -> float:
    """The distance from the mean at which to buy below and to sell above for the highest `ou_rate`; cost > 0.

    With u = level c and k = cost c the derivative of the rate vanishes where 2 D(u) = 2 u - k, D Dawson's function
    (Bertram 2010: sqrt(π) erfi(u) = (2 u - k) exp(u²)).
    """
    scale = np.sqrt(speed) / volatility
    k = cost * scale
    # D lies below 0.5411 everywhere.
    return float(brentq(lambda u: float(2 * dawsn(u) - 2 * u + k), k / 2, k / 2 + 0.55) / scale)


def ou_best_sharpe_level(cost: float, risk_free: float, speed: float, volatility: float) -> float:
    """Likewise for the highest `ou_sharpe`."""
    scale = np.sqrt(speed) / volatility

    def loss(u: float) -> float:
        return -ou_sharpe(-u / scale, u / scale, cost, risk_free, speed, volatility)

    least = (cost + risk_free) * scale / 2
    return float(minimize_scalar(loss, bounds=(least, least + 3.0), method="bounded").x / scale)


@dataclass(frozen=True, slots=True)
class OuExit:
    """What a stop, a target and a horizon come to from one start: probabilities of each end, mean and standard
    deviation of the log profit.
    """

    stopped: float
    at_target: float
    mean: float
    deviation: float

    @property
    def sharpe(self) -> float:
        """Mean over standard deviation of a trade, López de Prado's criterion."""
        return self.mean / self.deviation


# Points of the collocation: the profit is a smooth function of the start, so few give ten digits.
_POINTS = 48


def ou_exit(
    start: float,
    stop: float,
    target: float,
    horizon: float,
    speed: float,
    volatility: float,
    market_cost: float = 0.0,
    limit_cost: float = 0.0,
) -> OuExit:
    """Long at `start` (distance from the mean): out at `stop` below it, at `target` above it (log distances > 0), or
    after `horizon` bars (infinity: never). Costs, log price: of an exit at the stop or the horizon, and at the target.

    Expected values f(x, t) solve f_t = volatility² / 2 f_xx - speed x f_x between both levels. What is held for ever is
    a matter of the scale function; what the horizon takes from that decays as exp(horizon L), L the generator on
    Chebyshev points (Trefethen 2000, Spectral Methods in MATLAB, chapters 6 and 13). So no path is drawn, where López
    de Prado (2018, Advances in Financial Machine Learning, chapter 13) simulates.
    """
    down, up = start - stop, start + target
    node, first = _chebyshev(_POINTS)
    x = (up + down) / 2 + (up - down) / 2 * node  # descends
    first = first * 2 / (up - down)
    generator = volatility**2 / 2 * first @ first - speed * x[:, None] * first
    reach = np.array([1.0, *(ou_first_probability(each, up, down, speed, volatility) for each in x[1:-1]), 0.0])
    win, loss = target - limit_cost, -stop - market_cost
    # Columns: ends at the target, at the stop, profit, its square.
    held = np.stack(
        [reach, 1 - reach, reach * win + (1 - reach) * loss, reach * win**2 + (1 - reach) * loss**2], axis=1
    )
    if np.isfinite(horizon):
        profit = x - start - market_cost
        ended = np.stack([0 * x, 0 * x, profit, profit**2], axis=1)
        held[1:-1] += expm(horizon * generator[1:-1, 1:-1]) @ (ended - held)[1:-1]
    at = (2 * start - up - down) / (up - down)
    at_target, stopped, mean, square = BarycentricInterpolator(node, held)(at)
    return OuExit(float(stopped), float(at_target), float(mean), float(np.sqrt(max(square - mean**2, 0.0))))


def ou_mesh(
    start: float,
    stops: Sequence[float],
    targets: Sequence[float],
    horizon: float,
    speed: float,
    volatility: float,
    market_cost: float = 0.0,
    limit_cost: float = 0.0,
) -> list[list[OuExit]]:
    """`ou_exit` of every stop (rows) with every target (columns): López de Prado's mesh of trading rules."""
    around = (horizon, speed, volatility, market_cost, limit_cost)
    return [[ou_exit(start, stop, target, *around) for target in targets] for stop in stops]


def _chebyshev(points: int) -> tuple[Floats, Floats]:
    """Nodes cos(π j / points) from 1 down to -1, and the matrix that differentiates values on them (Trefethen 2000)."""
    node = np.cos(np.pi * np.arange(points + 1) / points)
    weight = np.array([2.0, *[1.0] * (points - 1), 2.0]) * (-1.0) ** np.arange(points + 1)
    matrix = np.outer(weight, 1 / weight) / (node[:, None] - node + np.eye(points + 1))
    return node, matrix - np.diag(matrix.sum(axis=1))
