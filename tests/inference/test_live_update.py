"""One live bar: what `Graph.update` takes, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from features import bar
from features.graph import to_data
from inference import Graph, _native

MINUTE = 60_000_000
ROW = (MINUTE, 2.0, 3.0, 1.0, 2.5, 7.0)


def graph() -> Graph:
    columns = {name: bar(name) for name in ("close", "open", "high", "low", "volume")}
    return Graph(to_data(columns, list(columns), MINUTE))


def test_each_argument_reaches_its_column() -> None:
    live = graph()
    assert live.update(*ROW) == 2.5
    assert dict(zip(live.names, live.values.tolist(), strict=True)) == {
        "close": 2.5,
        "open": 2.0,
        "high": 3.0,
        "low": 1.0,
        "volume": 7.0,
    }


@pytest.mark.parametrize("kind", [np.float64, np.float32, int])
def test_any_number_counts(kind: type) -> None:
    live = graph()
    assert live.update(np.int64(MINUTE), *(kind(x) for x in (2, 3, 1, 2, 7))) == 2.0
    assert live.values.tolist() == [2.0, 2.0, 3.0, 1.0, 7.0]


@pytest.mark.parametrize(
    ("row", "error", "rule"),
    [
        (ROW[:5], TypeError, "takes ts, open, high, low, close and volume, was 5 arguments"),
        ((*ROW, 1.0), TypeError, "was 7 arguments"),
        ((1.5, *ROW[1:]), TypeError, "integer"),
        (("1", *ROW[1:]), TypeError, "integer"),
        ((2**63, *ROW[1:]), OverflowError, "ts: must be microseconds since 1970"),
        ((*ROW[:3], "1", *ROW[4:]), TypeError, "real number"),
        ((*ROW[:5], None), TypeError, "real number"),
        ((*ROW[:3], -1.0, *ROW[4:]), _native.BarError, r"bar\.low: must be a finite price above 0"),
        ((*ROW[:5], -1.0), _native.BarError, r"bar\.volume: must be finite, at least 0"),
    ],
)
def test_what_is_no_bar_is_refused_and_changes_nothing(row: tuple, error: type[Exception], rule: str) -> None:
    live = graph()
    before = live.save()
    with pytest.raises(error, match=rule):
        live.update(*row)
    assert live.save() == before
    assert live.update(*ROW) == 2.5


def test_a_graph_that_was_never_made_is_refused() -> None:
    with pytest.raises(TypeError, match="was one without __init__"):
        _native.Graph.__new__(_native.Graph).update(*ROW)
