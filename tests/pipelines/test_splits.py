import datetime as dt
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.splits import PARTS, SplitParams, split

START = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)


def day(i: int) -> dt.datetime:
    return START + dt.timedelta(days=i)


def frame(days: int, length: int, symbols: tuple[str, ...] = ("A",)) -> pl.DataFrame:
    """Two rows (sides) a bar; a label of `length` bars ends at the close of its last bar."""
    return pl.DataFrame(
        [(s, day(i), day(i + length + 1), side) for s in symbols for i in range(days) for side in (1, -1)],
        schema=["symbol", "ts", "end_ts", "side"],
        orient="row",
    )


PARAMS = SplitParams(day(100).date(), day(150).date(), day(200).date(), 5, 10)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(1, 30), embargo=st.integers(0, 10))
def test_no_label_reaches_into_a_later_part_and_parts_follow_in_time(length: int, embargo: int) -> None:
    done = split(frame(260, length, ("A", "B")), replace(PARAMS, embargo_bars=embargo), horizon_bars=length)
    begins = {part: begin for part, begin, _ in PARAMS.boundaries()}
    for part, later in pairwise(PARTS):
        rows = done.filter(pl.col("part") == part)
        first = done.filter(pl.col("part") == later)["ts"].min()
        assert rows["end_ts"].max() <= begins[later] <= first  # type: ignore[operator]
        assert first == begins[later] + dt.timedelta(days=embargo)  # type: ignore[operator]
    # Purged: exactly the rows that reach over a boundary; both sides of a bar share their fate.
    assert done.filter(pl.col("part") == "train").height == 2 * 2 * (100 - length)
    assert done.group_by("symbol", "ts").agg(pl.col("part").n_unique())["part"].max() == 1


def test_rows_without_labels_are_only_embargoed() -> None:
    done = split(frame(260, 3).drop("end_ts"), PARAMS)
    assert done.filter(pl.col("part").is_null())["ts"].n_unique() == 3 * 5


def test_a_part_shorter_than_warm_up_and_horizon_is_refused() -> None:
    with pytest.raises(ValueError, match=r"split: validation must have at least 60 bars .* was 50"):
        split(frame(260, 3), replace(PARAMS, warmup_bars=50), horizon_bars=10)
    with pytest.raises(ValueError, match=r"split: test must have at least 20 bars .* was 5 \(to the end\)"):
        split(frame(205, 3), PARAMS, horizon_bars=10)


def test_a_part_that_loses_every_row_is_refused() -> None:
    with pytest.raises(ValueError, match="validation must keep rows after purge and embargo"):
        split(frame(260, 3), replace(PARAMS, embargo_bars=50))


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"split\.train_until: must lie before validation_until"):
        replace(PARAMS, train_until=day(150).date())
