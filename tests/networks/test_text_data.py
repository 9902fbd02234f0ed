"""Next characters of a text that Python brings along."""

import pytest
import torch

from lmctheory.networks import Dataset, character_dataset
from lmctheory.networks.text_data import CHARACTERS


def task(seed: int = 0, **sizes: int) -> Dataset:
    rng = torch.Generator().manual_seed(seed)
    return character_dataset(**{"context": 20, "train": 300, "test": 100, **sizes}, rng=rng)


def test_labels_are_the_characters_that_follow() -> None:
    found = task()
    for part in (found.train, found.test):
        assert torch.equal(part.inputs[:, 1:], part.labels[:, :-1])
    assert (len(found.train), len(found.test)) == (300, 100)
    assert found.outputs == found.classes == len(CHARACTERS) == 27


def test_it_is_english() -> None:
    found = task()
    rows = ["".join(CHARACTERS[k] for k in row) for row in found.train.inputs.tolist()]
    assert {"the", "is", "of", "statement"} <= set(" ".join(rows).split())
    assert not any("  " in row for row in rows)


def test_pieces_are_drawn_once_by_the_generator() -> None:
    found, again, other = task(0), task(0), task(1)
    assert torch.equal(found.train.inputs, again.train.inputs)
    assert not torch.equal(found.train.inputs, other.train.inputs)
    rows = torch.cat([found.train.inputs, found.test.inputs])
    # paragraphs that occur twice are seldom cut alike
    assert len(rows.unique(dim=0)) > 395


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"context": 0}, "context must be >= 1"),
        ({"test": 0}, "test must be >= 1"),
        ({"train": 10**6}, "train \\+ test must be at most"),
    ],
)
def test_bad_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task(**sizes)
