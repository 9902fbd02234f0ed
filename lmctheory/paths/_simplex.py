"""Certificates of all convex combinations of several networks."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn

from lmctheory.measures.arguments import positive
from lmctheory.networks import Examples
from lmctheory.networks.state import require_network
from lmctheory.paths._complete import Decisions, reasons
from lmctheory.paths.barrier_search import BarrierSearch, Interval
from lmctheory.paths.certified_losses import require_certified
from lmctheory.paths.regions import Box
from lmctheory.paths.segment_search import Search
from lmctheory.paths.simplex_search import Simplex
from lmctheory.progress import carried_out
from lmctheory.results import Result

__all__ = [
    "SimplexBarrier",
    "SimplexCertificate",
    "certified_simplex_barrier",
    "certify_simplex",
]


@dataclass(frozen=True, eq=False, repr=False)
class SimplexCertificate(Decisions):
    """What is decided about every convex combination of some networks, example by example.

    Attributes:
        certified: ``[n]`` classified as labelled by every convex combination, rounding included.
        shares: ``[n, networks]`` where an example is refuted: the shares of the networks in a
            combination that certainly classifies it otherwise; NaN where none is known.
        undecided: ``[n]`` why an example is neither; empty where it is one.
        boxes: ``[n]`` on how many boxes of convex combinations it was tried.
        narrowest: the length of the longest side of the smallest box.
        effort: how networks were enclosed.
        seconds: what it took.
    """

    certified: Bool[np.ndarray, " n"]
    shares: Float[np.ndarray, "n networks"]
    undecided: tuple[str, ...]
    boxes: Int[np.ndarray, " n"]
    narrowest: float
    effort: str
    seconds: float

    @property
    def refuted(self) -> Bool[np.ndarray, " n"]:
        """Which examples are classified otherwise by some convex combination."""
        return ~np.isnan(self.shares).any(1)

    def __repr__(self) -> str:
        left = sum(map(bool, self.undecided))
        return (
            f"SimplexCertificate(every convex combination of {self.shares.shape[1]} networks: "
            f"{int(self.certified.sum())} certified, {int(self.refuted.sum())} refuted, "
            f"{left} undecided, {self.seconds:.2g} s, {self.effort})"
        )


@dataclass(frozen=True, eq=False, repr=False)
class SimplexBarrier(Result):
    """Intervals that contain what is true of all convex combinations, rounding included.

    With x the shares of the networks and L the mean loss.

    Attributes:
        max: of the largest L(sum_i x_i N_i) - sum_i x_i L(N_i); never negative.
        middle: of its value where all shares are the same.
        accuracy_drop: of the largest loss of accuracy against the same combination of the
            networks' accuracies; (nan, nan) where labels are no classes.
        shares: ``[networks]`` where the lower end of `max` is met.
        low, high: ``[boxes, networks - 1]`` of boxes that cover the simplex, the shares of all
            networks but the first.
        upper: ``[boxes]`` the largest barrier in each, at most.
        certified: ``[boxes]`` how many examples all networks in a box classify as labelled, at
            least.
        converged: whether `max` is as narrow as was asked for.
        seconds: what it took.
    """

    max: Interval
    middle: Interval
    accuracy_drop: Interval
    shares: Float[np.ndarray, " networks"]
    low: Float[np.ndarray, "boxes others"]
    high: Float[np.ndarray, "boxes others"]
    upper: Float[np.ndarray, " boxes"]
    certified: Int[np.ndarray, " boxes"]
    converged: bool
    seconds: float

    def __repr__(self) -> str:
        return (
            f"SimplexBarrier(max in {self.max} at "
            f"{np.array2string(self.shares, precision=3)}, middle in {self.middle}, "
            f"accuracy drop in {self.accuracy_drop}, {len(self.upper)} boxes"
            f"{'' if self.converged else ', not converged'})"
        )


def certify_simplex(
    models: Sequence[nn.Module], data: Examples, *, budget: float = 600.0
) -> SimplexCertificate:
    """Decides every example on all convex combinations sum_i x_i N_i, x_i >= 0, sum_i x_i = 1.

    Args:
        models: two networks or more, of what `lmctheory.paths.certify` follows if `complete`, such
            as linear layers, convolutions, norms, attention, embeddings, recurrent layers and
            activations; aligned with each other (`lmctheory.matching.match_several`) or not.
            Evaluation mode is used: running statistics are combined like parameters.
        data: the examples; labels must be classes.
        budget: seconds that may take; what is open then is called undecided.

    Raises:
        TypeError: naming an operation of which no enclosure is known.
        ValueError: if there are fewer than two networks, their architectures differ, weights are
            NaN or infinite, a network overflows, inputs or labels do not fit, for a loss without
            certificate, labels that are no classes and a budget <= 0.

    Reference:
        Key C5, with symbols for the weights; strong connectivity: Sharma et al. 2024.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> models = [MLP((4, 8, 3), rng=rng) for _ in range(3)]
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = certify_simplex(models, data)
        >>> bool((found.certified | found.refuted).all())
        True
    """
    budget = positive("budget", budget)
    _require_several(models)
    require_certified(data)
    if not data.loss.judges(data.labels):
        raise ValueError("data.labels must be classes, got values")
    simplex = Simplex.spanned(models, data)
    started = time.monotonic()
    with torch.no_grad():
        _require_finite(simplex)
        search = Search(simplex)
        carried_out(search.steps(), "deciding the simplex", started + budget)
    return SimplexCertificate(
        certified=search.certified.cpu().numpy(),
        shares=search.counterexample.cpu().numpy(),
        undecided=reasons(search, budget),
        boxes=search.tried.cpu().numpy(),
        narrowest=search.narrowest,
        effort=search.effort,
        seconds=time.monotonic() - started,
    )


def certified_simplex_barrier(
    models: Sequence[nn.Module],
    data: Examples,
    *,
    tolerance: float = 0.05,
    budget: float = 600.0,
) -> SimplexBarrier:
    """The largest L(sum_i x_i N_i) - sum_i x_i L(N_i) over the simplex, between two bounds.

    Args:
        models: as `certify_simplex`.
        data: the examples; cross-entropy, binary cross-entropy or squared error.
        tolerance: width of the interval relative to the barrier, or to .001 if that is larger; of
            the accuracy drop's as a share of the examples.
        budget: seconds after which the intervals are returned as they are.

    Raises:
        TypeError: as `certify_simplex`.
        ValueError: as `certify_simplex`, but for labels; and if tolerance <= 0.

    Reference:
        Key C6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> models = [MLP((4, 8, 3), rng=rng) for _ in range(3)]
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = certified_simplex_barrier(models, data, tolerance=0.2)
        >>> found.middle.lower <= found.max.upper
        True
    """
    tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
    _require_several(models)
    require_certified(data)
    simplex = Simplex.spanned(models, data)
    started = time.monotonic()
    with torch.no_grad():
        _require_finite(simplex)
        search = BarrierSearch(simplex, tolerance)
        carried_out(search.steps(), "enclosing the barrier", started + budget)
    boxes = [each.piece for each in search.pieces if isinstance(each.piece, Box)]
    return SimplexBarrier(
        max=Interval(search.lower, max(search.lower, search.upper)),
        middle=search.barrier_at(simplex.middle),
        accuracy_drop=search.accuracy_drop(),
        shares=np.array(search.where),
        low=np.array([box.low for box in boxes]),
        high=np.array([box.high for box in boxes]),
        upper=np.array([each.upper for each in search.pieces]),
        certified=np.array([len(data) - len(each.open) for each in search.pieces]),
        converged=search.done,
        seconds=time.monotonic() - started,
    )


def _require_several(models: Sequence[nn.Module]) -> None:
    if len(models) < 2:
        raise ValueError(f"models must be two networks or more, got {len(models)}")
    for k, model in enumerate(models):
        require_network(model, f"models[{k}]")


def _require_finite(simplex: Simplex) -> None:
    for k, end in enumerate(simplex.ends):
        network = simplex.program.at(end)
        if not simplex.program.values(network, simplex.inputs)[-1].isfinite().all():
            raise ValueError(f"models[{k}] overflows on the data")
