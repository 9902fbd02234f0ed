"""Which neurons move together."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.matching.tracing.examples import Module, found_in, inputs, sizes


def residual(self, x):
    h = self.first(x)
    h = h + self.branch(torch.relu(h))
    return self.last(torch.relu(h))


def test_a_residual_stream_is_one_group():
    layers = {"first": nn.Linear(4, 6), "branch": nn.Linear(6, 6), "last": nn.Linear(6, 2)}
    found = found_in(Module(residual, **layers), inputs(3, 4))
    (group,) = found.groups
    assert group.incoming == ("first.weight", "branch.weight")
    assert group.outgoing == ("branch.weight", "last.weight")
    assert group.axes.count(("branch.weight", 0)) == group.axes.count(("branch.weight", 1)) == 1


def test_neurons_added_to_inputs_or_outputs_are_fixed():
    to_input = Module(
        lambda self, x: self.last(x + self.first(x)), first=nn.Linear(4, 4), last=nn.Linear(4, 2)
    )
    found = found_in(to_input, inputs(3, 4))
    assert found.groups == ()
    assert "_operator.add" in found.fixed["first"] or "operator.add" in found.fixed["first"]
    to_output = Module(
        lambda self, x: (lambda h: self.last(h) + h)(self.first(x)),
        first=nn.Linear(4, 3),
        last=nn.Linear(3, 3),
    )
    found = found_in(to_output, inputs(3, 4))
    assert found.groups == ()
    assert set(found.fixed.values()) == {"its neurons are outputs of the network"}


def concatenated(self, x):
    h = torch.cat([self.a(x), self.b(x)], dim=1)
    return self.last(torch.relu(h + self.both(x)))


def test_a_part_of_a_space_that_meets_a_whole_one_splits_it():
    layers = {
        "a": nn.Linear(4, 3),
        "b": nn.Linear(4, 5),
        "both": nn.Linear(4, 8),
        "last": nn.Linear(8, 2),
    }
    found = found_in(Module(concatenated, **layers), inputs(3, 4))
    assert sizes(found) == {"a": 3, "b": 5}
    positions = [a.positions for a in found["b"].actions if a.parameter == "both.weight"]
    assert positions == [tuple((i,) for i in range(3, 8))]


def test_a_space_paired_with_itself_in_another_order_is_fixed():
    rolled = Module(
        lambda self, x: self.last((lambda h: h + h.roll(1, 1))(self.first(x))),
        first=nn.Linear(4, 5),
        last=nn.Linear(5, 2),
    )
    found = found_in(rolled, inputs(3, 4))
    assert found.groups == ()
    assert "combines its neurons" in found.fixed["first"]
    swapped = Module(
        lambda self, x: self.last(self.first(x) + torch.cat(self.first(x).chunk(2, 1)[::-1], 1)),
        first=nn.Linear(4, 6),
        last=nn.Linear(6, 2),
    )
    assert sizes(found_in(swapped, inputs(3, 4))) == {"first": 3}


def gated(self, x):
    a, b = self.first(x).chunk(2, dim=-1)
    return self.last(a * torch.sigmoid(b))


@pytest.mark.parametrize(
    "forward", [gated, lambda self, x: self.last(functional.glu(self.first(x), dim=-1))]
)
def test_a_gate_moves_with_what_it_gates(forward):
    model = Module(forward, first=nn.Linear(4, 10), last=nn.Linear(5, 2))
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.size == 5
    assert group.actions[0].positions == tuple((i, i + 5) for i in range(5))


def test_a_gate_whose_halves_are_interleaved():
    # index lists in no order: the second neuron's entries come the other way round
    def forward(self, x):
        h = self.first(x)
        return self.last(h[:, [0, 3, 5]] * torch.tanh(h[:, [1, 2, 4]]))

    model = Module(forward, first=nn.Linear(4, 6), last=nn.Linear(3, 2))
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.actions[0].positions == ((0, 1), (3, 2), (5, 4))


def test_neurons_that_would_own_unlike_parts_are_fixed():
    # every second linear neuron meets the other position of a channel
    def forward(self, x):
        return self.last(self.wide(x).flatten(1) + self.flat(x.flatten(1)))

    layers = {"wide": nn.Conv1d(2, 3, 3), "flat": nn.Linear(8, 6), "last": nn.Linear(6, 2)}
    found = found_in(Module(forward, **layers), inputs(3, 2, 4))
    assert found.groups == ()
    assert "combines its neurons" in found.fixed["flat"]


def test_windows_along_neurons_fix_them():
    model = nn.Sequential(nn.Linear(4, 6), nn.AvgPool1d(2), nn.Linear(3, 5), nn.Linear(5, 2))
    found = found_in(model, inputs(3, 2, 4))
    assert sizes(found) == {"2": 5}
    assert found.fixed["0"] == "'1' (AvgPool1d) slides along it"


def test_blocks_of_neurons_with_two_entries_of_one_layer_keep_their_place():
    # in the second block the entries of `b` come the other way round
    def forward(self, x):
        h = self.a(x) + self.b(x)[:, [0, 1, 2, 3, 5, 4, 7, 6]]
        return self.last(torch.relu(self.norm(h[:, ::2] * torch.relu(h[:, 1::2]))))

    layers = {name: nn.Linear(4, 8) for name in "ab"} | {"last": nn.Linear(4, 2)}
    model = Module(forward, norm=nn.GroupNorm(2, 4), **layers)
    assert sizes(found_in(model, inputs(3, 4))) == {"a.0": 2, "a.1": 2}


def test_dense_connections():
    def forward(self, x):
        h = self.a(x)
        h = torch.cat([h, self.b(torch.relu(h))], 1)
        return self.last(torch.relu(torch.cat([x, h], 1)))

    model = Module(forward, a=nn.Linear(4, 3), b=nn.Linear(3, 5), last=nn.Linear(12, 2))
    assert sizes(found_in(model, inputs(3, 4))) == {"a": 3, "b": 5}


def test_padded_channels_of_a_shortcut_may_be_in_any_order():
    # He et al.'s option A: the stream is padded with zero channels on both sides
    def forward(self, x):
        h = self.first(x)
        h = functional.pad(h[:, :, ::2, ::2], (0, 0, 0, 0, 2, 3)) + self.wide(h)
        return self.last(h.relu().mean((2, 3)))

    layers = {
        "first": nn.Conv2d(1, 4, 3, padding=1),
        "wide": nn.Conv2d(4, 9, 3, stride=2, padding=1),
        "last": nn.Linear(9, 2),
    }
    assert sizes(found_in(Module(forward, **layers), inputs(2, 1, 6, 6))) == {"first": 4, "wide": 5}


def test_a_slice_that_is_used_alone_is_reordered_alone():
    def forward(self, x):
        h = torch.relu(self.first(x))
        return self.last(h) + self.more(h[:, :4]) + h[:, 6:7] * h[:, 7:]

    layers = {"first": nn.Linear(4, 8), "last": nn.Linear(8, 2), "more": nn.Linear(4, 2)}
    found = found_in(Module(forward, **layers), inputs(3, 4))
    assert sizes(found) == {"first.0": 4, "first.1": 2}
