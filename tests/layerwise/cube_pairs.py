"""Pairs of networks, and the naive evaluation: one state dictionary loaded after another."""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lmctheory.layerwise import layers
from lmctheory.networks import CNN, MLP, VGG, Examples, ResNet20, ViT

IMAGE = (1, 8, 8)
ARCHITECTURES = {
    "mlp": lambda rng: MLP((64, 9, 8, 10), rng=rng, dtype=torch.float64),
    "deep mlp": lambda rng: MLP((64, *[7] * 8, 10), "tanh", rng=rng, dtype=torch.float64),
    "cnn": lambda rng: CNN(IMAGE, (4, 6), 10, rng=rng, dtype=torch.float64),
    "vgg": lambda rng: VGG(IMAGE, 10, 11, 2, "batch", rng=rng, dtype=torch.float64),
    "resnet": lambda rng: ResNet20(IMAGE, 10, 2, "batch", rng=rng, dtype=torch.float64),
    "resnet without norm": lambda rng: ResNet20(IMAGE, 10, 2, None, rng=rng, dtype=torch.float64),
    "vit": lambda rng: ViT(
        IMAGE, 10, patch=4, width=8, depth=1, heads=2, rng=rng, dtype=torch.float64
    ),
}


def pair(name, seed=0):
    """Two networks in evaluation mode, with biases and running statistics that differ."""
    rng = torch.Generator().manual_seed(seed)
    models = [ARCHITECTURES[name](rng).eval() for _ in range(2)]
    for model in models:
        for key, value in model.state_dict().items():
            if "bias" in key or "running_mean" in key:
                value.normal_(std=0.5, generator=rng)
            elif "running_var" in key:
                value.uniform_(0.5, 2.0, generator=rng)
    return models


def mlps(widths, sigma="relu", seed=0):
    """Two perceptrons in float64 with biases."""
    rng = torch.Generator().manual_seed(seed)
    models = [MLP(widths, sigma, rng=rng, dtype=torch.float64) for _ in range(2)]
    for model in models:
        for layer in model.linears:
            layer.bias.data.normal_(generator=rng)
    return models


def examples(n, inputs=64, classes=10, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return Examples(
        torch.randn(n, inputs, generator=rng, dtype=torch.float64),
        torch.randint(classes, (n,), generator=rng),
    )


def one_by_one(model_a, model_b, data, alpha, chosen=None):
    """Loss and accuracy, the transcription of L5."""
    a, b, model = model_a.state_dict(), model_b.state_dict(), copy.deepcopy(model_a).eval()
    losses, accuracies = [], []
    for point in alpha:
        state = dict(a)
        for layer, s in zip(chosen or layers(model_a), point, strict=True):
            state |= {key: (1 - s) * a[key] + s * b[key] for key in layer.keys}
        model.load_state_dict(state)
        with torch.no_grad():
            logits = model(data.inputs)
        losses.append(cross_entropy(logits, data.labels).item())
        accuracies.append((logits.argmax(-1) == data.labels).double().mean().item())
    return np.array(losses), np.array(accuracies)


class Opaque(nn.Module):
    """The same function, but no chain of affine maps."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        return self.model(x) + 0.0 * self.model(x)
