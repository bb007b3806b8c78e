"""Proper scores of probability curves against what happened.

The curves are probabilities of events at every distance of the grid; a proper score of each event, averaged over the
grid, is one of the excursion's distribution (Gneiting & Raftery 2007, section 4.2). The nested reversal curve is
scored as what it is, the joint probability of hit and reversal: every row counts, not only those that were hit.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_HAZARD = 1e-7  # float32 keeps 1 - exp(-h) apart from 0 down to here


def log_score(hazards: Tensor, outcomes: Tensor) -> Tensor:
    """Mean binary cross-entropy, in nats, from cumulative hazards h = -log p: y·h - (1 - y)·log(1 - exp(-h)).

    hazards: (batch, 2, K) >= 0; outcomes: (batch, 2, K) of 0 and 1. Working on h keeps it exact where p is close to 0
    or 1.
    """
    h = torch.clamp(hazards, min=SMALLEST_HAZARD)
    return (outcomes * h - (1 - outcomes) * torch.log(-torch.expm1(-h))).mean()
