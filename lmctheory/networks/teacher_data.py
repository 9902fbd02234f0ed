"""Data that a random network labels: a task of any size that needs no file."""

import torch
from torch import Tensor

from lmctheory.measures.arguments import at_least, number
from lmctheory.networks.data import Dataset, Examples
from lmctheory.networks.mlp import MLP

__all__ = ["teacher_dataset"]

_REFERENCE = 4096
"""Inputs by which the teacher's outputs are standardised."""
_WIDEST = 2.0


def teacher_dataset(
    *,
    inputs: int = 20,
    neurons: int = 16,
    classes: int = 10,
    margin: float = 0.5,
    train: int = 2048,
    test: int = 1024,
    rng: torch.Generator,
) -> Dataset:
    """Gaussian inputs x ~ N(0, I), labelled by a tanh network of one hidden layer, drawn at random.

    The label is the largest of the teacher's outputs, each standardised to mean 0 and variance 1
    over inputs. Only those x are kept for which it exceeds the second largest by the margin: next
    to the boundaries between classes, losses of all networks are large and noisy.

    Args:
        inputs: their dimension.
        neurons: hidden ones of the teacher, He's law.
        classes: two or more.
        margin: in standard deviations of an output, 0 to 2: beyond, hardly any input is kept.
        train: number of training examples.
        test: of test examples, from the same law.
        rng: the torch generator that draws teacher and inputs.

    Returns:
        The task, by the name "teacher".

    Raises:
        TypeError: for what is no number, or if rng is no torch generator.
        ValueError: for a number out of range.

    Example:
        >>> import torch
        >>> from lmctheory.networks import teacher_dataset
        >>> task = teacher_dataset(rng=torch.Generator().manual_seed(0))
        >>> tuple(task.train.inputs.shape), len(task.test), task.classes
        ((2048, 20), 1024, 10)
    """
    widths = (
        at_least("inputs", inputs, 1),
        at_least("neurons", neurons, 1),
        at_least("classes", classes, 2),
    )
    train, test = at_least("train", train, 1), at_least("test", test, 1)
    margin = number("margin", margin, least=0.0)
    if margin > _WIDEST:
        raise ValueError(f"margin must be <= {_WIDEST}, got {margin}")
    teacher = MLP(widths, "tanh", rng=rng)
    with torch.no_grad():
        reference = teacher(torch.randn(_REFERENCE, inputs, generator=rng))
    centre, spread = reference.mean(0), reference.std(0)
    kept_x: list[Tensor] = []
    kept_y: list[Tensor] = []
    while sum(map(len, kept_y)) < train + test:
        x = torch.randn(_REFERENCE, inputs, generator=rng)
        with torch.no_grad():
            two = ((teacher(x) - centre) / spread).topk(2, dim=1)
        clear = two.values[:, 0] - two.values[:, 1] > margin
        kept_x.append(x[clear])
        kept_y.append(two.indices[clear, 0])
    all_examples = Examples(torch.cat(kept_x)[: train + test], torch.cat(kept_y)[: train + test])
    return Dataset("teacher", all_examples[:train], all_examples[train:], classes)
