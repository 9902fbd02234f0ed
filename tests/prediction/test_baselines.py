"""Rules that extrapolate barriers."""

from collections.abc import Callable

import numpy as np
import pytest

from lmctheory.prediction import PairCurves, extrapolate

T = np.linspace(0, 1, 5)
SHAPE = np.array([0.0, 0.6, 1.0, 0.7, 0.0])


def at(level: float, t: np.ndarray = T) -> PairCurves:
    shape = SHAPE if len(t) == 5 else np.ones(len(t))
    return PairCurves(t, level * shape[None], np.array([3 * level]), np.array([[0, 1]]))


@pytest.mark.parametrize(
    ("rule", "law", "expected"),
    [
        ("narrowest", lambda m: 2 * m**-0.5, 2 * 16**-0.5),
        ("widest", lambda m: 2 * m**-0.5, 2 * 128**-0.5),
        ("power law", lambda m: 2 * m**-0.5, 2 * 1024**-0.5),
        ("power law with floor", lambda m: 2 * m**-0.5, 2 * 1024**-0.5),
        ("power law with floor", lambda m: 2 / m + 0.1, 2 / 1024 + 0.1),
    ],
)
def test_rules_find_the_laws_that_they_suppose(
    rule: str, law: Callable[[float], float], expected: float
) -> None:
    found = extrapolate({m: at(law(m)) for m in (128, 16, 64, 32)}, 1024, rule)
    np.testing.assert_allclose(found.curve, expected * SHAPE, rtol=0.02)
    assert found.max == pytest.approx(expected, rel=0.02)
    assert found.function_error == pytest.approx(3 * expected, rel=0.02)
    assert np.isnan(found.interval).all()
    assert (found.width, found.route) == (1024, rule)
    assert found.hypotheses


def test_values_without_a_law_are_the_widest_one_s() -> None:
    assert extrapolate({8: at(1.0), 16: at(-0.5)}, 64).function_error == -1.5


@pytest.mark.usefixtures("as_users_call")
def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="rule must be one of"):
        extrapolate({8: at(1.0)}, 16, "cubic")
    with pytest.raises(ValueError, match="measured must have 2 widths for rule 'power law', got"):
        extrapolate({8: at(1.0)}, 16)
    with pytest.raises(ValueError, match="width must be >= 1, got 0"):
        extrapolate({8: at(1.0), 16: at(1.0)}, 0)
    with pytest.raises(ValueError, match="one grid of t"):
        extrapolate({8: at(1.0), 16: at(1.0, np.linspace(0, 1, 3))}, 64)
