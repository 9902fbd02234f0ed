"""Stitched networks: exact cases, least squares by hand, and what is refused."""

import re

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.layerwise import layers, stitch
from lmctheory.networks import CNN, MLP
from lmctheory.paths import with_layers_of


def pair(widths=(5, 7, 6, 3), seed=0):
    rng = torch.Generator().manual_seed(seed)
    a, b = (MLP(widths, rng=rng, dtype=torch.float64) for _ in range(2))
    for model in (a, b):
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    return a, b, torch.randn(40, widths[0], generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_without_a_map_it_has_the_first_layers_of_one_network(cut):
    a, b, x = pair()
    names = [layer.name for layer in layers(a)]
    expected = with_layers_of(b, a, names[:cut])
    torch.testing.assert_close(stitch(a, b, names[cut])(x), expected(x), rtol=0, atol=0)


@pytest.mark.parametrize("cut", ["layers.1", "layers.2"])
def test_the_map_is_the_best_in_least_squares(cut):
    a, b, x = pair()
    read = {}
    for name, model in (("a", a), ("b", b)):
        handle = model.get_submodule(cut).register_forward_pre_hook(
            lambda _, args, name=name: read.update({name: args[0].detach()})
        )
        model(x)
        handle.remove()
    rows = np.column_stack([read["a"].numpy(), np.ones(len(x))])
    best = rows @ np.linalg.lstsq(rows, read["b"].numpy(), rcond=None)[0]
    seen = []
    stitched = stitch(a, b, cut, x)
    stitched.rest.get_submodule(cut).register_forward_hook(lambda _, args, __: seen.append(args[0]))
    stitched(x)
    np.testing.assert_allclose(seen[0].detach().numpy(), best, atol=1e-9)


def test_a_map_undoes_a_permutation_of_the_channels():
    rng = torch.Generator().manual_seed(3)
    a = CNN((1, 8, 8), (4, 6), 3, rng=rng, dtype=torch.float64)
    order = torch.tensor([2, 0, 3, 1])
    b = CNN((1, 8, 8), (4, 6), 3, rng=rng, dtype=torch.float64)
    state = a.state_dict()
    state["blocks.0.0.weight"] = state["blocks.0.0.weight"][order]
    state["blocks.0.0.bias"] = state["blocks.0.0.bias"][order]
    state["blocks.1.0.weight"] = state["blocks.1.0.weight"][:, order]
    b.load_state_dict(state)
    x = torch.randn(20, 64, generator=rng, dtype=torch.float64)
    torch.testing.assert_close(stitch(a, b, "blocks.1.0", x)(x), a(x), rtol=1e-9, atol=1e-9)
    assert (stitch(a, b, "blocks.1.0")(x) - a(x)).norm() > 0.1


def test_dead_and_repeated_neurons_have_a_map_of_least_norm():
    a, b, x = pair()
    a.linears[0].weight.data[1:3] = 0  # constant features
    a.linears[0].weight.data[4] = a.linears[0].weight.data[3]
    a.linears[0].bias.data[4] = a.linears[0].bias.data[3]
    seam = stitch(a, b, "layers.1", x).seam
    assert seam.weight[:, 1:3].abs().max() < 1e-9
    torch.testing.assert_close(seam.weight[:, 3], seam.weight[:, 4])


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.once, self.twice, self.never = (nn.Linear(4, 4) for _ in range(3))

    def forward(self, x):
        return self.twice(self.twice(self.once(x)))


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        ("fourth", ValueError, "layer must name a submodule, got 'fourth'"),
        ("", TypeError, "layer must be linear or convolutional, but '' is a Twice"),
    ],
)
def test_what_is_no_layer_is_refused(layer, error, message):
    with pytest.raises(error, match=re.escape(message)):
        stitch(Twice(), Twice(), layer)


@pytest.mark.parametrize(("layer", "calls"), [("twice", 2), ("never", 0)])
def test_layers_that_are_not_evaluated_once_are_refused(layer, calls):
    x = torch.zeros(3, 4)
    message = re.escape(f"models must evaluate {layer!r} once, got {calls} times")
    with pytest.raises(TypeError, match=message):
        stitch(Twice(), Twice(), layer, x)
    with pytest.raises(TypeError, match=message):
        stitch(Twice(), Twice(), layer)(x)


def test_networks_and_inputs_that_do_not_fit_are_refused():
    a, b, x = pair()
    with pytest.raises(ValueError, match="same architecture"):
        stitch(a, pair((5, 8, 6, 3))[0], "layers.1")
    with pytest.raises(ValueError, match="inputs"):
        stitch(a, b, "layers.1", x[:, :4])
