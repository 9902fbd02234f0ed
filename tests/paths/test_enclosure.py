"""What an activation does to a segment of pre-activations, against dense grids."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lmctheory.networks import activation
from lmctheory.paths.enclosure import parabola, peak, tent, through
from tests.paths.adversarial import SIGMAS

S = torch.linspace(0, 1, 401, dtype=torch.float64)[:, None]


def column(draws) -> torch.Tensor:
    return torch.tensor(draws, dtype=torch.float64)


@given(st.lists(st.tuples(*[st.floats(-9, 9)] * 3), min_size=1, max_size=30))
def test_the_peak_of_a_parabola(draws):
    start, end, bend = column(draws).T
    along = (1 - S) * start + S * end + S * (1 - S) * bend
    found = peak(start, end, bend)
    assert (found >= along.amax(0) - 1e-12).all()
    assert (found <= along.amax(0) + 1e-3).all()


def test_the_tent_and_its_parabola():
    tip = torch.linspace(0, 1, 101, dtype=torch.float64)
    kappa, error = tent(tip)
    roof = torch.minimum(S / tip.clamp(min=1e-300), (1 - S) / (1 - tip).clamp(min=1e-300))
    worst = (kappa * S * (1 - S) - roof).abs().amax(0)
    assert (worst <= error + 1e-12).all()
    assert (worst >= error - 2e-2).all()
    assert error.min() == pytest.approx((2 - 2**0.5) / 4, abs=1e-12)


@pytest.mark.parametrize("sigma", SIGMAS, ids=lambda sigma: sigma.name)
@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.03, 0.3, 3.0, 30.0]))
@settings(max_examples=20, deadline=None)
def test_every_path_stays_inside(sigma, seed, scale):
    rng = np.random.default_rng(seed)
    z_0, z_1, k = torch.from_numpy(rng.standard_normal((3, 200)) * scale)
    if rng.random() < 0.5:  # far from one another, or both large
        z_1 = z_0 + torch.from_numpy(rng.standard_normal(200) * scale / 30)
    d = torch.from_numpy(rng.random(200) * scale * rng.choice([0.0, 0.1, 1.0]))
    image = through(sigma, z_0, z_1, k, d)
    g = (1 - S) * z_0 + S * z_1 + S * (1 - S) * k
    chord = (1 - S) * sigma.apply(z_0) + S * sigma.apply(z_1)
    for sign in (-1.0, 0.0, 1.0):  # the rest vanishes at the ends, but may jump up at once
        delta = sign * d * (S > 0) * (S < 1)
        gap = (sigma.apply(g + delta) - chord - S * (1 - S) * image.bend).abs()
        allowed = image.fresh + image.gain * delta.abs()
        assert (gap <= allowed + 1e-12 * (1 + scale**2)).all()


@pytest.mark.parametrize("sigma", SIGMAS, ids=lambda sigma: sigma.name)
def test_short_segments_leave_almost_nothing(sigma):
    # cubes of the length, squares where sigma'' jumps; linear unless a kink is crossed
    z = column([-2.0, -0.7, 0.4, 1.3])
    fresh = through(sigma, z, z + 1e-2, torch.zeros(4).double(), torch.zeros(4).double()).fresh
    jumps = sigma.curvature < sigma.jerk == torch.inf
    assert (fresh <= (5e-6 if jumps else 2e-8)).all()
    at_rest = through(sigma, z, z, torch.zeros(4).double(), torch.zeros(4).double()).fresh
    assert (at_rest <= 1e-8).all()


def test_a_dead_neuron_passes_nothing_on():
    relu = next(sigma for sigma in SIGMAS if sigma.name == "relu")
    image = through(relu, column([-2.0]), column([-1.0]), column([0.5]), column([0.1]))
    assert [float(part) for part in image] == [0.0, 0.0, 0.0]
    awake = through(relu, column([-2.0]), column([-1.0]), column([0.5]), column([1.1]))
    assert float(awake.gain) == 1.0


def test_an_error_of_a_norm_may_lie_in_one_entry():
    found = parabola(torch.zeros(2, 3).double()).wider(column([0.5, 2.0]))
    torch.testing.assert_close(found.reach, column([[0.5] * 3, [2.0] * 3]))
    torch.testing.assert_close(found.size, column([0.5, 2.0]))


@pytest.mark.parametrize("name", ["tanh", "gelu", "sigmoid", "softplus", "erf"])
@pytest.mark.parametrize("size", [0.3, 3.0, 30.0])
def test_errors_of_smooth_activations_are_bounded_and_nearly_attained(name, size):
    """Short segments by the third derivative, long ones by the second and the first."""
    sigma, rng = activation(name), torch.Generator().manual_seed(0)
    z_0, z_1, k = size * torch.randn(3, 40_000, generator=rng, dtype=torch.float64)
    k = k * 10 ** (4 * torch.rand(k.shape, generator=rng, dtype=torch.float64) - 3)
    image = through(sigma, z_0, z_1, k, torch.zeros_like(k))
    s = torch.linspace(0, 1, 65, dtype=torch.float64)[:, None]
    ends = (1 - s) * sigma.apply(z_0) + s * sigma.apply(z_1)
    value = sigma.apply((1 - s) * z_0 + s * z_1 + s * (1 - s) * k)
    error = (value - ends - s * (1 - s) * image.bend).abs().amax(0)
    ratio = error / (image.fresh + 1e-13 * (1 + size))
    assert 0.7 < ratio.max() <= 1
