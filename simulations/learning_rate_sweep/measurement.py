"""What one task measures: pairs of networks trained at one learning rate, matched in all ways.

Ferbach et al. 2024, Figure 2, take three matchings and plot the test loss at the midpoint and the
approximate dimension of what each compares, all of network A: W^T W, W Sigma W^T and the second
moment of activations. Measured beside it: barriers; dimensions of centred moments; and what else
could foretell a barrier, the matching cost and whether the neurons' errors add up.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import Matching, layer_costs, match, second_moments
from lmctheory.networks import (
    MLP,
    AffineChain,
    Dataset,
    affine_chain,
    load_dataset,
    seeded_generators,
)
from lmctheory.networks.agreement import require_finite
from lmctheory.paths import barrier
from lmctheory.prediction import error_sizes
from lmctheory.rates import participation_ratio
from simulations.training import Training, trained_mlps, widths_of

__all__ = [
    "MATCHINGS",
    "THEIRS",
    "UNMATCHED",
    "Aligned",
    "Compared",
    "Measured",
    "Pair",
    "Task",
    "cost_of",
    "run",
]

_Match = Callable[[nn.Module, nn.Module, Tensor], Matching]

UNMATCHED = "unmatched"
THEIRS = ("naive", "weighted", "covariance")
"""Of Ferbach et al.: what they call activation matching maximises the covariance."""


def _by(method: str, *, centred: bool = False) -> _Match:
    return lambda a, b, x: match(a, b, method, x, centred=centred)


MATCHINGS: Mapping[str, _Match] = {
    "naive": _by("naive"),
    "weighted": _by("weighted"),
    "covariance": _by("activation", centred=True),
    "activation": _by("activation"),
    "weight": _by("weight"),
}

_POINTS = 11
_INITIALISATION = "lecun_truncated"


@dataclass(frozen=True)
class Task:
    """Pairs of networks of one shape, trained in one way.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: number of hidden layers.
        width: of each.
        first: number of the first pair.
        pairs: how many.
        training: of all networks; holds optimiser and learning rate.
        seed: of all draws.
    """

    dataset: str
    depth: int
    width: int
    first: int
    pairs: int
    training: Training
    seed: int

    @property
    def seeds(self) -> list[int]:
        """Two for each pair, those of no other pair and training."""
        seeds: list[int] = []
        of_training = f"{self.training.optimiser} {self.training.learning_rate!r}".encode()
        for pair in range(self.first, self.first + self.pairs):
            entropy = [self.seed, self.depth, self.width, pair, *of_training]
            seeds += np.random.SeedSequence(entropy).generate_state(2).tolist()
        return seeds


@dataclass(frozen=True)
class Compared:
    """The neurons of the hidden layers of A, as one matching compares them; lists are by layer.

    Attributes:
        dimension: approximate dimension of the moment that Ferbach et al. take.
        centred: the same of activations about their mean over the data; of weights about their mean
            over neurons, where no data have a part.
        law: the same of neurons about their mean: what a rate of matching depends on.
        cost: mean square distance of matched neurons over twice the mean square of A's: about 1
            for neurons that have nothing in common.
    """

    dimension: list[float]
    centred: list[float]
    law: list[float]
    cost: list[float]


@dataclass(frozen=True)
class Aligned:
    """One pair in one alignment.

    Attributes:
        midpoint: test loss at t = 1/2.
        barrier: signed maximum over t of the test loss above the chord.
        error: of the function at t = 1/2, root mean square over test data relative to outputs.
        coherence: the error over what it were if the last hidden neurons' did not add up.
        on_data: by layer, mean square difference of pre-activations without biases, inputs those of
            A, over twice the mean square of A's.
        compared: None if not matched.
    """

    midpoint: float
    barrier: float
    error: float
    coherence: float
    on_data: list[float]
    compared: Compared | None = None


@dataclass(frozen=True)
class Pair:
    """Two networks.

    Attributes:
        losses: on test data, of A and B.
        accuracies: likewise.
        moved: by layer |W - W_0|^2 / |W_0|^2 of weights, W_0 what they began as, mean of A and B.
        aligned: by the name of the alignment.
    """

    losses: list[float]
    accuracies: list[float]
    moved: list[float]
    aligned: dict[str, Aligned]


@dataclass(frozen=True)
class Measured:
    """All pairs of a task."""

    pairs: list[Pair]


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    if task.dataset == "digits":
        return task.training.epochs * task.pairs * (task.width / 64) / 4
    weights = 784 * task.width + (task.depth - 1) * task.width**2
    # a little less for later pairs, so that the first of all rates come first
    return task.training.epochs * task.pairs * weights / 8e4 - 1e-3 * task.first


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains all networks of a task and compares those of each pair."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    widths = widths_of(data, task.width, task.depth)
    config, seeds = task.training.config, task.seeds
    models = trained_mlps(data, widths, config, seeds, initialisation=_INITIALISATION)
    require_finite(models, f"training diverged to NaN weights at rate {config.learning_rate}")
    moved = [_moved(model, widths, seed) for model, seed in zip(models, seeds, strict=True)]
    pairs = zip(models[::2], models[1::2], moved[::2], moved[1::2], strict=True)
    return Measured(
        [_pair(a, b, data, np.mean([of_a, of_b], axis=0).tolist()) for a, b, of_a, of_b in pairs]
    )


@torch.no_grad()
def _moved(model: nn.Module, widths: Sequence[int], seed: int) -> list[float]:
    rng = seeded_generators(seed)[0]
    start = affine_chain(MLP(widths, initialisation=_INITIALISATION, rng=rng)).weights
    return [
        float((W - W_0).square().sum() / W_0.square().sum())
        for W, W_0 in zip(affine_chain(model).weights, start, strict=True)
    ]


@torch.no_grad()
def _pair(a: nn.Module, b: nn.Module, data: Dataset, moved: list[float]) -> Pair:
    x = data.train.inputs.flatten(1)
    seen = _Seen.of(affine_chain(a).to(dtype=torch.float64), x)
    aligned, unmatched = {}, barrier(a, b, data.test, 3)
    aligned[UNMATCHED] = _aligned(a, b, data, seen)
    for name, matched_by in MATCHINGS.items():
        matching = matched_by(a, b, x)
        compared = _compared(name, matching, seen)
        aligned[name] = _aligned(a, matching.apply(b), data, seen, compared)
    return Pair(
        losses=[float(unmatched.loss[end]) for end in (-1, 0)],
        accuracies=[float(unmatched.accuracy[end]) for end in (-1, 0)],
        moved=moved,
        aligned=aligned,
    )


def _aligned(
    a: nn.Module, b: nn.Module, data: Dataset, seen: "_Seen", compared: Compared | None = None
) -> Aligned:
    path = barrier(a, b, data.test, _POINTS)
    sizes = error_sizes(a, b, data.test.inputs)
    apart = layer_costs(a, b, seen.second).values()
    return Aligned(
        midpoint=float(path.loss[_POINTS // 2]),
        barrier=float(path.max),
        error=sizes.error,
        coherence=sizes.coherence,
        on_data=[_relative(*layer) for layer in zip(apart, seen.grams("weighted"), strict=True)],
        compared=compared,
    )


def _compared(name: str, matching: Matching, seen: "_Seen") -> Compared:
    grams, centred = seen.grams(name), seen.grams(name, centred=True)
    own = centred if name == "covariance" else grams
    costs = zip(matching.cost.values(), own, strict=True)
    return Compared(
        dimension=[_dimension(gram) for gram in grams],
        centred=[_dimension(gram) for gram in centred],
        law=[_dimension(_about_mean(gram)) for gram in own],
        cost=[_relative(cost, gram) for cost, gram in costs],
    )


class _Seen(NamedTuple):
    """A network in float64 with the moments of its activations.

    Attributes:
        chain: the network.
        second: moments of the inputs of every weight.
        covariance: the same about the mean.
    """

    chain: AffineChain
    second: Mapping[str, Tensor]
    covariance: Mapping[str, Tensor]

    @classmethod
    def of(cls, chain: AffineChain, x: Tensor) -> "_Seen":
        moments = partial(second_moments, chain, x)
        return cls(chain, moments(), moments(centred=True))

    def grams(self, matching: str, *, centred: bool = False) -> list[Tensor]:
        """Inner products of the neurons of every hidden layer, as a matching compares them."""
        W, b = self.chain.weights, self.chain.biases
        by_layer = self.covariance if centred else self.second
        moments = [by_layer[f"{name}.weight"] for name in self.chain.names]
        layers = range(self.chain.depth)
        if matching in ("covariance", "activation"):
            return [moments[layer + 1] for layer in layers]
        if matching == "weighted":
            return [W[layer] @ moments[layer] @ W[layer].mT for layer in layers]
        described = [W[layer] for layer in layers]
        if matching == "weight":
            described = [
                torch.cat([W[layer], b[layer][:, None], W[layer + 1].mT], 1) for layer in layers
            ]
        found = [rows @ rows.mT for rows in described]
        return [_about_mean(gram) for gram in found] if centred else found


def _about_mean(gram: Tensor) -> Tensor:
    """Of neurons about their mean, from their inner products."""
    half = gram - gram.mean(0)
    return half - half.mean(1, keepdim=True)


def _relative(cost: float, gram: Tensor) -> float:
    """A cost per neuron over twice the mean square of A's neurons; 0 if they are all dead."""
    twice = 2 * float(gram.trace()) / len(gram)
    return cost / twice if twice else 0.0


def _dimension(gram: Tensor) -> float:
    """Approximate dimension; 0 for neurons that are all dead."""
    spectrum = torch.linalg.eigvalsh(gram).clamp(min=0)
    return participation_ratio(spectrum.numpy()) if spectrum.any() else 0.0
