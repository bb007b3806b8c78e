"""A part of a source read whole."""

from __future__ import annotations

import polars as pl

from pipelines.sources import Part


def whole(part: Part) -> dict[str, pl.DataFrame]:
    """Its tables, the batches of each put together."""
    found: dict[str, list[pl.DataFrame]] = {}
    for batch in part.read():
        for name, frame in batch.items():
            found.setdefault(name, []).append(frame)
    return {name: pl.concat(frames) for name, frames in found.items()}
