"""Doubly stochastic matrices in the place of permutations.

The permutation matrices of a group are the corners of the polytope of doubly stochastic matrices
(Birkhoff), so a linear function of them is largest at a corner, which an assignment finds. The
groups act in the order of `Symmetry.groups`, so that neurons inside a block are mixed before blocks
are. With one matrix for each group the parameters are polynomials in all of them, the degree in
each parameter being the number of times that groups act on it (`degree`).
"""

from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

import torch
from jaxtyping import Float64
from torch import Tensor

from lmctheory.matching._symmetry import Symmetry
from lmctheory.matching.alignment import Alignment
from lmctheory.matching.solvers._assignment import assignment
from lmctheory.matching.solvers.mixing import mixed

__all__ = ["Matrices", "degree", "initial", "relaxed", "rounded"]

Matrices: TypeAlias = Mapping[str, Float64[Tensor, "_ _"]]
"""For each group's name a doubly stochastic matrix; the identity is `Alignment`'s present order."""


def initial(start: Alignment, share: float) -> dict[str, Tensor]:
    """Matrices share I + (1 - share) J/m: from the mean of all orders (0) to the present (1)."""
    matrices = {}
    for group in start.symmetry.groups:
        like, m = start.b[group.actions[0].parameter], group.size
        centre = like.new_full((m, m), (1 - share) / m)
        matrices[group.name] = centre + share * torch.eye(m, dtype=like.dtype, device=like.device)
    return matrices


def relaxed(start: Alignment, matrices: Matrices) -> dict[str, Tensor]:
    """The parameters of B after all groups acted, differentiable in the matrices."""
    result = dict(start.b)
    for group in start.symmetry.groups:
        for action in group.actions:
            name = action.parameter
            result[name] = mixed(action, result[name], matrices[group.name])
    return result


def rounded(start: Alignment, matrices: Matrices) -> Alignment:
    """The alignment by the permutations P that maximise <M, P>, those nearest to the matrices M."""
    for group in start.symmetry.groups:
        start = start.turned(group, assignment(matrices[group.name]))
    return start


def degree(symmetry: Symmetry) -> int:
    """The degree of the objective as a polynomial in all matrices together.

    Groups inside different blocks of one family act on different entries and count once.
    """
    acting = {
        (action.parameter, action.axis, group.parent or group.name, group.family, group.parent)
        for group in symmetry.groups
        for action in group.actions
    }
    return max(Counter(parameter for parameter, *_ in acting).values(), default=1)
