"""Gains of normalisations moved into the layers that read them, and means taken off.

The function stays: for every reader, W (g * n + c) + b = (W diag(g)) n + (W c + b), and where a
reader has no bias c/g stays behind as the bias of the normalisation. LayerNorm reads h - mean(h)
only, so whatever is written to its residual stream may be centred, and so may the rows of its
readers, as LayerNorm's result without gain has mean zero. After that a stream of width m lies in
the m - 1 dimensions orthogonal to (1, ..., 1), where LayerNorm is RMSNorm, and a matrix that maps
(1, ..., 1) to itself or its negative commutes with it: Q (h - mean(h)) = Q h - mean(Q h). All
orthogonal matrices of that subspace are had in this way, without a change of architecture. With
all of R^m there would be none better: M = sum A B^T has (1, ..., 1) in both kernels then, so that
some optimum of Procrustes' problem keeps it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from lmctheory.matching._symmetry import parameters
from lmctheory.matching.groups import Action, PermutationGroup, Symmetry
from lmctheory.matching.rotations.norms import Norm, Reader, norms
from lmctheory.matching.tracing import assembled, labelled
from lmctheory.networks.calling import Inputs, rows
from lmctheory.networks.program import Program, capture
from lmctheory.networks.state import copied, tensors, tied

__all__ = ["Folding", "Reading", "combined"]

_LEAST = 1e-6
"""Least gain, relative to the largest, by which a bias is divided."""


@dataclass(frozen=True)
class Folding:
    """What is moved where.

    Attributes:
        norms: whose gains become one.
        untied: slots that get a tensor of their own: what is read through a gain changes with it.
        centred: how the streams act on what has its mean taken off.
    """

    norms: tuple[Norm, ...] = ()
    untied: tuple[str, ...] = ()
    centred: tuple[Action, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.norms)

    @property
    def gains(self) -> frozenset[str]:
        """The gains that are one afterwards."""
        return frozenset(norm.gain for norm in self.norms)

    def applied(self, model: nn.Module) -> nn.Module:
        """A copy of a network that computes the same function without these gains.

        Raises:
            ValueError: if a bias would have to be divided by a gain that is almost zero.
        """
        result = untied(model, self.untied)
        held = tensors(result)
        state = {name: held[name].detach().double() for name in self._touched}
        for norm in self.norms:
            _fold(norm, state)
        for action in self.centred:
            state[action.parameter] = _centred(action, state[action.parameter])
        with torch.no_grad():
            for name, tensor in state.items():
                held[name].copy_(tensor)
        return result

    @property
    def _touched(self) -> Iterator[str]:
        for norm in self.norms:
            yield norm.gain
            if norm.shift is not None:
                yield norm.shift
            for reader in norm.readers:
                yield reader.weight
                if reader.bias is not None:
                    yield reader.bias
        for action in self.centred:
            yield action.parameter


def untied(model: nn.Module, names: tuple[str, ...]) -> nn.Module:
    """A copy of a network some of whose slots hold tensors of their own."""
    result = copied(model)
    for name in names:
        path, _, inside = name.rpartition(".")
        module = result.get_submodule(path)
        old = module._parameters[inside]
        if old is not None:
            module._parameters[inside] = nn.Parameter(old.detach().clone(), old.requires_grad)
    return result


def _fold(norm: Norm, state: dict[str, Tensor]) -> None:
    gain = state[norm.gain]
    shift = None if norm.shift is None else state[norm.shift]
    moves = _moves_shift(norm)
    for reader in norm.readers:
        weight = _part(state, reader.weight, reader.rows)
        if shift is not None and moves:
            bias = _part(state, str(reader.bias), reader.bias_rows)
            bias += torch.tensordot(weight, shift, dims=([reader.axis], [0]))
        weight *= gain if reader.axis == 1 else gain[:, None]
    if shift is not None:
        state[str(norm.shift)] = torch.zeros_like(shift) if moves else _divided(norm, shift, gain)
    state[norm.gain] = torch.ones_like(gain)


def _moves_shift(norm: Norm) -> bool:
    """Whether all readers have a bias, which can take up that of the normalisation."""
    return all(reader.bias is not None for reader in norm.readers)


def _divided(norm: Norm, shift: Tensor, gain: Tensor) -> Tensor:
    if bool((shift == 0).all()):
        return shift
    if float(gain.abs().min()) < _LEAST * float(gain.abs().max()):
        raise ValueError(
            f"the gain {norm.gain!r} cannot be moved into the layers that follow: they have no "
            f"bias, and {norm.shift!r} cannot be divided by gains that are almost zero"
        )
    return shift / gain


def _part(state: dict[str, Tensor], name: str, rows: tuple[int, int] | None) -> Tensor:
    """A part of a tensor, to be written to: the state holds a copy of its own from then on."""
    state[name] = state[name].clone()
    return state[name] if rows is None else state[name][slice(*rows)]


def _centred(action: Action, tensor: Tensor) -> Tensor:
    result = tensor.clone()
    part = action.part(result).movedim(action.axis, 0)
    index = torch.as_tensor(action.index).reshape(len(action.positions), -1)
    part[index] -= part[index].mean(0, keepdim=True)
    return result


@dataclass(frozen=True)
class Reading:
    """What is to be known of a network before its spaces are looked for.

    Attributes:
        model: the network, or, if gains can be moved, a copy in which nothing is tied.
        program: of the model.
        groups: its permutation symmetry; to move gains changes neither.
        foldings: for each residual stream with gains how they are moved.
        reasons: for each whose gains cannot be moved the reason.
    """

    model: nn.Module
    program: Program
    groups: Symmetry
    foldings: Mapping[str, Folding]
    reasons: Mapping[str, str]

    @classmethod
    def of(cls, model: nn.Module, example: Inputs, *, stream: bool) -> "Reading":
        """Reads a network; without `stream` no gains are looked for."""
        names = _copies(model) if stream else ()
        own = untied(model, names) if names else model
        program = capture(own, example)
        inputs = program.evaluation.inputs(rows(example, slice(2)))
        groups = assembled(*labelled(program, inputs), parameters(own))
        found = norms(program) if stream else {}
        foldings, reasons = {}, {}
        for group in groups.groups:
            scaled = [norm for gain, norm in found.items() if _acts_on(group, gain)]
            obstacles = [norm.obstacle for norm in scaled if norm.obstacle is not None]
            if group.parent is not None or not scaled:
                continue
            if obstacles:
                reasons[group.name] = obstacles[0]
            else:
                foldings[group.name] = _folding(group, scaled, names)
        if names and not foldings:  # what is tied can stay so
            return replace(cls.of(model, example, stream=False), reasons=reasons)
        return cls(own, program, groups, foldings, reasons)

    def without_streams(self, model: nn.Module, example: Inputs) -> "Reading":
        """Of the network as it was."""
        return self if model is self.model else Reading.of(model, example, stream=False)


def _acts_on(group: PermutationGroup, gain: str) -> bool:
    return any(action.parameter == gain for action in group.actions)


def _copies(model: nn.Module) -> tuple[str, ...]:
    """Slots that hold the tensor of another one before them."""
    return tuple(name for name, same in tied(tensors(model)).items() if name != same[0])


def _folding(group: PermutationGroup, own: list[Norm], names: tuple[str, ...]) -> Folding:
    left = {norm.shift for norm in own if not _moves_shift(norm)}
    read = {reader.weight for norm in own for reader in norm.readers}
    centrable = all(norm.centred for norm in own) and all(
        action.parameter in read for action in group.actions if action.reads
    )
    apart = {norm.gain for norm in own} | left | _read_with_shift(own)
    centred = tuple(a for a in group.actions if a.parameter not in apart) if centrable else ()
    return Folding(tuple(own), names, centred)


def _read_with_shift(own: list[Norm]) -> set[str]:
    """Weights that read what a normalisation's bias adds, which need not have mean zero."""
    found: list[Reader] = [r for norm in own if not _moves_shift(norm) for r in norm.readers]
    return {reader.weight for reader in found}


def combined(foldings: Mapping[str, Folding]) -> Folding:
    """Several at once."""
    parts = list(foldings.values())
    return Folding(
        tuple(norm for part in parts for norm in part.norms),
        tuple(dict.fromkeys(name for part in parts for name in part.untied)),
        tuple(action for part in parts for action in part.centred),
    )
