"""An exchange in ccxt's own interface, which pages, fails and breaks its connection as real ones do."""

import asyncio
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import ccxt
import polars as pl
import pytest

from part_reading import whole
from pipelines.ingest import ingest
from pipelines.params import section
from pipelines.partitions import read_series, symbols_in
from pipelines.sources import IngestParams
from pipelines.sources.ccxt import CcxtParams, read_ccxt
from pipelines.sources.ccxt_live import live_bars
from pipelines.sources.tables import BARS, SERIES, TRADES

ROOT = Path(__file__).parents[3]
HOUR = 3_600_000
START = dt.datetime(2023, 1, 30, tzinfo=dt.UTC)
BEGIN = int(START.timestamp() * 1000)
NOW = BEGIN + 100 * HOUR + HOUR // 2
PARAMS = CcxtParams("none", "fake", ("ohlcv",), "1h", START.date(), None, 7, 3, 0.001)
HOLE = range(30, 50)


class Fake(ccxt.Exchange):
    """Hourly bars from BEGIN with a hole, the running one among them; trades, several of one time; funding."""

    calls: ClassVar[list[tuple]] = []
    symbols: ClassVar[set[str]] = set()
    failures: ClassVar[list[Exception]] = []
    now = NOW
    hole = HOLE

    def describe(self) -> dict:
        has = {"fetchOHLCV": True, "fetchTrades": True, "fetchFundingRateHistory": True}
        return self.deep_extend(super().describe(), {"id": "fake", "has": has, "timeframes": {"1h": "1h"}})

    def milliseconds(self) -> int:
        return self.now

    def answer(self, name: str, since: int, limit: int, rows: list, time_of) -> list:
        self.calls.append((name, since))
        if self.failures:
            raise self.failures.pop(0)
        return [row for row in rows if time_of(row) >= since][:limit]

    def fetch_ohlcv(self, symbol, timeframe="1m", since=None, limit=None, params=None) -> list:
        rows = [[BEGIN + i * HOUR, i, i + 2, i - 1, i + 1, 5.0] for i in range(102) if i not in self.hole]
        rows = [row for row in rows if row[0] <= self.now]
        # A page reaches from `since` over so many hours, as many exchanges count, holes included.
        rows = [row for row in rows if row[0] < since + limit * HOUR]
        return self.answer("ohlcv", since, limit, rows, lambda row: row[0])

    def fetch_trades(self, symbol, since=None, limit=None, params=None) -> list:
        rows = [
            {
                "id": str(i),
                "timestamp": BEGIN + i // 3 * 1000,
                "price": 10.0 + i,
                "amount": 1.0,
                "side": "buy" if i % 2 else "sell",
            }
            for i in range(50)
        ]
        return self.answer("trades", since, limit, rows, lambda row: row["timestamp"])

    def fetch_funding_rate_history(self, symbol=None, since=None, limit=None, params=None) -> list:
        self.symbols.add(symbol)
        rows = [{"timestamp": BEGIN + i * 8 * HOUR, "fundingRate": i / 1e4} for i in range(12)]
        return self.answer("funding", since, limit, rows, lambda row: row["timestamp"])


@pytest.fixture(autouse=True)
def fake(monkeypatch: pytest.MonkeyPatch) -> type[Fake]:
    monkeypatch.setattr(ccxt, "fake", Fake, raising=False)
    Fake.calls, Fake.symbols, Fake.failures, Fake.now = [], set(), [], NOW
    return Fake


def read(tmp_path: Path, table: str, **changes: object) -> pl.DataFrame:
    parts = read_ccxt(replace(PARAMS, path=str(tmp_path), **changes), ("BTC/USDT",))  # type: ignore[arg-type]
    return pl.concat(whole(part)[table] for part in parts)


def test_bars_of_all_pages_without_the_running_one(tmp_path: Path) -> None:
    bars = read(tmp_path, "bars")
    assert dict(bars.schema) == BARS
    assert bars["open"].to_list() == [i for i in range(100) if i not in HOLE]
    assert bars.row(1) == ("BTC/USDT", START + dt.timedelta(hours=1), 1, 3, 0, 2, 5)


def test_a_month_that_is_over_is_asked_for_once(tmp_path: Path, fake: type[Fake]) -> None:
    first = read(tmp_path, "bars")
    february = int(dt.datetime(2023, 2, 1, tzinfo=dt.UTC).timestamp() * 1000)
    fake.calls.clear()
    fake.now += HOUR
    second = read(tmp_path, "bars")
    assert min(since for _, since in fake.calls) > february + 40 * HOUR, "nor are the running month's settled pages"
    assert second["open"].to_list() == [*first["open"], 100]
    keys = [part.key for part in read_ccxt(replace(PARAMS, path=str(tmp_path)), ("BTC/USDT",))]
    assert keys == ["ccxt-fake-BTC/USDT-1h-2023-01", "ccxt-fake-BTC/USDT-1h-2023-02"]


