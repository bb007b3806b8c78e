"""The engine: exported models in, bars and ticks through, actions out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference import _native
from inference.actions import ACTION, REASONS
from inference.book import FIGURES, book_figures, depth_names, depth_ranges
from inference.errors import ExportError
from inference.export_file import Export, read_export
from inference.graph import build_spec
from inference.levels import CLOSE, level_rows, price_levels
from inference.net import build_net


def _agree(stop: Export, exit_: Export, key: str) -> Any:
    if stop.manifest[key] != exit_.manifest[key]:
        raise ExportError(
            f"{key}: must be the same in both exports, was {str(stop.manifest[key])[:40]} in {stop.path} and "
            f"{str(exit_.manifest[key])[:40]} in {exit_.path}; export both nets from one `dvc repro`"
        )
    return stop.manifest[key]


def build_model(stop_path: str | Path, exit_path: str | Path) -> tuple[_native.Model, dict[str, Any], dict[str, Any]]:
    """The compiled model of two exports and their manifests. Raises ExportError; nothing in force changes."""
    stop, exit_ = read_export(stop_path), read_export(exit_path)
    for export, kind in ((stop, "stop"), (exit_, "exit")):
        if export.manifest["kind"] != kind:
            raise ExportError(
                f"{export.path}: must be the {kind} net, was {export.manifest['kind']}; pass stop, then exit"
            )
    for key in ("graph_hash", "features", "unit", "atr", "horizon_bars", "bar_interval_us"):
        _agree(stop, exit_, key)
    m, x = stop.manifest, exit_.manifest
    spec = build_spec(m["graph"])
    if spec.hash != m["graph_hash"]:
        raise ExportError(f"{stop.path}: graph must match graph_hash, was {spec.hash[:12]}; export the model again")
    outputs = {name: i for i, name in enumerate(spec.output_names)}
    low = np.minimum(m["scaling"]["low"], x["scaling"]["low"])
    high = np.maximum(m["scaling"]["high"], x["scaling"]["high"])
    policy = m["policy"]
    risk = policy["risk"]
    expiries = [e for e in (m["expires_us"], x["expires_us"]) if e]
    model = _native.Model(
        graph=spec,
        feature_outputs=[outputs[name] for name in m["features"]],
        sigma_output=outputs[m["unit"]],
        atr_output=outputs[m["atr"]],
        levels=[each.native(outputs) for each in price_levels(m["graph"])],
        stop_net=build_net(stop),
        exit_net=build_net(exit_),
        stop_grid=m["grid"],
        target_grid=x["grid"],
        low=low.tolist(),
        high=high.tolist(),
        stop=_native.StopParameters(**policy["stop"], **m["tables"]),
        target=_native.TargetParameters(**x["policy"]["target"], **x["tables"]),
        risk=_native.RiskParameters(risk["max_trade_loss"], risk["max_open_risk"], risk["min_distance"]),
        tick=risk["tick"],
        horizon_bars=m["horizon_bars"],
        expires_us=min(expiries, default=0),
    )
    return model, m, x


class Engine:
    """Stops and targets for open positions, decided by two exported nets inside a fixed risk envelope.

    Times are microseconds since 1970 (UTC); a bar's `ts` is its open. One engine serves one thread. Where features
    compare symbols, feed the bars of all of them in order of time, those of one moment in any order.
    """

    def __init__(self, stop: str | Path, exit: str | Path, equity: float = 100_000.0, max_positions: int = 256) -> None:
        self._model, self.stop_manifest, self.exit_manifest = build_model(stop, exit)
        self._actions = np.zeros(2 * max_positions, ACTION)
        self._engine = _native.Engine(self._model, equity, self._actions.view(np.uint8))
        self.on_bar = self._engine.on_bar
        self._on_tick = self._engine.on_tick
        series = self.spec.series_names()
        self._depth_bp = depth_ranges(series)
        known = {*FIGURES, *(name for bp in self._depth_bp for name in depth_names(bp))}
        self._book_series = [name for name in series if name in known]

    @property
    def model(self) -> _native.Model:
        """The compiled model in force (for the replay)."""
        return self._model

    @property
    def spec(self) -> _native.GraphSpec:
        """The compiled form of the feature graph in force (for the replay)."""
        return build_spec(self.stop_manifest["graph"])

    @classmethod
    def load(cls, stop: str | Path, exit: str | Path, equity: float = 100_000.0, max_positions: int = 256) -> Engine:
        """Reads both exports, checks hashes, replays probes. Raises ExportError.

        equity: account equity, in money, for the limits of 2 % a trade and 5 % open risk. max_positions: per symbol.
        """
        return cls(stop, exit, equity, max_positions)

    @classmethod
    def from_registry(
        cls, stop: str = "stop-predictor@champion", exit: str = "exit-predictor@champion", equity: float = 100_000.0
    ) -> Engine:
        """Loads registered models by `name@alias` or `name/version`; needs mlflow (the `train` extra)."""
        import mlflow

        paths = [
            next(Path(mlflow.artifacts.download_artifacts(f"models:/{uri}")).rglob("*.pt")) for uri in (stop, exit)
        ]
        return cls(paths[0], paths[1], equity)

    # on_bar(symbol, ts, open, high, low, close, volume): bound in __init__ straight to the compiled engine

    def on_input(self, symbol: str, series: str, ts: int, value: float) -> None:
        """A value of a named series (symbol "*": for all) that may be used from `ts` on."""
        self._engine.on_input(symbol, series, ts, value)

    def on_depth(
        self,
        symbol: str,
        ts: int,
        bid_price: ArrayLike,
        bid_quantity: ArrayLike,
        ask_price: ArrayLike,
        ask_quantity: ArrayLike,
    ) -> None:
        """A snapshot of the order book, arrays (levels,) with the best price first, that may be used from `ts` on.

        Its figures (see `book_figures`) go to those series of the feature graph that bear their names. Raises BarError
        for a crossed, unsorted, empty or non-finite book, and for one older than the last; nothing changes then.
        """
        figures = book_figures(bid_price, bid_quantity, ask_price, ask_quantity, self._depth_bp)
        for name in self._book_series:
            self._engine.on_input(symbol, name, ts, float(figures[name]))

    def open(
        self,
        symbol: str,
        side: int,
        price: float,
        quantity: float,
        ts: int,
        stop: float | None = None,
        target: float | None = None,
    ) -> _native.Position:
        """Registers a filled entry and returns the position with its first levels.

        side: +1 long, -1 short; price: the fill; stop, target: your own levels in place of the model's, held to the
        same limits. Raises RiskError (wrong side, quantity, limits) or UnknownSymbolError; nothing is opened then.
        """
        nan = float("nan")
        return self._engine.open(
            symbol, side, price, quantity, ts, nan if stop is None else stop, nan if target is None else target
        )

    def close(self, position: int) -> None:
        """Forgets a position that was closed (by its id)."""
        self._engine.close(position)

    def on_tick(self, symbol: str, ts: int, price: float) -> NDArray[np.void]:
        """Decides for all open positions of the symbol: rows of ACTION, valid until the next call.

        An exit is repeated with every tick until `close`. Raises UnknownSymbolError before the symbol's first bar.
        """
        return self._actions[: self._on_tick(symbol, ts, price)]

    def positions(self, symbol: str) -> list[_native.Position]:
        """Open positions with their levels in force (copies)."""
        return self._engine.positions(symbol)

    def features(self, symbol: str) -> dict[str, float]:
        """All graph outputs after the symbol's last bar (NaN: not ready or missing)."""
        names = list(self.stop_manifest["graph"]["outputs"])
        return dict(zip(names, self._engine.features(symbol), strict=True))

    def levels(self, symbol: str) -> NDArray[np.void]:
        """The prices at which the market may turn, as of the symbol's last bar: rows of LEVEL, by price.

        name, group, price; strength in the group's own measure (NaN: has none); distance: (price - close) in volatility
        units. Levels that are not known now (warm-up, no such level) come last, with NaN. Which ones there are, the
        export says: policy.levels in params.yaml. Raises UnknownSymbolError before the symbol's first bar.
        """
        known, values = self._engine.levels(symbol), self.features(symbol)
        close, sigma = values.get(CLOSE, math.nan), values[self.stop_manifest["unit"]]
        unit = sigma * math.sqrt(self.stop_manifest["horizon_bars"]) * close
        return level_rows(price_levels(self.stop_manifest["graph"]), known, close, unit)

    def status(self, symbol: str) -> str:
        """Whether the nets decide ("model") or why the deterministic rules stand in for them."""
        return REASONS[self._engine.status(symbol)]

    def set_equity(self, equity: float) -> None:
        """Account equity for the risk limits, in money."""
        self._engine.set_equity(equity)

    def set_tick(self, symbol: str, tick: float) -> None:
        """Price step of one symbol; 0 means continuous."""
        self._engine.set_tick(symbol, tick)

    def open_risk(self) -> float:
        """Sum over open positions of what their stops would lose, in money."""
        return self._engine.open_risk()

    def replace_models(self, stop: str | Path, exit: str | Path) -> None:
        """Takes new exports of the same feature graph into force; on any error the present ones stay."""
        model, stop_manifest, exit_manifest = build_model(stop, exit)
        self._engine.replace_model(model)
        self._model, self.stop_manifest, self.exit_manifest = model, stop_manifest, exit_manifest

    def save(self) -> bytes:
        """The whole state (symbols, graphs, positions), exactly."""
        return self._engine.save()

    def restore(self, state: bytes) -> None:
        """Takes a saved state in place of the present one, which stays where it does not fit (StateError)."""
        self._engine.restore(state)
