"""Training: the Lightning task against a bare PyTorch loop of the same net, loss, optimizer and batches."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import torch

from benchmarks.measure import Row, medians
from models.data import PARTS, Dataset, Rows, minibatches
from models.fit import fit, new_net
from models.losses import log_score
from models.nets import KINDS
from models.task import TrainParams

EPOCHS, FEATURES, GRID = 8, 27, 16
PARAMS = TrainParams(max_epochs=EPOCHS, patience=EPOCHS)


def rows(n: int) -> Rows:
    """Noise in the shape of the default data: three quarters training, one quarter validation."""
    rng = np.random.default_rng(1)
    part = np.where(np.arange(n) < 3 * n // 4, PARTS.index("train"), PARTS.index("validation")).astype(np.int8)
    shaped = {
        "inputs": rng.normal(size=(n, FEATURES + 5)).astype(np.float32),
        "outcomes": rng.random((n, 2, GRID)) < 0.5,
        "symbol": np.full(n, "A"),
        "part": part,
    }
    flat = {f.name: np.zeros(n) for f in fields(Rows)}
    return Rows(**(flat | shaped))


def bare(data: Dataset) -> None:
    """What the task does, without Lightning: validation and the best weights each epoch."""
    train, validation = data.rows.of("train"), data.rows.of("validation")
    net = new_net(KINDS["stop"], train, FEATURES, PARAMS)
    optimizer = torch.optim.AdamW(
        net.parameters(), lr=PARAMS.learning_rate, weight_decay=PARAMS.weight_decay, fused=True
    )
    x, y, u, v = (torch.from_numpy(a).float() for r in (train, validation) for a in (r.inputs, r.outcomes))
    best = float("inf")
    for epoch in range(EPOCHS):
        for index in minibatches(len(x), PARAMS.batch_size, PARAMS.seeds[0], epoch):
            loss = log_score(net.hazards(x[index]), y[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            score = float(log_score(net.hazards(u), v))
        if score < best:
            best, _ = score, {k: w.detach().clone() for k, w in net.state_dict().items()}


def run() -> list[Row]:
    """train_loop: seconds of one training of 8 epochs, 20,000 rows."""
    data = Dataset(rows(26_000), tuple(f"f{i}" for i in range(FEATURES)), {})
    lightning, plain = medians([lambda: fit(KINDS["stop"], data, PARAMS), lambda: bare(data)], 5)
    return [Row("train_loop", "s", lightning, peer="bare PyTorch loop", peer_value=plain, budget="<= 1.15 x bare")]
