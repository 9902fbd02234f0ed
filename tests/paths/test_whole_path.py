"""The certificate of the whole path, against dense grids of networks on it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.networks import (
    MLP,
    Examples,
    TrainingConfig,
    activation,
    load_dataset,
    train_many,
)
from lmctheory.networks.data_order import seeded_generators
from lmctheory.paths import certify, interpolate
from lmctheory.paths.propagated_enclosures import between
from lmctheory.paths.whole_path import PathCertificate, _apart, certify_chains
from tests.paths.adversarial import interpolated, map_parameters, random_chain, random_pair
from tests.paths.remainders import layer, rest_of, row


def truth(a, b, data, t):
    logits = interpolated(a, b, t)(data.inputs)
    loss = cross_entropy(logits, data.labels, reduction="none").numpy()
    return loss, (logits.argmax(1) == data.labels).numpy()


def violations(a, b, data, found: PathCertificate, shares=(1.0,)) -> np.ndarray:
    """How often a network on the segment breaks its piece's promises, scaled by each share."""
    count, factors = np.zeros(len(shares), int), np.array(shares) * (1 + 1e-12)
    for piece, (start, end) in enumerate(zip(found.t[:-1], found.t[1:], strict=True)):
        for t in np.linspace(start, end, 9):
            loss, correct = truth(a, b, data, float(t))
            count += (found.certified[piece] & ~correct).sum()
            count += (loss > np.outer(factors, found.example_loss[piece])).sum(axis=1)
            count += loss.mean() > factors * found.piece_loss[piece]
    return count


def test_it_is_never_violated():
    broken_if_weakened = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        a, b, data, _ = random_pair(rng)
        found = certify_chains(a, b, data, nodes=int(rng.integers(1, 5)))
        broken, if_weakened = violations(a, b, data, found, shares=(1.0, 0.9))
        assert broken == 0, seed
        broken_if_weakened += if_weakened
    assert broken_if_weakened > 40


@pytest.mark.slow
def test_it_is_never_violated_by_many_pairs():
    for seed in range(1000, 3000):
        rng = np.random.default_rng(seed)
        a, b, data, _ = random_pair(rng)
        found = certify_chains(a, b, data, nodes=int(rng.integers(1, 9)))
        assert violations(a, b, data, found) == 0, seed


def test_an_activation_that_cancels_errs_as_its_input_is_large():
    """gelu(z) = z (1 + erf(z / sqrt 2)) / 2 loses all digits at -7; 1e12 brings them up."""
    rng = np.random.default_rng(1)
    a = random_chain(rng, (4, 16, 3), [activation("gelu")], [3e-3, 1e12])
    a.biases[0].fill_(-7)
    a.biases[1].zero_()
    b = map_parameters(a, lambda x: x * (1 + 1e-6 * torch.from_numpy(rng.standard_normal(x.shape))))
    data = Examples(torch.from_numpy(rng.standard_normal((6, 4))), torch.arange(6) % 3)
    for nodes in (1, 2, 3, 4):
        assert violations(a, b, data, certify_chains(a, b, data, nodes=nodes)) == 0


def bent(bias, end, *, convolution):
    """Outputs -h + end and h - end of h = relu(bias), whatever the input."""
    hidden, head = (nn.Conv1d(1, k, 1) if convolution else nn.Linear(1, k) for k in (1, 2))
    net = nn.Sequential(hidden, nn.ReLU(), head, nn.Flatten()).double()
    weights = ([0.0], [bias], [-1.0, 1.0], [end, -end])
    for parameter, value in zip(net.parameters(), weights, strict=True):
        parameter.data = torch.tensor(value, dtype=torch.float64).view_as(parameter)
    return net


@pytest.mark.parametrize("convolution", [True, False])
def test_a_neuron_that_wakes_up_half_way_attains_the_bound(convolution):
    """The chord is cancelled, so that f_0 - f_1 is a tent: 1 at s = 1/2, its parabola and rest."""
    a, b = (bent(*ends, convolution=convolution) for ends in ((1.0, 1.0), (-1.0, 0.0)))
    x = torch.zeros(3, 1, 1) if convolution else torch.zeros(3, 1)
    data = Examples(x.double(), torch.ones(3, dtype=torch.int64))
    found = certify(a, b, data, nodes=1)
    np.testing.assert_allclose(found.example_loss, np.log1p(np.e), rtol=1e-8)
    middle = cross_entropy(interpolate(a, b, 0.5)(data.inputs), data.labels)
    assert middle.item() == pytest.approx(np.log1p(np.e), rel=1e-12)


@pytest.mark.parametrize("kind", ["box", "entries", "norm", "ball"])
def test_margins_take_what_rows_differ_by(kind):
    """Rows w and -w, and a rest along w."""
    like = row(1, 2, 2, 4)
    W = torch.cat([like, -like, 0 * like])
    op = layer(W, W)
    slack = _apart(between(op, op.at(0.0), op.at(1.0)), rest_of(kind, like), torch.tensor([1]), 3)
    np.testing.assert_allclose(slack, [[2 * 25.0, 0.0, 25.0]], rtol=1e-6)


