"""What one task measures: two networks, and what lies between them, layer by layer.

Both share the first epochs of their training and part, with their momentum, in the order of the
data (*spawning*, Frankle et al. 2020, Fort et al. 2020), or are trained from initial weights of
their own. Where they part at once, or never met, they are compared after matching too. Layers
count from 1, the output's among them; features are what follows a layer's activation.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.layerwise import (
    FeatureConnectivity,
    feature_connectivity,
    layers,
    principal_angles,
    recalibrated_barrier,
    stitch,
    vanishing,
)
from lmctheory.matching import layer_inputs, match, repair
from lmctheory.networks import (
    Dataset,
    Examples,
    evaluation_mode,
    load_dataset,
    train_many,
)
from lmctheory.networks.agreement import require_finite
from lmctheory.networks.calling import batches
from lmctheory.networks.state import Evaluation, slots
from lmctheory.paths import barrier, interpolate, with_layers_of
from simulations.layerwise.networks import NETWORKS
from simulations.training import DIVERGED, Training

__all__ = [
    "MATCHINGS",
    "MIDDLE",
    "POINTS",
    "RANK",
    "UNMATCHED",
    "Aligned",
    "Features",
    "Measured",
    "Stitched",
    "Strength",
    "Subspaces",
    "Task",
    "cost_of",
    "run",
]

UNMATCHED = "unmatched"
MATCHINGS = ("weight", "activation")
POINTS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Where on the path features are compared."""
MIDDLE = POINTS.index(0.5)
RANK = 5
"""Dimension of subspaces."""

_PATH = 11
_ROWS = 256


@dataclass(frozen=True)
class Task:
    """One pair of networks.

    Attributes:
        dataset: grey square images of ten classes.
        architecture: a name in the layer-wise study.
        width: of the network.
        spawn: epochs that both share; None for initial weights of their own.
        pair: its number.
        training: of both, from the beginning.
        examples: at most so many test examples, and training examples where something is fitted.
        seed: of the whole study.
    """

    dataset: str
    architecture: str
    width: int
    spawn: int | None
    pair: int
    training: Training
    examples: int
    seed: int

    @property
    def seeds(self) -> list[int]:
        """Of the initial weights of both, and of their data orders, whenever they part.

        The first network of a pair is therefore one and the same in all settings.
        """
        sequence = np.random.SeedSequence([self.seed, self.pair, *self.architecture.encode()])
        return sequence.generate_state(4).tolist()


@dataclass(frozen=True)
class Features:
    """Features between the networks, by point of `POINTS` and layer; means over test examples.

    Attributes:
        dissimilarity: 1 - cos between the features and the mean of both networks'.
        coefficient: 1 under LLFC; 2^(1-l) at t = 1/2 under LEWC.
        llfc_error: relative distance from what LLFC predicts.
        lewc_error: from what LEWC predicts.
        additivity: relative error of weak additivity, of hidden layers.
        baseline: by layer, 1 - cos between the two networks.
        commutativity: by layer, see `feature_connectivity`.
        weights: by layer, |W_A - W_B| / (|W_A|^2 + |W_B|^2)^1/2.
        distance: by layer, the same of features.
    """

    dissimilarity: list[list[float]]
    coefficient: list[list[float]]
    llfc_error: list[list[float]]
    lewc_error: list[list[float]]
    additivity: list[list[float]]
    baseline: list[float]
    commutativity: list[float]
    weights: list[float]
    distance: list[float]


@dataclass(frozen=True)
class Stitched:
    """One network's layers up to number l and the other's from there, by l; mean of both ways.

    Attributes:
        loss: on test data.
        error: likewise, share of examples.
        fitted_loss: with an affine map in between, fitted to training data.
        fitted_error: likewise.
    """

    loss: list[float]
    error: list[float]
    fitted_loss: list[float]
    fitted_error: list[float]


@dataclass(frozen=True)
class Subspaces:
    """Leading directions of both networks, by hidden layer for features, else by layer.

    Attributes:
        angle: mean principal angle of features, in degrees.
        overlap: their mean squared cosine.
        chance: what it is for subspaces drawn at random.
        weights: mean squared cosine of what weights write to, left singular vectors.
        read: of what they read, right singular vectors.
    """

    angle: list[float]
    overlap: list[float]
    chance: list[float]
    weights: list[float]
    read: list[float]


@dataclass(frozen=True)
class Strength:
    """Pre-activations of a merged network, by layer, see `lmctheory.layerwise.vanishing`.

    Attributes:
        induced: what inputs induce, over that of the ends.
        deviation: over examples, over that of the ends.
        share: of what inputs induce.
        end_share: the same of the ends.
        barrier: at t = 1/2, of the test loss.
        error: at t = 1/2, share of wrong examples above the mean of the ends.
    """

    induced: list[float]
    deviation: list[float]
    share: list[float]
    end_share: list[float]
    barrier: float
    error: float


