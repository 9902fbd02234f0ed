"""Layers: everything that is moved is in exactly one, tied modules are one."""

import re

import pytest
import torch
from torch import nn

from lmctheory.layerwise import Layer, groups, layers
from tests.layerwise.cube_pairs import ARCHITECTURES, pair


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_and_running_statistic_is_in_exactly_one_layer(name):
    model, _ = pair(name)
    keys = [key for layer in layers(model) for key in layer.keys]
    floating = [key for key, value in model.state_dict().items() if value.is_floating_point()]
    assert sorted(keys) == sorted(floating)


def test_one_layer_per_module_in_order_of_execution():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)
            self.norm = nn.BatchNorm1d(3)
            self.first = nn.Linear(4, 3)
            self.scale = nn.Parameter(torch.ones(2))

        def forward(self, x):
            return self.scale * self.head(self.norm(self.first(x)))

    found = layers(Backwards())
    # the scale is read first: it is an attribute when the product is formed
    assert {layer.name for layer in found} == {"first", "norm", "head", "(root)"}
    names = [layer.name for layer in found if layer.name != "(root)"]
    assert names == ["first", "norm", "head"]
    norm = next(layer for layer in found if layer.name == "norm")
    assert norm.keys == ("norm.weight", "norm.bias", "norm.running_mean", "norm.running_var")


def test_modules_that_share_a_tensor_are_one_layer():
    model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    model[2].weight = model[0].weight
    assert [layer.name for layer in layers(model)] == ["0", "1", "3"]
    assert layers(model)[0].keys == ("0.weight", "0.bias", "2.weight", "2.bias")
    model[3].bias = model[2].bias  # a chain of ties
    assert [len(layer.keys) for layer in layers(model)] == [6, 2]


def test_a_module_used_twice_is_one_layer():
    shared = nn.Linear(3, 3)
    assert [layer.name for layer in layers(nn.Sequential(shared, nn.ReLU(), shared))] == ["0"]


def test_a_module_that_cannot_be_traced_has_its_layers_in_order_of_registration():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.late, self.early = nn.Linear(3, 3), nn.Linear(3, 3)

        def forward(self, x):
            return self.late(self.early(x)) if x.sum() > 0 else x

    assert [layer.name for layer in layers(Branching())] == ["late", "early"]


def test_groups_join_layers_in_the_order_given():
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(3)))
    assert groups(model) == layers(model)
    found = groups(model, [["2"], ["0", "1"]])
    assert found[1] == Layer("0+1", ("0.weight", "0.bias", "1.weight", "1.bias"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([["0"], ["0", "1"]], "groups must not overlap, but '0' is named twice"),
        ([["0", "0"]], "groups must not overlap, but '0' is named twice"),
        ([["0"], ["7"]], "groups must name layers among ['0', '1'], got '7'"),
        ([["0"], []], "groups must name at least one layer each, got [['0'], []]"),
        ([], "groups must name at least one layer each, got []"),
    ],
)
def test_groups_that_are_none_are_refused(names, message):
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with pytest.raises(ValueError, match=re.escape(message)):
        groups(model, names)


def test_a_parametrised_weight_belongs_to_its_module():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    nn.utils.parametrizations.weight_norm(model[0])
    weights = "0.parametrizations.weight.original"
    assert layers(model)[0] == Layer("0", ("0.bias", f"{weights}0", f"{weights}1"))
    assert len(layers(model)) == 2
    [alone] = layers(nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)))
    assert alone.name == "(root)"


def test_a_module_without_parameters_is_refused():
    with pytest.raises(ValueError, match="must have parameters, got a module without any"):
        layers(nn.ReLU())
