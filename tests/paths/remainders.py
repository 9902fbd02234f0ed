"""Remainders in the worst direction, by each of the kinds of bounds that an enclosure has."""

import torch

from lmctheory.paths.enclosure import Enclosure, Rest
from lmctheory.paths.layer_operations import Affine, Node
from lmctheory.paths.linear_maps import Dense


def rest_of(kind, like, bend=None):
    """An enclosure whose remainder is at most `like`, by what bounds it."""
    zero, none = torch.zeros_like(like), like.new_zeros(1)
    size = like.flatten(1).norm(dim=1)
    parts = {"box": zero, "omega": Rest(zero, none), "eta": Rest(zero, none)}
    match kind:
        case "box":
            parts["box"] = like.abs()
        case "entries":
            parts["omega"] = Rest(like.abs(), 10 * size)
        case "norm":
            parts["omega"] = Rest(10 * like.abs(), size)
        case "ball":
            parts["eta"] = Rest(10 * like.abs(), size)
    return Enclosure(zero if bend is None else bend, **parts)


def row(*numbers):
    return torch.tensor([numbers], dtype=torch.float64)


def layer(W_a, W_b):
    b = torch.zeros(len(W_a)).double()
    return Affine(Node("layer", (0,), (len(W_a),)), Dense(), W_a, W_b, b, b)
