"""The study of low dimension: its laws, what is measured, and where noise takes over."""

import numpy as np
import pytest
import torch

from simulations.dimension.laws import AMBIENT, LAWS
from simulations.dimension.measurement import Measured, WidthTask, _barrier, _error, _examples, run
from simulations.dimension.summary import _crosses, claims, curves
from simulations.initial_networks import relu_network


def test_laws_lie_in_or_near_what_they_are_named_after():
    rng = np.random.default_rng(0)
    for name, law in LAWS.items():
        x = law.measure.sample(4000, rng=rng)
        assert name == law.name
        # as far from the set of low dimension as eta says
        if law.kind == "sphere":
            assert x.shape[1] == law.k + 1
            assert np.allclose(np.linalg.norm(x, axis=1), 1)
        elif law.kind == "clusters":
            centres = law.near.sample(500, rng=rng)
            nearest = np.square(x[:, None] - np.unique(centres, axis=0)).sum(axis=2).min(axis=1)
            assert nearest.mean() == pytest.approx(law.eta**2, rel=0.2)
        else:
            off = np.square(x[:, law.k :]).sum(axis=1).mean()
            assert off == pytest.approx(law.eta**2 * (1 - law.k / AMBIENT), rel=0.1)
            assert np.square(x[:, 0]).mean() == pytest.approx(1, rel=0.15)


def test_errors_are_means_over_output_weights():
    rng = np.random.default_rng(1)
    a, b, x = (rng.standard_normal((m, 3)) for m in (6, 6, 40))
    errors, squares = [], []
    for _ in range(20_000):
        u, v = rng.standard_normal((2, 6))
        f = [np.maximum(x @ w.T, 0) @ out for w, out in ((a, u), (b, v))]
        middle = np.maximum(x @ (a + b).T / 2, 0) @ (u + v) / 2
        errors.append(np.square(middle - sum(f) / 2).mean())
        squares.append(np.square(f).mean())
    assert _error(a, b, x) == pytest.approx(np.mean(errors) / np.mean(squares), rel=0.03)
    assert _error(a, a, x) == 0


def test_barriers_are_those_of_networks_with_equal_outputs():
    rng = np.random.default_rng(2)
    law = LAWS["linear 3"]
    data = _examples(law.measure, rng)
    a, b = law.measure.sample(8, rng=rng), law.measure.sample(8, rng=rng)
    x = data.inputs.numpy()

    def loss(w):
        return np.square(np.maximum(x @ w.T, 0).mean(axis=1) - data.labels[:, 0].numpy()).mean()

    chord = (loss(a) + loss(b)) / 2
    assert _barrier(a, b, data) == pytest.approx((loss((a + b) / 2) - chord) / chord)
    # labels are those of infinitely many neurons, E relu(<w, x>) = |x| / sqrt(2 pi)
    exact = np.linalg.norm(x, axis=1) / np.sqrt(2 * np.pi)
    assert np.allclose(data.labels[:, 0], exact, rtol=0.05)


def test_networks_have_the_weights_given():
    w, v = np.array([[1.0, -2.0], [0.5, 3.0]]), np.array([[2.0, -1.0]])
    network = relu_network(w, v)
    assert float(network(torch.tensor([[1.0, 1.0]], dtype=torch.float64))) == -3.5
    assert not any(p.requires_grad for p in network.parameters())


def test_records_lie_between_their_bounds():
    found = run(WidthTask("noisy 2, eta 0.4", 64, 4, 0))
    assert found.near is not None
    assert found.lower <= found.mean("cost").value <= min(found.upper, found.near)
    assert found.error_lower <= found.mean("error").value <= found.error_upper
    assert found.scale == pytest.approx(2 * (2 + 0.16))
    assert run(WidthTask("sphere 2", 16, 2, 0)).near is None


def _results(noise):
    """Costs as if M_k = 1/m and noise added so much, without errors worth the name."""
    rng, results = np.random.default_rng(3), []
    for law, extra in (("linear 2", 0.0), ("noisy 2, eta 0.1", noise)):
        for m in (16, 32, 64, 128, 256, 512):
            cost = ((1 / m + extra) * rng.uniform(0.999, 1.001, 8)).tolist()
            record = Measured(cost, cost, cost, cost, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0)
            results.append((WidthTask(law, m, 8, 0), record))
    return results


def test_noise_doubles_the_cost_where_it_is_all_the_rest():
    plain, noisy = curves(_results(1 / 100))
    found = noisy.doubles(plain)
    assert found.width == pytest.approx(100, rel=0.05)  # by interpolation
    assert found.interval[0] < found.width < found.interval[1]
    assert found.interval[1] / found.interval[0] < 1.02
    assert plain.falls_to(1 / 100) == pytest.approx(100, rel=0.01)
    assert plain.falls_to(1e-9) is None
    unseen = noisy.doubles(curves(_results(1e-9))[0])
    assert unseen.width == pytest.approx(found.width, rel=0.01)
    assert curves(_results(1e-9))[1].doubles(plain).width is None
    assert curves(_results(1e-9))[1].doubles(plain).interval == (16.0, 512.0)
    assert _crosses(np.log([1.0, 4.0]), np.array([-1.0, 1.0])) == pytest.approx(2)
    # 2 eta^2 = .02 is what D4 says, so that it is met at half of the width
    verdicts = {one.claim: (one.verdict, one.found) for one in claims(_results(1 / 100))}
    assert verdicts["noise doubles M where M_k = 2 eta^2"] == ("different", "x0.51")
