"""Beside the product's figures in a world with a known answer: the oracle's, and the share of its profit reached."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipelines.measures.bootstrap import interval
from pipelines.measures.figures import figures
from pipelines.measures.scorecard import Scores, ratio

MONEY = "expectancy_bp"


def with_oracle(table: pl.DataFrame, scores: Mapping[tuple[str, str], Scores], confidence: float) -> pl.DataFrame:
    """The scorecard with the oracle's value of each figure and, of the expectancy at fixed size, the policy's share of
    it with its interval; as it is where there is no oracle. Null: not known, or the oracle earns nothing for sure.

    A share is a ratio of two means over the same resampled entries. An oracle holds until time is up or the state says
    go, so that figures of stops and targets are unknown of it.
    """
    oracle = scores.get(("pessimistic", "oracle"))
    if oracle is None:
        return table
    keys = [figure.key for figure in figures()]
    values = pl.DataFrame({"figure": keys, "oracle": oracle.value}).with_columns(pl.col("oracle").fill_nan(None))
    money, level = keys.index(MONEY), oracle.resamples.expanded(confidence)
    rows = []
    for (mode, policy), mine in scores.items():
        if mode == "pessimistic" and oracle.interval(money, confidence, level)[0] > 0:
            share = ratio(mine.samples[:, money], oracle.samples[:, money])
            ends = interval(share, level)
            rows.append((mode, policy, MONEY, float(mine.value[money] / oracle.value[money]), *ends))
    names = ("mode", "policy", "figure", "share", "share_low", "share_high")
    kinds = dict.fromkeys(names[:3], pl.String()) | dict.fromkeys(names[3:], pl.Float64())
    shares = pl.DataFrame(rows, schema=kinds, orient="row")
    joined = table.join(values, on="figure", how="left", maintain_order="left")
    return joined.join(shares, on=["mode", "policy", "figure"], how="left", maintain_order="left")
