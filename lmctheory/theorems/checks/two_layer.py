"""Checks on two-layer networks (T): small networks that are matched exactly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian, Measure, UniformCube
from lmctheory.rates import optimal_permutation
from lmctheory.theorems._registry import tries
from lmctheory.theorems.trial import Trial
from lmctheory.widths.coherent_error import OutputLaw, coherent_error_bound
from lmctheory.widths.fixed_outputs import neuron_on_data
from lmctheory.widths.mean_field import coupling_bound, flow_lipschitz
from lmctheory.widths.neuron_gap import activation_gap_bound, neuron_gap_bound, relu_gap
from lmctheory.widths.two_layer import (
    Neuron,
    error_bound,
    neuron,
    neuron_with_fixed_output,
    required_width,
    squared_loss_barrier,
)

_SMOOTH = ("tanh", "sigmoid", "softplus", "gelu")


def _unit(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _gap(values: np.ndarray, t: float) -> float:
    """|g(t) - t g(1) - (1-t) g(0)| from g at t, 1 and 0."""
    return float(abs(values[0] - t * values[1] - (1 - t) * values[2]))


@tries("T1")
def _one_neuron(rng: np.random.Generator) -> Iterator[Trial]:
    """Sin along a segment, and kinks of height K: the second attains the bound."""
    while True:
        K, d, t = (float(value) for value in (*rng.uniform(0.1, 3, 2), rng.uniform(0.05, 0.95)))
        phase, rate, s = rng.uniform(0, 7), float(rng.uniform(0.1, 5)), np.array([t, 1.0, 0.0])
        gap = _gap(K / rate * np.sin(phase + rate * d * s), t)
        yield Trial(gap, float(neuron_gap_bound(d, t, lipschitz=K, curvature=K * rate)))
        gap = _gap(K * d * np.abs(s - t), t)
        yield Trial(gap, float(neuron_gap_bound(d, t, lipschitz=K)))


@tries("T1b")
def _one_activation(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        name, t = str(rng.choice(["relu", *_SMOOTH])), float(rng.uniform(0.05, 0.95))
        z, z_prime = 10 ** rng.uniform(-1, 1) * rng.standard_normal(2)
        s = np.array([t, 1.0, 0.0])
        gap = _gap(KNOWN[name].function(s * z + (1 - s) * z_prime), t)
        yield Trial(gap, float(activation_gap_bound(abs(z - z_prime), t, name)))
        below, above = -abs(z), abs(z_prime)
        at_kink = above / (above - below)
        ends = np.maximum([0.0, below, above], 0.0)
        yield Trial(_gap(ends, at_kink), float(relu_gap(np.array(below), np.array(above))))


def _matched(
    rng: np.random.Generator,
) -> tuple[Callable[[np.ndarray], np.ndarray], Neuron, np.ndarray, np.ndarray]:
    """Networks of parameters [..., N, 1 + d] as a function, their constants, and a matched pair."""
    name, d = str(rng.choice(["relu", *_SMOOTH])), int(rng.integers(1, 4))
    N, fixed = int(rng.integers(1, 40)), bool(rng.random() < 0.5)
    scale = 10 ** rng.uniform(-1, 1)
    a, b = scale * (2 * rng.random((2, N, 1 + d)) - 1)
    if fixed:
        a[:, 0] = b[:, 0] = 1.0
        constants = neuron_with_fixed_output(name, radius=1.0, output=1.0)
    else:
        reach = scale * d**0.5
        constants = neuron(name, radius=1.0, output=scale, weight_norm=reach)
    if rng.random() < 0.3:  # the farthest that neurons can be apart
        b[:, 1:] = -a[:, 1:]
    x, sigma = _unit(rng, 20, d), KNOWN[name].function

    def network(theta: np.ndarray) -> np.ndarray:
        out: np.ndarray = (theta[..., :1] * sigma(theta[..., 1:] @ x.T)).mean(axis=-2)
        return out

    return network, constants, a, b[optimal_permutation(a, b)]


@tries("T2")
def _function_error(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        network, constants, a, b = _matched(rng)
        t = float(rng.uniform(0.05, 0.95))
        error = np.abs(network(t * a + (1 - t) * b) - t * network(a) - (1 - t) * network(b)).max()
        distance = float(np.sqrt(np.square(a - b).sum(axis=1).mean()))
        yield Trial(float(error), constants.function_error(distance))


@tries("T3")
def _barrier(rng: np.random.Generator) -> Iterator[Trial]:
    """Any error; one time in two along f-bar - y, where the bound is attained."""

    def mean(v: np.ndarray) -> float:
        return float(np.square(v).sum(axis=1).mean())

    while True:
        n, outputs, t = int(rng.integers(1, 9)), int(rng.integers(1, 4)), float(rng.random())
        f_a, f_b, y, e = rng.standard_normal((4, n, outputs))
        chord = t * f_a + (1 - t) * f_b
        if rng.random() < 0.5:
            e = rng.exponential() * (chord - y)
        barrier = mean(chord + e - y) - t * mean(f_a - y) - (1 - t) * mean(f_b - y)
        bound = squared_loss_barrier(mean(e) ** 0.5, mean(chord - y), mean(f_a - f_b) ** 0.5, t)
        gain = t * (1 - t) * mean(f_a - f_b)  # both sides positive
        yield Trial(barrier + gain, bound + gain)


@tries("T4")
def _width(rng: np.random.Generator) -> Iterator[Trial]:
    """The width is the first for the mean; for delta = 1e-6, one draw is within eps at it."""
    while True:
        d, fixed = int(rng.integers(1, 4)), bool(rng.random() < 0.5)
        name = str(rng.choice(["relu", "tanh"]))
        law: Measure
        if fixed:
            law = Gaussian(spectrum=[0.1] * (d + 2))
            constants = neuron_with_fixed_output(name, radius=1.0, output=1.0)
        else:
            law = UniformCube(d + 1)
            constants = neuron(name, radius=1.0, output=0.5, weight_norm=d**0.5 / 2)
        eps = float(rng.uniform(0.3, 0.6))
        first = required_width(eps, law, constants)
        yield Trial(error_bound(law, first, constants), eps)
        if first > 1:
            yield Trial(eps, error_bound(law, first - 1, constants))
        N = required_width(eps, law, constants, delta=1e-6)
        a, b = (law.sample(N, rng=rng) for _ in range(2))
        errors = []
        for p in (1.0, 2.0):
            apart = np.linalg.norm(a - b[optimal_permutation(a, b, p)], axis=1)
            errors.append(
                constants.slope * float(apart.mean())
                if p == 1
                else constants.function_error(float(np.sqrt(np.square(apart).mean())))
            )
        yield Trial(min(errors), eps)


@dataclass(frozen=True, eq=False)
class _Training:
    """Gradient descent of f = (1/N) sum tanh(<w_i, x>) on random data, and a wide reference."""

    x: np.ndarray
    y: np.ndarray
    steps: np.ndarray

    def outputs(self, w: np.ndarray) -> np.ndarray:
        f: np.ndarray = np.tanh(w @ self.x.T).mean(axis=-2)
        return f

    def descend(self, w: np.ndarray, residuals: np.ndarray | None = None) -> np.ndarray:
        """Weights before each step and at the end; in the field of given residuals, or its own."""
        path = [w]
        for k, size in enumerate(self.steps):
            slopes = 1 - np.tanh(path[-1] @ self.x.T) ** 2
            residual = self.y - self.outputs(path[-1]) if residuals is None else residuals[k]
            path.append(path[-1] + 2 * size / len(self.x) * (slopes * residual) @ self.x)
        return np.array(path)


def _random_training(rng: np.random.Generator) -> _Training:
    size = float(10 ** rng.uniform(-2, -1))
    steps = np.full(int(rng.integers(2, 20)), size)
    return _Training(_unit(rng, 12, int(rng.integers(1, 4))), rng.standard_normal(12), steps)


def _rms(v: np.ndarray) -> float:
    return float(np.sqrt(np.square(v).sum(axis=-1).mean()))


@tries("T5")
def _training(rng: np.random.Generator) -> Iterator[Trial]:
    """Two neighbours in the limit's flow, a coupling, and two networks that start matched."""
    while True:
        training = _random_training(rng)
        x, y, steps = training.x, training.y, training.steps
        constants = neuron_on_data("tanh", output=1.0, inputs=x)
        N, d = int(rng.integers(2, 60)), x.shape[1]
        reference = training.outputs(training.descend(rng.standard_normal((400, d)))[:-1])
        residuals = y - reference
        risks = np.square(residuals).mean(axis=1)
        flow = flow_lipschitz(constants.curvature, steps, risks)
        a, b = rng.standard_normal((2, N, d))
        near = a[:1] + 1e-4 * _unit(rng, 1, d)
        apart = training.descend(near, residuals)[-1] - training.descend(a[:1], residuals)[-1]
        yield Trial(_rms(apart) / 1e-4, flow, slack=1e-3)  # rounding and curvature
        ends, couplings = [], []
        for start in (a, b := b[optimal_permutation(a, b)]):
            path = training.descend(start, residuals)
            errors = np.sqrt(np.square(training.outputs(path[:-1]) - reference).mean(axis=1))
            ends.append(training.descend(start)[-1])
            couplings.append(_rms(ends[-1] - path[-1]))
            yield Trial(couplings[-1], coupling_bound(constants, steps, risks, errors))
        yield Trial(_rms(ends[0] - ends[1]), flow * _rms(a - b) + sum(couplings))


