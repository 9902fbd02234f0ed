"""Checks on bounds from below (T7 to T11, D7): every permutation of small networks is tried."""

from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np
from scipy.integrate import quad
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln
from scipy.stats import chi2

from lmctheory.measures import Gaussian
from lmctheory.theorems._registry import breaks, tries
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.simulation import slack
from lmctheory.theorems.trial import Trial
from lmctheory.widths.kernels import dual_kernel
from lmctheory.widths.lower import (
    equal_outputs_barrier,
    equal_outputs_error,
    equal_outputs_mean,
    error_between,
    every_permutation_share,
    last_layer_bound,
    unsigned_error_bound,
)

_LINE = Gaussian(spectrum=[1.0])
"""Two neurons from it are 2 apart in the mean square: a bound at m = 1 is twice its factor."""
_ROUNDING = 1e-13
"""Of squared outputs, what differences of outputs may be off by."""
_PAIRS = 64
"""Pairs of networks in a simulated trial."""


def _leaky(z: np.ndarray, a: float) -> np.ndarray:
    return np.where(z > 0, z, a * z)


def _terms(
    w: np.ndarray, v: np.ndarray, x: np.ndarray, t: float, a: float
) -> tuple[np.ndarray, np.ndarray]:
    """What moves each neuron's output, t (s_t - s) and (1-t) (s_t - s'), by pair ``[m, m, n]``."""
    z, z_prime = (w @ x.T)[:, None], (v @ x.T)[None]
    s_t = _leaky(t * z + (1 - t) * z_prime, a)
    return t * (s_t - _leaky(z, a)), (1 - t) * (s_t - _leaky(z_prime, a))


def _orders(m: int) -> list[list[int]]:
    return [list(order) for order in permutations(range(m))]


def _least(costs: np.ndarray) -> float:
    rows, columns = linear_sum_assignment(costs)
    return float(costs[rows, columns].mean())


def _pair(
    rng: np.random.Generator, largest: int, *, symmetric: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float, float]:
    """Hidden weights, inputs, t and slope; half of the time one neuron, input and dimension."""
    m, d, n = (1, 1, 1) if rng.random() < 0.5 else (int(k) for k in rng.integers(1, largest, 3))
    w, v = rng.standard_normal((2, m, d))
    x = rng.standard_normal((n, d))
    t, a = float(rng.uniform(0.02, 0.98)), float(rng.uniform(-1, 1))
    return w, v, np.r_[x, -x] if symmetric else x, t, a * float(rng.random() < 0.7)


Factors = Callable[[float, float], tuple[float, float]]


def _both_factors(t: float, a: float) -> tuple[float, float]:
    found = error_between(_LINE, 1, t=t, slope=a)
    return found.lower / 2, found.upper / 2


def _two_sides(factors: Factors = _both_factors, *, symmetric: bool = True) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """For given hidden weights, with the matching cost in place of its bounds: exactly."""
        while True:
            w, v, x, t, a = _pair(rng, 5, symmetric=symmetric)
            least = _least(sum(np.square(part).mean(axis=2) for part in _terms(w, v, x, t, a)))
            cost = _least(np.square((w[:, None] - v) @ x.T).mean(axis=2))
            low, high = factors(t, a)
            # networks that are nearly one another's leave what rounding leaves of their outputs
            size = _ROUNDING * float(np.square(w @ x.T).mean() + np.square(v @ x.T).mean())
            yield Trial(low * cost, least, size)
            yield Trial(least, high * cost, size)

    return trials


tries("T7", counts=(200, 20_000), searched=400)(_two_sides())

breaks("T7", "1 + a^2 from below")(_two_sides(lambda t, a: (_both_factors(t, a)[1],) * 2))

breaks("T7", "t(1-t) in place of its square")(
    _two_sides(lambda t, a: (_both_factors(t, a)[0] / (t * (1 - t)), _both_factors(t, a)[1]))
)

breaks("T7", "x and -x need not have one law")(_two_sides(symmetric=False))


@breaks("T7", "permutations see output weights")
def _seeing(rng: np.random.Generator) -> Iterator[Trial]:
    """The mean over all signs of the least error: after them, where the theorem has it before."""
    while True:
        m = 2
        w, v = rng.standard_normal((2, m, 2))
        x = rng.standard_normal((4, 2))
        own, other = _terms(w, v, np.r_[x, -x], 0.5, 0.0)
        least = []
        for signs in product((-1.0, 1.0), repeat=2 * m):
            u = np.array(signs)
            errors = u[:m, None, None] * own + u[None, m:, None] * other
            sums = [errors[range(m), order].sum(axis=0) for order in _orders(m)]
            least.append(min(float(np.square(each).mean()) / m for each in sums))
        cost = _least(np.square((w[:, None] - v) @ np.r_[x, -x].T).mean(axis=2))
        yield Trial(_both_factors(0.5, 0.0)[0] * cost, float(np.mean(least)))


