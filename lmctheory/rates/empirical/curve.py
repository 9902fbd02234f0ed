"""The measured cost as a function of width: exponents, and where they change (R5, D4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.optimize import brentq

from lmctheory.measures import Measure, Modulo
from lmctheory.measures.arguments import RandomSource, at_least, generator, positive, probability
from lmctheory.measures.display import Readable
from lmctheory.rates.empirical.monte_carlo import Estimate, matching_cost
from lmctheory.rates.empirical.power_law import (
    PowerLaw,
    fit_power_law,
    least_squares,
    smoothed,
)
from lmctheory.results import Result

__all__ = ["Crossover", "Curve", "matching_cost_curve"]


@dataclass(frozen=True)
class Crossover:
    """Two power laws that meet.

    Attributes:
        width: where they meet.
        interval: of that width; it ends at the search range where the data leave it open.
        slopes: the exponents below and above.
        misfit: weighted squared residuals per degree of freedom.
    """

    width: float
    interval: tuple[float, float]
    slopes: tuple[float, float]
    misfit: float


@dataclass(frozen=True, repr=False)
class Curve(Result, Readable):
    """Matching costs measured over widths.

    Attributes:
        widths: strictly increasing.
        estimates: one for each width, of at least two draws each.
        p: exponent of the cost.
    """

    widths: tuple[int, ...]
    estimates: tuple[Estimate, ...]
    p: float

    @property
    def means(self) -> Float[np.ndarray, " n"]:
        """Mean costs ``[n]``."""
        return np.array([estimate.mean for estimate in self.estimates])

    @property
    def standard_errors(self) -> Float[np.ndarray, " n"]:
        """Standard errors of the means ``[n]``."""
        return np.array([estimate.standard_error for estimate in self.estimates])

    def power_law(self, *, log_power: float = 0.0, confidence: float = 0.95) -> PowerLaw:
        """Weighted least squares on log means; their errors are se/mean (delta method).

        Widths weigh by errors smoothed over all of them. In simulations with 2 to 16 draws a width,
        relative spreads of .1, or of .3 m^(-1/2), and seven widths, 96 to 99.9 % of 95 % intervals
        hold the exponent; with errors as they are 89 to 94 %.

        Args:
            log_power: known power of ln m at a critical dimension d = 2p (1/2 for p = 1, d = 2,
                by Ajtai, Komlos and Tusnady; 1 for p = d = 2).
            confidence: level of the interval, from Student's t with one degree of freedom less than
                the fewest draws of any width.

        Raises:
            ValueError: for fewer than two widths, a single draw, a cost of zero, a width of 1
                with log_power, or a confidence outside (0, 1).
        """
        x, _, _ = self._logarithms(2)
        if log_power and x[0] == 0:
            raise ValueError("widths must be > 1 for a fit with a logarithm, got 1")
        return fit_power_law(
            self.widths,
            self.means,
            self.standard_errors,
            log_power=log_power,
            quantile=self._quantile(confidence),
            smooth=True,
        )

    def local_slopes(self) -> tuple[Float[np.ndarray, " steps"], Float[np.ndarray, " steps"]]:
        """Slopes between neighbouring widths ``[n - 1]``, and their standard errors.

        Neighbours share a width: their errors are not independent.

        Raises:
            ValueError: for fewer than two widths, a single draw, or a cost of zero.
        """
        x, y, error = self._logarithms(2)
        return np.diff(y) / np.diff(x), np.hypot(error[1:], error[:-1]) / np.diff(x)

    def crossover(self, *, confidence: float = 0.95) -> Crossover:
        """The best continuous pair of power laws, ln M = c + s x + t max(x - x_0, 0), x = ln m.

        The breakpoint x_0 by profile least squares between the second and the last but one width;
        its interval ends where the squared residuals exceed the least by the square of the t
        quantile of `power_law`. Errors are smoothed as there.

        Raises:
            ValueError: for fewer than five widths, a single draw, a cost of zero, or a confidence
                outside (0, 1).

        Reference:
            theory keys R5, D4.
        """
        x, y, error = self._logarithms(5)
        scales = smoothed(x, error)

        def fit(x0: float) -> tuple[tuple[float, ...], float]:
            design = np.stack([np.ones_like(x), x, np.maximum(x - x0, 0)], axis=1)
            found, _, residual = least_squares(design, y, error, scales)
            return found, residual

        breaks = np.linspace(x[1], x[-2], 401)
        residuals = np.array([fit(x0)[1] for x0 in breaks])
        best = int(np.argmin(residuals))
        (_, first, change), least = fit(breaks[best])
        level = least + self._quantile(confidence) ** 2

        def above(x0: float) -> float:
            return fit(x0)[1] - level

        inside = np.flatnonzero(residuals <= level)
        ends = [
            float(brentq(above, breaks[last], breaks[last + step]))
            if 0 <= last + step < len(breaks)
            else breaks[last]
            for last, step in ((inside[0], -1), (inside[-1], 1))
        ]
        return Crossover(
            float(np.exp(breaks[best])),
            (float(np.exp(ends[0])), float(np.exp(ends[1]))),
            (first, first + change),
            least / max(len(x) - 4, 1),
        )

    @property
    def _freedom(self) -> int:
        return min(len(estimate.draws) for estimate in self.estimates) - 1

    def _quantile(self, confidence: float) -> float:
        """The two-sided quantile of Student's t with the degrees of freedom of one width."""
        confidence = probability("confidence", confidence)
        return float(stats.t.ppf((1 + confidence) / 2, self._freedom))

    def _logarithms(self, least: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logarithms of widths and costs, with standard errors."""
        if len(self.widths) < least:
            raise ValueError(f"widths must hold at least {least} values, got {len(self.widths)}")
        if self._freedom < 1:
            raise ValueError("repeats must be >= 2 for an error, got 1")
        if not (self.means > 0).all():
            raise ValueError("costs must be > 0 for a power law, got 0: the law is constant")
        # draws without spread have a rounding error, too
        error = np.maximum(self.standard_errors / self.means, 1e-9)
        return np.log(self.widths), np.log(self.means), error


def matching_cost_curve(
    mu: Measure,
    widths: Sequence[int],
    *,
    repeats: int = 16,
    p: float = 2.0,
    modulo: Modulo = None,
    rng: RandomSource,
) -> Curve:
    """Measures E W_p^p between two samples at every width, each draw exact and independent.

    Args:
        mu: the law of a neuron.
        widths: numbers of neurons, strictly increasing.
        repeats: number of independent draws at each width; >= 2 for fits.
        p: exponent of the cost.
        modulo: "signs" for neurons of an odd activation, which may be negated.
        rng: source of randomness.

    Raises:
        TypeError: as `matching_cost`.
        ValueError: unless widths is not empty and strictly increasing, and as `matching_cost`.

    Reference:
        theory keys R1, R12, S1.

    Example:
        >>> import numpy as np
        >>> from lmctheory.measures import Gaussian
        >>> line = Gaussian(spectrum=[1.0])
        >>> curve = matching_cost_curve(line, [64, 256, 1024], rng=np.random.default_rng(0))
        >>> -1.2 < curve.power_law().slope < -0.8
        True
    """
    rng, p, widths = (
        generator(rng),
        positive("p", p),
        tuple(at_least("every width", m, 1) for m in widths),
    )
    if not widths or any(n <= m for m, n in pairwise(widths)):
        raise ValueError(f"widths must be strictly increasing and not empty, got {widths}")
    estimates = (matching_cost(mu, m, repeats=repeats, p=p, modulo=modulo, rng=rng) for m in widths)
    return Curve(widths, tuple(estimates), p)
