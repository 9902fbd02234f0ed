"""What a bound shows of itself, and what makes it rigorous."""

import re

import numpy as np
import pytest

from lmctheory.measures import Gaussian, GaussianMixture, UniformCube
from lmctheory.rates import (
    Bound,
    covering_bound,
    dyadic_bound,
    lower_bound,
    semigroup_bound,
    simulated_lower_bound,
    simulated_upper_bound,
    upper_bound,
)
from lmctheory.rates.bound import MAX_WIDTH, width

GAUSSIAN = Gaussian(spectrum=1 / np.arange(1, 51))
MIXTURE = GaussianMixture([0.5, 0.5], np.eye(2), [Gaussian(spectrum=[1.0, 1.0])] * 2)


@pytest.mark.parametrize("law", [GAUSSIAN, UniformCube(3), MIXTURE])
@pytest.mark.parametrize("bound", [upper_bound, lower_bound])
def test_a_bound_fits_on_two_lines_of_a_screen(law, bound):
    found = bound(law, 1000)
    assert len(repr(found)) < 160
    assert f"{found.value:.6g} by {found.key}" in repr(found)
    assert str(found) in repr(found)
    assert found.rigorous
    assert "probability" not in repr(found)


def test_the_nearest_arguments_are_named_and_the_others_counted():
    terms = {"R13": 1.0, "trivial": 9.0, "R8": 2.0, "R5": 4.0, "R4": 3.0}
    found = Bound(1.0, "R13", terms, (), missing={"R7": "it has two dimensions"})
    assert str(found) == "1 by R13 (R8: 2, R4: 3, R5: 4, 1 more)"
    assert repr(found) == "<Bound: 1 by R13 (R8: 2, R4: 3, R5: 4, 1 more); 1 do not apply>"
    assert str(Bound(1.0, "R7", {"R7": 1.0}, ())) == "1 by R7"
    assert float(found) == 1.0


@pytest.mark.parametrize("simulated", [simulated_upper_bound, simulated_lower_bound])
def test_what_rests_on_a_simulation_is_not_rigorous(simulated):
    found = simulated(
        UniformCube(2), 8, width=8, repeats=2, delta=0.01, rng=np.random.default_rng(0)
    )
    assert not found.rigorous
    assert found.failure == 0.01
    assert re.search("R[12]0 simulated, with probability 0.99", repr(found))


def test_what_is_proved_is_rigorous():
    cube = UniformCube(2)
    for found in (covering_bound(cube, 9), semigroup_bound(cube, 9), dyadic_bound(9, 2)):
        assert found.rigorous
        assert found.failure == 0


@pytest.mark.parametrize("m", [0, -1, MAX_WIDTH + 1, 0.0])
def test_widths_without_bounds_are_refused(m):
    with pytest.raises(ValueError, match=rf"m must lie between 1 and 10\^12, got {m}"):
        width("m", m)
    assert width("m", 1e12) == MAX_WIDTH


@pytest.mark.parametrize(
    ("failure", "said"), [(0.05, "0.95"), (1e-3, "0.999"), (1e-9, "1 - 1e-09")]
)
def test_no_probability_of_failure_is_rounded_away(failure, said):
    bound = Bound(1.0, "R20", {"R20": 1.0}, (), failure=failure)
    assert str(bound).endswith(f"with probability {said}")
