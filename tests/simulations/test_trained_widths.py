"""Trained networks at unseen widths, small: measurements, predictions, tables, figure."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from lmctheory.matching import match, permute
from lmctheory.measures import Gaussian
from lmctheory.networks import MLP, load_dataset, seeded_generators
from lmctheory.paths import interpolate
from lmctheory.rates import matching_cost, wasserstein_pow
from lmctheory.sweeps.mean import Mean
from lmctheory.widths.deep import ensemble
from paper_figures import trained_widths as figure_module
from simulations.trained_widths.means import pair_mean, power, product
from simulations.trained_widths.measurement import TESTS, run
from simulations.trained_widths.networks import Neurons, functions, trained_networks
from simulations.trained_widths.prediction import predict
from simulations.trained_widths.summary import (
    COST_PREDICTORS,
    ERROR_PREDICTORS,
    Shape,
    require_one_study,
    summarise,
)
from simulations.trained_widths.tables import report, verdict
from simulations.trained_widths.tasks import AtWidth, Layer, Measured, Task
from simulations.training import Training

TRAINING = Training(epochs=2, batch_size=64, learning_rate=0.05, weight_decay=0.001)


def config(depth=2, training=TRAINING):
    return Task(
        dataset="digits",
        depth=depth,
        estimating=[8, 10, 12],
        testing=[16, 20],
        pool=8,
        networks=4,
        examples=20,
        permutations=19,
        seed=0,
        training=training,
    )


@pytest.fixture(scope="module")
def results():
    configs = [config(depth, training) for depth in (1, 2) for training in (TRAINING, None)]
    return [(c, run(c)) for c in configs]


@pytest.fixture(scope="module")
def shapes(results):
    return summarise(results)


def test_a_task_is_reproducible(results):
    assert run(results[0][0]) == results[0][1]


def test_shapes_are_sorted(shapes):
    found = [(shape.task.phase, shape.task.depth) for shape in shapes]
    assert found == [("initial", 1), ("initial", 2), ("0.001", 1), ("0.001", 2)]


def test_neurons_are_pre_activations_on_the_examples():
    data = load_dataset("digits")
    networks = trained_networks(config(2, None), 8, 3, data)
    chain, x = networks.chains[1], data.test.inputs[:20]
    z = torch.relu(x @ chain.weights[0].mT + chain.biases[0]) @ chain.weights[1].mT
    z = (z + chain.biases[1]).detach().double().numpy() / np.sqrt(20)
    np.testing.assert_allclose(networks.layers[1].neurons[1], z.T, rtol=1e-5, atol=1e-6)
    assert networks.layers[1].kept == pytest.approx(1)  # untrained
    assert networks.layers[1].movement.max() < 1e-12


def test_the_first_layer_is_matched_in_the_metric_of_the_data():
    """Without biases the cost is that of weighted matching on the same examples."""
    data = load_dataset("digits")
    networks = trained_networks(config(1, None), 8, 2, data)
    a, b = networks.chains
    weighted = match(a, b, "weighted", networks.inputs)
    own = wasserstein_pow(*networks.layers[0].neurons)
    assert own == pytest.approx(next(iter(weighted.cost.values())), rel=1e-5)


def test_neurons_do_not_depend_on_the_order_of_earlier_layers():
    data = load_dataset("digits")
    chain = trained_networks(config(2, None), 8, 2, data).chains[0]
    orders = [np.random.default_rng(0).permutation(8), np.arange(8)]
    other = permute(chain, dict(zip(chain.names, orders, strict=False)))
    before, after = functions([chain, other], data.test.inputs[:20])[1]
    np.testing.assert_allclose(before, after, atol=1e-6)


def untrained(results, width=16):
    """What was measured at that width, one hidden layer, its networks, and the examples."""
    record = next(r for c, r in results if c.depth == 1 and c.training is None)
    seeds = np.random.SeedSequence([0, 1, width]).generate_state(4).tolist()
    models = [MLP((64, width, 10), rng=seeded_generators(s)[0]) for s in seeds]
    return record.measured[width], models, load_dataset("digits").test.inputs[:20]


def test_costs_and_errors_are_those_of_the_definition(results):
    """Against a module-by-module computation of one pair."""
    measured, models, x = untrained(results)
    a, b = models[1], models[3]
    matching = match(a, b, "weighted", x)
    b = matching.apply(b)
    [cost] = matching.cost.values()
    assert measured.layers[0].costs[1][3] == pytest.approx(cost, rel=1e-4)
    with torch.no_grad():
        f_a, f_b, f = a(x), b(x), interpolate(a, b, 0.5)(x)
        square = models[0](x).square().sum(1).mean()
    scale = (f_a.square().sum() + f_b.square().sum()) / 2
    error = (f - (f_a + f_b) / 2).square().sum() / scale
    assert measured.errors[1][3] == pytest.approx(float(error), rel=1e-3)
    gain = models[0].linears[-1].weight.detach().square().sum() / square
    assert measured.gain[0] == pytest.approx(float(gain), rel=1e-5)


def test_the_incoherent_error_is_the_mean_over_signs_of_the_output_weights(results):
    """Random signs of the neurons' outgoing weights make their contributions uncorrelated."""
    measured, models, x = untrained(results)
    a, b = models[0], models[1]
    b = match(a, b, "weighted", x).apply(b)
    middle = interpolate(a, b, 0.5)
    with torch.no_grad():
        scale = (a(x).square().sum() + b(x).square().sum()) / 2
        phi = [torch.relu(net.linears[0](x)) for net in (a, b, middle)]
        W = [net.linears[1].weight for net in (a, b, middle)]
        parts = (
            torch.einsum("ni,ci->nic", phi[2], W[2])
            - (torch.einsum("ni,ci->nic", phi[0], W[0]) + torch.einsum("ni,ci->nic", phi[1], W[1]))
            / 2
        )
    expected = float(parts.square().sum() / scale)
    found = measured.incoherent[0][1]
    assert found == pytest.approx(expected, rel=1e-3)


