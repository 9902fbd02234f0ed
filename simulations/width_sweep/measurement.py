"""What one task of the width sweep measures.

For all networks of one shape, at initialisation or after training:

- the barrier of every pair, unmatched and after four matchings, on training and test data;
- the certificates C1, C1', C2 (function error) and C3 (loss), on test data, at t = 1/2 and at
  their worst over the grid;
- for each hidden layer the matching cost per neuron, in the Euclidean metric and in that of A's
  data, beside what `neuron_laws` predicts for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from lmctheory.matching import METHODS, match, permute, second_moments
from lmctheory.matching.costs.neuron_features import Features
from lmctheory.measures import Gaussian
from lmctheory.networks import (
    MLP,
    AffineChain,
    Dataset,
    TrainingConfig,
    affine_chain,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.networks.chain import stack_chains
from lmctheory.paths import Barrier, Certificate, barriers, certificates, operator_norms
from lmctheory.sweeps.study import Config, Record
from simulations.width_sweep.neuron_laws import initial_law, sandwich, trained_law

__all__ = ["ALIGNMENTS", "METRICS", "PHASES", "run"]

PHASES = ("initial", "trained")
ALIGNMENTS = ("unmatched", *METHODS)
METRICS = {"euclidean": "naive", "data": "weighted"}
"""Metrics in which rows are compared, and the matching that minimises the cost in each."""
TIMES = np.linspace(0, 1, 25)


@dataclass(frozen=True)
class _Networks:
    """All networks of one shape, and B of every pair in every alignment."""

    pairs: Sequence[tuple[AffineChain, AffineChain]]
    aligned: Mapping[str, Sequence[AffineChain]]
    moments: Sequence[Mapping[str, Tensor]]


def run(config: Config, data_dir: Path | None = None) -> Record:
    """Measures all networks of one shape, at initialisation or after training."""
    data = load_dataset(config["dataset"], data_dir=data_dir)
    widths = (
        data.train.inputs.shape[1],
        *[config["width"]] * config["depth"],
        data.classes,
    )
    seeds = _seeds(config)
    models: Sequence[nn.Module] = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in seeds]
    if config["phase"] == "trained":
        training = TrainingConfig(**config["training"])
        models = train_many(models, data.train, training, seeds=seeds)
        if not all(p.isfinite().all() for model in models for p in model.parameters()):
            raise ValueError("training diverged to NaN weights: lower --learning-rate")
    networks = _aligned(models, data)
    a = stack_chains([a for a, _ in networks.pairs])
    norms = operator_norms(a), operator_norms(stack_chains(networks.aligned["unmatched"]))
    record: Record = {"layers": _predictions(networks, config["phase"])}
    for name, others in networks.aligned.items():
        b = stack_chains(others)
        record[name] = {
            "train": _curves(barriers(a, b, data.train, len(TIMES))),
            "test": _curves(barriers(a, b, data.test, len(TIMES))),
            "certificate": [_bounds(c) for c in certificates(a, b, data.test, TIMES, norms=norms)],
            "cost": _costs(networks, others),
        }
    return record


def _seeds(config: Config) -> list[int]:
    """One per network, different for every shape: equal seeds would share first-layer weights."""
    sequence = np.random.SeedSequence([config["seed"], config["depth"], config["width"]])
    return sequence.generate_state(2 * config["pairs"]).tolist()


def _aligned(models: Sequence[nn.Module], data: Dataset) -> _Networks:
    chains = [affine_chain(model) for model in models]
    pairs = list(zip(chains[::2], chains[1::2], strict=True))
    x = data.train.inputs
    aligned = {
        method: [permute(b, match(a, b, method, x).permutations) for a, b in pairs]
        for method in METHODS
    }
    moments = [second_moments(a, x) for a, _ in pairs]
    return _Networks(pairs, {"unmatched": [b for _, b in pairs], **aligned}, moments)


def _curves(barrier: Barrier) -> Record:
    return {
        "loss": barrier.loss.tolist(),
        "accuracy": barrier.accuracy.tolist(),
        "max": barrier.max.tolist(),
        "midpoint": barrier.midpoint.tolist(),
    }


def _bounds(certificate: Certificate) -> Record:
    """For each bound its midpoint and its worst value over 0 < t < 1, as for the barrier.

    Function errors are root mean squares over the examples, C3 is the certified barrier.
    """

    def rms(errors: np.ndarray) -> np.ndarray:
        return np.sqrt((errors**2).mean(axis=-1))

    curves = {
        "C1": rms(certificate.function_error_c1),
        "C1'": rms(certificate.function_error),
        "C2": rms(certificate.function_error_c2),
        "C3": np.asarray(certificate.barrier),
        "inaccuracy": 1 - np.asarray(certificate.accuracy),
    }
    return {
        name: {"midpoint": float(curve[len(TIMES) // 2]), "max": float(curve[1:-1].max())}
        for name, curve in curves.items()
    }


def _costs(networks: _Networks, others: Sequence[AffineChain]) -> Record:
    """Matching cost per neuron, for each metric ``[pairs][layers]``."""
    # by layer, not by permutation group: one neuron alone is none, and costs something all the same
    return {
        metric: [
            [
                Features(W_a.double(), W_b.double(), _form(networks, metric, k, layer)).cost
                for layer, (W_a, W_b) in enumerate(zip(a.weights[:-1], b.weights[:-1], strict=True))
            ]
            for k, ((a, _), b) in enumerate(zip(networks.pairs, others, strict=True))
        ]
        for metric in METRICS
    }


def _form(networks: _Networks, metric: str, pair: int, layer: int) -> Tensor | None:
    """S of the metric in which a layer's rows are compared: that of A's data, or None."""
    if metric == "euclidean":
        return None
    return networks.moments[pair][f"{networks.pairs[pair][0].names[layer]}.weight"]


def _predictions(networks: _Networks, phase: str) -> list[Record]:
    """For every hidden layer and metric the sandwich of each pair: ``[layers][metric][pairs]``."""
    first = networks.pairs[0][0]
    return [
        {
            metric: [
                sandwich(law, len(first.weights[layer]))
                for law in _laws(networks, phase, layer, metric)
            ]
            for metric in METRICS
        }
        for layer in range(first.depth)
    ]


def _laws(networks: _Networks, phase: str, layer: int, metric: str) -> Iterator[Gaussian]:
    for k, (a, _) in enumerate(networks.pairs):
        form = _form(networks, metric, k, layer)
        if phase == "initial":
            yield initial_law(a.weights[layer].shape[1], form)
            continue
        # the first layer's rows have one coordinate system, the inputs; later ones one per pair
        aligned = networks.aligned[METRICS[metric]][k]
        pool = [n for pair in networks.pairs for n in pair] if layer == 0 else [a, aligned]
        yield trained_law([chain.weights[layer] for chain in pool], form)
