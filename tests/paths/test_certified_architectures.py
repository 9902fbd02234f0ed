"""Certificates of networks that are no chains, against dense grids of networks on the segment."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import CNN, Examples, ResNet20, ViT
from lmctheory.paths import certificate, certify, with_layers_of
from lmctheory.paths.layer_operations import Affine
from lmctheory.paths.propagated_enclosures import between, chord
from lmctheory.paths.reading import program_of
from tests.paths.architectures import BUILD, Various, generator, random_pair, shaken
from tests.paths.violations import logits, path_violations, point_violations
from tests.rarely import rarely


def fuzz(seeds):
    halved = dict.fromkeys(("C1", "C1'", "C2", "C3", "C4"), 0)
    for seed in seeds:
        rng = np.random.default_rng(seed)
        name, a, b, data = random_pair(rng)
        t = float(rng.choice([rng.random(), 0.5]))
        violated, broken = point_violations(a, b, data, t, shares=(1.0, 0.5))
        assert not any(violated.values()), (seed, name, violated)
        whole, weakened = path_violations(a, b, data, int(rng.integers(1, 4)), shares=(1.0, 0.9))
        assert whole == 0, (seed, name)
        for key, count in broken.items():
            halved[key] = halved.get(key, 0) + count
        halved["C4"] += weakened
    return halved


def test_no_certificate_is_violated_and_smaller_ones_are():
    halved = fuzz(range(7))
    assert all(halved[key] >= 5 for key in ("C1", "C1'", "C3", "C4")), halved


def test_margins_behind_a_last_convolution_take_the_root_of_two():
    """Outputs w h and -w h: the rest is worst where it moves both, and the bound is attained."""
    rng = generator(0)
    violated = {"C3": 0}
    for _ in range(5):
        a, b = (
            nn.Sequential(
                *(nn.Conv2d(1, 1, 1), nn.Tanh(), nn.Conv2d(1, 1, 1), nn.ReLU()),
                *(nn.Conv2d(1, 2, 1, bias=False), nn.Flatten()),
            ).double()
            for _ in range(2)
        )
        for net in (a, b):
            for parameter in net.parameters():
                nn.init.normal_(parameter, generator=rng)
            nn.init.constant_(net[2].bias, 20.0)  # the relu is the identity
            net[4].weight.data[1] = -net[4].weight.data[0]
        inputs = torch.randn(20, 1, 1, 1, generator=rng, dtype=torch.float64)
        data = Examples(inputs, torch.arange(20) % 2)
        found, smaller = point_violations(a, b, data, 0.5, shares=(1.0, 1 - 1e-6))
        assert not any(found.values())
        violated["C3"] += smaller["C3"]
    assert violated["C3"] >= 10


class Twice(nn.Module):
    """h + h of h = relu(bias), or of relu(h + 20), which is linear and need not be."""

    def __init__(self, bias, depth):
        super().__init__()
        self.depth = depth
        self.first, self.second = nn.Linear(1, 1).double(), nn.Linear(1, 1).double()
        layers = (self.first.weight, 0.0), (self.first.bias, bias), (self.second.weight, 1.0)
        for parameter, value in (*layers, (self.second.bias, 20.0)):
            nn.init.constant_(parameter, value)

    def forward(self, x):
        h = self.first(x).relu()
        h = self.second(h).relu() if self.depth == 2 else h
        return h + h


@pytest.mark.parametrize("depth", [1, 2])
def test_branches_that_are_alike_add_up(depth):
    """What one deviates by, known or not, the other does too: by 1/2 each, here."""
    data = Examples(torch.zeros(3, 1).double(), torch.zeros(3, 1).double(), "squared")
    a, b = Twice(1.0, depth), Twice(-1.0, depth)
    found = certificate(a, b, data, 0.5)
    error = logits(a, b, data, 0.5) - (logits(a, b, data, 1) + logits(a, b, data, 0)) / 2
    for bound in (found.function_error, found.function_error_c1):
        np.testing.assert_allclose(bound, error.abs()[:, 0], rtol=1e-7)
    np.testing.assert_allclose(found.function_error_c2, 2.0, rtol=1e-7)  # 2 (t u + (1-t) v)


@pytest.mark.slow
def test_no_certificate_is_violated_by_many_pairs():
    fuzz(range(1000, 2000))


@pytest.mark.parametrize("name", BUILD)
def test_the_program_computes_what_the_models_do(name):
    rng = np.random.default_rng(3)
    a = shaken(BUILD[name](rng, generator(0)).double().eval(), 0.3, generator(1))
    b = shaken(a, 0.5, generator(2))
    x = torch.randn(5, 60, generator=generator(3), dtype=torch.float64)
    data = Examples(x, torch.arange(5) % 3)
    program = program_of(a, b, data)
    for t in (0.0, 0.3, 1.0):
        values = program.values(program.at(t), x)
        if name in ("CNN", "MLP") or t in (0, 1):
            torch.testing.assert_close(values[-1], logits(a, b, data, t), rtol=1e-9, atol=1e-9)
        assert [tuple(v.shape[1:]) for v in values[1:]] == [
            op.node.shape for op in program.operations
        ]
    middle = program.values(program.at(0.3), x)[-1]
    torch.testing.assert_close(middle, logits(a, b, data, 0.3), rtol=1e-9, atol=1e-9)


def pair_of(name, share=0.05, seed=0):
    rng = np.random.default_rng(seed)
    a = shaken(BUILD[name](rng, generator(seed)).double().eval(), 0.3, generator(seed + 1))
    b = shaken(a, share, generator(seed + 2))
    x = torch.randn(12, 60, generator=generator(seed + 3), dtype=torch.float64)
    return a, b, Examples(x, a(x).argmax(1))


@pytest.mark.parametrize(
    "name", rarely(["various", "sequence", "CNN", "VGG", "ResNet20"], ["ResNet20"])
)
def test_equal_networks_and_the_ends_have_no_error(name):
    a, b, data = pair_of(name)
    same = certify(a, a, data, nodes=1)
    assert same.accuracy == 1
    assert same.loss == pytest.approx(same.node_loss[0], rel=1e-9)
    bounds = certificate(a, b, data, [0.0, 0.5, 1.0])
    ends = bounds.function_error[[0, 2]].max()
    assert ends < 1e-8 * bounds.function_error[1].max()  # rounding only, carried on alike


@pytest.mark.parametrize("name", rarely(["various", "sequence", "CNN"], ["various"]))
def test_more_nodes_certify_more(name):
    a, b, data = pair_of(name)
    found = [certify(a, b, data, nodes=n) for n in (1, 4, 16)]
    losses = [c.loss for c in found]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] <= 1.05 * found[-1].node_loss.max()
    assert found[-1].accuracy >= found[0].accuracy


@pytest.mark.parametrize("name", rarely(["various", "ResNet20"], ["ResNet20"]))
def test_the_vector_form_is_never_above_the_scalar_form(name):
    a, b, data = pair_of(name)
    vector, scalar = (certificate(a, b, data, 0.4, vector=choice) for choice in (True, False))
    assert (vector.function_error <= scalar.function_error * (1 + 1e-9)).all()
    assert (vector.example_loss <= scalar.example_loss * (1 + 1e-9)).all()
    np.testing.assert_array_equal(scalar.function_error, scalar.function_error_c1)


def test_a_convolution_is_certified_as_the_matrix_that_it_is():
    """The same network written with nn.Linear."""
    g = generator(0)
    nets, chains = [], []
    for _ in range(2):
        first, head = nn.Conv1d(1, 2, 3, padding=1), nn.Linear(10, 3)
        for p in (*first.parameters(), *head.parameters()):
            p.data.normal_(generator=g)
        net = nn.Sequential(nn.Unflatten(1, (1, 5)), first, nn.ReLU(), nn.Flatten(), head).double()
        linear = nn.Linear(5, 10).double()
        basis = torch.eye(5).double()[:, None]
        bias = first.bias.data.repeat_interleave(5)
        linear.weight.data = first(basis).flatten(1).T.detach() - bias[:, None]
        linear.bias.data = bias
        nets.append(net)
        chains.append(nn.Sequential(linear, nn.ReLU(), head))
    data = Examples(torch.randn(9, 5, generator=g).double(), torch.arange(9) % 3)
    for t in (0.3, 0.5):
        one, other = certificate(*nets, data, t), certificate(*chains, data, t)
        np.testing.assert_allclose(one.function_error, other.function_error, rtol=1e-6)
        np.testing.assert_allclose(one.example_loss, other.example_loss, rtol=1e-6)
    one, other = certify(*nets, data, nodes=3), certify(*chains, data, nodes=3)
    np.testing.assert_allclose(one.example_loss, other.example_loss, rtol=1e-6)


def test_some_layers_only():
    a, b, data = pair_of("ResNet20", share=1.0)
    far = with_layers_of(a, b, ["head", "stem"])
    for key, value in far.state_dict().items():
        source = b if key.startswith(("head.", "stem.")) else a
        assert torch.equal(value, source.state_dict()[key])
    last = certify(a, with_layers_of(a, b, ["head"]), data, nodes=1)
    assert last.accuracy == last.attainable  # the outputs are linear in the last layer
    assert last.loss == pytest.approx(last.node_loss.max(), rel=1e-9)
    with pytest.raises(ValueError, match="layers must name modules with parameters, got 'tail'"):
        with_layers_of(a, b, ["tail"])


def after_a_convolution(*rest):
    return nn.Sequential(nn.Unflatten(1, (2, 30)), nn.Conv1d(2, 4, 3, padding=1), *rest)


@pytest.mark.parametrize(
    "rest",
    [
        (nn.AvgPool1d(3, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(120, 3)),
        (nn.MaxPool1d(3, 2, 1), nn.Flatten(), nn.Linear(60, 3)),
        (nn.Flatten(), nn.ReLU(), nn.Linear(120, 3)),
    ],
)
def test_remainders_keep_the_shape_of_the_image_after_a_convolution(rest):
    """Two convolutions, for what the first leaves over to reach the second's neighbours."""
    first = after_a_convolution(nn.ReLU(), nn.Conv1d(4, 4, 3, padding=1))
    a = nn.Sequential(first, *rest).double().eval()
    b = shaken(a, 0.3, generator(1))
    x = torch.randn(6, 60, generator=generator(2)).double()
    data = Examples(x, torch.arange(6) % 3)
    assert path_violations(a, b, data, nodes=2) == 0
    remainder = next(iter(_enclosures(a, b, data)))
    assert remainder.eta.entries.shape == remainder.box.shape


