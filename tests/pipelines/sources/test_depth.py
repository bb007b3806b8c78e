"""Books: the sequence rules case by case, and real logs against the exchange's own best prices."""

import bisect
import datetime as dt
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from part_reading import whole
from pipelines.sources import depth as source
from pipelines.sources.depth import DepthFile, DepthParams, read_depth
from pipelines.sources.depth_log import books
from pipelines.sources.tables import DEPTH, RECEIPT, SERIES

ROOT = Path(__file__).parents[3]
REAL = Path(os.environ.get("RATCHET_DATA", ROOT.parent / "shared/data")) / "depth"
real = pytest.mark.skipif(not REAL.exists(), reason=f"needs {REAL}, real books that are not part of the project")
SNAPSHOT = {"lastUpdateId": 10, "bids": [["99", "1"], ["98", "2"]], "asks": [["101", "3"], ["102", "4"]]}


def spot(first: int, final: int, ms: int, bids: list = (), asks: list = ()) -> dict:  # type: ignore[assignment]
    data = {"e": "depthUpdate", "E": ms, "s": "X", "U": first, "u": final, "b": list(bids), "a": list(asks)}
    return {"stream": "x@depth", "data": data}


def futures(first: int, final: int, before: int, ms: int) -> dict:
    update = spot(first, final, ms)
    update["data"]["pu"] = before
    return update


def write(path: Path, *messages: dict) -> Path:
    path.write_text("".join(f"1723161253937085768 {json.dumps(message)}\n" for message in messages))
    return path


def lasts(path: Path) -> list[int | None]:
    return [book.last for _, book in books(path, "X")]


def test_the_book_is_the_snapshot_and_what_follows(tmp_path: Path) -> None:
    log = write(
        tmp_path / "a.jsonl",
        spot(5, 9, 1000, bids=[["50", "9"]]),  # inside the snapshot already
        spot(10, 12, 1100, bids=[["99", "0"]]),  # before the snapshot in the log, but reaching over it
        SNAPSHOT,
        spot(13, 13, 1900, asks=[["100.5", "1"]]),
        spot(14, 15, 2000, bids=[["98", "7"], ["97", "1"]], asks=[["101", "0"]]),
    )
    (part,) = read_depth(DepthParams((DepthFile(str(log), "X", "venue", True),), 2, 1000, (10.0,)), ())
    tables = whole(part)
    assert dict(tables["depth"].schema) == {**DEPTH, **RECEIPT}
    assert dict(tables["series"].schema) == SERIES
    at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    assert tables["depth"].select(*DEPTH).rows() == [
        ("X", "venue", at + dt.timedelta(seconds=2), [98.0], [2.0], [100.5, 101.0], [1.0, 3.0]),
        ("X", "venue", at + dt.timedelta(seconds=3), [98.0, 97.0], [7.0, 1.0], [100.5, 102.0], [1.0, 4.0]),
    ]
    # The line's own time, less the exchange's.
    assert tables["depth"]["delay_ms"].to_list() == [1723161253937.085768 - 1900, 1723161253937.085768 - 2000]
    values = {name: value for _, name, ts, value in tables["series"].iter_rows() if ts.second == 3}
    assert values["book_spread_bp"] == pytest.approx(1e4 * 2.5 / 99.25)
    assert values["book_imbalance"] == pytest.approx(6 / 8)
    assert values["book_bid_depth_10bp"] == 0.0


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([SNAPSHOT, spot(8, 10, 1), spot(11, 12, 2)], [12]),  # u = lastUpdateId is inside on spot
        ([SNAPSHOT, spot(11, 12, 1), spot(11, 12, 2), spot(13, 13, 3)], [12, 13]),  # sent twice
        ([SNAPSHOT, futures(5, 9, 4, 1), futures(8, 10, 7, 2), futures(13, 14, 10, 3)], [10, 14]),
        ([SNAPSHOT, spot(11, 12, 1), spot(14, 15, 2), {**SNAPSHOT, "lastUpdateId": 14}, spot(16, 16, 3)], [12, 15, 16]),
        # The snapshot is older than the first difference: the next one mends it.
        ([SNAPSHOT, spot(12, 13, 1), {**SNAPSHOT, "lastUpdateId": 13}, spot(14, 14, 2)], [14]),
    ],
)
def test_sequence_rules(tmp_path: Path, messages: list[dict], expected: list[int]) -> None:
    assert lasts(write(tmp_path / "a.jsonl", *messages)) == expected


