"""What stays as it is, and why."""

from itertools import pairwise

import pytest
from torch import nn

from lmctheory.matching import symmetry
from lmctheory.networks import affine_chain
from tests.matching.tracing.examples import Module, found_in, inputs, sizes


class Unknown(nn.LSTM):
    """Recurrent layers are known, but not what is derived from them."""


def test_what_is_not_known_is_fixed_and_named():
    model = nn.Sequential(
        nn.Linear(3, 5), Unknown(5, 4), Module(lambda self, x: x[0]), nn.Linear(4, 2)
    )
    found = found_in(model, inputs(6, 3))
    assert found.groups == ()
    reason = "it enters '1' (Unknown), of which it is not known how it treats neurons"
    assert (found.fixed["0"], found.fixed["1"]) == (reason, reason)
    ordered = Module(
        lambda self, x: self.last(self.first(x).cumsum(1)),
        first=nn.Linear(3, 5),
        last=nn.Linear(5, 2),
    )
    found = found_in(ordered, inputs(6, 3))
    assert found.groups == ()
    assert "Tensor.cumsum" in found.fixed["first"]


def test_subclasses_and_reparametrised_layers_are_not_taken_for_what_they_derive_from():
    class Odd(nn.Linear):
        def forward(self, x):
            return super().forward(x).cumsum(1)

    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), Odd(4, 4), nn.ReLU(), nn.Linear(4, 2))
    assert sizes(found_in(net, inputs(2, 3))) == {"0": 4}
    normed = nn.utils.parametrizations.weight_norm(nn.Linear(4, 4))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), normed, nn.ReLU(), nn.Linear(4, 2))
    found = found_in(net, inputs(2, 3))
    assert sizes(found) == {"0": 4, "2": 4}  # its own parameters are moved, not what they make
    assert set(found["2"].axes) == {
        *(("2.parametrizations.weight.original0", 0), ("2.parametrizations.weight.original1", 0)),
        *(("2.bias", 0), ("4.weight", 1)),
    }


def test_normalisation_of_several_axes_and_other_layers():
    model = nn.Sequential(
        *(nn.Conv1d(2, 6, 3), nn.LayerNorm([6, 8]), nn.PReLU(6), nn.MaxPool1d(2)),
        *(nn.Upsample(scale_factor=2), nn.InstanceNorm1d(6, affine=True), nn.Softmax(1)),
        *(nn.BatchNorm1d(6), nn.ReflectionPad1d(1), nn.Conv1d(6, 8, 3), nn.GLU(1)),
        *(nn.Unflatten(2, (4, 2)), nn.ZeroPad2d(1), nn.AvgPool2d(2), nn.Flatten()),
        nn.Linear(24, 2),
    )
    found = found_in(model, inputs(3, 2, 10))
    assert sizes(found) == {"0": 6, "9": 4}
    layers = {action.parameter for action in found["0"].actions}
    assert {"1.weight", "2.weight", "5.bias", "7.running_var"} <= layers


@pytest.mark.parametrize("swapped", [False, True])
def test_weights_that_are_read_as_a_whole_and_in_parts_stay_fixed(swapped):
    def forward(self, x):
        a, b = self.first(x).relu(), self.second(x).relu()
        order = ((b, b), (a, a)) if swapped else ((a, a), (b, b))
        return self.last(sum(self.heads(a, *pair)[0] for pair in order))

    model = Module(
        forward,
        first=nn.Linear(3, 6),
        second=nn.Linear(3, 6),
        heads=nn.MultiheadAttention(6, 2, batch_first=True),
        last=nn.Linear(6, 2),
    )
    found = found_in(model, inputs(2, 4, 3))
    assert found.fixed["first"] == "'heads.in_proj_weight' is used both as a whole and in parts"
    assert "first" not in sizes(found)
    assert "second" not in sizes(found)


def test_a_grouped_weight_that_is_also_used_by_itself_stays_fixed():
    def forward(self, x):
        hidden = self.grouped(self.first(x).relu()).relu()
        return self.last(hidden.mean(2)) * self.grouped.weight[0, 0, 0]

    model = Module(
        forward,
        first=nn.Conv1d(2, 4, 1),
        grouped=nn.Conv1d(4, 4, 1, groups=2),
        last=nn.Linear(4, 2),
    )
    assert "first" not in sizes(found_in(model, inputs(3, 2, 5)))


def test_every_layer_without_a_group_is_named_with_the_reason():
    def forward(self, x):
        hidden = self.norm(self.first(self.scale(x))).cumsum(1)
        return self.last(self.one(hidden).relu())

    layers = {
        "scale": nn.LayerNorm(3),
        "first": nn.Linear(3, 4),
        "norm": nn.BatchNorm1d(4),
        "one": nn.Linear(4, 1),
        "slope": nn.PReLU(),
        "unused": nn.Linear(3, 5),
        "last": nn.Linear(1, 2),
    }
    found = found_in(Module(forward, **layers), inputs(6, 3))
    assert found.groups == ()
    unknown = "it enters torch.Tensor.cumsum, of which it is not known how it treats neurons"
    assert found.fixed == {
        "scale": "what it computes with are inputs, or neurons that cannot move",
        "first": unknown,
        "norm": unknown,
        "one": "it has a single neuron",
        "unused": "the outputs do not depend on it",
        "last": "its neurons are outputs of the network",
    }


def test_what_is_said_of_chains_is_what_a_trace_says():
    for widths in ((3, 1, 1, 2), (3, 2, 1), (4, 1)):
        layers = [nn.Linear(*fans, bias=False) for fans in pairwise(widths)]
        model = nn.Sequential(*(m for layer in layers for m in (layer, nn.Tanh())))[:-1]
        assert symmetry(model) == symmetry(affine_chain(model)).on(dict(model.named_parameters()))
