"""What choosing the best of many does to a result: the deflated Sharpe ratio, and the probability of overfitting."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl
from scipy.stats import norm

from pipelines.arrays import Floats, Integers
from pipelines.measures.overlap import effective_observations

BLOCKS = 16  # S of Bailey et al. 2017, who use 16 too: 12,870 splits


@dataclass(frozen=True, slots=True)
class Trials:
    """All that a sweep tried: the policy of each setting, and profits (times, settings), a row an instant of entry.

    overlaps: of those instants, by `overlap.reach`.
    """

    policies: tuple[str, ...]
    profits: Floats
    overlaps: Integers

    def of(self, *names: str) -> Floats:
        """The profits of these policies' settings, (times, settings)."""
        return self.profits[:, np.isin(self.policies, names)]


def profit_by_time(trades: pl.DataFrame) -> Floats:
    """Profit at fixed size (fraction of the entry price), summed over the trades that were entered at one instant: they
    share the market's move, and are one draw. In order of time, (times,).
    """
    profit = trades.select("entry_ts", profit=pl.col("pnl") / pl.col("entry_price"))
    return profit.group_by("entry_ts").agg(pl.col("profit").sum()).sort("entry_ts")["profit"].to_numpy()


def sharpe(profits: Floats) -> Floats:
    """Mean over standard deviation (n - 1) down the rows; 0 where nothing varies."""
    spread = profits.std(axis=0, ddof=1)
    ratios: Floats = np.divide(profits.mean(axis=0), spread, out=np.zeros_like(spread), where=spread > 0)
    return ratios


def luck(trials: int, variance: float) -> float:
    """SR0, the largest Sharpe ratio to be expected of so many independent trials without any skill, whose Sharpe ratios
    vary by `variance` (Bailey and López de Prado 2014, eq. 1): √V ((1 - γ) Φ⁻¹[1 - 1/N] + γ Φ⁻¹[1 - 1/(N e)]).
    """
    if trials < 2:
        return 0.0
    gamma = float(np.euler_gamma)
    high, higher = norm.ppf([1 - 1 / trials, 1 - 1 / (trials * math.e)])
    return math.sqrt(variance) * float((1 - gamma) * high + gamma * higher)


def deflated(ratio: float, benchmark: float, observations: float, skew: float, kurtosis: float) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark` (Bailey and López de Prado 2014, eq. 2); with SR0 of
    `luck` as benchmark, the deflated Sharpe ratio.

    Φ[(SR - SR0) √(T - 1) / √(1 - γ3 SR + (γ4 - 1)/4 SR²)], SR per observation, γ4 = 3 for a normal distribution. T
    counts independent observations (`overlap.effective_observations`); NaN for one alone.
    """
    if observations <= 1:
        return math.nan
    spread = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    return float(norm.cdf((ratio - benchmark) * math.sqrt(observations - 1) / math.sqrt(spread)))


def deflated_of(profits: Floats, observations: float, trials: int, variance: float) -> float:
    """Deflated Sharpe ratio of one series of profits (times,) that is worth so many independent observations, the best
    of `trials`; NaN where nothing varies.
    """
    centred = profits - profits.mean()
    deviation = math.sqrt(float(np.mean(centred**2)))
    if deviation == 0 or len(profits) < 2:
        return math.nan
    skew, kurtosis = (float(np.mean(centred**k)) / deviation**k for k in (3, 4))
    return deflated(float(sharpe(profits)), luck(trials, variance), observations, skew, kurtosis)


def overfitting(profits: Floats, blocks: int = BLOCKS) -> float:
    """Probability of backtest overfitting by combinatorially symmetric cross-validation (Bailey, Borwein, López de
    Prado and Zhu 2017, section 3): over all ways to call half of the blocks of time "in sample", how often the setting
    with the highest mean profit there (the sweep's own rule) ranks at or below the median in the rest of the time.

    profits: (times, settings); the last times that do not fill a block are left out. NaN with fewer than two settings,
    or fewer times than blocks. Equal settings share their mean rank; of several best, the first counts.
    """
    times, settings = profits.shape
    if settings < 2 or times < blocks:
        return math.nan
    sums = profits[: times // blocks * blocks].reshape(blocks, -1, settings).sum(axis=1)
    splits = np.zeros((math.comb(blocks, blocks // 2), blocks))
    for row, inside in enumerate(combinations(range(blocks), blocks // 2)):
        splits[row, list(inside)] = 1.0
    below = 0
    for part in np.array_split(splits, 1 + len(splits) * settings // 500_000):
        best = (part @ sums).argmax(axis=1)
        outside = (1 - part) @ sums
        mine = outside[np.arange(len(part)), best][:, None]
        same = np.isclose(outside, mine, rtol=1e-12, atol=1e-12)  # the same sums, added in another order
        rank = (~same & (outside < mine)).sum(axis=1) + (same.sum(axis=1) + 1) / 2
        below += int((rank / (settings + 1) <= 0.5).sum())
    return below / len(splits)


def selection_table(
    trials: Trials,
    product: Floats,
    overlaps: Integers,
    product_trials: int,
    part: str = "train",
    variants: Floats | None = None,
) -> pl.DataFrame:
    """One row per selection: what was chosen from how many, on which part, and how much of it luck would give.

    Each swept policy on `part`, where it was chosen; all of them together; and the product on the test part. product:
    its profits per instant; overlaps: of these; product_trials: nets trained and configurations evaluated, each could
    have been kept; variants: profits of changes to it, for the probability that choosing among them overfits. Not all
    of its trials have replays, so their Sharpe ratios are taken to vary as the sweep's.
    """
    rows = [_row(name, trials.of(name), trials.overlaps, part) for name in dict.fromkeys(trials.policies)]
    rows.append(_row("all", trials.profits, trials.overlaps, part))
    variance = float(sharpe(trials.profits).var(ddof=1))
    effective = effective_observations(product, overlaps)
    rows.append(
        {
            "policy": "product",
            "part": "test",
            "trials": product_trials,
            "times": len(product),
            "effective": effective,
            "sharpe": float(sharpe(product)),
            "luck": luck(product_trials, variance),
            "deflated_sharpe": deflated_of(product, effective, product_trials, variance),
            "overfitting": math.nan if variants is None else overfitting(variants),
        }
    )
    return pl.DataFrame(rows).fill_nan(None)


def _row(name: str, profits: Floats, overlaps: Integers, part: str) -> dict[str, object]:
    ratios = sharpe(profits)
    best, n = int(profits.mean(axis=0).argmax()), len(ratios)
    variance = float(ratios.var(ddof=1))
    effective = effective_observations(profits[:, best], overlaps)
    return {
        "policy": name,
        "part": part,
        "trials": n,
        "times": len(profits),
        "effective": effective,
        "sharpe": float(ratios[best]),
        "luck": luck(n, variance),
        "deflated_sharpe": deflated_of(profits[:, best], effective, n, variance),
        "overfitting": overfitting(profits),
    }
