import polars as pl
import pytest

from pipelines.measures.dispersion import dispersion
from pipelines.pages.report_seeds import dispersion_rows, seeds_note


def test_dispersion_is_over_the_folds() -> None:
    table = pl.DataFrame(
        {
            "figure": ["a", "a", "a", "b"],
            "unit": "R",
            "value": [1.0, 2.0, 6.0, 5.0],
            "difference": [-1.0, 1.0, 3.0, None],
        }
    )
    rows = {row["figure"]: row for row in dispersion(table, "folds").iter_rows(named=True)}
    assert (rows["a"]["mean"], rows["a"]["std"], rows["a"]["folds_above"]) == (3.0, pytest.approx(7**0.5), 2)
    assert (rows["a"]["low"], rows["a"]["high"], rows["a"]["difference_mean"]) == (1.0, 6.0, 1.0)
    assert (rows["b"]["folds"], rows["b"]["std"], rows["b"]["folds_above"]) == (1, None, 0)
    assert dispersion(table, "seeds")["seeds_above"].to_list() == [2, 0]


def test_what_is_told_of_seeds() -> None:
    rows = {"figure": "win_rate", "unit": "%", "value": [0.5, 0.6], "difference": [0.1, -0.2]}
    shown = dispersion_rows(dispersion(pl.DataFrame(rows), "seeds"), "seeds")
    assert "<td>55.0 %</td>" in shown
    assert "<td>1 of 2</td>" in shown
    assert "not known" in seeds_note(1, "keys")
    assert "Fewer than the 5" in seeds_note(4, "keys")
    assert "Fewer" not in seeds_note(5, "keys")
