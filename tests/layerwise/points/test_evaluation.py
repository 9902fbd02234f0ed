"""The cube's values against state dictionaries loaded one by one, whatever is shared."""

import copy
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmctheory.layerwise import evaluate, groups, layers
from lmctheory.layerwise.points import forward
from lmctheory.layerwise.points.forward import forward_of
from lmctheory.layerwise.points.pair import pair_of, require_points
from lmctheory.networks import MLP, Examples
from lmctheory.networks.program import Program
from lmctheory.paths import barrier
from tests.layerwise.cube_pairs import ARCHITECTURES, Opaque, examples, mlps, one_by_one, pair
from tests.rarely import rarely


def windows(L):
    """Single layers, cumulative groups and all windows, at the midpoint."""
    spans = [(i, j) for i in range(L) for j in range(i + 1, L + 1)]
    return np.array([[0.5 * (i <= layer < j) for layer in range(L)] for i, j in spans])


@pytest.mark.parametrize("name", rarely(ARCHITECTURES, ["resnet"]))
def test_equals_state_dictionaries_loaded_one_by_one(name):
    a, b = pair(name)
    data, L = examples(30), len(layers(a))
    rng = np.random.default_rng(0)
    alpha = np.concatenate(
        [rng.choice([0.0, 0.5, 1.0], (10, L)), rng.random((5, L)), windows(L)[:5]]
    )
    found = evaluate(a, b, data, alpha)
    loss, accuracy = one_by_one(a, b, data, alpha)
    np.testing.assert_allclose(found.loss, loss, rtol=1e-12)
    np.testing.assert_array_equal(found.accuracy, accuracy)


@pytest.mark.parametrize("name", ["mlp", "vgg", "resnet"])
def test_the_diagonal_is_the_path_and_its_ends_the_networks(name):
    a, b = pair(name)
    data = examples(20)
    curve = barrier(a, b, data, 5)
    found = evaluate(a, b, data, np.outer(1 - curve.t, np.ones(len(layers(a)))))
    np.testing.assert_allclose(found.loss, curve.loss, rtol=1e-12)
    np.testing.assert_array_equal(found.accuracy, curve.accuracy)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_all_architectures_are_evaluated_in_steps(name):
    a, b = pair(name)
    data = examples(2)
    steps = forward_of(pair_of(a, b, data), data.inputs[:1])._steps
    assert len(steps) > len(layers(a))


def test_prefixes_in_common_are_computed_once(monkeypatch):
    a, b = mlps((6, 5, 5, 5, 4))
    steps = forward_of(pair_of(a, b, examples(3, 6, 4)), torch.zeros(1, 6).double())
    counted = []
    carried_out = Program.carried_out

    def counting(self, node, *rest):
        counted.append(str(node.target))
        return carried_out(self, node, *rest)

    monkeypatch.setattr(Program, "carried_out", counting)
    points = np.unique(windows(4), axis=0).tolist()
    assert len(list(steps.along(torch.zeros(3, 6).double(), points))) == len(points)
    prefixes = {tuple(point[:k]) for point in windows(4) for k in range(1, 5)}
    assert sum("linear" in name for name in counted) == len(prefixes) < 4 * len(windows(4))


def test_blocks_of_examples_change_nothing(monkeypatch):
    a, b = pair("cnn")
    data, alpha = examples(50), windows(3)
    whole = evaluate(a, b, data, alpha)
    monkeypatch.setattr(forward, "_VALUE_BYTES", 1)
    blocked = evaluate(a, b, data, alpha)
    np.testing.assert_allclose(blocked.loss, whole.loss, rtol=1e-12)
    np.testing.assert_array_equal(blocked.accuracy, whole.accuracy)