def test_trades_of_one_time_on_two_pages_come_once(tmp_path: Path) -> None:
    trades = read(tmp_path, "trades", kinds=("trades",), end=dt.date(2023, 1, 31))
    assert dict(trades.schema) == TRADES
    assert trades["price"].to_list() == [10.0 + i for i in range(50)]
    assert trades["side"].to_list() == [-1, 1] * 25
    with pytest.raises(ValueError, match=r"ingest\.ccxt\.page_rows: must exceed the rows of one time"):
        read(tmp_path / "small", "trades", kinds=("trades",), page_rows=2)


def test_funding(tmp_path: Path) -> None:
    series = read(tmp_path, "series", kinds=("funding",))
    assert dict(series.schema) == SERIES
    assert series["value"].to_list() == [i / 1e4 for i in range(12)]
    assert series["name"].unique().to_list() == ["funding"]


def test_funding_meets_bars_of_another_source_in_one_symbol(tmp_path: Path, fake: type[Fake]) -> None:
    """The exchange is asked by its own name of the symbol, for what the section wants alone."""
    shipped = section("ingest", IngestParams, ROOT / "params.yaml")
    perp = {"source": "ccxt", "kinds": ["funding"], "symbols": ["BTC"], "aliases": {"BTC/USDT:USDT": "BTC"}}
    asked = replace(PARAMS, path=str(tmp_path / "kept"))
    columns = replace(shipped.folder.columns, ts="t")
    (tmp_path / "bars").mkdir()
    (tmp_path / "bars/BTC.csv").write_text("t,open,high,low,close,volume\n2023-01-30,1,1,1,1,1\n")
    params = replace(
        shipped, sources=("arch", "folder", "perp"), symbols=("SPX", "BTC"), sections={"perp": perp}, ccxt=asked,
        folder=replace(shipped.folder, path=str(tmp_path / "bars"), columns=columns),
    )  # fmt: skip
    ingest(params, tmp_path / "data")
    series = read_series(tmp_path / "data/series").filter(pl.col("name") == "funding")
    assert series["symbol"].unique().to_list() == ["BTC"]
    assert symbols_in(tmp_path / "data/bars") == ["BTC", "SPX"]
    assert fake.symbols == {"BTC/USDT:USDT"}


