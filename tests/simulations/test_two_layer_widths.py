"""The study of two-layer widths, small: its three parts, summaries, tables, figure."""

from dataclasses import replace

import numpy as np
import pytest

from lmctheory.measures import Gaussian, UniformCube
from lmctheory.widths.fixed_outputs import neuron_on_data
from paper_figures import two_layer_widths as figure_module
from simulations.two_layer_widths.command import two_layer_widths
from simulations.two_layer_widths.dynamics import descend, mean_field_limit, predict
from simulations.two_layer_widths.problems import PROBLEMS
from simulations.two_layer_widths.sampling import ACTIVATIONS, law_of, run_sampling
from simulations.two_layer_widths.summary import (
    require_one_study,
    sampled,
    slope,
    students,
    trained,
)
from simulations.two_layer_widths.tables import report
from simulations.two_layer_widths.tasks import Case, MeanFieldTask, SamplingTask, TeacherTask
from simulations.two_layer_widths.teacher import run_teacher
from simulations.two_layer_widths.training import run_mean_field

OPTIONS = {"widest": 64, "draws": 2, "reference": 256, "pairs": 2, "seed": 0}
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def results():
    """The smallest study, without its dearest tasks."""
    found = []
    for task in two_layer_widths(**OPTIONS):
        if isinstance(task, SamplingTask):
            if task.inputs < 3:
                found.append((task, run_sampling(task)))
        elif isinstance(task, MeanFieldTask):
            if task.problem != "digits, 64 pixels":
                found.append((task, run_mean_field(task)))
        elif task.width in ((4, 16) if task.inputs == 5 else (16,)):
            found.append((task, run_teacher(task)))
    return found


def sampling_task(law, inputs=2, bias=False, p=2, width=48, draws=8):
    return SamplingTask(law, inputs, bias, p, width, draws, seed=0)


@pytest.mark.parametrize("law", ["bounded", "Gaussian"])
@pytest.mark.parametrize("p", [1, 2])
def test_errors_obey_their_bounds(law, p):
    record = run_sampling(sampling_task(law, bias=True, p=p))
    assert run_sampling(sampling_task(law, bias=True, p=p)) == record
    for activation in ACTIVATIONS:
        one = record.errors[activation]
        for error, gaps, given in zip(one.error, one.gaps, one.given, strict=True):
            assert error <= gaps * (1 + 1e-12)
            assert gaps <= given
        # 8 draws far below the bound of their mean
        assert np.mean(one.error) <= one.bound
    fewer = run_sampling(sampling_task(law, bias=True, p=p, width=12))
    assert np.mean(fewer.distance) > np.mean(record.distance)


def test_laws_are_those_of_the_neurons():
    assert law_of(Case("bounded", 3, True)) == UniformCube(5, side=2.0)
    gaussian = law_of(Case("Gaussian", 3, False))
    assert isinstance(gaussian, Gaussian)
    assert gaussian.dimension == 3


@pytest.mark.parametrize("name", PROBLEMS)
def test_problems_lie_in_the_unit_ball(name):
    problem = PROBLEMS[name]()
    assert (problem.inputs[:, -1] == 1).all()
    assert problem.radius == pytest.approx(2**0.5)
    assert len(problem.targets) == len(problem.inputs)


def test_descent_is_the_gradient_of_the_risk():
    """Finite differences of the risk, times N for the mean-field scaling."""
    problem = PROBLEMS["teacher, 2 inputs"]()
    w, h = RNG.standard_normal((3, problem.dimension)), 1e-5

    def risk(w):
        return np.square(problem.targets - predict(problem, w)).mean()

    gradient = np.zeros_like(w)
    for index in np.ndindex(*w.shape):
        moved = np.zeros_like(w)
        moved[index] = h
        gradient[index] = (risk(w + moved) - risk(w - moved)) / (2 * h)
    stepped, outputs = descend(problem, w, 0.01, 1)
    np.testing.assert_allclose(stepped, w - 0.01 * len(w) * gradient, atol=1e-6)
    np.testing.assert_allclose(outputs[0], predict(problem, w), atol=1e-6)


