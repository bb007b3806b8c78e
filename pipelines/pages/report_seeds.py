"""The tables of dispersion: over seeds and over folds."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipelines.measures.dispersion import dispersion
from pipelines.measures.seeds import SHOWN
from pipelines.pages.markup import cells, number, table

ASKED = 5  # seeds, by METRICS.md's protocol


def dispersion_rows(spread: pl.DataFrame, over: str, shown: Mapping[str, str] = SHOWN) -> str:
    """One line a figure. spread: of `dispersion`, over folds or seeds."""
    body = []
    for row in spread.filter(pl.col("figure").is_in(list(shown))).iter_rows(named=True):
        unit = row["unit"]
        values = [number(row[name], unit) for name in ("mean", "std", "low", "high")]
        above = "" if row["difference_mean"] is None else f"{row[f'{over}_above']} of {row[over]}"
        paired = "" if row["difference_mean"] is None else number(row["difference_mean"], unit, signed=True)
        body.append(cells([shown[row["figure"]], *values, paired, above]))
    heads = ["figure", "mean", "standard deviation", "least", "largest", "less best static", f"{over} above it"]
    return table(heads, body)


def seeds_card(by_seed: pl.DataFrame) -> str:
    """The table over seeds where there are several. by_seed: of `seeds.seed_table`."""
    if by_seed["seed"].n_unique() < 2:
        return ""
    return f'<div class="card wide">{dispersion_rows(dispersion(by_seed, "seeds"), "seeds")}</div>'


def seeds_note(count: int, keys: str) -> str:
    """What the spread over seeds says. keys: of params.yaml that set their number."""
    if count < 2:
        return f"One seed was trained, so how much of the result is chance of training is not known ({keys})."
    few = "" if count >= ASKED else f" Fewer than the {ASKED} that a claim about nets needs ({keys})."
    return (
        f"{count} pairs of nets that differ in their seed alone, the first one the product's; pessimistic fills.{few}"
    )
