r"""The least barrier over all permutations, from both sides: branch and bound over matchings.

How it is searched for is said in `lmctheory.paths.permutation_search`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial, prod

import numpy as np
import torch
from torch import nn

from lmctheory.matching import orders, symmetry
from lmctheory.measures.arguments import positive
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.affine import find_chains
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths._certified_barrier import CertifiedBarrier
from lmctheory.paths.barrier_search import Interval
from lmctheory.paths.interpolation import require_fitting
from lmctheory.paths.permutation_search import PermutationSearch
from lmctheory.progress import carried_out
from lmctheory.results import Result

__all__ = ["LeastBarrier", "least_barrier"]

_TERMS = 2**27
"""Most products of a pair of layers that are held."""


@dataclass(frozen=True, eq=False, repr=False)
class LeastBarrier(Result):
    """What no permutation of B's neurons can undercut, and one that comes so far.

    Attributes:
        barrier: contains the least barrier over all arrangements, rounding included.
        permutations: for each hidden layer's name the index array ``[m]`` of the best arrangement
            that was met, as `lmctheory.matching.permute` takes them.
        signs: of it, for the layers that have some.
        best: the barrier of that arrangement.
        arrangements: how many there are.
        bounded: how many partial ones were looked at.
        converged: whether `barrier` is as narrow as was asked for.
        seconds: what it took.
    """

    barrier: Interval
    permutations: dict[str, np.ndarray]
    signs: dict[str, np.ndarray]
    best: CertifiedBarrier
    arrangements: int
    bounded: int
    converged: bool
    seconds: float

    def __repr__(self) -> str:
        return (
            f"LeastBarrier(in {self.barrier} over {self.arrangements:.3g} "
            f"arrangements, {self.bounded} bounds, {self.seconds:.2g} s"
            f"{'' if self.converged else ', not converged'})"
        )


def least_barrier(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    signs: bool = True,
    tolerance: float = 0.01,
    budget: float = 600.0,
) -> LeastBarrier:
    """The least barrier over all orders of B's hidden neurons, between two bounds.

    Every permutation of every hidden layer is taken into account, and with `signs` every negation
    of neurons of an odd activation: some 8 neurons in each of two layers, or more in one, are
    decided.

    Args:
        model_a: network A, a chain of linear layers and activations with one or two hidden layers.
        model_b: network B of the same architecture.
        data: the examples; cross-entropy, binary cross-entropy or squared error.
        signs: whether neurons of odd activations may be negated too.
        tolerance: width of the interval relative to the barrier, or to .001 if that is larger.
        budget: seconds after which the interval is returned as it is.

    Raises:
        TypeError: if a network is no such chain.
        ValueError: if it has another number of hidden layers, or layers too wide to be held, if
            tolerance or budget are <= 0, the architectures differ, weights are NaN or infinite,
            inputs or labels do not fit, and for a loss without certificate.

    Reference:
        Key C6; Ainsworth et al. 2023, who ask whether permutations suffice.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((2, 4, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 2, generator=torch.Generator().manual_seed(2))
        >>> found = least_barrier(a, b, Examples(x, torch.arange(20) % 3))
        >>> found.converged, found.arrangements
        (True, 24)
    """
    tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
    chains = find_chains(model_a, model_b)
    if chains is None:
        raise TypeError(
            "model_a and model_b must be chains of linear layers and activations: only their "
            "arrangements can be searched"
        )
    require_same_architecture(*chains)
    a, b = (chain.to(dtype=torch.float64) for chain in chains)
    require_fitting(data, outputs=len(a.weights[-1]), inputs=a.weights[0].shape[-1])
    signed = tuple(signs and sigma.is_odd for sigma in a.activations)
    _require_size(a, signed, len(data.inputs))
    started = time.monotonic()
    with torch.no_grad():
        search = PermutationSearch(a, b, data, signed, tolerance)
        carried_out(search.steps(), "bounding arrangements", started + budget)
    groups = {group.name for group in symmetry(b).groups}  # a single neuron is none
    found = {
        name: (np.array(order), one)
        for name, order, one in zip(b.names, search.best, signed, strict=False)
        if name in groups
    }
    return LeastBarrier(
        barrier=Interval(search.lower, search.upper),
        permutations={name: orders.neurons(order) for name, (order, _) in found.items()},
        signs={name: orders.signs(order) for name, (order, one) in found.items() if one},
        best=search.certified,
        arrangements=prod(
            factorial(len(W)) * 2 ** (len(W) * one)
            for W, one in zip(a.weights, signed, strict=False)
        ),
        bounded=search.bounded,
        converged=search.done,
        seconds=time.monotonic() - started,
    )


def _require_size(a: AffineChain, signed: Sequence[bool], examples: int) -> None:
    if a.depth not in (1, 2):
        raise ValueError(f"networks must have one or two hidden layers, got {a.depth}")
    widths = [len(W) for W in a.weights]
    choices = prod(m * m * (1 + one) for m, one in zip(widths, signed, strict=False))
    if choices * examples * (widths[-1] if a.depth == 1 else 1) > _TERMS:
        raise ValueError(
            f"layers of {widths[:-1]} neurons are too wide for {examples} examples: "
            "their arrangements cannot be searched"
        )
