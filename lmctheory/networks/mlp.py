"""Multilayer perceptrons."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast, no_type_check

import torch
from torch import Tensor, nn

from lmctheory.measures.arguments import integer
from lmctheory.networks.initialisation import initialise
from lmctheory.networks.parametrisation import (
    last_layer_factor,
    rate_factors,
    require_parametrisation,
)
from lmctheory.networks.torch_activations import activation

__all__ = ["MLP"]


class MLP(nn.Module):
    """f(x) = W_{L+1} sigma(... sigma(W_1 x + b_1) ...) + b_{L+1}.

    By default He initialisation with independent Gaussian rows, N(0, 2/m_{l-1}) each entry, and
    zero biases: the law for which the spectral bounds (R7, R9, R13) and D1 hold exactly.

    Args:
        widths: ``(m_0, m_1, ..., m_L, n_out)``; inputs are flattened to m_0 numbers.
        activation_name: see `lmctheory.networks.activation`.
        initialisation: "he", "lecun", "lecun_truncated" or "uniform" (`initialise`).
        parametrisation: "standard"; "mu", whose last layer begins smaller by m_L^(-1/2), and which
            is trained with the learning rates of `rate_factors`; or "mean_field", the same with one
            hidden layer. Formulas and sources: `lmctheory.networks.parametrisation`.
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        TypeError: for widths that are no integers, or if rng is no torch generator.
        ValueError: for fewer than two widths, a width < 1, an unknown activation, initialisation or
            parametrisation, or mean field with more or less than one hidden layer.

    Example:
        >>> import torch
        >>> MLP((64, 32, 10), rng=torch.Generator().manual_seed(0))(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation_name: str = "relu",
        *,
        initialisation: str = "he",
        parametrisation: str = "standard",
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths must name at least input and output, got {tuple(widths)}")
        widths = tuple(integer("every width", width) for width in widths)
        if min(widths) < 1:
            raise ValueError(f"every width must be >= 1, got {widths}")
        require_parametrisation(parametrisation, widths)
        self.widths = widths
        self.parametrisation = parametrisation
        self.activation = activation(activation_name)
        with torch.device("meta"):
            self.layers = nn.ModuleList(nn.Linear(*fans) for fans in pairwise(widths))
        initialise(self, initialisation, rng=rng, dtype=dtype)
        if (factor := last_layer_factor(parametrisation, widths)) != 1:
            with torch.no_grad():
                self.linears[-1].weight.mul_(factor)

    @property
    def linears(self) -> list[nn.Linear]:
        """The affine maps, from input to output."""
        return cast("list[nn.Linear]", list(self.layers))

    def rate_factors(self, optimiser: str = "sgd") -> dict[str, float]:
        """Factors of the learning rate by the names of parameters, for `train_many`.

        Args:
            optimiser: "sgd", "adam" or "adamw".

        Raises:
            ValueError: for an unknown optimiser.

        Example:
            >>> import torch
            >>> net = MLP((3, 8, 8, 2), parametrisation="mu", rng=torch.Generator())
            >>> [net.rate_factors()[f"layers.{layer}.weight"] for layer in range(3)]
            [8.0, 1.0, 0.125]
        """
        factors = rate_factors(self.parametrisation, self.widths, optimiser)
        return {
            f"layers.{layer}.{slot}": factor
            for layer, pair in enumerate(factors)
            for slot, factor in zip(("weight", "bias"), pair, strict=True)
        }

    @no_type_check  # a symbolic trace passes a proxy, which is no tensor
    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        x = x.flatten(1)
        *hidden, last = self.linears
        for layer in hidden:
            x = self.activation.apply(layer(x))
        return last(x)
