r"""Certificate C4: what holds at every t at once, from a few networks on the segment.

Cut the segment from B (t = 0) to A (t = 1) at nodes, and look at one piece: networks 0 and 1 at its
ends, s in [0, 1] in between. `propagated_enclosures` encloses what every node of the networks
is on the whole piece: the chord between its values at the two ends, a known parabola, and a
remainder of which entries and norm are bounded.

At the output the margin f_j - f_y is a known parabola plus at most slack_j: its maximum over s is
exact, and an example all of whose margins are negative keeps its label for every t of the piece.
The cross-entropy log(1 + sum_j e^{margin_j}) with s(1-s) k replaced by max(k, 0)/4 is convex in s,
so its mean over examples is largest at an end of the piece. For other losses see
`lmctheory.paths.certified_losses`.

Pieces are halved where the certificate is weakest, so nodes gather where the slack is. Rounding is
bounded operation by operation (`lmctheory.paths.rounding`) and carried on as a remainder: that of
networks in double precision, to which models are converted, and not what float32 would round.

Reference: theory key C4, sharpened: C4 bounds the norm of the whole defect.
"""

from dataclasses import dataclass
from typing import Literal, overload

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from lmctheory.measures.arguments import at_least
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.losses import Loss
from lmctheory.paths._complete import CompleteCertificate, decided
from lmctheory.paths.certified_losses import OnPiece, certified_loss, require_certified
from lmctheory.paths.enclosure import CUBIC, Enclosure, parabola
from lmctheory.paths.interpolation import blocks
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.pair_program import Program, chain_program
from lmctheory.paths.propagated_enclosures import AffineBetween, Passage, between, chord
from lmctheory.paths.reading import program_of
from lmctheory.paths.rounding import (
    EPS,
    NORM_INFLATION,
    flat_length,
    length,
    mean_of,
    rounding,
)
from lmctheory.paths.segment_search import Segment
from lmctheory.results import Result

__all__ = ["PathCertificate", "certify", "certify_chains"]

_CLASSES = 4096
_CHUNK_BYTES = 2**27
_TENSORS_PER_NODE = 14
"""Tensors of a node's size that are alive at one time, at most: sizes a chunk of examples."""


