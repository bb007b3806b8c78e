import datetime as dt
import json
import os
from pathlib import Path

import polars as pl
import pytest

from part_reading import whole
from pipelines.sources.series import SeriesFile, SeriesParams, read_series
from pipelines.sources.tables import SERIES

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "series/series.parquet"
DAY = dt.datetime(2020, 1, 2, tzinfo=dt.UTC)


def read(*files: SeriesFile) -> pl.DataFrame:
    return pl.concat([whole(part)["series"] for part in read_series(SeriesParams(files), ())])


def test_a_long_file_and_a_wide_one(tmp_path: Path) -> None:
    (tmp_path / "long.csv").write_text("s,n,at,x\nBTC,funding,2020-01-02,0.5\nETH,funding,2020-01-02,bad\n")
    (tmp_path / "wide.csv").write_text("at,posts,people\n2020-01-01,3,4\n")
    found = read(
        SeriesFile(str(tmp_path / "long.csv"), "s", "n", "at", ("x",), 0.0, {}, "UTC"),
        SeriesFile(str(tmp_path / "wide.csv"), "", "", "at", ("posts", "people"), 1.0, {}, "UTC"),
    )
    assert dict(found.schema) == SERIES
    assert found.rows() == [
        ("BTC", "funding", DAY, 0.5),
        ("ETH", "funding", DAY, None),
        ("*", "posts", DAY, 3.0),
        ("*", "people", DAY, 4.0),
    ]


ROWS = [{"value": "40", "timestamp": "1577836800"}, {"value": "41", "timestamp": "1577923200"}]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.json", json.dumps(ROWS)),
        ("service.json", json.dumps({"name": "Fear and Greed Index", "data": ROWS, "metadata": {"error": None}})),
        ("lines.jsonl", "\n".join(map(json.dumps, ROWS))),
    ],
)
def test_json_as_services_answer_it(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    found = read(SeriesFile(str(tmp_path / name), "", "", "timestamp", ("value",), 1.0, {}, "UTC"))
    assert found["ts"].to_list() == [DAY, DAY + dt.timedelta(days=1)]
    assert found["value"].to_list() == [40.0, 41.0]


def test_mistakes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("at,x\n2020-01-01,1\n")
    for change, message in (
        ({"ts": "when"}, r"files\[0\]\.ts: must be a column of a\.csv \(at, x\), was 'when'"),
        ({"values": ("y",)}, r"files\[0\]\.values: must be a column of a\.csv"),
        ({"symbol": "s"}, r"files\[0\]\.symbol: must be a column"),
        ({"path": str(tmp_path / "none.csv")}, r"files\[0\]\.path: must be a file"),
        ({"delay_days": -1.0}, r"delay_days: must lie in \[0, 366\], was -1\.0"),
        ({"values": ()}, r"values: must be one column"),
        ({"names": {"x": 400.0}}, r"names\.x: must lie in \[0, 366\], was 400\.0"),
        ({"names": {"y": 1.0}}, r"files\[0\]\.names: must be names in a\.csv \(x\), was \['y'\]"),
        ({"zone": "Mars"}, r"zone: must be a time zone"),
    ):
        good = {"path": str(path), "symbol": "", "name": "", "ts": "at", "values": ("x",), "delay_days": 0.0}
        good |= {"names": {}, "zone": "UTC"}
        with pytest.raises(ValueError, match=message):
            read(SeriesFile(**{**good, **change}))
    (tmp_path / "odd.json").write_text('{"a": [1], "b": []}')
    with pytest.raises(ValueError, match=r"odd\.json: must be a list of objects"):
        read(SeriesFile(str(tmp_path / "odd.json"), "", "", "at", ("x",), 0.0, {}, "UTC"))
    with pytest.raises(ValueError, match=r"ingest\.series\.files: must name one or more"):
        read()


def test_each_name_has_its_own_delay(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,at,x\nfunding,2020-01-02,1\nfear,2020-01-02,2\nvix,2020-01-02,3\n")
    (tmp_path / "b.csv").write_text("at,posts,people\n2020-01-02 04:00,4,5\n")
    names = {"fear": 1.0, "funding": 0.0}
    found = read(
        SeriesFile(str(tmp_path / "a.csv"), "", "n", "at", ("x",), 9.0, names, "UTC"),
        SeriesFile(str(tmp_path / "b.csv"), "", "", "at", ("posts", "people"), 9.0, {"people": 0.5}, "Asia/Tokyo"),
    )
    day = dt.timedelta(days=1)
    assert found.drop("symbol").rows() == [
        ("funding", DAY, 1.0),
        ("fear", DAY + day, 2.0),
        ("people", DAY + day / 2 - 5 * day / 24, 5.0),
    ]


@pytest.mark.data(str(REAL))
@pytest.mark.skipif(not REAL.exists(), reason=f"needs {REAL}, real series that are not part of the project")
def test_real_series_wait_for_their_delay() -> None:
    source = pl.read_parquet(REAL)
    found = read(SeriesFile(str(REAL), "symbol", "name", "ts", ("value",), 1.0, {}, "UTC"))
    assert found.drop("ts").equals(source.select("symbol", "name", "value"))
    assert (found["ts"] - source["ts"]).unique().to_list() == [dt.timedelta(days=1)]
