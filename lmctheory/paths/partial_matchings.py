r"""Two networks of one or two hidden layers at one t, the second only partly matched to the first.

Place i of a layer holds neuron i of A and, where it is decided, neuron j of B, negated or not. What
the places of the last hidden layer add to the outputs is then known for every j that is left, so
that the outputs are affine in the rest of that layer's matching: `matching_bounds`.

If a second layer follows while places of the first are open, the pre-activation of place i and
neuron l there is enclosed,

    z_il = b_il + sum_k w_il,k h_k,    h_k = sigma of place k with whichever neuron it takes,

by the decided terms and, of the open ones, the larger of two sums of least values: over places of
the least over neurons, and over neurons of the least over places. Sigma of that interval bounds
what the outputs are worth from below.

*Rounding*: sums of k products err by at most (k + 64) units of the sum of their sizes; errors are
carried on through the layers with |w| and Lipschitz constants, twice, since the network that is
meant is computed in float64 too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from lmctheory.matching.orders import selected
from lmctheory.networks import Activation, AffineChain
from lmctheory.paths.ascending_losses import AscendingLoss
from lmctheory.paths.matching_bounds import Matchings

__all__ = ["Between", "Partial", "rearranged"]

Partial = tuple[int | None, ...]
"""What each place of a layer holds: neuron j of B, ~j if it is negated, None if that is open."""

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, eq=False)
class Between:
    """All networks t A + (1-t) P B for one t.

    Attributes:
        a: A, in float64.
        b: B.
        x: inputs ``[n, d]``, float64.
        loss: what outputs are worth.
        signed: for each hidden layer, whether B's neurons may be negated.
        t: weight of A.
    """

    a: AffineChain
    b: AffineChain
    x: Tensor
    loss: AscendingLoss
    signed: tuple[bool, ...]
    t: float

    def matchings(self, *layers: Partial) -> Matchings:
        """What the outputs are worth for every completion, at least.

        Args:
            layers: what the places of each hidden layer hold; what is open in the last layer is
                left to the result.
        """
        *before, last = layers
        gains = self._gains(tuple(before))
        places = [i for i, held in enumerate(last) if held is None]
        constant = self._constant - self._error[:, None]
        for i, held in enumerate(last):
            if held is not None:
                constant = constant + gains[i, _neuron(held), int(held < 0)]
        return Matchings(self.loss, constant, gains[np.ix_(places, _left(last))])

    def _gains(self, before: tuple[Partial, ...]) -> np.ndarray:
        """What places of the last hidden layer add with every neuron; the last ones are kept."""
        if before not in self._kept:
            low, high = self._ranges(before[0]) if before else (self._first, self._first)
            up, down = self._outgoing
            self._kept.clear()
            self._kept[before] = up * low[..., None] + down * high[..., None]
        return self._kept[before]

    @cached_property
    def _kept(self) -> dict[tuple[Partial, ...], np.ndarray]:
        return {}

    @cached_property
    def _first(self) -> np.ndarray:
        """Sigma of the first layer's places with every neuron, ``[m, m, signs, n]``."""
        W, b = self._mixed(0)
        z = W @ self.x.mT + b[..., None]
        found: np.ndarray = self.a.activations[0].apply(z).numpy()
        return found

    def _mixed(self, layer: int) -> tuple[Tensor, Tensor]:
        """Rows ``[m, m, signs, inputs]`` of places with every neuron, and their biases."""
        signs = torch.tensor([1.0, -1.0] if self.signed[layer] else [1.0], dtype=torch.float64)
        W = self._mix(self.a.weights[layer], self.b.weights[layer], signs)
        b = self._mix(self.a.biases[layer][:, None], self.b.biases[layer][:, None], signs)
        return W, b[..., 0]

    def _mix(self, rows_a: Tensor, rows_b: Tensor, signs: Tensor) -> Tensor:
        own = self.t * rows_a[:, None, None]
        return own + (1 - self.t) * signs[:, None] * rows_b[None, :, None]

    @cached_property
    def _outgoing(self) -> tuple[np.ndarray, np.ndarray]:
        """What output weights are worth, positive and negative: ``[m, m, signs, n or 1, q]``."""
        signs = torch.tensor([1.0, -1.0] if self.signed[-1] else [1.0], dtype=torch.float64)
        columns = self._mix(self.a.weights[-1].mT, self.b.weights[-1].mT, signs)
        worth = self.loss.rows(columns.numpy())
        return np.maximum(worth, 0.0), np.minimum(worth, 0.0)

    @cached_property
    def _constant(self) -> np.ndarray:
        bias = self.t * self.a.biases[-1] + (1 - self.t) * self.b.biases[-1]
        return self.loss.offset + self.loss.rows(bias.numpy())

    @cached_property
    def _terms(self) -> np.ndarray:
        """w_il,kj h_kj, ``[m2, m2, signs, m1, m1, signs, n]``: B's column j at A's column k."""
        first = torch.tensor([1.0, -1.0] if self.signed[0] else [1.0], dtype=torch.float64)
        second = torch.tensor([1.0, -1.0] if self.signed[1] else [1.0], dtype=torch.float64)
        own = self.t * self.a.weights[1][:, None, None, :, None, None]
        other = (1 - self.t) * self.b.weights[1][None, :, None, None, :, None]
        w = own + second[:, None, None, None] * other * first
        found: np.ndarray = w.numpy()[..., None] * self._first
        return found

    @cached_property
    def _bias(self) -> np.ndarray:
        return self._mixed(1)[1].numpy()[..., None]

    def _ranges(self, first: Partial) -> tuple[np.ndarray, np.ndarray]:
        """Sigma of the second layer's places with every neuron, at least and at most."""
        low = np.broadcast_to(self._bias, (*self._bias.shape[:-1], len(self.x)))
        high = low
        places = [k for k, held in enumerate(first) if held is None]
        for k, held in enumerate(first):
            if held is not None:
                term = self._terms[:, :, :, k, _neuron(held), int(held < 0)]
                low, high = low + term, high + term
        if places:
            open_ = self._terms[:, :, :, places][:, :, :, :, _left(first)]
            least, most = open_.min(5), open_.max(5)  # over signs
            low = low + np.maximum(least.min(4).sum(3), least.min(3).sum(3))
            high = high + np.minimum(most.max(4).sum(3), most.max(3).sum(3))
        return _range(self.a.activations[1], low, high)

    @cached_property
    def _error(self) -> np.ndarray:
        """What rounding makes of u at most, ``[n]``."""
        size, error = self.x.abs(), torch.zeros_like(self.x)
        for layer, (W_a, W_b) in enumerate(zip(self.a.weights, self.b.weights, strict=True)):
            b = torch.maximum(self.a.biases[layer].abs().max(), self.b.biases[layer].abs().max())
            W = torch.maximum(W_a.abs().amax(0), W_b.abs().amax(0))
            if layer:  # any neuron of B may stand at any place of A
                W = torch.maximum(W_a.abs().amax(0), W_b.abs().max())
            units = 2 * (W.numel() + 64) * _EPS
            total = size @ W + b
            error = error @ W + units * total
            if layer < self.a.depth:
                sigma = self.a.activations[layer]
                width = len(W_a)
                total = max(sigma.lipschitz, 1.0) * total + float(sigma.apply(W.new_zeros(1)).abs())
                error = sigma.lipschitz * error + units * total + 2 * sigma.off
                size, error = (v[:, None].expand(-1, width) for v in (total, error))
        found: np.ndarray = (4 * error).numpy()  # u is a difference of two outputs
        return found


def rearranged(chain: AffineChain, orders: Sequence[Partial]) -> AffineChain:
    """The chain with its hidden neurons in these orders, layer by layer; all are complete."""
    weights, biases = list(chain.weights), list(chain.biases)
    for layer, order in enumerate(map(np.array, orders)):
        weights[layer] = selected(weights[layer], 0, order)
        biases[layer] = selected(biases[layer], 0, order)
        weights[layer + 1] = selected(weights[layer + 1], 1, order)
    return replace(chain, weights=tuple(weights), biases=tuple(biases))


def _range(sigma: Activation, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ends = [sigma.apply(torch.from_numpy(z)).numpy() for z in (low, high)]
    if sigma.slopes[0] >= 0:
        return ends[0], ends[1]
    off = (sigma.lipschitz * (high - low) - np.abs(ends[1] - ends[0])) / 2
    return np.minimum(*ends) - off, np.maximum(*ends) + off


def _neuron(held: int) -> int:
    return ~held if held < 0 else held


def _left(held: Partial) -> list[int]:
    """Neurons that no place has."""
    taken = {_neuron(j) for j in held if j is not None}
    return [j for j in range(len(held)) if j not in taken]
