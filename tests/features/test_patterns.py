"""Harmonic patterns and Elliott waves: textbook cases drawn by hand, their mirror images, and a slow loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from features import bar
from features.patterns import HARMONICS, WAVE_5, elliott, harmonic
from features.swings import legs
from handmade_bars import by_hand, compute, naive_zigzag

TOLERANCE = 0.1
# Carney (2010), Harmonic Trading 1: AB / XA, BC / AB, CD / BC, AD / XA
RATIOS = {
    "gartley": ((0.618, 0.618), (0.382, 0.886), (1.272, 1.618), 0.786),
    "bat": ((0.382, 0.5), (0.382, 0.886), (1.618, 2.618), 0.886),
    "butterfly": ((0.786, 0.786), (0.382, 0.886), (1.618, 2.24), 1.272),
    "crab": ((0.382, 0.618), (0.382, 0.886), (2.24, 3.618), 1.618),
}


def drawn(turns: list[float]):
    """Flat bars through the turning points, five steps a leg; a leg ends by 1 % back, so the last one is live."""
    path = [turns[0]] + [a + (b - a) * k / 5 for a, b in pairwise(turns) for k in range(1, 6)]
    return by_hand([(p, p, 1.0) for p in path])


def of(market, tolerance=TOLERANCE):
    """All outputs on the last bar, with a least retracement of 1 %."""
    inputs = legs(bar("close") - bar("close") + 0.01)
    h, e = harmonic(inputs, tolerance), elliott(inputs)
    named = {"best": h.best, "completion": h.completion, "completed": h.completed}
    named |= {f"{k}_fit": v for k, v in h.fits.items()} | h.completions
    named |= {"is_wave3": e.is_wave3, "wave3": e.wave3, "is_wave5": e.is_wave5, **e.wave5}
    return {name: values[-1] for name, values in compute(named, market).items()}


def xabc(b: float, c: float, up: bool = True) -> list[float]:
    """X at 100, A at 200, B and C by their retracements, and a first step towards D; or the mirror image around 150."""
    at_b = 200 - 100 * b
    at_c = at_b + 100 * b * c
    turns = [110.0, 100.0, 200.0, at_b, at_c, at_c - 5.0]  # the first leg starts above X, so that X is a turn too
    return turns if up else [300 - each for each in turns]


# Corners and middles of the published ranges: AB / XA, BC / AB, and the price of D for X = 100, A = 200.
TEXTBOOK = [
    ("gartley", 0.618, 0.618, 121.4),
    ("gartley", 0.618, 0.886, 121.4),
    ("bat", 0.5, 0.5, 111.4),
    ("bat", 0.45, 0.6, 111.4),
    ("butterfly", 0.786, 0.7, 72.8),
    ("crab", 0.618, 0.7, 38.2),
    ("crab", 0.5, 0.886, 38.2),
]


@pytest.mark.parametrize("up", [True, False], ids=["bullish", "bearish"])
@pytest.mark.parametrize(("name", "b", "c", "completion"), TEXTBOOK)
def test_a_textbook_pattern_fits_wholly_and_completes_where_the_books_say(name, b, c, completion, up) -> None:
    out = of(drawn(xabc(b, c, up)))
    assert out[f"{name}_fit"] == pytest.approx(1.0)
    assert out[name] == pytest.approx(completion if up else 300 - completion)
    assert out["best"] == pytest.approx(1.0 if up else -1.0)
    # bat and crab share most of their X A B C, and only the end tells them apart: of equals the first is the best
    assert out["completion"] == out[next(n for n in HARMONICS if out[f"{n}_fit"] > 1 - 1e-9)]


@pytest.mark.parametrize(("b", "expected"), [(0.618, 1.0), (0.618 * 1.05, 0.8825), (0.618 * 0.9, 0.6065), (0.3, 0.0)])
def test_the_fit_falls_with_the_distance_from_the_range(b, expected) -> None:
    """A Gartley whose B misses 0.618 by 5 % or 10 %, with tolerance 10 %: exp(-1/8), exp(-1/2); C is in its range."""
    c = 0.7
    assert of(drawn(xabc(b, c)))["gartley_fit"] == pytest.approx(expected, abs=2e-4)


def test_a_wide_tolerance_forgives_more() -> None:
    market = drawn(xabc(0.7, 0.618))
    assert of(market)["gartley_fit"] < 0.5 < of(market, tolerance=0.5)["gartley_fit"]


@pytest.mark.parametrize("up", [True, False])
def test_a_turn_at_the_completion_is_told_with_the_side_of_the_turn(up) -> None:
    """D of a Gartley at 121.4 and confirmed; at 110 instead, AD / XA is 0.9 and misses 0.786 by 14.5 %."""
    turns = xabc(0.618, 0.618)[:-1]
    for d, fit in ((121.4, 1.0), (110.0, np.exp(-0.5 * ((0.9 - 0.786) / 0.786 / TOLERANCE) ** 2))):
        path = [*turns, d, d + 10.0]
        out = of(drawn(path if up else [300 - each for each in path]))
        if d == 121.4:
            assert out["completed"] == pytest.approx(fit if up else -fit)
        else:  # nearer to the bat's 0.886, whose B and projection fit worse
            assert fit * (1 - 1e-9) <= abs(out["completed"]) < 1.0


def naive_fit(x, a, b, c, name):
    ranges, completion = RATIOS[name][:3], RATIOS[name][3]
    d = a - completion * (a - x)
    if x == a or a == b or b == c:
        return 0.0, d
    squares = 0.0
    for ratio, (low, high) in zip(
        (abs(b - a) / abs(a - x), abs(c - b) / abs(b - a), abs(d - c) / abs(c - b)), ranges, strict=True
    ):
        miss = max(1 - ratio / low, ratio / high - 1, 0.0)
        squares += (miss / TOLERANCE) ** 2
    return np.exp(-squares / 2), d


def naive_waves(e, d, c, b, a, up, price):
    """is_wave3, wave3, is_wave5 and the targets of wave 5; a to e: starts of the last five legs, e of the live one."""
    first, third, fifth = up * (b - a), up * (d - c), up * (price - e)
    three = third > 0 and up * (e - c) > 0
    five = first > 0 and up * (c - a) > 0 and up * (d - b) > 0 and up * (e - b) > 0
    shortest = third < first and third < fifth * (1 - 1e-12)
    net = d - a
    targets = [e + 0.618 * (b - a), e + (b - a), e + 0.618 * net, e + net]
    return [float(three), e + 1.618 * (d - c), float(five and not shortest), *targets]


def test_all_figures_equal_the_loop(market) -> None:
    least = 0.02 * bar("close") / bar("open")
    inputs = legs(least)
    h, e = harmonic(inputs, TOLERANCE), elliott(inputs)
    out = compute([*h.fits.values(), *h.completions.values(), *e[:3], *(e.wave5[name] for name in WAVE_5)], market)
    best = compute([h.best, h.completion, h.completed], market)
    bars = market[0]
    zigzag = naive_zigzag(np.log(bars["high"]), np.log(bars["low"]), 0.02 * bars["close"] / bars["open"])
    seen = np.zeros(2)
    completed, before = 0.0, None
    for t, row in enumerate(zigzag):
        up, price, points = row[0], np.exp(row[1]), np.exp(row[2:7])
        fits, completions = zip(*(naive_fit(*points[3::-1], name) for name in HARMONICS), strict=True)
        waves = naive_waves(*points, up, price)
        expected = [*fits, *completions, *waves]
        assert [out[str(i)][t] for i in range(len(expected))] == pytest.approx(expected, rel=1e-8, abs=1e-9), t
        i = int(np.argmax(fits))
        if before is not None and before[0] != up:
            _, old_fits, (_, _, a, x) = before
            completed = 0.0
            for name, fit in zip(HARMONICS, old_fits, strict=True):
                miss = abs(points[0] - a) / abs(a - x) / RATIOS[name][3] - 1 if a != x else 0.0
                completed = max(completed, fit * np.exp(-0.5 * (miss / TOLERANCE) ** 2))
            completed *= up
        assert [best[k][t] for k in "012"] == pytest.approx(
            [-up * fits[i], completions[i], completed], rel=1e-7, abs=1e-9
        )
        before = (up, fits, points[:4])
        seen += [waves[0], waves[2]]
    assert (seen > 50).all(), "else the waves are not seen"


def test_targets_of_waves_by_hand() -> None:
    """Wave 1 is 20 long and 2 ends at 110: 3 to 110 + 1.618 × 20. Then 3 to 150, 4 to 130; the net of 1 to 3 is 50."""
    third = of(drawn([105.0, 100.0, 120.0, 110.0, 113.0]))
    assert third["is_wave3"] == 1.0
    assert third["wave3"] == pytest.approx(142.36)
    fifth = of(drawn([105.0, 100.0, 120.0, 110.0, 150.0, 130.0, 133.0]))
    assert fifth["is_wave5"] == 1.0
    assert [fifth[name] for name in WAVE_5] == pytest.approx([142.36, 150.0, 160.9, 180.0])
    falling = of(drawn([300 - p for p in (105.0, 100.0, 120.0, 110.0, 150.0, 130.0, 133.0)]))
    assert falling["is_wave5"] == 1.0
    assert falling["wave5_618"] == pytest.approx(300 - 142.36)


@pytest.mark.parametrize(
    ("turns", "name"),
    [
        ([105, 100, 120, 98, 101], "is_wave3"),  # wave 2 passes the start of wave 1
        ([105, 100, 120, 98, 150, 130, 133], "is_wave5"),  # as well
        ([105, 100, 120, 110, 150, 118, 121], "is_wave5"),  # wave 4 enters the range of wave 1
        ([105, 100, 120, 112, 119, 121, 114, 118], "is_wave5"),  # wave 3 hardly passes wave 1, wave 4 enters
        ([102, 100, 140, 130, 150, 145, 170], "is_wave5"),  # wave 3, 20, is shorter than 1, 40, and 5, 25 so far
    ],
)
def test_broken_rules_are_told(turns, name) -> None:
    assert of(drawn([float(p) for p in turns]))[name] == 0.0


def test_a_third_wave_may_be_shorter_than_the_first_while_the_fifth_is_shorter_still() -> None:
    assert of(drawn([102.0, 100.0, 140.0, 130.0, 150.0, 145.0, 160.0]))["is_wave5"] == 1.0
