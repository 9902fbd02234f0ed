"""What simulated trials allow for chance: false alarms are as rare as is said, and no rarer."""

from collections.abc import Iterator

import numpy as np
import pytest
from scipy import stats

from lmctheory.theorems.checks import simulation
from lmctheory.theorems.checks.simulation import FALSE_ALARM, slack

_TRIALS, _LEVEL = 4000, 0.01
_MOST = int(stats.binom.isf(1e-6, _TRIALS, _LEVEL))
"""Of false alarms at that level, in all trials."""


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """False alarms so often that they can be counted."""
    monkeypatch.setattr(simulation, "FALSE_ALARM", _LEVEL)
    simulation._quantiles.cache_clear()
    yield
    simulation._quantiles.cache_clear()


def _alarms(sign: float, draws: int, *, upper: bool, power: int = 2) -> int:
    """How often the mean of powers of normal numbers is beyond what is true of it."""
    values = sign * np.random.default_rng(draws).standard_normal((_TRIALS, draws)) ** power
    truth = sign * (power == 2)
    side = 1 if upper else -1
    return sum(side * (one.mean() - truth) > slack(one, upper=upper) for one in values)


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("draws", [64, 256])
@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_squares_of_normal_numbers_give_false_alarms_as_rarely_as_is_said(
    sign: float, upper: bool, draws: int
) -> None:
    assert _alarms(sign, draws, upper=upper) <= _MOST


@pytest.mark.usefixtures("often")
def test_normal_draws_give_them_nearly_as_often() -> None:
    assert _TRIALS * _LEVEL / 2 < _alarms(1.0, 256, upper=True, power=1) <= _MOST


def test_of_draws_without_skewness_it_is_the_quantile_of_student() -> None:
    draws = np.repeat([1.0, 3.0], 8)
    error = draws.std(ddof=1) / 4
    for upper in (True, False, None):
        assert slack(draws, upper=upper) == pytest.approx(stats.t.isf(FALSE_ALARM, 15) * error)
