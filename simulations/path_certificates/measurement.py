"""What one task of the study measures: pairs of one shape, their barriers and certificates.

Every pair is measured unmatched and after every matching; of convolutional networks few pairs, and
after one matching.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.matching import METHODS, match
from lmctheory.networks import Examples, load_dataset
from lmctheory.networks.state import in_type_of
from lmctheory.paths import barrier, certificate, certify, interpolate
from simulations.path_certificates.networks import NETWORKS, trained_pairs
from simulations.path_certificates.tasks import Measured, Pair, Task, Whole

__all__ = ["ALIGNMENTS", "NODES", "POINTS", "REFERENCE", "aligned", "run"]

ALIGNMENTS = ("unmatched", *METHODS)
REFERENCE = "weighted"
"""The matching that is certified with every number of pieces; the others, with the most."""
NODES = (1, 2, 4, 8)
POINTS = 25


def run(task: Task, data_dir: Path | None = None) -> Measured:
    """Measures all pairs of one shape and training."""
    data = load_dataset(task.dataset, data_dir=data_dir)
    test = data.test[: task.examples]
    pairs = trained_pairs(task, data)

    def measured(name: str) -> list[Pair]:
        nodes = NODES if name == REFERENCE else NODES[-1:]
        return [_measured(a, aligned(a, b, name, data.train), test, nodes) for a, b in pairs]

    quick = NETWORKS[task.architecture].quick
    return Measured({name: measured(name) for name in (ALIGNMENTS if quick else (REFERENCE,))})


def aligned(a: nn.Module, b: nn.Module, name: str, train: Examples) -> nn.Module:
    """B as the alignment of that name leaves it."""
    return b if name == "unmatched" else match(a, b, name, train.inputs).apply(b)


def _measured(a: nn.Module, b: nn.Module, test: Examples, nodes: Sequence[int]) -> Pair:
    curve = barrier(a, b, test, POINTS)
    middle = certificate(a, b, test, t=0.5)
    wholes = {n: certify(a, b, test, nodes=n) for n in nodes}
    return Pair(
        accuracy=curve.accuracy[[0, -1]].tolist(),
        least_accuracy=float(curve.accuracy.min()),
        loss=float(curve.loss.max()),
        barrier=float(curve.max),
        midpoint=float(curve.midpoint),
        error=_rms(_function_error(a, b, test.inputs)),
        c1=_rms(middle.function_error_c1),
        c1_prime=_rms(middle.function_error),
        c2=_rms(middle.function_error_c2),
        c3=float(middle.barrier),
        c4={
            n: Whole(whole.accuracy, whole.attainable, whole.loss, whole.barrier)
            for n, whole in wholes.items()
        },
    )


def _function_error(a: nn.Module, b: nn.Module, inputs: Tensor) -> np.ndarray:
    """|f_t - f-bar| at t = 1/2, example by example."""
    with torch.no_grad():
        x = in_type_of(a, inputs)
        gap = interpolate(a, b, 0.5)(x) - (a(x) + b(x)) / 2
    return gap.double().norm(dim=-1).numpy()


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).mean()))
