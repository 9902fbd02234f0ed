r"""The least barrier over all permutations: branch and bound over matchings.

For a partial matching `lmctheory.paths.partial_matchings` bounds from below the mean loss at one t
of every completion; less the chord there, that bounds the barrier of each. Of all partial matchings
the one with the least bound is completed in one more place, in all ways, until no bound is below
the barrier of the best matching that was met by more than the tolerance. Complete matchings are
certified on the whole segment (key C6).

t is 1/2 and where the barrier of the best matching at the start is largest.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import combinations, count

import numpy as np

from lmctheory.matching import match, symmetry
from lmctheory.networks import AffineChain, Examples
from lmctheory.paths._certified_barrier import CertifiedBarrier, certified_barrier_of_chains
from lmctheory.paths.ascending_losses import ascending_loss
from lmctheory.paths.matching_bounds import Bound
from lmctheory.paths.pair_program import chain_program
from lmctheory.paths.partial_matchings import Between, Partial, rearranged
from lmctheory.paths.segment_search import Segment

__all__ = ["PermutationSearch", "extended"]

_SMALL = 1e-3
"""Barriers below it are enclosed to `_SMALL` times the tolerance."""

_EPS = float(np.finfo(np.float64).eps)

Orders = tuple[Partial, ...]


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


class PermutationSearch:
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
        for each in extended(orders[layer], place, self._signed(layer)):
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


def extended(order: Partial, place: int, signed: bool) -> Iterator[Partial]:
    """With every neuron that is left in one more place."""
    taken = {~j if j < 0 else j for j in order if j is not None}
    for j in range(len(order)):
        for held in ((j, ~j) if signed else (j,)) if j not in taken else ():
            yield (*order[:place], held, *order[place + 1 :])
