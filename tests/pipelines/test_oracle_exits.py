"""The oracle's exit against closed forms, its trades against a slow loop, and its column in the scorecard."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from ruamel.yaml import YAML

from inference.replay import Costs, Entries, replay_levels
from inference.venue import Costs as VenueCosts
from pipelines.ingest import ingest
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.figures import figures
from pipelines.measures.oracle_share import with_oracle
from pipelines.measures.scorecard import compare
from pipelines.pages.report_tables import scorecard as report_scorecard
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.results import draws, score_all
from pipelines.sources import IngestParams
from pipelines.tables import bars_by_symbol
from pipelines.trades.baselines import Market
from pipelines.trades.terms import Terms
from pipelines.worlds import WORLDS, simulate
from pipelines.worlds.oracle_exits import STATES, leave, oracle_trades, read_truth
from pipelines.worlds.oracles import regime_return
from pipelines.worlds.ou_oracles import ou_mesh

ROOT = Path(__file__).parents[2]
SHIPPED = section("ingest", IngestParams, ROOT / "params.yaml")
H = 10


def returns(close: np.ndarray) -> np.ndarray:
    return np.append(0.0, close[1:] / close[:-1] - 1)


@pytest.mark.parametrize("name", WORLDS)
def test_states_are_known_at_the_close(name: str) -> None:
    own, clock = getattr(SHIPPED.worlds, name), replace(SHIPPED.worlds.clock(), bars=300)
    (world, *_) = simulate(name, own, clock, 3)
    states = STATES[name](own, world.bars, world.truth)
    assert states.shape == world.bars.ts.shape
    assert states.min() >= 0


def test_an_oracle_of_regimes_stays_while_the_trend_is_its_own() -> None:
    own, clock = SHIPPED.worlds.momentum, replace(SHIPPED.worlds.clock(), bars=100_000)
    (world,) = simulate("momentum", own, clock, 3)
    states = STATES["momentum"](own, world.bars, world.truth)
    out = leave(states, returns(world.bars.close), H)
    # Long: out in a downtrend, in in an uptrend, as `regime_return` says; the last bar closes all.
    assert out[:, 0].all()
    assert not out[: H - 1, 2].any()
    assert out[H - 1].all()
    assert regime_return(1, H, own.drift, own.trend_bars) > 0 > regime_return(-1, H, own.drift, own.trend_bars)
    mirrored = leave(states, -returns(world.bars.close), H)
    assert (mirrored[:, ::-1] == out)[:, [0, 2]].all()


def test_an_oracle_of_exhaustion_leaves_before_the_fall() -> None:
    own, clock = SHIPPED.worlds.exhaustion, replace(SHIPPED.worlds.clock(), bars=100_000)
    (world,) = simulate("exhaustion", own, clock, 3)
    out = leave(STATES["exhaustion"](own, world.bars, world.truth), returns(world.bars.close), H)
    # reversal_in 1 is the climax, whose next bar falls; 41 begins the advance; a fall of 14 bars begins at state 42.
    assert out[0, 1]
    assert not out[0, own.advance_bars + 1 - 5]
    assert out[:, own.advance_bars + 2 : own.advance_bars + 8].all()


def test_the_induction_is_the_best_of_all_rules_by_state_and_age() -> None:
    # Two states, three bars: every rule is tried on the same chain. The bad state mostly leads to the good one, so that
    # who looks at the next bar alone leaves too soon.
    rng = np.random.default_rng(5)
    states = np.cumsum(rng.random(80_000) < 0.9) % 2
    moves = np.append(0.0, np.where(states[:-1] == 1, 0.01, -0.004) + 0.002 * rng.standard_normal(len(states) - 1))
    out = leave(states, moves, 3)
    at = np.arange(0, len(states) - 4)

    def value(rule: np.ndarray) -> float:
        total, held = moves[at + 1].copy(), np.ones(len(at), bool)
        for bar in (1, 2):
            held &= ~rule[bar - 1, states[at + bar]]
            total += np.where(held, moves[at + bar + 1], 0.0)
        return float(total.mean())

    options = [np.array([[a, b], [c, d], [True, True]]) for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1)]
    best = max(value(option.astype(bool)) for option in options)
    assert value(out) == pytest.approx(best, abs=1e-5)
    assert value(~out) < best - 1e-3


@pytest.fixture(scope="module")
def laid(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the world ou and the crash are ingested."""
    folder = tmp_path_factory.mktemp("oracle")
    yaml = YAML(typ="safe", pure=True)
    params = yaml.load((ROOT / "params.yaml").read_text())
    params["ingest"] |= {"sources": ["worlds"], "symbols": []}
    params["ingest"]["worlds"] |= {"names": ["ou", "crash"], "bars": 16_000}
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(params, file)
    with chdir(folder):
        ingest(section("ingest", IngestParams))
    return folder


def market(folder: Path, symbol: str, every: int, side: int) -> Market:
    bars = bars_by_symbol(read_bars(folder / "data/bars"))[symbol]
    index = np.arange(100, len(bars.ts) - H - 1, every)
    entries = Entries(index, np.full(len(index), side, np.int8))
    nothing = np.full(len(bars.ts), np.nan)
    ids = tuple(str(i) for i in range(len(index)))
    return Market(bars, nothing, nothing, entries, ids, Terms(VenueCosts(1e-4, 1e-4, 3e-4)))


