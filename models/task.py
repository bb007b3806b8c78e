"""The Lightning task that trains either net, and its parameters."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

import lightning
import torch
from torch import Tensor

from models.data import minibatches
from models.losses import log_score
from models.nets import CurveNet


@dataclass(frozen=True, slots=True)
class TrainParams:
    """Training of one net.

    hidden: width of each hidden layer; wider nets cost latency on every tick.
    learning_rate, weight_decay: of AdamW; batch_size in rows; max_epochs; patience: epochs without a better validation
    score before it stops.
    seeds: of the weights and of the batches' order; the first gives the net, the others show what chance does to its
    skill. valid_days: days after the last training label at which the engine
    stops trusting the net, 0 = never.
    """

    hidden: tuple[int, ...] = (64, 64)
    learning_rate: float = 0.001
    weight_decay: float = 0.01
    batch_size: int = 512
    max_epochs: int = 60
    patience: int = 8
    seeds: tuple[int, ...] = (7,)
    valid_days: int = 0

    def __post_init__(self) -> None:
        rules: list[tuple[str, bool, str, str]] = [
            (
                "hidden",
                1 <= len(self.hidden) <= 4 and all(1 <= w <= 512 for w in self.hidden),
                "must be 1 to 4 widths in [1, 512]",
                "[64, 64]",
            ),
            (
                "learning_rate",
                isfinite(self.learning_rate) and 0 < self.learning_rate <= 1,
                "must lie in (0, 1]",
                "0.0003 to 0.003",
            ),
            (
                "weight_decay",
                isfinite(self.weight_decay) and 0 <= self.weight_decay <= 10,
                "must lie in [0, 10]",
                "0.001 to 0.1",
            ),
            ("batch_size", self.batch_size >= 1, "must be at least 1", "256 to 4096"),
            ("max_epochs", self.max_epochs >= 1, "must be at least 1", "30 to 200"),
            ("patience", self.patience >= 1, "must be at least 1", "5 to 20"),
            (
                "seeds",
                1 <= len(self.seeds) == len(set(self.seeds)) and all(0 <= seed < 2**31 for seed in self.seeds),
                "must be one or more, all different, in [0, 2^31)",
                "five",
            ),
            ("valid_days", self.valid_days >= 0, "must be at least 0", "0, or 30 to 400"),
        ]
        for name, ok, rule, typical in rules:
            if not ok:
                raise ValueError(f"train.{name}: {rule}, was {getattr(self, name)!r}; typical: {typical}")


@dataclass(frozen=True, slots=True)
class TrainNets:
    """Both nets' parameters, and their inputs: names of features, or of families for all of theirs."""

    inputs: tuple[str, ...]
    stop: TrainParams
    exit: TrainParams


@dataclass(frozen=True, slots=True)
class Epoch:
    """One line of the training curves: losses are mean log scores in nats."""

    epoch: int
    train_loss: float
    val_loss: float


class CurveTask(lightning.LightningModule):
    """Trains a curve net by its log score, and keeps the weights of the best validation epoch.

    Lightning sees one batch an epoch, the whole training part, and the task steps through its minibatches itself:
    Lightning's work around a batch (about 1 ms) is as long as a step of a net of this size.
    """

    def __init__(self, net: CurveNet, params: TrainParams) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.net = net
        self.params = params
        self.curve: list[Epoch] = []
        self.best_loss = float("inf")
        self.best_weights: dict[str, Tensor] = {}
        self.train_loss = float("nan")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over all weights."""
        p = self.params
        return torch.optim.AdamW(self.net.parameters(), lr=p.learning_rate, weight_decay=p.weight_decay, fused=True)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """One epoch: inputs (n, F + 5), outcomes (n, 2, K)."""
        inputs, outcomes = batch
        wrapped: Any = self.optimizers()
        optimizer: torch.optim.Optimizer = wrapped.optimizer
        total = torch.zeros((), dtype=torch.float64)
        splits = minibatches(len(inputs), self.params.batch_size, self.params.seeds[0], self.current_epoch)
        for i, index in enumerate(splits):
            loss = log_score(self.net.hazards(inputs[index]), outcomes[index])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            # The last step goes through Lightning, whose count of steps decides whether a checkpoint is due.
            (wrapped if i == len(splits) - 1 else optimizer).step()
            total += loss.detach() * len(index)
        self.train_loss = float(total) / len(inputs)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """The score of all validation rows; the best weights so far are kept."""
        inputs, outcomes = batch
        loss = float(log_score(self.net.hazards(inputs), outcomes))
        if not isfinite(loss):
            raise ValueError(
                f"val_loss: must be finite, was {loss} in epoch {self.current_epoch}; lower train.learning_rate"
            )
        self.curve.append(Epoch(self.current_epoch, self.train_loss, loss))
        if loss < self.best_loss:
            self.best_loss = loss
            self.best_weights = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        self.log("val_loss", loss, batch_size=len(inputs))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what a resumed training needs beside weights and optimizer: plain numbers and tensors only."""
        checkpoint["curve"] = [(e.epoch, e.train_loss, e.val_loss) for e in self.curve]
        checkpoint["best"] = {"loss": self.best_loss, "weights": self.best_weights}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Inverse of `on_save_checkpoint`."""
        self.curve = [Epoch(*e) for e in checkpoint["curve"]]
        self.best_loss, self.best_weights = checkpoint["best"]["loss"], checkpoint["best"]["weights"]
