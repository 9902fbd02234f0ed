"""Finding the redundant neurons of a network."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lmctheory.matching._symmetry import double_inputs, stand_ins, symmetry
from lmctheory.matching.costs.responses import layer_inputs
from lmctheory.matching.groups import Symmetry
from lmctheory.matching.redundant.looking import Look
from lmctheory.matching.redundant.neurons import WEIGHTS, RedundantNeurons
from lmctheory.matching.redundant.reading import Reader, readers
from lmctheory.matching.redundant.trying import Trial
from lmctheory.measures.arguments import probability
from lmctheory.measures.display import some
from lmctheory.networks import Examples
from lmctheory.networks.agreement import require_same_state
from lmctheory.networks.calling import Inputs, count, rows
from lmctheory.networks.data import AnyExamples
from lmctheory.networks.state import slots
from lmctheory.results import Result
from lmctheory.tables import Column, Table

__all__ = ["Examined", "Redundancy", "examined", "inputs_of", "redundancy", "require_data"]

_TRIED = 64
"""Inputs on which a freedom is tried, and of a chain without data on which it is looked at."""

_KEPT = 1e-5
"""Change of outputs, relative to the largest, beyond which a function is not kept."""


@dataclass(frozen=True, eq=False, repr=False)
class Redundancy(Result):
    """What of a network is redundant.

    Attributes:
        sets: of redundant neurons, those found by weights first; a set found by data may contain
            others.
        sizes: of the groups, by name.
        fixed: for groups of which not all could be told, the reason.
        examples: so many were looked at; 0 if none were given.
    """

    sets: tuple[RedundantNeurons, ...]
    sizes: Mapping[str, int]
    fixed: Mapping[str, str]
    examples: int

    def __repr__(self) -> str:
        counted = some(
            f"{number} {kind} by {found_by}" for (kind, found_by), number in self.counts().items()
        )
        total = sum(self.sizes.values())
        return f"Redundancy({total} neurons in {len(self.sizes)} groups: {counted or 'none'})"

    def counts(self, group: str | None = None) -> dict[tuple[str, str], int]:
        """Numbers of redundant neurons by kind and by what they were found.

        Args:
            group: the name of one; None counts all.
        """
        found: Counter[tuple[str, str]] = Counter()
        for one in self.sets:
            if group in (None, one.group):
                found[one.kind, one.found_by] += len(one.neurons)
        return dict(found)

    @property
    def widths(self) -> dict[str, int]:
        """Of each group so many neurons are enough for the same function, by weights."""
        removable: Counter[str] = Counter()
        for one in self.sets:
            if one.found_by == WEIGHTS:
                removable[one.group] += one.removable
        return {name: size - removable[name] for name, size in self.sizes.items()}

    def table(self) -> Table[RedundantNeurons]:
        """A row for each set, with what its weights may be changed to."""
        columns: list[Column[RedundantNeurons]] = [
            Column("group", lambda one: one.group, left=True, once=True),
            Column("neurons", lambda one: some(map(str, one.neurons.tolist())), left=True),
            Column("kind", lambda one: one.kind, left=True),
            Column("found by", lambda one: one.found_by, left=True),
            Column("free", lambda one: one.freedom, left=True),
        ]
        return Table(
            "Redundant neurons",
            f"By weights: for every input; by data: on {self.examples} examples.",
            columns,
            self.sets,
        )


def redundancy(
    model: nn.Module,
    data: Inputs | AnyExamples | None = None,
    *,
    tolerance: float = 1e-6,
) -> Redundancy:
    """Duplicated, constant, dead and silent neurons of every group that `symmetry` finds.

    By weights, so that it holds for every input: neurons that nothing reads; whose incoming weights
    are zero; that have equal parameters, up to a sign where it can be undone. By data, so that it
    holds for the examples: neurons whose activations, as other layers read them, are zero, constant
    or multiples of one another. On few examples many are: give as many as the claim is to cover.

    Everything reported has been tried: weights were moved at random where they are said to be free,
    and the outputs have stayed. Where they have not (a normalisation sees neurons that nothing else
    reads; weights are tied), `Redundancy.fixed` says so.

    Args:
        model: any module of which `symmetry` finds the groups; it is not changed.
        data: inputs ``[n, ...]`` (a tensor, a tuple of them or a mapping by name) or examples; may
            be left out, and nothing is then found by data, for modules that
            `lmctheory.networks.affine_chain` can read.
        tolerance: relative difference of what counts as equal, in (0, 1).

    Raises:
        TypeError: if the model cannot be traced, or data are needed to do so.
        ValueError: for weights or data that are not finite, data that do not fit, or another
            tolerance.

    Reference: theory key S4; Fukumizu and Amari 2000; Simsek et al. 2021.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> net = MLP((3, 5, 2), rng=torch.Generator().manual_seed(0))
        >>> with torch.no_grad():
        ...     net.linears[0].weight[4] = net.linears[0].weight[1]
        ...     net.linears[0].bias[4] = net.linears[0].bias[1]
        >>> found = redundancy(net)
        >>> found
        Redundancy(5 neurons in 1 groups: 2 duplicated by weights)
        >>> found.sets[0].neurons.tolist(), found.widths
        ([1, 4], {'layers.0': 4})
    """
    found = examined(model, data, tolerance)
    exact = {(one.group, frozenset(one.neurons.tolist())) for one in found.by_weights}
    by_data = [
        one
        for one in found.by_data
        if not any(
            one.group == name and known.issuperset(one.neurons.tolist()) for name, known in exact
        )
    ]
    return Redundancy(
        sets=(*found.by_weights, *by_data),
        sizes={group.name: group.size for group in found.symmetry.groups},
        fixed=found.fixed,
        examples=0 if data is None else count(found.trial.inputs),
    )


@dataclass(frozen=True, eq=False)
class Examined:
    """A network and its redundant neurons.

    Attributes:
        model: the network.
        symmetry: its groups.
        readers: of each group.
        held: its tensors, in double precision.
        by_weights: sets that are redundant for every input.
        by_data: for the examples; silent neurons are in none of them.
        fixed: see `Redundancy`.
        trial: on all inputs that were looked at.
    """

    model: nn.Module
    symmetry: Symmetry
    readers: Mapping[str, Sequence[Reader]]
    held: Mapping[str, Tensor]
    by_weights: tuple[RedundantNeurons, ...]
    by_data: tuple[RedundantNeurons, ...]
    fixed: Mapping[str, str]
    trial: Trial

    def sets(self, *, by_data: bool) -> list[RedundantNeurons]:
        """What may be used: no neuron is in two of them."""
        measured = list(self.by_data) if by_data else []
        taken = {(one.group, n) for one in measured for n in one.neurons.tolist()}
        return measured + [
            one
            for one in self.by_weights
            if taken.isdisjoint((one.group, n) for n in one.neurons.tolist())
        ]

    def moved(self, held: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Of some tensors those that differ from the network's."""
        return {name: t for name, t in held.items() if not torch.equal(t, self.held[name])}

    def change(self, held: Mapping[str, Tensor]) -> float:
        """The largest change of an output, relative to the largest, if the network held these.

        Raises:
            ValueError: if it is more than 1e-5 of the largest output.
        """
        change = self.trial.change(self.moved(held))
        if not change <= _KEPT:
            raise ValueError(
                "tolerance must be smaller: neurons that it takes for redundant are not, and the "
                f"outputs would change by {change:.2g} of the largest"
            )
        return change