def test_the_spread_is_the_derivative_of_the_flow():
    problem = PROBLEMS["teacher, 2 inputs"]()
    limit = mean_field_limit(problem, 512, 0.02, 15, rng=RNG)
    w = RNG.standard_normal((1, problem.dimension))
    constants = neuron_on_data("tanh", output=problem.output, inputs=problem.inputs)
    spread = limit.spread(w, constants.curvature)
    h = 1e-2  # single precision
    columns = [
        (limit.carry(w + h * e)[0] - limit.carry(w - h * e)[0])[0] / (2 * h)
        for e in np.eye(problem.dimension)
    ]
    assert spread.largest[-1] == pytest.approx(np.linalg.norm(columns, 2), rel=1e-2)
    assert spread.largest[-1] == spread.mean_square[-1]  # of a single neuron
    assert spread.largest[0] == spread.local[0] == spread.bound[0] == 1
    assert (spread.largest <= spread.local * (1 + 1e-9)).all()
    assert (spread.local <= spread.bound * (1 + 1e-9)).all()


def test_the_reference_is_coupled_to_itself():
    problem = PROBLEMS["teacher, 2 inputs"]()
    w = RNG.standard_normal((64, problem.dimension))
    ends, outputs = descend(problem, w, 0.02, 10)
    carried, _ = descend(problem, w, 0.02, 10, problem.targets - outputs)
    np.testing.assert_allclose(carried, ends, atol=1e-5)


@pytest.mark.slow
def test_trained_networks_obey_their_bounds(results):
    for one in trained(results):
        assert one.widths == (32, 64)
        for width in one.widths:
            at = one.record.widths[width]
            for coupling, bound in zip(at.coupling, at.coupling_bound, strict=True):
                assert coupling <= bound
            for trained_, pair in zip(at.trained, at.pairs, strict=True):
                assert trained_ <= pair.distance_bound
                assert pair.error <= pair.given
                assert pair.error <= pair.error_bound
                assert pair.barrier <= pair.barrier_bound
            assert max(at.trained) <= at.known_distance
            assert max(pair.error for pair in at.pairs) <= at.known_error
        assert one.record.risk[-1] < one.record.risk[0]


def test_students_learn_and_match(results):
    for group in students(results):
        record = group.records[16]
        assert np.mean(record.loss) < 0.05
        assert np.mean(record.matched) < np.mean(record.unmatched) / 4


def test_slopes_are_recovered():
    draws = {N: (N**-0.5 * np.array([0.99, 1.0, 1.01])).tolist() for N in (32, 64, 128, 256)}
    found = slope(draws)
    assert found.value == pytest.approx(-0.5)
    assert 0 < found.error < 0.01
    assert np.isnan(slope(draws, least=128).value)  # two widths show no scatter
    rough = {N: [v * (1.2 if N == 64 else 1.0) for v in values] for N, values in draws.items()}
    assert slope(rough).error > 3 * found.error
    single = draws | {512: [7.0], 1024: [-1.0, -1.1]}
    assert slope(single) == found


def test_the_report_fits_into_100_columns_uncut(results, printed):
    text = printed(report, results)
    for name in ("teacher, 2 inputs", "digits, 3 components", "slope", "2 + 1", "20 inputs"):
        assert name in text
    assert all(one.worst(name) <= 1 for one in sampled(results, 2) for name in ACTIVATIONS)


def test_the_figure_shows_what_was_stored(results, monkeypatch):
    monkeypatch.setattr(figure_module, "_BEYOND", (32, 64))
    figure = figure_module.draw(results)
    couplings = figure.axes[2].containers[0].lines[0]
    widths, heights = couplings.get_data(orig=False)
    first = trained(results)[0].of(lambda at: at.coupling)
    np.testing.assert_allclose(widths, [32, 64])
    np.testing.assert_allclose(heights, [np.mean(first[N]) for N in (32, 64)])


def test_results_of_several_studies_are_not_drawn_together(results):
    require_one_study(results)
    config, record = results[0]
    with pytest.raises(ValueError, match="the results mix studies"):
        require_one_study([*results, (replace(config, seed=1), record)])
    for part in (SamplingTask, MeanFieldTask, TeacherTask):
        lacking = [(c, r) for c, r in results if not isinstance(c, part)]
        with pytest.raises(ValueError, match="not complete: resume the study"):
            require_one_study(lacking)


def test_the_plan_keeps_to_its_options():
    tasks = list(two_layer_widths(8192, 16, 1024, 3, 5))
    assert all(task.seed == 5 for task in tasks)
    sampling = [task for task in tasks if isinstance(task, SamplingTask)]
    widths = {(task.inputs, task.bias, task.width) for task in sampling}
    assert (2, False, 8192) in widths
    assert (5, False, 8192) not in widths
    draws = {task.width: task.draws for task in sampling}
    assert [draws[N] for N in (32, 512, 1024, 4096, 8192)] == [16, 16, 8, 2, 1]
    assert len(set(map(str, tasks))) == len(tasks)
