"""Steps of the proof on networks whose neurons have one law (T16)."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import sympy as sp

from lmctheory.rates import wasserstein_pow
from lmctheory.theorems._registry import identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import (
    Pairs,
    convex_loss,
    huber,
    leaky,
    link,
    printed,
    rms,
)
from lmctheory.theorems.trial import Trial


@identity("T16", 1, "the error of a pair")
def _pair() -> Pairs:
    t, v, w, S, T, M = sp.symbols("t v w S T M")
    middle, tau = t * v + (1 - t) * w, t * (1 - t)
    gap = M - t * S - (1 - t) * T
    yield middle * M - t * v * S - (1 - t) * w * T, middle * gap - tau * (v - w) * (S - T)


def _moments(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """The mean square of delta^2 = <w - w', x>^2 over given inputs; often along one line."""
    while True:
        x, apart = rng.standard_normal((int(rng.integers(1, 5)), 2)), rng.standard_normal(2)
        if rng.random() < 0.5:
            x = np.outer(rng.choice([-1, 1], len(x)), apart * float(rng.exponential()))
        delta, squares = x @ apart, (x**2).sum(axis=1)
        fourth, size = rms(delta**2), float(np.linalg.norm(apart))
        middle = size * float((squares * delta**2).mean()) ** 0.5
        weighted = float(np.linalg.norm((x * squares[:, None]).T @ x / len(x), 2)) ** 0.5
        plain = float(np.linalg.norm(x.T @ x / len(x), 2)) ** 0.5
        yield (
            Trial(fourth, middle),
            Trial(middle, weighted * size**2),
            Trial(rms(delta), fourth**0.5),
            Trial(rms(delta), plain * size),
        )


inequality("T16", 1, "delta^2 in the mean square")(link(_moments, 0))
inequality("T16", 1, "that by the weighted second moment")(link(_moments, 1))
inequality("T16", 1, "delta by delta^2")(link(_moments, 2))
inequality("T16", 1, "delta by the second moment")(link(_moments, 3))


@inequality("T16", 1, "the norm inside of the integral")
def _minkowski(rng: np.random.Generator) -> Iterator[Trial]:
    """Huber's function of every input, against that of both norms."""
    while True:
        slope, h = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        delta = np.abs(rng.standard_normal(int(rng.integers(1, 4))))
        left = rms(np.array([huber(each, slope, h) for each in delta]))
        # B_{b,H}(1) with b and H the two norms
        yield Trial(left, huber(1.0, slope * rms(delta), h * rms(delta**2)))