def examined(model: nn.Module, data: Inputs | AnyExamples | None, tolerance: float) -> Examined:
    """Looks at all groups of a network; see `redundancy`."""
    tolerance = probability("tolerance", tolerance)
    require_same_state(model=model)
    inputs = inputs_of(model, data)
    groups = symmetry(model, inputs)
    held = {n: t.double().cpu() for n, t in slots(model).items() if t.is_floating_point()}
    reading = {group.name: readers(model, group) for group in groups.groups}
    trial = Trial(model, reading, held, rows(inputs, slice(_TRIED)))
    by_weights: list[RedundantNeurons] = []
    by_data: list[RedundantNeurons] = []
    fixed: dict[str, str] = {}
    read = layer_inputs(model, inputs)
    for group in groups.groups:
        if reason := _unread(reading[group.name], read):
            fixed[group.name] = reason
            continue
        look = Look(model, group, reading[group.name], held, read, tolerance)
        exact = list(look.by_weights())
        measured = [] if data is None else list(look.by_data(_silent(exact)))
        exact, lost = trial.kept(group, exact)
        measured, lost_too = trial.kept(group, measured)
        by_weights += exact
        by_data += measured
        if lost or lost_too:
            kinds = some(dict.fromkeys(lost + lost_too))
            fixed[group.name] = f"{kinds} neurons are not free: the outputs changed"
    return Examined(
        model,
        groups,
        reading,
        held,
        tuple(by_weights),
        tuple(by_data),
        fixed,
        Trial(model, reading, held, inputs),
    )


def inputs_of(model: nn.Module, data: Inputs | AnyExamples | None) -> Inputs:
    """Inputs to look at a network with: those given, or Gaussian ones for a chain.

    Raises:
        TypeError: for another network without data.
        ValueError: for data that do not fit.
    """
    if data is not None:
        return double_inputs(model, data.inputs if isinstance(data, Examples) else data, "data")
    return stand_ins(model, _TRIED)


def require_data(data: Inputs | AnyExamples | None, *, by_data: bool) -> None:
    """Refuses to go by data that are not there.

    Raises:
        ValueError: if so.
    """
    if by_data and data is None:
        raise ValueError("by_data needs data, got None")


def _unread(reading: Sequence[Reader], read: Mapping[str, Tensor]) -> str:
    """Why nothing is known of what reads a group; empty if it is."""
    if not reading:
        return "no layer reads it by weights that are summed over it"
    actions = [reader.action for reader in reading]
    unseen = [a.parameter for a in actions if a.within is not None or a.parameter not in read]
    return f"it is not seen what {some(map(repr, unseen))} reads" if unseen else ""


def _silent(sets: Sequence[RedundantNeurons]) -> list[int]:
    return [n for one in sets if one.kind == "silent" for n in one.neurons.tolist()]
