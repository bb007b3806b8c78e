"""Patterns of turning points: harmonic patterns and Elliott waves, with the prices that they project."""

from __future__ import annotations

from typing import NamedTuple

from features.expression import Expr
from features.swings import Legs

# in the order of the kernel's outputs
HARMONICS = ("gartley", "bat", "butterfly", "crab")
WAVE_5 = ("wave5_618", "wave5_1000", "wave5_net_618", "wave5_net_1000")


class Harmonic(NamedTuple):
    """best: fit of the best pattern (of equals the first), above 0 where it ends in a low and below 0 in a high.

    completed: likewise of the pattern that the latest turn completed as D. completion: price at which the best
    completes. fits and completions: of each of HARMONICS; bat and crab share most X A B C and differ in D.
    """

    best: Expr
    completion: Expr
    completed: Expr
    fits: dict[str, Expr]
    completions: dict[str, Expr]


class Elliott(NamedTuple):
    """1 where the live leg can be wave 3 (5), else 0, and the targets (prices), of wave 5 by WAVE_5."""

    is_wave3: Expr
    wave3: Expr
    is_wave5: Expr
    wave5: dict[str, Expr]


def harmonic(inputs: Legs, tolerance: float) -> Harmonic:
    """Fit (0 to 1) of the four latest turning points X A B C to each pattern, and the price D at which it completes.

    Ratios (Gartley 1935, Profits in the Stock Market; Carney 2010, Harmonic Trading 1), |AB| / |XA|, |BC| / |AB|,
    |CD| / |BC|, |AD| / |XA|: Gartley 0.618, 0.382 to 0.886, 1.272 to 1.618, 0.786; bat 0.382 to 0.5, same, 1.618 to
    2.618, 0.886; butterfly 0.786, same, 1.618 to 2.24, 1.272; crab 0.382 to 0.618, same, 2.24 to 3.618, 1.618. D lies
    where the last of them says; the fit is exp(-(m1² + m2² + m3²) / (2 tolerance²)), with m how far each of the others
    misses its range as a share of the nearer end. Warm-up of the legs.
    """
    best, completion, completed, *rest = (
        Expr("harmonic", inputs, {"tolerance": tolerance, "output": output}) for output in range(11)
    )
    fits, completions = dict(zip(HARMONICS, rest[:4], strict=True)), dict(zip(HARMONICS, rest[4:], strict=True))
    return Harmonic(best, completion, completed, fits, completions)


def elliott(inputs: Legs) -> Elliott:
    """Targets of the live leg as wave 3 or 5 of the turning points before it, and whether it can be that wave.

    Wave 3: end of 2 + 1.618 × wave 1. Wave 5: end of 4 + 0.618 or 1 × wave 1, or × the net way of waves 1 to 3. Rules:
    wave 2 holds the start of 1; 3 passes the end of 1; 4 holds the end of 1; 3 is not the shortest of 1, 3 and 5. Frost
    and Prechter (1978), Elliott Wave Principle, chapters 1 and 4. Warm-up of the legs.
    """
    is_wave3, wave3, is_wave5, *wave5 = (Expr("elliott", inputs, {"output": output}) for output in range(7))
    return Elliott(is_wave3, wave3, is_wave5, dict(zip(WAVE_5, wave5, strict=True)))
