"""Static exits, parts, frontier and the files of an evaluation, on a small made-up market."""

import datetime as dt
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import talib

from handmade_report import SKILLS, TRIALS
from inference.replay import Bars, Costs, Entries, Mode
from pipelines import summary
from pipelines.entries import find_entries, index_entries
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.frontier import curves, gaps
from pipelines.measures.groups import find_regimes, with_groups
from pipelines.measures.outcome import Facts
from pipelines.measures.pairs import pair_table
from pipelines.measures.scorecard import mark_ambiguous
from pipelines.params import section
from pipelines.replays import POLICIES, add_exit_bars, markets, sweep
from pipelines.results import by_policy, closed, draws, equity_curves, score_all, scorecard, write_results
from pipelines.splits import SplitParams
from pipelines.tables import bars_by_symbol
from pipelines.trades.baselines import (
    BaselineParams,
    Market,
    Parabolic,
    Static,
    Unit,
    candidates,
    choose,
    mean_profit,
    random_distances,
    time_only,
    trades_of,
)
from pipelines.trades.entry_rules import EntryParams
from pipelines.trades.terms import Terms
from reference_parabolic import parabolic_stop

ROOT = Path(__file__).parents[2]
COSTS = Costs(0.001, 0.0005, 0.002)
TERMS = {symbol: Terms(COSTS) for symbol in ("A", "B")}
GRIDS = BaselineParams(
    (1.0, 2.0, 4.0), (1.0, 2.0, 3.0), (0.5, 1.0, 2.0), (1.0, 2.0), (1.0, 2.0), (0.02, 0.05), (1.0, 2.0), 3
)
H = 5
MODES: tuple[Mode, ...] = ("pessimistic", "adaptive")


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    generator = np.random.default_rng(5)
    n, frames = 600, []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal(n)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(0.003 * generator.standard_normal(n))
        high = np.maximum(open_, close) * (1 + 0.006 * generator.random(n))
        low = np.minimum(open_, close) * (1 - 0.006 * generator.random(n))
        ts = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(n)]
        prices = {"open": open_, "high": high, "low": low, "close": close, "volume": np.ones(n)}
        frames.append(pl.DataFrame({"symbol": [symbol] * n, "ts": ts, **prices}))
    return pl.concat(frames).with_columns(pl.col("ts").dt.cast_time_unit("us"))


@pytest.fixture(scope="module")
def volatility(bars: pl.DataFrame) -> pl.DataFrame:
    spread = (pl.col("high") - pl.col("low")).rolling_mean(14).over("symbol")
    return bars.select("symbol", "ts", atr=spread, garch_sigma=0.01 + 1e-6 * pl.int_range(pl.len()))


CUT = SplitParams(dt.date(2020, 9, 1), dt.date(2020, 12, 1), dt.date(2021, 3, 1), 3, 20)
EVERY = replace(
    section("evaluate.entries", EntryParams, ROOT / "params.yaml"), rule="every_n", every_bars=4, cooldown_bars=2
)


@pytest.fixture(scope="module")
def parts(bars: pl.DataFrame, volatility: pl.DataFrame) -> dict[str, list[Market]]:
    entries = index_entries(find_entries(bars, EVERY)[0], bars)
    return {part: markets(bars, volatility, entries, CUT, part, H, TERMS) for part in ("train", "test")}


def test_entries_of_a_part_live_and_die_inside_it(parts: dict[str, list[Market]]) -> None:
    end = np.datetime64("2020-09-01", "us").astype(np.int64)
    begin = np.datetime64("2021-03-01", "us").astype(np.int64)
    for market in parts["train"]:
        assert (market.bars.ts[market.entries.index + H + 1] <= end).all()
        assert market.entries.index.min() >= 13  # ATR is known from bar 13
    for market in parts["test"]:
        first = market.bars.ts[market.entries.index.min()]
        assert first >= begin + 3 * 86_400_000_000  # the embargo
        assert market.entries.index.max() + H < len(market.bars.ts)
        trades = time_only(market, H, "pessimistic")
        assert set(trades["reason"]) == {"time"}
        assert trades["id"].to_list() == list(market.ids)


