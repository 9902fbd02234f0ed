"""What one task of the study measures: a pair of networks, or bounds for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lmctheory.measures import Marginal, RademacherMixture, TruncatedNormal, Uniform
from lmctheory.networks import load_dataset
from lmctheory.rates import OutOfReach
from lmctheory.sweeps.store import encode
from lmctheory.sweeps.study import Config, Record
from lmctheory.widths.deep import Ensemble, ensemble, error_bound, required_widths
from lmctheory.widths.dropout import dropout_bound
from lmctheory.widths.layer_lower_bounds import matching_lower_bounds
from lmctheory.widths.non_gaussian import non_gaussian_cost
from lmctheory.widths.simulated import simulated_layers
from simulations.deep_widths.networks import matched_layers, reduced_layers
from simulations.deep_widths.plan import GAUSSIAN, TIMES

__all__ = ["DELTA", "cost_of", "inputs", "run"]

_MARGINALS: dict[str, Marginal] = {
    "uniform": Uniform(),
    "truncated normal": TruncatedNormal(cut=2.0),
    "signs + noise": RademacherMixture(noise=0.5),
}
DELTA = 0.01
"""Probability with which the bound from simulated costs may fail."""


def run(config: Config, data_dir: Path | None = None) -> Record:
    """Measures what `config` names by its ``task``."""
    x = inputs(config["dataset"], config["examples"], data_dir)
    # the configuration is the seed: no two tasks share their draws
    rng = np.random.default_rng(list(encode(config).encode()))
    if config["task"] == "pair":
        return _pair(config, x, rng)
    if config["task"] == "bound":
        return _bound(config, x)
    if config["task"] == "simulation":
        return _simulation(config, x, rng)
    return _required(config, x)


def cost_of(config: Config) -> float:
    """Seconds, roughly, for 1000 examples."""
    if config["task"] == "pair":
        return 0.3 + 0.5 * config["depth"] * float((config["width"] / 1024) ** 2)
    if config["task"] == "simulation":
        return 0.5 * config["repeats"] * config["depth"] * float((config["width"] / 1024) ** 2)
    return {"bound": 1.0, "required": 6.0}[config["task"]] * config["depth"]


def inputs(dataset: str, examples: int, data_dir: Path | None = None) -> Float[np.ndarray, "n d"]:
    """The first training examples.

    Raises:
        ValueError: if there are not as many.
    """
    x = load_dataset(dataset, data_dir=data_dir).train.inputs.double().numpy()
    if not 1 <= examples <= len(x):
        raise ValueError(f"examples must lie between 1 and {len(x)}, got {examples}")
    return x[:examples]


def _pair(config: Config, x: Float[np.ndarray, "n d"], rng: np.random.Generator) -> Record:
    width, depth = config["width"], config["depth"]

    def rows(m: int, fan_in: int) -> np.ndarray:
        if config["law"] == GAUSSIAN:
            weights = rng.standard_normal((m, fan_in), dtype=np.float32)
        else:
            weights = _MARGINALS[config["law"]].sample((m, fan_in), rng=rng).astype(np.float32)
        return weights * np.float32((2 / fan_in) ** 0.5)

    x = x.astype(np.float32)  # half the time; errors are of order 0.1
    layers = list(matched_layers(x, width, depth, TIMES, rows))
    gaussian = config["law"] == GAUSSIAN
    lower = matching_lower_bounds([one.moment for one in layers], [width] * depth)
    reduced = list(reduced_layers(x, width, depth, rows))
    return {
        "cost": [one.cost for one in layers],
        "own_cost": [one.own_cost for one in layers],
        "lower": list(lower) if gaussian else None,
        "gap": [one.gap for one in layers],
        "square": [one.square for one in layers],
        "errors": [list(one.errors) for one in layers],
        "merged": [one.merged for one in reduced],
        "doubled": [one.doubled for one in reduced],
    }


def _networks(config: Config, x: Float[np.ndarray, "n d"]) -> Ensemble:
    return ensemble(x, config["depth"])


def _prefixes(
    costs: Sequence[float],
    networks: Ensemble,
    t: float,
    first: tuple[float, float] | None = None,
) -> list[float]:
    """Bounds of the mean squared output error at depth 1, 2, ...: layers do not look ahead."""
    depths = range(1, networks.depth + 1)
    ends = [networks.recursion(costs[:depth], t, first)[1] for depth in depths]
    return [t * (1 - t) * X for X in ends]


def _bound(config: Config, x: Float[np.ndarray, "n d"]) -> Record:
    networks, widths = _networks(config, x), [config["width"]] * config["depth"]
    if config["law"] != GAUSSIAN:
        cost = non_gaussian_cost(_MARGINALS[config["law"]])
        bound = error_bound(widths, networks, matching_cost=cost)
        errors = _prefixes(bound.matching_cost, networks, 0.5)
        return {"cost": list(bound.matching_cost), "errors": [errors]}
    bound = error_bound(widths, networks)
    dropout = dropout_bound(widths, networks)
    return {
        "cost": list(bound.matching_cost),
        "errors": [_prefixes(bound.matching_cost, networks, t) for t in TIMES],
        "dropout": [4 * one for one in _prefixes(dropout.matching_cost, networks, 0.5)],
        "square": networks.mean_square,
    }


def _simulation(config: Config, x: Float[np.ndarray, "n d"], rng: np.random.Generator) -> Record:
    networks = _networks(config, x)
    layers = simulated_layers(
        [config["width"]] * config["depth"],
        networks,
        times=TIMES,
        repeats=config["repeats"],
        delta=DELTA,
        rng=rng,
    )
    errors = [_prefixes(layers.costs, networks, t, layers.first[t]) for t in TIMES]
    return {"cost": list(layers.costs), "errors": errors}


def _required(config: Config, x: Float[np.ndarray, "n d"]) -> Record:
    """Widths for a tolerance, equal and with the fewest neurons; infinite if none will do."""
    networks = _networks(config, x)
    eps = config["eps"] * networks.mean_square**0.5
    try:
        equal, free = (required_widths(eps, networks, objective=o) for o in (None, "neurons"))
    except OutOfReach:
        none = [float("inf")] * networks.depth
        return {"equal": none, "free": none, "inputs": x.shape[1]}
    return {"equal": list(equal), "free": list(free), "inputs": x.shape[1]}
