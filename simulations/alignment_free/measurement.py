"""What tasks measure: barriers of networks joined as they are, and what swapping neurons costs.

*Pairs*: networks of one family, trained apart, joined without and with matching; each pair has a
family of its own. Matching and costs see them as ordinary MLPs. *Swaps*: independent neurons before
training, and the cheapest swap among them, against their number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import (
    Dataset,
    Examples,
    affine_chain,
    load_dataset,
    teacher_dataset,
    train_many,
)
from lmctheory.networks.chain import AffineChain
from lmctheory.paths import barrier
from lmctheory.sweeps.typed import entropy_of
from simulations.alignment_free.networks import Family, FixedMLP, GatedMLP, PartlyFixed
from simulations.alignment_free.swaps import (
    function_swaps,
    realisation_costs,
    span_of,
    weight_swaps,
)
from simulations.training import Training, widths_of

__all__ = [
    "AMBIENT",
    "Cheapest",
    "Measured",
    "PairTask",
    "SwapTask",
    "cost_of",
    "run_pairs",
    "run_swaps",
]

AMBIENT = 64
"""Numbers that an input of a teacher has, whatever its dimension."""
_EXAMPLES = 1400, 1000
"""For training and tests, of a teacher."""
_POINTS = 13
_SWAPPED = 20
"""Pairs of neurons whose swap is tried on the loss."""
_INPUTS = 512
"""On which neurons are compared before training."""


@dataclass(frozen=True)
class PairTask:
    """Pairs of networks of one kind and shape.

    Attributes:
        dataset: a name that `load_dataset` knows, or "teacher".
        dimension: of the space that a teacher's inputs span; 0 for other data.
        kind: of `simulations.alignment_free.networks.KINDS`.
        depth: hidden layers.
        width: of each.
        kappa: norm of fixed over that of trained entries; 0 where nothing is fixed.
        share: of a row's entries that are fixed.
        pairs: how many.
        training: of all networks.
        seed: of all draws.
    """

    dataset: str
    dimension: int
    kind: str
    depth: int
    width: int
    kappa: float
    share: float
    pairs: int
    training: Training
    seed: int


@dataclass(frozen=True)
class SwapTask:
    """Independent neurons before training.

    Attributes:
        dimension: of inputs.
        outputs: of the network.
        widths: numbers of neurons.
        draws: of each.
        seed: of all draws.
    """

    dimension: int
    outputs: int
    widths: list[int]
    draws: int
    seed: int


@dataclass(frozen=True)
class Measured:
    """By pair; lists are empty where the kind has no ordinary counterpart.

    Attributes:
        unmatched: barrier of the test loss, the largest over t, of networks as they are.
        matched: after matching the second with the first.
        loss: test loss of the two networks, mean.
        accuracy: on the test data, mean.
        stay: share of the neurons that the matching leaves where they are.
        weight_cost: by hidden layer of the first network the median over pairs of neurons of what
            a swap costs in weights, over twice what a neuron's own function costs, again the
            median; partly fixed networks only.
        nearest: of the last hidden layer of the first network the median over neurons of the
            cheapest swap's change of the function, over the root mean square of its outputs.
        typical: the median over all pairs of neurons.
        loss_change: mean change of the test loss by swaps of random pairs.
        loss_bound: what those swaps may change at most.
    """

    unmatched: list[float]
    matched: list[float]
    loss: list[float]
    accuracy: list[float]
    stay: list[float]
    weight_cost: list[list[float]]
    nearest: list[float]
    typical: list[float]
    loss_change: list[float]
    loss_bound: list[float]


@dataclass(frozen=True)
class Cheapest:
    """The change of the function, over the root mean square of the outputs, by width and draw.

    Attributes:
        least: of the cheapest swap of all.
        nearest: of the cheapest swap of one neuron, mean over neurons.
    """

    least: list[list[float]]
    nearest: list[list[float]]


def cost_of(task: PairTask | SwapTask) -> float:
    """Seconds of one core, roughly."""
    if isinstance(task, SwapTask):
        return task.draws * sum((width / 700) ** 2 for width in task.widths)
    slow = 40.0 if task.dataset == "mnist" else 1.0
    alone = 4.0 if task.kind in ("fixed", "gated") else 1.0
    return slow * task.pairs * alone * task.depth * (0.1 + task.width / 500)


def run_pairs(task: PairTask, data_dir: Path | None = None) -> Measured:
    """Trains pairs, joins them, and swaps their neurons."""
    data = _data(task, data_dir)
    rng = np.random.default_rng(entropy_of(task))
    seeds = rng.integers(2**31, size=(task.pairs, 3)).tolist()
    families = [
        Family(task.kind, widths_of(data, task.width, task.depth), task.kappa, task.share, common)
        for common, *_ in seeds
    ]
    order = [seed for _, *own in seeds for seed in own]
    starts = [
        family.start(seed)
        for family, (_, *own) in zip(families, seeds, strict=True)
        for seed in own
    ]
    trained = train_many(starts, data.train, task.training.config, seeds=order)
    rows = [_pair(a, b, data, rng) for a, b in zip(trained[::2], trained[1::2], strict=True)]
    names = Measured.__annotations__
    return Measured(**{name: [row[name] for row in rows if name in row] for name in names})


def run_swaps(task: SwapTask, data_dir: Path | None = None) -> Cheapest:
    """Draws neurons and finds the cheapest swaps; they need no data."""
    del data_dir
    seed = int(np.random.default_rng(entropy_of(task)).integers(2**62))
    rng = torch.Generator().manual_seed(seed)
    found = [[_cheapest(task, width, rng) for _ in range(task.draws)] for width in task.widths]
    least, nearest = ([[draw[k] for draw in draws] for draws in found] for k in (0, 1))
    return Cheapest(least, nearest)


def _data(task: PairTask, data_dir: Path | None) -> Dataset:
    if task.dataset != "teacher":
        return load_dataset(task.dataset, data_dir=data_dir)
    rng = torch.Generator().manual_seed(task.seed)
    train, test = _EXAMPLES
    made = teacher_dataset(inputs=task.dimension, train=train, test=test, rng=rng)
    span = torch.linalg.qr(torch.randn(AMBIENT, task.dimension, generator=rng)).Q
    span = span * (AMBIENT / task.dimension) ** 0.5  # inputs of mean square one, as E x_i^2 = 1

    def embedded(part: Examples) -> Examples:
        return Examples(part.inputs @ span.T, part.labels)

    return Dataset(made.name, embedded(made.train), embedded(made.test), made.classes)


def _pair(a: nn.Module, b: nn.Module, data: Dataset, rng: np.random.Generator) -> dict[str, Any]:
    fixed = [layer for layer in a.modules() if isinstance(layer, PartlyFixed)]
    first, second = (one.plain() if isinstance(one, FixedMLP) else one for one in (a, b))
    as_they_are = barrier(first, second, data.test, points=_POINTS)
    row: dict[str, Any] = {
        "unmatched": float(as_they_are.max),
        "loss": float(as_they_are.loss[[0, -1]].mean()),
        "accuracy": float(as_they_are.accuracy[[0, -1]].mean()),
    }
    if isinstance(first, GatedMLP):
        return row
    matching = match(first, second, "activation", data.train.inputs)
    orders = [np.asarray(order) for order in matching.permutations.values()]
    joined = barrier(first, matching.apply(second), data.test, points=_POINTS)
    row["matched"] = float(joined.max)
    row["stay"] = float(np.mean([(order == np.arange(len(order))).mean() for order in orders]))
    chain = affine_chain(first)
    if fixed:
        row["weight_cost"] = _weight_costs(chain, fixed, data.train.inputs)
    return row | _function_costs(chain, data.test, rng)


def _weight_costs(chain: AffineChain, layers: Sequence[PartlyFixed], inputs: Tensor) -> list[float]:
    """Of every hidden layer, relative to what neurons cost as they are."""
    x = inputs.flatten(1)
    seen = [x, *(phi for _, phi in chain.hidden(x))]
    found = []
    for layer, weights, below in zip(layers[:-1], chain.weights, seen, strict=False):
        costs = realisation_costs(
            span_of(below), weights, layer.get_buffer("fixed"), layer.get_buffer("trained")
        )
        swaps, own = weight_swaps(costs), costs.diagonal()
        found.append(float(_apart(swaps).median() / (2 * own.median())))
    return found


def _apart(swaps: Tensor) -> Tensor:
    """What is off the diagonal."""
    return swaps[~torch.eye(len(swaps), dtype=torch.bool)]


def _function_costs(
    chain: AffineChain, test: Examples, rng: np.random.Generator
) -> dict[str, float]:
    x = test.inputs.flatten(1).double()
    chain = chain.to(dtype=torch.float64)
    *_, (_, phi) = chain.hidden(x)
    outgoing, offset = chain.weights[-1], chain.biases[-1]
    logits = phi @ outgoing.T + offset
    scale = float((logits - logits.mean(0)).square().sum(1).mean().sqrt())
    swaps = function_swaps(phi, outgoing)
    m = len(swaps)
    others = swaps + torch.diag(torch.full((m,), torch.inf, dtype=swaps.dtype))
    pairs = np.array([rng.choice(m, 2, replace=False) for _ in range(_SWAPPED)])
    before = float(test.loss.mean(logits, test.labels))
    changes = []
    for i, j in pairs:
        swapped = outgoing.clone()
        swapped[:, [i, j]] = outgoing[:, [j, i]]
        changes.append(float(test.loss.mean(phi @ swapped.T + offset, test.labels)) - before)
    return {
        "nearest": float(others.min(1).values.median()) / scale,
        "typical": float(_apart(swaps).median()) / scale,
        "loss_change": float(np.mean(changes)),
        "loss_bound": float(2**0.5 * np.mean([float(swaps[i, j]) for i, j in pairs])),
    }


def _cheapest(task: SwapTask, width: int, rng: torch.Generator) -> tuple[float, float]:
    x = torch.randn(_INPUTS, task.dimension, generator=rng)
    weights = torch.randn(width, task.dimension, generator=rng)
    outgoing = torch.randn(task.outputs, width, generator=rng) / width**0.5
    phi = torch.relu(x @ weights.T)
    swaps = function_swaps(phi, outgoing)
    swaps.fill_diagonal_(torch.inf)
    scale = float((phi @ outgoing.T).square().sum(1).mean().sqrt())
    return float(swaps.min()) / scale, float(swaps.min(1).values.mean()) / scale
