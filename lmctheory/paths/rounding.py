"""What certificates share about floating-point numbers: safe norms, inflation, error bounds."""

from typing import NamedTuple

import torch
from torch import Tensor

__all__ = [
    "EPS",
    "NORM_INFLATION",
    "TINY",
    "Scale",
    "flat_length",
    "length",
    "margin_loss",
    "mean_of",
    "or_infinite",
    "rounding",
    "spreads",
]

EPS = torch.finfo(torch.float64).eps
NORM_INFLATION = 1 + 1e-9
"""Computed operator norms are inflated by it."""

TINY = torch.finfo(torch.float64).tiny
_SAFE = 1e-140, 1e140
"""Norms between which no square of an entry that matters leaves the range of numbers."""


def length(vectors: Tensor) -> Tensor:
    """Euclidean norms along the last axis; squares neither overflow nor underflow."""
    plain = vectors.norm(dim=-1)
    if ((plain > _SAFE[0]) & (plain < _SAFE[1])).all():
        return plain
    scale = vectors.abs().amax(dim=-1, keepdim=True)
    unit = vectors / torch.where(scale > 0, scale, 1.0)
    return unit.norm(dim=-1) * scale.squeeze(-1)


def flat_length(values: Tensor) -> Tensor:
    """The norm of each example, ``[n]``."""
    return length(values.flatten(1))


def spreads(W: Tensor) -> Tensor:
    """|w_i - w_j| for the rows of W, ``[classes, classes]``."""
    # the default forms the Gram matrix, which loses small differences
    return torch.cdist(W, W, compute_mode="donot_use_mm_for_euclid_dist") * NORM_INFLATION


def margin_loss(margins: Tensor) -> Tensor:
    """log(1 + sum_j e^{m_j}), rounded up: a sum of k exponentials errs by at most k eps."""
    loss = torch.logaddexp(margins.logsumexp(-1), margins.new_zeros(()))
    return loss + 4 * margins.shape[-1] * EPS * (1 + loss)


def mean_of(losses: Tensor, sign: int) -> Tensor:
    """The mean over examples, rounded up (1) or down (-1).

    The sum of n numbers errs by (n - 1) eps/2 of their sizes in whatever order, dividing it by
    eps/2: a fourth of what is taken, and the mean of the sizes errs by as little.
    """
    n = losses.shape[-1]
    return losses.mean(-1) + sign * 2 * (n + 4) * EPS * losses.abs().mean(-1)


def or_infinite(bound: Tensor) -> Tensor:
    """A bound that overflowed says nothing: infinity, never NaN."""
    return bound.nan_to_num(nan=torch.inf, posinf=torch.inf)


class Scale(NamedTuple):
    """How large an operation can make things, whatever the point of the segment.

    Attributes:
        gain: a bound of the norm of |M|, M its linear part; zero if it computes nothing but sigma.
        terms: how many products are summed for one neuron.
        offset: the norm of what is added.
    """

    gain: float = 0.0
    terms: int = 0
    offset: float = 0.0


def rounding(scale: Scale, inputs: Tensor, output: Tensor) -> Tensor:
    """What floating-point arithmetic adds to a deviation at one operation, ``[n]``.

    The usual forward analysis: a value of norm at most P, computed from values of norm at most P_in
    as sums of k products, differs from the exact one *for the same inputs* by at most

        e = (k + 16) eps (gain P_in + offset) + 16 eps P;

    the 16 cover interpolating weights and evaluating a pointwise map, and each of the k products
    and the result may underflow, which adds the smallest normal number at each of at most 2^40
    neurons. Let all networks on the segment be as they
    are computed, with an error of this size at each operation. Then the deviation of one from the
    chord of two obeys the exact recursion with a further term, 2 e. What is computed of the
    recursion itself errs too: the commutator and the vectors that it joins by 4 e, drifts by 2 e,
    the image of a bound by e. All of it is below 16 e, which is added to the deviation and carried
    on with it.

    *Why this is enough.* A sum of k products, in any order, fused or not, errs by k eps/2 of their
    sizes to first order, interpolated weights by eps (|W_a| + |W_b|), adding the bias by eps/2: by
    (k/2 + 3) eps (gain P_in + offset) in all, so that k + 16 leaves room for k eps as large as 1.
    On a piece 2.7 k + 17 are lost (proof of C4, step 10), of the 16 (k + 16). Activations of
    PyTorch err by 2 eps of sigma and of Lip |z| at most, of the 16 that are counted of each;
    `tests/paths/test_rounding_counts.py` meets all of it in ball arithmetic.

    *Values that are the same in all networks*, because the layers up to there are the same in A and
    B, are inputs of what is interpolated, like the examples themselves: `interpolate` leaves equal
    weights equal, so every network computes them alike. An error of this size is allowed for doing
    it in another order; what earlier operations made of theirs is common to all and not carried on.
    So a certificate for a few layers does not depend on how deep the network is before them.

    Args:
        scale: of the operation.
        inputs: a bound of the norms of its inputs in all networks on the segment, summed.
        output: likewise of its value.
    """
    local = (scale.terms + 16) * EPS * (scale.gain * inputs + scale.offset)
    underflow = (scale.terms + 1) * 2**20 * TINY
    return 16 * (local + underflow + 16 * EPS * output)
