r"""Certificates C1, C1', C2, C3 at one t: what A and B alone say about theta_t.

Write `theta_t = t A + (1-t) B`, a bar for the chord `t (.)^A + (1-t) (.)^B`, and, example by
example, with everything on the right known from A and B alone,

    c_l = -t(1-t) (W_l^A - W_l^B)(phi_{l-1}^A - phi_{l-1}^B)      commutativity residual
    j_l = sigma(z-bar_l) - t sigma(z_l^A) - (1-t) sigma(z_l^B)    weak-additivity gap

Multiplying out, `W_l^t phi-bar_{l-1} + b_l^t - z-bar_l = c_l`, so `d_l = phi_l^t - phi-bar_l` is

    d_l = j_l + r_l,   |r_l| <= Lip |W_l^t d_{l-1} + c_l|;   f_t - f-bar = W_{L+1}^t d_L + c_{L+1}.

C1 keeps only norms, `|d_l| <= s_l`; C1' keeps the vector `j_l` and bounds `|r_l|`. By the triangle
inequality C1' is never above C1, and with one hidden layer (`r_1 = 0`) it is an identity. Both
leave the output as a known vector plus `W_{L+1}^t v` with `|v| <= radius`, which is all that C3
needs. Here C3 keeps the sign of `c_{L+1}`, which the statement with `|c_j - c_y|` gives away.

*Any other architecture.* The same, node by node. W_l may be a convolution (`linear_maps` bounds its
norm). BatchNorm has a residual c of its own (`layer_operations`). A fixed linear map F takes d to
F d. At a sum, deviations add, and so do known vectors and bounds of the rest. A maximum over
windows is treated as an activation is: it has a gap j and a Lipschitz constant, the root of the
largest number of windows that see one position, since
|max_i x_i - max_i y_i|^2 <= sum_i |x_i - y_i|^2.

Everything is float64. Computed operator norms are inflated by 1e-9; t -> |W^t| is convex, so
between the nodes where it is computed its chord is an upper bound. Floating-point errors, of the
certificate and of the errors that one would measure to check it, are bounded a priori in
`lmctheory.paths.rounding` and added: what is reported dominates what is measured, not only what is
true. Networks on the segment are those of `interpolate`: where A and B are equal they are equal.
Two exceptions: PyTorch's softplus is the identity above 20, a jump of 2e-9 at 20 that no
Lipschitz constant covers, so with softplus the bounds hold up to what the later layers make of that
jump; and convolutions are taken to be computed as sums of products, not by fast transforms.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lmctheory.networks.losses import Loss
from lmctheory.paths.certified_losses import AtPoint, certified_loss
from lmctheory.paths.certified_operations import Fixed, MaxPool, Operation, Pointwise, Sum
from lmctheory.paths.layer_operations import Affine, Contrast, Normalisation
from lmctheory.paths.linear_maps import Dense
from lmctheory.paths.pair_program import Program
from lmctheory.paths.rounding import flat_length, or_infinite, rounding, spreads

__all__ = ["Bounds", "Features", "Point", "bounds", "features", "points"]

_NODES = np.linspace(0, 1, 5)
"""Where |W^t| is computed for a grid of more points: a good part of a certificate's time."""


@dataclass(frozen=True)
class Point:
    """One t, and bounds of the norms of the operations there; zero where nothing is carried on."""

    t: float
    norms: list[float]


def points(program: Program, t: np.ndarray) -> list[Point]:
    """The points of a grid."""
    along = [
        np.zeros_like(t) if program.exact[op.node.inputs[0]] else _norms_along(op, t)
        for op in program.bounded
    ]
    return [Point(time, [float(n[i]) for n in along]) for i, time in enumerate(t.tolist())]


def _norms_along(op: Operation, t: np.ndarray) -> np.ndarray:
    """Upper bounds of the norm, or of the Lipschitz constant, at every t."""
    if isinstance(op, Pointwise | MaxPool):
        return np.full_like(t, op.lipschitz)
    if isinstance(op, Sum):
        return np.ones_like(t)
    if isinstance(op, Fixed):
        return np.full_like(t, op.norm)
    nodes = np.unique(t)
    if isinstance(op, Affine) and len(nodes) > len(_NODES):
        nodes = _NODES  # exact at few nodes, and in between their chord, for it is convex
    return np.interp(t, nodes, [op.norm(node) for node in nodes.tolist()])


