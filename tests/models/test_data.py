import json
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import torch

from features import bar
from features.graph import to_data
from models.data import PARTS, FeatureTable, assemble, minibatches, moments, read_features
from models.nets import KINDS

K = 3
N = 40


@pytest.fixture
def tables():
    ts = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(N)]
    features = pl.DataFrame(
        {
            "symbol": ["A"] * N,
            "ts": ts,
            "sigma": [0.01] * N,
            "atr": [1.0] * N,
            "garch_sigma": [0.02] * N,
            "f": np.arange(N, dtype=float),
            "g": [float("nan")] * 4 + [1.0] * (N - 4),
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC")},
    )
    curve = pl.Series([[1, 1, 0]] * N, dtype=pl.Array(pl.UInt8, K))
    labels = pl.DataFrame(
        {
            "symbol": ["A"] * N,
            "ts": ts,
            "side": pl.Series([1, -1] * (N // 2), dtype=pl.Int8),
            "age": pl.Series([0, 4] * (N // 2), dtype=pl.Int32),
            "end_ts": [t + timedelta(days=10) for t in ts],
            "censored": [False] * (N - 3) + [True] * 3,
            "entry_price": [100.0] * N,
            "unit": [3.0] * N,
            **{name: [0.5] * N for name in ("age_fraction", "unrealised", "peak", "trough")},
            **{name: [0.7] * N for name in ("mae", "mfe", "final")},
            **dict.fromkeys(("hit", "reversal", "reach", "giveback"), curve),
            "part": [PARTS[4 * i // N] if i % 10 else None for i in range(N)],
        },
        schema_overrides={"ts": pl.Datetime("us", "UTC"), "end_ts": pl.Datetime("us", "UTC")},
    )
    return FeatureTable(features, {"features": ["g", "f"]}), labels


def test_rows_are_joined_in_input_order_and_drops_are_counted(tables):
    data = assemble(*tables, KINDS["stop"])
    assert data.dropped == {"censored": 3, "purged": 4, "non-finite": 3}
    assert len(data.rows) == N - 10
    assert data.features == ("g", "f")
    day = (data.rows.ts - data.rows.ts[0]) // 86_400_000_000 + 4  # the first four days are warm-up
    np.testing.assert_array_equal(data.rows.inputs[:, 1], day)
    np.testing.assert_array_equal(data.rows.inputs[:, 2], data.rows.side)
    np.testing.assert_array_equal(data.rows.outcomes[0], [[1, 1, 0], [1, 1, 0]])
    np.testing.assert_allclose(data.rows.return_scale, 0.03)
    assert set(data.rows.of("test").part) == {3}
    assert (data.rows.fresh().age == 0).all()


def test_rows_without_features_are_non_finite(tables):
    table, labels = tables
    short = FeatureTable(table.frame.filter(pl.col("f") != 20.0), table.graph)
    assert assemble(short, labels, KINDS["exit"]).dropped["non-finite"] == 3  # day 20 is purged
    short = FeatureTable(table.frame.filter(pl.col("f") != 21.0), table.graph)
    assert assemble(short, labels, KINDS["exit"]).dropped["non-finite"] == 4


def test_missing_columns_and_empty_parts_are_errors(tables):
    table, labels = tables
    with pytest.raises(ValueError, match="reversal"):
        assemble(table, labels.drop("reversal"), KINDS["stop"])
    with pytest.raises(ValueError, match="calibration"):
        assemble(table, labels.filter(pl.col("part") != "calibration"), KINDS["stop"])


def test_digest_notices_every_array(tables):
    rows = assemble(*tables, KINDS["stop"]).rows
    digest = rows.digest()
    for name in ("inputs", "outcomes", "symbol", "part", "sigma"):
        changed = rows.take(np.ones(len(rows), bool))
        array = getattr(changed, name)
        array[-1] = "B" if name == "symbol" else array[-1] + 1
        assert changed.digest() != digest, name
    assert rows.digest() == digest


def test_a_missing_family_is_named(tmp_path):
    (tmp_path / "volatility").mkdir()
    (tmp_path / "volatility" / "graph.json").write_text(json.dumps({}))
    with pytest.raises(ValueError, match="exhaustion"):
        read_features(tmp_path)


def test_minibatches_cut_each_epoch_anew():
    first, again, second = minibatches(10, 4, 1, 0), minibatches(10, 4, 1, 0), minibatches(10, 4, 1, 1)
    assert [len(b) for b in first] == [4, 4, 2]
    assert sorted(torch.cat(first).tolist()) == list(range(10))
    assert torch.equal(torch.cat(first), torch.cat(again))
    assert not torch.equal(torch.cat(first), torch.cat(second))


def test_moments_leave_state_and_constants_alone():
    x = np.random.default_rng(0).normal(3, 2, (500, 8)).astype("f4")
    x[:, 1] = 7.0
    mean, std = moments(x, 3)
    np.testing.assert_allclose(mean[:3], x[:, :3].mean(0), rtol=1e-5)
    assert std[1] == 1.0
    np.testing.assert_array_equal(mean[3:], 0)
    np.testing.assert_array_equal(std[3:], 1)


def test_the_inputs_of_the_nets_are_chosen_by_name_or_family():
    close = bar("close")
    out = {"sigma": close, "atr": close * 2.0, "garch_sigma": close * 3.0, "a": close.lag(1), "b": close.lag(2)}
    graph = to_data({**out, "c": close.lag(3)}, ["a", "b", "c"], 60)
    table = FeatureTable(pl.DataFrame(), graph, {"lags": ["a", "b"], "more": ["c"]})
    chosen = table.only(["c", "lags"])
    assert chosen.names == ("c", "a", "b")
    assert set(table.only(["b"]).graph["outputs"]) == {"sigma", "atr", "garch_sigma", "b"}
    for wrong in (["d"], [], ["a", "lags"]):
        with pytest.raises(ValueError, match=r"train\.inputs: must name features or families \(lags, more\)"):
            table.only(wrong)
