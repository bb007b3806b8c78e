import json

import numpy as np
import pytest

from models.baselines import SCALED, lightgbm_quantiles, scaled_quantiles
from models.calibration import calibrate
from models.data import Rows
from models.fit import fit
from models.nets import KINDS, Calibrated
from models.scores import LEVELS
from models.skill import judge, net_quantiles, observed
from models.task import TrainParams
from models.trained import predict

PARAMS = TrainParams(hidden=(16,), learning_rate=0.003, weight_decay=0.05, batch_size=256, max_epochs=30, patience=5)


def scores_of(dataset, grid, name="stop"):
    kind = KINDS[name]
    fitted = fit(kind, dataset, PARAMS)
    calibration, fresh = dataset.rows.of("calibration"), dataset.rows.fresh()
    maps = calibrate(predict(fitted.net, calibration.inputs), calibration.outcomes, calibration.ts)
    test = fresh.of("test")
    raw = predict(fitted.net, test.inputs)
    curves = predict(Calibrated(fitted.net, maps.astype("f4"), kind.nested), test.inputs)
    return judge(kind, curves, raw, test, fresh.of("train"), fresh.of("validation"), grid, 10), curves, test


def test_no_skill_is_found_where_features_are_noise(make_dataset, grid):
    """The unit itself is right in this market, so the scaled baselines know all that can be known."""
    result, _, _ = scores_of(make_dataset(times=1200, signal=0.0, seed=3), grid)
    for name in ("atr", "garch"):
        assert abs(result["skill"][name]["pinball"]["skill"]) < 0.02
    assert result["skill"]["garch"]["pinball"]["high"] < 0.02
    assert result["calibration_error"]["hit"] < 0.03


def test_skill_is_found_where_there_is_a_signal(make_dataset, grid):
    result, curves, test = scores_of(make_dataset(times=1200, signal=0.8, seed=4), grid, "exit")
    for name in (*SCALED, "lightgbm"):
        assert (result["skill"][name]["pinball"]["low"] > 0.05) == (name != "lightgbm")
    for name in SCALED:
        assert result["skill"][name]["crps"]["p"] < 0.001
    boosted = result["skill"]["lightgbm"]  # the same quantiles under two weightings of their levels
    assert boosted["crps"]["skill"] == pytest.approx(boosted["pinball"]["skill"], abs=0.02)
    assert result["skill"]["lightgbm"]["pinball"]["skill"] > -0.02
    assert result["rows"] == len(test) == 4 * result["times"]
    assert set(result["brier"]) == {"reach", "giveback"}
    json.dumps(result, allow_nan=False)
    assert ((observed(test)[:, None] <= net_quantiles(curves, test, grid, LEVELS)).mean(0) - LEVELS).max() < 0.05


@pytest.mark.parametrize("name", SCALED)
def test_scaled_quantiles_are_those_of_the_training_rows_per_side(name, dataset):
    train, test = dataset.rows.of("train").fresh(), dataset.rows.of("test").fresh()
    out = scaled_quantiles(train, test, name, 10, LEVELS)
    unit = {
        "unconditional": lambda r: 1.0 + 0 * r.atr,
        "atr": lambda r: r.atr / r.entry_price,
        "garch": lambda r: np.sqrt(10) * r.garch_sigma,
    }[name]
    for i in (0, 5, 17):
        mine = train.side == test.side[i]
        table = np.quantile((observed(train) / unit(train))[mine], LEVELS)
        np.testing.assert_allclose(out[i], table * unit(test)[i], rtol=1e-12)


def test_lightgbm_is_repeatable_and_sorted(dataset):
    rows: Rows = dataset.rows.fresh()
    first, second = (lightgbm_quantiles(rows.of("train"), rows.of("validation"), rows.of("test"), 1) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (np.diff(first, axis=1) >= 0).all()
