"""Networks from the libraries that people use, small and with random weights, and data for them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.parametrizations import weight_norm

from lmctheory.networks import Examples
from lmctheory.networks.calling import call, rows
from tests.libraries import library

CLASSES, TOKENS, LENGTH = 10, 16, 6


@dataclass(frozen=True)
class Family:
    """How to build a network and what it is tried and trained on.

    Attributes:
        build: makes one.
        data: examples of a small task.
        groups: how many groups it has.
        blocks: how many of them exchange blocks: heads, or groups of heads.
        exported: whether it is exported, rather than traced.
        tolerance: relative change of outputs, in float64, that its own rounding explains.
        steps: of training.
    """

    build: Callable[[], nn.Module]
    data: Callable[[], Any]
    groups: int
    blocks: int = 0
    exported: bool = False
    tolerance: float = 1e-12
    steps: int = 300

    @property
    def example(self) -> Any:
        return rows(self.data().inputs, slice(3))


def digits() -> tuple[Tensor, Tensor]:
    found = load_digits()
    images = torch.from_numpy(found.images / 8 - 1).float()
    return images, torch.from_numpy(found.target).long()


def images(name: str | None = None) -> Examples:
    """Digits ``[n, 3, 16, 16]``."""
    x, labels = digits()
    x = x.repeat_interleave(2, 1).repeat_interleave(2, 2)[:, None].repeat(1, 3, 1, 1)
    return Examples(x if name is None else {name: x}, labels)


def sequences() -> Examples:
    """Digits as sequences of their rows ``[n, 8, 8]``."""
    return Examples(*digits())


def tokens(*, each: bool = False) -> Examples:
    """Random sequences; the first token tells the class, whatever the mask hides at the end.

    Args:
        each: whether a label is given to each token; all but the last do not count then.
    """
    rng = torch.Generator().manual_seed(0)
    ids = torch.randint(TOKENS, (1500, LENGTH), generator=rng)
    mask = torch.ones_like(ids)
    labels = ids[:, 0] % CLASSES
    if each:
        labels = torch.cat([torch.full((len(ids), LENGTH - 1), -100), labels[:, None]], dim=1)
    else:
        mask[::3, -2:] = 0
    return Examples({"input_ids": ids, "attention_mask": mask}, labels)


def torchvision(name: str) -> Callable[[], nn.Module]:
    return lambda: getattr(library("torchvision.models"), name)(num_classes=CLASSES)


def bottleneck() -> nn.Module:
    """A ResNet-50 with one block per stage instead of 3, 4, 6 and 3."""
    resnet = library("torchvision.models.resnet")
    return resnet.ResNet(resnet.Bottleneck, [1, 1, 1, 1], num_classes=CLASSES, width_per_group=16)


def timm_vit() -> nn.Module:
    vit = library("timm.models.vision_transformer").VisionTransformer
    return vit(img_size=16, patch_size=8, num_classes=CLASSES, embed_dim=24, depth=2, num_heads=3)


def transformers(model: str, config: str, **options: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        found = library("transformers")
        return getattr(found, model)(getattr(found, config)(**options))

    return build


SMALL = {"num_hidden_layers": 2, "intermediate_size": 32, "num_labels": CLASSES}
GPT2 = {"n_positions": 8, "n_embd": 24, "n_layer": 2, "n_head": 3}
LLAMA = {"hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2}
ENDS = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}


class Last(nn.Module):
    """A sequence model whose last entry is classified."""

    def __init__(self, core: nn.Module, width: int) -> None:
        super().__init__()
        self.core, self.head = core, nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.core(x)[..., -1, :])


class Recurrent(Last):
    """One that returns its states too."""

    def forward(self, x: Tensor) -> Tensor:
        outputs, _ = self.core(x)
        return self.head(outputs[:, -1])


class Bilinear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(32, 12), nn.Linear(32, 11)
        self.both, self.head = nn.Bilinear(12, 11, 16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.flatten(1).chunk(2, 1)
        h = self.both(self.left(left).relu(), self.right(right).relu())
        return self.head(h.relu())


def normed() -> nn.Module:
    first, second = weight_norm(nn.Linear(64, 24)), weight_norm(nn.Linear(24, 20))
    layers = first, nn.ReLU(), second, nn.ReLU(), nn.Linear(20, CLASSES)
    return nn.Sequential(nn.Flatten(), *layers)


def encoder() -> nn.Module:
    return Last(nn.TransformerEncoderLayer(8, 2, 32, dropout=0.0, batch_first=True), 8)


FAMILIES: dict[str, Family] = {
    "torchvision resnet18": Family(torchvision("resnet18"), images, 12, steps=40),
    "torchvision resnet50": Family(torchvision("resnet50"), images, 37, steps=40),
    "torchvision bottleneck": Family(bottleneck, images, 13),
    "timm vit": Family(timm_vit, images, 17, 2),
    "transformers gpt2": Family(
        transformers("GPT2LMHeadModel", "GPT2Config", vocab_size=TOKENS, **GPT2, **ENDS),
        lambda: tokens(each=True),
        *(17, 2, True),
    ),
    "transformers bert": Family(
        transformers(
            *("BertForSequenceClassification", "BertConfig"),
            **(SMALL | {"vocab_size": TOKENS, "hidden_size": 24, "num_attention_heads": 3}),
            max_position_embeddings=8,
        ),
        tokens,
        *(18, 2, True),
    ),
    "transformers vit": Family(
        transformers(
            *("ViTForImageClassification", "ViTConfig"),
            **(SMALL | {"hidden_size": 24, "num_attention_heads": 3}),
            **{"image_size": 16, "patch_size": 8},
        ),
        lambda: images("pixel_values"),
        *(17, 2, True),
    ),
    "transformers llama": Family(
        transformers(
            *("LlamaForCausalLM", "LlamaConfig"),
            **(SMALL | LLAMA | ENDS | {"vocab_size": TOKENS, "max_position_embeddings": 8}),
        ),
        lambda: tokens(each=True),
        *(13, 2, True),
        tolerance=1e-5,  # its root mean squares and angles are computed in float32
    ),
    "nn.TransformerEncoderLayer": Family(encoder, sequences, 6, 1),
    "nn.LSTM": Family(lambda: Recurrent(nn.LSTM(8, 16, 2, batch_first=True), 16), sequences, 2),
    "nn.GRU": Family(
        lambda: Recurrent(nn.GRU(8, 16, bidirectional=True, batch_first=True), 32), sequences, 2
    ),
    "nn.RNN": Family(lambda: Recurrent(nn.RNN(8, 16, batch_first=True), 16), sequences, 1),
    "nn.Bilinear": Family(Bilinear, sequences, 3),
    "weight norm": Family(normed, sequences, 2),
}


def varied(model: nn.Module, seed: int = 0) -> nn.Module:
    """The network as it was made, with noise on all that it holds, so that a wrong order shows."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if tensor.is_floating_point() and "inv_freq" not in name:
                noise = torch.randn(tensor.shape, generator=rng)
                tensor.add_(0.1 * (noise.abs() if "var" in name else noise))
    return model.eval()


def built(family: Family, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return family.build().eval()


def trained(family: Family, seed: int) -> nn.Module:
    """A network after a few steps of Adam from its own first weights, on its own batches."""
    model, data = built(family, seed).train(), family.data()
    rng = np.random.default_rng(seed)
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(family.steps):
        batch = torch.from_numpy(rng.choice(len(data), 64, replace=False))
        outputs = call(model, rows(data.inputs, batch))
        loss = cross_entropy(outputs.flatten(0, -2), data.labels[batch].flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval()
