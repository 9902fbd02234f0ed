"""When the squared loss is convex if two layers are interpolated at once (L2).

Let A and B differ in two weight layers, k < l, and let every activation from layer k on be the
identity. Then the output is affine in each of the two layers, so that along the segment it is the
chord plus a multiple of one vector per example: with f_{XY} the output with layer k of X and layer
l of Y,

    f_t = f-bar_t - t(1-t) c,   c = f_AA - f_AB - f_BA + f_BB,

the *interaction* of the two layers; for adjacent layers it is
`c = (W_l^A - W_l^B)((W_k^A - W_k^B) phi_{k-1} + b_k^A - b_k^B)` (times what follows layer l).
All else follows from the four inner products of c, v = f_A - f_B and m = f_{1/2} - y, as proved in
`lmctheory.layerwise.convexity.proofs`.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import one_hot

from lmctheory.layerwise.points.exchange import exchanged
from lmctheory.networks import AffineChain, Examples, affine_chain, evaluation_mode
from lmctheory.networks.chain import require_same_architecture
from lmctheory.paths.interpolation import require_fitting
from lmctheory.paths.rounding import EPS
from lmctheory.results import Result

__all__ = ["TwoLayerConvexity", "two_layer_convexity"]

Times: TypeAlias = float | Float[np.ndarray, "..."]


@dataclass(frozen=True)
class TwoLayerConvexity(Result):
    """The squared loss on a segment along which two layers move; tau = t - 1/2.

    Attributes:
        cc: |c|^2, mean over the examples, as are all.
        vv: |v|^2 with v = f_A - f_B.
        vc: <v, c>.
        mc: <m, c> with m = f_{1/2} - y.
    """

    cc: float
    vv: float
    vc: float
    mc: float

    def curvature(self, t: Times) -> Times:
        """loss''(t) = 12 |c|^2 tau^2 + 12 <v,c> tau + 2 |v|^2 + 4 <m,c>."""
        tau = t - 0.5
        return 12 * tau * (self.cc * tau + self.vc) + 2 * self.vv + 4 * self.mc

    def barrier(self, t: Times) -> Times:
        """Barrier(t) = -t(1-t) { |v + tau c|^2 + 2 <m,c> + |c|^2 / 4 }."""
        return -t * (1 - t) * self._brace(t - 0.5)

    @property
    def flattest(self) -> float:
        """The t in [0, 1] at which loss'' is least."""
        return 0.5 + _vertex(2 * self.cc, self.vc)

    @property
    def min_curvature(self) -> float:
        """The least loss'' on [0, 1]."""
        return float(self.curvature(self.flattest))

    @property
    def convex(self) -> bool:
        """Whether the loss is convex on the segment: if and only if the least loss'' is >= 0."""
        return self.min_curvature >= 0

    @property
    def has_barrier(self) -> bool:
        """Whether the barrier is positive somewhere; never if convex, but not always if not."""
        return bool(self._brace(_vertex(self.cc, self.vc)) < 0)

    @property
    def max_barrier(self) -> float:
        """The maximum of the barrier over [0, 1], at a root of a cubic or 0 at the ends."""
        room = np.polynomial.Polynomial([0.25, 0.0, -1.0])
        brace = np.polynomial.Polynomial(
            [self.vv + 2 * self.mc + self.cc / 4, 2 * self.vc, self.cc]
        )
        slope = (room * brace).deriv()
        stationary = slope.trim(EPS * np.abs(slope.coef).max()).roots()
        tau = stationary.real[np.abs(stationary.real) <= 0.5]
        return float(np.max(self.barrier(np.append(tau, 0.5) + 0.5)))

    def _brace(self, tau: Times) -> Times:
        return self.vv + tau * (2 * self.vc + tau * self.cc) + 2 * self.mc + self.cc / 4


def _vertex(steep: float, slope: float) -> float:
    """Where steep tau^2 + 2 slope tau is least on [-1/2, 1/2]."""
    if steep == 0:
        return -0.5 * float(np.sign(slope))
    return float(np.clip(-slope / steep, -0.5, 0.5))


def two_layer_convexity(
    model_a: nn.Module,
    model_b: nn.Module,
    data: Examples,
    *,
    targets: Float[Tensor, "n outputs"] | None = None,
) -> TwoLayerConvexity:
    """Curvature and barrier of mean |f_t - y|^2 when one or two layers are interpolated.

    Args:
        model_a: network A, at t = 1, an affine chain.
        model_b: network B, at t = 0, that differs from A in at most two layers, all activations
            from the first of them on being the identity (a deep linear network, or its last two
            layers after any other).
        data: the examples.
        targets: y, ``[n, n_out]``; the labels' unit vectors if None.

    Returns:
        The four inner products, and what follows from them.

    Raises:
        TypeError: if a model is no affine chain.
        ValueError: if architectures differ, more than two layers do, an activation between or after
            them is not the identity, or inputs, labels or targets do not fit.

    Reference:
        Key L2 (derived); L1 is the case of one layer, where c = 0.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> def scalars(w):
        ...     net = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(2)))
        ...     for layer in net:
        ...         nn.init.constant_(layer.weight, w)
        ...     return net
        >>> one = Examples(torch.ones(1, 1), torch.tensor([0]))
        >>> found = two_layer_convexity(scalars(1.0), scalars(-1.0), one)  # ((2t-1)^2 - 1)^2
        >>> found.convex, found.max_barrier
        (False, 1.0)
    """
    a, b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    require_same_architecture(a, b)
    require_fitting(data, outputs=len(a.weights[-1]), inputs=a.weights[0].shape[-1])
    first, second = _moved(a, b)
    a, b = a.to(dtype=torch.float64), b.to(dtype=torch.float64)
    x = data.inputs.flatten(1).to(a.weights[0])
    y = _targets(data, targets, outputs=len(a.weights[-1])).to(x)
    f_a, f_b = a(x), b(x)
    c = f_a - exchanged(a, b, [second])(x) - exchanged(a, b, [first])(x) + f_b
    v, m = f_a - f_b, (f_a + f_b) / 2 - c / 4 - y

    def inner(p: Tensor, q: Tensor) -> float:
        return float((p * q).sum() / len(x))

    return TwoLayerConvexity(cc=inner(c, c), vv=inner(v, v), vc=inner(v, c), mc=inner(m, c))


def _moved(a: AffineChain, b: AffineChain) -> tuple[int, int]:
    """The two layers that differ; if one does, any other beside it; refuses what L2 excludes."""
    differ = [
        i
        for i in range(a.depth + 1)
        if not (torch.equal(a.weights[i], b.weights[i]) and torch.equal(a.biases[i], b.biases[i]))
    ]
    if len(differ) > 2:
        names = [a.names[i] for i in differ]
        raise ValueError(f"model_a and model_b must differ in at most two layers, got {names}")
    for i in range(min(differ, default=a.depth), a.depth):
        if a.activations[i].name != "identity":
            raise ValueError(
                "activations from the first interpolated layer on must be the identity, but layer "
                f"{a.names[i]!r} is followed by {a.activations[i].name}"
            )
    first, second = (*differ, -1, -1)[:2]
    return first, second


def _targets(data: Examples, targets: Tensor | None, outputs: int) -> Tensor:
    if targets is None:
        return one_hot(data.labels, outputs)
    if targets.shape != (len(data), outputs) or not torch.isfinite(targets).all():
        raise ValueError(
            f"targets must be finite and of shape [{len(data)}, {outputs}], "
            f"got shape {list(targets.shape)}"
        )
    return targets
