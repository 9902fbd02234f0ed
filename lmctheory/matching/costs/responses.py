r"""What the layers of a network read and write on data.

A row is an example at a position (a pixel, a token): positions count as examples. Inputs and
outputs are kept for `nn.Linear`, convolutions, `nn.MultiheadAttention` and recurrent layers, by the
name of the weight that reads or makes them.

*Compression.* Matching needs inner products of columns only. Let X be all rows of several networks
beside each other, X = QR; then X^T X = R^T R, so R, with as many rows as columns, may take the
place of X. So may the R of [R'; X''] for X = [X'; X''], which is how batches are added up: memory
is bounded by the columns, and nothing is squared. With a column of ones in front, c what becomes of
it, |c|^2 is the number of rows, and X - c c^T X / |c|^2 has the columns' means removed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor, nn
from torch.fx import Node
from torch.nn import functional

from lmctheory.matching._symmetry import Network, chain_inputs, double_inputs
from lmctheory.matching.costs.recurrent_responses import recurrent_responses
from lmctheory.measures.arguments import at_least
from lmctheory.networks import AffineChain
from lmctheory.networks.calling import Inputs, as_inputs, batches
from lmctheory.networks.program import (
    CONVOLUTIONS,
    TRANSPOSED,
    Layer,
    Program,
    arguments,
    capture,
    operation,
)

__all__ = ["compressed_responses", "layer_inputs", "layer_outputs", "second_moments"]

_CONSTANT = 1e-10
"""A column whose deviation is so small a part of its norm is constant, up to rounding."""


_PRODUCTS = {"addmm": 2, "matmul": 1, "mm": 1}
"""Of products with a matrix, whose rows read, which argument it is."""


@dataclass(frozen=True, eq=False)
class _Response:
    """What one weight read and wrote.

    Attributes:
        name: of the weight.
        read: by it.
        written: by it, with its bias.
        options: of a convolution its arguments, by name; None for other operations.
        transposed: whether it is a transposed convolution.
    """

    name: str
    read: Tensor
    written: Tensor
    options: Mapping[str, Any] | None = None
    transposed: bool = False

    @property
    def axis(self) -> int:
        """The axis of channels."""
        return -1 if self.options is None else 1 - self.options["weight"].ndim


_Responses = Callable[[Inputs], Iterator[_Response]]
"""From a batch of inputs to the responses of all weights, in the order of evaluation."""


def layer_inputs(network: Network, data: Inputs) -> dict[str, Tensor]:
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
    return _gathered(_responses(network, data)(data), before=False)


def layer_outputs(network: Network, data: Inputs) -> dict[str, Tensor]:
    """What each weight makes of the data, with its bias: as `layer_inputs`, before the activation.

    Raises:
        ValueError: for empty data or inputs that do not fit.
    """
    return _gathered(_responses(network, data)(data), before=True)


def compressed_responses(
    networks: Sequence[Network],
    data: Inputs,
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
        TypeError: for a batch size that is no integer.
        ValueError: for no networks, empty data, inputs that do not fit, or a batch size below 1.
    """
    batch_size = at_least("batch_size", batch_size, 1)
    if not networks:
        raise ValueError("networks must be one or more, got none")
    sums: dict[str, Tensor] = {}
    widths: dict[str, list[int]] = {}
    responses = [_responses(network, data) for network in networks]
    for batch in batches(as_inputs(data, "data"), batch_size):
        seen = [_gathered(respond(batch), before=before) for respond in responses]
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
    data: Inputs,
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
        TypeError: for a batch size that is no integer.
        ValueError: for empty data, inputs that do not fit, or a batch size below 1.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> second_moments(nn.Sequential(nn.Linear(2, 1)), torch.tensor([[3.0, 4.0]]))["0.weight"]
        tensor([[ 9., 12.],
                [12., 16.]], dtype=torch.float64)
    """
    batch_size = at_least("batch_size", batch_size, 1)
    sums: dict[str, tuple[Tensor, Tensor, int]] = {}
    respond = _responses(network, data)
    for batch in batches(as_inputs(data, "data"), batch_size):
        for response in respond(batch):
            rows = _reading_rows(response)
            if rows is not None:
                moment, total, count = sums.get(response.name, (0.0, 0.0, 0))
                sums[response.name] = (
                    moment + rows.mT @ rows,
                    total + rows.sum(0),
                    count + len(rows),
                )
    return {
        name: moment / n - (torch.outer(total, total) / n**2 if centred else 0.0)
        for name, (moment, total, n) in sums.items()
    }


def _gathered(responses: Iterator[_Response], *, before: bool) -> dict[str, Tensor]:
    found: dict[str, list[Tensor]] = {}
    for response in responses:
        seen = response.written if before else response.read
        found.setdefault(response.name, []).append(_rows(seen, response.axis))
    return {name: torch.cat(parts) for name, parts in found.items()}


def _rows(tensor: Tensor, axis: int) -> Float64[Tensor, "_ k"]:
    return tensor.movedim(axis, -1).reshape(-1, tensor.shape[axis])


def _reading_rows(response: _Response) -> Float64[Tensor, "_ k"] | None:
    """What a weight reads, a row for each example and place; None where weights are apart."""
    if response.options is None:
        return _rows(response.read, -1)
    if response.transposed or response.options.get("groups", 1) > 1:
        return None
    return _patches(response.read, response.options)


def _patches(x: Tensor, options: Mapping[str, Any]) -> Float64[Tensor, "_ k"]:
    """What a convolution's filters see, a row for each place, in the order of their weights."""
    kernel = tuple(options["weight"].shape[2:])
    size = len(kernel)
    stride, dilation = (_each(options.get(name, 1), size) for name in ("stride", "dilation"))
    x = x if x.ndim == size + 2 else x[None]
    x = functional.pad(x, _padding(options.get("padding", 0), kernel, dilation))
    for axis, (k, step, apart) in enumerate(zip(kernel, stride, dilation, strict=True), start=2):
        x = x.unfold(axis, apart * (k - 1) + 1, step)[..., ::apart]
    places = (0, *range(2, size + 2))
    return x.permute(*places, 1, *range(size + 2, 2 * size + 2)).flatten(0, size).flatten(1)


