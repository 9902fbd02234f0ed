"""Objects that hold many numbers show a few."""

from dataclasses import dataclass

import numpy as np

from lmctheory.measures import (
    Empirical,
    Gaussian,
    GaussianMixture,
    LipschitzImage,
    SubGaussianProduct,
    Uniform,
)
from lmctheory.measures.display import Readable, brief


def test_short_values_are_written_out_and_long_ones_summarised():
    assert brief(np.array([1.0, 0.5])) == "[1, 0.5]"
    assert brief(np.arange(7.0)) == "<7 from 0 to 6>"
    assert brief(np.zeros((2, 3))) == "<2 x 3 from 0 to 0>"
    assert brief(np.zeros(0)) == "array([], dtype=float64)"
    assert brief((1.0, 2)) == "(1, 2)"
    assert brief({"a": 1.23456789}) == "{'a': 1.23457}"
    assert brief(list(range(1000))) == "[0, ... 1000 in all]"
    assert brief("text") == "'text'"


def test_a_readable_dataclass_hides_what_it_is_told_to():
    @dataclass(frozen=True, repr=False)
    class One(Readable):
        x: np.ndarray
        y: float

    assert repr(One(np.zeros(100), 0.1)) == "One(x=<100 from 0 to 0>, y=0.1)"


def test_every_law_fits_on_a_screen():
    many = np.linspace(1, 2, 784)
    gaussian = Gaussian(spectrum=many)
    laws = [
        gaussian,
        Empirical(np.ones((1000, 784))),
        SubGaussianProduct(Uniform(), many),
        GaussianMixture(np.full(30, 1 / 30), np.zeros((30, 784)), [gaussian] * 30),
        LipschitzImage(np.tanh, 1.0, gaussian),
    ]
    for law in laws:
        assert len(repr(law)) < 300
        assert repr(law).startswith(type(law).__name__)
    assert repr(gaussian) == "Gaussian(spectrum=<784 from 1 to 2>)"
