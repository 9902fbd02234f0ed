r"""The width bounds of the papers: rates only, their constants set to 1 (T4, D3).

None of the papers gives its constants. What is computed here is no bound but a scale to compare
explicit bounds with:

    Ferbach et al. 2024, two layers, m_0 inputs     N = eps^{-m_0}, and eps^{-m_0/2} for smooth
                                                    neurons (T2),
    Entezari et al. 2022, two layers                N = eps^{-(2 m_0 + 4)},
    Ferbach et al. 2024, Theorem 5.2, deep          m~_l = (T_l / eps)^{m~_{l-1}},  m~_0 = m_0.

The last is a tower of exponentials. A `Tower` keeps its iterated logarithm and prints as such.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering
from math import inf, log10

import numpy as np

from lmctheory.measures.arguments import array, at_least, number, positive

__all__ = ["Tower", "entezari_two_layer", "ferbach_deep", "ferbach_two_layer"]

_READABLE = 6
"""Exponent of ten up to which a top is written out; beyond, the tower grows by a storey."""


@total_ordering
@dataclass(frozen=True)
class Tower:
    """10^(10^(... top)), with `height` powers of ten.

    Attributes:
        height: number of powers of ten.
        top: what stands at the top.
    """

    height: int
    top: float

    def latex(self) -> str:
        """LaTeX, for math mode."""
        text = self._top
        for _ in range(self.height):
            text = f"10^{{{text}}}"
        return text

    @property
    def _top(self) -> str:
        return f"{float(f'{self.top:.3g}'):g}"

    def __str__(self) -> str:
        text = self._top
        for storey in range(self.height):
            text = f"10^{text}" if storey == 0 else f"10^({text})"
        return text

    def __lt__(self, other: "Tower") -> bool:
        height = max(self.height, other.height)
        return self._logarithm(height) < other._logarithm(height)

    def _logarithm(self, times: int) -> float:
        value = self.top
        for _ in range(times - self.height):
            value = log10(value) if value > 0 else -inf
        return value

    def __float__(self) -> float:
        value = self.top
        for _ in range(self.height):
            value = 10**value if value < 308 else inf
        return value


def _power(base: float, exponent: Tower) -> Tower:
    """base^exponent for base > 1."""
    log_base = log10(base)
    value = float(exponent)
    if value < inf:
        return _lowered(1, value * log_base)
    # log10 of the result is exponent * log10(base); a factor moves the tower's top by an amount
    # that is added one storey down and vanishes further up
    shift = log10(log_base)
    if exponent.height == 1:
        return Tower(2, exponent.top + shift)
    return Tower(exponent.height + 1, exponent.top)


def _lowered(height: int, top: float) -> Tower:
    """The same tower with a readable top."""
    while top > 10.0**_READABLE:
        height, top = height + 1, log10(top)
    return Tower(height, top)


def ferbach_two_layer(eps: float, m_0: int, *, smooth: bool = False) -> Tower:
    """Neurons of a two-layer network, rate only: eps^{-m_0}, or eps^{-m_0/2} for smooth neurons.

    Args:
        eps: tolerance, in (0, 1).
        m_0: number of inputs.
        smooth: whether the neuron has a bounded Hessian (T2).

    Raises:
        TypeError: for what is no number, or an m_0 or depth that is no integer.
        ValueError: for arguments out of range.

    Reference:
        Ferbach et al. (2024), Theorem 5.2 for two layers; constants set to 1.

    Example:
        >>> str(ferbach_two_layer(0.1, 784))
        '10^784'
    """
    eps, m_0 = _checked(eps, m_0)
    return _lowered(1, -log10(eps) * m_0 / (2 if smooth else 1))


def entezari_two_layer(eps: float, m_0: int) -> Tower:
    """Neurons of a two-layer ReLU network at initialisation, rate only: eps^{-(2 m_0 + 4)}.

    Args:
        eps: tolerance, in (0, 1).
        m_0: number of inputs.

    Raises:
        TypeError: for what is no number, or an m_0 or depth that is no integer.
        ValueError: for arguments out of range.

    Reference:
        Entezari et al. (2022), Theorem 3.1; constants set to 1.

    Example:
        >>> str(entezari_two_layer(0.1, 10))
        '10^24'
    """
    eps, m_0 = _checked(eps, m_0)
    return _lowered(1, -log10(eps) * (2 * m_0 + 4))


def ferbach_deep(eps: float, m_0: int, depth: int, T: float | Sequence[float] = 1.0) -> list[Tower]:
    """Widths of the hidden layers, rate only: m~_l = (T_l / eps)^{m~_{l-1}}.

    Args:
        eps: tolerance, in (0, 1).
        m_0: number of inputs.
        depth: number of hidden layers.
        T: T_1, ..., T_L, or one number for all, > eps.

    Returns:
        m~_1, ..., m~_L.

    Raises:
        TypeError: for what is no number, or an m_0 or depth that is no integer.
        ValueError: for arguments out of range.

    Reference:
        theory key D3; Ferbach et al. (2024), Theorem 5.2; T_l is not given there.

    Example:
        >>> [str(m) for m in ferbach_deep(0.1, 5, 3)]
        ['10^5', '10^100000', '10^(10^100000)']
    """
    eps, m_0 = _checked(eps, m_0)
    depth = at_least("depth", depth, 1)
    factors = array("T", T, "L").tolist() if np.ndim(T) else [number("T", T)] * depth
    if len(factors) != depth or any(not factor > eps for factor in factors):
        raise ValueError(f"T must be one number > eps or {depth} of them, got {T}")
    widths = []
    below = Tower(0, float(m_0))
    for factor in factors:
        below = _power(factor / eps, below)
        widths.append(below)
    return widths


def _checked(eps: float, m_0: int) -> tuple[float, int]:
    eps = positive("eps", eps)
    if eps >= 1:
        raise ValueError(f"eps must be below 1, got {eps}: constants are set to 1")
    return eps, at_least("m_0", m_0, 1)
