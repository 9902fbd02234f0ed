"""Multilayer perceptrons, and the chain of affine maps that any such `nn.Module` is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from lmctheory.networks.activations import Activation, activation, activation_of

__all__ = ["MLP", "AffineChain", "affine_chain", "require_finite", "stack_chains"]


class MLP(nn.Module):
    """f(x) = W_{L+1} sigma(... sigma(W_1 x + b_1) ...) + b_{L+1}.

    He initialisation with independent Gaussian rows, N(0, 2/m_{l-1}) each entry, and zero biases:
    the law for which the spectral bounds (R7, R9, R13) and D1 hold exactly.

    Args:
        widths: ``(m_0, m_1, ..., m_L, n_out)``; inputs are flattened to m_0 numbers.
        activation_name: see `lmctheory.networks.activation`.
        rng: the torch generator that draws the weights.
        dtype: of the parameters.

    Raises:
        ValueError: for fewer than two widths, a width < 1 or an unknown activation.

    Example:
        >>> import torch
        >>> MLP((64, 32, 10), rng=torch.Generator().manual_seed(0))(torch.zeros(5, 64)).shape
        torch.Size([5, 10])
    """

    def __init__(
        self,
        widths: Sequence[int],
        activation_name: str = "relu",
        *,
        rng: torch.Generator,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        if len(widths) < 2:
            raise ValueError(f"widths must name at least input and output, got {tuple(widths)}")
        if any(width < 1 for width in widths):
            raise ValueError(f"every width must be >= 1, got {tuple(widths)}")
        self.widths = tuple(widths)
        self.activation = activation(activation_name)
        self.layers = nn.ModuleList(_he_linear(*fans, rng, dtype) for fans in pairwise(widths))

    @property
    def linears(self) -> list[nn.Linear]:
        """The affine maps, from input to output."""
        return cast("list[nn.Linear]", list(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """Logits ``[n, n_out]`` of inputs ``[n, ...]``."""
        x = x.flatten(1)
        *hidden, last = self.linears
        for layer in hidden:
            x = self.activation.apply(layer(x))
        return cast("Tensor", last(x))


def _he_linear(fan_in: int, fan_out: int, rng: torch.Generator, dtype: torch.dtype) -> nn.Linear:
    # on the meta device nothing is drawn: the default would use torch's global generator
    layer = nn.Linear(fan_in, fan_out, device="meta", dtype=dtype).to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.normal_(0.0, (2.0 / fan_in) ** 0.5, generator=rng)
        layer.bias.zero_()
    return layer


@dataclass(frozen=True)
class AffineChain:
    """A network seen as affine maps with pointwise activations between them.

    Parameters may carry leading batch dimensions: a stack of networks is again a chain.

    Attributes:
        names: qualified names of the linear submodules, from input to output.
        weights: W_1, ..., W_{L+1}, each ``[..., m_l, m_{l-1}]``.
        biases: b_1, ..., b_{L+1}, each ``[..., m_l]`` (zeros where the layer has none).
        activations: sigma after layers 1, ..., L.
    """

    names: tuple[str, ...]
    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activations: tuple[Activation, ...]

    @property
    def depth(self) -> int:
        """Number L of hidden layers."""
        return len(self.activations)

    def to(self, *, dtype: torch.dtype) -> "AffineChain":
        """The same chain in another floating-point type."""
        return AffineChain(
            self.names,
            tuple(W.to(dtype) for W in self.weights),
            tuple(b.to(dtype) for b in self.biases),
            self.activations,
        )

    def hidden(self, x: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Pre-activations and activations ``(z_l, phi_l)``, each ``[..., n, m_l]``, l = 1..L."""
        layers = []
        for W, b, sigma in zip(self.weights, self.biases, self.activations, strict=False):
            z = x @ W.mT + b.unsqueeze(-2)
            x = sigma.apply(z)
            layers.append((z, x))
        return layers

    def __call__(self, x: Tensor) -> Tensor:
        """Outputs ``[..., n, n_out]`` of inputs ``[n, m_0]``."""
        hidden = self.hidden(x)
        last = hidden[-1][1] if hidden else x
        return last @ self.weights[-1].mT + self.biases[-1].unsqueeze(-2)


def stack_chains(chains: Sequence[AffineChain]) -> AffineChain:
    """Chains of one architecture as one, with a leading dimension ``[len(chains), ...]``."""
    first = chains[0]
    return AffineChain(
        first.names,
        tuple(torch.stack(layer) for layer in zip(*(c.weights for c in chains), strict=True)),
        tuple(torch.stack(layer) for layer in zip(*(c.biases for c in chains), strict=True)),
        first.activations,
    )


