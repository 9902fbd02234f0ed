"""What networks hold, read and set without touching them."""

import pytest
import torch
from torch import nn

from lmctheory.networks import MLP, Examples
from lmctheory.networks.agreement import require_fit, require_segment
from lmctheory.networks.state import (
    Evaluation,
    aliases,
    alike,
    copied,
    placed,
    require_network,
    slots,
)


class Aliased(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        self.fc = self.net[2]
        self.register_buffer("shift", torch.ones(2), persistent=False)

    def forward(self, x):
        return self.net(x) + self.shift


def test_each_slot_is_listed_once_and_buffers_that_are_not_saved_too():
    net = Aliased()
    names = ["shift", "net.0.weight", "net.0.bias", "net.2.weight", "net.2.bias"]
    assert list(slots(net)) == names
    assert not any(tensor.requires_grad for tensor in slots(net).values())
    assert dict(aliases(net))["fc.weight"] == "net.2.weight"


def test_results_that_a_network_keeps_do_not_stop_a_copy():
    net = MLP((3, 4, 2), rng=torch.Generator().manual_seed(0))
    net.last = net(torch.ones(1, 3))
    net.seen = [net.last, {"also": net.last}]
    copy = copied(net)
    assert torch.equal(copy.last, net.last)
    assert copy.last.is_leaf
    assert copy.seen[0] is copy.last is copy.seen[1]["also"]
    assert net.last.grad_fn is not None


def test_numbers_are_placed_by_slot():
    net = Aliased()
    far = placed(net, {"net.2.bias": torch.tensor([5.0, 6.0])})
    assert far.fc.bias.tolist() == far.net[2].bias.tolist() == [5.0, 6.0]
    assert isinstance(far.fc.bias, nn.Parameter)
    assert torch.equal(far.net[0].weight, net.net[0].weight)
    tied = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    tied[1].weight = tied[0].weight
    with pytest.raises(ValueError, match=r"'0\.weight' is tied .* cannot hold two values"):
        placed(tied, {"0.weight": torch.ones(2, 2), "1.weight": torch.zeros(2, 2)})


class Restless(nn.Module):
    """State, inputs and generator are all used up by a forward pass."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("m", torch.zeros(()))

    def forward(self, x):
        self.m = self.m + 1
        x.mul_(2)
        return self.layer(x) + self.m + torch.randn(2)


def test_an_evaluation_is_a_function():
    net, x = Restless(), torch.ones(4, 3)
    state, generator = slots(net), torch.get_rng_state()
    evaluation = Evaluation(net)
    first = evaluation(x)
    assert torch.equal(evaluation(x), first)
    assert torch.equal(x, torch.ones(4, 3))
    assert torch.equal(torch.get_rng_state(), generator)
    assert all(torch.equal(tensor, state[name]) for name, tensor in slots(net).items())
    moved = evaluation(x, {"m": torch.tensor(3.0)})
    torch.testing.assert_close(moved, first + 3)


def test_gradients_reach_the_state_of_an_evaluation_also_of_tied_slots():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)).double()
    net[1].weight = net[0].weight
    W = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
    [gradient] = torch.autograd.grad(Evaluation(net)(x, {"0.weight": W}).sum(), W)
    V = W.detach().requires_grad_()
    [expected] = torch.autograd.grad((x @ V.T @ V.T).sum(), V)
    torch.testing.assert_close(gradient, expected)


def test_integers_stay_integers():
    net = nn.Sequential(nn.Embedding(5, 3), nn.Linear(3, 2)).double()
    tokens = torch.tensor([[1, 2], [0, 4]])
    assert torch.equal(Evaluation(net)(tokens), net(tokens))


class Sparse(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("matrix", torch.eye(2).to_sparse())


class Compiled(nn.Module):
    """As torch.compile leaves one: compiling takes a compiler."""

    def __init__(self):
        super().__init__()
        self._orig_mod = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda: 3, TypeError, "must be an nn.Module, got int"),
        (lambda: torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), TypeError, "of torch.jit"),
        (lambda: nn.Linear(2, 2).to("meta"), ValueError, "on the meta device in 'weight'"),
        (lambda: nn.LazyLinear(2), ValueError, "a lazy parameter"),
        (Sparse, ValueError, "a sparse or nested tensor in 'matrix'"),
        (Compiled, TypeError, "got a compiled one: pass its _orig_mod"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_holds_no_numbers_is_refused(build, error, message):
    with pytest.raises(error, match=message):
        require_network(build(), "model")


def with_buffer(value):
    net = nn.Linear(3, 2)
    net.register_buffer("own", value, persistent=False)
    return net


class Versioned(nn.Linear):
    def __init__(self, version):
        super().__init__(3, 2)
        self.version = version

    def get_extra_state(self):
        return self.version


def masked(mask):
    net = nn.Linear(3, 2)
    nn.utils.prune.custom_from_mask(net, "weight", mask)
    return net


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (with_buffer(torch.tensor([1])), with_buffer(torch.tensor([2])), r"'own' \(int64\) diff"),
        (with_buffer(torch.tensor(True)), with_buffer(torch.tensor(False)), r"'own' \(bool\)"),
        (Versioned(1), Versioned(2), r"the extra state of the whole \(Versioned\) differs"),
        (Versioned([torch.ones(2)]), Versioned([torch.ones(2)]), "extra state"),  # not comparable
        (masked(torch.ones(2, 3)), masked(torch.eye(2, 3)), r"'weight_mask' \(float32\) differs"),
    ],
)
def test_what_cannot_be_interpolated_must_be_equal(a, b, message):
    with pytest.raises(ValueError, match=f"agree in what cannot be interpolated, but.*{message}"):
        require_segment(a, b)
    require_segment(a, a) if "extra" not in message else require_segment(Versioned(1), Versioned(1))


def test_power_iterations_have_nothing_in_between():
    new = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="power iteration, whose vectors belong to one weight"):
        require_segment(new, new)
    old = nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 3)))
    with pytest.raises(ValueError, match="0 normalises a weight by power iteration"):
        require_segment(old, old)
    nn.utils.parametrize.remove_parametrizations(new[0], "weight")
    require_segment(new, new)


def test_counters_of_batches_may_differ():
    a, b = nn.BatchNorm1d(3), nn.BatchNorm1d(3)
    b.num_batches_tracked += 7
    require_segment(a, b)


def test_an_example_s_output_must_be_its_own():
    data = Examples(torch.arange(12.0).view(4, 3), torch.arange(4) % 3)
    require_fit(nn.BatchNorm1d(3).eval(), data)
    with pytest.raises(ValueError, match="the same whatever others it is evaluated with"):
        require_fit(nn.Sequential(nn.Linear(3, 3), nn.Softmax(0)), data)


def test_alike_means_up_to_rounding_of_the_largest():
    x = torch.tensor([1.0, 1e-3, torch.inf, torch.nan])
    assert alike(x, x.clone(), ulps=0.0)
    assert alike(x + torch.tensor([0.0, 1e-7, 0, 0]), x, ulps=1.0)
    assert not alike(x + torch.tensor([0.0, 1e-6, 0, 0]), x, ulps=1.0)
    assert not alike(x.double(), x, ulps=1.0)
    assert not alike(torch.tensor([1]), torch.tensor([2]), ulps=1e9)
