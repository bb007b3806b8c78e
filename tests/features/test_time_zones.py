"""Wall clocks against Python's own, seasons and sessions by them, and the same live, restored and from graph data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

import handmade_export as handmade
from features import bar
from features.calendar import DAY_US, WEEK_US, seasonal_factor
from features.expression import Expr
from features.graph import from_data, merge, to_data
from features.levels import LevelsParams
from features.sessions import session
from features.time_zones import local_time, zone_offsets
from features.volatility import VolatilityParams
from inference import Engine, Graph

HOUR = 3_600_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Tokyo",
    "America/Sao_Paulo",
    "Africa/Casablanca",
)


def wall(zone: str, us: int) -> int:
    """What the clock shows, µs since 1970 on it, by Python's datetime."""
    shown = (EPOCH + timedelta(microseconds=us)).astimezone(ZoneInfo(zone)).replace(tzinfo=UTC)
    return (shown - EPOCH) // timedelta(microseconds=1)


def hourly(first: datetime, hours: int) -> np.ndarray:
    return (first - EPOCH) // timedelta(microseconds=1) + np.arange(hours, dtype=np.int64) * HOUR


def compute(expressions: dict[str, Expr], ts: np.ndarray, volume: np.ndarray | None = None, interval: int = HOUR):
    n = len(ts)
    price = 100.0 + np.arange(n) % 17
    bars = {"open": price, "high": price + 1, "low": price - 1, "close": price, "volume": np.ones(n)}
    return Graph(to_data(expressions, [], interval)).run(
        {**bars, "volume": bars["volume"] if volume is None else volume}, ts
    )


@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_is_pythons_from_1999_to_2030(zone) -> None:
    """Every seven hours, and around every change to the microsecond."""
    closes = hourly(datetime(1999, 1, 1, tzinfo=UTC), 24 * 366 * 32)[::7]
    changes = np.array(zone_offsets(zone)[1::2], np.int64)
    near = changes[(changes > closes[0]) & (changes < closes[-1])]
    closes = np.unique(np.concatenate([closes, *(near + shift for shift in (-HOUR, -1, 0, 1, 2, HOUR))]))
    out = compute({"now": local_time(zone), "before": local_time(zone, before=True)}, closes - 60, interval=60)
    expected = np.array([wall(zone, int(t)) for t in closes])
    assert np.array_equal(out["now"], expected)
    assert np.array_equal(out["before"], [wall(zone, int(t) - 1) + 1 for t in closes])
    assert len(near) > 40 or zone == "Asia/Tokyo"


