"""Steps of the proofs on components of minima and chords of orbits (S4 to S7)."""

from collections.abc import Iterator

import numpy as np
import sympy as sp
from scipy.linalg import expm

from lmctheory.matching import lowest_pass, sagitta
from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.orbits import (
    acted,
    drawn,
    excess,
    gauge,
    highest_of_the_pass,
    input_moment,
    minimum,
    multiplied,
    narrow,
    normal,
    to_normal_form,
    whitened_basis,
)
from lmctheory.theorems.checks.steps.draws import Pairs, printed
from lmctheory.theorems.trial import Trial


def _beside(matrix: np.ndarray) -> float:
    """A number that tells matrices apart, away from 0."""
    weights = np.cos(np.arange(matrix.size)).reshape(matrix.shape)
    return float(np.sum(weights * matrix)) + 10 * float(np.linalg.norm(matrix)) + 1


def _signs(rng: np.random.Generator, widths: list[int]) -> list[int]:
    return [int(rng.choice([-1, 1])) for _ in widths[1:-1]]


@equality("S4", 1, "the product stays", count=30)
def _product_stays(rng: np.random.Generator) -> Pairs:
    while True:
        n = [int(k) for k in rng.integers(1, 4, 4)]
        weights = [rng.standard_normal((n[i + 1], n[i])) for i in range(3)]
        layer = int(rng.integers(1, 3))
        moved = acted(weights, layer, gauge(rng, n[layer], int(rng.choice([-1, 1]))))
        yield _beside(multiplied(moved)), _beside(multiplied(weights))


unchecked("S4", 1, "cited", "matrices of positive determinant are connected")


@equality("S4", 2, "networks on the way to the normal form", count=60)
def _on_the_way(rng: np.random.Generator) -> Pairs:
    while True:
        widths, _, C, B = drawn(rng)
        _, visited = to_normal_form(minimum(rng, widths, C, B, _signs(rng, widths)), B)
        for weights in visited:
            yield _beside(multiplied(weights)), _beside(C @ B)


@equality("S4", 2, "where the way ends", count=30)
def _normal_form(rng: np.random.Generator) -> Pairs:
    while True:
        widths, r, C, B = drawn(rng)
        signs, visited = to_normal_form(minimum(rng, widths, C, B, _signs(rng, widths)), B)
        if not signs:
            continue
        first, *middle, last = visited[-1]
        heads = [np.diag(np.r_[np.ones(r - 1), sign]) if r else np.eye(0) for sign in signs]
        forms = [np.eye(widths[1], r) @ heads[0] @ B]
        for n, m, head in zip(widths[2:-1], widths[1:-2], heads[1:], strict=True):
            forms.append(np.eye(n, r) @ head @ np.eye(r, m))
        forms.append(C @ multiplied([np.eye(r), *heads]).T @ np.eye(r, widths[-2]))
        for reached, form in zip([first, *middle, last], forms, strict=True):
            yield _beside(reached), _beside(form)


def _factors(rng: np.random.Generator) -> Iterator[tuple[list[np.ndarray], np.ndarray, int]]:
    """Minima, B, and a hidden layer of the width of the rank."""
    while True:
        widths, r, C, B = narrow(rng)
        weights = minimum(rng, widths, C, B, _signs(rng, widths))
        yield weights, B, 1 + widths[1:-1].index(r)


def _factor(weights: list[np.ndarray], B: np.ndarray, layer: int) -> np.ndarray:
    result: np.ndarray = multiplied(weights[:layer]) @ B.T @ np.linalg.inv(B @ B.T)
    return result


@equality("S4", 3, "what a narrow layer sees, by the rows of Y", count=30)
def _rows(rng: np.random.Generator) -> Pairs:
    for weights, B, layer in _factors(rng):
        G = _factor(weights, B, layer)
        yield _beside(G @ B), _beside(multiplied(weights[:layer]))


@equality("S4", 3, "the sign in the normal form", count=30)
def _sign(rng: np.random.Generator) -> Pairs:
    for weights, B, layer in _factors(rng):
        signs, _ = to_normal_form(weights, B)
        side = np.sign(np.linalg.det(_factor(weights, B, layer)))
        yield 2 + side, 2 + float(np.prod(signs[:layer]))


