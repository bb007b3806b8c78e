"""Cross-symbol features against pandas and plain loops; live bars in any order of arrival give the batch's bits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from arch.data import nasdaq, sp500

import handmade_export as handmade
from features.cross import CrossParams, expressions
from features.graph import to_data
from inference import Engine, Graph
from inference.closes import close_series

DAY = 86_400_000_000
COLUMNS = ("open", "high", "low", "close", "volume")
P = CrossParams(
    ("SPX", "NASDAQ"), decay=0.95, seed_bars=15, shrinkage=0.4, strength_bars=10, change_bars=7, long_decay=0.99
)
Market = dict[str, tuple[dict[str, np.ndarray], np.ndarray]]


@pytest.fixture(scope="module")
def real() -> Market:
    """2,000 common days of both indices."""
    frames = {name: source.load().iloc[:2000] for name, source in (("SPX", sp500), ("NASDAQ", nasdaq))}
    ts = np.arange(2000, dtype=np.int64) * DAY
    return {name: ({c: f[c.title()].to_numpy(float) for c in COLUMNS}, ts) for name, f in frames.items()}


def three(n: int = 160) -> Market:
    """A and C trade daily, C only from day 70 on; B misses one day in five, and days 90 to 100."""
    market = {name: handmade.random_bars(n, seed) for seed, name in enumerate("ABC", 20)}
    keep = np.random.default_rng(0).random(n) < 0.8
    keep[90:101] = False
    for name, kept in (("B", keep), ("C", np.arange(n) >= 70)):
        bars, ts = market[name]
        market[name] = {c: v[kept] for c, v in bars.items()}, ts[kept]
    return market


def batch(graph, market: Market, symbol: str) -> dict[str, np.ndarray]:
    bars, ts = market[symbol]
    made = Graph(graph, symbol)
    names = {series: series.removeprefix("close@") for series in made.series}
    return made.run(bars, ts, {s: close_series(market[n][1], market[n][0]["close"], DAY) for s, n in names.items()})


def of(p: CrossParams, market: Market, symbol: str) -> dict[str, np.ndarray]:
    out = expressions(p)
    return batch(to_data(out, list(out), DAY), market, symbol)


def ewma(x: np.ndarray, p: CrossParams, decay: float = 0.0) -> np.ndarray:
    """By pandas, from the mean of the first seed_bars values; NaN before."""
    series = pd.Series(np.concatenate([[x[: p.seed_bars].mean()], x[p.seed_bars :]]))
    smooth = series.ewm(alpha=1 - (decay or p.decay), adjust=False).mean().to_numpy()
    return np.concatenate([np.full(p.seed_bars - 1, np.nan), smooth])


def rho(x: np.ndarray, y: np.ndarray, p: CrossParams, decay: float = 0.0) -> np.ndarray:
    return ewma(x * y, p, decay) / np.sqrt(ewma(x * x, p, decay) * ewma(y * y, p, decay))


def drawn(x: np.ndarray, y: np.ndarray, p: CrossParams) -> np.ndarray:
    """The correlation of one pair, drawn to what is usual for it."""
    return (1.0 - p.shrinkage) * rho(x, y, p) + p.shrinkage * rho(x, y, p, p.long_decay)


@pytest.mark.parametrize("symbol", ["SPX", "NASDAQ"])
def test_pairs_equal_pandas(real, symbol) -> None:
    """At bar t the last pair of returns is that of bar t - 1: both closes of bar t are unknown to one another."""
    other = {"SPX": "NASDAQ", "NASDAQ": "SPX"}[symbol]
    ours = of(P, real, symbol)
    x, y = (np.diff(np.log(real[name][0]["close"]))[:-1] for name in (symbol, other))
    xx, yy, together = ewma(x * x, P), ewma(y * y, P), drawn(x, y, P)
    assert np.nanmax(np.abs(together - rho(x, y, P))) > 0.05, "else nothing is drawn anywhere"
    strength = pd.Series(x - y).rolling(P.strength_bars).sum().to_numpy() / np.sqrt(xx * P.strength_bars)
    expected = {
        f"correlation_{other}": together,
        f"beta_{other}": together * np.sqrt(xx / yy),
        f"relative_strength_{other}": np.clip(strength, -5, 5),
        "correlation_others": together,
        "correlation_others_change": together - pd.Series(together).shift(P.change_bars).to_numpy(),
    }
    for name, values in expected.items():
        np.testing.assert_allclose(ours[name][2:], values, rtol=1e-9, atol=1e-11, err_msg=name)


def test_a_symbol_with_itself(real) -> None:
    ours = of(P, real, "SPX")
    known = np.isfinite(ours["correlation_SPX"])
    assert known.sum() == 2000 - P.seed_bars - 1
    assert (ours["correlation_SPX"][known] == 1.0).all()
    assert (ours["beta_SPX"][known] == 1.0).all()
    assert (ours["relative_strength_SPX"][known] == 0.0).all()


def test_correlations_are_shrunk_towards_their_usual_mean() -> None:
    market = {name: handmade.random_bars(120, seed) for seed, name in enumerate("ABCD", 3)}
    symbols = ("A", "B", "C", "D")
    raw, shrunk, usual = (
        of(CrossParams(symbols, seed_bars=10, shrinkage=s, decay=d), market, "A")
        for s, d in ((0.0, 0.97), (0.4, 0.97), (0.0, 0.996999999999))
    )
    mean = sum(usual[f"correlation_{other}"] for other in "BCD") / 3
    for other in "BCD":
        expected = 0.6 * raw[f"correlation_{other}"] + 0.4 * mean
        np.testing.assert_allclose(shrunk[f"correlation_{other}"], expected, rtol=1e-9, atol=1e-10)
    known = np.isfinite(mean)
    assert (shrunk["correlation_A"][known] == 1.0).all()
    assert np.ptp(mean[known]) > 0.05


def test_after_a_missing_close_both_returns_span_the_same_days() -> None:
    """A beside B, which misses days: closes older than a day and a half are missing, pairs go from seen to seen."""
    market = three()
    p = CrossParams(("A", "B"), seed_bars=8, strength_bars=5, change_bars=3, max_age_days=1.5)
    ours = of(p, market, "A")
    (bars, ts), (other, when) = market["A"], market["B"]
    seen = [i for i in range(1, len(ts)) if ts[i - 1] in when]  # days on which yesterday's close of B is fresh
    own = np.log(bars["close"][[i - 1 for i in seen]])
    theirs = np.log([other["close"][np.flatnonzero(when == ts[i - 1])[0]] for i in seen])
    x, y = np.diff(own), np.diff(theirs)
    np.testing.assert_allclose(ours["correlation_B"][seen[1:]], drawn(x, y, p), rtol=1e-9, atol=1e-12)
    assert np.isnan(np.delete(ours["correlation_B"], seen)).all()


def test_a_basket_lives_on_without_a_member() -> None:
    market = three()
    p = CrossParams(("A", "B"), {"sector": ("A", "B", "C")}, seed_bars=8, strength_bars=5, max_age_days=1.5)
    ours = of(p, market, "A")
    (bars, ts), n = market["A"], 160
    moves, seen = np.full((n, 2), np.nan), np.zeros(n, bool)  # of B and C as seen at each bar of A
    for column, name in enumerate("BC"):
        last = None
        for i in range(1, n):
            at = np.flatnonzero(market[name][1] == ts[i - 1])
            if len(at):
                now = np.log(market[name][0]["close"][at[0]])
                moves[i, column] = now - last if last is not None else np.nan
                last, seen[i] = now, True
    present = np.isfinite(moves)
    basket = np.where(present, moves, 0.0).sum(1)[present.any(1)] / present.sum(1)[present.any(1)]
    rows = np.flatnonzero(present.any(1))
    assert not present[95].any() or present[95].tolist() == [False, True], "C alone while B is halted"
    own = pd.Series(np.log(bars["close"])).shift(1)[seen].diff()  # over the bars without a member too
    x = own[rows].to_numpy()
    assert not seen[1:69].all(), "else nothing is spanned"
    xx, yy, together = ewma(x * x, p), ewma(basket * basket, p), drawn(x, basket, p)
    beta = np.clip(together * np.sqrt(xx / yy), -5, 5)
    np.testing.assert_allclose(ours["correlation_basket_sector"][rows], together, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(ours["beta_basket_sector"][rows], beta, rtol=1e-9, atol=1e-12)
    assert np.isfinite(ours["correlation_basket_sector"][90:101]).all()


def test_while_every_member_is_missing_the_own_return_waits_too() -> None:
    """A against B alone, as a symbol and as a basket whose other member is A itself: the same pairs."""
    p = CrossParams(("A", "B"), {"sector": ("A", "B")}, seed_bars=8, strength_bars=5, max_age_days=1.5)
    ours = of(p, three(), "A")
    assert np.isnan(ours["correlation_B"][92:101]).all()
    for name in ("correlation", "beta", "relative_strength"):
        np.testing.assert_allclose(ours[f"{name}_basket_sector"], ours[f"{name}_B"], rtol=1e-12)


@pytest.mark.parametrize("order", ["ABC", "CBA", "random"])
def test_live_bars_in_any_order_equal_the_batch_to_the_bit(tmp_path, order) -> None:
    """Symbols that appear late or miss bars among them; the engine is saved and restored on the way."""
    graph = handmade.small_graph(others=("A", "B", "C"))
    market = three()
    pair = handmade.write_pair(tmp_path, graph)
    engine = Engine.load(*pair)
    live: dict[str, list[dict[str, float]]] = {name: [] for name in market}
    rng = np.random.default_rng(1)
    for day in range(160):
        names = list(rng.permutation(list(market))) if order == "random" else list(order)
        for name in names:
            bars, ts = market[name]
            at = np.flatnonzero(ts == day * DAY)
            if len(at):
                engine.on_bar(name, day * DAY, *(float(bars[c][at[0]]) for c in COLUMNS))
                live[name].append(engine.features(name))
        if day in (40, 69, 95):
            state = engine.save()
            engine = Engine.load(*pair)
            engine.restore(state)
    for name in market:
        block = batch(graph, market, name)
        assert np.isfinite(block["correlation_others"]).sum() > 50
        for feature, values in block.items():
            assert np.array([row[feature] for row in live[name]]).tobytes() == values.tobytes(), (name, feature)


def test_a_close_is_not_seen_by_a_bar_of_the_same_moment(real) -> None:
    """Another close of NASDAQ on day 1500 changes nothing of SPX up to that day, and much on the next."""
    bars, ts = real["NASDAQ"]
    other = {c: np.where(np.arange(2000) < 1500, v, 1.3 * v) for c, v in bars.items()}
    a, b = of(P, real, "SPX"), of(P, real | {"NASDAQ": (other, ts)}, "SPX")
    for name in a:
        assert a[name][:1501].tobytes() == b[name][:1501].tobytes(), name
    assert a["beta_NASDAQ"][1501] != b["beta_NASDAQ"][1501]


def test_what_never_moves_is_finite() -> None:
    bars, ts = handmade.random_bars(100)
    still = {c: np.full(100, 5.0) for c in COLUMNS}
    for symbol, first, second in (("A", bars, still), ("B", bars, still), ("A", still, still)):
        out = of(CrossParams(("A", "B"), seed_bars=5), {"A": (first, ts), "B": (second, ts)}, symbol)
        for name, values in out.items():
            assert np.isfinite(values[60:]).all(), name


def test_closes_are_the_engines_own_business(tmp_path) -> None:
    engine = Engine.load(*handmade.write_pair(tmp_path, handmade.small_graph("vix", others=("A", "B"))))
    with pytest.raises(ValueError, match=r"must not be a close.*was 'close@A'; call on_bar for that symbol"):
        engine.on_input("B", "close@A", 0, 1.0)
    with pytest.raises(ValueError, match=r"this graph takes: vix$"):
        engine.on_input("B", "vox", 0, 1.0)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"symbols": ("A",)}, r"cross\.symbols: must name two or more symbols, each once, was \['A'\]"),
        ({"symbols": ("A", "A")}, r"cross\.symbols: must name two or more"),
        ({"baskets": {"energy": ("A",)}}, r"cross\.baskets\.energy: must name two or more"),
        ({"symbols": (), "baskets": {"x": ("A", "B")}}, r"cross\.baskets: must be empty without symbols"),
        ({"decay": 0.97, "long_decay": 0.97}, r"cross\.long_decay: must exceed decay"),
        ({"shrinkage": 1.5}, r"cross\.shrinkage: must be a number in \[0, 1\]"),
    ],
)
def test_impossible_parameters_are_refused(changes, rule) -> None:
    with pytest.raises(ValueError, match=rule):
        CrossParams(**changes)


def test_without_symbols_there_are_no_features() -> None:
    assert expressions(CrossParams(())) == {}
