"""The ordinary PyTorch loop over one network, and what it is tried on."""

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lmctheory.networks import MLP, Examples, TrainingConfig, seeded_generators
from lmctheory.networks.losses import BinaryCrossEntropy, CrossEntropy, ExampleLoss, Loss

CONFIG = TrainingConfig(
    epochs=3, batch_size=16, learning_rate=0.2, weight_decay=1e-2, warmup_steps=4
)

ADAM = replace(CONFIG, optimiser="adam", learning_rate=0.02, betas=(0.8, 0.95), eps=1e-6)
ADAMW = replace(ADAM, optimiser="adamw", weight_decay=0.3)
DROPS = replace(CONFIG, schedule="step", milestones=(1, 2), factor=0.3)


def blobs(n: int = 90, dtype: torch.dtype = torch.float64) -> Examples:
    """Three overlapping classes in 6 dimensions; 90 is no multiple of the batch size."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    centres = torch.randn(3, 6, generator=rng)
    return Examples((centres[labels] + torch.randn(n, 6, generator=rng)).to(dtype), labels)


def networks(count: int = 3, dtype: torch.dtype = torch.float64) -> list[nn.Module]:
    return [MLP((6, 8, 5, 3), rng=seeded_generators(k)[0], dtype=dtype) for k in range(count)]


def ordinary_optimiser(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    options = {"lr": config.learning_rate, "weight_decay": config.weight_decay}
    if config.optimiser == "sgd":
        return torch.optim.SGD(model.parameters(), momentum=config.momentum, **options)
    kind = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    return kind(model.parameters(), betas=config.betas, eps=config.eps, foreach=False, **options)


def share_of_peak(config: TrainingConfig, examples: int) -> Callable[[int], float]:
    warmup, per_epoch = config.warmup_steps, math.ceil(examples / config.batch_size)
    steps = config.epochs * per_epoch

    def share(s: int) -> float:
        if s < warmup:
            return (s + 1) / (warmup + 1)
        return {
            "constant": 1.0,
            "cosine": (1 + math.cos(math.pi * (s - warmup) / (steps - warmup))) / 2,
            "linear": (steps - s) / (steps - warmup),
            "step": math.prod(config.factor for m in config.milestones if s >= m * per_epoch),
        }[config.schedule]

    return share


def ordinary_loss(loss: Loss, outputs: Tensor, labels: Tensor) -> Tensor:
    match loss:
        case CrossEntropy(weights, smoothing):
            per_class = None if weights is None else outputs.new_tensor(weights)
            return nn.CrossEntropyLoss(per_class, label_smoothing=smoothing)(outputs, labels)
        case BinaryCrossEntropy():
            return nn.BCEWithLogitsLoss()(outputs[:, 0], labels.double())
        case ExampleLoss(function):
            return function(outputs, labels).mean()
    if labels.ndim == 1:
        labels = torch.eye(outputs.shape[1], dtype=torch.float64)[labels]
    return outputs.shape[1] * nn.MSELoss()(outputs, labels)


def ordinary(
    model: nn.Module,
    data: Examples,
    config: TrainingConfig,
    seed: int,
    *,
    span: tuple[int, int] | None = None,
    mask: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """The loop everyone writes, with PyTorch's own loader, schedule-driven optimiser and loss."""
    model = copy.deepcopy(model)
    dataset = TensorDataset(data.inputs, data.labels)
    _, order = seeded_generators(seed)
    optimiser, share = ordinary_optimiser(model, config), share_of_peak(config, len(data))
    first, end = span or (0, config.epochs)
    left_out = first * math.ceil(len(data) / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: share(s + left_out))
    kept = [((mask or {}).get(name), p) for name, p in model.named_parameters()]
    for m, parameter in kept:
        parameter.data = parameter.data if m is None else parameter.data * m
    for epoch in range(end):
        sampler = torch.randperm(len(data), generator=order).tolist()
        if epoch < first:
            continue
        for x, y in DataLoader(dataset, batch_size=config.batch_size, sampler=sampler):
            optimiser.zero_grad()
            ordinary_loss(data.loss, model(x), y).backward()
            for m, parameter in kept:
                if m is not None:
                    parameter.grad *= m
            optimiser.step()
            schedule.step()
    return model


def distance(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(a.state_dict().values(), b.state_dict().values(), strict=True)
    return max(float((x - y).abs().max()) for x, y in pairs)
