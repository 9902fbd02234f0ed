"""Data that a random network labels."""

from collections.abc import Callable

import pytest
import torch

from lmctheory.networks import MLP, teacher_dataset


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_one_generator_gives_one_task() -> None:
    first, again, other = (teacher_dataset(rng=generator(seed)) for seed in (0, 0, 1))
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert torch.equal(first.test.labels, again.test.labels)
    assert not torch.equal(first.train.labels, other.train.labels)
    assert (len(first.train), len(first.test), first.classes) == (2048, 1024, 10)
    assert first.train.labels.bincount(minlength=10).min() > 20


def test_labels_are_the_teachers_by_more_than_the_margin() -> None:
    """The teacher is what the generator draws first; standardised as the task does, by 4096 x."""
    task = teacher_dataset(inputs=5, neurons=3, classes=4, margin=1.0, rng=generator())
    rng = generator()
    teacher = MLP((5, 3, 4), "tanh", rng=rng)
    with torch.no_grad():
        reference = teacher(torch.randn(4096, 5, generator=rng))
        outputs = (teacher(task.test.inputs) - reference.mean(0)) / reference.std(0)
    ordered = outputs.sort(1).values
    assert torch.equal(outputs.argmax(1), task.test.labels)
    assert (ordered[:, -1] - ordered[:, -2]).min() > 0.999
    # without a margin inputs are Gaussian: 2048 x 5 of them, 5 standard errors
    whole = teacher_dataset(inputs=5, margin=0, rng=generator()).train.inputs
    assert abs(whole.mean()) < 5 * (2048 * 5) ** -0.5
    assert abs(whole.square().mean() - 1) < 5 * (2 / (2048 * 5)) ** 0.5


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: teacher_dataset(inputs=0, rng=generator()), "inputs must be >= 1, got 0"),
        (lambda: teacher_dataset(classes=1, rng=generator()), "classes must be >= 2, got 1"),
        (lambda: teacher_dataset(margin=-1.0, rng=generator()), "margin must be finite and >= 0"),
        (lambda: teacher_dataset(margin=3.0, rng=generator()), "margin must be <= 2.0, got 3.0"),
        (lambda: teacher_dataset(test=0, rng=generator()), "test must be >= 1, got 0"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
