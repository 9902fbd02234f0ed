"""Which spaces of a network orthogonal matrices may turn."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from torch import nn

from lmctheory.matching.groups import Action, PermutationGroup, Symmetry, entries_moved
from lmctheory.matching.rotations.folding import Folding, Reading, combined
from lmctheory.matching.rotations.spaces import Kind, Space
from lmctheory.matching.rotations.trials import Trial
from lmctheory.measures.display import some
from lmctheory.networks.calling import Inputs, as_inputs
from lmctheory.networks.state import require_network

__all__ = ["RotationSymmetry", "folded", "rotations"]


@dataclass(frozen=True, repr=False)
class RotationSymmetry:
    """The spaces of a network that orthogonal matrices may turn, each on its own.

    Attributes:
        spaces: of heads and residual streams.
        fixed: for each group of neurons that only permutations may move the reason.
        groups: the permutation groups of the network after folding.
        folding: how gains of normalisations have to be moved before a residual stream can be
            turned; empty if there is none.
    """

    spaces: tuple[Space, ...]
    fixed: Mapping[str, str]
    groups: Symmetry = field(repr=False)
    folding: Folding = field(default_factory=Folding, repr=False)

    def __repr__(self) -> str:
        spaces = some(f"{space.name!r}: {space.size} {space.kind!r}" for space in self.spaces)
        fixed = some(f"{name!r}: {reason}" for name, reason in self.fixed.items())
        return f"RotationSymmetry({len(self.spaces)} spaces {{{spaces}}}, fixed {{{fixed}}})"

    def on(self, names: Collection[str]) -> "RotationSymmetry":
        """The same symmetries as they act on some of the tensors, say on parameters alone."""
        spaces = tuple(space.on(names) for space in self.spaces)
        return replace(self, spaces=spaces, groups=self.groups.on(names))

    def __getitem__(self, name: str) -> Space:
        """The space of a name."""
        return next(space for space in self.spaces if space.name == name)

    @property
    def streams(self) -> tuple[Space, ...]:
        """The spaces that lie in no head."""
        return tuple(space for space in self.spaces if space.parent is None)


def rotations(model: nn.Module, example: Inputs, *, stream: bool = True) -> RotationSymmetry:
    """The orthogonal symmetries of a network: of its attention heads and residual streams.

    **Heads.** A head computes with queries and keys only through q.k, and (Aq).(Ak) = q.k for
    every orthogonal A. It makes sum_t a_t v_t of its values, which is linear, and a linear map O
    reads it: O A^T sum_t a_t (A v_t) is the same. Biases of the projections turn with their rows.
    Rotary embeddings apply a rotation R_t to planes of queries and keys; A has to commute with all
    of them, so it is a rotation in each plane (reflections are not: F R_t = R_t^T F). Where query
    heads share keys and values, they share A.

    **Residual streams.** If h is read through normalisations alone, and RMSNorm(Q h) = Q RMSNorm(h)
    as |Q h| = |h|, then writers Q W and readers W Q^T give the same function. Gains stand in
    between, diag(g) Q != Q diag(g), so they are moved into the readers first (`folded`); LayerNorm
    takes off the mean, for which Q has to map (1, ..., 1) to itself or its negative. In a
    *post-norm* network the sum after a normalisation reads what its gain has scaled, so the gain
    cannot be moved, and the stream admits only the permutations that it does.

    What is found in the network's program is believed only if it holds on inputs: with random
    matrices outputs change by rounding alone (1e-10 of the largest one in float64, 1e-5 for
    networks that compute in float32), for the network's own weights and with noise on all of them.

    Args:
        model: any module of which `symmetry` finds the permutation groups.
        example: inputs ``[n, ...]``, see `symmetry`.
        stream: whether residual streams are to be turned, for which gains are moved.

    Raises:
        TypeError: if the module cannot be traced.
        ValueError: if `example` does not fit.

    Reference: theory key S3; Theus et al. 2025.

    Example:
        >>> import torch
        >>> from lmctheory.networks import ViT
        >>> rng = torch.Generator().manual_seed(0)
        >>> vit = ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=rng)
        >>> found = rotations(vit, torch.ones(2, 64))
        >>> [(space.size, space.kind) for space in found.spaces]
        [(4, 'orthogonal'), (4, 'orthogonal'), (4, 'orthogonal'), (4, 'orthogonal'), (8, 'mean')]
    """
    require_network(model, "model")
    example = as_inputs(example, "example")
    reading = Reading.of(model, example, stream=stream)
    found = _found(reading, reading.foldings, example)
    held = {space.name for space in found.spaces}
    kept = {name: folding for name, folding in reading.foldings.items() if name in held}
    if len(kept) < len(reading.foldings):  # the gains of the others stay where they are
        reading = reading if kept else reading.without_streams(model, example)
        again = _found(reading, kept, example)
        found = replace(again, fixed={**again.fixed, **found.fixed})
    return replace(found, fixed={**found.fixed, **reading.reasons})


def folded(model: nn.Module, example: Inputs) -> nn.Module:
    """A copy of a network with the gains before its residual stream's readers moved into them.

    Two networks have to be compared in this form if their residual streams are to be turned. Its
    function is the same; gains are one, biases of normalisations zero where all readers have a
    bias, whatever is written to a stream of LayerNorms has mean zero, and a table that both embeds
    and reads tokens has become two.

    Args:
        model: left as it is.
        example: inputs ``[n, ...]``.

    Raises:
        TypeError: if the module cannot be traced.
        ValueError: if no residual stream of it can be turned; the message says why.

    Reference: theory key S3.

    Example:
        >>> import torch
        >>> from lmctheory.networks import ViT
        >>> rng = torch.Generator().manual_seed(0)
        >>> vit = ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=rng)
        >>> x = torch.rand(5, 64)
        >>> torch.allclose(folded(vit, x)(x), vit(x), atol=1e-5)
        True
    """
    found = rotations(model, example)
    if not found.folding:
        reasons = some(f"{name!r}: {reason}" for name, reason in found.fixed.items())
        raise ValueError(f"the network has no residual stream that can be turned: {reasons}")
    return found.folding.applied(model)


def _found(reading: Reading, foldings: Mapping[str, Folding], example: Inputs) -> RotationSymmetry:
    """The spaces of a network with the gains of some streams moved."""
    folding, groups = combined(foldings), reading.groups
    model = folding.applied(reading.model) if folding else reading.model
    rng = np.random.default_rng(0)
    trial = Trial(model, groups, example, folding.gains, rng=rng)
    spaces: list[Space] = []
    fixed = dict(groups.fixed)
    inside = list(_inside(groups))
    rotary = list(_without_channels(groups, inside))
    alone = [_alone(group, folding) for group in groups.groups if _is_alone(groups, group)]
    first = [space for space in alone if space.name in foldings]
    others = [space for space in alone if space.name not in foldings]
    obstacles = {s.name: trial.obstacle(replace(s, kind="mean"), reading.program) for s in others}
    fixed |= {name: reason for name, reason in obstacles.items() if reason is not None}
    others = [space for space in others if obstacles[space.name] is None]
    classes: tuple[tuple[list[Space], tuple[Kind, ...]], ...] = (
        (inside, ("orthogonal",)),
        (rotary, ("halves", "pairs", "orthogonal")),
        (first + others, ("orthogonal", "mean")),
    )
    for tried, kinds in classes:
        found, failed = _of_some_kind(trial, tried, kinds)
        spaces += found
        for space in failed:
            reason = trial.obstacle(space, reading.program)
            fixed[space.name] = reason or "turning them changes the function"
    return RotationSymmetry(tuple(spaces), fixed, groups, folding)


def _of_some_kind(
    trial: Trial, spaces: Sequence[Space], kinds: Sequence[Kind]
) -> tuple[list[Space], list[Space]]:
    """The spaces that hold with one of the kinds, and those that do with none."""
    variants = [[replace(space, kind=kind) for space in spaces] for kind in kinds]
    variants = [[s for s in of_kind if _fits(s)] for of_kind in variants]
    for of_kind in variants:
        if len(of_kind) == len(spaces) and trial.holds(of_kind):
            return of_kind, []
    found: dict[str, Space] = {}
    for of_kind in variants:
        left = [space for space in of_kind if space.name not in found]
        found |= {space.name: space for space in trial.passing(left)}
    failed = [space for space in spaces if space.name not in found]
    return [found[space.name] for space in spaces if space.name in found], failed


def _fits(space: Space) -> bool:
    return space.kind in ("orthogonal", "mean") or space.size % 2 == 0


def _is_alone(groups: Symmetry, group: PermutationGroup) -> bool:
    return group.parent is None and not groups.children(group)


def _alone(group: PermutationGroup, folding: Folding) -> Space:
    actions = tuple(a for a in group.actions if a.parameter not in folding.gains)
    return Space(group.name, group.size, "orthogonal", actions)


def _inside(groups: Symmetry) -> Iterator[Space]:
    """The channels of every head: queries with keys, values with what reads them."""
    for group in groups.groups:
        if group.parent is not None and group.family != "heads":
            place = (group.parent, group.family, group.slot)
            yield Space(group.name, group.size, "orthogonal", group.actions, *place)


def _without_channels(groups: Symmetry, inside: Sequence[Space]) -> Iterator[Space]:
    """Queries and keys whose channels no permutation moves, as under rotary embeddings.

    They are what is left of a block beside its values, in pieces of the values' size.
    """
    for parent in groups.groups:
        children = [space for space in inside if space.parent == parent.name]
        sizes = {space.size for space in children}
        families = {space.family for space in children}
        if len(sizes) != 1 or len(families) != 1:
            continue
        (size,) = sizes
        for slot in range(parent.size):
            own = [space for space in children if space.slot == slot]
            actions = tuple(_left(parent, slot, own, size))
            if actions:
                place = (parent.name, "qk", slot)
                yield Space(f"{parent.name}.qk.{slot}", size, "orthogonal", actions, *place)


def _left(parent: PermutationGroup, slot: int, own: Sequence[Space], size: int) -> Iterator[Action]:
    """What a block holds beside some spaces, cut into pieces of a size."""
    for action in parent.actions:
        taken = entries_moved(action, (other for space in own for other in space.actions))
        entries = np.array(sorted(set(action.positions[slot]) - taken), dtype=np.int64)
        if len(entries) and len(entries) % size == 0:
            positions = tuple(map(tuple, entries.reshape(-1, size).T.tolist()))
            yield Action(action.parameter, action.axis, positions, action.within)
