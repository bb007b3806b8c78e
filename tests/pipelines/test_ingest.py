"""The stage: what sources bring, what the manifest remembers, what a kill leaves."""

import datetime as dt
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from pipelines.ingest import ingest
from pipelines.params import section
from pipelines.partitions import read_bars, read_pieces, read_series, symbols_in, write_part
from pipelines.sources import BARS, SERIES, SOURCES, IngestParams
from pipelines.sources.arch import ArchParams
from pipelines.sources.folder import ColumnNames, FolderParams

COLUMNS = ColumnNames("", "time", "o", "h", "l", "c", "v", "", "")
ROOT = Path(__file__).parents[2]
ARCH = replace(section("ingest", IngestParams, ROOT / "params.yaml"), sources=("arch",), symbols=())


def folder_source(path: Path, columns: ColumnNames = COLUMNS) -> IngestParams:
    return replace(ARCH, sources=("folder",), folder=FolderParams(str(path), columns, "UTC", "open"))


def write_days(path: Path, first: str, days: int, price: float = 1.0) -> None:
    stamps = [dt.date.fromisoformat(first) + dt.timedelta(days=i) for i in range(days)]
    rows = "".join(f"{day},{price},{price},{price},{price},{i}\n" for i, day in enumerate(stamps))
    path.write_text("time,o,h,l,c,v\n" + rows)


def files(folder: Path) -> dict[str, int]:
    """Each file of the tables with the time of its last write."""
    return {str(p.relative_to(folder)): p.stat().st_mtime_ns for p in folder.rglob("*.parquet")}


def test_every_source_has_its_section() -> None:
    assert set(SOURCES) == set(IngestParams.__dataclass_fields__) - {"sources", "symbols", "sections"}


def test_the_shipped_data(tmp_path: Path) -> None:
    ingest(replace(ARCH, symbols=("SPX", "NASDAQ")), tmp_path)
    bars = read_bars(tmp_path / "bars")
    assert dict(bars.group_by("symbol").len().iter_rows()) == {"SPX": 5031, "NASDAQ": 5031}
    assert dict(bars.schema) == BARS
    assert dict(read_series(tmp_path / "series").schema) == SERIES
    first = bars.filter(pl.col("symbol") == "SPX").row(0, named=True)
    assert first["ts"] == dt.datetime(1999, 1, 4, tzinfo=dt.UTC)
    assert (first["open"], first["close"], first["volume"]) == (1229.22998, 1228.099976, 877e6)


def test_a_series_may_be_used_only_after_its_delay(tmp_path: Path) -> None:
    ingest(ARCH, tmp_path)
    series = read_series(tmp_path / "series")
    value = series.filter(pl.col("value") == 13.76).row(0, named=True)  # the VIX of 2014-01-03
    assert value["ts"] == dt.datetime(2014, 1, 4, tzinfo=dt.UTC)
    read = ingest(replace(ARCH, arch=ArchParams(1.5)), tmp_path)
    assert read == ["arch-vix"], "only what the parameter changes is read again"
    later = read_series(tmp_path / "series")
    assert (later["ts"] - series["ts"]).unique().to_list() == [dt.timedelta(hours=12)]


def test_an_unknown_symbol_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest\.symbols: must be in one of the sources \['arch'\], was \['DAX'\]"):
        ingest(replace(ARCH, symbols=("SPX", "DAX")), tmp_path)


