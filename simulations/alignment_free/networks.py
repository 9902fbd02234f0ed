"""Networks whose neurons cannot be permuted, and their ordinary counterparts.

*fixed*: in every row of every weight matrix a random part of the entries is fixed, the same for
all networks of a family (W-asymmetric networks). A row of an ordinary network has He's variance,
|w|^2 = 2 on average; here fixed and trained entries share it as kappa^2 : 1, so that kappa = 0
leaves a mask of zeros, and a large kappa neurons that are what is fixed, nearly.

*gated*: every activation is z -> sigmoid(C z) z with one fixed Gaussian C (sigma-asymmetric
networks, FiGLU).

*shared*: ordinary networks that begin as fixed ones do, with nothing fixed: a control of what fixed
entries do beyond a start in common.

Reference: Lim et al. 2024.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from lmctheory.networks import MLP, seeded_generators

__all__ = ["KINDS", "STARTED", "Family", "FixedMLP", "GatedMLP", "PartlyFixed"]

KINDS = ("ordinary", "shared", "fixed", "gated")
STARTED = ("shared", "fixed")
"""Kinds with a start in common."""


class PartlyFixed(nn.Module):
    """x -> (F + D o W) x + b with a mask D of trained entries.

    Args:
        trained: D ``[outputs, inputs]``, 1 where an entry of W is used.
        fixed: F, zero there.
        weight: W at the beginning.
    """

    def __init__(self, trained: Tensor, fixed: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight.clone())
        self.bias = nn.Parameter(torch.zeros(len(weight)))
        self.register_buffer("trained", trained.clone())
        self.register_buffer("fixed", fixed.clone())

    @property
    def effective(self) -> Tensor:
        """F + D o W."""
        return self.get_buffer("fixed") + self.get_buffer("trained") * self.weight

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of inputs ``[n, inputs]``."""
        return nn.functional.linear(x, self.effective, self.bias)


class FixedMLP(nn.Module):
    """An MLP of partly fixed layers, relu between them."""

    def __init__(self, layers: Sequence[PartlyFixed]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    @property
    def widths(self) -> tuple[int, ...]:
        """Of inputs, hidden layers and outputs."""
        shapes = [layer.get_parameter("weight").shape for layer in self.layers]
        return (shapes[0][1], *(shape[0] for shape in shapes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits of inputs ``[n, ...]``."""
        x = x.flatten(1)
        *hidden, last = self.layers
        for layer in hidden:
            x = torch.relu(layer(x))
        out: Tensor = last(x)
        return out

    def plain(self) -> MLP:
        """The same function as an ordinary MLP, in which everything could be permuted.

        Effective weights are affine in the trained ones: a segment of fixed networks is the segment
        of the ordinary ones.
        """
        result = MLP(self.widths, rng=torch.Generator())
        with torch.no_grad():
            for linear, layer in zip(result.linears, self.layers, strict=True):
                assert isinstance(layer, PartlyFixed)
                linear.weight.copy_(layer.effective)
                linear.bias.copy_(layer.bias)
        return result


class GatedMLP(nn.Module):
    """An MLP with activations z -> sigmoid(C z) z.

    Args:
        linears: of an MLP, taken over.
        gates: C ``[m, m]`` of every hidden layer.
    """

    def __init__(self, linears: Sequence[nn.Linear], gates: Sequence[Tensor]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(linears)
        for k, gate in enumerate(gates):
            self.register_buffer(f"gate_{k}", gate.clone())

    def forward(self, x: Tensor) -> Tensor:
        """Logits of inputs ``[n, ...]``."""
        x = x.flatten(1)
        *hidden, last = self.layers
        for k, layer in enumerate(hidden):
            z = layer(x)
            x = torch.sigmoid(nn.functional.linear(z, self.get_buffer(f"gate_{k}"))) * z
        out: Tensor = last(x)
        return out


@dataclass(frozen=True)
class Family:
    """Networks of one kind that have in common what is fixed, if anything is.

    Attributes:
        kind: of `KINDS`.
        widths: of inputs, hidden layers and outputs.
        kappa: norm of the fixed part of a row over that of its trained part at the beginning.
        share: of the entries of a row that are fixed.
        seed: of what is fixed.
    """

    kind: str
    widths: tuple[int, ...]
    kappa: float
    share: float
    seed: int

    def start(self, seed: int) -> nn.Module:
        """An untrained network; what is trained is drawn from its own seed."""
        own = seeded_generators(seed)[0]
        if self.kind == "ordinary":
            return MLP(self.widths, rng=own)
        common = torch.Generator().manual_seed(self.seed)
        if self.kind == "gated":
            gates = [torch.randn(m, m, generator=common) for m in self.widths[1:-1]]
            return GatedMLP(MLP(self.widths, rng=own).linears, gates)
        layers = [self._layer(*fans, common, own) for fans in pairwise(self.widths)]
        network = FixedMLP(layers)
        return network.plain() if self.kind == "shared" else network

    def _layer(
        self, inputs: int, outputs: int, common: torch.Generator, own: torch.Generator
    ) -> PartlyFixed:
        count = min(max(1, round(self.share * inputs)), inputs - 1)
        places = torch.rand(outputs, inputs, generator=common).argsort(1)[:, :count]
        trained = torch.ones(outputs, inputs).scatter_(1, places, 0.0)
        part = self.kappa**2 / (1 + self.kappa**2)
        fixed = torch.randn(outputs, inputs, generator=common) * (2 * part / count) ** 0.5
        scale = (2 * (1 - part) / (inputs - count)) ** 0.5
        weight = torch.randn(outputs, inputs, generator=own) * scale
        return PartlyFixed(trained, fixed * (1 - trained), weight * trained)
