"""The permutation groups of a network, and reordering its neurons."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lmctheory.matching import permute, symmetry
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


def test_tied_and_reparametrised_weights_are_refused():
    tied = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    tied[2].weight = tied[0].weight
    with pytest.raises(TypeError, match=r"'2\.weight' is tied to another parameter"):
        symmetry(tied)
    normalised = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.ReLU(), nn.Linear(4, 2)
    )
    with pytest.raises(TypeError, match=r"re-parametrised|no affine chain"):
        symmetry(normalised)


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


def test_an_example_must_fit_the_network():
    assert symmetry(mlp(4, 3, 2), torch.zeros(1, 2, 2)) == symmetry(mlp(4, 3, 2))
    with pytest.raises(ValueError, match="example must have 4 numbers per example, got 5"):
        symmetry(mlp(4, 3, 2), torch.zeros(1, 5))
