"""The causal transformer: what a position sees, its weights, its neurons."""

import pytest
import torch
from torch import Tensor, nn

from lmctheory.matching import match
from lmctheory.networks import CausalTransformer


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def network(seed: int = 0) -> nn.Module:
    """Biases and norms are drawn too, so that none of them can be left out unseen."""
    model = CausalTransformer(
        11, context=6, width=8, depth=2, heads=2, rng=rng(seed), dtype=torch.float64
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.copy_(torch.rand(parameter.shape, generator=rng(5)) + 0.5)
    return model


def tokens(n: int = 5) -> Tensor:
    return torch.randint(11, (n, 6), generator=rng(1))


def test_a_position_sees_what_is_before_it_and_no_more() -> None:
    model, x = network(), tokens()
    y = model(x)
    assert y.shape == (5, 6, 11)
    for place in range(6):
        changed = x.clone()
        changed[:, place] = (x[:, place] + 1) % 11
        z = model(changed)
        torch.testing.assert_close(z[:, :place], y[:, :place])
        assert all(not torch.allclose(z[:, k], y[:, k]) for k in range(place, 6))


def test_a_symbolic_trace_computes_the_same() -> None:
    model, x = network(), tokens()
    torch.testing.assert_close(torch.fx.symbolic_trace(model)(x), model(x))


def test_weights_come_from_the_generator_alone() -> None:
    state = torch.random.get_rng_state()
    sizes = {"context": 6, "width": 8, "depth": 2, "heads": 2}
    a, b, c = (CausalTransformer(11, **sizes, rng=rng(s)).state_dict() for s in (0, 0, 1))
    assert all(torch.equal(a[key], b[key]) for key in a)
    drawn = [key for key in a if a[key].ndim > 1]
    assert not any(torch.equal(a[key], c[key]) for key in drawn)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any("later" in key for key in a)  # the mask is no weight


def test_neurons_are_matched_and_the_function_stays() -> None:
    a, b = network(0), network(1)
    found = match(a, b, "weight", tokens())
    assert sum(len(group) for group in found.permutations.values()) > 50
    torch.testing.assert_close(found.apply(b)(tokens()), b(tokens()))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"heads": 3}, "heads must divide width 8, got 3"),
        ({"context": 0}, "context must be"),
        ({"depth": 0}, "depth must be"),
    ],
)
def test_bad_sizes_are_refused(sizes: dict[str, int], message: str) -> None:
    usual = {"context": 6, "width": 8, "depth": 2, "heads": 2}
    with pytest.raises(ValueError, match=message):
        CausalTransformer(11, **(usual | sizes), rng=rng())
