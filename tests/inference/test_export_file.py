"""Damaged or ill-matched exports are refused, each with its reason, and the model in force stays."""

from __future__ import annotations

import numpy as np
import pytest

import handmade_export as handmade
from inference import Engine, ExportError, Net, read_export


@pytest.fixture(scope="module")
def graph():
    return handmade.small_graph()


def test_the_compiled_forward_equals_numpy(tmp_path, graph) -> None:
    """On inputs far beyond the probes, for one, two and three hidden layers of odd widths, and both couplings."""
    x = np.random.default_rng(7).normal(0, 4, (500, len(graph["features"]) + 5)).astype(np.float32)
    for kind in ("stop", "exit"):
        for hidden in ((16,), (64, 64), (33, 80, 7)):
            manifest, weights = handmade.contents(kind, graph, 3, hidden)
            net = Net.load(handmade.write(tmp_path / "net.pt", manifest, weights))
            np.testing.assert_allclose(net.predict(x), handmade.forward(x, manifest, weights), atol=3e-6)


def test_every_flipped_byte_and_every_truncation_is_noticed(tmp_path, graph) -> None:
    path = handmade.write(tmp_path / "stop.pt", *handmade.contents("stop", graph, hidden=(4,)))
    good = path.read_bytes()
    rng = np.random.default_rng(5)
    for at in [
        0,
        1,
        len(good) - 1,
        len(good) - 66,
        len(good) - 80,
        len(good) - 81,
        len(good) - 82,
        *rng.integers(0, len(good), 200),
    ]:
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        with pytest.raises(ExportError, match="seal"):
            read_export(path)
    for size in (0, 10, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(ExportError, match="seal"):
            read_export(path)
    path.write_bytes(good)
    read_export(path)


def test_what_is_wrong_is_named(tmp_path, graph) -> None:
    manifest, weights = handmade.contents("stop", graph)
    cases = [
        (manifest | {"schema": 2}, weights, None, "schema 1, was schema 2"),
        (manifest | {"weights_sha256": "0" * 64}, weights, None, "weights must match"),
        (manifest, weights | {"head.bias": np.full(24, np.nan, np.float32)}, None, "head.bias must be finite"),
        (manifest, weights, np.full((16, 2, 12), 0.5, np.float32), "probes must be reproduced"),
    ]
    for m, w, probes, rule in cases:
        with pytest.raises(ExportError, match=rule):
            Net.load(handmade.write(tmp_path / "stop.pt", m, w, probes))
    with pytest.raises(ExportError, match="readable file"):
        Net.load(tmp_path / "absent.pt")


def test_two_nets_must_belong_together(tmp_path, graph) -> None:
    stop, exit_ = handmade.write_pair(tmp_path, graph)
    other = {**graph, "bar_interval_us": 60_000_000}
    _, foreign = handmade.write_pair(tmp_path, other, seed=1)
    with pytest.raises(ExportError, match="graph_hash: must be the same in both exports"):
        Engine.load(stop, foreign)
    with pytest.raises(ExportError, match="must be the stop net, was exit"):
        Engine.load(exit_, stop)


def test_a_refused_replacement_leaves_the_model_in_force(tmp_path, graph) -> None:
    stop, exit_ = handmade.write_pair(tmp_path, graph)
    engine, untouched = Engine.load(stop, exit_), Engine.load(stop, exit_)
    bars, ts = handmade.random_bars(80)
    for e in (engine, untouched):
        for i in range(80):
            e.on_bar("SPX", int(ts[i]), *(float(bars[c][i]) for c in ("open", "high", "low", "close", "volume")))
    broken = tmp_path / "broken.pt"
    broken.write_bytes(stop.read_bytes()[:-7])
    with pytest.raises(ExportError):
        engine.replace_models(broken, exit_)
    other = handmade.write_pair(tmp_path, {**graph, "bar_interval_us": 60_000_000}, seed=1)
    with pytest.raises(ValueError, match="must carry the feature graph of the engine"):
        engine.replace_models(*other)
    price = float(bars["close"][-1])
    a, b = (e.open("SPX", 1, price, 10, int(ts[-1])) for e in (engine, untouched))
    assert (a.stop, a.target) == (b.stop, b.target)

    engine.replace_models(*handmade.write_pair(tmp_path, graph, seed=2))
    assert engine.stop_manifest["weights_sha256"] != untouched.stop_manifest["weights_sha256"]
    assert engine.features("SPX") == untouched.features("SPX")