def _each(value: Any, size: int) -> tuple[int, ...]:
    """A setting of a convolution for each axis."""
    values = tuple(value) if isinstance(value, Sequence) else (value,)
    return values * size if len(values) == 1 else values


def _padding(padding: Any, kernel: tuple[int, ...], dilation: tuple[int, ...]) -> list[int]:
    """Zeros before and after each axis, as `functional.pad` takes them: from the last one on."""
    if padding == "same":
        gaps = [apart * (k - 1) for k, apart in zip(kernel, dilation, strict=True)]
        sides = [(gap // 2, gap - gap // 2) for gap in gaps]
    else:
        widths = _each(0 if padding == "valid" else padding, len(kernel))
        sides = [(width, width) for width in widths]
    return [width for pair in reversed(sides) for width in pair]


def _responses(network: Network, data: Inputs) -> _Responses:
    """How the weights of a network respond to batches of inputs like `data`.

    Raises:
        TypeError: if the network cannot be traced.
        ValueError: for empty data or inputs that do not fit.
    """
    if isinstance(network, AffineChain):
        chain = network.to(dtype=torch.float64)
        return lambda batch: _of_chain(chain, chain_inputs(network, batch, "data"))
    x = double_inputs(network, data, "data")
    program = capture(network, x, "data").to(torch.float64)
    return lambda batch: _of_program(program, double_inputs(network, batch, "data"))


def _of_chain(chain: AffineChain, x: Tensor) -> Iterator[_Response]:
    hidden = chain.hidden(x)
    read = [x, *(phi for _, phi in hidden)]
    written = [*(z for z, _ in hidden), chain(x)]
    for name, inputs, outputs in zip(chain.names, read, written, strict=True):
        yield _Response(f"{name}.weight", inputs, outputs)


@torch.no_grad()
def _of_program(program: Program, x: Inputs) -> Iterator[_Response]:
    for node, args, kwargs, result in program.run(x):
        if node.op != "call_function":
            continue
        target: Any = node.target
        name = operation(target)
        if isinstance(target, Layer):
            if isinstance(target.module, nn.MultiheadAttention):
                yield from _attended(target, args, kwargs, result)
            elif type(target.module) in (nn.RNN, nn.LSTM, nn.GRU):
                yield from (_Response(*seen) for seen in recurrent_responses(target, args, kwargs))
        elif name == "linear" or name in CONVOLUTIONS or name in TRANSPOSED:
            weight = arguments(target, node.args, node.kwargs)["weight"]
            values = arguments(target, args, kwargs)
            if str(weight.target) in program.state:
                yield _Response(
                    name=str(weight.target),
                    read=values["input"],
                    written=result,
                    options=None if name == "linear" else values,
                    transposed=name in TRANSPOSED,
                )
        elif name in _PRODUCTS and len(node.args) > _PRODUCTS[name]:
            place = _PRODUCTS[name]
            read, weight = node.args[place - 1 : place + 1]
            of_examples = isinstance(read, Node) and read in program.fed  # not a weight's rows
            if of_examples and isinstance(weight, Node) and str(weight.target) in program.state:
                yield _Response(str(weight.target), args[place - 1], result)


def _attended(
    layer: Layer, args: Any, kwargs: Mapping[str, Any], result: Any
) -> Iterator[_Response]:
    """What the projections of queries, keys, values and outputs read and write."""
    prefix = f"{layer.name}." if layer.name else ""
    tensors, *given = args
    names = ("query", "key", "value")
    read = [given[k] if k < len(given) else kwargs[n] for k, n in enumerate(names)]
    bias = tensors.get("in_proj_bias")
    together = tensors.get("in_proj_weight")
    if together is None:
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        for name, x, b in zip(("q", "k", "v"), read, biases, strict=True):
            weight = f"{name}_proj_weight"
            yield _Response(f"{prefix}{weight}", x, functional.linear(x, tensors[weight], b))
    elif all(x is y for x, y in pairwise(read)):
        written = functional.linear(read[0], together, bias)
        yield _Response(f"{prefix}in_proj_weight", read[0], written)
    heads = _without_projection(layer.module, tensors, given, kwargs)
    yield _Response(f"{prefix}out_proj.weight", heads, result[0])


def _without_projection(
    module: nn.Module, tensors: Mapping[str, Tensor], args: Any, kwargs: Mapping[str, Any]
) -> Tensor:
    """What the layer makes up to its heads' outputs, side by side."""
    bare = dict(tensors)
    out = bare["out_proj.weight"]
    bare["out_proj.weight"] = torch.eye(len(out)).to(out)
    if "out_proj.bias" in bare:
        bare["out_proj.bias"] = torch.zeros_like(bare["out_proj.bias"])
    heads: Tensor = Layer(module, "")(bare, *args, **kwargs)[0]
    return heads
