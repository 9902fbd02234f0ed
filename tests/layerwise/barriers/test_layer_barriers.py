"""Layer-wise barriers: Adilova et al.'s definition transcribed, L1's example, the null models."""

import copy
import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.layerwise._layers import layers
from lmctheory.layerwise.barriers.layer_barriers import layer_barriers, windows
from lmctheory.layerwise.barriers.null_models import perturbed, random_directions
from lmctheory.layerwise.barriers.selection import (
    cumulative,
    moving_windows,
    random_groups,
    single_layers,
)
from lmctheory.layerwise.convexity.convexity import two_layer_convexity
from lmctheory.layerwise.convexity.one_layer import layer_bounds
from lmctheory.layerwise.points.example_losses import example_losses
from lmctheory.layerwise.second_order.sharpness import layer_hessian
from lmctheory.networks import CNN, MLP, Examples, ResNet20
from lmctheory.paths import barrier, interpolate

NAMES = ("layers.0", "layers.1", "layers.2")


def examples(n=40, inputs=5, classes=3, seed=3):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(n, inputs, generator=rng, dtype=torch.float64)
    return Examples(x, torch.randint(classes, (n,), generator=rng))


def mlps(widths=(5, 7, 6, 3), activation="relu", seed=0):
    rng = torch.Generator().manual_seed(seed)
    pair = [MLP(widths, activation, rng=rng, dtype=torch.float64) for _ in range(2)]
    with torch.no_grad():
        for model in pair:
            for layer in model.linears:
                layer.bias.normal_(generator=rng)
    return pair


def averaged(base, other, names, t):
    """Adilova et al.: the base network's state dict, in those layers t base + (1-t) other."""
    state_x, state_y = base.state_dict(), other.state_dict()
    state = {
        key: t * value + (1 - t) * state_y[key] if key.rpartition(".")[0] in names else value
        for key, value in state_x.items()
    }
    model = copy.deepcopy(base)
    model.load_state_dict(state)
    return model.eval()


def losses(model, data):
    with torch.no_grad():
        return cross_entropy(model(data.inputs), data.labels, reduction="none").numpy()


def test_barriers_are_those_of_the_definition_by_state_dicts():
    a, b = mlps()
    data = examples()
    subsets = [("layers.1",), ("layers.0", "layers.2"), NAMES]
    found = layer_barriers(a, b, data, subsets, points=5)
    for i, (base, other) in enumerate([(a, b), (b, a)]):
        for s, names in enumerate(subsets):
            swapped = losses(averaged(base, other, names, 0.0), data)
            for p, t in enumerate([0.0, 0.25, 0.5, 0.75, 1.0]):
                here = losses(averaged(base, other, names, t), data)
                full = here - t * losses(base, data) - (1 - t) * losses(other, data)
                edge = here - t * losses(base, data) - (1 - t) * swapped
                assert found.loss[i, s, p] == pytest.approx(here.mean(), rel=1e-12)
                for curves, gaps in ((found.full, full), (found.edge, edge)):
                    error = gaps.std(ddof=1) / len(gaps) ** 0.5
                    assert curves.value[i, s, p] == pytest.approx(gaps.mean(), abs=1e-12)
                    assert curves.error[i, s, p] == pytest.approx(error, abs=1e-12)
    middle = losses(averaged(a, b, ["layers.1"], 0.5), data).mean()
    definition_2 = middle - (losses(a, data).mean() + losses(b, data).mean()) / 2
    assert found.full.midpoint[0, 0] == pytest.approx(definition_2, rel=1e-12)


