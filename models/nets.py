"""StopNet and ExitNet: small nets whose outputs are monotone probability curves over a grid of distances.

Each output curve is a survival function, S_k = exp(-Σ_{j≤k} softplus(raw_j)): it starts below 1 and can only fall as
the distance grows, whatever the weights are (a discrete-time hazard model; Tutz & Schmid 2016, Modeling Discrete
Time-to-Event Data, ch. 3).
"""

# No postponed annotations here: TorchScript reads those of the buffers as types.
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

STATE = ("side", "age_fraction", "unrealised", "peak", "trough")
CLIP = 8.0
KNOTS = 33


class CurveNet(nn.Module):
    """Scaled inputs → ReLU layers → 2K raw values → two curves of cumulative hazard.

    inputs: F + 5; mean, std: training moments of the inputs, (inputs,), std > 0; grid: K distances; hidden: width of
    each hidden layer.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: NDArray[np.float32], std: NDArray[np.float32], hidden: Sequence[int], grid: int) -> None:
        super().__init__()
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise ValueError(
                "std: must be finite and positive for every input, was not; drop constant features or give them std 1"
            )
        widths = [len(mean), *hidden]
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32))
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], 2 * grid)
        self.grid = grid
        self.clip = CLIP

    def increments(self, x: Tensor) -> Tensor:
        """Hazard gained at each grid distance, >= 0: (batch, F + 5) → (batch, 2, K)."""
        z = torch.clamp((x - self.mean) / self.std, -self.clip, self.clip)  # (batch, F + 5)
        for layer in self.hidden:
            z = torch.relu(layer(z))  # (batch, width)
        return functional.softplus(self.head(z)).reshape(-1, 2, self.grid)  # (batch, 2, K)

    def hazards(self, x: Tensor) -> Tensor:
        """Cumulative hazards, -log of the curves: (batch, F + 5) → (batch, 2, K)."""
        return torch.cumsum(self.increments(x), 2)

    def forward(self, x: Tensor) -> Tensor:
        """Probabilities, falling along the grid: (batch, F + 5) → (batch, 2, K)."""
        return torch.exp(-self.hazards(x))

    @torch.no_grad()
    def start_at(self, rates: NDArray[np.float64]) -> None:
        """Set the head's bias so that an untrained net answers about the base rates (2, K): epochs go into what differs
        from them.
        """
        hazards = -np.log(np.clip(rates, 1e-4, 1 - 1e-4))  # (2, K)
        increments = np.maximum(np.diff(self.from_hazards(hazards), axis=1, prepend=0.0), 1e-4)
        self.head.bias.copy_(torch.tensor(np.log(np.expm1(increments)).reshape(-1), dtype=torch.float32))

    @torch.jit.unused
    def from_hazards(self, hazards: NDArray[np.float64]) -> NDArray[np.float64]:
        """Undo the coupling of the two curves: here there is none."""
        return hazards


class ExitNet(CurveNet):
    """P(reach_k), P(giveback_k): price trades through the k-th distance in the position's favour; against it.
    Independent curves.
    """


class StopNet(CurveNet):
    """P(hit_k), P(hit_k and reversal_k): the joint probability never exceeds the first ("nested")."""

    def hazards(self, x: Tensor) -> Tensor:
        """Cumulative hazards (batch, 2, K); the second curve's own hazard comes on top of the first's."""
        return torch.cumsum(torch.cumsum(self.increments(x), 2), 1)

    @torch.jit.unused
    def from_hazards(self, hazards: NDArray[np.float64]) -> NDArray[np.float64]:
        """Undo the nesting: the second curve's own hazard."""
        return np.stack([hazards[0], hazards[1] - hazards[0]])


class Calibrated(nn.Module):
    """A net followed by one monotone map a curve: linear between 33 uniform knots; nested curves are then kept in
    order.

    maps: (2, 33), non-decreasing in [0, 1].
    """

    maps: Tensor

    def __init__(self, net: CurveNet, maps: NDArray[np.float32], nested: bool) -> None:
        super().__init__()
        if maps.shape != (2, KNOTS) or not (np.diff(maps, axis=1) >= 0).all() or maps.min() < 0 or maps.max() > 1:
            raise ValueError(
                f"maps: must be (2, {KNOTS}), non-decreasing, in [0, 1], was shape {maps.shape}; use models.calibration"
            )
        self.net = net
        self.register_buffer("maps", torch.tensor(maps, dtype=torch.float32))
        self.nested = nested
        self.steps = KNOTS - 1

    def forward(self, x: Tensor) -> Tensor:
        """Calibrated probabilities: (batch, F + 5) → (batch, 2, K)."""
        position = self.net(x) * self.steps  # (batch, 2, K), in knots
        low = torch.clamp(torch.floor(position), 0, self.steps - 1)
        weight = position - low
        index = low.to(torch.int64)
        first = self.between(0, index, weight)
        second = self.between(1, index, weight)
        if self.nested:
            second = torch.minimum(second, first)
        return torch.stack([first, second], 1)

    def between(self, curve: int, index: Tensor, weight: Tensor) -> Tensor:
        """One curve's map between its knots: (batch, K)."""
        knots = self.maps[curve]
        i, w = index[:, curve], weight[:, curve]
        return knots[i] * (1 - w) + knots[i + 1] * w


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells the two nets apart.

    curves: label columns of the two curves; excursion: label column whose distribution the first curve is; nested: see
    StopNet.
    """

    name: str
    net: type[CurveNet]
    curves: tuple[str, str]
    excursion: str
    nested: bool
    registered: str

    @property
    def coupling(self) -> str:
        """The word that the manifest uses."""
        return "nested" if self.nested else "independent"


KINDS = {
    "stop": Kind("stop", StopNet, ("hit", "reversal"), "mae", True, "stop-predictor"),
    "exit": Kind("exit", ExitNet, ("reach", "giveback"), "mfe", False, "exit-predictor"),
}


def kind_of(name: str) -> Kind:
    """The net's kind by name; ValueError for any other name."""
    if name not in KINDS:
        raise ValueError(f"net: must be one of {sorted(KINDS)}, was {name!r}; name the net to work on")
    return KINDS[name]


def named_weights(net: CurveNet) -> dict[str, NDArray[np.float32]]:
    """Weights under the names of the export: hidden0.weight (out, in), hidden0.bias, …, head.weight, head.bias."""
    layers = {f"hidden{i}": layer for i, layer in enumerate(net.hidden)} | {"head": net.head}
    return {
        f"{name}.{part}": getattr(layer, part).detach().cpu().numpy().astype(np.float32, copy=True)
        for name, layer in layers.items()
        for part in ("weight", "bias")
    }


@torch.no_grad()
def set_weights(net: CurveNet, weights: dict[str, NDArray[np.float32]]) -> None:
    """Inverse of `named_weights`; ValueError where a name or shape does not fit the net."""
    own = named_weights(net)
    if {k: v.shape for k, v in own.items()} != {k: weights[k].shape for k in own.keys() & weights.keys()}:
        raise ValueError(f"weights: must have the names and shapes of the net, were {sorted(weights)}; train again")
    for i, layer in enumerate([*net.hidden, net.head]):
        name = "head" if layer is net.head else f"hidden{i}"
        for part in ("weight", "bias"):
            getattr(layer, part).copy_(torch.from_numpy(weights[f"{name}.{part}"].copy()))