def test_static_levels_stand_at_their_distance(parts: dict[str, list[Market]]) -> None:
    market = parts["test"][0]
    trades = trades_of(Static("atr", 2.0, 1.5), market, H, "pessimistic")
    assert trades["stop_distance"].to_numpy() == pytest.approx(2 * market.atr[market.entries.index])
    assert trades["target_r"].to_numpy() == pytest.approx(1.5)
    none = trades_of(Static("percent", 3.0, math.inf), market, H, "pessimistic")
    assert none["stop_distance"].to_numpy() == pytest.approx(0.03 * market.bars.close[market.entries.index])
    assert none["target_r"].null_count() == none.height
    assert "target" not in set(none["reason"])


def test_the_sweep_takes_the_best_setting_of_training(parts: dict[str, list[Market]]) -> None:
    best, trials = sweep(parts["train"], GRIDS, H)
    assert set(best) == {"fixed_percent", "fixed_atr", "garch", "chandelier", "sar"}
    for name, (setting, profit) in best.items():
        tried = {s: mean_profit(trades) for s, trades in choose(candidates(GRIDS)[name], parts["train"], H)}
        assert profit == max(tried.values()) == tried[setting]
        assert trials.of(name).shape[1] == len(tried)
        entries = sum(len(market.ids) for market in parts["train"])
        assert trials.of(name).sum(axis=0) / entries == pytest.approx(list(tried.values()))
    assert len(candidates(GRIDS)["fixed_atr"]) == 3 * (2 + 1)
    assert best["chandelier"][0].trail


def test_a_parabolic_stop_of_no_speed_is_a_fixed_one(parts: dict[str, list[Market]]) -> None:
    for market in parts["test"]:
        still = trades_of(Parabolic(2.0, 0.0), market, H, "adaptive")
        assert still.equals(trades_of(Static("atr", 2.0, math.inf), market, H, "adaptive"), null_equal=True)
        moving = trades_of(Parabolic(2.0, 0.1), market, H, "pessimistic")
        assert (moving["side"] * (moving["stop_at_exit"] - still["stop_at_exit"]) >= 0).all()
        assert (moving["side"] * (moving["stop_at_exit"] - still["stop_at_exit"]) > 0).any()


def test_the_parabolic_stop_in_force_is_that_of_the_bars_before(parts: dict[str, list[Market]]) -> None:
    market = parts["test"][0]
    trades = trades_of(Parabolic(1.0, 0.05), market, H, "pessimistic")
    assert {"stop", "time"} <= set(trades["reason"])
    for row in trades.iter_rows(named=True):
        at, side = row["entry_index"], row["side"]
        high, low = (each[at : at + H] for each in (market.bars.high, market.bars.low))
        start = market.bars.open[at] - side * market.atr[at - 1]
        levels = side * parabolic_stop(high, low, side, start, 0.05)
        in_force = np.maximum.accumulate(levels)[row["exit_index"] - at]
        assert side * row["stop_at_exit"] == pytest.approx(in_force, rel=1e-12)


@pytest.mark.parametrize("side", [1, -1])
def test_the_parabolic_stop_is_that_of_talib(side: int) -> None:
    """As long as the market does not reach it; TA-Lib reverses there, a trade ends."""
    generator = np.random.default_rng(8)
    for _ in range(20):
        middle = 100 + side * np.cumsum(generator.exponential(1.0, 30))
        high, low = middle + generator.random(30), middle - generator.random(30)
        start = 90.0 if side > 0 else 110.0
        mine = parabolic_stop(high[1:], low[1:], side, start, 0.02)
        factors = (0.0, 0.02, 0.02, 0.2)
        theirs = side * talib.SAREXT(high, low, side * start, *factors, *factors[1:])[1:]
        held = np.cumprod(side * np.where(side > 0, low[1:], high[1:]) > side * mine).astype(bool)
        assert held.sum() > 3
        assert mine[held] == pytest.approx(theirs[held], rel=1e-12)


def test_random_distances_are_the_products_own(parts: dict[str, list[Market]]) -> None:
    market = parts["test"][0]
    product = trades_of(Static("garch", 1.0, 2.0), market, H, "pessimistic")
    draws = [random_distances(market, product, H, "pessimistic", np.random.default_rng(s)) for s in (1, 1, 2)]
    assert draws[0].equals(draws[1])
    assert not draws[0].equals(draws[2])
    own = (product["stop_distance"] / product["fill_price"]).to_numpy()
    drawn = draws[0]["stop_distance"].to_numpy() / market.bars.close[market.entries.index]
    assert np.isclose(drawn[:, None], own[None, :], rtol=1e-12).any(axis=1).all()


