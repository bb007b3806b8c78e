"""The product against each policy without learning, entry by entry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.measures.scorecard import Scores, compare

COLUMNS = ("figure", "label", "unit", "better", "value", "baseline", "difference", "difference_low", "difference_high")


def pair_table(scores: Mapping[tuple[str, str], Scores], policies: Sequence[str], confidence: float) -> pl.DataFrame:
    """Long table mode, policy, COLUMNS and versus: each figure of the product, that of the policy (`baseline`) on the
    same entries, and their paired difference with its interval.

    scores: by (mode, policy). `versus` holds for all policies at once (Bonferroni): with several to be compared with,
    one is beaten by chance.
    """
    tables = []
    for mode in dict.fromkeys(mode for mode, _ in scores):
        for policy in policies:
            pair = scores[mode, "product"], scores[mode, policy]
            strict = compare(*pair, 1 - (1 - confidence) / len(policies))["versus"]
            head = (pl.lit(text).alias(name) for name, text in (("mode", mode), ("policy", policy)))
            tables.append(compare(*pair, confidence).select(*head, *COLUMNS, strict))
    return pl.concat(tables)
