"""Several sections of one kind, symbols by the user's own names, and two sections that bring the same."""

import datetime as dt
import os
import shutil
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from ruamel.yaml import YAML

from pipelines.ingest import ingest
from pipelines.params import parse
from pipelines.partitions import read_bars, read_series, symbols_in
from pipelines.sources import SOURCES, IngestParams

ROOT = Path(__file__).parents[3]
DATA = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data"))
real = pytest.mark.skipif(
    not (DATA / "raw").exists(), reason=f"needs {DATA}/raw, files that are not part of the project"
)
COLUMNS = {"ts": "time", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


def chosen(sources: list[str], symbols: list[str] | None = None, **changes: object) -> IngestParams:
    """The shipped section of params.yaml with other sources."""
    data = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text())["ingest"]
    return parse(IngestParams, {**data, "sources": sources, "symbols": symbols or [], **changes}, "ingest")


def write_days(path: Path, first: str, days: int, price: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    stamps = [dt.date.fromisoformat(first) + dt.timedelta(days=i) for i in range(days)]
    rows = "".join(f"{day},{price},{price},{price},{price},1\n" for day in stamps)
    path.write_text("time,o,h,l,c,v\n" + rows)


def folder(path: Path, **changes: object) -> dict[str, object]:
    return {"source": "folder", "path": str(path), "columns": COLUMNS, **changes}


def test_two_folders_and_the_shipped_source(tmp_path: Path) -> None:
    write_days(tmp_path / "one/A.csv", "2020-01-01", 3)
    write_days(tmp_path / "two/A.csv", "2020-01-02", 40, 2.0)
    write_days(tmp_path / "two/B.csv", "2020-01-02", 5)
    sections = {"one": folder(tmp_path / "one"), "two": folder(tmp_path / "two", aliases={"A": "A/2"})}
    params = chosen(["arch", "one", "two"], ["SPX", "A", "A/2"], sections=sections)
    read = ingest(params, tmp_path / "data")
    assert read == ["arch-SPX", "arch-vix", "one-folder-A.csv", "two-folder-A.csv"]
    assert symbols_in(tmp_path / "data/bars") == ["A", "A/2", "SPX"]
    assert read_bars(tmp_path / "data/bars", ["A/2"])["close"].to_list() == [2.0] * 40
    assert ingest(params, tmp_path / "data") == []
    assert ingest(chosen(["arch", "one", "two"], ["SPX", "A/2"], sections=sections), tmp_path / "data") == []
    assert symbols_in(tmp_path / "data/bars") == ["A/2", "SPX"]
    ingest(params, tmp_path / "data")
    sections["two"] = folder(tmp_path / "two", aliases={"A": "A/2"}, symbols=["A/2"], zone="Asia/Tokyo")
    renamed = chosen(["arch", "one", "two"], ["SPX", "A", "A/2"], sections=sections)
    assert ingest(renamed, tmp_path / "data") == ["two-folder-A.csv"], "only what the change touches"
    assert read_bars(tmp_path / "data/bars", ["A/2"])["ts"][0] == dt.datetime(2020, 1, 1, 15, tzinfo=dt.UTC)


def test_keys_that_a_section_does_not_give_are_those_of_its_source() -> None:
    sections = {"spot": {"source": "binance", "market": "spot", "kinds": ["klines"], "download": {"parallel": 9}}}
    params = chosen(["spot"], sections=sections)
    (section,) = params.chosen()
    expected = replace(params.binance, market="spot", kinds=("klines",))
    assert section.params == replace(expected, download=replace(expected.download, parallel=9))
    assert params.binance.market == "usdm"


def test_a_file_without_sections_is_as_before() -> None:
    assert [section.name for section in chosen(["arch", "worlds"]).chosen()] == ["arch", "worlds"]
    keys = {"source", "symbols", "aliases"}
    params = chosen(["arch"])
    assert all(not keys & set(type(getattr(params, name)).__dataclass_fields__) for name in SOURCES)


def test_symbols_inside_files_are_renamed_and_chosen(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("t,s,value\n2020-01-01,BTC/USDT:USDT,1\n2020-01-01,ETH,2\n2020-01-01,,3\n")
    file = {"path": str(tmp_path / "f.csv"), "symbol": "s", "name": "", "ts": "t", "values": ["value"],
            "delay_days": 0.0, "names": {}, "zone": "UTC"}  # fmt: skip
    funding = {"source": "series", "files": [file], "symbols": ["BTCUSDT"], "aliases": {"BTC/USDT:USDT": "BTCUSDT"}}
    ingest(chosen(["arch", "funding"], sections={"funding": funding}), tmp_path / "data")
    series = read_series(tmp_path / "data/series").filter(pl.col("name") == "value")
    assert series["symbol"].to_list() == ["BTCUSDT", None], "a row without a symbol is for the check to judge"


def test_two_sections_may_follow_each_other_and_not_overlap(tmp_path: Path) -> None:
    write_days(tmp_path / "one/A.csv", "2020-01-01", 20)
    write_days(tmp_path / "two/A.csv", "2020-01-21", 20, 2.0)
    sections = {"one": folder(tmp_path / "one"), "two": folder(tmp_path / "two")}
    params = chosen(["two", "one"], sections=sections)
    ingest(params, tmp_path / "data")
    bars = read_bars(tmp_path / "data/bars")
    assert bars["ts"].is_sorted()
    assert bars["close"].to_list() == [1.0] * 20 + [2.0] * 20
    write_days(tmp_path / "two/A.csv", "2020-01-20", 20, 2.0)
    message = (
        r"ingest\.sources: bars of A must come from one section at a time, was from one \(2020-01-01 00:00 to "
        r"2020-01-20 00:00\) and two \(2020-01-20 00:00 to"
    )
    with pytest.raises(ValueError, match=message):
        ingest(params, tmp_path / "data")


def test_series_of_other_names_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("t,vix,fear\n2014-01-03,1,1\n2014-01-06,1,1\n")
    file = {"path": str(tmp_path / "f.csv"), "symbol": "", "name": "", "ts": "t", "delay_days": 1.0, "names": {},
            "zone": "UTC"}  # fmt: skip
    sections = {"mine": {"source": "series", "files": [{**file, "values": ["fear"]}]}}
    ingest(chosen(["arch", "mine"], sections=sections), tmp_path / "data")
    assert set(read_series(tmp_path / "data/series")["name"]) == {"vix", "fear"}
    sections = {"mine": {"source": "series", "files": [{**file, "values": ["vix"]}]}}
    with pytest.raises(ValueError, match=r"series of \* \(vix\) must come from one section at a time, was from mine"):
        ingest(chosen(["arch", "mine"], sections=sections), tmp_path / "data")


def test_mistakes_are_named(tmp_path: Path) -> None:
    write_days(tmp_path / "A.csv", "2020-01-01", 1)
    one = folder(tmp_path)
    for changes, message in (
        (
            {"sources": ["spto"], "sections": {"spot": one}},
            r"^ingest\.sources: must be one of .*did you mean spot",
        ),
        ({"sections": {"x": {"path": "a"}}}, r"^ingest\.sections\.x\.source: must be text, was None"),
        ({"sections": {"x": {"source": "flder"}}}, r"^ingest\.sections\.x\.source: must be one of .*mean folder"),
        ({"sections": {"arch": one}}, r"^ingest\.sections\.arch: must not be called like a source"),
        ({"sections": {"x": {**one, "pth": 1}}}, r"^ingest\.sections\.x\.pth: must be .*did you mean path"),
        ({"sections": {"x": {**one, "zone": "Mars"}}}, r"^ingest\.sections\.x\.zone: must be a time zone"),
        (
            {"sections": {"x": {**one, "columns": {"opne": ""}}}},
            r"^ingest\.sections\.x\.columns\.opne: must be ",
        ),
        (
            {"sections": {"x": {**one, "symbols": ["B"]}}, "symbols": ["A"]},
            r"x\.symbols: must be among ingest",
        ),
        ({"sections": {"x": {**one, "aliases": {"A": "C", "B": "C"}}}}, r"x\.aliases: must give each symbol once, was"),
        ({"sections": {"x": [1]}}, r"^ingest\.sections\.x: must be a mapping"),
    ):
        with pytest.raises(ValueError, match=message):
            chosen(**{"sources": ["arch"], **changes})  # type: ignore[arg-type]
    taken = chosen(["x"], sections={"x": {**one, "aliases": {"B": "A"}}})
    with pytest.raises(ValueError, match=r"x\.aliases: must not give the name of another symbol .* was 'A'"):
        ingest(taken, tmp_path / "data")
    lost = chosen(["x"], sections={"x": {**one, "path": str(tmp_path / "none")}})
    with pytest.raises(ValueError, match=r"^ingest\.sections\.x\.path: must hold \*\.csv"):
        ingest(lost, tmp_path / "data")
    wrong = chosen(["x"], sections={"x": {**one, "columns": {**COLUMNS, "ts": "when"}}})
    with pytest.raises(ValueError, match=r"^ingest\.sections\.x\.columns\.ts: must be a column of A\.csv"):
        ingest(wrong, tmp_path / "data")


@pytest.mark.data(str(DATA / "raw"))
@real
def test_real_bars_of_one_program_and_funding_of_another_meet_in_one_symbol(tmp_path: Path) -> None:
    """freqtrade's perpetual bars and funding of LTC, two timeframes of Binance's dumps, LEAN's gold and shares."""
    for name in ("15m", "1m"):
        (tmp_path / name).mkdir()
        for path in (DATA / "raw/binance_vision").glob(f"BTCUSDT-{name}-*.zip"):
            shutil.copy(path, tmp_path / name)
    dumps = {"source": "binance", "market": "spot", "kinds": ["klines"]}
    pair = {"LTC/USDT:USDT": "LTC"}
    sections = {
        "ltc": {"source": "freqtrade", "path": str(DATA / "raw/freqtrade"), "timeframe": "1h", "aliases": pair},
        "fast": {**dumps, "path": str(tmp_path / "1m"), "interval": "1m"},
        "slow": {**dumps, "path": str(tmp_path / "15m"), "interval": "15m", "aliases": {"BTCUSDT": "BTC_15M"}},
        "us": {"source": "lean", "path": str(DATA / "raw/lean/hour"), "symbols": ["SPY"]},
    }  # fmt: skip
    symbols = ["LTC", "BTCUSDT", "BTC_15M", "SPY"]
    params = chosen(list(sections), symbols, sections=sections)
    ingest(params, tmp_path / "data")
    assert symbols_in(tmp_path / "data/bars") == sorted(symbols)
    series = read_series(tmp_path / "data/series")
    assert {"funding", "mark"} <= set(series.filter(pl.col("symbol") == "LTC")["name"])
    heights = {name: read_bars(tmp_path / "data/bars", [name]).height for name in ("BTCUSDT", "BTC_15M")}
    assert heights["BTCUSDT"] == 3 * 1440 - 80
    assert 3 * 96 - 6 <= heights["BTC_15M"] <= 3 * 96
    del sections["slow"]["aliases"]
    both = chosen(list(sections), ["LTC", "BTCUSDT", "SPY"], sections=sections)
    with pytest.raises(ValueError, match=r"bars of BTCUSDT must come from one section at a time, was from slow"):
        ingest(both, tmp_path / "data")
