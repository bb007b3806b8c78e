"""Terms of a venue: from params.yaml to every replay of the evaluation, and back from prices after costs to fills."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handmade_examination import BARS, MARKETS, make_product
from inference.replay import EVENT_NAMES, Bars, Conditions, Entries, Trades, ledger_levels, ledger_parabolic
from inference.venue import Funding, Impact, Margin, Rung
from pipelines.params import parse, read, section
from pipelines.replays import POLICIES, replay_all
from pipelines.sources.tables import SERIES
from pipelines.trades.baselines import Market, Parabolic, Static, trades_of
from pipelines.trades.terms import Terms, finer_bars, terms_of
from pipelines.trades.venue import VenueParams
from venue_cases import COSTS, FREE, LADDERS, detail_bars, drawn_conditions, every_entry, printed

ROOT = Path(__file__).parents[2]
SHIPPED = section("evaluate.venue", VenueParams, ROOT / "params.yaml")
RAW = read(ROOT / "params.yaml")["evaluate"]["venue"]


def changed(**changes: object) -> VenueParams:
    """The shipped section, with other terms for all symbols."""
    return parse(VenueParams, {**RAW, "default": {**RAW["default"], **changes}}, "evaluate.venue")


def series(name: str, values: dict[int, float], symbol: str = "X") -> pl.DataFrame:
    rows = {"symbol": symbol, "name": name, "ts": list(values), "value": list(values.values())}
    return pl.DataFrame(rows).with_columns(pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))


NO_SERIES = pl.DataFrame(schema=SERIES)


def some_bars(n: int = 30, volume: float = 5.0) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, n)))
    return Bars("X", np.arange(n, dtype=np.int64) * 60_000_000, close, close, close, close, np.full(n, volume))


def test_the_shipped_terms_are_fees_and_slippage_alone() -> None:
    bars = some_bars()
    terms = terms_of(SHIPPED, {"X": bars}, NO_SERIES, 1e4)["X"]
    assert terms == Terms(replace(terms.costs))
    assert asdict(terms.costs) == {"taker_fee": 0.0001, "maker_fee": 0.0001, "slippage": 0.0003}
    assert SHIPPED.describe() == "Costs per fill: taker 1 bp, maker 1 bp, slippage 3 bp."


def test_a_symbol_differs_in_what_it_names_alone() -> None:
    own = {"taker_fee": 0.0005, "margin": {"leverage": 5.0}, "ladder": [{"target": 1, "fraction": 0.5, "stop_r": None}]}
    params = parse(VenueParams, {**RAW, "symbols": {"X": own}}, "evaluate.venue")
    assert params.of("Y") == params.default == SHIPPED.default
    mine = params.of("X")
    assert (mine.taker_fee, mine.margin.leverage, mine.ladder) == (0.0005, 5.0, (Rung(1.0, 0.5),))
    again = replace(mine, taker_fee=0.0001, margin=params.default.margin, ladder=())
    assert again == params.default
    assert "X: taker 5 bp" in params.describe()
    same = parse(VenueParams, {**RAW, "symbols": {"X": {"lot": 0.1}}}, "evaluate.venue")
    assert same.describe() == SHIPPED.describe()
    assert "margin at 5 times" in params.describe()
    with pytest.raises(ValueError, match=r"evaluate.venue.symbols: must be of A, B, was 'X'"):
        terms_of(params, {"A": some_bars(), "B": some_bars()}, NO_SERIES, 1e4)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"taker_fee": 0.2}, r"evaluate\.venue\.default\.taker_fee: must be a number in"),
        (
            {"margin": {"leverage": 300.0, "maintenance": 0.005, "fee": 0.0}},
            r"maintenance: must lie below 1 / leverage",
        ),
        ({"ladder": [{"target": 1.0, "fraction": 1.5, "stop_r": None}]}, r"ladder.fraction: must be a number"),
        ({"impact": {"coefficient": 1.0, "volume": "", "window_bars": 1}}, r"window_bars: must be at least 2"),
        ({"fundign": "funding"}, r"evaluate\.venue\.default\.fundign: must be a known key.*did you mean funding"),
    ],
)
def test_impossible_terms_are_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        changed(**change)
    with pytest.raises(ValueError, match=r"symbols\.X"):
        parse(VenueParams, {**RAW, "symbols": {"X": change}}, "evaluate.venue")


def test_impact_knows_nothing_of_the_bar_in_which_it_is_paid() -> None:
    params = changed(impact={"coefficient": 0.5, "volume": "", "window_bars": 4})
    bars = some_bars()
    bars.volume[10:16] = 0.0  # a halt longer than the window
    bars.volume[20] = 45.0
    impact = terms_of(params, {"X": bars}, NO_SERIES, 1e4)["X"].conditions.impact
    assert impact is not None
    returns = np.diff(np.log(bars.close))
    for j in (8, 25):
        assert np.asarray(impact.sigma)[j] == pytest.approx(np.sqrt((returns[j - 5 : j - 1] ** 2).mean()))
    volume = np.asarray(impact.volume)
    assert np.isnan(volume[:4]).all()
    assert volume[[4, 9, 20, 21, 24, 25]] == pytest.approx([5, 5, 5, 15, 15, 5])
    assert (volume[10:18] > 0).all()
    depth = series("depth", {int(bars.ts[3]): 7.0, int(bars.ts[9]) + 1: 8.0})
    params = changed(impact={"coefficient": 0.5, "volume": "depth", "window_bars": 4})
    impact = terms_of(params, {"X": bars}, depth, 1e4)["X"].conditions.impact
    assert impact is not None
    assert np.asarray(impact.volume)[[2, 3, 9, 10]] == pytest.approx([np.nan, 7, 7, 8], nan_ok=True)


def test_funding_is_the_named_series_of_the_symbol_or_of_all() -> None:
    params, bars = changed(funding="funding"), {"X": some_bars()}
    for symbol in ("X", "*"):
        stamps = series("funding", {8_000_000: 0.1, 3_004_000: 0.2}, symbol)
        found = terms_of(params, bars, stamps, 1e4)["X"].conditions.funding
        assert found is not None
        assert (found.ts.tolist(), found.rate.tolist()) == ([3_000_000, 8_000_000], [0.2, 0.1])  # on the second
    with pytest.raises(ValueError, match=r"funding of X must be a series of its own, was 'funding'"):
        terms_of(params, bars, series("funding", {8: 0.1}, "Y"), 1e4)


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_finer_bars_come_from_a_folder_of_files(kind: str, tmp_path: Path) -> None:
    bars = some_bars()
    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pl.DataFrame({"ts": pl.Series(bars.ts).cast(pl.Datetime("us", "UTC")), **prices})
    getattr(frame, f"write_{kind}")(tmp_path / f"X.{kind}")
    found = finer_bars(tmp_path, "X")
    for name in ("ts", *prices):
        assert np.allclose(getattr(found, name), getattr(bars, name), rtol=1e-15), name
    with pytest.raises(ValueError, match=r"evaluate.venue.detail: must hold symbol=Y/, Y.parquet or Y.csv"):
        finer_bars(tmp_path, "Y")


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_trades_stand_for_finer_bars(kind: str, tmp_path: Path) -> None:
    """Several of one moment stay in the file's order; another market's are refused as bars are."""
    parts, bars = detail_bars(np.random.default_rng(1), False, 0.0)
    prints = printed(parts)
    ts = pl.Series(prints.ts).cast(pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"ts": ts, "price": prints.price, "quantity": prints.quantity})
    params = replace(SHIPPED, detail=str(tmp_path))
    getattr(frame, f"write_{kind}")(tmp_path / f"X.{kind}")
    found = terms_of(params, {"X": bars}, NO_SERIES, 1e4)["X"].detail
    assert isinstance(found, Trades)
    assert found.ts.tolist() == prints.ts.tolist()
    np.testing.assert_allclose(found.price, prints.price, rtol=1e-15)
    np.testing.assert_allclose(found.quantity, prints.quantity, rtol=1e-15)
    getattr(frame.with_columns(pl.col("price") * 1.01), f"write_{kind}")(tmp_path / f"X.{kind}")
    with pytest.raises(ValueError, match=r"finer bars \(or trades\) of X must lie inside its bars"):
        terms_of(params, {"X": bars}, NO_SERIES, 1e4)
    getattr(frame.drop("quantity"), f"write_{kind}")(tmp_path / f"X.{kind}")
    with pytest.raises(ValueError, match=r"X.* must have ts, price, quantity, was without \['quantity'\]"):
        finer_bars(tmp_path, "X")


def test_finer_bars_of_another_market_are_refused(tmp_path: Path) -> None:
    parts, bars = detail_bars(np.random.default_rng(1), False, 0.0)
    params = replace(SHIPPED, detail=str(tmp_path))
    prices = {name: getattr(parts, name) for name in ("open", "high", "low", "close", "volume")}
    frame = pl.DataFrame({"ts": pl.Series(parts.ts).cast(pl.Datetime("us", "UTC")), **prices})
    frame.write_parquet(tmp_path / "X.parquet")
    found = terms_of(params, {"X": bars}, NO_SERIES, 1e4)["X"]
    assert found.under("detail").detail is found.detail is not None
    assert found.under("adaptive").detail is None
    for change in (pl.col("high") * 1.001, pl.col("high").shift(1)):  # another venue; another time zone
        high = pl.max_horizontal(change, "open", "close", "low")
        frame.with_columns(high=high.fill_null(pl.col("high"))).write_parquet(tmp_path / "X.parquet")
        with pytest.raises(ValueError, match=r"finer bars \(or trades\) of X must lie inside its bars"):
            terms_of(params, {"X": bars}, NO_SERIES, 1e4)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    ladder=st.sampled_from(LADDERS[:3]),
    mode=st.sampled_from(["pessimistic", "adaptive", "detail"]),
    on=st.sets(st.sampled_from(["impact", "margin", "funding", "rejected"])),
)
def test_each_fill_is_recorded_behind_all_costs(seed, ladder, mode, on) -> None:
    """The same replay without any costs tells the fills: costs move no exit."""
    rng = np.random.default_rng(seed)
    parts, bars = detail_bars(rng, False, 0.05)
    entries, conditions = every_entry(rng), drawn_conditions(rng, parts, mode, ladder, on)
    margin = conditions.margin and replace(conditions.margin, fee=0.0)
    costly = ledger_levels(bars, entries, 3.0, 6.0, 4.0, 12, COSTS, mode, conditions)
    without = replace(conditions, impact=None, margin=margin)
    free = ledger_levels(bars, entries, 3.0, 6.0, 4.0, 12, FREE, mode, without)
    legs, raw = costly.legs, free.legs["price"]
    np.testing.assert_array_equal(legs["level"], raw)
    limit, side = legs["reason"] == 2, costly.trades["side"][np.searchsorted(costly.trades["entry"], legs["entry"])]
    np.testing.assert_array_equal(legs["fill"][limit], raw[limit])
    worse = side * (raw - legs["fill"]) / raw
    assert (worse[~limit] >= COSTS.slippage - 1e-12).all()
    if "impact" not in on:
        np.testing.assert_allclose(worse[~limit], COSTS.slippage, rtol=1e-6)


def full_terms(bars: Bars) -> Terms:
    """Every part of a venue's terms that a stage can switch on, with finer bars of two a bar."""
    n, half = len(bars.ts), int(np.diff(bars.ts)[0]) // 2
    rng = np.random.default_rng(3)
    middle = np.sqrt(bars.open * bars.close)
    first = Bars("X", bars.ts, bars.open, bars.high, np.minimum(bars.open, middle), middle, bars.volume)
    second = Bars("X", bars.ts + half, middle, np.maximum(middle, bars.close), bars.low, bars.close, bars.volume)
    both = [np.stack([getattr(first, c), getattr(second, c)], 1).reshape(-1) for c in Bars.__slots__[1:]]
    stamps = bars.ts[::3] + half // 2
    conditions = Conditions(
        impact=Impact(0.5, 25_000.0, rng.uniform(0.005, 0.02, n), rng.uniform(1e4, 1e5, n)),
        margin=Margin(30.0, 0.005, 0.002),
        funding=Funding(stamps, rng.normal(0, 1e-3, len(stamps))),
    )
    return Terms(COSTS, conditions, Bars("X", *both))


