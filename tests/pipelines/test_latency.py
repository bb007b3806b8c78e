"""What is timed: decisions of the nets after the warm-up, with everything that the engine must hear first."""

import numpy as np
import polars as pl
import pytest

import handmade_export as handmade
from inference import Engine
from inference.replay import Bars
from pipelines import latency
from pipelines.latency import PERCENTILES, feed, measure, summarise
from pipelines.sources.tables import SERIES


def bars(symbol: str, n: int, seed: int) -> Bars:
    columns, times = handmade.random_bars(n, seed=seed)
    return Bars(symbol, times, *(columns[name] for name in ("open", "high", "low", "close", "volume")))


def test_percentiles_are_in_microseconds() -> None:
    found = summarise(np.arange(1001) * 1000)
    assert found == pytest.approx({"calls": 1001, "p50": 500.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0})


def test_the_engine_hears_all_symbols_and_values_in_order_of_time() -> None:
    two = {"A": bars("A", 30, 1), "B": bars("B", 30, 2)}
    interval = int(two["A"].ts[1] - two["A"].ts[0])
    known = two["A"].ts[[5, 9]] + interval  # from the close of those bars on
    heard = list(feed(two, {"x": (known, np.array([1.0, 2.0]))}, "A", interval))
    assert [event[0] for event in heard] == sorted(event[0] for event in heard)
    assert len(heard) == 62
    told = [i for i, event in enumerate(heard) if event[1] == "on_input"]
    assert [heard[i][2] for i in told] == [("A", "x", int(at), value) for at, value in zip(known, (1, 2), strict=True)]
    for i, ts in zip(told, known, strict=True):
        closing = ts - interval  # the bar at whose close it may be used
        assert all(event[2][1] < closing for event in heard[:i] if event[1] == "on_bar")
        assert any(event[2][1] == closing for event in heard[i:] if event[1] == "on_bar")


def test_the_nets_decide_with_a_position_open_after_the_warm_up(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "WARM_UP", 120)
    monkeypatch.setattr(latency, "TICKS", 1000)
    exports = handmade.write_pair(tmp_path, handmade.small_graph())
    engine, fresh = Engine.load(*exports), Engine.load(*exports)
    found = measure(engine, {"SPX": bars("SPX", 400, 4)}, pl.DataFrame(schema=SERIES))
    assert found["bar"]["calls"] == 400 - 120
    assert found["tick"]["calls"] == 950
    assert found["model"] > 0.9
    assert found["machine"]
    for kind in ("bar", "tick"):
        times = [found[kind][name] for name in PERCENTILES]
        assert times[0] > 0
        assert times == sorted(times)
    assert engine.positions("SPX"), "one was open to the end"
    with pytest.raises(ValueError, match=r"^bars: must be more than 121 of SPX .*, was 100; ingest more$"):
        measure(fresh, {"SPX": bars("SPX", 100, 4)}, pl.DataFrame(schema=SERIES))
