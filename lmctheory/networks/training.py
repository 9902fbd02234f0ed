"""Training many networks of one architecture at once, each as if it were trained alone."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import stack_module_state
from torch.nn.modules.dropout import _DropoutNd

from lmctheory.networks.affine import find_chain
from lmctheory.networks.agreement import require_batches, require_fit
from lmctheory.networks.chain import AffineChain
from lmctheory.networks.data import Examples
from lmctheory.networks.data_order import batches, epochs
from lmctheory.networks.state import copied, require_network, slots, tensors
from lmctheory.networks.torch_activations import activation

__all__ = ["TrainingConfig", "train_many"]

_SCHEDULES = ("constant", "cosine")


@dataclass(frozen=True)
class TrainingConfig:
    """Stochastic gradient descent with momentum on the cross-entropy.

    v <- momentum v + grad + weight_decay w;  w <- w - rate(s) v, at steps s = 0, 1, ...

    Attributes:
        epochs: passes over the data.
        batch_size: examples per step; the last batch of an epoch may be smaller and is used.
        learning_rate: the peak of the schedule.
        momentum: in [0, 1), without Nesterov's correction or dampening.
        weight_decay: factor of the L2 term; it applies to biases too.
        schedule: after warm-up "constant", or "cosine", a decay to 0 just after the last step.
        warmup_steps: the rate grows linearly to its peak: (s + 1) / (warmup_steps + 1) of it.

    Raises:
        ValueError: for a value out of its range, naming it.
    """

    epochs: int
    batch_size: int = 64
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "cosine"
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be >= 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be >= 1, got {self.batch_size}")
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be positive and finite, got {self.learning_rate}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), got {self.momentum}")
        if not (self.weight_decay >= 0 and math.isfinite(self.weight_decay)):
            raise ValueError(f"weight_decay must be >= 0 and finite, got {self.weight_decay}")
        if self.schedule not in _SCHEDULES:
            raise ValueError(f"schedule must be one of {_SCHEDULES}, got {self.schedule!r}")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must be >= 0, got {self.warmup_steps}")

    def steps(self, examples: int) -> int:
        """Steps of training on that many examples."""
        return self.epochs * math.ceil(examples / self.batch_size)

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at a step 0, ..., steps - 1."""
        past_warmup = step - self.warmup_steps
        if past_warmup < 0:
            return self.learning_rate * (step + 1) / (self.warmup_steps + 1)
        if self.schedule == "constant":
            return self.learning_rate
        progress = past_warmup / (steps - self.warmup_steps)
        return self.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def train_many(
    models: Sequence[nn.Module],
    data: Examples,
    config: TrainingConfig,
    *,
    seeds: Sequence[int],
    trunk_epochs: int = 0,
    device: torch.device | str = "cpu",
) -> list[nn.Module]:
    """Trains networks of one architecture, each from its own weights and in its own data order.

    Every network takes the steps that an ordinary loop over a shuffling data loader would take with
    it alone, whatever the others do, even if they diverge (a network that does has NaN weights at
    the end). Narrow affine chains are trained as one batched program; any other module, and
    chains so wide that arithmetic and memory bind rather than overhead, one after another. The
    same call gives the same bits on one machine and number of threads; in another stack a network
    differs by rounding.

    Args:
        models: the initial networks; they are not changed, and their training flags are respected.
        data: inputs in any shape the networks take, cast to the type of their parameters.
        config: the training.
        seeds: one per network: its data order (and dropout masks, if it has any).
        trunk_epochs: for so many epochs all networks see the data in the order of the first seed.
            Copies of one network are then one network until the trunk ends, and part with their
            momentum in the middle of their schedule: *spawning*.
        device: where to train.

    Returns:
        The trained networks, new modules on that device, in the order given.

    Raises:
        ValueError: if there are no networks, architectures differ, weights are NaN or infinite,
            there are not as many seeds as networks, a seed is negative, the inputs do not fit, a
            label is no class of the networks, BatchNorm would meet a batch of one example,
            warm-up takes all steps, trunk_epochs is no number of epochs, or there is a trunk and
            networks with dropout, the masks of which are each network's own.

    Example:
        >>> from lmctheory.networks import MLP, TrainingConfig, load_dataset
        >>> from lmctheory.networks import seeded_generators, train_many
        >>> digits = load_dataset("digits")
        >>> initial = [MLP((64, 16, 10), rng=seeded_generators(seed)[0]) for seed in (0, 1)]
        >>> a, b = train_many(initial, digits.train, TrainingConfig(epochs=5), seeds=(0, 1))
        >>> bool((a(digits.test.inputs).argmax(1) == digits.test.labels).float().mean() > 0.9)
        True
    """
    _require_one_architecture(models)
    chain = _common_chain(models)
    _require_finite(models)
    _require_seeds(models, seeds)
    require_fit(models[0], data)
    require_batches(models[0], data, config.batch_size)
    if config.warmup_steps >= (steps := config.steps(len(data))):
        raise ValueError(f"warmup_steps must be < {steps}, all steps, got {config.warmup_steps}")
    _require_trunk(models, config, trunk_epochs)

    device = torch.device(device)
    trained = [copied(model).to(device) for model in models]
    data = data.to(device=device, dtype=next(models[0].parameters()).dtype)
    orders = [
        epochs(len(data), config.epochs, seed, trunk=(seeds[0], trunk_epochs)) for seed in seeds
    ]
    if chain is not None and (device.type != "cpu" or _is_narrow(models[0])):
        _train_stack(trained, chain, data, config, orders)
    else:
        for model, order, seed in zip(trained, orders, seeds, strict=True):
            _train_alone(model, data, config, order, seed)
    return trained