@pytest.mark.parametrize(
    ("messages", "line"),
    [
        ([SNAPSHOT, spot(12, 13, 1)], 2),
        ([SNAPSHOT, spot(11, 12, 1), spot(14, 15, 2), spot(16, 16, 3)], 3),
        ([SNAPSHOT, futures(11, 12, 10, 1)], 2),
        ([SNAPSHOT, futures(9, 12, 8, 1), futures(13, 14, 11, 2)], 3),
        ([spot(11, 12, 1)], 1),
    ],
)
def test_a_gap_is_refused_by_its_line(tmp_path: Path, messages: list[dict], line: int) -> None:
    with pytest.raises(ValueError, match=rf"a\.jsonl:{line}: updates must follow each other from a snapshot on"):
        lasts(write(tmp_path / "a.jsonl", *messages))


def test_damaged_logs_are_refused_by_their_line(tmp_path: Path) -> None:
    lacking = spot(11, 11, 1)
    del lacking["data"]["E"]
    with pytest.raises(ValueError, match=r"a\.jsonl:2: must be a snapshot or update .*, was not \(KeyError: 'E'\)"):
        lasts(write(tmp_path / "a.jsonl", SNAPSHOT, lacking))
    whole = gzip.compress(write(tmp_path / "a.jsonl", SNAPSHOT, *(spot(i, i, i) for i in range(11, 99))).read_bytes())
    (tmp_path / "a.jsonl.gz").write_bytes(whole[:-20])
    with pytest.raises(ValueError, match=r"a\.jsonl\.gz:\d+: must be whole, was not"):
        lasts(tmp_path / "a.jsonl.gz")
    other = spot(11, 11, 1)
    other["data"]["s"] = "Y"
    with pytest.raises(ValueError, match=r":2: symbol must be 'X', was 'Y'"):
        lasts(write(tmp_path / "a.jsonl", SNAPSHOT, other))
    (tmp_path / "a.jsonl").write_text('1 {"lastUpdateId": 1, "bi\n')
    with pytest.raises(ValueError, match=r":1: must be a time and JSON"):
        lasts(tmp_path / "a.jsonl")


