"""Ways to bring the neurons of two potentials into one order.

*Jointly*, a potential is one network: each element's layers are evaluated on all atoms and on empty
places, and those of other elements count like its own in what activations and second moments say.
*Own atoms*: the network of each element is matched by itself, on atoms of that element alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.matching import match, repair
from lmctheory.networks import Examples
from lmctheory.networks.state import copied
from simulations.potentials.energy import Energy

__all__ = [
    "MATCHINGS",
    "NAMES",
    "UNMATCHED",
    "Matching",
    "atoms_of",
    "by_element",
    "energies",
    "repaired",
    "total",
]

NAMES = ("h", "c", "n", "o")
"""Of the networks of the elements."""
UNMATCHED = "none"


def atoms_of(inputs: Float[Tensor, "n atoms k"]) -> dict[str, Float[Tensor, "m features"]]:
    """Environments of each element's own atoms."""
    kinds = inputs[:, :, -len(NAMES) :] > 0
    return {name: inputs[:, :, : -len(NAMES)][kinds[:, :, k]] for k, name in enumerate(NAMES)}


def energies(
    networks: Energy, inputs: Float[Tensor, "n atoms k"]
) -> dict[str, Float[Tensor, "n atoms"]]:
    """What each element adds to a molecule's energy, atom by atom; 0 where there is none.

    The potential itself evaluates every network on every place, which costs six times as much.
    """
    kinds = inputs[:, :, -len(NAMES) :]
    found = {}
    for k, (name, atoms) in enumerate(atoms_of(inputs).items()):
        weight = kinds[:, :, k].clone()
        own = weight > 0
        weight[own] *= getattr(networks, name)(atoms)[:, 0]
        found[name] = weight
    return found


def total(networks: Energy, inputs: Float[Tensor, "n atoms k"]) -> Float[Tensor, "n 1"]:
    """What the potential itself gives, each network evaluated on its own atoms alone."""
    return torch.stack([part.sum(1) for part in energies(networks, inputs).values()]).sum(0)[
        :, None
    ]


def by_element(model: Energy, make: Callable[[str, nn.Module], nn.Module]) -> Energy:
    """A copy with another network for each element, made from its name and its network."""
    result = copied(model)
    assert isinstance(result, Energy)
    for name in NAMES:
        setattr(result, name, make(name, getattr(model, name)))
    return result


@dataclass(frozen=True)
class Matching:
    """One way to match.

    Attributes:
        method: of `match`; None leaves neurons as they come.
        own: whether every element is matched by itself, on its own atoms.
    """

    method: str | None
    own: bool = False

    def align(self, a: Energy, b: Energy, data: Examples) -> Energy:
        """B with its neurons in the order of A's.

        Args:
            a: potential A.
            b: potential B.
            data: molecules.
        """
        method = self.method
        if method is None:
            return b
        if not self.own:
            return match(a, b, method, data.inputs).apply(b)  # type: ignore[return-value]
        atoms = atoms_of(data.inputs)
        return by_element(
            b, lambda name, net: match(getattr(a, name), net, method, atoms[name]).apply(net)
        )


MATCHINGS: Mapping[str, Matching] = {
    UNMATCHED: Matching(None),
    "naive": Matching("naive"),
    "weighted": Matching("weighted"),
    "weight": Matching("weight"),
    "activation": Matching("activation"),
    "weighted, own": Matching("weighted", own=True),
    "weight, own": Matching("weight", own=True),
    "activation, own": Matching("activation", own=True),
}


def repaired(middle: Energy, a: Energy, b: Energy, inputs: Tensor, *, own: bool) -> Energy:
    """The midpoint after REPAIR, of the whole network or of each element on its own atoms."""
    if not own:
        return repair(middle, a, b, inputs)  # type: ignore[return-value]
    atoms = atoms_of(inputs)
    return by_element(
        middle,
        lambda name, net: repair(net, getattr(a, name), getattr(b, name), atoms[name]),
    )
