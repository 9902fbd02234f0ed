"""Initial weights from a generator of one's own: nothing is drawn from PyTorch's global one."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from lmctheory.choices import require_choice
from lmctheory.networks.data_order import require_torch_generator

__all__ = ["INITIALISATIONS", "fill", "initialise"]

INITIALISATIONS = ("he", "lecun", "lecun_truncated", "uniform")
"""The names that `initialise` knows."""

_TRUNCATED_STD = 0.8796256610342398
"""Of a standard normal number that lies in [-2, 2]: sqrt(1 - 4 phi(2) / (2 Phi(2) - 1))."""


def initialise(
    model: nn.Module, law: str = "he", *, rng: torch.Generator, dtype: torch.dtype
) -> None:
    """Gives a network that was built on the meta device, where nothing is drawn, its weights.

    All entries of linear maps and convolutions are independent, with mean 0 and, where fan_in are
    the numbers that one output is computed from, of the law

    - "he": N(0, 2 / fan_in), for layers whose inputs a ReLU has halved;
    - "lecun": N(0, 1 / fan_in);
    - "lecun_truncated": a normal law cut off at two standard deviations, of variance 1 / fan_in
      when it is cut (the default of Flax);
    - "uniform": uniform in [-1, 1] / sqrt(fan_in), of variance 1 / (3 fan_in), and biases likewise
      (the default of PyTorch).

    Queries, keys and values of attention, which no ReLU halves, have variance 1 / width, but 1 / (2
    width) by "uniform", PyTorch's. Biases are zero unless said otherwise, normalisations the
    identity. Layers are drawn in the order in which they were registered.

    Args:
        model: the network, on the meta device; given memory on the CPU, filled in place.
        law: see above.
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: if rng is no torch generator.
        ValueError: for an unknown law.

    Reference: He et al. 2015; LeCun et al. 1998.
    """
    require_choice("initialisation", law, INITIALISATIONS)
    require_torch_generator(rng)
    model.to(dtype).to_empty(device="cpu")
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                # PyTorch's output map of attention, of a type of its own, begins without bias
                inner = isinstance(module, NonDynamicallyQuantizableLinear)
                fan_in = module.weight[0].numel()
                fill(module.weight, module.bias, law, fan_in, rng=rng, zero_bias=inner)
            elif isinstance(module, nn.MultiheadAttention):
                _draw_attention(module, law, rng)
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
                module.reset_parameters()


def fill(
    weight: Tensor,
    bias: Tensor | None,
    law: str,
    fan_in: int,
    *,
    rng: torch.Generator,
    zero_bias: bool = False,
) -> None:
    """Draws the weight and the bias of one layer, in place.

    Args:
        weight: of the layer, any shape.
        bias: of it.
        law: see `initialise`.
        fan_in: the numbers that one output is computed from.
        rng: the torch generator.
        zero_bias: whether the bias is zero by every law.
    """
    _DRAW[law](weight, fan_in, rng)
    if bias is not None and law == "uniform" and not zero_bias:
        _uniform(bias, fan_in, rng)
    elif bias is not None:
        bias.zero_()


def _he(weight: Tensor, fan_in: int, rng: torch.Generator) -> None:
    weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=rng)


def _lecun(weight: Tensor, fan_in: int, rng: torch.Generator) -> None:
    weight.normal_(0.0, fan_in**-0.5, generator=rng)


def _lecun_truncated(weight: Tensor, fan_in: int, rng: torch.Generator) -> None:
    std = fan_in**-0.5 / _TRUNCATED_STD
    nn.init.trunc_normal_(weight, 0.0, std, -2 * std, 2 * std, generator=rng)


def _uniform(weight: Tensor, fan_in: int, rng: torch.Generator) -> None:
    weight.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=rng)


_DRAW: dict[str, Callable[[Tensor, int, torch.Generator], None]] = {
    "he": _he,
    "lecun": _lecun,
    "lecun_truncated": _lecun_truncated,
    "uniform": _uniform,
}


def _draw_attention(module: nn.MultiheadAttention, law: str, rng: torch.Generator) -> None:
    if law == "uniform":
        nn.init.xavier_uniform_(module.in_proj_weight, generator=rng)
    else:
        # not "he": no ReLU precedes
        _DRAW["lecun" if law == "he" else law](module.in_proj_weight, module.embed_dim, rng)
    module.in_proj_bias.zero_()
