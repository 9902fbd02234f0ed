"""Which steps of a program are pointwise activations with known constants."""

from torch.fx import Node

from lmctheory.networks.program.named_operations import operation
from lmctheory.networks.torch_activations import Activation, activation_called

__all__ = ["step_activation"]


def step_activation(node: Node) -> Activation | None:
    """The activation that a step computes, if its constants are known."""
    if node.op != "call_function":
        return None
    options = {key: value for key, value in node.kwargs.items() if key not in ("inplace", "input")}
    return activation_called(operation(node.target), node.args[1:], options)
