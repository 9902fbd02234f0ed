"""Moving gains: the function stays; what cannot be moved is refused with its reason."""

import pytest
import torch
from torch import nn

from lmctheory.matching import folded, rotations
from lmctheory.matching.rotations.norms import norms
from lmctheory.networks.program import capture
from lmctheory.networks.state import slots
from tests.matching.families import varied
from tests.matching.rotations.examples import Stream, change, small
from tests.rarely import rarely

X = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", rarely(["vit", "pre-norm", "timm vit"], ["timm vit"]))
def test_the_folded_network_computes_the_same_with_gains_of_one(name):
    model, example = small(name)
    before = {key: tensor.clone() for key, tensor in slots(model).items()}
    model = model.double()
    result = folded(model, example)
    assert change(model, result, example) < 1e-12
    gains = set(norms(capture(result, example)))
    assert len(gains) > 2
    for key, tensor in result.named_parameters():
        if key in gains:
            assert (tensor == 1).all()
        if key.removesuffix("bias") + "weight" in gains and key.endswith("bias"):
            assert (tensor == 0).all()
    assert all(torch.equal(slots(model)[key].float(), old) for key, old in before.items())


def test_the_stream_of_layer_norms_is_centred():
    model, example = small("pre-norm")
    result = folded(model, example)
    for tensor, axis in (
        (result.embedding.weight, 0),
        (result.layer.linear2.weight, 0),
        (result.layer.self_attn.out_proj.bias, 0),
        (result.layer.linear1.weight, 1),
        (result.head.weight, 1),
    ):
        assert tensor.mean(axis).abs().max() < 1e-6


def test_the_bias_of_a_normalisation_stays_where_readers_have_none():
    model = varied(Stream(bias=False)).double()
    result = folded(model, X)
    assert change(model, result, X) < 1e-12
    expected = model.norms[0].bias / model.norms[0].weight
    assert torch.allclose(result.norms[0].bias, expected)
    assert result.up[0].weight.mean(1).abs().max() > 1e-3  # it reads a mean that is not zero


def test_a_bias_is_not_divided_by_a_gain_of_zero():
    model = varied(Stream(bias=False))
    with torch.no_grad():
        model.norms[1].weight[2] = 0
    with pytest.raises(ValueError, match=r"'norms\.1\.bias' cannot be divided by gains"):
        folded(model, X)
    model = varied(Stream())  # there it moves on into the readers' biases
    with torch.no_grad():
        model.norms[1].weight[2] = 0
    assert change(model, folded(model, X), X) < 1e-6


def test_gains_of_root_mean_squares_are_moved_and_nothing_is_centred():
    model = varied(Stream(nn.RMSNorm)).double()
    result = folded(model, X)
    assert change(model, result, X) < 1e-12
    assert torch.equal(result.first.weight, model.first.weight)
    assert torch.allclose(result.head.weight, model.head.weight * model.norms[2].weight)


def test_a_post_norm_network_is_refused_with_the_sum_that_reads_its_gain():
    model, example = small("post-norm")
    with pytest.raises(ValueError, match=r"'layer\.norm1\.weight' cannot be moved .* no linear"):
        folded(model, example)


def test_a_weight_that_is_read_elsewhere_too_keeps_its_gain():
    class Shared(Stream):
        def forward(self, x):
            h = self.first(x)
            h = h + self.down[0](torch.tanh(self.up[0](self.norms[0](h))))
            return self.head(h) + self.head(self.norms[2](h))

    found = rotations(varied(Shared()), X)
    assert found.fixed["first"].startswith("'head.weight' reads the normalised vectors, and")
    assert not found.folding


def test_a_gain_that_scales_what_is_written_is_not_moved():
    class Scale(nn.Module):
        def __init__(self):
            super().__init__()
            self.factors = nn.Parameter(torch.ones(6))

        def forward(self, h):
            return self.factors * h

    found = rotations(varied(Stream(after=Scale())), X)
    assert "'after.factors' cannot be moved into the layers that follow" in found.fixed["first"]
