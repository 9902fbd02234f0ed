r"""Scales of neurons: of positively homogeneous activations, in networks that are chains.

With sigma(c z) = c sigma(z) for c > 0 (relu, leaky relu) neuron i may be multiplied by any c > 0:
its incoming weights and bias by c, its outgoing weights by 1/c. The function stays, segments do
not.

**The best scale of a matched pair.** Let a, b be the incoming weights (with bias) of neuron i in A
and B, u, v the outgoing ones. What it contributes to the squared distance of the networks is

    |a - c b|^2 + |u - v / c|^2,

which for b and v not zero tends to infinity at both ends of c > 0, so that it is least where its
derivative vanishes, at a root of

    |b|^2 c^4 - (a.b) c^3 + (u.v) c - |v|^2 = 0;

of its positive roots (up to three) the one of least value is taken, 1 being a candidate. Neurons of
one layer share no weight, so all of a layer are scaled at once, exactly, and *the distance never
rises*; layers take turns until it falls by less than a millionth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from lmctheory.matching._symmetry import as_chain, parameters
from lmctheory.matching.alignment import require_alike
from lmctheory.networks.state import placed
from lmctheory.results import Result

__all__ = ["Rescaling", "rescale"]

_ENOUGH = 1e-6
_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Rescaling(Result):
    """What multiplies B's neurons.

    Attributes:
        factors: for each layer whose activation allows it an array ``[m]``, positive.
        distances: |theta_A - theta_B| before, and after each round through the layers.
    """

    factors: Mapping[str, np.ndarray]
    distances: tuple[float, ...]

    def apply(self, model_b: nn.Module) -> nn.Module:
        """A copy of `model_b` with its neurons scaled; it computes the same function, to rounding.

        Raises:
            TypeError: if it is no chain of affine maps.
            ValueError: if its layers are not those that were scaled.
        """
        names = as_chain(model_b).names
        held = parameters(model_b)
        state: dict[str, Tensor] = {}
        for name, after in pairwise(names):
            if name in self.factors:
                factor = torch.as_tensor(self.factors[name])
                weight = state.get(f"{name}.weight", held[f"{name}.weight"].double())
                if len(weight) != len(factor):
                    raise ValueError(
                        f"model_b must have {len(factor)} neurons in layer {name!r}, "
                        f"got {len(weight)}"
                    )
                state[f"{name}.weight"] = factor[:, None].to(weight) * weight
                if f"{name}.bias" in held:
                    state[f"{name}.bias"] = factor.to(weight) * held[f"{name}.bias"].double()
                following = held[f"{after}.weight"].double()
                state[f"{after}.weight"] = following / factor.to(following)
        return placed(model_b, state)


def rescale(model_a: nn.Module, model_b: nn.Module) -> Rescaling:
    """Multiplies the neurons of B so that it comes as near to A as they allow, order unchanged.

    B is to be matched with A before; its function stays as it is. Whether barriers fall is another
    matter: networks trained with weight decay are nearly balanced already.

    Args:
        model_a: a module that `lmctheory.networks.affine_chain` can read.
        model_b: another of the same architecture, its neurons aligned with A's.

    Raises:
        TypeError: if a module is no chain of affine maps.
        ValueError: for different architectures or weights that are not finite.

    Reference: theory key S2.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> a, b = (MLP((8, 16, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> found = rescale(a, b)
        >>> found.distances[-1] < found.distances[0]
        True
        >>> scaled = found.apply(b)
    """
    require_alike(model_a, model_b)
    a, b = map(as_chain, (model_a, model_b))
    weights = [[W.double().clone() for W in chain.weights] for chain in (a, b)]
    biases = [[t.double().clone() for t in chain.biases] for chain in (a, b)]
    scaled = [k for k, sigma in enumerate(b.activations) if sigma.is_homogeneous]
    factors = {k: torch.ones(len(weights[1][k]), dtype=torch.float64) for k in scaled}
    distances = [_distance(weights, biases)]
    for _ in range(_ROUNDS):
        for k in scaled:
            rows = [
                torch.cat([W[k], t[k][:, None]], 1) for W, t in zip(weights, biases, strict=True)
            ]
            columns = [W[k + 1].mT for W in weights]
            c = best_scales(*rows, *columns)
            factors[k] *= c
            weights[1][k] *= c[:, None]
            biases[1][k] *= c
            weights[1][k + 1] /= c
        distances.append(_distance(weights, biases))
        if distances[-2] - distances[-1] <= _ENOUGH * distances[-1]:
            break
    return Rescaling(
        {b.names[k]: factor.numpy() for k, factor in factors.items()}, tuple(distances)
    )


def best_scales(
    a: Float64[Tensor, "m k"],
    b: Float64[Tensor, "m k"],
    u: Float64[Tensor, "m n"],
    v: Float64[Tensor, "m n"],
) -> Float64[Tensor, " m"]:
    """For each neuron the c > 0 that minimises |a - c b|^2 + |u - v/c|^2; 1 for b or v of zero."""
    bb, ab, uv, vv = ((x * y).sum(1) for x, y in ((b, b), (a, b), (u, v), (v, v)))
    possible = (bb > 0) & (vv > 0)
    # c^4 - p c^3 + q c - r, by its companion matrix
    p, q, r = (torch.where(possible, x / bb, 0.0) for x in (ab, uv, vv))
    companion = torch.zeros(len(b), 4, 4, dtype=torch.float64, device=b.device)
    companion[:, 0, 0], companion[:, 0, 2], companion[:, 0, 3] = p, -q, r
    companion[:, 1, 0] = companion[:, 2, 1] = companion[:, 3, 2] = 1
    roots = torch.linalg.eigvals(companion)
    real = torch.where(roots.imag.abs() <= 1e-8 * roots.abs(), roots.real, 1.0)
    candidates = torch.cat([torch.where(real > 0, real, 1.0), torch.ones_like(real[:, :1])], 1)
    worth = [
        bb[:, None] * candidates**2 - 2 * ab[:, None] * candidates,
        vv[:, None] / candidates**2 - 2 * uv[:, None] / candidates,
    ]
    best = (worth[0] + worth[1]).argmin(1, keepdim=True)
    return torch.where(possible, candidates.gather(1, best).squeeze(1), 1.0)


def _distance(weights: list[list[Tensor]], biases: list[list[Tensor]]) -> float:
    gaps = [p - q for pair in (weights, biases) for p, q in zip(*pair, strict=True)]
    return float(sum(gap.square().sum() for gap in gaps)) ** 0.5
