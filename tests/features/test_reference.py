"""docs/features.md says what the engine computes."""

from __future__ import annotations

from pathlib import Path

from features.reference import page

ROOT = Path(__file__).parents[2]


def test_the_page_is_the_one_that_the_graph_writes() -> None:
    written = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    assert written == page(), "run `python -m features.reference`"


def test_a_formula_reads_as_it_computes() -> None:
    lines = page().splitlines()
    assert "| std_ratio | 20 | `minimum((rolling_std(ret, 20) / scale), 100)` |" in lines
    assert "| garch_ratio | 20 | `minimum((garch_sigma / scale), 100)` |" in lines
    assert any(
        line.startswith("| `rolling_quantile` | 1 | window: whole, 1 to 100000; quantile: 0 to 1 |") for line in lines
    )
