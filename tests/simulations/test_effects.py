"""Claims: intervals against SciPy, power by simulation, and every verdict."""

import numpy as np
import pytest
from scipy import stats

from lmctheory.sweeps.mean import Mean
from simulations.claims import Exponent
from simulations.effects import Claim, Effect, effects_table


def test_the_interval_is_that_of_a_t_test():
    draws = [0.3, 1.1, 0.4, 0.9, 0.2]
    expected = stats.ttest_1samp(draws, 0).confidence_interval(0.95)
    assert Effect.over([draws]).interval == pytest.approx(tuple(expected))


def test_groups_weigh_alike():
    effect = Effect.over([[0.0, 2.0], [5.0, 5.0, 5.0]])
    assert effect.mean.value == 3.0
    assert effect.mean.error == pytest.approx(0.5)
    assert effect.freedom == 3


def test_power_is_that_of_simulated_t_tests():
    # 4000 tests of 6 draws: standard error of their share below .008, so that .04 is 5 of them
    draws = np.random.default_rng(0).normal(1.5, 1, size=(4000, 6))
    p = stats.ttest_1samp(draws, 0, axis=1, alternative="greater").pvalue
    effect = Effect(Mean(0.0, 6**-0.5), 5)
    assert effect.power(1.5) == pytest.approx((p < 0.025).mean(), abs=0.04)
    assert effect.power(-1.5) == effect.power(1.5)
    assert effect.power(0.0) == pytest.approx(0.025)
    assert Effect(Mean(0.0, 0.0), 5).power(0.1) == 1


@pytest.mark.parametrize(
    ("value", "error", "published", "verdict"),
    [
        (-0.5, 0.1, -0.6, "reproduced"),
        (0.5, 0.1, -0.6, "different"),
        (0.05, 0.1, -0.6, "not reproduced"),
        (0.05, 0.5, -0.6, "undecided"),
        (0.5, 0.1, 0.6, "reproduced"),
        (0.5, np.nan, 0.6, "undecided"),
    ],
)
def test_verdicts(value, error, published, verdict):
    claim = Claim("it falls", "Someone", Effect(Mean(value, error), 20), published)
    assert claim.verdict == verdict
    assert effects_table([claim], "A caption.").records[0]["verdict"] == verdict


def test_less_than_half_of_a_published_size_is_different():
    def verdict(value, *, sized):
        effect = Effect(Mean(value, 0.01), 20)
        return Claim("it falls", "Someone", effect, -0.6, sized).verdict

    assert [verdict(value, sized=True) for value in (-0.1, -0.29, -0.5)] == [
        *("different", "reproduced", "reproduced")
    ]
    assert verdict(-0.1, sized=False) == "reproduced"
    rows = [Claim("it", "S", None, -0.6, sized) for sized in (False, True)]
    assert [row[2] for row in effects_table(rows, "").cells] == ["(-0.6)", "-0.6"]


def test_nothing_measured_is_undecided():
    assert Claim("it falls", "Someone", None, -1.0).verdict == "undecided"
    assert effects_table([Claim("it", "S", None, -1.0)], "").cells[0][3:6] == ["-"] * 3


def test_sums_have_welchs_freedom():
    draws = np.random.default_rng(1).normal(size=(2, 7)) * [[1.0], [3.0]]
    expected = stats.ttest_ind(*draws, equal_var=False).confidence_interval(0.95)
    effect = Effect.combined([Effect.over([one.tolist()]) for one in draws], [1, -1])
    assert effect.interval == pytest.approx(tuple(expected))
    exact = Effect.combined([Effect(Mean(2.0, 0.0), 3)] * 2, [0.5, 0.5])
    assert (exact.mean.value, exact.freedom) == (2.0, 6.0)


def test_an_exponent_keeps_its_interval():
    rng = np.random.default_rng(2)
    draws = {m: (m**-0.5 * rng.gamma(9, 1 / 9, 4)).tolist() for m in (16, 32, 64, 128)}
    found = Exponent.of(draws)
    assert Effect.of_exponent(found).interval == pytest.approx((found.low, found.high))
    rough = Exponent.of({m: [size, size] for m, size in zip((1, 2, 4), (1, 0.1, 0.9), strict=True)})
    assert (found.freedom in (2, 12), rough.freedom) == (True, 1)
