"""The segment theta_t = t A + (1-t) B between two networks, evaluated at many t at once."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.measures.arguments import share
from lmctheory.networks import AffineChain, Examples
from lmctheory.networks.agreement import require_segment
from lmctheory.networks.calling import Inputs, count
from lmctheory.networks.calling import rows as rows_of
from lmctheory.networks.chain import require_same_architecture
from lmctheory.networks.state import Evaluation, aliases, interpolable, placed, slots, tensors

__all__ = [
    "PathLogits",
    "blocks",
    "chain_logits",
    "interpolate",
    "module_logits",
    "require_fitting",
    "require_stacks",
    "segment",
    "state_at",
    "state_logits",
    "with_layers_of",
]

_WEIGHT_BYTES = 2**27
"""Interpolated weights held at one time."""

_ACTIVATION_BYTES = 2**23
"""One layer's activations, of all networks in a batch, held at one time: blocks above 32 MiB are
always returned to the system, and their page faults double the time."""

_CACHE_BYTES = 2**19
"""What they take if that is no loss otherwise: blocks so small stay in the cache."""

_MODULE_ROWS = 256
"""Examples per forward pass of a module about which nothing is known."""


class PathLogits(NamedTuple):
    """Outputs of a block of interpolated networks on a block of examples.

    Attributes:
        pairs: which pairs of networks.
        points: which entries of t.
        rows: which examples.
        logits: ``[points, pairs, rows, classes]``.
    """

    pairs: slice
    points: slice
    rows: slice
    logits: Tensor


def segment(
    a: Float[Tensor, "*shape"], b: Float[Tensor, "*shape"], t: Float[Tensor, " points"]
) -> Float[Tensor, " points *shape"]:
    """T a + (1-t) b for every entry of t; exactly a at t = 1 and exactly b at t = 0."""
    return torch.lerp(b, a, t.to(a).view(-1, *[1] * a.dim()))


def interpolate(model_a: nn.Module, model_b: nn.Module, t: float) -> nn.Module:
    """The network at theta_t = t A + (1-t) B, for any two modules of one architecture.

    Parameters and floating-point buffers (BatchNorm's running means and variances) are
    interpolated linearly; what cannot be interpolated must be equal in both, but for training
    flags and BatchNorm's counters, which are A's. Running statistics of the result are not those
    that it has: see `reset_batch_norm`.

    Args:
        model_a: network A, at t = 1.
        model_b: network B, at t = 0, already aligned with A.
        t: in [0, 1].

    Returns:
        A new module; exactly A at t = 1, and B at t = 0.

    Raises:
        ValueError: for t outside [0, 1], networks of different architecture, numbers that are not
            finite, and what cannot be interpolated and differs.

    Example:
        >>> from torch import nn
        >>> a, b = nn.Linear(2, 3), nn.Linear(2, 3)
        >>> middle = interpolate(a, b, 0.5)
        >>> torch.allclose(middle.bias, (a.bias + b.bias) / 2)
        True
    """
    t = share("t", t)
    require_segment(model_a, model_b)
    return placed(model_a, state_at(slots(model_a), slots(model_b), t))


def with_layers_of(model_a: nn.Module, model_b: nn.Module, layers: Iterable[str]) -> nn.Module:
    """A with some layers of B: the far end of the segment along which only those are interpolated.

    All that holds for a pair of networks, barriers and certificates among it, holds for A and this
    network; where they agree nothing is interpolated.

    Args:
        model_a: network A.
        model_b: network B, already aligned with A.
        layers: qualified names of submodules (or of parameters), as `model_a.named_modules` gives
            them; a module stands for all that is in it.

    Raises:
        ValueError: for a name without parameters or buffers, or whose parameters are shared with
            one that is not named, and as `require_same_state`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> a, b = (nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)) for _ in range(2))
        >>> far = with_layers_of(a, b, ["2"])
        >>> torch.equal(far[0].weight, a[0].weight), torch.equal(far[2].weight, b[2].weight)
        (True, True)
    """
    require_segment(model_a, model_b)
    own, other = tensors(model_a), slots(model_b)
    taken: dict[str, Tensor] = {}
    for layer in layers:
        held = _slots_under(model_a, layer)
        if not held:
            raise ValueError(f"layers must name modules with parameters, got {layer!r}")
        taken |= {name: other[name] for name in held}
    shared = {id(own[name]) for name in taken}
    for name, tensor in own.items():
        if name not in taken and id(tensor) in shared:
            raise ValueError(f"layers must name {name!r} too, which shares a parameter with them")
    return placed(model_a, taken)


def _slots_under(model: nn.Module, layer: str) -> list[str]:
    """The slots of a module or parameter, by whatever name it is called."""
    found = (slot for key, slot in aliases(model) if key == layer or key.startswith(f"{layer}."))
    return list(dict.fromkeys(found))


def state_at(a: Mapping[str, Tensor], b: Mapping[str, Tensor], t: float) -> dict[str, Tensor]:
    """The slots of theta_t; what cannot be interpolated is A's."""
    return {
        name: torch.lerp(b[name], tensor, t) if interpolable(tensor) else tensor
        for name, tensor in a.items()
    }


