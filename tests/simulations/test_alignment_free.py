"""The study of asymmetric networks: what is fixed, what swaps cost, and its claims."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from lmctheory.networks import MLP, TrainingConfig, load_dataset, seeded_generators, train_many
from lmctheory.paths import barrier
from paper_figures.alignment_free import draw
from simulations.alignment_free.command import alignment_free
from simulations.alignment_free.measurement import (
    AMBIENT,
    Measured,
    PairTask,
    SwapTask,
    _data,
    run_pairs,
    run_swaps,
)
from simulations.alignment_free.networks import KINDS, Family
from simulations.alignment_free.summary import claims, predicted, report, require_one_study, rows
from simulations.alignment_free.swaps import (
    function_swaps,
    realisation_costs,
    span_of,
    weight_swaps,
)
from simulations.training import Training

WIDTHS = (64, 12, 9, 10)


@pytest.fixture(scope="module")
def trained():
    """By kind two networks of a family, briefly trained."""
    digits, config = load_dataset("digits").train, TrainingConfig(epochs=1, learning_rate=0.05)
    families = {kind: Family(kind, WIDTHS, 2.0, 0.25, 7) for kind in KINDS}
    return {
        kind: train_many([family.start(s) for s in (1, 2)], digits, config, seeds=(1, 2))
        for kind, family in families.items()
    }


def test_training_leaves_what_is_fixed(trained):
    for layers in zip(*(network.layers for network in trained["fixed"]), strict=True):
        a, b = layers
        assert torch.equal(a.trained, b.trained)
        held = a.trained == 0
        assert held.sum(1).unique().tolist() == [round(held.shape[1] / 4)]
        assert torch.equal(a.effective[held], b.effective[held])
        assert torch.equal(a.effective[held], a.fixed[held])
        assert (a.effective != b.effective)[~held].all()
        assert not a.fixed[~held].any()


def test_a_start_in_common_is_only_a_start(trained):
    a, b = trained["shared"]
    start = Family("shared", WIDTHS, 2.0, 0.25, 7).start(1)
    held = Family("fixed", WIDTHS, 2.0, 0.25, 7).start(1).layers[0].trained == 0
    assert torch.equal(
        start.layers[0].weight[held],
        Family("shared", WIDTHS, 2.0, 0.25, 7).start(2).layers[0].weight[held],
    )
    assert not torch.equal(a.layers[0].weight[held], b.layers[0].weight[held])


@pytest.mark.parametrize("kappa", [0.0, 1.0, 10.0])
def test_rows_have_the_variance_of_he(kappa):
    layer = Family("fixed", (400, 300, 2), kappa, 0.5, 0).start(0).layers[0]
    squares = layer.effective.detach().square().sum(1)
    assert float(squares.mean()) == pytest.approx(2, rel=0.05)
    if kappa:
        parts = [float(part.detach().square().sum()) for part in (layer.fixed, layer.weight)]
        assert parts[0] / parts[1] == pytest.approx(kappa**2, rel=0.05)
    else:
        assert not layer.fixed.any()


def test_segments_are_those_of_plain_networks(trained):
    a, b = trained["fixed"]
    test = load_dataset("digits").test[:100]
    as_modules = barrier(a, b, test, points=5)
    as_chains = barrier(a.plain(), b.plain(), test, points=5)
    np.testing.assert_allclose(as_modules.loss, as_chains.loss, rtol=1e-5)


def test_gated_neurons_cannot_be_permuted(trained):
    network = trained["gated"][0]
    x = load_dataset("digits").test.inputs[:20].flatten(1)
    y = x
    for k, layer in enumerate(network.layers[:-1]):
        z = y @ layer.weight.T + layer.bias
        y = z / (1 + torch.exp(-z @ network.get_buffer(f"gate_{k}").T))
    last = network.layers[-1]
    with torch.no_grad():
        torch.testing.assert_close(network(x), y @ last.weight.T + last.bias)
        permuted = Family("gated", WIDTHS, 0.0, 0.25, 7).start(1)
        permuted.load_state_dict(network.state_dict())
        order = torch.arange(9).roll(1)
        permuted.layers[1].weight.copy_(network.layers[1].weight[order])
        permuted.layers[1].bias.copy_(network.layers[1].bias[order])
        permuted.layers[2].weight.copy_(network.layers[2].weight[:, order])
        assert (network(x) - permuted(x)).abs().max() > 1e-2


def test_a_swap_changes_the_function_as_said():
    net = MLP((5, 7, 3), rng=seeded_generators(0)[0], dtype=torch.float64)
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(40) % 3
    with torch.no_grad():
        phi = torch.relu(net.layers[0](x))
        swaps = function_swaps(phi, net.layers[1].weight)
        before = net(x)
        i, j = 2, 5
        for tensor in (net.layers[0].weight, net.layers[0].bias):
            tensor[[i, j]] = tensor[[j, i]]
        change = net(x) - before
    v = net.layers[1].weight.detach()
    by_hand = (phi[:, [j]] - phi[:, [i]]) * (v[:, i] - v[:, j])
    torch.testing.assert_close(change, by_hand)
    assert float(swaps[i, j]) == pytest.approx(float(change.square().sum(1).mean().sqrt()))
    loss = torch.nn.functional.cross_entropy
    assert abs(loss(before + change, labels) - loss(before, labels)) <= 2**0.5 * swaps[i, j]


def test_realisation_costs_are_least_squares():
    rng = torch.Generator().manual_seed(1)
    m, d, k = 5, 12, 4
    span = torch.linalg.qr(torch.randn(d, k, generator=rng, dtype=torch.float64)).Q
    trained = (torch.rand(m, d, generator=rng) < 0.6).double()
    fixed = torch.randn(m, d, generator=rng).double() * (1 - trained)
    effective = fixed + torch.randn(m, d, generator=rng).double() * trained
    costs = realisation_costs(span, effective, fixed, trained)
    for i in range(m):
        for j in range(m):
            wanted = span.T @ (effective[j] - fixed[i])
            least = np.linalg.lstsq((span.T * trained[i]).numpy(), wanted.numpy(), rcond=None)[0]
            assert float(costs[i, j]) == pytest.approx(float(least @ least))
    assert (costs.diagonal() <= ((effective * trained) ** 2).sum(1) + 1e-9).all()


def test_swaps_cost_nothing_where_nothing_is_fixed():
    effective = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    span = span_of(torch.randn(50, 8, generator=torch.Generator().manual_seed(1)))
    swaps = weight_swaps(realisation_costs(span, effective, torch.zeros(6, 8), torch.ones(6, 8)))
    assert float(swaps.abs().max()) < 1e-6


def test_swap_costs_have_a_closed_form_for_even_masks():
    k, m = 4, 6  # each coordinate of the span comes twice, and every mask has one of both
    span = torch.cat([torch.eye(k), torch.eye(k)]) / 2**0.5
    rng = torch.Generator().manual_seed(0)
    first = (torch.rand(m, k, generator=rng) < 0.5).double()
    trained = torch.cat([first, 1 - first], 1)
    fixed = torch.randn(m, 2 * k, generator=rng).double() * (1 - trained)
    effective = fixed + torch.randn(m, 2 * k, generator=rng).double() * trained
    swaps = weight_swaps(realisation_costs(span, effective, fixed, trained))
    a, v = effective @ span.double(), fixed @ span.double()
    expected = 4 * ((a[:, None] - a[None]) * (v[:, None] - v[None])).sum(-1)
    torch.testing.assert_close(swaps, expected)


def test_spans_hold_the_variance():
    rng = torch.Generator().manual_seed(0)
    inputs = torch.randn(200, 3, generator=rng) @ torch.randn(3, 10, generator=rng) + 5
    assert span_of(inputs, 0.999999).shape == (10, 3)
    assert span_of(inputs, 0.1).shape == (10, 1)


def test_a_teachers_inputs_have_their_dimension():
    task = PairTask("teacher", 4, "ordinary", 1, 4, 0.0, 0.0, 2, Training(epochs=1), 0)
    inputs = _data(task, None).train.inputs
    assert inputs.shape[1] == AMBIENT
    assert int(torch.linalg.matrix_rank(inputs)) == 4
    assert float(inputs.square().mean()) == pytest.approx(1, rel=0.2)


def test_cheapest_swaps_of_two_neurons_are_one():
    found = run_swaps(SwapTask(3, 4, [2, 40], 3, 0))
    assert found.least[0] == found.nearest[0]
    assert np.mean(found.least[1]) < np.mean(found.nearest[1]) < np.mean(found.nearest[0])
    assert predicted(SwapTask(5, 10, [], 1, 0)) == pytest.approx({"least": -0.9, "nearest": -0.7})
    assert predicted(SwapTask(50, 10, [], 1, 0))["nearest"] == pytest.approx(-0.6)


def test_what_pairs_record():
    training = Training(epochs=1, learning_rate=0.05)
    for kind in KINDS:
        fixed = kind in ("shared", "fixed")
        task = PairTask("digits", 0, kind, 2, 6, 3.0 * fixed, 0.5 * fixed, 2, training, 0)
        found = run_pairs(task)
        assert len(found.unmatched) == len(found.loss) == len(found.accuracy) == 2
        assert len(found.matched) == len(found.typical) == (0 if kind == "gated" else 2)
        assert [len(costs) for costs in found.weight_cost] == ([2, 2] if kind == "fixed" else [])
        pairs = zip(found.loss_change, found.loss_bound, strict=True)
        assert all(change <= bound for change, bound in pairs)


def made(task):
    """Fixed and shared networks have a tenth of the barrier, ordinary ones have all of it."""
    low = task.kind in ("shared", "fixed") and task.kappa > 0
    values = [(0.1 if low else 1.0) * (1 + 0.01 * k) for k in range(4)]
    loss = [(0.15 if task.kind == "fixed" else 0.1) + 0.001 * k for k in range(4)]
    size = float(task.dimension or 3) * (1 + task.kappa)
    costs = [[size * (1 + 0.01 * k)] for k in range(4)] if task.kind == "fixed" else []
    plain = [] if task.kind == "gated" else values
    return Measured(values, plain, loss, loss, plain, costs, plain, plain, plain, plain)


@pytest.fixture
def results():
    tasks = list(alignment_free(width=[16, 32], at=32, neurons=[3, 6], draws=2))
    return [(task, made(task) if isinstance(task, PairTask) else run_swaps(task)) for task in tasks]


def test_claims_follow_what_is_measured(results, printed):
    found = {claim.text: claim.verdict for claim in claims(rows(results))}
    assert found["fixed below ordinary"] == "reproduced"
    assert found["gated below ordinary"] == "not reproduced"
    assert found["fixed: falls with width"] == "not reproduced"
    assert found["fixed below shared start"] == "not reproduced"
    assert found["largest kappa: below matched"] == "reproduced"
    assert found["largest kappa: below shared start"] == "not reproduced"
    assert found["own loss: fixed above ordinary"] == "reproduced"
    assert found["least kappa: below ordinary"] == "not reproduced"
    assert found["swap cost rises with dimension"] == "reproduced"
    text = printed(report, results)
    assert "least" in text
    widths, kappas, dimensions = draw(results).axes
    drawn = {
        bars.get_label(): bars.lines[0].get_ydata().astype(float) for bars in widths.containers
    }
    assert list(drawn)[-1] == "ordinary, matched"
    np.testing.assert_allclose(drawn["entries fixed"], 0.1015)
    assert len(kappas.containers) == 2
    assert len(dimensions.containers) == 3


def test_tables_show_every_setting_once(results):
    found = rows(results)
    assert [(row.task.width, row.task.kind) for row in found.widths] == [
        (width, kind) for width in (16, 32) for kind in KINDS
    ]
    assert {row.task.kappa for row in found.kappas} == {0.0, 1.0, 3.0, 10.0}
    assert {row.task.width for row in found.kappas} == {32}
    assert len(found.dimensions) == 5 * 3
    assert rows([]).widths == []


@pytest.mark.parametrize(
    "other", [{"training": Training(epochs=3)}, {"dataset": "mnist"}, {"depth": 1}]
)
def test_another_training_or_data_set_is_another_study(results, other):
    task, one = results[0]
    require_one_study(results)
    with pytest.raises(ValueError, match=f"the results mix studies with {next(iter(other))}"):
        require_one_study([*results, (replace(task, **other), one)])
