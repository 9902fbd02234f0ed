"""What one task measures: unions of one pool of networks, at many widths with one law of neurons.

Unions of q networks with one hidden layer of width n are networks of width q n whose neurons follow
the law of those of width n (P2a). Pairs of unions are disjoint, so their errors at t = 1/2,
e = f_t - (f_A + f_B) / 2, are independent fields of one mean given the law: |mean|^2 is the mean
over two different pairs of <e, e'>, without bias, and what is left of mean |e|^2 is the
fluctuation.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from lmctheory.matching import match
from lmctheory.networks import Examples, load_dataset
from lmctheory.networks.affine import affine_chain
from lmctheory.paths import interpolate
from lmctheory.prediction import error_terms, union
from simulations.training import Training, trained_mlps, widths_of

__all__ = ["ACTIVATIONS", "Measured", "Parts", "Task", "cost_of", "run"]

ACTIVATIONS = ("relu", "tanh")


@dataclass(frozen=True)
class Task:
    """One pool and its unions.

    Attributes:
        dataset: a name that `load_dataset` knows.
        activation: of `ACTIVATIONS`.
        member: width n of the networks of the pool, in the maximal update parametrisation.
        pool: how many there are.
        joined: numbers q of networks in a union.
        training: of the pool.
        seed: of all draws.
    """

    dataset: str
    activation: str
    member: int
    pool: int
    joined: list[int]
    training: Training
    seed: int


@dataclass(frozen=True)
class Parts:
    """Of one field over test data, root mean squares.

    Attributes:
        coherent: of its mean over pairs; 0 where the estimate of its square is negative.
        fluctuation: of what varies between pairs.
    """

    coherent: float
    fluctuation: float


@dataclass(frozen=True)
class Measured:
    """Of pairs of unions, one entry for each q.

    Attributes:
        widths: q n.
        costs: by pair, M_x: mean over neurons and data of (z_i - z'_i)^2, matched.
        barriers: by pair, at t = 1/2 of the test cross-entropy.
        unmatched: likewise without matching.
        first_order: by pair, the mean of <gradient of the loss at f-bar, e>.
        error: e in its parts.
        gap: what the bend of activations makes of e.
        commutativity: what differing output weights make of it.
    """

    widths: list[int]
    costs: list[list[float]]
    barriers: list[list[float]]
    unmatched: list[list[float]]
    first_order: list[list[float]]
    error: list[Parts]
    gap: list[Parts]
    commutativity: list[Parts]


def cost_of(task: Task) -> float:
    """Seconds of one core, roughly."""
    return task.pool / 2 + 2 * (max(task.joined) * task.member / 1024) ** 3


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Trains the pool, joins and matches it."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    seeds = range(task.seed, task.seed + task.pool)
    widths = widths_of(data, task.member, depth=1)
    pool = trained_mlps(data, widths, task.training.config, seeds, task.activation, "mu")
    found = [_at(pool, q, data.train.inputs, data.test) for q in task.joined]
    columns = [list(column) for column in zip(*found, strict=True)]
    return Measured([q * task.member for q in task.joined], *columns)


def _at(
    pool: Sequence[nn.Module], q: int, inputs: Tensor, test: Examples
) -> tuple[list[float], list[float], list[float], list[float], Parts, Parts, Parts]:
    unions = [union(pool[k : k + q]).network if q > 1 else pool[k] for k in range(0, len(pool), q)]
    x = test.inputs.double()
    costs, barriers, unmatched, slopes = [], [], [], []
    fields: tuple[list[Tensor], ...] = ([], [], [])
    for first, second in zip(unions[::2], unions[1::2], strict=False):
        a, b = (deepcopy(one).double() for one in (first, second))
        aligned = match(a, b, "weighted", inputs).apply(b)
        terms = error_terms(a, aligned, x)
        e = terms.gap + terms.commutativity
        with torch.no_grad():
            f_a, f_b = a(x), aligned(x)
            middle = (f_a + f_b) / 2
            ends = (cross_entropy(f_a, test.labels) + cross_entropy(f_b, test.labels)) / 2
            barriers.append(float(cross_entropy(middle + e, test.labels) - ends))
            crossed = interpolate(a, b, 0.5)(x)
            unmatched.append(float(cross_entropy(crossed, test.labels) - ends))
            residual = middle.softmax(-1) - nn.functional.one_hot(test.labels, middle.shape[1])
            slopes.append(float((residual * e).sum(-1).mean()))
            z, z_prime = (affine_chain(one).hidden(x.flatten(1))[0][0] for one in (a, aligned))
            costs.append(float((z - z_prime).square().mean()))
        for kept, field in zip(fields, (e, terms.gap, terms.commutativity), strict=True):
            kept.append(field)
    error, gap, commutativity = (_parts(torch.stack(kept)) for kept in fields)
    return costs, barriers, unmatched, slopes, error, gap, commutativity


def _parts(fields: Tensor) -> Parts:
    """The coherent part of fields ``[pairs, n, n_out]``, and the rest."""
    flat = fields.flatten(1) / fields.shape[1] ** 0.5
    products = (flat @ flat.mT).numpy()
    k, own = len(products), float(np.trace(products))
    shared = (float(products.sum()) - own) / (k * (k - 1))
    return Parts(max(shared, 0.0) ** 0.5, max(own / k - max(shared, 0.0), 0.0) ** 0.5)
