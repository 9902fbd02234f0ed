"""The border: what comes in, in which types, and what is refused."""

import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch

from lmctheory.measures.arguments import (
    array,
    at_least,
    generator,
    integer,
    nonnegative,
    number,
    positive,
    positive_share,
    precision,
    probability,
    share,
)

VALUES = [[0.5, -1.0], [2.0, 3.0]]
TORCH_TYPES = [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int8, torch.int64]


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.longdouble])
def test_numpy_arrays_of_every_precision_come_in(kind):
    found = array("x", np.array(VALUES, kind), "m d")
    assert found.dtype == np.float64
    assert found.tolist() == VALUES


@pytest.mark.parametrize("kind", TORCH_TYPES)
def test_tensors_of_every_type_come_in(kind):
    values = torch.tensor(VALUES).round().to(kind)
    assert array("x", values, "m d").tolist() == torch.tensor(VALUES).round().tolist()


def test_tensors_with_gradients_and_views_of_complex_ones_come_in():
    assert array("x", torch.tensor(VALUES, requires_grad=True)).tolist() == VALUES
    negated = torch.tensor([1 + 2j]).conj().imag  # a lazy negation, which .numpy() refuses
    assert array("x", negated).tolist() == [-2.0]


def test_unsigned_integers_lists_and_short_floats_of_other_libraries_come_in():
    zero, one = np.array([0], np.uint8), np.array([1], np.uint8)
    assert array("x", zero) - array("x", one) == -1
    assert array("x", [[1, 2], [3, 4]], "m d").tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert array("x", [torch.tensor(1.0), 2]).tolist() == [1.0, 2.0]


def test_float64_is_not_copied_and_nothing_is_changed():
    values = np.array(VALUES)
    assert array("x", values) is values
    values.setflags(write=False)
    assert array("x", values).tolist() == VALUES


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1j]), "x must hold real numbers, got complex128"),
        (torch.tensor([1j]), "x must be an array of real numbers, got Tensor: its dtype is"),
        (["0.5"], "x must hold real numbers, got <U3"),
        ([Fraction(1, 2)], "x must hold real numbers, got object"),
        (None, "x must hold real numbers, got object"),
        ([[1.0], [2.0, 3.0]], "x must be an array of real numbers, got list: "),
        (torch.ones(2, device="meta"), "x must be an array of real numbers, got Tensor: "),
        (torch.eye(2).to_sparse(), "x must be an array of real numbers, got Tensor: "),
    ],
)
def test_what_holds_no_real_numbers_is_refused(values, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        array("x", values)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0], {"axes": "m d"}, "x must be a non-empty array [m, d], got shape (1,)"),
        ([[]], {"axes": "m d"}, "x must be a non-empty array [m, d], got shape (1, 0)"),
        ([np.nan], {}, "x must be finite, got NaN or infinity"),
        ([np.inf], {}, "x must be finite, got NaN or infinity"),
        ([2.0, -1.0], {"least": 0.0}, "x must be >= 0, got -1.0"),
        ([np.nan], {"least": 0.0, "finite": False}, "x must be >= 0, got nan"),
        (np.ma.array([1.0, 2.0], mask=[True, False]), {}, "x must have no masked entries"),
    ],
)
def test_arrays_out_of_range_are_refused(values, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        array("x", values, **options)


def test_infinity_is_allowed_where_it_makes_sense():
    assert nonnegative("r", [0.0, np.inf]).tolist() == [0.0, np.inf]


@pytest.mark.parametrize(
    "value",
    [3, 3.0, np.int8(3), np.uint64(3), np.float32(3), np.array(3), torch.tensor(3.0)],
)
def test_what_is_an_integer_comes_in_as_one(value):
    for found in (integer("m", value), at_least("m", value, 1)):
        assert found == 3
        assert type(found) is int
    assert integer("m", 10**400) == 10**400


@pytest.mark.parametrize(
    "value", [2.5, True, np.True_, "2", None, np.nan, np.inf, 1j, [2], np.array([2])]
)
def test_what_is_no_integer_is_refused(value):
    with pytest.raises(TypeError, match=re.escape(f"m must be an integer, got {value!r}")):
        at_least("m", value, 1)
    with pytest.raises(ValueError, match="m must be >= 1, got 0"):
        at_least("m", 0.0, 1)


@pytest.mark.parametrize(
    ("check", "inside", "outside", "words"),
    [
        (number, [-1, 0, 1e308], [np.inf, -np.inf], "be finite"),
        (lambda n, v: number(n, v, least=0.0), [0, 2], [-1e-9, np.inf], "be finite and >= 0"),
        (positive, [1e-300, 2], [0, -1, np.inf], "be positive and finite"),
        (probability, [1e-9, 0.5], [0, 1, -1], "lie in (0, 1)"),
        (share, [0, 0.5, 1], [-1e-9, 1.1], "lie in [0, 1]"),
        (positive_share, [1e-9, 1], [0, 1.1], "lie in (0, 1]"),
    ],
)
def test_numbers_have_one_wording_for_each_range(check, inside, outside, words):
    for value in inside:
        for form in (
            value,
            np.float64(value),
            np.array(value),
            torch.tensor(value, dtype=torch.float64),
        ):
            found = check("t", form)
            assert found == value
            assert type(found) is float
    for value in [*outside, np.nan]:
        with pytest.raises(ValueError, match=re.escape(f"t must {words}, got {value}")):
            check("t", value)
    for value in ("0.5", True, 0.5j, None, [0.5], np.array([0.5]), torch.tensor([0.5])):
        with pytest.raises(TypeError, match=re.escape(f"t must be a number, got {value!r}")):
            check("t", value)


def test_a_seed_is_a_generator():
    rng = np.random.default_rng(7)
    assert generator(rng) is rng
    first = np.random.default_rng(7).random()
    assert generator(7).random() == generator(np.int64(7)).random() == first
    for value in (None, True, 1.0, torch.Generator(), np.random.RandomState(0)):
        message = f"rng must be a NumPy generator or a seed, got {type(value).__name__}"
        with pytest.raises(TypeError, match=message):
            generator(value)
    with pytest.raises(ValueError, match="rng must be >= 0, got -1"):
        generator(-1)


def test_the_precision_is_that_of_the_type_that_came():
    for kind in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        assert precision(torch.zeros(1, dtype=kind)) == torch.finfo(kind).eps
    for kind in (np.float16, np.float32, np.float64):
        assert precision(np.zeros(1, kind)) == np.finfo(kind).eps
    assert precision([1.0]) == precision(np.zeros(1, int)) == np.finfo(float).eps


def test_the_theory_alone_does_not_import_pytorch():
    code = "import sys, lmctheory.measures, lmctheory.rates; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
