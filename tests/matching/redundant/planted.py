"""Networks with redundant neurons of our own, and others of the same function."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import permute, symmetry
from lmctheory.networks import MLP, ViT
from lmctheory.networks.state import copied, tensors


class Residual(nn.Module):
    """A residual block with BatchNorm, in a stream of channels, between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 9, 3, padding=1)
        self.inner, self.norm = nn.Conv2d(9, 12, 3, padding=1, bias=False), nn.BatchNorm2d(12)
        self.outer = nn.Conv2d(12, 9, 3, padding=1)
        self.head = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        h = (h + self.outer(self.norm(self.inner(h)).relu())).relu()
        return self.head(h.mean((2, 3)))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 12, 3),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.Conv2d(12, 10, 3),
        nn.BatchNorm2d(10),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(40, 3),
    )


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True)
class Case:
    """A network, its inputs, and the group in which redundant neurons are planted.

    Attributes:
        build: makes it.
        shape: of one input.
        group: name of the group.
        sign: by which a duplicate may be multiplied.
        dead: a bias by which a neuron without incoming weights is dead.
    """

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    group: str
    sign: int = 1
    dead: float = -0.4


CASES = {
    "relu": Case(lambda: MLP((4, 12, 11, 3), rng=seeded()), (4,), "layers.0"),
    "tanh": Case(
        lambda: MLP((4, 12, 11, 3), "tanh", rng=seeded()), (4,), "layers.0", sign=-1, dead=0.0
    ),
    "convolutions": Case(convolutions, (2, 6, 6), "0"),
    "flattened": Case(convolutions, (2, 6, 6), "3"),
    "residual block": Case(Residual, (2, 5, 5), "inner"),
    "residual stream": Case(Residual, (2, 5, 5), "first"),
    "transformer": Case(
        lambda: ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=seeded()),
        (64,),
        "blocks.0.mlp.1",
        dead=0.0,
    ),
}


def inputs(case: Case, count: int = 20) -> Tensor:
    return torch.randn(count, *case.shape, generator=seeded(9), dtype=torch.float64)


def varied(case: Case) -> nn.Module:
    """The network in double precision, with noise on all that it holds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = case.build().double().eval()
    rng = seeded(3)
    with torch.no_grad():
        for name, tensor in tensors(model).items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=rng, dtype=torch.float64)
                tensor.add_(0.2 * (noise.abs() if "var" in name else noise))
    return model


def entries(tensor: Tensor, action, neuron: int) -> Tensor:
    """A view of a neuron's entries, one after another."""
    return tensor.movedim(action.axis, 0)[slice(*_range(action, neuron))]


def _range(action, neuron: int) -> tuple[int, int]:
    own = action.positions[neuron]
    assert own == tuple(range(own[0], own[-1] + 1))
    return own[0], own[-1] + 1


DUPLICATES, ZERO, CONSTANT, SILENT = (1, 4, 6), 2, (3, 7), 8


@cache
def planted(case: Case) -> nn.Module:
    """With neurons 1, 4, 6 equal, 2 dead, 3 and 7 constant and 8 silent."""
    model = varied(case)
    group = symmetry(model, inputs(case))[case.group]
    held = tensors(model)
    with torch.no_grad():
        for action in group.actions:
            tensor = held[action.parameter]
            if action.reads:
                entries(tensor, action, SILENT).zero_()
                continue
            for copy, sign in ((4, case.sign), (6, 1)):
                new = entries(tensor, action, DUPLICATES[0])
                factor = sign if action.negated else 1
                entries(tensor, action, copy).copy_(factor * new)
            if action.parameter in group.incoming:
                for neuron in (ZERO, *CONSTANT):
                    entries(tensor, action, neuron).zero_()
            elif "bias" in action.parameter or "running_mean" in action.parameter:
                sign = -1 if "running" in action.parameter else 1
                entries(tensor, action, ZERO).fill_(sign * case.dead)
                for neuron, value in zip(CONSTANT, (0.3, 0.5), strict=True):
                    entries(tensor, action, neuron).fill_(sign * value)
    return model


def respread(case: Case, model: nn.Module, seed: int) -> nn.Module:
    """The same function: duplicates share otherwise, the others' free weights are others."""
    result = copied(model)
    group = symmetry(model, inputs(case))[case.group]
    held, rng = tensors(result), seeded(seed)
    with torch.no_grad():
        for action in group.actions:
            tensor = held[action.parameter]
            if action.reads:
                one = entries(tensor, action, DUPLICATES[0])
                for copy, sign in ((4, case.sign), (6, 1)):
                    noise = torch.randn(one.shape, generator=rng, dtype=torch.float64)
                    entries(tensor, action, copy).add_(0.7 * noise)
                    one.sub_(0.7 * sign * noise)
                entries(tensor, action, ZERO).normal_(generator=rng)
            elif "running" not in action.parameter:
                entries(tensor, action, SILENT).normal_(generator=rng)
    return result


def shuffled(case: Case, model: nn.Module, seed: int):
    """All groups in random order, with random signs; the network and where neurons went."""
    found = symmetry(model, inputs(case))
    rng = np.random.default_rng(seed)
    orders = {group.name: rng.permutation(group.size) for group in found.groups}
    signs = {group.name: rng.choice((1, -1), group.size) for group in found.signed}
    moved = permute(model, orders, found, signs)
    return moved, np.argsort(orders[case.group])


def middle(a: nn.Module, b: nn.Module) -> nn.Module:
    """The network halfway between two."""
    result, other = copied(a), tensors(b)
    with torch.no_grad():
        for name, tensor in tensors(result).items():
            if tensor.is_floating_point():
                tensor.add_(other[name]).div_(2)
    return result