@settings(deadline=None, max_examples=15)
@given(
    seed=st.integers(0, 2**31),
    widths=st.lists(st.integers(1, 6), min_size=3, max_size=6),
    points=st.integers(1, 12),
)
def test_order_and_repetition_of_points_do_not_matter(seed, widths, points):
    a, b = mlps(widths, seed=seed)
    data = examples(5, widths[0], widths[-1], seed=seed)
    rng = np.random.default_rng(seed)
    alpha = rng.choice([0.0, 0.25, 1.0], (points, len(widths) - 1))
    places = rng.integers(points, size=2 * points)
    found = evaluate(a, b, data, alpha)
    np.testing.assert_array_equal(evaluate(a, b, data, alpha[places]).loss, found.loss[places])
    swapped = evaluate(b, a, data, 1 - alpha)
    np.testing.assert_allclose(swapped.loss, found.loss, rtol=1e-9)


def test_groups_are_moved_together_and_other_layers_stay():
    a, b = pair("mlp")
    data, chosen = examples(20), groups(a, [["layers.2", "layers.0"]])
    alpha = np.array([[0.3], [1.0]])
    loss, _ = one_by_one(a, b, data, alpha, chosen)
    np.testing.assert_allclose(evaluate(a, b, data, alpha, layers=chosen).loss, loss, rtol=1e-12)
    expected = evaluate(a, b, data, alpha * [1, 0, 1]).loss
    np.testing.assert_allclose(evaluate(a, b, data, alpha, layers=chosen).loss, expected)


def test_columns_in_any_order_of_the_layers():
    a, b = pair("mlp")
    data, chosen = examples(20), groups(a, [["layers.1"], ["layers.2"], ["layers.0"]])
    alpha = np.array([[0.1, 0.2, 0.3], [0.9, 0.2, 0.3]])
    expected = evaluate(a, b, data, alpha[:, [2, 0, 1]]).loss
    np.testing.assert_array_equal(evaluate(a, b, data, alpha, layers=chosen).loss, expected)


def test_tied_layers_move_together():
    def tied(seed):
        [model, _] = mlps((5, 5, 5, 3), seed=seed)
        model.layers[1].weight = model.layers[0].weight
        return model

    a, b = tied(0), tied(1)
    data, alpha = examples(10, 5, 3), np.array([[0.5, 0.0], [0.5, 1.0], [0.2, 0.2]])
    for models in ((a, b), (Opaque(a), Opaque(b))):
        assert len(layers(models[0])) == 2
        found = evaluate(*models, data, alpha)
        np.testing.assert_allclose(found.loss, one_by_one(*models, data, alpha)[0], rtol=1e-12)


class InPlace(nn.Module):
    """Three ways of changing values in place, as published architectures do."""

    def __init__(self, last):
        super().__init__()
        self.one, self.two, self.three = (nn.Linear(6, 6).double() for _ in range(3))
        self.relu, self.last = nn.ReLU(inplace=True), last

    def forward(self, x):
        h = self.relu(self.one(x))
        out = self.two(h)
        out += h
        out = nn.functional.relu(out, inplace=True)
        return self.last(self.three(out))


class Doubling(nn.Module):
    def forward(self, x):
        x.mul_(2.0)
        return x


class Deciding(nn.Module):
    def forward(self, x):
        return x if x.mean() > 0 else -x


@pytest.mark.parametrize(
    ("last", "traceable"), [(nn.Identity(), True), (Doubling(), True), (Deciding(), False)]
)
def test_values_changed_in_place_are_not_reused(last, traceable):
    torch_rng = torch.random.get_rng_state()
    torch.manual_seed(0)
    a, b = InPlace(last), InPlace(last)
    torch.random.set_rng_state(torch_rng)
    data, alpha = examples(20, 6, 6), windows(3)
    forward_pass = forward_of(pair_of(a, b, data), data.inputs[:1])
    operations = [step for step in forward_pass._steps if step.node.op == "call_function"]
    assert (len(operations) > 1) == traceable
    loss, _ = one_by_one(a, b, data, alpha)
    if not isinstance(last, Deciding):  # which decides for a block of examples
        np.testing.assert_allclose(evaluate(a, b, data, alpha).loss, loss, rtol=1e-12)
    assert a.relu.inplace


