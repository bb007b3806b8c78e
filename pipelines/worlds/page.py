"""docs/worlds.md, written from the worlds themselves: `python -m pipelines.worlds.page` rewrites the file."""

from __future__ import annotations

import dataclasses
import inspect
import textwrap
from pathlib import Path

from pipelines.params import section
from pipelines.sources.worlds import WorldsParams
from pipelines.worlds import WORLDS, path, simulate
from pipelines.worlds.properties import MEASURES, Property

PATH = Path("docs/worlds.md")
HEAD = """# Worlds with a known answer

Written by `python -m pipelines.worlds.page` with the parameters of `ingest.worlds` in `params.yaml`; do not edit it.
`ingest.sources: [worlds]` (with `ingest.symbols: []`) puts them into the pipeline; the table `data/truth` holds what no
market would tell: symbol, name, ts (open of the bar), value. Oracles are in `pipelines/oracles.py`. In the tables below
a claim comes from the parameters, the figure beside it from {bars:,} bars of seed {seed}, with its standard error
(none: it is exact).

{bridge}
"""


def page(params: WorldsParams) -> str:
    """The whole page."""
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
    return "\n".join(parts)


def _row(each: Property) -> str:
    claim = f"at least {each.claimed:.4g}" if each.bound else f"{each.claimed:.4g}"
    # What rounding leaves of an exact zero differs from machine to machine.
    measured = f"{each.measured:.4g}" if abs(each.measured) > 1e-9 else "0"
    return f"| {each.name} | {claim} | {measured} | {f'{each.error:.2g}' if each.error else ''} |"


if __name__ == "__main__":
    PATH.write_text(page(section("ingest.worlds", WorldsParams)), encoding="utf-8")
