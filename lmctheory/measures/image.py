"""The image of a law under a Lipschitz map, whose inverse may be one too."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float

from lmctheory.measures.arguments import (
    RandomSource,
    array,
    at_least,
    generator,
    number,
    positive,
    raised,
)
from lmctheory.measures.measure import Bounded, LogSobolev, Measure, require_law

__all__ = ["LipschitzImage"]


@dataclass(frozen=True, eq=False)
class LipschitzImage:
    """The law of F(X), X ~ base, |F(x) - F(y)| <= L |x - y| on the support of the base.

    Every upper bound on E W_p^p of the base holds for the image, times L^p: at one permutation
    every distance grows by L at most. If none shrinks below `least` times itself, the best
    permutation of the images costs at least least^p of what it costs before, hence of the least
    cost of the base: lower bounds pass too. Its covariance is not known, but tr Cov F(X) <= L^2 tr
    Cov X.

    Args:
        F: acts on rows, ``[m, d]`` to ``[m, q]``.
        L: the Lipschitz constant > 0, the caller's promise.
        base: the law of X.
        least: |F(x) - F(y)| >= least |x - y| on the support, >= 0, the caller's promise; 0 promises
            nothing.

    Attributes:
        dimension: q, found by mapping one draw.
        diameter: L times that of the base, an upper bound; absent if the base has none.
        log_sobolev_constant: L^2 times that of the base; absent if the base has none.

    Raises:
        TypeError: if F is no function, L or least no number, or the base no law.
        ValueError: if L is not positive and finite, least not between 0 and L, or F does not map
            ``[1, d]`` to finite ``[1, q]``.

    Reference:
        theory keys R6 (images), R10.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import LipschitzImage, UniformSphere
        >>> disc = LipschitzImage(lambda x: x[:, :2], 1.0, UniformSphere(4))
        >>> disc.dimension, disc.diameter
        (2, 2.0)
    """

    F: Callable[[np.ndarray], np.ndarray]
    L: float
    base: Measure
    least: float = 0.0
    dimension: int = field(init=False)
    diameter: float = field(init=False, repr=False)
    log_sobolev_constant: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not callable(self.F):
            raise TypeError(f"F must be a function, got {type(self.F).__name__}")
        object.__setattr__(self, "L", positive("L", self.L))
        object.__setattr__(self, "least", number("least", self.least, least=0.0))
        if self.least > self.L:
            raise ValueError(f"least must be at most L = {self.L:g}, got {self.least:g}")
        require_law("base", self.base)
        object.__setattr__(self, "dimension", self.sample(1, rng=np.random.default_rng(0)).shape[1])
        if isinstance(self.base, Bounded):  # a capability of some images only
            object.__setattr__(self, "diameter", self.L * self.base.diameter)
        if isinstance(self.base, LogSobolev):
            constant = raised(self.L, 2.0) * self.base.log_sobolev_constant
            object.__setattr__(self, "log_sobolev_constant", constant)

    def sample(self, m: int, *, rng: RandomSource) -> Float[np.ndarray, "m q"]:
        """Draws m independent neurons ``[m, q]``.

        Raises:
            ValueError: if m < 1, or F does not return finite rows ``[m, q]``.
        """
        m, rng = at_least("m", m, 1), generator(rng)
        y = array("F", self.F(self.base.sample(m, rng=rng)))
        if y.ndim != 2 or len(y) != m or not y.size:
            raise ValueError(f"F must map [{m}, {self.base.dimension}] to [{m}, q], got {y.shape}")
        return y