@dataclass(frozen=True, eq=False, repr=False)
class PathCertificate(Result):
    """What holds for every t in [0, 1].

    Attributes:
        t: the nodes ``[n + 1]``, from 0 to 1.
        certified: ``[n, examples]``: classified as labelled for every t between two nodes; never
            where labels are values and not classes.
        correct: ``[n + 1, examples]``: classified as labelled at the nodes, measured.
        example_loss: ``[n, examples]`` bound of the largest loss between two nodes.
        piece_loss: ``[n]`` bound of the largest mean loss between two nodes.
        node_loss: ``[n + 1]`` mean loss at the nodes, measured.
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
        """Bound of the largest mean loss on the segment."""
        return float(self.piece_loss.max())

    @property
    def barrier(self) -> float:
        """Bound of loss(theta_t) - [t loss(A) + (1-t) loss(B)] for every t.

        The bound of a piece is constant and the chord affine: their difference is largest where the
        chord is least, at a node.
        """
        chord = np.interp(self.t, [0, 1], self.node_loss[[0, -1]])
        # the mean of n losses as they are measured, each a logarithm of at most 4000 exponentials
        chord = chord - 2 * (self.correct.shape[1] + _CLASSES) * EPS * (1 + np.abs(chord))
        return float((self.piece_loss - np.minimum(chord[1:], chord[:-1])).max())

    def __repr__(self) -> str:
        return (
            f"PathCertificate(every t in [0, 1], {len(self.t)} nodes: "
            f"accuracy>={self.accuracy:.4g} of at most {self.attainable:.4g}, "
            f"loss<={self.loss:.4g}, {self.certified.shape[1]} examples)"
        )


@overload
def certify(
    model_a: nn.Module, model_b: nn.Module, data: Examples, *, nodes: int = 8
) -> PathCertificate: ...


@overload
def certify(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    complete: Literal[True],
    budget: float = 600.0,
) -> CompleteCertificate: ...


def certify(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    nodes: int = 8,
    complete: bool = False,
    budget: float = 600.0,
) -> PathCertificate | CompleteCertificate:
    """Certified accuracy and largest loss for every t on theta_t = t A + (1-t) B.

    Args:
        model_a: network A, of linear layers, convolutions, BatchNorm, pooling, sums of branches and
            activations, such as `MLP`, `CNN`, `VGG` and `ResNet20`; evaluation mode is used. For
            some layers only see `with_layers_of`.
        model_b: network B of the same architecture, permuted or not.
        data: the examples.
        nodes: number n of pieces; n = 1 uses the two ends only. Pieces are halved one after another
            where the certificate is weakest. Of no account if `complete`.
        complete: whether every example is to be decided: certified, or refuted at a t that is
            named. Pieces are then refined for each example until that is so (key C5).
        budget: seconds that may take; what is open then is called undecided.

    Returns:
        The certificate, per piece and example; a `CompleteCertificate` if `complete`.

    Raises:
        TypeError: naming an operation without a Lipschitz constant that holds on all inputs, such
            as layer and group norms and attention, or one that is not known; if `complete`, one of
            which no enclosure is known: layer, group, instance and root-mean-square norms,
            attention, products, embeddings, recurrent layers and clipped activations can be
            followed then.
        ValueError: if nodes < 1, the architectures differ, weights are NaN or infinite, or inputs
            or labels do not fit, for a loss without certificate, and if `complete` for a budget
            <= 0 and labels that are no classes.

    Reference:
        Keys C4, C5.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(seed)) for seed in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> data = Examples(x, a(x).argmax(1))
        >>> certify(a, a, data, nodes=1).accuracy
        1.0
        >>> whole = certify(a, b, data, complete=True)
        >>> bool((whole.certified | whole.refuted).all())
        True
    """
    nodes = at_least("nodes", nodes, 1)
    program = program_of(model_a, model_b, data, complete=complete)
    return (
        decided(Segment.of(program, data), budget) if complete else _certify(program, data, nodes)
    )


def certify_chains(
    chain_a: AffineChain, chain_b: AffineChain, data: Examples, *, nodes: int = 8
) -> PathCertificate:
    """`certify` for two chains."""
    nodes = at_least("nodes", nodes, 1)
    return _certify(chain_program(chain_a, chain_b, data), data, nodes)


def _certify(program: Program, data: Examples, nodes: int) -> PathCertificate:
    require_certified(data)
    pieces = [_piece(_Network(program, 0.0), _Network(program, 1.0), data)]
    while len(pieces) < nodes:
        weakest = max(range(len(pieces)), key=lambda i: pieces[i].weakness)
        start, end = pieces[weakest].ends
        middle = _Network(program, (start.t + end.t) / 2)
        pieces[weakest : weakest + 1] = [_piece(start, middle, data), _piece(middle, end, data)]
    return PathCertificate(
        t=np.array([0.0, *(piece.ends[1].t for piece in pieces)]),
        certified=np.stack([piece.certified for piece in pieces]),
        correct=np.stack([pieces[0].correct[0], *(piece.correct[1] for piece in pieces)]),
        example_loss=np.stack([piece.example_loss for piece in pieces]),
        piece_loss=np.array([piece.mean_bound for piece in pieces]),
        node_loss=np.array([pieces[0].loss[0].mean(), *(piece.loss[1].mean() for piece in pieces)]),
    )


class _Network:
    """One network on the segment."""

    def __init__(self, program: Program, t: float) -> None:
        self.program, self.t, self.maps = program, t, program.at(t)


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

    ends: tuple[_Network, _Network]
    certified: np.ndarray
    example_loss: np.ndarray
    bound: np.ndarray
    loss: np.ndarray
    correct: np.ndarray

    @property
    def weakness(self) -> tuple[int, float]:
        """Examples that may yet be certified, then how far the bound of the loss is off."""
        open_examples = int((self.correct.all(0) & ~self.certified).sum())
        return open_examples, self.mean_bound - float(self.loss.mean(1).max())

    @property
    def mean_bound(self) -> float:
        """A bound of the largest mean loss, the mean rounded up."""
        return float(mean_of(torch.from_numpy(self.bound), 1).max())


def _piece(start: _Network, end: _Network, data: Examples) -> _Piece:
    program = start.program
    passages = [
        chord if program.straight[i] else between(op, *ends)
        for i, (op, *ends) in enumerate(
            zip(program.bounded, start.maps, end.maps, strict=True), start=1
        )
    ]
    parts: list[tuple[Tensor, ...]] = []
    row_bytes = 8 * _TENSORS_PER_NODE * program.numbers
    for rows in blocks(len(data.inputs), max(1, _CHUNK_BYTES // row_bytes)):
        x = data.inputs[rows].to(program.reference)
        labels = data.labels[rows].to(x.device)
        parts.append(_bounds(start, end, passages, x, labels, data.loss))
    gathered = (torch.cat(part, -1).cpu().numpy() for part in zip(*parts, strict=True))
    return _Piece((start, end), *gathered)


def _bounds(
    start: _Network,
    end: _Network,
    passages: list[Passage],
    x: Tensor,
    labels: Tensor,
    loss: Loss,
) -> tuple[Tensor, ...]:
    """The fields of `_Piece` for a chunk of examples, examples last."""
    program = start.program
    values = list(zip(*(program.values(each.maps, x) for each in (start, end)), strict=True))
    if not all(torch.isfinite(logits).all() for logits in values[-1]):
        raise ValueError("a network on the segment overflows on the data")
    inside: list[Enclosure | None] = [None]
    largest = [flat_length(x)]  # norms in all networks of the piece
    error = torch.zeros_like(largest[0])
    for i, (op, passage) in enumerate(zip(program.bounded, passages, strict=True), start=1):
        sources = op.node.inputs
        found = passage([values[k] for k in sources], [inside[k] for k in sources])
        largest.append(torch.maximum(*map(flat_length, values[i])))
        if not program.exact[i]:
            if found is None or program.still[i]:
                found = parabola(torch.zeros_like(values[i][0]))
            largest[i] = largest[i] + found.size
            inputs = torch.stack([largest[k] for k in sources]).sum(0)
            error = rounding(op.scale, inputs, largest[i])
            found = found.wider(error)
        inside.append(found)
    last, [*_, source] = passages[-1], program.bounded[-1].node.inputs
    nothing = torch.zeros_like(values[-1][0])
    bend, rest = (nothing, nothing) if inside[-1] is None else (inside[-1].bend, inside[-1].reach)

    def apart(labels: Tensor) -> Tensor:
        if isinstance(last, AffineBetween) and isinstance(last.operator, Dense):
            found = _apart(last, inside[source], labels, program.outputs)
        else:
            found = rest + rest.gather(1, labels[:, None])
        return found + 2 * error[:, None]

    outputs = OnPiece(values[-1], bend, rest, apart)
    return (
        *certified_loss(loss).on(outputs, labels),
        torch.stack([loss.each(end[None], labels)[0] for end in values[-1]]),
        torch.stack([loss.hits(end[None], labels)[0] == 1 for end in values[-1]]),
    )


def _apart(last: AffineBetween, before: Enclosure | None, labels: Tensor, classes: int) -> Tensor:
    """What the rest makes of f_j - f_y in a linear layer: of its rows only differences count."""
    slack = torch.zeros(len(labels), classes, dtype=torch.float64, device=labels.device)
    if before is None:
        return slack
    box, ball = before.settled()
    size = length(box)
    for label in range(classes):
        rows = labels == label
        W_0, W_1 = (W - W[label] for W in last.ends)
        norm = torch.maximum(length(W_0), length(W_1)) * NORM_INFLATION
        spread = box[rows] @ torch.maximum(W_0.abs(), W_1.abs()).mT
        near = torch.minimum(spread, size[rows, None] * norm)
        bend = CUBIC * (before.bend[rows] @ (W_1 - W_0).mT).abs()
        slack[rows] = bend + near + ball[rows, None] * norm
    return slack
