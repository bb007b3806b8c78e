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
from models.tracking import log_evaluation, trials
from pipelines.atomic import write_parquet
from pipelines.entries import TABLE as ENTRIES
from pipelines.entries import EntryParams, index_entries
from pipelines.latency import FILE as LATENCY
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.calibration import calibration
from pipelines.measures.examination import examine
from pipelines.measures.forensics import ForensicsParams
from pipelines.measures.groups import find_regimes, with_groups
from pipelines.measures.outcome import Facts
from pipelines.measures.seeds import other_engines, seed_trades
from pipelines.pages.report_skills import NETS, skill_table
from pipelines.params import section
from pipelines.partitions import read_bars
from pipelines.replays import markets, replay_all, sweep
from pipelines.results import write_results
from pipelines.sources.tables import OPTIONAL
from pipelines.splits import SplitParams
from pipelines.tables import bar_series, bars_by_symbol
from pipelines.trades.account import walk_account
from pipelines.trades.baselines import BaselineParams, Market, at_edge
from pipelines.trades.frontier_replays import frontier_trades
from pipelines.trades.product import Product
from pipelines.trades.terms import terms_of
from pipelines.trades.venue import VenueParams
from pipelines.worlds.oracle_exits import oracle_trades

FOLDER, TRAINED = Path("artifacts/evaluate"), Path("artifacts/train")


@dataclass(frozen=True, slots=True)
class EvaluateParams:
    """equity: money, first; notional_fraction: size of every trade, fraction of it, the same for all policies."""

    entries: EntryParams
    venue: VenueParams
    equity: float
    notional_fraction: float
    baselines: BaselineParams
    forensics: ForensicsParams
    bootstrap: BootstrapParams

    def __post_init__(self) -> None:
        if not self.equity > 0:
            raise ValueError(f"evaluate.equity: must be above 0, was {self.equity}; typical: your account")
        if not 0 < self.notional_fraction <= 10:
            raise ValueError(
                f"evaluate.notional_fraction: must lie in (0, 10], was {self.notional_fraction}; typical: 0.1 to 1"
            )


def model_name(engine: Engine) -> str:
    """The beginnings of both nets' digests, by which MLflow finds their runs."""
    return "+".join(m["weights_sha256"][:6] for m in (engine.stop_manifest, engine.exit_manifest))


def configuration(engine: Engine, test: list[Market], venue: VenueParams) -> str:
    """Digest of what an evaluation tries: both exports (weights, calibration, policy), the test entries, terms."""
    exports = [
        {k: v for k, v in manifest.items() if k != "git_commit"}
        for manifest in (engine.stop_manifest, engine.exit_manifest)
    ]
    entries = [
        (market.bars.symbol, market.bars.ts[market.entries.index].tolist(), market.entries.side.tolist())
        for market in test
    ]
    text = json.dumps([exports, entries, asdict(venue)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def main() -> None:
    """Run the stage."""
    params = section("evaluate", EvaluateParams)
    cut, horizon = section("split", SplitParams), section("labels", LabelParams).horizon_bars
    bars = read_bars()
    symbols = bars_by_symbol(bars)
    volatility = read_family(Path("data/features/volatility"), ["atr", "garch_sigma"])
    entries = index_entries(pl.read_parquet(ENTRIES), bars)
    engine = Engine.load("artifacts/exports/stop.pt", "artifacts/exports/exit.pt", equity=params.equity)
    own = bar_series(bars, list(OPTIONAL), engine.stop_manifest["bar_interval_us"])
    series = pl.concat([pl.read_parquet("data/checked/series.parquet"), own])
    terms = terms_of(params.venue, symbols, series, notional := params.equity * params.notional_fraction)
    parts = ("train", "validation", "calibration", "test")
    training, *earlier, test = (markets(bars, volatility, entries, cut, part, horizon, terms) for part in parts)
    for name, side in (("train", training), ("test", test)):
        if sum(len(market.ids) for market in side) < 2:
            raise ValueError(f"evaluate.entries: must give two or more in {name}, was fewer; change the rule or file")

    chosen, swept = sweep(training, params.baselines, horizon)
    product = Product(engine, series, symbols, params.equity, notional)
    trades = replay_all(product, test, chosen, params.baselines.random_seed, horizon)
    trades = pl.concat([trades, *oracle_trades(test, horizon)])
    regimes = find_regimes(entries, volatility, cut.train_until)
    trades = with_groups(trades, regimes, model_name(engine))
    write_parquet(trades, FOLDER / "trades.parquet")
    others = [
        (number, Product(each, series, symbols, params.equity, notional))
        for number, each in other_engines(params.equity)
    ]
    own = trades.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    seeds = seed_trades(own, others, test)
    write_parquet(seeds, FOLDER / "seed_trades.parquet")
    training_scores = {net: json.loads((TRAINED / net / "metrics.json").read_text()) for net in NETS}
    for each in (engine, *(product.engine for _, product in others)):
        rule = {"entries": params.entries.rule, "model": model_name(each)}
        log_evaluation(configuration(each, test, params.venue), rule)
    facts = Facts(
        horizon_bars=horizon,
        entry_rule=params.entries.rule,
        symbols=tuple(market.bars.symbol for market in test),
        venue=params.venue.describe(),
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
        earlier,
        test,
        regimes,
        params.forensics,
        params.baselines,
        params.bootstrap,
        horizon,
    )
    frontier = frontier_trades(product, test, params.baselines, params.forensics.stop_times, horizon)
    write_parquet(frontier, FOLDER / "frontier_trades.parquet")
    account = walk_account(product, test, chosen, horizon)
    latency = json.loads(LATENCY.read_text()) if LATENCY.exists() else None  # a fold of a walk-forward has none
    write_results(
        trades,
        frontier,
        bars,
        facts,
        params.bootstrap,
        swept,
        reliability,
        skills,
        FOLDER,
        examination,
        account,
        latency,
        seeds,
        training_scores,
    )


if __name__ == "__main__":
    try:
        main()
    except ValueError as error:
        sys.exit(f"evaluate: {error}")
