"""The barrier split exactly: closed forms, quadrature of other Hessians, and the measured sum."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad_vec
from scipy.special import expit
from torch import nn

from lmctheory.layerwise import groups, interaction_matrix, kinks, layer_cube, layers
from lmctheory.paths import barrier
from tests.layerwise.cube_pairs import Opaque, examples, mlps, pair
from tests.layerwise.points.test_derivatives import scalar_pair
from tests.rarely import rarely


def green(t, s):
    return min(1 - t, s) * (1 - max(1 - t, s))


@pytest.mark.parametrize("t", [0.5, 0.2])
def test_two_scalar_layers_by_hand(t):
    """loss = log(1 + e^{-u}), u = v_1 v_2, v = 1 - 2s: the layers curve alike, and interact."""
    found = interaction_matrix(*scalar_pair(), t)

    def second(s):
        u = (1 - 2 * s) ** 2
        curvature = 4 * expit(u) * expit(-u) * u
        mixed = curvature - 4 * expit(-u)
        return -green(t, s) * np.array([[curvature, mixed], [mixed, curvature]])

    expected, _ = quad_vec(second, 0, 1, points=[1 - t], epsabs=1e-13)
    np.testing.assert_allclose(found.matrix, expected, rtol=1e-8)
    # a positive barrier of a deep linear network is entirely interaction
    assert found.barrier > 0 > found.curvature
    assert found.barrier == pytest.approx(
        np.log1p(np.exp(-((2 * t - 1) ** 2))) - np.log1p(1 / np.e)
    )


@pytest.mark.parametrize("sigma", ["relu", "tanh", "gelu", "identity"])
@pytest.mark.parametrize("widths", [(6, 8, 4), (6, 8, 7, 4), (6, 7, 7, 7, 7, 4), (6, *[5] * 7, 4)])
def test_the_matrix_sums_to_the_barrier(sigma, widths):
    a, b = mlps(widths, sigma)
    data = examples(6, 6, 4)
    found = interaction_matrix(a, b, data, 0.5, tolerance=1e-9)
    assert found.barrier == pytest.approx(barrier(a, b, data, 3).midpoint, abs=1e-12)
    assert abs(found.residual) <= max(1e-9 * np.abs(found.matrix).max(), 1e-12)
    assert found.error <= 1e-9 * np.abs(found.matrix).max()
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-13)


@settings(deadline=None, max_examples=5)
@given(
    seed=st.integers(0, 2**31),
    widths=st.lists(st.integers(1, 6), min_size=3, max_size=5),
    t=st.floats(0.05, 0.95),
    slope=st.sampled_from([0.0, 0.3, -0.5]),
)
def test_swapping_the_networks_keeps_the_split(seed, widths, t, slope):
    sigma = nn.LeakyReLU(slope) if slope else nn.ReLU()
    a, b = (
        nn.Sequential(*(m for linear in mlp.linears for m in (linear, sigma)))[:-1]
        for mlp in mlps(widths, seed=seed)
    )
    data = examples(4, widths[0], widths[-1], seed=seed)
    found, swapped = interaction_matrix(a, b, data, t), interaction_matrix(b, a, data, 1 - t)
    scale = 1 + np.abs(found.matrix).max()
    np.testing.assert_allclose(found.matrix, swapped.matrix, atol=1e-5 * scale)
    assert abs(found.residual) < 1e-5 * scale


def test_smooth_chains_against_the_cubes_hessian():
    """Backward differentiation and Gauss's rule in place of the closed form and Kronrod's."""
    a, b = mlps((6, 7, 7, 4), "tanh")
    data, t = examples(10, 6, 4), 0.3
    nodes, weights = np.polynomial.legendre.leggauss(24)
    expected = np.zeros((3, 3))
    for start, end in ((0, 1 - t), (1 - t, 1)):
        s = start + (end - start) * (nodes + 1) / 2
        H = layer_cube(a, b, data, np.outer(s, np.ones(3)), hessian=True).hessian
        kernel = np.array([green(t, place) for place in s])
        expected -= np.einsum("s,slk->lk", weights * (end - start) / 2 * kernel, H)
    found = interaction_matrix(a, b, data, t)
    np.testing.assert_allclose(found.matrix, expected, atol=1e-6 * np.abs(expected).max())
    module = interaction_matrix(Opaque(a), Opaque(b), data, t, smooth=True)
    np.testing.assert_allclose(module.matrix, expected, atol=1e-6 * np.abs(expected).max())


def losses(a, b, data, alpha):
    """The mean losses of points ``[points, L]``, by one batched product for each layer."""
    phi = data.inputs.expand(len(alpha), *data.inputs.shape)
    for i, (first, second) in enumerate(zip(a.linears, b.linears, strict=True)):
        s = torch.from_numpy(alpha[:, i])[:, None, None]
        W = (1 - s) * first.weight + s * second.weight
        z = phi @ W.mT + (1 - s) * first.bias + s * second.bias
        phi = z.relu()
    rows = torch.arange(len(data))
    return -z.log_softmax(-1)[:, rows, data.labels].mean(1).detach().numpy()


def test_kinks_against_mixed_differences_of_the_loss():
    """B_lk = - int G (difference quotient of the loss over h in l and in k): no derivatives."""
    a, b = mlps((3, 3, 3, 2), seed=4)
    data, h, points = examples(2, 3, 2, seed=1), 2e-3, 20_000
    s = (np.arange(points) + 0.5) / points
    weights = -np.minimum(0.5, s) * (1 - np.maximum(0.5, s)) / points
    estimate = np.empty((3, 3))
    for i, j in np.ndindex(3, 3):
        mixed = sum(
            p * q * losses(a, b, data, s[:, None] + (p * np.eye(3)[i] + q * np.eye(3)[j]) * h)
            for p in (1, -1)
            for q in (1, -1)
        )
        estimate[i, j] = (weights * mixed).sum() / (4 * h**2)
    found = interaction_matrix(a, b, data, 0.5)
    scale = np.abs(found.matrix).max()
    np.testing.assert_allclose(estimate, found.matrix, atol=0.01 * scale)
    atoms = kinks(a, b, data)
    part = atoms.atoms(np.minimum(0.5, atoms.alpha) * (1 - np.maximum(0.5, atoms.alpha)))
    assert np.abs(part).max() > 0.1 * scale  # they matter here


@pytest.mark.slow
def test_steps_converge_quadratically_where_nothing_has_kinks():
    a, b = mlps((6, 7, 7, 4), "tanh")
    data = examples(10, 6, 4)
    exact = interaction_matrix(a, b, data, 0.5)
    errors = [
        np.abs(
            interaction_matrix(Opaque(a), Opaque(b), data, 0.5, panels=panels).matrix - exact.matrix
        ).max()
        for panels in (20, 40, 80)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1)


def test_steps_split_a_network_with_kinks():
    a, b = mlps((6, 12, 12, 4))
    data = examples(200, 6, 4)
    exact = interaction_matrix(a, b, data, 0.3)
    found = interaction_matrix(Opaque(a), Opaque(b), data, 0.3, panels=64)
    assert abs(found.residual) < 2e-3 * abs(found.barrier)
    scale = np.abs(exact.matrix).max()
    np.testing.assert_allclose(found.matrix, exact.matrix, atol=0.1 * scale)
    assert 0 < found.error < 0.2 * scale


def test_a_false_claim_to_be_smooth_shows_in_the_residual():
    a, b = mlps((6, 8, 8, 4))
    data = examples(10, 6, 4)
    found = interaction_matrix(Opaque(a), Opaque(b), data, 0.5, smooth=True, tolerance=0.1)
    atoms = kinks(a, b, data)
    jumps = -(np.minimum(0.5, atoms.alpha) * (1 - np.maximum(0.5, atoms.alpha)) * atoms.jump).sum()
    assert found.residual == pytest.approx(jumps, rel=0.2)
    assert abs(found.residual) > 0.01


@pytest.mark.parametrize("name", rarely(["cnn", "vgg", "resnet"], ["resnet"]))
def test_convolutional_networks_are_split(name):
    a, b = pair(name)
    found = interaction_matrix(
        a, b, examples(10), 0.5, panels=12, layers=halves(a) if name != "cnn" else None
    )
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-12)
    assert abs(found.residual) < 0.1 * np.abs(found.matrix).max()


def halves(model):
    names = [layer.name for layer in layers(model)]
    return groups(model, [names[: len(names) // 2], names[len(names) // 2 :]])


def test_groups_add_up():
    a, b = mlps((6, 7, 7, 4))
    data = examples(10, 6, 4)
    member = np.array([[0, 1.0, 0], [1.0, 0, 1.0]])
    chosen = groups(a, [["layers.1"], ["layers.2", "layers.0"]])
    grouped = interaction_matrix(a, b, data, layers=chosen)
    single = interaction_matrix(a, b, data)
    np.testing.assert_allclose(grouped.matrix, member @ single.matrix @ member.T, atol=1e-7)
    assert grouped.layers == ("layers.1", "layers.2+layers.0")


def test_tied_layers_are_one():
    models = mlps((5, 5, 5, 3), "tanh")
    for model in models:
        model.layers[1].weight = model.layers[0].weight
    found = interaction_matrix(*models, examples(10, 5, 3))
    assert found.matrix.shape == (2, 2)
    assert abs(found.residual) < 1e-8


def test_interaction_is_the_rest_of_the_sum_and_repr_summarises():
    found = interaction_matrix(*mlps((6, 7, 4)), examples(10, 6, 4))
    assert found.curvature + found.interaction == pytest.approx(found.matrix.sum())
    assert repr(found).startswith("Interaction(t=0.5, barrier=")
    assert repr(found).endswith("2 layers)")


def test_single_precision_is_computed_in_double():
    a, b = (model.float() for model in mlps((6, 7, 4)))
    assert abs(interaction_matrix(a, b, examples(10, 6, 4)).residual) < 1e-9
    assert a.layers[0].weight.dtype == torch.float32


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t": 0.0}, r"t must lie in \(0, 1\), got 0.0"),
        ({"t": 1.5}, r"t must lie in \(0, 1\), got 1.5"),
        ({"panels": 1}, "panels must be >= 2, got 1"),
        ({"tolerance": 0.0}, "tolerance must be > 0, got 0.0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        interaction_matrix(*mlps((6, 7, 4)), examples(10, 6, 4), **options)


def test_layers_that_are_no_partition_are_refused():
    a, b = mlps((6, 7, 4))
    with pytest.raises(ValueError, match=r"hold all parameters, but 'layers.0.weight' is in none"):
        interaction_matrix(a, b, examples(10, 6, 4), layers=layers(a)[1:])
    with pytest.raises(ValueError, match="at least two, or nothing can interact, got one"):
        interaction_matrix(*mlps((6, 4)), examples(10, 6, 4))
    everything = groups(a, [["layers.0", "layers.1"]])
    with pytest.raises(ValueError, match="at least two, or nothing can interact, got one"):
        interaction_matrix(a, b, examples(10, 6, 4), layers=everything)


@pytest.mark.parametrize("widths", [(5, 1, 4, 3), (5, 3, 3, 3), (5, 2, 2, 2, 2, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_bias_free_networks_whose_layers_die_at_once(widths, seed):
    """With the last neuron alive of one layer, all neurons of the later ones vanish."""
    a, b = mlps(widths, seed=seed)
    with torch.no_grad():
        for layer in (*a.linears, *b.linears):
            layer.bias.zero_()
    data = examples(20, 5, 3, seed=seed)
    found = interaction_matrix(a, b, data, 0.4)
    assert abs(found.residual) < 1e-11
    assert np.abs(interaction_matrix(b, a, data, 0.6).residual) < 1e-11
