"""Laws of initial weights against PyTorch's, and against their moments."""

import math
from collections.abc import Callable

import pytest
import torch
from scipy.stats import kstest, norm, truncnorm, uniform
from torch import Tensor, nn

from lmctheory.networks import CNN, MLP, VGG, ResNet20, ViT


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LAWS = {
    "he": norm(scale=math.sqrt(2 / 50)),
    "lecun": norm(scale=math.sqrt(1 / 50)),
    "lecun_truncated": truncnorm(-2, 2, scale=math.sqrt(1 / 50) / truncnorm(-2, 2).std()),
    "uniform": uniform(-1 / math.sqrt(50), 2 / math.sqrt(50)),
}


@pytest.mark.parametrize("law", LAWS)
def test_entries_have_their_law(law: str) -> None:
    # Kolmogorov and Smirnov's test on 50,000 entries, seed fixed: refuses a true law at 1e-4
    first, last = MLP((50, 1000, 3), initialisation=law, rng=seeded(), dtype=torch.float64).linears
    assert kstest(first.weight.detach().flatten().numpy(), LAWS[law].cdf).pvalue > 1e-4
    variance = 2 if law == "he" else 1 / 3 if law == "uniform" else 1
    assert LAWS[law].var() * 50 == pytest.approx(variance, rel=1e-9)
    assert bool(first.bias.any()) == bool(last.bias.any()) == (law == "uniform")


def test_uniform_is_pytorch_s_default() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        linears = nn.Sequential(nn.Linear(4, 7), nn.Linear(7, 3))
        torch.manual_seed(3)
        convolutional = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Linear(4, 2))
    mlp = MLP((4, 7, 3), initialisation="uniform", rng=seeded(3))
    cnn = CNN((1, 4, 4), (4,), 2, "average", initialisation="uniform", rng=seeded(3))
    for ours, theirs in ((mlp, linears), (cnn, convolutional)):
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-6, atol=0)


@pytest.mark.parametrize("law", LAWS)
def test_attention_has_its_law(law: str) -> None:
    vit = ViT((1, 4, 4), 3, patch=2, width=64, depth=1, heads=2, initialisation=law, rng=seeded())
    attention = next(m for m in vit.modules() if isinstance(m, nn.MultiheadAttention))
    W = attention.in_proj_weight.detach()
    expected = 1 / 128 if law == "uniform" else 1 / 64
    # 12,288 entries: five standard errors of a normal law's variance, seed fixed
    assert float(W.var()) == pytest.approx(expected, rel=5 * (2 / W.numel()) ** 0.5)
    assert not attention.in_proj_bias.any()
    assert not attention.out_proj.bias.any()
    if law == "uniform":  # as in PyTorch, whose layers draw from the global generator
        with torch.random.fork_rng():
            theirs = nn.MultiheadAttention(64, 2).in_proj_weight.detach()
        assert float(W.abs().max()) == pytest.approx(float(theirs.abs().max()), rel=1e-2)


@pytest.mark.parametrize(
    "build",
    [
        lambda **o: MLP((4, 3, 2), **o),
        lambda **o: CNN((1, 4, 4), (2,), 3, **o),
        lambda **o: VGG((1, 4, 4), 3, 11, 1, **o),
        lambda **o: ResNet20((1, 4, 4), 3, 1, **o),
        lambda **o: ViT((1, 4, 4), 3, patch=2, width=4, depth=1, heads=2, **o),
    ],
)
def test_every_architecture_takes_every_law_and_refuses_others(
    build: Callable[..., nn.Module],
) -> None:
    def weight(**options: str) -> Tensor:
        return next(p for p in build(rng=seeded(), **options).parameters() if p.ndim in (2, 4))

    found = {law: weight(initialisation=law) for law in LAWS}
    assert torch.equal(found["he"], weight())
    torch.testing.assert_close(found["he"], found["lecun"] * 2**0.5)
    assert not torch.equal(found["lecun_truncated"], found["uniform"])
    with pytest.raises(ValueError, match=r"initialisation must be one of .* got 'xavier'"):
        build(initialisation="xavier", rng=seeded())