def _unsigned(factor: Callable[[float, float], float], *, sizes: bool = True) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """For given hidden weights and sizes, the best permutation that sees both: exactly."""
        while True:
            w, v, x, t, a = _pair(rng, 5)
            u, o = rng.exponential(size=(2, len(w)))
            own, other = (np.square(part).mean(axis=2) for part in _terms(w, v, x, t, a))
            least = _least(u[:, None] ** 2 * own + o**2 * other)
            apart = np.square((w[:, None] - v) @ x.T).mean(axis=2)
            if not sizes:
                u, o = np.ones_like(u), np.ones_like(o)
            nearest = u**2 @ apart.min(axis=1) + o**2 @ apart.min(axis=0)
            outputs = np.square(w @ x.T).mean() + np.square(v @ x.T).mean()
            size = _ROUNDING * float(outputs * (np.square(u).sum() + np.square(o).sum()))
            yield Trial(factor(t, a) / 2 * float(nearest) / len(w), least, size)

    return trials


def _unsigned_factor(t: float, a: float) -> float:
    return unsigned_error_bound(_LINE, 1, t=t, slope=a) / 2


tries("T8", counts=(200, 20_000), searched=400)(_unsigned(_unsigned_factor))

breaks("T8", "1 + a^2 in place of (1 + a)^2 / 2")(
    _unsigned(lambda t, a: (1 + a**2) * t**2 * (1 - t) ** 2)
)

breaks("T8", "sizes of output weights left out")(_unsigned(_unsigned_factor, sizes=False))


def _chance(x: float, n: int, part: float) -> float:
    """That part X + (1 - part) Y <= x n, X and Y chi-square with n degrees of freedom."""
    if part < 1e-3:
        return float(chi2.cdf(x * n / (1 - part), n))  # no less than the chance
    return float(
        quad(
            lambda y: chi2.pdf(y, n) * chi2.cdf((x * n - (1 - part) * y) / part, n),
            0,
            x * n / (1 - part),
        )[0]
    )


def _every(share: Callable[[int, int, float], float]) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """One or two inputs, for which the chance is known, times the number of permutations."""
        while True:
            m, n = int(rng.integers(1, 7)), int(rng.integers(1, 200))
            delta, part = float(rng.uniform(0.01, 0.99)), float(rng.uniform(0, 0.5))
            x = share(m, n, delta)
            part *= float(rng.random() < 0.3)
            yield Trial(float(np.exp(gammaln(m + 1))) * _chance(x, n, part), delta)

    return trials


tries("T9", counts=(100, 5000), searched=200)(_every(every_permutation_share))

breaks("T9", "n in place of n/2")(_every(lambda m, n, d: every_permutation_share(m, 2 * n, d)))

breaks("T9", "one permutation in place of all")(
    _every(lambda _m, n, d: every_permutation_share(1, n, d))
)


def _directions(low: float = 1.0, norm: Callable[..., float] = min) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """One pair between the two sides of its cost; then means over pairs of networks."""
        while True:
            d = int(rng.integers(1, 4))
            w, v = rng.standard_normal((2, 1, d)) * 10 ** rng.uniform(-1, 1, (2, 1, 1))
            r, s = (float(np.linalg.norm(side)) for side in (w, v))
            apart = float(np.square(w / r - v / s).sum()) * norm(r, s) / np.sqrt(2 * np.pi)
            cost, rounding = equal_outputs_error(w, v), _ROUNDING * (r + s)
            yield Trial(cost, apart / 4, rounding)
            yield Trial(low * apart / 8, cost, rounding)

    return trials


tries("T10", counts=(200, 20_000), searched=400)(_directions())

breaks("T10", "1/4 from below, too")(_directions(low=2.0))

breaks("T10", "the larger norm")(_directions(norm=max))


