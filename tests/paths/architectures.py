"""Small networks of every operation that certificates can follow, with parameters to test them."""

import copy

import torch
from torch import nn

from lmctheory.networks import CNN, MLP, VGG, Examples, ResNet20, activation


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Applied(nn.Module):
    """An activation by name, as a module."""

    def __init__(self, name):
        super().__init__()
        self.apply_it = activation(name).apply

    def forward(self, x):
        return self.apply_it(x)


class Residual(nn.Module):
    """x + branch(x), with the branch's last layer shared by a second sum."""

    def __init__(self, channels, sigma):
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(channels)
        self.sigma = sigma
        self.second = nn.Conv2d(channels, channels, (3, 1), padding=(2, 0), dilation=(2, 1))

    def forward(self, x):
        inside = self.second(self.sigma(self.norm(self.first(x))))
        out = x + inside
        out += inside
        return out


class Various(nn.Module):
    """Strides, dilations, groups, overlapping and padded pools, functional calls, 6 x 5 images."""

    def __init__(self, sigma):
        super().__init__()
        self.sigma = sigma
        self.stem = nn.Conv2d(2, 4, 3, stride=(2, 1), padding=1, bias=False)
        self.pool = nn.MaxPool2d(3, stride=1, padding=1)
        self.residual = Residual(4, sigma)
        self.norm = nn.BatchNorm2d(4, affine=False)
        self.average = nn.AvgPool2d(2, stride=1)
        self.dropout = nn.Dropout(0.3)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        x = x.reshape(x.size(0), 2, 6, 5)
        x = self.residual(self.pool(self.sigma(self.stem(x))))
        x = self.average(self.sigma(self.norm(x)))
        x = nn.functional.max_pool2d(x, 2, ceil_mode=True)
        return self.head(self.dropout(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1)))


class Sequence(nn.Module):
    """A network on sequences that ends in a mean, not in a linear layer."""

    def __init__(self, sigma):
        super().__init__()
        self.body = nn.Sequential(
            nn.Unflatten(1, (3, 20)),
            nn.Conv1d(3, 4, 4, stride=3, dilation=2, padding=2),
            nn.BatchNorm1d(4),
            sigma,
            nn.MaxPool1d(2, dilation=2),
            nn.Conv1d(4, 3, 2),
        )

    def forward(self, x):
        return self.body(x).mean(-1)


SHAPE = (60,)
NAMES = ("identity", "relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "celu", "softsign")


def sigma_of(rng) -> nn.Module:
    choice = int(rng.integers(len(NAMES) + 1))
    return nn.LeakyReLU(-1.5) if choice == len(NAMES) else Applied(NAMES[choice])


BUILD = {
    "various": lambda rng, g: Various(sigma_of(rng)),
    "sequence": lambda rng, g: Sequence(sigma_of(rng)),
    "CNN": lambda rng, g: CNN(
        (1, 10, 6), (4, 5), 3, str(rng.choice(["flatten", "average"])), rng=g
    ),
    "VGG": lambda rng, g: VGG((1, 10, 6), 3, 11, 2, [None, "batch"][rng.integers(2)], rng=g),
    "ResNet20": lambda rng, g: ResNet20((1, 10, 6), 3, 2, [None, "batch"][rng.integers(2)], rng=g),
    "MLP": lambda rng, g: MLP((60, 7, 3), rng=g),
}


def shaken(model, share, g):
    """A copy, every parameter and running statistic moved by about this share of its size."""
    model = copy.deepcopy(model)
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=g, dtype=tensor.dtype)
                if name.endswith("running_var"):
                    tensor.mul_((share * noise).exp())
                else:
                    tensor.add_(share * (tensor.abs().mean() + 0.1) * noise)
    return model


def random_pair(rng):
    """Two networks of one architecture, far, near or very near, at one scale of the parameters."""
    g = generator(int(rng.integers(2**31)))
    name = str(rng.choice(list(BUILD)))
    with torch.random.fork_rng():
        torch.manual_seed(int(rng.integers(2**31)))
        a = BUILD[name](rng, g).double().eval()
    scale = 10 ** rng.uniform(-0.3, 0.3)
    with torch.no_grad():
        for parameter in a.parameters():
            parameter.mul_(scale)
    a = shaken(a, 0.3, g)
    share = float(rng.choice([0.0, 1e-10, 1e-3, 1e-2, 0.1, 1.0]))
    b = shaken(a, share, g)
    inputs = torch.randn(6, 60, generator=g, dtype=torch.float64) * 10 ** rng.uniform(-1, 1)
    return name, a, b, Examples(inputs, torch.randint(3, (6,), generator=g))