def _over_neurons(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        w, v = rng.exponential(size=(2, int(rng.integers(1, 4))))
        slope, H = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        mean = float(np.mean([huber(each, slope, H) for each in w]))
        yield (
            Trial(mean, huber(rms(w), slope, H)),
            Trial(float((w * v).mean()), float((w**2).mean() * (v**2).mean()) ** 0.5),
        )


inequality("T16", 1, "Huber's function over neurons, by Jensen")(link(_over_neurons, 0))
inequality("T16", 1, "both distances over neurons, by Schwarz")(link(_over_neurons, 1))


def _curves(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    """The bracket of step 1 for all splits of the cost; every second time the best of them."""
    while True:
        M, omega, lam, V, H, slope = (float(part) for part in 10 ** rng.uniform(-1, 1, 6))
        p, q = V * H / 2, lam / omega
        angle = float(rng.uniform(0, np.pi / 2))
        if rng.random() < 0.5:
            angle = float(np.arctan2(q, p)) / 2
        if rng.random() < 0.2:
            slope, angle = 1e-9, np.pi / 4
        a, b = M * np.cos(angle) ** 2, M * np.sin(angle) ** 2 / omega**2
        bracket = V * huber(float(a**0.5), slope, H) + lam * float(a * b) ** 0.5
        first = M * lam / (2 * omega) + V * huber(M**0.5, slope, H)
        second = M * (p + (p**2 + q**2) ** 0.5) / 2
        straight = V * H * a / 2 + lam * float(a * b) ** 0.5
        yield Trial(float(bracket), float(first)), Trial(float(straight), float(second))


inequality("T16", 2, "the first bound of c")(link(_curves, 0))
inequality("T16", 2, "the second bound of c")(link(_curves, 1))


@identity("T16", 2, "the bracket by the double angle, and as printed")
def _angle() -> Pairs:
    M, p, q, phi = sp.symbols("M p q varphi", positive=True)
    a = M * sp.cos(phi) ** 2
    rest = M * sp.cos(phi) * sp.sin(phi)  # sqrt(a (M - a)) up to a right angle
    yield rest**2, a * (M - a)
    yield p * a + q * rest, M / 2 * (p + p * sp.cos(2 * phi) + q * sp.sin(2 * phi))
    V, H, lam, omega = sp.symbols("V H lam omega", positive=True)
    given = {"M": M, "H": H, "V": V, "lam": lam, "omega": omega}
    p, q = V * H / 2, lam / omega
    yield M / 2 * (p + sp.sqrt(p**2 + q**2)), printed("T16", 3, **given)


@inequality("T16", 3, "the barrier of a convex Lipschitz loss")
def _lipschitz_loss(rng: np.random.Generator) -> Iterator[Trial]:
    """Absolute error: K = 1; every second time of equal networks on one side of the label."""
    while True:
        t, (y, f, g, e) = float(rng.uniform()), rng.standard_normal((4, int(rng.integers(1, 4))))
        if rng.random() < 0.5:
            f = g = y + np.abs(f)
            e = np.full(len(y), float(rng.exponential()))
        ends = t * np.abs(f - y).mean() + (1 - t) * np.abs(g - y).mean()
        yield Trial(float(np.abs(t * f + (1 - t) * g + e - y).mean() - ends), rms(e))


@identity("T16", 3, "the largest tau, and the barrier as printed")
def _largest_tau() -> Pairs:
    t, K, c = sp.symbols("t K c", positive=True)
    [best] = sp.solve(sp.diff(t * (1 - t), t), t)
    yield K * c * (t * (1 - t)).subs(t, best), printed("T16", 0, K=K, c=c)


@inequality("T16", 4, "the barrier of a smooth loss, by its mean")
def _smooth_loss(rng: np.random.Generator) -> Iterator[Trial]:
    """A few examples, one loss for each; every second time of equal networks and squares."""
    while True:
        n, c, t = int(rng.integers(1, 4)), 2, float(rng.uniform())
        losses = [convex_loss(rng, c) for _ in range(n)]
        f, g, e = rng.standard_normal((3, n, c))
        if rng.random() < 0.5:
            losses, g = [losses[0]] * n, f
            e = float(rng.exponential()) * np.array([losses[0].gradient(each) for each in f])
        beta = max(loss.smoothness for loss in losses)

        def risk(outputs: np.ndarray, losses: list[Any] = losses) -> float:
            return float(np.mean([of.value(at) for of, at in zip(losses, outputs, strict=True)]))

        chord = t * f + (1 - t) * g
        barrier = risk(chord + e) - t * risk(f) - (1 - t) * risk(g)
        yield Trial(barrier, (2 * beta * risk(chord)) ** 0.5 * rms(e) + beta / 2 * rms(e) ** 2)


@inequality("T16", 4, "Schwarz over networks")
def _over_networks(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        R, e = rng.exponential(size=(2, int(rng.integers(1, 4))))
        yield Trial(float((R**0.5 * e).mean()), float(R.mean() * (e**2).mean()) ** 0.5)


@identity("T16", 4, "the barrier, as it is printed")
def _smooth_printed() -> Pairs:
    beta, R, Q, tau = sp.symbols("beta R Q tau", positive=True)
    square = tau**2 * Q
    yield (
        sp.sqrt(2 * beta) * sp.sqrt(R * square) + beta / 2 * square,
        printed("T16", 1, beta=beta, R=R, Q=Q, tau=tau),
    )


@inequality("T16", 5, "the second moment of a concave curve")
def _second_moment(rng: np.random.Generator) -> Iterator[Trial]:
    """The least of a line through 0 and one that rises less; costs of a mean M."""
    while True:
        cost = rng.exponential(size=int(rng.integers(1, 4)))
        M, bent, kink = float(cost.mean()), float(rng.uniform()), float(rng.exponential())
        if rng.random() < 0.5:
            bent = 1.0

        def curve(at: Any, bent: float = bent, kink: float = kink) -> Any:
            return np.minimum(at, kink + bent * (at - kink)) if kink else at

        Q = float(printed("T16", 4, c=float(curve(M)), Var=float(cost.var()), M=M))
        yield Trial(float((curve(cost) ** 2).mean()), Q)


@identity("T16", 5, "the square by a tangent in the mean")
def _tangent() -> Pairs:
    c, gamma, M, var = sp.symbols("c gamma M Var")
    rest = c - gamma * M
    left = rest**2 + 2 * rest * gamma * M + gamma**2 * (M**2 + var)
    yield left, c**2 + gamma**2 * var
    yield (c**2 + (c / M) ** 2 * var), printed("T16", 4, c=c, M=M, Var=var)


@inequality("T16", 5, "what one neuron changes")
def _one_changed(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m, D = int(rng.integers(1, 4)), float(rng.exponential())
        a, b = D / 2**0.5 * rng.integers(0, 2, (2, m, 2)).astype(float)
        other = a.copy()
        other[0] = D / 2**0.5 * rng.integers(0, 2, 2)
        changed = wasserstein_pow(a, b, 2) - wasserstein_pow(other, b, 2)
        yield Trial(abs(float(changed)), D**2 / m)


@identity("T16", 5, "variances by Efron and Stein, by Poincare")
def _variances() -> Pairs:
    m, D, C, M = sp.symbols("m Delta C M", positive=True)
    yield sp.Rational(1, 4) * 2 * m * (D**2 / m) ** 2, D**4 / (2 * m)
    # m pairs of neurons, the two gradients of each 2 (theta - theta') / m; their mean square is M
    yield C * 2 * m * (2 / m) ** 2 * M, 8 * C * M / m


unchecked("T16", 6, "cited", "P1 given all hidden weights")


@inequality("T16", 6, "the mean square of what is left of weights")
def _left_of_weights(rng: np.random.Generator) -> Iterator[Trial]:
    """Output weights of two values each, over all draws; often on the line of a leaky relu."""
    while True:
        m, t, s = int(rng.integers(1, 4)), float(rng.uniform()), float(rng.exponential())
        z, a = rng.standard_normal((2, m, 3)), float(rng.uniform(-1, 1))
        if rng.random() < 0.5:
            z = np.abs(z)
        middle = leaky(t * z[0] + (1 - t) * z[1], a)
        moved = np.concatenate([t * (middle - leaky(z[0], a)), (1 - t) * (middle - leaky(z[1], a))])
        signs = np.array(list(product((-s, s), repeat=2 * m)))
        rest = float(((signs @ moved / m) ** 2).mean()) ** 0.5
        M = float(np.square(z[0] - z[1]).mean())
        yield Trial(rest, 2**0.5 * t * (1 - t) * s * (M / m) ** 0.5)


@inequality("T16", 7, "the cost of a Lipschitz image")
def _image(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        y, z = rng.uniform(size=(2, int(rng.integers(1, 4)), 2))
        psi = float(rng.exponential())
        bend = 10 ** rng.uniform(-3, 1)
        first, second = (psi * np.sin(bend * side) / bend for side in (y, z))
        cost = float(wasserstein_pow(first, second, 2))
        yield Trial(cost, psi**2 * float(wasserstein_pow(y, z, 2)))
