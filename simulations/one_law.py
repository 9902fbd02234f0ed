"""Are the neurons of trained networks draws of one law, and what T16 makes of it.

``python -m simulations.one_law`` prints the table of ``docs/predictions.md``; two minutes. Tanh
networks of one hidden layer on digits; a neuron is (w, b, omega v), v m times its output weights.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from lmctheory.matching import permute, symmetry
from lmctheory.networks import MLP, Dataset, TrainingConfig, load_dataset, train_many
from lmctheory.paths import barrier
from lmctheory.rates import optimal_permutation
from lmctheory.rates.empirical.independence import (
    coordinate_products,
    matching_statistic,
    permutation_test,
    variance_ratio,
)
from lmctheory.tables import Column, Table
from lmctheory.terminal import show
from lmctheory.widths import common_law_from_cost

__all__ = ["OneLaw", "one_laws"]

_WIDTHS, _NETWORKS, _LEVEL = (32, 128, 512), 12, 0.05
_RATES = {"mu": 0.1, "standard": 0.05}
_EPOCHS, _DECAY = 15, 1e-3
Neurons = Float[np.ndarray, "K m d"]


@dataclass(frozen=True)
class OneLaw:
    """Networks of one width and parametrisation.

    Attributes:
        parametrisation: "mu" or "standard".
        width: m.
        means: variance of networks' means over that of independent neurons, all networks.
        seconds: the same for second moments.
        costs: matching cost of pairs over that of the same neurons dealt anew.
        rejected: p values of pairs up to .05 for means, second moments and costs.
        pairs: how many pairs there are.
        largest: V.
        cost: Mhat of pairs, mean, in the metric of all (w, b, omega v).
        share: that over the cost of two neurons at random.
        measured: largest barrier of the test loss, mean over pairs.
        bound: T16 from the cost of each pair, the lesser of both.
    """

    parametrisation: str
    width: int
    means: float
    seconds: float
    costs: float
    rejected: tuple[int, ...]
    pairs: int
    largest: float
    cost: float
    share: float
    measured: float
    bound: float


def one_laws(widths: Sequence[int] = _WIDTHS, count: int = _NETWORKS) -> Iterator[OneLaw]:
    """Trains the networks and measures them."""
    data = load_dataset("digits")
    for parametrisation in _RATES:
        for width in widths:
            yield _one_law(_trained(parametrisation, width, count, data), data)


def _trained(parametrisation: str, width: int, count: int, data: Dataset) -> list[MLP]:
    networks = [
        MLP(
            (64, width, 10),
            "tanh",
            parametrisation=parametrisation,
            rng=torch.Generator().manual_seed(seed),
        )
        for seed in range(count)
    ]
    trained = train_many(
        networks,
        data.train,
        TrainingConfig(_EPOCHS, learning_rate=_RATES[parametrisation], weight_decay=_DECAY),
        seeds=range(count),
        rate_factors=networks[0].rate_factors(),
    )
    return [network for network in trained if isinstance(network, MLP)]


def _one_law(networks: list[MLP], data: Dataset) -> OneLaw:
    hidden, outputs = _neurons(networks)
    scale = float(np.linalg.norm(hidden) / np.linalg.norm(outputs))
    neurons = np.concatenate([hidden, scale * outputs], axis=2)
    rng = np.random.default_rng(0)
    tests = [
        [
            permutation_test(features, statistic, rng=rng)
            for features, statistic in (
                (pair, variance_ratio),
                (coordinate_products(pair), variance_ratio),
                (pair, matching_statistic),
            )
        ]
        for pair in neurons.reshape(-1, 2, *neurons.shape[1:])
    ]
    sizes = np.linalg.norm(outputs, axis=2)
    pairs = [
        _pair(networks, neurons, i, scale, float(sizes.max()), data) for i in range(len(tests))
    ]
    cost, measured, bound = np.mean(pairs, axis=0)
    return OneLaw(
        parametrisation=networks[0].parametrisation,
        width=neurons.shape[1],
        means=variance_ratio(neurons),
        seconds=variance_ratio(coordinate_products(neurons)),
        costs=float(np.mean([cost.ratio for *_, cost in tests])),
        rejected=tuple(
            sum(one.p_value <= _LEVEL for one in kind) for kind in zip(*tests, strict=True)
        ),
        pairs=len(tests),
        largest=float(sizes.max()),
        cost=float(cost),
        share=float(cost / (2 * neurons.var(axis=(0, 1)).sum())),
        measured=float(measured),
        bound=float(bound),
    )


def _neurons(networks: Sequence[MLP]) -> tuple[Neurons, Neurons]:
    """Hidden weights with biases, and output weights times the width."""
    of_all = []
    for network in networks:
        first, last = network.linears
        rows = torch.cat([first.weight, first.bias[:, None]], dim=1)
        of_all.append((rows, last.weight.T * len(rows)))
    hidden, outputs = (
        torch.stack(part).detach().double().numpy() for part in zip(*of_all, strict=True)
    )
    return hidden, outputs


def _pair(
    networks: list[MLP], neurons: Neurons, i: int, scale: float, largest: float, data: Dataset
) -> tuple[float, float, float]:
    """Cost, largest barrier and T16's bound of it, of one matched pair on the test data."""
    a, b = neurons[2 * i], neurons[2 * i + 1]
    order = optimal_permutation(a, b)
    cost = float(np.square(a - b[order]).sum(axis=1).mean())
    first, second = networks[2 * i], networks[2 * i + 1]
    (group,) = symmetry(second, data.test.inputs).groups
    aligned = permute(second, {group.name: order})
    found = barrier(first, aligned, data.test, points=25)
    x = data.test.inputs.flatten(1).double().numpy()
    law = common_law_from_cost(
        cost,
        "tanh",
        inputs=np.column_stack([x, np.ones(len(x))]),
        largest_output=largest,
        scale=scale,
        variance=0.0,
    )
    risk = float(max(found.loss[0], found.loss[-1]))
    bound = min(law.lipschitz_barrier(2**0.5), law.smooth_barrier(0.5, risk))
    return cost, float(found.max), bound


def _tested(row: OneLaw, ratio: float, kind: int) -> str:
    return f"{ratio:.2f} ({row.rejected[kind]}/{row.pairs})"


def _table() -> Table[OneLaw]:
    return Table(
        "Neurons of tanh networks on digits",
        "means, seconds, costs: over those of independent neurons (pairs with p <= .05)",
        (
            Column("parametrisation", lambda row: row.parametrisation, left=True, once=True),
            Column("width", lambda row: row.width, form="d"),
            Column("means", lambda row: _tested(row, row.means, 0)),
            Column("seconds", lambda row: _tested(row, row.seconds, 1)),
            Column("costs", lambda row: _tested(row, row.costs, 2)),
            Column("V", lambda row: row.largest, form=".3g"),
            Column("cost", lambda row: row.cost, form=".3g"),
            Column("share", lambda row: row.share, form=".2f"),
            Column("barrier", lambda row: row.measured, form=".3g"),
            Column("T16", lambda row: row.bound, form=".3g"),
        ),
        list(one_laws()),
        sections=lambda row: row.parametrisation,
    )


if __name__ == "__main__":
    show(_table())
