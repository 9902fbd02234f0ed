"""What one task of the study measures: pairs of one shape, their barriers and certificates.

For every pair, unmatched and after every matching, on test data (of convolutional networks few, and
after one matching):

- accuracy and loss of the two ends, and the barrier on a grid of t, measured;
- at t = 1/2, root mean squares over the examples of the function error |f_t - f-bar|, measured,
  and of its bounds C1, C1', C2; the barrier there, measured and as C3 certifies it;
- for every t at once, by C4 with n pieces: certified accuracy, accuracy at the nodes
  (no more can be certified), certified largest loss and barrier.
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
from lmctheory.sweeps.study import Config, Record
from simulations.path_certificates.networks import NETWORKS, trained_pairs

__all__ = ["ALIGNMENTS", "NODES", "REFERENCE", "run"]

ALIGNMENTS = ("unmatched", *METHODS)
REFERENCE = "weighted"
"""The matching that is certified with every number of pieces; the others, with the most."""
NODES = (1, 2, 4, 8)
_POINTS = 25


def run(config: Config, data_dir: Path | None = None) -> Record:
    """Measures all pairs of one shape and training."""
    data = load_dataset(config["dataset"], data_dir=data_dir)
    count = config["examples"]
    test = Examples(data.test.inputs[:count], data.test.labels[:count])
    pairs = trained_pairs(config, data)
    quick = NETWORKS[config["architecture"]].quick
    return {
        name: [
            _measured(
                a,
                _aligned(a, b, name, data.train),
                test,
                NODES if name == REFERENCE else NODES[-1:],
            )
            for a, b in pairs
        ]
        for name in (ALIGNMENTS if quick else (REFERENCE,))
    }


def _aligned(a: nn.Module, b: nn.Module, name: str, train: Examples) -> nn.Module:
    return b if name == "unmatched" else match(a, b, name, train.inputs).apply(b)


def _measured(a: nn.Module, b: nn.Module, test: Examples, nodes: Sequence[int]) -> Record:
    curve = barrier(a, b, test, _POINTS)
    middle = certificate(a, b, test, t=0.5)
    wholes = {n: certify(a, b, test, nodes=n) for n in nodes}
    return {
        "accuracy": curve.accuracy[[0, -1]].tolist(),
        "least accuracy": float(curve.accuracy.min()),
        "loss": float(curve.loss.max()),
        "barrier": float(curve.max),
        "midpoint": float(curve.midpoint),
        "error": _rms(_function_error(a, b, test.inputs)),
        "C1": _rms(middle.function_error_c1),
        "C1'": _rms(middle.function_error),
        "C2": _rms(middle.function_error_c2),
        "C3": float(middle.barrier),
        "C4": {
            str(n): {
                "accuracy": whole.accuracy,
                "attainable": whole.attainable,
                "loss": whole.loss,
                "barrier": whole.barrier,
            }
            for n, whole in wholes.items()
        },
    }


def _function_error(a: nn.Module, b: nn.Module, inputs: Tensor) -> np.ndarray:
    """|f_t - f-bar| at t = 1/2, example by example."""
    with torch.no_grad():
        x = in_type_of(a, inputs)
        gap = interpolate(a, b, 0.5)(x) - (a(x) + b(x)) / 2
    return gap.double().norm(dim=-1).numpy()


def _rms(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).mean()))
