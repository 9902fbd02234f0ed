"""Rates of the papers as towers of exponentials."""

import itertools
import math

import pytest

from lmctheory.widths.paper_rates import (
    Tower,
    entezari_two_layer,
    ferbach_deep,
    ferbach_two_layer,
)


def test_small_towers_are_numbers():
    assert float(ferbach_two_layer(0.5, 3)) == pytest.approx(8.0)
    assert float(ferbach_two_layer(0.5, 4, smooth=True)) == pytest.approx(4.0)
    assert float(entezari_two_layer(0.5, 1)) == pytest.approx(64.0)
    first, second = ferbach_deep(0.5, 3, 2)
    assert float(first) == pytest.approx(8.0)
    assert float(second) == pytest.approx(2.0**8)


def test_large_ones_print_as_towers():
    assert str(ferbach_two_layer(0.1, 784)) == "10^784"
    assert ferbach_two_layer(0.1, 784).latex() == "10^{784}"
    assert float(ferbach_two_layer(0.1, 784)) == float("inf")
    towers = ferbach_deep(0.01, 5, 4)
    assert [str(tower) for tower in towers] == [
        "10^10",
        "10^(10^10.3)",
        "10^(10^(10^10.3))",
        "10^(10^(10^(10^10.3)))",
    ]


def test_the_second_storey_against_exact_logarithms():
    # m_2 = (1/eps)^(m_1), so log10 log10 m_2 = log10 m_1 + log10 log10(1/eps)
    for eps, m_0 in [(0.3, 400), (0.1, 500), (1e-3, 784)]:
        first, second = ferbach_deep(eps, m_0, 2)
        assert second.height == 2
        shift = math.log10(-math.log10(eps))
        assert second.top == pytest.approx(first.top + shift)


def test_towers_are_ordered_by_what_they_are():
    for eps, larger in itertools.product((0.3, 0.1), (0.5, 0.9)):
        assert ferbach_deep(larger, 6, 3)[-1] < ferbach_deep(eps, 6, 3)[-1]
    assert Tower(0, 100.0) < Tower(1, 2.5) < Tower(2, 1.0) < Tower(3, 0.1)
    assert not Tower(1, 2.0) < Tower(0, 100.0)
    towers = ferbach_deep(0.1, 5, 5)
    assert towers == sorted(towers)


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="eps must be positive"):
        ferbach_two_layer(0.0, 3)
    with pytest.raises(ValueError, match="eps must be below 1, got 1"):
        entezari_two_layer(1.0, 3)
    with pytest.raises(ValueError, match="m_0 must be >= 1"):
        ferbach_two_layer(0.1, 0)
    with pytest.raises(ValueError, match="depth must be >= 1"):
        ferbach_deep(0.1, 5, 0)
    with pytest.raises(ValueError, match=r"T must be one number > eps or 2 of them"):
        ferbach_deep(0.1, 5, 2, T=[1.0])
