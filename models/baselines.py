"""What the nets have to beat: quantiles of the same excursion on the same rows, fitted on the training part."""

from __future__ import annotations

import lightgbm
import numpy as np
from numpy.typing import NDArray

from models.data import Rows
from models.scores import CRPS_LEVELS, LEVELS

SCALED = ("unconditional", "atr", "garch")


def scale(rows: Rows, name: str, horizon_bars: int) -> NDArray[np.float64]:
    """The unit, as a fraction of the entry price, in which a baseline holds the excursion's distribution to be
    constant: (n,).
    """
    if name == "unconditional":
        return np.ones(len(rows))
    if name == "atr":
        return rows.atr / rows.entry_price
    return rows.garch_sigma * float(np.sqrt(horizon_bars))


def scaled_quantiles(
    train: Rows, judged: Rows, name: str, horizon_bars: int, levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Empirical quantiles of excursion / scale on the training rows, per side, times the judged rows' scale: (n,
    levels), in return space.
    """
    unit = scale(train, name, horizon_bars)
    out = np.empty((len(judged), len(levels)))
    for side in (-1, 1):
        of_side = train.side == side
        table = np.quantile(train.excursion[of_side] * train.return_scale[of_side] / unit[of_side], levels)
        mine = judged.side == side
        out[mine] = scale(judged, name, horizon_bars)[mine, None] * table
    return out


def lightgbm_quantiles(train: Rows, validation: Rows, judged: Rows, seed: int) -> NDArray[np.float64]:
    """Gradient-boosted quantile regression on the nets' own inputs and target (vol units), stopped early on the
    validation rows.

    Returns (n, LEVELS) in return space, sorted along the levels.
    """
    out = np.empty((len(judged), len(LEVELS)))
    for j, level in enumerate(LEVELS):
        parameters = {
            "objective": "quantile",
            "alpha": float(level),
            "learning_rate": 0.05,
            "num_leaves": 15,
            "min_data_in_leaf": 100,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lightgbm.Dataset(train.inputs, train.excursion)
        check = lightgbm.Dataset(validation.inputs, validation.excursion, reference=data)
        stop = lightgbm.early_stopping(20, verbose=False)
        model = lightgbm.train(parameters, data, num_boost_round=300, valid_sets=[check], callbacks=[stop])
        out[:, j] = np.asarray(model.predict(judged.inputs)) * judged.return_scale
    return np.sort(out, 1)


def forecasts(
    train: Rows, validation: Rows, judged: Rows, horizon_bars: int, seed: int
) -> dict[str, dict[str, NDArray[np.float64]]]:
    """Baseline → {"pinball": quantiles at LEVELS, "crps": at CRPS_LEVELS}; of LightGBM, one model a level, both are at
    LEVELS.
    """
    out = {
        name: {
            "pinball": scaled_quantiles(train, judged, name, horizon_bars, LEVELS),
            "crps": scaled_quantiles(train, judged, name, horizon_bars, CRPS_LEVELS),
        }
        for name in SCALED
    }
    boosted = lightgbm_quantiles(train, validation, judged, seed)
    out["lightgbm"] = {"pinball": boosted, "crps": boosted}
    return out
