"""Checks on two-layer networks (T): small networks that are matched exactly."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from jaxtyping import Float

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian, Measure, UniformCube
from lmctheory.networks import MLP
from lmctheory.paths import interpolate
from lmctheory.rates import optimal_permutation
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.checks.simulation import slack
from lmctheory.theorems.checks.trained import SEEDS, WIDTHS, test_examples, trained_pair
from lmctheory.theorems.trial import Trial
from lmctheory.widths.fixed_outputs import (
    DataError,
    data_error_bound,
    kink_bound,
    neuron_on_data,
)
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
_TRAINED = ("relu", "tanh")
_ROUNDING = 1e-14
"""Of numbers whose difference is tried, which may be much smaller: a search finds such."""
Array = Float[np.ndarray, "..."]


def _unit(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    x = rng.standard_normal((n, d))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _place(rng: np.random.Generator) -> float:
    """A t; one in three times the middle, where errors are largest."""
    return 0.5 if rng.random() < 1 / 3 else float(rng.uniform(0.05, 0.95))


def _gap(values: np.ndarray, t: float, bound: Array) -> Trial:
    """|g(t) - t g(1) - (1-t) g(0)| from g at t, 1 and 0, and its bound."""
    gap = float(abs(values[0] - t * values[1] - (1 - t) * values[2]))
    return Trial(gap, float(bound), _ROUNDING * float(np.abs(values).max()))


def _pair(rng: np.random.Generator, depth: int = 1) -> tuple[str, MLP, MLP]:
    """An activation, and two trained networks of one width."""
    name, width = str(rng.choice(_TRAINED)), int(rng.choice(WIDTHS))
    return name, *trained_pair(depth, width, int(rng.choice(SEEDS)), name)


def _neurons(network: MLP, k: int) -> np.ndarray:
    """Of a network with one hidden layer, for output k: a = N v_k, w and the bias ``[N, 66]``."""
    first, last = network.linears
    hidden = torch.cat([first.weight, first.bias[:, None]], dim=1)
    parts = [len(hidden) * last.weight[k][:, None], hidden]
    return np.asarray(torch.cat(parts, dim=1).detach().numpy())


def _inputs() -> np.ndarray:
    """The test examples with a coordinate 1, for biases."""
    x = test_examples().inputs.flatten(1).numpy()
    return np.column_stack([x, np.ones(len(x))])


@tries("T1", counts=(40, 100_000), searched=400)
def _one_neuron(
    rng: np.random.Generator, bound: Callable[..., Array] = neuron_gap_bound
) -> Iterator[Trial]:
    """Sin along a segment, kinks of height K, and the neuron that attains the bound for K and H."""
    while True:
        K, d, t = (float(value) for value in (*rng.uniform(0.1, 3, 2), rng.uniform(0.05, 0.95)))
        phase, rate, s = rng.uniform(0, 7), float(rng.uniform(0.1, 5)), np.array([t, 1.0, 0.0])
        values = K / rate * np.sin(phase + rate * d * s)
        yield _gap(values, t, bound(d, t, lipschitz=K, curvature=K * rate))
        yield _gap(K * d * np.abs(s - t), t, bound(d, t, lipschitz=K))
        H = float(rng.uniform(0.1, 5))
        half = min(1.0, 2 * K / (H * d)) / 2
        # as long, and where both ends are as far below the triangle's height
        from_middle = np.abs(s - (1 + (2 * t - 1) * (1 - 2 * half)) / 2)
        short = np.minimum(from_middle, half)
        values = H * d**2 * short * (from_middle - short / 2)
        yield _gap(values, t, bound(d, t, lipschitz=K, curvature=H))


@tries_trained("T1", counts=(20, 2000))
def _trained_neuron(rng: np.random.Generator) -> Iterator[Trial]:
    """The product a sigma(<w, x>) of two neurons on one example."""
    x = _inputs()
    while True:
        name, *pair = _pair(rng)
        k, example, t = int(rng.integers(10)), x[rng.integers(len(x))], _place(rng)
        u, v = (_neurons(network, k)[rng.integers(network.widths[1])] for network in pair)
        radius = float(np.linalg.norm(example))
        z = float(max(abs(u[1:] @ example), abs(v[1:] @ example)))
        largest = float(max(abs(u[0]), abs(v[0])))
        constants = neuron(name, radius=radius, output=largest, weight_norm=z / radius)
        theta = np.array([t * u + (1 - t) * v, u, v])
        values = theta[:, 0] * KNOWN[name].function(theta[:, 1:] @ example)
        K, H = constants.lipschitz, constants.curvature
        bound = neuron_gap_bound(float(np.linalg.norm(u - v)), t, lipschitz=K, curvature=H)
        yield _gap(values, t, bound)


def _less_steep(distance: float, t: float, *, lipschitz: float, curvature: float = np.inf) -> Array:
    return neuron_gap_bound(distance, t, lipschitz=lipschitz / 2, curvature=curvature)


def _less_bent(distance: float, t: float, *, lipschitz: float, curvature: float = np.inf) -> Array:
    return neuron_gap_bound(distance, t, lipschitz=lipschitz, curvature=curvature / 2)


def _square_of_place(
    distance: float, t: float, *, lipschitz: float, curvature: float = np.inf
) -> Array:
    bound = neuron_gap_bound(distance, t, lipschitz=lipschitz, curvature=curvature)
    return np.asarray(4 * t * (1 - t) * bound)


breaks("T1", "K in place of 2 K")(partial(_one_neuron, bound=_less_steep))
breaks("T1", "H / 2 in place of H")(partial(_one_neuron, bound=_less_bent))
breaks("T1", "4 t^2 (1-t)^2 in place of t(1-t)")(partial(_one_neuron, bound=_square_of_place))


@tries("T1b", counts=(40, 100_000), searched=400)
def _one_activation(
    rng: np.random.Generator,
    bound: Callable[..., Array] = activation_gap_bound,
    of_relu: Callable[..., Array] = relu_gap,
) -> Iterator[Trial]:
    while True:
        name, t = str(rng.choice(["relu", *_SMOOTH])), float(rng.uniform(0.05, 0.95))
        z, z_prime = 10 ** rng.uniform(-1, 1) * rng.standard_normal(2)
        s = np.array([t, 1.0, 0.0])
        values = KNOWN[name].function(s * z + (1 - s) * z_prime)
        yield _gap(values, t, bound(abs(z - z_prime), t, name))
        below, above = -abs(z), abs(z_prime)
        at_kink = above / (above - below)
        ends = np.maximum([0.0, below, above], 0.0)
        yield _gap(ends, at_kink, of_relu(np.array(below), np.array(above)))
        yield _gap(ends, at_kink, bound(above - below, at_kink, "relu"))


@tries_trained("T1b", counts=(20, 2000))
def _trained_activations(rng: np.random.Generator) -> Iterator[Trial]:
    """Of all neurons and examples the pair that is nearest to its bound."""
    x = _inputs()
    while True:
        name, *pair = _pair(rng)
        t = _place(rng)
        z, z_prime = (x @ _neurons(network, 0)[:, 1:].T for network in pair)
        sigma = KNOWN[name].function
        gap = np.abs(sigma(t * z + (1 - t) * z_prime) - t * sigma(z) - (1 - t) * sigma(z_prime))
        bound = activation_gap_bound(np.abs(z - z_prime), t, name)
        nearest = np.unravel_index(np.argmax(gap / np.maximum(bound, 1e-300)), gap.shape)
        yield Trial(float(gap[nearest]), float(bound[nearest]))


def _half_of_slopes(distance: float, t: float, activation: str) -> Array:
    return np.asarray(activation_gap_bound(distance, t, activation) / 2)


def _convex_only(z: Array, z_prime: Array) -> Array:
    return np.asarray(np.minimum(np.abs(z), np.abs(z_prime)) / 2)


breaks("T1b", "half the slopes' interval")(partial(_one_activation, bound=_half_of_slopes))
breaks("T1b", "min(|z|, |z'|) / 2 for the relu")(partial(_one_activation, of_relu=_convex_only))


def _matched(
    rng: np.random.Generator,
) -> tuple[Callable[[np.ndarray], np.ndarray], Neuron, np.ndarray, np.ndarray]:
    """Networks of parameters [..., N, 1 + d] as a function, their constants, and a matched pair."""
    name, d = str(rng.choice(["relu", *_SMOOTH])), int(rng.integers(1, 4))
    N, fixed = int(rng.integers(1, 8)) ** 2, bool(rng.random() < 0.5)
    output, reach = 10 ** rng.uniform(-1, 1, size=2)
    a, b = np.append(output, np.full(d, reach)) * rng.uniform(-1, 1, size=(2, N, 1 + d))
    if fixed:
        a[:, 0] = b[:, 0] = 1.0
        constants = neuron_with_fixed_output(name, radius=1.0, output=1.0)
    else:
        weight_norm = float(reach) * d**0.5
        constants = neuron(name, radius=1.0, output=float(output), weight_norm=weight_norm)
    if rng.random() < 0.3:  # the farthest that neurons can be apart
        b[:, 1:] = -a[:, 1:]
    x, sigma = _unit(rng, 20, d), KNOWN[name].function

    def network(theta: np.ndarray) -> np.ndarray:
        out: np.ndarray = (theta[..., :1] * sigma(theta[..., 1:] @ x.T)).mean(axis=-2)
        return out

    return network, constants, a, b[optimal_permutation(a, b)]


def _distance(a: np.ndarray, b: np.ndarray, p: float = 2.0) -> float:
    """W_p of neurons that are matched."""
    return float((np.linalg.norm(a - b, axis=1) ** p).mean() ** (1 / p))


def _by_distance(constants: Neuron, a: np.ndarray, b: np.ndarray) -> float:
    return constants.function_error(_distance(a, b))


@tries("T2", counts=(60, 50_000), searched=300)
def _function_error(
    rng: np.random.Generator,
    bound: Callable[[Neuron, np.ndarray, np.ndarray], float] = _by_distance,
) -> Iterator[Trial]:
    while True:
        network, constants, a, b = _matched(rng)
        t = _place(rng)
        f_t, f_a, f_b = (network(theta) for theta in (t * a + (1 - t) * b, a, b))
        error = float(np.abs(f_t - t * f_a - (1 - t) * f_b).max())
        rounding = _ROUNDING * float(np.abs([f_a, f_b]).max())
        yield Trial(error, bound(constants, a, b), rounding)
        yield Trial(error, constants.slope * _distance(a, b, 1.0), rounding)


@tries_trained("T2", counts=(10, 500))
def _trained_function_error(rng: np.random.Generator) -> Iterator[Trial]:
    """One output of two trained networks, constants from their largest neurons and examples."""
    x = _inputs()
    radius = float(np.linalg.norm(x, axis=1).max())
    while True:
        name, *pair = _pair(rng)
        k, t = int(rng.integers(10)), _place(rng)
        a, b = (_neurons(network, k) for network in pair)
        b = b[optimal_permutation(a, b)]
        every = np.concatenate([a, b])
        reach = float(np.linalg.norm(every[:, 1:], axis=1).max())
        largest = float(np.abs(every[:, 0]).max())
        constants = neuron(name, radius=radius, output=largest, weight_norm=reach)
        sigma = KNOWN[name].function
        f_t, f_a, f_b = (
            (sigma(x @ theta[:, 1:].T) * theta[:, 0]).mean(axis=1)
            for theta in (t * a + (1 - t) * b, a, b)
        )
        error = float(np.abs(f_t - t * f_a - (1 - t) * f_b).max())
        yield Trial(error, constants.function_error(_distance(a, b)))


def _without_mixed(constants: Neuron, a: np.ndarray, b: np.ndarray) -> float:
    # 0 would stand for output weights that are fixed
    return replace(constants, mixed=constants.mixed * 1e-9).function_error(_distance(a, b))


def _half_distance(constants: Neuron, a: np.ndarray, b: np.ndarray) -> float:
    return constants.function_error(_distance(a, b) / 2)


def _by_mean_distance(constants: Neuron, a: np.ndarray, b: np.ndarray) -> float:
    return constants.function_error(_distance(a, b, 1.0))


breaks("T2", "Lip R d^2 / 2 dropped")(partial(_function_error, bound=_without_mixed))
breaks("T2", "d / 2 in place of d")(partial(_function_error, bound=_half_distance))
breaks("T2", "W_1 in place of W_2")(partial(_function_error, bound=_by_mean_distance))


@tries("T2k", counts=(40, 100_000), searched=400)
def _met_kinks(
    rng: np.random.Generator, bound: Callable[[float, float, float], float] = kink_bound
) -> Iterator[Trial]:
    """Uniform z on [-c, c]; z' at z beyond y, else k |z|^e away from it, on the side of 0.

    Every second time with the power and the reach that attain the bound, pair by pair.
    """
    while True:
        c, p = float(10 ** rng.uniform(-1, 1)), float(rng.uniform(1.2, 6))
        if rng.random() < 0.5:
            y = c * float(rng.random())
            slope = (p**p / (p + 1) ** (p + 1)) * y ** (1 - p)  # lambda, by z_0 = y
            k, e = (p * slope) ** (-1 / (p + 1)), 2 / (p + 1)
        else:
            y, e = c * float(rng.random()), float(rng.uniform(0, 0.9))
            k = float(10 ** rng.uniform(-1, 1))
        # g = |z| - |z|^2 / (k |z|^e) where z and z' lie on two sides, |z|^(1 - e) < k
        end = min(y, k ** (1 / (1 - e)))
        gap = (end**2 / 2 - end ** (3 - e) / ((3 - e) * k)) / c
        cost = k**p * y ** (e * p + 1) / ((e * p + 1) * c)
        yield Trial(gap, bound(1 / (2 * c), cost, p))


breaks("T2k", "A^{1/2} in place of A^{2/(p+1)}")(
    partial(_met_kinks, bound=lambda g, A, p: kink_bound(g, A ** ((p + 1) / 4), p))
)
breaks("T2k", "half the density")(
    partial(_met_kinks, bound=lambda g, A, p: kink_bound(g / 2, A, p))
)


def _smaller(found: DataError) -> DataError:
    return replace(found, root_mean_square=found.root_mean_square / 2, mean=found.mean / 2)


@tries("T2d", counts=(30, 600))
def _on_data(
    rng: np.random.Generator, change: Callable[[DataError], DataError] = lambda found: found
) -> Iterator[Trial]:
    """256 pairs of networks in the mean; and one pair, whose own cost takes the place of M."""
    places = np.linspace(0.1, 0.9, 9)[:, None, None, None]
    while True:
        name = str(rng.choice(["relu"] * 4 + [*_SMOOTH]))
        d, N = int(rng.choice([1, 1, 2, 3])), int(rng.choice([1, 1, 4, 16]))
        output = float(10 ** rng.uniform(-1, 1))
        scales, x = 10 ** rng.uniform(-1, 0.5, size=d), rng.standard_normal((12, d))
        bound = change(
            data_error_bound(
                Gaussian(covariance=np.diag(scales**2)), N, name, output=output, inputs=x
            )
        )
        a, b = scales * rng.standard_normal((2, 256, N, d))
        z, z_prime = a @ x.T, b @ x.T
        order = np.array([optimal_permutation(*ends) for ends in zip(z, z_prime, strict=True)])
        z_prime = np.take_along_axis(z_prime, order[:, :, None], axis=1)
        sigma = KNOWN[name].function
        middle = sigma(places * z + (1 - places) * z_prime)
        gaps = middle - places * sigma(z) - (1 - places) * sigma(z_prime)
        errors = np.abs(output * gaps.mean(axis=2))
        largest = np.sqrt(np.square(errors).mean(axis=2)).max(axis=0)
        means = errors.max(axis=0).mean(axis=1)
        yield Trial(float(largest.mean()), bound.root_mean_square, slack(largest))
        yield Trial(float(means.mean()), bound.mean, slack(means))
        own = np.sqrt(np.square(z - z_prime).mean(axis=(1, 2)))
        share = bound.root_mean_square / bound.matching_cost**0.5
        nearest = int(np.argmax(largest / own))
        yield Trial(float(largest[nearest]), share * float(own[nearest]))


breaks("T2d", "(beta - alpha) / 8")(partial(_on_data, change=_smaller))


def _mean_square(v: np.ndarray) -> float:
    return float(np.square(v).sum(axis=1).mean())


def _by_pair(
    f_t: np.ndarray,
    f_a: np.ndarray,
    f_b: np.ndarray,
    y: np.ndarray,
    t: float,
    bound: Callable[..., float] = squared_loss_barrier,
) -> Trial:
    """T3 from outputs and labels ``[n, outputs]``."""
    chord, apart = t * f_a + (1 - t) * f_b, _mean_square(f_a - f_b)
    risks = [_mean_square(f - y) for f in (f_t, f_a, f_b)]
    error = _mean_square(f_t - chord) ** 0.5
    gain = t * (1 - t) * apart  # both sides positive
    larger = bound(error, _mean_square(chord - y), apart**0.5, t) + gain
    barrier = risks[0] - t * risks[1] - (1 - t) * risks[2]
    return Trial(barrier + gain, larger, _ROUNDING * max(risks))


@tries("T3", counts=(40, 100_000), searched=400)
def _barrier(
    rng: np.random.Generator, bound: Callable[..., float] = squared_loss_barrier
) -> Iterator[Trial]:
    """Any error; one time in two along f-bar - y, where the bound is attained."""
    while True:
        n, outputs, t = int(rng.integers(1, 9)), int(rng.integers(1, 4)), float(rng.random())
        f_a, f_b, y, e = rng.standard_normal((4, n, outputs))
        chord = t * f_a + (1 - t) * f_b
        if rng.random() < 0.5:
            e = rng.exponential() * (chord - y)
        yield _by_pair(chord + e, f_a, f_b, y, t, bound)


@tries_trained("T3", counts=(10, 500))
def _trained_barrier(rng: np.random.Generator) -> Iterator[Trial]:
    """The outputs of trained networks as estimates of the labels' indicators."""
    data = test_examples()
    y = torch.nn.functional.one_hot(data.labels, 10).numpy()
    while True:
        t, (_, a, b) = _place(rng), _pair(rng, int(rng.integers(1, 4)))
        with torch.no_grad():
            f_t, f_a, f_b = (net(data.inputs).numpy() for net in (interpolate(a, b, t), a, b))
        yield _by_pair(f_t, f_a, f_b, y, t)


