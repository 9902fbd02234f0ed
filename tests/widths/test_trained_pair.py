"""T12 to T15: two recorded trainings, against autograd, exact cases and simulation."""

import numpy as np
import pytest
import torch

from lmctheory.activations import KNOWN, pointwise
from lmctheory.rates import optimal_permutation
from lmctheory.widths import neuron_on_data
from lmctheory.widths.neuron_constants import Neuron
from lmctheory.widths.trained_pair import (
    Growth,
    Path,
    Schedule,
    Task,
    carried,
    coupling,
    descend,
    loss_growth,
    mean_coupling,
    pair_growth,
)
from lmctheory.widths.trained_pair.norms import propagate
from lmctheory.widths.trained_pair.pair_step import pair_step
from lmctheory.widths.trained_pair.secants import secants

N, D, EXAMPLES = 30, 3, 40
TORCH = {
    "identity": lambda z: z,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "erf": torch.erf,
    "softplus": torch.nn.functional.softplus,
    "gelu": torch.nn.functional.gelu,
}


def task(activation="tanh", *, outputs=1, train=False, loss="squared", seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((EXAMPLES, D))
    y = np.tanh(x @ rng.standard_normal((D, outputs)))
    if loss == "cross_entropy":
        y = np.eye(outputs)[y.argmax(axis=1)]
    return Task(x, y, activation, loss, train)


def starts(width, outputs, *, same=False, seed=1):
    """Weights and output weights of two networks, matched."""
    rng = np.random.default_rng(seed)
    (w, v), (a, b) = rng.standard_normal((2, width, D)), rng.standard_normal((2, width, outputs))
    if same:
        a = b = np.tile(a[:1], (width, 1))
    order = optimal_permutation(np.hstack([a, w]), np.hstack([b, v]))
    return (w, a), (v[order], b[order])


def pair(activation="tanh", *, outputs=1, train=False, loss="squared", schedule=None, width=N):
    of = task(activation, outputs=outputs, train=train, loss=loss)
    schedule = schedule or Schedule(np.full(25, 0.2))
    a, b = (descend(*start, of, schedule) for start in starts(width, outputs, same=not train))
    return a, b, of, schedule


KINDS = [
    {"activation": "tanh"},
    {"activation": "relu"},
    {"activation": "gelu", "outputs": 2},
    {"activation": "softplus", "train": True},
    {"activation": "relu", "train": True, "outputs": 3, "loss": "cross_entropy"},
    {"activation": "erf", "outputs": 3, "loss": "cross_entropy"},
]
kinds = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: "-".join(map(str, kind.values())))


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_derivatives_of_activations(name):
    z = torch.linspace(-4, 4, 101, dtype=torch.float64, requires_grad=True)
    (slopes,) = torch.autograd.grad(TORCH[name](z).sum(), z)
    found = pointwise(name).derivative(z.detach().numpy())
    np.testing.assert_allclose(found, slopes.numpy(), rtol=1e-12, atol=1e-14)


