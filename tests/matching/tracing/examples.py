"""Networks and what a trace finds in them, for the tests of tracing."""

import numpy as np
import torch
from torch import nn

from lmctheory.matching import symmetry
from lmctheory.matching._symmetry import function_change, outputs
from lmctheory.networks import CNN, MLP, VGG, ResNet20, ViT


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def randomised(model: nn.Module, seed: int = 0) -> nn.Module:
    """Every parameter and running statistic different, so that a wrong order shows."""
    rng = generator(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if not tensor.is_floating_point():
                continue
            tensor.copy_(
                torch.randn(tensor.shape, generator=rng) / max(tensor[0].numel(), 1) ** 0.5
            )
            if name.endswith("running_var"):
                tensor.abs_().add_(0.5)
    return model.eval()


def inputs(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, generator=generator(seed))


def sizes(found) -> dict[str, int]:
    return {group.name: group.size for group in found.groups}


def found_in(model: nn.Module, x: torch.Tensor):
    """The symmetry, proved on the example: no output changes, though every weight may."""
    randomised(model)
    found = symmetry(model, x)
    scale = max(1.0, float(outputs(model, x).abs().max()))
    for seed in range(3):
        assert function_change(model, found, x, rng=np.random.default_rng(seed)) <= 1e-11 * scale
    return found


class Module(nn.Module):
    """Layers by name, and what is done with them."""

    def __init__(self, forward, **layers):
        super().__init__()
        self.compute = forward
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.compute(self, x)


ARCHITECTURES = {
    "mlp": (lambda rng: MLP((64, 12, 9, 10), rng=rng), 2),
    "cnn": (lambda rng: CNN((1, 8, 8), (6, 8), 10, rng=rng), 2),
    "cnn average": (lambda rng: CNN((1, 8, 8), (6, 8), 10, "average", rng=rng), 2),
    "vgg": (lambda rng: VGG((1, 8, 8), 10, 11, 4, "batch", rng=rng), 8),
    "vgg layer": (lambda rng: VGG((1, 8, 8), 10, 16, 4, "layer", rng=rng), 13),
    "resnet": (lambda rng: ResNet20((1, 8, 8), 10, 4, rng=rng), 12),
    "resnet layer": (lambda rng: ResNet20((1, 8, 8), 10, 4, "layer", rng=rng), 12),
    "resnet plain": (lambda rng: ResNet20((1, 8, 8), 10, 4, None, rng=rng), 12),
    "vit": (lambda rng: ViT((1, 8, 8), 10, patch=4, width=12, depth=2, heads=3, rng=rng), 17),
}


def normed(groups: int, channels: int, second: int | None = None) -> nn.Sequential:
    more = [] if second is None else [nn.GroupNorm(second, channels)]
    return nn.Sequential(
        *(nn.Conv2d(1, channels, 1), nn.GroupNorm(groups, channels), nn.ReLU(), *more),
        *(nn.Conv2d(channels, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    )
