"""How neurons pass attention."""

import pytest
import torch
from torch import nn

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


def test_heads_made_by_hand_stay_fixed_but_not_what_surrounds_them():
    def forward(self, x):
        h = self.embed(x)
        parts = self.qkv(h).reshape(x.shape[0], x.shape[1], 3, 2, 3).permute(2, 0, 3, 1, 4)
        q, k, v = parts[0], parts[1], parts[2]
        a = torch.softmax(q @ k.transpose(-2, -1), -1) @ v
        h = h + self.out(a.transpose(1, 2).flatten(2))
        return self.head(h)

    layers = {"qkv": nn.Linear(6, 18), "out": nn.Linear(6, 6), "head": nn.Linear(6, 2)}
    found = found_in(Module(forward, embed=nn.Linear(3, 6), **layers), inputs(4, 5, 3))
    assert sizes(found) == {"embed": 6}
    assert "spreads them over several axes" in found.fixed["qkv"]