_FUNCTIONS = {
    torch.relu: "relu",
    nn.functional.relu: "relu",
    "relu": "relu",
    torch.tanh: "tanh",
    "tanh": "tanh",
    torch.sigmoid: "sigmoid",
    "sigmoid": "sigmoid",
    nn.functional.softplus: "softplus",
}
"""Functions and tensor methods that compute a known activation without further arguments."""


def _functional_activation(node: torch.fx.Node) -> Activation | None:
    if node.target is nn.functional.gelu and not node.kwargs:
        return activation("gelu")
    options = {key: value for key, value in node.kwargs.items() if key != "inplace"}
    name = _FUNCTIONS.get(node.target) if not options and len(node.args) == 1 else None
    return None if name is None else activation(name)


def _is_flatten(node: torch.fx.Node, module: nn.Module | None) -> bool:
    if module is not None:
        return isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1
    return node.target in (torch.flatten, "flatten") and tuple(node.args[1:]) == (1,)


def affine_chain(model: nn.Module) -> AffineChain:
    """Reads a module as a chain of affine maps, by tracing it symbolically.

    Works for any module whose forward pass is a chain of `nn.Linear`, pointwise activations, a
    leading flatten and (in evaluation mode, where it is the identity) dropout. Nothing is guessed:
    any other operation is refused by name. The tensors are the model's own, detached.

    Args:
        model: the network; its training flag is respected (dropout in training mode is refused).

    Raises:
        TypeError: if the module is no such chain; the message names the operation.
    """
    if type(model) is MLP:  # tracing costs milliseconds, which adds up over many networks
        return _chain(
            [(f"layers.{i}", layer) for i, layer in enumerate(model.linears)],
            [model.activation] * (len(model.layers) - 1),
        )
    linears: list[tuple[str, nn.Linear]] = []
    sigmas: list[Activation | None] = []  # what follows each linear map; None: nothing yet
    for node, module in _straight_line(model):
        sigma = _functional_activation(node) if module is None else activation_of(module)
        if isinstance(module, nn.Linear):
            linears.append((str(node.target), module))
            sigmas.append(None)
        elif sigma is not None and linears and sigmas[-1] is None:
            sigmas[-1] = sigma
        elif not (_is_flatten(node, module) and not linears) and not _is_inactive(module):
            raise TypeError(
                f"the network is no affine chain: {node.format_node()} is not supported"
            )
    if not linears or sigmas[-1] is not None:
        raise TypeError("the network is no affine chain: its last operation must be nn.Linear")
    return _chain(linears, [sigma or activation("identity") for sigma in sigmas[:-1]])


def _is_inactive(module: nn.Module | None) -> bool:
    return isinstance(module, nn.Dropout) and not module.training


def _straight_line(model: nn.Module) -> list[tuple[torch.fx.Node, nn.Module | None]]:
    """The operations of a traced model, checked to form one line from input to output."""
    try:
        graph = torch.fx.Tracer().trace(model)
    except Exception as error:
        raise TypeError(f"the network is no affine chain: it cannot be traced ({error})") from error
    nodes = list(graph.nodes)
    for previous, node in pairwise(nodes):
        if node.all_input_nodes != [previous]:
            raise TypeError(f"the network is no affine chain: {node.format_node()} branches")
    modules = dict(model.named_modules())
    return [
        (node, modules[str(node.target)] if node.op == "call_module" else None)
        for node in nodes
        if node.op not in ("placeholder", "output")
    ]


def _chain(linears: list[tuple[str, nn.Linear]], sigmas: list[Activation]) -> AffineChain:
    if len({id(layer) for _, layer in linears}) < len(linears):
        raise TypeError("the network is no affine chain: it uses one nn.Linear twice")
    weights = tuple(layer.weight.detach() for _, layer in linears)
    biases = tuple(
        layer.bias.detach() if layer.bias is not None else W.new_zeros(W.shape[0])
        for (_, layer), W in zip(linears, weights, strict=True)
    )
    return AffineChain(tuple(name for name, _ in linears), weights, biases, tuple(sigmas))


def require_finite(chain: AffineChain, argument: str) -> None:
    """Refuses NaN and infinite weights.

    Raises:
        ValueError: naming the argument and the layer.
    """
    for name, W, b in zip(chain.names, chain.weights, chain.biases, strict=True):
        if not (torch.isfinite(W).all() and torch.isfinite(b).all()):
            raise ValueError(f"{argument} has NaN or infinite weights in layer {name!r}")