@kinds
def test_descend_is_n_times_gradient_descent(kind):
    a, _, of, schedule = pair(**kind)
    w, u = (torch.tensor(v[0], requires_grad=True) for v in (a.weights, a.outputs))
    x, y = torch.tensor(of.inputs), torch.tensor(of.targets)
    for size in schedule.steps:
        f = TORCH[of.activation](x @ w.T) @ u / N
        if of.loss == "squared":
            loss = (f - y).square().sum(dim=1).mean()
        else:
            loss = -(f.log_softmax(dim=1) * y).sum(dim=1).mean()
        of_w, of_u = torch.autograd.grad(N * loss, (w, u))
        with torch.no_grad():
            w -= size * of_w
            if of.train_outputs:
                u -= size * of_u
    np.testing.assert_allclose(a.weights[-1], w.detach(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(a.outputs[-1], u.detach(), rtol=1e-10, atol=1e-12)


def test_decay_and_batches_are_those_of_the_schedule():
    of, rng = task(), np.random.default_rng(2)
    (w, a), _ = starts(N, 1, same=True)
    batches = [rng.integers(0, EXAMPLES, 7) for _ in range(3)]
    found = descend(w, a, of, Schedule(np.full(3, 0.1), 0.5, batches))
    by_hand = w
    for batch in batches:
        step = descend(by_hand, a, of.on(batch), Schedule(np.array([0.1])))
        by_hand = step.weights[-1] - 0.1 * 0.5 * by_hand
    np.testing.assert_allclose(found.weights[-1], by_hand, rtol=1e-12)


@kinds
def test_secants_leave_nothing_of_a_step(kind):
    a, b, of, schedule = pair(**kind)
    for k in (0, 10, 24):
        step = pair_step(a, b, of, schedule, k)
        assert np.abs(step.left).max() < 1e-13
        pull = np.einsum("ipnc,nc->ip", step.features, step.rho) / EXAMPLES
        products = (step.apart * pull).sum(axis=1)
        expected = (step.gap * step.rho).sum(axis=2).mean(axis=1)
        np.testing.assert_allclose(products, expected, rtol=1e-9, atol=1e-15)


def test_secants_of_near_and_equal_pre_activations():
    z = np.array([[0.3, 0.3, 0.3, -1e-9, 0.0]])
    other = z - np.array([[0.0, 1e-9, 1e-3, -2e-9, 0.0]])
    tanh, relu = pointwise("tanh"), pointwise("relu")
    smooth, kinked = secants(tanh, z, other), secants(relu, z, other)
    np.testing.assert_allclose(smooth.slope[0, :2], 1 - np.tanh(0.3) ** 2, rtol=1e-8)
    second = -2 * np.tanh(0.3) * (1 - np.tanh(0.3) ** 2)
    assert smooth.first[0, 2] == pytest.approx(second / 2, rel=1e-2)
    assert (smooth.first[0, :2] == 0).all()
    np.testing.assert_allclose(kinked.slope[0], [1, 1, 1, 0.5, 0])
    apart = secants(relu, z, other, near=1e-2)
    assert (apart.first == 0).all()
    assert apart.slope[0, 3] == 0.5


@kinds
@pytest.mark.parametrize("batched", [False, True])
def test_bounds_hold_and_say_something(kind, batched):
    rng = np.random.default_rng(3)
    batches = [rng.integers(0, EXAMPLES, 10) for _ in range(25)] if batched else None
    found = pair_growth(*pair(**kind, schedule=Schedule(np.full(25, 0.2), 0.05, batches)))
    bounds = found.by_stability, found.by_weights, found.by_propagators
    assert all(found.cost <= bound for bound in bounds)
    assert found.by_propagators < 6 * found.initial_cost
    assert found.by_weights <= found.by_stability * (1 + 1e-12)
    assert found.function_error <= found.function_error_bound
    assert found.growth == pytest.approx(found.cost / found.initial_cost)
    smooth = kind["activation"] != "relu"
    assert found.left < 1e-8 or not smooth
    assert np.isfinite(found.function_error_bound) == smooth


@pytest.mark.parametrize("loss", ["squared", "cross_entropy"])
def test_one_network_in_another_order_attains_them(loss):
    """Two neurons on a line: functions are equal, and both differences spread alike."""
    x = np.linspace(-1, 1, 5)[:, None]
    targets = np.hstack([x > 0, x <= 0]) * 1.0
    of, schedule = Task(x, targets, "tanh", loss), Schedule(np.full(200, 0.03))
    outputs = np.tile([[2.0, -1.0]], (2, 1))
    a = descend(np.array([[0.3], [1.1]]), outputs, of, schedule)
    found = pair_growth(a, a.permuted(np.array([1, 0])), of, schedule)
    assert found.cost <= found.by_propagators < found.cost * (1 + 1e-6)
    for bound in (found.by_stability, found.by_weights):  # but for the square of the steps
        assert found.cost < bound < found.cost * 1.005
    assert abs(found.growth - 1) > 0.02
    assert found.function_error_bound == pytest.approx(found.function_error, rel=1e-6)


def test_equal_networks_are_nowhere_apart():
    a, _, of, schedule = pair()
    found = pair_growth(a, a, of, schedule)
    assert found.cost == found.function_error == 0
    assert found.growth == 1
    assert found.by_propagators < 1e-20


def test_batches_of_its_own_are_left_over():
    of, rng = task(), np.random.default_rng(4)
    first, second = starts(N, 1, same=True)
    draws = [[rng.integers(0, EXAMPLES, 10) for _ in range(25)] for _ in range(2)]
    own = [Schedule(np.full(25, 0.1), 0.0, batches) for batches in draws]
    a, b = descend(*first, of, own[0]), descend(*second, of, own[1])
    found = pair_growth(a, b, of, own[0])
    assert found.left > 1e-2
    for bound in (found.by_stability, found.by_weights, found.by_propagators):
        assert found.cost <= bound


def test_large_matrices_are_bounded_by_a_sum(monkeypatch):
    given = pair()
    exact = propagate(*given)
    monkeypatch.setattr("lmctheory.widths.trained_pair.norms._EXACT_GRAM", 1)
    rough = propagate(*given)
    assert (rough.gains >= exact.gains).all()
    assert (rough.gains < 3 * exact.gains).all()


def test_loss_growth_is_the_product_of_its_steps():
    of = task()
    constants = neuron_on_data("tanh", output=1.3, inputs=of.inputs)
    K, H = constants.lipschitz, constants.curvature
    s, mu, losses = 0.05, 0.3, np.array([[0.4, 0.3], [0.5, 0.1]])
    product = 1.0
    for ell, other in losses.T:
        c, kappa = 1 - s * mu, H / 2 * (np.sqrt(4 * ell) + np.sqrt(4 * other))
        product *= c**2 + 2 * s * c * kappa + 2 * c * (s * kappa) ** 2 / (2 * c - 2 * s * K**2)
    found = loss_growth(constants, [s, s], losses, decay=mu)
    assert found == pytest.approx(product**0.5, rel=1e-12)
    fine = loss_growth(constants, np.full(10_000, 1e-5), np.full((2, 10_000), 0.25))
    assert fine == pytest.approx(np.exp(0.1 * H), rel=1e-4)


def test_loss_growth_bounds_trained_networks():
    a, b, of, schedule = pair()
    size = float(abs(a.outputs[0, 0, 0]))
    constants = neuron_on_data("tanh", output=size, inputs=of.inputs)
    losses = [
        [
            np.square(of.outputs(w, u) - of.targets).mean()
            for w, u in zip(path.weights[:-1], path.outputs[:-1], strict=True)
        ]
        for path in (a, b)
    ]
    found = pair_growth(a, b, of, schedule)
    assert found.growth <= loss_growth(constants, schedule.steps, np.array(losses)) ** 2


def test_carried_neurons_of_the_network_itself_are_its_own():
    a, _, of, schedule = pair("relu", train=True)
    found = carried(a, a.weights[0], a.outputs[0], of, schedule)
    np.testing.assert_allclose(found.weights, a.weights, rtol=1e-12)
    np.testing.assert_allclose(found.outputs, a.outputs, rtol=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_coupling_in_advance_holds_on_average(activation):
    """Coefficients of one network of 60 neurons, for others of 60 and of 240."""
    rng, of, schedule = np.random.default_rng(5), task(activation), Schedule(np.full(20, 0.2))
    limit = descend(rng.standard_normal((4000, D)), np.ones((4000, 1)), of, schedule)

    def network(width):
        return descend(rng.standard_normal((width, D)), np.ones((width, 1)), of, schedule)

    constants = coupling(network(60), limit, of, schedule)
    # 4000 neurons have a sampling error of their own
    ratio = ((1 / 60 + 1 / 4000) / (1 / 240 + 1 / 4000)) ** 0.5
    if activation == "tanh":
        assert constants.bound(60) == pytest.approx(ratio * constants.bound(240), rel=1e-6)
    else:  # pairs beside the kink count, too
        assert constants.bound(240) < constants.bound(60) < ratio * constants.bound(240)
    for width, draws in ((60, 40), (240, 20)):
        squares = [
            coupling(network(width), limit, of, schedule).measured ** 2 for _ in range(draws)
        ]
        error = np.std(squares) / draws**0.5
        assert np.mean(squares) + 3 * error < constants.bound(width) ** 2
        assert np.mean(squares) > constants.bound(width) ** 2 / 120


def test_mean_coupling_of_a_steady_force_adds_up():
    """sqrt(E') = sqrt(E) + g e for h = g, f = 1."""
    assert mean_coupling([[Growth(1, 0.1, 0.1)]] * 7, np.full(7, 4.0), 100) == pytest.approx(0.14)
    lesser = [[Growth(9, 9, 9), Growth(4, 0.0, 0.1)]] * 2
    assert mean_coupling(lesser, np.ones(2), 1) == pytest.approx(0.05**0.5)
    left = [[Growth(1, 0.1, 0.1, left=0.2)]] * 7
    assert mean_coupling(left, np.full(7, 4.0), 100) == pytest.approx(0.14 + 1.4)
    kicked = [[Growth(1, 0.1, 0.1, kick=0.5)]] * 2
    assert mean_coupling(kicked, np.full(2, 4.0), 100) == pytest.approx(0.02 * 2.5)


def test_arguments_stay_as_they_were():
    a, b, of, schedule = pair(train=True)
    given = [a.weights, a.outputs, b.weights, b.outputs, of.inputs, of.targets, schedule.steps]
    copies = [array.copy() for array in given]
    pair_growth(a, b, of, schedule)
    coupling(a, b, of, schedule)
    descend(a.weights[0], a.outputs[0], of, schedule)
    assert all((v == w).all() for v, w in zip(given, copies, strict=True))


def test_bad_arguments_are_named():
    a, b, of, schedule = pair()
    shorter = Path(a.weights[:-1], a.outputs[:-1])
    narrow = Path(a.weights[:, :-1], a.outputs[:, :-1])
    other = Path(a.weights, a.outputs + 1.0)
    one = Path(a.weights[:, :1], a.outputs[:, :1])
    beyond = Schedule(np.full(25, 0.2), batches=[np.array([EXAMPLES])] * 25)
    tanh = neuron_on_data("tanh", output=1.0, inputs=of.inputs)
    relu = neuron_on_data("relu", output=1.0, inputs=of.inputs)
    cases = [
        (lambda: pair_growth(shorter, b, of, schedule), "a must have 25 steps"),
        (lambda: pair_growth(a, narrow, of, schedule), "b must have the shape of a"),
        (lambda: pair_growth(a, other, of, schedule), "outputs must be constant"),
        (lambda: pair_growth(a, b, of, schedule, t=2.0), "t must"),
        (lambda: Task(np.ones((3, 2)), np.ones((2, 1))), "targets must have 3 rows"),
        (lambda: Task(np.ones((3, 2)), np.ones((3, 2)), loss="cross_entropy"), "probabilities"),
        (lambda: Task(np.ones((3, 2)), np.ones((3, 1)), "sine"), "activation"),
        (lambda: Task(np.ones((3, 2)), np.ones((3, 1)), loss="hinge"), "loss"),
        (lambda: Schedule(np.array([0.1, 0.0])), "steps must be positive"),
        (lambda: Schedule(np.array([0.5]), 3.0), "decay"),
        (lambda: Schedule(np.array([0.5]), batches=[]), "batches"),
        (lambda: Schedule(np.array([0.5]), batches=[np.array([-1])]), "batches must be examples"),
        (
            lambda: Schedule(np.array([0.5]), batches=[np.array([], int)]),
            "batches must be examples",
        ),
        (lambda: Schedule(np.array([0.5]), batches=[np.array([0.0])]), "batches must be examples"),
        (lambda: descend(a.weights[0], a.outputs[0], of, beyond), "batches must be of the 40"),
        (lambda: pair_growth(a, b, of, beyond), "batches must be of the 40"),
        (lambda: Path(a.weights, b.outputs[:-1]), "outputs must have"),
        (lambda: descend(a.weights[0], np.ones((N, 2)), of, schedule), "weights and outputs"),
        (lambda: carried(a, np.ones((2, 5)), np.ones((2, 1)), of, schedule), "columns"),
        (lambda: coupling(a, one, of, schedule), "limit must have at least 2 neurons"),
        (lambda: mean_coupling([[Growth(1, 0, 0)]], np.ones(2), 3), "variances must be 1"),
        (lambda: mean_coupling([[]], np.ones(1), 3), "growths must have an estimate"),
        (lambda: mean_coupling([[Growth(-1, 0, 0)]], np.ones(1), 3), "all numbers >= 0"),
        (lambda: mean_coupling([[Growth(np.nan, 0, 0)]], np.ones(1), 3), "all numbers >= 0"),
        (lambda: a.permuted(np.zeros(N, dtype=int)), "order must be a permutation of 30 neurons"),
        (lambda: a.until(26), r"K must lie in 1\.\.25"),
        (lambda: schedule.until(0), r"K must lie in 1\.\.25"),
        (lambda: loss_growth(relu, [0.1], np.ones((2, 1))), "kink"),
        (lambda: loss_growth(tanh, [9.0], np.ones((2, 1))), "steps must satisfy"),
        (lambda: loss_growth(tanh, [0.1], np.ones((1, 1))), "losses must be"),
    ]
    for call, words in cases:
        with pytest.raises(ValueError, match=words):
            call()


def test_a_training_that_diverges_is_told():
    of = task("relu", train=True)
    (w, a), _ = starts(N, 1)
    with pytest.raises(ValueError, match="diverges at step"):
        descend(w, a, of, Schedule(np.full(200, 50.0)))


@pytest.mark.parametrize("t", [0.0, 1.0])
def test_a_kink_has_no_part_in_the_ends(t):
    found = pair_growth(*pair("relu"), t=t)
    assert found.function_error <= found.function_error_bound < 1e-12


def test_linear_networks_err_by_no_more_than_rounding():
    """All of the error is rounding, which grows with the weights."""
    rng, x = np.random.default_rng(6), np.random.default_rng(7).standard_normal((6, D))
    of, schedule = Task(x, np.ones((6, 1)), "identity"), Schedule(np.full(3, 1e-3))
    for scale in (1.0, 1e6):
        starts_ = scale * rng.standard_normal((2, N, D))
        a, b = (descend(w, np.ones((N, 1)), of, schedule) for w in starts_)
        found = pair_growth(a, b, of, schedule, t=0.3)
        assert 0 < found.function_error <= found.function_error_bound < 1e-12 * scale


def test_one_start_and_batches_of_its_own_is_infinite_growth():
    of, (first, _) = task(), starts(N, 1, same=True)
    own = [Schedule(np.array([0.1]), batches=[np.array([k])]) for k in range(2)]
    a, b = (descend(*first, of, schedule) for schedule in own)
    assert pair_growth(a, b, of, own[0]).growth == np.inf


@pytest.mark.parametrize("decay", [2.0, 1.0])
def test_weights_of_long_trainings_do_not_vanish(decay):
    """By each step at most (1 - s mu)^2 is left, of which 600 steps leave less than any number."""
    of, (first, second) = task(), starts(N, 1, same=True)
    rng = np.random.default_rng(8)
    draws = [[rng.integers(0, EXAMPLES, 10) for _ in range(600)] for _ in range(2)]
    own = [Schedule(np.full(600, 0.5), decay, batches) for batches in draws]
    a, b = descend(*first, of, own[0]), descend(*second, of, own[1])
    found = pair_growth(a, b, of, own[0])
    assert found.cost <= found.by_weights <= found.by_stability * (1 + 1e-9)


def test_loss_growth_keeps_what_decay_leaves():
    flat = Neuron(1e-9, 1e-9, spread=1.0, bend=1.0, mixed=0.0)
    for left in (1e-7, 1e-9, 1e-12):
        kept = 1 - (1 - left)
        found = loss_growth(flat, [1.0], np.zeros((2, 1)), decay=1 - left)
        assert found == pytest.approx(kept, rel=1e-12, abs=0)


def test_the_limit_may_be_of_neurons_that_are_alike():
    """Then nothing forces a network of them apart, but variances must not be negative."""
    of, schedule = task(), Schedule(np.full(3, 0.1))
    for seed in range(8):
        w = np.tile(np.random.default_rng(seed).standard_normal((1, D)), (7, 1))
        limit = descend(w, np.ones((7, 1)), of, schedule)
        assert coupling(limit, limit, of, schedule).bound(10) < 1e-9


def test_variances_of_neurons_nearly_alike_are_not_lost_in_rounding():
    of, schedule = task("identity"), Schedule(np.array([0.1]))
    w = 1 + 1e-9 * np.random.default_rng(9).standard_normal((50, D))
    limit = descend(w, np.ones((50, 1)), of, schedule)
    (found,) = coupling(limit, limit, of, schedule).variances
    exact = ((w - 1) @ of.inputs.T).var(axis=0, ddof=1).mean()
    assert found == pytest.approx(exact, rel=1e-4, abs=0)


LIMITS = {  # inputs, targets, the limit's two neurons; size and number of steps
    "relu": (
        [[-0.74488401, 0.61457700], [1.66480767, -0.11445956], [-1.87062495, -0.36490510]],
        [-10.09294824, -6.34018969, 7.10021667],
        [[1.1213953130, -0.4421214896], [1.1251736718, -0.4338452206]],
        (0.0455240942, 4),
    ),
    "tanh": (
        [[1.01942308], [0.34159976], [1.04128275]],
        [0.66599056, -1.99815446, 2.97001969],
        [[-1.4781194505], [-1.4781191365]],
        (0.0131935763, 54),
    ),
}


@pytest.mark.parametrize("activation", sorted(LIMITS))
def test_pairs_without_curvature_count_in_the_coupling(activation):
    """All draws of two neurons from a limit of two, of which a kink or 1e-6 makes some near."""
    inputs, targets, atoms, (size, steps) = LIMITS[activation]
    of = Task(np.array(inputs), np.array(targets)[:, None], activation)
    schedule, ones = Schedule(np.full(steps, size)), np.ones((2, 1))
    limit = descend(atoms, ones, of, schedule)
    draws = [limit.weights[0, [i, j]] for i in range(2) for j in range(2)]
    found = [coupling(descend(w, ones, of, schedule), limit, of, schedule) for w in draws]
    measured = np.mean([each.measured**2 for each in found]) ** 0.5
    # of two atoms the variance, not its estimate from a sample of two
    variances = found[0].variances / 2
    bounds = []
    for levels in zip(*(each.growths for each in found), strict=True):
        steps_of_draws = zip(*levels, strict=True)
        largest = [[Growth(*np.max([g[0] for g in s], axis=0))] for s in steps_of_draws]
        bounds.append(mean_coupling(largest, variances, 2))
    assert measured <= min(bounds) * (1 + 1e-9)


def test_propagators_that_overflow_bound_nothing():
    """Paths that no training made, whose differences each step may multiply by 1e6."""
    rng, of = np.random.default_rng(10), task(train=True)
    paths = [
        Path(rng.standard_normal((61, N, D)), 1e6 * rng.standard_normal((61, N, 1)))
        for _ in range(2)
    ]
    found = pair_growth(*paths, of, Schedule(np.full(60, 1.0)))
    assert found.cost <= found.by_weights <= found.by_stability
    assert found.by_propagators == found.function_error_bound == np.inf


@pytest.mark.usefixtures("as_users_call")
def test_steps_are_counted_in_integers():
    schedule = Schedule(np.full(3, 0.1))
    with pytest.raises(TypeError, match=r"K must be an integer, got 1\.5"):
        schedule.until(1.5)
    assert len(schedule.until(np.int64(2)).steps) == 2
