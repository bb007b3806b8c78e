"""Values, verdicts and tables as HTML."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

UNITS = {"%": " %", "R": " R", "bp": " bp", "bars": " bars"}


def number(value: float | None, unit: str, signed: bool = False) -> str:
    """A value with its unit; figures of unit % are fractions, their differences are points."""
    digits = _digits(value, unit, signed)
    return digits if digits == "–" else digits + (" pt" if signed and unit == "%" else UNITS.get(unit, ""))


def span(low: float | None, high: float | None, unit: str) -> str:
    """An interval without its unit."""
    ends = [_digits(end, unit) for end in (low, high)]
    return "" if "–" in ends else " to ".join(ends)


def _digits(value: float | None, unit: str, signed: bool = False) -> str:
    if value is None or not math.isfinite(value):
        return "–"
    places = {"%": 2 if abs(value) < 0.0995 else 1, "R": 2, "bp": 1, "bars": 1}.get(unit, 2)
    shown = round(100 * value if unit == "%" else value, places) + 0.0  # what rounds to nothing has no sign
    return f"{shown:{'+' if signed and shown else ''}.{places}f}".replace("-", "−")


def mark(verdict: str, text: str | None = None) -> str:
    """A verdict in its colour."""
    kind = {"met": "good", "better": "good", "not met": "bad", "worse": "bad", "null": "null"}.get(verdict)
    return f"<span class={kind}>{text or verdict}</span>" if kind else ""


def cells(texts: Iterable[str]) -> str:
    """One row of a table."""
    return "<tr>" + "".join(f"<td>{text}</td>" for text in texts) + "</tr>"


def heading(text: str, columns: int) -> str:
    """A row that heads those below it."""
    return f"<tr class=group><td colspan={columns}><div>{text}</div></td></tr>"


def table(heads: Sequence[str], body: Sequence[str]) -> str:
    """Rows below their heads."""
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
