"""The nets' skill over each baseline, as the stage train measured it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.measures.scorecard import comparison
from pipelines.pages.markup import cells, mark, number, span, table

NETS = ("stop", "exit")
NAMES = {
    "unconditional": "unconditional quantiles",
    "atr": "quantiles scaled by ATR",
    "garch": "quantiles scaled by GARCH",
    "lightgbm": "LightGBM quantiles",
}


def skill_table(metrics: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
    """One row per net and baseline: skill by pinball loss and CRPS with intervals, p, and the spread over seeds.

    metrics: net → the content of its metrics.json.
    """
    rows = []
    for net, scores in metrics.items():
        for name, skill in scores["test"]["skill"].items():
            row: dict[str, Any] = {"net": net, "baseline": name, "p": skill["pinball"]["p"]}
            for score in ("pinball", "crps"):
                row |= {f"{score}_{key}": skill[score][key] for key in ("skill", "low", "high")}
            spread = scores["seeds"]["skill"][name]
            row |= {"seeds": scores["seeds"]["count"], **{f"seeds_{key}": value for key, value in spread.items()}}
            rows.append(row)
    return pl.DataFrame(rows)


def quality(metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """The curves' Brier scores and calibration errors, and below them how often the excursion stayed within each
    forecast quantile, by regime of volatility. metrics: net → the content of its metrics.json.
    """
    body, covered, names = [], [], []
    for net, scores in metrics.items():
        test = scores["test"]
        for curve in test["brier"]:
            pairs = (
                test[kind][curve] for name in ("brier", "calibration_error") for kind in (name, f"{name}_uncalibrated")
            )
            body.append(cells([f"{net} net: {curve}", *(f"{value:.4f}" for value in pairs)]))
        for regime, shares in test["coverage"].items():
            names = [f"quantile .{name.removeprefix('q')}" for name in shares]
            covered.append(cells([f"{net} net, {regime}", *(number(value, "%") for value in shares.values())]))
    heads = ["curve on test", "Brier score", "before calibration", "calibration error", "before calibration"]
    return (
        f'<p></p>\n<div class="card wide">{table(heads, body)}</div>\n<p class=below>Coverage: how often the excursion '
        "stayed within each forecast quantile, by the volatility at the bar.</p>\n"
        f'<div class="card wide">{table(["volatility", *names], covered)}</div>'
    )


def skills(figures: pl.DataFrame) -> str:
    """The table for people; the verdict is that of the pinball skill's interval."""
    body = []
    for row in figures.iter_rows(named=True):
        texts = [f"{row['net']} net over {NAMES.get(row['baseline'], row['baseline'])}"]
        for score in ("pinball", "crps"):
            value, low, high = (row[f"{score}_{key}"] for key in ("skill", "low", "high"))
            texts.append(f"{number(value, '%')} <span class=range>{span(low, high, '%')}</span>")
        texts.append(f"{row['p']:.3f}")
        spread = "–"
        if row["seeds"] > 1:
            values = [number(row[f"seeds_{key}"], "%") for key in ("mean", "std")]
            spread = (
                f"{values[0]} ± {values[1]} <span class=range>{span(row['seeds_low'], row['seeds_high'], '%')}</span>"
            )
        verdict = comparison(row["pinball_skill"], row["pinball_low"], row["pinball_high"], "higher")
        body.append(cells([*texts, spread, mark(verdict)]))
    count = max(figures["seeds"].to_list(), default=1)
    return table(["forecast", "pinball skill", "CRPS skill", "p", f"pinball skill of {count} seeds", "versus"], body)
