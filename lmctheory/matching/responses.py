r"""What the layers of a network read and write on data.

A row is an example at a position (a pixel, a token): positions count as examples. Inputs and
outputs are kept for `nn.Linear`, convolutions and `nn.MultiheadAttention`, by the name of the
weight that reads or makes them.

*Compression.* Matching needs inner products of columns only. Let X be all rows of several networks
beside each other, X = QR; then X^T X = R^T R, so R, with as many rows as columns, may take the
place of X. So may the R of [R'; X''] for X = [X'; X''], which is how batches are added up: memory
is bounded by the columns, and nothing is squared. With a column of ones in front, c what becomes of
it, |c|^2 is the number of rows, and X - c c^T X / |c|^2 has the columns' means removed.
"""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor, nn
from torch.nn import functional

from lmctheory.matching.observation import hooked
from lmctheory.matching.symmetry import Network, as_inputs, evaluated
from lmctheory.networks import AffineChain

__all__ = ["compressed_responses", "layer_inputs", "layer_outputs", "second_moments"]

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_LAYERS = (nn.Linear, nn.MultiheadAttention, *_CONVOLUTIONS, *_TRANSPOSED)

_CONSTANT = 1e-10
"""A column whose deviation is so small a part of its norm is constant, up to rounding."""

_Observer = Callable[[str, Any, Tensor, Tensor], None]
"""Sees the name of a weight, its layer, what the layer reads and what it writes."""


def layer_inputs(network: Network, data: Shaped[Tensor, "n ..."]) -> dict[str, Tensor]:
    """What each weight reads on the data: x for the first, phi_{l-1}(x) for W_l.

    Args:
        network: a module or chain.
        data: inputs ``[n, ...]``.

    Returns:
        For each weight's name a float64 matrix ``[rows, m_{l-1}]``, a row for each example and
        position, columns being entries of the weight's axis 1 (channels).

    Raises:
        ValueError: for empty data or inputs that do not fit.
    """
    return _gathered(network, data, before=False)


def layer_outputs(network: Network, data: Shaped[Tensor, "n ..."]) -> dict[str, Tensor]:
    """What each weight makes of the data, with its bias: as `layer_inputs`, before the activation.

    Raises:
        ValueError: for empty data or inputs that do not fit.
    """
    return _gathered(network, data, before=True)


def compressed_responses(
    networks: Sequence[Network],
    data: Shaped[Tensor, "n ..."],
    *,
    before: bool = False,
    centred: bool = False,
    batch_size: int = 256,
) -> list[dict[str, Tensor]]:
    """`layer_inputs` of several networks with fewer rows and the same mean inner products.

    For all columns u of one network and v of another (or the same), u . v / rows is what it would
    be for `layer_inputs`.

    Args:
        networks: modules or chains of one architecture.
        data: inputs ``[n, ...]``.
        before: `layer_outputs` instead.
        centred: removes each column's mean.
        batch_size: examples in memory at a time.

    Returns:
        For each network and weight's name a matrix ``[rows, m_{l-1}]``, rows being at most twice
        the number of columns of all networks.

    Raises:
        ValueError: for empty data or inputs that do not fit.
    """
    sums: dict[str, Tensor] = {}
    widths: dict[str, list[int]] = {}
    for batch in torch.split(data, batch_size):
        seen = [_gathered(network, batch, before=before) for network in networks]
        for name, first in seen[0].items():
            parts = [of[name] for of in seen]
            widths[name] = [part.shape[1] for part in parts]
            rows = torch.cat([first.new_ones(len(first), 1), *parts], dim=1)
            sums[name] = _short(torch.cat([sums[name], rows]) if name in sums else rows)
    found: list[dict[str, Tensor]] = [{} for _ in networks]
    for name, rows in sums.items():
        count, columns = rows[:, :1].square().sum(), rows[:, 1:]
        if centred:
            columns = _centred(columns, rows[:, :1] / count.sqrt())
        columns = columns * (len(columns) / count).sqrt()
        for of, part in zip(found, torch.split(columns, widths[name], dim=1), strict=True):
            of[name] = part
    return found


def _centred(columns: Float64[Tensor, "n k"], ones: Float64[Tensor, "n 1"]) -> Tensor:
    rest = columns - ones @ (ones.mT @ columns)
    varies = rest.norm(dim=0) > _CONSTANT * columns.norm(dim=0)
    return rest * varies  # what rounding leaves of a constant column would correlate


def _short(rows: Float64[Tensor, "n k"]) -> Float64[Tensor, "_ k"]:
    return torch.linalg.qr(rows, mode="r").R if len(rows) > 2 * rows.shape[1] else rows


