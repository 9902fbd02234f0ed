"""What one task measures: barriers of several matchings, and what could make them rise with width.

A matching by weights compares neurons by all that their weights are, one by data by what they do.
Whether barriers rise because the law of neurons moves with the width is seen from two controls: at
one law (unions of one pool of networks) and in the maximal update parametrisation, where it hardly
moves. How it moves is seen from the share of the first weights that training makes, and what that
does to matched neurons from how far apart they are in weights and on data.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lmctheory.matching import match
from lmctheory.networks import MLP, Dataset, load_dataset, seeded_generators
from lmctheory.networks.affine import affine_chain
from lmctheory.prediction import (
    BarrierPrediction,
    MupFamily,
    NoBarrier,
    PairCurves,
    all_pairs,
    error_terms,
    family_unions,
    predict_barrier,
    union_each,
)
from simulations.training import Training, trained_mlps, widths_of

__all__ = [
    "MATCHINGS",
    "Apart",
    "AtLaw",
    "AtWidth",
    "LawTask",
    "Seen",
    "WidthTask",
    "cost_of",
    "run_law",
    "run_width",
]

MATCHINGS: Mapping[str, str | None] = {
    "unmatched": None,
    "naive": "naive",
    "weight": "weight",
    "weighted": "weighted",
    "activation": "activation",
}
"""By name the method of `match`."""

_POINTS = 9
_SPAN = 2
_FAR = 10_000
"""What is added to the first seed for every narrow width, so that no network recurs."""


@dataclass(frozen=True)
class WidthTask:
    """Networks of one width.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: number of hidden layers.
        width: of each.
        parametrisation: "standard" or "mu".
        networks: that are trained to measure barriers.
        member: width of the members of the family that predicts them; 0 for no prediction.
        unions: of members.
        narrow: widths of networks from which barriers are predicted as well; empty for none.
        pool: how many of each.
        training: of all networks.
        seed: of all draws.
    """

    dataset: str
    depth: int
    width: int
    parametrisation: str
    networks: int
    member: int
    unions: int
    narrow: list[int]
    pool: int
    training: Training
    seed: int


@dataclass(frozen=True)
class LawTask:
    """One pool of networks of the standard parametrisation and its unions.

    Attributes:
        dataset: a name that `load_dataset` knows.
        depth: number of hidden layers.
        member: width of the pool's networks.
        pool: how many there are.
        joined: numbers of networks in a union.
        training: of the pool.
        seed: of all draws.
    """

    dataset: str
    depth: int
    member: int
    pool: int
    joined: list[int]
    training: Training
    seed: int


@dataclass(frozen=True)
class Seen:
    """A barrier, measured or predicted, from pairs among several networks.

    Attributes:
        max: the largest value of the mean curve.
        error: its standard error.
        interval: of 90 %, empty where it is not known.
        function_error: at t = 1/2.
    """

    max: float
    error: float
    interval: list[float]
    function_error: float

    @classmethod
    def of(cls, pairs: PairCurves) -> "Seen":
        """What pairs say."""
        top = pairs.max
        known = not np.isnan(top.interval).any()
        return cls(
            max=top.value,
            error=abs(top.value) * top.relative_error,
            interval=[float(end) for end in top.interval] if known else [],
            function_error=pairs.function_error.value,
        )

    @classmethod
    def predicted(cls, found: BarrierPrediction) -> "Seen":
        """What a prediction says, whose standard error is that of its logarithm."""
        reach = float(np.log(found.interval[1] / found.interval[0]))
        return cls(
            max=found.max,
            error=found.max * reach / (2 * 1.645),
            interval=[float(end) for end in found.interval],
            function_error=found.function_error,
        )


@dataclass(frozen=True)
class Apart:
    """How far apart matched pairs are, means over pairs.

    Attributes:
        in_weights: by hidden layer the sum over neurons of |w - w'|^2 over that of |w|^2 + |w'|^2,
            w incoming weights: 1 for neurons that have nothing in common.
        on_data: likewise of pre-activations, mean over test data.
        out_weights: likewise of outgoing weights, one hidden layer; else NaN.
        gap: root mean square over test data of what bent activations make of the function error,
            one hidden layer; else NaN.
        commutativity: of what differing outgoing weights make of it.
    """

    in_weights: list[float]
    on_data: list[float]
    out_weights: float
    gap: float
    commutativity: float


@dataclass(frozen=True)
class AtWidth:
    """Of networks of one width; the first three by the name of the matching.

    Attributes:
        measured: barriers of trained networks.
        family: predicted by unions of members of the target's family.
        given: predicted from narrow networks.
        apart: how far matched neurons are apart.
        moved: by hidden layer |W - W_0|^2 / |W_0|^2 of incoming weights, W_0 what they began as;
            mean over networks.
        logits: root mean square of the networks' outputs.
        loss: of the networks, mean.
    """

    measured: dict[str, Seen]
    family: dict[str, Seen]
    given: dict[str, Seen]
    apart: dict[str, Apart]
    moved: list[float]
    logits: float
    loss: float


@dataclass(frozen=True)
class AtLaw:
    """Barriers of unions by the name of the matching, one entry for each width."""

    widths: list[int]
    barriers: list[dict[str, Seen]]


def cost_of(task: WidthTask | LawTask) -> float:
    """Seconds of one core, roughly."""
    slow = 1.0 if task.dataset == "digits" else 40.0
    if isinstance(task, LawTask):
        return slow * task.depth * (task.pool / 8 + 5)
    narrow = task.pool * task.depth if task.narrow else 0
    return slow * (narrow + task.networks * (0.2 + (task.width / 256) ** task.depth))


def run_width(task: WidthTask, data_dir: Path | None = None) -> AtWidth:
    """Trains networks, matches them in all ways, and predicts what is found."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    seeds = range(task.seed, task.seed + task.networks)
    networks = _trained(task, data, task.width, seeds, task.parametrisation)
    family: dict[str, Seen] = {}
    if task.member:
        unions = family_unions(
            MupFamily(
                widths_of(data, task.width, task.depth),
                task.training.config,
                parametrisation=task.parametrisation,
            ),
            task.member,
            data.train,
            unions=task.unions,
            rng=task.seed,
        )
        family = _barriers(unions, data)
    x, y = data.test.inputs, data.test.labels
    with torch.no_grad():
        outputs = [network(x) for network in networks]
    return AtWidth(
        measured=_barriers(networks, data),
        family=family,
        given=_from_narrow(task, data) if task.narrow else {},
        apart={name: _apart(networks, data, method) for name, method in MATCHINGS.items()},
        moved=_moved(networks, seeds, task),
        logits=float(torch.stack(outputs).square().sum(-1).mean().sqrt()),
        loss=float(np.mean([float(cross_entropy(output, y)) for output in outputs])),
    )