def test_d1_is_the_recursion_of_deep_networks(shapes):
    """With M_l = V_l - s_w^2 G_{l-1}, as in the docstring of `predicted_error`."""
    V, s_w, gain = (0.7, 0.9), 1.3, 2.0
    G1 = 0.5 * V[0]
    networks = ensemble(np.eye(3), 2, s_w=s_w)
    _, X = networks.recursion([V[0], V[1] - s_w**2 * G1], 0.5)
    layers = [
        Layer(np.full((3, 3), v).tolist(), (v, 0.0), {}, variance=1.0, kept=1.0, movement=[0.0] * 3)
        for v in V
    ]
    at_width = AtWidth([1.0] * 3, [gain] * 3, errors=[], incoherent=[], layers=layers)
    shape = Shape(config(2), Measured({8: at_width}, predictions=[]))
    assert shape.d1(8).value ** 2 == pytest.approx(gain * 0.25 * X)


def test_pair_means_have_the_jackknife_s_error():
    values = np.random.default_rng(0).random((5, 5))
    pairs = list(combinations(range(5), 2))
    left = [np.mean([values[j, k] for j, k in pairs if i not in (j, k)]) for i in range(5)]
    expected = np.sqrt(4 / 5 * np.sum(np.square(left - np.mean(left))))
    found = pair_mean(values)
    assert found.value == pytest.approx(np.mean([values[j, k] for j, k in pairs]))
    assert found.error == pytest.approx(expected)
    assert np.isnan(pair_mean(values[:2, :2]).error)


def test_the_error_of_a_pair_mean_covers_its_scatter():
    """u_j + u_k over the pairs of 8 networks: the mean is that of 2 u, its deviation 2/sqrt(8)."""
    rng = np.random.default_rng(1)
    found = [pair_mean(np.add.outer(u, u)) for u in rng.standard_normal((400, 8))]
    # relative error of a deviation from 400 draws 3.5 %; four of them
    assert np.std([one.value for one in found]) == pytest.approx(2 / np.sqrt(8), rel=0.15)
    typical = np.sqrt(np.mean([one.error**2 for one in found]))
    assert typical == pytest.approx(2 / np.sqrt(8), rel=0.15)


def test_errors_propagate_to_first_order():
    a, b = Mean(2.0, 0.2), Mean(4.0, 0.2)
    assert product((a, 1), (b, -1)).value == pytest.approx(0.5)
    assert product((a, 1), (b, -1)).error == pytest.approx(0.5 * np.hypot(0.1, 0.05))
    assert power(b, 0.5).error == pytest.approx(2 * 0.025)


def test_independent_neurons_of_one_law_are_predicted():
    """Gaussian neurons in three dimensions, unmoved: within 5 errors of a simulation."""
    rng = np.random.default_rng(2)
    law = Gaussian(spectrum=[1.0, 1.0, 1.0])
    neurons = law.sample(32 * 64, rng=rng).reshape(32, 64, 3)
    still = [Mean(0.0, 0.0)] * 3
    found = predict(Neurons(neurons, neurons), still, [16, 32, 64], [128, 256], rng)
    for width in (128, 256):
        true = matching_cost(law, width, repeats=32, rng=rng)
        for name in ("pool", "moved", "gauss"):
            value, error = getattr(found[width], name)
            assert abs(value - true.mean) < 5 * np.hypot(error, true.standard_error), name
            assert error < 0.1 * value
        assert found[width].lower < true.mean < found[width].upper
        # the local slope steepens towards -2/3 in this range: an extrapolation from 8..64 lags
        assert found[width].slope[0] == pytest.approx(true.mean, rel=0.25)


def test_movement_that_falls_with_the_width_is_rescaled():
    """x = x_0 + delta, variances 1 and 256/m: the cost at 256 is twice the initial one."""
    rng = np.random.default_rng(3)
    start = rng.standard_normal((64, 64, 3))
    layer = Neurons(start, start + 2 * rng.standard_normal(start.shape))
    movements = [Mean(3 * 256 / m, 1e-3 / m) for m in (16, 32, 64)]
    found = predict(layer, movements, [16, 32, 64], [256], rng)[256]
    true = matching_cost(Gaussian(spectrum=[2.0] * 3), 256, repeats=64, rng=rng)
    value, error = found.moved
    assert abs(value - true.mean) < 5 * np.hypot(error, true.standard_error)
    assert error < 0.05 * value
    assert found.pool[0] == pytest.approx(2.5 * value, rel=0.25)


