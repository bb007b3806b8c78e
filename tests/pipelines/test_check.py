import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from browser import needs_browser, visit
from check_cases import MARK, NOW, START, hours, put, series
from page_reading import LOOK
from pipelines.check import check_folder, main
from pipelines.checks.bars import check_bars
from pipelines.checks.finding import RULES, all_places
from pipelines.checks.meanings import MEANINGS
from pipelines.checks.params import CheckParams
from pipelines.checks.series import check_series
from pipelines.ingest import ingest
from pipelines.pages.check_report import render
from pipelines.params import section
from pipelines.partitions import read_bars, write_part
from pipelines.sources import IngestParams
from pipelines.sources.tables import DEPTH, TRADES
from small_pipeline import inside

ROOT = Path(__file__).parents[2]
HOUR = dt.timedelta(hours=1)


def of(symbol: str, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.lit(symbol).alias("symbol"))


def dirty(folder: Path) -> dict[str, pl.DataFrame]:
    """Two symbols and a series as ingest leaves them, with some dirt."""
    tables = {
        "A": put(hours(), {"close": {3: float("nan")}, "volume": {4: 0.0}}),
        "B/C": of("B/C", put(hours(), {"volume": {7: 0.0, 8: 0.0}, "ts": {5: START + 4 * HOUR}})),
    }
    for symbol, frame in tables.items():
        write_part(frame, folder / "bars", symbol.replace("/", ""))
    tables["vix"] = series([1.0, 2.0, None, 4.0, 5.0])
    write_part(tables["vix"], folder / "series", "vix")
    return tables


def test_symbols_one_by_one_find_what_each_shows(tmp_path: Path) -> None:
    tables = dirty(tmp_path)
    params = replace(MARK, bars=replace(MARK.bars, not_finite="drop", duplicate="drop"))
    checked = check_folder(tmp_path, tmp_path / "checked", params, NOW)
    kept, expected = [], []
    for name in ("A", "B/C"):
        after, found = check_bars(tables[name], params, NOW)
        kept.append(after)
        expected += found
    span = (START, START + 119 * HOUR)
    expected += check_series(tables["vix"], span, params, NOW)[1]
    assert {(f.symbol, f.name, f.rule): f.count for f in checked.findings} == {
        (f.symbol, f.name, f.rule): f.count for f in expected
    }
    assert checked.counts["bars"] == {"ingested": 240, "kept": 238}
    assert checked.counts["series"] == {"ingested": 5, "kept": 5}
    assert read_bars(tmp_path / "checked/bars").equals(pl.concat(kept))
    assert pl.read_parquet(tmp_path / "checked/series.parquet").equals(tables["vix"])


def test_trades_and_books_month_by_month_and_late_rows_replace_nothing(tmp_path: Path) -> None:
    stamps = [dt.datetime(2024, 1, day, tzinfo=dt.UTC) for day in range(28, 32)]
    stamps += [dt.datetime(2024, 2, 1, tzinfo=dt.UTC), dt.datetime(2024, 1, 30, 12, tzinfo=dt.UTC)]
    trades = pl.DataFrame([("A", "x", ts, 1.0, 1.0, 1) for ts in stamps], schema=TRADES, orient="row")
    books = pl.DataFrame([("A", "x", ts, [1.0], [1.0], [2.0], [1.0]) for ts in stamps], schema=DEPTH, orient="row")
    write_part(trades, tmp_path / "trades", "some")
    write_part(books, tmp_path / "depth", "some")
    checked = check_folder(tmp_path, tmp_path / "checked", MARK, NOW)
    assert {(f.table, f.name): f.places["ts"].to_list() for f in checked.findings} == {
        ("trades", "unsorted"): stamps[-1:],
        ("depth", "unsorted"): stamps[-1:],
    }
    for table in ("trades", "depth"):
        kept = pl.read_parquet(tmp_path / "checked" / table / "**/*.parquet", hive_partitioning=False)
        assert sorted(kept["ts"]) == sorted(stamps)


def test_a_symbol_an_hour_beside_another_is_named_with_it(tmp_path: Path) -> None:
    bars = hours(600)
    late = of("B", bars.with_columns(pl.col("ts") + HOUR))
    for symbol, frame in (("A", bars), ("B", late), ("C", of("C", bars))):
        write_part(frame, tmp_path / "bars", symbol)
    (found,) = check_folder(tmp_path, tmp_path / "checked", MARK, NOW).findings
    assert (found.symbol, found.name, found.count) == ("B", "lagged", 600)
    assert found.to_data()["rows"][0]["minutes_late"] == 60
    assert found.to_data()["rows"][0]["beside"] == "A"
    assert found.places["part"][0] == "bars/symbol=B/month=2020-01/B.parquet"