@dataclass(frozen=True)
class Aligned:
    """Everything about one pair in one alignment.

    Attributes:
        barrier: signed maximum over t of the test loss above the chord.
        error: the same of the share of wrong examples.
        half: barrier at t = 1/2 on every other test example.
        recalibrated: the same with a temperature that is chosen on the others; None if none is.
        features: by layer.
        stitched: by layer.
        subspaces: by layer.
        midpoint: of merged features.
        repaired: the same after REPAIR.
        kept_first: barrier at t = 1/2 if the first l layers are one network's, from l = 0 on; mean
            of both.
        kept_last: the same with the last l layers.
    """

    barrier: float
    error: float
    half: float
    recalibrated: float | None
    features: Features
    stitched: Stitched
    subspaces: Subspaces
    midpoint: Strength
    repaired: Strength
    kept_first: list[float]
    kept_last: list[float]


@dataclass(frozen=True)
class Measured:
    """One pair.

    Attributes:
        losses: on test data, of A and B.
        errors: likewise, share of wrong examples.
        aligned: by the name of the alignment.
    """

    losses: list[float]
    errors: list[float]
    aligned: dict[str, Aligned]


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    slow = 1.0 if task.dataset == "digits" else 60.0
    network = NETWORKS[task.architecture]
    return slow * network.cost * (task.width / network.width) * (1 + task.training.epochs / 10)


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains the pair and compares it in all its alignments."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    a, b = _trained(task, data)
    few = _Data(data.train[: task.examples], data.test[: task.examples])
    aligned = {
        name: _aligned(a, other, few)
        for name, other in _alignments(a, b, task.spawn, few.train.inputs)
    }
    ends = [_scores(network, few.test) for network in (a, b)]
    return Measured([end.loss for end in ends], [end.error for end in ends], aligned)


def _trained(task: Task, data: Dataset) -> tuple[nn.Module, nn.Module]:
    first, second, *orders = task.seeds
    starts = [
        NETWORKS[task.architecture].untrained(data.train, task.width, seed)
        for seed in (first, second if task.spawn is None else first)
    ]
    config, trunk = task.training.config, task.spawn or 0
    trained = train_many(starts, data.train, config, seeds=orders, trunk_epochs=trunk)
    require_finite(trained, DIVERGED)
    a, b = (evaluation_mode(model) for model in trained)
    return a, b


def _alignments(
    a: nn.Module, b: nn.Module, spawn: int | None, inputs: Tensor
) -> Iterator[tuple[str, nn.Module]]:
    """Networks of a common trunk stay as they are."""
    yield UNMATCHED, b
    if not spawn:
        for method in MATCHINGS:
            yield method, match(a, b, method, inputs).apply(b)


class _Data(NamedTuple):
    """Examples of a measurement: some to fit to, others to judge by."""

    train: Examples
    test: Examples


class _Scores(NamedTuple):
    """Of a network on some examples."""

    loss: float
    error: float


def _scores(network: nn.Module, data: Examples) -> _Scores:
    evaluation = Evaluation(network)
    with torch.no_grad():
        outputs = torch.cat([evaluation(rows) for rows in batches(data.inputs, _ROWS)]).double()
    wrong = (outputs.argmax(-1) != data.labels).double().mean()
    return _Scores(float(data.loss.mean(outputs, data.labels)), float(wrong))


def _aligned(a: nn.Module, b: nn.Module, data: _Data) -> Aligned:
    path = barrier(a, b, data.test, _PATH)
    chord = _Scores(float(path.loss[[0, -1]].mean()), float(1 - path.accuracy[[0, -1]].mean()))
    middle = interpolate(a, b, 0.5)
    repaired = repair(middle, a, b, data.train.inputs)
    recalibrated = recalibrated_barrier(a, b, data.test[::2], data.test[1::2])
    best = recalibrated.recalibrated
    return Aligned(
        barrier=float(path.max),
        error=float(path.max_accuracy_drop),
        half=recalibrated.barrier,
        recalibrated=best if np.isfinite(best) else None,
        features=_features(a, b, data.test),
        stitched=_stitched(a, b, data),
        subspaces=_subspaces(a, b, data.test.inputs),
        midpoint=_strength(middle, a, b, data.test, chord),
        repaired=_strength(repaired, a, b, data.test, chord),
        kept_first=_kept(a, b, data.test, chord, lambda names, count: names[:count]),
        kept_last=_kept(a, b, data.test, chord, lambda names, count: names[len(names) - count :]),
    )


