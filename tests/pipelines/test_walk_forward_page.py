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
from pipelines.splits import SplitParams
from pipelines.walk_forward import dispersion
from pipelines.walk_forward_page import render

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
        for name in ("scorecard", "groups", "plots/equity")
    }
    rows = read["scorecard"].filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    skills = [
        {"figure": f"skill_{net}_atr", "unit": "%", "trades": 99, "value": 0.012, "low": -0.01, "high": 0.03}
        for net in ("stop", "exit")
    ]
    one = pl.concat([rows, pl.DataFrame(skills)], how="diagonal_relaxed")
    table = pl.concat(
        one.select(
            pl.lit(fold.number).alias("fold"),
            pl.lit(fold.cut.train_until).alias("train_until"),
            pl.lit(fold.cut.calibration_until).alias("test_from"),
            pl.all(),
        )
        for fold in PLAN
    )
    spread = dispersion(table)
    equity = read["plots/equity"]
    return render(PLAN, read["scorecard"], table, spread, read["groups"], equity, 0.9, dt.date(2014, 1, 1))


@needs_browser
@pytest.mark.parametrize("width", [0, 390], ids=["desk", "phone"])
def test_the_page_in_a_browser(page: str, width: int, tmp_path: Path) -> None:
    seen = visit(page, LOOK + "setTimeout(() => tell(look()), 600);", tmp_path, width)
    assert seen["heads"] == ["Folds", "Dispersion", "Stitched scorecard", "Equity and drawdown", "By group"]
    assert seen["across"] <= seen["width"]
    assert seen["fetched"] == []
    assert [plot["under"] for plot in seen["plots"]] == ["Folds", "Equity and drawdown"]
    for plot in seen["plots"]:
        assert plot["marks"] >= 6
        assert plot["collisions"] == plot["outside"] == []
        assert plot["over"] == 0
    assert [table["under"] for table in seen["tables"]] == ["Folds", "Dispersion", "Stitched scorecard", "By group"]
    for table in seen["tables"]:
        assert table["filled"] >= 2 * table["rows"] > 0
        assert table["hinted"] == (table["hidden"] > 1)
