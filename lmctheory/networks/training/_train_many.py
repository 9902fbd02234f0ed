"""Training many networks of one architecture at once, each as if it were trained alone."""

from collections.abc import Mapping, Sequence
from itertools import islice

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from lmctheory.measures.arguments import array, at_least, integer, positive
from lmctheory.networks.agreement import require_batches, require_fit
from lmctheory.networks.data import Examples
from lmctheory.networks.data_order import epochs
from lmctheory.networks.state import Evaluation, copied, require_network, slots
from lmctheory.networks.training.configuration import TrainingConfig, checked_steps
from lmctheory.networks.training.descent import Course
from lmctheory.networks.training.masks import require_masks
from lmctheory.networks.training.stacking import (
    common_chain,
    is_narrow,
    train_alone,
    train_stack,
)

__all__ = ["train_many"]


def train_many(
    models: Sequence[nn.Module],
    data: Examples,
    config: TrainingConfig,
    *,
    seeds: Sequence[int],
    trunk_epochs: int = 0,
    span: tuple[int, int] | None = None,
    masks: Sequence[Mapping[str, Bool[Tensor, "..."]]] | None = None,
    rate_factors: Mapping[str, float] | None = None,
    decay_factors: Mapping[str, float] | None = None,
    eps_factors: Mapping[str, float] | None = None,
    offsets: Float[Tensor, "k n ..."] | None = None,
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
        span: the first epoch that is trained, counted from 0, and the first that no longer is; all
            are if None. A part of a training sees the rates and batches of the whole in its epochs:
            ``(0, k)`` gives the networks at epoch k, and ``(k, epochs)`` takes them to the end,
            with an optimiser (and dropout masks) that begins anew.
        masks: for each network, by the names of some parameters, which entries are kept; the others
            are zero from the first step to the end. See `random_masks`, `magnitude_masks`.
        rate_factors: by the names of some parameters what their learning rates are multiplied by,
            such as `MLP.rate_factors`.
        decay_factors: by the names of some parameters what their weight decays are multiplied by.
        eps_factors: by the names of some parameters what eps of "adam" and "adamw" is multiplied
            by; "sgd" has none.
        offsets: fixed functions that are added to the outputs of the networks while they are
            trained, by their values ``[k, n, ...]`` on the n examples; none if None.
        device: where to train.

    Returns:
        The trained networks, new modules on that device, in the order given.

    Raises:
        ValueError: if there are no networks, architectures differ, weights are NaN or infinite,
            there are not as many seeds as networks, a seed is negative, inputs or labels do not
            fit, BatchNorm would meet a batch of one example, warm-up takes all steps, trunk_epochs
            is no number of epochs, span no range of them, masks, factors or offsets do not fit,
            or there is a trunk and networks with dropout, the masks of which are each network's
            own.
        TypeError: for what is no network, seeds or epochs that are no integers, masks that hold no
            truth values, what is no mapping, or offsets that are no tensor of floating-point
            numbers.

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
    chain = common_chain(models)
    _require_finite(models)
    seeds = _checked_seeds(models, seeds)
    require_fit(models[0], data)
    require_batches(models[0], data, config.batch_size)
    steps = checked_steps(config, len(data))
    trunk_epochs = _checked_trunk(models, config, trunk_epochs)
    first, end = _trained_epochs(config, span)
    masks = [{} for _ in models] if masks is None else masks
    require_masks(models, masks)
    rates = _checked_factors("rate_factors", models[0], rate_factors)
    decays = _checked_factors("decay_factors", models[0], decay_factors)
    epsilons = _checked_factors("eps_factors", models[0], eps_factors)
    if epsilons and config.optimiser == "sgd":
        raise ValueError(f'eps_factors are of "adam" and "adamw": "sgd" has none, got {epsilons}')
    _require_offsets(offsets, models, data)

    device = torch.device(device)
    trained = [copied(model).to(device) for model in models]
    kind = next(models[0].parameters()).dtype
    data = data.to(device=device, dtype=kind)
    offsets = None if offsets is None else offsets.detach().to(device=device, dtype=kind)
    masks = [{name: mask.to(device) for name, mask in held.items()} for held in masks]
    trunk = (seeds[0], trunk_epochs)
    orders = [
        islice(epochs(len(data), config.epochs, seed, trunk=trunk), first, end) for seed in seeds
    ]
    first_step = first * (steps // config.epochs)
    course = Course(data, config, first_step, rates, decays, epsilons, offsets)
    if chain is not None and (device.type != "cpu" or is_narrow(models[0])):
        train_stack(trained, chain, course, orders, masks)
    else:
        given = zip(trained, orders, masks, seeds, strict=True)
        for k, (model, order, mask, seed) in enumerate(given):
            train_alone(model, course.of_network(k), order, mask, seed)
    return trained


def _trained_epochs(config: TrainingConfig, span: tuple[int, int] | None) -> tuple[int, int]:
    if span is None:
        return 0, config.epochs
    ends = [integer("every end of span", epoch) for epoch in array("span", span, "n")]
    if len(ends) != 2:
        raise ValueError(f"span must be two epochs, got {span}")
    first, end = ends
    if not 0 <= first < end <= config.epochs:
        raise ValueError(f"span must be rising in 0..{config.epochs}, got {span}")
    return first, end


def _checked_factors(argument: str, model: nn.Module, factors: object) -> dict[str, float]:
    if factors is None:
        return {}
    if not isinstance(factors, Mapping):
        kind = type(factors).__name__
        raise TypeError(f"{argument} must map names of parameters to numbers, got {kind}")
    names = dict(model.named_parameters())
    for name in factors:
        if name not in names:
            raise ValueError(f"{argument} must name parameters of the networks, got {name!r}")
    return {name: positive(f"{argument}[{name!r}]", factor) for name, factor in factors.items()}


def _require_offsets(offsets: object, models: Sequence[nn.Module], data: Examples) -> None:
    if offsets is None:
        return
    if not isinstance(offsets, Tensor) or not offsets.is_floating_point():
        kind = str(offsets.dtype) if isinstance(offsets, Tensor) else type(offsets).__name__
        raise TypeError(f"offsets must be a tensor of floating-point numbers, got {kind}")
    outputs = Evaluation(models[0])(data.inputs[:1])
    if offsets.shape != (wanted := (len(models), len(data), *outputs.shape[1:])):
        raise ValueError(f"offsets must have shape {list(wanted)}, got {list(offsets.shape)}")
    if not torch.isfinite(offsets).all():
        raise ValueError("offsets must be finite, got NaN or infinity")


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


def _checked_seeds(models: Sequence[nn.Module], seeds: Sequence[int]) -> list[int]:
    if len(seeds) != len(models):
        raise ValueError(
            f"seeds must be one per network: {len(models)} networks, {len(seeds)} seeds"
        )
    return [at_least("every seed", seed, 0) for seed in seeds]


def _checked_trunk(models: Sequence[nn.Module], config: TrainingConfig, trunk_epochs: int) -> int:
    trunk_epochs = integer("trunk_epochs", trunk_epochs)
    if not 0 <= trunk_epochs <= config.epochs:
        raise ValueError(f"trunk_epochs must lie in 0..{config.epochs}, got {trunk_epochs}")
    modules = (module for model in models for module in model.modules())
    if trunk_epochs and any(
        isinstance(module, _DropoutNd) and module.training for module in modules
    ):
        raise ValueError(f"trunk_epochs must be 0 for networks with dropout, got {trunk_epochs}")
    return trunk_epochs
