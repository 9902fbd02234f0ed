"""What one task measures: networks that could be a star's centre, each tried on the same others.

One repetition has networks of its own: sources, on which centres are made, and held-out ones that
no centre has seen. Four networks are tried as a centre: the trained *star*; a *long* one, trained
alone for as many steps; the *mean* of the jointly matched sources; and an *ordinary* one. All
others are matched with the centre before they are joined to it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
from torch import nn

from lmctheory.matching import match, match_several
from lmctheory.networks import MLP, Dataset, Examples, load_dataset, seeded_generators
from lmctheory.networks.state import tensors
from lmctheory.paths import Barrier, barrier, certify_simplex
from lmctheory.sweeps.typed import entropy_of
from simulations.simplex_grid import combined, grid_shares, judged
from simulations.star.centre import train_centre
from simulations.training import Training, trained_mlps, widths_of

__all__ = [
    "CENTRES",
    "TRIANGLES",
    "Centre",
    "Measured",
    "Rays",
    "Task",
    "Triangle",
    "cost_of",
    "run",
]

CENTRES = ("star", "long", "mean", "ordinary")
TRIANGLES = ("joint", "through star", "through ordinary", "with star")
"""Three held-out networks: jointly matched, or each matched with one centre only; and the star with
two of them."""

_POINTS = 13
_PARTS = 8
_BUDGET = 10.0
"""Seconds of the clock for each certificate."""


@dataclass(frozen=True)
class Task:
    """One repetition.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: hidden layers.
        width: of each.
        sources: networks that centres are made of.
        held_out: networks that they are tried on, three or more.
        method: of all matchings.
        centre_epochs: of the star and of the long network.
        certified: test examples that triangles are decided for; 0 for none.
        repetition: its number.
        training: of the others.
        seed: of all draws.
    """

    dataset: str
    depth: int
    width: int
    sources: int
    held_out: int
    method: str
    centre_epochs: int
    certified: int
    repetition: int
    training: Training
    seed: int


@dataclass(frozen=True)
class Rays:
    """Segments from one network to several, or of several pairs: means over them.

    Attributes:
        train: barrier of the training loss, the largest over t.
        test: of the test loss.
        peak: the largest test loss on a segment.
    """

    train: float
    test: float
    peak: float


@dataclass(frozen=True)
class Centre:
    """A network that is tried as a centre.

    Attributes:
        sources: rays to them.
        held_out: rays to networks that it never saw.
        through: segments between held-out networks that are matched with the centre only.
        length: of the path between two of them over the centre, over their distance; mean.
        loss: its test loss.
        accuracy: on the test data.
    """

    sources: Rays
    held_out: Rays
    through: Rays
    length: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Triangle:
    """All convex combinations of three networks.

    Attributes:
        barrier: of the test loss, the largest on a grid.
        certified: share of the examples that all combinations classify as labelled; None where
            none were to be decided.
        refuted: share of those that one does not.
    """

    barrier: float
    certified: float | None = None
    refuted: float | None = None


@dataclass(frozen=True)
class Measured:
    """Of one repetition.

    Attributes:
        pairs: segments from sources to held-out networks, each pair matched.
        centres: by name.
        triangles: by name.
    """

    pairs: Rays
    centres: dict[str, Centre]
    triangles: dict[str, Triangle]


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    matchings = task.sources * (task.centre_epochs + task.held_out + 4)
    slow = 1.0 if task.dataset == "digits" else 40.0
    return slow * matchings * task.depth * (0.01 + (task.width / 1000) ** 2) + task.certified / 10


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains networks and centres, and joins them."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    count = task.sources + task.held_out
    *seeds, own, other = map(
        int, np.random.default_rng(entropy_of(task)).integers(2**31, size=count + 2)
    )
    networks = _trained(task, data, seeds)
    sources, held_out = networks[: task.sources], networks[task.sources :]
    centres = dict(zip(CENTRES, _centres(task, data, sources, own, other), strict=True))
    aligned = partial(_aligned, task, data)
    return Measured(
        pairs=_rays([(a, b) for a in held_out for b in aligned(a, sources)], data),
        centres={
            name: _tried(model, sources, held_out, data, aligned) for name, model in centres.items()
        },
        triangles=_triangles(task, data, centres, held_out),
    )


def _trained(
    task: Task, data: Dataset, seeds: Sequence[int], epochs: int | None = None
) -> list[nn.Module]:
    training = task.training if epochs is None else replace(task.training, epochs=epochs)
    return trained_mlps(data, widths_of(data, task.width, task.depth), training.config, seeds)


def _centres(
    task: Task, data: Dataset, sources: Sequence[nn.Module], own: int, other: int
) -> list[nn.Module]:
    """In the order of `CENTRES`; the first two begin as one and see the data in one order."""
    start = MLP(widths_of(data, task.width, task.depth), rng=seeded_generators(own)[0])
    config = replace(task.training, epochs=task.centre_epochs).config
    star = train_centre(start, sources, data.train, config, method=task.method, seed=own)
    joint = match_several(sources, task.method, data.train.inputs)
    return [
        star,
        *_trained(task, data, [own], task.centre_epochs),
        joint.merge(sources),
        *_trained(task, data, [other]),
    ]


def _aligned(
    task: Task, data: Dataset, centre: nn.Module, models: Sequence[nn.Module]
) -> list[nn.Module]:
    return [match(centre, one, task.method, data.train.inputs).apply(one) for one in models]


Aligned = Callable[[nn.Module, Sequence[nn.Module]], list[nn.Module]]


def _tried(
    centre: nn.Module,
    sources: Sequence[nn.Module],
    held_out: Sequence[nn.Module],
    data: Dataset,
    aligned: Aligned,
) -> Centre:
    others = aligned(centre, held_out)
    pairs = list(combinations(others, 2))
    loss, right = judged(centre, data.test)
    return Centre(
        sources=_rays([(centre, one) for one in aligned(centre, sources)], data),
        held_out=_rays([(centre, one) for one in others], data),
        through=_rays(pairs, data),
        length=float(
            np.mean([_length(a, centre, b) / _length(a, b) for a, b in pairs]),
        ),
        loss=loss,
        accuracy=float(right.mean()),
    )


def _rays(pairs: Sequence[tuple[nn.Module, nn.Module]], data: Dataset) -> Rays:
    def curves(examples: Examples) -> list[Barrier]:
        return [barrier(a, b, examples, points=_POINTS) for a, b in pairs]

    test = curves(data.test)
    return Rays(
        train=float(np.mean([one.max for one in curves(data.train)])),
        test=float(np.mean([one.max for one in test])),
        peak=float(np.mean([one.loss.max() for one in test])),
    )


def _length(*models: nn.Module) -> float:
    """Of the chain of segments, in the norm of all parameters."""
    states = [tensors(model) for model in models]
    squares = [
        sum(float((a[name] - b[name]).detach().double().square().sum()) for name in a)
        for a, b in pairwise(states)
    ]
    return float(np.sqrt(squares).sum())


def _triangles(
    task: Task, data: Dataset, centres: dict[str, nn.Module], held_out: Sequence[nn.Module]
) -> dict[str, Triangle]:
    three, star = held_out[:3], centres["star"]
    joint = match_several(three, task.method, data.train.inputs).apply(three)
    through_star = _aligned(task, data, star, three)
    corners = (
        joint,
        through_star,
        _aligned(task, data, centres["ordinary"], three),
        [star, *through_star[:2]],
    )
    return {
        name: _triangle(models, data.test, task.certified)
        for name, models in zip(TRIANGLES, corners, strict=True)
    }


def _triangle(models: Sequence[nn.Module], test: Examples, certified: int) -> Triangle:
    shares = grid_shares(3, _PARTS)
    ends = np.array([judged(model, test)[0] for model in models])
    losses = np.array([judged(combined(models, x), test)[0] for x in shares])
    highest = float((losses - np.array(shares) @ ends).max())
    if not certified:
        return Triangle(highest)
    whole = certify_simplex(models, test[:certified], budget=_BUDGET)
    return Triangle(highest, float(whole.accuracy), float(whole.refuted.mean()))
