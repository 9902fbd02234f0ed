"""Curves of networks between two, and what is measured and certified along them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from lmctheory.choices import require_choice
from lmctheory.measures.arguments import positive, share
from lmctheory.networks import AnyExamples, Examples
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.state import placed, require_network, slots
from lmctheory.paths._barrier import Barrier, SegmentLosses, curve_of, grid_of, losses_of
from lmctheory.paths._certified_barrier import CertifiedBarrier, enclosed
from lmctheory.paths._complete import CompleteCertificate, decided
from lmctheory.paths.blends import BEZIER, Family, Polygon, blended_state
from lmctheory.paths.interpolation import PathLogits, state_logits
from lmctheory.paths.regions import Piece
from lmctheory.paths.segment_search import Segment
from lmctheory.paths.simplex_search import blended

__all__ = ["KINDS", "Path", "require_path"]

KINDS = ("bezier", "polygon")


@dataclass(frozen=True, eq=False, repr=False)
class Path:
    """A curve of networks from B (t = 0) to A (t = 1).

    "bezier": theta_t = t^2 A + 2t(1-t) C + (1-t)^2 B with one bend C. "polygon": a chain of
    segments of equal lengths in t, from B over the bends to A.

    Attributes:
        kind: "bezier" or "polygon".
        models: A, the bends from A's side on, and B, of one architecture without BatchNorm.

    Raises:
        TypeError: for what is no network.
        ValueError: for an unknown kind, no bend, more than one of a Bezier curve, networks that
            cannot be interpolated, and BatchNorm, whose running statistics between networks are
            those of none.

    Reference: Garipov et al. 2018.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> a, c, b = (nn.Linear(2, 3) for _ in range(3))
        >>> path = Path("bezier", (a, c, b))
        >>> torch.equal(path.at(1.0).weight, a.weight), torch.equal(path.at(0.0).weight, b.weight)
        (True, True)
    """

    kind: str
    models: tuple[nn.Module, ...]

    def __post_init__(self) -> None:
        require_choice("kind", self.kind, KINDS)
        object.__setattr__(self, "models", tuple(self.models))
        count = len(self.models)
        if count < 3 or (self.kind == "bezier" and count > 3):
            wanted = "three networks, A, the bend and B" if self.kind == "bezier" else "at least 3"
            raise ValueError(f"models must be {wanted} for kind={self.kind!r}, got {count}")
        require_path(self.models)

    @property
    def family(self) -> Family:
        """How the networks are combined."""
        return BEZIER if self.kind == "bezier" else Polygon(self._edges)

    @property
    def _edges(self) -> int:
        return len(self.models) - 1

    @cached_property
    def _states(self) -> list[dict[str, Tensor]]:
        return [slots(model) for model in self.models]

    def at(self, t: float) -> nn.Module:
        """The network at t, a new module; exactly A at t = 1, and B at t = 0.

        Raises:
            ValueError: for t outside [0, 1].
        """
        coefficients = self.family.at(share("t", t))
        return placed(self.models[0], blended_state(self._states, coefficients))

    def barrier(self, data: AnyExamples, points: int = 25) -> Barrier:
        """Loss and accuracy along the path, and the barrier: as of a segment.

        Args:
            data: the examples.
            points: number of equidistant t, odd.

        Raises:
            ValueError: for inputs or labels that do not fit, or an even number of points.
        """
        t = grid_of(points)
        return curve_of(self._outputs(data, t), data, t)

    def losses(self, data: AnyExamples, points: int = 25) -> SegmentLosses:
        """Every example's loss at every point; arguments and errors are those of `barrier`."""
        t = grid_of(points)
        return losses_of(self._outputs(data, t), data, t)

    def certify(self, data: Examples, *, budget: float = 600.0) -> CompleteCertificate:
        """Decides every example on the whole path: certified, or refuted at a t that is named.

        Args:
            data: the examples; labels must be classes.
            budget: seconds that may take; what is open then is called undecided.

        Raises:
            TypeError: naming an operation of which no enclosure is known.
            ValueError: as `lmctheory.paths.certify`.

        Reference:
            Key C5, with weights that are quadratic in t.
        """
        budget = positive("budget", budget)
        return decided(self._segment(data), budget)

    def certified_barrier(
        self, data: Examples, *, tolerance: float = 0.01, budget: float = 600.0
    ) -> CertifiedBarrier:
        """The largest loss(theta_t) - [t loss(A) + (1-t) loss(B)], between two bounds.

        Args:
            data: the examples; cross-entropy, binary cross-entropy or squared error.
            tolerance: as `lmctheory.paths.certified_barrier`.
            budget: likewise.

        Raises:
            TypeError: as `certify`.
            ValueError: as `lmctheory.paths.certified_barrier`.

        Reference:
            Key C6.
        """
        tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
        return enclosed(self._segment(data), tolerance, budget)

    def _segment(self, data: Examples) -> Segment:
        edges = self._edges if self.kind == "polygon" else 1
        first = tuple(Piece(i / edges, (i + 1) / edges) for i in range(edges))
        return Segment.of(blended(self.models, data, self.family), data, first)

    def _outputs(self, data: AnyExamples, t: Float[Tensor, " points"]) -> Iterator[PathLogits]:
        require_fit(self.models[0], data)
        states = (blended_state(self._states, self.family.at(point)) for point in t.tolist())
        return state_logits(self.models[0], states, data.inputs)

    def __repr__(self) -> str:
        bends = len(self.models) - 2
        return f"Path({self.kind}, {bends} bend{'s' if bends > 1 else ''})"


def require_path(models: tuple[nn.Module, ...]) -> None:
    """Refuses networks between which there are no curves.

    Raises:
        TypeError: for what is no network.
        ValueError: for networks that cannot be interpolated, and for BatchNorm.
    """
    for k, model in enumerate(models):
        require_network(model, f"models[{k}]")
    for model in models[1:]:
        require_segment(models[0], model)
    for name, module in models[0].named_modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            raise ValueError(
                f"curves are for networks without BatchNorm, got {name or 'the whole'}: running "
                "statistics that are combined from those of several networks are no network's"
            )