def second_moments(
    network: Network,
    data: Shaped[Tensor, "n ..."],
    *,
    centred: bool = False,
    batch_size: int = 256,
) -> dict[str, Tensor]:
    """Sigma_{l-1} = mean over rows of phi_{l-1}(x) phi_{l-1}(x)^T, for each weight W_l.

    A convolution's rows are its patches, so that Sigma is ``[c k^2, c k^2]`` in the order of the
    flattened weight. Grouped and transposed convolutions have none.

    Args:
        network: a module or chain.
        data: inputs ``[n, ...]``.
        centred: the covariance instead, the mean removed.
        batch_size: examples in memory at a time.

    Returns:
        For each weight's name a second moment ``[m_{l-1}, m_{l-1}]``, float64.

    Raises:
        ValueError: for empty data or inputs that do not fit.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> second_moments(nn.Sequential(nn.Linear(2, 1)), torch.tensor([[3.0, 4.0]]))["0.weight"]
        tensor([[ 9., 12.],
                [12., 16.]], dtype=torch.float64)
    """
    sums: dict[str, tuple[Tensor, Tensor, int]] = {}

    def add(name: str, layer: Any, read: Tensor, _: Tensor) -> None:
        if isinstance(layer, _TRANSPOSED) or getattr(layer, "groups", 1) > 1:
            return
        rows = _patches(layer, read) if isinstance(layer, _CONVOLUTIONS) else _rows(read, -1)
        moment, total, count = sums.get(name, (0.0, 0.0, 0))
        sums[name] = (moment + rows.mT @ rows, total + rows.sum(0), count + len(rows))

    as_inputs(network, data, "data")
    for batch in torch.split(data, batch_size):
        _observe(network, batch, add)
    return {
        name: moment / n - (torch.outer(total, total) / n**2 if centred else 0.0)
        for name, (moment, total, n) in sums.items()
    }


def _gathered(network: Network, data: Tensor, *, before: bool) -> dict[str, Tensor]:
    found: dict[str, list[Tensor]] = {}

    def add(name: str, layer: Any, read: Tensor, written: Tensor) -> None:
        axis = -1 - len(layer.kernel_size) if hasattr(layer, "kernel_size") else -1
        found.setdefault(name, []).append(_rows(written if before else read, axis))

    _observe(network, data, add)
    return {name: torch.cat(parts) for name, parts in found.items()}


def _rows(tensor: Tensor, axis: int) -> Float64[Tensor, "_ k"]:
    return tensor.movedim(axis, -1).reshape(-1, tensor.shape[axis])


def _patches(layer: Any, x: Tensor) -> Float64[Tensor, "_ k"]:
    """What a convolution's filters see, a row for each place, in the order of their weights."""
    size = len(layer.kernel_size)
    x = x if x.ndim == size + 2 else x[None]
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    x = functional.pad(x, layer._reversed_padding_repeated_twice, mode=mode)
    for axis, (kernel, stride, dilation) in enumerate(
        zip(layer.kernel_size, layer.stride, layer.dilation, strict=True), start=2
    ):
        x = x.unfold(axis, dilation * (kernel - 1) + 1, stride)[..., ::dilation]
    places = (0, *range(2, size + 2))
    return x.permute(*places, 1, *range(size + 2, 2 * size + 2)).flatten(0, size).flatten(1)


@torch.no_grad()
def _observe(network: Network, data: Tensor, observer: _Observer) -> None:
    x = as_inputs(network, data, "data")
    if isinstance(network, AffineChain):
        chain = network.to(dtype=torch.float64)
        hidden = chain.hidden(x)
        read = [x, *(phi for _, phi in hidden)]
        written = [*(z for z, _ in hidden), chain(x)]
        for name, inputs, outputs in zip(chain.names, read, written, strict=True):
            observer(f"{name}.weight", None, inputs, outputs)
        return
    model = copy.deepcopy(network).eval().double()
    with hooked(model, _LAYERS, partial(_show, observer)):
        evaluated(model, x, "data")


def _show(
    observer: _Observer, name: str, layer: Any, args: Any, kwargs: Mapping[str, Any], output: Any
) -> None:
    prefix = f"{name}." if name else ""
    if not isinstance(layer, nn.MultiheadAttention):
        observer(f"{prefix}weight", layer, args[0] if args else kwargs["input"], output)
        return
    for weight, read, written in _attended(layer, args, kwargs):
        observer(f"{prefix}{weight}", None, read, written)
    heads = _without_projection(layer)(*args, **kwargs)[0]
    observer(f"{prefix}out_proj.weight", None, heads, output[0])


def _attended(
    layer: Any, args: Any, kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, Tensor, Tensor]]:
    """What the projections of queries, keys and values read and write."""
    read = [
        args[k] if k < len(args) else kwargs[n] for k, n in enumerate(("query", "key", "value"))
    ]
    bias = layer.in_proj_bias
    if layer.in_proj_weight is None:
        names = ("q_proj_weight", "k_proj_weight", "v_proj_weight")
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        for name, x, b in zip(names, read, biases, strict=True):
            yield name, x, functional.linear(x, getattr(layer, name), b)
    elif all(x is y for x, y in pairwise(read)):
        yield "in_proj_weight", read[0], functional.linear(read[0], layer.in_proj_weight, bias)


def _without_projection(layer: nn.MultiheadAttention) -> nn.MultiheadAttention:
    """The layer up to its heads' outputs, side by side."""
    probe = copy.deepcopy(layer)
    probe._forward_hooks.clear()
    nn.init.eye_(probe.out_proj.weight)
    if probe.out_proj.bias is not None:
        nn.init.zeros_(probe.out_proj.bias)
    return probe
