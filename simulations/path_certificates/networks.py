"""The networks whose segments are certified: how each is built and trained."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from lmctheory.networks import (
    CNN,
    MLP,
    VGG,
    Dataset,
    Examples,
    ResNet20,
    TrainingConfig,
    ViT,
    evaluation_mode,
    load_dataset,
    seeded_generators,
    train_many,
)
from simulations.path_certificates.tasks import Trained
from simulations.symmetries.sequences import LanguageModel, grammar

__all__ = ["NETWORKS", "Network", "Pair", "trained_pairs"]

Pair = tuple[nn.Module, nn.Module]

Build = Callable[[tuple[int, ...], int, int, torch.Generator], nn.Module]


@dataclass(frozen=True)
class Network:
    """An architecture, of any width.

    Attributes:
        build: from the input's shape, the number of classes, the width and a generator.
        widths: of the default study.
        weight_decays: likewise.
        epochs: of training on digits.
        trunk_epochs: for so many of them A and B are one network; with 0 they share nothing.
        quick: whether its certificates take tenths of a second; of one that takes seconds, few
            pairs are measured, and after one matching only.
        deep: whether C1 to C4 say nothing about it: it is decided only, on few examples.
        learning_rate: of training on digits.
        optimiser: likewise.
        budget: seconds to decide one pair.
        data: what it is trained and tested on, if that is no option.
        matched: whether B is matched with A; networks that are near are what they are.
    """

    build: Build
    widths: tuple[int, ...]
    weight_decays: tuple[float, ...]
    epochs: int
    trunk_epochs: int = 0
    quick: bool = True
    deep: bool = False
    learning_rate: float = 0.05
    optimiser: str = "sgd"
    budget: int = 300
    data: Callable[[], Dataset] | None = None
    matched: bool = True

    def dataset(self, name: str, data_dir: Path | None) -> Dataset:
        """What it is trained and tested on."""
        return load_dataset(name, data_dir=data_dir) if self.data is None else self.data()

    def pairs(self, asked: int) -> int:
        """How many are measured of a shape."""
        return asked if self.quick else min(asked, _FEW)

    def examples(self, asked: int) -> int:
        """On how many a pair is decided."""
        return min(asked, _EXAMPLES) if self.deep else asked


_FEW = 4
_EXAMPLES = 200


def _mlp(depth: int) -> Network:
    def build(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
        inputs = int(torch.Size(shape).numel())
        return MLP((inputs, *[width] * depth, classes), rng=rng)

    widths, decays = (32, 64, 128, 256, 512), (0.0, 1e-3)
    return Network(build, widths, decays, epochs=15)


def _deep(
    build: Build,
    width: int,
    epochs: int,
    learning_rate: float,
    trunk_epochs: int,
    budget: int = 300,
) -> tuple[Network, Network]:
    """Trained apart, and near: of networks trained apart hardly an example is right for every t."""
    apart = Network(
        build,
        (width,),
        weight_decays=(0.0,),
        epochs=epochs,
        quick=False,
        deep=True,
        learning_rate=learning_rate,
        budget=budget,
    )
    return apart, replace(apart, trunk_epochs=trunk_epochs)


def _vgg(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
    return VGG(_image(shape), classes, depth=11, width=width, rng=rng)


def _resnet(norm: str | None) -> Build:
    def build(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
        return ResNet20(_image(shape), classes, width=width, norm=norm, rng=rng)

    return build


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Of square images that come as vectors."""
    side = round(torch.Size(shape).numel() ** 0.5)
    return 1, side, side