@pytest.mark.parametrize("month", [3, 11])
@pytest.mark.parametrize(("period", "slots"), [(DAY_US, 24), (WEEK_US, 168)])
def test_slots_are_those_of_the_wall_clock_through_both_changes(month, period, slots) -> None:
    """A plain loop that asks Python for the clock when each bar opens, and when the next one would."""
    zone, decay = "America/New_York", 0.9
    ts = hourly(datetime(2024, month, 1, tzinfo=UTC), 24 * 20)  # clocks change on the 10th of March, 3rd of November
    volume = np.random.default_rng(month).exponential(1.0, len(ts))
    ours = compute({"x": seasonal_factor(bar("volume"), period, slots, decay, zone)}, ts, volume)["x"]
    history: dict[int, list[float]] = {}
    for i, t in enumerate(ts):
        own, coming = (wall(zone, int(moment)) % period * slots // period for moment in (t, t + HOUR))
        history.setdefault(own, []).append(volume[i])
        means = {
            slot: np.average(values, weights=decay ** np.arange(len(values))[::-1]) for slot, values in history.items()
        }
        if wall(zone, int(t) + HOUR) - wall(zone, int(ts[0]) + HOUR) >= period:
            coming = min(means, key=lambda slot: (slot - coming) % slots)
        expected = means[coming] / np.mean(list(means.values())) if coming in means else 1.0
        assert ours[i] == pytest.approx(expected, rel=1e-9), EPOCH + timedelta(microseconds=int(t))


def test_the_busy_hour_stays_at_its_place_of_the_wall_clock() -> None:
    """From 9:30 to 10:30 in New York, winter and summer: an hour of the exchange is one slot; of UTC it is two."""
    zone, half = "America/New_York", HOUR // 2
    ts = hourly(datetime(2023, 1, 1, tzinfo=UTC), 24 * 365) + half
    busy = np.array([wall(zone, int(t)) % DAY_US == 9 * HOUR + half for t in ts])
    volume = np.where(busy, 5.0, 1.0)
    out = compute({name: seasonal_factor(bar("volume"), DAY_US, 48, 0.99, name) for name in ("UTC", zone)}, ts, volume)
    late = np.arange(len(ts)) > len(ts) // 2
    coming = np.append(busy[1:], False)
    assert out[zone][late & coming] == pytest.approx(5 / (28 / 24))
    assert out[zone][late & ~coming] == pytest.approx(1 / (28 / 24))
    assert np.abs(out["UTC"][late] - out[zone][late]).max() > 1


@pytest.mark.parametrize("start", [17.0, 1.5])
@pytest.mark.parametrize("month", [3, 11])
def test_a_session_begins_by_the_wall_clock(start, month) -> None:
    """1:30 comes twice in November: it is one session that has begun."""
    zone = "America/New_York"
    ts = hourly(datetime(2024, month, 1, tzinfo=UTC), 24 * 20)
    volume = np.ones(len(ts))
    out = compute(session(start, zone)._asdict(), ts, volume)
    price = 100.0 + np.arange(len(ts)) % 17
    begun, latest, first = [], -(10**18), 0
    for i, t in enumerate(ts):
        shown = max(wall(zone, int(t) + HOUR - 1) + 1, latest)
        span = -(-(shown - round(start * HOUR)) // DAY_US)
        if i and span != begun[-1]:
            first = i
        begun.append(span)
        latest = shown
        assert out["session_open"][i] == price[first]
        assert out["session_high"][i] == price[first : i + 1].max() + 1
    assert len(set(begun)) in (20, 21)


def test_utc_is_the_graph_that_it_was() -> None:
    assert local_time("UTC") is local_time("Etc/UTC", before=True) is bar("time")
    assert session(21.0) == session(21.0, "UTC")


def test_the_clock_goes_with_the_graph_into_the_live_engine(tmp_path) -> None:
    """Through text and back, and bar by bar in an engine that is saved and restored: the block's own bits."""
    factor = seasonal_factor(bar("volume"), WEEK_US, 7, 0.9, "America/New_York")
    sessions = session(17.0, "America/New_York")._asdict()
    outputs = {"season": factor, **{f"new_york_{name}": level for name, level in sessions.items()}}
    data = to_data(outputs, [], handmade.DAY)
    again = json.loads(json.dumps(data))
    assert from_data(again) == outputs
    bars, ts = handmade.random_bars(300)
    block = Graph(again).run(bars, ts)
    graph, rows = Graph(data), []
    for i, t in enumerate(ts):
        if i == 150:
            fresh = Graph(again)
            fresh.load(graph.save())
            graph = fresh
        graph.update(int(t), *(float(bars[name][i]) for name in ("open", "high", "low", "close", "volume")))
        rows.append(graph.values.copy())
    for k, name in enumerate(graph.names):
        assert np.array(rows)[:, k].tobytes() == block[name].tobytes()
    pair = handmade.write_pair(tmp_path, merge([handmade.small_graph(), again]))
    engine = Engine.load(*pair)
    for i, t in enumerate(ts):
        engine.on_bar("SPX", int(t), *(float(bars[name][i]) for name in ("open", "high", "low", "close", "volume")))
        assert engine.features("SPX")["season"] == block["season"][i]


def test_other_names_and_other_tables_are_refused() -> None:
    for make, name in ((VolatilityParams, "zone"), (LevelsParams, "session_zone")):
        with pytest.raises(ValueError, match=rf"{name}: must be an IANA time zone, was 'New York'"):
            make(**{name: "New York"})
    for table in ((0.0, 1.0), (0.0, 5.0, 1.0, 5.0, 2.0)):
        data = to_data({"x": Expr("local_time", (bar("time"),), {"offsets": table})}, [], HOUR)
        with pytest.raises(ValueError, match=r"local_time\.offsets: must be one offset, and pairs of ascending times"):
            Graph(data)