def test_snapshots_in_parquet(tmp_path: Path) -> None:
    columns = {f"{s}_{k}_{i}": [p + d * i + t for t in range(3)] for s, p, d in (("bid", 10, -1), ("ask", 20, 1))
               for k in ("price", "size") for i in range(3)}  # fmt: skip
    stamps = [1_700_000_000_100, 1_700_000_000_900, 1_700_000_005_000]
    pl.DataFrame({"exchange_timestamp": stamps, **columns}).write_parquet(tmp_path / "a.parquet")
    params = DepthParams((DepthFile(str(tmp_path / "a.parquet"), "X", "v", True),), 2, 1000, (10.0,))
    (part,) = read_depth(params, ())
    depth = whole(part)["depth"]
    assert depth["ts"].dt.epoch("ms").to_list() == [1_700_000_001_000, 1_700_000_006_000]
    assert depth.row(0)[3:] == ([11, 10], [11, 10], [21, 22], [21, 22], None)
    received = pl.Series("timestamp", [stamp / 1e3 + 0.25 for stamp in stamps])
    pl.read_parquet(tmp_path / "a.parquet").with_columns(received).write_parquet(tmp_path / "a.parquet")
    assert whole(part)["depth"]["delay_ms"].round(3).to_list() == [250.0, 250.0]
    pl.DataFrame({"exchange_timestamp": stamps}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(ValueError, match=r"a\.parquet: must have"):
        whole(part)


def test_unsound_books_reach_the_check_and_give_no_figures(tmp_path: Path) -> None:
    log = write(
        tmp_path / "a.jsonl",
        SNAPSHOT,
        spot(11, 11, 1000, bids=[["101", "1"]]),  # crossed
        spot(12, 12, 2000, bids=[["101", "0"]]),
        spot(13, 13, 3000, asks=[["101", "0"], ["102", "0"]]),  # nothing left to buy
    )
    columns = {f"{s}_{k}_0": [p, p, p] for s, p in (("bid", 10.0), ("ask", 20.0)) for k in ("price", "size")}
    columns |= {"bid_price_0": [10.0, 30.0, None], "exchange_timestamp": [1e12, 2e12, 3e12]}
    pl.DataFrame(columns).write_parquet(tmp_path / "b.parquet")
    for path, sound in ((log, [False, True, False]), (tmp_path / "b.parquet", [True, False, False])):
        params = DepthParams((DepthFile(str(path), "X", "v", True),), 2, 1000, (10.0,))
        tables = whole(next(iter(read_depth(params, ()))))
        assert tables["depth"].height == 3
        assert tables["depth"]["ts"].is_in(tables["series"]["ts"].implode()).to_list() == sound


def test_one_venue_feeds_the_series(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", SNAPSHOT, spot(11, 11, 1))
    files = DepthFile(str(log), "X", "spot", False), DepthFile(str(log), "X", "usdm", True)
    first, second = read_depth(DepthParams(files, 2, 1000, (10.0,)), ())
    assert (set(whole(first)), set(whole(second))) == ({"depth"}, {"depth", "series"})
    with pytest.raises(ValueError, match=r"files\[1\]\.series: must be true for one venue of X alone"):
        DepthParams((replace(files[0], series=True), files[1]), 2, 1000, (10.0,))


def test_parameters_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ingest\.depth\.files: must name one or more"):
        list(read_depth(DepthParams((), 2, 1000, (10.0,)), ()))
    with pytest.raises(ValueError, match=r"ingest\.depth\.files\[0\]\.path: must be a file"):
        list(read_depth(DepthParams((DepthFile(str(tmp_path / "no.jsonl"), "X", "v", True),), 2, 1000, (10.0,)), ()))
    for change in ((0, 1000), (10, 0)):
        with pytest.raises(ValueError, match="must lie in"):
            DepthParams((), *change, ())


@pytest.mark.data(str(REAL))
@real
@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_the_rebuilt_book_has_the_exchanges_best_prices(market: str) -> None:
    """The stream bookTicker, which the rebuilding never reads, names the best levels after every update."""
    path = REAL / f"binance_{market}_btcusdt_20240808.jsonl.gz"
    best = {}
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if "@bookTicker" in line:
                data = json.loads(line.split(" ", 1)[1])["data"]
                best[data["u"]] = tuple(float(data[name]) for name in "bBaA")
    ids = sorted(best)
    compared = 0
    for _, book in books(path, "BTCUSDT"):
        at = bisect.bisect_right(ids, book.last) - 1
        if at >= 0 and at + 1 < len(ids):
            assert (*book.bids.peekitem(-1), *book.asks.peekitem(0)) == best[ids[at]]
            compared += 1
    assert compared > 2900


@pytest.mark.data(str(REAL))
@real
def test_real_snapshots_keep_their_hole() -> None:
    file = DepthFile(str(REAL / "hyperliquid_eth_orderbooks.parquet"), "ETH", "hyperliquid", True)
    (part,) = read_depth(DepthParams((file,), 20, 1000, (10.0,)), ())
    depth = whole(part)["depth"]
    steps = depth["ts"].diff().drop_nulls()
    assert steps.min() == dt.timedelta(seconds=1)
    assert steps.max() > dt.timedelta(minutes=3)
    assert depth["bid_price"].list.len().unique().to_list() == [20]


def test_a_long_log_comes_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    updates = [spot(11 + i, 11 + i, 1000 * i, bids=[["99", str(1 + i)]]) for i in range(7)]
    log = write(tmp_path / "a.jsonl", SNAPSHOT, *updates)
    (part,) = read_depth(DepthParams((DepthFile(str(log), "X", "v", True),), 2, 1000, (10.0,)), ())
    at_once = whole(part)
    monkeypatch.setattr(source, "BATCH_BOOKS", 3)
    assert [batch["depth"].height for batch in part.read()] == [3, 3, 1]
    found = whole(part)
    assert found["depth"].equals(at_once["depth"])
    ordered = (each["series"].sort("name", maintain_order=True) for each in (found, at_once))
    assert next(ordered).equals(next(ordered))
