"""The study of fixed laws: its estimates against fields that are known."""

import numpy as np
import pytest
import torch

from lmctheory.networks import load_dataset
from lmctheory.prediction import MupFamily, all_pairs, predict_family_barrier, union
from simulations.fixed_laws.command import REGIMES, fixed_laws
from simulations.fixed_laws.limits import ONE, OWN, Limits, LimitTask, Regime, fit, run_limits
from simulations.fixed_laws.measurement import Task, _parts, run
from simulations.fixed_laws.summary import fitted, powers, report
from simulations.training import Training, trained_mlps


def test_parts_are_those_of_a_mean_field_and_noise():
    rng = torch.Generator().manual_seed(0)
    shared = torch.randn(50, 10, generator=rng, dtype=torch.float64)
    noise = torch.randn(400, 50, 10, generator=rng, dtype=torch.float64)
    found = _parts(2 * shared + 3 * noise)
    # root mean squares over examples of vectors of 10
    assert found.coherent == pytest.approx(
        2 * float(shared.square().sum(1).mean()) ** 0.5, rel=0.02
    )
    assert found.fluctuation == pytest.approx(3 * 10**0.5, rel=0.02)
    alone = _parts(noise[:4])
    assert alone.coherent < 0.2 * alone.fluctuation


def test_powers_are_found_with_their_errors():
    x = [1.0, 2.0, 4.0, 8.0]
    exact = fitted(x, [3 * value**-0.5 for value in x])
    assert (exact.value, exact.error) == (pytest.approx(-0.5), pytest.approx(0, abs=1e-12))
    rough = fitted(x, np.exp([0.0, 1.0, 0.0, 1.0]))
    # of 0, 1, 0, 1 at 0, 1, 2, 3: covariance 1, variance 5, squared residuals .8 for two degrees
    assert rough.value == pytest.approx(0.2 / np.log(2))
    assert rough.error == pytest.approx(0.08**0.5 / np.log(2))
    assert fitted(x, [1.0, -1.0, 0.0, 2.0]) is None


def test_errors_of_unions_are_their_barriers():
    """A barrier is the first order and what is beyond it; errors fall as widths grow."""
    training = Training(epochs=2, learning_rate=0.05)
    found = run(Task("digits", "tanh", 4, 16, [1, 2, 4], training, 0))
    assert found.widths == [4, 8, 16]
    assert [len(costs) for costs in found.costs] == [8, 4, 2]
    means = [np.mean(costs) for costs in found.costs]
    assert means[0] > means[1] > means[2] > 0
    for k in range(3):
        rest = np.subtract(found.barriers[k], found.first_order[k])
        size = found.error[k].coherent ** 2 + found.error[k].fluctuation ** 2
        # the loss has second derivatives of at most 1/2; the chord lies above the loss midway
        assert rest.mean() <= size / 4
    assert powers(found)["M_x in m"].value < 0


WIDTHS = [128, 256, 512, 1024, 2048]


def made_up(limit, scale, power, errors=1e-4, noise=0.0):
    rng = np.random.default_rng(0)
    exact = limit + scale * np.array(WIDTHS, float) ** -power
    barriers = exact * np.exp(noise * rng.standard_normal(len(WIDTHS)))
    return Limits(WIDTHS, list(barriers), list(errors * exact), [0.5] * 5, [1 / m for m in WIDTHS])


def test_limits_are_found_with_their_intervals():
    found = fit(made_up(0.02, 1.0, 0.7))
    assert found.limit == pytest.approx(0.02, rel=0.02)
    assert found.power == pytest.approx(0.7, rel=0.02)
    assert found.interval[0] <= found.limit <= found.interval[1] < 0.021
    # the width where it is twice the limit
    assert found.width_for(0.04) == pytest.approx((1 / 0.02) ** (1 / 0.7), rel=0.05)
    assert found.width_for(0.01) == np.inf
    none = fit(made_up(0.0, 1.0, 0.4))
    assert none.interval[0] == none.limit == 0
    rough = fit(made_up(0.02, 1.0, 0.7, errors=0.05, noise=0.05))
    assert rough.interval[1] - rough.interval[0] > 0.005
    assert fit(Limits([1, 2, 4], [0.1, -0.01, 0.0], [0.01] * 3, [1.0] * 3, [1.0] * 3)) is None


def test_every_width_has_networks_of_its_own():
    training, data = Training(epochs=3, learning_rate=0.05), load_dataset("digits")
    regime = Regime("mu", "sgd", 1, ONE)
    found = run_limits(LimitTask("digits", regime, 4, [1, 2], [4, 4], training, 0))
    pool = trained_mlps(data, (64, 4, 10), training.config, range(12), parametrisation="mu")
    joined = [union(pool[k : k + 2]) for k in range(4, 12, 2)]
    expected = [
        all_pairs(networks, data.test, inputs=data.train.inputs, points=5).max
        for networks in (pool[:4], joined)
    ]
    assert found.widths == [4, 8]
    assert found.matched == pytest.approx([one.value for one in expected])
    assert found.errors == pytest.approx([one.value * one.relative_error for one in expected])
    assert found.unmatched[1] > found.matched[1]
    x, y = data.test.inputs, data.test.labels
    with torch.no_grad():
        a, b = pool[0](x), pool[1](x)
    losses = [float(torch.nn.functional.cross_entropy(f, y)) for f in (a, b, (a + b) / 2)]
    two = LimitTask("digits", regime, 4, [1], [2], training, 0)
    assert run_limits(two).gains == pytest.approx([(losses[0] + losses[1]) / 2 - losses[2]])


def test_own_laws_are_those_of_families():
    training, data = (
        Training(epochs=3, learning_rate=0.005, optimiser="adam"),
        load_dataset("digits"),
    )
    regime = Regime("standard", "adam", 1, OWN)
    found = run_limits(LimitTask("digits", regime, 4, [1, 4], [4, 4], training, 0))
    family = MupFamily((64, 16, 10), training.config)
    expected = predict_family_barrier(family, 4, data.train, data.test, unions=4, points=5, rng=4)
    assert found.matched[1] == pytest.approx(expected.max)


def test_the_table_of_limits_says_where_a_tenth_is_reached():
    tasks = [task for task in fixed_laws() if isinstance(task, LimitTask)]
    assert len(tasks) == len(REGIMES) == 12
    cases = {
        "<= 128": made_up(0.0, 0.2, 0.4),  # .029 of .5 at the narrowest
        "256": made_up(0.0, 0.05 * 256**0.4, 0.4),
        "> 2,048 (4,000)": made_up(0.0, 0.05 * 4000**0.4, 0.4),
        "> 2,048 (never)": made_up(0.06, 1.0, 0.7),
    }
    [table] = report(list(zip(tasks, cases.values(), strict=False)))
    assert [row["width for a tenth"] for row in table.records] == list(cases)
    assert [row["regime"] for row in table.records] == [
        *("muP 1 sgd", "muP 1 adam", "standard 1 sgd", "standard 1 adam"),
    ]
    assert [row["gain"] for row in table.records] == [pytest.approx(-1)] * 4
    assert table.records[-1]["limit"].startswith("0.060 [0.0")
