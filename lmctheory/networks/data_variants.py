"""Variants of data: noisy labels, and fewer examples."""

import numpy as np
import torch
from torch import Tensor

from lmctheory.measures.arguments import RandomSource, at_least, generator, share
from lmctheory.networks.agreement import require_classes
from lmctheory.networks.data import Examples
from lmctheory.networks.losses import CROSS_ENTROPY

__all__ = ["subset", "with_label_noise"]


def with_label_noise(data: Examples, noise: float, *, classes: int, rng: RandomSource) -> Examples:
    """The examples with some labels wrong: each of these uniform on the other classes.

    Args:
        data: the examples; they are not changed.
        noise: the share of the n examples whose labels are wrong: round(noise n) of them, of all
            such sets each equally likely. Drawing from *all* classes, as some papers do, leaves a
            share of 1 - 1 / classes of the redrawn labels wrong.
        classes: their number; labels are 0, ..., classes - 1.
        rng: a NumPy generator or a seed.

    Returns:
        New examples, which share the inputs.

    Raises:
        TypeError: for arguments of the wrong type.
        ValueError: if noise is no share, there are fewer than two classes, or a label is none of
            them.

    Reference: Zhang et al. 2017.

    Example:
        >>> from lmctheory.networks import load_dataset, with_label_noise
        >>> clean = load_dataset("digits").train
        >>> noisy = with_label_noise(clean, 0.2, classes=10, rng=0)
        >>> int((noisy.labels != clean.labels).sum())
        287
    """
    noise, classes = share("noise", noise), at_least("classes", classes, 2)
    drawing = generator(rng)
    require_classes(data, classes)
    rows = drawing.choice(len(data), round(noise * len(data)), replace=False)
    shifts = drawing.integers(1, classes, len(rows))
    where, by = (torch.from_numpy(values).to(data.labels.device) for values in (rows, shifts))
    labels = data.labels.clone()
    labels[where] = (labels[where] + by) % classes
    return Examples(data.inputs, labels, data.loss)


def subset(
    data: Examples, count: int, *, balanced: bool = False, rng: RandomSource | None = None
) -> Examples:
    """Some of the examples, in the order in which they came.

    Args:
        data: the examples; they are not changed.
        count: how many.
        balanced: whether to take as many of each class that occurs; if their number does not divide
            the count, one more of each of the lowest ones.
        rng: a NumPy generator or a seed, to draw them uniformly, without replacement. The first
            ones if None.

    Returns:
        New examples.

    Raises:
        TypeError: for arguments of the wrong type.
        ValueError: if there are not so many examples (of a class), or none are asked for.

    Example:
        >>> from lmctheory.networks import load_dataset, subset
        >>> few = subset(load_dataset("digits").train, 50, balanced=True, rng=0)
        >>> few.labels.bincount().tolist()
        [5, 5, 5, 5, 5, 5, 5, 5, 5, 5]
    """
    count = at_least("count", count, 1)
    drawing = None if rng is None else generator(rng)
    taken = []
    for what, pool, wanted in _pools(data.labels, count, balanced):
        if wanted > len(pool):
            raise ValueError(f"count asks for {wanted} {what}, data hold {len(pool)}")
        drawn = pool[:wanted] if drawing is None else drawing.choice(pool, wanted, replace=False)
        taken.append(drawn)
    rows = torch.from_numpy(np.sort(np.concatenate(taken)))
    return Examples(
        data.inputs[rows.to(data.inputs.device)],
        data.labels[rows.to(data.labels.device)],
        data.loss,
    )


def _pools(labels: Tensor, count: int, balanced: bool) -> list[tuple[str, np.ndarray, int]]:
    """What is drawn from: its name, its rows, and how many of them are to be taken."""
    if not balanced:
        return [("examples", np.arange(len(labels)), count)]
    CROSS_ENTROPY.require_labels(labels)
    of = labels.cpu().numpy()
    classes = np.unique(of)
    each, left = divmod(count, len(classes))
    return [
        (f"examples of class {label}", np.flatnonzero(of == label), each + (k < left))
        for k, label in enumerate(classes)
    ]