@breaks("T10", "the sphere's cost halved")
def _halved(rng: np.random.Generator) -> Iterator[Trial]:
    """In the mean, for one neuron: what directions alone save there is nothing."""
    while True:
        d = int(rng.integers(2, 6))
        costs = [equal_outputs_error(*rng.standard_normal((2, 1, d))) for _ in range(4 * _PAIRS)]
        high = equal_outputs_mean(d, 1)[1] / 2
        yield Trial(float(np.mean(costs)), high, slack(costs, upper=True))


def _risk(w: np.ndarray) -> float:
    """Of f = (1/N) sum relu(<w_i, x>) beyond that of f*, x ~ N(0, I), by arc-cosine kernels."""
    d, norms = w.shape[1], np.linalg.norm(w, axis=1)
    # E relu(<w, x>) |x| = |w| d E |v_1| / 2, v uniform on the sphere
    direction = float(np.exp(gammaln(d / 2) - gammaln((d + 1) / 2))) / np.sqrt(np.pi)
    cross = norms.mean() * d * direction / 2 / np.sqrt(2 * np.pi)
    return float(dual_kernel(w @ w.T).mean() - 2 * cross + d / (2 * np.pi))


def _barrier(bound: Callable[[int, int, float], float]) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """Matched by angles, with the least error as it is simulated."""
        while True:
            d, N = int(rng.choice([2, 5, 20, 60])), int(rng.integers(2, 80))
            barriers, errors = [], []
            for _ in range(_PAIRS):
                w, v = rng.standard_normal((2, N, d))
                _, order = linear_sum_assignment(w @ v.T, maximize=True)
                barriers.append(_risk((w + v[order]) / 2) - (_risk(w) + _risk(v)) / 2)
                errors.append(equal_outputs_error(w, v))
            error = float(np.mean(errors))
            allowed = slack(barriers) + 2 * error * slack(errors)
            spread = d * (1 - 1 / np.pi) / (2 * N)  # both sides positive
            yield Trial(bound(d, N, error) + spread, float(np.mean(barriers)) + spread, allowed)

    return trials


tries("T11", counts=(10, 200))(
    _barrier(lambda d, N, error: equal_outputs_barrier(d, N, error=error))
)

breaks("T11", "V / N left out")(_barrier(lambda _d, _N, error: error**2))

breaks("T11", "the mean error, not its square")(
    _barrier(lambda d, N, error: error - error**2 + equal_outputs_barrier(d, N, error=error))
)


def _last_layers(scale: Callable[[float], float] = lambda _t: 1.0) -> Trials:
    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        """One neuron with any activation between, then all permutations of two layers."""
        while True:
            t = float(rng.uniform(0.02, 0.98))
            a, b, middle = rng.standard_normal((3, 1, 1))
            apart = t**2 * (middle - a) ** 2 + (1 - t) ** 2 * (middle - b) ** 2
            yield Trial(scale(t) * last_layer_bound(a, b, t=t), float(apart.mean()))
            best = (t**2 * a + (1 - t) ** 2 * b) / (t**2 + (1 - t) ** 2)
            apart = t**2 * (best - a) ** 2 + (1 - t) ** 2 * (best - b) ** 2
            yield Trial(scale(t) * last_layer_bound(a, b, t=t), float(apart.mean()))
            m, x = int(rng.integers(1, 4)), rng.standard_normal((6, 2))
            first, second = rng.standard_normal((2, 2, m)), rng.standard_normal((2, m, m))
            phi = [_leaky(_leaky(x @ first[k], 0.0) @ second[k], 0.0) for k in (0, 1)]
            least = min(
                _apart(first, second, x, phi, t, order, last)
                for order, last in product(_orders(m), repeat=2)
            )
            yield Trial(scale(t) * last_layer_bound(*phi, t=t), least)

    return trials


def _apart(
    first: np.ndarray,
    second: np.ndarray,
    x: np.ndarray,
    phi: list[np.ndarray],
    t: float,
    order: list[int],
    last: list[int],
) -> float:
    W = t * first[0] + (1 - t) * first[1][:, order]
    V = t * second[0] + (1 - t) * second[1][np.ix_(order, last)]
    middle = _leaky(_leaky(x @ W, 0.0) @ V, 0.0)
    own, other = t * (middle - phi[0]), (1 - t) * (middle - phi[1][:, last])
    return float((np.square(own) + np.square(other)).mean())


tries("D7", counts=(100, 10_000), searched=200)(_last_layers())

breaks("D7", "t^2 (1-t)^2 / max(t, 1-t)^2")(
    _last_layers(lambda t: (t**2 + (1 - t) ** 2) / max(t, 1 - t) ** 2)
)
