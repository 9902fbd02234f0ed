"""Steps of the proof on walks among atoms (R23)."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import sympy as sp
from scipy.linalg import eigh
from scipy.spatial.distance import cdist

from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, printed, value
from lmctheory.theorems.trial import Trial


class _Drawn:
    """Three atoms, any weights whose walk has the gap 1, and two samples.

    Attributes:
        function: the slowest one of the walk ``[3]``.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.m = rng, int(rng.integers(1, 4))
        self.points = rng.standard_normal((3, 2))
        self.costs = cdist(self.points, self.points) ** float(rng.choice([1, 2]))
        self.masses = rng.dirichlet(np.ones(3))
        upper = np.triu(rng.exponential(size=(3, 3)), 1)
        w = upper + upper.T
        laplacian = np.diag(w.sum(axis=1)) - w
        gaps, functions = eigh(laplacian, np.diag(self.masses))
        self.w, self.function = w / gaps[1], functions[:, 1]
        self.kappa = rng.exponential(size=3)
        self.rates = self.w / self.masses[:, None]
        # by u, v and q
        rise = (
            self.costs[None] - self.costs[:, None] + (self.kappa - self.kappa[:, None])[..., None]
        )
        self.h = np.maximum(rise, 0.0)
        self.strength = (np.einsum("uv,uvq->uq", self.rates, self.h**2) / self.room).max()
        self.samples = rng.integers(3, size=(2, self.m))

    @property
    def room(self) -> np.ndarray:
        return self.costs / 2 + self.kappa[:, None]

    def sum(self, samples: np.ndarray) -> float:
        """G, the least over permutations."""
        least = min(
            self.costs[samples[0], samples[1][list(order)]].mean()
            for order in permutations(range(self.m))
        )
        return float(least + self.kappa[samples].sum() / self.m)

    def moved(self) -> Iterator[tuple[float, float]]:
        """Over neurons and atoms: the rate, and by how much G is larger there."""
        here = self.sum(self.samples)
        for place in np.ndindex(self.samples.shape):
            for v in range(3):
                other = self.samples.copy()
                other[place] = v
                yield self.rates[self.samples[place], v], self.sum(other) - here


@inequality("R23", 1, "Poincare's inequality of two neurons")
def _poincare(rng: np.random.Generator) -> Iterator[Trial]:
    """Any function of both, often a sum of the slowest functions."""
    while True:
        drawn = _Drawn(rng)
        f = np.add.outer(drawn.function, drawn.function * rng.standard_normal())
        if rng.random() < 0.5:
            f = f + rng.standard_normal((3, 3))
        both = np.multiply.outer(drawn.masses, drawn.masses)
        variance = float((both * f**2).sum() - (both * f).sum() ** 2)
        steps = sum(
            0.5 * float(drawn.masses @ np.einsum("uv,kuv->k", drawn.w, _squares(of)))
            for of in (f, f.T)
        )
        yield Trial(variance, steps)


def _squares(f: np.ndarray) -> np.ndarray:
    """Of differences of every row ``[k, n, n]``."""
    return np.square(f[:, :, None] - f[:, None])


@inequality("R23", 2, "what G rises by")
def _rises(rng: np.random.Generator) -> Iterator[Trial]:
    """One neuron of each layer, whose partner is known."""
    while True:
        drawn = _Drawn(rng)
        u, q, v = rng.integers(3, size=3)
        drawn.m, drawn.samples = 1, np.array([[u], [q]])
        moved = np.array([[v], [q]])
        yield Trial(drawn.sum(moved) - drawn.sum(drawn.samples), float(drawn.h[u, v, q]))


@inequality("R23", 2, "squares of what G rises by")
def _bounds_itself(rng: np.random.Generator) -> Iterator[Trial]:
    """Often one neuron of each layer, where A is attained."""
    while True:
        drawn = _Drawn(rng)
        if rng.random() < 0.7:
            sums = np.einsum("uv,uvq->uq", drawn.rates, drawn.h**2) / drawn.room
            u, q = np.unravel_index(sums.argmax(), sums.shape)
            if rng.random() < 0.5:
                q = u
            drawn.m, drawn.samples = 1, np.array([[u], [q]])
        squares = sum(rate * max(rise, 0.0) ** 2 for rate, rise in drawn.moved())
        yield Trial(squares, drawn.strength / drawn.m * drawn.sum(drawn.samples))


@inequality("R23", 3, "exponentials of what falls")
def _falls(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        G, s, theta = rng.exponential(size=3) * 10 ** rng.uniform(-3, 1)
        left = np.expm1(-theta * s / 2) ** 2 * np.exp(-theta * G)
        yield Trial(float(left), float(theta**2 / 4 * s**2 * np.exp(-theta * G)))


@inequality("R23", 3, "Chebyshev's inequality")
def _opposed(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        p, G, theta = rng.dirichlet(np.ones(4)), rng.exponential(size=4), float(rng.exponential())
        falling = np.exp(-theta * G)
        yield Trial(float(p @ (G * falling)), float(p @ G) * float(p @ falling))


@identity("R23", 4, "y at half of theta")
def _halved() -> Pairs:
    A, theta, m, E = sp.symbols("A theta m E", positive=True)
    y = A * theta**2 * E / (4 * m)
    yield y.subs(theta, theta / 2), y / 4


@equality("R23", 4, "phi, by its doublings")
def _phi(rng: np.random.Generator) -> Pairs:
    while True:
        y = float(rng.uniform(0, 1))
        whole, quarter = (value("R23", 4, y=of) for of in (y, y / 4))
        yield whole, 2 * quarter - np.log1p(-y)


@inequality("R23", 5, "what a root rises by")
def _root(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        least, more, s = rng.exponential(size=3) * 10 ** rng.uniform(-3, 1, size=3)
        if rng.random() < 0.3:
            more = 0.0
        G = least + more
        rise = float(np.sqrt(G + s) - np.sqrt(G))
        yield Trial(rise, float(np.sqrt(least + s) - np.sqrt(least)))
        yield Trial(rise, float(s / (2 * np.sqrt(G))))


@inequality("R23", 5, "exponentials of what rises")
def _exponential_rises(rng: np.random.Generator) -> Iterator[Trial]:
    """Often at the largest rise."""
    while True:
        theta, rise, most = rng.exponential(size=3) * 10 ** rng.uniform(-3, 0.5, size=3)
        most = rise if rng.random() < 0.5 else rise + most
        x = theta * most / 2
        left = np.expm1(theta * rise / 2) ** 2
        yield Trial(float(left), float((np.expm1(x) / x) ** 2 * theta**2 / 4 * rise**2))


@identity("R23", 6, "both ends")
def _ends() -> Pairs:
    A, m, y, E, r, z, ell, phi = sp.symbols("A m y E r z ell phi", positive=True)
    theta = sp.sqrt(4 * m * y / (A * E))
    tau = (ell + phi) / sp.sqrt(y)
    yield (ell + phi) / theta, tau * sp.sqrt(A / (4 * m) * E)
    x, t, k = sp.symbols("x tau K", positive=True)
    total = printed("R23", 0, x=x, tau=t, A=A, m=m, K=k) + k
    yield sp.expand(total - t * sp.sqrt(A / (4 * m)) * sp.sqrt(sp.factor(total))), x
    theta = sp.sqrt(16 * m * y / A)
    yield theta * r / (2 * sp.sqrt(m)), printed("R23", 6, r=r, y=y, A=A)
    yield A * z * theta**2 / (16 * m), y * z
    yield (ell + phi) / theta, (ell + phi) / sp.sqrt(y) * sp.sqrt(A / (16 * m))