def test_a_hook_is_seen():
    a, b = mlps((6, 5, 4))
    for model in (a, b):
        model.layers[0].register_forward_hook(lambda module, args, output: 2 * output)
    data, alpha = examples(10, 6, 4), windows(2)
    found = evaluate(a, b, data, alpha)
    np.testing.assert_allclose(found.loss, one_by_one(a, b, data, alpha)[0], rtol=1e-12)


def test_arguments_are_left_alone():
    a, b = pair("resnet")
    a.train()
    before = copy.deepcopy([a.state_dict(), b.state_dict()])
    data, alpha = examples(10), np.full((2, len(layers(a))), 0.5)
    inputs = data.inputs.clone()
    evaluate(a, b, data, alpha)
    assert a.training
    assert torch.equal(data.inputs, inputs)
    for model, state in zip((a, b), before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())


def test_points_outside_the_cube_are_refused():
    a, b = mlps((6, 5, 4))
    data = examples(10, 6, 4)
    for value in (-0.1, 1.5, np.nan):
        with pytest.raises(ValueError, match=re.escape(f"alpha must lie in [0, 1], got {value:g}")):
            evaluate(a, b, data, np.array([[0.5, value]]))
    with pytest.raises(ValueError, match=r"alpha must have 2 columns, one per layer, got .*\(1, 3"):
        evaluate(a, b, data, np.zeros((1, 3)))
    with pytest.raises(ValueError, match=r"one per layer, got shape \(2,\)"):
        require_points(np.zeros(2), pair_of(a, b, data))


def test_layers_that_overlap_or_are_none_are_refused():
    a, b = mlps((6, 5, 4))
    data, [first, second] = examples(10, 6, 4), layers(a)
    with pytest.raises(
        ValueError, match=r"at least one layer, and no parameter twice, got .*layers\.0"
    ):
        evaluate(a, b, data, np.zeros((1, 2)), layers=[first, first])
    with pytest.raises(ValueError, match="at least one layer, and no parameter twice, got"):
        evaluate(a, b, data, np.zeros((1, 0)), layers=[])
    strangers = layers(pair("cnn")[0])[:1]
    with pytest.raises(ValueError, match=r"of the networks' state, got 'blocks\.0\.0\.weight'"):
        evaluate(a, b, data, np.zeros((1, 1)), layers=strangers)
    assert evaluate(a, b, data, np.zeros((1, 1)), layers=[second]).loss.shape == (1,)


def test_different_architectures_and_bad_data_are_refused():
    a, b = mlps((6, 5, 4))
    data = examples(10, 6, 4)
    with pytest.raises(ValueError, match=r"'layers.0.weight' has shape \(5, 6\) in model_a"):
        evaluate(a, mlps((6, 4, 4))[1], data, np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..3"):
        evaluate(a, b, Examples(data.inputs, data.labels + 4), np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"data.inputs of shape \[5\] do not fit"):
        evaluate(a, b, Examples(data.inputs[:, :5], data.labels), np.zeros((1, 2)))
    with torch.no_grad():
        b.layers[0].bias[0] = torch.nan
    with pytest.raises(ValueError, match="model_b has NaN or infinite values"):
        evaluate(a, b, data, np.zeros((1, 2)))


def test_a_network_of_a_single_layer_has_no_barrier():
    """Cross-entropy is convex in the last layer of any network (L1)."""
    rng = torch.Generator().manual_seed(0)
    a, b = (MLP((6, 4), rng=rng, dtype=torch.float64) for _ in range(2))
    loss = evaluate(a, b, examples(20, 6, 4), np.array([[0.0], [0.5], [1.0]])).loss
    assert loss[1] < (loss[0] + loss[2]) / 2


def test_blocks_are_as_large_as_values_allow_whatever_the_weights():
    """Blocks cut to the size of weights took twenty times as long."""
    rng = torch.Generator().manual_seed(0)
    a, b = (MLP((8, 512, 512, 3), rng=rng) for _ in range(2))
    data = Examples(torch.randn(3, 8, generator=rng), torch.arange(3))
    found = forward_of(pair_of(a, b, data), data.inputs[:1])
    assert found.rows == 2**20 // (4 * 512)