def run_law(task: LawTask, data_dir: Path | None = None) -> AtLaw:
    """Trains the pool, joins and matches it."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    seeds = range(task.seed, task.seed + task.pool)
    pool = _trained(task, data, task.member, seeds)
    rows = torch.Generator().manual_seed(task.seed)
    found = [_barriers(union_each(pool, q, data.train.inputs, rng=rows), data) for q in task.joined]
    return AtLaw([q * task.member for q in task.joined], found)


def _trained(
    task: WidthTask | LawTask,
    data: Dataset,
    width: int,
    seeds: Sequence[int],
    parametrisation: str = "standard",
) -> list[nn.Module]:
    widths, config = widths_of(data, width, task.depth), task.training.config
    return trained_mlps(data, widths, config, seeds, parametrisation=parametrisation)


def _barriers(networks: Sequence[nn.Module], data: Dataset) -> dict[str, Seen]:
    options = {"inputs": data.train.inputs, "points": _POINTS, "span": _SPAN}
    return {
        name: Seen.of(all_pairs(networks, data.test, method=method, **options))  # type: ignore[arg-type]
        for name, method in MATCHINGS.items()
    }


def _from_narrow(task: WidthTask, data: Dataset) -> dict[str, Seen]:
    given = {}
    for k, width in enumerate(task.narrow):
        first = task.seed + _FAR * (k + 1)
        given[width] = _trained(task, data, width, range(first, first + task.pool))
    found = {}
    for name, method in MATCHINGS.items():
        with suppress(NoBarrier):
            found[name] = Seen.predicted(
                predict_barrier(
                    given,
                    task.width,
                    data.test,
                    inputs=data.train.inputs,
                    method=method,
                    points=_POINTS,
                    rng=task.seed,
                )
            )
    return found


def _apart(networks: Sequence[nn.Module], data: Dataset, method: str | None) -> Apart:
    x = data.test.inputs.flatten(1).double()
    weights, pre_activations, others = [], [], []
    for a, b in zip(networks[::2], networks[1::2], strict=False):
        aligned = b if method is None else match(a, b, method, data.train.inputs).apply(b)
        first, second = (affine_chain(one).to(dtype=torch.float64) for one in (a, aligned))
        layers = zip(first.weights[:-1], second.weights[:-1], strict=True)
        weights.append([_share(*pair) for pair in layers])
        seen = zip(first.hidden(x), second.hidden(x), strict=True)
        pre_activations.append([_share(z, z_prime) for (z, _), (z_prime, _) in seen])
        if first.depth == 1:
            terms = error_terms(a, aligned, x)
            sizes = [_size(field) for field in (terms.gap, terms.commutativity)]
            others.append([_share(first.weights[1], second.weights[1]), *sizes])
    out, gap, commutativity = _means(others) if others else [float("nan")] * 3
    return Apart(_means(weights), _means(pre_activations), out, gap, commutativity)


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [float(value) for value in np.mean(rows, axis=0)]


def _share(a: Tensor, b: Tensor) -> float:
    return float((a - b).square().sum() / (a.square().sum() + b.square().sum()))


def _size(field: Tensor) -> float:
    return float(field.square().sum(-1).mean().sqrt())


def _moved(networks: Sequence[nn.Module], seeds: Sequence[int], task: WidthTask) -> list[float]:
    def of(network: nn.Module, seed: int) -> list[float]:
        assert isinstance(network, MLP)
        rng = seeded_generators(seed)[0]
        start = MLP(network.widths, parametrisation=task.parametrisation, rng=rng)
        layers = zip(network.linears[:-1], start.linears[:-1], strict=True)
        pairs = [(layer.weight.detach(), before.weight.detach()) for layer, before in layers]
        return [float((W - W_0).square().sum() / W_0.square().sum()) for W, W_0 in pairs]

    return _means([of(*one) for one in zip(networks, seeds, strict=True)])
