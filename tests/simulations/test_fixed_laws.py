"""The study of fixed laws: its estimates against fields that are known."""

import numpy as np
import pytest
import torch

from simulations.fixed_laws.measurement import Task, _parts, run
from simulations.fixed_laws.summary import fitted, powers
from simulations.training import Training


def test_parts_are_those_of_a_mean_field_and_noise():
    rng = torch.Generator().manual_seed(0)
    shared = torch.randn(50, 10, generator=rng, dtype=torch.float64)
    noise = torch.randn(400, 50, 10, generator=rng, dtype=torch.float64)
    found = _parts(2 * shared + 3 * noise)
    # root mean squares over examples of vectors of 10
    assert found.coherent == pytest.approx(
        2 * float(shared.square().sum(1).mean()) ** 0.5, rel=0.02
    )
    assert found.fluctuation == pytest.approx(3 * 10**0.5, rel=0.02)
    alone = _parts(noise[:4])
    assert alone.coherent < 0.2 * alone.fluctuation


def test_powers_are_found_with_their_errors():
    x = [1.0, 2.0, 4.0, 8.0]
    exact = fitted(x, [3 * value**-0.5 for value in x])
    assert (exact.value, exact.error) == (pytest.approx(-0.5), pytest.approx(0, abs=1e-12))
    rough = fitted(x, np.exp([0.0, 1.0, 0.0, 1.0]))
    # of 0, 1, 0, 1 at 0, 1, 2, 3: covariance 1, variance 5, squared residuals .8 for two degrees
    assert rough.value == pytest.approx(0.2 / np.log(2))
    assert rough.error == pytest.approx(0.08**0.5 / np.log(2))
    assert fitted(x, [1.0, -1.0, 0.0, 2.0]) is None


def test_errors_of_unions_are_their_barriers():
    """A barrier is the first order and what is beyond it; errors fall as widths grow."""
    training = Training(epochs=2, learning_rate=0.05)
    found = run(Task("digits", "tanh", 4, 16, [1, 2, 4], training, 0))
    assert found.widths == [4, 8, 16]
    assert [len(costs) for costs in found.costs] == [8, 4, 2]
    means = [np.mean(costs) for costs in found.costs]
    assert means[0] > means[1] > means[2] > 0
    for k in range(3):
        rest = np.subtract(found.barriers[k], found.first_order[k])
        size = found.error[k].coherent ** 2 + found.error[k].fluctuation ** 2
        # the loss has second derivatives of at most 1/2; the chord lies above the loss midway
        assert rest.mean() <= size / 4
    assert powers(found)["M_x in m"].value < 0
