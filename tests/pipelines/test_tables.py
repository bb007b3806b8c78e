import datetime as dt
from pathlib import Path

import polars as pl

from pipelines.partitions import read_bars, write_part
from pipelines.sources import BARS, OPTIONAL, SERIES
from pipelines.tables import bar_series, series_for

OPEN = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
HOUR = 3_600_000_000


def bars(symbol: str, **optional: list[float | None]) -> pl.DataFrame:
    columns = {name: [1.0, 1.0] for name in list(BARS)[2:]}
    stamps = [OPEN, OPEN + dt.timedelta(hours=1)]
    frame = pl.DataFrame({"symbol": symbol, "ts": stamps, **columns, **optional})
    return frame.cast(pl.Schema({name: kind for name, kind in {**BARS, **OPTIONAL}.items() if name in frame.columns}))


def test_optional_columns_stand_where_any_symbol_has_them(tmp_path: Path) -> None:
    write_part(bars("A"), tmp_path, "x")
    assert read_bars(tmp_path).columns == list(BARS)
    write_part(bars("B", trades=[5, None], taker_buy_volume=[0.5, 0.25]), tmp_path, "x")
    frame = read_bars(tmp_path)
    assert frame.columns == [*BARS, *OPTIONAL]
    assert frame["trades"].to_list() == [None, None, 5, None]
    assert read_bars(tmp_path, ["A"]).columns == list(BARS)


def test_they_reach_features_as_series_from_the_close_of_their_bar_on() -> None:
    frame = pl.concat([bars("A"), bars("B", trades=[5, None], taker_buy_volume=[0.5, 0.25])], how="diagonal")
    series = bar_series(frame, ["taker_buy_volume", "vix"], HOUR)
    assert series["name"].unique().to_list() == ["taker_buy_volume"]
    ts, values = series_for(series, {}, "B", ["taker_buy_volume"], HOUR)["taker_buy_volume"]
    start = int(OPEN.timestamp()) * 1_000_000
    assert ts.tolist() == [start + HOUR, start + 2 * HOUR]
    assert values.tolist() == [0.5, 0.25]
    assert bar_series(frame, ["trades"], HOUR)["value"].to_list() == [5.0], "a bar without a value gives no row"


def test_a_symbols_own_series_comes_before_that_of_all() -> None:
    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    rows = [("*", "fear", day, 1.0), ("A", "fear", day + dt.timedelta(days=1), 2.0), ("B", "other", day, 3.0)]
    frame = pl.DataFrame(rows, schema=SERIES, orient="row")
    assert series_for(frame, {}, "A", ["fear"], HOUR)["fear"][1].tolist() == [2.0]
    assert series_for(frame, {}, "B", ["fear"], HOUR)["fear"][1].tolist() == [1.0]
