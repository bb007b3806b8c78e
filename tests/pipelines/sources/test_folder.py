import datetime as dt
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from part_reading import whole
from pipelines.sources.folder import ColumnNames, FolderParams, read_folder

COLUMNS = ColumnNames("", "time", "o", "h", "l", "c", "v", "", "")


def bars(path: Path, columns: ColumnNames = COLUMNS, zone: str = "UTC", stamp: str = "open") -> pl.DataFrame:
    params = FolderParams(str(path), columns, zone, stamp)  # type: ignore[arg-type]
    return pl.concat([whole(part)["bars"] for part in read_folder(params, ())])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02", dt.datetime(2020, 1, 2)),
        ("20200102", dt.datetime(2020, 1, 2)),
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
def test_times_of_any_spelling(tmp_path: Path, text: str, expected: dt.datetime | None) -> None:
    (tmp_path / "ACME.csv").write_text(f"time,o,h,l,c,v\n{text},1,2,0.5,1.5,10\n")
    row = bars(tmp_path).row(0, named=True)
    assert row["ts"] == (expected.replace(tzinfo=dt.UTC) if expected else None)
    assert row["symbol"] == "ACME"
    assert [row[name] for name in ("open", "high", "low", "close", "volume")] == [1, 2, 0.5, 1.5, 10]


@pytest.mark.parametrize("number", ["43832", "20201302", "0"])
def test_numbers_that_are_no_times_are_refused(tmp_path: Path, number: str) -> None:
    (tmp_path / "ACME.csv").write_text(f"time,o,h,l,c,v\n1577934245,1,2,0.5,1.5,10\n{number},1,2,0.5,1.5,10\n")
    with pytest.raises(ValueError, match=rf"ACME\.csv: times .* must be dates .*, was {number} in row 2"):
        bars(tmp_path)


def test_dates_without_dashes_beside_text(tmp_path: Path) -> None:
    (tmp_path / "ACME.csv").write_text("time,o,h,l,c,v\n20200102,1,1,1,1,1\n2020-01-03,1,1,1,1,1\n")
    assert bars(tmp_path)["ts"].dt.day().to_list() == [2, 3]


def test_a_time_zone_and_stamps_of_closes(tmp_path: Path) -> None:
    """Hourly bars stamped at their closes in New York, over the start of summer time there."""
    days = ("2020-03-06 15:30", "2020-03-06 16:30", "2020-03-09 10:30")
    (tmp_path / "A.csv").write_text("time,o,h,l,c,v\n" + "".join(f"{day},1,1,1,1,1\n" for day in days))
    (tmp_path / "B.csv").write_text("time,o,h,l,c,v\n2020-03-09T11:30:00-04:00,1,1,1,1,1\n2020-03-09 12:30,1,1,1,1,1\n")
    opens = [dt.datetime(2020, 3, 6, 19, 30), dt.datetime(2020, 3, 6, 20, 30), dt.datetime(2020, 3, 9, 13, 30)]
    opens += [dt.datetime(2020, 3, 9, 14, 30), dt.datetime(2020, 3, 9, 15, 30)]
    found = bars(tmp_path, zone="America/New_York", stamp="close")["ts"].to_list()
    assert found == [ts.replace(tzinfo=dt.UTC) for ts in opens]
    (tmp_path / "B.csv").write_text("time,o,h,l,c,v\n20200309,1,1,1,1,1\n")
    assert bars(tmp_path, zone="America/New_York")["ts"][-1] == dt.datetime(2020, 3, 9, 4, tzinfo=dt.UTC)
    with pytest.raises(ValueError, match=r"B\.csv: must hold two bars, so that their length shows, was 1"):
        bars(tmp_path, stamp="close")
    with pytest.raises(ValueError, match="zone: must be a time zone, was 'EST5'"):
        bars(tmp_path, zone="EST5")


def test_a_shorter_last_bar_opens_at_the_close_before_it(tmp_path: Path) -> None:
    """Two sessions of two symbols, the second one until 13:00; one row late, one twice, one without a time."""
    rows = [
        (day, close) for day in (24, 27) for close in ("10:30", "11:30", "12:30", "13:00" if day == 27 else "13:30")
    ]
    rows.insert(3, rows.pop(1))
    rows += [(27, "13:00"), (27, "soon")]
    lines = "".join(f"2020-11-{day} {close},{s},1,1,1,1,1\n" for s in "AB" for day, close in rows)
    (tmp_path / "x.csv").write_text("time,s,o,h,l,c,v\n" + lines)
    found = bars(tmp_path, replace(COLUMNS, symbol="s"), zone="America/New_York", stamp="close")
    opens = [None if ts is None else f"{ts:%d %H:%M}" for ts in found["ts"].dt.convert_time_zone("America/New_York")]
    expected = ["24 09:30", "24 11:30", "24 12:30", "24 10:30"] + [
        f"27 {t}" for t in ("09:30", "10:30", "11:30", "12:30")
    ]
    assert opens == [*expected, "27 12:30", None] * 2


def test_the_order_of_the_source_stays(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("time,o,h,l,c,v\n2020-01-03,1,1,1,1,1\n2020-01-02,1,1,1,1,1\n")
    assert bars(tmp_path)["ts"].dt.day().to_list() == [3, 2]


def test_optional_columns_where_they_are_named(tmp_path: Path) -> None:
    pl.DataFrame(
        {"time": [1577934245], "o": [1.0], "h": [1.0], "l": [1.0], "c": [1.0], "v": [9], "n": [7]}
    ).write_parquet(tmp_path / "A.parquet")
    frame = bars(tmp_path, replace(COLUMNS, trades="n"))
    assert frame["trades"].to_list() == [7]
    assert "taker_buy_volume" not in frame.columns


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("time,o,h,l,c\n2020-01-03,1,1,1,1\n")
    with pytest.raises(ValueError, match=r"ingest\.folder\.columns\.volume: must be a column of b\.csv"):
        bars(tmp_path)
    with pytest.raises(ValueError, match=r"ingest\.folder\.path: must hold"):
        bars(tmp_path / "none")
