"""Fitting a net: early stopping, checkpoints, and resuming from them."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from tqdm import tqdm  # type: ignore[import-untyped]

from models.data import CurveData, Dataset, Rows, moments
from models.nets import CurveNet, Kind
from models.task import CurveTask, Epoch, TrainParams

CHECKPOINT_EPOCHS = 5


@dataclass(frozen=True, slots=True)
class Fitted:
    """A trained net with the weights of its best epoch, the training curves, and whether an interrupted run was
    resumed.
    """

    net: CurveNet
    curve: tuple[Epoch, ...]
    resumed: bool


class _Bar(Callback):
    """A progress bar over epochs (Lightning's own counts batches, of which there is one)."""

    def __init__(self, label: str, epochs: int) -> None:
        self.bar = tqdm(total=epochs, desc=label, unit="epoch", disable=None)

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, CurveTask)
        self.bar.n = trainer.current_epoch + 1
        self.bar.set_postfix(val_loss=f"{pl_module.curve[-1].val_loss:.5f}")

    def on_fit_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        self.bar.close()


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning without advice on loggers and accelerators, and without two warnings of what is meant to be so."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 still asks for torch's pytree leaves in the old way.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            warnings.filterwarnings("ignore", "Checkpoint directory .* exists and is not empty", UserWarning)
            yield
    finally:
        logger.setLevel(level)


def new_net(kind: Kind, train: Rows, features: int, params: TrainParams) -> CurveNet:
    """An untrained net scaled to the training rows, whose answer is about their base rates; a function of the rows and
    the first seed.
    """
    mean, std = moments(train.inputs, features)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seeds[0])
        net = kind.net(mean, std, params.hidden, train.outcomes.shape[2])
    net.start_at(train.outcomes.mean(0, dtype=np.float64))
    return net


def trainer_for(params: TrainParams, callbacks: list[Callback]) -> lightning.Trainer:
    """A trainer with nothing in it that costs time per step. CPU: a net of this size is slower on an accelerator."""
    return lightning.Trainer(
        accelerator="cpu",
        max_epochs=params.max_epochs,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


def _key(kind: Kind, dataset: Dataset, params: TrainParams) -> str:
    """Names what a checkpoint belongs to: one of other rows or parameters is never resumed."""
    plain = json.dumps([kind.name, asdict(params), dataset.features, dataset.rows.digest()])
    return hashlib.sha256(plain.encode()).hexdigest()[:16]


def fit(
    kind: Kind,
    dataset: Dataset,
    params: TrainParams,
    checkpoints: Path | None = None,
    extra: list[Callback] | None = None,
) -> Fitted:
    """Train one net on the training part, stop early on the validation part.

    checkpoints: folder for checkpoints, one every CHECKPOINT_EPOCHS epochs; an earlier run of the same rows and
    parameters that was interrupted is resumed, and ends with the same weights to the bit. The folder is removed when
    training has ended. None: no checkpoints.
    extra: further Lightning callbacks.
    """
    train, validation = dataset.rows.of("train"), dataset.rows.of("validation")
    task = CurveTask(new_net(kind, train, len(dataset.features), params), params)
    callbacks: list[Callback] = [
        EarlyStopping("val_loss", patience=params.patience),
        _Bar(f"train {kind.name}", params.max_epochs),
    ]
    resume: Path | None = None
    if checkpoints is not None:
        folder = checkpoints / _key(kind, dataset, params)
        for other in checkpoints.glob("*"):
            if other != folder:
                shutil.rmtree(other)
        callbacks.append(
            ModelCheckpoint(
                dirpath=folder,
                filename="last",
                every_n_epochs=CHECKPOINT_EPOCHS,
                save_on_train_epoch_end=True,
                enable_version_counter=False,
            )
        )
        resume = folder / "last.ckpt" if (folder / "last.ckpt").exists() else None
    data: Any = CurveData(train, validation)
    with _quiet():
        trainer = trainer_for(params, callbacks + (extra or []))
        trainer.fit(task, datamodule=data, ckpt_path=resume, weights_only=True)
    if trainer.interrupted:
        # Lightning swallows Ctrl-C. What was reached is in the checkpoint, and is not a trained net.
        raise KeyboardInterrupt
    task.net.load_state_dict(task.best_weights)
    if checkpoints is not None:
        shutil.rmtree(checkpoints, ignore_errors=True)
    return Fitted(task.net.eval(), tuple(task.curve), resumed=resume is not None)
