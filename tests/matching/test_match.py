"""Matchings: against exhaustion, planted permutations and a transcription of Git Re-Basin."""

from dataclasses import replace
from inspect import unwrap
from itertools import permutations as all_permutations
from itertools import product

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torch import nn
from torch.nn import functional

from lmctheory.matching import (
    METHODS,
    layer_costs,
    layer_inputs,
    match,
    permute,
    second_moments,
    symmetry,
)
from lmctheory.matching._match import tried
from lmctheory.matching.alignment import side_by_side
from lmctheory.matching.costs.neuron_costs import all_parameters, gain_matrix
from lmctheory.matching.groups import Symmetry
from lmctheory.matching.solvers import (
    SOLVERS,
    Solution,
    Solver,
    assignment,
    coordinate_descent,
    propagated,
)
from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    affine_chain,
    load_dataset,
    seeded_generators,
    train_many,
)
from lmctheory.networks.cnn import CNN, VGG
from lmctheory.networks.resnet import ResNet20
from lmctheory.networks.vit import ViT
from lmctheory.paths import barrier
from simulations.matching_methods.narrow import git_rebasin
from tests.rarely import rarely

LAYERWISE = ("naive", "weighted", "activation")


def mlp(*widths: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> MLP:
    """A network whose biases matter."""
    rng = torch.Generator().manual_seed(seed)
    net = MLP(widths, rng=rng, dtype=dtype)
    with torch.no_grad():
        for layer in net.linears:
            layer.bias.normal_(0.0, 0.3, generator=rng)
    return net


def sequential(*widths: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    """The same weights as `mlp`, in another module."""
    linears = mlp(*widths, seed=seed, dtype=dtype).linears
    return nn.Sequential(*(module for layer in linears for module in (layer, nn.ReLU())))[:-1]


def pair(*widths: int, seed: int = 0) -> tuple[MLP, MLP]:
    return mlp(*widths, seed=2 * seed), mlp(*widths, seed=2 * seed + 1)


def inputs(n: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed)).double()


def shuffled(net, seed: int):
    rng = np.random.default_rng(seed)
    orders = {group.name: rng.permutation(group.size) for group in symmetry(net).groups}
    return permute(net, orders), orders


def arrays(net) -> tuple[list[np.ndarray], list[np.ndarray]]:
    chain = affine_chain(net)
    return [W.numpy() for W in chain.weights], [b.numpy() for b in chain.biases]


def inner_product(net_a, net_b, orders) -> float:
    """The sum over layers and biases of <W_A, P_l W_B P_{l-1}^T>, as it is written."""
    (W_a, b_a), (W_b, b_b) = arrays(net_a), arrays(net_b)
    matrices = [
        np.eye(W_a[0].shape[1]),
        *(np.eye(len(order))[order] for order in orders),
        np.eye(len(b_a[-1])),
    ]
    return sum(
        np.trace(W_a[k].T @ matrices[k + 1] @ W_b[k] @ matrices[k].T)
        + b_a[k] @ matrices[k + 1] @ b_b[k]
        for k in range(len(W_a))
    )


def test_one_hidden_layer_attains_the_least_cost_of_all_permutations():
    x = inputs(30, 3)
    for seed in range(5):
        a, b = pair(3, 5, 2, seed=seed)
        (W_a, b_a), (W_b, b_b) = arrays(a), arrays(b)
        phi_a = layer_inputs(a, x)["layers.1.weight"].numpy().T
        phi_b = layer_inputs(b, x)["layers.1.weight"].numpy().T
        about_a = _about_mean(x.numpy().T)
        features = {
            "naive": (W_a[0], W_b[0]),
            "weighted": (W_a[0] @ x.numpy().T / 30**0.5, W_b[0] @ x.numpy().T / 30**0.5),
            "activation": (phi_a / 30**0.5, phi_b / 30**0.5),
            "weighted centred": (W_a[0] @ about_a, W_b[0] @ about_a),
            "activation centred": (_about_mean(phi_a), _about_mean(phi_b)),
            "weight": (
                np.column_stack([W_a[0], b_a[0], W_a[1].T]),
                np.column_stack([W_b[0], b_b[0], W_b[1].T]),
            ),
        }
        for method, (f_a, f_b) in features.items():
            least = min(
                ((f_a - f_b[list(order)]) ** 2).sum() / 5 for order in all_permutations(range(5))
            )
            name, _, centred = method.partition(" ")
            cost = match(a, b, name, x, centred=bool(centred)).cost
            assert cost == {"layers.0": pytest.approx(least, rel=1e-10)}, method


def _about_mean(rows):
    """Columns over examples, so that inner products are covariances."""
    return (rows - rows.mean(1, keepdims=True)) / rows.shape[1] ** 0.5


def test_coordinate_descent_over_two_groups_against_all_permutations():
    for seed in range(8):
        a, b = pair(3, 4, 4, 2, seed=seed)
        orders = list(all_permutations(range(4)))
        best = max(inner_product(a, b, [list(p), list(q)]) for p, q in product(orders, orders))
        matching = match(a, b)
        found = inner_product(a, b, matching.permutations.values())
        assert matching.objective == pytest.approx(found, rel=1e-12)
        assert found <= best + 1e-10
        assert found >= matching.traces["identity"][0]


@pytest.mark.parametrize("order", [None, np.random.default_rng(3)])
def test_coordinate_descent_ends_where_no_group_can_be_improved(order):
    a, b = pair(6, 12, 15, 9, 3)
    solution = coordinate_descent(side_by_side(a, b), rng=order)
    aligned = solution.alignment
    for group in aligned.symmetry.groups:
        gain = gain_matrix(all_parameters(group, aligned))  # from scratch, not by corrections
        best = gain.gather(1, torch.as_tensor(assignment(gain))[:, None]).sum()
        assert best - gain.trace() <= 1e-10
    assert (np.diff(solution.trace) >= -1e-12).all()
    assert len(solution.trace) > 2
    assert solution.trace[-1] == pytest.approx(
        inner_product(a, b, aligned.orders.values()), rel=1e-12
    )


def test_the_objective_is_never_below_plain_git_rebasin():
    for seed in range(10):
        a, b = pair(64, 64, 64, 64, 10, seed=seed)
        plain = inner_product(a, b, git_rebasin(a, b, np.random.default_rng(seed)))
        matching = match(a, b)
        assert matching.objective >= plain - 1e-9
        assert set(matching.traces) == {"identity", "layer by layer", "barycentre", "halfway"}
        assert matching.objective == max(trace[-1] for trace in matching.traces.values())
        assert all((np.diff(trace) >= -1e-12).all() for trace in matching.traces.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("build", [mlp, sequential])
def test_a_planted_permutation_is_found(method, dtype, build):
    a = build(8, 20, 15, 17, 3, dtype=dtype)
    b, planted = shuffled(a, seed=5)
    matching = match(a, b, method, inputs(200, 8).to(dtype))
    for name, order in planted.items():
        assert np.array_equal(matching.permutations[name], np.argsort(order))
    aligned = matching.apply(b)
    assert type(aligned) is type(a)
    for p, q in zip(aligned.parameters(), a.parameters(), strict=True):
        assert p.dtype == dtype
        assert torch.equal(p, q)
    assert all(cost <= 1e-12 for cost in matching.cost.values())


@pytest.mark.parametrize("method", METHODS)
def test_the_aligned_network_computes_the_same_function(method):
    a, b = pair(8, 33, 21, 5)
    before = {name: tensor.clone() for name, tensor in b.state_dict().items()}
    x = inputs(100, 8)
    matching = match(a, b, method, x)
    aligned = matching.apply(b)
    torch.testing.assert_close(aligned(x), b(x), rtol=1e-10, atol=1e-10)
    assert 0 < matching.function_change <= 1e-10
    assert all(torch.equal(tensor, before[name]) for name, tensor in b.state_dict().items())
    assert not torch.equal(aligned.linears[0].weight, b.linears[0].weight)


@pytest.mark.parametrize("is_chain", [True, False])
def test_the_reported_change_of_function_would_show_a_wrong_permutation(is_chain, monkeypatch):
    if is_chain:
        nets, x = pair(4, 6, 2), None
    else:
        nets = [CNN((1, 4, 4), (5,), 2, rng=torch.Generator().manual_seed(k)) for k in (0, 1)]
        x = inputs(3, 16)
    assert match(*nets, data=x).function_change < 1e-12

    found = Symmetry.arranged

    def forgetful(symmetry, parameter, tensor, permutations):
        short = [replace(group, actions=group.actions[:-1]) for group in symmetry.groups]
        return found(Symmetry(tuple(short)), parameter, tensor, permutations)

    monkeypatch.setattr(Symmetry, "arranged", forgetful)
    assert match(*nets, data=x).function_change > 1e-2


@pytest.mark.parametrize("method", LAYERWISE)
def test_layerwise_matchings_do_not_see_the_order_of_b(method):
    a, b = pair(6, 14, 11, 9, 3)
    x = inputs(100, 6)
    moved, _ = shuffled(b, seed=1)
    direct, again = match(a, b, method, x), match(a, moved, method, x)
    assert again.objective == pytest.approx(direct.objective, rel=1e-12)
    assert again.cost == pytest.approx(direct.cost, rel=1e-10)
    for p, q in zip(direct.apply(b).parameters(), again.apply(moved).parameters(), strict=True):
        assert torch.equal(p, q)


def test_the_second_start_aligns_incoming_weights_and_biases_from_the_input_on():
    a, b = pair(6, 14, 11, 3)
    (W_a, b_a), (W_b, b_b) = arrays(a), arrays(b)
    orders = [np.arange(6)]
    for k in range(2):
        gain = W_a[k] @ W_b[k][:, orders[-1]].T + np.outer(b_a[k], b_b[k])
        orders.append(linear_sum_assignment(gain, maximize=True)[1])
    start = match(a, b).traces["layer by layer"][0]
    assert start == pytest.approx(inner_product(a, b, orders[1:]), rel=1e-12)


def test_every_method_reports_the_same_objective():
    a, b = pair(6, 14, 11, 3)
    for method in METHODS:
        matching = match(a, b, method, inputs(50, 6))
        value = inner_product(a, b, matching.permutations.values())
        assert matching.objective == pytest.approx(value, rel=1e-12)
        assert matching.objective == matching.trace[-1]


def test_costs_of_layerwise_matchings_are_those_of_the_aligned_networks():
    a, b = pair(6, 14, 11, 3)
    x = inputs(50, 6)
    naive, weighted = match(a, b, "naive"), match(a, b, "weighted", x)
    moments = second_moments(a, x)
    assert naive.cost == pytest.approx(layer_costs(a, naive.apply(b)), rel=1e-12)
    assert weighted.cost == pytest.approx(layer_costs(a, weighted.apply(b), moments), rel=1e-12)
    assert sum(naive.cost.values()) < sum(layer_costs(a, b).values())


def test_layer_costs_by_the_formula():
    a, b = pair(4, 5, 3, 2)
    x = inputs(40, 4)
    phi = [x, torch.relu(a.linears[0](x))]
    costs, weighted_costs = layer_costs(a, b), layer_costs(a, b, second_moments(a, x))
    for name, A, B, inp in zip(("layers.0", "layers.1"), a.linears, b.linears, phi, strict=False):
        gap = (A.weight - B.weight).detach()
        expected = sum(float(row @ row) for row in gap) / len(gap)
        assert costs[name] == pytest.approx(expected, rel=1e-12)
        response = (inp.detach() @ gap.T).square().mean(0)
        assert weighted_costs[name] == pytest.approx(float(response.mean()), rel=1e-12)


def test_chains_are_matched_as_their_modules_are():
    a, b = pair(6, 14, 11, 3)
    chain = affine_chain(b)
    of_modules, of_chains = match(a, b), match(affine_chain(a), chain)
    assert of_chains.objective == of_modules.objective
    aligned = of_chains.apply(chain)
    for W, layer in zip(aligned.weights, of_modules.apply(b).linears, strict=True):
        assert torch.equal(W, layer.weight)


def test_networks_without_hidden_layer_or_bias():
    a, b = pair(4, 2)
    with pytest.warns(UserWarning, match="no neurons can be reordered: 'layers.0': its"):
        matching = match(a, b)
    assert matching.permutations == {}
    assert matching.function_change == 0
    biasless = [
        nn.Sequential(nn.Linear(4, 6, bias=False), nn.Tanh(), nn.Linear(6, 2, bias=False))
        for _ in range(2)
    ]
    aligned = match(*biasless).apply(biasless[1])
    assert aligned[0].bias is None


def test_dead_and_duplicated_neurons_and_zero_networks():
    a, b = pair(5, 8, 8, 2)
    with torch.no_grad():
        b.linears[0].bias[:3] = -1e6
        b.linears[1].weight[:4] = b.linears[1].weight[0]
    zero = mlp(5, 8, 8, 2)
    with torch.no_grad():
        for parameter in zero.parameters():
            parameter.zero_()
    for method in METHODS:
        for other in (b, zero):
            matching = match(a, other, method, inputs(20, 5))
            scale = max(1.0, other(inputs(20, 5)).abs().max().item())
            assert matching.function_change <= 1e-10 * scale


def test_the_order_of_groups_is_drawn_by_rng_and_global_state_is_left_alone():
    a, b = pair(6, 16, 16, 16, 16, 3)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is checked
    runs = [match(a, b, rng=np.random.default_rng(seed)) for seed in (7, 7, 8)]
    assert runs[0].traces == runs[1].traces
    assert runs[0].traces != runs[2].traces
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002 - as above


IMAGES = (1, 8, 8)
ARCHITECTURES = {
    "CNN": lambda rng: CNN(IMAGES, (6, 8), 10, rng=rng),
    "VGG": lambda rng: VGG(IMAGES, 10, depth=11, width=2, rng=rng),
    "ResNet batch": lambda rng: ResNet20(IMAGES, 10, 4, "batch", rng=rng),
    "ResNet layer": lambda rng: ResNet20(IMAGES, 10, 4, "layer", rng=rng),
    "ResNet": lambda rng: ResNet20(IMAGES, 10, 4, None, rng=rng),
    "ViT": lambda rng: ViT(IMAGES, 10, patch=4, width=8, depth=2, heads=2, rng=rng),
}


@pytest.mark.parametrize(
    ("architecture", "method"),
    rarely(
        product(ARCHITECTURES, METHODS),
        set(product(["ResNet", "ResNet batch", "ResNet layer"], METHODS))
        - {("ResNet batch", "weight"), ("ResNet layer", "activation")},
    ),
)
def test_a_planted_permutation_is_found_in_every_architecture(method, architecture):
    a = ARCHITECTURES[architecture](torch.Generator().manual_seed(0)).eval()
    x = inputs(16, 64)
    groups = symmetry(a, x)
    rng = np.random.default_rng(1)
    b = permute(a, {g.name: rng.permutation(g.size) for g in groups.groups}, groups)
    matching = match(a, b, method, x)
    for p, q in zip(matching.apply(b).parameters(), a.parameters(), strict=True):
        assert torch.equal(p, q)
    assert matching.function_change <= 1e-10


@pytest.fixture(scope="module")
def trained():
    data = load_dataset("digits").train
    start = [MLP((64, 8, 8, 10), rng=seeded_generators(seed)[0]) for seed in range(2)]
    return *train_many(start, data, TrainingConfig(epochs=5), seeds=range(2)), data


@pytest.mark.parametrize("solver", ["sinkhorn", "straight_through"])
def test_solvers_of_the_loss_are_reached_by_name(trained, solver):
    a, b, data = trained
    few = Examples(data.inputs[:200], data.labels[:200])
    matching = match(a, b, "loss", few, solver=solver, rng=np.random.default_rng(0))
    assert matching.solver == solver
    assert matching.trace[-1] >= matching.trace[0]
    midpoint = barrier(a, matching.apply(b), few, points=3).loss[1]
    assert -matching.trace[-1] == pytest.approx(midpoint, rel=1e-5)


@pytest.mark.parametrize("solver", ["frank_wolfe", "sinkhorn", "exhaustive"])
def test_solvers_of_the_objective_are_reached_by_name(solver):
    a, b = pair(3, 4, 3, 2)
    rng = np.random.default_rng(0)
    matching, best = match(a, b, solver=solver, rng=rng), match(a, b, solver="exhaustive")
    assert matching.objective <= best.objective + 1e-10
    assert matching.objective == pytest.approx(
        inner_product(a, b, matching.permutations.values()), rel=1e-12
    )
    assert match(a, b).objective <= best.objective + 1e-10


def test_a_solver_of_ones_own_is_a_record():
    def flipped(search):
        [group, *_] = search.pair.symmetry.groups
        end = search.pair.turned(group, np.arange(group.size)[::-1].copy())
        return {"as it came": Solution(end, (search.pair.objective, end.objective))}

    a, b = pair(3, 4, 2)
    found = match(a, b, solver=Solver("flipped", ("weight",), flipped))
    assert (found.solver, found.start) == ("flipped", "as it came")
    assert found.permutations["layers.0"].tolist() == [3, 2, 1, 0]
    assert found.objective == pytest.approx(
        inner_product(a, b, [np.array([3, 2, 1, 0])]), rel=1e-12
    )
    with pytest.raises(ValueError, match=r"'flipped' is for \('weight',\), got 'naive'"):
        match(a, b, "naive", solver=Solver("flipped", ("weight",), flipped))


def test_every_solver_serves_a_method_and_every_method_has_one():
    for name, solver in SOLVERS.items():
        assert solver.name == name
        assert set(solver.methods) <= {*METHODS, "loss"}
    assert {method for solver in SOLVERS.values() for method in solver.methods} == {
        *METHODS,
        "loss",
    }


def test_restarts_add_random_starts_and_never_hurt():
    a, b = pair(8, 16, 16, 16, 3)
    for solver in ("coordinate_descent", "frank_wolfe"):
        plain = match(a, b, solver=solver)
        more = match(a, b, solver=solver, restarts=5, rng=np.random.default_rng(0))
        assert set(more.traces) - set(plain.traces) == {f"random {k}" for k in range(1, 6)}
        assert more.objective == max(trace[-1] for trace in more.traces.values())


def test_examples_are_taken_where_inputs_are(trained):
    a, b, data = trained
    for method in LAYERWISE:
        assert match(a, b, method, data).objective == match(a, b, method, data.inputs).objective


def narrow_pairs(widths: tuple[int, ...], trained: bool) -> list[tuple[MLP, MLP]]:
    nets = [MLP(widths, rng=seeded_generators(seed)[0]) for seed in range(20)]
    if trained:
        data = load_dataset("digits").train
        data = Examples(data.inputs[:, -widths[0] :].contiguous(), data.labels)
        nets = train_many(nets, data, TrainingConfig(epochs=5), seeds=range(20))
    nets = [net.double() for net in nets]
    return list(zip(nets[::2], nets[1::2], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("trained_first", [False, True])
@pytest.mark.parametrize("widths", [(20, 32, 32, 32, 10), (64, 32, 32, 10)])
def test_narrow_networks_are_never_below_plain_git_rebasin(widths, trained_first):
    for seed, (a, b) in enumerate(narrow_pairs(widths, trained_first)):
        plain = inner_product(a, b, git_rebasin(a, b, np.random.default_rng(seed)))
        rng = np.random.default_rng(seed)
        found = match(a, b, solver="frank_wolfe", restarts=10, rng=rng).objective
        assert found >= plain - 1e-9


def test_combinations_that_make_no_sense_are_refused(trained):
    a, b, data = trained
    with pytest.raises(
        ValueError, match=r"'naive' must be one of \['layer_by_layer'\], got 'frank"
    ):
        match(a, b, "naive", solver="frank_wolfe")
    with pytest.raises(ValueError, match=r"'loss' must be one of .* got 'coordinate_descent'"):
        match(a, b, "loss", data, solver="coordinate_descent")
    with pytest.raises(ValueError, match=r"'weight' must be one of .* got 'hungarian'"):
        match(a, b, solver="hungarian")
    with pytest.raises(ValueError, match="needs data with labels, Examples, got Tensor"):
        match(a, b, "loss", data.inputs)
    with pytest.raises(ValueError, match="needs data with labels, Examples, got NoneType"):
        match(a, b, "loss")
    with pytest.raises(ValueError, match=r"data.labels must lie in 0\.\.9, got 10\.\.10"):
        match(a, b, "loss", Examples(data.inputs[:1], torch.tensor([10])))
    with pytest.raises(ValueError, match="restarts must be >= 0, got -1"):
        match(a, b, restarts=-1)
    with pytest.raises(ValueError, match="restarts=2 needs rng"):
        match(a, b, restarts=2)
    with pytest.raises(ValueError, match="'exhaustive' has no start to choose, got restarts=1"):
        match(a, b, solver="exhaustive", restarts=1, rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="at most 200000 arrangements"):
        match(a, b, solver="exhaustive")


def test_networks_of_two_types_are_refused():
    with pytest.raises(ValueError, match="one type and device"):
        match(mlp(3, 4, 2), mlp(3, 4, 2, dtype=torch.float32))


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"one of \['naive', .*'loss'\], got 'hungarian'"):
        match(*pair(3, 4, 2), "hungarian")


def test_different_architectures_are_refused():
    a = mlp(3, 4, 2)
    with pytest.raises(ValueError, match=r"model_a has 1 hidden layers and model_b has 2"):
        match(a, mlp(3, 4, 4, 2))
    sequential = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).double()
    with pytest.raises(ValueError, match=r"must correspond, got \('layers.0', .* and \('0', '2'\)"):
        match(a, sequential)
    with pytest.raises(ValueError, match=r"'layers.0' have shape \(4, 3\) in model_a and \(5, 3\)"):
        match(a, mlp(3, 5, 2))
    tanh = MLP((3, 4, 2), "tanh", rng=torch.Generator().manual_seed(0), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"'layers.0' is followed by relu in model_a and tanh"):
        match(a, tanh)
    with pytest.raises(ValueError, match=r"has shape \(4, 3\) in model_a and None"):
        match(a, nn.Sequential(nn.Conv1d(1, 1, 1)))
    convolution = nn.Sequential(nn.Conv1d(1, 3, 1), nn.ReLU(), nn.Conv1d(3, 1, 1))
    with pytest.raises(TypeError, match="data must be given for networks that are no chains"):
        match(convolution, convolution)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value):
    a, b = pair(3, 4, 2)
    with torch.no_grad():
        b.linears[1].weight[0, 0] = value
    with pytest.raises(
        ValueError, match=r"model_b has NaN or infinite weights in layer 'layers\.1'"
    ):
        match(a, b)
    with pytest.raises(
        ValueError, match=r"model_a has NaN or infinite weights in layer 'layers\.1'"
    ):
        match(b, a)


def test_unfit_data_are_refused():
    a, b = pair(3, 4, 2)
    for method in ("weighted", "activation"):
        with pytest.raises(ValueError, match=f"method '{method}' needs data, got None"):
            match(a, b, method)
    with pytest.raises(ValueError, match=r"data must hold at least one example, got \(0, 3\)"):
        match(a, b, "weighted", torch.zeros(0, 3))
    with pytest.raises(ValueError, match="data must have 3 numbers per example, got 4"):
        match(a, b, "weight", torch.zeros(5, 4))
    with pytest.raises(ValueError, match="data must be finite"):
        match(a, b, "activation", torch.full((5, 3), float("nan")))
    for method in ("naive", "weight", "loss"):
        with pytest.raises(ValueError, match=rf"centred is of methods .* got '{method}'"):
            match(a, b, method, torch.ones(5, 3), centred=True)


def test_a_matching_is_not_applied_to_another_shape():
    matching = match(*pair(3, 4, 2))
    with pytest.raises(ValueError, match=r"'layers.0.weight' has shape \(5, 3\), not \(4, 3\)"):
        matching.apply(mlp(3, 5, 2))
    with pytest.raises(ValueError, match=r"'layers.1.weight' has shape \(4, 4\), not \(2, 4\)"):
        matching.apply(mlp(3, 4, 4, 2))


class Several(nn.Module):
    pair = True

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.first(x).relu()
        return (self.last(hidden), hidden.sum()) if self.pair else str(hidden)


def test_of_several_tensors_the_first_is_the_output_and_without_any_networks_are_refused():
    a, b = Several(), Several()
    assert match(a, b, data=torch.ones(2, 3)).symmetry["first"].size == 4
    a.pair = b.pair = False
    with pytest.raises(TypeError, match=r"the network must return a tensor, .* got str"):
        match(a, b, data=torch.ones(2, 3))


class LowRank(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = (nn.Parameter(torch.randn(s)) for s in ((6, 2), (2, 5)))
        self.last = nn.Linear(6, 3)

    def forward(self, x):
        return self.last(functional.linear(x, self.left @ self.right).relu())


def test_activations_that_no_layer_reads_leave_neurons_in_the_order_of_the_start():
    a, b, x = LowRank(), LowRank(), inputs(8, 5).float()
    matching = match(a, b, "activation", x)
    assert matching.function_change < 1e-12
    factors, hidden = (matching.permutations[name] for name in ("left.1", "left.0"))
    start = propagated(side_by_side(a, b, x)).alignment
    assert factors.tolist() == start.orders["left.1"].tolist()
    assert sorted(hidden) == list(range(6))


def grouped(seed: int, *, groups: int = 4, transposed: bool = False) -> nn.Sequential:
    """A grouped convolution between others."""
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = (
            *(nn.Conv2d(2, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()),
            *(kind(8, 12, 3, padding=1, groups=groups), nn.ReLU(), nn.Conv2d(12, 6, 3), nn.ReLU()),
            *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3)),
        )
    return nn.Sequential(*layers).double().eval()


@pytest.mark.parametrize(
    ("method", "options"),
    rarely(
        product(METHODS, [{}, {"groups": 2}, {"transposed": True}]),
        product(set(METHODS) - {"weight"}, [{}, {"transposed": True}]),
    ),
)
def test_planted_orders_of_grouped_convolutions_are_found(method, options):
    x = inputs(8, 72).reshape(8, 2, 6, 6)
    for seed in range(4):
        a = grouped(seed, **options)
        found, rng = symmetry(a, x), np.random.default_rng(seed)
        b = permute(a, {g.name: rng.permutation(g.size) for g in found.groups}, found)
        for p, q in zip(match(a, b, method, x).apply(b).parameters(), a.parameters(), strict=True):
            assert torch.equal(p, q)


def test_data_of_a_wrong_type_are_named_as_the_caller_names_them():
    nets = [CNN((1, 4, 4), (3,), 2, rng=torch.Generator().manual_seed(k)) for k in (0, 1)]
    images = torch.zeros(5, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"data of shape \[4, 16\] and type torch.uint8 does"):
        match(*nets, data=images)
    with pytest.raises(TypeError, match=r"data must be a tensor, a tuple .* got ndarray"):
        unwrap(tried)(nets[0], images.numpy())  # tests check types before
    with pytest.raises(ValueError, match=r"data of shape \[4, 15\] does not fit the network"):
        match(*nets, data=torch.zeros(5, 15))
    a, b = pair(3, 4, 2)
    assert match(a, b, "naive", torch.zeros(2, 3, dtype=torch.uint8)).function_change < 1e-12


def test_a_matching_shows_itself_on_a_screen():
    text = repr(match(*pair(4, *(3,) * 12, 2)))
    assert len(text) < 400
    assert text.startswith("Matching(method='weight', solver='coordinate_descent', start='")
    assert text.endswith("... 6 more})")


def test_starts_in_the_order_of_b_are_left_out_where_they_would_be_noise():
    """Wide networks that have nothing in common: see `propagate`."""
    wide = match(*pair(20, 140, 140, 4))
    assert set(wide.traces) == {"layer by layer"}
    narrower = match(*pair(20, 100, 100, 4))
    assert set(narrower.traces) == {"layer by layer", "barycentre", "halfway"}
    a, b = pair(20, 140, 140, 4)
    with torch.no_grad():
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            q.add_(p)
    assert set(match(a, b).traces) == {"layer by layer", "identity"}


@pytest.mark.slow
def test_start_in_the_order_of_b_would_not_help_trained_networks_of_width_128():
    """Halfway to B's order helps them: without it one of the pairs ends half a percent lower."""
    data = load_dataset("digits").train
    start = [MLP((64, 128, 128, 10), rng=seeded_generators(seed)[0]) for seed in range(8)]
    training = TrainingConfig(epochs=15, learning_rate=0.05, weight_decay=1e-3)
    nets = train_many(start, data, training, seeds=range(8))
    without = []
    for a, b in zip(nets[::2], nets[1::2], strict=True):
        found = match(a, b)
        assert "identity" not in found.traces
        assert found.objective >= coordinate_descent(side_by_side(a, b)).trace[-1]
        ends = {name: trace[-1] for name, trace in found.traces.items() if name != "halfway"}
        without.append(max(ends.values()) / found.objective)
    assert min(without) < 0.998


@pytest.mark.slow
def test_the_starts_that_are_left_out_would_end_lower():
    for seed in range(5):
        for width in (100, 150, 256):
            a, b = pair(50, width, width, width, 10, seed=seed)
            left_out = coordinate_descent(side_by_side(a, b))
            assert match(a, b).objective > 1.01 * left_out.trace[-1]
