"""The matchings that are compared, by name: a method and a solver of `lmctheory.matching`."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from lmctheory.matching import Matching, match
from lmctheory.networks import Examples

__all__ = ["BY_ACTIVATIONS", "BY_LOSS", "CURVES", "METHODS", "solve"]

BY_ACTIVATIONS, BY_LOSS = 512, 256
"""Training examples that a matching by activations or by the loss may use."""


@dataclass(frozen=True)
class Method:
    """A method and its solver.

    Attributes:
        method: of `match`.
        solver: of `match`.
        curve: whether it is quick enough for curves of planted permutations.
    """

    method: str
    solver: str
    curve: bool = True


METHODS: Mapping[str, Method] = {
    "naive": Method("naive", "layer_by_layer"),
    "weighted": Method("weighted", "layer_by_layer"),
    "activation": Method("activation", "layer_by_layer"),
    "weight, by layer": Method("weight", "layer_by_layer"),
    "weight, descent": Method("weight", "coordinate_descent"),
    "weight, F.-Wolfe": Method("weight", "frank_wolfe"),
    "weight, Sinkhorn": Method("weight", "sinkhorn", curve=False),
    "loss, Sinkhorn": Method("loss", "sinkhorn", curve=False),
    "loss, straight": Method("loss", "straight_through", curve=False),
}
"""By the name they have in the tables."""

CURVES = tuple(name for name, method in METHODS.items() if method.curve)
"""Those whose recovery is measured under noise."""


def solve(name: str, model_a: nn.Module, model_b: nn.Module, train: Examples) -> Matching:
    """The matching of B with A, on the first training examples, which are in random order."""
    chosen = METHODS[name]
    count = BY_LOSS if chosen.method == "loss" else BY_ACTIVATIONS
    return match(model_a, model_b, chosen.method, train[:count], solver=chosen.solver)
