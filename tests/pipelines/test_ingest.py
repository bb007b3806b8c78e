import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.ingest import ingest
from pipelines.sources import BARS, SERIES, IngestParams
from pipelines.sources.params import ColumnNames, FolderParams

COLUMNS = ColumnNames("", "time", "o", "h", "l", "c", "v")
PARAMS = IngestParams("arch", ("SPX", "NASDAQ"), 1.0, FolderParams("none", "", COLUMNS))


def test_the_shipped_data() -> None:
    tables = ingest(PARAMS)
    counts = dict(tables.bars.group_by("symbol").len().iter_rows())
    assert counts == {"SPX": 5031, "NASDAQ": 5031}
    assert dict(tables.bars.schema) == BARS
    assert dict(tables.series.schema) == SERIES
    first = tables.bars.filter(pl.col("symbol") == "SPX").row(0, named=True)
    assert first["ts"] == dt.datetime(1999, 1, 4, tzinfo=dt.UTC)
    assert (first["open"], first["close"], first["volume"]) == (1229.22998, 1228.099976, 877e6)


def test_a_series_may_be_used_only_after_its_delay() -> None:
    series = ingest(PARAMS).series
    value = series.filter(pl.col("value") == 13.76).row(0, named=True)  # the VIX of 2014-01-03
    assert value["ts"] == dt.datetime(2014, 1, 4, tzinfo=dt.UTC)
    later = ingest(replace(PARAMS, publication_delay_days=1.5)).series
    assert (later["ts"] - series["ts"]).unique().to_list() == [dt.timedelta(hours=12)]


def test_an_unknown_symbol_is_refused() -> None:
    with pytest.raises(ValueError, match=r"ingest\.symbols: must be of the source arch \(SPX, NASDAQ\), was 'DAX'"):
        ingest(replace(PARAMS, symbols=("DAX",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02", dt.datetime(2020, 1, 2)),
        ("2020-01-02 03:04:05", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05Z", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("2020-01-02T03:04:05+02:00", dt.datetime(2020, 1, 2, 1, 4, 5)),
        ("1577934245", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("1577934245000", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("1577934245000000", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("1577934245000000000", dt.datetime(2020, 1, 2, 3, 4, 5)),
        ("soon", None),
    ],
)
def test_a_folder_of_the_users_files(tmp_path: Path, text: str, expected: dt.datetime | None) -> None:
    (tmp_path / "ACME.csv").write_text(f"time,o,h,l,c,v\n{text},1,2,0.5,1.5,10\n")
    bars = ingest(replace(PARAMS, source="folder", symbols=(), folder=FolderParams(str(tmp_path), "", COLUMNS))).bars
    row = bars.row(0, named=True)
    assert row["ts"] == (expected.replace(tzinfo=dt.UTC) if expected else None)
    assert row["symbol"] == "ACME"
    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [1, 2, 0.5, 1.5, 10]


def test_a_folder_keeps_the_order_of_the_source_and_reads_series(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("time,o,h,l,c,v\n2020-01-03,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n")
    pl.DataFrame({"symbol": ["*"], "name": ["fear"], "ts": ["2020-01-01"], "value": [1]}).write_csv(tmp_path / "s.txt")
    folder = FolderParams(str(tmp_path), str(tmp_path / "s.txt"), COLUMNS)
    tables = ingest(replace(PARAMS, source="folder", symbols=("b",), folder=folder))
    assert tables.bars["ts"].dt.day().to_list() == [3, 2]
    assert tables.series["value"].to_list() == [1.0]


def test_a_folder_without_the_named_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("time,o,h,l,c\n2020-01-03,1,1,1,1\n")
    folder = FolderParams(str(tmp_path), "", COLUMNS)
    with pytest.raises(ValueError, match=r"ingest\.folder\.columns\.volume: must be a column of b\.csv"):
        ingest(replace(PARAMS, source="folder", symbols=(), folder=folder))
    with pytest.raises(ValueError, match=r"ingest\.folder\.path: must hold"):
        ingest(replace(PARAMS, source="folder", folder=replace(folder, path=str(tmp_path / "none"))))
