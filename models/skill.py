"""How good a net is: its scores on rows it has not seen, beside the baselines on the same rows.

The first curve is the survival function of an excursion (adverse for StopNet, favourable for ExitNet). It is judged in
return space (excursion · unit / entry price), on fresh positions only, so that a forecast is not rewarded for the unit
that it was expressed in.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.baselines import forecasts
from models.data import Rows
from models.nets import Kind
from models.quantiles import quantiles
from models.scores import CRPS_LEVELS, LEVELS, brier, calibration_error, coverage, crps, pinball
from models.significance import compare

SEED = 7  # of the bootstrap and of LightGBM


def observed(rows: Rows) -> NDArray[np.float64]:
    """The excursion as a fraction of the entry price, (n,)."""
    return rows.excursion * rows.return_scale


def net_quantiles(
    curves: NDArray[np.floating], rows: Rows, grid: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Quantiles of the excursion from the first of the curves (n, 2, K): (n, levels), in return space."""
    return quantiles(curves[:, 0], grid, levels) * rows.return_scale[:, None]


def judge(
    kind: Kind,
    curves: NDArray[np.floating],
    raw: NDArray[np.floating],
    judged: Rows,
    train: Rows,
    validation: Rows,
    grid: NDArray[np.float64],
    horizon_bars: int,
) -> dict[str, Any]:
    """All scores as plain numbers (see METRICS, "Skill of the nets").

    curves, raw: calibrated and uncalibrated outputs (n, 2, K) on the judged rows; all rows must be fresh.
    """
    y = observed(judged)
    mine = net_quantiles(curves, judged, grid, LEVELS)
    losses = {"pinball": pinball(y, mine, LEVELS), "crps": crps(y, net_quantiles(curves, judged, grid, CRPS_LEVELS))}
    result: dict[str, Any] = {
        "rows": len(judged),
        "times": len(np.unique(judged.ts)),
        **{name: float(loss.mean()) for name, loss in losses.items()},
        "coverage": coverage(y, mine, judged.sigma, np.quantile(train.sigma, [1 / 3, 2 / 3])),
        "brier": {},
        "brier_uncalibrated": {},
        "calibration_error": {},
        "calibration_error_uncalibrated": {},
        "skill": {},
    }
    for i, name in enumerate(kind.curves):
        outcome = judged.outcomes[:, i]
        result["brier"][name] = brier(curves[:, i], outcome)
        result["brier_uncalibrated"][name] = brier(raw[:, i], outcome)
        result["calibration_error"][name] = calibration_error(curves[:, i], outcome)
        result["calibration_error_uncalibrated"][name] = calibration_error(raw[:, i], outcome)
    coarse = crps(y, mine, LEVELS)
    for name, table in forecasts(train, validation, judged, horizon_bars, SEED).items():
        # Where a baseline knows few levels, both are scored on those.
        few = table["crps"].shape[1] == len(LEVELS)
        theirs = {
            "pinball": pinball(y, table["pinball"], LEVELS),
            "crps": crps(y, table["crps"], LEVELS if few else CRPS_LEVELS),
        }
        ours = {"pinball": losses["pinball"], "crps": coarse if few else losses["crps"]}
        result["skill"][name] = {
            score: asdict(compare(judged.ts, ours[score], loss, horizon_bars, SEED)) for score, loss in theirs.items()
        }
    return result


def dispersion(scores: dict[str, Any], others: list[float]) -> dict[str, Any]:
    """Of the pinball skill over each baseline among nets that differ in their seed alone: mean, standard deviation,
    least and largest. A difference between two settings that is smaller than the spread says nothing.

    scores: of `judge`, for the first seed; others: pinball losses of the other seeds' nets on the same rows.
    """
    losses = np.array([scores["pinball"], *others])
    out: dict[str, Any] = {"count": len(losses), "skill": {}}
    for name, skills in scores["skill"].items():
        baseline = scores["pinball"] / (1 - skills["pinball"]["skill"])
        skill = 1 - losses / baseline
        out["skill"][name] = {
            "mean": float(skill.mean()),
            "std": float(skill.std(ddof=1)) if len(skill) > 1 else 0.0,
            "low": float(skill.min()),
            "high": float(skill.max()),
        }
    return out
