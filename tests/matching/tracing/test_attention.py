"""How neurons pass attention."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.matching.tracing.examples import Module, found_in, inputs, sizes


class Attention(nn.Module):
    def __init__(self, batch_first=True, cross=False, **options):
        super().__init__()
        self.batch_first, self.cross = batch_first, cross
        self.embed = nn.Linear(3, 6)
        self.memory = nn.Linear(3, options.get("kdim", 6))
        self.attend = nn.MultiheadAttention(6, 3, batch_first=batch_first, **options)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        q = self.embed(x)
        k = self.memory(x) if self.cross else q
        return self.head(q + self.attend(q, k, k)[0])


HEADS = {f"attend.{part}.{h}": 2 for part in ("qk", "value") for h in range(3)} | {"attend": 3}


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"add_bias_kv": True}])
@pytest.mark.parametrize("batch_first", [True, False])
def test_self_attention(options, batch_first):
    found = found_in(Attention(batch_first, **options), inputs(4, 5, 3))
    assert sizes(found) == HEADS | {"embed": 6}
    assert {g.parent for g in found.groups if g.name.startswith("attend.")} == {"attend"}
    keys = found["attend.qk.1"].actions[0]
    assert (keys.parameter, keys.positions) == ("attend.in_proj_weight", ((2, 8), (3, 9)))
    assert found["attend.value.1"].outgoing == ("attend.out_proj.weight",)


@pytest.mark.parametrize("options", [{}, {"kdim": 4, "vdim": 4}])
def test_attention_to_another_sequence(options):
    found = found_in(Attention(cross=True, **options), inputs(4, 5, 3))
    assert sizes(found) == HEADS | {"embed": 6, "memory": options.get("kdim", 6)}


def test_heads_whose_weights_are_returned_are_not_known():
    def forward(self, x):
        h = self.embed(x)
        out, weights = self.attend(h, h, h, average_attn_weights=False)
        return out.mean((1, 2)) + weights.mean((2, 3)) @ self.mix

    model = Module(
        forward, embed=nn.Linear(3, 6), attend=nn.MultiheadAttention(6, 3, batch_first=True)
    )
    model.mix = nn.Parameter(torch.zeros(3))
    found = found_in(model, inputs(4, 5, 3))
    assert found.groups == ()
    assert "attend' (MultiheadAttention), of which it is not known" in found.fixed["embed"]


def by_hand(self, x):
    h = self.embed(x)
    parts = self.qkv(h).reshape(x.shape[0], x.shape[1], 3, 2, 4).permute(2, 0, 3, 1, 4)
    q, k, v = parts[0], parts[1], parts[2]
    a = self.attend(q, k, v)
    h = h + self.out(a.transpose(1, 2).flatten(2))
    return self.head(h).mean(1)


def heads(attend):
    layers = {"qkv": nn.Linear(6, 24), "out": nn.Linear(8, 6), "head": nn.Linear(6, 2)}
    model = Module(by_hand, embed=nn.Linear(3, 6), **layers)
    model.attend = attend
    return model


SCALED = functional.scaled_dot_product_attention
BIAS = torch.tensor([[[0.3]], [[-0.7]]])
HAND = {
    "products": lambda q, k, v: (q @ k.transpose(-2, -1)).softmax(-1) @ v,
    "fused": SCALED,
    "causal": lambda q, k, v: SCALED(q, k, v, is_causal=True),
    "masked": lambda q, k, v: SCALED(q, k, v, attn_mask=torch.ones(5, 5).tril().bool()),
    "scaled": lambda q, k, v: SCALED(q * 3, k / 2, v.relu()),
    "normed": lambda q, k, v: SCALED(functional.layer_norm(q, (4,)), k, v),
    "root mean square": lambda q, k, v: SCALED(q * q.pow(2).mean(-1, keepdim=True).rsqrt(), k, v),
    "of length one": lambda q, k, v: SCALED(functional.normalize(q, dim=-1), k, v),
}


@pytest.mark.parametrize("kind", HAND)
def test_heads_made_by_hand(kind):
    found = found_in(heads(HAND[kind]), inputs(4, 5, 3))
    inside = {f"qkv.{k}": 4 for k in range(4)}
    assert sizes(found) == {"embed": 6, "qkv": 2} | inside
    assert {found[name].parent for name in inside} == {"qkv"}


PLACES = torch.tensor([1.0, 2.0, 0.5, -1.0])


def turned(q, k, v):
    """Rotary embeddings at one place: channels c and c + 2 are turned by one angle."""
    q, k = (x + torch.cat([-x[..., 2:], x[..., :2]], -1) for x in (q, k))
    return SCALED(q, k, v)


FIXED = {
    "places": (lambda q, k, v: SCALED(q * PLACES, k, v), []),
    "turned alike": (turned, [2, 2]),
    "turned by several angles": (lambda q, k, v: turned(q * PLACES, k * PLACES, v), []),
}


@pytest.mark.parametrize("kind", FIXED)
def test_heads_whose_channels_have_places_move_as_wholes(kind):
    attend, pairs = FIXED[kind]
    found = found_in(heads(attend), inputs(4, 5, 3))
    assert found["qkv"].size == 2
    children = found.children(found["qkv"])
    values = [group.size for group in children if "out.weight" in dict(group.axes)]
    rest = [group.size for group in children if "out.weight" not in dict(group.axes)]
    assert (values, rest) == ([4, 4], pairs)


DIFFERENT = {
    "scores": lambda q, k, v: (q @ k.mT + BIAS).softmax(-1) @ v,
    "queries": lambda q, k, v: SCALED(q * BIAS, k, v),
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_heads_that_differ_stay_but_not_their_channels(kind):
    found = found_in(heads(DIFFERENT[kind]), inputs(4, 5, 3))
    assert sizes(found) == {"embed": 6} | {f"qkv.{k}": 4 for k in range(4)}


class Biased(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2, 1, 1))

    def forward(self, q, k, v):
        return (q @ k.mT + self.bias).softmax(-1) @ v


def test_parameters_of_heads_move_with_them():
    found = found_in(heads(Biased()), inputs(4, 5, 3))
    assert ("attend.bias", 0) in found["qkv"].axes
    assert found["qkv"].size == 2


class Grouped(nn.Module):
    """Six heads of queries, of which three share keys and values."""

    def __init__(self, shared, places=None, normed=False, alone=False):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(5, 24), *(nn.Linear(5, 24 // shared) for _ in range(2))
        self.out, self.head = nn.Linear(24, 5), nn.Linear(5, 2)
        self.norm = nn.RMSNorm(4) if normed else nn.Identity()
        self.places, self.alone = places, alone

    def forward(self, x):
        q, k, v = (
            layer(x).view(*x.shape[:2], -1, 4).transpose(1, 2) for layer in (self.q, self.k, self.v)
        )
        q = self.norm(q)
        if self.places is not None:
            q, k = q * self.places, k * self.places
        h = SCALED(q, k, v, enable_gqa=True)
        made = self.head(self.out(h.transpose(1, 2).flatten(2)).mean(1))
        return made + q[:, :1].sum((1, 2, 3))[:, None] if self.alone else made


def test_heads_that_share_keys_move_within_their_group_and_groups_as_wholes():
    found = found_in(Grouped(3), inputs(4, 5, 5))
    groups = [g for g in found.groups if g.size == 2]
    (outer,) = [g for g in groups if g.parent is None]
    inside = {g.name: (g.size, g.parent, g.slot) for g in found.children(outer)}
    heads = {f"q.heads.{k}": (3, outer.name, k) for k in range(2)}
    assert heads.items() <= inside.items()
    rest = [found[name] for name in inside.keys() - heads.keys()]
    assert sorted(g.size for g in rest) == [4] * 4
    assert {p for g in rest for p, _ in g.axes if "weight" in p} == {
        *("q.weight", "k.weight", "v.weight", "out.weight"),
    }
    assert dict(found["q.heads.0"].axes).keys() == {"q.weight", "q.bias", "out.weight"}


def test_a_head_that_is_used_alone_stays():
    found = found_in(Grouped(3, alone=True), inputs(4, 5, 5))
    heads = {g.name: g.size for g in found.groups if "q.weight" in dict(g.axes) and g.size < 4}
    assert sorted(heads.values()) == [2, 3]
    first = min(found[name].actions[0].index.min() for name in heads)
    assert first == 4  # channels of the second head


def test_heads_that_share_all_keys():
    found = found_in(Grouped(6), inputs(4, 5, 5))
    assert sorted(sizes(found).values()) == [4, 4, 5, 6]
    assert all(group.parent is None for group in found.groups)


def test_what_heads_share_beside_keys():
    found = found_in(Grouped(1, normed=True), inputs(4, 5, 5))
    (outer,) = [g for g in found.groups if g.size == 6]
    shared = next(g for g in found.groups if ("norm.weight", 0) in g.axes)
    assert shared.parent is None
    assert {"q.weight", "k.weight", "norm.weight"} <= dict(shared.axes).keys()
    assert len(found.children(outer)) == 6
    assert {g.size for g in found.children(outer)} == {4}


def test_heads_that_share_keys_and_whose_channels_have_places():
    found = found_in(Grouped(3, PLACES), inputs(4, 5, 5))
    assert sizes(found).items() >= {"q.heads.0": 3, "q.heads.1": 3}.items()
    assert sorted(g.size for g in found.groups) == [2, 3, 3, 4, 4, 5]


class Masked(nn.Module):
    """PyTorch's encoder layer with a mask, which is exported: its heads lie beside the batch."""

    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        future = torch.full((5, 5), -1e9, dtype=x.dtype).triu(1)
        return self.last(self.layer(x, src_mask=future))


def test_heads_of_a_masked_encoder_layer_are_found():
    found = found_in(Masked(), inputs(3, 5, 8))
    heads = found["layer.self_attn.in_proj_weight"]
    assert heads.size == 2
    assert [group.size for group in found.children(heads)] == [4] * 4
