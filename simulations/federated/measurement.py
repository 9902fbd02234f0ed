"""What one task measures: clients of all ways of averaging, on one split of the examples.

After every round, loss and accuracy of the clients' networks on the whole test set. After the last
round, between the networks as their own training leaves them, layer-wise barriers of disjoint pairs
of clients, and the rise of the loss under noise of one norm in four kinds of directions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lmctheory.layerwise import layer_barriers, perturbed
from lmctheory.networks import Dataset, Examples, load_dataset
from lmctheory.networks.state import copied
from simulations.federated.clients import AVERAGED, mean_network, rounds, split
from simulations.layerwise.networks import NETWORKS
from simulations.training import Training

__all__ = [
    "DIRECTIONS",
    "Measured",
    "Outcome",
    "Task",
    "basis",
    "cost_of",
    "directions",
    "rises",
    "run",
]

DIRECTIONS = ("difference", "span", "outside", "outside by layer")
"""To one other client and away from it; in the span of all differences; Gaussian and orthogonal to
that span; the same with the norms that the difference has in every layer."""


@dataclass(frozen=True)
class Task:
    """One repetition on one split.

    Attributes:
        dataset: its name.
        split: one of `clients.SPLITS`.
        clients: how many.
        pieces: for each client, of "shards".
        architecture: a name in the layer-wise study.
        width: of the network.
        local_epochs: between two averages.
        training: of all rounds.
        draws: directions of each kind for each client.
        repetition: its number.
        seed: of the whole study.
    """

    dataset: str
    split: str
    clients: int
    pieces: int
    architecture: str
    width: int
    local_epochs: int
    training: Training
    draws: int
    repetition: int
    seed: int


@dataclass(frozen=True)
class Outcome:
    """Of one way of averaging; means over clients on the test set.

    Attributes:
        accuracy: of the clients' networks after every round.
        loss: likewise.
        mean_accuracy: of the network of the clients' mean weights after the last round.
        mean_loss: likewise.
        own_accuracy: on test examples of a client's own classes, after the last round.
        local_accuracy: before the last average.
        local_loss: likewise.
        path: barrier at t = 1/2 of all layers, mean over pairs, before the last average.
        single: of every layer alone, against the two full networks.
        distance: root mean square between two clients then.
        rises: of the loss under noise of half that norm, by the kind of direction.
        own_rises: on test examples of a client's own classes.
    """

    accuracy: list[float]
    loss: list[float]
    mean_accuracy: float
    mean_loss: float
    own_accuracy: float
    local_accuracy: float
    local_loss: float
    path: float
    single: list[float]
    distance: float
    rises: dict[str, float]
    own_rises: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """Outcomes by what is averaged, and the mean number of classes that a client has."""

    outcomes: dict[str, Outcome]
    classes: float


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    slow = 1.0 if task.dataset == "digits" else 40.0
    unit = NETWORKS[task.architecture].cost * (task.width / 64)
    return slow * unit * (task.training.epochs / 4 + task.clients * task.draws / 8)


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains clients in all ways, and compares them."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    # the same initial networks whatever the split
    entropy = np.random.SeedSequence([task.seed, task.repetition])
    rng = np.random.default_rng(entropy)
    initial = [
        NETWORKS[task.architecture].untrained(data.train, task.width, seed)
        for seed in entropy.generate_state(task.clients).tolist()
    ]
    parts = split(data.train, task.split, task.clients, task.pieces, rng)
    history: dict[str, list[tuple[float, float]]] = {kind: [] for kind in AVERAGED}
    for last in rounds(initial, parts, task.training.config, task.local_epochs, rng):
        for kind, networks in last.shared.items():
            history[kind].append(_means([_scores(one, data.test) for one in networks]))
    return Measured(
        {
            kind: _outcome(history[kind], last.local[kind], last.shared[kind], data, parts, task)
            for kind in AVERAGED
        },
        float(np.mean([len(_classes(part)) for part in parts])),
    )


def _outcome(
    history: Sequence[tuple[float, float]],
    local: Sequence[nn.Module],
    shared: Sequence[nn.Module],
    data: Dataset,
    parts: Sequence[Examples],
    task: Task,
) -> Outcome:
    own = [data.test[torch.isin(data.test.labels, _classes(part))] for part in parts]
    mean = _scores(mean_network(shared), data.test)
    before = _means([_scores(one, data.test) for one in local])
    pairs = [
        layer_barriers(a, b, data.test, points=3)
        for a, b in zip(local[::2], local[1::2], strict=False)
    ]
    vectors = torch.stack([_vector(one) for one in local])
    distances = [float((a - b).norm()) for a, b in combinations(vectors, 2)]
    distance = float(np.sqrt(np.mean(np.square(distances))))
    generator = torch.Generator().manual_seed(task.seed + task.repetition)
    found = rises(local, data.test, own, distance / 2, task.draws, generator)
    return Outcome(
        accuracy=[accuracy for accuracy, _ in history],
        loss=[loss for _, loss in history],
        mean_accuracy=mean[0],
        mean_loss=mean[1],
        own_accuracy=_means([_scores(*one) for one in zip(shared, own, strict=True)])[0],
        local_accuracy=before[0],
        local_loss=before[1],
        path=float(np.mean([pair.path.midpoint for pair in pairs])),
        single=np.mean([pair.full.midpoint.mean(0) for pair in pairs], axis=0).tolist(),
        distance=distance,
        rises={kind: value for kind, (value, _) in found.items()},
        own_rises={kind: value for kind, (_, value) in found.items()},
    )


def _classes(data: Examples) -> Tensor:
    return torch.from_numpy(np.unique(data.labels.numpy()))


def _scores(network: nn.Module, data: Examples) -> tuple[float, float]:
    """Accuracy and loss."""
    with torch.no_grad():
        outputs = network(data.inputs)
    hits = (outputs.argmax(-1) == data.labels).double().mean()
    return float(hits), float(data.loss.each(outputs[None], data.labels).double().mean())


def _means(rows: Sequence[tuple[float, float]]) -> tuple[float, float]:
    first, second = np.mean(rows, axis=0)
    return float(first), float(second)


def _vector(network: nn.Module) -> Tensor:
    return parameters_to_vector(network.parameters()).detach().double()


def rises(
    networks: Sequence[nn.Module],
    test: Examples,
    own: Sequence[Examples],
    radius: float,
    draws: int,
    rng: torch.Generator,
) -> dict[str, tuple[float, float]]:
    """How much the loss rises in directions of each kind, mean over both signs and all draws.

    Args:
        networks: of the clients, two or more, not all the same.
        test: the examples of the first number.
        own: for each client, those of the second.
        radius: norm of the noise in all parameters together.
        draws: directions of each kind from each client.
        rng: draws them.
    """
    vectors = torch.stack([_vector(one) for one in networks])
    span = basis(vectors[1:] - vectors[0])
    found: Mapping[str, list[tuple[float, float]]] = {kind: [] for kind in DIRECTIONS}
    for k, (network, data) in enumerate(zip(networks, own, strict=True)):
        before = np.array([_scores(network, one)[1] for one in (test, data)])
        others = [j for j in range(len(networks)) if j != k]
        for _ in range(draws):
            other = others[int(torch.randint(len(others), (1,), generator=rng))]
            drawn = directions(networks, vectors, span, (k, other), rng)
            for kind, direction in drawn.items():
                step = radius * direction / direction.norm()
                after = [
                    [_scores(moved, one)[1] for one in (test, data)]
                    for moved in (_moved(network, vectors[k] + sign * step) for sign in (1, -1))
                ]
                first, second = np.mean(after, axis=0) - before
                found[kind].append((float(first), float(second)))
    return {kind: _means(values) for kind, values in found.items()}


def basis(rows: Tensor) -> Tensor:
    """Orthonormal columns that span the rows."""
    _, sizes, right = torch.linalg.svd(rows, full_matrices=False)
    return right[sizes > 1e-9 * sizes[0]].T


def directions(
    networks: Sequence[nn.Module],
    vectors: Tensor,
    span: Tensor,
    pair: tuple[int, int],
    rng: torch.Generator,
) -> dict[str, Tensor]:
    """One of each of `DIRECTIONS`, of any length.

    Args:
        networks: of the clients.
        vectors: their parameters, row by row.
        span: orthonormal columns that span their differences.
        pair: the numbers of the client that is moved and of the other.
        rng: draws them.
    """
    base, other = pair

    def outside(direction: Tensor) -> Tensor:
        return direction - span @ (span.T @ direction)

    def drawn(size: int) -> Tensor:
        return torch.randn(size, generator=rng, dtype=torch.float64)

    by_layer = _vector(perturbed(networks[base], networks[other], rng=rng)) - vectors[base]
    made = (
        vectors[other] - vectors[base],
        span @ drawn(span.shape[1]),
        outside(drawn(vectors.shape[1])),
        outside(by_layer),
    )
    return dict(zip(DIRECTIONS, made, strict=True))


def _moved(network: nn.Module, vector: Tensor) -> nn.Module:
    result = copied(network)
    vector_to_parameters(vector.float(), result.parameters())
    return result
