"""The fill contract as a slow, obvious loop: what the compiled replay must agree with, trade by trade.

Each entry is its own trade. A bar is walked as open -> first extreme -> second extreme -> close; the mode decides only
which extreme comes first. Of the exit bar only the open and the exit price count for MAE and MFE; what the walk meets
after the exit counts as afterwards (premature, beyond).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

OPEN, STOP, TARGET, TIME = 0, 1, 2, 3

TRADE = np.dtype(
    [
        ("entry", "i8"),
        ("side", "i1"),
        ("entry_index", "i8"),
        ("exit_index", "i8"),
        ("entry_ts", "i8"),
        ("exit_ts", "i8"),
        ("entry_price", "f8"),
        ("fill_price", "f8"),
        ("exit_price", "f8"),
        ("intended_price", "f8"),
        ("stop_distance", "f8"),
        ("stop_at_exit", "f8"),
        ("pnl", "f8"),
        ("r", "f8"),
        ("mae", "f8"),
        ("mfe", "f8"),
        ("horizon_mae", "f8"),
        ("horizon_mfe", "f8"),
        ("horizon_pnl", "f8"),
        ("beyond", "f8"),
        ("premature", "u1"),
        ("gap", "u1"),
        ("reason", "u1"),
        ("target_r", "f8"),
        ("reached_2r", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Bars:
    symbol: str
    ts: npt.NDArray[np.int64]  # bar open, µs
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True)
class Entries:
    index: npt.NDArray[np.int64]  # signal bar: decided at its close, filled at the next open
    side: npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Costs:
    taker_fee: float
    maker_fee: float
    slippage: float


def walk(bars: Bars, i: int, side: int, mode: str) -> list[tuple[str, float]]:
    """The bar's prices in the order in which the mode lets them happen; the open is not in it (it is checked apart)."""
    adverse = ("adverse", float(bars.low[i] if side > 0 else bars.high[i]))
    favourable = ("favourable", float(bars.high[i] if side > 0 else bars.low[i]))
    first_favourable = False
    if mode == "adaptive":
        # The nearer extreme first; a tie goes to the pessimistic order.
        first_favourable = abs(favourable[1] - bars.open[i]) < abs(adverse[1] - bars.open[i])
    elif mode != "pessimistic":
        raise ValueError(f'mode: one of pessimistic, adaptive, was "{mode}"; choose one of them')
    pair = [favourable, adverse] if first_favourable else [adverse, favourable]
    return [*pair, ("close", float(bars.close[i]))]


def replay_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: Floats,
    target_distance: Floats,
    trail_distance: Floats,
    horizon: int,
    costs: Costs,
    mode: str = "pessimistic",
) -> npt.NDArray[np.void]:
    """Trades of a policy given as per-bar distances in price units (NaN = none).

    Stop and target stand at the signal bar's distances from the raw fill (the open of the bar after the signal); D0 is
    that stop distance. After each bar the trail pulls the stop, never back, to the best price since the fill less the
    distance of the bar just closed; it holds from the next bar. A trail needs a stop to start from.
    """
    trades = np.zeros(len(entries.index), TRADE)
    distances = [np.broadcast_to(d, bars.ts.shape) for d in (stop_distance, target_distance, trail_distance)]
    for row, (signal, side) in enumerate(zip(entries.index, entries.side, strict=True)):
        trades[row] = one_trade(bars, row, int(signal), int(side), *distances, horizon, costs, mode)
    return trades


def one_trade(
    bars: Bars,
    row: int,
    signal: int,
    s: int,
    stop_distance: Floats,
    target_distance: Floats,
    trail_distance: Floats,
    horizon: int,
    costs: Costs,
    mode: str,
) -> npt.NDArray[np.void]:
    first, last = signal + 1, len(bars.ts) - 1
    if first > last:
        raise ValueError(f"entries.index: must have a next bar to fill, was {signal}; drop signals on the last bar")
    end = min(signal + horizon, last)  # bars of the horizon: first..end, both inside
    fill = float(bars.open[first])
    p0 = fill * (1 + s * (costs.taker_fee + costs.slippage))
    d0 = float(stop_distance[signal])
    stop = fill - s * d0
    target = fill + s * float(target_distance[signal])  # NaN compares false: no target
    best = fill

    reason, exit_index, gap, closed = OPEN, end, False, False
    raw = intended = float(bars.close[end])
    seen: list[float] = []  # prices inside the trade
    after: list[float] = []  # prices after the exit, to the horizon's end
    for i in range(first, end + 1):
        price = float(bars.open[i])
        bar_prices = [price]  # of this bar, inside the trade if it does not end here
        if closed:
            after.append(price)
        elif s * price <= s * stop:
            closed, reason, exit_index, raw, intended, gap = True, STOP, i, price, stop, True
            seen.append(price)
        elif s * price > s * target:
            closed, reason, exit_index, raw, intended = True, TARGET, i, price, target
            seen.append(price)

        for name, price in walk(bars, i, s, mode):
            if closed:
                after.append(price)
            elif name == "adverse" and s * price <= s * stop:
                closed, reason, exit_index, raw, intended = True, STOP, i, stop, stop
                seen += [float(bars.open[i]), stop]
                after.append(price)  # the price went through the stop to get to its extreme
            elif name == "favourable" and s * price > s * target:
                closed, reason, exit_index, raw, intended = True, TARGET, i, target, target
                seen += [float(bars.open[i]), target]
                after.append(price)
            else:
                bar_prices.append(price)
        if not closed:
            seen += bar_prices
            best = s * max(s * best, s * max(bar_prices), s * min(bar_prices))
            trail = best - s * float(trail_distance[i])
            if s * trail > s * stop and i < signal + horizon:
                stop = trail
    if not closed and signal + horizon <= last:
        reason = TIME

    exit_price = raw * (1 - s * (costs.maker_fee if reason == TARGET else costs.taker_fee + costs.slippage))
    pnl = s * (exit_price - p0)
    horizon_gains = [s * (float(price[i]) - p0) for i in range(first, end + 1) for price in (bars.low, bars.high)]

    trade = np.zeros((), TRADE)
    trade["entry"], trade["side"] = row, s
    trade["entry_index"], trade["exit_index"] = first, exit_index
    trade["entry_ts"], trade["exit_ts"] = bars.ts[first], bars.ts[exit_index]
    trade["entry_price"], trade["fill_price"] = p0, fill
    trade["exit_price"], trade["intended_price"] = exit_price, intended
    trade["stop_distance"], trade["stop_at_exit"] = d0, stop
    trade["pnl"], trade["r"] = pnl, pnl / d0
    trade["mae"] = max(0.0, *(s * (p0 - price) for price in seen))
    trade["mfe"] = max(0.0, *(s * (price - p0) for price in seen))
    trade["horizon_mae"] = max(0.0, -min(horizon_gains))
    trade["horizon_mfe"] = max(0.0, max(horizon_gains))
    trade["horizon_pnl"] = s * (float(bars.close[end]) * (1 - s * (costs.taker_fee + costs.slippage)) - p0)
    trade["beyond"] = max(0.0, *(s * (stop - price) for price in after)) if reason == STOP else 0.0
    trade["premature"] = reason == STOP and pnl <= 0 and any(s * price >= s * (p0 + s * d0) for price in after)
    trade["gap"] = gap
    trade["reason"] = reason
    trade["target_r"] = s * (target - fill) / d0
    # A target set at 2R may stand at 2R less a rounding.
    trade["reached_2r"] = reason == TARGET and trade["target_r"] >= 2 - 1e-9
    return trade