def test_accuracy_drops_are_those_of_the_definition():
    a, b = mlps(seed=5)
    data = examples(60)
    found = layer_barriers(a, b, data, [("layers.1",)], points=3)

    def hits(model):
        with torch.no_grad():
            return (model(data.inputs).argmax(1) == data.labels).double().numpy()

    middle = hits(averaged(b, a, ["layers.1"], 0.5))
    ends = hits(averaged(b, a, ["layers.1"], 0.0))
    full, edge = ((hits(b) + end) / 2 - middle for end in (hits(a), ends))
    assert found.full_accuracy.midpoint[1, 0] == pytest.approx(full.mean(), abs=1e-12)
    assert found.edge_accuracy.midpoint[1, 0] == pytest.approx(edge.mean(), abs=1e-12)
    error = full.std(ddof=1) / 60**0.5
    assert found.full_accuracy.midpoint_error[1, 0] == pytest.approx(error, rel=1e-12)


def scalars(*weights):
    """The network w_k ... w_1 x."""
    model = nn.Sequential(*(nn.Linear(1, 1, bias=False, dtype=torch.float64) for _ in weights))
    for layer, w in zip(model, weights, strict=True):
        nn.init.constant_(layer.weight, w)
    return model


ONE = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]), "squared")


def test_the_example_of_l1_has_barrier_minus_one_or_plus_one():
    a, b = scalars(1.0, 1.0), scalars(-1.0, -1.0)
    found = layer_barriers(a, b, ONE, points=3)
    assert found.edge.midpoint[0, 0] == -1
    assert found.full.midpoint[0, 0] == 1
    assert found.path.midpoint[0, 0] == 1  # ((2t-1)^2 - 1)^2
    assert np.isnan(found.full.error).all()  # a single example


def test_single_layers_of_deep_linear_networks_have_no_edge_barrier():
    a, b = mlps((5, 6, 6, 3), "identity", seed=1)
    data = examples()
    for loss in ("cross_entropy", "squared"):
        found = layer_barriers(a, b, Examples(data.inputs, data.labels, loss))
        assert (found.edge.max <= 0).all()


def test_two_layers_of_a_linear_network_have_the_barrier_of_l2():
    a, b = mlps((5, 6, 6, 3), "identity", seed=2)
    data = Examples(examples().inputs, examples().labels, "squared")
    found = layer_barriers(a, b, data, [("layers.0", "layers.2")], points=9)
    swapped = averaged(a, b, ["layers.0", "layers.2"], 0.0)
    predicted = two_layer_convexity(a, swapped, data).barrier(found.t)
    np.testing.assert_allclose(found.edge.value[0, 0], predicted, rtol=1e-10, atol=1e-12)


def test_edge_barriers_are_below_the_bound_l3():
    a, b = mlps(seed=7)
    data = examples()
    found = layer_barriers(a, b, data)
    bound = layer_bounds(a, b, data, found.t)
    assert (found.edge.value[0] <= bound.edge_barrier + 1e-12).all()
    assert (found.full.value[0] <= bound.layer_barrier + 1e-12).all()


def test_all_layers_together_are_the_path_and_the_share_is_in_proportion():
    a, b = mlps()
    data = examples()
    found = windows(a, b, data, points=9)
    expected = barrier(a, b, data, 9).barrier
    np.testing.assert_allclose(found.path.value[0, 0], expected, atol=1e-12)
    np.testing.assert_allclose(found.full.value[:, -1], found.path.value[:, 0], atol=1e-12)
    np.testing.assert_allclose(found.edge.value[:, -1], found.path.value[:, 0], atol=1e-12)
    np.testing.assert_allclose(found.layer_share, [1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3, 1])
    np.testing.assert_allclose(found.share[0, 3], 2 / 3 * expected, atol=1e-12)
    sizes = np.array([5 * 7 + 7, 7 * 6 + 6, 6 * 3 + 3])
    np.testing.assert_array_equal(found.parameters, sizes)
    assert found.parameter_share[3] == pytest.approx(sizes[:2].sum() / sizes.sum())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), start=st.integers(0, 2), length=st.integers(1, 3))
def test_full_and_edge_differ_by_the_swapped_end_alone(seed, start, length):
    a, b = mlps(seed=seed)
    subset = NAMES[start : start + length]
    found = layer_barriers(a, b, examples(), [subset], points=5)
    for base in (0, 1):
        end = found.loss[base, 0, 0] - found.loss_ends[1 - base]
        expected = found.edge.value[base, 0] + (1 - found.t) * end
        np.testing.assert_allclose(found.full.value[base, 0], expected, atol=1e-12)
    np.testing.assert_allclose(found.edge.value[..., [0, -1]], 0, atol=1e-12)


