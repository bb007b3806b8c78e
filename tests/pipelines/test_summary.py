import pytest

from pipelines import summary


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
