"""Text that needs no file: the language reference that Python brings along."""

import re
from string import ascii_lowercase

import torch

from lmctheory.measures.arguments import at_least
from lmctheory.networks.data import Dataset, Examples
from lmctheory.networks.data_order import require_torch_generator

__all__ = ["CHARACTERS", "character_dataset"]

CHARACTERS = f" {ascii_lowercase}"
"""The tokens of `character_dataset`, by their number."""


def character_dataset(
    *, context: int = 32, train: int = 2048, test: int = 512, rng: torch.Generator
) -> Dataset:
    """Next characters of English prose about Python: the standard library's `pydoc_data.topics`.

    Nothing is downloaded. Letters are made small, and whatever is between words is one space. The
    text, of about 350,000 characters, is cut into pieces of context + 1; each is an example, whose
    labels are its characters one place on. It is not quite the same in all versions of Python, and
    some of its paragraphs occur twice, so that the test loss is a little too low.

    Args:
        context: characters of an input.
        train: number of training examples.
        test: of test examples.
        rng: the torch generator that draws which pieces of the text are which.

    Returns:
        The task, by the name "characters", with a class for each of `CHARACTERS`.

    Raises:
        TypeError: for what is no number, or if rng is no torch generator.
        ValueError: for a number below 1, or more examples than the text has.

    Example:
        >>> import torch
        >>> from lmctheory.networks import character_dataset
        >>> task = character_dataset(context=16, rng=torch.Generator().manual_seed(0))
        >>> tuple(task.train.inputs.shape), task.classes
        ((2048, 16), 27)
        >>> bool((task.train.inputs[:, 1:] == task.train.labels[:, :-1]).all())
        True
    """
    # half a megabyte, which nothing else needs
    from pydoc_data.topics import topics

    context = at_least("context", context, 1)
    train, test = at_least("train", train, 1), at_least("test", test, 1)
    require_torch_generator(rng)
    prose = " ".join(topics[name] for name in sorted(topics)).lower()
    text = re.sub(f"[^{ascii_lowercase}]+", " ", prose)
    pieces = len(text) // (context + 1)
    if train + test > pieces:
        raise ValueError(f"train + test must be at most {pieces} examples, got {train + test}")
    numbers = torch.tensor([CHARACTERS.index(c) for c in text[: pieces * (context + 1)]])
    drawn = numbers.reshape(pieces, -1)[torch.randperm(pieces, generator=rng)[: train + test]]
    examples = Examples(drawn[:, :-1], drawn[:, 1:])
    return Dataset("characters", examples[:train], examples[train:], len(CHARACTERS))
