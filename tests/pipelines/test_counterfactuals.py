"""What-ifs: parts, pairs, choices and verdicts, on tables made by hand and on the engine's own replay."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from handmade_examination import EARLIER, MARKETS, make_product
from handmade_export import HORIZON
from handmade_resamples import held
from inference.variant import OPTIONAL_STEPS
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.counterfactuals import Option, compare_options, joined, options, replay_options, suggestions
from pipelines.trades.baselines import time_only
from pipelines.trades.product import Product

BOOTSTRAP = BootstrapParams(3.0, 400, 0.9, 1)
HELD = held(np.arange(90), 1).with_columns(id=pl.Series([f"{i:03d}" for i in range(90)]))


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Product:
    return make_product(tmp_path_factory.mktemp("product"))


def test_joined_parts_keep_each_entry_with_its_id() -> None:
    (market,) = joined(MARKETS)
    assert (np.diff(market.entries.index) >= 0).all()
    wanted = {name: (i, s) for part in MARKETS for m in part for name, i, s in zip(m.ids, *columns(m), strict=True)}
    assert dict(zip(market.ids, zip(*columns(market), strict=True), strict=True)) == wanted
    assert joined(MARKETS[::-1])[0].ids == market.ids


def columns(market: object) -> tuple[list[int], list[int]]:
    entries = market.entries  # type: ignore[attr-defined]
    return entries.index.tolist(), entries.side.tolist()


def test_options_name_each_step_and_no_target() -> None:
    found = options((0.5, 2.0), (1.0,), (1.5,))
    assert [o.value for o in found if o.kind == "target_r"] == [1.5, math.inf]
    assert [o.step for o in found if o.kind == "without"] == list(OPTIONAL_STEPS)
    assert len(found) == 2 + 1 + 2 + len(OPTIONAL_STEPS)


def test_a_stop_at_its_own_distance_earns_the_same(product: Product) -> None:
    changes = [Option("stop_times", 1.0), Option("stop_times", 0.4), Option("stop_atr", 1.0), Option("target_r", 0.5)]
    table = replay_options(product, joined(MARKETS), changes)
    same = table.filter((pl.col("kind") == "stop_times") & (pl.col("value") == 1.0))
    assert same["profit"].equals(same["own"])
    assert same["r"].equals(same["own_r"])
    for change in changes[1:]:
        mine = table.filter((pl.col("kind") == change.kind) & (pl.col("value") == change.value))
        assert mine["id"].to_list() == same["id"].to_list()
        assert (mine["profit"] != mine["own"]).any()
        # R is the product's own: the same unit for both.
        unit = mine.filter(pl.col("own").abs() > 1e-6).select(unit=pl.col("own") / pl.col("own_r"))
        other = mine.filter(pl.col("own").abs() > 1e-6).select(unit=pl.col("profit") / pl.col("r"))
        assert unit["unit"].to_numpy() == pytest.approx(other["unit"].to_numpy())


def made(gains: dict[tuple[str, float], Sequence[float]], earlier: int) -> tuple[pl.DataFrame, set[str]]:
    """Replays with profit = own + gain, own = 10 bp; the first `earlier` entries are those before the test part."""
    rows = []
    for (kind, value), line in gains.items():
        for i, gain in enumerate(line):
            row = {"kind": kind, "value": value, "step": "", "id": f"{i:03d}", "entry_ts": i, "premature": i % 4 == 0}
            row |= {"profit": 0.001 + 1e-4 * gain, "own": 0.001, "r": 0.1 + 0.01 * gain, "own_r": 0.1}
            rows.append(row | {"reason": "stop" if i % 2 else "time", "own_reason": "time"})
    return pl.DataFrame(rows), {f"{i:03d}" for i in range(earlier)}


def test_comparisons_equal_slow_means() -> None:
    rng = np.random.default_rng(1)
    gains = {("stop_atr", 1.0): rng.normal(0, 5, 90).tolist(), ("stop_atr", 2.0): rng.normal(3, 1, 90).tolist()}
    replays, earlier = made(gains, 30)
    table = compare_options(replays, earlier, HELD, BOOTSTRAP, np.random.default_rng(2))
    assert table.height == 4
    for row in table.iter_rows(named=True):
        line = gains["stop_atr", row["value"]]
        part = line[:30] if row["part"] == "earlier" else line[30:]
        first = 0 if row["part"] == "earlier" else 30
        assert row["trades"] == len(part)
        assert row["changed"] == len(part)
        assert row["difference_bp"] == pytest.approx(sum(part) / len(part))
        assert row["difference_r"] == pytest.approx(0.01 * sum(part) / len(part))
        assert row["mean_bp"] == pytest.approx(10 + sum(part) / len(part))
        assert row["stop_out_rate"] == pytest.approx(sum((first + i) % 2 for i in range(len(part))) / len(part))
        assert row["premature_rate"] == pytest.approx(sum((first + i) % 4 == 0 for i in range(len(part))) / len(part))
        # The bootstrap's interval is about that of independent trades here.
        half = 1.645 * float(np.std(part)) / math.sqrt(len(part))
        assert row["high_bp"] - row["low_bp"] == pytest.approx(2 * half, rel=0.35)
        assert row["low_bp"] < row["difference_bp"] < row["high_bp"]
    verdicts = {(row["value"], row["part"]): row["versus"] for row in table.iter_rows(named=True)}
    assert verdicts[2.0, "test"] == "better"


def test_few_changed_trades_bear_no_verdict() -> None:
    replays, earlier = made(
        {("target_r", 3.0): [0.0, 5.0] * 19 + [0.0] * 42, ("target_r", 4.0): [0.0, 5.0] * 20 + [0.0] * 40}, 0
    )
    test = compare_options(replays, earlier, HELD, BOOTSTRAP, np.random.default_rng(2)).filter(pl.col("part") == "test")
    assert dict(test.select("value", "changed").iter_rows()) == {3.0: 19, 4.0: 20}
    assert dict(test.select("value", "versus").iter_rows()) == {3.0: "null", 4.0: "better"}


def test_suggestions_are_chosen_before_and_judged_on_test() -> None:
    """1 ATR shines before and fails on test, 2 ATR the other way round: 1 is chosen, and found worse."""
    gains = {
        ("stop_atr", 1.0): [4.0] * 40 + [-2.0] * 40,
        ("stop_atr", 2.0): [1.0] * 40 + [9.0] * 40,
        ("target_r", 1.0): [-1.0] * 40 + [9.0] * 40,
    }
    replays, earlier = made(gains, 40)
    found = suggestions(compare_options(replays, earlier, HELD, BOOTSTRAP, np.random.default_rng(2)))
    by_kind = {row["kind"]: row for row in found.iter_rows(named=True)}
    assert by_kind["stop_atr"]["value"] == 1.0
    assert by_kind["stop_atr"]["earlier_bp"] == pytest.approx(4.0)
    assert by_kind["stop_atr"]["difference_bp"] == pytest.approx(-2.0)
    assert by_kind["stop_atr"]["versus"] == "worse"
    # Nothing beat the product before: its own stays, whatever the test part would say.
    assert by_kind["target_r"]["value"] is None
    assert by_kind["target_r"]["versus"] == "keep"
    assert by_kind["target_r"]["difference_bp"] is None


def test_entries_before_the_test_part_are_judged_apart(product: Product) -> None:
    table = replay_options(product, joined(MARKETS), [Option("stop_times", 0.5)])
    times = pl.concat(time_only(market, HORIZON, "pessimistic") for market in joined(MARKETS))
    compared = compare_options(table, EARLIER, times, BOOTSTRAP, np.random.default_rng(1))
    counts = dict(compared.select("part", "trades").iter_rows())
    assert counts == {"earlier": len(MARKETS[0][0].ids), "test": len(MARKETS[1][0].ids)}
