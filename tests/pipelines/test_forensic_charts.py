"""The figures of what happened in and after the trades, against small tables whose numbers are known."""

import datetime as dt

import polars as pl
import pytest

from pipelines.pages import forensic_charts

MONDAY = dt.datetime(2020, 1, 6, 9, tzinfo=dt.UTC)
TRADES = pl.DataFrame(
    {
        # Monday 09:00 calm: stop, target, time, time; Monday 10:00 wild: target; Wednesday 09:00, regime unknown: stop.
        "entry_ts": [MONDAY] * 4 + [MONDAY.replace(hour=10), MONDAY.replace(day=8)],
        "regime": ["calm"] * 4 + ["wild", None],
        "reason": ["stop", "target", "time", "time", "target", "stop"],
        "r": [-1.0, 2.0, 0.5, -0.7, 1.5, -1.2],
        "after_path": [[0.5, 1.0], [-0.5], [0.1, 0.3], [0.3, 0.5], [-1.5, -2.0], [-0.5, 0.0]],
    }
)


def grid(figure):
    (trace,) = figure.data
    return {
        (regime, at): (value, count)
        for regime, line, counted in zip(trace.y, trace.z, trace.customdata, strict=True)
        for at, value, count in zip(trace.x, line, counted, strict=True)
        if count
    }


def test_hits_count_each_exit_under_its_own_name() -> None:
    panels = forensic_charts.hits(TRADES)
    known = {
        "stop-outs, %, by weekday": {("calm", "Mon"): (25, 4), ("wild", "Mon"): (0, 1), ("unknown", "Wed"): (100, 1)},
        "targets, %, by weekday": {("calm", "Mon"): (25, 4), ("wild", "Mon"): (100, 1), ("unknown", "Wed"): (0, 1)},
        "mean R, by weekday": {("calm", "Mon"): (0.2, 4), ("wild", "Mon"): (1.5, 1), ("unknown", "Wed"): (-1.2, 1)},
        "stop-outs, %, by hour": {("calm", "9"): (25, 4), ("wild", "10"): (0, 1), ("unknown", "9"): (100, 1)},
        "targets, %, by hour": {("calm", "9"): (25, 4), ("wild", "10"): (100, 1), ("unknown", "9"): (0, 1)},
        "mean R, by hour": {("calm", "9"): (0.2, 4), ("wild", "10"): (1.5, 1), ("unknown", "9"): (-1.2, 1)},
    }
    assert list(panels) == list(known)
    for title, cells in known.items():
        found = grid(panels[title])
        assert found.keys() == cells.keys()
        for place, (value, count) in cells.items():
            assert found[place] == (pytest.approx(value), count), (title, place)


def test_hits_write_their_numbers_or_have_a_scale() -> None:
    short = forensic_charts.hits(TRADES)["mean R, by weekday"]
    assert {note.text.split("<")[0] for note in short.layout.annotations} == {"0.20", "1.50", "−1.20"}
    assert short.data[0].showscale is False
    hours = [MONDAY.replace(hour=hour) for hour in range(24)]
    long = pl.DataFrame({"entry_ts": hours, "regime": ["calm"] * 24, "reason": ["stop"] * 24, "r": [-1.0] * 24})
    wide = forensic_charts.hits(long)["mean R, by hour"]
    assert not wide.layout.annotations
    assert wide.data[0].showscale is True


def test_after_the_exit_is_the_mean_of_the_paths_that_reach_so_far() -> None:
    figure = forensic_charts.after_exit(TRADES, bars=2)
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines["stop (2)"].y) == pytest.approx([0.0, 0.0, 0.5])
    assert list(lines["target (2)"].y) == pytest.approx([0.0, -1.0, -2.0])  # one path ends after a bar
    assert list(lines["time (2)"].y) == pytest.approx([0.0, 0.2, 0.4])
    assert list(lines["stop (2)"].x) == [0, 1, 2]
    many = pl.concat([TRADES.filter(pl.col("reason") == "stop")] * 10)
    band, line = forensic_charts.after_exit(many, bars=2).data  # enough of them for quartiles
    assert list(band.y) == pytest.approx([0.0, 0.5, 1.0, 0.0, -0.5, 0.0])
    assert list(line.y) == pytest.approx([0.0, 0.0, 0.5])


OPTIONS = pl.DataFrame(
    {
        "kind": ["stop_times", "stop_times", "stop_times", "target_r", "without", "without"],
        "step": [None, None, None, None, "ml_stop", "ml_stop"],
        "value": [2.0, 0.5, 0.5, float("inf"), None, None],
        "part": ["test", "test", "earlier", "test", "test", "earlier"],
        "difference_bp": [3.0, -2.0, 1.0, 0.5, 4.0, -6.0],
        "low_bp": [1.0, -5.0, 0.0, -0.5, 1.0, -9.0],
        "high_bp": [4.0, 2.0, 7.0, 1.5, 8.0, -1.0],
        "difference_r": [0.3, -0.2, 0.1, 0.05, 0.4, -0.6],
        "mean_bp": [10.0, 5.0, 8.0, 7.5, 11.0, 1.0],
        "changed": [30, 20, 25, 5, 40, 41],
        "trades": [50, 50, 60, 50, 50, 60],
    }
)


def test_what_if_shows_differences_with_their_intervals_on_one_scale() -> None:
    panels = forensic_charts.what_if(OPTIONS)
    assert list(panels) == ["first stop, × the product’s own", "first stop, ATR at the signal", "fixed target, R"]
    earlier, test = panels["first stop, × the product’s own"].data
    assert (earlier.name, test.name) == ("before the test part", "test part")
    assert list(test.x) == ["0.5", "2"]
    assert list(test.y) == [-2.0, 3.0]
    assert (list(test.error_y.array), list(test.error_y.arrayminus)) == ([4.0, 1.0], [3.0, 2.0])
    assert (list(earlier.x), list(earlier.y)) == (["0.5"], [1.0])
    assert list(panels["fixed target, R"].data[1].x) == ["none"]
    ((low, high),) = {tuple(figure.layout.yaxis.range) for figure in panels.values()}
    assert low < -5.0  # the lowest and the highest end of the intervals shown
    assert 7.0 < high < 8.0


def test_the_waterfall_adds_the_steps_and_sets_the_replays_beside_them() -> None:
    steps = pl.DataFrame(
        {
            "level": ["stop", "stop", "target"],
            "step": ["ml_stop", "final", "ml_target"],
            "change_bp": [300.0, -100.0, 450.0],
            "distance_bp": [300.0, 200.0, 450.0],
            "moved": [1.0, 0.5, 1.0],
            "later_moves": [3, 4, 0],
        }
    )
    stop, target, without = forensic_charts.waterfall(steps, OPTIONS).values()
    assert list(stop.data[0].x) == ["ml_stop", "final", "in force"]
    assert list(stop.data[0].y) == [300.0, -100.0, 0.0]
    assert list(stop.data[0].measure) == ["relative", "relative", "total"]
    assert list(stop.data[0].text) == ["+300", "−100", "200"]
    assert list(target.data[0].y) == [450.0, 0.0]
    earlier, test = without.data
    assert (list(test.y), list(test.x)) == (["ml_stop"], [4.0])
    assert (list(test.error_x.array), list(test.error_x.arrayminus)) == ([4.0], [3.0])
    assert (list(earlier.x), list(earlier.error_x.array)) == ([-6.0], [5.0])
    assert [figure.layout.yaxis.title.text for figure in (stop, target)] == [
        "distance of the stop, bp",
        "distance of the target, bp",
    ]