def _enclosures(a, b, data):
    """After the second convolution, on the whole segment."""
    program = program_of(a, b, data)
    ends = [program.at(t) for t in (0.0, 1.0)]
    values = list(zip(*(program.values(maps, data.inputs) for maps in ends), strict=True))
    inside = [None]
    convolutions = 0
    for i, op in enumerate(program.operations):
        sources = op.node.inputs
        passage = chord if program.straight[i + 1] else between(op, ends[0][i], ends[1][i])
        inside.append(passage([values[k] for k in sources], [inside[k] for k in sources]))
        convolutions += isinstance(op, Affine)
        if convolutions == 2:
            yield inside[-1]
            return


def test_variances_next_to_nothing_give_bounds_all_the_same():
    a = nn.Sequential(nn.Linear(60, 4), nn.BatchNorm1d(4, eps=1e-100), nn.ReLU(), nn.Linear(4, 3))
    a = a.double().eval()
    a[1].running_var[:2] = 0
    b = shaken(a, 0.1, generator(0))
    x = torch.randn(6, 60, generator=generator(1)).double()
    data = Examples(x, torch.arange(6) % 3)
    assert path_violations(a, b, data, nodes=2) == 0
    assert np.isfinite(certify(a, b, data, nodes=2).example_loss).all()


