"""The study of deep networks, small: tasks, summaries, tables, figure."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from lmctheory.widths.deep import ensemble, error_bound
from paper_figures import deep_widths as figure_module
from simulations.deep_widths.command import deep_widths
from simulations.deep_widths.measurement import (
    Bound,
    Pair,
    Simulation,
    Widths,
    inputs,
    run_bound,
    run_pair,
)
from simulations.deep_widths.summary import require_one_study, required, summarise
from simulations.deep_widths.tables import report, verdict
from simulations.deep_widths.tasks import (
    GAUSSIAN,
    MARGINALS,
    TIMES,
    BoundTask,
    PairTask,
    RequiredTask,
    SimulationTask,
)
from simulations.initial_networks import matched_layers, reduced_layers

COMMON = ("digits", 30, 2, 0)


def rows(seed=0):
    rng = np.random.default_rng(seed)
    return lambda m, fan_in: rng.standard_normal((m, fan_in)) * (2 / fan_in) ** 0.5


def synthetic():
    """A plan's tasks with errors that fall like m^{-1/5} and bounds 1.3 times as large."""
    plan = deep_widths("digits", examples=1000, width=[64, 512, 1024], depth=3, draws=4)
    for task in plan:
        if isinstance(task, RequiredTask):
            widths = [1234567.0 if task.eps > 0.2 else np.inf] * task.depth
            yield task, Widths(widths, widths, inputs=64)
        elif isinstance(task, PairTask):
            noise = 1 + 0.01 * (-1) ** task.draw
            square = falling(task, 0.5 * noise)
            yield (
                task,
                Pair(
                    cost=square,
                    own_cost=square,
                    lower=[0.7 * s for s in square],
                    gap=square,
                    square=[0.25] * task.depth,
                    errors=[[s] * len(TIMES) for s in square],
                    merged=square,
                    doubled=square,
                ),
            )
        else:
            square = falling(task, 1.69 * 0.5)
            errors = [square] * len(TIMES)
            if isinstance(task, SimulationTask):
                yield task, Simulation(square, errors)
            elif task.law == GAUSSIAN:
                yield task, Bound(square, errors, dropout=square, square=0.25)
            else:
                yield task, Bound(square, errors)


def falling(task, scale):
    return [scale * (layer + 1) * task.width**-0.4 for layer in range(task.depth)]


@pytest.fixture(scope="module")
def results():
    return list(synthetic())


def test_a_task_is_reproducible_and_shares_no_draws():
    pair = PairTask(*COMMON, width=16, law=GAUSSIAN, draw=0)
    first = run_pair(pair)
    assert run_pair(pair) == first
    for other in ({"draw": 1}, {"width": 18}, {"seed": 1}, {"law": MARGINALS[0]}):
        assert run_pair(replace(pair, **other)).cost != first.cost


def test_a_network_and_itself_leave_no_error():
    """B draws the weights of A: every neuron finds itself, and the line is a point."""
    W = {}

    def same(m, fan_in):
        return W.setdefault(fan_in, rows(len(W))(m, fan_in))

    x = inputs("digits", 30)
    for layer in matched_layers(x, 12, 1, TIMES, same):
        assert layer.cost == layer.gap == 0
        assert max(layer.errors) < 1e-20


def test_errors_are_those_of_drawn_outputs():
    """Against networks permuted and evaluated as such, outputs drawn: 5 standard errors."""
    x, m, t = inputs("digits", 30), 20, 0.25
    drawn = []
    draw = rows(3)
    W_a, W_b = draw(m, 64), draw(m, 64)
    weights = iter([W_a, W_b])
    (layer,) = matched_layers(x, m, 1, (t,), lambda *_: next(weights))
    a, b = x @ W_a.T, x @ W_b.T
    W_b = W_b[linear_sum_assignment(a.T @ b, maximize=True)[1]]
    phi = [np.maximum(x @ W.T, 0) for W in (W_a, W_b, t * W_a + (1 - t) * W_b)]
    rng = np.random.default_rng(1)
    for _ in range(2000):
        u, v = rng.standard_normal((2, m)) / m**0.5
        f = phi[2] @ (t * u + (1 - t) * v) - t * phi[0] @ u - (1 - t) * phi[1] @ v
        drawn.append(np.mean(f**2))
    error = np.std(drawn) / len(drawn) ** 0.5
    assert np.mean(drawn) == pytest.approx(layer.errors[0], abs=5 * error)  # false alarm 6e-7


