"""Initial weights from a generator of one's own: nothing is drawn from PyTorch's global one."""

import torch
from torch import nn

__all__ = ["he_initialise"]


def he_initialise(model: nn.Module, *, rng: torch.Generator, dtype: torch.dtype) -> None:
    """Gives a network that was built on the meta device, where nothing is drawn, its weights.

    The rows of linear maps and the filters of convolutions are independent Gaussians, each entry
    N(0, 2/fan_in) with fan_in the numbers that one output is computed from; queries, keys and
    values of attention, which no ReLU halves, are N(0, 1/width). Biases are zero, normalisations
    the identity. Layers are drawn in the order in which they were registered.

    Args:
        model: the network, on the meta device; given memory on the CPU, filled in place.
        rng: the torch generator that draws the weights.
        dtype: of the parameters.
    """
    model.to(dtype).to_empty(device="cpu")
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                fan_in = module.weight[0].numel()
                module.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=rng)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.MultiheadAttention):
                module.in_proj_weight.normal_(0.0, module.embed_dim**-0.5, generator=rng)
                module.in_proj_bias.zero_()
            elif isinstance(module, nn.BatchNorm2d | nn.GroupNorm | nn.LayerNorm):
                module.reset_parameters()