def normalised(layer):
    return lambda: nn.Sequential(nn.Unflatten(1, (2, 30)), layer(), nn.Flatten(), nn.Linear(60, 3))


class Attended(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(30, 2, batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0]


REFUSED = {
    "LayerNorm": normalised(lambda: nn.LayerNorm(30)),
    "GroupNorm": normalised(lambda: nn.GroupNorm(1, 2)),
    "GLU": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 30)), nn.GLU(), nn.Flatten(), nn.Linear(30, 3)
    ),
    "MultiheadAttention": lambda: nn.Sequential(
        nn.Unflatten(1, (2, 30)), Attended(), nn.Flatten(), nn.Linear(60, 3)
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_operations_without_a_lipschitz_constant_are_refused(name):
    a = REFUSED[name]().double().eval()
    data = Examples(torch.randn(4, 60).double(), torch.arange(4) % 3)
    for function in (certificate, certify):
        with pytest.raises(
            TypeError, match=rf"needs the Lipschitz constant .* of '1[.a-z]*' \({name}\)"
        ):
            function(a, a, data)


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(1, 1, 3, padding=1), nn.Linear(60, 3)

    def forward(self, x):
        return self.head(x * torch.sigmoid(self.conv(x[:, None])[:, 0]))


def test_an_output_that_depends_on_other_examples_is_refused():
    a = normalised(lambda: nn.BatchNorm1d(2, track_running_stats=False))().double().eval()
    data = Examples(torch.randn(4, 60).double(), torch.arange(4) % 3)
    with pytest.raises(ValueError, match="the same whatever others it is evaluated with"):
        certificate(a, a, data)


def test_circular_convolutions_are_paddings_and_convolutions():
    conv = normalised(lambda: nn.Conv1d(2, 2, 3, padding=1, padding_mode="circular"))
    a, b = conv().double().eval(), conv().double().eval()
    data = Examples(torch.randn(4, 60, generator=generator(0)).double(), torch.arange(4) % 3)
    assert path_violations(a, b, data, nodes=2) == 0


def test_attention_products_and_hooks_are_refused():
    data = Examples(torch.randn(4, 64), torch.arange(4) % 3)
    vit = ViT((1, 8, 8), 3, patch=4, width=8, depth=1, heads=2, rng=generator(0))
    with pytest.raises(TypeError, match=r"a certificate needs the Lipschitz constant"):
        certify(vit, vit, data)
    small = Examples(data.inputs[:, :60], data.labels)
    gated = Gated()
    with pytest.raises(TypeError, match=r"none is known of .*mul"):
        certify(gated, gated, small)
    cnn = CNN((1, 8, 8), (2,), 3, rng=generator(0))
    cnn.blocks[0].register_forward_hook(lambda module, inputs, output: 2 * output)
    with pytest.raises(TypeError, match="has a forward hook"):
        certify(cnn, cnn, data)


def test_different_architectures_and_bad_data_are_refused():
    a, b = (CNN((1, 8, 8), (2,), 3, rng=generator(s)) for s in (0, 1))
    data = Examples(torch.randn(4, 64), torch.arange(4) % 3)
    b.blocks[0][0].padding = (0, 0)
    with pytest.raises(ValueError, match="same architecture, but model_b does not compute"):
        certify(a, b, data)
    with pytest.raises(ValueError, match="same architecture"):
        certify(a, ResNet20((1, 8, 8), 3, 2, rng=generator(0)), data)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2, got 3..3"):
        certify(a, a, Examples(data.inputs, torch.full((4,), 3)))
    with pytest.raises(ValueError, match=r"data.inputs of shape \[63\] do not fit"):
        certify(a, a, Examples(data.inputs[:, :63], data.labels))


def test_models_are_left_alone():
    a = Various(nn.ReLU(inplace=True)).train()
    b = Various(nn.ReLU(inplace=True))
    before = [{k: v.clone() for k, v in model.state_dict().items()} for model in (a, b)]
    data = Examples(torch.randn(4, 60), torch.arange(4) % 3)
    certify(a, b, data, nodes=2)
    assert a.training
    assert all(p.requires_grad for p in a.parameters())
    for model, state in zip((a, b), before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
