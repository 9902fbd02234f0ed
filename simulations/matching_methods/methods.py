"""The matchings that are compared, by name: a method and a solver of `lmctheory.matching`."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import nn

from lmctheory.matching import Matching, match
from lmctheory.networks import Examples

__all__ = ["BY_ACTIVATIONS", "BY_LOSS", "CURVES", "METHODS", "applicable", "head", "solve"]

BY_ACTIVATIONS, BY_LOSS = 512, 256
"""Training examples that a matching by activations or by the loss may use."""


@dataclass(frozen=True)
class Method:
    """A method and its solver.

    Attributes:
        method: of `match`.
        solver: of `match`.
        largest: most neurons of a network that it is tried on.
        curve: whether it is quick enough for curves of planted permutations.
    """

    method: str
    solver: str
    largest: float = np.inf
    curve: bool = True


METHODS: Mapping[str, Method] = {
    "naive": Method("naive", "layer_by_layer"),
    "weighted": Method("weighted", "layer_by_layer"),
    "activation": Method("activation", "layer_by_layer"),
    "weight, by layer": Method("weight", "layer_by_layer"),
    "weight, descent": Method("weight", "coordinate_descent"),
    "weight, F.-Wolfe": Method("weight", "frank_wolfe"),
    "weight, Sinkhorn": Method("weight", "sinkhorn", curve=False),
    "weight, annealed": Method("weight", "annealing", largest=256, curve=False),
    "loss, Sinkhorn": Method("loss", "sinkhorn", curve=False),
    "loss, straight": Method("loss", "straight_through", curve=False),
}
"""By the name they have in the tables."""

CURVES = tuple(name for name, method in METHODS.items() if method.curve)
"""Those whose recovery is measured under noise."""


def applicable(neurons: int) -> list[str]:
    """The methods for a network with so many hidden neurons."""
    return [name for name, method in METHODS.items() if neurons <= method.largest]


def solve(name: str, model_a: nn.Module, model_b: nn.Module, train: Examples) -> Matching:
    """The matching of B with A, on the first of the training examples."""
    chosen = METHODS[name]
    examples = head(train, BY_LOSS if chosen.method == "loss" else BY_ACTIVATIONS)
    rng = np.random.default_rng(0) if chosen.solver == "annealing" else None
    return match(model_a, model_b, chosen.method, examples, solver=chosen.solver, rng=rng)


def head(examples: Examples, count: int) -> Examples:
    """The first examples, which both data sets hold in random order."""
    return Examples(examples.inputs[:count], examples.labels[:count])
