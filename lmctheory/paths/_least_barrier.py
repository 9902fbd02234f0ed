r"""The least barrier over all permutations, from both sides: branch and bound over matchings.

For a partial matching `lmctheory.paths.partial_matchings` bounds from below the mean loss at one t
of every completion; less the chord there, that bounds the barrier of each. Of all partial matchings
the one with the least bound is completed in one more place, in all ways, until no bound is below
the barrier of the best matching that was met by more than the tolerance. Complete matchings are
certified on the whole segment (key C6).

t is 1/2 and where the barrier of the best matching at the start is largest.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import combinations, count
from math import factorial, prod

import numpy as np
import torch
from torch import nn

from lmctheory.matching import match, symmetry
from lmctheory.matching.orders import neurons, signs
from lmctheory.measures.arguments import positive
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.affine import find_chains
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths._certified_barrier import CertifiedBarrier, certified_barrier_of_chains
from lmctheory.paths.ascending_losses import ascending_loss
from lmctheory.paths.barrier_search import Interval
from lmctheory.paths.interpolation import require_fitting
from lmctheory.paths.matching_bounds import Bound
from lmctheory.paths.pair_program import chain_program
from lmctheory.paths.partial_matchings import Between, Partial, rearranged
from lmctheory.paths.segment_search import Segment
from lmctheory.progress import tracked
from lmctheory.results import Result

__all__ = ["LeastBarrier", "least_barrier"]

_SMALL = 1e-3
"""Barriers below it are enclosed to `_SMALL` times the tolerance."""

_TERMS = 2**27
"""Most products of a pair of layers that are held."""

_EPS = float(np.finfo(np.float64).eps)

Orders = tuple[Partial, ...]


@dataclass(frozen=True, eq=False, repr=False)
class LeastBarrier(Result):
    """What no permutation of B's neurons can undercut, and one that comes so far.

    Attributes:
        barrier: contains the least barrier over all arrangements, rounding included.
        permutations: for each hidden layer's name the index array ``[m]`` of the best arrangement
            that was met, as `lmctheory.matching.permute` takes them.
        signs: of it, for the layers that have some.
        best: the barrier of that arrangement.
        arrangements: how many there are.
        bounded: how many partial ones were looked at.
        converged: whether `barrier` is as narrow as was asked for.
        seconds: what it took.
    """

    barrier: Interval
    permutations: dict[str, np.ndarray]
    signs: dict[str, np.ndarray]
    best: CertifiedBarrier
    arrangements: int
    bounded: int
    converged: bool
    seconds: float

    def __repr__(self) -> str:
        lower, upper = self.barrier
        return (
            f"LeastBarrier(in [{lower:.5g}, {upper:.5g}] over {self.arrangements:.3g} "
            f"arrangements, {self.bounded} bounds, {self.seconds:.2g} s"
            f"{'' if self.converged else ', not converged'})"
        )


def least_barrier(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    signs: bool = True,
    tolerance: float = 0.01,
    budget: float = 600.0,
) -> LeastBarrier:
    """The least barrier over all orders of B's hidden neurons, between two bounds.

    Every permutation of every hidden layer is taken into account, and with `signs` every negation
    of neurons of an odd activation: some 8 neurons in each of two layers, or more in one, are
    decided.

    Args:
        model_a: network A, a chain of linear layers and activations with one or two hidden layers.
        model_b: network B of the same architecture.
        data: the examples; cross-entropy, binary cross-entropy or squared error.
        signs: whether neurons of odd activations may be negated too.
        tolerance: width of the interval relative to the barrier, or to .001 if that is larger.
        budget: seconds after which the interval is returned as it is.

    Raises:
        TypeError: if a network is no such chain.
        ValueError: if it has another number of hidden layers, or layers too wide to be held, if
            tolerance or budget are <= 0, the architectures differ, weights are NaN or infinite,
            inputs or labels do not fit, and for a loss without certificate.

    Reference:
        Key C6; Ainsworth et al. 2023, who ask whether permutations suffice.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((2, 4, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 2, generator=torch.Generator().manual_seed(2))
        >>> found = least_barrier(a, b, Examples(x, torch.arange(20) % 3))
        >>> found.converged, found.arrangements
        (True, 24)
    """
    tolerance, budget = positive("tolerance", tolerance), positive("budget", budget)
    chains = find_chains(model_a, model_b)
    if chains is None:
        raise TypeError(
            "model_a and model_b must be chains of linear layers and activations: only their "
            "arrangements can be searched"
        )
    require_same_architecture(*chains)
    a, b = (chain.to(dtype=torch.float64) for chain in chains)
    require_fitting(data, outputs=len(a.weights[-1]), inputs=a.weights[0].shape[-1])
    signed = tuple(signs and sigma.is_odd for sigma in a.activations)
    _require_size(a, signed, len(data.inputs))
    started = time.monotonic()
    with torch.no_grad():
        search = _Search(a, b, data, signed, tolerance)
        for _ in tracked(search.steps(), "bounding arrangements"):
            if time.monotonic() - started > budget:
                break
    groups = {group.name for group in symmetry(b).groups}  # a single neuron is none
    found = {
        name: (np.array(order), one)
        for name, order, one in zip(b.names, search.best, signed, strict=False)
        if name in groups
    }
    return LeastBarrier(
        barrier=Interval(search.lower, search.upper),
        permutations={name: neurons(order) for name, (order, _) in found.items()},
        signs={name: _signs(order) for name, (order, one) in found.items() if one},
        best=search.certified,
        arrangements=prod(
            factorial(len(W)) * 2 ** (len(W) * one)
            for W, one in zip(a.weights, signed, strict=False)
        ),
        bounded=search.bounded,
        converged=search.done,
        seconds=time.monotonic() - started,
    )


_signs = signs


def _require_size(a: AffineChain, signed: Sequence[bool], examples: int) -> None:
    if a.depth not in (1, 2):
        raise ValueError(f"networks must have one or two hidden layers, got {a.depth}")
    widths = [len(W) for W in a.weights]
    choices = prod(m * m * (1 + one) for m, one in zip(widths, signed, strict=False))
    if choices * examples * (widths[-1] if a.depth == 1 else 1) > _TERMS:
        raise ValueError(
            f"layers of {widths[:-1]} neurons are too wide for {examples} examples: "
            "their arrangements cannot be searched"
        )


@dataclass(order=True)
class _Node:
    """A partial arrangement; the search takes that of the least bound first.

    Attributes:
        lower: bound of the barrier of every completion.
        number: which came first of equal bounds.
        orders: what is decided.
        place: the layer and place to be decided next.
    """

    lower: float
    number: int
    orders: Orders = field(compare=False)
    place: tuple[int, int] = field(compare=False)


class _Search:
    """Branch and bound.

    Attributes:
        best: the arrangement of the least barrier that was met, layer by layer.
        certified: its barrier.
        bounded: how many partial arrangements were bounded.
    """

    def __init__(
        self,
        a: AffineChain,
        b: AffineChain,
        data: Examples,
        signed: tuple[bool, ...],
        tolerance: float,
    ) -> None:
        self.a, self.b, self.data, self.tolerance = a, b, data, tolerance
        loss = ascending_loss(data, len(a.weights[-1]))
        x = data.inputs.flatten(1).cpu().double()
        self._middle = Between(a, b, x, loss, signed, 0.5)
        segment = Segment.of(chain_program(a, b, data), data)
        self._ends = [
            segment.at(t, segment.everything).mean_loss(data.loss, segment.labels)[1]
            for t in (0.0, 1.0)
        ]
        self.bounded, self._numbers = 0, count()
        self._closed = np.inf
        self._known: dict[Orders, CertifiedBarrier] = {}
        self.best = min(map(self._improved, self._starts()), key=self._loss)
        self.certified = self._certify(self.best)
        at = self.certified.t
        self._times = [self._middle]
        if 0 < at < 1 and abs(at - 0.5) > 1 / 32:
            self._times.insert(0, replace(self._middle, t=at))
        widths = [len(W) for W in a.weights[:-1]]
        # the places of a layer before the last are decided from the weightiest on
        self._sequence = np.argsort(-self._weights()).tolist()
        root: Orders = tuple((None,) * m for m in widths)
        self._queue = [self._node(root, 0.0)]

    @property
    def upper(self) -> float:
        """The barrier of the best arrangement, at most."""
        return self.certified.max.upper

    @property
    def lower(self) -> float:
        """No arrangement has less."""
        left = self._queue[0].lower if self._queue else np.inf
        return float(min(left, self._closed, self.certified.max.lower))

    @property
    def done(self) -> bool:
        """Whether nothing that is left can undercut the best by more than the tolerance."""
        return self.lower >= self._wanted

    @property
    def _wanted(self) -> float:
        return self.upper - self.tolerance * max(self.upper, _SMALL)

    def steps(self) -> Iterator[None]:
        """One partial arrangement after another."""
        while self._queue and self._queue[0].lower < self._wanted:
            node = heappop(self._queue)
            for orders in self._children(node):
                if _complete(orders):
                    self._close(orders, node.lower)
                else:
                    heappush(self._queue, self._node(orders, node.lower))
            yield

    def _children(self, node: _Node) -> Iterator[Orders]:
        layer, place = node.place
        orders = node.orders
        for each in _extended(orders[layer], place, self._signed(layer)):
            yield (*orders[:layer], each, *orders[layer + 1 :])

    def _signed(self, layer: int) -> bool:
        return self._middle.signed[layer]

    def _node(self, orders: Orders, known: float) -> _Node:
        """A partial arrangement with the bound of all its completions."""
        lower, found = self._bound(orders)
        *before, last = orders
        if before and None in before[0]:
            place = (0, next(k for k in self._sequence if before[0][k] is None))
        else:
            open_ = [i for i, held in enumerate(last) if held is None]
            place = (len(before), open_[int(found.weights.max((1, 2)).argmin())])
        return _Node(max(known, lower), next(self._numbers), orders, place)

    def _close(self, orders: Orders, known: float) -> None:
        """Takes a complete arrangement into account."""
        lower = max(known, self._bound(orders)[0])
        if lower < self._wanted:
            found = self._certify(orders)
            lower = max(lower, found.max.lower)
            if found.max.upper < self.upper:
                self.best, self.certified = orders, found
        self._closed = min(self._closed, lower)

    def _bound(self, orders: Orders) -> tuple[float, Bound]:
        """Of the barrier of every completion, and what the last t says."""
        self.bounded += 1
        lower = 0.0
        for between in self._times:
            chord = between.t * self._ends[1] + (1 - between.t) * self._ends[0]
            chord += 4 * _EPS * abs(chord)
            found = between.matchings(*orders).least(self._wanted + chord)
            lower = max(lower, found.lower - chord)
            if lower >= self._wanted:
                break
        return lower, found

    def _certify(self, orders: Orders) -> CertifiedBarrier:
        if orders not in self._known:
            self._known[orders] = certified_barrier_of_chains(
                self.a, rearranged(self.b, orders), self.data, tolerance=self.tolerance / 4
            )
        return self._known[orders]

    def _weights(self) -> np.ndarray:
        """How much A's neurons of the first layer move what follows."""
        hidden = self.a.hidden(self._middle.x)[0][1]
        found: np.ndarray = (hidden.square().mean(0) * self.a.weights[1].square().sum(0)).numpy()
        return found

    def _starts(self) -> Iterator[Orders]:
        yield tuple(tuple(range(len(W))) for W in self.a.weights[:-1])
        use = any(self._middle.signed)
        if not symmetry(self.a).groups:
            return
        for method in ("weight", "activation", "weighted"):
            found = match(self.a, self.b, method, self._middle.x, signs=use)
            yield tuple(tuple(order.tolist()) for order in found.orders.values())

    def _loss(self, orders: Orders) -> float:
        """At the middle."""
        return self._middle.matchings(*orders).least(np.inf).lower

    def _improved(self, orders: Orders) -> Orders:
        """By exchanges of two neurons and negations, as long as the loss at the middle falls."""
        loss = self._loss(orders)
        while True:
            better = [(self._loss(each), each) for each in self._neighbours(orders)]
            least, found = min(better, default=(np.inf, orders))
            if least >= loss:
                return orders
            loss, orders = least, found

    def _neighbours(self, orders: Orders) -> Iterator[Orders]:
        for layer, order in reversed(list(enumerate(orders))):
            for i, j in combinations(range(len(order)), 2):
                swapped = list(order)
                swapped[i], swapped[j] = swapped[j], swapped[i]
                yield (*orders[:layer], tuple(swapped), *orders[layer + 1 :])
            for i in range(len(order)) if self._signed(layer) else ():
                negated = list(order)
                negated[i] = ~negated[i]  # type: ignore[operator]  # complete
                yield (*orders[:layer], tuple(negated), *orders[layer + 1 :])


def _complete(orders: Orders) -> bool:
    return all(None not in order for order in orders)


def _extended(order: Partial, place: int, signed: bool) -> Iterator[Partial]:
    """With every neuron that is left in one more place."""
    taken = {~j if j < 0 else j for j in order if j is not None}
    for j in range(len(order)):
        for held in ((j, ~j) if signed else (j,)) if j not in taken else ():
            yield (*order[:place], held, *order[place + 1 :])