def test_maxima_are_signed_and_carry_the_error_of_their_place():
    a, b = mlps(seed=4)
    found = layer_barriers(a, b, examples(), points=9)
    for curves in (found.full, found.edge):
        for base, s in itertools.product(range(2), range(3)):
            inner = curves.value[base, s, 1:-1]
            where = 1 + int(inner.argmax())
            assert curves.max[base, s] == inner.max()
            assert curves.max_error[base, s] == curves.error[base, s, where]
        np.testing.assert_array_equal(curves.midpoint, curves.value[..., 4])


def test_windows_hold_single_and_cumulative_groups_and_are_sorted_by_start_and_length():
    found = windows(*mlps(), examples(), points=3)
    assert found.subsets == moving_windows(NAMES)
    for group in (
        *single_layers(NAMES),
        *cumulative(NAMES, "input"),
        *cumulative(NAMES, "output"),
    ):
        assert group in found.subsets
    table = found.by_window(found.full.midpoint)
    assert table.shape == (2, 3, 3)
    assert table[1, 1, 1] == found.full.midpoint[1, found.subsets.index(NAMES[1:])]
    assert np.isnan(table[:, 2, 1]).all()
    gap = layer_barriers(*mlps(), examples(), [("layers.0", "layers.2")], points=3)
    assert np.isnan(gap.by_window(gap.full.midpoint)).all()
    assert "6 subsets" in repr(found)


def test_random_groups_are_uniform():
    rng = np.random.default_rng(0)
    groups = random_groups(NAMES, 2, 3000, rng=rng)
    counts = [groups.count(pair) for pair in itertools.combinations(NAMES, 2)]
    assert sum(counts) == 3000
    # 4.5 standard deviations of a binomial: false alarm below 2e-5
    assert all(abs(count - 1000) < 4.5 * (3000 * 2 / 9) ** 0.5 for count in counts)


def test_buffers_and_branches_move_with_their_layers():
    rng = torch.Generator().manual_seed(0)
    pair = [ResNet20((1, 6, 6), 3, width=2, norm="batch", rng=rng) for _ in range(2)]
    for model in pair:
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(generator=rng)
                module.running_var.uniform_(0.5, 2, generator=rng)
    a, b = (model.double().eval() for model in pair)
    data = examples(12, inputs=36)
    subset = ("blocks.3.shortcut.0", "blocks.3.shortcut.1")
    assert set(subset) <= {layer.name for layer in layers(a)}
    found = layer_barriers(a, b, data, [subset], points=3)
    here = losses(averaged(a, b, subset, 0.5), data).mean()
    assert found.loss[0, 0, 1] == pytest.approx(here, rel=1e-10)


class Tied(nn.Module):
    """Two linear maps that share their weight."""

    def __init__(self, seed):
        super().__init__()
        rng = torch.Generator().manual_seed(seed)
        self.first = nn.Linear(4, 4, dtype=torch.float64)
        self.second = nn.Linear(4, 4, dtype=torch.float64)
        self.head = nn.Linear(4, 3, dtype=torch.float64)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=rng)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.head(torch.relu(self.second(torch.relu(self.first(x)))))


def test_tied_layers_are_one():
    a, b = Tied(0), Tied(1)
    data = examples(inputs=4)
    found = layer_barriers(a, b, data, points=3)
    assert found.subsets == (("first",), ("head",))
    np.testing.assert_array_equal(found.parameters, [16 + 8, 15])
    here = losses(averaged(a, b, ["first", "second"], 0.5), data).mean()
    assert found.loss[0, 0, 1] == pytest.approx(here, rel=1e-12)
    noisy = perturbed(a, b, rng=torch.Generator().manual_seed(0))
    assert noisy.first.weight is noisy.second.weight


