"""Steps of the proof by a semigroup (R6a), whose formulas hold for reversible chains, too."""

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

import numpy as np
import sympy as sp
from scipy.integrate import quad

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import equality, identity, inequality
from lmctheory.theorems.checks.steps.draws import Pairs, printed, step_density
from lmctheory.theorems.trial import Trial


class _Chain(NamedTuple):
    """States ``[n, 2]`` with their invariant law, eigenvalues, and eigenfunctions as columns."""

    states: np.ndarray
    law: np.ndarray
    rates: np.ndarray
    basis: np.ndarray

    def kernel(self, t: float) -> np.ndarray:
        """Of the semigroup at a time, with respect to the invariant law."""
        return (self.basis * np.exp(-t * self.rates)) @ self.basis.T

    def moves(self, t: float) -> np.ndarray:
        """Joint law of the chain at two times, as far apart."""
        return self.law[:, None] * self.kernel(t) * self.law

    def trace(self, t: float) -> float:
        return float(np.exp(-t * self.rates).sum())


def _chain(rng: np.random.Generator) -> _Chain:
    n = 3
    law, flows = rng.dirichlet(np.full(n, 3.0)), rng.exponential(size=(n, n))
    flows = flows + flows.T
    np.fill_diagonal(flows, 0)
    form = np.diag(flows.sum(axis=1)) - flows
    rates, vectors = np.linalg.eigh(form / np.sqrt(np.outer(law, law)))
    rates[0] = 0.0
    # in units of the fastest: at times of that order nothing is lost in rounding
    return _Chain(
        rng.standard_normal((n, 2)), law, rates / rates[-1], vectors / np.sqrt(law)[:, None]
    )


def _samples(chain: _Chain, m: int) -> Iterator[tuple[np.ndarray, float]]:
    """All samples of m neurons, as shares of the states, with their chances."""
    n = len(chain.law)
    for sample in product(range(n), repeat=m):
        chosen = list(sample)
        yield np.bincount(chosen, minlength=n) / m, float(chain.law[chosen].prod())


@identity("R6a", 1, "the norm by the semigroup")
def _norm() -> Pairs:
    """For two eigenfunctions."""
    s, g, h, lam, nu = sp.symbols("s g h lambda nu", positive=True)
    flow = g**2 * sp.exp(-2 * s * lam) + h**2 * sp.exp(-2 * s * nu)
    yield 2 * sp.integrate(flow, (s, 0, sp.oo)), g**2 / lam + h**2 / nu


@inequality("R6a", 1, "W_2 by the norm of f - 1, on the line")
def _on_the_line(rng: np.random.Generator) -> Iterator[Trial]:
    """Step densities on an interval; power laws of which all mass is moved to its end.

    There it is Hardy's inequality, and attained as the second moment becomes infinite.
    """
    while True:
        if rng.random() < 0.5:
            p = 2 + 10 ** rng.uniform(-4, 1)
            # E (x - 1)^2, and the integral of (1 - F)^2 over the density p x^(-p-1), x > 1
            cost, square = 2 / ((p - 1) * (p - 2)), 1 / (p * (p - 2))
        else:
            cost, square = step_density(rng)
        yield Trial(float(cost) ** 0.5, 2 * float(square) ** 0.5)


