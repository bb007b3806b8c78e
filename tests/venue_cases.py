"""Bars, entries and conditions for the tests of the fill contract."""

from __future__ import annotations

import numpy as np

import reference_trades as words
from inference.replay import Bars, Conditions, Costs, Entries, Trades
from inference.venue import Funding, Impact, Margin, Rung

N, PARTS, HOUR = 60, 4, 3_600_000_000
COSTS = Costs(taker_fee=0.0004, maker_fee=0.0001, slippage=0.0003)
FREE = Costs()
LADDERS: list[tuple[Rung, ...]] = [
    (),
    (Rung(0.5, 0.5, 0.0), Rung(1.0, 0.5)),
    (Rung(0.5, 0.25), Rung(0.75, 0.25, -0.5), Rung(1.0, 0.25, 0.25)),
    (Rung(0.2, 0.4, 0.1), Rung(0.4, 0.3, 0.2), Rung(0.6, 0.3)),
    (Rung(0.3, 0.5, 0.9), Rung(1.0, 0.5)),  # a stop that is crossed as it comes up, where targets are near
]


def detail_bars(rng: np.random.Generator, coarse: bool, holes: float, halts: float = 0.0) -> tuple[Bars, Bars]:
    """Bars of an hour and the four parts of each; rounded prices make touches and ties common; some trade nothing, and
    before some nothing was printed for a while.
    """
    m = N * PARTS
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, m)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.005, m))
    opening[0] = 100.0
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.005, m))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.005, m))
    if coarse:
        opening, high, low, close = (np.round(x) for x in (opening, high, low, close))
    volume = np.where(rng.random(m) < holes, 0.0, rng.uniform(1, 9, m))
    volume[np.repeat(rng.random(N) < holes, PARTS)] = 0.0
    pauses = np.where(rng.random(N) < halts, rng.integers(1, 6, N), 0) if halts else np.zeros(N, np.int64)
    ts = np.arange(m, dtype=np.int64) * (HOUR // PARTS) + np.repeat(np.cumsum(pauses), PARTS) * (HOUR // 2)
    parts = Bars("X", ts, opening, high, low, close, volume)
    return parts, joined(parts)


def joined(parts: Bars) -> Bars:
    """The parts of each hour as one bar."""
    by_hour = [values.reshape(N, PARTS) for values in (parts.open, parts.high, parts.low, parts.close, parts.volume)]
    opening, high, low, close, volume = by_hour
    return Bars(
        "X",
        parts.ts[::PARTS].copy(),
        opening[:, 0].copy(),
        high.max(1),
        low.min(1),
        close[:, -1].copy(),
        volume.sum(1),
    )


def every_entry(rng: np.random.Generator) -> Entries:
    return Entries(np.arange(N - 1, dtype=np.int64), rng.choice(np.array([-1, 1], np.int8), N - 1))


def translated(c: Conditions) -> words.Conditions:
    """The same conditions in the reference's words."""
    prints = isinstance(c.detail, Trades)
    return words.Conditions(
        detail=Bars("X", c.detail.ts, *[c.detail.price] * 4, c.detail.quantity) if prints else c.detail,
        prints=prints,
        impact=(c.impact.coefficient, c.impact.notional, c.impact.sigma, c.impact.volume) if c.impact else None,
        margin=(c.margin.leverage, c.margin.maintenance, c.margin.fee) if c.margin else None,
        funding=list(zip(c.funding.ts.tolist(), c.funding.rate.tolist(), strict=True)) if c.funding else [],
        rejected=c.rejected,
        touch=c.touch,
        ladder=tuple(words.Rung(r.target, r.fraction, r.stop_r) for r in c.ladder),
    )


def drawn_conditions(
    rng: np.random.Generator, parts: Bars, mode: str, ladder: tuple[Rung, ...], on: set[str]
) -> Conditions:
    # at opens, inside bars, in pauses, and after the last bar
    stamps = np.unique(rng.integers(0, parts.ts[-1] // (HOUR // 2) + 6, 40)) * (HOUR // 2)
    missing = rng.random(len(parts.ts)) < 0.1  # the lower timeframe has holes
    inner = Bars("X", *(getattr(parts, name)[~missing] for name in ("ts", "open", "high", "low", "close", "volume")))
    detail = printed(inner) if "prints" in on else inner
    return Conditions(
        detail=detail if mode == "detail" else None,
        impact=Impact(0.7, 1e4, rng.uniform(0.001, 0.02, N), rng.uniform(1e3, 1e5, N)) if "impact" in on else None,
        margin=Margin(float(rng.choice([5.0, 20.0, 50.0])), 0.005, 0.002) if "margin" in on else None,
        funding=Funding(stamps, rng.normal(0, 1e-3, len(stamps))) if "funding" in on else None,
        rejected=rng.random(N) < 0.3 if "rejected" in on else None,
        ladder=ladder,
        touch="touch" in on,
    )


def printed(parts: Bars) -> Trades:
    """The trades of bars: their four prices, two at each of two moments."""
    traded = np.repeat(parts.volume > 0, 4)
    price = np.stack([parts.open, parts.high, parts.low, parts.close], 1).reshape(-1)
    ts = np.repeat(parts.ts, 4) + np.tile(np.array([0, 0, 1, 1]), len(parts.ts))
    return Trades("X", ts[traded], price[traded], np.repeat(parts.volume, 4)[traded] / 4)


def simple_bars(opening, high, low, close, volume=1.0) -> Bars:
    columns = [np.asarray(x, np.float64) for x in (opening, high, low, close)]
    n = len(columns[0])
    return Bars("X", np.arange(n, dtype=np.int64) * HOUR, *columns, np.broadcast_to(volume, n).astype(float).copy())
