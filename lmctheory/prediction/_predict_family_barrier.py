"""The barrier of a width that nobody trained, from narrow members of its family."""

import torch
from torch import nn

from lmctheory.measures.arguments import RandomSource, at_least, generator
from lmctheory.networks import Examples
from lmctheory.prediction.barrier_prediction import BarrierPrediction
from lmctheory.prediction.family import MupFamily
from lmctheory.prediction.pairs import all_pairs
from lmctheory.prediction.unions import union_each

__all__ = ["family_unions", "predict_family_barrier"]

_LAW = "neurons of members of width n have the law of the target's (a model: their own noise)"
_BLOCKS = "neurons are exchangeable within a network; a union's are within blocks of n"
_ROWS = "hidden rows are Gaussian given their pre-activations (a model)"
_SAME = "training data and training are the target's"


def family_unions(
    family: MupFamily, n: int, train: Examples, *, unions: int = 8, rng: RandomSource
) -> list[nn.Module]:
    """Stand-ins for a family's target, joined of members of width n that are trained here.

    Args:
        family: of the target of width m.
        n: width of its members, a divisor of m below it; m / n of them make a union.
        train: the examples to train on; the first of them, unlabelled, serve to draw rows with.
        unions: three or more.
        rng: draws the members' seeds and the rows.

    Raises:
        ValueError: if n does not divide m or is m, for fewer than three unions, and as
            `MupFamily.members`.
    """
    n = at_least("n", n, 1)
    if n >= family.width or family.width % n:
        raise ValueError(f"n must divide {family.width}, the target's width, below it, got {n}")
    unions, q = at_least("unions", unions, 3), family.width // n
    drawing = generator(rng)
    seeds = [int(seed) for seed in drawing.integers(2**62, size=unions * q)]
    rows = torch.Generator().manual_seed(int(drawing.integers(2**62)))
    members = family.members(n, train, seeds=seeds)
    return union_each(members, q, train.inputs, rng=rows)


def predict_family_barrier(
    family: MupFamily,
    n: int,
    train: Examples,
    data: Examples,
    *,
    unions: int = 8,
    method: str | None = "weighted",
    points: int = 25,
    rng: RandomSource,
) -> BarrierPrediction:
    """Predicts the barrier of a family's target from members of width n, trained here.

    m / n members are joined into a real network of the target's width m (`family_unions`), several
    of these are matched and interpolated as the target's networks would be, and the mean over
    all pairs of unions is the prediction; nothing is fitted. With one hidden layer as many neurons
    are trained as the unions have, which saves nothing but memory and sequential time; deeper
    members have a q-th of the hidden weights.

    Args:
        family: of the target.
        n: width of its members, a divisor of m below it.
        train: the examples to train on; the first of them, unlabelled, serve to match and to draw
            rows with.
        data: the examples to judge by.
        unions: three or more.
        method: of matching, one that `lmctheory.matching.match` takes inputs for; None leaves
            neurons in the order in which they come.
        points: of the curve, odd.
        rng: draws the members' seeds and the rows.

    Returns:
        The prediction. Its interval is by Student's law and the jackknife over unions.

    Raises:
        ValueError: if n does not divide m or is m, for fewer than three unions, and as
            `MupFamily.members` and `lmctheory.matching.match`.

    Reference: theory key P2.

    Example:
        >>> from lmctheory.networks import TrainingConfig, load_dataset
        >>> digits = load_dataset("digits")
        >>> family = MupFamily((64, 32, 10), TrainingConfig(epochs=2))
        >>> found = predict_family_barrier(family, 8, digits.train, digits.test, unions=3, rng=0)
        >>> bool(found.interval[0] < found.max < found.interval[1])
        True
    """
    joined = family_unions(family, n, train, unions=unions, rng=rng)
    pairs = all_pairs(joined, data, method=method, inputs=train.inputs, points=points)
    deep = len(family.widths) > 3
    return BarrierPrediction.of_pairs(
        pairs,
        width=family.width,
        route=f"unions of {family.width // n} members of width {n}",
        hypotheses=(_SAME, _LAW, _BLOCKS, *[_ROWS] * deep),
    )
