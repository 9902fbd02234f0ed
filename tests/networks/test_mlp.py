"""Perceptrons, and reading modules as affine chains."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from lmctheory.networks import MLP, AffineChain, affine_chain
from lmctheory.networks.chain import require_finite


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mlp(*widths: int, activation: str = "relu", seed: int = 0) -> MLP:
    return MLP(widths, activation, rng=generator(seed), dtype=torch.float64)


def test_the_formula_by_hand() -> None:
    model = mlp(2, 2, 1)
    with torch.no_grad():
        for layer, W, b in zip(
            model.linears,
            ([[1.0, 2.0], [3.0, -4.0]], [[5.0, 6.0]]),
            ([1.0, 0.5], [-2.0]),
            strict=True,
        ):
            layer.weight.copy_(torch.tensor(W))
            layer.bias.copy_(torch.tensor(b))
    # z_1 = (1 + 2 + 1, 3 - 4 + 0.5) = (4, -0.5), so f = 5 * 4 + 6 * 0 - 2
    assert model(torch.ones(1, 2, dtype=torch.float64)).item() == 18.0


def test_he_initialisation_is_gaussian_of_variance_two_over_fan_in() -> None:
    W = mlp(100, 4000, 3).linears[0].weight.detach()
    n = W.numel()  # 400,000 entries, seed fixed
    assert abs(W.mean()) < 5 * (2 / 100 / n) ** 0.5  # five standard errors: 6e-7 false alarms
    assert W.var() / (2 / 100) == pytest.approx(1, abs=5 * (2 / n) ** 0.5)
    kurtosis = ((W / W.std()) ** 4).mean()
    assert kurtosis == pytest.approx(3, abs=5 * (24 / n) ** 0.5)
    assert not mlp(100, 4000, 3).linears[0].bias.any()


def test_weights_come_from_the_generator_alone() -> None:
    state = torch.random.get_rng_state()
    a, b, c = mlp(3, 4, 2), mlp(3, 4, 2), mlp(3, 4, 2, seed=1)
    assert torch.equal(a.linears[1].weight, b.linears[1].weight)
    assert not torch.equal(a.linears[1].weight, c.linears[1].weight)
    assert torch.equal(torch.random.get_rng_state(), state)


@pytest.mark.parametrize(
    ("widths", "message"),
    [((3,), "at least input and output"), ((3, 0, 2), r"must be >= 1, got \(3, 0, 2\)")],
)
def test_bad_widths_are_refused(widths: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MLP(widths, rng=generator())


@settings(max_examples=20, deadline=None)
@given(
    widths=st.lists(st.integers(1, 7), min_size=2, max_size=5),
    activation=st.sampled_from(["relu", "tanh", "gelu", "identity"]),
    seed=st.integers(0, 2**32 - 1),
)
def test_chain_computes_the_network(widths: list[int], activation: str, seed: int) -> None:
    model = mlp(*widths, activation=activation, seed=seed)
    chain = affine_chain(model)
    x = torch.randn(4, widths[0], generator=generator(seed), dtype=torch.float64)
    torch.testing.assert_close(chain(x), model(x), rtol=1e-12, atol=1e-12)
    assert chain.depth == len(widths) - 2
    for (z, phi), m in zip(chain.hidden(x), widths[1:], strict=False):
        assert phi.shape == (4, m)
        torch.testing.assert_close(chain.activations[0].apply(z), phi)


def test_a_stack_of_chains_is_a_chain() -> None:
    models = [mlp(3, 5, 2, seed=seed) for seed in range(4)]
    chains = [affine_chain(model) for model in models]
    stack = AffineChain(
        chains[0].names,
        tuple(torch.stack(W) for W in zip(*(c.weights for c in chains), strict=True)),
        tuple(torch.stack(b) for b in zip(*(c.biases for c in chains), strict=True)),
        chains[0].activations,
    )
    x = torch.randn(6, 3, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(stack(x), torch.stack([model(x) for model in models]))
    assert stack.to(dtype=torch.float32)(x.float()).dtype == torch.float32


class Functional(nn.Module):
    """Activations as functions, methods and modules; submodules declared out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.third = nn.Linear(4, 4, bias=False)
        self.second = nn.Linear(5, 4)
        self.first = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x.flatten(1)))
        x = self.second(x).tanh()
        x = nn.functional.gelu(self.third(x))
        return self.last(x)


def sequential() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(6, 5),
        nn.Dropout(0.5),
        nn.LeakyReLU(0.2),
        nn.Sequential(nn.Linear(5, 4, bias=False), nn.Linear(4, 2)),
    ).eval()


@pytest.mark.parametrize(
    ("build", "names", "sigmas"),
    [
        (Functional, ("first", "second", "third", "last"), ["relu", "tanh", "gelu"]),
        (sequential, ("1", "4.0", "4.1"), ["leaky_relu(0.2)", "identity"]),
    ],
)
def test_any_straight_module_is_read(
    build: Callable[[], nn.Module], names: tuple[str, ...], sigmas: list[str]
) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build().double()
    chain = affine_chain(model)
    x = torch.randn(7, 2, 3, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(chain(x.flatten(1)), model(x))
    assert chain.names == names
    assert [sigma.name for sigma in chain.activations] == sigmas


def test_a_traced_module_reads_as_the_perceptron_with_its_layers() -> None:
    model = mlp(3, 4, 2)
    traced = affine_chain(nn.Sequential(model.linears[0], nn.ReLU(), model.linears[1]))
    known = affine_chain(model)
    assert traced.activations == known.activations
    assert all(torch.equal(x, y) for x, y in zip(traced.weights, known.weights, strict=True))
    assert all(torch.equal(x, y) for x, y in zip(traced.biases, known.biases, strict=True))


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + x


class Twice(Skip):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.relu(self.layer(x)))


class Choice(Skip):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum() > 0 else x


class Summed(Twice):
    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).cumsum(1)


def line(*modules: nn.Module) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(nn.Linear(3, 3), *modules)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (Skip, "does not take the operation before it alone"),
        (Twice, "uses one nn.Linear twice"),
        (Choice, "cannot be traced"),
        (Summed, "cumsum.* is not supported"),
        (line(nn.BatchNorm1d(3), nn.Linear(3, 3)), "is not supported"),
        (line(nn.Dropout(), nn.Linear(3, 3)), "is not supported"),  # it is in training mode
        (line(nn.ReLU(), nn.ReLU(), nn.Linear(3, 3)), "is not supported"),
        (line(nn.Flatten(), nn.Linear(3, 3)), "is not supported"),  # after a layer
        (lambda: nn.Sequential(nn.ReLU(), nn.Linear(3, 3)), "is not supported"),
        (line(nn.ReLU()), "its last operation must be nn.Linear"),
        (lambda: nn.Sequential(nn.Flatten()), "its last operation must be nn.Linear"),
    ],
)
def test_other_modules_are_refused(build: Callable[[], nn.Module], message: str) -> None:
    with torch.random.fork_rng(), pytest.raises(TypeError, match=f"no affine chain: .*{message}"):
        affine_chain(build())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_non_finite_weights_are_refused(value: float, part: str) -> None:
    model = mlp(3, 4, 2)
    require_finite(affine_chain(model), "model")
    broken = copy.deepcopy(model)
    with torch.no_grad():
        getattr(broken.linears[1], part).view(-1)[0] = value
    with pytest.raises(ValueError, match=r"model_a has NaN .* weights in layer 'layers\.1'"):
        require_finite(affine_chain(broken), "model_a")
