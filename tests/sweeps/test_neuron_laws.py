"""The Gaussian laws that stand for a layer's neurons."""

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian
from lmctheory.networks import MLP, Dataset, Examples
from lmctheory.rates import lower_bound, upper_bound
from lmctheory.sweeps.measured import Sandwich
from lmctheory.sweeps.measurement import measure
from lmctheory.sweeps.neuron_laws import features_law, initial_law, sandwich, trained_law


def test_the_initial_law_is_that_of_the_rows():
    # 40,000 rows: each entry of the covariance has a standard error < 0.0075; 6 of them
    metric = torch.tensor([[2.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    rows = torch.randn(40_000, 2, generator=torch.Generator().manual_seed(0)).double()
    drawn = trained_law([rows], metric)
    exact = initial_law(2, metric)
    np.testing.assert_allclose(exact.spectrum, np.linalg.eigvalsh(metric.numpy())[::-1])
    np.testing.assert_allclose(drawn.spectrum, exact.spectrum, rtol=0.05)
    np.testing.assert_allclose(initial_law(4, None).spectrum, [0.5] * 4)


def test_a_trained_law_pools_its_layers():
    rows = torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[-1.0, 0.0], [0.0, 2.0]])
    pooled = np.cov(torch.cat(rows).numpy().T)
    expected = np.linalg.eigvalsh(pooled)[::-1]
    np.testing.assert_allclose(trained_law(rows, None).spectrum, expected, rtol=1e-6)


def test_a_sandwich_reports_both_sides():
    sides = sandwich(Gaussian(spectrum=[1.0, 1.0]), 10)
    assert 0 < sides.lower < sides.upper < sides.trivial == 4
    assert sides.dimension == pytest.approx(2)


def test_dead_layers_have_an_empty_law():
    rows = [torch.ones(3, 2), torch.zeros(3, 2)]
    law = trained_law(rows, torch.zeros(2, 2, dtype=torch.float64))
    sides = sandwich(law, 3)
    assert sides == Sandwich(lower=0.0, upper=0.0, trivial=0.0, dimension=0.0)


def test_neurons_with_several_weights_are_described_by_all_of_them():
    rng = torch.Generator().manual_seed(0)
    x, y, z = (torch.randn(6, k, generator=rng, dtype=torch.float64) for k in (2, 4, 3))
    root = torch.tensor([[2.0, 0.0], [1.0, 1.0]], dtype=torch.float64)
    pair = [
        Features(x, x + 1, root @ root.mT),  # a metric for all of the vector
        Features(y, y - 1, root @ root.mT),  # one for each of its two parts
        Features(z, 2 * z),
    ]
    joined = [
        torch.cat([f @ root, g @ torch.block_diag(root, root), h], 1)
        for f, g, h in ((x, y, z), (x + 1, y - 1, 2 * z))
    ]
    expected = np.linalg.eigvalsh(np.cov(torch.cat(joined).numpy().T))[::-1]
    found = features_law(pair, [pair]).spectrum
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
    gaps = (joined[0] - joined[1]).square().sum(1).mean()
    assert sum(f.cost for f in pair) == pytest.approx(float(gaps))


def test_one_weight_alone_has_the_trained_law():
    rng = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 5, 3, generator=rng, dtype=torch.float64)
    metric = torch.eye(3, dtype=torch.float64)
    own, other = [Features(a, b, metric)], [Features(2 * a, 2 * b)]
    expected = trained_law([a, b, 2 * a, 2 * b], metric).spectrum
    np.testing.assert_array_equal(features_law(own, [own, other]).spectrum, expected)


@pytest.mark.parametrize("kind", ["chain", "module"])
@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_bounds_are_modulo_signs_where_neurons_may_be_negated(name, kind):
    """At initialisation rows are Gaussian, and the mean of 8 costs lies within 4 errors of both."""
    models = [MLP((12, 24, 3), name, rng=torch.Generator().manual_seed(s)) for s in range(16)]
    if kind == "module":  # whose outputs are no affine map of the neurons
        models = [nn.Sequential(model, nn.LayerNorm(3)) for model in models]
    x = torch.randn(40, 12, generator=torch.Generator().manual_seed(99))
    examples = Examples(x, torch.arange(40) % 3)
    data = Dataset("drawn", examples, examples, 3)
    found = measure(
        models,
        data,
        ["weighted"],
        points=3,
        certify=False,
        law=lambda f: initial_law(12, f[0].metric),
    )
    law = initial_law(12, (x.mT @ x / 40).double())
    modulo = "signs" if name == "tanh" else None
    for side, bound in (("lower", lower_bound), ("upper", upper_bound)):
        expected = bound(law, 24, modulo=modulo).value
        assert found.bound(side, "data").value == pytest.approx(expected, rel=1e-4)
    assert found.sandwiched("data", 0)
