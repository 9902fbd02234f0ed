"""Laws of features on networks where they hold exactly, and against loops."""

import copy
import math
import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.layerwise.barriers.temperature import recalibrated_barrier
from lmctheory.layerwise.connectivity.linearity import MEASURES, feature_connectivity
from lmctheory.networks import CNN, MLP, Examples, affine_chain
from lmctheory.paths import certificate, interpolate


def problem(widths=(5, 9, 8, 3), sigma="relu", seed=0, n=30, bias=True):
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=torch.float64) for _ in range(2)]
    for model in models if bias else ():
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    x = torch.randn(n, widths[0], generator=rng, dtype=torch.float64)
    return *models, Examples(x, torch.randint(widths[-1], (n,), generator=rng))


def lewc_pair(width=6, depth=3, seed=0):
    """Half of the neurons live in A, the other half in B: W_A phi_B = 0 = W_B phi_A exactly."""
    a, b, data = problem((5, *[2 * width] * depth, 3), seed=seed, bias=False)
    for model, dead in ((a, slice(width, None)), (b, slice(0, width))):
        for i, layer in enumerate(model.linears):
            if i < depth:
                layer.weight.data[dead] = 0
            if i > 0:
                layer.weight.data[:, dead] = 0
    return a, b, data


@pytest.mark.parametrize("t", [0.5, 0.3])
def test_reciprocal_orthogonality_gives_lewc_exactly(t):
    a, b, data = lewc_pair()
    found = feature_connectivity(a, b, data, t)
    assert found.depth == (1, 2, 3, 4)
    assert np.nanmax(found.lewc_error) < 1e-12
    np.testing.assert_allclose(found.lewc_cosine, 1, rtol=1e-12)
    np.testing.assert_allclose(found.lewc_coefficient, 1, rtol=1e-12)
    assert found.law == ("both", "LEWC", "LEWC", "LEWC")
    if t == 0.5:  # parallel to phi-bar: the coefficient tells, the cosine does not
        np.testing.assert_allclose(found.cosine, 1, rtol=1e-12)
        expected = np.repeat([[1], [1 / 2], [1 / 4], [1 / 8]], len(data), axis=1)
        np.testing.assert_allclose(found.coefficient, expected, rtol=1e-12)
    else:  # the cosine sees it too
        assert found.mean("cosine")[3] < 0.99


def test_weak_additivity_and_commutativity_give_llfc_exactly():
    """All ReLUs are active, and only biases and the first layer's weights differ."""
    a, _, data = problem()
    for layer in a.linears[:-1]:
        layer.weight.data.abs_()
        layer.bias.data.fill_(100.0)
    b = copy.deepcopy(a)
    b.linears[0].bias.data += 1
    b.linears[0].weight.data[0] *= 0.5
    b.linears[2].bias.data += 1
    found = feature_connectivity(a, b, data, 0.3)
    assert np.nanmax(found.llfc_error) < 1e-12
    np.testing.assert_allclose(found.cosine, 1, rtol=1e-12)
    np.testing.assert_allclose(found.coefficient, 1, rtol=1e-12)
    assert found.gap.max() < 1e-12 * 100
    assert found.commutator.max() == 0
    assert found.law == ("both", "LLFC", "LLFC")


def test_a_sign_flip_is_seen():
    """theta_t = -(phi-bar) in the features: |cos| would call this perfect."""

    def linear(w_1, w_2):
        net = MLP((1, 1, 1), "identity", rng=torch.Generator(), dtype=torch.float64)
        for layer, w in zip(net.linears, (w_1, w_2), strict=True):
            layer.weight.data.fill_(w)
        return net

    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    # outputs 3, 3 at the ends, (3 - 1)/2 (1 - 3)/2 = -1 in the middle
    found = feature_connectivity(linear(3.0, 1.0), linear(-1.0, -3.0), data)
    assert found.cosine[1, 0] == -1
    assert found.coefficient[1, 0] == pytest.approx(-1 / 3)
    assert found.baseline[:, 0].tolist() == [-1, 1]


