"""The rows that the engine emits: a structured array in memory that the compiled engine writes and NumPy reads."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from inference import _native

MAX_STEPS = 8

# the steps whose levels a trace holds, in order
STOP_STEPS = tuple(_native.stop_steps())
TARGET_STEPS = tuple(_native.target_steps())

# mirrors `struct Action` in native/position.hpp
ACTION = np.dtype(
    [
        ("ts", np.int64),
        ("position", np.uint64),
        ("kind", np.uint8),
        ("reason", np.uint8),
        ("step", np.uint8),
        ("steps", np.uint8),
        ("fraction", np.float32),
        ("price", np.float64),
        ("trace", np.float64, (MAX_STEPS,)),
    ]
)


class Kind(IntEnum):
    """What an action asks for."""

    MOVE_STOP = 1
    MOVE_TARGET = 2
    EXIT = 3
    REFUSE = 4


# by code, as in `enum class Reason` in native/position.hpp
REASONS = (
    "model",
    "warm_up",
    "out_of_range",
    "expired",
    "stop",
    "target",
    "time",
    "wrong_side",
    "bad_price",
)


def describe(action: np.void) -> str:
    """One line of text for one action, with the levels after each step: for logs and first looks."""
    kind = Kind(int(action["kind"]))
    reason = REASONS[int(action["reason"])]
    head = f"position {int(action['position'])}: {kind.name.lower()} {float(action['price']):.2f} ({reason})"
    if not int(action["steps"]):
        return head
    names = TARGET_STEPS if kind is Kind.MOVE_TARGET else STOP_STEPS
    levels = ", ".join(f"{name} {level:.2f}" for name, level in zip(names, action["trace"], strict=False))
    return f"{head} [{levels}]"