@pytest.mark.parametrize("rule", ["mark", "drop"])
def test_pieces_show_what_the_whole_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    """Trades with dirt at every border of pieces of 40, two venues, in two files of a month."""
    seconds = [START + i * dt.timedelta(seconds=1) for i in range(400)]
    trades = pl.DataFrame(
        [("A", "x" if i % 3 else "y", ts, 100.0 + i % 5, 1.0 + i, 1) for i, ts in enumerate(seconds)],
        TRADES,
        orient="row",
    )
    dirt = {i: 1e3 if i % 80 else 1.0 for i in range(38, 360, 40)} | dict.fromkeys(range(79, 360, 80), -1.0)
    dirty = put(trades, {"price": dirt, "ts": {241: START + 200 * dt.timedelta(seconds=1)}})
    # And two trades twice, the first of them just before the rows that the first piece holds back.
    dirty = pl.concat([dirty[:30], dirty[[29]], dirty[30:121], dirty[[120]], dirty[121:]])
    write_part(dirty[:150], tmp_path / "trades", "one")
    write_part(dirty[150:], tmp_path / "trades", "two")
    rules = replace(MARK.trades, outlier=rule, not_positive=rule, duplicate=rule)  # type: ignore[arg-type]
    told = []
    for rows in (40, 1000):
        monkeypatch.setattr("pipelines.check.PIECE_ROWS", rows)
        target = tmp_path / f"checked{rows}"
        checked = check_folder(tmp_path, target, replace(MARK, trades=rules), NOW)
        kept = pl.read_parquet(target / "trades/**/*.parquet", hive_partitioning=False)
        told.append(({f.name: f.places for f in checked.findings}, checked.counts["trades"], kept))
    (small, counts, kept), (large, same, whole) = told
    assert set(small) == set(large) == {"outlier", "not_positive", "duplicate", "unsorted"}
    assert all(small[name].equals(large[name]) for name in large)
    assert small["duplicate"]["row"].to_list() == [30, 122]
    assert small["outlier"].height == 9
    assert counts == same
    assert kept.equals(whole)


def test_many_places_go_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dirty(tmp_path)
    light = check_folder(tmp_path, tmp_path / "checked", MARK, NOW)
    monkeypatch.setattr("pipelines.check.PLACES_IN_MEMORY", 1)
    spooled = check_folder(tmp_path, tmp_path / "again", MARK, NOW)
    assert list((tmp_path / "again/.places").iterdir())
    assert all_places(spooled.findings).collect().equals(all_places(light.findings).collect())
    assert render(spooled.counts, spooled.findings, spooled.spans) == render(light.counts, light.findings, light.spans)


def run(folder: Path, rule: str) -> None:
    dirty(folder / "data")
    text = (ROOT / "params.yaml").read_text()
    assert "    not_finite: refuse\n" in text
    (folder / "params.yaml").write_text(
        text.replace("    not_finite: refuse\n", f"    not_finite: {rule}\n").replace(
            "    duplicate: refuse\n", "    duplicate: mark\n"
        )
    )
    with inside(folder):
        main()


def test_the_stage_writes_tables_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.check.PLACES_IN_MEMORY", 1)
    run(tmp_path, "drop")
    assert read_bars(tmp_path / "data/checked/bars").height == 239
    data = json.loads((tmp_path / "artifacts/check.json").read_text())
    found = {(f["table"], f["symbol"], f["finding"]): f for f in data["findings"]}
    assert data["bars"] == {"ingested": 240, "kept": 239}
    assert set(data) == {*RULES, "findings", "reported_rows_at_most"}
    nan = found["bars", "A", "not_finite"]
    assert (nan["count"], nan["rule"]) == (1, "drop")
    assert nan["rows"][0]["ts"] == "2020-01-01T03:00:00.000000+00:00"
    assert nan["rows"][0]["close"] is None
    assert (nan["rows"][0]["part"], nan["rows"][0]["row"]) == ("bars/symbol=A/month=2020-01/A.parquet", 3)
    assert found["bars", "B/C", "zero_volume"]["count"] == 2
    places = pl.read_parquet(tmp_path / "artifacts/check.parquet")
    assert places.height == sum(f["count"] for f in data["findings"])
    for part, row, ts in places.select("part", "row", "ts").rows():
        assert pl.read_parquet(tmp_path / "data" / part, hive_partitioning=False)["ts"][row] >= ts  # later: of gaps
    assert "symbol=A/month=2020-01/A.parquet" in (tmp_path / "artifacts/check.html").read_text()
    assert sorted(path.name for path in (tmp_path / "data/checked").iterdir()) == [
        "bars",
        "depth",
        "series.parquet",
        "trades",
    ]
    assert places.filter(finding="zero_volume", symbol="B/C")["ts"].to_list() == [START + 7 * HOUR, START + 8 * HOUR]