def by_loops(model_a, model_b, data, t):
    """Every measure of every layer and example, transcribed in NumPy."""
    a, b, m = (affine_chain(net) for net in (model_a, model_b, interpolate(model_a, model_b, t)))
    rows = []
    for i in range(a.depth + 1):
        sigma = (lambda z: np.maximum(z, 0)) if i < a.depth else (lambda z: z)
        row = {name: [] for name in MEASURES}
        for x in data.inputs:
            below = [
                chain.hidden(x[None])[i - 1][1][0].numpy() if i else x.numpy()
                for chain in (a, b, m)
            ]
            W_a, W_b, W_t = (chain.weights[i].numpy() for chain in (a, b, m))
            b_a, b_b, b_t = (chain.biases[i].numpy() for chain in (a, b, m))
            z_a, z_b = W_a @ below[0] + b_a, W_b @ below[1] + b_b
            p_a, p_b, p_t = sigma(z_a), sigma(z_b), sigma(W_t @ below[2] + b_t)
            bar = t * p_a + (1 - t) * p_b
            decayed = t ** (i + 1) * p_a + (1 - t) ** (i + 1) * p_b
            u, v = W_a @ below[0] + W_b @ below[1], W_a @ below[1] + W_b @ below[0]
            gap = np.linalg.norm(sigma(t * z_a + (1 - t) * z_b) - bar)
            norm = np.linalg.norm
            for name, value in {
                "cosine": p_t @ bar / norm(p_t) / norm(bar),
                "baseline": p_a @ p_b / norm(p_a) / norm(p_b),
                "coefficient": p_t @ bar / (bar @ bar),
                "llfc_error": norm(p_t - bar) / norm(bar),
                "lewc_cosine": p_t @ decayed / norm(p_t) / norm(decayed),
                "lewc_coefficient": p_t @ decayed / (decayed @ decayed),
                "lewc_error": norm(p_t - decayed) / norm(decayed),
                "commutativity": norm(u - v) ** 2 / norm(u) / norm(v),
                "commutator": t * (1 - t) * norm((W_a - W_b) @ (below[0] - below[1])),
                "weak_additivity": gap / norm(bar),
                "gap": gap,
            }.items():
                row[name].append(value)
        rows.append(row)
    return {name: np.array([row[name] for row in rows]) for name in MEASURES}


def test_every_measure_is_its_formula():
    a, b, data = problem(n=6)
    found, expected = feature_connectivity(a, b, data, 0.3), by_loops(a, b, data, 0.3)
    for name in MEASURES:
        np.testing.assert_allclose(getattr(found, name), expected[name], rtol=1e-9, atol=1e-12)


def test_the_two_defects_are_those_of_the_certificate():
    a, b, data = problem((5, 9, 8, 7, 3), sigma="tanh")
    found, bounds = feature_connectivity(a, b, data, 0.4), certificate(a, b, data, 0.4)
    np.testing.assert_allclose(found.gap[:-1], bounds.weak_additivity, rtol=1e-9)
    np.testing.assert_allclose(found.commutator[1:], bounds.commutativity, rtol=1e-9)
    gap, commutator = found.gap.mean(1), found.commutator.mean(1)
    np.testing.assert_allclose(found.additivity_share[:-1], (gap / (gap + commutator))[:-1])
    assert found.additivity_share[0] == 1  # the inputs are the same
    assert found.additivity_share[-1] < 1e-12  # no activation


def as_modules(model):
    layers = [part for layer in model.linears for part in (layer, nn.ReLU(inplace=True))]
    return nn.Sequential(*layers[:-1])