def _half_of_cross(error: float, risk: float, apart: float, t: float) -> float:
    return squared_loss_barrier(error, risk / 4, apart, t)


def _without_square(error: float, risk: float, apart: float, t: float) -> float:
    return squared_loss_barrier(error, risk, apart, t) - error**2


breaks("T3", "sqrt(R) |e| in place of 2 sqrt(R) |e|")(partial(_barrier, bound=_half_of_cross))
breaks("T3", "|e|^2 dropped")(partial(_barrier, bound=_without_square))


@tries("T4", counts=(25, 120))
def _width(rng: np.random.Generator, delta: float | None = 1e-12) -> Iterator[Trial]:
    """The width is the first for the mean; for delta = 1e-12, one draw is within eps at it."""
    while True:
        d, kind = int(rng.integers(1, 4)), int(rng.integers(3))
        name = str(rng.choice(["relu", "tanh"]))
        law: Measure
        if kind < 2:
            # on the line the bound of the mean is its value
            law = Gaussian(spectrum=[0.1] * (d + 2) if kind else [1.0])
            constants = neuron_with_fixed_output(name, radius=1.0, output=1.0)
            eps = float(rng.uniform(0.3, 0.6)) if kind else float(rng.uniform(0.02, 0.06))
        else:
            law = UniformCube(d + 1)
            constants = neuron(name, radius=1.0, output=0.5, weight_norm=d**0.5 / 2)
            eps = float(rng.uniform(0.3, 0.6))
        first = required_width(eps, law, constants)
        yield Trial(error_bound(law, first, constants), eps)
        if first > 1:
            yield Trial(eps, error_bound(law, first - 1, constants))
        N = first if delta is None else required_width(eps, law, constants, delta=delta)
        a, b = (law.sample(N, rng=rng) for _ in range(2))
        if law.dimension == 1:  # in order, whatever p
            pairs = [(np.sort(a, axis=0), np.sort(b, axis=0))] * 2
        else:
            pairs = [(a, b[optimal_permutation(a, b, p)]) for p in (1.0, 2.0)]
        first_moment, second_moment = (
            _distance(*pair, p) for pair, p in zip(pairs, (1.0, 2.0), strict=True)
        )
        error = min(constants.slope * first_moment, constants.function_error(second_moment))
        yield Trial(error, eps)


