"""Which steps of a program are pointwise activations with known constants."""

from typing import Any

from torch.fx import Node

from lmctheory.networks.program.named_operations import operation
from lmctheory.networks.torch_activations import Activation, activation, leaky_relu

__all__ = ["step_activation"]

_PLAIN = ("relu", "tanh", "sigmoid")


def step_activation(node: Node) -> Activation | None:
    """The activation that a step computes, if its constants are known."""
    name = operation(node.target) if node.op == "call_function" else ""
    options = {key: value for key, value in node.kwargs.items() if key not in ("inplace", "input")}
    arguments = [*node.args[1:], *options.values()]
    if name in _PLAIN and not any(arguments):
        return activation(name)
    if name == "gelu" and arguments in ([], ["none"]):
        return activation("gelu")
    if name == "softplus" and _is_plain_softplus(*node.args[1:], **options):
        return activation("softplus")
    if name == "leaky_relu":
        slope = _slope(*node.args[1:], **options)
        return leaky_relu(slope) if isinstance(slope, float | int) else None
    return None


def _is_plain_softplus(beta: Any = 1.0, threshold: Any = 20.0) -> bool:
    return beta == 1 and threshold >= 20


def _slope(negative_slope: Any = 0.01, *_: Any) -> Any:
    return negative_slope
