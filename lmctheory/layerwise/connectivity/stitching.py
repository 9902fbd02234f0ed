r"""Two networks sewn together: the first layers of one, the rest of another.

With h_A, h_B what layer l reads in either network on the examples, the rest of B is given h_A as it
is, or as B would have it: through the affine map of channels T that attains

    min over T, c of sum over examples and positions of |T h_A + c - h_B|^2,

of least norm where several do. A permutation is such a map, so that the second asks whether two
networks have the same features up to what matching and more could do; the first asks whether they
have them already.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from lmctheory.networks.agreement import require_inputs_fit, require_segment
from lmctheory.networks.calling import batches, each, returned
from lmctheory.networks.state import copied, in_type_of, seeded

__all__ = ["stitch"]

_ROWS = 256
"""Examples in memory at one time beside what the layer reads."""


def stitch(
    model_a: nn.Module,
    model_b: nn.Module,
    layer: str,
    inputs: Float[Tensor, "n ..."] | None = None,
) -> nn.Module:
    """The network that computes what `layer` reads as A does, and all that follows as B does.

    What passes the layer by, on the way of a skip connection, is B's.

    Args:
        model_a: network A, the first part.
        model_b: network B, the rest, already aligned with A.
        layer: name of a linear or convolutional submodule, evaluated once in a forward pass.
        inputs: ``[n, ...]``: the affine map between both parts is fitted to these; there is none if
            None.

    Returns:
        A new module, in evaluation mode.

    Raises:
        TypeError: if the layer is no linear or convolutional one; as the network is called, if it
            is evaluated more or less than once.
        ValueError: as `require_segment`; for a name without a layer, or inputs that do not fit.

    Reference: Lenc and Vedaldi 2015; Bansal, Nakkiran and Barak 2021; without a map, Zhou et al.
    2023.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = (MLP((4, 8, 8, 3), rng=rng) for _ in range(2))
        >>> x = torch.randn(50, 4, generator=rng)
        >>> as_they_are, fitted = (stitch(a, b, "layers.2", fit)(x) - b(x) for fit in (None, x))
        >>> bool(fitted.norm() < as_they_are.norm() / 2)
        True
    """
    require_segment(model_a, model_b)
    kind = dict(model_b.named_modules()).get(layer)
    if kind is None:
        raise ValueError(f"layer must name a submodule, got {layer!r}")
    if not isinstance(kind, nn.Linear | _ConvNd):
        raise TypeError(
            f"layer must be linear or convolutional, but {layer!r} is a {type(kind).__name__}"
        )
    first, rest = (copied(model).eval() for model in (model_a, model_b))
    axis = -1 if isinstance(kind, nn.Linear) else 1
    if inputs is None:
        return _Stitched(first, rest, layer, nn.Identity())
    require_inputs_fit(model_b, inputs)
    return _Stitched(first, rest, layer, _fitted(first, rest, layer, inputs, axis))


class _Stitched(nn.Module):
    """B, whose layer reads what A's does, behind a seam."""

    def __init__(self, first: nn.Module, rest: nn.Module, layer: str, seam: nn.Module) -> None:
        super().__init__()
        self.first, self.rest, self.seam = first, rest, seam
        self.layer = layer

    def forward(self, x: Tensor) -> Any:
        """Outputs of inputs ``[n, ...]``."""
        seen = self.seam(_read(self.first, self.layer, each(x, Tensor.clone)))
        with _reading(self.rest, self.layer, lambda _: seen):
            return returned(self.rest, each(x, Tensor.clone))  # either may overwrite its inputs


class _Seam(nn.Module):
    """An affine map of the channels, which lie on one axis."""

    def __init__(self, weight: Tensor, bias: Tensor, axis: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of x."""
        mapped = x.movedim(self.axis, -1) @ self.weight.mT + self.bias
        return mapped.movedim(-1, self.axis)


@torch.no_grad()
def _fitted(first: nn.Module, rest: nn.Module, layer: str, inputs: Tensor, axis: int) -> _Seam:
    found = []
    for model in (first, rest):
        with seeded():
            seen = [_read(model, layer, in_type_of(model, x)) for x in batches(inputs, _ROWS)]
        found.append(torch.cat([x.movedim(axis, -1).flatten(0, -2) for x in seen]))
    rows, wanted = (x.double() for x in found)
    mean, target = rows.mean(0), wanted.mean(0)
    # of least norm, as neurons may be dead or alike; that driver is the processor's
    solved = torch.linalg.lstsq((rows - mean).cpu(), (wanted - target).cpu(), driver="gelsd")
    weight = solved.solution.mT.to(rows)
    return _Seam(weight.to(found[0]), (target - weight @ mean).to(found[0]), axis)


def _read(model: nn.Module, layer: str, x: Tensor) -> Tensor:
    """What the layer reads for these inputs."""
    found: list[Tensor] = []

    def keep(read: Tensor) -> Tensor:
        found.append(read.clone())  # what follows may overwrite it
        return read

    with _reading(model, layer, keep):
        returned(model, x)
    return found[0]


@contextmanager
def _reading(model: nn.Module, layer: str, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Within it, the layer reads what is made of its inputs, in the one forward pass.

    Raises:
        TypeError: if it is evaluated more or less than once.
    """
    calls = 0

    def hook(_: nn.Module, args: Any) -> tuple[Tensor]:
        nonlocal calls
        calls += 1
        return (change(cast("Tensor", args[0])),)

    handle = model.get_submodule(layer).register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()
    if calls != 1:
        raise TypeError(f"models must evaluate {layer!r} once, got {calls} times")