breaks("T4", "no deviation added to the mean")(partial(_width, delta=None))


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


@tries("T5", counts=(40, 20_000), searched=200)
def _training(
    rng: np.random.Generator,
    flow_of: Callable[..., float] = flow_lipschitz,
    coupled: Callable[..., float] = coupling_bound,
) -> Iterator[Trial]:
    """Two particles in the limit's flow, a coupling, and two networks that start matched."""
    while True:
        training = _random_training(rng)
        x, y, steps = training.x, training.y, training.steps
        constants = neuron_on_data("tanh", output=1.0, inputs=x)
        N, d = int(rng.integers(2, 30)), x.shape[1]
        # the limit of a law of 50 atoms
        reference = training.outputs(training.descend(rng.standard_normal((50, d)))[:-1])
        residuals = y - reference
        risks = np.square(residuals).mean(axis=1)
        flow = flow_of(constants.curvature, steps, risks)
        a, b = rng.standard_normal((2, N, d))
        apart = float(10 ** rng.uniform(-2, 0))
        near = a[:1] + apart * _unit(rng, 1, d)
        moved = training.descend(near, residuals)[-1] - training.descend(a[:1], residuals)[-1]
        yield Trial(_rms(moved), flow * apart)
        ends, couplings = [], []
        for start in (a, b := b[optimal_permutation(a, b)]):
            path = training.descend(start, residuals)
            errors = np.sqrt(np.square(training.outputs(path[:-1]) - reference).mean(axis=1))
            ends.append(training.descend(start)[-1])
            couplings.append(_rms(ends[-1] - path[-1]))
            yield Trial(couplings[-1], coupled(constants, steps, risks, errors))
        yield Trial(_rms(ends[0] - ends[1]), flow * _rms(a - b) + sum(couplings))


def _slower_flow(curvature: float, steps: np.ndarray, risks: np.ndarray) -> float:
    return flow_lipschitz(curvature, steps / 10, risks)


def _half_of_errors(
    constants: Neuron, steps: np.ndarray, risks: np.ndarray, errors: np.ndarray
) -> float:
    return coupling_bound(constants, steps, risks, errors / 2)


breaks("T5", "1 + s H sqrt(R) / 5")(partial(_training, flow_of=_slower_flow))
breaks("T5", "e_k / 2 in place of e_k")(partial(_training, coupled=_half_of_errors))
