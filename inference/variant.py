"""What the engine decided in a replay, and changes to its decisions: another stop, another target, a step left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.actions import MAX_STEPS, STOP_STEPS, TARGET_STEPS

# mirrors `struct Decided` in native/replay/replay_engine.hpp: a level that was set or moved, from the bar `index` on;
# before: the level in force (NaN at first); price: the market's when decided; kind, reason, step, steps, trace as in
# ACTION
DECISION = np.dtype(
    [(name, np.int64) for name in ("entry", "index")]
    + [(name, np.float64) for name in ("before", "price")]
    + [(name, np.uint8) for name in ("kind", "reason", "step", "steps")]
    + [("padding", np.uint8, (4,)), ("trace", np.float64, (MAX_STEPS,))]
)

OPTIONAL_STEPS = tuple(name for name in (*STOP_STEPS, *TARGET_STEPS) if name != "final")
"""Steps that a replay can leave out; the risk envelope (final) is none of them."""


@dataclass(frozen=True, slots=True)
class Variant:
    """Changes to the engine's decisions; what is not named stays as the engine decides it.

    stop_distance: of each trade's first stop from its fill, price units, per entry (NaN: the engine's own), held to the
    risk envelope. The unit R, the target and when to trail stay, so that profits differ by the stop alone.
    target_distance: likewise of the target, which then stays there; infinity: no target.
    without: a step left out. Without ml_stop or ml_target the deterministic rule stands in for the net.
    """

    stop_distance: ArrayLike | None = None
    target_distance: ArrayLike | None = None
    without: str | None = None

    def native(self, entries: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int, int]:
        """As the compiled engine takes it. Raises ValueError for a distance that can be none, or an unknown step."""
        if self.without is not None and self.without not in OPTIONAL_STEPS:
            raise ValueError(
                f"without: must be one of {', '.join(OPTIONAL_STEPS)}, was {self.without!r}; the final validation "
                "always holds"
            )
        stop, target = (each.index(self.without) if self.without in each else -1 for each in (STOP_STEPS, TARGET_STEPS))
        own_stop, own_target = (
            _distances(name, getattr(self, name), entries) for name in ("stop_distance", "target_distance")
        )
        return own_stop, own_target, stop, target


OWN = Variant()
"""The engine's own decisions, unchanged."""


def _distances(name: str, values: ArrayLike | None, entries: int) -> NDArray[np.float64]:
    if values is None:
        return np.empty(0)
    distances = np.ascontiguousarray(values, np.float64)
    if distances.shape != (entries,):
        raise ValueError(f"{name}: must have one number per entry ({entries}), was {distances.shape}; align it")
    if (distances <= 0.0).any() or (name == "stop_distance" and np.isinf(distances).any()):
        raise ValueError(f"{name}: must be above 0 (NaN: the engine's own), was {distances.min()}; drop the entry")
    return distances
