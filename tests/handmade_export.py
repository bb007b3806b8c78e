"""Exports made without torch, with a forward pass in plain NumPy: an independent reference for the compiled one."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from features.cross import CrossParams
from features.excursion import ExcursionParams
from features.exhaustion import ExhaustionParams
from features.families import FAMILIES, FeatureParams
from features.flow import FlowParams
from features.graph import graph_hash, merge
from features.levels import LevelsParams
from features.timeframes import TimeframesParams
from features.volatility import VolatilityParams
from inference.policy import RiskPolicy, StopPolicy, TargetPolicy

DAY = 86_400_000_000
GRID = [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.25, 1.5, 1.8, 2.2, 2.7]
HORIZON = 10
STOP_POLICY = StopPolicy(cost=0.002, risk_price=0.3, trail_from_r=0.2)  # moves often, so that tests see moves
DRAW = 2
STATE = ["side", "age_fraction", "unrealised", "peak", "trough"]


def small_params(implied: str = "", others: tuple[str, ...] = (), book: bool = False) -> FeatureParams:
    """All families with short windows; `others` of the family cross."""
    return FeatureParams(
        VolatilityParams(atr_bars=5, window_bars=8, slow_bars=20, realised_bars=(4, 8, 16), implied=implied),
        ExcursionParams(horizon_bars=HORIZON, window_bars=15, recent_bars=5, regime_bars=10, peak_bars=12),
        ExhaustionParams(
            rsi_bars=5,
            adx_bars=5,
            velocity_bars=3,
            volume_bars=10,
            macd_fast_bars=3,
            macd_slow_bars=7,
            macd_signal_bars=4,
            pivot_bars=2,
            aroon_bars=8,
            efficiency_bars=6,
            squeeze_bars=9,
            range_bars=8,
            run_bars=12,
        ),
        LevelsParams(
            pivot_bars=2,
            pivot_volume_bars=8,
            zone_count=6,
            profile_bars=20,
            profile_bins=16,
            node_bins=1,
            prior_bars=(5,),
        ),
        TimeframesParams(interval_days=(2.0, 4.0), bars=2, hurst_bars=20, dimension_bars=8),
        FlowParams(window_bars=8, slow_bars=20, pool_bars=12, hunt_volume=0.5, hunt_half_life_bars=5.0, book=book),
        CrossParams(symbols=others, seed_bars=8, strength_bars=6, change_bars=5),
    )


def small_graph(implied: str = "", others: tuple[str, ...] = (), book: bool = False) -> dict[str, Any]:
    """The graph of small_params, models fitted on noise whose volatility moves."""
    params = small_params(implied, others, book)
    level = np.exp(0.5 * np.sin(np.arange(500) / 30))
    returns = {"SPX": np.random.default_rng(0).normal(0, 0.01, 500) * level}
    return merge([family.graph(params, returns, DAY) for family in FAMILIES.values()])


def forward(x: np.ndarray, manifest: dict[str, Any], weights: dict[str, np.ndarray]) -> np.ndarray:
    """What the manifest says, in float64: scaling, layers, curves, calibration."""
    scaling = manifest["scaling"]
    z = (x.astype(float) - np.float32(scaling["mean"])) / np.float32(scaling["std"])
    z = np.clip(z, -scaling["clip"], scaling["clip"])
    for layer in manifest["layers"]:
        z = z @ weights[f"{layer['name']}.weight"].T.astype(float) + weights[f"{layer['name']}.bias"]
        if layer["activation"] == "relu":
            z = np.maximum(z, 0)
    k = len(manifest["grid"])
    first, second = (np.exp(-np.cumsum(np.logaddexp(0, part), axis=1)) for part in (z[:, :k], z[:, k:]))
    nested = manifest["coupling"] == "nested"
    knots = np.linspace(0, 1, 33)
    a = np.interp(first, knots, manifest["calibration"][0])
    b = np.interp(first * second if nested else second, knots, manifest["calibration"][1])
    return np.stack([a, np.minimum(a, b) if nested else b], axis=1)


def contents(kind: str, graph: dict[str, Any], seed: int = 0, hidden: tuple[int, ...] = (24, 17), **changes: Any):
    """Manifest and weights of a random net."""
    rng = np.random.default_rng([seed, kind == "stop", DRAW])
    f, k = len(graph["features"]), len(GRID)
    sizes = [f + 5, *hidden, 2 * k]
    names = [f"hidden{i}" for i in range(len(hidden))] + ["head"]
    weights = {}
    for name, a, b in zip(names, sizes, sizes[1:], strict=False):
        weights[f"{name}.weight"] = rng.normal(0, a**-0.5, (b, a)).astype(np.float32)
        weights[f"{name}.bias"] = rng.normal(0, 0.1, b).astype(np.float32)
    weights["head.weight"] *= 2.0  # curves that differ between states
    weights["head.bias"] -= 2.0
    stop = kind == "stop"
    manifest: dict[str, Any] = {
        "schema": 1,
        "kind": kind,
        "graph": graph,
        "graph_hash": graph_hash(graph),
        "features": graph["features"],
        "state": STATE,
        "unit": "sigma",
        "atr": "atr",
        "scaling": {
            "mean": [0.1] * (f + 5),
            "std": [1.5] * (f + 5),
            "low": [-50.0] * f,
            "high": [50.0] * f,
            "clip": 8.0,
        },
        "layers": [
            {"name": n, "in": a, "out": b, "activation": "none" if n == "head" else "relu"}
            for n, a, b in zip(names, sizes, sizes[1:], strict=False)
        ],
        "curves": ["hit", "reversal"] if stop else ["reach", "giveback"],
        "coupling": "nested" if stop else "independent",
        "grid": GRID,
        "calibration": [(np.linspace(0, 1, 33) ** p).tolist() for p in (1.2, 0.9)],
        "horizon_bars": HORIZON,
        "bar_interval_us": DAY,
        "trained_until_us": 0,
        "expires_us": 0,
        "symbols": ["SPX"],
        "tables": {"avoided": [0.3] * k, "forgone": [0.9] * k, "edge_weight": 1.0}
        if stop
        else {"unreached": [-0.3] * k, "edge_weight": 1.0},
        "policy": {"stop": asdict(STOP_POLICY), "risk": asdict(RiskPolicy())}
        if stop
        else {"target": asdict(TargetPolicy(min_r=0.3))},
        "data_hash": "0" * 64,
        "git_commit": "0" * 40,
    }
    return manifest | changes, weights


def write(
    path: Path, manifest: dict[str, Any], weights: dict[str, np.ndarray], probes: np.ndarray | None = None
) -> Path:
    """The export file; probe outputs come from `forward` unless given."""
    x = np.random.default_rng(1).normal(0, 1, (16, manifest["layers"][0]["in"])).astype(np.float32)
    with np.errstate(invalid="ignore"):  # of weights that are wrong on purpose
        outputs = forward(x, manifest, weights).astype(np.float32) if probes is None else probes
    files = {"weights.safetensors": save(weights), "probes.safetensors": save({"inputs": x, "outputs": outputs})}
    hashes = {f"{name.split('.')[0]}_sha256": hashlib.sha256(data).hexdigest() for name, data in files.items()}
    files["manifest.json"] = json.dumps(hashes | manifest, sort_keys=True).encode()
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(f"net/extra/{name}", data)
    body = buffer.getvalue()[:-2]  # without the length of the (empty) comment
    comment = b"ratchet-sha256:" + hashlib.sha256(body).hexdigest().encode()
    path.write_bytes(body + len(comment).to_bytes(2, "little") + comment)
    return path


def write_pair(folder: Path, graph: dict[str, Any] | None = None, seed: int = 0, **changes: Any) -> tuple[Path, Path]:
    """Both exports of one graph; `changes` go into both manifests."""
    graph = graph or small_graph()
    return tuple(
        write(folder / f"{kind}{seed}.pt", *contents(kind, graph, seed, **changes)) for kind in ("stop", "exit")
    )


def random_bars(n: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """n daily bars around 100 and their times (µs)."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0.0002, 0.012, n)))
    opening = np.roll(close, 1) * np.exp(rng.normal(0, 0.003, n))
    opening[0] = close[0]
    high = np.maximum(opening, close) * np.exp(rng.exponential(0.004, n))
    low = np.minimum(opening, close) * np.exp(-rng.exponential(0.004, n))
    bars = {"open": opening, "high": high, "low": low, "close": close, "volume": rng.exponential(1e6, n)}
    return bars, np.arange(n, dtype=np.int64) * DAY