def test_fills_before_fees(parts: dict[str, list[Market]]) -> None:
    market = parts["test"][0]
    trades = add_exit_bars(trades_of(Static("atr", 1.0, 1.0), market, H, "pessimistic"), market.bars.ts)
    # Both symbols have the same days here, so the calendar numbers bars as the symbol does.
    assert trades["exit_bar"].to_list() == trades["exit_index"].to_list()
    assert set(trades["exits"].list.len()) == {1}
    out = trades.explode("exits").with_columns(pl.col("exits").struct.field("intended", "level", "fill"))
    assert out["exits"].struct.field("reason").equals(trades["reason"].alias("reason"))
    assert out["level"].to_numpy() == pytest.approx(trades["exit_level"].to_numpy(), rel=1e-15)
    stop = out.filter((pl.col("reason") == "stop") & ~pl.col("gap"))
    slip = (stop["fill"] / stop["intended"] - 1).to_numpy() * stop["side"].to_numpy()
    assert slip == pytest.approx(-0.002)
    target = out.filter((pl.col("reason") == "target") & ~pl.col("gap"))
    assert (target["side"] * (target["fill"] - target["intended"])).min() >= -1e-9


@pytest.fixture(scope="module")
def frontier(parts: dict[str, list[Market]]) -> pl.DataFrame:
    """Settings as of `frontier_trades`; GARCH stops stand in for the product."""
    grids: dict[str, tuple[Unit, tuple[float, ...]]] = {
        "product": ("garch", (0.5, 1.0)),
        "fixed_percent": ("percent", GRIDS.stop_percent),
        "fixed_atr": ("atr", GRIDS.stop_atr),
        "garch": ("garch", GRIDS.stop_garch),
    }
    frames = [
        trades_of(Static(unit, stop, 2.0), market, H, "pessimistic").select(
            pl.lit(name).alias("policy"), pl.lit(stop).alias("setting"), pl.all()
        )
        for name, (unit, stops) in grids.items()
        for stop in stops
        for market in parts["test"]
    ]
    return pl.concat(frames)