def _cnn(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
    return CNN(_image(shape), (width, 2 * width), classes, rng=rng)


def _convolutional(trunk_epochs: int) -> Network:
    return Network(
        _cnn,
        widths=(8, 16),
        weight_decays=(1e-3,),
        epochs=6,
        trunk_epochs=trunk_epochs,
        quick=False,
    )


_DEEP = {
    "MLP 8": _deep(_mlp(8).build, 128, epochs=25, learning_rate=0.05, trunk_epochs=1),
    "VGG-11": _deep(_vgg, 8, epochs=40, learning_rate=0.02, trunk_epochs=1),
    "ResNet-20": _deep(_resnet(None), 8, epochs=20, learning_rate=0.02, trunk_epochs=1),
    "ResNet-20 BN": _deep(
        _resnet("batch"), 8, epochs=20, learning_rate=0.05, trunk_epochs=1, budget=600
    ),
}


def _smooth(sigma: str) -> Network:
    def build(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
        return MLP((int(torch.Size(shape).numel()), *[width] * 4, classes), sigma, rng=rng)

    return Network(
        build, (64,), (1e-4,), 20, quick=False, deep=True, learning_rate=5e-3, optimiser="adam"
    )


def _spawned(
    build: Build, width: int, epochs: int, trunk: int, data: Callable[[], Dataset] | None = None
) -> Network:
    """Networks that have no certificate C4: near, trained by Adam."""
    return Network(
        build,
        (width,),
        (0.0,),
        epochs,
        trunk,
        quick=False,
        deep=True,
        learning_rate=2e-3,
        optimiser="adam",
        budget=600,
        data=data,
        matched=False,
    )


def _vit(shape: tuple[int, ...], classes: int, width: int, rng: torch.Generator) -> nn.Module:
    return ViT(_image(shape), classes, patch=2, width=width, depth=2, heads=4, rng=rng)


class _NextCharacter(nn.Module):
    """A language model, read at its last place."""

    def __init__(self, width: int, rng: torch.Generator) -> None:
        super().__init__()
        self.model = LanguageModel(width, 2, 4, rng=rng)

    def forward(self, numbers: Tensor) -> Tensor:
        """Logits ``[n, characters]`` of what follows."""
        logits: Tensor = self.model(numbers)[:, -1]
        return logits


def _characters() -> Dataset:
    """All windows of the sentences, every third place, and the character that follows each."""
    sentences = grammar()

    def windows(part: Examples) -> Examples:
        text = torch.cat([part.inputs.flatten(), part.labels[-1, -1:]])
        starts = torch.arange(0, len(text) - _WINDOW - 1, 3)
        seen = torch.stack([text[i : i + _WINDOW] for i in starts.tolist()])
        return Examples(seen, text[starts + _WINDOW])

    return Dataset(
        name="characters",
        train=windows(sentences.train),
        test=windows(sentences.test),
        classes=sentences.classes,
    )


_WINDOW = 24
"""Characters that a prediction is made from."""


NETWORKS: Mapping[str, Network] = {
    **{f"MLP {depth}": _mlp(depth) for depth in (1, 2, 3)},
    "CNN": _convolutional(trunk_epochs=0),
    "CNN near": _convolutional(trunk_epochs=1),
    **{
        f"{name}{kind}": network
        for name, pair in _DEEP.items()
        for kind, network in zip(("", " near"), pair, strict=True)
    },
    "tanh 4": _smooth("tanh"),
    "GELU 4": _smooth("gelu"),
    "CELU 4": _smooth("celu"),
    "ViT near": _spawned(_vit, 32, epochs=30, trunk=15),
    "characters near": _spawned(
        lambda _, __, width, rng: _NextCharacter(width, rng), 32, 4, 2, _characters
    ),
    "ResNet-20 GN near": _spawned(_resnet("layer"), 8, epochs=15, trunk=7),
}
"""By the name they have in the tables; the number of an MLP is its hidden layers'."""


def trained_pairs(task: Trained, data: Dataset) -> list[Pair]:
    """All pairs of a shape, in evaluation mode and float64."""
    network = NETWORKS[task.architecture]
    # no two tasks share their draws: equal seeds would share the first layer's weights
    place = list(NETWORKS).index(task.architecture)
    entropy = [task.seed, place, task.width, round(1e6 * task.weight_decay)]
    count = network.pairs(task.pairs)
    seeds = np.random.SeedSequence(entropy).generate_state(2 * count).tolist()
    shape = tuple(data.train.inputs.shape[1:])
    initial = [
        network.build(shape, data.classes, task.width, seeded_generators(seed)[0]) for seed in seeds
    ]
    training = TrainingConfig(
        epochs=network.epochs,
        learning_rate=network.learning_rate,
        weight_decay=task.weight_decay,
        optimiser=network.optimiser,
    )
    if not network.trunk_epochs:
        models = train_many(initial, data.train, training, seeds=seeds)
    else:
        models = [
            model
            for k in range(0, 2 * count, 2)
            for model in train_many(
                [initial[k]] * 2,
                data.train,
                training,
                seeds=seeds[k : k + 2],
                trunk_epochs=network.trunk_epochs,
            )
        ]
    # certificates dominate what is measured in float64
    ready = [evaluation_mode(model).to(torch.float64) for model in models]
    return list(zip(ready[::2], ready[1::2], strict=True))