def test_the_oracle_of_reversion_earns_what_the_best_stop_and_target_do(laid: Path) -> None:
    own, at = SHIPPED.worlds.ou, -0.05
    with chdir(laid):
        whole = market(laid, "OU", 1, 1)
        deviation = read_truth(whole.bars)["deviation"]
        near = abs(deviation[whole.entries.index] - at) < 0.01
        index = whole.entries.index[near]
        chosen = replace(whole, entries=Entries(index, np.ones(len(index), np.int8)), ids=whole.ids[: len(index)])
        (trades,) = oracle_trades([chosen], H)
    log = np.log(trades["exit_level"].to_numpy() / trades["fill_price"].to_numpy())
    mesh = ou_mesh(
        float(deviation[index].mean()),
        (0.03, 0.06, 0.12),
        (0.03, 0.045, 0.06, 0.08, 0.12),
        H,
        own.speed,
        own.volatility,
    )
    best = max(each.mean for row in mesh for each in row)
    # Bars overlap: about so many are independent.
    error = log.std() / np.sqrt(len(log) / H)
    assert best > 5 * error
    assert abs(log.mean() - best) < 2 * error
    assert trades["policy"].unique().to_list() == ["oracle"]


def test_the_oracle_s_trades_are_those_of_a_slow_loop(laid: Path) -> None:
    with chdir(laid):
        markets = [market(laid, f"CRASH_{i}", 37, side) for i, side in ((1, 1), (3, -1))]
        (trades,) = oracle_trades(markets, H)
        truth = read_truth(markets[0].bars)
    crash = truth["crash"]
    for each in markets:
        mine = trades.filter(pl.col("symbol") == each.bars.symbol).sort("entry_index")
        assert mine.height == len(each.entries.index)
        held = (mine["exit_index"] - mine["entry_index"] + 1).to_list()
        for i, bars in zip(each.entries.index, held, strict=True):
            # A crash is bad for who is long, calm for who is short; the last bar closes all.
            bad = crash[i + 1 : i + H + 1] == (1 if each.entries.side[0] > 0 else 0)
            assert bars == (int(bad.argmax()) + 1 if bad.any() else H)
        whole = replay_levels(each.bars, each.entries, np.nan, np.nan, np.nan, H, Costs(1e-4, 1e-4, 3e-4))
        assert mine["horizon_mfe"].to_numpy() == pytest.approx(whole["horizon_mfe"])
        pnl = each.entries.side * (mine["exit_price"] - mine["entry_price"]).to_numpy()
        assert mine["pnl"].to_numpy() == pytest.approx(pnl)
        assert mine["exit_level"].to_numpy() == pytest.approx(each.bars.close[mine["exit_index"].to_numpy()])


def test_markets_that_are_no_worlds_have_no_oracle(laid: Path) -> None:
    with chdir(laid):
        one = market(laid, "OU", 50, 1)
        assert oracle_trades([replace(one, bars=replace(one.bars, symbol="SPX"))], H) == []
        short = replace(one.bars, ts=one.bars.ts + 60_000_000)
        with pytest.raises(ValueError, match="data/truth: must hold the truth of all bars of OU, was another one"):
            read_truth(short)


def test_the_scorecard_has_the_oracle_and_the_share_of_it(laid: Path) -> None:
    with chdir(laid):
        whole = market(laid, "OU", 13, 1)
        deviation = read_truth(whole.bars)["deviation"]
        index = whole.entries.index[deviation[whole.entries.index] < -0.03]
        one = replace(whole, entries=Entries(index, np.ones(len(index), np.int8)), ids=whole.ids[: len(index)])
        (oracle,) = oracle_trades([one], H)
    product = oracle.with_columns(policy=pl.lit("product"), pnl=pl.col("pnl") / 2)
    other = oracle.with_columns(policy=pl.lit("time_only"), pnl=-pl.col("pnl"))
    trades = pl.concat([product, other, oracle])
    scores = score_all(trades, draws(trades, BootstrapParams(3.0, 400, 0.95, 1)))
    card = compare(scores["pessimistic", "product"], scores["pessimistic", "time_only"], 0.95)
    table = card.select(pl.lit("pessimistic").alias("mode"), pl.lit("product").alias("policy"), pl.all())
    found = with_oracle(table, scores, 0.95)
    assert found.drop("oracle", "share", "share_low", "share_high").equals(table)
    money = found.row(by_predicate=pl.col("figure") == "expectancy_bp", named=True)
    assert money["oracle"] == pytest.approx(2 * money["value"])
    # Half of each trade is half of the sum in every resample.
    assert (money["share"], money["share_low"], money["share_high"]) == pytest.approx((0.5, 0.5, 0.5))
    rest = found.filter(pl.col("figure") != "expectancy_bp")
    assert rest["share"].null_count() == rest.height == len(figures()) - 1
    shown = report_scorecard(found)
    assert "oracle, share reached" in shown
    assert "50.0 %" in shown
    # Where the oracle may earn nothing a share means nothing.
    poor = {key: scores["pessimistic", "time_only"] if key[1] == "oracle" else each for key, each in scores.items()}
    assert with_oracle(table, poor, 0.95)["share"].null_count() == found.height
    without = {key: each for key, each in scores.items() if key[1] != "oracle"}
    assert with_oracle(table, without, 0.95).equals(table)
    assert "oracle" not in report_scorecard(table)
