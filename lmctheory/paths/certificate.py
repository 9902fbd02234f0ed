r"""Certificates C1, C1', C2, C3: what two given networks guarantee about the segment between them.

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

Everything is float64. Computed operator norms are inflated by 1e-9; t -> |W^t| is convex, so
between the nodes where it is computed its chord is an upper bound. Floating-point errors, of the
certificate and of the errors that one would measure to check it, are bounded a priori in
`lmctheory.paths.layers` and added: what is reported dominates what is measured, not only what is
true. One exception: PyTorch's softplus is the identity above 20, a jump of 2e-9 at 20 that no
Lipschitz constant covers, so with softplus the bounds hold up to what the later layers make of that
jump.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

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
from lmctheory.paths.interpolation import (
    blocks,
    require_fitting,
    require_stacks,
)
from lmctheory.paths.layers import (
    NORM_INFLATION,
    Layer,
    layers_of,
    length,
    margin_loss,
    spreads,
)
from lmctheory.paths.layers import rounding as rounding_errors

__all__ = ["Certificate", "certificate", "certificates"]

_NODES = np.linspace(0, 1, 5)
"""Where |W^t| is computed for a grid of more points: a good part of a certificate's time."""
_CHUNK_BYTES = 2**26
_TENSORS_PER_LAYER = 12
"""Tensors `[examples, m_l]` that are alive at one time, at most: sizes a chunk of examples."""


@dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """Upper bounds on what happens at theta_t, for every example on its own.

    The leading dimensions `...` are those of t: none for a number, ``[points]`` for a grid.

    Attributes:
        t: where on the segment; t = 1 is A.
        function_error_c1: ``[..., n]`` bound C1 on |f_t - f-bar|.
        function_error_c2: ``[..., n]`` bound C2 on |f_t - f-bar|.
        function_error: ``[..., n]`` bound C1' on |f_t - f-bar| (C1 if it was not asked for).
        feature_error: ``[L, ..., n]`` bounds s_l of C1 on |phi_l^t - phi-bar_l|, l = 1..L.
        weak_additivity: ``[L, ..., n]`` the gaps J_l = |j_l|, l = 1..L.
        commutativity: ``[L, ..., n]`` the residuals |c_l|, l = 2..L+1.
        example_loss: ``[..., n]`` bound C3 on the cross-entropy at theta_t.
        certified: ``[..., n]`` whether theta_t provably classifies the example as labelled.
        example_chord: ``[..., n]`` t loss(A) + (1-t) loss(B) of the example.
    """

    t: Float[np.ndarray, "*t"]
    function_error_c1: Float[np.ndarray, "*t n"]
    function_error_c2: Float[np.ndarray, "*t n"]
    function_error: Float[np.ndarray, "*t n"]
    feature_error: Float[np.ndarray, "L *t n"]
    weak_additivity: Float[np.ndarray, "L *t n"]
    commutativity: Float[np.ndarray, "L *t n"]
    example_loss: Float[np.ndarray, "*t n"]
    certified: Bool[np.ndarray, "*t n"]
    example_chord: Float[np.ndarray, "*t n"]

    @property
    def loss(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified mean cross-entropy at theta_t (C3)."""
        return self.example_loss.mean(-1)

    @property
    def barrier(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified loss(theta_t) - [t loss(A) + (1-t) loss(B)]."""
        return self.loss - self.example_chord.mean(-1)

    @property
    def accuracy(self) -> np.float64 | Float[np.ndarray, "*t"]:
        """Certified accuracy at theta_t: no smaller than this."""
        return self.certified.mean(-1)

    def __repr__(self) -> str:
        worst = np.argmax(self.loss)
        error, loss, barrier, accuracy = (
            float(np.ravel(values)[worst])
            for values in (self.function_error.mean(-1), self.loss, self.barrier, self.accuracy)
        )
        return (
            f"Certificate(at t={np.ravel(self.t)[worst]:.4g} of {self.t.size}, the largest loss: "
            f"function_error<={error:.4g} in the mean, loss<={loss:.4g}, "
            f"barrier<={barrier:.4g}, accuracy>={accuracy:.4g}; "
            f"{len(self.feature_error)} hidden layers, {self.certified.shape[-1]} examples)"
        )


def certificate(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    t: float | Sequence[float] | Float[np.ndarray, " points"] = 0.5,
    *,
    vector: bool = True,
) -> Certificate:
    """Bounds function error, loss and accuracy at theta_t = t A + (1-t) B from A and B alone.

    With ``s_0 = 0`` and Lip = 1, J = 0 at the output layer,

        C1   s_l = Lip |W_l^t| s_{l-1} + Lip t(1-t) |(W_l^A - W_l^B)(phi^A - phi^B)| + J_l
        C1'  |r_l| <= Lip (|W_l^t j_{l-1} + c_l| + |W_l^t| |r_{l-1}|)
        C2   u_l = Lip (|W_l^t| u_{l-1} + (1-t) |(W_l^A - W_l^B) phi_{l-1}^A + b_l^A - b_l^B|),
             v_l likewise with t and phi^B; |f_t - f-bar| <= t u_{L+1} + (1-t) v_{L+1}
        C3   loss <= log(1 + sum_{j != y} exp(m_j)),
             m_j = g_j - g_y + |w_j^t - w_y^t| radius, w the output rows,
             g = f-bar + c_{L+1}, radius = s_L (from C1), or
             g = f-bar + c_{L+1} + W^t j_L, radius = |r_L| (from C1').

    An example is certified if all its m_j are negative.

    Args:
        model_a: network A, a chain of linear maps and activations; evaluation mode is used.
        model_b: network B of the same architecture, permuted or not.
        data: the examples.
        t: one number in [0, 1], or a grid.
        vector: whether to compute C1' and base C3 on it. It is the tighter form, and costs a
            matrix product per layer and t, as the network at theta_t itself would; without it a
            further t takes elementwise operations only.

    Returns:
        The bounds, one per t and example.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: if t leaves [0, 1], the architectures differ, weights are NaN or infinite, or
            inputs or labels do not fit.

    Reference:
        Keys C1, C1', C2, C3; the two defects are those of Zhou et al. 2023 (NeurIPS), Theorem 1.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> certificate(a, b, data, t=[0.25, 0.5]).function_error.shape
        (2, 20)
    """
    times = _times(t)
    chain_a, chain_b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    require_same_architecture(chain_a, chain_b)
    return _certify(chain_a, chain_b, data, times, vector)


def certificates(
    chain_a: AffineChain,
    chain_b: AffineChain,
    data: Examples,
    t: float | Sequence[float] | Float[np.ndarray, " points"] = 0.5,
    *,
    vector: bool = True,
) -> list[Certificate]:
    """`certificate` for every pair of two stacks of networks, weights ``[pairs, m_l, m_{l-1}]``."""
    times = _times(t)
    require_stacks(chain_a, chain_b)
    return [
        _certify(chain_a[i], chain_b[i], data, times, vector)
        for i in range(len(chain_a.weights[0]))
    ]


def _times(t: float | Sequence[float] | np.ndarray) -> np.ndarray:
    times = np.asarray(t, dtype=np.float64)
    if times.ndim > 1 or times.size == 0 or not ((times >= 0) & (times <= 1)).all():
        raise ValueError(f"t must be a number in [0, 1] or a list of them, got {t}")
    return times


def _certify(
    a: AffineChain, b: AffineChain, data: Examples, t: np.ndarray, vector: bool
) -> Certificate:
    require_fitting(data, classes=a.weights[-1].shape[-2], inputs=a.weights[0].shape[-1])
    layers = layers_of(a.to(dtype=torch.float64), b.to(dtype=torch.float64))
    points = _points(layers, np.ravel(t))
    row_bytes = 8 * _TENSORS_PER_LAYER * sum(len(W) for W in a.weights)
    chunks = []
    for rows in blocks(len(data.inputs), max(1, _CHUNK_BYTES // row_bytes)):
        x = data.inputs[rows].flatten(1).to(layers[0].W_a)
        chunk = _Chunk(length(x), data.labels[rows].to(x.device), _features(layers, x))
        chunks.append([_bounds(layers, point, chunk, vector) for point in points])

    def gather(name: str) -> np.ndarray:
        parts = [torch.stack([getattr(bounds, name) for bounds in along], -2) for along in chunks]
        whole: np.ndarray = torch.cat(parts, -1).cpu().numpy()
        return whole.reshape(*whole.shape[:-2], *t.shape, whole.shape[-1])

    return Certificate(t, **{field.name: gather(field.name) for field in fields(_Bounds)})


@dataclass(frozen=True)
class _Point:
    """One t, and what depends on it and the weights only.

    Attributes:
        t: in [0, 1].
        norms: upper bounds of |W_l^t|; zero for l = 1, where the inputs leave nothing to carry on.
        spreads: |w_i^t - w_j^t| for the output rows, ``[classes, classes]``.
    """

    t: float
    norms: list[float]
    spreads: Tensor


def _points(layers: list[Layer], t: np.ndarray) -> list[_Point]:
    norms = [np.zeros_like(t), *(_norms_along(layer, t) for layer in layers[1:])]
    return [
        _Point(time, [float(along[i]) for along in norms], spreads(layers[-1].at(time)))
        for i, time in enumerate(t.tolist())
    ]


def _norms_along(layer: Layer, t: np.ndarray) -> np.ndarray:
    """Upper bounds of |W^t|: exact at few nodes, and in between their chord, for it is convex."""
    nodes = np.unique(t)
    if len(nodes) > len(_NODES):
        nodes = _NODES
    exact = [float(torch.linalg.matrix_norm(layer.at(node), 2)) for node in nodes.tolist()]
    return np.interp(t, nodes, exact) * NORM_INFLATION


@dataclass(frozen=True)
class _Features:
    """What one layer makes of a chunk of examples at A and at B.

    Attributes:
        z_a, z_b: pre-activations ``[n, m_l]``.
        phi_a, phi_b: activations.
        drift_a, drift_b: |(W^A - W^B) phi_{l-1} + b^A - b^B| with phi of A and of B, ``[n]``.
        commutator: (W^A - W^B)(phi_{l-1}^A - phi_{l-1}^B).
    """

    z_a: Tensor
    z_b: Tensor
    phi_a: Tensor
    phi_b: Tensor
    drift_a: Tensor
    drift_b: Tensor
    commutator: Tensor


@dataclass(frozen=True)
class _Chunk:
    """Some examples: their norms, labels, and features layer by layer."""

    norms: Tensor
    labels: Tensor
    features: list[_Features]


def _features(layers: list[Layer], x: Tensor) -> list[_Features]:
    features = []
    phi_a = phi_b = x
    for layer in layers:
        dW, db = layer.W_a - layer.W_b, layer.b_a - layer.b_b
        moved_a, moved_b = phi_a @ dW.mT, phi_b @ dW.mT
        z_a, z_b = phi_a @ layer.W_a.mT + layer.b_a, phi_b @ layer.W_b.mT + layer.b_b
        phi_a, phi_b = layer.sigma.apply(z_a), layer.sigma.apply(z_b)
        drift_a, drift_b = length(moved_a + db), length(moved_b + db)
        features.append(_Features(z_a, z_b, phi_a, phi_b, drift_a, drift_b, moved_a - moved_b))
    if not (torch.isfinite(z_a).all() and torch.isfinite(z_b).all()):
        raise ValueError("model_a or model_b overflows on the data: its outputs are not finite")
    return features


@dataclass(frozen=True)
class _Bounds:
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


def _bounds(layers: list[Layer], point: _Point, chunk: _Chunk, vector: bool) -> _Bounds:
    t = point.t
    gaps = [
        layer.sigma.apply(torch.lerp(f.z_b, f.z_a, t)) - torch.lerp(f.phi_b, f.phi_a, t)
        for layer, f in zip(layers, chunk.features, strict=True)
    ]
    shifts = [-t * (1 - t) * f.commutator for f in chunk.features]
    gap_norms, shift_norms = (
        torch.stack([length(defect) for defect in defects]) for defects in (gaps, shifts)
    )
    s = _master(layers, point, gap_norms, shift_norms)
    ends = [torch.maximum(length(f.phi_a), length(f.phi_b)) for f in chunk.features]
    rounding = rounding_errors(layers, chunk.norms, ends, list(s[1:]))
    if vector:
        known, radius, error = _vector(layers, point, gaps, shifts)
    else:
        known, radius, error = shifts[-1], s[-2], s[-1]
    last = chunk.features[-1]
    centre = torch.lerp(last.z_b, last.z_a, t) + known
    margins = _margins(centre, chunk.labels, point.spreads, radius, rounding[-1])
    loss_a, loss_b = (
        cross_entropy(logits, chunk.labels, reduction="none") for logits in (last.z_a, last.z_b)
    )
    return _Bounds(
        function_error_c1=_or_infinite(s[-1] + rounding[-1]),
        function_error_c2=_or_infinite(_transport(layers, point, chunk) + rounding[-1]),
        function_error=_or_infinite(error + rounding[-1]),
        feature_error=_or_infinite(s[1:-1] + rounding[:-1]),
        weak_additivity=gap_norms[:-1],
        commutativity=shift_norms[1:],
        example_loss=_or_infinite(margin_loss(margins)),
        certified=(margins < 0).all(-1),
        example_chord=torch.lerp(loss_b, loss_a, t),
    )


def _or_infinite(bound: Tensor) -> Tensor:
    """A bound that overflowed says nothing: infinity, never NaN."""
    return bound.nan_to_num(nan=torch.inf, posinf=torch.inf)


def _master(layers: list[Layer], point: _Point, gaps: Tensor, shifts: Tensor) -> Tensor:
    """C1: s_0, ..., s_{L+1}, ``[L+2, n]``."""
    s = [torch.zeros_like(gaps[0])]
    for layer, norm, gap, shift in zip(layers, point.norms, gaps, shifts, strict=True):
        s.append(layer.sigma.lipschitz * (norm * s[-1] + shift) + gap)
    return torch.stack(s)


def _vector(
    layers: list[Layer], point: _Point, gaps: list[Tensor], shifts: list[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """C1': W^t j_L + c_{L+1}, the bound of |r_L| and that of |f_t - f-bar|."""
    known, bound = shifts[0], torch.zeros_like(shifts[0][:, 0])
    radius = bound
    for layer, norm, gap, shift in zip(
        layers[1:], point.norms[1:], gaps[:-1], shifts[1:], strict=True
    ):
        known, radius = torch.addmm(shift, gap, layer.at(point.t).mT), bound
        bound = layer.sigma.lipschitz * (norm * radius + length(known))
    return known, radius, bound


def _transport(layers: list[Layer], point: _Point, chunk: _Chunk) -> Tensor:
    """C2 at the output."""
    u = v = torch.zeros_like(chunk.norms)
    for layer, norm, f in zip(layers, point.norms, chunk.features, strict=True):
        u = layer.sigma.lipschitz * (norm * u + (1 - point.t) * f.drift_a)
        v = layer.sigma.lipschitz * (norm * v + point.t * f.drift_b)
    return point.t * u + (1 - point.t) * v


def _margins(
    centre: Tensor, labels: Tensor, spreads: Tensor, radius: Tensor, rounding: Tensor
) -> Tensor:
    """C3: upper bounds of f_j - f_y at theta_t, ``[n, classes]``, -inf at the label."""
    label = labels[:, None]
    slack = spreads[labels] * radius[:, None] + 2 * rounding[:, None]
    return (centre - centre.gather(1, label) + slack).scatter(1, label, -torch.inf)
