"""The permutation groups of a network, and reordering its neurons."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmctheory.matching import permute, symmetry
from lmctheory.matching._symmetry import function_change, outputs, parameters
from lmctheory.networks import MLP, AffineChain, affine_chain


def mlp(*widths: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> MLP:
    return MLP(widths, rng=torch.Generator().manual_seed(seed), dtype=dtype)


def random_permutations(model, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {group.name: rng.permutation(group.size) for group in symmetry(model).groups}


def test_one_group_for_each_hidden_layer():
    first, second = symmetry(mlp(3, 5, 4, 2)).groups
    assert (first.name, first.size) == ("layers.0", 5)
    assert first.axes == (("layers.0.weight", 0), ("layers.0.bias", 0), ("layers.1.weight", 1))
    assert first.incoming == ("layers.0.weight",)
    assert first.outgoing == ("layers.1.weight",)
    assert (second.name, second.size) == ("layers.1", 4)


def test_layers_without_bias_have_no_bias_axis():
    net = nn.Sequential(nn.Linear(3, 5, bias=False), nn.ReLU(), nn.Linear(5, 2))
    assert symmetry(net).groups[0].axes == (("0.weight", 0), ("2.weight", 1))
    order = np.array([4, 3, 2, 1, 0])
    assert torch.equal(permute(net, {"0": order})[0].weight, net[0].weight.flip(0))


def test_neighbouring_layers_are_coupled_by_the_weight_between_them():
    groups = symmetry(mlp(3, 5, 4, 6, 2))
    coupled = {
        (c.action.parameter, c.action.axis, c.other.name, c.other_action.axis)
        for c in groups.couplings(groups.groups[1])
    }
    assert coupled == {
        ("layers.1.weight", 0, "layers.0", 1),
        ("layers.2.weight", 1, "layers.2", 0),
    }
    assert groups.interacts
    assert not symmetry(mlp(3, 5, 2)).interacts


@given(
    widths=st.lists(st.integers(1, 6), min_size=2, max_size=5),
    seed=st.integers(0, 2**32 - 1),
    leaky=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_reordering_preserves_the_function(widths, seed, leaky):
    torch_rng = torch.Generator().manual_seed(seed)
    layers = [nn.Linear(*fans, dtype=torch.float64) for fans in pairwise(widths)]
    with torch.no_grad():
        for parameter in (p for layer in layers for p in layer.parameters()):
            parameter.normal_(generator=torch_rng)
    sigma = nn.LeakyReLU if leaky else nn.Tanh
    net = nn.Sequential(*(module for layer in layers for module in (layer, sigma())))[:-1]
    shuffled = permute(net, random_permutations(net, np.random.default_rng(seed)))
    x = torch.randn(7, widths[0], generator=torch_rng, dtype=torch.float64)
    torch.testing.assert_close(shuffled(x), net(x), rtol=1e-10, atol=1e-10)


def test_index_i_of_the_permutation_names_the_neuron_that_comes_to_place_i():
    net = mlp(3, 4, 2)
    order = np.array([2, 0, 3, 1])
    moved = permute(net, {"layers.0": order})
    index = torch.as_tensor(order)
    assert torch.equal(moved.linears[0].weight, net.linears[0].weight[index])
    assert torch.equal(moved.linears[0].bias, net.linears[0].bias[index])
    assert torch.equal(moved.linears[1].weight, net.linears[1].weight[:, index])


def test_a_chain_and_its_module_are_reordered_alike():
    net = mlp(3, 5, 4, 2)
    permutations = random_permutations(net, np.random.default_rng(1))
    chain = permute(affine_chain(net), permutations)
    for W, layer in zip(chain.weights, permute(net, permutations).linears, strict=True):
        assert torch.equal(W, layer.weight)


def test_the_argument_keeps_its_parameters_and_the_copy_its_settings():
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2)).eval()
    net[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    moved = permute(net, {"0": np.array([3, 2, 1, 0])})
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert not moved.training
    assert not moved[0].weight.requires_grad
    assert moved[3].weight.requires_grad


@pytest.mark.parametrize(
    ("permutations", "message"),
    [
        ({}, r"for the groups \['layers.0'\] of the network, got \[\]"),
        ({"layers.1": np.arange(4)}, r"for the groups \['layers.0'\] .* got \['layers.1'\]"),
        ({"layers.0": np.arange(5)}, r"must have shape \(4,\), got \(5,\)"),
        ({"layers.0": np.array([0, 1, 2, 2])}, r"must hold each of 0, \.\.\., 3 once"),
        ({"layers.0": np.array([1, 2, 3, 4])}, r"must hold each of 0, \.\.\., 3 once"),
        ({"layers.0": np.array([0.0, 1.0, 2.0, 3.5])}, r"must hold each of 0, \.\.\., 3 once"),
        ({"layers.0": np.array([0.0, 1.0, 2.0, 3.0])}, r"must be integers, got float64"),
    ],
)
def test_what_is_no_permutation_of_the_network_is_refused(permutations, message):
    with pytest.raises(ValueError, match=message):
        permute(mlp(3, 4, 2), permutations)


def test_a_stack_of_networks_is_refused():
    chain = affine_chain(mlp(3, 4, 2))
    stack = AffineChain(
        chain.names,
        tuple(torch.stack([W, W]) for W in chain.weights),
        tuple(torch.stack([b, b]) for b in chain.biases),
        chain.activations,
    )
    with pytest.raises(ValueError, match=r"one network at a time, got a stack.*\(2, 4, 3\)"):
        symmetry(stack)


def test_outputs_are_those_of_evaluation_mode_in_double_precision():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 2))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    expected = nn.Sequential(*net).eval().double()
    y = outputs(net, x)
    torch.testing.assert_close(y, expected(x.double()).detach(), rtol=1e-12, atol=0)
    chain = mlp(3, 4, 2)
    torch.testing.assert_close(outputs(affine_chain(chain), x), outputs(chain, x))


def test_buffers_move_with_the_neurons_but_are_no_parameters():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    net[1].running_mean.copy_(torch.arange(4.0))
    found = symmetry(net, torch.zeros(2, 3))
    moved = permute(net, {"0": np.array([3, 1, 0, 2])}, found)
    assert moved[1].running_mean.tolist() == [3, 1, 0, 2]
    assert net[1].running_mean.tolist() == [0, 1, 2, 3]
    assert "1.running_mean" not in parameters(net)
    assert ("1.running_mean", 0) in found["0"].axes
    assert ("1.running_mean", 0) not in found.on(parameters(net)).groups[0].axes


def test_blocks_are_reordered_inside_first():
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 1))
    x = torch.zeros(1, 1, 2, 2)
    orders = {"0.0": np.array([1, 0]), "0.1": np.array([0, 1]), "0": np.array([1, 0])}
    moved = permute(net, orders, symmetry(net, x))
    assert torch.equal(moved[0].bias, net[0].bias[[2, 3, 1, 0]])


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"x of shape \[1, 5\] does not fit the network: mat1"):
        outputs(mlp(4, 3, 2), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="x must have 4 numbers per example, got 5"):
        outputs(affine_chain(mlp(4, 3, 2)), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="x must be finite"):
        outputs(mlp(4, 3, 2), torch.full((1, 4), torch.nan))


def test_inputs_of_a_wrong_type_are_named():
    net = nn.Sequential(nn.Conv1d(1, 2, 1), nn.Flatten(), nn.Linear(8, 2))
    images = torch.zeros(3, 1, 4, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"x of shape \[3, 1, 4\] and type torch.uint8 does"):
        outputs(net, images)
    with pytest.raises(ValueError, match=r"example of shape \[3, 1, 4\] and type torch.uint8"):
        function_change(net, symmetry(net, images.float()), images, rng=np.random.default_rng(0))


def test_a_symmetry_shows_itself_on_a_screen():
    net = MLP((3, *(64,) * 40, 2), rng=torch.Generator().manual_seed(0))
    found = symmetry(net)
    assert repr(found) == (
        "Symmetry(40 groups of neurons {'layers.0': 64, 'layers.1': 64, 'layers.2': 64, "
        "'layers.3': 64, 'layers.4': 64, 'layers.5': 64, ... 34 more}, "
        "fixed {'layers.40': its neurons are outputs of the network})"
    )
    assert repr(found.groups[1]) == (
        "PermutationGroup('layers.1', 64 neurons, moves 'layers.1.weight' axis 0, "
        "'layers.1.bias' axis 0, 'layers.2.weight' axis 1)"
    )
    action = found.groups[1].actions[2]
    assert (
        repr(action)
        == "Action(parameter='layers.2.weight', axis=1, within=None, reads=True, negated=False)"
    )
    assert len(repr(next(found.couplings(found.groups[1])))) < 500


def test_a_group_inside_a_block_says_so():
    net = nn.Sequential(nn.Conv2d(1, 4, 1), nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 1))
    inside = symmetry(net, torch.zeros(1, 1, 2, 2))["0.1"]
    assert "2 neurons in block 1 of '0'" in repr(inside)
