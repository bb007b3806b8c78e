import pytest

from pipelines import summary
from pipelines.trades.baselines import BaselineParams, Parabolic, Static, at_edge


def test_values() -> None:
    assert summary.text(0.1234, "%") == "12.3"
    assert summary.text(0.0006, "%") == "0.06"
    assert summary.text(-1.234, "R") == "-1.23"
    assert summary.text(None, "R") == "–"
    assert summary.interval(0.1, 0.2, "%") == "10.0 … 20.0"
    assert summary.interval(None, 0.2, "%") == ""


def test_without_an_evaluation_it_says_what_to_do(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="must exist, was missing; run make repro"):
        summary.main()


def test_a_best_setting_at_the_end_of_its_grid_is_named() -> None:
    three = (1.0, 2.0, 3.0)
    grids = BaselineParams((1.0, 2.0, 4.0), three, (0.5, 1.0), three, three, (0.02, 0.05), (1.0, 2.0), 3)
    inside = (
        Static("percent", 2.0, 1.0),
        Static("atr", 2.0, 2.0),
        Static("atr", 2.0, 2.0, trail=True),
        Parabolic(2.0, 0.05),
    )
    ends = (
        Static("percent", 4.0, 1.0),
        Static("garch", 0.5, 1.0),
        Static("atr", 3.0, 9.0, trail=True),
        Parabolic(3.0, 0.02),
    )
    assert [at_edge(setting, grids) for setting in (*inside, *ends)] == [False] * 4 + [True] * 4
    chosen = {"settings": {"garch": "2.2 GARCH"}, "at_edge": ["garch"]}
    assert "edge of the grid: GARCH 2.2 GARCH" in summary.edge_line(chosen)
    assert summary.edge_line({"settings": {}, "at_edge": []}) == ""
