"""The report on the random engine's trades of `handmade_examination`, as the stage evaluate writes it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl

import handmade_export as handmade
from handmade_examination import BARS, COLUMNS, GRIDS, MARKETS, TIMES, make_examination, make_product
from pipelines.measures.bootstrap import BootstrapParams
from pipelines.measures.groups import with_groups
from pipelines.measures.outcome import Facts
from pipelines.measures.selection import Trials
from pipelines.pages.report_skills import skill_table
from pipelines.replays import replay_all
from pipelines.results import write_results
from pipelines.trades.baselines import Parabolic, Static
from pipelines.trades.frontier_replays import frontier_trades

SETTINGS = {
    "fixed_percent": (Static("percent", 2.0, 2.0), -0.001),
    "fixed_atr": (Static("atr", 2.0, 2.0), 0.001),
    "garch": (Static("garch", 2.0, 2.0), -0.001),
    "chandelier": (Static("atr", 2.0, math.inf, trail=True), 0.002),
    "sar": (Parabolic(2.0, 0.02), 0.0),
}
TRIALS = Trials(
    ("fixed_percent", "fixed_percent", "fixed_atr", "fixed_atr"),
    np.random.default_rng(6).random((40, 4)),
    np.zeros(40, np.int64),
)
SKILL = {"skill": 0.01, "low": -0.01, "high": 0.03, "p": 0.4}
SPREAD = {"mean": 0.015, "std": 0.003, "low": 0.01, "high": 0.02}
QUALITY = {
    name: {"hit": 0.1624, "reversal": 0.0668}
    for kind in ("brier", "calibration_error")
    for name in (kind, f"{kind}_uncalibrated")
}
COVERAGE = {"calm": {"q10": 0.115, "q50": 0.552, "q90": 0.902}, "wild": {"q10": 0.104, "q50": 0.545, "q90": 0.919}}
TRAINING = {
    "stop": {
        "test": {"skill": {"atr": {"pinball": SKILL, "crps": SKILL}}, **QUALITY, "coverage": COVERAGE},
        "seeds": {"count": 5, "skill": {"atr": SPREAD}},
    }
}
SKILLS = skill_table(TRAINING)


def make_report(folder: Path) -> str:
    """The whole page."""
    examination = make_examination(folder)
    (market,) = MARKETS[1]
    product = make_product(folder)
    trades = replay_all(product, [market], SETTINGS, 1, handmade.HORIZON)
    frontier = frontier_trades(product, [market], GRIDS, (0.5, 1.5), handmade.HORIZON)
    regimes = examination.trades.select("id", "regime")
    facts = Facts(
        horizon_bars=handmade.HORIZON,
        entry_rule="every_n",
        symbols=("SPX",),
        venue="At the costs of the test.",
        notional_fraction=0.25,
        confidence=0.9,
        chosen={name: setting for name, (setting, _) in SETTINGS.items()},
        training_expectancy={name: profit for name, (_, profit) in SETTINGS.items()},
        training_entries=100,
        product_trials=3,
    )
    ts = pl.Series(TIMES).cast(pl.Datetime("us", "UTC"))
    bars = pl.DataFrame({"symbol": [BARS.symbol] * len(ts), "ts": ts, **COLUMNS})
    curves = {"net": ["stop", "exit"], "curve": ["hit", "reach"], "forecast": [0.3, 0.6], "observed": [0.2, 0.7]}
    own = trades.filter((pl.col("policy") == "product") & (pl.col("mode") == "pessimistic"))
    bootstrap = BootstrapParams(5.0, 200, 0.9, 1)
    write_results(
        with_groups(trades, regimes, "a + b"),
        frontier,
        bars,
        facts,
        bootstrap,
        TRIALS,
        pl.DataFrame({**curves, "count": [9, 9]}),
        SKILLS,
        folder / "evaluate",
        examination,
        seeds=pl.concat([own.with_columns(seed=pl.lit(1)), own.with_columns(pl.col("pnl") + 0.1, seed=pl.lit(2))]),
        training=TRAINING,
    )
    return (folder / "evaluate/report.html").read_text(encoding="utf-8")
