"""Function errors that add up (P1), against networks whose noise is averaged out exactly."""

from itertools import product

import numpy as np
import pytest

from lmctheory.activations import KNOWN
from lmctheory.rates import optimal_permutation
from lmctheory.widths import OutputLaw, coherent_error_bound

LAW = OutputLaw(size=1.0, lipschitz=1.0, noise=0.5)
INPUTS = np.random.default_rng(7).standard_normal((30, 3))


def bound(cost=0.1, N=64, activation="tanh", outputs=LAW, *, inputs=INPUTS, **others):
    return coherent_error_bound(cost, N, activation, outputs, inputs=inputs, **others)


def matched(rng, N):
    a, b = rng.standard_normal((2, N, 3))
    b = b[optimal_permutation(a, b)]
    return a, b, float(np.square(a - b).sum(axis=1).mean())


def error(a, b, v, v_prime, t=0.5, name="tanh"):
    """e_t on the inputs, of output weights [..., N]."""
    sigma, N = KNOWN[name].function, len(a)
    z, z_prime = a @ INPUTS.T, b @ INPUTS.T
    f_t = (t * v + (1 - t) * v_prime) @ sigma(t * z + (1 - t) * z_prime)
    return (f_t - t * v @ sigma(z) - (1 - t) * v_prime @ sigma(z_prime)) / N


def root_mean(values):
    return float(np.sqrt(np.square(values).mean()))


def test_a_smooth_neuron_errs_in_proportion_to_the_cost_and_not_to_the_width():
    near, far = bound(cost=1e-4), bound(cost=4e-4)
    assert far.coherent == pytest.approx(4 * near.coherent)
    assert bound(N=6400).coherent == bound().coherent
    assert bound(N=6400).fluctuation == pytest.approx(bound().fluctuation / 10)
    assert bound(N=6400).variance == pytest.approx(bound().variance / 100)


def test_a_kink_errs_in_proportion_to_the_root_of_the_cost():
    smooth = OutputLaw(size=1.0, lipschitz=0.0)
    near, far = (bound(cost=cost, activation="relu", outputs=smooth) for cost in (1e-4, 4e-4))
    assert far.coherent == pytest.approx(2 * near.coherent)


def test_nothing_errs_at_the_ends_or_between_equal_networks():
    for found in (bound(t=0.0), bound(t=1.0), bound(cost=0.0)):
        assert (found.coherent, found.fluctuation, found.variance) == (0, 0, 0)


def test_the_identity_of_the_error():
    rng, t, N = np.random.default_rng(0), 0.3, 8
    a, b, _ = matched(rng, N)
    v, v_prime = rng.standard_normal((2, N))
    s_a, s_b = np.tanh(a @ INPUTS.T), np.tanh(b @ INPUTS.T)
    gap = np.tanh((t * a + (1 - t) * b) @ INPUTS.T) - t * s_a - (1 - t) * s_b
    parts = (t * v + (1 - t) * v_prime) @ gap - t * (1 - t) * (v - v_prime) @ (s_a - s_b)
    np.testing.assert_allclose(parts / N, error(a, b, v, v_prime, t), atol=1e-14)


@pytest.mark.parametrize("N", [32, 256, 1024])
def test_measured_coherent_errors_are_of_the_order_of_the_cost(N):
    a, b, cost = matched(np.random.default_rng(1), N)
    coherent = root_mean(error(a, b, *np.tanh(np.stack([a[:, 0], b[:, 0]]))))
    # .012(2) of the cost at N = 32, .0085(8) at 1024, while the cost falls 8-fold
    assert 0.005 * cost < coherent < 0.02 * cost
    assert coherent < bound(cost=cost, N=N).coherent


def test_the_cost_in_the_metric_of_the_data_sharpens():
    loose, sharp = bound(), bound(data_cost=0.05)
    assert sharp.fluctuation < loose.fluctuation
    assert sharp.coherent < loose.coherent
    assert bound(data_cost=1e9) == loose