def test_a_refusal_names_the_rows_writes_the_report_and_leaves_the_tables(tmp_path: Path) -> None:
    run(tmp_path, "drop")
    before = read_bars(tmp_path / "data/checked/bars")
    with pytest.raises(
        ValueError,
        match=r"check.bars.not_finite: must not occur, was in 1 rows of A, the first at 2020-.* \(row 3 of bars/",
    ):
        run(tmp_path, "refuse")
    assert read_bars(tmp_path / "data/checked/bars").equals(before)
    page = (tmp_path / "artifacts/check.html").read_text()
    assert "The data are refused" in page
    assert "check.bars.not_finite: must not occur" in page


def test_the_page_names_every_finding_and_asks_for_nothing_from_elsewhere(tmp_path: Path) -> None:
    dirty(tmp_path)
    checked = check_folder(tmp_path, tmp_path / "checked", MARK, NOW)
    odd = [replace(each, symbol="<b>&") if each.symbol == "A" else each for each in checked.findings]
    page = render(checked.counts, odd, checked.spans)
    assert all(each.name in page for each in checked.findings)
    assert "&lt;b&gt;&amp;" in page
    assert "<b>&" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert "Nothing was found" in render(checked.counts, [], checked.spans)


LINES = """
const told = look();
const drawn = (selector) => [...document.querySelectorAll(selector)].map((each) => box(each));
told.lines = drawn(".line svg").map(({ width }) => width);
told.ends = drawn(".ends i").map(({ height }) => height);
tell(told);
"""


@needs_browser
def test_the_page_on_a_phone(tmp_path: Path) -> None:
    dirty(tmp_path)
    checked = check_folder(tmp_path, tmp_path / "checked", MARK, NOW)
    page = render(checked.counts, checked.findings, checked.spans)
    seen = visit(page, LOOK + f"setTimeout(() => {{ {LINES} }}, 600);", tmp_path, width=390)
    assert seen["across"] <= seen["width"] == 390
    assert len(seen["lines"]) == len(checked.findings)
    assert min(seen["lines"]) > 250  # a finding's places in time have the width of the page
    assert max(seen["ends"]) < 24  # dates on one line
    assert seen["tables"][0]["hinted"]


def test_neighbours_of_a_bad_tick_stand_around_it_once(tmp_path: Path) -> None:
    bars = hours(200)
    run = pl.int_range(pl.len()).is_between(100, 101)
    off = bars.with_columns(
        pl.when(run).then(pl.col(name) * 1.5).otherwise(name) for name in ("open", "high", "low", "close")
    )
    write_part(off, tmp_path / "bars", "A")
    checked = check_folder(tmp_path, tmp_path / "checked", MARK, NOW)
    page = render(checked.counts, checked.findings, checked.spans)
    shown = [f"<td>{START + i * HOUR:%Y-%m-%d %H:%M:%S}</td>" for i in range(98, 104)]
    assert [page.count(cell) for cell in shown] == [0, 1, 1, 1, 1, 0]
    assert page.count("<tr class=beside>") == 2


def test_every_finding_has_a_meaning() -> None:
    for table, kind in RULES.items():
        assert set(MEANINGS[table]) == set(kind.__dataclass_fields__)


def test_no_finding_is_an_empty_table() -> None:
    assert all_places([]).collect().height == 0


def test_the_shipped_data_pass_and_only_holidays_leave(tmp_path: Path) -> None:
    ingest(section("ingest", IngestParams), tmp_path)
    checked = check_folder(tmp_path, tmp_path / "checked", section("check", CheckParams), NOW)
    assert checked.counts["bars"] == {"ingested": 10_062, "kept": 10_062}
    assert checked.counts["series"] == {"ingested": 1305, "kept": 1259}
    assert {(f.symbol, f.name, f.rule): f.count for f in checked.findings} == {
        ("NASDAQ", "zero_volume", "mark"): 2,
        ("NASDAQ", "stale_open", "mark"): 8,
        ("SPX", "stale_open", "mark"): 2004,
        ("* · vix", "not_finite", "drop"): 46,
    }