def test_margins_take_the_cubic_of_rows_that_move():
    rng = torch.Generator().manual_seed(0)
    W_a, W_b = torch.randn(2, 3, 4, generator=rng, dtype=torch.float64)
    bend = torch.randn(1, 4, generator=rng, dtype=torch.float64)
    op = layer(W_a, W_b)
    before = rest_of(None, 0 * bend, bend)
    slack = _apart(between(op, op.at(0.0), op.at(1.0)), before, torch.tensor([1]), 3)
    s = 0.5 - 3**0.5 / 6
    off = s * (1 - s) * (s - 0.5) * (bend @ (W_a - W_b).mT)[0]
    np.testing.assert_allclose(slack[0], (off - off[1]).abs(), rtol=1e-6)


@pytest.fixture(scope="module")
def trained():
    digits = load_dataset("digits")
    initial = [MLP((64, 64, 64, 10), rng=seeded_generators(seed)[0]) for seed in (0, 1)]
    config = TrainingConfig(epochs=8, weight_decay=1e-3)
    return *train_many(initial, digits.train, config, seeds=(0, 1)), digits.test


def test_more_nodes_certify_more(trained):
    a, _, data = trained
    shaken = train_many([a], data, TrainingConfig(epochs=2, learning_rate=0.02), seeds=(5,))[0]
    found = [certify(a, shaken, data, nodes=n) for n in (1, 2, 4, 8)]
    accuracies = [c.accuracy for c in found]
    assert accuracies == sorted(accuracies)
    assert accuracies[-1] >= 0.99 * found[-1].attainable
    assert all(c.accuracy <= c.attainable for c in found)
    losses = [c.loss for c in found]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] <= 1.02 * found[-1].node_loss.max()
    assert found[-1].barrier <= found[0].barrier


def test_a_barrier_is_above_the_lower_end_of_the_chord():
    """A loss of at most 5 between ends of 1 and 3: for all that is known, where the chord is 1."""
    truth, losses = np.ones((1, 1), bool), np.array([1.0, 3.0])
    found = PathCertificate(
        t=np.array([0.0, 1.0]), certified=truth, correct=np.ones((2, 1), bool),
        example_loss=np.full((1, 1), 5.0), piece_loss=np.array([5.0]), node_loss=losses,
    )  # fmt: skip
    assert found.barrier == pytest.approx(4, rel=1e-11)
    assert found.loss == 5


def test_what_is_measured_at_the_nodes(trained):
    a, b, data = trained
    found = certify(a, b, data, nodes=3)
    assert found.t[0] == 0
    assert found.t[-1] == 1
    assert len(found.t) == 4
    for argument, i in ((b, 0), (a, -1)):
        logits = argument(data.inputs).detach()
        assert found.node_loss[i] == pytest.approx(float(cross_entropy(logits, data.labels)), 1e-5)
        assert (found.correct[i] == (logits.argmax(1) == data.labels).numpy()).all()
    assert "every t in [0, 1], 4 nodes" in repr(found)


def test_equal_networks_lose_nothing(trained):
    a, _, data = trained
    found = certify(a, a, data, nodes=1)
    assert found.accuracy == found.attainable
    assert found.loss == pytest.approx(found.node_loss[0], rel=1e-6)
    assert abs(found.barrier) < 1e-6


def test_without_hidden_layers_the_path_is_its_chord():
    a, b = (MLP((3, 4), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(2))
    data = Examples(x, torch.arange(50) % 4)
    found = certify(a, b, data, nodes=1)
    assert found.accuracy == found.attainable
    assert found.loss == pytest.approx(found.node_loss.max(), rel=1e-6)


def test_no_part_of_a_node_is_taken(trained, as_users_call):
    a, b, data = trained
    with pytest.raises(TypeError, match=r"nodes must be an integer, got 2\.5"):
        certify(a, b, data, nodes=2.5)
    assert len(certify(a, b, data, nodes=2.0).t) == 3


def test_bad_arguments_are_refused(trained):
    a, b, data = trained
    with pytest.raises(ValueError, match="nodes must be >= 1, got 0"):
        certify(a, b, data, nodes=0)
    other = MLP((64, 32, 10), rng=torch.Generator().manual_seed(0))
    with pytest.raises(ValueError, match="same architecture"):
        certify(a, other, data)
    with pytest.raises(ValueError, match="labels must lie in"):
        certify(a, b, Examples(data.inputs, data.labels + 5))
    with pytest.raises(ValueError, match="same architecture"):
        certify(torch.nn.Sequential(torch.nn.Linear(64, 10), torch.nn.Softmax(1)), b, data)