@dataclass(frozen=True)
class Features:
    """What the operations make of a chunk of examples at A and at B.

    Attributes:
        a, b: the values of all nodes.
        contrasts: for each operation with parameters what one makes of the other's inputs.
        ends: ``[n]`` for each node, the larger of its norms in A and B.
    """

    a: list[Tensor]
    b: list[Tensor]
    contrasts: list[Contrast | None]
    ends: list[Tensor]


def features(program: Program, x: Tensor) -> Features:
    """The features of inputs ``[n, ...]``.

    Raises:
        ValueError: if an output is not finite.
    """
    a, b = (program.values(program.at(t), x) for t in (1.0, 0.0))
    if not (torch.isfinite(a[-1]).all() and torch.isfinite(b[-1]).all()):
        raise ValueError("model_a or model_b overflows on the data: its outputs are not finite")
    ends = [torch.maximum(flat_length(u), flat_length(v)) for u, v in zip(a, b, strict=True)]
    return Features(a, b, program.contrasts(a, b), ends)


@dataclass(frozen=True)
class Bounds:
    """A `Certificate` at one t on a chunk of examples; the examples are the last axis."""

    function_error_c1: Tensor
    function_error_c2: Tensor
    function_error: Tensor
    feature_error: Tensor
    weak_additivity: Tensor
    commutativity: Tensor
    example_loss: Tensor
    certified: Tensor
    example_chord: Tensor


@dataclass(frozen=True)
class _Deviation:
    """What is known of a node's phi^t - phi-bar, and of its distance from A and from B.

    Attributes:
        s: C1, a bound of its norm.
        known, radius: C1', a vector (None: zero) and a bound of the norm of the rest.
        u, v: C2, bounds of |phi^t - phi^A| and |phi^t - phi^B|.
    """

    s: Tensor
    known: Tensor | None
    radius: Tensor
    u: Tensor
    v: Tensor

    def wider(self, error: Tensor) -> _Deviation:
        """With an error of that norm added."""
        return replace(
            self,
            s=self.s + error,
            radius=self.radius + error,
            u=self.u + error,
            v=self.v + error,
        )


def bounds(
    program: Program, point: Point, found: Features, labels: Tensor, loss: Loss, vector: bool
) -> Bounds:
    """All bounds at one t on one chunk of examples, whose labels the loss compares them with."""
    run = _Run(program, point, found, vector)
    zero, last = run.zero, run.nodes[-1]
    chord = torch.lerp(found.b[-1], found.a[-1], point.t)
    known = torch.zeros_like(chord) if last.known is None else last.known
    apart = partial(_apart, program.bounded[-1], point.t, run)
    outputs = AtPoint(chord + known, last.radius, apart)
    example_loss, certified = certified_loss(loss).at(outputs, labels)
    loss_a, loss_b = (loss.each(values[-1][None], labels)[0] for values in (found.a, found.b))
    return Bounds(
        function_error_c1=or_infinite(last.s),
        function_error_c2=or_infinite(point.t * last.u + (1 - point.t) * last.v),
        function_error=or_infinite(flat_length(known) + last.radius if vector else last.s),
        feature_error=or_infinite(_stack([run.nodes[k].s for k in run.hidden], zero)),
        weak_additivity=_stack(run.gaps, zero),
        commutativity=_stack(run.shifts, zero),
        example_loss=or_infinite(example_loss),
        certified=certified,
        example_chord=torch.lerp(loss_b, loss_a, point.t),
    )


