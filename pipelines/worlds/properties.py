"""What each world claims of itself, measured on one draw: the tests judge it, and docs/worlds.md shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from arch import arch_model
from numpy.typing import NDArray
from scipy.special import ndtr

from pipelines.arrays import Floats
from pipelines.worlds.oracles import basket_volatility, crowded_return, gap_probability, garch_variance, regime_return
from pipelines.worlds.path import MEAN_VOLUME, World
from pipelines.worlds.regimes import FUNDING_UNIT


class Property(NamedTuple):
    """A figure as the parameters claim it, as measured, and the standard error of the measurement (0: exact).

    bound: the claim is that the figure is at least so large.
    """

    name: str
    claimed: float
    measured: float
    error: float = 0.0
    bound: bool = False

    def holds(self, errors: float = 4.0) -> bool:
        """Whether claim and measurement agree within so many standard errors, exact ones but for rounding."""
        if self.bound:
            return self.measured >= self.claimed
        return abs(self.measured - self.claimed) <= max(errors * self.error, 1e-9 * max(abs(self.claimed), 1.0))


def returns(world: World) -> Floats:
    """Log returns from open to close, (bars,)."""
    return np.asarray(np.log(world.bars.close / world.bars.open))


def mean(name: str, claimed: float, values: NDArray[Any]) -> Property:
    """Of independent values."""
    return Property(name, claimed, float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values))))


def dependent_mean(name: str, claimed: float, values: NDArray[Any], batches: int = 50) -> Property:
    """Of values that depend on their neighbours: the error from the means of batches, longer than the dependence."""
    means = np.array([batch.mean() for batch in np.array_split(values, batches)])
    return Property(name, claimed, float(np.mean(values)), float(means.std(ddof=1) / np.sqrt(batches)))


def deviation(name: str, claimed: float, values: NDArray[Any]) -> Property:
    """Root of the mean square; its error by the delta method."""
    square = mean(name, claimed**2, values**2)
    measured = np.sqrt(square.measured)
    return Property(name, claimed, float(measured), float(square.error / (2 * measured)))


def autocorrelation(name: str, claimed: float, values: NDArray[Any], lag: int = 1) -> Property:
    """At `lag`, of values whose mean is known to be zero; error 1 / sqrt(n)."""
    measured = float((values[lag:] * values[:-lag]).mean() / (values**2).mean())
    return Property(name, claimed, measured, 1 / np.sqrt(len(values)))


def brownian(params: Any, worlds: list[World]) -> list[Property]:
    """Moments, independence, and the range (Parkinson 1980: its mean square is 4 ln 2 times the variance)."""
    world = worlds[0]
    r, span = returns(world), np.log(world.bars.high / world.bars.low)
    centred = r - (params.drift - params.volatility**2 / 2)
    return [
        mean("return of a bar, simple", params.drift, np.expm1(r)),
        deviation("volatility", params.volatility, centred),
        mean("kurtosis of returns", 3.0, (centred / params.volatility) ** 4),
        autocorrelation("autocorrelation of returns", 0.0, centred),
        autocorrelation("autocorrelation of squares", 0.0, centred**2 - params.volatility**2),
        deviation("root mean square of ln(high / low)", params.volatility * np.sqrt(4 * np.log(2)), span),
        mean("mean of ln(high / low)", params.volatility * np.sqrt(8 / np.pi), span),
    ]


def ou(params: Any, worlds: list[World]) -> list[Property]:
    """Half-life by regression of the deviation on the one before, and the stationary law."""
    x = worlds[0].truth["deviation"]
    decay = np.exp(-params.speed)
    slope = float((x[1:] * x[:-1]).sum() / (x[:-1] ** 2).sum())
    # d half-life / d slope = ln 2 / (slope ln² slope)
    error = np.sqrt((1 - slope**2) / len(x)) * np.log(2) / (slope * np.log(slope) ** 2)
    half_life = Property("half-life by regression, bars", params.half_life_bars, np.log(2) / -np.log(slope), error)
    stationary = params.volatility**2 / (2 * params.speed)
    return [
        half_life,
        dependent_mean("mean deviation", 0.0, x),
        dependent_mean("variance of deviations / stationary", 1.0, x**2 / stationary),
        deviation("innovation of a bar", np.sqrt(stationary * (1 - decay**2)), x[1:] - decay * x[:-1]),
    ]


def garch(params: Any, worlds: list[World]) -> list[Property]:
    """A refit by maximum likelihood recovers the parameters; so do the jumps, and clustering shows."""
    world = worlds[0]
    r, jumps = returns(world), world.truth["jump"]
    v = world.truth["volatility"] ** 2
    # Fitted to returns of about unit size (percent), where the optimiser ends at the optimum.
    fit = arch_model(100 * (r + v / 2), mean="Zero").fit(disp="off")
    fitted = {name: Property(f"{name} refitted", 0.0, fit.params[name], fit.std_err[name]) for name in fit.params.index}
    omega = 1e4 * params.volatility**2 * (1 - params.alpha - params.beta)
    h, long_run = 10, params.volatility**2
    jump_variance = params.jump_probability * params.jump_volatility**2
    forecast = garch_variance(v, h, long_run, params.alpha, params.beta, jump_variance)
    realised = np.convolve((r + v / 2 + jumps) ** 2, np.ones(h), "valid")
    return [
        fitted["omega"]._replace(claimed=omega, name="omega refitted, %²"),
        fitted["alpha[1]"]._replace(claimed=params.alpha, name="alpha refitted"),
        fitted["beta[1]"]._replace(claimed=params.beta, name="beta refitted"),
        mean("jumps a bar", params.jump_probability, jumps != 0),
        deviation("volatility of jumps", params.jump_volatility, jumps[jumps != 0]),
        mean("variance of standardised returns", 1.0, (r + v / 2) ** 2 / v),
        dependent_mean(f"realised variance of {h} bars / oracle", 1.0, realised / forecast[: len(realised)]),
    ]


def momentum(params: Any, worlds: list[World]) -> list[Property]:
    """Shares and lengths of regimes, drift inside them, and the oracle of the next bars."""
    world = worlds[0]
    regime, r = world.truth["regime"], returns(world) + params.volatility**2 / 2
    turns = np.flatnonzero(np.diff(regime)) + 1
    lengths, states = np.diff(turns), regime[turns[:-1]]
    share = params.trend_bars / (params.trend_bars + params.flat_bars)
    trend_share = params.drift**2 * share
    claimed = trend_share * (1 - 1 / params.trend_bars) / (params.volatility**2 + trend_share)
    h = 10
    ahead = np.convolve(r, np.ones(h), "valid")[1:]
    now = regime[: len(ahead)]
    oracle = regime_return(1, h, params.drift, params.trend_bars)
    return [
        dependent_mean("share of bars in a trend", share, regime != 0),
        mean("bars of a trend", params.trend_bars, lengths[states != 0]),
        mean("bars without a trend", params.flat_bars, lengths[states == 0]),
        mean("log return along the trend", params.drift, (r * regime)[regime != 0]),
        mean("log return without a trend", 0.0, r[regime == 0]),
        autocorrelation("autocorrelation of returns", claimed, r),
        dependent_mean(
            f"log return of the next {h} bars along the trend / oracle", 1.0, (ahead * now)[now != 0] / oracle
        ),
    ]


def hunts(params: Any, worlds: list[World]) -> list[Property]:
    """Frequency, depth, return and volume of hunts; no drift in other bars."""
    world = worlds[0]
    pool, hunt, price = (world.truth[name] for name in ("pool", "hunt", "pool_price"))
    r, of_hunts, bars = returns(world), hunt != 0, world.bars
    extreme = np.where(hunt > 0, bars.low, bars.high)[of_hunts]
    beyond = hunt[of_hunts] * np.log(price[of_hunts] / extreme) / params.volatility
    return [
        mean("hunts where a pool is in reach", params.probability, of_hunts[pool != 0]),
        Property("least way beyond the pool / volatility", params.depth, float(beyond.min()), bound=True),
        Property(
            "least log return of a hunt against its drive, %",
            100 * params.rebound * params.volatility,
            float(100 * (r * hunt)[of_hunts].min()),
        ),
        mean("volume of a hunt / usual", params.volume, bars.volume[of_hunts] / MEAN_VOLUME),
        mean("simple return of other bars", 0.0, np.expm1(r[~of_hunts])),
        deviation("volatility of other bars", params.volatility, r[~of_hunts] + params.volatility**2 / 2),
    ]


def exhaustion(params: Any, worlds: list[World]) -> list[Property]:
    """Slowing of the advance, the climax, the fall."""
    world = worlds[0]
    phase, ahead = world.truth["phase"], world.truth["reversal_in"]
    r = returns(world) + world.truth["volatility"] ** 2 / 2
    a, climax = params.advance_bars, phase == 2
    k = a + 1 - ahead  # bar of the advance
    early = (phase == 1) & (k < a // 2)
    late = (phase == 1) & (k >= a // 2)
    speed = params.drift * (1 - k / a) ** 2
    wick = np.log(world.bars.high / np.maximum(world.bars.open, world.bars.close))
    return [
        mean("log return of a bar, first half of the advance", speed[early].mean(), r[early]),
        mean("log return of a bar, second half of the advance", speed[late].mean(), r[late]),
        mean("volume of the climax / usual", params.climax_volume, world.bars.volume[climax] / MEAN_VOLUME),
        deviation("volatility of the climax", params.volatility * params.climax_volatility, r[climax]),
        mean("log return of a bar in the fall", -params.reversal_drift, r[phase == 3]),
        mean("simple return of a bar outside", 0.0, np.expm1(r - params.volatility**2 / 2)[phase == 0]),
        Property(
            "mean upper wick of the climax",
            # Its middle lies climax_rise above the open on average, max(open, close) volatility / sqrt(2 pi).
            params.climax_rise - params.climax_volatility * params.volatility / np.sqrt(2 * np.pi),
            float(wick[climax].mean()),
            bound=True,
        ),
    ]


def sessions(params: Any, worlds: list[World]) -> list[Property]:
    """Gaps and their tail against the oracle; gaps in time."""
    world = worlds[0]
    gap, ts = world.truth["gap"], world.bars.ts
    gaps = gap[gap != 0]
    seen = np.log(world.bars.open[1:] / world.bars.close[:-1])
    distance = 2 * params.gap_volatility
    oracle = gap_probability(distance, params.gap_volatility, params.gap_freedom)
    first = np.diff(ts) > np.diff(ts).min()
    return [
        Property("bars a session", params.session_bars, float(np.diff(np.flatnonzero(first)).mean())),
        mean("gaps below minus two deviations", oracle, gaps < -distance),
        mean("gap, log", 0.0, gaps),
        # Inside a session the price is continuous.
        Property("largest jump inside a session", 0.0, float(np.abs(seen[~first]).max())),
        deviation("volatility inside a bar", params.volatility, returns(world) + params.volatility**2 / 2),
    ]


def crash(params: Any, worlds: list[World]) -> list[Property]:
    """Correlation (Fisher's error), volatility and drift in and out of the crash, and what a basket keeps."""
    state = worlds[0].truth["crash"] == 1
    r = np.stack([returns(world) for world in worlds])
    out = []
    for name, rows, claimed in (("calm", ~state, params.correlation), ("a crash", state, params.crash_correlation)):
        found = float(np.corrcoef(r[0, rows], r[1, rows])[0, 1])
        out.append(Property(f"correlation in {name}", claimed, found, (1 - found**2) / np.sqrt(rows.sum())))
    high = params.volatility * params.crash_volatility
    centred = r + np.where(state, params.crash_drift + high**2 / 2, params.volatility**2 / 2 - params.calm_drift)
    left = basket_volatility(high, params.crash_correlation, params.symbols)
    return [
        *out,
        dependent_mean("share of bars in a crash", params.crash_bars / (params.crash_bars + params.calm_bars), state),
        deviation("volatility in calm", params.volatility, centred[0, ~state]),
        deviation("volatility in a crash", high, centred[0, state]),
        mean("log return of a bar in a crash", -params.crash_drift, r[0, state] + high**2 / 2),
        deviation("volatility of the basket in a crash", left, centred.mean(axis=0)[state]),
    ]


def book(params: Any, worlds: list[World]) -> list[Property]:
    """The flow that closes imply is Brownian, closes linger in walls, and the recorded book shows them."""
    world = worlds[0]
    books = world.book
    assert books is not None
    close = np.log(world.bars.close)
    flow = params.flow(close)
    steps = np.diff(flow)
    total = params.period + (params.wall + params.thin - 2) * params.width
    near = books.ask_quantity[:, 0]
    return [
        deviation("volatility of the flow", params.volatility, steps),
        autocorrelation("autocorrelation of the flow", 0.0, steps),
        dependent_mean(
            "share of closes in a wall",
            params.wall * params.width / total,
            world.truth["depth"] > (1 + params.wall) / 2,
        ),
        Property("quantity of a level inside a wall / usual", params.wall, float(near.max() / np.median(near))),
        Property("quantity of a level inside a thin spot / usual", params.thin, float(near.min() / np.median(near))),
    ]


def crowding(params: Any, worlds: list[World]) -> list[Property]:
    """Funding and sentiment lead the reversal by lead_bars and no more; drift; the oracle over a reversal."""
    world = worlds[0]
    trend, ahead = world.truth["trend"], world.truth["reversal_in"]
    r = returns(world) + params.volatility**2 / 2
    z = world.series["funding"] / FUNDING_UNIT * trend
    first, before = ahead == params.lead_bars, ahead == params.lead_bars + 1
    # Of Gaussian z with variance 1, E Φ(shift + z) = Φ(shift / sqrt(2)); greed mirrors fear.
    greed = 50 + (world.series["sentiment"] - 50) * trend
    crowd = 100 * float(ndtr(params.shift / np.sqrt(2)))
    h = 2 * params.lead_bars
    moves = np.convolve(r, np.ones(h), "valid")
    now = np.flatnonzero(before[: len(moves)])
    oracle = crowded_return(ahead[now], h, params.drift)
    noise = z[ahead > params.lead_bars]
    return [
        mean(f"funding along the trend, {params.lead_bars} bars before it turns", params.shift, z[first]),
        mean(f"funding along the trend, {params.lead_bars + 1} bars before it turns", 0.0, z[before]),
        mean(f"sentiment along the trend, {params.lead_bars} bars before it turns", crowd, greed[first]),
        dependent_mean("variance of funding's noise", 1.0, noise**2),
        mean("log return of a bar along the trend", params.drift, r * trend),
        mean("bars of a trend", params.trend_bars + params.lead_bars, np.diff(np.flatnonzero(np.diff(trend)))),
        mean(f"log return of {h} bars around the turn, minus oracle", 0.0, moves[now] * trend[now] - oracle),
    ]


MEASURES: dict[str, Callable[[Any, list[World]], list[Property]]] = {
    "brownian": brownian,
    "ou": ou,
    "garch": garch,
    "momentum": momentum,
    "hunts": hunts,
    "exhaustion": exhaustion,
    "sessions": sessions,
    "crash": crash,
    "book": book,
    "crowding": crowding,
}
