"""Noisy labels and subsets against what they promise, by counting."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmctheory.networks import Examples, subset, with_label_noise


def examples(labels: list[int]) -> Examples:
    """Examples whose inputs are their numbers."""
    return Examples(torch.arange(len(labels), dtype=torch.float32)[:, None], torch.tensor(labels))


DATA = examples([k % 5 for k in range(1000)])


def test_noise_changes_exactly_its_share_of_labels() -> None:
    before = DATA.labels.clone()
    for noise, wrong in ((0.0, 0), (0.3, 300), (1.0, 1000)):
        noisy = with_label_noise(DATA, noise, classes=5, rng=0)
        assert int((noisy.labels != DATA.labels).sum()) == wrong
        assert torch.equal(noisy.inputs, DATA.inputs)
        assert 0 <= int(noisy.labels.min()) <= int(noisy.labels.max()) < 5
    assert torch.equal(DATA.labels, before)


def test_wrong_labels_are_uniform_on_the_other_classes_and_on_the_examples() -> None:
    # 4 shifts of 1,000 labels, and 4 quarters of 500 noisy ones: chi-squared with 3 degrees of
    # freedom each, beyond 21.1 with probability 1e-4
    noisy = with_label_noise(DATA, 1.0, classes=5, rng=1)
    shifts = ((noisy.labels - DATA.labels) % 5).bincount(minlength=5)[1:].double()
    assert float(((shifts - 250) ** 2 / 250).sum()) < 21.1
    half = with_label_noise(DATA, 0.5, classes=5, rng=1).labels != DATA.labels
    quarters = half.view(4, 250).sum(1).double()
    assert float(((quarters - 125) ** 2 / 125).sum()) < 21.1


def test_noise_follows_its_generator() -> None:
    labels = [with_label_noise(DATA, 0.5, classes=5, rng=seed).labels for seed in (3, 3, 4)]
    assert torch.equal(labels[0], labels[1])
    assert not torch.equal(labels[0], labels[2])
    generator = np.random.default_rng(3)
    assert torch.equal(with_label_noise(DATA, 0.5, classes=5, rng=generator).labels, labels[0])


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    seed=st.none() | st.integers(0, 9),
    draw=st.data(),
)
def test_subsets_hold_so_many_examples_in_their_order(
    labels: list[int], seed: int | None, draw: st.DataObject
) -> None:
    data = examples(labels)
    few = subset(data, count := draw.draw(st.integers(1, len(labels))), rng=seed)
    rows = few.inputs[:, 0].long()
    assert len(few) == count
    assert bool((rows.diff() > 0).all())
    assert torch.equal(few.labels, data.labels[rows])
    if seed is None:
        assert rows.tolist() == list(range(count))


@pytest.mark.parametrize("rng", [None, 0])
def test_balanced_subsets_hold_as_many_of_each_class(rng: int | None) -> None:
    data = examples([0] * 7 + [3] * 4 + [1] * 5)
    few = subset(data, 8, balanced=True, rng=rng)
    assert few.labels.bincount().tolist() == [3, 3, 0, 2]
    assert bool((few.inputs[:, 0].diff() > 0).all())
    if rng is None:
        assert few.inputs[:, 0].tolist() == [0, 1, 2, 7, 8, 11, 12, 13]


def test_each_example_is_as_likely_as_any() -> None:
    # 200 subsets of 5 in 20: counts have mean 50 and variance 37.5; one of 20 is 5 deviations off
    # with probability 1e-5
    counts = sum(
        subset(examples([0, 1] * 10), 5, rng=seed).inputs.long().flatten().bincount(minlength=20)
        for seed in range(200)
    )
    assert float((counts.double() - 50).abs().max()) < 5 * 37.5**0.5


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: with_label_noise(DATA, 1.2, classes=5, rng=0), r"noise must lie in \[0, 1\]"),
        (lambda: with_label_noise(DATA, 0.2, classes=1, rng=0), "classes must be >= 2, got 1"),
        (lambda: with_label_noise(DATA, 0.2, classes=4, rng=0), r"must lie in 0\.\.3, got 0\.\.4"),
        (lambda: with_label_noise(DATA, 0.2, classes=5, rng=-1), "rng must be >= 0"),
        (lambda: subset(DATA, 0), "count must be >= 1, got 0"),
        (lambda: subset(DATA, 1001), "count asks for 1001 examples, data hold 1000"),
        (
            lambda: subset(examples([0, 0, 2]), 4, balanced=True),
            "count asks for 2 examples of class 2, data hold 1",
        ),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], Examples], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
