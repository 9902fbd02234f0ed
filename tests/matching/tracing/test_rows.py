"""Blocks of neurons: grouped convolutions, group norms."""

import copy

import pytest
from torch import nn

from tests.matching.tracing.examples import Module, found_in, inputs, normed, sizes

BLOCKS = {f"0.{i}": 2 for i in range(4)} | {f"2.{i}": 3 for i in range(4)}


GROUPED = {
    "grouped": (nn.Conv2d(8, 12, 3, groups=4), BLOCKS | {"0": 4}),
    "multiplier": (nn.Conv2d(8, 16, 3, groups=8), {**{f"2.{i}": 2 for i in range(8)}, "0": 8}),
    "depthwise": (nn.Conv2d(8, 8, 3, groups=8), {"0": 8}),
    "transposed": (
        nn.ConvTranspose2d(8, 6, 3, groups=2),
        {"0.0": 4, "0.1": 4, "2.0": 3, "2.1": 3, "0": 2},
    ),
    "plain transposed": (nn.ConvTranspose2d(8, 6, 3), {"0": 8, "2": 6}),
}  # fmt: skip


@pytest.mark.parametrize("name", GROUPED)
def test_grouped_convolutions(name):
    layer, expected = GROUPED[name]
    found = found_in(
        nn.Sequential(
            *(nn.Conv2d(1, 8, 3), nn.ReLU(), copy.deepcopy(layer), nn.ReLU()),
            *(nn.Conv2d(layer.out_channels, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            nn.Linear(3, 2),
        ),
        inputs(2, 1, 9, 9),
    )
    assert sizes(found) == expected | {"4": 3}
    inside = {group.name for group in found.groups if group.parent is not None}
    blocks = layer.groups if name in ("grouped", "multiplier", "transposed") else 0
    assert inside == {n for n in expected if blocks and "." in n}
    assert {found[n].parent for n in inside} <= {"0"}


def test_children_act_within_their_own_rows():
    model = nn.Sequential(nn.Conv2d(1, 4, 1), nn.Conv2d(4, 6, 1, groups=2), nn.Conv2d(6, 2, 1))
    found = found_in(model, inputs(2, 1, 3, 3))
    within = {g.name: a.within for g in found.groups for a in g.actions if a.within}
    assert within == {"0.0": (0, 3), "0.1": (3, 6)}
    assert found["0"].axes.count(("1.weight", 0)) == 1
    assert ("1.weight", 1) not in found["0"].axes


def test_blocks_that_read_inputs_cannot_be_exchanged():
    model = nn.Sequential(nn.Conv2d(4, 6, 1, groups=2), nn.ReLU(), nn.Conv2d(6, 2, 1))
    assert sizes(found_in(model, inputs(2, 4, 3, 3))) == {"0.0": 3, "0.1": 3}


def test_group_norms():
    x = inputs(2, 1, 3, 3)
    assert sizes(found_in(normed(1, 6), x)) == {"0": 6}
    assert sizes(found_in(normed(6, 6), x)) == {"0": 6}
    assert sizes(found_in(normed(3, 6), x)) == {"0.0": 2, "0.1": 2, "0.2": 2, "0": 3}
    assert sizes(found_in(normed(3, 6, 3), x)) == {"0.0": 2, "0.1": 2, "0.2": 2, "0": 3}


def test_blocks_inside_blocks_move_with_them():
    found = found_in(normed(2, 8, 4), inputs(2, 1, 3, 3))
    assert sizes(found) == {"0.0": 2, "0.1": 2, "0.2": 2, "0.3": 2, "0": 2}
    assert [g.slot for g in found.children(found["0"])] == [0, 0, 1, 1]


def test_blocks_that_divide_neurons_differently_are_not_exchanged():
    found = found_in(normed(2, 12, 3), inputs(2, 1, 3, 3))
    assert sizes(found) == {"0.0": 4, "0.1": 2, "0.2": 2, "0.3": 4}
    assert found.fixed["1"] == "its blocks and those of ['3'] divide the same neurons differently"


def test_a_block_that_is_used_alone_keeps_its_place():
    def forward(self, x):
        h = self.norm(self.first(x))
        return self.last(h).mean((2, 3)) + h[:, :2].sum((1, 2, 3))[:, None]

    model = Module(
        forward,
        first=nn.Conv2d(1, 8, 1),
        norm=nn.GroupNorm(4, 8),
        last=nn.Conv2d(8, 2, 1),
    )
    found = found_in(model, inputs(2, 1, 3, 3))
    assert sizes(found) == {"first.0": 2, "first.1": 2, "first.2": 2, "first.3": 2, "first": 3}
    assert [g.slot for g in found.children(found["first"])] == [0, 1, 2]
    assert found["first.0"].parent is None
