r"""Certificate C4: what holds at every t at once, from a few networks on the segment.

Cut the segment from B (t = 0) to A (t = 1) at nodes, and look at one piece: networks 0 and 1 at its
ends, s in [0, 1] in between, W^s = (1-s) W_0 + s W_1. Example by example the activations are

    phi_l^s = (1-s) phi_{l,0} + s phi_{l,1} + s(1-s) p_l + rho_l(s) + eta_l(s),
    |rho_{l,i}(s)| <= box_{l,i},   |eta_l(s)| <= ball_l,

a known parabola and a remainder that is bounded neuron by neuron (box) and in norm (ball). All of
it vanishes for the inputs. Multiplying out, with dW = W_1 - W_0 and dphi = phi_1 - phi_0,

    z_l^s = chord + s(1-s) k_l + W^s (rho + eta) + s(1-s)(s - 1/2) dW p_{l-1},
    k_l = W^{1/2} p_{l-1} - dW dphi_{l-1},

where |s(1-s)(s-1/2)| <= sqrt(3)/36. So the commutativity residual and the bend of the earlier
layers travel on as vectors, and only what an activation adds on its own has to be bounded
(`lmctheory.paths.enclosure`): a neuron that does not change sign adds nothing, a dead one passes
nothing on. What the weights make of rho is bounded in the cheaper of two ways, example by example:
by |W| box, neuron by neuron, |W| = max(|W_0|, |W_1|); or by max(|W_0|, |W_1|)_op |box|.

At the output the margin f_j - f_y is a known parabola plus at most slack_j: its maximum over s is
exact, and an example all of whose margins are negative keeps its label for every t of the piece.
The cross-entropy log(1 + sum_j e^{margin_j}) with s(1-s) k replaced by max(k, 0)/4 is convex in s,
so its mean over examples is largest at an end of the piece.

Pieces are halved where the certificate is weakest, so nodes gather where the slack is. Rounding is
bounded as in `lmctheory.paths.certificate`; the terms here are at most 8 times as many.

Reference: theory key C4, sharpened: C4 bounds the norm of the whole defect.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import (
    AffineChain,
    Examples,
    affine_chain,
    evaluation_mode,
    require_same_architecture,
)
from lmctheory.paths.enclosure import CUBIC, peak, through
from lmctheory.paths.interpolation import blocks, require_fitting
from lmctheory.paths.layers import NORM_INFLATION, Layer, layers_of, length, margin_loss, rounding

__all__ = ["PathCertificate", "certify", "certify_chains"]

_CHUNK_BYTES = 2**27
_TENSORS_PER_LAYER = 24
"""Tensors `[examples, m_l]` that are alive at one time, at most: sizes a chunk of examples."""
_MORE_TERMS = 8


@dataclass(frozen=True, eq=False, repr=False)
class PathCertificate:
    """What holds for every t in [0, 1].

    Attributes:
        t: the nodes ``[n + 1]``, from 0 to 1.
        certified: ``[n, examples]``: classified as labelled for every t between two nodes.
        correct: ``[n + 1, examples]``: classified as labelled at the nodes, measured.
        example_loss: ``[n, examples]`` bound of the largest cross-entropy between two nodes.
        piece_loss: ``[n]`` bound of the largest mean cross-entropy between two nodes.
        node_loss: ``[n + 1]`` mean cross-entropy at the nodes, measured.
    """

    t: Float[np.ndarray, " nodes"]
    certified: Bool[np.ndarray, "pieces examples"]
    correct: Bool[np.ndarray, "nodes examples"]
    example_loss: Float[np.ndarray, "pieces examples"]
    piece_loss: Float[np.ndarray, " pieces"]
    node_loss: Float[np.ndarray, " nodes"]

    @property
    def accuracy(self) -> float:
        """Share of the examples that are classified as labelled for every t: at least this."""
        return float(self.certified.all(0).mean())

    @property
    def attainable(self) -> float:
        """Share of the examples that are classified as labelled at every node: no more is true."""
        return float(self.correct.all(0).mean())

    @property
    def loss(self) -> float:
        """Bound of the largest mean cross-entropy on the segment."""
        return float(self.piece_loss.max())

    @property
    def barrier(self) -> float:
        """Bound of loss(theta_t) - [t loss(A) + (1-t) loss(B)] for every t.

        The bound of a piece is constant and the chord affine: their difference is largest where the
        chord is least, at a node.
        """
        chord = np.interp(self.t, [0, 1], self.node_loss[[0, -1]])
        return float((self.piece_loss - np.minimum(chord[1:], chord[:-1])).max())

    def __repr__(self) -> str:
        return (
            f"PathCertificate(every t in [0, 1], {len(self.t)} nodes: "
            f"accuracy>={self.accuracy:.4g} of at most {self.attainable:.4g}, "
            f"loss<={self.loss:.4g}, {self.certified.shape[1]} examples)"
        )


def certify(
    model_a: nn.Module, model_b: nn.Module, data: Examples, *, nodes: int = 8
) -> PathCertificate:
    """Certified accuracy and largest loss for every t on theta_t = t A + (1-t) B.

    Args:
        model_a: network A, a chain of linear maps and activations; evaluation mode is used.
        model_b: network B of the same architecture, permuted or not.
        data: the examples.
        nodes: number n of pieces; n = 1 uses the two ends only. Pieces are halved one after another
            where the certificate is weakest.

    Returns:
        The certificate, per piece and example.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: if nodes < 1, the architectures differ, weights are NaN or infinite, or inputs
            or labels do not fit.

    Reference:
        Key C4.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a = MLP((4, 8, 3), rng=torch.Generator().manual_seed(0))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(1))
        >>> certify(a, a, Examples(x, a(x).argmax(1)), nodes=1).accuracy
        1.0
    """
    chain_a, chain_b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    return certify_chains(chain_a, chain_b, data, nodes=nodes)


def certify_chains(
    chain_a: AffineChain, chain_b: AffineChain, data: Examples, *, nodes: int = 8
) -> PathCertificate:
    """`certify` for two chains."""
    if nodes < 1:
        raise ValueError(f"nodes must be >= 1, got {nodes}")
    require_same_architecture(chain_a, chain_b)
    weights = chain_a.weights
    require_fitting(data, classes=weights[-1].shape[-2], inputs=weights[0].shape[-1])
    layers = layers_of(chain_a.to(dtype=torch.float64), chain_b.to(dtype=torch.float64))
    pieces = [_piece(_Node(layers, 0.0), _Node(layers, 1.0), data)]
    while len(pieces) < nodes:
        weakest = max(range(len(pieces)), key=lambda i: pieces[i].weakness)
        start, end = pieces[weakest].ends
        middle = _Node(layers, (start.t + end.t) / 2)
        pieces[weakest : weakest + 1] = [_piece(start, middle, data), _piece(middle, end, data)]
    return PathCertificate(
        t=np.array([0.0, *(piece.ends[1].t for piece in pieces)]),
        certified=np.stack([piece.certified for piece in pieces]),
        correct=np.stack([pieces[0].correct[0], *(piece.correct[1] for piece in pieces)]),
        example_loss=np.stack([piece.example_loss for piece in pieces]),
        piece_loss=np.array([piece.bound.mean(1).max() for piece in pieces]),
        node_loss=np.array([pieces[0].loss[0].mean(), *(piece.loss[1].mean() for piece in pieces)]),
    )


class _Node:
    """One network on the segment."""

    def __init__(self, layers: list[Layer], t: float) -> None:
        self.t, self.layers = t, layers
        self.weights = [layer.at(t) for layer in layers]
        self.biases = [torch.lerp(layer.b_b, layer.b_a, t) for layer in layers]
        # none is needed for the first: the inputs are exact
        later = (float(torch.linalg.matrix_norm(W, 2)) for W in self.weights[1:])
        self.norms = [0.0, *later]


@dataclass(frozen=True)
class _Piece:
    """Part of the segment; the first axis of the arrays of two rows is its two ends.

    Attributes:
        ends: the networks there.
        certified: ``[n]``.
        example_loss: ``[n]`` bound of the largest loss of each example.
        bound: ``[2, n]`` a bound of the loss at every s is convex in s, and this at the ends.
        loss: ``[2, n]`` measured.
        correct: ``[2, n]`` measured.
    """

    ends: tuple[_Node, _Node]
    certified: np.ndarray
    example_loss: np.ndarray
    bound: np.ndarray
    loss: np.ndarray
    correct: np.ndarray

    @property
    def weakness(self) -> tuple[int, float]:
        """Examples that may yet be certified, then how far the bound of the loss is off."""
        open_examples = int((self.correct.all(0) & ~self.certified).sum())
        return open_examples, float(self.bound.mean(1).max() - self.loss.mean(1).max())


def _piece(start: _Node, end: _Node, data: Examples) -> _Piece:
    maps = [_Map(start, end, i) for i in range(len(start.layers))]
    row_bytes = 8 * _TENSORS_PER_LAYER * sum(len(W) for W in start.weights)
    parts: list[tuple[Tensor, ...]] = []
    for rows in blocks(len(data.inputs), max(1, _CHUNK_BYTES // row_bytes)):
        x = data.inputs[rows].flatten(1).to(start.weights[0])
        parts.append(_bounds(maps, x, data.labels[rows].to(x.device)))
    gathered = (torch.cat(part, -1).cpu().numpy() for part in zip(*parts, strict=True))
    return _Piece((start, end), *gathered)


class _Map:
    """One layer at both ends of a piece, and what depends on its weights only."""

    def __init__(self, start: _Node, end: _Node, i: int) -> None:
        W_0, W_1 = start.weights[i], end.weights[i]
        self.layer = start.layers[i]
        self.ends = ((W_0, start.biases[i]), (W_1, end.biases[i]))
        self.change = W_1 - W_0
        self.middle = (W_0 + W_1) / 2
        self.reach = torch.maximum(W_0.abs(), W_1.abs())
        self.rows = torch.maximum(length(W_0), length(W_1)) * NORM_INFLATION
        self.norm = max(start.norms[i], end.norms[i]) * NORM_INFLATION


@dataclass(frozen=True)
class _Enclosure:
    """phi^s less its chord: s(1-s) bend, a box and a ball (module docstring)."""

    bend: Tensor
    box: Tensor
    ball: Tensor

    @property
    def size(self) -> Tensor:
        """A bound of its norm at every s."""
        return length(self.bend) / 4 + length(self.box) + self.ball


def _bounds(maps: list[_Map], x: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
    """The fields of `_Piece` for a chunk of examples, examples last."""
    zero = torch.zeros_like(x)
    before = _Enclosure(zero, zero, zero[:, 0])
    phi = (x, x)
    sizes, ends = [], []
    for each in maps[:-1]:
        z = _ends(each, phi)
        k, known = _bent(each, phi, before)
        before = _activated(each, z, k, known, before)
        phi = (each.layer.sigma.apply(z[0]), each.layer.sigma.apply(z[1]))
        sizes.append(before.size)
        ends.append(torch.maximum(length(phi[0]), length(phi[1])))
    last = maps[-1]
    logits = _ends(last, phi)
    k, known = _bent(last, phi, before)
    slack = _slack(last, known, before, labels)
    ends.append(torch.maximum(length(logits[0]), length(logits[1])))
    sizes.append(length(k) / 4 + length(known) + last.norm * (length(before.box) + before.ball))
    layers = [each.layer for each in maps]
    slack += 2 * _MORE_TERMS * rounding(layers, length(x), ends, sizes)[-1][:, None]
    return _margins(logits, k, slack, labels)


def _ends(each: _Map, phi: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Pre-activations at both ends."""
    (W_0, b_0), (W_1, b_1) = each.ends
    z_0, z_1 = torch.addmm(b_0, phi[0], W_0.mT), torch.addmm(b_1, phi[1], W_1.mT)
    if not (torch.isfinite(z_0).all() and torch.isfinite(z_1).all()):
        raise ValueError("a network on the segment overflows on the data")
    return z_0, z_1