def test_rows_lie_in_their_symbol_and_month(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    write_days(tmp_path / "raw/BTC%2FX.csv", "2020-01-30", 4)
    ingest(folder_source(tmp_path / "raw"), tmp_path)
    months = [pl.read_parquet(p)["ts"].dt.strftime("%Y-%m").to_list() for p in sorted(tmp_path.glob("bars/*/*/*"))]
    assert months == [["2020-01"] * 2, ["2020-02"] * 2]
    assert symbols_in(tmp_path / "bars") == ["BTC%2FX"]
    assert read_bars(tmp_path / "bars")["volume"].to_list() == [0, 1, 2, 3]


def test_what_is_out_of_order_stays_so(tmp_path: Path) -> None:
    """Sorting would hide it from the check; a row without a time stays beside its neighbours."""
    (tmp_path / "raw").mkdir()
    days = ["", "2020-02-03", "2020-01-02", "soon", "2020-03-01", "2020-01-05"]
    rows = "".join(f"{day},1,1,1,1,{i}\n" for i, day in enumerate(days))
    (tmp_path / "raw/b.csv").write_text("time,o,h,l,c,v\n" + rows)
    ingest(folder_source(tmp_path / "raw"), tmp_path)
    bars = read_bars(tmp_path / "bars")
    assert bars["volume"].to_list() == [0, 1, 2, 3, 4, 5]
    assert bars["ts"].is_null().to_list() == [True, False, False, True, False, False]


def test_files_of_a_folder_stand_in_the_order_of_their_times(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    for name, day, volume in (("part_10", "2020-01-10", 10), ("part_2", "2020-01-02", 2)):
        (tmp_path / f"raw/{name}.csv").write_text(f"time,s,o,h,l,c,v\n{day},A,1,1,1,1,{volume}\n")
    ingest(folder_source(tmp_path / "raw", replace(COLUMNS, symbol="s")), tmp_path)
    assert read_bars(tmp_path / "bars")["volume"].to_list() == [2, 10]
    pieces = list(read_pieces(tmp_path / "bars", BARS, 5))
    assert [piece["volume"].to_list() for _, piece in pieces] == [[2], [10]]


def test_rows_are_read_in_pieces_with_their_places(tmp_path: Path) -> None:
    days = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(40)]
    frame = pl.DataFrame([("A", day, 1.0, 1.0, 1.0, 1.0, float(i)) for i, day in enumerate(days)], BARS, orient="row")
    write_part(frame, tmp_path / "bars", "one")
    whole = read_bars(tmp_path / "bars", origin=True)
    assert whole["part"].unique(maintain_order=True).to_list() == [
        "bars/symbol=A/month=2020-01/one.parquet",
        "bars/symbol=A/month=2020-02/one.parquet",
    ]
    assert whole["row"].to_list() == [*range(31), *range(9)]
    pieces = list(read_pieces(tmp_path / "bars", BARS, 7))
    assert [piece.height for _, piece in pieces] == [7, 7, 7, 7, 3, 7, 2]
    assert pl.concat(piece for _, piece in pieces).equals(whole)


def test_every_series_lies_in_its_own_months(tmp_path: Path) -> None:
    """In a file that lists one name after another."""
    days = [dt.datetime(2020, month, 5, tzinfo=dt.UTC) for month in (1, 2)]
    rows = [("*", name, day, 1.0) for name in ("vix", "fear") for day in days]
    write_part(pl.DataFrame(rows, schema=SERIES, orient="row"), tmp_path, "all")
    for path in tmp_path.glob("*/*/*"):
        frame = pl.read_parquet(path)
        assert frame["ts"].dt.strftime("month=%Y-%m").unique().to_list() == [path.parent.name]
        assert frame["name"].to_list() == ["vix", "fear"]
    assert read_series(tmp_path)["name"].to_list() == ["fear", "fear", "vix", "vix"]


def test_a_second_run_touches_nothing_and_a_change_only_its_own(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("A", "B"):
        write_days(raw / f"{name}.csv", "2020-01-01", 40)
    params = folder_source(raw)
    assert ingest(params, tmp_path) == ["folder-A.csv", "folder-B.csv"]
    before, manifest = files(tmp_path), (tmp_path / "ingest.jsonl").read_bytes()
    assert ingest(params, tmp_path) == []
    assert (files(tmp_path), (tmp_path / "ingest.jsonl").read_bytes()) == (before, manifest)
    write_days(raw / "B.csv", "2020-01-01", 30, price=2.0)  # changed, and a month shorter
    write_days(raw / "C.csv", "2020-01-01", 1)
    assert ingest(params, tmp_path) == ["folder-B.csv", "folder-C.csv"]
    after = files(tmp_path)
    assert {k: v for k, v in after.items() if "=A" in k} == {k: v for k, v in before.items() if "=A" in k}
    assert [k for k in after if "=B" in k] == ["bars/symbol=B/month=2020-01/folder-B.csv.parquet"]
    assert read_bars(tmp_path / "bars", ["B"])["close"].unique().to_list() == [2.0]
    (raw / "A.csv").unlink()
    ingest(params, tmp_path)
    assert symbols_in(tmp_path / "bars") == ["B", "C"]


def test_damaged_and_lost_files_are_written_again(tmp_path: Path) -> None:
    ingest(ARCH, tmp_path)
    whole = read_bars(tmp_path / "bars")
    lost, damaged = sorted((tmp_path / "bars/symbol=SPX").rglob("*.parquet"))[:2]
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    stray = damaged.with_name(".half.parquet.part")
    stray.write_bytes(b"left by a kill")
    assert ingest(ARCH, tmp_path) == ["arch-SPX"]
    assert read_bars(tmp_path / "bars").equals(whole)
    assert not stray.exists()


KILLED = """
import os, sys, dataclasses
from pathlib import Path
import pipelines.ingest as stage, pipelines.sources as sources
from pipelines.params import section
params = dataclasses.replace(section("ingest", stage.IngestParams, sys.argv[1]), symbols=())
take, left = stage._take, int(sys.argv[3])
def dying(part, *rest):
    global left
    done = take(part, *rest)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)  # its files are written, the manifest does not know
    return done
stage._take = dying
stage.ingest(params, Path(sys.argv[2]))
"""


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, "-P", "-c", KILLED, str(ROOT / "params.yaml"), str(tmp_path), "2"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    assert len((tmp_path / "ingest.jsonl").read_text().splitlines()) == 1
    with (tmp_path / "ingest.jsonl").open("a") as manifest:
        manifest.write('{"key": "arch-NASD')  # as if the kill had torn a line
    assert ingest(ARCH, tmp_path) == ["arch-NASDAQ", "arch-vix"]
    ingest(ARCH, tmp_path / "at_once")
    assert read_bars(tmp_path / "bars").equals(read_bars(tmp_path / "at_once/bars"))
    assert (tmp_path / "ingest.jsonl").read_bytes() == (tmp_path / "at_once/ingest.jsonl").read_bytes()


def test_a_source_that_fails_loses_nothing(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_days(raw / "A.csv", "2020-01-01", 3)
    write_days(raw / "B.csv", "2020-01-01", 3)
    ingest(folder_source(raw), tmp_path)
    before = read_bars(tmp_path / "bars")
    (raw / "B.csv").write_text("time,o,h,l,c\n2020-01-01,1,1,1,1\n")
    with pytest.raises(ValueError, match=r"columns\.volume: must be a column of B\.csv"):
        ingest(folder_source(raw), tmp_path)
    assert read_bars(tmp_path / "bars").equals(before)


def test_several_sources_and_wanted_symbols(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    write_days(raw / "A.csv", "2020-01-01", 3)
    write_days(raw / "B.csv", "2020-01-01", 3)
    params = replace(folder_source(raw), sources=("arch", "folder"), symbols=("A", "SPX"))
    assert ingest(params, tmp_path) == ["arch-SPX", "arch-vix", "folder-A.csv"]
    assert symbols_in(tmp_path / "bars") == ["A", "SPX"]
    (raw / "both.csv").write_text(
        "time,s,o,h,l,c,v\n2020-01-01,A,1,1,1,1,1\n2020-01-01,Z,1,1,1,1,1\n2020-01-01,,1,1,1,1,1\n"
    )
    columns = replace(COLUMNS, symbol="s")
    (raw / "A.csv").unlink()
    (raw / "B.csv").unlink()
    ingest(replace(folder_source(raw, columns), symbols=("A",)), tmp_path)
    kept = pl.read_parquet(sorted(tmp_path.glob("bars/*/*/*")))["symbol"].to_list()
    assert kept == ["A", None], "rows of other symbols leave; one without a symbol is for the check to judge"


def test_bad_choices_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ingest\.sources: must name one or more, each once"):
        replace(ARCH, sources=())
    with pytest.raises(ValueError, match=r"ingest\.symbols: must not repeat"):
        replace(ARCH, symbols=("A", "A"))
