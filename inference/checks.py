"""Range checks of parameters, with the one shape of message: name, rule, value, remedy."""

from __future__ import annotations


def whole_in(name: str, value: int, low: int, high: int, typical: str) -> None:
    """Raises ValueError unless `value` is a whole number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name}: must be a whole number in [{low}, {high}], was {value!r}; typical: {typical}")


def number_in(name: str, value: float, low: float, high: float, typical: str) -> None:
    """Raises ValueError unless `value` is a number in [low, high]."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name}: must be a number in [{low:g}, {high:g}], was {value!r}; typical: {typical}")
