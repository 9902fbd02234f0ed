"""What a solver maximises: a function of the parameters of A and of the permuted B.

All are differentiable, also where the permutations of B are relaxed to doubly stochastic matrices.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import torch
from torch import Tensor, nn

from lmctheory.matching._symmetry import Network, holding
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.calling import Inputs, call
from lmctheory.networks.data import AnyExamples
from lmctheory.networks.derivatives import require_slopes
from lmctheory.networks.state import Evaluation, copied

__all__ = ["LOSS", "MidpointLoss", "Objective", "similarity"]

LOSS = "loss"
"""Matching by the loss at the midpoint, which needs labels."""

_TRIED = 8
"""Examples on which derivatives are compared with differences."""

Objective: TypeAlias = Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Tensor]


def similarity(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Tensor:
    """Sum over all parameters of <theta_A, theta_B>.

    |theta_A|^2 + |theta_B|^2 - 2 similarity is the squared distance of the two networks.
    """
    return torch.stack([torch.vdot(p.ravel(), b[name].ravel()) for name, p in a.items()]).sum()


@dataclass(frozen=True, eq=False)
class MidpointLoss:
    """Minus the mean loss of the network (theta_A + theta_B) / 2.

    BatchNorm takes mean and variance of the data themselves: the running ones of A and B are not
    those of the midpoint, whose activations vary less (Jordan et al. 2023).

    Attributes:
        network: in float64 and in evaluation mode; gives what is not in the parameters.
        data: inputs in float64, and labels.
    """

    network: AffineChain | Evaluation
    data: AnyExamples

    @classmethod
    def of(cls, network: Network, data: AnyExamples) -> "MidpointLoss":
        """The objective in float64, on the device of the network."""
        if isinstance(network, AffineChain):
            flat = Examples(data.inputs.flatten(1), data.labels, data.loss)
            device = network.weights[0].device
            return cls(network.to(dtype=torch.float64), flat.to(device=device, dtype=torch.float64))
        module = copied(network)
        for layer in module.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm):
                layer.running_mean = layer.running_var = None
        evaluation = Evaluation(module, torch.float64)
        like = next(module.parameters())
        return cls(evaluation, data.to(device=like.device, dtype=torch.float64))

    def outputs(self, count: int) -> Tensor:
        """What the network makes of the first few examples."""
        with torch.no_grad():
            return self._outputs({}, self.data[:count].inputs)

    def __call__(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Tensor:
        """The value at parameters of A and B."""
        midpoint = {name: (p + b[name]) / 2 for name, p in a.items()}
        return -self.data.loss.mean(self._outputs(midpoint, self.data.inputs), self.data.labels)

    def require_derivatives(self, a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> None:
        """Refuses networks whose forward pass keeps derivatives in the parameters from autograd.

        Raises:
            TypeError: naming a parameter.
        """
        few = replace(self, data=self.data[:_TRIED])

        def loss(alpha: list[Tensor]) -> Tensor:
            moved = {n: b[n].lerp(p, s) for s, (n, p) in zip(alpha, a.items(), strict=True)}
            return few(moved, moved)

        names = [f"parameter {name!r}" for name in a]
        require_slopes(loss, names, next(iter(a.values())), torch.enable_grad())

    def _outputs(self, tensors: Mapping[str, Tensor], inputs: Inputs) -> Tensor:
        if isinstance(self.network, Evaluation):
            return self.network(inputs, tensors)
        return call(holding(self.network, tensors), inputs)
