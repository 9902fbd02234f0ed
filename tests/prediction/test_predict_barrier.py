"""Predictions from networks of one's own."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples, train_many
from lmctheory.prediction import BarrierPrediction, NoBarrier, all_pairs, predict_barrier, union
from lmctheory.prediction.drifts import BARRIER, FUNCTION_ERROR, Drift, extrapolated_drift
from tests.networks.ordinary import CONFIG, blobs, distance


@pytest.fixture(scope="module")
def narrow() -> dict[int, list[nn.Module]]:
    def trained(m: int) -> list[nn.Module]:
        rng = torch.Generator().manual_seed(m)
        initial = [MLP((6, m, 3), rng=rng, dtype=torch.float64) for _ in range(6)]
        return train_many(initial, blobs(), replace(CONFIG, epochs=40), seeds=range(6))

    return {m: trained(m) for m in (4, 8)}


def test_it_is_the_barrier_of_unions_and_a_drift(narrow: Mapping[int, Sequence[nn.Module]]) -> None:
    data = blobs()
    found = predict_barrier(narrow, 16, data, rng=0)

    def unions(m: int) -> tuple[float, float]:
        joined = [union(narrow[m][k : k + 2]) for k in (0, 2, 4)]
        top = all_pairs(joined, data).max
        return float(np.log(top.value)), top.relative_error**2

    own = all_pairs(narrow[8], data).max
    at_4, at_8 = unions(4), unions(8)
    drift = Drift(-1, 1, np.log(own.value) - at_4[0], own.relative_error**2 + at_4[1])
    total, variance = extrapolated_drift([drift], 1, BARRIER)
    assert total != 0
    assert np.log(found.max) == pytest.approx(at_8[0] + total)
    reach = 1.6448536 * (at_8[1] + variance) ** 0.5
    np.testing.assert_allclose(
        np.log(found.interval), np.log(found.max) + np.array([-reach, reach])
    )
    assert max(found.curve[1:-1]) == pytest.approx(found.max)
    assert found.function_error_interval[0] < found.function_error
    assert (found.width, len(found.hypotheses)) == (16, 3)


@pytest.mark.parametrize("method", [None, "naive", "activation", "weight"])
def test_any_matching_is_predicted(
    method: str | None, narrow: Mapping[int, Sequence[nn.Module]]
) -> None:
    data = blobs()
    found = predict_barrier({8: narrow[8]}, 16, data, method=method, rng=0)
    joined = [union(narrow[8][k : k + 2]) for k in (0, 2, 4)]
    known = all_pairs(joined, data, method=method).function_error.value
    assert found.function_error == pytest.approx(known)


def test_unions_that_networks_do_not_suffice_for_are_extrapolated(
    narrow: Mapping[int, Sequence[nn.Module]],
) -> None:
    """Width 32 from unions of two of width 8: along the power law through widths 8 and 16."""
    data = blobs()
    law = [
        np.log(all_pairs(networks, data).function_error.value)
        for networks in (narrow[8], [union(narrow[8][k : k + 2]) for k in (0, 2, 4)])
    ]
    found = predict_barrier({8: narrow[8]}, 32, data, rng=0)
    assert np.log(found.function_error) == pytest.approx(2 * law[1] - law[0])


def test_drifts_that_are_known_well_decide() -> None:
    """Three exact drifts of a + b x are gone on with, up to what the prior may still pull."""
    given = [Drift(x, 1, 0.2 + 0.02 * x, 1e-9) for x in (-3, -2, -1)]
    total, variance = extrapolated_drift(given, 1, BARRIER)
    assert total == pytest.approx(0.2, abs=0.05)
    assert abs(total - 0.2) < abs(extrapolated_drift(given[:1], 1, BARRIER)[0] - 0.2)
    assert variance < extrapolated_drift([], 1, BARRIER)[1]
    # two doublings at once say what they say one by one
    assert extrapolated_drift([Drift(-2, 2, 0.2, 0.0)], 1, BARRIER)[0] > 0


def test_noisy_drifts_are_believed_in_part() -> None:
    """Of one drift of .2 and variance v at x = -1, next to a prior of the next one's level only."""
    for prior, v in ((BARRIER, 0.01), (FUNCTION_ERROR, 0.01)):
        total, _ = extrapolated_drift([Drift(-1, 1, 0.2, v)], 1, prior)
        level, growth = prior.level**2, prior.growth**2
        assert total == pytest.approx(0.2 * level / (level + growth + v + 0.03**2))


def test_without_drifts_none_is_expected() -> None:
    assert extrapolated_drift([], 2, BARRIER)[0] == 0
    assert extrapolated_drift([], 1, BARRIER)[1] == pytest.approx(0.1**2 + 0.03**2)
    # over two doublings 2 a + b
    expected = 4 * 0.1**2 + 0.04**2 + 0.06**2
    assert extrapolated_drift([], 2, BARRIER)[1] == pytest.approx(expected)


def test_it_changes_nothing_and_repeats(narrow: Mapping[int, Sequence[nn.Module]]) -> None:
    before, state = copy.deepcopy(narrow[4][0]), torch.get_rng_state()
    first, second = (predict_barrier(narrow, 16, blobs(), rng=3) for _ in range(2))
    assert first.max == second.max
    assert distance(before, narrow[4][0]) == 0
    assert torch.equal(torch.get_rng_state(), state)


def _given(*widths: int, count: int = 6) -> dict[int, list[nn.Module]]:
    rng = torch.Generator().manual_seed(0)
    return {m: [MLP((6, m, 3), rng=rng) for _ in range(count)] for m in widths}


def _other_inputs() -> Examples:
    data = blobs()
    return replace(data, inputs=data.inputs[:, :4])


def predicted(networks: object, width: int = 16) -> BarrierPrediction:
    return predict_barrier(networks, width, blobs(), rng=0)  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_users_call")
@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: predicted([MLP((6, 3), rng=torch.Generator())]), TypeError, "got list"),
        (lambda: predicted({}), ValueError, "width must be at least twice those of networks"),
        (lambda: predicted(_given(4), 7), ValueError, r"at least twice .*\[4\], got 7"),
        (lambda: predicted(_given(4, count=5)), ValueError, "6 or more of the widest, 4, got 5"),
        (
            lambda: predicted(_given(4, count=2) | _given(8)),
            ValueError,
            "networks must hold 3 or more of width 4, got 2",
        ),
        (lambda: predicted({8: _given(4)[4]}), ValueError, r"networks\[8\]\[0\] must have hidden"),
        (
            lambda: predicted(_given(4) | {2: [MLP((6, 2, 2, 3), rng=torch.Generator())] * 3}),
            ValueError,
            r"networks\[4\]\[0\] must differ from the others in width alone",
        ),
        (
            lambda: predict_barrier(_given(4), 16, _other_inputs(), rng=0),
            ValueError,
            "do not fit",
        ),
        (lambda: predicted({4: [nn.Conv2d(1, 1, 1)] * 6}), TypeError, "no affine chain"),
        (lambda: predicted({4: _given(4)[4][:1] * 6}), NoBarrier, "must have a barrier to be ext"),
    ],
)
def test_bad_arguments_are_refused(
    call: Callable[[], object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        call()
