r"""Matching by a certificate: the permutation of B that makes a bound small.

A cost of neurons, as `lmctheory.matching` minimises, stands for the barrier because some bound is
monotone in it. Here the bound itself is minimised: two neurons of one hidden layer of B are
exchanged wherever that lowers the certificate of the pair at t = 1/2, on the given examples,

    C1, C1', C2   root mean square over the examples of the bound of |f_t - f-bar|
    C3            mean over the examples of the bound of the cross-entropy.

Permutations leave the two ends what they compute, so to minimise C3 is to minimise the certified
barrier. Every number is computed by the code of `certificate` itself, so what is reported is a
certificate of the permuted pair, and it never exceeds that of the start: only improvements are
kept. A lower bound need not go with a lower error: of two matchings, one may have the lower bound
and the other the lower barrier, and so it is with most trained networks of two and more hidden
layers. With one hidden layer C1' is the error itself, and the descent lowers both.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching import Symmetry, permute
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.solvers import annealing
from lmctheory.matching.symmetry import Network, SomeNetwork
from lmctheory.measures.arguments import at_least
from lmctheory.networks import AffineChain, Examples, affine_chain, evaluation_mode
from lmctheory.paths.deviation import Bounds, bounds, features, points
from lmctheory.paths.layers import Affine
from lmctheory.paths.program import Program, chain_program

__all__ = ["BOUNDS", "CertificateMatching", "match_by_certificate"]


def _rms(errors: Tensor) -> Tensor:
    return errors.square().mean().sqrt()


BOUNDS: Mapping[str, Callable[[Bounds], Tensor]] = {
    "C1": lambda found: _rms(found.function_error_c1),
    "C1'": lambda found: _rms(found.function_error),
    "C2": lambda found: _rms(found.function_error_c2),
    "C3": lambda found: found.example_loss.mean(),
}
"""What can be minimised: numbers made of the bounds at t = 1/2."""

_VECTOR = ("C1'", "C3")
"""Those that need C1'."""


@dataclass(frozen=True, eq=False)
class CertificateMatching:
    """Permutations of B's hidden neurons that make a certificate small.

    Attributes:
        bound: one of `BOUNDS`.
        permutations: for each group's name an index array ``[m]``: neuron ``perm[i]`` of B is
            aligned with neuron i of A.
        trace: the bound at the start and after every tenth of the proposals; it never rises.
        symmetry: the groups of the networks.
    """

    bound: str
    permutations: Mapping[str, np.ndarray] = field(repr=False)
    trace: tuple[float, ...]
    symmetry: Symmetry = field(repr=False)

    def apply(self, model_b: SomeNetwork) -> SomeNetwork:
        """A copy of `model_b` with its neurons aligned; it computes the same function.

        Raises:
            ValueError: if the groups are not those of `model_b`.
        """
        return permute(model_b, self.permutations, self.symmetry)


def match_by_certificate(
    model_a: Network,
    model_b: Network,
    data: Examples,
    bound: str = "C1",
    *,
    rng: np.random.Generator,
    start: Mapping[str, np.ndarray] | None = None,
    proposals: int = 4000,
) -> CertificateMatching:
    """Permutes the hidden neurons of B so that a certificate of the segment is small.

    From the start on, exchanges of two neurons of one layer are drawn at random, and carried out
    where they lower the bound: a local descent, not an optimum.

    Args:
        model_a: network A, a chain of linear layers and activations.
        model_b: network B of the same architecture.
        data: the examples over which the bound is taken. A few hundred do; a proposal costs what
            the certificate does, some milliseconds for 200 examples of narrow networks.
        bound: one of `BOUNDS`.
        rng: draws the proposals.
        start: permutations to begin with, such as those of a `Matching`; None is B as it came.
        proposals: how many exchanges are tried.

    Raises:
        TypeError: if a network is no chain.
        ValueError: for an unknown bound, no proposals, a start that is no permutation of the
            groups, networks of different architecture, NaN or infinite weights, or examples that
            do not fit.

    Reference: theory keys C1, C1', C2, C3.

    Example:
        >>> import numpy as np, torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> data = Examples(x, torch.arange(20) % 3)
        >>> found = match_by_certificate(a, b, data, rng=np.random.default_rng(0), proposals=50)
        >>> found.trace[-1] < found.trace[0]
        True
        >>> aligned = found.apply(b)
    """
    if bound not in BOUNDS:
        raise ValueError(f"bound must be one of {list(BOUNDS)}, got {bound!r}")
    proposals = at_least("proposals", proposals, 1)
    program = chain_program(_chain(model_a), _chain(model_b), data)
    groups = side_by_side(model_a, model_b).symmetry
    if start is None:
        start = {group.name: np.arange(group.size) for group in groups.groups}
    moved: Network = permute(model_b, start, groups)  # type: ignore[type-var]  # model_b's own
    objective = _Objective(program, _chain(model_a).names, data, bound)
    begin = side_by_side(model_a, moved)
    found = annealing(begin, objective, rng=rng, steps=proposals, heat=0.0)
    orders = found.alignment.permutations
    return CertificateMatching(
        bound=bound,
        permutations={name: start[name][order] for name, order in orders.items()},
        trace=tuple(-value for value in found.trace),
        symmetry=groups,
    )


def _chain(network: Network) -> AffineChain:
    if isinstance(network, AffineChain):
        return network
    return affine_chain(evaluation_mode(network))


@dataclass(frozen=True, eq=False)
class _Objective:
    """Minus the bound, as a function of the parameters of A and of the permuted B.

    Attributes:
        program: of A and of B as it came.
        names: of its layers.
        data: the examples.
        bound: one of `BOUNDS`.
    """

    program: Program
    names: tuple[str, ...]
    data: Examples
    bound: str

    @torch.no_grad()
    def __call__(self, _a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Tensor:
        """The value at parameters of B; those of A are the program's."""
        program = self._permuted(b)
        x = self.data.inputs.to(program.reference)
        labels = self.data.labels.to(x.device)
        [middle] = points(program, np.array([0.5]))
        found = bounds(program, middle, features(program, x), labels, self.bound in _VECTOR)
        return -BOUNDS[self.bound](found)

    def _permuted(self, b: Mapping[str, Tensor]) -> Program:
        names = iter(self.names)
        operations = [
            _with_b(op, next(names), b) if isinstance(op, Affine) else op
            for op in self.program.operations
        ]
        return replace(self.program, operations=tuple(operations))


def _with_b(op: Affine, name: str, b: Mapping[str, Tensor]) -> Affine:
    # a layer without bias has zeros for one, in any order
    return replace(op, W_b=b[f"{name}.weight"], b_b=b.get(f"{name}.bias", op.b_b))
