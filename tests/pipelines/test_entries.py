import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipelines import entries
from pipelines.entries import find_entries, index_entries
from pipelines.params import section
from pipelines.trades.entry_file import LIST, EntryColumns
from pipelines.trades.entry_rules import RULES, EntryParams

ROOT = Path(__file__).parents[2]
PARAMS = replace(
    section("evaluate.entries", EntryParams, ROOT / "params.yaml"),
    lookback_bars=5,
    deviations=1.0,
    fast_bars=3,
    slow_bars=8,
    every_bars=4,
    cooldown_bars=2,
    columns=EntryColumns("id", "symbol", "ts", "side", "", ""),
)


LONG = "more than max_wait_days before the next bar"


def find(bars: pl.DataFrame, params: EntryParams) -> pl.DataFrame:
    return index_entries(find_entries(bars, params)[0], bars)


@pytest.fixture
def bars() -> pl.DataFrame:
    generator = np.random.default_rng(3)
    frames = []
    for symbol in ("A", "B"):
        close = 100 * np.exp(np.cumsum(0.01 * generator.standard_normal(300)))
        spread = close * 0.005 * generator.random(300)
        ts = [dt.datetime(2020, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=i) for i in range(300)]
        prices = {"open": close, "high": close + spread, "low": close - spread, "close": close}
        frames.append(pl.DataFrame({"symbol": [symbol] * 300, "ts": ts, **prices, "volume": [1.0] * 300}))
    return pl.concat(frames).with_columns(pl.col("ts").dt.cast_time_unit("us"))


@pytest.mark.parametrize("rule", RULES)
def test_entries_do_not_look_ahead(bars: pl.DataFrame, rule: str) -> None:
    params = replace(PARAMS, rule=rule)
    whole = find(bars, params)
    assert whole.height > 10
    for n in (20, 61, 150, 299):
        cut = find(bars.filter(pl.col("ts").rank("dense") <= n), params).drop("id")
        # A signal on the last bar has no next open, so the cut ends one bar early.
        assert cut.equals(whole.filter(pl.col("index") < n - 1).drop("id"))


@pytest.mark.parametrize("rule", RULES)
def test_cool_down_order_and_sides(bars: pl.DataFrame, rule: str) -> None:
    found = find(bars, replace(PARAMS, rule=rule, cooldown_bars=7, every_bars=9))
    assert found["ts"].is_sorted()
    for (_,), part in found.group_by("symbol"):
        assert part["index"].diff().min() > 7  # type: ignore[operator]
    assert set(found["side"]) == {1, -1}
    assert set(find(bars, replace(PARAMS, rule=rule, sides="short"))["side"]) == {-1}


def test_breakout_by_hand() -> None:
    close = [1.0, 2.0, 3.0, 2.5, 3.0, 3.1, 0.5]
    series = pl.Series(close)
    signals = RULES["breakout"](series, series, series, replace(PARAMS, lookback_bars=2))
    # Bar 2 exceeds max(1, 2); bar 4 only equals max(3, 2.5); bar 5 exceeds max(2.5, 3); bar 6 falls below min(3, 3.1).
    assert signals.tolist() == [0, 0, 1, 0, 0, 1, -1]


def test_ma_cross_by_hand() -> None:
    series = pl.Series([3.0, 2.0, 1.0, 2.0, 4.0, 1.0, 0.0])
    signals = RULES["ma_cross"](series, series, series, replace(PARAMS, fast_bars=1, slow_bars=3))
    # Slow averages from bar 2: 2, 1.67, 2.33, 2.33, 1.67; the close is above them at bars 3 and 4.
    assert signals.tolist() == [0, 0, 0, 1, 0, -1, 0]


def test_mean_reversion_by_hand() -> None:
    series = pl.Series([1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 4.0])
    signals = RULES["mean_reversion"](series, series, series, replace(PARAMS, lookback_bars=3, deviations=1.1))
    # Means from bar 2: 1, 0.67, 0.33, 0.33, 1.67; deviations 0, 0.58, 0.58, 0.58, 2.08. Bars 3, 5 and 6 lie 1.15, 1.15
    # and 1.12 deviations away; bar 6 is still above.
    assert signals.tolist() == [0, 0, 0, 1, 0, -1, 0]


def test_every_bar_by_hand() -> None:
    series = pl.Series([1.0] * 6)
    for sides, cooldown, expected in (
        ("both", 0, [1, -1, 1, -1, 1, -1]),
        ("both", 1, [1, 1, -1, -1, 1, 1]),
        ("long", 0, [1] * 6),
        ("short", 0, [-1] * 6),
    ):
        params = replace(PARAMS, rule="every_bar", sides=sides, cooldown_bars=cooldown)
        assert RULES["every_bar"](series, series, series, params).tolist() == expected


