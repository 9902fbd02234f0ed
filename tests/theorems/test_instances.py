"""Theorems with numbers in place: true as printed, and those of the public functions."""

import math
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmctheory as lmc
from lmctheory.networks import MLP, Examples
from lmctheory.theorems.instances import INSTANCES, above, below, instantiate

LAW = lmc.measures.Gaussian(spectrum=[2.0, 1.0, 0.5])
CUBE = lmc.measures.UniformCube(2)
NEURON = lmc.widths.two_layer.neuron_with_fixed_output("tanh", radius=1.0, output=1.0)
X = np.random.default_rng(0).standard_normal((12, 4))
A, B = np.random.default_rng(1).standard_normal((2, 6, 3))


def _pair():
    import torch

    draws = torch.Generator().manual_seed(0)
    nets = [MLP((3, 5, 2), "relu", rng=draws, dtype=torch.float64) for _ in range(2)]
    inputs = torch.randn(8, 3, generator=draws, dtype=torch.float64)
    return (*nets, Examples(inputs, torch.arange(8) % 2))


ARGUMENTS = {
    "R1": lambda: (A, B),
    "R4": lambda: (50, 3, 1.0),
    "R5": lambda: (lmc.measures.Empirical(A), 20),
    "R6a": lambda: (CUBE, 50),
    "R6b": lambda: (CUBE, 50),
    "R6c": lambda: (LAW, 50),
    "R7": lambda: (50,),
    "R8": lambda: (LAW, 50),
    "R9": lambda: (LAW, 50),
    "R11": lambda: (LAW, 50),
    "R13": lambda: (LAW, 50),
    "R14": lambda: ([1.0, 2.0], 50),
    "R15": lambda: ([1.0, 2.0], 50),
    "R16": lambda: (lmc.measures.Empirical(A), 20),
    "R17": lambda: (lmc.measures.UniformBall(3), 20),
    "R18": lambda: (lmc.measures.Empirical(A), 20),
    "R19": lambda: (lmc.measures.Empirical(A), 100),
    "R21": lambda: (LAW, 50),
    "R22": lambda: (lmc.measures.Empirical(A), 20),
    "S1": lambda: (LAW, 50),
    "S1a": lambda: (A, B),
    "S1b": lambda: (X, (16, 16)),
    "S4": lambda: ((3, 3, 3, 3), 3),
    "S5": lambda: (A, np.diag([1.0, 2.0, 3.0])),
    "S6": lambda: ([[0.0, -0.3], [0.3, 0.0]], [[1.0], [2.0]], [[1.0, 1.0]]),
    "T1": lambda: (0.5, 0.3),
    "T1b": lambda: (0.5, 0.3, "relu"),
    "T2": lambda: (LAW, 100, NEURON),
    "T3": lambda: (0.1, 0.2, 0.3),
    "T4": lambda: (0.3, LAW, NEURON),
    "T7": lambda: (LAW, 50),
    "T10": lambda: (3, 50),
    "T11": lambda: (20, 512),
    "D1": lambda: (X, (16, 16)),
    "D4": lambda: (LAW, 50, 0.1),
    "D6": lambda: (X, (16, 16)),
    **dict.fromkeys(("C1", "C1'", "C2", "C3", "C4", "C5", "C6"), _pair),
}
NAMED = {"T1": {"lipschitz": 1.0}}


def _numbers(text):
    for digits, power in re.findall(
        r"(?<![_{\d.])(\d+(?:\.\d+)?)(?: \\times 10\^\{(-?\d+)\})?", text
    ):
        yield Fraction(digits) * Fraction(10) ** int(power or 0)


@pytest.mark.parametrize("key", INSTANCES)
def test_every_instance_prints_numbers_on_the_side_where_it_stays_true(key):
    found = lmc.theorems[key].instantiate(*ARGUMENTS[key](), **NAMED.get(key, {}))
    assert found.key == key
    assert found.version == lmc.__version__
    assert found.lines
    text = found.latex()
    assert text.startswith(f"% {key} by lmctheory {lmc.__version__}\n\\begin{{gather*}}")
    printed = [number for line in found.lines for number in _numbers(line)]
    for value in found.values.values():
        assert math.isfinite(value)
        if not any(f"{value:g}" == f"{float(number):g}" for number in printed):
            assert min(abs(float(n) - value) for n in printed) <= 1.1e-3 * abs(value)
    for line in found.lines:
        for quantity, value in found.values.items():
            if line.startswith(rf"{quantity} \le "):
                assert next(_numbers(line.removeprefix(rf"{quantity} \le "))) >= Fraction(value)
            if line.startswith(rf"{quantity} \ge "):
                assert next(_numbers(line.removeprefix(rf"{quantity} \ge "))) <= Fraction(value)


@given(st.floats(min_value=1e-30, max_value=1e30))
def test_numbers_are_rounded_outwards_to_four_digits(value):
    (high,), (low,) = _numbers(above(value)), _numbers(below(value))
    assert low <= Fraction(value) <= high
    assert high - low <= Fraction(value) / 900
    (negative,) = _numbers(above(-value).lstrip("-"))
    assert -negative >= Fraction(-value)


def test_the_numbers_are_those_of_the_public_functions():
    found = instantiate("R11", LAW, 50)
    assert found.values["L(50)"] == lmc.rates.lower_bound(LAW, 50).value
    assert found.values["U(50)"] == lmc.rates.upper_bound(LAW, 50).value
    networks = lmc.widths.deep.ensemble(X, 2)
    bound = lmc.widths.deep.error_bound((16, 16), networks)
    values = instantiate("D1", X, (16, 16)).values
    assert values[r"\mathbb E |f_{0.5} - \bar f|^2"] == bound.value
    assert [values[f"G_{{{layer}}}"] for layer in (1, 2)] == list(bound.gap)


@pytest.mark.parametrize("key", INSTANCES)
def test_rounded_numbers_are_those_of_the_lines(key):
    found = lmc.theorems[key].instantiate(*ARGUMENTS[key](), **NAMED.get(key, {}))
    lines = " ".join(found.lines)
    if key != "T4":  # whose number of neurons is printed in full
        for quantity, number in found.rounded().items():
            assert number in lines, quantity
    sides = set(found.at_least) | set(found.at_most)
    assert sides <= set(found.values)
    for quantity, number in found.rounded(2).items():
        (shown,) = _numbers(number)
        if quantity in found.at_least:
            assert shown <= Fraction(found.values[quantity])
        if quantity in found.at_most:
            assert shown >= Fraction(found.values[quantity])


def test_what_cannot_be_put_in_place_is_refused():
    with pytest.raises(ValueError, match="P2 has no numbers to put in place; these have: R1"):
        lmc.theorems["P2"].instantiate()
    with pytest.raises(TypeError, match=r"T1 needs \(distance: float, t: float, \*, lipschitz"):
        instantiate("T1", 0.5)
    with pytest.raises(ValueError, match="R6c does not apply"):
        instantiate("R6c", CUBE, 50)
    with pytest.raises(KeyError):
        lmc.theorems["R99"]