@equality("S4", 4, "neurons permuted, or one negated", count=30)
def _permuted(rng: np.random.Generator) -> Pairs:
    for weights, B, layer in _factors(rng):
        P = np.eye(len(B))[rng.permutation(len(B))]
        P[0] *= int(rng.choice([-1, 1]))
        before = np.linalg.det(_factor(weights, B, layer))
        after = np.linalg.det(_factor(acted(weights, layer, P), B, layer))
        yield 2 + np.sign(after), 2 + np.sign(before) * np.linalg.det(P)


@equality("S5", 1, "the excess of the loss")
def _excess(rng: np.random.Generator) -> Pairs:
    while True:
        d, k = (int(n) for n in rng.integers(1, 4, 2))
        x, y, W = (rng.standard_normal(shape) for shape in ((9, d), (9, k), (k, d)))
        Y = np.linalg.lstsq(x, y, rcond=None)[0].T
        best, loss = (float(np.square(x @ A.T - y).sum()) / 9 for A in (Y, W))
        yield loss, best + excess([W], Y, x.T @ x / 9)


@inequality("S5", 2, "where the determinant vanishes")
def _vanishing(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        widths, r, C, B = narrow(rng)
        second, Y = input_moment(rng, widths[0]), C @ B
        basis = whitened_basis(Y, second, r)
        # W root V z = 0; equality for the last singular vector and W = Y elsewhere
        sharp = rng.random() < 0.5
        z = np.eye(r)[r - 1] if sharp else rng.standard_normal(r)
        W = Y + (not sharp) * rng.standard_normal(Y.shape)
        null = basis @ z / np.linalg.norm(z)
        W = W - np.outer(W @ null, np.linalg.solve(second, null))
        yield Trial(lowest_pass(Y, second), excess([W], Y, second))


@equality("S5", 3, "the determinant of a minimum", count=30)
def _determinant(rng: np.random.Generator) -> Pairs:
    for weights, B, layer in _factors(rng):
        second = input_moment(rng, B.shape[1])
        basis = whitened_basis(multiplied(weights), second, len(B))
        # up to a sign and size that all minima share
        whole = np.linalg.det(multiplied(weights[:layer]) @ basis)
        yield whole, np.linalg.det(_factor(weights, B, layer)) * np.linalg.det(B @ basis)


@equality("S5", 4, "the largest excess on the pass", count=30)
def _pass(rng: np.random.Generator) -> Pairs:
    while True:
        widths, _, C, B = narrow(rng)
        second, Y = input_moment(rng, widths[0]), C @ B
        yield highest_of_the_pass(widths, Y, second), lowest_pass(Y, second)


@identity("S6", 1, "the kernel, and its integral")
def _kernel() -> Pairs:
    s, t = sp.symbols("s t", positive=True)
    yield (
        sp.integrate(s * (1 - t), (s, 0, t)) + sp.integrate(t * (1 - s), (s, t, 1)),
        t * (1 - t) / 2,
    )
    yield printed("S6", 0, K=1, t=t), t * (1 - t) / 2
    for curve in (s**2, s**3, s**5, sp.exp(s)):
        second = sp.diff(curve, s, 2)
        by_kernel = sp.integrate(s * (1 - t) * second, (s, 0, t))
        by_kernel += sp.integrate(t * (1 - s) * second, (s, t, 1))
        chord = t * curve.subs(s, 1) + (1 - t) * curve.subs(s, 0)
        yield curve.subs(s, t) - chord, -by_kernel


@inequality("S6", 2, "the rise of a loss")
def _rise(rng: np.random.Generator) -> Iterator[Trial]:
    """Of quadratic ones; equality where all bends alike and the step goes uphill."""
    while True:
        d = int(rng.integers(1, 4))
        root = np.eye(d) if rng.random() < 0.5 else rng.standard_normal((d, d))
        H, x, step = root @ root.T, rng.standard_normal(d), rng.standard_normal(d)
        slope = rng.standard_normal(d) if rng.random() < 0.5 else step - H @ x
        rise = (H @ x + slope) @ step + step @ H @ step / 2
        G, beta, delta = np.linalg.norm(H @ x + slope), np.linalg.norm(H, 2), np.linalg.norm(step)
        yield Trial(float(rise), float(G * delta + beta / 2 * delta**2))


@identity("S6", 2, "the bound at stationary points")
def _stationary() -> Pairs:
    beta, K = sp.symbols("beta K", positive=True)
    yield (
        printed("S6", 1, G=0, beta=beta, delta=printed("S6", 0, K=K, t=sp.Rational(1, 2))),
        (beta * K**2 / 128),
    )


@inequality("S6", 2, "short arcs attain it nearly")
def _short_arcs(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        angle = float(10 ** rng.uniform(-2, 0))
        rise = (2 * np.sin(angle / 4) ** 2) ** 2 / 2
        yield Trial((angle**2 / 8 * (1 - angle**2 / 48)) ** 2 / 2, rise)


@equality("S6", 3, "the acceleration by eigenvalues")
def _eigenvalues(rng: np.random.Generator) -> Pairs:
    while True:
        m, s = int(rng.integers(1, 5)), float(rng.random())
        A, theta = normal(rng, m) + 0.1 * np.eye(m), rng.standard_normal(m)
        values, vectors = np.linalg.eig(A)
        parts = np.abs(np.linalg.solve(vectors, theta + 0j)) ** 2
        by_values = np.sum(abs(values) ** 4 * np.exp(2 * s * values.real) * parts)
        yield np.sum((A @ A @ expm(s * A) @ theta) ** 2), by_values


@inequality("S6", 3, "the acceleration by those at the ends")
def _ends(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        m, s = int(rng.integers(1, 5)), float(rng.random())
        A, theta = normal(rng, m), rng.standard_normal(m)
        inner, *ends = (np.linalg.norm(A @ A @ expm(at * A) @ theta) for at in (s, 0.0, 1.0))
        yield Trial(float(inner), float(max(ends)))


@inequality("S6", 4, "sines of angles that differ by little")
def _sines(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        a = float(rng.uniform(0, np.pi / 2))
        b = -a if rng.random() < 0.5 else float(rng.uniform(-np.pi / 2, np.pi / 2))
        yield Trial(float(np.sin(a) - np.sin(b)), float(2 * np.sin(abs(a - b) / 2)))


@identity("S6", 4, "the integral, and the arc")
def _arc() -> Pairs:
    s, ell, kappa = sp.symbols("s ell kappa", positive=True)
    integral = sp.integrate(sp.sin(kappa * s), (s, 0, ell / 2))
    yield integral, (1 - sp.cos(kappa * ell / 2)) / kappa
    yield (
        sp.expand_trig(integral.subs(ell, 2 * ell)),
        sp.expand_trig(printed("S6", 2, kappa=kappa, ell=2 * ell)),
    )


@equality("S6", 4, "arcs of circles")
def _circles(rng: np.random.Generator) -> Pairs:
    while True:
        kappa, turn = float(rng.exponential()) + 0.1, float(rng.uniform(0.1, 3))
        start, middle, end = (np.exp(1j * turn * at) / kappa for at in (0.0, 0.5, 1.0))
        yield abs(middle - (start + end) / 2), sagitta(kappa, turn / kappa)


@identity("S7", 1, "the product of the two factors")
def _two_factors() -> Pairs:
    t, g = sp.symbols("t g", positive=True)
    yield (1 - t + t / g) * (1 - t + t * g), 1 + t * (1 - t) * (g + 1 / g - 2)


@identity("S7", 2, "scales, and rotations")
def _scales() -> Pairs:
    s, t, u, phi, w = sp.symbols("s t u phi omega", real=True)
    yield sp.exp(s) + sp.exp(-s) - 2, (sp.exp(s / 2) - sp.exp(-s / 2)) ** 2
    one = sp.exp(s) * u * phi + sp.exp(-s) * u * phi - 2 * u * phi
    yield t * (1 - t) * one, 4 * t * (1 - t) * ((sp.exp(s / 2) - sp.exp(-s / 2)) / 2) ** 2 * u * phi
    yield 2 * sp.cos(2 * w) - 2, -4 * sp.sin(w) ** 2


@equality("S7", 3, "the barrier, outgoing weights being stationary")
def _stationary_outputs(rng: np.random.Generator) -> Pairs:
    while True:
        m, k = (int(n) for n in rng.integers(1, 4, 2))
        phi, y = rng.standard_normal((9, m)), rng.standard_normal((9, k))
        f = phi @ np.linalg.lstsq(phi, y, rcond=None)[0]
        e = phi @ rng.standard_normal((m, k))
        risk = float(np.square(f - y).sum())
        yield float(np.square(f + e - y).sum()), risk + float(np.square(e).sum())
