"""Networks trained as one batched program, or one after another."""

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.func import stack_module_state

from lmctheory.networks.affine import find_chain
from lmctheory.networks.chain import AffineChain
from lmctheory.networks.state import tensors
from lmctheory.networks.torch_activations import activation
from lmctheory.networks.training.descent import Course, descend

__all__ = ["common_chain", "is_narrow", "train_alone", "train_stack"]

_WIDE = 1 << 20
"""Bytes of one network's parameters from which stacking no longer pays on a CPU.

A stack streams all its networks through the cache at each step; one network alone stays there.
"""


def common_chain(models: Sequence[nn.Module]) -> AffineChain | None:
    """The chain that all networks are but for their weights, or None if they are no such chains.

    Raises:
        ValueError: for chains with different activations.
    """
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


def is_narrow(model: nn.Module) -> bool:
    """Whether stacking pays on a CPU."""
    return sum(p.numel() * p.element_size() for p in model.parameters()) <= _WIDE


def train_stack(
    models: Sequence[nn.Module],
    chain: AffineChain,
    course: Course,
    orders: Sequence[Iterator[Tensor]],
    masks: Sequence[Mapping[str, Tensor]],
) -> None:
    """Trains networks that are one chain but for their weights, in place, as one program."""
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

    descend(forward, parameters, course, orders, _pruned(masks, parameters))
    with torch.no_grad():
        for k, model in enumerate(models):
            for name, parameter in model.named_parameters():
                parameter.copy_(parameters[name][k])


def _pruned(
    masks: Sequence[Mapping[str, Tensor]], parameters: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Which entries of a stack are zero: all networks need a mask where one has any."""
    pruned: dict[str, Tensor] = {}
    for k, mask in enumerate(masks):
        for name, kept in mask.items():
            if name not in pruned:
                pruned[name] = torch.zeros_like(parameters[name], dtype=torch.bool)
            pruned[name][k] = ~kept
    return pruned


def train_alone(
    model: nn.Module,
    course: Course,
    order: Iterator[Tensor],
    mask: Mapping[str, Tensor],
    seed: int,
) -> None:
    """Trains any network in place; dropout masks are drawn from the seed."""
    parameters = dict(model.named_parameters())

    def forward(x: Tensor) -> Tensor:
        return model(x[0]).unsqueeze(0)

    pruned = {name: ~kept for name, kept in mask.items()}
    # dropout draws from the global generators: seeded here, restored afterwards
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        descend(forward, parameters, course, [order], pruned)
