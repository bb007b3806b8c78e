"""The engine's own decisions under conditions of a venue, on real bars: a slow loop that is told what the engine
decided must come to the same trades.
"""

from __future__ import annotations

import numpy as np
import pytest
from arch.data import sp500

import handmade_export as handmade
import reference_replay as reference
from inference import Engine, Kind
from inference.replay import REASON_NAMES, Bars, Conditions, Entries, Ledger, ledger_engine, replay_engine
from inference.variant import Variant
from inference.venue import Funding, Impact, Margin
from venue_cases import COSTS, translated

N, H = 420, handmade.HORIZON
SIGNALS = np.arange(80, N - H - 2, 3)
ENTRIES = Entries(SIGNALS, np.where(SIGNALS % 2, 1, -1).astype(np.int8))
RNG = np.random.default_rng(5)
STAMPS = np.unique(RNG.integers(0, 2 * N, N)) * (handmade.DAY // 2)  # at opens and inside bars
CONDITIONS = {
    "funding": Conditions(funding=Funding(STAMPS, RNG.normal(0, 1e-3, len(STAMPS)))),
    "liquidation": Conditions(margin=Margin(50.0, 0.005, 0.002)),
    "impact": Conditions(impact=Impact(0.7, 1e4, RNG.uniform(0.005, 0.02, N), RNG.uniform(1e2, 1e3, N))),
    "rejected": Conditions(rejected=RNG.random(N) < 0.3),
    "no volume": Conditions(),
}
CONDITIONS["all"] = Conditions(
    funding=CONDITIONS["funding"].funding,
    margin=CONDITIONS["liquidation"].margin,
    impact=CONDITIONS["impact"].impact,
    rejected=CONDITIONS["rejected"].rejected,
)
HALTS = RNG.random(N) < 0.15


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine.load(*handmade.write_pair(tmp_path_factory.mktemp("pair"), handmade.small_graph()))


def market(name: str) -> Bars:
    """Daily S&P 500 of 2008 and 2009, one bar a day; with days on which nothing trades where the case is about them."""
    frame = sp500.load()["2008-01-01":].head(N)
    columns = [np.ascontiguousarray(frame[c], np.float64) for c in ("Open", "High", "Low", "Close", "Volume")]
    if name in ("no volume", "all"):
        columns[4] = np.where(HALTS, 0.0, columns[4])
    return Bars("SPX", np.arange(N, dtype=np.int64) * handmade.DAY, *columns)


def fixed_targets(engine: Engine, bars: Bars) -> Variant:
    """The engine's own first targets, held: the slow loop knows stops that move, not targets."""
    own = replay_engine(engine, bars, ENTRIES, COSTS)
    distance = np.full(len(SIGNALS), np.nan)
    distance[own["entry"]] = own["target_r"] * own["stop_distance"]
    return Variant(target_distance=distance)


def told(bars: Bars, ledger: Ledger, trade: np.void) -> np.ndarray:
    """Trail distances by which the slow loop comes to the stops that the engine decided."""
    side, first = int(trade["side"]), int(trade["entry_index"])
    best = np.maximum.accumulate(side * (bars.high if side > 0 else bars.low)[first:])
    trail = np.full(N, np.nan)
    for row in ledger.decisions[ledger.decisions["entry"] == trade["entry"]]:
        if row["kind"] == Kind.MOVE_STOP and not np.isnan(row["before"]):
            decided_at = int(row["index"]) - 1
            trail[decided_at] = best[decided_at - first] - side * row["trace"][row["steps"] - 1]
    return trail


@pytest.mark.parametrize("mode", ["pessimistic", "adaptive"])
@pytest.mark.parametrize("name", CONDITIONS)
def test_trades_are_those_of_the_slow_loop_that_is_told_the_decisions(name, mode, engine: Engine) -> None:
    bars, conditions = market(name), CONDITIONS[name]
    variant = fixed_targets(engine, bars)
    ours = ledger_engine(engine, bars, ENTRIES, COSTS, mode, conditions=conditions, variant=variant)
    by_entry = {int(trade["entry"]): trade for trade in ours.trades}
    moves = 0
    for row, (signal, side) in enumerate(zip(SIGNALS.tolist(), ENTRIES.side.tolist(), strict=True)):
        trade = by_entry.get(row)
        trail = np.full(N, np.nan) if trade is None else told(bars, ours, trade)
        stop = np.full(N, 1.0 if trade is None else trade["stop_distance"])
        target = np.full(N, np.asarray(variant.target_distance)[row])
        slow = reference.one_trade(bars, row, signal, side, stop, target, trail, H, COSTS, mode, translated(conditions))
        if slow is None:
            assert trade is None
            continue
        theirs, story = slow
        for field in theirs.dtype.names:
            np.testing.assert_allclose(trade[field], theirs[field], rtol=1e-10, atol=1e-9, err_msg=f"{row} {field}")
        events = ours.events[ours.events["entry"] == row]
        paid = events[events["kind"] == 2]
        np.testing.assert_allclose(
            paid[["index", "pnl"]].tolist() or np.empty((0, 2)), story.payments or np.empty((0, 2))
        )
        moves += len(story.stops) - 1
    assert moves > 20
    reasons = {REASON_NAMES[reason] for reason in ours.trades["reason"]}
    assert {"liquidation": "liquidation", "rejected": "emergency", "all": "emergency"}.get(name, "stop") in reasons


def test_conditions_change_what_they_should(engine: Engine) -> None:
    """By hand, against the replay without conditions."""
    bars = market("plain")
    plain = replay_engine(engine, bars, ENTRIES, COSTS)
    funding = CONDITIONS["funding"].funding
    paid = replay_engine(engine, bars, ENTRIES, COSTS, conditions=CONDITIONS["funding"])
    for before, after in zip(plain, paid, strict=True):
        held = (funding.ts > before["entry_ts"]) & (
            funding.ts < before["exit_ts"]
        )  # surely; the exit's bar by its order
        opens = bars.open[funding.ts[held] // handmade.DAY]
        sure = -before["side"] * (funding.rate[held] * opens).sum()
        last = (funding.ts >= before["exit_ts"]) & (funding.ts < before["exit_ts"] + handmade.DAY)
        unsure = np.abs(funding.rate[last] * bars.open[before["exit_index"]]).sum()
        assert after["exit_price"] == before["exit_price"]
        assert after["pnl"] - before["pnl"] == pytest.approx(after["funding"])
        assert abs(after["funding"] - sure) <= unsure + 1e-9
    margin = CONDITIONS["liquidation"].margin
    closed = replay_engine(engine, bars, ENTRIES, COSTS, conditions=CONDITIONS["liquidation"])
    for trade in closed[closed["reason"] == REASON_NAMES.index("liquidation")]:
        side, fill, price = trade["side"], trade["fill_price"], trade["intended_price"]
        assert fill / margin.leverage + side * (price - fill) == pytest.approx(margin.maintenance * price)
        assert side * (price - fill) > -trade["stop_distance"]  # the stop lies farther
    impact = CONDITIONS["impact"].impact
    moved = replay_engine(engine, bars, ENTRIES, COSTS, conditions=CONDITIONS["impact"])
    assert np.array_equal(moved["exit_index"], plain["exit_index"])
    at, fill = moved["entry_index"], moved["fill_price"]
    slip = impact.coefficient * impact.sigma[at] * np.sqrt(impact.notional / fill / impact.volume[at])
    assert moved["entry_price"] - plain["entry_price"] == pytest.approx(moved["side"] * slip * fill)
    halted = market("no volume")
    waited = replay_engine(engine, halted, ENTRIES, COSTS)
    assert (halted.volume[waited["entry_index"]] > 0).all()
    done = waited[waited["reason"] != 0]
    assert (halted.volume[done["exit_index"]] > 0).all()
    coarse = replay_engine(engine, bars, ENTRIES, COSTS, conditions=Conditions(tick=5.0))
    stops = coarse["fill_price"] - coarse["side"] * coarse["stop_distance"]
    assert stops / 5.0 == pytest.approx(np.round(stops / 5.0))
