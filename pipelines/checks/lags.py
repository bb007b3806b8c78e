"""Symbols whose bars are shifted as a whole: they move as another symbol does, but hours before or after it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from pipelines.checks.params import ClockParams

STEP_MINUTES = 30
LONGEST_MINUTES = 14 * 60
LEAST_STEPS = 500


@dataclass(frozen=True, slots=True)
class Lag:
    """minutes: how much later the symbol moves than the other. correlation: of their moves then, and at one time."""

    minutes: int
    correlation: float
    together: float
    shifted: bool


def lag_of(own: pl.DataFrame, other: pl.DataFrame, clock: ClockParams) -> Lag | None:
    """At which shift, up to 14 hours, a symbol's moves of half an hour go best with the other's.

    own, other: ts (when a bar has closed), log of its close. What trades around one clock moves at one time. Where the
    correlation is `correlation` at least, and twice that without a shift, one of the two has stamps of another zone;
    which, the data do not tell. None where fewer than LEAST_STEPS moves lie beside each other: in daily bars markets
    truly follow each other.
    """
    first, last = max(own["ts"][0], other["ts"][0]), min(own["ts"][-1], other["ts"][-1])
    if (last - first).total_seconds() < LEAST_STEPS * STEP_MINUTES * 60:
        return None
    grid = pl.datetime_range(first, last, f"{STEP_MINUTES}m", time_unit="us", eager=True).dt.truncate(
        f"{STEP_MINUTES}m"
    )
    marks = pl.DataFrame({"ts": grid}).set_sorted("ts")
    moves = [
        marks.join_asof(each, on="ts", strategy="backward")["log"].diff().fill_null(0.0).to_numpy()
        for each in (own, other)
    ]
    if any(np.count_nonzero(each) < LEAST_STEPS for each in moves):
        return None
    mine, theirs = ((each - each.mean()) / each.std() for each in moves)
    longest = LONGEST_MINUTES // STEP_MINUTES
    found = {}
    for shift in range(-longest, longest + 1):
        late, early = mine[max(shift, 0) :], theirs[max(-shift, 0) :]
        size = min(len(late), len(early))
        found[shift] = float(late[:size] @ early[:size]) / size
    best = max(found, key=lambda shift: found[shift])
    shifted = best != 0 and found[best] >= clock.correlation and found[best] > 2 * abs(found[0])
    return Lag(best * STEP_MINUTES, found[best], found[0], shifted)