def _bent(each: _Map, phi: tuple[Tensor, Tensor], before: _Enclosure) -> tuple[Tensor, Tensor]:
    """k_l, and a bound of s(1-s)|s - 1/2| |dW p|, neuron by neuron."""
    k = before.bend @ each.middle.mT - (phi[1] - phi[0]) @ each.change.mT
    return k, CUBIC * (before.bend @ each.change.mT).abs()


def _activated(
    each: _Map, z: tuple[Tensor, Tensor], k: Tensor, known: Tensor, before: _Enclosure
) -> _Enclosure:
    """The enclosure after a layer and its activation."""
    spread, size = before.box @ each.reach.mT, length(before.box)
    near = torch.minimum(spread, size[:, None] * each.rows)
    image = through(each.layer.sigma, *z, k, known + near + before.ball[:, None] * each.rows)
    carried, top = image.gain * spread, image.gain.amax(1) * each.norm
    in_norm = length(carried) > top * size
    box = image.fresh + image.gain * known + torch.where(in_norm[:, None], 0.0, carried)
    return _Enclosure(image.bend, box, top * (before.ball + torch.where(in_norm, size, 0.0)))


def _slack(last: _Map, known: Tensor, before: _Enclosure, labels: Tensor) -> Tensor:
    """A bound of what the remainder makes of f_j - f_y, ``[n, classes]``."""
    slack = torch.empty_like(known)
    size = length(before.box)
    for label in range(known.shape[1]):
        rows = labels == label
        W_0, W_1 = (W - W[label] for W, _ in last.ends)
        norm = torch.maximum(length(W_0), length(W_1)) * NORM_INFLATION
        spread = before.box[rows] @ torch.maximum(W_0.abs(), W_1.abs()).mT
        near = torch.minimum(spread, size[rows, None] * norm)
        bend = CUBIC * (before.bend[rows] @ (W_1 - W_0).mT).abs()
        slack[rows] = bend + near + before.ball[rows, None] * norm
    return slack


def _margins(
    logits: tuple[Tensor, Tensor], k: Tensor, slack: Tensor, labels: Tensor
) -> tuple[Tensor, ...]:
    label = labels[:, None]
    start, end, bend = (values - values.gather(1, label) for values in (*logits, k))

    highest = (peak(start, end, bend) + slack).scatter(1, label, -torch.inf)
    lift = (bend.clamp(min=0) / 4 + slack).scatter(1, label, -torch.inf)
    losses = [cross_entropy(values, labels, reduction="none") for values in logits]
    return (
        (highest < 0).all(1),
        margin_loss(highest),
        torch.stack([margin_loss(start + lift), margin_loss(end + lift)]),
        torch.stack(losses),
        torch.stack([values.argmax(1) == labels for values in logits]),
    )
