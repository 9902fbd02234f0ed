"""The nearest pair of networks that the freedom of redundant neurons allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from lmctheory.matching._match import require_shapes, shapes_of
from lmctheory.matching._symmetry import parameters
from lmctheory.matching.alignment import require_alike
from lmctheory.matching.redundant.finding import examined, require_data
from lmctheory.matching.redundant.sharing import Pair
from lmctheory.networks.calling import Inputs
from lmctheory.networks.chain import SAME_ARCHITECTURE
from lmctheory.networks.data import AnyExamples
from lmctheory.networks.state import placed
from lmctheory.results import Result

__all__ = ["Spreading", "spread"]


@dataclass(frozen=True, eq=False, repr=False)
class Spreading(Result):
    """Two networks as near as the freedom of their redundant neurons allows.

    Attributes:
        distances: |theta_A - theta_B| before; after silent neurons, and those that it pays to
            silence, took over incoming weights of the other network; and after all outgoing weights
            were moved.
        function_change: for A and B the largest change of an output on the inputs, relative to the
            largest output.
        tensors_a: what A is to hold, by name, where it was moved.
        tensors_b: what B is to hold.
        shapes: of the networks' parameters.
    """

    distances: tuple[float, float, float]
    function_change: tuple[float, float]
    tensors_a: Mapping[str, Tensor] = field(repr=False)
    tensors_b: Mapping[str, Tensor] = field(repr=False)
    shapes: Mapping[str, tuple[int, ...]] = field(repr=False)

    def __repr__(self) -> str:
        distances = ", ".join(f"{distance:.6g}" for distance in self.distances)
        changes = ", ".join(f"{change:.2g}" for change in self.function_change)
        return f"Spreading(distances=({distances}), function_change=({changes}))"

    def pair(self, model_a: nn.Module, model_b: nn.Module) -> tuple[nn.Module, nn.Module]:
        """Copies of the two networks, moved.

        Raises:
            ValueError: if their parameters are not those of the networks that were given.
        """
        for name, model in (("model_a", model_a), ("model_b", model_b)):
            required = f"{name} must have the parameters of the networks that were moved"
            require_shapes(required, shapes_of(parameters(model)), self.shapes)
        return placed(model_a, self.tensors_a), placed(model_b, self.tensors_b)


def spread(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Inputs | AnyExamples | None = None,
    *,
    by_data: bool = False,
    tolerance: float = 1e-6,
) -> Spreading:
    """Moves the weights of both networks, where redundant neurons leave them free, to be nearest.

    Neurons that nothing reads take over the incoming weights of those that they are aligned with;
    outgoing weights are shared anew among duplicates, and chosen for dead neurons; those of
    constants are moved, the next biases compensating; duplicates and dead neurons are silenced
    where that brings the networks nearer. B is to be matched with A before. Both functions stay
    what they are: everywhere, or if `by_data` for the given data alone.

    Args:
        model_a: any module of which `symmetry` finds the groups.
        model_b: another of the same architecture, its neurons aligned with A's.
        data: inputs or examples, see `redundancy`.
        by_data: whether what is redundant for these data alone is used as well.
        tolerance: see `redundancy`.

    Raises:
        TypeError: if a model cannot be traced, or data are needed to do so.
        ValueError: for different architectures, weights or data that are not finite, `by_data`
            without data, another tolerance, or one so large that a function would change by more
            than 1e-5 of the largest output.

    Reference: theory key S4.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, 16, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> with torch.no_grad():
        ...     for one in (a.linears[0].weight, a.linears[0].bias):
        ...         one[3] = one[7]
        >>> found = spread(a, b)
        >>> found.distances[-1] < found.distances[0]
        True
        >>> near_a, near_b = found.pair(a, b)
    """
    require_data(data, by_data=by_data)
    require_alike(model_a, model_b)
    a, b = (examined(model, data, tolerance) for model in (model_a, model_b))
    if a.symmetry.groups != b.symmetry.groups:
        raise ValueError(f"{SAME_ARCHITECTURE}, but their neurons can be reordered differently")
    pair = Pair((a, b), by_data=by_data)
    distances = [pair.distance]
    for group in a.symmetry.groups:
        pair.silence(group, 0)
        pair.silence(group, 1)
    distances.append(pair.distance)
    for group in a.symmetry.groups:
        pair.share(group)
    distances.append(pair.distance)
    moved = [one.moved(held) for one, held in zip((a, b), pair.held, strict=True)]
    changes = [one.change(new) for one, new in zip((a, b), moved, strict=True)]
    return Spreading(
        distances=(distances[0], distances[1], distances[2]),
        function_change=(changes[0], changes[1]),
        tensors_a=moved[0],
        tensors_b=moved[1],
        shapes=shapes_of(parameters(model_a)),
    )