def test_what_the_last_bar_signals_is_counted(bars: pl.DataFrame) -> None:
    table, left_out, _ = find_entries(bars, replace(PARAMS, rule="every_bar", cooldown_bars=0))
    assert table.height == 2 * 299
    assert left_out == {"before the first bar": 0, "on or after the last bar": 2, LONG: 0}


DAY = dt.datetime(2020, 1, 5, tzinfo=dt.UTC)
MOMENTS = [
    ("2020-01-05", 4),
    ("2020-01-05T00:00:00Z", 4),
    ("2020-01-05 23:59:59", 4),
    ("2020-01-05T03:17:05+05:00", 3),
    ("20200105", 4),
    ("1578182400", 4),
    ("1578182400000", 4),
]


def listed(folder: Path, rows: str, head: str = "id,symbol,ts,side", **changes: object) -> EntryParams:
    (folder / "e.csv").write_text(f"{head}\n{rows}\n")
    return replace(PARAMS, rule="file", file=str(folder / "e.csv"), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("moment", "index"), MOMENTS)
def test_a_listed_entry_stands_at_the_bar_that_holds_it(
    bars: pl.DataFrame, tmp_path: Path, moment: str, index: int
) -> None:
    table, left_out, _ = find_entries(bars, listed(tmp_path, f"007,A,{moment},1"))
    assert dict(table.schema) == LIST
    assert table["id"].to_list() == ["007"]
    assert index_entries(table, bars)["index"].to_list() == [index]
    assert set(left_out.values()) == {0}


def test_an_entry_in_a_pause_waits_for_the_next_open(bars: pl.DataFrame, tmp_path: Path) -> None:
    """The bar before it is the last that was known; its fill at the next open comes after it."""
    paused = bars.filter(pl.col("ts").dt.day() != 6)
    placed = find(paused, listed(tmp_path, "1,A,2020-01-06T12:00:00,1"))
    assert placed["ts"].to_list() == [DAY]
    assert paused.filter(pl.col("symbol") == "A")["ts"][placed["index"][0] + 1] == DAY + dt.timedelta(days=2)


def test_entries_that_wait_over_a_hole_are_counted_and_beyond_the_limit_left_out(
    bars: pl.DataFrame, tmp_path: Path
) -> None:
    """No bars of A from the 6th to the 9th: the bar of the 5th closes at the 6th, the next one opens on the 10th."""
    holed = bars.filter(
        (pl.col("symbol") == "B") | ~pl.col("ts").dt.date().is_between(dt.date(2020, 1, 6), dt.date(2020, 1, 9))
    )
    rows = "1,A,2020-01-05,1\n2,A,2020-01-05 13:00,1\n3,A,2020-01-07 12:00,1\n4,A,2020-01-09 21:00,1\n5,B,2020-01-07,1"
    days = {"1": 4.0, "2": 4.0, "3": 2.5, "4": 0.125, "5": 0.0}
    for limit in (366.0, 4.0, 3.0, 0.125, 0.1, 0.0):
        table, left_out, waits = find_entries(holed, listed(tmp_path, rows, max_wait_days=limit))
        kept = {name: wait for name, wait in days.items() if wait <= limit}
        found = zip(table["id"], waits, strict=True)
        assert {name: wait / dt.timedelta(days=1) for name, wait in found} == kept
        assert left_out[LONG] == 5 - len(kept)
    every = replace(PARAMS, rule="every_bar", cooldown_bars=0, max_wait_days=3.9)
    table, left_out, waits = find_entries(holed, every)
    assert (table.height, left_out[LONG], waits.max()) == (294 + 299, 1, dt.timedelta())


@pytest.mark.parametrize("side", ["1", "+1", "1.0", "long", "BUY", " Long "])
def test_sides_of_any_spelling(bars: pl.DataFrame, tmp_path: Path, side: str) -> None:
    other = {"1": "-1", "+1": "-1", "1.0": "-1.0", "long": "short", "BUY": "SELL", " Long ": "Short"}[side]
    table, _, _ = find_entries(bars, listed(tmp_path, f"1,A,2020-01-05,{side}\n2,B,2020-01-05,{other}"))
    assert table["side"].to_list() == [1, -1]


def test_other_columns_zone_price_and_quantity(bars: pl.DataFrame, tmp_path: Path) -> None:
    columns = EntryColumns("", "pair", "time", "way", "paid", "size")
    params = listed(
        tmp_path,
        "A,2020-01-05 20:00,buy,101.5,3\nB,2020-01-04,sell,,",
        "pair,time,way,paid,size",
        columns=columns,
        zone="America/New_York",
    )
    assert find_entries(bars, params)[0].rows() == [
        ("2", "B", DAY - dt.timedelta(days=1), -1, None, None),
        ("1", "A", DAY + dt.timedelta(days=1), 1, 101.5, 3.0),
    ]