def test_a_single_layer_network_is_its_own_path():
    found = windows(*mlps((5, 3)), examples())
    assert found.subsets == (("layers.0",),)
    np.testing.assert_allclose(found.full.value, found.path.value)
    np.testing.assert_allclose(found.share, found.path.value)
    assert (found.edge.max <= 0).all()  # L1


def test_equal_networks_have_no_barrier_and_no_noise():
    a, _ = mlps()
    data = examples()
    found = layer_barriers(a, copy.deepcopy(a), data)
    np.testing.assert_allclose(found.full.value, 0, atol=1e-12)
    null = random_directions(a, copy.deepcopy(a), data, rng=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(null.rise, 0, atol=1e-12)


def test_random_directions_have_each_layers_norm_and_are_gaussian():
    a, b = mlps((30, 40, 3))
    noisy = perturbed(a, b, rng=torch.Generator().manual_seed(0))
    for ours, theirs, moved in zip(a.linears, b.linears, noisy.linears, strict=True):
        gap, noise = (
            torch.cat([(other.weight - ours.weight).flatten(), other.bias - ours.bias]).detach()
            for other in (theirs, moved)
        )
        assert noise.norm() == pytest.approx(float(gap.norm()), rel=1e-12)
        unit = noise / noise.norm() * len(noise) ** 0.5
        # fourth moment 3 with standard deviation sqrt(96/n): 5 of them, false alarm below 1e-6
        assert abs(unit.pow(4).mean() - 3) < 5 * (96 / len(noise)) ** 0.5
    other = perturbed(a, b, rng=torch.Generator().manual_seed(1))
    assert not torch.equal(other.linears[0].weight, noisy.linears[0].weight)


def test_random_directions_are_those_of_the_definition_by_state_dicts():
    a, b = mlps()
    data = examples()
    found = layer_barriers(a, b, data, [("layers.1",), NAMES[:2]])
    null = random_directions(
        a, b, data, found.subsets, draws=2, rng=torch.Generator().manual_seed(5)
    )
    rng = torch.Generator().manual_seed(5)
    for draw in range(2):
        for i, (base, other) in enumerate([(a, b), (b, a)]):
            noisy = perturbed(base, other, rng=rng)
            for s, names in enumerate(found.subsets):
                start, half, end = (
                    losses(averaged(base, noisy, names, t), data).mean() for t in (1.0, 0.5, 0.0)
                )
                ends = (losses(base, data).mean() + losses(other, data).mean()) / 2
                assert null.rise[draw, i, s] == pytest.approx(half - start, abs=1e-12)
                assert null.edge[draw, i, s] == pytest.approx(half - (start + end) / 2, abs=1e-12)
                assert null.full[draw, i, s] == pytest.approx(half - ends, abs=1e-12)
    rise = found.full.midpoint - null.full[0] + null.rise[0]  # the same baseline in both
    np.testing.assert_allclose(rise, found.rise, atol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_curvature_of_every_subset_is_a_second_difference(activation):
    a, b = mlps(activation=activation)
    data = examples()
    H = layer_hessian(a, b, data)
    np.testing.assert_allclose(H, H.T, atol=1e-12)
    h = 1e-4
    for subset in moving_windows(NAMES):
        moved = np.array([name in subset for name in NAMES], dtype=float)
        ahead = losses(averaged(a, b, subset, 1 - h), data).mean()
        back = losses(averaged(a, b, subset, 1 + h), data).mean()
        expected = (ahead - 2 * losses(a, data).mean() + back) / h**2
        assert moved @ H @ moved == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_curvature_of_a_layer_that_the_loss_is_linear_in_is_no_error():
    a, b = scalars(1.0), scalars(-1.0)
    one = Examples(ONE.inputs, ONE.labels)
    assert layer_hessian(a, b, one).shape == (1, 1)  # one class: no loss at all
    assert layer_hessian(a, b, one)[0, 0] == 0


def test_a_convolutional_network_is_evaluated_in_its_own_precision():
    rng = torch.Generator().manual_seed(0)
    a, b = (CNN((1, 6, 6), (2, 3), 3, rng=rng) for _ in range(2))
    data = examples(20, inputs=36)
    found = layer_barriers(a, b, data, points=3)
    middle = interpolate(a, b, 0.5)
    with torch.no_grad():
        expected = cross_entropy(middle(data.inputs.float()), data.labels)
    ends = found.loss_ends.mean()
    assert found.path.midpoint[0, 0] == pytest.approx(float(expected) - ends, abs=1e-5)


def test_losses_of_examples_come_in_the_order_asked_for():
    a, b = mlps()
    data = examples(9)
    alpha = np.array([[1.0, 1, 1], [0, 0.5, 0], [0, 0, 0], [0, 0.5, 0]])
    found = example_losses(a, b, data, alpha)
    np.testing.assert_allclose(found.loss[0], losses(b, data))
    np.testing.assert_allclose(found.loss[2], losses(a, data))
    np.testing.assert_allclose(found.loss[1], losses(averaged(a, b, ["layers.1"], 0.5), data))
    np.testing.assert_array_equal(found.loss[1], found.loss[3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"subsets": [("layers.7",)]}, r"layers among \['layers.0', .*, got 'layers.7'"),
        ({"subsets": [()]}, "at least one layer each"),
        ({"subsets": []}, "at least one layer each"),
        ({"subsets": [("layers.0", "layers.0")]}, "each layer once"),
        ({"points": 4}, "points must be odd and >= 3"),
        ({"points": 1}, "points must be odd and >= 3"),
    ],
)
def test_bad_arguments_of_layer_barriers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        layer_barriers(*mlps(), examples(), **arguments)


