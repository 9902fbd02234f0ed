"""Arguments in every form in which they may come, and in forms in which they may not.

A call is written once, as a function of four converters: of arrays, integers, numbers and sources
of randomness. All numbers are such that every type holds them, so that results must be equal.
"""

from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
import pytest
import torch

__all__ = ["BAD", "FORMS", "PLAIN", "Form", "refused", "same"]


@dataclass(frozen=True)
class Form:
    """How arrays, integers, numbers and seeds are passed."""

    array: Any = np.asarray
    integer: Any = int
    number: Any = float
    rng: Any = np.random.default_rng


def tensor(kind):
    return lambda values: torch.tensor(np.asarray(values).tolist(), dtype=kind)


PLAIN = Form()
FORMS = {
    "float16": Form(lambda x: np.asarray(x, np.float16), np.int64, np.float16, int),
    "float32": Form(lambda x: np.asarray(x, np.float32), float, np.float32, np.int64),
    "bfloat16 tensors": Form(tensor(torch.bfloat16), np.uint8, torch.tensor),
    "float32 tensors": Form(tensor(torch.float32), torch.tensor, np.array),
    "tensors with gradients": Form(lambda x: tensor(torch.float64)(x).requires_grad_()),
    "lists": Form(lambda x: np.asarray(x).tolist(), np.float32, np.float32),
}
BAD = {
    "complex arrays": Form(array=lambda x: np.asarray(x) + 0j),
    "arrays of text": Form(array=lambda x: np.asarray(x).astype(str)),
    "arrays with NaN": Form(array=lambda x: np.asarray(x, float) * np.nan),
    "fractions for integers": Form(integer=lambda n: n + 0.5),
    "text for integers": Form(integer=str),
    "text for numbers": Form(number=str),
    "NaN for numbers": Form(number=lambda _: float("nan")),
    "truth for numbers": Form(number=bool),
    "no randomness": Form(rng=lambda _: None),
    "PyTorch's randomness": Form(rng=lambda seed: torch.Generator().manual_seed(seed)),
}


def used(call, bad: Form) -> bool:
    """Whether the call has an argument that the form makes bad."""
    touched = []

    def watched(name):
        def convert(value):
            touched.append(name)
            return getattr(PLAIN, name)(value)

        return convert

    call(Form(*[watched(f.name) for f in fields(Form)]))
    changed = {f.name for f in fields(Form) if getattr(bad, f.name) is not getattr(PLAIN, f.name)}
    return bool(changed & set(touched))


def refused(call, bad: Form) -> None:
    """Holds if the call is refused in our words, or has no such argument."""
    if not used(call, bad):
        return
    with pytest.raises((TypeError, ValueError), match=r"^(every )?\w+( and \w+)* must "):
        call(bad)


def same(one: Any, other: Any) -> bool:
    """Whether two results agree, to the last digit."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if isinstance(one, float):
        return type(one) is type(other) and (one == other or (one != one and other != other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, f.name, None), getattr(other, f.name, None)) for f in fields(one)
        )
    return one == other