def test_typed_columns(bars: pl.DataFrame, tmp_path: Path) -> None:
    rows = {"id": [7, 8], "symbol": ["B", "A"], "ts": [DAY, DAY], "side": [-1.0, 1.0]}
    frame = pl.DataFrame(rows).with_columns(pl.col("symbol").cast(pl.Categorical))
    frame.write_parquet(tmp_path / "e.parquet")
    table, _, _ = find_entries(bars, replace(PARAMS, rule="file", file=str(tmp_path / "e.parquet")))
    assert table.select("id", "symbol", "ts", "side").rows() == [("8", "A", DAY, 1), ("7", "B", DAY, -1)]


def test_listed_entries_without_a_fill_are_counted(bars: pl.DataFrame, tmp_path: Path) -> None:
    params = listed(tmp_path, "1,A,1999-01-01,1\n2,A,2020-10-26,1\n3,B,2030-01-01,1\n4,A,2020-01-05,1")
    table, left_out, _ = find_entries(bars, params)
    assert table["id"].to_list() == ["4"]
    assert left_out == {"before the first bar": 1, "on or after the last bar": 2, LONG: 0}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2,A,2020-01-05,up", r"e\.csv: side must be 1, -1, long, .* was 'up' in row 2; mend the file"),
        ("2,A,2020-01-05,", r"side must be .*, was None in row 2"),
        ("2,A,soon,1", r"ts must be a time .*, was 'soon' in row 2"),
        ("2,A,,1", r"ts must be a time .*, was None in row 2"),
        ("2,A,43832,1", r"times that are whole numbers must be dates .* was 43832 in row 2"),
        (",A,2020-01-05,1", r"id must be given, was None in row 2"),
        ("1,A,2020-01-05,1", r"id must not repeat, was '1' in row 1, and in 1 others"),
        ("2,,2020-01-05,1", r"symbol must be given, was None in row 2"),
        ("2,Z,2020-01-05,1", r"symbol must be one of the checked bars \(A, B\), was 'Z' in row 2; ingest it"),
        ("2,A,2020-01-05,1,9,9", r"e\.csv:3: must have at most 4 fields, was 6"),
    ],
)
def test_a_bad_row_is_named(bars: pl.DataFrame, tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_entries(bars, listed(tmp_path, f"1,A,2020-01-04,1\n{row}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"e\.csv: must hold a header and rows, was empty"),
        ("id,symbol,ts,side,paid\n", r"e\.csv: must hold entries, was without rows"),
        ("id,symbol\n1,2\n", r"entries\.columns\.ts: must be a column of e\.csv \(id, symbol\)"),
        ("id,symbol,ts,side\n1,A,2020-01-05,1\n", r"entries\.columns\.price: must be a column"),
        ("id,symbol,ts,side,paid\n1,A,2020-01-05,1,-3\n", r"paid must be empty or a number above 0, was '-3' in row 1"),
    ],
)
def test_a_bad_list_is_refused(bars: pl.DataFrame, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    columns = replace(PARAMS.columns, price="paid")
    with pytest.raises(ValueError, match=message):
        find_entries(bars, replace(PARAMS, rule="file", file=str(tmp_path / "e.csv"), columns=columns))


def test_bad_parameters_are_refused() -> None:
    for change, message in (
        ({"rule": "file", "file": ""}, r"evaluate\.entries\.file: must name a file"),
        ({"deviations": 0.0}, r"evaluate\.entries\.deviations: must lie in \(0, 20\], was 0\.0"),
        ({"max_wait_days": -1.0}, r"evaluate\.entries\.max_wait_days: must lie in \[0, 366\], was -1\.0"),
        ({"zone": "Mars"}, r"evaluate\.entries\.zone: must be a time zone, was 'Mars'"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(PARAMS, **change)  # type: ignore[arg-type]


def test_the_stage_writes_the_table(
    bars: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = listed(tmp_path, "1,A,2020-01-05,1,5,6\n2,A,1999-01-05,-1,5,6", "id,symbol,ts,side,price,quantity")
    params = replace(params, columns=EntryColumns(*LIST))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(entries, "section", lambda *_: params)
    monkeypatch.setattr(entries, "read_bars", lambda: bars)
    entries.main()
    assert pl.read_parquet("data/entries.parquet").rows() == [("1", "A", DAY, 1, 5.0, 6.0)]
    printed = capsys.readouterr().out
    assert "entries: 1 long, 0 short by the rule file" in printed
    assert "entries: 1 left out, before the first bar of their symbol" in printed
    assert "your prices and quantities are kept beside" in printed


def test_the_example_list_is_sound() -> None:
    params = section("evaluate.entries", EntryParams, ROOT / "params.yaml")
    path = ROOT / params.file
    days = pl.datetime_range(dt.datetime(2003, 1, 1), dt.datetime(2019, 1, 1), "1d", time_zone="UTC", eager=True)
    frames = [pl.DataFrame({"symbol": symbol, "ts": days}) for symbol in ("SPX", "NASDAQ")]
    table, left_out, _ = find_entries(pl.concat(frames), replace(params, rule="file", file=str(path)))
    assert table.height == 8
    assert set(left_out.values()) == {0}