def test_networks_of_other_shapes_and_points_outside_the_cube_are_refused():
    a, b = mlps()
    with pytest.raises(ValueError, match="same architecture"):
        layer_barriers(a, mlps((5, 8, 6, 3))[0], examples())
    with pytest.raises(ValueError, match="same architecture"):
        perturbed(a, mlps((5, 8, 6, 3))[0], rng=torch.Generator())
    with pytest.raises(ValueError, match=r"alpha must lie in \[0, 1\], got 1.5"):
        example_losses(a, b, examples(), np.array([[0.0, 1.5, 0.0]]))
    broken = copy.deepcopy(b)
    with torch.no_grad():
        broken.linears[0].weight[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        layer_barriers(a, broken, examples())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cumulative(NAMES, "left"), r"side must be one of \['input', 'output'\]"),
        (lambda: moving_windows(NAMES, [4]), r"lengths must lie in 1..3, got 4"),
        (lambda: moving_windows(NAMES, []), r"lengths must lie in 1..3, got none"),
        (
            lambda: random_groups(NAMES, 4, 1, rng=np.random.default_rng(0)),
            r"size must lie in 1..3, got 4",
        ),
        (
            lambda: random_groups(NAMES, 1, 0, rng=np.random.default_rng(0)),
            "count must be >= 1, got 0",
        ),
    ],
)
def test_bad_selections_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_bad_arguments_of_random_directions_are_refused():
    a, b = mlps()
    data, rng = examples(), torch.Generator()
    with pytest.raises(ValueError, match="draws must be >= 1, got 0"):
        random_directions(a, b, data, draws=0, rng=rng)
    with pytest.raises(ValueError, match="subsets must name layers among"):
        random_directions(a, b, data, [("layers.7",)], rng=rng)


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: moving_windows(NAMES, [1.5]), "every length must be an integer, got 1.5"),
        (
            lambda: random_groups(NAMES, 1.5, 1, rng=np.random.default_rng(0)),
            "size must be an integer, got 1.5",
        ),
        (lambda: perturbed(*mlps(), rng=np.random.default_rng(0)), "rng must be a torch.Generator"),
        (
            lambda: random_directions(*mlps(), examples(), rng=0),
            "rng must be a torch.Generator, got int",
        ),
    ],
)
def test_selections_and_directions_of_other_types_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
        call()
