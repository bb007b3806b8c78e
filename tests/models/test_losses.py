import numpy as np
import torch
from sklearn.metrics import log_loss

from models.losses import log_score


def test_log_score_is_the_mean_binary_cross_entropy():
    rng = np.random.default_rng(0)
    hazards, y = rng.exponential(size=(50, 2, 3)), rng.integers(0, 2, (50, 2, 3))
    expected = log_loss(y.ravel(), np.exp(-hazards).ravel())
    assert abs(float(log_score(torch.tensor(hazards), torch.tensor(y, dtype=torch.float64))) - expected) < 1e-12


def test_log_score_and_its_gradient_stay_finite_at_the_ends():
    hazards = torch.tensor([[[0.0, 1e-30, 200.0]] * 2] * 2, requires_grad=True)
    outcomes = torch.tensor([[[1.0, 1.0, 1.0]] * 2, [[0.0, 0.0, 0.0]] * 2])
    loss = log_score(hazards, outcomes)
    (gradient,) = torch.autograd.grad(loss, hazards)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
