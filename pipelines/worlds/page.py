"""docs/worlds.md, written from the worlds themselves: `python -m pipelines.worlds.page` rewrites the file."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.params import section
from pipelines.sources.worlds import WorldsParams
from pipelines.worlds import WORLDS, path, simulate
from pipelines.worlds.properties import MEASURES, Property

PATH = Path("docs/worlds.md")
HEAD = """# Worlds with a known answer

Written by `python -m pipelines.worlds.page` with the parameters of `ingest.worlds` in `params.yaml`; do not edit it.
`ingest.sources: [worlds]` (with `ingest.symbols: []`) puts them into the pipeline; the table `data/truth` holds what no
market would tell: symbol, name, ts (open of the bar), value. Oracles: `oracles.py`, `ou_oracles.py`, `oracle_exits.py`
in `pipelines/worlds/`. Below a claim comes from the parameters, the figure beside it from {bars:,} bars of seed {seed},
with its standard error (none: it is exact).

{bridge}
"""
RESULTS = Path("docs/worlds.csv")
FOUND = """## What the pipeline finds in them

`make worlds` sends every world through the pipeline, from ingest to evaluate, with the shipped parameters but for what
`worlds.yaml` changes (daily bars, which the shipped windows are made for; no second regime of variance, where there is
none), and rewrites this table and `docs/worlds.csv`. Trades are those of the test part, on the entries of the shipped
rule; money is in basis points a trade before fees and slippage, with its 95 % interval over blocks of time (all
draws of a world together). The best static exit is the best on the training part. The oracle (`oracle_exits.py`)
knows the latent state at each close, not the noise to come, and leaves where the rest of the horizon promises nothing;
its share is left out where it may earn nothing. In a world the report's scorecard shows it too.
Claims: in how many draws the product's own scorecard says that it earns after costs, and that it beats the static.

What falls short of the best static exit is a null, or worse, and stands here as one. Momentum taught where promises are
to be judged: over all bars and both sides a stop does help there (Kaminski and Lo 2014), but whoever enters by breakout
is mostly with the trend already, and tight stops cut it. So the curves' promises count as far as the calibration part's
own entries bear them out.

| run | draws | trades | product | best static | oracle | after costs | share of the oracle | static's share | claims |
|---|---|---|---|---|---|---|---|---|---|
"""


def page(params: WorldsParams, found: pl.DataFrame) -> str:
    """The whole page. found: the table of `pipelines.acceptance`."""
    bridge = inspect.cleandoc(path.__doc__ or "").partition("\n\n")[2]
    parts = [HEAD.format(bars=params.bars, seed=params.seed, bridge=bridge)]
    for name, world in WORLDS.items():
        own = getattr(params, name)
        title, _, rest = inspect.getdoc(world).partition("\n\n")  # type: ignore[union-attr]
        values = ", ".join(f"{key} {value}" for key, value in dataclasses.asdict(own).items())
        values = textwrap.fill(f"Parameters: {values}.", 120)
        measured = MEASURES[name](own, simulate(name, own, params.clock(), params.seed))
        rows = [_row(each) for each in measured]
        table = "\n".join(["| property | claimed | measured | standard error |", "|---|---|---|---|", *rows])
        parts.append(f"## {name}\n\n{title}\n\n{rest}\n\n{values}\n\n{table}\n")
    return "\n".join([parts[0], results(found), *parts[1:]])


def results(found: pl.DataFrame) -> str:
    """What the pipeline found, a line a run."""
    lines = []
    for row in found.iter_rows(named=True):
        money = [_span(row, key, 1.0, ".1f") for key in ("product", "static", "oracle", "product_net")]
        shares = [_span(row, f"{key}_share", 100.0, ".0f", " %") for key in ("product", "static")]
        claims = f"{row['earns']} / {row['beats']}"
        lines.append(" | ".join(["", row["run"], str(row["seeds"]), f"{row['trades']:,}", *money, *shares, claims, ""]))
    return FOUND + "\n".join(line.strip() for line in lines) + "\n"


def _span(row: dict[str, Any], key: str, factor: float, digits: str, unit: str = "") -> str:
    if row[key] is None:
        return "–"
    value, low, high = (format(factor * row[f"{key}{end}"], digits) for end in ("", "_low", "_high"))
    return f"{value}{unit} ({low} … {high})"


def _row(each: Property) -> str:
    claim = f"at least {each.claimed:.4g}" if each.bound else f"{each.claimed:.4g}"
    # What rounding leaves of an exact zero differs from machine to machine.
    measured = f"{each.measured:.4g}" if abs(each.measured) > 1e-9 else "0"
    return f"| {each.name} | {claim} | {measured} | {f'{each.error:.2g}' if each.error else ''} |"


if __name__ == "__main__":
    PATH.write_text(page(section("ingest.worlds", WorldsParams), pl.read_csv(RESULTS)), encoding="utf-8")
