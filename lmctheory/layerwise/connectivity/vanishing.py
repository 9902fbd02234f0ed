r"""What of the features is left in a merged network, layer by layer.

The pre-activations of a layer are z(x) = z(0) + (z(x) - z(0)): an offset, which is the same for all
inputs, and what the input induces. In networks merged from different initial weights the second
part shrinks from layer to layer until the offsets, biases and what becomes of them, are all there
is (the *vanishing feature* of Qu and Horvath 2025). Standard deviations over examples shrink with
it (the *variance collapse* of Jordan et al. 2023), and these REPAIR puts back.

With mean squares over channels, examples and positions, the network's are compared with those of
its ends, t times A's and 1-t times B's:

* induced: root of the mean square of z(x) - z(0), over that of the ends;
* deviation: root of the mean variance of channels, over that of the ends;
* share: root of the mean square of z(x) - z(0) over that of z(x), in one network.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.matching.costs.responses import layer_outputs
from lmctheory.measures.arguments import share
from lmctheory.networks.agreement import require_inputs_fit, require_same_state
from lmctheory.results import Result

__all__ = ["Vanishing", "vanishing"]


@dataclass(frozen=True, eq=False)
class Vanishing(Result):
    """Strengths of a network's features; NaN where those that they are compared with vanish.

    Attributes:
        names: of the weights whose pre-activations these are, in the order of evaluation.
        induced: what inputs induce, over that of the ends.
        deviation: over examples, over that of the ends.
        share: of what inputs induce in the network's pre-activations.
        end_share: the same of the ends.
    """

    names: tuple[str, ...]
    induced: Float[np.ndarray, " layers"]
    deviation: Float[np.ndarray, " layers"]
    share: Float[np.ndarray, " layers"]
    end_share: Float[np.ndarray, " layers"]


def vanishing(
    model: nn.Module,
    model_a: nn.Module,
    model_b: nn.Module,
    inputs: Float[Tensor, "n ..."],
    t: float = 0.5,
) -> Vanishing:
    """Compares the features of a merged network with those of its ends.

    Args:
        model: the network, such as theta_t, repaired or not.
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, aligned with A.
        inputs: ``[n, ...]``; inputs of zeros are what they are compared with.
        t: where the model stands between the ends, in [0, 1].

    Raises:
        TypeError: for inputs that are no floating-point numbers, or networks that cannot be traced.
        ValueError: for different architectures, NaN or infinite weights or inputs, no inputs, or
            t outside [0, 1].

    Reference: Qu and Horvath 2025; Jordan et al. 2023.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> from lmctheory.paths import interpolate
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = (MLP((4, 64, 64, 64, 3), rng=rng) for _ in range(2))
        >>> x = torch.randn(100, 4, generator=rng)
        >>> found = vanishing(interpolate(a, b, 0.5), a, b, x)
        >>> bool((np.diff(found.induced) < 0).all())
        True
    """
    t = share("t", t)
    require_same_state(model=model, model_a=model_a, model_b=model_b)
    require_inputs_fit(model, inputs)
    own, a, b = (_squares(network, inputs) for network in (model, model_a, model_b))
    ends = {
        name: _Squares(*(t * x + (1 - t) * y for x, y in zip(a[name], b[name], strict=True)))
        for name in own
    }
    pairs = [(own[name], ends[name]) for name in own]
    return Vanishing(
        names=tuple(own),
        induced=_roots([(one.induced, end.induced) for one, end in pairs]),
        deviation=_roots([(one.variance, end.variance) for one, end in pairs]),
        share=_roots([(one.induced, one.all) for one, _ in pairs]),
        end_share=_roots([(end.induced, end.all) for _, end in pairs]),
    )


class _Squares(NamedTuple):
    """Mean squares over channels, examples and positions."""

    induced: float
    variance: float
    all: float


def _squares(network: nn.Module, inputs: Tensor) -> dict[str, _Squares]:
    seen = layer_outputs(network, inputs)
    at_zero = layer_outputs(network, torch.zeros_like(inputs[:1]))
    found = {}
    for name, rows in seen.items():
        offset = at_zero[name]  # [positions, channels]
        induced = rows.view(-1, *offset.shape) - offset
        found[name] = _Squares(
            float(induced.square().mean()),
            float(rows.var(0, correction=0).mean()),
            float(rows.square().mean()),
        )
    return found


def _roots(pairs: list[tuple[float, float]]) -> np.ndarray:
    """Roots of ratios; NaN over zero."""
    part, whole = np.array(pairs).T
    return np.sqrt(np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0))
