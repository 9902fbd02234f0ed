r"""The midpoint loss over subsets of layers: Moebius terms and Shapley values.

v(S) = loss with the layers of S midway between A and B and all others those of the base model. Each
v is a sum over the subsets' *Moebius terms*

    v(S) = sum_{T subset of S} m(T),     m(S) = sum_{T subset of S} (-1)^{|S| - |T|} v(T),

m({l}) being what averaging layer l alone does, m({l, k}) what averaging both adds to that, and so
on. The *Shapley value* of a layer shares each term equally among its layers,

    phi_l = sum_{S with l} m(S)/|S| = E[v(layers up to l) - v(layers before l)],

the mean over all orders in which the layers can be averaged one by one. *The values add up to
v(all) - v(none)* (efficiency), for the full model the midpoint's loss minus the base's. *Proof of
the second form.* In a random order the marginal contribution of l is the sum of m(S) over the S in
which l comes last, which has probability 1/|S|. Summed over l the contributions telescope in every
order, so a mean over *some* orders adds up exactly too.

Subsets are numbered by their bits: layer l is in subset S if S >> l is odd.

Reference: Shapley 1953; Harsanyi 1963 (Moebius terms as dividends); Castro et al. 2009 (sampling);
theory key L6.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.stats import t as student
from torch import nn

from lmctheory.layerwise._layers import Layer
from lmctheory.layerwise._layers import layers as layers_of
from lmctheory.layerwise.points.evaluation import evaluate
from lmctheory.measures.arguments import RandomSource, generator, integer, probability
from lmctheory.networks import AnyExamples
from lmctheory.results import Result

__all__ = ["Moebius", "Shapley", "moebius", "shapley"]

_MOST_LAYERS = 12
"""With so many, all subsets are evaluated; beyond, orders are drawn."""


@dataclass(frozen=True, eq=False)
class Moebius(Result):
    """The midpoint loss of all subsets of layers.

    Attributes:
        layers: names.
        loss: ``[2^L]`` v(S), S numbered by its bits.
        terms: ``[2^L]`` m(S).
    """

    layers: tuple[str, ...]
    loss: Float[np.ndarray, " subsets"]
    terms: Float[np.ndarray, " subsets"]

    def term(self, *names: str) -> float:
        """The Moebius term of the layers named.

        Raises:
            ValueError: for a name that is no layer's.
        """
        unknown = set(names) - set(self.layers)
        if unknown:
            raise ValueError(f"names must be among {list(self.layers)}, got {min(unknown)!r}")
        return float(self.terms[sum(1 << self.layers.index(name) for name in set(names))])

    @property
    def by_order(self) -> Float[np.ndarray, " orders"]:
        """``[L + 1]`` the sum of the terms of 0, 1, ..., L layers; together v(all)."""
        return np.bincount(_subsets(len(self.layers)).sum(1), self.terms)

    @property
    def shapley(self) -> "Shapley":
        """What each layer contributes, exactly."""
        inside = _subsets(len(self.layers))
        values = inside.T @ (self.terms / np.maximum(inside.sum(1), 1))
        total = float(self.loss[-1] - self.loss[0])
        return Shapley(self.layers, values, np.zeros(len(values)), total, 0)


@dataclass(frozen=True, eq=False)
class Shapley(Result):
    """What each layer contributes to the midpoint's loss.

    Attributes:
        layers: names.
        values: ``[L]``; they add up to `total`.
        standard_error: ``[L]``, 0 where the values are exact.
        total: v(all) - v(none).
        draws: number of independent pairs of orders, 0 where the values are exact.
    """

    layers: tuple[str, ...]
    values: Float[np.ndarray, " L"]
    standard_error: Float[np.ndarray, " L"]
    total: float
    draws: int

    def interval(self, confidence: float = 0.95) -> Float[np.ndarray, "L 2"]:
        """Student's confidence interval of each value, valid for many draws."""
        confidence = probability("confidence", confidence)
        quantile = student.ppf((1 + confidence) / 2, self.draws - 1) if self.draws else 0.0
        return self.values[:, None] + quantile * self.standard_error[:, None] * [-1.0, 1.0]


