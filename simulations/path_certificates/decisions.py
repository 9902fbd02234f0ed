"""What is decided about segments: every example (C5), and intervals of the barrier (C6).

Both stand beside what a grid of networks shows, and beside what that takes: seconds are those of
the processor, which other programs change little.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from lmctheory.networks import Examples
from lmctheory.networks.state import in_type_of
from lmctheory.paths import (
    CompleteCertificate,
    barrier,
    certified_barrier,
    certify,
    interpolate,
)
from simulations.path_certificates.measurement import (
    NODES,
    POINTS,
    REFERENCE,
    aligned,
)
from simulations.path_certificates.networks import NETWORKS, trained_pairs
from simulations.path_certificates.tasks import Decided, DecidingTask, Decision, Interval, Intervals
from simulations.timing import timed

__all__ = ["run_decided", "wrongly_refuted"]


def run_decided(task: DecidingTask, data_dir: Path | None = None) -> Decided:
    """Decides all pairs of one shape and training."""
    network = NETWORKS[task.architecture]
    data = network.dataset(task.dataset, data_dir)
    test = data.test[: network.examples(task.examples)]
    pairs = trained_pairs(task, data)
    names = ("unmatched",) * (network.quick or not network.matched)
    names += (REFERENCE,) * network.matched
    return Decided(
        {
            name: [
                _decision(a, aligned(a, b, name, data.train), test, task.budget, not network.deep)
                for a, b in pairs
            ]
            for name in names
        }
    )


def _decision(a: nn.Module, b: nn.Module, test: Examples, budget: int, shallow: bool) -> Decision:
    right, grid = _grid(a, b, test)
    curve = barrier(a, b, test, POINTS)
    whole, seconds = timed(lambda: certify(a, b, test, complete=True, budget=budget))
    c4, c4_seconds = None, None
    if shallow:
        piecewise, c4_seconds = timed(lambda: certify(a, b, test, nodes=NODES[-1]))
        c4 = piecewise.accuracy
    tried = whole.pieces[right]
    return Decision(
        accuracy=curve.accuracy[[0, -1]].tolist(),
        barrier=float(curve.max),
        midpoint=float(curve.midpoint),
        drop=float(curve.max_accuracy_drop),
        attainable=float(right.mean()),
        grid=grid,
        certified=whole.accuracy,
        refuted=float(whole.refuted.mean()),
        wrong=int((whole.certified & ~right).sum()) + wrongly_refuted(a, b, test, whole),
        pieces=float(tried.mean()) if len(tried) else 0.0,
        narrowest=whole.narrowest,
        seconds=seconds,
        c4=c4,
        c4_seconds=c4_seconds,
        intervals=_intervals(a, b, test, budget) if shallow else None,
    )


def _intervals(a: nn.Module, b: nn.Module, test: Examples, budget: int) -> Intervals:
    found, seconds = timed(lambda: certified_barrier(a, b, test, budget=budget))
    return Intervals(
        barrier=_plain(found.max),
        midpoint=_plain(found.midpoint),
        drop=_plain(found.accuracy_drop),
        found=_excess(a, b, test, found.t),
        pieces=found.pieces,
        converged=found.converged,
        seconds=seconds,
    )


def _plain(ends: Interval) -> Interval:
    """As it is stored, and compared with what was."""
    lower, upper = ends
    return lower, upper


def _excess(a: nn.Module, b: nn.Module, test: Examples, t: float) -> float:
    """The loss of the network at t less the chord."""
    at, start, end = (_loss(model, test) for model in (interpolate(a, b, t), b, a))
    return at - (t * end + (1 - t) * start)


def _loss(model: nn.Module, test: Examples) -> float:
    with torch.no_grad():
        return float(test.loss.mean(model(in_type_of(model, test.inputs)), test.labels))


def _right(model: nn.Module, test: Examples) -> np.ndarray:
    """Which examples the network classifies as labelled."""
    with torch.no_grad():
        found: np.ndarray = (
            model(in_type_of(model, test.inputs)).argmax(-1) == test.labels
        ).numpy()
    return found


def _grid(a: nn.Module, b: nn.Module, test: Examples) -> tuple[np.ndarray, float]:
    """Which examples every network of the grid gets right, and seconds of passing them through."""
    networks = [interpolate(a, b, t) for t in np.linspace(0, 1, POINTS).tolist()]
    _right(a, test)  # the first call of a kind takes longer
    rows, seconds = timed(lambda: [_right(network, test) for network in networks])
    return np.all(rows, axis=0), seconds


def wrongly_refuted(a: nn.Module, b: nn.Module, test: Examples, whole: CompleteCertificate) -> int:
    """Examples that the network at the t which refutes them gets right."""
    return sum(
        int(_right(interpolate(a, b, t), test)[whole.t == t].sum())
        for t in np.unique(whole.t[whole.refuted]).tolist()
    )
