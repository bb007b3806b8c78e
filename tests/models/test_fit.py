import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from models.data import Dataset
from models.fit import CHECKPOINT_EPOCHS, fit
from models.losses import log_score
from models.nets import KINDS, named_weights
from models.task import TrainParams

PARAMS = TrainParams(hidden=(8,), batch_size=256, max_epochs=12, patience=12)


class Stop(Callback):
    """Ends training from outside at the beginning of an epoch, as a kill would."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.current_epoch == self.epoch:
            raise RuntimeError("killed")


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(named_weights(a).values(), named_weights(b).values(), strict=True))


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_one_batch_overfits(kind, dataset):
    rows = dataset.rows
    few = rows.take(np.isin(np.arange(len(rows)), np.flatnonzero(rows.part == 0)[:16]) | (rows.part > 0))
    params = TrainParams(hidden=(64,), learning_rate=0.01, weight_decay=0, batch_size=16, max_epochs=250, patience=250)
    fitted = fit(kind, Dataset(few, dataset.features, {}), params)
    assert fitted.curve[-1].train_loss < 0.03 < fitted.curve[0].train_loss


def test_same_seed_same_loss_other_seed_other_loss(dataset):
    kind = KINDS["stop"]
    first, second = fit(kind, dataset, PARAMS), fit(kind, dataset, PARAMS)
    assert first.curve == second.curve
    assert same(first.net, second.net)
    other = fit(kind, dataset, TrainParams(hidden=(8,), batch_size=256, max_epochs=12, patience=12, seeds=(8,)))
    assert other.curve != first.curve


@pytest.mark.parametrize("killed_at", [CHECKPOINT_EPOCHS, CHECKPOINT_EPOCHS + 2, 11])
def test_resume_equals_continue_to_the_bit(killed_at, dataset, tmp_path):
    kind, folder = KINDS["exit"], tmp_path / "checkpoints"
    whole = fit(kind, dataset, PARAMS)
    with pytest.raises(RuntimeError, match="killed"):
        fit(kind, dataset, PARAMS, folder, [Stop(killed_at)])
    resumed = fit(kind, dataset, PARAMS, folder)
    assert resumed.resumed
    assert resumed.curve == whole.curve
    assert same(resumed.net, whole.net)
    assert not folder.exists()


def test_a_checkpoint_of_other_rows_or_parameters_is_not_resumed(dataset, make_dataset, tmp_path):
    kind, other = KINDS["stop"], TrainParams(hidden=(8,), batch_size=256, max_epochs=6, learning_rate=0.002)
    for data, params in ((dataset, other), (make_dataset(seed=1), PARAMS)):
        with pytest.raises(RuntimeError, match="killed"):
            fit(kind, dataset, PARAMS, tmp_path / "c", [Stop(6)])
        assert list((tmp_path / "c").rglob("last.ckpt"))
        assert not fit(kind, data, params, tmp_path / "c").resumed


def test_the_net_is_that_of_the_best_epoch(dataset):
    params = TrainParams(hidden=(64, 64), learning_rate=0.02, weight_decay=0, batch_size=64, max_epochs=40, patience=3)
    fitted = fit(KINDS["stop"], dataset, params)
    best = min(e.val_loss for e in fitted.curve)
    assert len(fitted.curve) < 40
    assert fitted.curve[-1].val_loss > best
    rows = dataset.rows.of("validation")
    with torch.no_grad():
        loss = log_score(fitted.net.hazards(torch.from_numpy(rows.inputs)), torch.from_numpy(rows.outcomes).float())
    assert float(loss) == pytest.approx(best, rel=1e-6)


def test_a_diverging_training_is_an_error(dataset):
    broken = dataset.rows.take(np.ones(len(dataset.rows), bool))
    broken.inputs[broken.part == 1] = np.nan
    with pytest.raises(ValueError, match="val_loss: must be finite"):
        fit(KINDS["stop"], Dataset(broken, dataset.features, {}), PARAMS)