@tries("P1")
def _errors_that_add_up(rng: np.random.Generator) -> Iterator[Trial]:
    """Noise that is +-s, averaged over all signs; labels from which the coherent error turns."""
    while True:
        name, d, N = str(rng.choice(["relu", *_SMOOTH])), int(rng.integers(1, 4)), 4
        t, s = float(rng.uniform(0.05, 0.95)), float(rng.choice([0.01, 0.1, 1.0]))
        x, sigma = rng.standard_normal((20, d)), KNOWN[name].function
        a, b = 10 ** rng.uniform(-1, 1) * rng.standard_normal((2, N, d))
        b = b[optimal_permutation(a, b)]
        slope, level = rng.standard_normal(d), float(rng.exponential())
        law = OutputLaw(size=level, lipschitz=level * float(np.linalg.norm(slope)), noise=s)
        cost = float(np.square(a - b).sum(axis=1).mean())
        on_data = float(np.square((a - b) @ x.T).mean()) if rng.random() < 0.5 else None
        bound = coherent_error_bound(cost, N, name, law, inputs=x, data_cost=on_data, t=t)

        signs = np.array(list(product((-s, s), repeat=2 * N))).reshape(-1, 2, N)
        v, v_prime = np.moveaxis(level * np.sin(np.stack([a @ slope, b @ slope])) + signs, 1, 0)
        z, z_prime = a @ x.T, b @ x.T
        f_t = (t * v + (1 - t) * v_prime) @ sigma(t * z + (1 - t) * z_prime) / N
        f_a, f_b = v @ sigma(z) / N, v_prime @ sigma(z_prime) / N
        error = f_t - t * f_a - (1 - t) * f_b
        mean = error.mean(axis=0)
        yield Trial(_rms(mean[..., None]), bound.coherent)
        yield Trial(_rms((error - mean)[..., None]), bound.fluctuation)

        chord = (t * f_a + (1 - t) * f_b).mean(axis=0)
        y = chord - rng.exponential() * mean
        losses = [float(np.square(f - y).mean()) for f in (f_t, f_a, f_b)]
        gain = t * (1 - t) * float(np.square((f_a - f_b).mean(axis=0)).mean())
        barrier = losses[0] - t * losses[1] - (1 - t) * losses[2]
        risk = float(np.square(chord - y).mean())
        yield Trial(max(barrier + gain, 0.0), bound.squared_loss_barrier(risk))
