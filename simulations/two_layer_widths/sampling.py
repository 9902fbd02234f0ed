"""T2 on independent neurons: the error of matched pairs of networks beside its bounds.

Neurons are either *bounded*, (a, w) uniform in [-1, 1]^d, or *Gaussian*, w ~ N(0, I) with all
output weights 1. Inputs are uniform in the unit ball, with a last coordinate 1 for biases.
"""

import numpy as np

from lmctheory.activations import KNOWN
from lmctheory.measures import Gaussian, UniformBall, UniformCube
from lmctheory.measures.measure import Measure
from lmctheory.rates import optimal_permutation, upper_bound
from lmctheory.sweeps.store import encode
from lmctheory.sweeps.study import Config, Record
from lmctheory.widths.two_layer import Neuron, neuron, neuron_with_fixed_output

__all__ = ["ACTIVATIONS", "LAWS", "constants_of", "law_of", "run"]

ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu")
LAWS = ("bounded", "Gaussian")
TIMES = np.linspace(0, 1, 9)[1:-1]
ERRORS = ("error", "gaps")
POINTS = 128
"""Inputs on which errors are measured."""


def law_of(config: Config) -> Measure:
    """The law of a neuron: (a, w, bias) if bounded, (w, bias) if Gaussian."""
    weights = config["inputs"] + config["bias"]
    if config["law"] == "bounded":
        return UniformCube(1 + weights, side=2.0)
    return Gaussian(spectrum=[1.0] * weights)


def constants_of(config: Config, activation: str) -> Neuron:
    """What T2 needs of these neurons."""
    weights = config["inputs"] + config["bias"]
    radius = float(np.sqrt(1 + config["bias"]))
    if config["law"] == "bounded":
        return neuron(activation, radius=radius, output=1.0, weight_norm=float(np.sqrt(weights)))
    return neuron_with_fixed_output(activation, radius=radius, output=1.0)


def run(config: Config) -> Record:
    """Errors of every draw and activation, and the bounds, given the neurons and before.

    Per activation: ``error``, the largest over t and x; ``gaps``, the same for the sum of the
    neurons' |gaps| in place of their sum; ``given``, the bound by W_p of the matched neurons, and
    ``bound``, that of the mean error, known before.
    """
    rng = np.random.default_rng(list(encode(config).encode()))
    mu, p = law_of(config), float(config["p"])
    x = UniformBall(config["inputs"]).sample(POINTS, rng=rng)
    if config["bias"]:
        x = np.c_[x, np.ones(POINTS)]
    known = upper_bound(mu, config["width"], p).value ** (1 / p)
    draws = [_draw(mu, config, x, rng) for _ in range(config["draws"])]
    record: Record = {"distance": [distance for distance, _ in draws]}
    for activation in ACTIVATIONS:
        constants = constants_of(config, activation)
        record[activation] = {
            **{name: [errors[activation][name] for _, errors in draws] for name in ERRORS},
            "given": [_given(constants, distance, p) for distance, _ in draws],
            "bound": _given(constants, known, p),
        }
    return record


def _draw(
    mu: Measure, config: Config, x: np.ndarray, rng: np.random.Generator
) -> tuple[float, dict[str, dict[str, float]]]:
    """W_p of two matched samples, and the errors of the networks."""
    a, b = (mu.sample(config["width"], rng=rng) for _ in range(2))
    p = float(config["p"])
    b = b[optimal_permutation(a, b, p)]
    distance = float((np.linalg.norm(a - b, axis=1) ** p).mean() ** (1 / p))
    if config["law"] == "bounded":
        (a_out, a), (b_out, b) = ((theta[:, :1], theta[:, 1:]) for theta in (a, b))
    else:
        a_out = b_out = np.ones((config["width"], 1))
    return distance, {
        name: _errors(name, (a_out, a @ x.T), (b_out, b @ x.T)) for name in ACTIVATIONS
    }


def _errors(
    activation: str, a: tuple[np.ndarray, np.ndarray], b: tuple[np.ndarray, np.ndarray]
) -> dict[str, float]:
    sigma = KNOWN[activation].function
    ends = [out * sigma(z) for out, z in (a, b)]
    gaps = np.zeros(a[1].shape[1])
    errors = np.zeros_like(gaps)
    for t in TIMES:
        out, z = (t * one + (1 - t) * other for one, other in zip(a, b, strict=True))
        gap = out * sigma(z) - t * ends[0] - (1 - t) * ends[1]
        errors = np.maximum(errors, np.abs(gap.mean(axis=0)))
        gaps = np.maximum(gaps, np.abs(gap).mean(axis=0))
    found = (errors.max(), gaps.max())
    return {name: float(value) for name, value in zip(ERRORS, found, strict=True)}


def _given(constants: Neuron, distance: float, p: float) -> float:
    """The bound for matched neurons at this W_p, concave in W_p^p."""
    return constants.slope * distance if p == 1 else constants.function_error(distance)
