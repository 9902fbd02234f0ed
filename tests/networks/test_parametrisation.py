"""Parametrisations: the same network as the one written with multipliers, and what widths do."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lmctheory.networks import MLP, Examples, TrainingConfig, affine_chain, train_many
from tests.networks.ordinary import blobs, ordinary

CONFIG = TrainingConfig(epochs=2, batch_size=16, learning_rate=0.05, warmup_steps=2)


def network(*widths: int, seed: int = 0, **options: str) -> MLP:
    rng = torch.Generator().manual_seed(seed)
    return MLP(widths, "tanh", rng=rng, dtype=torch.float64, **options)


class Multiplied(nn.Module):
    """W_l = n^-a_l w_l, with the same for biases: the form that Yang and Hu write."""

    def __init__(self, model: MLP, multipliers: list[tuple[float, float]]) -> None:
        super().__init__()
        self.multipliers = multipliers
        pairs = list(zip(model.linears, multipliers, strict=True))
        self.w = nn.ParameterList(layer.weight.detach() / a for layer, (a, _) in pairs)
        self.b = nn.ParameterList(layer.bias.detach() / a for layer, (_, a) in pairs)

    def effective(self) -> list[Tensor]:
        layers = zip(self.w, self.b, self.multipliers, strict=True)
        return [tensor for w, b, (a, c) in layers for tensor in (a * w, c * b)]

    def forward(self, x: Tensor) -> Tensor:
        weights = self.effective()
        for W, b in zip(weights[:-2:2], weights[1:-2:2], strict=True):
            x = torch.tanh(x @ W.T + b)
        return x @ weights[-2].T + weights[-1]


@pytest.mark.usefixtures("path")
def test_mu_is_yang_and_hu_s_with_multipliers_at_one_rate() -> None:
    # a = (-1/2, 0, 1/2), b = 1/2, c = 0
    n, data = 16, blobs()
    model = network(6, n, n, 3, parametrisation="mu")
    first, last = n**0.5, n**-0.5
    written = Multiplied(model, [(first, first), (1.0, first), (last, 1.0)])
    reference = ordinary(written, data, CONFIG, 5)
    (found,) = train_many([model], data, CONFIG, seeds=(5,), rate_factors=model.rate_factors())
    for ours, theirs in zip(found.parameters(), reference.effective(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("path")
def test_mean_field_is_a_mean_over_neurons_at_a_rate_of_their_number() -> None:
    # f = 1/n sum_i a_i sigma(w_i x + c_i) + d: multipliers (1, 1/n), rates n for all,
    # and n^-1/2 for d, which is to move at the rate 1
    n, data = 16, blobs()
    model = network(6, n, 3, parametrisation="mean_field")
    written = Multiplied(model, [(1.0, 1.0), (1 / n, n**-0.5)])
    rate = CONFIG.learning_rate * n
    config = TrainingConfig(epochs=2, batch_size=16, learning_rate=rate, warmup_steps=2)
    reference = ordinary(written, data, config, 5)
    (found,) = train_many([model], data, CONFIG, seeds=(5,), rate_factors=model.rate_factors())
    for ours, theirs in zip(found.parameters(), reference.effective(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)
    # the law of a_i = n W_2i does not depend on n
    a, b = (
        float((n * network(6, n, 3, parametrisation="mean_field").linears[1].weight.detach()).std())
        for n in (64, 4096)
    )
    assert a == pytest.approx(b, rel=0.2)


def growth(parametrisation: str, optimiser: str, rate: float) -> tuple[float, float]:
    """Exponents of the width in the change by one step of the second layer and of the outputs."""
    data = Examples(blobs().inputs[:32], blobs().labels[:32])
    config = TrainingConfig(
        epochs=1, batch_size=32, learning_rate=rate, optimiser=optimiser, schedule="constant"
    )
    widths, changes = (64, 256, 1024), []
    for n in widths:
        models = [network(6, n, n, 3, seed=k, parametrisation=parametrisation) for k in range(8)]
        trained = train_many(
            models,
            data,
            config,
            seeds=range(8),
            rate_factors=models[0].rate_factors(optimiser),
        )
        pairs = [(affine_chain(a), affine_chain(b)) for a, b in zip(models, trained, strict=True)]
        x = data.inputs
        hidden = [b.hidden(x)[1][0] - a.hidden(x)[1][0] for a, b in pairs]
        outputs = [b(x) - a(x) for a, b in pairs]
        changes.append([float(torch.stack(v).square().mean().sqrt()) for v in (hidden, outputs)])
    slopes = np.polyfit(np.log(widths), np.log(changes), 1)[0]
    return float(slopes[0]), float(slopes[1])


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
def test_one_step_by_mu_moves_features_by_as_much_in_every_width(optimiser: str) -> None:
    hidden, outputs = growth("mu", optimiser, 0.05 if optimiser == "sgd" else 1e-3)
    assert abs(hidden) < 0.1
    assert abs(outputs) < 0.1


@pytest.mark.parametrize(("optimiser", "exponent"), [("sgd", 0.5), ("adam", 1.0)])
def test_one_step_by_the_standard_one_moves_them_by_more_in_wide_networks(
    optimiser: str, exponent: float
) -> None:
    hidden, outputs = growth("standard", optimiser, 1e-3 if optimiser == "sgd" else 1e-5)
    assert hidden == pytest.approx(exponent, abs=0.1)
    assert outputs > 0.8


def test_factors_by_the_table() -> None:
    mu = network(5, 8, 4, 2, parametrisation="mu")
    assert mu.rate_factors() == {
        "layers.0.weight": 8.0,
        "layers.0.bias": 8.0,
        "layers.1.weight": 0.5,
        "layers.1.bias": 4.0,
        "layers.2.weight": 0.25,
        "layers.2.bias": 1.0,
    }
    adam = [mu.rate_factors("adam")[f"layers.{k}.weight"] for k in range(3)]
    assert adam == [1.0, 1 / 8, 1 / 4]
    assert mu.rate_factors("adam") == mu.rate_factors("adamw")
    assert set(network(5, 8, 4, 2).rate_factors().values()) == {1.0}
    standard = network(5, 8, 4, 2).linears
    assert torch.equal(mu.linears[1].weight, standard[1].weight)
    assert torch.equal(mu.linears[2].weight, standard[2].weight / 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: network(3, 4, 2, parametrisation="ntk"), "parametrisation must be one of"),
        (lambda: network(3, 2, parametrisation="mean_field"), "is of one hidden layer, got 0"),
        (lambda: network(3, 4, 4, 2, parametrisation="mean_field"), '2: "mu" extends it'),
        (lambda: network(3, 4, 2).rate_factors("lbfgs"), "optimiser must be one of"),
        (lambda: trained({"W": 2.0}), "rate_factors must name parameters .* got 'W'"),
        (lambda: trained({"layers.0.bias": 0.0}), "'layers.0.bias'.* must be positive and finite"),
    ],
)
def test_bad_arguments_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def trained(factors: dict[str, float]) -> list[nn.Module]:
    return train_many([network(6, 4, 3)], blobs(), CONFIG, seeds=(0,), rate_factors=factors)