def test_the_gap_of_a_product_on_the_curve_is_nothing(frontier: pl.DataFrame, trades: pl.DataFrame) -> None:
    resamples = draws(closed(trades), BootstrapParams(3.0, 100, 0.9, 1))
    points = curves(frontier, set(closed(trades)["id"]), resamples)
    assert list(points) == ["product", "fixed_percent", "fixed_atr", "garch"]
    table = gaps(points, resamples, 0.9)
    same = table.filter(pl.col("curve") == "garch")
    assert same.height == 2 * 4
    assert same["gap"].to_numpy() == pytest.approx(0, abs=1e-9)
    assert set(same["versus"]) <= {"null", ""}
    own = frontier.filter((pl.col("policy") == "product") & (pl.col("setting") == 1.0))
    point, tail = points["product"][1], sorted(1e4 * own["pnl"] / own["entry_price"])
    assert (point.setting, point.value["stop_out_rate"]) == (1.0, pytest.approx((own["reason"] == "stop").mean()))
    assert tail[0] <= point.value["cvar_bp"] <= tail[len(tail) // 20 + 1]


@pytest.fixture(scope="module")
def trades(parts: dict[str, list[Market]], bars: pl.DataFrame, volatility: pl.DataFrame) -> pl.DataFrame:
    """Every policy's trades; a GARCH stop stands in for the product."""
    settings = {
        "product": Static("garch", 1.0, 2.0),
        "fixed_percent": Static("percent", 2.0, 2.0),
        "fixed_atr": Static("atr", 2.0, 2.0),
        "garch": Static("garch", 2.0, 2.0),
        "chandelier": Static("atr", 2.0, math.inf, trail=True),
        "sar": Parabolic(2.0, 0.02),
    }
    frames = []
    for mode in MODES:
        tables = {n: pl.concat(trades_of(s, m, H, mode) for m in parts["test"]) for n, s in settings.items()}
        tables["time_only"] = pl.concat(time_only(m, H, mode) for m in parts["test"])
        generator = np.random.default_rng(1)
        tables["random"] = pl.concat(random_distances(m, tables["product"], H, mode, generator) for m in parts["test"])
        frames += [f.select(pl.lit(n).alias("policy"), pl.lit(mode).alias("mode"), pl.all()) for n, f in tables.items()]
    filled = add_exit_bars(mark_ambiguous(pl.concat(frames)), parts["test"][0].bars.ts)
    return with_groups(filled, find_regimes(find_entries(bars, EVERY)[0], volatility, CUT.train_until), "a + b")


def test_all_policies_trade_the_same_entries(trades: pl.DataFrame) -> None:
    ids = [set(frame["id"]) for _, frame in trades.group_by("mode", "policy")]
    assert len(ids) == 2 * len(POLICIES)
    assert all(each == ids[0] for each in ids)


def test_each_mode_is_compared_with_the_baseline_in_the_same_mode(trades: pl.DataFrame) -> None:
    better = pl.when(pl.col("mode") == "adaptive").then(pl.col("pnl") + 1).otherwise(pl.col("pnl"))
    kept = closed(trades.with_columns(pnl=better))
    scores = score_all(kept, draws(kept, BootstrapParams(3.0, 100, 0.9, 1)))
    profit = {key: 1e4 * (t["pnl"] / t["entry_price"]).mean() for key, t in by_policy(kept)}
    card = scorecard(scores, "garch", 0.9).filter(pl.col("figure") == "expectancy_bp")
    for mode in MODES:
        assert card.filter(pl.col("mode") == mode)["baseline"].to_numpy() == pytest.approx(profit[mode, "garch"])


def test_the_product_is_paired_with_every_policy(trades: pl.DataFrame) -> None:
    """The chandelier earns 1 % less on each of the same entries: a difference without an interval."""
    worse = pl.when(pl.col("policy") == "product").then(pl.col("entry_price") / 100).otherwise(0.0)
    own = trades.filter(pl.col("policy") == "product").with_columns(policy=pl.lit("chandelier"))
    kept = closed(pl.concat([trades.filter(pl.col("policy") != "chandelier"), own]))
    kept = kept.with_columns(pl.col("pnl") + worse)
    scores = score_all(kept, draws(kept, BootstrapParams(3.0, 200, 0.9, 1)))
    table = pair_table(scores, POLICIES[1:], 0.9)
    assert table.group_by("mode", "policy").len().height == len(MODES) * (len(POLICIES) - 1)
    money = table.filter((pl.col("figure") == "expectancy_bp") & (pl.col("mode") == "pessimistic"))
    profit = {key: 1e4 * (t["pnl"] / t["entry_price"]).mean() for key, t in by_policy(kept)}
    for row in money.iter_rows(named=True):
        assert row["baseline"] == pytest.approx(profit["pessimistic", row["policy"]])
        assert row["difference"] == pytest.approx(profit["pessimistic", "product"] - row["baseline"])
    row = money.row(by_predicate=pl.col("policy") == "chandelier", named=True)
    assert [row[f"difference{end}"] for end in ("", "_low", "_high")] == pytest.approx([100.0] * 3)
    assert row["versus"] == "better"


def test_an_entry_that_one_policy_could_not_close_leaves_all(trades: pl.DataFrame) -> None:
    first = trades["id"][0]
    open_ = pl.when((pl.col("id") == first) & (pl.col("policy") == "random")).then(pl.lit("open"))
    kept = closed(trades.with_columns(open_.otherwise(pl.col("reason")).alias("reason")))
    assert trades.height - kept.height == 2 * len(POLICIES)
    assert first not in set(kept["id"])


def test_equity_ends_at_the_sum_of_profits(trades: pl.DataFrame) -> None:
    curves = equity_curves(trades, 0.5)
    mine = trades.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    assert curves["product"][-1] == pytest.approx(50 * (mine["pnl"] / mine["entry_price"]).sum(), abs=1e-5)
    assert mean_profit(mine) * mine.height * 50 == pytest.approx(curves["product"][-1], abs=1e-5)


def test_equity_moves_when_a_trade_ends() -> None:
    """Two trades begin on one day; the first ends two days later, the second a day after that."""
    day = [dt.datetime(2020, 1, n, tzinfo=dt.UTC) for n in (1, 3, 4)]
    rows = {"mode": ["pessimistic"] * 2, "entry_ts": [day[0]] * 2, "exit_ts": day[1:]}
    rows |= {"pnl": [2.0, -6.0], "entry_price": [100.0, 200.0]}
    frames = [pl.DataFrame({"policy": [name] * 2, **rows}) for name in POLICIES]
    other = frames[0].with_columns(mode=pl.lit("adaptive"), pnl=pl.lit(99.0))
    curves = equity_curves(pl.concat([*frames, other]), 0.5)
    assert curves["ts"].to_list() == day[1:]
    assert curves["product"].to_list() == pytest.approx([1.0, -0.5])


def test_the_files_of_an_evaluation(
    trades: pl.DataFrame, frontier: pl.DataFrame, bars: pl.DataFrame, tmp_path: Path
) -> None:
    chosen = {
        "fixed_percent": Static("percent", 2.0, 2.0),
        "fixed_atr": Static("atr", 2.0, 2.0),
        "garch": Static("garch", 2.0, 2.0),
        "chandelier": Static("atr", 2.0, math.inf, trail=True),
    }
    earned = {"fixed_percent": -0.001, "fixed_atr": 0.001, "garch": -0.001, "chandelier": 0.002}
    facts = Facts(H, "every_n", ("A", "B"), "At no cost.", 0.25, 0.9, chosen, earned, 100, 3)
    assert facts.best_static == "fixed_atr"  # the chandelier is not static
    reliability = pl.DataFrame({"net": ["stop"], "curve": ["hit"], "forecast": [0.5], "observed": [0.4], "count": [9]})
    for folder in ("one", "two"):
        bootstrap = BootstrapParams(3.0, 200, 0.9, 1)
        write_results(trades, frontier, bars, facts, bootstrap, TRIALS, reliability, SKILLS, tmp_path / folder)
    names = sorted(str(p.relative_to(tmp_path / "one")) for p in (tmp_path / "one").rglob("*.*"))
    plots = [
        "calibration_stop_hit",
        "equity",
        *(f"frontier_{n}" for n in ("fixed_atr", "fixed_percent", "garch", "product")),
    ]
    expected = [
        "breaches.csv",
        "chosen.json",
        "frontier_gaps.csv",
        "groups.csv",
        "metrics.json",
        "pairs.csv",
        *(f"plots/{name}.csv" for name in plots),
    ]
    assert names == [
        *expected,
        "report.html",
        "scorecard.csv",
        "seeds.csv",
        "selection.csv",
        "targets.csv",
        "worst_case.csv",
    ]
    for name in names:  # the same trades, the same bytes
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    page = (tmp_path / "one/report.html").read_text()
    assert "stop net over quantiles scaled by ATR" in page
    assert "pinball skill of 5 seeds" in page
    assert "1.50 % ± 0.30 %" in page
    assert re.search(r'<(script|link|img)[^>]+(src|href)="?http', page) is None
    assert "$" not in re.sub(r"<script.*?</script>", "", page, flags=re.S)
    card = pl.read_csv(tmp_path / "one/scorecard.csv", infer_schema_length=None)
    assert card.group_by("mode", "policy").len().height == 2 * len(POLICIES)


def test_market_units() -> None:
    ones = np.ones(3)
    data = Bars("A", np.arange(3), ones, ones, ones, 200 * ones, ones)
    market = Market(data, 3 * ones, 4 * ones, Entries(np.array([0]), np.array([1], np.int8)), ("x",))
    assert [market.unit(unit)[0] for unit in ("percent", "atr", "garch")] == [2.0, 3.0, 4.0]


def test_bars_by_symbol_keeps_rows(bars: pl.DataFrame) -> None:
    assert {symbol: len(each.ts) for symbol, each in bars_by_symbol(bars).items()} == {"A": 600, "B": 600}


def test_the_summary_reads_the_files(
    trades: pl.DataFrame,
    frontier: pl.DataFrame,
    bars: pl.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"fixed_percent": "percent", "fixed_atr": "atr", "garch": "garch"}
    chosen = {name: Static(unit, 2.0, 2.0) for name, unit in settings.items()}  # type: ignore[arg-type]
    earned = {"fixed_percent": 0.001, "fixed_atr": -0.001, "garch": -0.001}
    facts = Facts(H, "every_n", ("A", "B"), "At no cost.", 0.25, 0.9, chosen, earned, 100, 3)
    none = pl.DataFrame(schema={"net": pl.String, "curve": pl.String, "forecast": pl.Float64, "observed": pl.Float64})
    write_results(
        trades,
        frontier,
        bars,
        facts,
        BootstrapParams(3.0, 100, 0.9, 1),
        TRIALS,
        none,
        SKILLS,
        summary.FOLDER,
    )
    summary.main()
    printed = capsys.readouterr().out
    assert "Mean R, all trades" in printed
    assert "maximum loss" in printed
    assert "after 3 trials (nets, settings)" in printed
    assert "best of 4 settings" in printed
    assert "artifacts/evaluate/report.html" in printed
