"""`python -m benchmarks [NAME ...]`: runs the benchmarks, prints the table, writes artifacts/bench.json."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Row

MODULES = ("latency", "features_block", "indicators", "replay", "replay_peers", "train_loop", "footprint", "ingest")


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def show(rows: list[Row]) -> None:
    table = Table("benchmark", "unit", "p50 / value", "p99", "p99.9", "peer", "peer's", "ratio", "budget", box=None)
    for r in rows:
        figures = (number(r.value), number(r.p99), number(r.p999))
        table.add_row(r.name, r.unit, *figures, r.peer or "", number(r.peer_value), number(r.ratio), r.budget)
    Console(width=160).print(table)


def main(names: list[str]) -> None:
    unknown = set(names) - set(MODULES)
    if unknown:
        sys.exit(f"benchmarks: must be among {', '.join(MODULES)}, was {', '.join(sorted(unknown))}; name one of them")
    if not Path("artifacts/exports/stop.pt").exists():
        sys.exit("benchmarks: need the exports in artifacts/exports, was none; run `make repro` first")
    rows: list[Row] = []
    for name in names or MODULES:
        print(f"running {name} ...", file=sys.stderr)
        rows += import_module(f"benchmarks.{name}").run()
    show(rows)
    if not names:
        Path("artifacts/bench.json").write_text(json.dumps([row.plain() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
