"""The fill contract as a slow, obvious loop: what the compiled replay must agree with, trade by trade.

Each entry is its own trade. A bar is walked from price to price in the order that the mode lets them happen; whatever
is in force when a price is met decides. Of the exit bar only the open and the exit prices count for MAE and MFE; what
the walk meets after the exit counts as afterwards (premature).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference_trades import (
    EMERGENCY,
    LIQUIDATION,
    OPEN,
    STOP,
    TARGET,
    TIME,
    TRADE,
    Bars,
    Conditions,
    Costs,
    Entries,
    Floats,
    Leg,
    Story,
)


def orders(bar: tuple[float, float, float, float], s: int, mode: str) -> list[str]:
    """Which extreme follows which after the open; the close comes last."""
    opening, high, low, _ = bar
    good, bad = (high, low) if s > 0 else (low, high)
    if mode == "adaptive":
        return ["good", "bad"] if abs(good - opening) < abs(bad - opening) else ["bad", "good"]
    return ["bad", "good"]  # and back to bad once a part has been taken: any order that hurts


def replay_levels(
    bars: Bars,
    entries: Entries,
    stop_distance: Floats,
    target_distance: Floats,
    trail_distance: Floats,
    horizon: int,
    costs: Costs,
    mode: str = "pessimistic",
    conditions: Conditions | None = None,
) -> tuple[npt.NDArray[np.void], list[Story]]:
    """Trades of a policy given as per-bar distances in price units (NaN = none), and the story of each.

    Stop and target stand at the signal bar's distances from the raw fill (the open of the bar after the signal, or of
    the first with volume); D0 is that stop distance. After each bar the trail pulls the stop, never back, to the best
    price since the fill less the distance of the bar just closed; it holds from the next bar. A trail needs a stop to
    start from.
    """
    distances = [np.broadcast_to(d, bars.ts.shape) for d in (stop_distance, target_distance, trail_distance)]
    trades, stories = [], []
    for row, (signal, side) in enumerate(zip(entries.index, entries.side, strict=True)):
        replayed = one_trade(
            bars, row, int(signal), int(side), *distances, horizon, costs, mode, conditions or Conditions()
        )
        if replayed is not None:
            trades.append(replayed[0])
            stories.append(replayed[1])
    return np.array(trades, TRADE), stories


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
    conditions: Conditions,
) -> tuple[npt.NDArray[np.void], Story] | None:
    n = len(bars.ts)
    volume_known = bool((bars.volume > 0).any())
    nothing_trades = (bars.volume == 0) & volume_known
    first = signal + 1
    while first < n and nothing_trades[first]:
        first += 1
    if first > min(signal + horizon, n - 1):
        return None
    lengths, counts = np.unique(np.diff(bars.ts), return_counts=True)
    interval = lengths[counts.argmax()]

    def reached(price: float, level: float) -> bool:
        return s * price > s * level or (conditions.touch and price == level)

    rejected = np.zeros(n + 1, bool) if conditions.rejected is None else np.append(conditions.rejected, False)

    fill = float(bars.open[first])

    def slippage(i: int, fraction: float) -> float:
        slip = costs.slippage
        if conditions.impact is not None:
            coefficient, notional, sigma, volume = conditions.impact
            slip += coefficient * sigma[i] * np.sqrt(fraction * (notional / fill) / volume[i])
        return float(slip)

    def market_cost(i: int, fraction: float) -> float:
        return costs.taker_fee + slippage(i, fraction)

    d0, reach = float(stop_distance[signal]), float(target_distance[signal])
    ladder = [(rung.target, rung.fraction, rung.stop_r) for rung in conditions.ladder] or [(1.0, 1.0, None)]
    liquidation = None
    if conditions.margin is not None:
        leverage, maintenance, _ = conditions.margin
        liquidation = fill * (1 - s / leverage) / (1 - s * maintenance)
        liquidation = liquidation if liquidation > 0 else None
    t = Story(
        s=s,
        fill=fill,
        p0=fill * (1 + s * market_cost(first, 1.0)),
        d0=d0,
        stop=fill - s * d0,
        targets=[(fill + s * multiple * reach, fraction, stop_r) for multiple, fraction, stop_r in ladder],
        liquidation=liquidation,
        unprotected=bool(rejected[first]),
    )
    t.stops.append((first, t.stop))

    def leave(i: int, price: float, intended: float, fraction: float, reason: int) -> None:
        cost = costs.maker_fee if reason == TARGET else market_cost(i, fraction)
        if reason == LIQUIDATION:
            cost += conditions.margin[2]
        net = price * (1 - s * cost)
        slipped = price if reason == TARGET else price * (1 - s * slippage(i, fraction))
        t.legs.append(Leg(i, fraction, net, fraction * s * (net - t.p0), reason, intended, price, slipped))
        t.remaining = 0.0 if t.remaining - fraction < 1e-9 else t.remaining - fraction

    def take_target(i: int, price: float, opened: bool, bar_adverse: float, part_adverse: float) -> None:
        level, fraction, stop_r = t.targets.pop(0)
        leave(i, price, level, t.remaining if t.remaining - fraction < 1e-9 else fraction, TARGET)
        t.seen.append(price)
        t.opened = opened
        if stop_r is not None and t.remaining and s * (fill + s * stop_r * d0) > s * t.stop:
            t.stop = fill + s * stop_r * d0
            t.stops.append((i, t.stop))
        if t.remaining and s * price <= s * t.stop:  # crossed as it comes up: an order at the market
            leave(i, price, price, t.remaining, STOP)
            t.gap, t.market = False, True
        if t.remaining and s * bar_adverse <= s * t.protective()[0]:
            t.touched_both = max(t.touched_both, 1)
        if t.remaining and s * part_adverse <= s * t.protective()[0] and mode == "detail":
            t.touched_both = 2

    def take_stop(i: int, price: float, opened: bool) -> None:
        level, name = t.protective()
        t.market = opened and t.crossed and name == STOP
        leave(i, price, price if t.market else level, t.remaining, name)
        t.seen.append(price)
        t.opened, t.gap = opened, opened and not t.market

    def walk(i: int, bar: tuple[float, float, float, float], bar_adverse: float, later: bool = False) -> bool:
        """Open, extremes and close of a bar (or a part of one); whether anything was filled. later: a trade after
        another in the same bar, which jumps no limit.
        """
        opening, high, low, close = bar
        good, bad = (high, low) if s > 0 else (low, high)
        count = len(t.legs)
        between = s * opening > s * t.protective()[0] and not reached(opening, t.next_target())
        if between and s * bad <= s * t.protective()[0] and reached(good, t.next_target()) and mode == "detail":
            t.touched_both = 2
        if s * opening <= s * t.protective()[0]:
            take_stop(i, opening, True)
        while t.remaining and reached(opening, t.next_target()):
            take_target(i, t.next_target() if later else opening, not later, bar_adverse, bad)
        path = orders(bar, s, mode)
        had_good = False
        while path and t.remaining:
            step = path.pop(0)
            if step == "bad" and s * bad <= s * t.protective()[0]:
                take_stop(i, t.protective()[0], False)
            elif step == "good":
                had_good = True
                while t.remaining and reached(good, t.next_target()):
                    take_target(i, t.next_target(), False, bar_adverse, bad)
                    if mode != "adaptive" and t.remaining:
                        path = ["bad", "good"]
                        break
        if t.remaining and s * close <= s * t.protective()[0]:  # a stop that came up after the extreme
            take_stop(i, t.protective()[0], False)
        if len(t.legs) > count:
            t.seen.append(opening)
        t.after += [close] if had_good and not t.market else [good, bad, close]
        return len(t.legs) > count

    for i in range(first, n):
        bar = (float(bars.open[i]), float(bars.high[i]), float(bars.low[i]), float(bars.close[i]))
        opening, high, low, close = bar
        adverse, favourable = (low, high) if s > 0 else (high, low)
        held, at_open = t.remaining, False
        t.after, t.opened = [], False
        ends = min(bars.ts[i + 1] if i + 1 < n else np.inf, bars.ts[i] + interval)
        ended = min(bars.ts[i], bars.ts[i - 1] + interval)  # the bar before

        def pay(fraction: float, rate: float, i: int = i, opening: float = opening) -> None:
            if fraction * rate:
                t.payments.append((i, -s * rate * opening * fraction))

        if i > first:
            pay(held, sum(rate for stamp, rate in conditions.funding if ended <= stamp <= bars.ts[i]))
        if not nothing_trades[i]:
            if t.unprotected and i > first:
                if rejected[i]:
                    leave(i, opening, opening, t.remaining, EMERGENCY)
                t.unprotected = False
            if t.remaining and i > signal + horizon:
                leave(i, opening, opening, t.remaining, TIME)
            if not t.remaining:
                at_open = True
                t.seen.append(opening)
            stop, target = t.protective()[0], t.next_target()
            if t.remaining and (s * adverse <= s * stop or reached(favourable, target)):
                inside = s * opening > s * stop and not reached(opening, target)
                if inside and s * adverse <= s * stop and reached(favourable, target):
                    t.touched_both = max(t.touched_both, 1)
                filled = False
                inner = conditions.detail
                parts = [k for k in range(len(inner.ts)) if bars.ts[i] <= inner.ts[k] < ends] if inner else []
                if s * opening <= s * stop:  # jumped: the open has decided
                    parts = []
                for k in parts:
                    printed = (inner.open[k], inner.high[k], inner.low[k], inner.close[k])
                    part = tuple(min(max(float(price), low), high) for price in printed)
                    if not t.remaining:
                        t.after += [part[1], part[2]]
                    elif inner.volume[k] > 0 or not volume_known:
                        t.after = []
                        filled = walk(i, part, adverse, conditions.prints and k != parts[0]) or filled
                        at_open = k == parts[0] and t.opened
                        t.crossed = False
                        if t.remaining:
                            t.seen += part[1:3]
                if not filled:
                    t.after = []
                    walk(i, bar, adverse)
                    at_open = t.opened
        closing = not nothing_trades[i] and i == signal + horizon
        inside_rate = sum(rate for stamp, rate in conditions.funding if bars.ts[i] < stamp < ends)
        pay(t.remaining, inside_rate)
        if -s * inside_rate < 0 and (t.remaining or not at_open):
            pay(held - t.remaining, inside_rate)
        if t.remaining and closing:
            t.seen += [high, low]
            leave(i, close, close, t.remaining, TIME)
        if not t.remaining:
            break
        t.seen += [high, low]
        trail = s * max(s * price for price in [fill, *t.seen]) - s * float(trail_distance[i])
        if not nothing_trades[i]:
            t.crossed = False
        if s * trail > s * t.stop and not rejected[i + 1]:
            t.stop, t.crossed = trail, s * close <= s * trail
            t.stops.append((i, trail))
    if t.remaining:
        leave(n - 1, float(bars.close[-1]), float(bars.close[-1]), t.remaining, OPEN)
    reason = t.legs[-1].reason
    end = min(signal + horizon, n - 1)  # of the horizon

    funding = sum(payment for _, payment in t.payments)
    pnl = sum(leg.pnl for leg in t.legs) + funding
    gains = [s * (float(price[k]) - t.p0) for k in range(first, end + 1) for price in (bars.low, bars.high)]
    later = [float(price[k]) for k in range(i + 1, end + 1) for price in (bars.low, bars.high)]
    horizon_pnl = s * (float(bars.close[end]) * (1 - s * market_cost(end, 1.0)) - t.p0)
    for k in range(first, end + 1):
        ends, ended = bars.ts[k] + interval, bars.ts[k - 1] + interval
        for stamp, rate in conditions.funding:
            inside = bars.ts[k] < stamp < min(bars.ts[k + 1] if k + 1 < n else np.inf, ends)
            if inside or (k > first and min(ended, bars.ts[k]) <= stamp <= bars.ts[k]):
                horizon_pnl += -s * rate * float(bars.open[k])

    trade = np.zeros((), TRADE)
    trade["entry"], trade["side"] = row, s
    trade["entry_index"], trade["exit_index"] = first, i
    trade["entry_ts"], trade["exit_ts"] = bars.ts[first], bars.ts[i]
    trade["entry_price"], trade["fill_price"] = t.p0, fill
    trade["exit_price"] = sum(leg.fraction * leg.price for leg in t.legs)
    trade["intended_price"] = sum(leg.fraction * leg.intended for leg in t.legs)
    trade["stop_distance"], trade["stop_at_exit"] = d0, t.stop
    trade["pnl"], trade["r"] = pnl, pnl / d0
    trade["mae"] = max(0.0, *(s * (t.p0 - price) for price in [fill, *t.seen]))
    trade["mfe"] = max(0.0, *(s * (price - t.p0) for price in [fill, *t.seen]))
    trade["horizon_mae"] = max(0.0, -min(gains))
    trade["horizon_mfe"] = max(0.0, max(gains))
    trade["horizon_pnl"] = horizon_pnl
    if reason == STOP:
        worst = [float(bars.low[k] if s > 0 else bars.high[k]) for k in range(i, end + 1)]
        trade["beyond"] = max([0.0, *(s * (t.stop - price) for price in worst)])
    trade["premature"] = (
        reason == STOP and pnl / d0 <= 0 and any(s * price >= s * (t.p0 + s * d0) for price in t.after + later)
    )
    trade["gap"] = t.gap and reason == STOP
    trade["reason"] = reason
    trade["target_r"] = ladder[-1][0] * reach / d0
    # A target set at 2R may stand at 2R less a rounding.
    trade["reached_2r"] = not t.targets and trade["target_r"] >= 2 - 1e-9
    trade["funding"], trade["touched_both"], trade["legs"] = funding, t.touched_both, len(t.legs)
    return trade, t
