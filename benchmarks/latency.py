"""Live latencies from Python: one tick to all actions, one bar, and loading; beside onnxruntime."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnxruntime
from arch.data import sp500, vix
from onnx import TensorProto, helper, numpy_helper

from benchmarks.measure import Row, latencies, medians
from inference import Engine

EXPORTS = ("artifacts/exports/stop.pt", "artifacts/exports/exit.pt")
DAY = 86_400_000_000
Bar = tuple[int, float, float, float, float, float]


def real_bars() -> list[Bar]:
    """The S&P 500's daily bars that arch ships, the VIX aside."""
    frame = sp500.load()
    ts = frame.index.to_numpy().astype("datetime64[us]").astype(np.int64)
    columns = [frame[c].to_numpy(float) for c in ("Open", "High", "Low", "Close", "Volume")]
    opening, high, low, close, volume = columns
    high, low = np.maximum.reduce([opening, high, close]), np.minimum.reduce([opening, low, close])
    return list(zip(*(c.tolist() for c in (ts, opening, high, low, close, volume)), strict=True))


def warm_engine(bars: list[Bar]) -> Engine:
    """An engine whose nets speak: fed with bars and the VIX in the order of time."""
    engine = Engine.load(*EXPORTS)
    values = vix_values() if engine.spec.series_names() else iter(())
    value = next(values, None)
    for bar in bars:
        engine.on_bar("SPX", *bar)
        while value and value[0] <= bar[0] + 2 * DAY:
            engine.on_input("SPX", "vix", *value)
            value = next(values, None)
    return engine


def vix_values() -> Iterator[tuple[int, float]]:
    frame = vix.load().dropna()
    for ts, value in zip(frame.index.to_numpy().astype("datetime64[us]").astype(np.int64), frame["vix"], strict=True):
        yield int(ts) + DAY, float(value)


def onnx_net() -> onnxruntime.InferenceSession:
    """The 48-64-64-16 ReLU net of the budget, random weights."""
    rng = np.random.default_rng(0)
    nodes, weights = [], []
    for i, (a, b) in enumerate([(48, 64), (64, 64), (64, 16)]):
        weights += [
            numpy_helper.from_array(rng.normal(0, a**-0.5, (a, b)).astype(np.float32), f"w{i}"),
            numpy_helper.from_array(np.zeros(b, np.float32), f"b{i}"),
        ]
        nodes.append(helper.make_node("Gemm", [f"h{i}", f"w{i}", f"b{i}"], [f"z{i}" if i < 2 else "y"]))
        if i < 2:
            nodes.append(helper.make_node("Relu", [f"z{i}"], [f"h{i + 1}"]))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("h0", TensorProto.FLOAT, [1, 48])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 16])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def decision_tick(engine: Engine, price: float, calls: int = 200_000) -> Row:
    """Every tick runs both nets and all steps for one position that neither stop nor target closes."""
    engine.open("SPX", 1, price, 1.0, 0, stop=price * 0.9, target=price * 1.1)
    rng = np.random.default_rng(0)
    prices = (price * (1 + rng.uniform(-0.004, 0.004, calls))).tolist()
    tick = engine.on_tick
    ours = latencies(lambda i: tick("SPX", i, prices[i]), calls, 2_000)
    assert engine.status("SPX") == "model", "the nets must have decided"
    assert not (engine.on_tick("SPX", 0, price)["kind"] == 3).any(), "no tick may have been an exit"
    session, x = onnx_net(), {"h0": np.zeros((1, 48), np.float32)}
    peer = latencies(lambda _: session.run(None, x), 50_000, 2_000)
    return Row(
        "decision_tick",
        "µs",
        float(np.median(ours)) / 1e3,
        float(np.percentile(ours, 99)) / 1e3,
        float(np.percentile(ours, 99.9)) / 1e3,
        "onnxruntime, one 48-64-64-16 net",
        float(np.median(peer)) / 1e3,
        "p99 <= 5 µs, below the peer",
    )


def bar_update(bars: list[Bar]) -> Row:
    """One bar through all features of one symbol, nets prepared."""
    engine = warm_engine(bars[:1000])
    rest = bars[1000:]
    ours = latencies(lambda i: engine.on_bar("SPX", *rest[i]), len(rest), 0)[200:]
    p99, p999 = (float(np.percentile(ours, p)) / 1e3 for p in (99, 99.9))
    return Row("bar_update", "µs", float(np.median(ours)) / 1e3, p99, p999, budget="p99 <= 20 µs")


def run() -> list[Row]:
    """decision_tick, bar_update, engine_load."""
    bars = real_bars()
    engine = warm_engine(bars)
    (load,) = medians([lambda: Engine.load(*EXPORTS)], 15)
    return [
        decision_tick(engine, bars[-1][4]),
        bar_update(bars),
        Row("engine_load", "ms", load * 1e3, budget="<= 50 ms"),
    ]
