"""Where coordinate descent is stuck: narrow networks, and Git Re-Basin as it was published."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from lmctheory.matching import match, permute
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.solvers import coordinate_descent
from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    affine_chain,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.paths import barrier, interpolate
from simulations.matching_methods.tasks import NarrowPairs, NarrowTask, Search

__all__ = ["NETWORKS", "SEARCHES", "git_rebasin", "run_narrow", "similarity"]

RESTARTS = 20
NETWORKS: Mapping[str, tuple[int, ...]] = {
    "random": (20, 32, 32, 32, 10),
    "digits": (64, 32, 32, 10),
}
"""Widths: at initialisation, and trained on digits."""

_INPUTS = 512


def git_rebasin(
    model_a: nn.Module, model_b: nn.Module, rng: np.random.Generator
) -> list[np.ndarray]:
    """Algorithm 1 of Ainsworth et al. 2023: from the identity, layers in random order.

    Independent of `lmctheory.matching`, against which it is compared.
    """
    (W_a, b_a), (W_b, b_b) = _arrays(model_a), _arrays(model_b)
    depth = len(W_a) - 1
    orders = [np.arange(len(W_a[k])) for k in range(depth)]
    progress = True
    while progress:
        progress = False
        for k in rng.permutation(depth):
            incoming = W_b[k] if k == 0 else W_b[k][:, orders[k - 1]]
            outgoing = W_b[k + 1] if k == depth - 1 else W_b[k + 1][orders[k + 1]]
            gain = W_a[k] @ incoming.T + np.outer(b_a[k], b_b[k]) + W_a[k + 1].T @ outgoing
            _, found = linear_sum_assignment(gain, maximize=True)
            rows = np.arange(len(gain))
            progress |= bool(gain[rows, found].sum() > gain[rows, orders[k]].sum() + 1e-12)
            orders[k] = found
    return orders


def _arrays(model: nn.Module) -> tuple[list[np.ndarray], list[np.ndarray]]:
    chain = affine_chain(model)
    weights = [W.double().numpy() for W in chain.weights]
    return weights, [b.double().numpy() for b in chain.biases]


def _transcribed(a: nn.Module, b: nn.Module, rng: np.random.Generator) -> nn.Module:
    names = affine_chain(b).names
    return permute(b, dict(zip(names, git_rebasin(a, b, rng), strict=False)))


def _from_identity(a: nn.Module, b: nn.Module, rng: np.random.Generator) -> nn.Module:
    del rng
    return permute(b, coordinate_descent(side_by_side(a, b)).alignment.orders)


def _matched(solver: str, restarts: int = 0) -> Callable[..., nn.Module]:
    def search(a: nn.Module, b: nn.Module, rng: np.random.Generator) -> nn.Module:
        drawn = rng if restarts else None
        return match(a, b, "weight", solver=solver, restarts=restarts, rng=drawn).apply(b)

    return search


SEARCHES: Mapping[str, Callable[[nn.Module, nn.Module, np.random.Generator], nn.Module]] = {
    "unmatched": lambda a, b, rng: b,  # noqa: ARG005
    "Git Re-Basin, transcribed": _transcribed,
    f"its best of {RESTARTS} orders": lambda a, b, rng: max(
        (_transcribed(a, b, rng) for _ in range(RESTARTS)), key=lambda other: similarity(a, other)
    ),
    "coord. descent, from identity": _from_identity,
    "coord. descent, four starts": _matched("coordinate_descent"),
    "Frank-Wolfe, two starts": _matched("frank_wolfe"),
    "Sinkhorn": _matched("sinkhorn"),
    f"coord. descent, {RESTARTS} restarts": _matched("coordinate_descent", RESTARTS),
    f"Frank-Wolfe, {RESTARTS} restarts": _matched("frank_wolfe", RESTARTS),
}
"""B in the order that each finds."""


def similarity(model_a: nn.Module, model_b: nn.Module) -> float:
    """The cosine <theta_A, theta_B> / (|theta_A| |theta_B|) of all parameters."""
    a, b = (
        torch.cat([p.detach().double().ravel() for p in model.parameters()])
        for model in (model_a, model_b)
    )
    return float(torch.nn.functional.cosine_similarity(a, b, dim=0))


def run_narrow(task: NarrowTask, data_dir: Path | None = None) -> NarrowPairs:
    """What every search finds for all pairs of one shape: cosines, bends and, trained, barriers."""
    del data_dir  # of MNIST
    widths, trained = NETWORKS[task.narrow], task.narrow == "digits"
    seeds = np.random.SeedSequence([task.seed, len(widths)]).generate_state(2 * task.pairs)
    networks: Sequence[nn.Module] = [
        MLP(widths, rng=seeded_generators(seed)[0]) for seed in seeds.tolist()
    ]
    data = load_dataset("digits")
    if trained:
        training = TrainingConfig(15, learning_rate=0.05, weight_decay=1e-3)
        networks = train_many(networks, data.train, training, seeds=seeds.tolist())
        x = data.test.inputs[:_INPUTS]
    else:
        x = torch.randn(_INPUTS, widths[0], generator=torch.Generator().manual_seed(0))
    pairs = list(zip(networks[::2], networks[1::2], strict=True))
    searches = {}
    for name, search in SEARCHES.items():
        rng = np.random.default_rng(task.seed)
        found = [search(a, b, rng) for a, b in pairs]
        aligned = [(a, b) for (a, _), b in zip(pairs, found, strict=True)]
        searches[name] = Search(
            cosine=[similarity(a, b) for a, b in aligned],
            bend=[_bend(a, b, x) for a, b in aligned],
            barrier=[float(barrier(a, b, data.test, 11).max) for a, b in aligned if trained],
        )
    return NarrowPairs([_accuracy(net, data.test) for net in networks if trained], searches)


def _accuracy(model: nn.Module, test: Examples) -> float:
    with torch.no_grad():
        return float((model(test.inputs).argmax(1) == test.labels).double().mean())


def _bend(model_a: nn.Module, model_b: nn.Module, x: Tensor) -> float:
    """|f_{1/2} - (f_A + f_B)/2| relative to |f_A| and |f_B|, root mean squares over x."""
    with torch.no_grad():
        a, b, middle = (net(x) for net in (model_a, model_b, interpolate(model_a, model_b, 0.5)))
    scale = torch.stack([a, b]).square().mean().sqrt()
    return float((middle - (a + b) / 2).square().mean().sqrt() / scale)
