r"""Rescaling neurons: the same segment, and a smaller certificate of it.

If sigma(d z) = d sigma(z) for d > 0 (identity, relu, leaky relu), then for diagonal D_l > 0 with
D_0 = D_{L+1} = 1 the layers

    W_l -> D_l W_l D_{l-1}^{-1},    b_l -> D_l b_l

compute the same function: phi_l becomes D_l phi_l by induction. With one D for A and B alike,
interpolation commutes with the map, `(D_l W_l D_{l-1}^{-1})^t = D_l W_l^t D_{l-1}^{-1}`, so every
network of the segment computes what it did. Its certificates are other numbers, for norms are no
invariants: residuals and gaps become D_l c_l and D_l j_l, drifts D_l (dW phi + db), and C1, C1' and
C2 at t = 1/2 all are

    x_l = Lip |D_l W_l^t D_{l-1}^{-1}| x_{l-1} + sum_v |D_l v|,    x_0 = 0,    the bound x_{L+1},

v running over c_l and j_l for C1, over W_l^t j_{l-1} + c_l for C1', and over the drift from A, or
from B, for C2, which is the mean of the two. Here log D is found by L-BFGS on the root mean square
over examples. What is reported is computed by `certificate`; where nothing is gained D = 1 remains.

A tenth to a sixth of C1, C1' and C2 is to be gained of trained networks. C3 and C4 bound what other
norms enter, and may well become worse: with one hidden layer they stay, with more C4 from two ends
alone loses what C1 gains.

For one example, one hidden layer and one output, |w D^{-1}| |D j| >= sum_i |w_i j_i| by Cauchy and
Schwarz, with equality at d_i^2 = |w_i| / |j_i|: the optimum is known.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from lmctheory.networks import AffineChain, Examples, affine_chain, evaluation_mode, stack_chains
from lmctheory.paths.certificate import certificates
from lmctheory.paths.program import chain_program

__all__ = ["Rescaling", "rescaled"]

_HOMOGENEOUS = ("identity", "relu", "leaky_relu")
_ITERATIONS = 100
_ERRORS = {"C1": "function_error_c1", "C1'": "function_error", "C2": "function_error_c2"}
_TINY = 1e-300
"""Keeps the derivative of a norm finite at zero."""


@dataclass(frozen=True, eq=False)
class Rescaling:
    """Two networks whose segment computes what it did, with a smaller certificate.

    Attributes:
        model_a: network A, rescaled.
        model_b: network B, rescaled by the same factors.
        factors: for each hidden layer's name the factors ``[m]``.
        before: the bound, root mean square over the examples at t = 1/2.
        after: the bound of the rescaled pair; never larger.
    """

    model_a: nn.Module = field(repr=False)
    model_b: nn.Module = field(repr=False)
    factors: Mapping[str, Float[Tensor, " m"]] = field(repr=False)
    before: float
    after: float


def rescaled(
    model_a: nn.Module, model_b: nn.Module, data: Examples, bound: str = "C1"
) -> Rescaling:
    """Rescales hidden neurons of A and B alike so that a certificate of the segment is small.

    Args:
        model_a: network A, a chain of linear layers with identity, relu or leaky relu.
        model_b: network B of the same architecture, aligned with A.
        data: the examples over which the bound is taken.
        bound: "C1", "C1'" or "C2".

    Raises:
        TypeError: if a network is no chain, or naming an activation that is not homogeneous.
        ValueError: for another bound, networks of different architecture, NaN or infinite weights,
            or examples that do not fit.

    Reference: theory keys C1, C1', C2.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> a, b = (MLP((4, 8, 3), rng=torch.Generator().manual_seed(s)) for s in (0, 1))
        >>> x = torch.randn(20, 4, generator=torch.Generator().manual_seed(2))
        >>> found = rescaled(a, b, Examples(x, torch.arange(20) % 3))
        >>> found.after < found.before
        True
    """
    if bound not in _ERRORS:
        raise ValueError(f"bound must be one of {list(_ERRORS)}, got {bound!r}")
    a, b = (affine_chain(evaluation_mode(model)) for model in (model_a, model_b))
    for sigma in a.activations:
        if not sigma.name.startswith(_HOMOGENEOUS):
            raise TypeError(f"neurons cannot be rescaled before {sigma.name}: not homogeneous")
    chain_program(a, b, data)  # refuses what does not fit, before any work
    a, b = (chain.to(dtype=torch.float64) for chain in (a, b))
    before = _bound(a, b, data, bound)
    factors = _optimised(_Recursion.of(a, b, data.inputs.flatten(1).to(a.weights[0]), bound))
    after = _bound(_scaled(a, factors), _scaled(b, factors), data, bound)
    if not after < before:
        factors, after = [torch.ones_like(d) for d in factors], before
    named = dict(zip(a.names, factors, strict=False))
    return Rescaling(
        model_a=_scaled_module(model_a, a.names, factors),
        model_b=_scaled_module(model_b, a.names, factors),
        factors=named,
        before=before,
        after=after,
    )


def _bound(a: AffineChain, b: AffineChain, data: Examples, bound: str) -> float:
    [found] = certificates(stack_chains([a]), stack_chains([b]), data)
    return float((getattr(found, _ERRORS[bound]) ** 2).mean() ** 0.5)


@dataclass(frozen=True, eq=False)
class _Recursion:
    """x_l = Lip |D_l W_l D_{l-1}^{-1}| x_{l-1} + sum_v |D_l v|, and the mean of several.

    Attributes:
        weights: W_l^t.
        lipschitz: of the activation after each layer; 1 after the last.
        vectors: for each recursion and layer the vectors ``[n, m_l]``.
    """

    weights: tuple[Tensor, ...]
    lipschitz: tuple[float, ...]
    vectors: tuple[list[list[Tensor]], ...]

    @classmethod
    @torch.no_grad()
    def of(cls, a: AffineChain, b: AffineChain, x: Tensor, bound: str) -> "_Recursion":
        """Of two chains at t = 1/2."""
        weights = tuple((W_a + W_b) / 2 for W_a, W_b in zip(a.weights, b.weights, strict=True))
        lipschitz = (*(sigma.lipschitz for sigma in a.activations), 1.0)
        x_a, x_b = x, x
        gap = torch.zeros_like(x)
        layers: dict[str, list[tuple[list[Tensor], ...]]] = {name: [] for name in _ERRORS}
        for i, lip in enumerate(lipschitz):
            dW, db = a.weights[i] - b.weights[i], a.biases[i] - b.biases[i]
            c = -(x_a - x_b) @ dW.mT / 4
            known = gap @ weights[i].mT + c
            drifts = tuple([lip * (x @ dW.mT + db) / 2] for x in (x_a, x_b))
            z_a, z_b = x_a @ a.weights[i].mT + a.biases[i], x_b @ b.weights[i].mT + b.biases[i]
            gap = torch.zeros_like(z_a)
            if i < a.depth:
                sigma = a.activations[i].apply
                x_a, x_b = sigma(z_a), sigma(z_b)
                gap = sigma((z_a + z_b) / 2) - (x_a + x_b) / 2
            layers["C1"].append(([lip * c, gap],))
            layers["C1'"].append(([lip * known],))
            layers["C2"].append(drifts)
        return cls(weights, lipschitz, tuple(map(list, zip(*layers[bound], strict=True))))

    def value(self, logs: list[Tensor]) -> Tensor:
        """Root mean square over the examples, at log D_1, ..., log D_L."""
        outer = self.weights[-1].new_zeros(len(self.weights[-1]))
        inner = self.weights[0].new_zeros(self.weights[0].shape[1])
        rows = [log.exp() for log in (*logs, outer)]
        columns = [(-log).exp() for log in (inner, *logs)]
        norms = [
            lip * torch.linalg.matrix_norm(d[:, None] * W * e, 2)
            for lip, d, W, e in zip(self.lipschitz, rows, self.weights, columns, strict=True)
        ]
        total: Tensor | float = 0.0
        for layers in self.vectors:
            x: Tensor | float = 0.0
            for norm, d, vectors in zip(norms, rows, layers, strict=True):
                x = norm * x + sum(((d * v).square().sum(1) + _TINY).sqrt() for v in vectors)
            total = total + x
        assert isinstance(total, Tensor)
        return total.square().mean().sqrt() / len(self.vectors)


def _optimised(recursion: _Recursion) -> list[Tensor]:
    """The factors of every hidden layer."""
    logs = [W.new_zeros(len(W)).requires_grad_() for W in recursion.weights[:-1]]
    optimiser = torch.optim.LBFGS(logs, max_iter=_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimiser.zero_grad()
        value = recursion.value(logs)
        torch.autograd.backward(value)
        return float(value.detach())

    if logs:
        optimiser.step(closure)  # type: ignore[no-untyped-call]
    return [log.detach().exp() for log in logs]


def _ends(factors: list[Tensor], W: Tensor, i: int) -> Tensor:
    """D_i W D_{i-1}^{-1}, for layers counted from 0."""
    if i < len(factors):
        W = factors[i][:, None].to(W) * W
    return W / factors[i - 1].to(W) if i > 0 else W


def _scaled(chain: AffineChain, factors: list[Tensor]) -> AffineChain:
    return replace(
        chain,
        weights=tuple(_ends(factors, W, i) for i, W in enumerate(chain.weights)),
        biases=tuple(v * factors[i] if i < len(factors) else v for i, v in enumerate(chain.biases)),
    )


@torch.no_grad()
def _scaled_module(model: nn.Module, names: tuple[str, ...], factors: list[Tensor]) -> nn.Module:
    result = copy.deepcopy(model)
    for i, name in enumerate(names):
        layer = result.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        layer.weight.copy_(_ends(factors, layer.weight, i))
        if layer.bias is not None and i < len(factors):
            layer.bias.mul_(factors[i].to(layer.bias))
    return result