def _features(a: nn.Module, b: nn.Module, test: Examples) -> Features:
    found = [feature_connectivity(a, b, test, t) for t in POINTS]
    middle = found[MIDDLE]

    def along(measure: str) -> list[list[float]]:
        return [_by_layer(one, measure) for one in found]

    slots_a, slots_b = slots(a), slots(b)
    weights = [f"{layer.name}.weight" for layer in layers(a)]
    return Features(
        dissimilarity=[[1 - cosine for cosine in row] for row in along("cosine")],
        coefficient=along("coefficient"),
        llfc_error=along("llfc_error"),
        lewc_error=along("lewc_error"),
        additivity=[row[:-1] for row in along("weak_additivity")],
        baseline=[1 - cosine for cosine in _by_layer(middle, "baseline")],
        commutativity=_by_layer(middle, "commutativity"),
        weights=[_apart(slots_a[name], slots_b[name]) for name in weights],
        distance=[
            _apart(x, y)
            for x, y in zip(*(_hidden(network, test.inputs) for network in (a, b)), strict=True)
        ],
    )


def _by_layer(found: FeatureConnectivity, measure: str) -> list[float]:
    """Of the last submodule of a layer that has the measure: of its activation or what follows."""
    values = dict[int, float]()
    for depth, value in zip(found.depth, found.mean(measure), strict=True):
        if depth and (np.isfinite(value) or depth not in values):
            values[depth] = float(value)
    return list(values.values())


def _apart(x: Tensor, y: Tensor) -> float:
    return float((x - y).norm() / (x.square().sum() + y.square().sum()).sqrt())


def _hidden(network: nn.Module, inputs: Tensor) -> list[Tensor]:
    """Features of all hidden layers, which are what the next one reads."""
    return list(layer_inputs(network, inputs).values())[1:]


def _stitched(a: nn.Module, b: nn.Module, data: _Data) -> Stitched:
    def both(layer: str, fit: Tensor | None) -> tuple[float, float]:
        ways = [_scores(stitch(*pair, layer, fit), data.test) for pair in ((a, b), (b, a))]
        loss, error = np.mean(ways, axis=0)
        return float(loss), float(error)

    names = [layer.name for layer in layers(a)][1:]
    plain = [both(name, None) for name in names]
    fitted = [both(name, data.train.inputs) for name in names]
    return Stitched(
        loss=[loss for loss, _ in plain],
        error=[error for _, error in plain],
        fitted_loss=[loss for loss, _ in fitted],
        fitted_error=[error for _, error in fitted],
    )


def _subspaces(a: nn.Module, b: nn.Module, inputs: Tensor) -> Subspaces:
    hidden = [_leading(*pair) for pair in zip(_hidden(a, inputs), _hidden(b, inputs), strict=True)]
    matrices = [
        [slots(network)[f"{layer.name}.weight"].flatten(1) for network in (a, b)]
        for layer in layers(a)
    ]
    return Subspaces(
        angle=[float(np.degrees(angles).mean()) for angles, _ in hidden],
        overlap=[_overlap(angles) for angles, _ in hidden],
        chance=[len(angles) / columns for angles, columns in hidden],
        weights=[_overlap(_leading(x.mT, y.mT)[0]) for x, y in matrices],
        read=[_overlap(_leading(x, y)[0]) for x, y in matrices],
    )


def _leading(x: Tensor, y: Tensor) -> tuple[np.ndarray, int]:
    """Principal angles and the dimension that the subspaces lie in.

    Where all is dead in one network there is nothing in common: a right angle.
    """
    rank = min(RANK, *(int(torch.linalg.matrix_rank(matrix.double())) for matrix in (x, y)))
    angles = principal_angles(x.numpy(), y.numpy(), rank) if rank else np.array([np.pi / 2])
    return angles, x.shape[1]


def _overlap(angles: np.ndarray) -> float:
    return float(np.square(np.cos(angles)).mean())


def _strength(
    network: nn.Module, a: nn.Module, b: nn.Module, test: Examples, chord: _Scores
) -> Strength:
    found, scores = vanishing(network, a, b, test.inputs), _scores(network, test)
    return Strength(
        induced=found.induced.tolist(),
        deviation=found.deviation.tolist(),
        share=found.share.tolist(),
        end_share=found.end_share.tolist(),
        barrier=scores.loss - chord.loss,
        error=scores.error - chord.error,
    )


def _kept(
    a: nn.Module,
    b: nn.Module,
    test: Examples,
    chord: _Scores,
    which: Callable[[Sequence[str], int], Sequence[str]],
) -> list[float]:
    names = [layer.name for layer in layers(a)]
    middle = interpolate(a, b, 0.5)
    return [
        float(
            np.mean(
                [
                    _scores(with_layers_of(middle, end, which(names, count)), test).loss
                    for end in (a, b)
                ]
            )
            - chord.loss
        )
        for count in range(len(names))
    ]