def test_the_kept_part_is_a_regression():
    rng = np.random.default_rng(4)
    start = rng.standard_normal((2, 2000, 3))
    move = 0.1 * rng.standard_normal(start.shape)
    layer = Neurons(start, 0.9 * start + move)
    assert layer.kept == pytest.approx(0.9, abs=0.01)  # five standard errors 0.1 / sqrt(12000)
    assert layer.movement.mean() == pytest.approx(0.03, rel=0.1)
    np.testing.assert_allclose(layer.with_movement(1.0), layer.neurons)
    np.testing.assert_allclose(layer.with_movement(0.0), layer.kept * start)


def test_every_prediction_is_there(shapes):
    for shape in shapes:
        for width in shape.task.testing:
            for layer in range(shape.task.depth):
                for name in COST_PREDICTORS:
                    assert shape.predicted_cost(layer, width, name).value > 0
                lower, upper = shape.sandwich(layer, width)
                gauss = shape.predicted_cost(layer, width, "gauss")
                assert lower - 5 * gauss.error < gauss.value < upper + 5 * gauss.error
            for name in ERROR_PREDICTORS:
                assert shape.predicted_error(width, name).value > 0


def test_predictions_use_nothing_of_the_testing_widths(results):
    """Other testing networks, the same predictions."""
    c, record = results[0]
    fewer = run(replace(c, networks=3))
    assert fewer.predictions == record.predictions
    assert fewer.measured[16].gain != record.measured[16].gain


def precise(results):
    """As many digits as many networks give: relative errors of 0.1 per cent."""
    rng = np.random.default_rng(5)

    def layer(one):
        K = len(one.costs)
        costs = 0.1507 * (1 + 2e-3 * rng.standard_normal((K, K)))
        return replace(one, costs=costs.tolist())

    def prediction(one):
        names = COST_PREDICTORS[:-1]
        return replace(one, **dict.fromkeys(names, (1.1 * 0.1507, 1e-3)))

    return [
        (
            task,
            Measured(
                {
                    width: replace(one, layers=list(map(layer, one.layers)))
                    for width, one in record.measured.items()
                },
                [
                    {width: prediction(one) for width, one in of_layer.items()}
                    for of_layer in record.predictions
                ],
            ),
        )
        for task, record in results
    ]


def test_the_report_fits_into_100_columns_uncut(results, printed):
    printed(report, precise(results))
    text = printed(report, results)
    assert str(summarise(results)[0].cost(0, 16)) in text
    assert "untrained, layer 1 (independent by construction): cost " in text


def test_the_verdict_counts_rejections(shapes):
    lines = verdict(shapes).splitlines()
    assert len(lines) == 5
    ps = [
        shape.test(0, width, "mean").p
        for shape in shapes
        if shape.task.training is not None
        for width in shape.task.widths
    ]
    assert f"mean {sum(p <= 0.05 for p in ps)} of {len(ps)}" in lines[3]


def test_wide_layers_are_not_tested_by_their_cost(monkeypatch):
    monkeypatch.setattr("simulations.trained_widths.measurement.COST_TEST_WIDTH", 12)
    c = config(1, None)
    shape = Shape(c, run(c))
    assert shape.test(0, 12, "cost") is not None
    assert shape.test(0, 16, "cost") is None
    assert all(shape.test(0, 16, name) is not None for name in TESTS if name != "cost")


def test_the_figure_shows_what_was_stored(results, shapes):
    figure = figure_module.draw(results)
    measured = [shape for shape in shapes if shape.task.phase == "0.001"]
    first = figure.axes[0].containers[0]
    assert first.get_label() == "measured"
    expected = [measured[0].cost(0, m).value for m in measured[0].task.widths]
    np.testing.assert_allclose(first.lines[0].get_ydata(orig=False), expected)
    error = figure.axes[-1].containers[0].lines[0].get_ydata(orig=False)
    np.testing.assert_allclose(error, [measured[1].error(m).value for m in measured[1].task.widths])


def test_results_of_several_studies_are_not_drawn_together(results):
    require_one_study(results)
    first, record = results[0]
    for other, message in (
        (replace(first, training=replace(TRAINING, epochs=3)), "different training options"),
        (replace(first, training=replace(TRAINING, weight_decay=0.5)), "not complete"),
    ):
        with pytest.raises(ValueError, match=message):
            require_one_study([*results, (other, record)])
    with pytest.raises(ValueError, match="no trained networks"):
        require_one_study([(c, r) for c, r in results if c.training is None])


def test_a_diverged_training_says_so():
    with pytest.raises(ValueError, match="lower --learning-rate"):
        run(config(1, replace(TRAINING, learning_rate=1e30)))
