"""Matching of several networks, and merging them to their mean.

*Reference.* Every network is matched with the first. Other pairs are aligned only through it.

*Pairwise.* Every pair j < k is matched on its own: P_jk, with P_kj its inverse. The best for each
pair, but going from a neuron of network i to the one in j that P_ij aligns with it, from there
to k and back to i need not end at the same neuron. The *cycle consistency* is the share of neurons
at which it does, averaged over all triples. It does not depend on where a triple is entered or in
which direction, since the walks are conjugate or inverse to each other and so have equally many
fixed points. Pairwise matchings of consistency below one give no common order; to merge, the
networks are put in the order of the one whose matchings with the others are the best in sum.

*Joint.* One permutation Q_k of each network to a common order, P_jk = Q_k Q_j^{-1} (as index arrays
Q_k[argsort(Q_j)]), with signs where neurons may be negated: consistent by construction, and chosen
to maximise what all pairs have in common; see `lmctheory.matching.merging.joint` for the objective,
the methods and the proofs.

If the matching of two networks is solved exactly (one hidden layer), the joint objective lies
between those of the reference and the pairwise matching: the first is one of its candidates, and
in the second every pair is at its best.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Shaped
from torch import Tensor

from lmctheory.choices import require_choice
from lmctheory.matching._match import Matching, match, require_shapes, shapes_of, tried
from lmctheory.matching._symmetry import (
    Network,
    SomeNetwork,
    Symmetry,
    parameters,
    permute,
)
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.merging.composition import numbers, occupation, permutations_of
from lmctheory.matching.merging.joint import (
    Members,
    coordinate_ascent,
    described_by_activations,
    frank_wolfe,
    joint_objective,
    ordered,
)
from lmctheory.matching.merging.means import average
from lmctheory.matching.orders import inverse, plain, then, together
from lmctheory.measures.arguments import RandomSource, generator
from lmctheory.measures.display import some_items
from lmctheory.networks import Examples
from lmctheory.results import Result

__all__ = ["MultiMatching", "match_several"]

_HOW = ("reference", "pairwise", "joint")
_JOINT_METHODS = ("weight", "activation")


@dataclass(frozen=True, eq=False, repr=False)
class MultiMatching(Result):
    """Permutations of several networks' hidden neurons, and signs, that align them with each other.

    Attributes:
        method: of `match`.
        how: "reference", "pairwise" or "joint".
        symmetry: the groups of the networks.
        shapes: of their parameters.
        permutations: for each network and group an index array ``[m]``: neuron ``perm[i]`` of that
            network stands at place i of the common order.
        signs: for each network and signed group an array ``[m]`` of 1 and -1: of the neuron at
            place i.
        pairs: for j < k and each group an index array ``[m]``: neuron ``perm[i]`` of network k is
            aligned with neuron i of network j.
        pair_signs: for j < k and each signed group the signs of these neurons of k.
        objective: sum over pairs j < k of <theta_j, P_jk theta_k> over all parameters, P_jk from
            the common order, whatever the method.
        pair_objective: the same with P_jk from `pairs`; another value only for "pairwise".
        cycle_consistency: for each group the share of neurons for which going around a triple
            i -> j -> k -> i comes back, averaged over triples; 1 for two networks.
        traces: for "joint" from each start the method's objective there, and after each pass; the
            largest end was kept.
    """

    method: str
    how: str
    symmetry: Symmetry
    shapes: Mapping[str, tuple[int, ...]]
    permutations: tuple[Mapping[str, np.ndarray], ...]
    signs: tuple[Mapping[str, np.ndarray], ...]
    pairs: Mapping[tuple[int, int], Mapping[str, np.ndarray]]
    pair_signs: Mapping[tuple[int, int], Mapping[str, np.ndarray]]
    objective: float
    pair_objective: float
    cycle_consistency: Mapping[str, float]
    traces: Mapping[str, tuple[float, ...]]

    def __repr__(self) -> str:
        return (
            f"MultiMatching({len(self.permutations)} networks, method={self.method!r}, "
            f"how={self.how!r}, objective={self.objective:.6g}, "
            f"pair_objective={self.pair_objective:.6g}, "
            f"cycle_consistency={some_items(self.cycle_consistency)})"
        )

    @property
    def total_cycle_consistency(self) -> float:
        """The cycle consistency of all neurons."""
        sizes = {group.name: group.size for group in self.symmetry.groups}
        returning = sum(size * self.cycle_consistency[name] for name, size in sizes.items())
        return returning / sum(sizes.values()) if sizes else 1.0

    @property
    def orders(self) -> tuple[dict[str, np.ndarray], ...]:
        """Permutations and signs of each network, see `lmctheory.matching.orders`."""
        return tuple(map(together, self.permutations, self.signs))

    def apply(self, models: Sequence[SomeNetwork]) -> tuple[SomeNetwork, ...]:
        """Copies of the networks with their neurons in the common order, functions unchanged.

        Raises:
            ValueError: if there are more or fewer networks than were matched, or they do not fit.
        """
        if len(models) != len(self.permutations):
            raise ValueError(
                f"models must be the {len(self.permutations)} that were matched, got {len(models)}"
            )
        for k, model in enumerate(models):
            required = f"models[{k}] must have the parameters of those that were matched"
            require_shapes(required, shapes_of(parameters(model)), self.shapes)
        return tuple(
            permute(model, orders, self.symmetry, signs)
            for model, orders, signs in zip(models, self.permutations, self.signs, strict=True)
        )

    def merge(self, models: Sequence[SomeNetwork]) -> SomeNetwork:
        """The mean of the aligned networks.

        Parameters and floating-point buffers are averaged; integer buffers are the first network's.
        Averaged running statistics of BatchNorm are those of no network: measure them anew with
        `lmctheory.matching.reset_batch_norm`.

        Raises:
            ValueError: as `apply`.
        """
        return average(self.apply(models), [1 / len(models)] * len(models))


def match_several(
    models: Sequence[Network],
    method: str = "weight",
    data: Shaped[Tensor, "n ..."] | Examples | None = None,
    *,
    how: str = "joint",
    signs: bool = True,
    rng: RandomSource | None = None,
) -> MultiMatching:
    """Permutes the hidden neurons of several networks so that they resemble each other.

    "joint" maximises the sum over pairs of <Q_j theta_j, Q_k theta_k>, of all parameters for
    ``weight`` and of all groups' activations for ``activation``: coordinate ascent from the
    matching with the first network, and Frank-Wolfe from near it followed by coordinate ascent; the
    better end is kept, so it is never below the matching with the first network.

    Args:
        models: two or more networks of one architecture.
        method: of `match`; "joint" takes "weight" and "activation".
        data: inputs ``[n, ...]`` or examples, where the method needs them.
        how: "reference" (all with the first), "pairwise" or "joint".
        signs: whether neurons may be negated where the function allows it.
        rng: draws the order of networks and groups; None takes them as they come.

    Raises:
        TypeError: if a model cannot be matched.
        ValueError: for fewer than two models, different architectures, an unknown `how`, a method
            that has no joint form, and whatever `match` refuses.

    Reference: Ainsworth et al. 2023 (merging many models); Crisostomi et al. 2024 (C2M3).

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> nets = [MLP((8, 16, 3), rng=torch.Generator().manual_seed(s)) for s in range(3)]
        >>> joint, pairwise = (match_several(nets, how=how) for how in ("joint", "pairwise"))
        >>> pairwise.objective <= joint.objective <= pairwise.pair_objective
        True
        >>> joint.cycle_consistency, pairwise.total_cycle_consistency < 1
        ({'layers.0': 1.0}, True)
        >>> merged = joint.merge(nets)
    """
    _require_how(how, method)
    rng = None if rng is None else generator(rng)
    members = _members(models, data, signs=signs)
    if how == "pairwise":
        pairs = {
            (j, k): match(models[j], models[k], method, data, signs=signs, rng=rng)
            for j, k in combinations(range(len(models)), 2)
        }
        return _from_pairs(members, pairs)
    to_first = [match(models[0], model, method, data, signs=signs, rng=rng) for model in models[1:]]
    near = [members[0].orders, *(matching.orders for matching in to_first)]
    if how == "reference":
        return _consistent(to_first[0], how, ordered(members, near), {})
    described = members if method == "weight" else described_by_activations(models, members, data)
    ends, traces = _joint(ordered(described, near), rng)
    orders = [end.orders for end in ends]
    return _consistent(to_first[0], how, ordered(members, orders), traces)


def _require_how(how: str, method: str) -> None:
    require_choice("how", how, _HOW)
    if how == "joint" and method not in _JOINT_METHODS:
        raise ValueError(
            f"how='joint' needs a method with a joint objective, one of {list(_JOINT_METHODS)}, "
            f"got {method!r}"
        )


def _joint(
    near: Members, rng: np.random.Generator | None
) -> tuple[Members, dict[str, tuple[float, ...]]]:
    solutions = {"reference": coordinate_ascent(near, rng=rng)}
    if near[0].symmetry.groups:
        relaxed, first = frank_wolfe(near)
        ends, then = coordinate_ascent(relaxed, rng=rng)
        solutions["Frank-Wolfe"] = (ends, (*first, *then[1:]))
    best = max(solutions.values(), key=lambda solution: solution[1][-1])
    return best[0], {name: trace for name, (_, trace) in solutions.items()}


def _members(models: Sequence[Network], data: Tensor | Examples | None, *, signs: bool) -> Members:
    if len(models) < 2:
        raise ValueError(f"models must be at least two networks, got {len(models)}")
    example, *_ = tried(models[0], data)
    members = []
    for k, model in enumerate(models):
        try:
            member = side_by_side(models[0], model, example)
        except (TypeError, ValueError) as error:
            message = f"models[0] as model_a and models[{k}] as model_b: {error}"
            raise type(error)(message) from error
        symmetry = member.symmetry if signs else member.symmetry.unsigned
        members.append(replace(member, symmetry=symmetry))
    return tuple(members)


def _consistent(
    like: Matching, how: str, members: Members, traces: Mapping[str, tuple[float, ...]]
) -> MultiMatching:
    """The result where a common order was found: everything else is read off."""
    symmetry = members[0].symmetry
    occupied = [occupation(member) for member in members]
    objective = joint_objective(members)
    pairs = {
        (j, k): permutations_of(symmetry, then(occupied[k], inverse(occupied[j])))
        for j, k in combinations(range(len(members)), 2)
    }
    return MultiMatching(
        method=like.method,
        how=how,
        symmetry=like.symmetry,
        shapes=like.shapes,
        permutations=tuple(plain(member.orders) for member in members),
        signs=tuple(symmetry.signs(member.orders) for member in members),
        pairs={where: plain(orders) for where, orders in pairs.items()},
        pair_signs={where: symmetry.signs(orders) for where, orders in pairs.items()},
        objective=objective,
        pair_objective=objective,
        cycle_consistency={group.name: 1.0 for group in symmetry.groups},
        traces=traces,
    )


def _from_pairs(members: Members, pairs: Mapping[tuple[int, int], Matching]) -> MultiMatching:
    symmetry, n = members[0].symmetry, len(members)
    occupied: dict[tuple[int, int], np.ndarray] = {}
    shared = np.zeros((n, n))
    for (j, k), matching in pairs.items():
        (moved,) = ordered((members[k],), [matching.orders])
        shared[j, k] = shared[k, j] = matching.objective
        occupied[j, k] = occupation(moved)
        occupied[k, j] = inverse(occupied[j, k])
    centre = int(shared.sum(0).argmax())
    occupied[centre, centre] = occupation(members[centre])
    common = ordered(members, [permutations_of(symmetry, occupied[centre, k]) for k in range(n)])
    return MultiMatching(
        method=pairs[0, 1].method,
        how="pairwise",
        symmetry=pairs[0, 1].symmetry,
        shapes=pairs[0, 1].shapes,
        permutations=tuple(plain(member.orders) for member in common),
        signs=tuple(symmetry.signs(member.orders) for member in common),
        pairs={where: matching.permutations for where, matching in pairs.items()},
        pair_signs={where: matching.signs for where, matching in pairs.items()},
        objective=joint_objective(common),
        pair_objective=float(shared.sum() / 2),
        cycle_consistency=_cycle_consistency(symmetry, occupied, n),
        traces={},
    )


def _cycle_consistency(
    symmetry: Symmetry, occupied: Mapping[tuple[int, int], np.ndarray], n: int
) -> dict[str, float]:
    triples = list(combinations(range(n), 3))
    if not triples:
        return {group.name: 1.0 for group in symmetry.groups}
    around = np.array(
        [then(occupied[k, i], then(occupied[j, k], occupied[i, j])) for i, j, k in triples]
    )
    returns = around == np.arange(around.shape[1])
    return {name: float(returns[:, where].mean()) for name, where in numbers(symmetry).items()}
