"""Operations with parameters: their residuals and norms against what they compute."""

import pytest
import torch

from lmctheory.paths.layer_operations import Affine, Node, Normalisation
from lmctheory.paths.linear_maps import Convolution, Dense

RNG = torch.Generator().manual_seed(0)


def drawn(*shape):
    return torch.randn(*shape, generator=RNG, dtype=torch.float64)


def pairs(*shape):
    return drawn(*shape), drawn(*shape)


OPERATIONS = {
    "dense": Affine(Node("layer", (0,), (3,)), Dense(), *pairs(3, 4), *pairs(3)),
    "convolution": Affine(
        Node("layer", (0,), (3, 5)),
        Convolution((1,), (1,), (1,), 1, (5,)),
        *(*pairs(3, 4, 3), *pairs(3)),
    ),
    "norm": Normalisation(
        Node("norm", (0,), (4, 5)),
        *(pairs(4, 1), pairs(4, 1), pairs(4, 1), tuple(x.exp() for x in pairs(4, 1))),
    ),
}
EVERY_OPERATION = pytest.mark.parametrize("op", OPERATIONS.values(), ids=OPERATIONS)


def inputs(op):
    return pairs(6, 4) if len(op.node.shape) == 1 else pairs(6, 4, 5)


@EVERY_OPERATION
@pytest.mark.parametrize("t", [0.0, 0.3, 0.5, 1.0])
def test_residuals_are_how_far_a_chord_is_from_a_chord(op, t):
    x_a, x_b = inputs(op)
    y_a, y_b, middle = op.at(1.0)(x_a), op.at(0.0)(x_b), op.at(t)
    contrast = op.contrast(x_a, x_b)
    residual = middle(torch.lerp(x_b, x_a, t)) - torch.lerp(y_b, y_a, t)
    torch.testing.assert_close(contrast.shift(t), residual)
    for drift, x, y in zip(contrast.drift(t), (x_a, x_b), (y_a, y_b), strict=True):
        torch.testing.assert_close(drift, (middle(x) - y).flatten(1).norm(dim=1))


@EVERY_OPERATION
def test_norms_are_those_of_the_jacobian(op):
    x, _ = inputs(op)
    for t in (0.0, 0.3, 1.0):
        jacobian = torch.autograd.functional.jacobian(op.at(t), x[:1])
        exact = torch.linalg.matrix_norm(jacobian.view(-1, x[0].numel()), 2)
        assert exact <= op.norm(t) <= exact * (1 + 1e-8)
        torch.testing.assert_close(op.at(t).carry(x), op.at(t)(x) - op.at(t)(0 * x))