def test_half_of_a_network_of_twins_is_the_network():
    x, half = inputs("digits", 30), 8
    W = rows(4)(half, 64)
    (found,) = reduced_layers(x, 2 * half, 1, lambda *_: np.concatenate([W, W[::-1]]))
    assert found.merged == 0
    assert found.doubled > 0.01  # outgoing weights differ between twins


def test_bounds_are_those_of_the_package():
    record = run_bound(BoundTask(*COMMON, width=16, law=GAUSSIAN))
    networks = ensemble(inputs("digits", 30), 2)
    for place, t in enumerate(TIMES):
        bound = error_bound((16, 16), networks, t=t)
        assert record.errors[place][-1] == pytest.approx(bound.value)
    one = error_bound((16,), ensemble(inputs("digits", 30), 1))
    assert record.errors[0][0] == pytest.approx(one.value)


@pytest.mark.slow
def test_measured_errors_lie_below_the_bound():
    """16 pairs, 5 standard errors: false alarm 2e-4 (t law), were the bound sharp."""
    tasks = [PairTask(*COMMON, width=32, law=GAUSSIAN, draw=k) for k in range(16)]
    errors = np.array([run_pair(task).errors for task in tasks])  # [pairs, depths, times]
    bounds = np.array(run_bound(BoundTask(*COMMON, width=32, law=GAUSSIAN)).errors).T
    slack = 5 * errors.std(axis=0, ddof=1) / 4
    assert (errors.mean(axis=0) <= bounds + slack).all()
    assert (bounds <= 4 * errors.mean(axis=0)).all()


def test_summaries(results):
    shapes = summarise(results)
    assert [shape.width for shape in shapes] == [64, 512, 1024]
    assert shapes[0].error_bound(2) / shapes[0].error(2).value == pytest.approx(1.3)
    assert shapes[-1].simulated_bound(1) == pytest.approx(shapes[-1].error_bound(1))
    assert shapes[0].simulated_bound(1) is None
    assert [shape.law for law in MARGINALS for shape in summarise(results, law)] == [*MARGINALS]
    passing = {one.eps: one.measured for one in required(results) if one.depth == 1}
    assert passing[0.4] == pytest.approx((2**0.5 / 0.4) ** 5, rel=0.01)
    assert np.isnan(passing[0.2])


def test_violations_are_counted(results):
    shapes = summarise(results)
    assert verdict(shapes).startswith("27 of 27 measured errors")
    broken = [
        (c, replace(r, errors=[[0.5 * e for e in row] for row in r.errors]))
        if isinstance(c, BoundTask) and c.width == 64
        else (c, r)
        for c, r in results
    ]
    assert verdict(summarise(broken)).startswith("18 of 27 measured errors")
    floors = [
        (c, replace(r, lower=[2 * s for s in r.cost]))
        if isinstance(c, PairTask) and c.law == GAUSSIAN
        else (c, r)
        for c, r in results
    ]
    assert "0 of 9 costs lie above D2" in verdict(summarise(floors))


def test_the_report_fits_into_100_columns_uncut(results, printed):
    text = printed(report, results)
    assert "10^(" in text  # the published tower


def test_the_figure_shows_what_was_stored(results):
    ratio, error, _ = figure_module.draw(results).axes
    np.testing.assert_allclose(ratio.lines[0].get_data(orig=False)[1], 1.3)
    np.testing.assert_allclose(
        error.containers[0].lines[0].get_data(orig=False)[1],
        2**0.5 * np.array([64, 512, 1024]) ** -0.2,
        rtol=1e-4,
    )


def test_results_that_do_not_belong_together_are_not_drawn(results):
    require_one_study(results)
    other = [(replace(c, seed=1), r) for c, r in results[:1]]
    with pytest.raises(ValueError, match="mix studies with seed"):
        require_one_study([*results, *other])
    lacking = [(c, r) for c, r in results if not isinstance(c, RequiredTask)]
    with pytest.raises(ValueError, match="not complete: resume the study"):
        require_one_study(lacking)
