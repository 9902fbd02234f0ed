r"""A whole network on a piece of the segment, and what its outputs say of labels and losses.

*Labels.* What decides is a linear map of the outputs, all whose values must be negative: margins
f_j - f_y for classes, -z or z for one logit. Symbols that outputs share cancel in it; the radius of
the last layer's input is taken through the differences of its rows.

*Losses.* On a part of the piece of length w a polynomial p differs from its chord by at most
delta = sup|p''| w^2 / 8. Losses are increasing in the deviation and convex in the outputs
(`lmctheory.paths.certified_losses`), so with the chord in place of p and everything else as a
deviation they are convex in s, and so is their mean over examples: it is largest at an end of the
part. So the mean loss on the piece is at most the largest of its values at equidistant points with
delta added to the deviation: a bound as close as the polynomials are, however the loss may bend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lmctheory.networks.losses import BinaryCrossEntropy, Loss
from lmctheory.paths.blends import Blend
from lmctheory.paths.certified_losses import AtPoint, certified_loss
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Sum
from lmctheory.paths.complete_operations import Followed
from lmctheory.paths.enclosure import per_example
from lmctheory.paths.interpolation import blocks
from lmctheory.paths.layer_operations import Normalisation
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.pair_program import Program
from lmctheory.paths.regions import Box, Effort, Region
from lmctheory.paths.rounding import length, mean_of, or_infinite
from lmctheory.paths.taylor_balls import BallsOnPiece
from lmctheory.paths.taylor_layers import AffineOnPiece, weight_symbols, without_weights
from lmctheory.paths.taylor_models import TaylorModel, bounds, value_at
from lmctheory.paths.taylor_operations import Passage, passage

__all__ = ["PARTS", "Outputs", "PieceNetwork"]

_EPS = torch.finfo(torch.float64).eps
_BYTES = 2**24
PARTS = 16
"""Parts of a piece for the mean loss."""

_ELEMENTWISE = 10_000.0
"""What an operation without weights takes for one number, as products."""


@dataclass(frozen=True)
class Outputs:
    """The outputs on a piece.

    Attributes:
        values: ``[k + 1, n, outputs]`` coefficients.
        rest: ``[n, outputs]`` a bound of what is beside the polynomial.
        contrasts: ``[k + 1, n, c]`` what must be negative to be classified as labelled, -1 where
            nothing is asked; None where labels are no classes.
        apart: ``[n, c]`` a bound of what is beside that.
        moved: ``[2, k, n, outputs]`` what the parameters w_j of the weights, of which a segment has
            none, make of the outputs: w_j (m_0j + s m_1j).
        moved_contrasts: ``[2, k, n, c]`` likewise.
    """

    values: Tensor
    rest: Tensor
    contrasts: Tensor | None
    apart: Tensor
    moved: Tensor
    moved_contrasts: Tensor

    def certified(self) -> Tensor:
        """Whether each example is classified as labelled at every s, ``[n]``."""
        if self.contrasts is None:
            return self.rest.new_zeros(len(self.rest), dtype=torch.bool)
        _, high = bounds(self.contrasts)
        apart = self.apart
        if self.moved_contrasts.shape[1]:
            apart = apart + _size(self.moved_contrasts)
        return (high + apart < 0).all(1)

    def refuted(self) -> Tensor:
        """Whether each example is not classified as labelled in the middle, ``[n]``."""
        if self.contrasts is None:
            return self.rest.new_zeros(len(self.rest), dtype=torch.bool)
        return (self.contrasts[0] - self.apart > 0).any(1)

    def losses(self, loss: Loss, labels: Tensor, parts: int = PARTS) -> Tensor:
        """Bounds of which the mean over examples is, at its largest, one of the mean loss.

        Returns:
            ``[parts + 1, n]`` at equidistant points of the piece, from its start to its end, where
            parameters of the weights are 0.
        """
        points = torch.linspace(-1, 1, parts + 1, dtype=torch.float64).tolist()
        middle = (0.0,) * self.moved.shape[1]
        places = [(s, middle) for s in (points if len(self.values) > 1 else points[:1])]
        return self._losses_at(places, False, parts, loss, labels).expand(parts + 1, -1)

    def losses_on(self, box: Box, loss: Loss, labels: Tensor) -> Tensor:
        """Likewise on a box, ``[places, n]`` at its `places`.

        The outputs' known part is affine in s for each w, once the polynomial is its chord, and
        affine in w for each s: so the bound is largest at a corner of the box. Where the simplex
        cuts the box, what s w_j is multiplied by counts as a deviation, and the bound is convex in
        s and w together.
        """
        places = box.places(PARTS)
        return self._losses_at(places, box.is_cut, PARTS, loss, labels)

    def _losses_at(
        self,
        places: Sequence[tuple[float, tuple[float, ...]]],
        straight: bool,
        parts: int,
        loss: Loss,
        labels: Tensor,
    ) -> Tensor:
        bend, deviation = self._arch(self.values, parts), self._arch_of_contrasts(parts)
        if self.moved.shape[1]:
            bend = bend + 64 * _EPS * _size(self.moved)
            deviation = deviation + 64 * _EPS * _size(self.moved_contrasts)
            if straight:
                bend = bend + _size(self.moved[1:])
                deviation = deviation + _size(self.moved_contrasts[1:])
        radius = length(self.rest + bend)
        judged = certified_loss(loss)
        found = []
        for s, w in places:
            centre = value_at(self.values, s)
            for share, (m_0, m_1) in zip(w, self.moved.double().transpose(0, 1), strict=True):
                centre = centre + share * (m_0 if straight else m_0 + s * m_1)
            found.append(judged.at(AtPoint(centre, radius, lambda _: deviation), labels)[0])
        return or_infinite(torch.stack(found))

    def least_losses(self, loss: Loss, labels: Tensor) -> Tensor:
        """Lower bounds of the losses in the middle, ``[n]``, for a piece without length.

        A convex L is at least 2 L(c) - L(c - e) at c + e.
        """
        judged = certified_loss(loss)
        nothing, size = torch.zeros_like(self.apart), self.values.new_zeros(len(self.rest))
        plain, _ = judged.at(AtPoint(self.values[0], size, lambda _: nothing), labels)
        around = AtPoint(self.values[0], length(self.rest), lambda _: self.apart)
        most, _ = judged.at(around, labels)
        rounding = 32 * (self.values.shape[-1] + 8) * _EPS * (1 + plain)
        return (2 * (plain - rounding) - most).nan_to_num(nan=-torch.inf, neginf=-torch.inf)

    def mean_loss(self, loss: Loss, labels: Tensor) -> tuple[float, float]:
        """Bounds of the mean loss in the middle, for a piece without length."""
        low = mean_of(self.least_losses(loss, labels), -1)
        return float(low), float(mean_of(self.losses(loss, labels)[0], 1))

    def averaged(self, other: Outputs, t: float) -> Outputs:
        """The average (1-t) of these outputs and t of others, of pieces without length."""

        def mixed(one: Tensor, two: Tensor) -> Tensor:
            return (1 - t) * one + t * two

        def rounded(one: Tensor, two: Tensor, size: Tensor) -> Tensor:
            return mixed(one, two) * (1 + 8 * _EPS) + 8 * _EPS * size

        sizes = mixed(self.values.abs(), other.values.abs())[0]
        if self.contrasts is None or other.contrasts is None:
            contrasts, apart = None, rounded(self.apart, other.apart, sizes)
        else:
            contrasts = mixed(self.contrasts, other.contrasts)
            own = mixed(self.contrasts.abs(), other.contrasts.abs())[0]
            apart = rounded(self.apart, other.apart, own)
        rest = rounded(self.rest, other.rest, sizes)
        return Outputs(
            mixed(self.values, other.values),
            rest,
            contrasts,
            apart,
            self.moved,
            self.moved_contrasts,
        )

    def _arch_of_contrasts(self, parts: int) -> Tensor:
        if self.contrasts is None:
            return self.apart
        return self.apart + self._arch(self.contrasts, parts)

    @staticmethod
    def _arch(coefficients: Tensor, parts: int) -> Tensor:
        """How far polynomials may be from their chords on a part, rounding included."""
        curved = torch.zeros_like(coefficients[0])
        for k, c in enumerate(coefficients):
            curved += k * (k - 1) * c.abs()
        delta = curved / (2 * parts**2)
        return delta * (1 + 64 * _EPS) + 64 * _EPS * coefficients.abs().sum(0)


class PieceNetwork:
    """All networks of a piece of the segment.

    Attributes:
        work: products that were taken, roughly: what a pilot compares.
    """

    def __init__(self, program: Program, piece: Region, effort: Effort) -> None:
        self.work = 0.0
        effort = effort.on(program.reference.device)
        self.program, self.piece, self.effort = program, piece, effort
        self.passages = [
            passage(op, i, piece, effort) for i, op in enumerate(program.operations, start=1)
        ]
        self.steps = self.passages
        if effort.balls:
            self.steps = [
                BallsOnPiece(op, passed, piece, last=op is program.operations[-1])
                for op, passed in zip(program.operations, self.passages, strict=True)
            ]
        last = {}
        for i, op in enumerate(program.operations, start=1):
            last.update(dict.fromkeys(op.node.inputs, i))
        self.spent = [
            [k for k, at in last.items() if at == i] for i in range(len(self.passages) + 1)
        ]

    def outputs(self, x: Tensor, labels: Tensor, loss: Loss) -> Outputs:
        """The outputs for examples ``[n, ...]``, a few at a time."""
        parts = [
            self._outputs(x[rows], labels[rows], loss) for rows in blocks(len(x), self._rows(x))
        ]
        if len(parts) == 1:
            return parts[0]
        contrasts = [part.contrasts for part in parts]
        return Outputs(
            torch.cat([part.values for part in parts], 1),
            torch.cat([part.rest for part in parts]),
            None if contrasts[0] is None else torch.cat(contrasts, 1),  # type: ignore[arg-type]
            torch.cat([part.apart for part in parts]),
            torch.cat([part.moved for part in parts], 2),
            torch.cat([part.moved_contrasts for part in parts], 2),
        )

    def models(self, x: Tensor) -> Iterator[TaylorModel]:
        """The models of all nodes, one after another, from the inputs on."""
        held = {0: TaylorModel.constant(x, self.effort.dtype)}
        yield held[0]
        for i, (op, passed, step) in enumerate(
            zip(self.program.operations, self.passages, self.steps, strict=True), 1
        ):
            self.work += len(x) * _work(op, passed, held[op.node.inputs[0]])
            held[i] = step([held[k] for k in op.node.inputs])
            for k in self.spent[i]:
                del held[k]
            yield held[i]

    def _rows(self, x: Tensor) -> int:
        """How many examples at once: tensors of the widest node that are alive, and symbols."""
        width = max(torch.Size(op.node.shape).numel() for op in self.program.operations)
        width = max(width, x[0].numel())
        numbers = 12 + 2 * self.effort.symbols * 4
        return max(1, _BYTES // (8 * width * numbers))

    def _outputs(self, x: Tensor, labels: Tensor, loss: Loss) -> Outputs:
        before = model = None
        for i, each in enumerate(self.models(x)):
            if i == self.program.operations[-1].node.inputs[0]:
                before = each
            model = each
        assert before is not None
        assert model is not None
        count = weight_symbols(model)
        others = without_weights(model)
        values, rest, moved = model.polynomial, others.rest, model.symbols[:, :count]
        decided = _decisive(loss, labels, values, model.symbols)
        if decided is None:
            return Outputs(values, rest, None, rest, moved, moved)
        contrasts, symbols = decided
        turned, symbols = symbols[:, :count], symbols[:, count:]
        own = self._apart(before, model, labels, loss)
        spread = symbols.abs().sum((0, 1)).double() * (1 + 4 * (symbols.shape[1] + 4) * model.eps)
        noise = model.noise(4, 8).double()
        if isinstance(loss, BinaryCrossEntropy):
            apart = own + spread + noise
            return Outputs(values, rest, contrasts, apart, moved, turned)
        at = labels[:, None]
        apart = own + spread + noise + noise.gather(1, at)
        # nothing is asked of the label itself, however large its own logit may be
        apart = apart * torch.ones_like(apart).scatter_(1, at, 0.0)
        return Outputs(values, rest, contrasts, apart, moved, turned)

    def _apart(self, before: TaylorModel, model: TaylorModel, labels: Tensor, loss: Loss) -> Tensor:
        """What the radius and the ball make of the contrasts."""
        radius, last = model.radius.double(), self.passages[-1]
        if model.ball is not None:
            radius = radius + per_example(model.ball, radius)
        if isinstance(loss, BinaryCrossEntropy):
            return radius
        if isinstance(last, AffineOnPiece) and isinstance(last.operator, Dense):
            return last.between(before, model, labels)
        return radius + radius.gather(1, labels[:, None])


def _size(moved: Tensor) -> Tensor:
    """A bound of the sum over parameters of the weights, float64."""
    return moved.double().abs().sum((0, 1)) * (1 + 8 * _EPS * moved.shape[1])


def _work(op: Operation | Blend | Followed, passed: Passage, x: TaylorModel) -> float:
    """Products with the weights, in all directions; in double precision they count twice."""
    size = float(torch.Size(op.node.shape).numel())
    if not isinstance(passed, AffineOnPiece):
        curved = not isinstance(op, Fixed | MaxPool | Sum | Normalisation)
        return _ELEMENTWISE * size * (1 + x.symbols.shape[1] / 6 * curved)
    products = (1 + max(1, len(passed.moved))) * (2 * len(x.polynomial) + 2 * x.symbols.shape[1])
    return size * passed.terms * (products + 1)


def _decisive(
    loss: Loss, labels: Tensor, values: Tensor, symbols: Tensor
) -> tuple[Tensor, Tensor] | None:
    """What must be negative of coefficients ``[k + 1, n, outputs]`` and of symbols."""
    if isinstance(loss, BinaryCrossEntropy):
        sign = torch.where(labels.view(-1, 1) > 0.5, -1.0, 1.0).double()
        return values * sign, symbols
    if not loss.judges(labels):
        return None
    at = labels[:, None]
    contrasts = values - values.gather(2, at.expand(len(values), *at.shape))
    where = at.expand(*symbols.shape[:2], *at.shape)
    shared = symbols - symbols.gather(3, where)
    contrasts[0].scatter_(1, at, -1.0)
    return contrasts, shared