@equality("R6a", 2, "the square of the kernel by the trace")
def _kernel_square(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        yield chain.law @ chain.kernel(t) ** 2 @ chain.law, chain.trace(2 * t)


@equality("R6a", 2, "the kernel's mean over one argument")
def _kernel_mean(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        yield (chain.law @ chain.kernel(t))[0], 1.0


@equality("R6a", 2, "the mean square of P_s (f - 1)", count=30)
def _smoothed(rng: np.random.Generator) -> Pairs:
    """Over all samples."""
    while True:
        chain, m, (t, s) = _chain(rng), int(rng.integers(1, 4)), rng.exponential(size=2)
        mean = 0.0
        for shares, chance in _samples(chain, m):
            density = shares @ chain.kernel(t)
            smooth = chain.kernel(s) @ (chain.law * (density - 1))
            mean += chance * float(chain.law @ smooth**2)
        yield mean, (chain.trace(2 * t + 2 * s) - 1) / m


@equality("R6a", 2, "the mean square of the norm of f - 1", count=30)
def _mean_norm(rng: np.random.Generator) -> Pairs:
    """Over all samples, against the integral of the trace."""
    while True:
        chain, m, t = _chain(rng), int(rng.integers(1, 4)), float(rng.exponential())
        mean = 0.0
        for shares, chance in _samples(chain, m):
            parts = (shares @ chain.kernel(t) * chain.law) @ chain.basis[:, 1:]
            mean += chance * float((parts**2 / chain.rates[1:]).sum())
        end = 2 * t + 40 / float(chain.rates[1])

        def rest(u: float, chain: _Chain = chain) -> float:
            return chain.trace(u) - 1

        whole, _ = quad(rest, 2 * t, end, epsabs=0, epsrel=1e-12, limit=200)
        yield mean, whole / m


@identity("R6a", 2, "epsilon by eigenvalues")
def _epsilon() -> Pairs:
    s, t, m, lam, nu = sp.symbols("s t m lambda nu", positive=True)
    tail = sp.integrate(sp.exp(-s * lam) + sp.exp(-s * nu), (s, 2 * t, sp.oo))
    by_values = sp.exp(-2 * t * lam) / lam + sp.exp(-2 * t * nu) / nu
    yield 2**2 * tail / m, 4 / m * by_values


def _plan(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """A coupling ``[n, n]`` of two laws on the states, in their order: any will do."""
    reached, other = (np.r_[0.0, np.cumsum(law)] for law in (start, end))
    low = np.maximum(reached[:-1, None], other[:-1])
    return np.clip(np.minimum(reached[1:, None], other[1:]) - low, 0, None)


def _through(chain: _Chain, shares: np.ndarray, t: float) -> np.ndarray:
    """The joint law ``[n, n, n]`` of z, x_t and x, given a sample."""
    reached = shares[:, None] * chain.kernel(t) * chain.law  # x and x_t
    moved = reached.sum(axis=0)
    return np.einsum("jz,ij->zji", _plan(moved, chain.law), reached / moved)


def _squared(chain: _Chain) -> np.ndarray:
    return ((chain.states[:, None] - chain.states) ** 2).sum(axis=2)


def _cost_given(chain: _Chain, own: np.ndarray, other: np.ndarray) -> float:
    """The mean of |x - y|^2 if both are independent given z, from joint laws of z and either."""
    return float(np.einsum("zi,zk,ik,z->", own, other, _squared(chain), 1 / chain.law))


@equality("R6a", 3, "the law of x given the sample", count=30)
def _neuron_law(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        shares = np.bincount(rng.integers(0, 3, int(rng.integers(1, 5))), minlength=3)
        joint = _through(chain, shares / shares.sum(), t)
        k = int(rng.choice(np.flatnonzero(shares)))
        yield joint.sum(axis=(0, 1))[k], shares[k] / shares.sum()


@inequality("R6a", 3, "the cost of two samples through z", count=60)
def _through_both(rng: np.random.Generator) -> Iterator[Trial]:
    """Of one neuron each there is one coupling only."""
    while True:
        chain, t, m = _chain(rng), float(rng.exponential()), int(rng.integers(1, 4))
        sides = rng.integers(0, 3, (2, m))
        shares = [np.bincount(side, minlength=3) / m for side in sides]
        own, other = (_through(chain, share, t).sum(axis=1) for share in shares)
        a, b = chain.states[sides]
        cost = float(wasserstein_pow(a, b, 2))
        yield Trial(cost, _cost_given(chain, own, other), 1e-14)


def _in_the_mean(chain: _Chain, t: float, m: int) -> np.ndarray:
    """The joint law of z, x_t and x, in the mean over all samples."""
    laws = [chance * _through(chain, shares, t) for shares, chance in _samples(chain, m)]
    return np.sum(laws, axis=0)


@equality("R6a", 4, "two that are independent given z", count=10)
def _independent(rng: np.random.Generator) -> Pairs:
    """Over all pairs of samples."""
    while True:
        chain, t, m = _chain(rng), float(rng.exponential()), int(rng.integers(1, 3))
        laws = [
            (_through(chain, shares, t).sum(axis=1), chance)
            for shares, chance in _samples(chain, m)
        ]
        cost = sum(
            one * two * _cost_given(chain, own, other)
            for (own, one), (other, two) in product(laws, repeat=2)
        )
        joint = sum(chance * law for law, chance in laws)
        yield cost, 2 * _distance_to(chain, joint, joint @ chain.states / chain.law[:, None])


def _distance_to(chain: _Chain, joint: np.ndarray, psi: np.ndarray) -> float:
    """The mean of |x - psi(z)|^2, from the joint law of z and x."""
    return float((joint * ((psi[:, None] - chain.states) ** 2).sum(axis=2)).sum())


@inequality("R6a", 4, "the mean of x given z is the best function of z", count=40)
def _best_function(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        chain, joint = _chain(rng), rng.dirichlet(np.ones(9)).reshape(3, 3)
        mean = joint @ chain.states / joint.sum(axis=1)[:, None]
        psi = mean + 10 ** rng.uniform(-3, 0) * rng.standard_normal((3, 2))
        yield Trial(_distance_to(chain, joint, mean), _distance_to(chain, joint, psi))


@inequality("R6a", 5, "x by psi(x_t), and x_t by z")
def _in_two_steps(rng: np.random.Generator) -> Iterator[Trial]:
    """Functions of a constant on the line; often all moves are along each other."""
    while True:
        n, L = int(rng.integers(1, 4)), float(rng.exponential())
        x, x_t, z = rng.standard_normal((3, n))
        straight = rng.random() < 0.5

        def psi(y: np.ndarray, L: float = L, straight: bool = straight) -> np.ndarray:
            return L * (y if straight else np.sin(y))

        if straight:
            x = psi(x_t) + float(rng.exponential()) * (psi(x_t) - psi(z))
        whole, own, other = (float(np.mean(v**2)) for v in (x - psi(z), x - psi(x_t), x_t - z))
        yield Trial(whole, (own**0.5 + L * other**0.5) ** 2)


@equality("R6a", 5, "the law of x and x_t over samples", count=10)
def _as_the_chain(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        joint = _in_the_mean(chain, t, int(rng.integers(1, 3))).sum(axis=0)
        place = tuple(rng.integers(0, 3, 2))
        yield joint[place], chain.moves(t)[place]


def _regression(chain: _Chain, t: float) -> np.ndarray:
    """The mean of X_0 given X_t, by the joint law."""
    joint = chain.moves(t)
    return joint.T @ chain.states / joint.sum(axis=0)[:, None]


@equality("R6a", 5, "what a conditional mean leaves")
def _left(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        psi, square = _regression(chain, t), chain.law @ (chain.states**2).sum(axis=1)
        # the square keeps both sides away from 0
        left = _distance_to(chain, chain.moves(t).T, psi)
        yield square + left, 2 * square - chain.law @ (psi**2).sum(axis=1)


@equality("R6a", 6, "the mean square of psi by the displacement")
def _by_displacement(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        psi, joint = _regression(chain, t), chain.moves(2 * t)
        square = float(chain.law @ (chain.states**2).sum(axis=1))
        D = float((joint * _squared(chain)).sum())
        yield square + chain.law @ (psi**2).sum(axis=1), 2 * square - D / 2


@equality("R6a", 6, "the mean square of psi by both times")
def _both_times(rng: np.random.Generator) -> Pairs:
    while True:
        chain, t = _chain(rng), float(rng.exponential())
        psi, joint = _regression(chain, t), chain.moves(2 * t)
        square = float(chain.law @ (chain.states**2).sum(axis=1))
        product_of_both = float((joint * (chain.states @ chain.states.T)).sum())
        yield square + chain.law @ (psi**2).sum(axis=1), square + product_of_both


@identity("R6a", 6, "the bound, as it is printed")
def _bound() -> Pairs:
    """With one eigenvalue besides 0."""
    t, m, L, D, lam = sp.symbols("t m L D lambda", positive=True)
    line = printed("R6a", 0, L=L, t=t, m=m)
    line = line.subs(sp.Function("D")(2 * t), D)
    line = line.replace(sp.Function("P"), lambda s: 1 + sp.exp(-lam * s)).doit()
    epsilon = sp.sqrt(4 / m * sp.exp(-2 * t * lam) / lam)
    yield line, 2 * (sp.sqrt(D / 2) + L * epsilon) ** 2