def moebius(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    *,
    base: str = "a",
    layers: Sequence[Layer] | None = None,
) -> Moebius:
    """Midpoint losses and Moebius terms of all subsets of at most 12 layers.

    Args:
        model_a: network A.
        model_b: network B, already aligned with A.
        data: the examples.
        base: the model that the other layers are taken from, "a" or "b".
        layers: as `layers` or `groups` give them; all by default. Others stay the base's.

    Returns:
        The losses and terms; a network that is one straight line computes 2^L points at the cost of
        about 2^{L+1}/L forward passes.

    Raises:
        ValueError: for more than 12 layers, another base, and as `evaluate`.

    Reference: theory key L6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = moebius(a, b, data)
        >>> bool(abs(found.by_order.sum() - found.loss[-1]) < 1e-12)
        True
    """
    pair, chosen = _from_base(model_a, model_b, base, layers)
    if len(chosen) > _MOST_LAYERS:
        raise ValueError(
            f"all subsets of at most {_MOST_LAYERS} layers can be evaluated, got {len(chosen)}; "
            "form groups of layers, or draw orders for Shapley values"
        )
    loss = evaluate(*pair, data, _subsets(len(chosen)) / 2, layers=chosen).loss
    terms = loss.copy()
    for layer in range(len(chosen)):
        without, with_it = np.moveaxis(terms.reshape(-1, 2, 2**layer), 1, 0)
        with_it -= without
    return Moebius(tuple(layer.name for layer in chosen), loss, terms)


def shapley(
    model_a: nn.Module,
    model_b: nn.Module,
    data: AnyExamples,
    *,
    base: str = "a",
    layers: Sequence[Layer] | None = None,
    draws: int = 0,
    rng: RandomSource | None = None,
) -> Shapley:
    """Shapley values of the layers for the midpoint's loss.

    Args:
        model_a: network A.
        model_b: network B, already aligned with A.
        data: the examples.
        base: the model that the other layers are taken from, "a" or "b".
        layers: as `layers` or `groups` give them; all by default. Others stay the base's.
        draws: 0 for exact values, from all subsets of at most 12 layers; else the number of random
            orders, each of which is used backwards too.
        rng: draws the orders.

    Returns:
        The values; their standard errors come from independent pairs of orders.

    Raises:
        TypeError: for draws that are no integer.
        ValueError: for more than 12 layers without draws, fewer than 2 draws, draws without rng,
            another base, and as `evaluate`.

    Reference: theory key L6.

    Example:
        >>> import torch
        >>> from lmctheory.networks import MLP, Examples
        >>> rng = torch.Generator().manual_seed(0)
        >>> a, b = MLP((4, 8, 3), rng=rng), MLP((4, 8, 3), rng=rng)
        >>> data = Examples(torch.randn(20, 4, generator=rng), torch.arange(20) % 3)
        >>> found = shapley(a, b, data)
        >>> bool(abs(found.values.sum() - found.total) < 1e-12)
        True
    """
    draws = integer("draws", draws)
    if draws < 0 or draws == 1:
        raise ValueError(f"draws must be 0 or >= 2, got {draws}")
    if draws and rng is None:
        raise ValueError("rng must be given to draw orders, got None")
    if rng is None or not draws:
        return moebius(model_a, model_b, data, base=base, layers=layers).shapley
    pair, chosen = _from_base(model_a, model_b, base, layers)
    forward = np.argsort(generator(rng).random((draws, len(chosen))), axis=1)
    place = np.argsort(np.concatenate([forward, forward[:, ::-1]]), axis=1)
    inside = place[:, None] < np.arange(len(chosen) + 1)[:, None]
    found = evaluate(*pair, data, inside.reshape(-1, len(chosen)) / 2, layers=chosen)
    loss = found.loss.reshape(len(place), -1)
    marginal = np.take_along_axis(np.diff(loss, axis=1), place, axis=1)
    pairs = (marginal[:draws] + marginal[draws:]) / 2
    error = pairs.std(axis=0, ddof=1) / np.sqrt(draws)
    names = tuple(layer.name for layer in chosen)
    return Shapley(names, pairs.mean(0), error, float(loss[0, -1] - loss[0, 0]), draws)


def _from_base(
    model_a: nn.Module, model_b: nn.Module, base: str, layers: Sequence[Layer] | None
) -> tuple[tuple[nn.Module, nn.Module], tuple[Layer, ...]]:
    """The two networks, the base first, and the layers."""
    if base not in ("a", "b"):
        raise ValueError(f"base must be 'a' or 'b', got {base!r}")
    chosen = layers_of(model_a) if layers is None else tuple(layers)
    return ((model_a, model_b) if base == "a" else (model_b, model_a)), chosen


def _subsets(layers: int) -> Int[np.ndarray, "subsets L"]:
    """1 where a layer is in a subset."""
    return np.arange(2**layers)[:, None] >> np.arange(layers) & 1
