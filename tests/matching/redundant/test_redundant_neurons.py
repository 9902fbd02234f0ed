"""What is redundant: planted neurons of every kind, what is none, what is refused."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching import redundancy
from lmctheory.networks import MLP, Examples, ViT
from lmctheory.networks.state import copied, slots
from tests.matching.families import FAMILIES, built, varied
from tests.matching.redundant.planted import (
    CASES,
    CONSTANT,
    DUPLICATES,
    SILENT,
    ZERO,
    inputs,
    planted,
    respread,
    seeded,
    shuffled,
)


def found_in(result, group):
    """The sets of a group, by kind and how they were found."""
    return {
        (one.kind, one.found_by): set(one.neurons.tolist())
        for one in result.sets
        if one.group == group
    }


@pytest.mark.parametrize("name", CASES)
def test_planted_neurons_are_found_wherever_they_stand(name):
    case = CASES[name]
    model = planted(case)
    moved, places = shuffled(case, respread(case, model, 1), 2)
    before = {key: tensor.clone() for key, tensor in slots(moved).items()}
    x = inputs(case)
    torch.testing.assert_close(moved(x), model(x))
    result = redundancy(moved, x)
    expected = {
        ("silent", "weights"): {SILENT},
        ("dead", "weights"): {ZERO},
        # of a stream each layer reads another constant
        (("duplicated", "data") if name == "residual stream" else ("constant", "weights")): {
            *CONSTANT
        },
        ("duplicated", "weights"): {*DUPLICATES},
    }
    found = found_in(result, case.group)
    assert found == {kind: {int(places[n]) for n in old} for kind, old in expected.items()}
    assert result.fixed.keys() <= {g for g in result.sizes if "qk" in g}
    assert all(torch.equal(tensor, before[key]) for key, tensor in slots(moved).items())
    shared = 1 if name == "residual block" else 0  # of padded convolutions no bias compensates
    removable = 2 if name == "residual stream" else 4 - shared
    assert result.widths[case.group] == result.sizes[case.group] - 2 - removable


def test_factors_are_what_neurons_compute():
    case = CASES["tanh"]
    result = redundancy(planted(case))
    by_kind = {one.kind: one for one in result.sets}
    assert by_kind["duplicated"].factors.tolist() == [1, -1, 1]
    assert by_kind["constant"].factors == pytest.approx(np.tanh([0.5, 0.3]))
    assert by_kind["dead"].factors.tolist() == [0]
    assert np.isnan(by_kind["silent"].factors).all()
    assert result.examples == 0
    assert {one.found_by for one in result.sets} == {"weights"}


def test_signs_are_seen_only_where_they_can_be_undone():
    rng = seeded()
    for activation, expected in (("tanh", 1), ("relu", 0)):
        net = MLP((3, 6, 2), activation, rng=rng)
        with torch.no_grad():
            for part in (net.linears[0].weight, net.linears[0].bias):
                part[2] = -part[5]
        result = redundancy(net)
        assert len(result.sets) == expected
        assert not result.fixed


def test_duplicates_agree_to_the_tolerance():
    net = MLP((3, 6, 2), rng=seeded(), dtype=torch.float64)
    with torch.no_grad():
        net.linears[0].weight[2] = net.linears[0].weight[5] * (1 + 1e-5)
        net.linears[0].bias[2] = net.linears[0].bias[5]
    assert not redundancy(net).sets
    assert not redundancy(net, tolerance=0.9e-5).sets
    (one,) = redundancy(net, tolerance=1.1e-5).sets
    assert one.neurons.tolist() == [2, 5]


def test_data_show_what_weights_do_not():
    rng = seeded(4)
    net = MLP((3, 6, 2), rng=rng, dtype=torch.float64)
    x = torch.randn(30, 3, generator=rng).double()
    with torch.no_grad():
        layer = net.linears[0]
        layer.bias[0] = -100  # dead on these examples
        layer.weight[4], layer.bias[4] = 3 * layer.weight[2], 3 * layer.bias[2]
    result = redundancy(net, x)
    assert found_in(result, "layers.0") == {("dead", "data"): {0}, ("duplicated", "data"): {2, 4}}
    (twice,) = (one for one in result.sets if one.kind == "duplicated")
    assert twice.factors == pytest.approx([1, 3])
    assert result.widths == {"layers.0": 6}  # for all inputs nothing can go
    saturated = MLP((3, 6, 2), "tanh", rng=seeded(), dtype=torch.float64)
    with torch.no_grad():
        saturated.linears[0].bias[1] = 100
    assert found_in(redundancy(saturated, x), "layers.0") == {("constant", "data"): {1}}
    labels = torch.zeros(30, dtype=torch.long)
    assert redundancy(net, Examples(x, labels)).counts() == result.counts("layers.0")


def test_channels_of_zero_gain_are_constant_whatever_they_are_made_of():
    case = CASES["convolutions"]
    model = copied(planted(case))
    with torch.no_grad():
        model[1].weight[9], model[1].bias[9] = 0, 0.7
        model[1].weight[10], model[1].bias[10] = 0, -0.7
    found = found_in(redundancy(model, inputs(case)), case.group)
    assert found[("constant", "weights")] == {*CONSTANT, 9}
    assert found[("dead", "weights")] == {ZERO, 10}


def test_equal_heads_are_duplicates():
    model = ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=seeded())
    with torch.no_grad():
        attention = model.blocks[0].attention
        for tensor in (attention.in_proj_weight, attention.in_proj_bias):
            parts = tensor.view(3, 2, 4, *tensor.shape[1:])
            parts[:, 1] = parts[:, 0]
    result = redundancy(model, torch.randn(5, 64, generator=seeded()))
    heads = [one for one in result.sets if one.group == "blocks.0.attention"]
    assert [(one.kind, one.neurons.tolist()) for one in heads] == [("duplicated", [0, 1])]


class Centred(nn.Module):
    """Neurons that a normalisation sees all together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(4, 6), nn.LayerNorm(6)
        self.last = nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