@pytest.mark.parametrize("mode", ["pessimistic", "adaptive", "detail"])
def test_a_parabolic_stop_of_no_speed_is_a_fixed_one_under_all_terms(mode) -> None:
    """It is replayed on a slice of the bars for each entry: the terms must be of the same bars."""
    rng = np.random.default_rng(7)
    market = MARKETS[1][0]
    volume = np.where(rng.random(len(BARS.ts)) < 0.2, 0.0, BARS.volume)
    bars = replace(BARS, volume=volume)
    market = replace(market, bars=bars, terms=full_terms(bars))
    still = trades_of(Parabolic(1.8, 0.0), market, 9, mode)
    fixed = trades_of(Static("atr", 1.8, math.inf), market, 9, mode)
    assert still.equals(fixed, null_equal=True)
    assert {"stop", "time", "liquidation"} <= set(fixed["reason"])


def test_all_policies_are_replayed_under_the_same_terms_in_all_modes(tmp_path: Path) -> None:
    terms = full_terms(BARS)
    test = [replace(market, terms=terms) for market in MARKETS[1]]
    chosen = {
        "fixed_percent": (Static("percent", 2.0, 2.0), 0.0),
        "fixed_atr": (Static("atr", 2.0, 2.0), 0.0),
        "garch": (Static("garch", 1.0, 2.0), 0.0),
        "chandelier": (Static("atr", 2.0, math.inf, trail=True), 0.0),
        "sar": (Parabolic(2.0, 0.02), 0.0),
    }
    trades = replay_all(make_product(tmp_path), test, chosen, 1, 10)
    seen = dict(trades.group_by("mode", "policy"))
    assert set(seen) == {(mode, policy) for mode in ("pessimistic", "adaptive", "detail") for policy in POLICIES}
    first = seen["pessimistic", "product"].sort("id")
    for key, frame in seen.items():
        assert frame.sort("id")["entry_price"].equals(first["entry_price"]), key  # fees, slippage and impact
        assert (frame["funding"] != 0).any(), key
        for row in frame.filter(pl.col("reason") == "liquidation").iter_rows(named=True):
            wanted = row["fill_price"] * (1 - row["side"] / 30) / (1 - row["side"] * 0.005)
            assert row["intended_price"] == pytest.approx(wanted)
        smooth = frame.filter((pl.col("reason") == "stop") & ~pl.col("gap"))
        assert np.allclose(smooth["exit_level"], smooth["intended_price"], rtol=1e-12), key
    assert any((frame["reason"] == "liquidation").any() for frame in seen.values())


