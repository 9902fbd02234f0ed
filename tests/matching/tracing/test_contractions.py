"""Reductions, contractions, parameters outside of layers, tied and repeated ones."""

import torch
from torch import nn
from torch.nn import functional

from tests.matching.tracing.examples import Module, found_in, inputs, sizes


def test_reductions_and_contractions_do_not_see_an_order():
    def forward(self, x):
        q, k = self.q(x), self.k(x)
        scores = torch.softmax(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, -1)
        h = scores @ self.v(x)
        energy = torch.einsum("btc,bsc->bts", q, k)
        return self.last(functional.normalize(h, dim=-1)).mean(1) + energy.sum((1, 2))[:, None]

    layers = {name: nn.Linear(5, 6) for name in "qk"} | {
        "v": nn.Linear(5, 7),
        "last": nn.Linear(7, 2),
    }
    found = found_in(Module(forward, **layers), inputs(3, 4, 5))
    assert sizes(found) == {"q": 6, "v": 7}
    attention = Module(
        lambda self, x: self.last(
            functional.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x))
        ).sum(1),
        **layers,
    )
    assert sizes(found_in(attention, inputs(3, 4, 5))) == {"q": 6, "v": 7}


class Raw(nn.Module):
    """Parameters used outside of layers."""

    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 6))
        self.positions = nn.Parameter(torch.zeros(1, 5, 6))
        self.unused = nn.Parameter(torch.zeros(7, 3))
        self.embed = nn.Linear(3, 6)
        self.matrix = nn.Parameter(torch.zeros(6, 8))
        self.shift = nn.Parameter(torch.zeros(8))
        self.register_buffer("waves", torch.zeros(5, 6))
        self.head = nn.Parameter(torch.zeros(2, 8))

    def forward(self, x):
        token = self.token.expand(x.shape[0], -1, -1)
        h = torch.cat([token, self.embed(x)], 1) + self.positions + self.waves
        h = torch.relu(h @ self.matrix + self.shift)
        return functional.linear(h[:, 0], self.head) + self.unused.square().sum()


def test_parameters_outside_of_layers():
    found = found_in(Raw(), inputs(2, 4, 3))
    assert sizes(found) == {"embed": 6, "matrix": 8}
    assert set(found["embed"].axes) == {
        *(("embed.weight", 0), ("embed.bias", 0), ("token", 2), ("positions", 2)),
        *(("waves", 1), ("matrix", 0)),
    }
    assert found["matrix"].outgoing == ("head",)
    assert found["matrix"].incoming == ("matrix",)


def test_embeddings_and_tied_weights():
    model = nn.Sequential(nn.Embedding(11, 6), nn.LayerNorm(6), nn.Linear(6, 11, bias=False))
    model[2].weight = model[0].weight
    found = found_in(model, torch.tensor([[1, 2, 3], [4, 5, 6]]))
    (group,) = found.groups
    assert group.axes == (("0.weight", 1), ("1.weight", 0), ("1.bias", 0))
    tied = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 2)
    )
    tied[4].weight = tied[2].weight
    found = found_in(tied, inputs(3, 4))
    (group,) = found.groups
    assert {("2.weight", 0), ("2.weight", 1), ("4.bias", 0)} <= set(group.axes)


def test_a_layer_that_is_used_twice():
    shared = nn.Linear(6, 6)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.ReLU(), shared, nn.ReLU(), shared, nn.ReLU(), nn.Linear(6, 2)
    )
    (group,) = found_in(model, inputs(3, 4)).groups
    assert group.axes.count(("2.weight", 0)) == group.axes.count(("2.weight", 1)) == 1


def test_recurrence_unrolled():
    def forward(self, x):
        h = x.new_zeros((x.shape[0], 5))
        for step in range(3):
            h = torch.tanh(self.read(x[:, step]) + self.carry(h))
        return self.last(h)

    model = Module(forward, read=nn.Linear(4, 5), carry=nn.Linear(5, 5), last=nn.Linear(5, 2))
    (group,) = found_in(model, inputs(3, 3, 4)).groups
    assert {("read.weight", 0), ("carry.weight", 0), ("carry.weight", 1)} < set(group.axes)