def test_what_a_normalisation_sees_is_not_silent():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = Centred()
    with torch.no_grad():
        net.last.weight[:, 3] = 0
    result = redundancy(net, torch.randn(5, 4, generator=seeded()))
    assert not result.sets
    assert result.fixed == {"first": "silent neurons are not free: the outputs changed"}


@pytest.mark.parametrize("name", ["nn.LSTM", "nn.GRU", "nn.RNN", "nn.Bilinear", "weight norm"])
def test_nothing_is_redundant_for_every_input_in_random_networks(name):
    family = FAMILIES[name]
    result = redundancy(varied(built(family)), family.example)
    assert not [one for one in result.sets if one.found_by == "weights"]
    assert result.widths == result.sizes
    if name == "nn.Bilinear":
        assert result.fixed["left"] == "it is not seen what 'both.weight' reads"
    if name == "weight norm":
        assert result.fixed["1"] == "no layer reads it by weights that are summed over it"


def test_a_result_reads_well():
    case = CASES["relu"]
    result = redundancy(planted(case), inputs(case))
    assert repr(result).startswith("Redundancy(23 neurons in 2 groups: 1 silent by weights, 1 dead")
    table = result.table().text("table")
    assert "1, 4, 6" in table
    assert "outgoing weights of equal sum" in table
    assert "on 20 examples" in table
    assert result.to_dict()["widths"]["layers.0"] == 6
    plain = redundancy(MLP((3, 6, 2), rng=seeded()))
    assert repr(plain) == "Redundancy(6 neurons in 1 groups: none)"


def test_what_cannot_be_told_is_refused():
    net = MLP((3, 6, 2), rng=seeded())
    for tolerance in (0, 1, -1e-6):
        with pytest.raises(ValueError, match=r"tolerance must lie in \(0, 1\)"):
            redundancy(net, tolerance=tolerance)
    with pytest.raises(TypeError, match="data must be given for networks that are no chains"):
        redundancy(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2, 1)))
    with pytest.raises(ValueError, match="does not fit"):
        redundancy(net, torch.zeros(4, 5))
    with pytest.raises(ValueError, match="data must be finite"):
        redundancy(net, torch.full((4, 3), torch.nan))
    broken = copied(net)
    with torch.no_grad():
        broken.linears[0].weight[0, 0] = torch.inf
    with pytest.raises(ValueError, match=r"NaN or infinite values in 'layers.0.weight'"):
        redundancy(broken)
    with pytest.raises(TypeError, match=r"model must be an nn.Module"):
        redundancy(np.zeros(3))


def test_freedom_is_tried_more_precisely_than_a_network_is_stored():
    case = CASES["relu"]
    short = copied(planted(case)).bfloat16()
    found = found_in(redundancy(short, inputs(case)), "layers.0")
    kinds = {kind for kind, found_by in found if found_by == "weights"}
    assert kinds == {"silent", "dead", "constant", "duplicated"}
