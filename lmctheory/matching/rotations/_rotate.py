"""Aligning two networks by permutations and orthogonal matrices."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.choices import require_choice
from lmctheory.matching._match import Matching, match, require_shapes, shapes_of
from lmctheory.matching._symmetry import outputs, parameters
from lmctheory.matching.alignment import require_alike
from lmctheory.matching.objectives import LOSS, MidpointLoss, similarity
from lmctheory.matching.orders import plain, together
from lmctheory.matching.rotations.ascent import Turning, ascended, streams_alone, transformed
from lmctheory.matching.rotations.finding import RotationSymmetry, rotations
from lmctheory.matching.rotations.learning import Training, learned
from lmctheory.measures.arguments import RandomSource, at_least, generator, positive
from lmctheory.measures.display import some
from lmctheory.networks import Examples
from lmctheory.networks.calling import Inputs, as_inputs, rows
from lmctheory.networks.data import AnyExamples
from lmctheory.networks.state import copied, tensors
from lmctheory.results import Result

__all__ = ["Rotation", "rotate"]

_COARSE, _FINE = 1e-4, 1e-7
"""Rise of the objective, relative to |theta_A| |theta_B|, at which all starts are compared, and at
which the best of them ends."""

_CHECKED = 4
"""Inputs on which the function of B is compared."""


@dataclass(frozen=True, eq=False, repr=False)
class Rotation(Result):
    """Permutations and orthogonal matrices that align B with A.

    Attributes:
        permutations: for each group's name an index array; they come first.
        signs: for each group whose neurons may be negated an array of 1 and -1.
        matrices: for each space's name the orthogonal matrix that turns it after that.
        objective: sum over all parameters of <theta_A, theta_B'>, both networks folded if a
            residual stream is turned.
        matched: the objective after `match` alone, for the same networks.
        traces: for each start the objective there and after each pass; the best is pursued longest.
            For "loss" minus the mean loss on the path, at the best start and at the best matrices
            met so far.
        start: that was kept, or "loss".
        function_change: max over the first examples of |f_B(x) - f_{apply(B)}(x)|, float64.
        matching: what `match` has found.
        symmetry: the spaces of the networks.
        shapes: of their parameters, before anything is folded.
    """

    permutations: Mapping[str, np.ndarray]
    signs: Mapping[str, np.ndarray]
    matrices: Mapping[str, np.ndarray]
    objective: float
    matched: float
    traces: Mapping[str, tuple[float, ...]]
    start: str
    function_change: float
    matching: Matching = field(repr=False)
    symmetry: RotationSymmetry = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)

    def __repr__(self) -> str:
        return (
            f"Rotation({len(self.matrices)} spaces, start={self.start!r}, "
            f"objective={self.objective:.6g} after {self.matched:.6g} by permutations, "
            f"function_change={self.function_change:.2g})"
        )

    def reference(self, model_a: nn.Module) -> nn.Module:
        """The copy of A that the aligned B is to be compared with: folded if B is.

        Raises:
            ValueError: if the model's parameters are not those of the networks that were aligned.
        """
        require_shapes(
            "the network must have the parameters of those that were aligned",
            shapes_of(tensors(model_a)),
            self.shapes,
        )
        folding = self.symmetry.folding
        return folding.applied(model_a) if folding else copied(model_a)

    def apply(self, model_b: nn.Module) -> nn.Module:
        """A copy of B, folded if need be, that is permuted and turned; its function is the same.

        Raises:
            ValueError: if the model's parameters are not those of the networks that were aligned.
        """
        return _turned(self.symmetry, self.reference(model_b), self._turning)

    def pair(self, model_a: nn.Module, model_b: nn.Module) -> tuple[nn.Module, nn.Module]:
        """A and the aligned B, in the form in which they are to be compared."""
        return self.reference(model_a), self.apply(model_b)

    @property
    def _turning(self) -> Turning:
        held = {name: torch.from_numpy(matrix) for name, matrix in self.matrices.items()}
        return Turning(together(self.permutations, self.signs), held)


def rotate(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Inputs | AnyExamples,
    method: str = "weight",
    *,
    stream: bool = True,
    steps: int = 300,
    rate: float = 0.02,
    batch_size: int = 64,
    rng: RandomSource | None = None,
) -> Rotation:
    """Aligns B with A by permutations and by the orthogonal matrices that its function allows.

    ``weight`` maximises <theta_A, theta_B'>, which minimises |theta_A - theta_B'|, since
    permutations and orthogonal matrices keep norms. From each start (B as it came; as `match` has
    permuted it; and with the residual stream turned by the embeddings and outputs alone, which no
    permutation of neurons concerns) the layers' neurons, the heads and the stream are aligned in
    turn, each exactly: by assignment; by assignment in what Procrustes makes of each pair of heads;
    and by Procrustes, for all that writes to and reads from the stream together. The objective
    never falls, and what is kept is never below what `match` has found.

    ``loss`` goes on from there and trains the matrices on the loss along the path from B to A. It
    keeps the start unless the mean loss at t = 1/4, 1/2 and 3/4 falls.

    If a residual stream is turned both networks have to be compared with their gains moved
    (`folded`): `Rotation.pair` returns both.

    Args:
        model_a: any module of which `lmctheory.matching.symmetry` finds the groups.
        model_b: another of the same architecture.
        data: inputs ``[n, ...]`` (a tensor, a tuple of them or a mapping by name), a few of which
            are enough, or examples; ``loss`` needs labels.
        method: "weight" or "loss".
        stream: whether residual streams are turned; without them, heads alone.
        steps: of Adam in ``loss``.
        rate: its first learning rate.
        batch_size: examples of a step.
        rng: draws batches and points of the path in ``loss``.

    Warns:
        UserWarning: if no space of the networks can be turned; it names the reasons.

    Raises:
        TypeError: if a model cannot be traced.
        ValueError: for an unknown method, different architectures, NaN or infinite weights, inputs
            that do not fit; for ``loss`` without labels or a generator, steps or a batch below 1.

    Reference: theory key S3; Theus et al. 2025; Schoenemann 1966.

    Example:
        >>> import torch
        >>> from lmctheory.networks import ViT
        >>> a, b = (
        ...     ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=rng)
        ...     for rng in (torch.Generator().manual_seed(seed) for seed in (0, 1))
        ... )
        >>> rotation = rotate(a, b, torch.rand(4, 64))
        >>> rotation.objective > rotation.matched
        True
        >>> a, b = rotation.pair(a, b)
    """
    rng = None if rng is None else generator(rng)
    training = _training(method, data, rng, steps=steps, rate=rate, batch_size=batch_size)
    require_alike(model_a, model_b)
    example = as_inputs(data.inputs if isinstance(data, Examples) else data, "data")
    few = rows(example, slice(_CHECKED))
    found = rotations(model_a, few, stream=stream)
    if not found.spaces:
        reasons = some(f"{name!r}: {reason}" for name, reason in found.fixed.items())
        warnings.warn(f"no spaces can be turned: {reasons}", stacklevel=2)
    a, b = (found.folding.applied(m) if found.folding else m for m in (model_a, model_b))
    matching = match(a, b, data=few)
    held = _floating(a), _floating(b)
    compared = found.on(held[0].keys())
    ends = _by_weight(compared, matching, *held)
    start = max(ends, key=lambda name: ends[name].trace[-1])
    if training is not None and found.spaces:
        objective = MidpointLoss.of(a, training.data)
        training.data.loss.require_fit(objective.outputs(2), training.data.labels)
        objective.require_derivatives(*held)
        ends[LOSS] = learned(compared, held, ends[start], objective, training)
        start = LOSS
    best = ends[start]
    change = outputs(_turned(found, b, best), few, "data") - outputs(model_b, few, "data")
    return Rotation(
        permutations=plain(best.orders),
        signs=found.groups.signs(best.orders),
        matrices={name: matrix.numpy() for name, matrix in best.matrices.items()},
        objective=float(similarity(held[0], transformed(compared, held[1], best))),
        matched=matching.objective,
        traces={name: end.trace for name, end in ends.items()},
        start=start,
        function_change=float(change.nan_to_num(0, 0, 0).abs().max()),
        matching=matching,
        symmetry=found,
        shapes=shapes_of(tensors(model_b)),
    )


def _training(
    method: str,
    data: Inputs | AnyExamples,
    rng: np.random.Generator | None,
    *,
    steps: int,
    rate: float,
    batch_size: int,
) -> Training | None:
    require_choice("method", method, ("weight", LOSS))
    steps, batch_size = at_least("steps", steps, 1), at_least("batch_size", batch_size, 1)
    rate = positive("rate", rate)
    if method != LOSS:
        return None
    if not isinstance(data, Examples) or rng is None:
        raise ValueError(
            f"method {LOSS!r} needs data with labels, Examples, and rng, a NumPy generator, got "
            f"{type(data).__name__} and {type(rng).__name__}"
        )
    return Training(data, steps, rate, batch_size, rng)


def _by_weight(
    found: RotationSymmetry, matching: Matching, a: dict[str, Tensor], b: dict[str, Tensor]
) -> dict[str, Turning]:
    """Where all starts lead; the best of them is pursued to its end."""
    starts = _starts(found, matching, a, b)
    ends = {name: ascended(found, a, b, at, _COARSE) for name, at in starts.items()}
    best = max(ends, key=lambda name: ends[name].trace[-1])
    end = ascended(found, a, b, ends[best], _FINE)
    return {**ends, best: replace(end, trace=ends[best].trace + end.trace[1:])}


def _floating(model: nn.Module) -> dict[str, Tensor]:
    return {n: t.double().cpu() for n, t in parameters(model).items() if t.is_floating_point()}


def _starts(
    found: RotationSymmetry, matching: Matching, a: dict[str, Tensor], b: dict[str, Tensor]
) -> dict[str, Turning]:
    one = {s.name: torch.eye(s.size, dtype=torch.float64) for s in found.spaces}
    order = {group.name: np.arange(group.size) for group in found.groups.groups}
    identity = Turning(order, one)
    starts = {"identity": identity, "permutations": Turning(matching.orders, one)}
    if found.streams:
        starts["streams"] = streams_alone(found, a, b, identity)
    return starts


def _turned(found: RotationSymmetry, model: nn.Module, turning: Turning) -> nn.Module:
    result = copied(model)
    held = tensors(result)
    names = {*found.groups.acting, *(name for space in found.spaces for name in space.parameters)}
    state = {name: held[name].detach().double() for name in names}
    with torch.no_grad():
        for name, tensor in transformed(found, state, turning).items():
            held[name].copy_(tensor)
    return result