class Opaque(nn.Module):
    """No chain to a trace, but its submodules are seen."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x) * 1


def test_modules_show_what_chains_do():
    """Maps and activations are layers of their own there; in-place ones change nothing."""
    a, b, data = problem()
    chain = feature_connectivity(a, b, data, 0.3)
    modules = feature_connectivity(Opaque(as_modules(a)), Opaque(as_modules(b)), data, 0.3)
    assert modules.names == tuple(f"inner.{i}" for i in range(5))
    assert modules.depth == (1, 1, 2, 2, 3)
    activations, maps = [1, 3], [0, 2, 4]
    for name in ("cosine", "baseline", "coefficient", "lewc_error", "weak_additivity", "gap"):
        np.testing.assert_allclose(
            getattr(modules, name)[activations], getattr(chain, name)[:2], rtol=1e-9, atol=1e-12
        )
    for name in ("commutativity", "commutator"):
        np.testing.assert_allclose(
            getattr(modules, name)[maps], getattr(chain, name), rtol=1e-9, atol=1e-12
        )
    assert np.isnan(modules.gap[maps]).all()
    assert np.isnan(modules.commutativity[activations]).all()
    assert np.isnan(modules.additivity_share).all()
    assert np.isnan(modules.mean("gap")[maps]).all()


def test_features_that_are_overwritten_are_seen_as_they_were():
    class Overwriting(Opaque):
        def forward(self, x):
            return 2 * self.inner[2](torch.relu_(self.inner[0](x)))

    a, b, data = problem((5, 9, 3))
    found = feature_connectivity(Overwriting(as_modules(a)), Overwriting(as_modules(b)), data)
    assert found.names == ("inner.0", "inner.2")
    np.testing.assert_allclose(found.cosine[0], 1)  # affine in the weights; its ReLU is not


def test_convolutions_commute_as_the_matrices_that_they_are():
    rng = torch.Generator().manual_seed(0)
    nets = [
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)) for _ in "ab"
    ]
    data = Examples(torch.randn(5, 1, 4, 4, generator=rng), torch.arange(5) % 3)
    found = feature_connectivity(*nets, data, 0.5)
    assert found.names == ("0", "1", "2", "3")
    assert found.depth == (1, 1, 1, 2)
    assert (found.commutator[0] == 0).all()
    phi = [net[:3].double()(data.inputs.double()) for net in nets]
    expected = ((phi[0] - phi[1]) @ (nets[0][3].weight - nets[1][3].weight).double().mT).norm(
        dim=-1
    )
    np.testing.assert_allclose(found.commutator[3], expected.detach() / 4, rtol=1e-6)


def test_a_cnn_of_the_package_and_its_precision():
    rng = torch.Generator().manual_seed(0)
    a, b = (CNN((1, 8, 8), (4, 4), 3, rng=rng) for _ in range(2))
    data = Examples(torch.randn(300, 1, 8, 8, generator=rng), torch.arange(300) % 3)
    found = feature_connectivity(a.train(), b, data)
    assert found.cosine.shape == (len(found.names), 300)  # two blocks of examples
    assert found.cosine.dtype == np.float64
    assert next(a.parameters()).dtype == torch.float32
    assert a.training


def test_identical_networks_obey_both_conditions():
    a, _, data = problem()
    found = feature_connectivity(a, a, data)
    np.testing.assert_allclose(found.cosine, 1)
    np.testing.assert_allclose(found.coefficient, 1)
    assert found.gap.max() < 1e-14
    assert found.commutator.max() == 0


@pytest.mark.parametrize("wrap", [lambda net: net, lambda net: Opaque(as_modules(net))])
def test_single_precision_is_interpolated_in_double(wrap):
    """Both laws hold to the rounding of double precision, as they do for the weights as given."""
    a, b, data = lewc_pair()
    a, b = wrap(a.float()), wrap(b.float())
    assert np.nanmax(feature_connectivity(a, b, data, 0.3).lewc_error) < 1e-12


def test_features_that_only_the_middle_has_are_compared_with_nothing():
    """The second layer is dead in A and in B, and alive between them."""
    a, b, _ = problem((1, 1, 1, 2))
    with torch.no_grad():
        for model, (w, bias) in ((a, (1.0, -2.0)), (b, (-1.0, 0.0))):
            first, second, _ = model.linears
            first.weight.fill_(2.0), first.bias.zero_()
            second.weight.fill_(w), second.bias.fill_(bias)
        a.linears[0].weight.fill_(1.0)  # phi_1 = 1 and 2: z_2 = -1 and -2
        b.linears[0].bias.fill_(-2.0 + 1e-9)
        b.linears[0].weight.fill_(2.0)
        a.linears[1].weight.fill_(-1.0), a.linears[1].bias.fill_(0.5)
        b.linears[1].weight.fill_(3.0), b.linears[1].bias.fill_(-0.5)
    data = Examples(torch.ones(1, 1, dtype=torch.float64), torch.tensor([0]))
    found = feature_connectivity(a, b, data)  # phi_1^t = 1/2, z_2^t = 1/2
    for name in ("llfc_error", "lewc_error", "weak_additivity", "coefficient"):
        assert np.isnan(getattr(found, name)[1, 0])
    assert found.gap[1, 0] == 0


def test_statistics_are_over_the_examples_that_have_the_measure():
    a, b, data = problem((5, 2, 2, 3), n=40)
    found = feature_connectivity(a, b, data)
    values = found.cosine[1]
    kept = values[~np.isnan(values)]
    assert 0 < len(kept) < 40  # narrow ReLU layers are dead on some examples
    assert found.mean("cosine")[1] == pytest.approx(kept.mean())
    assert found.standard_error("cosine")[1] == pytest.approx(kept.std(ddof=1) / len(kept) ** 0.5)
    np.testing.assert_allclose(
        found.quantiles("cosine", (0.0, 0.5))[1], np.quantile(kept, (0, 0.5))
    )
    one = feature_connectivity(a, b, Examples(data.inputs[:1], data.labels[:1]))
    assert np.isnan(one.standard_error("gap")).all()


def test_repr_summarises():
    text = repr(feature_connectivity(*problem((5, 9, 3)), 0.25))
    number = r"-?[\d.e-]+"
    layer = rf"layers.\d: {number} \({number}\) x{number}"
    assert re.fullmatch(
        rf"FeatureConnectivity\(t=0.25, mean cosine \(baseline\) xcoefficient: {layer}, {layer}\)",
        text,
    )


def test_bad_arguments_are_refused():
    a, b, data = problem()
    for t in (0.0, 1.0, math.nan):
        with pytest.raises(ValueError, match=r"t must lie in \(0, 1\), got"):
            feature_connectivity(a, b, data, t)
    with pytest.raises(ValueError, match=r"measure must be one of \['cosine', .*, got 'angle'"):
        feature_connectivity(a, b, data).mean("angle")
    for wrap in (lambda net: net, lambda net: Opaque(as_modules(net))):
        with pytest.raises(ValueError, match="same architecture"):
            feature_connectivity(wrap(a), wrap(problem((5, 9, 3))[0]), data)
        with pytest.raises(ValueError, match=r"data.labels must lie in 0..2"):
            feature_connectivity(wrap(a), wrap(b), Examples(data.inputs, data.labels + 3))


def test_a_temperature_undoes_the_decay_of_lewc():
    a, b, data = lewc_pair()
    labels = (a(data.inputs) + b(data.inputs)).argmax(-1)
    labels[:6] = (labels[:6] + 1) % 3  # some that are wrong, for a best temperature to exist
    data = Examples(data.inputs, labels)
    found = recalibrated_barrier(a, b, data, data)
    # f_{1/2} = (f_A + f_B)/16, whose best temperature is that of the sum over 16
    logits = (a(data.inputs) + b(data.inputs)).detach() / 16 / found.temperature
    assert found.recalibrated_loss == pytest.approx(float(cross_entropy(logits, labels)))
    grid = [float(cross_entropy(logits * s, labels)) for s in (0.9, 1.0, 1.1)]
    assert grid[1] == min(grid)
    assert found.temperature < 1
    assert found.recalibrated < found.barrier
    assert found.recalibrated <= found.all_recalibrated
    chord = (found.ends[0] + found.ends[1]) / 2
    assert found.barrier == pytest.approx(found.loss - chord)


def test_networks_without_a_best_temperature_are_reported_as_such():
    a, b, data = problem()
    middle = interpolate(a, b, 0.5)(data.inputs).argmax(-1)
    assert math.isnan(recalibrated_barrier(a, b, data, Examples(data.inputs, middle)).recalibrated)
    right = Examples(data.inputs, a(data.inputs).argmax(-1))
    result = recalibrated_barrier(a, b, data, right)
    assert math.isnan(result.temperatures[0])
    assert math.isnan(result.all_recalibrated)
    assert math.isfinite(result.recalibrated)


def test_temperature_refuses_what_does_not_fit():
    a, b, data = problem()
    with pytest.raises(ValueError, match="same architecture"):
        recalibrated_barrier(a, problem((5, 9, 3))[0], data, data)
    with pytest.raises(ValueError, match=r"data.labels must lie in 0..2"):
        recalibrated_barrier(a, b, Examples(data.inputs, data.labels + 3), data)
    with pytest.raises(ValueError, match=r"labels must lie in 0..2"):
        recalibrated_barrier(a, b, data, Examples(data.inputs, data.labels + 3))
