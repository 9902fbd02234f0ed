"""Kinks against a fine grid, and what they do against one-sided derivatives."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.layerwise import kinks, layer_cube
from lmctheory.layerwise.second_order.kinks import diagonal_of, pieces
from lmctheory.networks import Examples
from tests.layerwise.cube_pairs import Opaque, examples, mlps
from tests.rarely import rarely

DEPTHS = [(5, 6, 3), (5, 6, 6, 3), (5, 4, 4, 4, 4, 3), (4, *[5] * 7, 3)]


def sequential(sigma, widths=(5, 6, 6, 3), seed=0):
    return [
        nn.Sequential(*(m for linear in mlp.linears for m in (linear, sigma)))[:-1]
        for mlp in mlps(widths, seed=seed)
    ]


def test_one_neuron_by_hand():
    """z = (1 - 2s) x, logits (relu(z) w, 0) with w = 1 in both; one example x = 1 of class 0."""
    a, b = mlps((1, 1, 2))
    with torch.no_grad():
        for model, sign in ((a, 1.0), (b, -1.0)):
            model.linears[0].weight.fill_(sign)
            model.linears[1].weight.copy_(torch.tensor([[1.0], [0.0]]))
            for layer in model.linears:
                layer.bias.zero_()
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    found = kinks(a, b, data)
    np.testing.assert_allclose(found.alpha, [0.5], atol=1e-15)
    np.testing.assert_allclose(found.t, [0.5], atol=1e-15)
    np.testing.assert_allclose(found.gradient, [[-2.0, 0.0]])
    # d loss / d phi = softmax_0 - 1 = -1/2 at equal logits; the slope goes from 0.5 * 2 to 0
    np.testing.assert_allclose(found.response, [-0.5])
    np.testing.assert_allclose(found.jump, [-1.0])
    np.testing.assert_allclose(found.atoms(np.array([3.0])), [[-3.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize("widths", DEPTHS)
def test_none_is_missed_and_none_invented(widths):
    a, b = mlps(widths, seed=1)
    data = examples(6, widths[0], widths[-1])
    found = kinks(a, b, data)
    diagonal, x = diagonal_of(a, b, data)
    grid = np.linspace(0, 1, 4001)
    total = 0
    for layer in range(len(widths) - 2):
        for example in range(len(data)):
            copies = x[[example] * len(grid)]
            z = diagonal.pre_activations(copies, torch.from_numpy(grid), layer)[-1].numpy()
            for neuron in range(widths[1]):
                mine = found.alpha[
                    (found.layer == layer) & (found.example == example) & (found.neuron == neuron)
                ]
                total += len(mine)
                # the same number of sign changes in every cell of the grid, up to even ones
                cells = np.histogram(mine, grid)[0]
                signs = np.diff(z[:, neuron] < 0)
                np.testing.assert_array_equal(cells % 2 == 1, signs)
                assert cells.max() <= 2
    assert total == len(found) > 0


@pytest.mark.parametrize(
    ("slope", "widths"),
    rarely(product((0.0, 0.2), DEPTHS), [(0.2, DEPTHS[2]), (0.0, DEPTHS[3]), (0.2, DEPTHS[3])]),
)
def test_gradients_jump_by_the_response_times_the_gradient_of_the_neuron(widths, slope):
    """[g_l] = response h_l sign(z') at every kink, by automatic differentiation on both sides."""
    a, b = sequential(nn.LeakyReLU(slope) if slope else nn.ReLU(), widths, seed=2)
    data = examples(5, widths[0], widths[-1])
    found = kinks(a, b, data)
    h = 1e-8
    ones = np.ones(len(widths) - 1)
    sides = [
        layer_cube(a, b, data, np.outer(found.alpha + side, ones)).gradient for side in (-h, h)
    ]
    # where a layer is dead for several examples, later neurons vanish for all of them together
    together = np.abs(np.subtract.outer(found.alpha, found.alpha)) < h
    jumps = (found.response * np.sign(found.gradient.sum(1)))[:, None] * found.gradient
    np.testing.assert_allclose(sides[1] - sides[0], together @ jumps, atol=1e-5)
    np.testing.assert_allclose((sides[1] - sides[0]).sum(1), together @ found.jump, atol=1e-5)
    assert np.abs(found.jump).max() > 0.01


def test_gradients_of_neurons_by_finite_differences():
    a, b = mlps((5, 6, 6, 6, 3), seed=3)
    data = examples(4, 5, 3)
    found = kinks(a, b, data)

    def pre_activation(kink, alpha):
        phi = data.inputs[found.example[kink]]
        for i in range(found.layer[kink] + 1):
            W, bias = (
                (1 - alpha[i]) * getattr(a.linears[i], name)
                + alpha[i] * getattr(b.linears[i], name)
                for name in ("weight", "bias")
            )
            z = W @ phi + bias
            phi = z.relu()
        return z[found.neuron[kink]].item()

    with torch.no_grad():
        for kink in range(0, len(found), 5):
            alpha, h = np.full(4, found.alpha[kink]), 1e-6
            assert abs(pre_activation(kink, alpha)) < 1e-12
            numeric = [
                (pre_activation(kink, alpha + h * e) - pre_activation(kink, alpha - h * e))
                / (2 * h)
                for e in np.eye(4)
            ]
            np.testing.assert_allclose(found.gradient[kink], numeric, atol=1e-6)


def test_a_layer_that_dies_takes_all_later_ones_with_it():
    """Without biases z_2 = w relu(z_1): w < 0 is no second kink, w > 0 one that counts once."""
    a, b = mlps((1, 1, 2, 2))
    with torch.no_grad():
        for model, sign in ((a, 1.0), (b, -1.0)):
            model.linears[0].weight.fill_(sign)
            model.linears[1].weight.copy_(torch.tensor([[-1.0], [2.0]]))
            model.linears[2].weight.copy_(torch.tensor([[3.0, 1.0], [0.0, 0.0]]))
            for layer in model.linears:
                layer.bias.zero_()
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    found = kinks(a, b, data)
    np.testing.assert_allclose(found.alpha, 0.5)
    assert set(zip(found.layer, found.neuron, strict=True)) == {(0, 0), (1, 1)}
    # logit_0 = 2 relu(1 - 2s), whose slope goes from -4 to 0, times softmax_0 - 1 = -1/2
    assert found.jump.sum() == pytest.approx(-0.5 * 4)
    np.testing.assert_allclose(found.atoms(np.ones(len(found))).sum(), -2.0)


@pytest.mark.parametrize("seed", range(4))
def test_coinciding_kinks_add_up_to_the_jump_of_the_gradient(seed):
    """In every layer, with bias-free narrow networks whose layers die together."""
    a, b = mlps((5, 2, 3, 2, 3), seed=seed)
    with torch.no_grad():
        for layer in (*a.linears, *b.linears):
            layer.bias.zero_()
    data, h = examples(8, 5, 3, seed=seed), 1e-7
    found = kinks(a, b, data)
    sides = [
        layer_cube(a, b, data, np.outer(found.alpha + d, np.ones(4))).gradient for d in (-h, h)
    ]
    jumps = np.zeros_like(sides[0])
    for i, alpha in enumerate(found.alpha):
        near = np.abs(found.alpha - alpha) < h
        turned = (found.response * np.sign(found.gradient.sum(1)))[near]
        jumps[i] = turned @ found.gradient[near]
    np.testing.assert_allclose(sides[1] - sides[0], jumps, atol=1e-5)


def test_swapping_the_networks_mirrors_the_kinks():
    a, b = mlps((5, 6, 6, 3))
    data = examples(8, 5, 3)
    found, mirrored = kinks(a, b, data), kinks(b, a, data)
    order, other = np.argsort(found.alpha), np.argsort(mirrored.t)
    np.testing.assert_allclose(mirrored.t[other], found.alpha[order], atol=1e-12)
    np.testing.assert_allclose(mirrored.jump[other], found.jump[order], atol=1e-10)


@pytest.mark.parametrize("sigma", ["tanh", "gelu", "identity"])
def test_smooth_activations_have_none(sigma):
    a, b = mlps((5, 6, 6, 3), sigma)
    found = kinks(a, b, examples(4, 5, 3))
    assert len(found) == 0
    assert found.gradient.shape == (0, 3)


def test_neurons_that_vanish_identically_have_none():
    a, b = mlps((5, 6, 6, 3))
    with torch.no_grad():
        for model in (a, b):
            model.linears[1].weight.zero_()
            model.linears[1].bias.zero_()
    assert set(kinks(a, b, examples(10, 5, 3)).layer) == {0}


def test_pieces_cut_the_unit_interval_of_each_example():
    found = pieces(3, np.array([2, 0, 2, 0]), np.array([0.7, 0.5, 0.2, 0.5]))
    np.testing.assert_array_equal(found.example, [0, 0, 1, 2, 2, 2])
    np.testing.assert_array_equal(found.start, [0, 0.5, 0, 0, 0.2, 0.7])
    np.testing.assert_array_equal(found.end, [0.5, 1, 1, 0.2, 0.7, 1])


def test_what_cannot_be_cut_is_refused():
    data = examples(4, 5, 3)
    mixed = [nn.Sequential(*model[:3], nn.ReLU(), *model[4:]) for model in sequential(nn.Tanh())]
    with pytest.raises(ValueError, match="'2' is followed by relu"):
        kinks(*mixed, data)
    with pytest.raises(TypeError, match="the network is no affine chain"):
        kinks(*map(Opaque, mlps((5, 6, 3))), data)
    with pytest.raises(ValueError, match=r"data.inputs must have 6 coordinates, got 5"):
        kinks(*mlps((6, 4, 3)), data)
    with pytest.raises(ValueError, match="must have the same architecture"):
        kinks(mlps((5, 4, 3))[0], mlps((5, 6, 3))[1], data)
