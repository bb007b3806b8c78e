"""The report on all targets at once, and on how long a decision takes."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.latency import LIMIT_US, PERCENTILES, verdict
from pipelines.measures.goals import VERDICTS, counted, whole
from pipelines.pages.markup import cells, heading, mark

COLUMNS = 9  # of the scorecard
OTHERS = [name for name in PERCENTILES if name != "p99"]
KINDS = {"bar": "New bar to all actions, p99", "tick": "Tick to all actions, p99"}


def counts(found: pl.DataFrame) -> str:
    """`7 met, 2 null, 8 not met`."""
    return ", ".join(f"{count} {name}" for name, count in counted(found).items() if count)


def whole_tile(found: pl.DataFrame) -> str:
    """Whether all targets are met at this one setting."""
    return (
        f"<div class=tile><span>All targets at once</span><b>{mark(whole(found))}</b>"
        f"<span>of {found.height} targets<br>{counts(found)}</span></div>"
    )


def sentences(found: pl.DataFrame) -> str:
    """The targets by verdict."""
    parts = []
    for name in VERDICTS:
        labels = found.filter(pl.col("verdict") == name)["label"].to_list()
        if labels:
            parts.append(f"<b>{name}</b>: {'; '.join(html.escape(label) for label in labels)}")
    return f"All targets at once: {mark(whole(found))}. {'. '.join(parts)}."


def latency_rows(latency: Mapping[str, Any] | None) -> list[str]:
    """Lines of the scorecard, for a new bar and for a tick between bars."""
    head = "How long a decision takes, called from Python; both nets and every step inside"
    if latency is None:
        return [heading(head, COLUMNS), cells([KINDS["bar"], "not measured", *[""] * (COLUMNS - 2)])]
    lines = [heading(f"{head} ({html.escape(latency['machine'])})", COLUMNS)]
    for kind, label in KINDS.items():
        times = latency[kind]
        rest = ", ".join(f"{name} {times[name]:,.{1 if times[name] < 100 else 0}f}" for name in OTHERS)
        texts = [label, f"{times['p99']:.1f} µs", "", f"{times['calls']:,}", f"&#8810; {LIMIT_US:g} µs"]
        wide = f"<td colspan={COLUMNS - 6} class=range>{rest}</td></tr>"  # where the statics have nothing to say
        lines.append(cells([*texts, mark(verdict(times["p99"]))]).removesuffix("</tr>") + wide)
    return lines
