"""T1, T1b: the gap of one neuron against neurons that attain the bounds, and random ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmctheory.activations import KNOWN
from lmctheory.widths.neuron_gap import (
    activation_gap_bound,
    largest_gap,
    neuron_gap_bound,
    relu_gap,
)

POSITIVE = st.floats(0.01, 100.0)
SHARE = st.floats(0.01, 1.0)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(0.05, 0.95))
def test_an_extremal_neuron_attains_the_bound(distance, spread, curvature, t):
    """g'' = -H d^2 on {k > (1-l) tau}, 0 elsewhere, integrated twice by parts in closed form."""
    length = min(1.0, spread / (curvature * distance))
    start, stop = t * (1 - length), t + length * (1 - t)  # where k is above (1-l) tau

    def ramp(s):  # the second integral of -H d^2 on [start, stop]
        inside = np.clip(s, start, stop) - start
        return -curvature * distance**2 * (inside**2 / 2 + inside * max(s - stop, 0.0))

    gap = ramp(t) - t * ramp(1.0) - (1 - t) * ramp(0.0)
    bound = t * (1 - t) * largest_gap(distance, spread, curvature)
    assert gap == pytest.approx(float(bound), rel=1e-6)


@given(POSITIVE, POSITIVE, POSITIVE, SHARE)
def test_both_constants_do_better_than_either(distance, lipschitz, curvature, t):
    both = neuron_gap_bound(distance, t, lipschitz=lipschitz, curvature=curvature)
    tau = t * (1 - t)
    assert both <= 2 * tau * lipschitz * distance * (1 + 1e-12)
    assert both <= tau / 2 * curvature * distance**2 * (1 + 1e-12)
    rough = neuron_gap_bound(distance, t, lipschitz=lipschitz)
    assert float(rough) == pytest.approx(2 * tau * lipschitz * distance)


@given(st.lists(POSITIVE, min_size=2, max_size=2), POSITIVE, POSITIVE)
def test_the_bound_is_concave_in_the_squared_distance(distances, spread, curvature):
    middle = np.sqrt(np.mean(np.square(distances)))
    ends = largest_gap(np.array(distances), spread, curvature)
    assert ends.mean() <= largest_gap(float(middle), spread, curvature) * (1 + 1e-12)


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_no_activation_exceeds_its_bound(name):
    sigma, rng = KNOWN[name].function, np.random.default_rng(0)
    z, z_prime = rng.standard_normal((2, 20_000)) * 10 ** rng.uniform(-1, 1, 20_000)
    worst = 0.0
    for t in (0.1, 0.5, 0.8):
        gap = np.abs(sigma(t * z + (1 - t) * z_prime) - t * sigma(z) - (1 - t) * sigma(z_prime))
        bound = activation_gap_bound(np.abs(z - z_prime), t, name)
        assert (gap <= bound * (1 + 1e-12) + 1e-14).all()
        worst = max(worst, float((gap / np.maximum(bound, 1e-300)).max()))
    assert name == "identity" or worst > 0.8


def test_the_gap_of_relu_is_the_largest_over_t():
    z, z_prime = np.random.default_rng(1).standard_normal((2, 500))
    t = np.linspace(0, 1, 20_001)[:, None]
    path = np.maximum(t * z + (1 - t) * z_prime, 0)
    chord = t * np.maximum(z, 0) + (1 - t) * np.maximum(z_prime, 0)
    largest = np.abs(path - chord).max(axis=0)
    found = relu_gap(z, z_prime)
    np.testing.assert_allclose(found, largest, atol=1e-4)
    assert (found >= largest - 1e-15).all()
    assert (found <= np.abs(z - z_prime) / 4).all()
    tiny = np.array([1e-200])
    assert relu_gap(tiny, -tiny) == pytest.approx(5e-201, rel=1e-9, abs=0)


def test_bad_arguments_of_gaps_are_refused():
    for argument in ("distance", "spread", "curvature"):
        values = {"distance": 1.0, "spread": 1.0, "curvature": 1.0} | {argument: -1.0}
        with pytest.raises(ValueError, match=f"{argument} must be >= 0"):
            largest_gap(**values)
    with pytest.raises(ValueError, match="distance must be >= 0, got nan"):
        largest_gap(np.nan, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        neuron_gap_bound(1.0, 1.5, lipschitz=1.0)
    with pytest.raises(ValueError, match=r"t must lie in \[0, 1\]"):
        activation_gap_bound(1.0, -0.5, "relu")
    with pytest.raises(ValueError, match="activation must be one of"):
        activation_gap_bound(1.0, 0.5, "swish")
    for z in (np.nan, np.inf):  # a gap of 0 would be certified
        with pytest.raises(ValueError, match=r"z(_prime)? must be finite"):
            relu_gap(np.array([z]), np.array([-1.0]))