def test_levels_of_static_exits_are_on_ticks() -> None:
    n = 40
    price = np.round(100 + np.cumsum(np.random.default_rng(1).normal(0, 1, n)), 1)
    bars = Bars("X", np.arange(n, dtype=np.int64), price, price, price, price, np.ones(n))
    entries = Entries(np.arange(n - 8), np.ones(n - 8, np.int8))
    market = Market(bars, np.full(n, 1.2345), np.ones(n), entries, tuple(map(str, range(n - 8))), Terms(tick=0.1))
    trades = trades_of(Static("atr", 1.0, 1.5), market, 5, "pessimistic")
    assert trades["stop_distance"].to_numpy() == pytest.approx(1.2)
    assert trades["target_r"].to_numpy() == pytest.approx(1.9 / 1.2)


def test_levels_inside_a_trade_are_on_ticks_too() -> None:
    """Rungs, the stops that come with them, and the parabolic stop, which is never nearer than Wilder's."""
    n, tick = 300, 0.5
    rng = np.random.default_rng(5)
    close = np.round(2 * (200 + np.cumsum(rng.normal(0, 2, n)))) / 2
    opening = np.append(close[0], close[:-1])
    high, low = np.maximum(opening, close) + 1, np.minimum(opening, close) - 1
    bars = Bars("X", np.arange(n, dtype=np.int64), opening, high, low, close, np.ones(n))
    entries = Entries(np.arange(n - 20), rng.choice(np.array([-1, 1], np.int8), n - 20))
    conditions = Conditions(ladder=(Rung(0.3, 0.4, 0.37), Rung(1.0, 0.6)), tick=tick)
    ledger = ledger_levels(bars, entries, 4.2, 9.7, np.nan, 15, FREE, conditions=conditions)
    assert {1.0, 2.0} <= set(ledger.trades["legs"])
    (sar,) = ledger_parabolic(bars, entries, 1.0, [[4.2, 0.03]], 15, FREE, conditions=Conditions(tick=tick))
    (free,) = ledger_parabolic(bars, entries, 1.0, [[4.0, 0.03]], 15, FREE)
    for each in (ledger, sar):
        moved = each.events[each.events["kind"] != EVENT_NAMES.index("funding")]
        assert (moved["kind"] == EVENT_NAMES.index("stop_moved")).sum() > len(each.trades)
        steps = moved["price"] / tick
        assert np.abs(steps - np.round(steps)).max() < 1e-9
    both = np.flatnonzero(sar.trades["exit_index"] == free.trades["exit_index"])
    side, placed, exact = (sar.trades["side"][both], *(x.trades["stop_at_exit"][both] for x in (sar, free)))
    assert (side * (placed - exact) <= 1e-9).all()
    assert (side * (placed - exact) > -tick - 1e-9).all()
