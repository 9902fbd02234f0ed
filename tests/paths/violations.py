"""How often networks on the segment break what certificates promise."""

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from lmctheory.paths import certificate, certify, interpolate


@torch.no_grad()
def logits(a, b, data, t):
    return interpolate(a, b, float(t))(data.inputs)


def point_violations(a, b, data, t, shares):
    """How many of the bounds at t, scaled by each share, a measurement exceeds, by kind."""
    found = certificate(a, b, data, t)
    f = logits(a, b, data, t)
    error = (f - torch.lerp(logits(a, b, data, 0), logits(a, b, data, 1), t)).norm(dim=-1).numpy()
    loss = cross_entropy(f, data.labels, reduction="none").numpy()
    correct = (f.argmax(1) == data.labels).numpy()
    measured = {
        "C1": (error, found.function_error_c1),
        "C1'": (error, found.function_error),
        "C2": (error, found.function_error_c2),
        "C3": (loss, found.example_loss),
    }
    return [
        {key: int((value > share * bound).sum()) for key, (value, bound) in measured.items()}
        | {"accuracy": int((found.certified & ~correct).sum())}
        for share in shares
    ]


def path_violations(a, b, data, nodes, shares=(1.0,)):
    """How often a network on the segment breaks the promises of its piece, times each share."""
    found, factors = certify(a, b, data, nodes=nodes), np.array(shares) * (1 + 1e-12)
    count = np.zeros(len(shares), int)
    for piece, (start, end) in enumerate(zip(found.t[:-1], found.t[1:], strict=True)):
        for t in np.linspace(start, end, 5):
            f = logits(a, b, data, t)
            loss = cross_entropy(f, data.labels, reduction="none").numpy()
            correct = (f.argmax(1) == data.labels).numpy()
            count += (~(loss <= np.outer(factors, found.example_loss[piece]))).sum(axis=1)
            count += (found.certified[piece] & ~correct).sum()
    return count
