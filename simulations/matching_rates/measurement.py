"""What one task of the study measures: a matching cost beside its bounds, or dimensions."""

import numpy as np

from lmctheory.rates import (
    compare_dimensions,
    lower_bound,
    matching_cost,
    matching_cost_curve,
    upper_bound,
    wasserstein_dimension,
)
from lmctheory.sweeps.store import encode
from lmctheory.sweeps.study import Config, Record
from simulations.matching_rates.known_dimensions import DATA, Sampler
from simulations.matching_rates.laws import CUBES, LAWS

__all__ = ["WASSERSTEIN", "cost_of", "run"]

WASSERSTEIN = "Wasserstein"


def run(config: Config) -> Record:
    """Measures what `config` names: a ``law`` at one width and p, or ``data``."""
    # the configuration is the seed: no two tasks share their draws
    rng = np.random.default_rng(list(encode(config).encode()))
    return _cost(config, rng) if "law" in config else _dimensions(config, rng)


def cost_of(config: Config) -> float:
    """Seconds, roughly: 2 for an assignment of 4096 neurons, a half for bounds."""
    if "data" in config:
        return 3.0 * config["repeats"]
    if config["law"] == CUBES[1]:  # sorted
        return 0.5
    return 0.5 + 2 * config["repeats"] * float((config["width"] / 4096) ** 2.7)


def _cost(config: Config, rng: np.random.Generator) -> Record:
    mu, m, p = LAWS[config["law"]](), config["width"], config["p"]
    upper = upper_bound(mu, m, p)
    return {
        "draws": matching_cost(mu, m, repeats=config["repeats"], p=p, rng=rng).draws.tolist(),
        "lower": lower_bound(mu, m, p).value,
        "upper": upper.value,
        "upper_key": upper.key,
        "published": upper.terms.get("R4 published"),  # bounded laws only
        "trivial": upper.terms["trivial"],
    }


def _dimensions(config: Config, rng: np.random.Generator) -> Record:
    """Every estimate for each of several independent samples, by the estimator's name."""
    data, points = DATA[config["data"]], config["points"]
    rows = [
        compare_dimensions(data.sample(points, rng=rng))
        | {WASSERSTEIN: _cost_sees(data, points, rng)}
        for _ in range(config["repeats"])
    ]
    return {"estimates": {name: [row[name] for row in rows] for name in rows[0]}}


def _cost_sees(data: Sampler, points: int, rng: np.random.Generator) -> float:
    """The Wasserstein dimension at widths up to half the points, p = 2."""
    widths = [points // parts for parts in (32, 16, 8, 4, 2)]
    return wasserstein_dimension(matching_cost_curve(data, widths, repeats=4, rng=rng))
