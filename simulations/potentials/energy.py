"""The network of ANI potentials, which folders of potentials carry along as ``model.py``."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

WIDTHS = {
    "h": (384, 160, 128, 96, 1),
    "c": (384, 144, 112, 96, 1),
    "n": (384, 128, 112, 96, 1),
    "o": (384, 128, 112, 96, 1),
}
"""Of ANI-1x and ANI-1ccx, by element."""


def element(widths: Sequence[int]) -> nn.Sequential:
    """The network of one element, with CELU(.1) between its layers."""
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(widths):
        layers += [nn.Linear(fan_in, fan_out), nn.CELU(alpha=0.1)]
    return nn.Sequential(*layers[:-1])


class Energy(nn.Module):
    """Energies ``[n, 1]`` of molecules: every atom's by the network of its element, added up.

    Molecules are ``[n, atoms, features + 4]``: of every atom its environment and four indicators of
    its element (H, C, N, O), all zeros where there is no atom. `widths` are those of layers, the
    features first, by element.
    """

    def __init__(self, widths: Mapping[str, Sequence[int]] = WIDTHS) -> None:
        super().__init__()
        self.h, self.c = element(widths["h"]), element(widths["c"])
        self.n, self.o = element(widths["n"]), element(widths["o"])

    def forward(self, x: Tensor) -> Tensor:
        """The energies, in Hartree where indicators are 1."""
        atoms, kind = x[:, :, :-4], x[:, :, -4:]
        energies = torch.cat([self.h(atoms), self.c(atoms), self.n(atoms), self.o(atoms)], 2)
        return (energies * kind).sum((1, 2)).unsqueeze(1)
