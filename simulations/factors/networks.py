"""Three architectures with as many hidden neurons: fully and locally connected, and convolution.

All have one hidden layer of relu neurons, C for each of the places where a window of 3 x 3 pixels
is put, every second one in both directions, and a linear map from all of them to the outputs.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lmctheory.networks import MLP, LocallyConnected2d
from lmctheory.networks.images import image_input
from lmctheory.networks.initialisation import initialise

__all__ = ["ARCHITECTURES", "ByPlace", "places_of"]

_SIZE, _STRIDE, _PADDING = 3, 2, 1


def places_of(side: int) -> int:
    """Windows on an image."""
    return ((side + 2 * _PADDING - _SIZE) // _STRIDE + 1) ** 2


def connected(side: int, channels: int, classes: int, rng: torch.Generator) -> nn.Module:
    """Every neuron sees all pixels."""
    return MLP((side**2, channels * places_of(side), classes), rng=rng)


def local(side: int, channels: int, classes: int, rng: torch.Generator) -> nn.Module:
    """Every neuron sees a window and has weights of its own."""
    layer = LocallyConnected2d(1, channels, (side, side), _SIZE, _STRIDE, _PADDING, rng=rng)
    head = nn.Sequential(nn.Flatten(), _linear(channels * places_of(side), classes, rng))
    return nn.Sequential(image_input((1, side, side)), layer, nn.ReLU(), head)


def convolution(side: int, channels: int, classes: int, rng: torch.Generator) -> nn.Module:
    """Every neuron sees a window; those of one channel share their weights."""
    with torch.device("meta"):
        net = nn.Sequential(
            image_input((1, side, side)),
            nn.Conv2d(1, channels, _SIZE, _STRIDE, _PADDING),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(channels * places_of(side), classes),
        )
    initialise(net, "he", rng=rng, dtype=torch.float32)
    return net


def _linear(inputs: int, outputs: int, rng: torch.Generator) -> nn.Linear:
    with torch.device("meta"):
        layer = nn.Linear(inputs, outputs)
    initialise(layer, "he", rng=rng, dtype=torch.float32)
    return layer


ARCHITECTURES: Mapping[str, Callable[[int, int, int, torch.Generator], nn.Module]] = {
    "connected": connected,
    "local": local,
    "convolution": convolution,
}
"""By name, from the side of images, channels, classes and a generator."""


class ByPlace(nn.Module):
    """A network of `local`, one linear map for each place.

    Neurons of one place may be permuted among themselves, whatever is done elsewhere. Written this
    way the network shows it: `symmetry` finds a group for each place, where it finds one for all of
    them, as in a convolution, in a layer whose weights are one tensor.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.input, layer, _, head = network.children()
        assert isinstance(layer, LocallyConnected2d)
        assert layer.bias is not None
        _, last = head.children()
        assert isinstance(last, nn.Linear)
        channels, _, *grid = layer.weight.shape[:4]
        weights = layer.weight.detach().flatten(2, 3).flatten(3)[:, 0]
        biases = layer.bias.detach().flatten(1)
        self.places = nn.ModuleList(
            _affine(weights[:, place], biases[:, place]) for place in range(weights.shape[1])
        )
        # from channels before places to places before channels
        order = torch.arange(channels * grid[0] * grid[1]).view(channels, -1).mT.flatten()
        self.head = _affine(last.weight.detach()[:, order], last.bias.detach())

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, classes]`` of images ``[n, ...]``."""
        x = nn.functional.pad(self.input(x), (_PADDING,) * 4)
        windows = x.unfold(2, _SIZE, _STRIDE).unfold(3, _SIZE, _STRIDE).flatten(2, 3).flatten(3)
        hidden = [layer(windows[:, 0, place]).relu() for place, layer in enumerate(self.places)]
        logits: Tensor = self.head(torch.cat(hidden, dim=1))
        return logits


def _affine(weight: Tensor, bias: Tensor) -> nn.Linear:
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, device="meta")
    layer.weight, layer.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
    return layer
