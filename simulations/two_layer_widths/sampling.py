"""T2 on independent neurons: the error of matched pairs of networks beside its bounds.

Neurons are either *bounded*, (a, w) uniform in [-1, 1]^d, or *Gaussian*, w ~ N(0, I) with all
output weights 1. Inputs are uniform in the unit ball, with a last coordinate 1 for biases.
"""

import numpy as np

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian, UniformBall, UniformCube
from lmctheory.measures.measure import Measure
from lmctheory.rates import optimal_permutation, upper_bound
from lmctheory.sweeps.typed import entropy_of
from lmctheory.widths.two_layer import Neuron, neuron, neuron_with_fixed_output
from simulations.two_layer_widths.tasks import Case, Errors, Sampling, SamplingTask

__all__ = ["ACTIVATIONS", "LAWS", "constants_of", "law_of", "run_sampling"]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu")
LAWS = ("bounded", "Gaussian")
TIMES = np.linspace(0, 1, 9)[1:-1]
POINTS = 128
"""Inputs on which errors are measured."""


def law_of(case: Case) -> Measure:
    """The law of a neuron: (a, w, bias) if bounded, (w, bias) if Gaussian."""
    if case.law == "bounded":
        return UniformCube(case.dimension, side=2.0)
    return Gaussian(spectrum=[1.0] * case.dimension)


def constants_of(case: Case, activation: str) -> Neuron:
    """What T2 needs of these neurons."""
    radius = float(np.sqrt(1 + case.bias))
    if case.law == "bounded":
        norm = float(np.sqrt(case.weights))
        return neuron(activation, radius=radius, output=1.0, weight_norm=norm)
    return neuron_with_fixed_output(activation, radius=radius, output=1.0)


def run_sampling(task: SamplingTask) -> Sampling:
    """Errors of every draw and activation, and the bounds, given the neurons and before."""
    rng = np.random.default_rng(entropy_of(task))
    mu, p = law_of(task), float(task.p)
    x = UniformBall(task.inputs).sample(POINTS, rng=rng)
    if task.bias:
        x = np.c_[x, np.ones(POINTS)]
    known = upper_bound(mu, task.width, p).value ** (1 / p)
    draws = [_draw(mu, task, x, rng) for _ in range(task.draws)]
    distances = [distance for distance, _ in draws]

    def errors(activation: str) -> Errors:
        constants = constants_of(task, activation)
        largest, gaps = zip(*(found[activation] for _, found in draws), strict=True)
        given = [_given(constants, distance, p) for distance in distances]
        return Errors(list(largest), list(gaps), given, _given(constants, known, p))

    return Sampling(distances, {activation: errors(activation) for activation in ACTIVATIONS})


def _draw(
    mu: Measure, task: SamplingTask, x: np.ndarray, rng: np.random.Generator
) -> tuple[float, dict[str, tuple[float, float]]]:
    """W_p of two matched samples, and by activation the networks' error and sum of |gaps|."""
    a, b = (mu.sample(task.width, rng=rng) for _ in range(2))
    p = float(task.p)
    b = b[optimal_permutation(a, b, p)]
    distance = float((np.linalg.norm(a - b, axis=1) ** p).mean() ** (1 / p))
    if task.law == "bounded":
        (a_out, a), (b_out, b) = ((theta[:, :1], theta[:, 1:]) for theta in (a, b))
    else:
        a_out = b_out = np.ones((task.width, 1))
    return distance, {
        name: _errors(name, (a_out, a @ x.T), (b_out, b @ x.T)) for name in ACTIVATIONS
    }


def _errors(
    activation: str, a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]
) -> tuple[float, float]:
    sigma = KNOWN[activation].function
    ends = [out * sigma(z) for out, z in (a, b)]
    gaps = np.zeros(a[1].shape[1])
    errors = np.zeros_like(gaps)
    for t in TIMES:
        out, z = (t * one + (1 - t) * other for one, other in zip(a, b, strict=True))
        gap = out * sigma(z) - t * ends[0] - (1 - t) * ends[1]
        errors = np.maximum(errors, np.abs(gap.mean(axis=0)))
        gaps = np.maximum(gaps, np.abs(gap).mean(axis=0))
    return float(errors.max()), float(gaps.max())


def _given(constants: Neuron, distance: float, p: float) -> float:
    """The bound for matched neurons at this W_p, concave in W_p^p."""
    return constants.slope * distance if p == 1 else constants.function_error(distance)
