"""The study of trained coupling: deep curvature against a dense Hessian, and what it reports."""

import numpy as np
import pytest
import torch

from lmctheory.networks import MLP, seeded_generators
from simulations.trained_coupling import deep
from simulations.trained_coupling.deep import DeepTask, run_deep
from simulations.trained_coupling.measurement import (
    PairTask,
    WidthTask,
    _first_below,
    run_pair,
    run_widths,
)
from simulations.trained_coupling.settings import SETTINGS, Setting, starts_of, task_of
from simulations.trained_coupling.summary import bound_of, report


@pytest.fixture
def small(monkeypatch):
    """Two tiny networks as vectors, and the functions of both."""
    models = [
        MLP((5, 3, 10), "tanh", rng=seeded_generators(seed)[0], dtype=torch.float64)
        for seed in (0, 1)
    ]
    inputs = torch.randn(7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network = deep._Network(models[0], inputs, torch.arange(7))
    a, b = (network.vector(model) for model in models)
    return network, a, b + 0.5 * (a - b)


def test_deep_factors_are_those_of_dense_matrices(small):
    network, a, b = small
    s, gap = 0.3, a - b
    nodes, weights = np.polynomial.legendre.leggauss(9)
    H, pull = torch.zeros(len(a), len(a), dtype=torch.float64), torch.zeros_like(a)
    r_a, r_b = network.residual(a), network.residual(b)
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        r = node * r_a + (1 - node) * r_b

        def product(theta, r=r):
            return (r * network.outputs(theta)).sum() / 7

        H += weight * torch.func.jacrev(torch.func.grad(product))(b + node * gap)
        rho = r_a - r_b
        jacobian = torch.func.jacrev(network.outputs)(b + node * gap)
        pull += weight * torch.einsum("nc,ncp->p", rho, jacobian) / 7
    # the identity of a step
    step = s * (torch.func.grad(network.loss)(a) - torch.func.grad(network.loss)(b))
    np.testing.assert_allclose(step, s * (H @ gap + pull), rtol=1e-6, atol=1e-9)
    eigenvalues = torch.linalg.eigvalsh(H)
    kept, size = gap - s * H @ gap, gap @ gap
    mutual = (-2 * s * kept @ pull + s**2 * pull @ pull) / size
    along, bound = deep._factors(network, a, b, s)
    assert along - 1 == pytest.approx(float(kept @ kept / size) - 1, rel=0.05)
    largest = float((1 - s * eigenvalues).abs().max()) ** 2
    assert bound - 1 == pytest.approx(largest + max(float(mutual), 0) - 1, rel=0.05)
    assert largest > along > 0.5


def test_deep_pairs_grow_less_than_the_bound():
    found = run_deep(DeepTask(2, 4, 2, 0.5, 8, 4, 0))
    assert all(np.array(found.growth) < found.bound)
    assert found.steps == [8, 8]
    assert all(share < 1 for share in found.share)


def test_the_first_step_below_a_share():
    losses = np.array([4.0, 3.0, 1.9, 2.5, 0.3])
    assert [_first_below(losses, share) for share in (0.5, 0.1, 0.01)] == [2, 4, None]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_tasks(name):
    setting, rng = SETTINGS[name], np.random.default_rng(0)
    task = task_of(setting, rng)
    assert task.train_outputs == setting.trained
    assert len(task.inputs) == setting.examples
    if setting.data != "teacher":
        assert np.square(task.inputs).sum(axis=1).mean() == pytest.approx(4)
    weights, outputs = starts_of(setting, task, 5, rng)
    assert weights.shape == (5, task.inputs.shape[1])
    assert setting.trained or (outputs == setting.scale).all()


def test_batches_of_its_own_are_drawn_for_b(monkeypatch):
    monkeypatch.setitem(SETTINGS, "both", Setting(batch=5))
    monkeypatch.setitem(SETTINGS, "own", Setting(batch=5, own=True))
    both, own = (run_pair(PairTask(name, 20, 1, 40, 0)).rows[0] for name in ("both", "own"))
    assert own.propagators[0] > 1.5 * both.propagators[0]


def test_the_report_counts_violations_and_in_advance_bounds_hold():
    pairs = PairTask("tanh, d = 2", 30, 2, 15, 0)
    widths = WidthTask("tanh, d = 2", [20, 80], 30, 500, 3, 15, 0)
    followed, known = run_pair(pairs), run_widths(widths)
    lines = report([(pairs, followed), (widths, known)])
    assert lines[1].startswith("0 of ")
    for row in known.rows:
        assert np.mean(row.cost) < bound_of(row)
        assert np.mean(row.initial) < row.upper
    assert bound_of(known.rows[1]) < bound_of(known.rows[0])
    followed.rows[0].propagators[1] = 0.1
    followed.rows[0].error_bound[0] = 0.0
    assert report([(pairs, followed), (widths, known)])[1].startswith("2 of ")
