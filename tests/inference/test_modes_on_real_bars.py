"""What the intrabar rule is worth on real bars: 15-minute bars of BTCUSDT, with their one-minute bars as detail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from inference.replay import Bars, Conditions, Costs, Entries, replay_levels

BTC = Path(__file__).parents[3] / "shared" / "data" / "spot_1m" / "BTCUSDT.parquet"
COLUMNS = ("open", "high", "low", "close", "volume")


def as_bars(frame: pl.DataFrame) -> Bars:
    columns = (frame[name].to_numpy().astype(np.float64) for name in COLUMNS)
    return Bars("BTCUSDT", frame["ts"].dt.epoch("us").to_numpy(), *columns)


@pytest.mark.data(str(BTC))
@pytest.mark.skipif(not BTC.exists(), reason=f"needs {BTC}, real one-minute bars that are not part of the project")
@pytest.mark.parametrize(("stop", "trail"), [(0.01, np.nan), (0.003, np.nan), (0.001, np.nan), (0.003, 0.003)])
def test_the_true_order_lies_above_the_pessimistic_one(stop, trail) -> None:
    """Breakouts both ways, target twice the stop; one-minute bars, read pessimistically, stand for the truth."""
    minutes = pl.read_parquet(BTC, n_rows=300_000)
    quarter = (
        minutes.group_by_dynamic("ts", every="15m")
        .agg(pl.first("open"), pl.max("high"), pl.min("low"), pl.last("close"), pl.sum("volume"))
        .sort("ts")
    )
    bars, detail = as_bars(quarter), as_bars(minutes)
    high = np.lib.stride_tricks.sliding_window_view(bars.high, 20).max(1)[:-1]
    low = np.lib.stride_tricks.sliding_window_view(bars.low, 20).min(1)[:-1]
    side = np.where(bars.close[20:] > high, 1, np.where(bars.close[20:] < low, -1, 0))[:-1]
    index = np.flatnonzero(side) + 20
    entries = Entries(index, side[index - 20].astype(np.int8))
    distance = stop * bars.close
    distances = (distance, 2 * distance, trail * bars.close)
    mean, ambiguous, left = {}, {}, {}
    for mode in ("pessimistic", "detail", "adaptive"):
        conditions = Conditions(detail=detail if mode == "detail" else None)
        trades = replay_levels(bars, entries, *distances, 96, Costs(), mode, conditions)
        mean[mode] = 1e4 * float(np.mean(trades["pnl"] / trades["fill_price"]))
        ambiguous[mode] = 100 * float((trades["touched_both"] > 0).mean())
        left[mode] = 100 * float((trades["touched_both"] == 2).mean())
    print(
        f"\nstop {stop:.1%} trail {trail:.1%}: {len(index)} trades, ambiguous {ambiguous['pessimistic']:.2f} %, "
        f"after detail {left['detail']:.2f} %,",
        end=" ",
    )
    print(", ".join(f"{mode} {value:+.2f} bp" for mode, value in mean.items()), end=" ")
    assert mean["pessimistic"] <= mean["adaptive"]
    assert mean["pessimistic"] <= mean["detail"]
    assert ambiguous["pessimistic"] == ambiguous["adaptive"]
    assert left["pessimistic"] == left["adaptive"] == 0.0
    assert left["detail"] <= ambiguous["detail"]