def test_outages_and_rate_limits_are_waited_for(tmp_path: Path, fake: type[Fake]) -> None:
    fake.failures = [ccxt.RateLimitExceeded("slow down"), ccxt.RequestTimeout("late")]
    assert read(tmp_path, "bars").height == 80
    fake.failures = [ccxt.ExchangeNotAvailable("down")] * 9
    with pytest.raises(ValueError, match=r"must answer within 3 attempts, was ExchangeNotAvailable \(down\)"):
        read(tmp_path / "again", "bars")
    fake.failures = [ccxt.BadSymbol("what is BTC")]
    fake.calls.clear()
    with pytest.raises(ValueError, match="BadSymbol"):
        read(tmp_path / "again", "bars")
    assert len(fake.calls) == 1, "what waiting cannot mend is not tried again"


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest\.symbols: must be named"):
        list(read_ccxt(PARAMS, ()))
    with pytest.raises(ValueError, match=r"ingest\.ccxt\.exchange: must be one of ccxt's, was 'fkae'"):
        list(read_ccxt(replace(PARAMS, exchange="fkae"), ("X",)))
    for change, message in (
        ({"kinds": ()}, "kinds: must name one or more"),
        ({"end": START.date()}, "end: must lie after start"),
        ({"page_rows": 1}, "page_rows: must lie in"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(PARAMS, **change)


class Capped(Fake):
    """As OKX and Coinbase: fewer rows than asked for, counted from `since` on, holes included."""

    hole = range(60, 70)

    def fetch_ohlcv(self, symbol, timeframe="1m", since=None, limit=None, params=None) -> list:
        return super().fetch_ohlcv(symbol, timeframe, since, min(limit, 3))


class Hourly(Fake):
    """As Binance: trades of one hour from `since` on; two days of them, with a pause between."""

    moments = (*range(0, 50), *range(200, 250))

    def fetch_trades(self, symbol, since=None, limit=None, params=None) -> list:
        times = [BEGIN + i * HOUR // 4 for i in self.moments]
        rows = [{"id": str(t), "timestamp": t, "price": 1.0, "amount": 1.0, "side": "buy"} for t in times]
        rows = [row for row in rows if row["timestamp"] < since + HOUR]
        return self.answer("trades", since, limit, rows, lambda row: row["timestamp"])


class Latest(Fake):
    """As Kraken: its latest rows whatever is asked for."""

    def fetch_ohlcv(self, symbol, timeframe="1m", since=None, limit=None, params=None) -> list:
        begin = self.now // HOUR - 9
        return self.answer("ohlcv", since, 10, [[i * HOUR, 1, 1, 1, 1, 1] for i in range(begin, begin + 10)], max)

    def fetch_trades(self, symbol, since=None, limit=None, params=None) -> list:
        return []


def test_an_exchange_may_answer_with_fewer_bars_than_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt, "fake", Capped)
    assert read(tmp_path, "bars", page_rows=100)["open"].to_list() == [i for i in range(100) if i not in Capped.hole]


def test_trades_go_on_after_a_quiet_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt, "fake", Hourly)
    trades = read(tmp_path, "trades", kinds=("trades",), page_rows=1000)
    assert [(ts - START) // dt.timedelta(minutes=15) for ts in trades["ts"]] == list(Hourly.moments)


def test_an_exchange_with_its_latest_rows_alone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ccxt, "fake", Latest)
    message = r"ingest\.ccxt\.start: .* was 2023-01-30; of BTC/USDT it gives its latest 10 rows alone, from 2023-02-02"
    with pytest.raises(ValueError, match=message):
        read(tmp_path, "bars")
    assert not list(tmp_path.rglob("*.parquet"))
    with pytest.raises(ValueError, match="must lie where the exchange still answers, was 2023-02-01"):
        read(tmp_path, "bars", start=dt.date(2023, 2, 1))


def test_a_symbol_that_was_listed_late(tmp_path: Path) -> None:
    early = {"start": dt.date(2022, 12, 1), "page_rows": 40}
    assert read(tmp_path, "bars", **early)["open"].to_list() == [i for i in range(100) if i not in HOLE]


def test_months_before_a_listing_are_asked_for_once(
    tmp_path: Path, fake: type[Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Of November and December the exchange says nothing, of January that it begins on the 30th."""
    early = {"start": dt.date(2022, 11, 1), "page_rows": 40}
    first = read(tmp_path, "bars", **early)
    assert "fake has no 1h of BTC/USDT in 2022-11 to 2022-12; kept so" in capsys.readouterr().out
    fake.calls.clear()
    assert read(tmp_path, "bars", **early).equals(first)
    assert min(since for _, since in fake.calls) >= int(dt.datetime(2023, 2, 1, tzinfo=dt.UTC).timestamp() * 1000)
    assert capsys.readouterr().out == ""
    kept = sorted(path.name[:7] for path in tmp_path.rglob("*.parquet") if "running" not in path.name)
    assert kept == ["2022-11", "2022-12", "2023-01"]


def test_what_was_never_answered_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(ccxt, "fake", Latest)
        assert read(tmp_path, "trades", kinds=("trades",)).is_empty()
        out = capsys.readouterr().out
        assert "fake has no trades of BTC/USDT in 2023-01-30 to 2023-02-02; asked again in the next run" in out
    assert read(tmp_path, "trades", kinds=("trades",)).height == 50


def test_pages_stay_when_a_month_breaks_off(tmp_path: Path, fake: type[Fake]) -> None:
    whole = read(tmp_path / "whole", "bars")
    real, fake.failures = Fake.answer, []

    def dying(self: Fake, name: str, since: int, *rest: object) -> list:
        if len(self.calls) >= 3:
            raise ccxt.ExchangeNotAvailable("gone")
        return real(self, name, since, *rest)  # type: ignore[arg-type]

    fake.calls.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fake, "answer", dying)
        with pytest.raises(ValueError, match="gone"):
            read(tmp_path, "bars")
    log = next(tmp_path.glob("fake/**/*.jsonl"))
    assert len(log.read_text().splitlines()) == 3
    with log.open("a") as stream:
        stream.write("[16750")  # torn by a kill
    fake.calls.clear()
    assert read(tmp_path, "bars").equals(whole)
    assert fake.calls[0][1] == BEGIN + 21 * HOUR


def test_a_month_settles_before_it_counts_as_over(tmp_path: Path, fake: type[Fake]) -> None:
    fake.now = int(dt.datetime(2023, 2, 1, 0, 30, tzinfo=dt.UTC).timestamp() * 1000)
    read(tmp_path, "bars")
    assert all("running" in path.name for path in tmp_path.rglob("*.parquet"))
    fake.now += HOUR
    read(tmp_path, "bars")
    assert sum("running" not in path.name for path in tmp_path.rglob("*.parquet")) == 1


class Live(Fake):
    """Sends the updates of its script, each at the time of its last bar; an exception in it is raised, a number is the
    hour at which nothing has come for long.
    """

    script: ClassVar[list] = []
    page = 1000
    lag = 0

    async def watch_ohlcv(self, symbol, timeframe="1m", since=None, limit=None, params=None) -> list:
        if not self.script:
            raise IndexError
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        if step is None:
            await asyncio.sleep(3600)
        if isinstance(step, int | float):
            Fake.now = BEGIN + int(step * HOUR)
            await asyncio.sleep(0.01)
            return await self.watch_ohlcv(symbol)
        Fake.now = max(row[0] for row in step) + 1000
        return step

    async def fetch_ohlcv(self, symbol, timeframe, since, limit) -> list:  # type: ignore[override]
        rows = super().fetch_ohlcv(symbol, timeframe, since, min(limit, self.page))
        if not self.lag:
            return rows
        Live.lag -= 1
        return [row for row in rows if row[0] < BEGIN + 3 * HOUR]


@pytest.fixture(autouse=True)
def quick_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The made exchange's clock jumps: who waits for it looks again at once."""
    wait = asyncio.wait
    monkeypatch.setattr(asyncio, "wait", lambda tasks, timeout: wait(tasks, timeout=min(timeout, 0.001)))


def bar(i: int, close: float | None = None) -> list:
    return [BEGIN + i * HOUR, i, i + 2, i - 1, i + 1 if close is None else close, 5.0]


async def collect(script: list) -> list[tuple]:
    exchange, found = Live(), []
    Live.script = list(script)
    Fake.now = max(row[0] for row in script[0]) + 500
    try:
        async for each in live_bars(exchange, "X", "1h", 0.001):
            found.append(each)
    except IndexError:  # the script has ended
        return found
    return found


def expected(*numbers: int) -> list[tuple]:
    return [(ts * 1000, *map(float, values)) for ts, *values in map(bar, numbers)]


@pytest.mark.parametrize(
    ("script", "numbers"),
    [
        ([[bar(1, 1.5)], [bar(1)], [bar(2, 2.2)], [bar(2), bar(3)], [bar(3)]], [1, 2]),
        # Two bars begin while the connection is away, and the open one has moved: all three come from the exchange.
        ([[bar(1, 1.5)], ccxt.NetworkError("gone"), ccxt.NetworkError("gone"), [bar(4)]], [1, 2, 3]),
        ([[bar(1, 1.5)], ccxt.NetworkError("gone"), [bar(2)], [bar(3)]], [1, 2]),
        ([[bar(2)], [bar(1)], [bar(3)]], [2]),  # late news of a closed bar
        ([[bar(1)], [bar(3)], [bar(4)]], [1, 2, 3]),  # skipped without an error
        ([[bar(1), bar(2), bar(3)], [bar(4)]], [3]),  # what closed before the call comes with the first update
        # The stream falls silent: bars come when they have closed for long, and not twice when it speaks again.
        ([[bar(1, 1.5)], 2.1, 3.1, [bar(3, 3.3)], [bar(3)], [bar(4)], [bar(5)]], [1, 2, 3, 4]),
        ([[bar(1, 1.5)], 2.002], []),  # it may yet speak
        ([[bar(1)], 3.002], [1]),  # the second one has ended, not for long
        ([[bar(1)], 2.1, [bar(4)]], [1, 2, 3]),
        ([[bar(1)], 2.1, ccxt.NetworkError("gone"), [bar(2, 2.2)], [bar(3)]], [1, 2]),
    ],
)
def test_live_bars_come_once_when_closed_and_without_holes(script: list, numbers: list[int]) -> None:
    assert asyncio.run(collect(script)) == expected(*numbers)


def test_a_long_outage_is_fetched_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Live, "page", 3)
    script = [[bar(1, 1.5)], ccxt.NetworkError("gone"), [bar(29)], [bar(30)]]
    assert asyncio.run(collect(script)) == expected(*range(1, 30))


def test_answers_that_lag_behind_the_stream_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    script = [[bar(1, 1.5)], ccxt.NetworkError("gone"), [bar(5)], [bar(6)]]
    monkeypatch.setattr(Live, "lag", 2)  # so many answers have nothing behind bar 2
    assert asyncio.run(collect(script)) == expected(1, 2, 3, 4, 5)


def test_the_streams_own_bar_stands_in_where_the_exchange_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "hole", range(0, 9))
    script = [[bar(1)], ccxt.NetworkError("gone"), [bar(2)], [bar(3)]]
    assert asyncio.run(collect(script)) == expected(1, 2)


def test_a_caller_that_stops_leaves_no_task_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stopped() -> int:
        Live.script, Fake.now = [[bar(1)], [bar(2)], [bar(3)], None], BEGIN + HOUR
        bars = live_bars(Live(), "X", "1h", 0.001)
        assert [await anext(bars), await anext(bars)] == expected(1, 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(bars), 0.05)
        await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(stopped()) == 1


def test_live_errors_that_waiting_cannot_mend_are_raised() -> None:
    with pytest.raises(ccxt.AuthenticationError):
        asyncio.run(collect([[bar(1)], ccxt.AuthenticationError("no")]))
