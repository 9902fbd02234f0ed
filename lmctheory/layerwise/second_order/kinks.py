r"""All kinks of the loss on the segment between two chains with piecewise linear activations.

On the diagonal of the layer cube, alpha = s = 1 - t in every layer, the pre-activations of hidden
layer l at one example are continuous and, between the kinks of earlier layers, polynomials of
degree l in s: each layer multiplies by weights that are affine in s. So layer by layer the unit
interval of each example is cut at the kinks found so far, forward passes at l + 1 Chebyshev nodes
of each piece determine every neuron's polynomial there, and `roots` finds all
of its sign changes. Nothing is sampled, so no kink is missed, however close two of them lie. (A
neuron that touches zero without changing sign has no kink there.) Positions have the accuracy of a
simple root, rounding over |z'(s)|.

*Effects.* The neurons that change sign at a cut are those with different signs in the middle of
the two pieces beside it. `diagonal` derives what one of them does to the loss.
Several may do so at one place: by symmetry (B = -A), or because with the last neuron of a layer
that is alive all neurons of later layers vanish, if there are no biases. Then they are taken *one
after another, from the input on*: each with earlier layers on their new side already, and later
ones still on their old. With the slopes of all other neurons held fixed, the change of neuron j
from side to side changes d loss/d alpha_l by +-b_j Delta h_jl, where b_j depends on the slopes
above it and h_j on those below. The changes telescope, so that the sums of jumps, and of each row
of the atoms, are those of the one-sided derivatives of the loss, whatever coincides. How the atoms
of such a place are shared between pairs of layers depends on the order.

The cost is that of about (kinks per example) (L + 1) L/2 forward passes: seconds for some hundred
examples and layers of some hundred neurons.

Reference: theory keys L4 and L5.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn

from lmctheory.layerwise.second_order.diagonal import Diagonal, Tangents
from lmctheory.layerwise.second_order.roots import (
    bernstein_from_values,
    chebyshev_nodes,
    sign_changes,
)
from lmctheory.networks import Activation, Examples, affine_chain, evaluation_mode
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths.interpolation import require_fitting
from lmctheory.results import Result

__all__ = ["Kinks", "Pieces", "diagonal_of", "kinks", "kinks_of", "pieces"]

_TOGETHER = 1e-12
"""Cuts that are no farther apart are one."""


@dataclass(frozen=True, eq=False)
class Kinks(Result):
    """Places on the segment where a neuron's pre-activation changes sign for one example.

    Attributes:
        alpha: ``[kinks]`` position on the diagonal of the layer cube, 0 at A and 1 at B.
        example: ``[kinks]`` index of the example.
        layer: ``[kinks]`` index of the neuron's hidden layer, from 0.
        neuron: ``[kinks]`` index within it.
        gradient: ``[kinks, L]`` h, the derivative of the pre-activation in each layer's alpha.
        response: ``[kinks]`` jump of the activation's slope times the derivative of the mean loss
            in the neuron's activation; its sign is turned where a neuron, of several at one place,
            changes against its derivative.
    """

    alpha: Float[np.ndarray, " kinks"]
    example: Int[np.ndarray, " kinks"]
    layer: Int[np.ndarray, " kinks"]
    neuron: Int[np.ndarray, " kinks"]
    gradient: Float[np.ndarray, "kinks layers"]
    response: Float[np.ndarray, " kinks"]

    def __len__(self) -> int:
        return len(self.alpha)

    @property
    def t(self) -> Float[np.ndarray, " kinks"]:
        """Position as in theta_t = t A + (1-t) B."""
        return 1 - self.alpha

    @property
    def speed(self) -> Float[np.ndarray, " kinks"]:
        """|d z / d t|, with which the pre-activation crosses zero."""
        return np.abs(self.gradient.sum(1))

    @property
    def jump(self) -> Float[np.ndarray, " kinks"]:
        """[loss'] of the mean loss: right minus left derivative, the same in t and in alpha."""
        return self.response * self.speed

    def atoms(self, weights: Float[np.ndarray, " kinks"]) -> Float[np.ndarray, "layers layers"]:
        """The weighted sum of the atoms response h h^T / speed of the Hessian in alpha (L5).

        A neuron that stands still where it vanishes has none.
        """
        scale = np.zeros(len(self))
        np.divide(weights * self.response, self.speed, out=scale, where=self.speed > 0)
        return (self.gradient * scale[:, None]).T @ self.gradient


class Pieces(NamedTuple):
    """Intervals of the diagonal, each of one example.

    Attributes:
        example: ``[pieces]``.
        start: ``[pieces]`` in alpha.
        end: ``[pieces]``.
    """

    example: Int[np.ndarray, " pieces"]
    start: Float[np.ndarray, " pieces"]
    end: Float[np.ndarray, " pieces"]


def pieces(
    examples: int, example: Int[np.ndarray, " cuts"], alpha: Float[np.ndarray, " cuts"]
) -> Pieces:
    """[0, 1] of each of so many examples, cut at the places given for it that are apart."""
    owner = np.concatenate([np.arange(examples), example])
    start = np.concatenate([np.zeros(examples), alpha])
    order = np.lexsort((start, owner))
    owner, start = owner[order], start[order]
    end = np.append(np.where(owner[1:] == owner[:-1], start[1:], 1.0), 1.0)
    proper = end - start > _TOGETHER
    return Pieces(owner[proper], start[proper], end[proper])


def kinks(model_a: nn.Module, model_b: nn.Module, data: Examples) -> Kinks:
    """Every kink of the loss on the segment between two networks.

    Args:
        model_a: network A, a chain of linear maps and activations.
        model_b: network B, already aligned with A.
        data: the examples.

    Returns:
        The kinks, in no particular order; none for smooth activations.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: for networks of different architecture or with NaN or infinite weights, data
            that do not fit, or a piecewise linear activation behind a smooth one.

    Reference: theory keys L4 and L5.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> found = kinks(a, b, Examples(torch.randn(5, 4, generator=rng), torch.arange(5) % 3))
        >>> bool((found.alpha > 0).all() and (found.alpha < 1).all())
        True
    """
    diagonal, x = diagonal_of(model_a, model_b, data)
    return kinks_of(diagonal, x, data.labels)


def diagonal_of(model_a: nn.Module, model_b: nn.Module, data: Examples) -> tuple[Diagonal, Tensor]:
    """Two checked chains, and the inputs as vectors in float64. Raises as `kinks`."""
    a, b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    require_same_architecture(a, b)
    require_fitting(data, outputs=a.weights[-1].shape[0], inputs=a.weights[0].shape[1])
    bent = [0 < sigma.curvature < np.inf for sigma in a.activations]
    for i, sigma in enumerate(a.activations):
        if _slope_jump(sigma) and any(bent[:i]):
            raise ValueError(
                "piecewise linear activations must not follow smooth ones, but layer "
                f"{a.names[i]!r} is followed by {sigma.name}"
            )
    return Diagonal(a, b, data.loss), data.inputs.flatten(1).to(a.weights[0].device, torch.float64)


def kinks_of(
    diagonal: Diagonal, x: Float[Tensor, "n m0"], labels: Shaped[Tensor, "n ..."]
) -> Kinks:
    """`kinks` of chains that are known to fit."""
    example, alpha = np.zeros(0, dtype=np.int64), np.zeros(0)
    none = Kinks(alpha, example, example, example, np.zeros((0, len(diagonal))), alpha)
    kinked = [layer for layer, sigma in enumerate(diagonal.sigmas) if _slope_jump(sigma)]
    for layer in kinked:
        for roots in _roots(diagonal, x, layer, pieces(len(x), example, alpha)):
            example, alpha = (
                np.concatenate(both) for both in zip((example, alpha), roots, strict=True)
            )
    cuts = pieces(len(x), example, alpha)
    return _joined([none, *_at_cuts(diagonal, x, labels, cuts, kinked)])


def _roots(
    diagonal: Diagonal, x: Tensor, layer: int, uncut: Pieces
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Examples and places at which neurons of one layer change sign within pieces."""
    degree = layer + 1
    nodes = chebyshev_nodes(degree)
    to_bernstein = torch.from_numpy(bernstein_from_values(degree))
    for rows in diagonal.blocks(len(uncut.start), degree + 1):
        example, start, end = (part[rows] for part in uncut)
        places = start[:, None] + (end - start)[:, None] * nodes
        *_, z = diagonal.pre_activations(
            x[np.repeat(example, degree + 1)], torch.from_numpy(places.reshape(-1)), layer
        )
        coefficients = to_bernstein @ z.view(len(start), degree + 1, -1)
        polynomial, u = sign_changes(coefficients.mT.reshape(-1, degree + 1).numpy())
        piece = polynomial // z.shape[1]
        yield example[piece], start[piece] + u * (end - start)[piece]


def _at_cuts(
    diagonal: Diagonal, x: Tensor, labels: Tensor, cut: Pieces, kinked: list[int]
) -> Iterator[Kinks]:
    """The kinks between neighbouring pieces of one example."""
    middle = torch.from_numpy((cut.start + cut.end) / 2)
    weight = diagonal.loss.weight(labels)
    before = np.flatnonzero(cut.example[1:] == cut.example[:-1])
    for rows in diagonal.blocks(len(before)):
        left = before[rows]
        example, alpha = torch.from_numpy(cut.example[left]), torch.from_numpy(cut.start[left + 1])
        old, new = (
            diagonal.pre_activations(x[example], middle[side], len(diagonal) - 1)
            for side in (left, left + 1)
        )
        for layer in kinked:
            sides = {i: new[i] if i < layer else old[i] for i in kinked}
            places, neurons = torch.nonzero((old[layer] > 0) != (new[layer] > 0), as_tuple=True)
            for some in diagonal.blocks(len(places)):
                at, neuron = places[some], neurons[some]
                passed = diagonal.tangents(
                    x[example[at]], alpha[at], {i: z[at] for i, z in sides.items()}
                )
                rises = new[layer][at, neuron] > 0
                h, response = _effects(
                    diagonal, passed, labels[example[at]], alpha[at], layer, neuron, rises
                )
                where = (alpha[at], example[at], torch.full_like(at, layer), neuron)
                yield Kinks(*(part.numpy() for part in (*where, h, response / weight)))


def _effects(
    diagonal: Diagonal,
    passed: list[Tangents],
    labels: Tensor,
    s: Tensor,
    layer: int,
    neuron: Tensor,
    rises: Tensor,
) -> tuple[Tensor, Tensor]:
    """Gradients ``[kinks, L]`` and responses, for the losses of the neurons' own examples."""
    each = torch.arange(len(neuron))
    h = s.new_zeros(len(s), len(diagonal))
    h[:, : layer + 1] = passed[layer].z_tangents[each, :, neuron]
    b = next(b for i, _, b in diagonal.adjoints(passed, labels, s) if i == layer + 1)
    along = torch.where(rises, 1.0, -1.0) * h.sum(1).sign()
    return h, _slope_jump(diagonal.sigmas[layer]) * along * b[each, neuron]


def _joined(parts: list[Kinks]) -> Kinks:
    fields = ([getattr(part, name) for part in parts] for name in Kinks.__dataclass_fields__)
    return Kinks(*(np.concatenate(field) for field in fields))


def _slope_jump(sigma: Activation) -> float:
    """Slope to the right of 0 minus slope to the left, 0 where sigma has no kink."""
    if sigma.curvature < np.inf:
        return 0.0
    left, zero, right = sigma.apply(torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)).tolist()
    return right - 2 * zero + left