class _Run:
    """How far the network at t is from the chord, node by node.

    Attributes:
        nodes: the deviations, from the inputs' on.
        gaps: residuals of weak additivity, of the operations `hidden`.
        shifts: residuals of commutativity, of the layers whose inputs move.
        error: rounding of the last operation.
    """

    def __init__(self, program: Program, point: Point, found: Features, vector: bool) -> None:
        self.program, self.point, self.found, self.vector = program, point, found, vector
        self.zero = self.error = torch.zeros_like(found.ends[0])
        self._none = _Deviation(self.zero, None, self.zero, self.zero, self.zero)
        self.nodes = [self._none]
        self._largest = [found.ends[0]]  # norms in all networks between A and B
        self.gaps: list[Tensor] = []
        self.shifts: list[Tensor] = []
        self.hidden: list[int] = []
        for i, op in enumerate(program.bounded, start=1):
            self.nodes.append(self._rounded(i, op, self._passed(i, op)))

    def _passed(self, i: int, op: Operation) -> _Deviation:
        """What an operation makes of the deviations before it."""
        before = _total([self.nodes[k] for k in op.node.inputs])
        if isinstance(op, Affine | Normalisation):
            after, shift = _layer(self.program, self.point, self.found, i, before)
            if not self.program.still[op.node.inputs[0]]:
                self.shifts.append(shift)
        elif isinstance(op, Pointwise | MaxPool):
            after, gap = _nonlinear(op, self.point, self.found, i, before)
            self.gaps.append(gap)
            self.hidden.append(i)
        else:
            after = _fixed(op, self.point.norms[i - 1], before)
        return after

    def _rounded(self, i: int, op: Operation, after: _Deviation) -> _Deviation:
        """The same, wider by the rounding of the operation."""
        program, found = self.program, self.found
        if not program.exact[i]:
            inputs = _plus([self._largest[k] for k in op.node.inputs])
            self.error = rounding(op.scale, inputs, found.ends[i] + after.s)
            after = (self._none if program.still[i] else after).wider(self.error)
        self._largest.append(found.ends[i] + after.s)
        if not self.vector and i < len(program.bounded):
            after = replace(after, known=None, radius=after.s)
        return after


def _total(parts: list[_Deviation]) -> _Deviation:
    """Of a sum; of the one node that another operation takes."""
    if len(parts) == 1:
        return parts[0]
    vectors = [part.known for part in parts if part.known is not None]
    return _Deviation(
        s=_plus([part.s for part in parts]),
        known=_plus(vectors) if vectors else None,
        radius=_plus([part.radius for part in parts]),
        u=_plus([part.u for part in parts]),
        v=_plus([part.v for part in parts]),
    )


def _plus(terms: list[Tensor]) -> Tensor:
    return torch.stack(terms).sum(0)


def _layer(
    program: Program, point: Point, found: Features, i: int, before: _Deviation
) -> tuple[_Deviation, Tensor]:
    """After an operation with parameters, and the norm of its residual."""
    op, norm, contrast = program.bounded[i - 1], point.norms[i - 1], found.contrasts[i - 1]
    assert isinstance(op, Affine | Normalisation)
    assert contrast is not None
    known = contrast.shift(point.t)
    shift = torch.zeros_like(before.s) if known is None else flat_length(known)
    if before.known is not None:
        carried = op.at(point.t).carry(before.known)
        known = carried if known is None else carried + known
    drift_a, drift_b = contrast.drift(point.t)
    return _Deviation(
        s=norm * before.s + shift,
        known=known,
        radius=norm * before.radius,
        u=norm * before.u + drift_a,
        v=norm * before.v + drift_b,
    ), shift


def _nonlinear(
    op: Pointwise | MaxPool, point: Point, found: Features, i: int, before: _Deviation
) -> tuple[_Deviation, Tensor]:
    """After an operation that has a gap, and the norm of the gap."""
    [k] = op.node.inputs
    known = op(torch.lerp(found.b[k], found.a[k], point.t))
    known = known - torch.lerp(found.b[i], found.a[i], point.t)
    gap = flat_length(known)
    carried = before.radius if before.known is None else flat_length(before.known) + before.radius
    return _Deviation(
        s=op.lipschitz * before.s + gap,
        known=known,
        radius=op.lipschitz * carried,
        u=op.lipschitz * before.u,
        v=op.lipschitz * before.v,
    ), gap


def _fixed(op: Operation, norm: float, before: _Deviation) -> _Deviation:
    """After a linear map without parameters; a sum has been taken already."""
    if not isinstance(op, Fixed):
        return before
    return _Deviation(
        s=norm * before.s,
        known=None if before.known is None else op.carry(before.known),
        radius=norm * before.radius,
        u=norm * before.u,
        v=norm * before.v,
    )


def _stack(values: list[Tensor], zero: Tensor) -> Tensor:
    return torch.stack(values) if values else zero.new_zeros(0, len(zero))


def _apart(op: Operation, t: float, run: _Run, labels: Tensor) -> Tensor:
    """C3: what the unknown part of the deviation can make of f_j - f_y, ``[n, classes]``."""
    if isinstance(op, Affine) and isinstance(op.operator, Dense):
        radius = run.nodes[op.node.inputs[0]].radius
        return spreads(op.at(t).W)[labels] * radius[:, None] + 2 * run.error[:, None]
    unknown = 2**0.5 * run.nodes[-1].radius + 2 * run.error
    return unknown[:, None].expand(-1, op.node.shape[-1])
