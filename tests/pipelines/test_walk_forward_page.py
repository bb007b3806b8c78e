"""The page of a walk-forward as a browser shows it, on a desk and on a phone."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from browser import needs_browser, visit
from handmade_report import make_report
from page_reading import LOOK
from pipelines.folds import Fold
from pipelines.measures.dispersion import dispersion
from pipelines.pages.walk_forward_page import render
from pipelines.splits import SplitParams
from pipelines.stitching import STATIC, Stitched

HEADS = ["Folds", "Over folds", "Over seeds", "Stitched scorecard", "Worst case", "Equity and drawdown"]
HEADS += ["Frontier at matched risk", "What choosing does", "By group"]
STARTS = [dt.date(year, 1, 4) for year in (2015, 2016, 2017, 2018)]
PLAN = [
    Fold(i + 1, SplitParams(dt.date(2010, 1, 1), dt.date(2011, 1, 1), start, 5, 20), None, end)
    for i, (start, end) in enumerate(pairwise(STARTS))
]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Three folds with the same trades."""
    folder = tmp_path_factory.mktemp("folds")
    make_report(folder)
    read = {
        name: pl.read_csv(folder / f"evaluate/{name}.csv", try_parse_dates=True, infer_schema_length=None)
        for name in (
            "scorecard",
            "pairs",
            "groups",
            "plots/equity",
            "frontier_gaps",
            "selection",
            "worst_case",
            "seeds",
        )
    }
    curves = pl.concat(pl.read_csv(path) for path in sorted((folder / "evaluate/plots").glob("frontier_*.csv")))
    rows = read["scorecard"].filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    skills = [
        {"figure": f"skill_{net}_atr", "unit": "%", "trades": 99, "value": 0.012, "low": -0.01, "high": 0.03}
        for net in ("stop", "exit")
    ]
    chances = [
        {"figure": name, "unit": "%", "trades": 99, "value": value}
        for name, value in (("deflated_sharpe", 0.12), ("overfitting", None))
    ]
    one = pl.concat([rows, pl.DataFrame(skills), pl.DataFrame(chances)], how="diagonal_relaxed")
    table = pl.concat(
        one.select(
            pl.lit(fold.number).alias("fold"),
            pl.lit(fold.cut.train_until).alias("train_until"),
            pl.lit(fold.cut.calibration_until).alias("test_from"),
            pl.all(),
        )
        for fold in PLAN
    )
    worst = read["worst_case"].with_columns(worst_fold=2, worst_fold_bp=-12.3)
    static = worst.filter(pl.col("policy") == "garch").with_columns(policy=pl.lit(STATIC), worst_fold_bp=-45.6)
    stitched = Stitched(
        entries=99,
        card=read["scorecard"],
        pairs=read["pairs"],
        folds=table,
        dispersion=dispersion(table, "folds"),
        seeds=read["seeds"],
        worst=pl.concat([worst, static]),
        curves=curves,
        gaps=read["frontier_gaps"],
        selection=read["selection"],
        groups=read["groups"],
        equity=read["plots/equity"],
    )
    return render(PLAN, stitched, 0.9, dt.date(2014, 1, 1))


def test_what_the_page_says(page: str) -> None:
    """Worst folds by policy; chances by fold; how many seeds."""
    assert "<td>best static of each fold</td><td>−45.6 bp <span class=range>fold 2</span></td>" in page
    assert page.count("<td>12.0 % / –</td></tr>") == len(PLAN)
    assert "2 pairs of nets" in page
    assert "Fewer than the 5" in page


@needs_browser
@pytest.mark.parametrize("width", [0, 390], ids=["desk", "phone"])
def test_the_page_in_a_browser(page: str, width: int, tmp_path: Path) -> None:
    seen = visit(page, LOOK + "setTimeout(() => tell(look()), 600);", tmp_path, width)
    assert seen["heads"] == HEADS
    assert seen["across"] <= seen["width"]
    assert seen["fetched"] == []
    assert [plot["under"] for plot in seen["plots"]] == [HEADS[0], HEADS[5], *[HEADS[6]] * 4]
    for plot in seen["plots"]:
        assert plot["marks"] >= 6
        assert plot["collisions"] == plot["outside"] == []
        assert plot["over"] == 0
    assert [table["under"] for table in seen["tables"]] == [*HEADS[:4], *HEADS[3:5], *HEADS[6:]]
    for table in seen["tables"]:
        assert table["filled"] >= 2 * table["rows"] > 0
        assert table["hinted"] == (table["hidden"] > 1)
