"""Stage evaluate: the engine's replay on the test part, beside exits without learning, scored and reported."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from features.labels import LabelParams
from features.store import read_family
from inference import Engine
from inference.replay import Costs
from models.tracking import log_evaluation, trials
from pipelines.atomic import write_parquet
from pipelines.baselines import BaselineParams, Market, at_edge
from pipelines.bootstrap import BootstrapParams
from pipelines.calibration import calibration
from pipelines.entries import EntryParams, find_entries
from pipelines.examination import examine
from pipelines.forensics import ForensicsParams
from pipelines.frontier_replays import frontier_trades
from pipelines.groups import find_regimes, with_groups
from pipelines.outcome import Facts
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.product import Product
from pipelines.replays import EQUITY, markets, replay_all, sweep
from pipelines.report_skills import NETS, skill_table
from pipelines.results import write_results
from pipelines.sources.tables import OPTIONAL
from pipelines.splits import SplitParams
from pipelines.tables import bar_series, bars_by_symbol

FOLDER, TRAINED = Path("artifacts/evaluate"), Path("artifacts/train")


@dataclass(frozen=True, slots=True)
class CostParams:
    """Fractions of price, paid on each fill."""

    taker_fee: float
    maker_fee: float
    slippage: float

    def __post_init__(self) -> None:
        for name in ("taker_fee", "maker_fee", "slippage"):
            if not -0.001 <= getattr(self, name) <= 0.05:
                raise ValueError(
                    f"evaluate.costs.{name}: must lie in [-0.001, 0.05], was {getattr(self, name)}; "
                    "typical: 0 to 0.001 (a rebate is negative)"
                )


@dataclass(frozen=True, slots=True)
class EvaluateParams:
    """notional_fraction: size of every trade, fraction of equity, the same for all policies."""

    entries: EntryParams
    costs: CostParams
    notional_fraction: float
    baselines: BaselineParams
    forensics: ForensicsParams
    bootstrap: BootstrapParams

    def __post_init__(self) -> None:
        if not 0 < self.notional_fraction <= 10:
            raise ValueError(
                f"evaluate.notional_fraction: must lie in (0, 10], was {self.notional_fraction}; typical: 0.1 to 1"
            )


def model_name(engine: Engine) -> str:
    """The beginnings of both nets' digests, by which MLflow finds their runs."""
    return "+".join(m["weights_sha256"][:6] for m in (engine.stop_manifest, engine.exit_manifest))


def configuration(engine: Engine, test: list[Market], costs: Costs) -> str:
    """Digest of what an evaluation tries: both exports (weights, calibration, policy), the test entries, costs."""
    exports = [
        {k: v for k, v in manifest.items() if k != "git_commit"}
        for manifest in (engine.stop_manifest, engine.exit_manifest)
    ]
    entries = [
        (market.bars.symbol, market.bars.ts[market.entries.index].tolist(), market.entries.side.tolist())
        for market in test
    ]
    text = json.dumps([exports, entries, asdict(costs)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    """Run the stage."""
    params = section("evaluate", EvaluateParams)
    cut, horizon = section("split", SplitParams), section("labels", LabelParams).horizon_bars
    costs = Costs(params.costs.taker_fee, params.costs.maker_fee, params.costs.slippage)
    bars = read_bars()
    volatility = read_family(Path("data/features/volatility"), ["atr", "garch_sigma"])
    entries = find_entries(bars, params.entries)
    training, test = (markets(bars, volatility, entries, cut, part, horizon) for part in ("train", "test"))
    for name, side in (("train", training), ("test", test)):
        if sum(len(market.ids) for market in side) < 2:
            raise ValueError(f"evaluate.entries: must give two or more in {name}, was fewer; change the rule or file")
    engine = Engine.load("artifacts/exports/stop.pt", "artifacts/exports/exit.pt", equity=EQUITY)
    own = bar_series(bars, list(OPTIONAL), engine.stop_manifest["bar_interval_us"])
    series = pl.concat([pl.read_parquet("data/checked/series.parquet"), own])

    chosen, swept = sweep(training, params.baselines, horizon, costs)
    product = Product(engine, series, bars_by_symbol(bars), costs, EQUITY, EQUITY * params.notional_fraction)
    trades = replay_all(product, test, chosen, params.baselines.random_seed, horizon)
    regimes = find_regimes(entries, volatility, cut.train_until)
    trades = with_groups(trades, regimes, model_name(engine))
    write_parquet(trades, FOLDER / "trades.parquet")
    training_scores = {net: json.loads((TRAINED / net / "metrics.json").read_text()) for net in NETS}
    rule = {"entries": params.entries.rule, "model": model_name(engine)}
    log_evaluation(configuration(engine, test, costs), rule)
    facts = Facts(
        horizon_bars=horizon,
        entry_rule=params.entries.rule,
        symbols=tuple(market.bars.symbol for market in test),
        costs=costs,
        notional_fraction=params.notional_fraction,
        confidence=params.bootstrap.confidence,
        chosen={name: setting for name, (setting, _) in chosen.items()},
        training_expectancy={name: profit for name, (_, profit) in chosen.items()},
        training_entries=sum(len(market.ids) for market in training),
        product_trials=trials(sum(scores["seeds"]["count"] for scores in training_scores.values())),
        at_edge=tuple(name for name, (setting, _) in chosen.items() if at_edge(setting, params.baselines)),
    )
    reliability = calibration(
        Path("artifacts/exports"), Path("data/features"), Path("data/labels.parquet"), cut, horizon
    )
    skills = skill_table(training_scores)
    examination = examine(
        product,
        [markets(bars, volatility, entries, cut, part, horizon) for part in ("validation", "calibration")],
        test,
        regimes,
        params.forensics,
        params.baselines,
        params.bootstrap,
        horizon,
    )
    frontier = frontier_trades(product, test, params.baselines, params.forensics.stop_times, horizon)
    write_results(trades, frontier, bars, facts, params.bootstrap, swept, reliability, skills, FOLDER, examination)


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"evaluate: {error}")
