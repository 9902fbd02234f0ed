"""Which spaces are found, and that nothing is offered which does not hold."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from lmctheory.matching import folded, rotations
from lmctheory.matching.rotations import trials
from lmctheory.networks.state import copied
from tests.matching.families import varied
from tests.matching.rotations.examples import (
    Stream,
    change,
    planted,
    rotary_halves,
    rotary_pairs,
    small,
)

X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


def kinds(found):
    return sorted((space.kind, space.parent is not None) for space in found.spaces)


def test_spaces_of_small_networks():
    model, example = small("vit")
    found = rotations(model, example)
    assert kinds(found) == [("mean", False), *[("orthogonal", True)] * 8]
    assert [space.size for space in found.streams] == [16]
    assert "(GELU) does not commute" in found.fixed["blocks.0.mlp.1"]
    assert kinds(rotations(model, example, stream=False)) == [("orthogonal", True)] * 8


def test_post_norm_networks_have_heads_alone():
    model, example = small("post-norm")
    found = rotations(model, example)
    assert kinds(found) == [("orthogonal", True)] * 6
    assert "cannot be moved into the layers that follow" in found.fixed["embedding"]


@pytest.mark.parametrize(("kind", "expected"), [(nn.LayerNorm, "mean"), (nn.RMSNorm, "orthogonal")])
@pytest.mark.parametrize("elementwise", [True, False])
def test_layer_norm_keeps_the_mean_and_rms_norm_nothing(kind, expected, elementwise):
    model = varied(Stream(kind, elementwise=elementwise))
    found = rotations(model, X)
    assert kinds(found) == [(expected, False)]
    base = found.folding.applied(model) if found.folding else model
    assert change(model, planted(found, base), X) < 1e-5


@pytest.mark.parametrize("after", [nn.Tanh(), nn.ReLU(), nn.LayerNorm(6)])
def test_a_stream_that_something_else_touches_is_not_offered(after):
    model = varied(Stream(after=after))
    found = rotations(model, X)
    assert not found.spaces
    assert not found.folding
    assert found.fixed["first"]


def test_accidents_of_the_weights_do_not_deceive():
    """Equal gains commute with every matrix, and idle neurons with anything."""
    model, example = small("post-norm")
    with torch.no_grad():
        for norm in (model.layer.norm1, model.layer.norm2, model.norm):
            norm.weight.fill_(1.0)
            norm.bias.zero_()
        model.layer.linear1.bias.fill_(-100.0)
    found = rotations(model, example)
    assert kinds(found) == [("orthogonal", True)] * 6
    assert "layer.linear1" in found.fixed


def test_two_linear_layers_in_a_row_may_be_turned_between():
    model = varied(nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)))
    found = rotations(model, X)
    assert [(space.name, space.kind) for space in found.spaces] == [("0", "orthogonal")]
    assert change(model, planted(found, model), X) < 1e-6


class Attention(nn.Module):
    """Two heads of four channels, whose queries and keys something happens to."""

    def __init__(self, happens):
        super().__init__()
        self.qkv, self.out, self.head = nn.Linear(5, 24), nn.Linear(8, 6), nn.Linear(6, 3)
        self.gain, self.happens = nn.Parameter(torch.ones(4)), happens

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        q, k = (self.happens(self, part) for part in (q, k))
        made = scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.head(torch.tanh(self.out(made)))[:, -1]


SEQUENCES = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (lambda _, x: x, ["orthogonal"] * 4),
        (lambda _, x: rotary_halves(x), ["halves"] * 2 + ["orthogonal"] * 2),
        (lambda _, x: rotary_pairs(x), ["orthogonal"] * 2 + ["pairs"] * 2),
        (lambda self, x: torch.tanh(x), ["orthogonal"] * 2),
        (lambda self, x: x * self.gain, ["orthogonal"] * 2),
    ],
    ids=["nothing", "rotary halves", "rotary pairs", "tanh", "gain"],
)
def test_what_happens_to_queries_and_keys_decides_how_they_turn(happens, expected):
    model = varied(Attention(happens))
    found = rotations(model, SEQUENCES)
    assert sorted(space.kind for space in found.spaces) == expected
    assert change(model, planted(found, model, permuted=False), SEQUENCES) < 1e-5
    if len(expected) == 2:
        reason = found.fixed["qkv.0"]
        assert "does not commute with" in reason or "cannot be moved into" in reason


def test_nothing_is_offered_that_the_trial_refuses(monkeypatch):
    model, example = small("vit")
    monkeypatch.setattr(trials.Trial, "holds", lambda self, spaces: False)
    found = rotations(model, example)
    assert not found.spaces
    assert not found.folding
    assert {"patches", "blocks.0.attention.qk.0"} <= set(found.fixed)


def test_the_network_stays_as_it_is():
    model, example = small("vit")
    before, given = copied(model), example.clone()
    rotations(model, example)
    assert torch.equal(given, example)
    for old, new in zip(before.parameters(), model.parameters(), strict=True):
        assert torch.equal(old, new)
        assert new.requires_grad


def test_bad_arguments_are_refused():
    with pytest.raises(TypeError, match=r"model must be an nn\.Module, got int"):
        rotations(3, X)
    with pytest.raises(TypeError, match="example must be a tensor"):
        rotations(Stream(), 3)
    with pytest.raises(ValueError, match=r"example of shape \[4, 5\] does not fit"):
        rotations(nn.Linear(7, 3), X)
    with pytest.raises(ValueError, match="no residual stream"):
        folded(nn.Linear(5, 3), X)
