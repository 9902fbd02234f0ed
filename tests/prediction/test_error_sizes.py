"""The size of the function error, and what it were if neurons' errors did not add up."""

import math
from itertools import product

import pytest
import torch
from torch import nn

from lmctheory.matching import match
from lmctheory.networks import MLP
from lmctheory.paths import interpolate
from lmctheory.prediction import error_sizes, error_terms


def networks(*widths: int) -> tuple[MLP, MLP]:
    a, b = (MLP(widths, rng=torch.Generator().manual_seed(k), dtype=torch.float64) for k in (0, 1))
    return a, b


def inputs(n: int, d: int) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


@torch.no_grad()
def test_the_incoherent_part_is_the_mean_over_signs_of_neurons() -> None:
    """With every sign of the last hidden neurons' outgoing weights, in both networks alike."""
    (a, b), x = networks(3, 5, 4, 2), inputs(20, 3)
    sizes = error_sizes(a, b, x)
    squares = []
    for signs in product((1.0, -1.0), repeat=4):
        turned = networks(3, 5, 4, 2)
        for net in turned:
            net.linears[-1].weight.mul_(torch.tensor(signs, dtype=torch.float64))
        middle = interpolate(*turned, 0.5)(x)
        error = middle - (turned[0](x) + turned[1](x)) / 2
        squares.append(float(error.square().sum(1).mean()))
    assert sizes.whole == pytest.approx(squares[0])
    assert sizes.incoherent == pytest.approx(sum(squares) / 16)
    assert sizes.coherence == pytest.approx(math.sqrt(squares[0] / (sum(squares) / 16)))
    scale = (a(x).square().sum() + b(x).square().sum()) / 40
    assert sizes.error == pytest.approx(math.sqrt(squares[0] / scale))


def test_with_one_hidden_layer_it_is_the_sum_of_both_terms() -> None:
    (a, b), x = networks(3, 6, 2), inputs(10, 3)
    aligned = match(a, b).apply(b)
    terms = error_terms(a, aligned, x)
    error = terms.gap + terms.commutativity
    assert error_sizes(a, aligned, x).whole == pytest.approx(float(error.square().sum(1).mean()))


def test_equal_networks_make_no_error() -> None:
    a, _ = networks(3, 6, 2)
    sizes = error_sizes(a, a, inputs(10, 3))
    assert sizes.error == sizes.whole == sizes.incoherent == 0
    assert math.isnan(sizes.coherence)


def test_networks_without_hidden_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="must have a hidden layer, got none"):
        error_sizes(*networks(3, 2), inputs(4, 3))
    with pytest.raises(ValueError, match="the same architecture"):
        error_sizes(networks(3, 4, 2)[0], networks(3, 5, 2)[1], inputs(4, 3))
    with pytest.raises(TypeError):
        error_sizes(nn.LSTM(3, 2), nn.LSTM(3, 2), inputs(4, 3))
