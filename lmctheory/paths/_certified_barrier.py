"""Certificate C6: intervals that contain the barrier, its midpoint and the accuracy drop.

How they are found is said in `lmctheory.paths.barrier_search`.
"""

import time
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from lmctheory.measures.arguments import positive
from lmctheory.networks import AffineChain, Examples
from lmctheory.paths.barrier_search import BarrierSearch, Interval
from lmctheory.paths.certified_losses import require_certified
from lmctheory.paths.pair_program import chain_program
from lmctheory.paths.reading import program_of
from lmctheory.paths.regions import Piece
from lmctheory.paths.segment_search import Segment
from lmctheory.progress import carried_out
from lmctheory.results import Result

__all__ = ["CertifiedBarrier", "certified_barrier", "certified_barrier_of_chains", "enclosed"]

_TOLERANCE, _BUDGET = 0.01, 600.0


@dataclass(frozen=True, eq=False, repr=False)
class CertifiedBarrier(Result):
    """Intervals that contain what is true of the segment, rounding included.

    Attributes:
        max: of the largest loss(theta_t) - [t loss(A) + (1-t) loss(B)] over t in [0, 1]; never
            negative, as the ends give 0.
        midpoint: of its value at t = 1/2.
        accuracy_drop: of the largest t accuracy(A) + (1-t) accuracy(B) - accuracy(theta_t); (nan,
            nan) where labels are no classes.
        t: where the lower end of `max` is met.
        pieces: of the segment.
        nodes: ``[pieces + 1]`` their ends, from 0 to 1.
        upper: ``[pieces]`` the largest barrier on each, at most.
        narrowest: the length of the shortest.
        converged: whether `max` is as narrow as was asked for.
        seconds: what it took.
    """

    max: Interval
    midpoint: Interval
    accuracy_drop: Interval
    t: float
    pieces: int
    nodes: Float[np.ndarray, " nodes"]
    upper: Float[np.ndarray, " pieces"]
    narrowest: float
    converged: bool
    seconds: float

    def __repr__(self) -> str:
        return (
            f"CertifiedBarrier(max in {self.max} at t={self.t:.4g}, "
            f"midpoint in {self.midpoint}, "
            f"accuracy drop in {self.accuracy_drop}, {self.pieces} pieces"
            f"{'' if self.converged else ', not converged'})"
        )


def certified_barrier(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    tolerance: float = _TOLERANCE,
    budget: float = _BUDGET,
) -> CertifiedBarrier:
    """The barrier between two networks on the whole segment, between two bounds.

    Args:
        model_a: network A, of linear layers, convolutions, norms, attention, pooling, embeddings,
            sums and products of branches and activations; evaluation mode is used.
        model_b: network B of the same architecture, permuted or not.
        data: the examples; cross-entropy, binary cross-entropy or squared error.
        tolerance: width of the interval relative to the barrier, or to .001 if that is larger; of
            the accuracy drop's as a share of the examples.
        budget: seconds after which the interval is returned as it is.

    Raises:
        TypeError: naming an operation that cannot be enclosed.
        ValueError: if tolerance or budget are <= 0, the architectures differ, weights are NaN or
            infinite, inputs or labels do not fit, and for a loss without certificate.

    Reference:
        Key C6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> from lmctheory.paths import barrier
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> data = Examples(x, torch.arange(20) % 3)
        >>> found = certified_barrier(a, b, data)
        >>> float(barrier(a.double(), b.double(), data).max) <= found.max.upper
        True
    """
    tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
    return enclosed(
        Segment.of(program_of(model_a, model_b, data, complete=True), data), tolerance, budget
    )


def certified_barrier_of_chains(
    chain_a: AffineChain, chain_b: AffineChain, data: Examples, *, tolerance: float = _TOLERANCE
) -> CertifiedBarrier:
    """`certified_barrier` for two chains."""
    program = chain_program(chain_a, chain_b, data)
    return enclosed(Segment.of(program, data), tolerance, _BUDGET)


def enclosed(segment: Segment, tolerance: float, budget: float) -> CertifiedBarrier:
    """The barrier on a path, as far as it comes in so many seconds."""
    require_certified(segment.data)
    started = time.monotonic()
    with torch.no_grad():
        search = BarrierSearch(segment, tolerance)
        carried_out(search.steps(), "enclosing the barrier", started + budget)
    assert not isinstance(search.where, tuple)
    uppers = {
        each.piece.start: each.upper for each in search.pieces if isinstance(each.piece, Piece)
    }
    return CertifiedBarrier(
        max=Interval(search.lower, max(search.lower, search.upper)),
        midpoint=search.barrier_at(0.5),
        accuracy_drop=search.accuracy_drop(),
        t=search.where,
        pieces=len(search.pieces),
        nodes=np.array([*sorted(uppers), 1.0]),
        upper=np.array([uppers[start] for start in sorted(uppers)]),
        narrowest=min(each.piece.length for each in search.pieces),
        converged=search.done,
        seconds=time.monotonic() - started,
    )
