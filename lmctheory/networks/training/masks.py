"""Sparse networks: which of their weights are kept while the others are zero."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from lmctheory.measures.arguments import RandomSource, generator, positive_share
from lmctheory.networks.state import require_network

__all__ = ["magnitude_masks", "random_masks", "require_masks"]


def random_masks(
    model: nn.Module, density: float, *, rng: RandomSource
) -> dict[str, Bool[Tensor, "..."]]:
    """Masks that keep random weights of each layer.

    A layer's weights are its parameters of two or more dimensions whose names end in "weight":
    those of linear maps, convolutions and attention, no biases, normalisations or embeddings.

    Args:
        model: left as it is.
        density: the share that is kept, in (0, 1]: of each layer's n weights max(1, round(density
            n)), each such set being equally likely.
        rng: a NumPy generator or a seed.

    Returns:
        For each weight by its qualified name where it is kept; see `train_many`.

    Raises:
        TypeError: for what is no network, or arguments of the wrong type.
        ValueError: if density is no such share, or the network has no weights.

    Example:
        >>> from torch import nn
        >>> masks = random_masks(nn.Linear(10, 4), 0.25, rng=0)
        >>> {name: (tuple(mask.shape), int(mask.sum())) for name, mask in masks.items()}
        {'weight': ((4, 10), 10)}
    """
    density = positive_share("density", density)
    weights, drawing = _weights(model), generator(rng)
    return {
        name: _largest(torch.from_numpy(drawing.random(weight.numel())), density)
        .view(weight.shape)
        .to(weight.device)
        for name, weight in weights.items()
    }


def magnitude_masks(
    model: nn.Module, density: float, *, across_layers: bool = False
) -> dict[str, Bool[Tensor, "..."]]:
    """Masks that keep the largest weights, in absolute value.

    *Iterative pruning with rewinding*: train the networks to epoch k (`train_many` with ``span=(0,
    k)``), and keep them. Train them from there to the end with the masks so far, take masks of
    lower density from the result, and begin again at epoch k. What a mask has removed is zero, so
    that the next one of lower density removes it, too.

    Args:
        model: the trained network, left as it is.
        density: the share that is kept, in (0, 1]: max(1, round(density n)) of n weights; of equal
            ones the first.
        across_layers: whether n counts all layers' weights together, as is done for deep networks,
            rather than each layer's.

    Returns:
        As `random_masks`.

    Raises:
        TypeError: for what is no network, or arguments of the wrong type.
        ValueError: if density is no such share, or the network has no weights, or NaN among them.

    Reference: Frankle and Carbin 2019; Frankle et al. 2020 (rewinding).

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Linear(4, 1)
        >>> _ = net.weight.data.copy_(torch.tensor([[0.1, -3.0, 2.0, 0.0]]))
        >>> magnitude_masks(net, 0.5)
        {'weight': tensor([[False,  True,  True, False]])}
    """
    density = positive_share("density", density)
    sizes = {name: weight.detach().abs() for name, weight in _weights(model).items()}
    for name, size in sizes.items():
        if size.isnan().any():
            raise ValueError(f"model must have no NaN among its weights, got some in {name!r}")
    if not across_layers:
        return {
            name: _largest(size.flatten(), density).view_as(size) for name, size in sizes.items()
        }
    kept = _largest(torch.cat([size.flatten() for size in sizes.values()]), density)
    parts = torch.split(kept, [size.numel() for size in sizes.values()])
    return {name: part.view_as(sizes[name]) for name, part in zip(sizes, parts, strict=True)}


def _weights(model: nn.Module) -> dict[str, Tensor]:
    require_network(model, "model")
    found: dict[str, Tensor] = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.endswith("weight") and parameter.ndim > 1
    }
    if not found:
        raise ValueError("model must have weights of two or more dimensions, got none")
    return found


def _largest(scores: Tensor, density: float) -> Tensor:
    kept = torch.zeros(len(scores), dtype=torch.bool, device=scores.device)
    order = scores.argsort(descending=True, stable=True)
    kept[order[: max(1, round(density * len(scores)))]] = True
    return kept


def require_masks(models: Sequence[nn.Module], masks: Sequence[object]) -> None:
    """Refuses masks that do not fit networks of one architecture.

    Raises:
        TypeError: for what is no mapping, or masks that hold no truth values.
        ValueError: unless there is one mapping per network, from parameters to their shapes.
    """
    if len(masks) != len(models):
        raise ValueError(
            f"masks must be one mapping per network: {len(models)} networks, {len(masks)} mappings"
        )
    shapes = {name: parameter.shape for name, parameter in models[0].named_parameters()}
    for k, held in enumerate(masks):
        if not isinstance(held, Mapping):
            kind = type(held).__name__
            raise TypeError(f"masks[{k}] must map names of parameters to masks, got {kind}")
        for name, mask in held.items():
            if name not in shapes:
                raise ValueError(f"masks[{k}] must name parameters of the networks, got {name!r}")
            if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
                kind = str(mask.dtype) if isinstance(mask, Tensor) else type(mask).__name__
                raise TypeError(
                    f"masks[{k}][{name!r}] must be a tensor of truth values, got {kind}"
                )
            if mask.shape != shapes[name]:
                raise ValueError(
                    f"masks[{k}][{name!r}] must have shape {list(shapes[name])}, "
                    f"got {list(mask.shape)}"
                )
