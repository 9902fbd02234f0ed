"""Networks as users have them, and what of them no call may change."""

import hashlib
import io
from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from lmctheory.networks import Examples

CLASSES, WIDTH = 3, 6


def layers() -> nn.Sequential:
    hidden = (nn.Linear(WIDTH, 7), nn.ReLU(), nn.Linear(7, 5), nn.ReLU())
    return nn.Sequential(*hidden, nn.Linear(5, CLASSES))


class Alias(nn.Module):
    """One submodule with two names."""

    def __init__(self):
        super().__init__()
        self.net = layers()
        self.fc = self.net[4]

    def forward(self, x):
        return self.net(x)


class Assigning(nn.Module):
    """State that the forward pass assigns, on a buffer and beside it."""

    def __init__(self):
        super().__init__()
        self.net = layers()
        self.register_buffer("m", torch.zeros(()))
        self.seen = 0

    def forward(self, x):
        self.m = 0.9 * self.m + 0.1 * x.mean()
        self.seen += 1
        return self.net(x) + self.m


class Overwriting(nn.Module):
    """A forward pass that normalises its inputs in place."""

    def __init__(self):
        super().__init__()
        self.net = layers()

    def forward(self, x):
        x.sub_(0.5).div_(2)
        return self.net(x)


class Keeping(nn.Module):
    """A network that keeps what it computed."""

    def __init__(self):
        super().__init__()
        self.net = layers()
        self.kept = []

    def forward(self, x):
        self.last = self.net(x)
        self.kept.append(self.last)
        return self.last


class Tied(nn.Module):
    """One matrix in two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.second.weight = self.first.weight
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        return self.head(torch.tanh(self.second(torch.tanh(self.first(x)))))


class Stateful(nn.Module):
    """State that is no tensor, and buffers that are not saved."""

    def __init__(self):
        super().__init__()
        self.net = layers()
        self.register_buffer("shift", torch.full((CLASSES,), 0.25), persistent=False)
        self.register_buffer("mask", torch.tensor([True, False, True]))

    def get_extra_state(self):
        return {"version": 3}

    def set_extra_state(self, state):
        pass

    def forward(self, x):
        return self.net(x) + self.shift * self.mask


def pruned() -> nn.Module:
    net = layers()
    mask = torch.ones(7, WIDTH)
    mask[::2, ::3] = 0
    prune.custom_from_mask(net[0], "weight", mask)
    return net


def frozen() -> nn.Module:
    net = layers()
    net[0].requires_grad_(False)
    return net


def normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(WIDTH, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, CLASSES))


def old_weight_norm() -> nn.Module:
    return nn.Sequential(
        nn.utils.weight_norm(nn.Linear(WIDTH, 7)), nn.ReLU(), nn.Linear(7, CLASSES)
    )


def new_weight_norm() -> nn.Module:
    net = layers()
    nn.utils.parametrizations.weight_norm(net[2])
    return net


def spectral() -> nn.Module:
    net = layers()
    nn.utils.parametrizations.spectral_norm(net[2])
    return net


def dropping() -> nn.Module:
    hidden = (nn.Linear(WIDTH, 7), nn.ReLU(), nn.Dropout())
    return nn.Sequential(*hidden, nn.Linear(7, CLASSES)).train()


class Detaching(nn.Module):
    """A forward pass that keeps a derivative from autograd."""

    def __init__(self):
        super().__init__()
        self.net = layers()

    def forward(self, x):
        return self.net[2:](self.net[:2](x).detach())


class Noisy(nn.Module):
    """A forward pass that draws random numbers."""

    def __init__(self):
        super().__init__()
        self.net = layers()

    def forward(self, x):
        return self.net(x) + 0.1 * torch.randn(CLASSES)


BUILD: dict[str, Callable[[], nn.Module]] = {
    "alias": Alias,
    "assigning": Assigning,
    "overwriting": Overwriting,
    "keeping": Keeping,
    "tied": Tied,
    "stateful": Stateful,
    "pruned": pruned,
    "frozen": frozen,
    "batch norm in training mode": normalised,
    "old weight norm": old_weight_norm,
    "new weight norm": new_weight_norm,
    "spectral norm": spectral,
    "dropout in training mode": dropping,
    "detaching": Detaching,
    "noisy": Noisy,
    "single precision": lambda: layers().float(),
    "half precision": lambda: layers().half(),
    "bfloat16": lambda: layers().bfloat16(),
}


def built(name: str, seed: int) -> nn.Module:
    """A network of that kind in double precision (but for those named after another), used once."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = BUILD[name]()
        if name not in ("single precision", "half precision", "bfloat16"):
            net.double()
        first = next(net.parameters())
        if name in ("keeping", "old weight norm"):
            net(torch.randn(2, WIDTH, dtype=first.dtype))
    return net


def data(seed: int = 0, n: int = 12) -> Examples:
    rng = torch.Generator().manual_seed(seed)
    return Examples(torch.rand(n, WIDTH, generator=rng).double(), torch.arange(n) % CLASSES)


def fingerprint(net: nn.Module) -> dict[str, object]:
    """Everything of a network that a user could see change, tensors bit for bit and by identity."""
    found: dict[str, object] = {}
    for name, module in net.named_modules(remove_duplicate=False):
        found[f"{name} type"] = type(module)
        found[f"{name} training"] = module.training
        found[f"{name} hooks"] = (len(module._forward_hooks), len(module._forward_pre_hooks))
        for key, value in vars(module).items():
            if isinstance(value, torch.Tensor):
                found[f"{name}.{key}"] = _bits(value)
            elif isinstance(value, list):
                found[f"{name}.{key}"] = [_bits(v) for v in value if isinstance(v, torch.Tensor)]
            elif isinstance(value, int | float | str | bool):
                found[f"{name}.{key}"] = value
        held = [*module._parameters.items(), *module._buffers.items()]
        for key, tensor in held:
            found[f"{name}.{key}"] = None if tensor is None else _bits(tensor)
    found["attributes"] = sorted(
        f"{name}.{key}" for name, module in net.named_modules() for key in vars(module)
    )
    return found


def _bits(tensor: torch.Tensor) -> tuple[object, ...]:
    numbers = tensor.detach().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
    kind = (type(tensor), tensor.dtype, tuple(tensor.shape), tensor.requires_grad, tensor.is_leaf)
    grad = None if not tensor.is_leaf or tensor.grad is None else _bits(tensor.grad)
    return (id(tensor), *kind, hashlib.sha256(numbers).hexdigest(), grad)


def world() -> dict[str, object]:
    """Global state that a call might change."""
    return {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": str(np.random.get_state(legacy=False)),  # noqa: NPY002
        # not Python's random: the type checker that tests run under draws from it
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "fused": torch.backends.mha.get_fastpath_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "threads": torch.get_num_threads(),
    }


def saves(net: nn.Module) -> bool:
    """Whether the network can still be written to a file."""
    torch.save(net.state_dict(), io.BytesIO())
    return True