def test_the_cross_entropy_is_bounded_for_noise_averaged_exactly():
    rng, N, s, closest = np.random.default_rng(2), 3, 0.5, 0.0
    for _ in range(20):
        a, b, cost = matched(rng, N)
        # two logits, +-f/2: |v| as vectors is |v|/sqrt(2)
        signs = np.array(list(product((-s, s), repeat=2 * N))).reshape(-1, 2, N)
        v, v_prime = np.moveaxis(np.tanh(np.stack([a[:, 0], b[:, 0]])) + signs, 1, 0)
        f_a, f_b = v @ np.tanh(a @ INPUTS.T) / N, v_prime @ np.tanh(b @ INPUTS.T) / N
        chord = (f_a + f_b) / 2
        e = error(a, b, v, v_prime)
        y = -np.sign(e.mean(axis=0))  # labels that the error turns away from

        def loss(f, y=y):
            return np.logaddexp(0, -y * f).mean()

        law = OutputLaw(size=0.5**0.5, lipschitz=0.5**0.5, noise=s * 0.5**0.5)
        found = bound(cost, N, outputs=law)
        barrier = loss(chord + e) - (loss(f_a) + loss(f_b)) / 2
        assert barrier <= found.cross_entropy_barrier(activity=1.0)
        assert found.cross_entropy_barrier(activity=1.0) <= found.cross_entropy_barrier()
        risen = loss(chord + e) - loss(chord)
        assert risen <= found.cross_entropy_barrier(activity=1.0)
        closest = max(closest, risen / found.cross_entropy_barrier(activity=1.0))
    assert closest > 0.02  # no idle check


def test_one_linear_neuron_attains_the_coherent_part_and_the_cross_entropy():
    """Where the networks are sure of what is false, the loss is linear along the error."""
    w, w_prime, G, t = 10.0, 11.0, 3.0, 0.3
    law = OutputLaw(size=100.0, lipschitz=G)
    found = coherent_error_bound(1.0, 1, "identity", law, inputs=np.ones((1, 1)), t=t)

    def network(weight, g):
        return weight * np.array([G * g / 2**0.5, 50 - G * g / 2**0.5])

    def loss(f):  # the label is the first
        return float(np.logaddexp(0, f[1] - f[0]))

    middle = network(t * w + (1 - t) * w_prime, t * w + (1 - t) * w_prime)
    ends = network(w, w), network(w_prime, w_prime)
    error = middle - t * ends[0] - (1 - t) * ends[1]
    assert np.linalg.norm(error) == pytest.approx(found.coherent)
    barrier = loss(middle) - t * loss(ends[0]) - (1 - t) * loss(ends[1])
    assert barrier == pytest.approx(found.cross_entropy_barrier())


def test_noise_of_one_network_nearly_attains_what_it_adds_to_a_squared_loss():
    """t^2 (1-t) s^2 D^2 of t (1-t) s^2 D^2, for w = t D, w' = w + D and no mean output."""
    t, s, D = 0.95, 0.7, 2.0
    law = OutputLaw(size=0.0, lipschitz=0.0, noise=s)
    found = coherent_error_bound(D**2, 1, "identity", law, inputs=np.ones((1, 1)), t=t)
    w, w_t = t * D, t * D + (1 - t) * D
    barrier = (t * s * w_t) ** 2 - t * (s * w) ** 2  # averaged over +-s; B's noise is zero
    bound = found.squared_loss_barrier(risk=0.0)
    assert 0.9 * bound < barrier <= bound


def test_the_squared_loss_barrier_counts_the_mean_networks_apart():
    found = bound()
    assert found.squared_loss_barrier(1.0, apart=0.4) == pytest.approx(
        found.squared_loss_barrier(1.0) - 0.04
    )


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cost": -1.0}, "cost"),
        ({"N": 0}, "N"),
        ({"t": 1.5}, "t"),
        ({"data_cost": -1.0}, "data_cost"),
        ({"activation": "step"}, "activation"),
        ({"inputs": np.zeros((3, 2))}, "inputs"),
    ],
)
def test_bad_arguments_are_named(changes, named):
    with pytest.raises(ValueError, match=named):
        bound(**changes)


def test_laws_and_losses_name_what_is_wrong():
    with pytest.raises(ValueError, match="noise"):
        OutputLaw(1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="risk"):
        bound().squared_loss_barrier(-1.0)
    with pytest.raises(ValueError, match="activity"):
        bound().cross_entropy_barrier(np.nan)