def require_stacks(chain_a: AffineChain, chain_b: AffineChain) -> None:
    """Refuses stacks of networks that do not correspond, or that have no pair dimension.

    Raises:
        ValueError: as `require_same_architecture`, and for weights that are no stack of matrices.
    """
    require_same_architecture(chain_a, chain_b)
    shape = tuple(chain_a.weights[0].shape)
    if len(shape) != 3:
        raise ValueError(f"weights must be stacked as [pairs, m_l, m_(l-1)], got shape {shape}")


def require_fitting(data: Examples, *, outputs: int, inputs: int) -> None:
    """Refuses examples that chains cannot be evaluated on.

    Args:
        data: the examples.
        outputs: number of outputs of the networks.
        inputs: number m_0 of input coordinates.

    Raises:
        TypeError: for inputs that are no floating-point numbers.
        ValueError: if inputs have another size, or the labels do not go with so many outputs.
    """
    if not isinstance(data.inputs, Tensor):
        raise TypeError("data.inputs must be one tensor for chains of linear maps and activations")
    size = data.inputs[0].numel()
    if size != inputs:
        raise ValueError(f"data.inputs must have {inputs} coordinates, got {size}")
    if not data.inputs.is_floating_point():
        raise TypeError(f"data.inputs must be floating point, got {data.inputs.dtype}")
    data.loss.require_fit(torch.zeros(1, outputs), data.labels)


def chain_logits(
    chain_a: AffineChain, chain_b: AffineChain, inputs: Tensor, t: Float[Tensor, " points"]
) -> Iterator[PathLogits]:
    """Outputs of f_{theta_t} for stacks of pairs, in batched products over pairs and points.

    The first layer's pre-activations are affine in t, so they are computed for A and B only. The
    blocks are sized so that interpolated weights stay below 128 MiB and the activations of one
    layer below 8 MiB, unless one network takes more.

    Args:
        chain_a: networks A, weights ``[pairs, m_l, m_{l-1}]``.
        chain_b: networks B, aligned with A.
        inputs: ``[n, ...]``.
        t: the points of the segment; t = 1 is A.

    Yields:
        Blocks that together cover every pair, point and example once.
    """
    pairs = chain_a.weights[0].shape[0]
    network_bytes = sum(W[0].nbytes for W in chain_a.weights)
    width = max(W.shape[-2] for W in chain_a.weights)
    row_bytes = width * chain_a.weights[0].itemsize
    rows_wanted = max(64, width // 2)  # fewer, and reading the weights takes longer than using them
    networks = min(_WEIGHT_BYTES // network_bytes, _ACTIVATION_BYTES // (rows_wanted * row_bytes))
    point_step = min(len(t), max(1, networks))
    pair_step = min(pairs, max(1, networks // len(t)))
    row_step = max(rows_wanted, _CACHE_BYTES // (point_step * pair_step * row_bytes))
    for pair_block in blocks(pairs, pair_step):
        a, b = chain_a[pair_block], chain_b[pair_block]
        for points in blocks(len(t), point_step):
            batch = (points.stop - points.start, a.weights[0].shape[0])
            later = [
                (
                    segment(W_a, W_b, t[points]).flatten(0, 1).mT,
                    segment(b_a, b_b, t[points]).flatten(0, 1).unsqueeze(-2),
                )
                for W_a, W_b, b_a, b_b in zip(
                    a.weights[1:], b.weights[1:], a.biases[1:], b.biases[1:], strict=True
                )
            ]
            for rows in blocks(len(inputs), row_step):
                x = inputs[rows].flatten(1).to(a.weights[0])
                z = segment(_first(a, x), _first(b, x), t[points]).flatten(0, 1)
                for sigma, (W, bias) in zip(a.activations, later, strict=True):
                    z = torch.baddbmm(bias, sigma.apply(z), W)
                yield PathLogits(pair_block, points, rows, z.view(*batch, *z.shape[1:]))


def _first(chain: AffineChain, x: Tensor) -> Tensor:
    """Pre-activations of the first layer, ``[pairs, n, m_1]``."""
    return x @ chain.weights[0].mT + chain.biases[0].unsqueeze(-2)


def blocks(total: int, step: int) -> Iterator[slice]:
    """Slices of at most `step` that cover range(total)."""
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def module_logits(
    model_a: nn.Module, model_b: nn.Module, inputs: Inputs, t: Float[Tensor, " points"]
) -> Iterator[PathLogits]:
    """Outputs of f_{theta_t} for one pair of modules of any architecture.

    The networks are those of `interpolate`, one at a time: batching the points of a convolutional
    network was measured to gain little where networks are small and to lose where they are not.
    Beside A and B, one network's weights and the activations of 256 examples are held in memory.

    Args:
        model_a: network A.
        model_b: network B.
        inputs: ``[n, ...]``, passed on in blocks, in the networks' type.
        t: the points of the segment; t = 1 is A.

    Yields:
        Blocks with one pair and one point each.
    """
    state_a, state_b = slots(model_a), slots(model_b)
    return state_logits(
        model_a, (state_at(state_a, state_b, point) for point in t.tolist()), inputs
    )


def state_logits(
    model: nn.Module, states: Iterable[Mapping[str, Tensor]], inputs: Inputs
) -> Iterator[PathLogits]:
    """Outputs of one network with other numbers in its slots, one state for each point."""
    evaluation = Evaluation(model)
    for i, state in enumerate(states):
        for rows in blocks(count(inputs), _MODULE_ROWS):
            with torch.no_grad():
                logits = evaluation(rows_of(inputs, rows), state)
            yield PathLogits(slice(0, 1), slice(i, i + 1), rows, logits[None, None])