_WIDE = 1 << 20
"""Bytes of one network's parameters from which stacking no longer pays on a CPU.

A stack streams all its networks through the cache at each step; one network alone stays there.
"""


def _common_chain(models: Sequence[nn.Module]) -> AffineChain | None:
    """The chain that all networks are but for their weights, or None if they are no such chains."""
    chains = [chain for model in models if (chain := find_chain(model, evaluation=False))]
    if len(chains) < len(models):
        return None
    first, *others = chains
    for k, other in enumerate(others, start=1):
        if (other.names, other.activations) != (first.names, first.activations):
            raise ValueError(
                f"models must share one architecture: number {k} has activations "
                f"{[sigma.name for sigma in other.activations]}, number 0 has "
                f"{[sigma.name for sigma in first.activations]}"
            )
    # nothing frozen, nothing parametrised, nothing tied, nothing beside the chain
    trains_whole = all(
        parameter.requires_grad and name.rpartition(".")[0] in first.names
        for model in models
        for name, parameter in tensors(model).items()
    )
    tied = any(len({id(t) for t in held.values()}) < len(held) for held in map(tensors, models))
    return first if trains_whole and not tied else None


def _is_narrow(model: nn.Module) -> bool:
    return sum(p.numel() * p.element_size() for p in model.parameters()) <= _WIDE


def _train_stack(
    models: Sequence[nn.Module],
    chain: AffineChain,
    data: Examples,
    config: TrainingConfig,
    orders: Sequence[Iterator[Tensor]],
) -> None:
    parameters, _ = stack_module_state(list(models))
    layers = [
        (parameters[f"{name}.weight"], parameters.get(f"{name}.bias"), sigma.apply)
        for name, sigma in zip(
            chain.names, (*chain.activations, activation("identity")), strict=True
        )
    ]

    def forward(x: Tensor) -> Tensor:
        # activations are [k, m_l, b]: so the gradient of W has the memory layout of W, which
        # autograd would otherwise give it by a copy that costs as much as the product
        h = x.flatten(2).mT
        for W, b, sigma in layers:
            h = sigma(W @ h if b is None else torch.baddbmm(b.unsqueeze(-1), W, h))
        return h.mT

    _descend(forward, parameters.values(), data, config, orders)
    with torch.no_grad():
        for k, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.copy_(parameters[name][k])


def _train_alone(
    model: nn.Module, data: Examples, config: TrainingConfig, order: Iterator[Tensor], seed: int
) -> None:
    def forward(x: Tensor) -> Tensor:
        return model(x[0]).unsqueeze(0)

    # dropout draws from the global generators: seeded here, restored afterwards
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        _descend(forward, model.parameters(), data, config, [order])


def _descend(
    forward: Callable[[Tensor], Tensor],
    parameters: Iterable[Tensor],
    data: Examples,
    config: TrainingConfig,
    orders: Sequence[Iterator[Tensor]],
) -> None:
    """Changes the parameters of k networks, whose forward maps [k, b, ...] to [k, b, classes]."""
    optimiser = torch.optim.SGD(
        parameters,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        fused=True,
    )
    steps = config.steps(len(data))
    for step, batch in enumerate(batches(orders, config.batch_size)):
        for group in optimiser.param_groups:
            group["lr"] = config.rate(step, steps)
        seen = batch.to(data.inputs.device)
        logits, labels = forward(data.inputs[seen]), data.labels[seen]
        # the sum over networks of their mean losses has each network's own gradient
        total = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum")
        optimiser.zero_grad()
        torch.autograd.backward(total / batch.shape[1])
        optimiser.step()


def _require_one_architecture(models: Sequence[nn.Module]) -> None:
    if not models:
        raise ValueError("models must name at least one network, got none")

    def architecture(model: nn.Module) -> tuple[type, dict[str, tuple[torch.Size, torch.dtype]]]:
        return type(model), {
            name: (tensor.shape, tensor.dtype) for name, tensor in slots(model).items()
        }

    for k, model in enumerate(models):
        require_network(model, f"models[{k}]")
    if next(models[0].parameters(), None) is None:
        raise ValueError("models must have parameters to train, got none")
    for k, model in enumerate(models):
        if architecture(model) != architecture(models[0]):
            raise ValueError(
                f"models must share one architecture: number {k} differs from number 0"
            )


def _require_finite(models: Sequence[nn.Module]) -> None:
    for k, model in enumerate(models):
        for name, tensor in slots(model).items():
            if not torch.isfinite(tensor).all():
                raise ValueError(f"models must be finite: {name} of number {k} is NaN or infinite")


def _require_seeds(models: Sequence[nn.Module], seeds: Sequence[int]) -> None:
    if len(seeds) != len(models):
        raise ValueError(
            f"seeds must be one per network: {len(models)} networks, {len(seeds)} seeds"
        )
    if min(seeds) < 0:
        raise ValueError(f"every seed must be >= 0, got {min(seeds)}")


def _require_trunk(models: Sequence[nn.Module], config: TrainingConfig, trunk_epochs: int) -> None:
    if not 0 <= trunk_epochs <= config.epochs:
        raise ValueError(f"trunk_epochs must lie in 0..{config.epochs}, got {trunk_epochs}")
    modules = (module for model in models for module in model.modules())
    if trunk_epochs and any(
        isinstance(module, _DropoutNd) and module.training for module in modules
    ):
        raise ValueError(f"trunk_epochs must be 0 for networks with dropout, got {trunk_epochs}")
