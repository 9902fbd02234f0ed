"""Steps of the proofs on two trained networks (T12 to T15)."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
from numpy.typing import NDArray

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, convex_loss, link, printed, rms, secant
from lmctheory.theorems.trial import Trial

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
_TAU, _DTAU = (_NODES + 1) / 2, _WEIGHTS / 2


def _norm(matrix: np.ndarray) -> float:
    return float(np.linalg.norm(matrix, 2))


# T12, steps 1 to 3: two inputs, two outputs; functions of the activation are symbols
_X = sp.symbols("x1 x2")
_W, _V = sp.symbols("w1 w2"), sp.symbols("v1 v2")
_A, _B = sp.symbols("a1 a2"), sp.symbols("b1 b2")
_R, _Q = sp.symbols("r1 r2"), sp.symbols("q1 q2")
_S, _T, _DS, _DT = sp.symbols("S T dS dT")
_Z = sum(w * x for w, x in zip(_W, _X, strict=True))
_Y = sum(v * x for v, x in zip(_V, _X, strict=True))
_SLOPE = (_S - _T) / (_Z - _Y)


def _dot(left: Any, right: Any) -> Any:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _mean(left: Any, right: Any) -> list[Any]:
    return [(a + b) / 2 for a, b in zip(left, right, strict=True)]


def _less(left: Any, right: Any) -> list[Any]:
    return [a - b for a, b in zip(left, right, strict=True)]


@identity("T12", 1, "difference of two neurons by secants")
def _secant_rule() -> Pairs:
    for a, b in zip(_A, _B, strict=True):
        yield a * _S - b * _T, (_S + _T) / 2 * (a - b) + (a + b) / 2 * _SLOPE * (_Z - _Y)


@identity("T12", 1, "<D, A rho> is the mean of <rho, delta phi>")
def _adjoint() -> Pairs:
    rho = _less(_R, _Q)
    outer = [(_S + _T) / 2 * each for each in rho]
    inner = [_dot(rho, _mean(_A, _B)) * _SLOPE * x for x in _X]
    moved = _dot(_less(_A, _B), outer) + _dot(_less(_W, _V), inner)
    yield moved, _dot(rho, [a * _S - b * _T for a, b in zip(_A, _B, strict=True)])


@identity("T12", 2, "differences of both gradients")
def _gradients() -> Pairs:
    rho, middle, apart = _less(_R, _Q), _mean(_A, _B), _less(_A, _B)
    for r, q in zip(_R, _Q, strict=True):
        yield r * _S - q * _T, (_S + _T) / 2 * (r - q) + (r + q) / 2 * _SLOPE * (_Z - _Y)
    left = _dot(_R, _A) * _DS - _dot(_Q, _B) * _DT - _SLOPE * _dot(rho, middle)
    tilted = [_DS * r + _DT * q for r, q in zip(_R, _Q, strict=True)]
    yield (
        left,
        _dot(_R, middle) * (_DS - _SLOPE)
        + _dot(_Q, middle) * (_SLOPE - _DT)
        + _dot(tilted, apart) / 2,
    )


@equality("T12", 3, "a step of both neurons")
def _one_step(rng: np.random.Generator) -> Pairs:
    """B and A rho as steps 1 and 2 define them, for tanh on a few examples."""
    while True:
        n, d, c, s = 3, 2, 2, float(rng.uniform(0.1, 1))
        kept = 1 - s * float(rng.uniform(0, 1 / s))
        x = rng.standard_normal((n, d))
        (w, v), (a, b) = rng.standard_normal((2, d)), rng.standard_normal((2, c))
        r, q = rng.standard_normal((2, n, c))

        def moved(w: np.ndarray, a: np.ndarray, r: np.ndarray, x: np.ndarray = x) -> np.ndarray:
            z = x @ w
            slope = ((r @ a) * (1 - np.tanh(z) ** 2))[:, None] * x
            return np.r_[(r * np.tanh(z)[:, None]).mean(axis=0), slope.mean(axis=0)]

        start, other = np.r_[a, w], np.r_[b, v]
        after = kept * start - s * moved(w, a, r) - (kept * other - s * moved(v, b, q))
        z, y, D, rho, middle = x @ w, x @ v, start - other, r - q, (a + b) / 2
        slope = secant(np.tanh, z, y)
        up, down = 1 - np.tanh(z) ** 2, 1 - np.tanh(y) ** 2
        bend = (r @ middle) * (up - slope) / (z - y) + (q @ middle) * (slope - down) / (z - y)
        B = np.zeros((c + d, c + d))
        B[:c, c:] = ((r + q) / 2 * slope[:, None]).T @ x / n
        B[c:, :c] = x.T @ (r * up[:, None] + q * down[:, None]) / (2 * n)
        B[c:, c:] = (x * bend[:, None]).T @ x / n
        activation = (np.tanh(z) + np.tanh(y)) / 2
        pushed = np.r_[(rho * activation[:, None]).mean(axis=0), ((rho @ middle) * slope) @ x / n]
        yield _shifted(after, kept * D - s * (B @ D + pushed))


def _shifted(left: np.ndarray, right: np.ndarray) -> tuple[float, float]:
    """Two vectors by one number each, away from 0, where rounding is not small beside it."""
    size = 1 + float(np.abs(right).max())
    direction = 1 + np.arange(len(left)) / len(left)
    return float(direction @ (left + size)), float(direction @ (right + size))


@inequality("T12", 4, "gradients of smooth losses are cocoercive")
def _cocoercive(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        c = int(rng.integers(1, 4))
        loss, (f, g) = convex_loss(rng, c), 2 * rng.standard_normal((2, c))
        rho = loss.gradient(f) - loss.gradient(g)
        yield Trial(float(rho @ rho), loss.smoothness * float(rho @ (f - g)))


@inequality("T12", 5, "M' by u, with q, L and K")
def _by_residuals(rng: np.random.Generator) -> Iterator[Trial]:
    """Every second time of one number, where it is attained; beta is as small as it may be."""
    while True:
        N, p, n = (1, 1, 1) if rng.random() < 0.5 else (3, 2, 2)
        D, B = rng.standard_normal((N, p)), rng.standard_normal((N, p, p))
        A, rho = rng.standard_normal((N, p, n)), rng.standard_normal(n)
        s, c = float(rng.uniform(0.1, 1)), float(rng.uniform(0.1, 1))
        moved = A @ rho
        against = float((D * moved).sum()) / N
        if against < 0:
            rho, moved, against = -rho, -moved, -against
        u, M = float(np.linalg.norm(rho)), rms(D) ** 2
        over_beta = against / u**2
        transfer = c * np.eye(p) - s * B
        q = max(_norm(each) ** 2 for each in transfer)
        L, K = max(map(_norm, B)), rms(np.array([_norm(each) for each in A]))
        after = rms(np.einsum("ijk,ik->ij", transfer, D) - s * moved) ** 2
        yield Trial(
            after + 2 * s * c * over_beta * u**2,
            q * M + 2 * s**2 * L * K * M**0.5 * u + s**2 * K**2 * u**2,
        )


_POSITIVE = {"positive": True}


@identity("T12", 6, "the largest value over u")
def _largest_value() -> Pairs:
    q, s, c, beta, L, K, M = sp.symbols("q s c beta L K M", **_POSITIVE)
    u = sp.symbols("u")
    bound = q * M - 2 * s * c / beta * u**2 + 2 * s**2 * L * K * sp.sqrt(M) * u + s**2 * K**2 * u**2
    a, b = s * (2 * c - s * beta * K**2) / beta, s**2 * L * K
    yield bound, q * M - a * u**2 + 2 * b * sp.sqrt(M) * u
    [best] = sp.solve(sp.diff(bound, u), u)
    given = {"q": q, "s": s, "c": c, "beta": beta, "L": L, "K": K, "M": M}
    yield bound.subs(u, best), printed("T12", 0, **given)
    yield (q + b**2 / a) * M, printed("T12", 0, **given)
    yield sp.diff(bound, u, 2), -2 * a


@equality("T12", 7, "difference of gradients by integrals")
def _integrals(rng: np.random.Generator) -> Pairs:
    while True:
        x, (w, v) = rng.standard_normal((3, 2)), rng.standard_normal((2, 2))
        r, q = rng.standard_normal((2, 3))

        def slopes(w: np.ndarray, x: np.ndarray = x) -> np.ndarray:
            return (1 - np.tanh(x @ w) ** 2)[:, None] * x

        left = (r[:, None] * slopes(w) - q[:, None] * slopes(v)).mean(axis=0)
        right = np.zeros(2)
        for tau, dtau in zip(_TAU, _DTAU, strict=True):
            middle, between = v + tau * (w - v), q + tau * (r - q)
            t = np.tanh(x @ middle)
            bent = np.einsum("n,ni,nj->ij", between * -2 * t * (1 - t**2), x, x) / 3
            right += dtau * (((r - q) @ slopes(middle)) / 3 + bent @ (w - v))
        yield _shifted(left, right)


@inequality("T12", 7, "|B| by the Hessian and both residuals")
def _by_hessian(rng: np.random.Generator) -> Iterator[Trial]:
    """One parameter: phi = h(x) cos(omega theta), with the Hessian's bound omega^2 |h|."""
    while True:
        n, omega = int(rng.integers(1, 4)), float(10 ** rng.uniform(-2, 1))
        h, r, q = rng.standard_normal((3, n))
        theta, other = rng.standard_normal(2) * 10 ** rng.uniform(-2, 0)
        if rng.random() < 0.5:
            r, q = (scale * h for scale in rng.exponential(size=2))
        B = 0.0
        for tau, dtau in zip(_TAU, _DTAU, strict=True):
            hessian = -(omega**2) * h * np.cos(omega * (other + tau * (theta - other)))
            B += dtau * float((q + tau * (r - q)) @ hessian) / n
        H = omega**2 * rms(h)
        yield Trial(abs(B), H / 2 * (rms(r) + rms(q)))


@inequality("T12", 8, "|r|^2 is at most 2 beta loss")
def _self_bounded(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        c = int(rng.integers(1, 4))
        loss, f = convex_loss(rng, c), 2 * rng.standard_normal(c)
        yield Trial(float(np.square(loss.gradient(f)).sum()), 2 * loss.smoothness * loss.value(f))


@inequality("T12", 9, "q by kappa")
def _transfer(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        p, s, c = int(rng.integers(1, 4)), float(rng.uniform(0.1, 1)), float(rng.uniform())
        B = rng.standard_normal((p, p))
        B, kappa = (B + B.T) / 2, _norm((B + B.T) / 2)
        yield Trial(_norm(c * np.eye(p) - s * B) ** 2, c**2 + 2 * s * c * kappa + s**2 * kappa**2)


@identity("T12", 9, "the factor of a step, as it is printed")
def _factor() -> Pairs:
    s, c, beta, K, kappa = sp.symbols("s c beta K kappa", **_POSITIVE)
    room = 2 * c - s * beta * K**2
    a, b = s * room / beta, s**2 * kappa * K
    step = {"c": c, "s": s, "x": kappa}
    growth = printed("T12", 1, n=1, w=1, beta=beta, K=K).doit()
    growth = growth.subs({sp.Function(name)(1): value for name, value in step.items()})
    yield c**2 + 2 * s * c * kappa + s**2 * kappa**2 + b**2 / a, growth**2
    yield s**2 * kappa**2 * (1 + s * beta * K**2 / room), 2 * c * s**2 * kappa**2 / room


@identity("T13", 1, "the square of a step multiplied out")
def _square() -> Pairs:
    s, c, rho = sp.symbols("s c rho")
    D, B = sp.Matrix(sp.symbols("D1:3")), sp.Matrix(2, 2, sp.symbols("B1:5"))
    push = sp.Matrix(sp.symbols("A1:3")) * rho
    kept = c * D - s * B * D
    yield (
        (kept - s * push).dot(kept - s * push),
        kept.dot(kept) - 2 * s * c * D.dot(push) + 2 * s**2 * (B * D).dot(push)
        + s**2 * push.dot(push),
    )  # fmt: skip


@inequality("T13", 1, "the first term is at most E")
def _kept_weight(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        N, p = int(rng.integers(1, 4)), int(rng.integers(1, 3))
        D, B, after = (
            rng.standard_normal((N, p)),
            rng.standard_normal((N, p, p)),
            rng.exponential(size=N),
        )
        transfer = float(rng.uniform()) * np.eye(p) - float(rng.uniform()) * B
        q = np.array([_norm(each) ** 2 for each in transfer])
        moved = np.square(np.einsum("ijk,ik->ij", transfer, D)).sum(axis=1)
        yield Trial(float(after @ moved), float((after * q) @ np.square(D).sum(axis=1)))


def _interaction(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        N, p, n = (1, 1, 1) if rng.random() < 0.3 else (3, 2, 2)
        D, B = rng.standard_normal((N, p)), rng.standard_normal((N, p, p))
        A, rho = rng.standard_normal((N, p, n)), rng.standard_normal(n)
        before, after = rng.exponential(size=(2, N))
        pushed, bent = A @ rho, np.einsum("ijk,ik->ij", B, D)
        gain, curvature = (np.array([_norm(each) for each in matrices]) for matrices in (A, B))
        X = float(((after * gain * curvature) ** 2 / before).mean() ** 0.5)
        E, u = float((before * np.square(D).sum(axis=1)).mean()), float(np.linalg.norm(rho))
        third = float((after * (bent * pushed).sum(axis=1)).mean())
        fourth = float((after * np.square(pushed).sum(axis=1)).mean())
        yield (
            Trial(abs(third), u * X * E**0.5),
            Trial(fourth, u**2 * float((after * gain**2).mean())),
        )


inequality("T13", 2, "the third term: curvature meets gain")(link(_interaction, 0))
inequality("T13", 2, "the fourth term: gain")(link(_interaction, 1))


@equality("T13", 3, "the largest eigenvalue of the rank-two form")
def _rank_two(rng: np.random.Generator) -> Pairs:
    while True:
        N = int(rng.integers(2, 7))
        p, w = rng.exponential(size=(2, N))
        if rng.random() < 0.5:
            w = 10 ** rng.uniform(-2, 2, N)
        form = -(w[:, None] + w) * np.outer(p, p)
        size = float(np.linalg.norm(p) * np.linalg.norm(w * p))
        # from size upwards, as the difference may be lost in rounding
        yield size + float(np.linalg.eigvalsh(form)[-1]), 2 * size - float(p @ (w * p))


@inequality("T13", 3, "what the form leaves, by V_1 and P")
def _first_line(rng: np.random.Generator) -> Iterator[Trial]:
    """Residuals by a metric of every example; every second time along the form's eigenvector."""
    while True:
        N, n, c = int(rng.integers(2, 5)), 2, 2
        k, before, after = 10 ** rng.uniform(-1, 1, (3, N))
        p, beta = k / np.sqrt(before), float(rng.uniform(0.1, 2))
        if rng.random() < 0.5:
            x = np.linalg.eigh(-(after[:, None] + after) * np.outer(p, p))[1][:, -1]
            delta = (p * x)[:, None, None] * np.ones((1, n, 1))
            metric = beta * np.ones((n, 1, 1))
        else:
            delta = rng.standard_normal((N, n, c))
            x = rng.uniform(1, 2, N) * np.sqrt(np.square(delta).sum(axis=(1, 2)) / n) / p
            root = rng.standard_normal((n, c, c))
            metric = root @ root.transpose(0, 2, 1)
            beta = max(map(_norm, metric))
        rho = np.einsum("nij,nj->ni", metric, delta.mean(axis=0))
        left = -2 * float((rho * np.tensordot(after, delta, 1) / N).sum()) / n
        E = float((x**2).mean())
        G, V = float((p**2).mean()), float(((p * after) ** 2).mean() ** 0.5)
        yield Trial(left, beta * E * (G**0.5 * V - float((p**2 * after).mean())))


class _Differences(NamedTuple):
    """delta_i of neurons ``[N, n]``, the mean of k |D|, and E and G of some weights."""

    delta: NDArray[np.float64]
    middle: float
    E: float
    G: float


def _differences(rng: np.random.Generator) -> _Differences:
    N, n = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    delta, before, k = (
        rng.standard_normal((N, n)),
        rng.exponential(size=N),
        rng.exponential(size=N),
    )
    D = np.array([rms(each) for each in delta]) / k
    E, G = float((before * D**2).mean()), float((k**2 / before).mean())
    return _Differences(delta, float((k * D).mean()), E, G)


def _residual_size(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        delta, apart, E, G = _differences(rng)
        beta = float(rng.uniform(0.1, 2))
        u, middle = beta * rms(delta.mean(axis=0)), beta * apart
        yield Trial(u, middle), Trial(middle, beta * (G * E) ** 0.5)


inequality("T13", 4, "u by the mean of k |D|")(link(_residual_size, 0))
inequality("T13", 4, "that by G and E")(link(_residual_size, 1))


@identity("T13", 4, "the first line, as it is printed")
def _first_printed() -> Pairs:
    s, c, beta, G, V, P, X, S, E = sp.symbols("s c beta G V P X S E", **_POSITIVE)
    u = beta * sp.sqrt(G * E)
    bound = E + s * c * beta * E * (sp.sqrt(G) * V - P) + 2 * s**2 * u * X * sp.sqrt(E)
    given = {"s": s, "c": c, "beta": beta, "G": G, "V": V, "P": P, "X": X, "S": S, "E": E}
    yield bound + s**2 * u**2 * S, printed("T13", 0, **given)


@identity("T13", 5, "weights are their mean and the rest")
def _split() -> Pairs:
    w, delta = sp.symbols("w1:4"), sp.symbols("d1:4")
    W = sum(w) / 3
    rest = sum((each - W) * d for each, d in zip(w, delta, strict=True)) / 3
    yield sum(a * d for a, d in zip(w, delta, strict=True)) / 3, W * sum(delta) / 3 + rest


@inequality("T13", 5, "the rest by V_2")
def _rest_of_weights(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        N, n = int(rng.integers(2, 5)), 2
        before, after, k = rng.exponential(size=(3, N))
        rest = after - after.mean()
        if rng.random() < 0.5:
            D, direction = k * np.abs(rest) / before, np.sign(rest)[:, None] * np.ones(n)
        else:
            D, direction = rng.exponential(size=N), rng.standard_normal((N, n))
            direction /= np.array([rms(each) for each in direction])[:, None]
        delta = (k * D)[:, None] * direction
        V, E = float((k**2 * rest**2 / before).mean()), float((before * D**2).mean())
        yield Trial(rms((rest[:, None] * delta).mean(axis=0)), (V * E) ** 0.5)


@identity("T13", 5, "the quadratic in u, and its largest value")
def _last_line() -> Pairs:
    s, c, beta, W, V, X, S, E = sp.symbols("s c beta W V X S E", **_POSITIVE)
    u = sp.symbols("u")
    against = W * u**2 / beta - V * sp.sqrt(E) * u
    bound = E - 2 * s * c * against + 2 * s**2 * u * X * sp.sqrt(E) + s**2 * u**2 * S
    a, b = 2 * s * c * W / beta - s**2 * S, s * c * V + s**2 * X
    yield bound, E - a * u**2 + 2 * b * u * sp.sqrt(E)
    [best] = sp.solve(sp.diff(bound, u), u)
    given = {"s": s, "c": c, "beta": beta, "W": W, "V": V, "X": X, "S": S, "E": E}
    yield bound.subs(u, best), printed("T13", 1, **given)
    yield (1 + b**2 / a) * E, printed("T13", 1, **given)


@equality("T14", 1, "all steps multiplied out")
def _propagated(rng: np.random.Generator) -> Pairs:
    while True:
        K, p = int(rng.integers(1, 5)), 2
        transfer, push, left = (rng.standard_normal(shape) for shape in ((K, p, p), (K, p), (K, p)))
        s, start = rng.uniform(0.1, 1, K), rng.standard_normal(p)
        D = start
        for k in range(K):
            D = transfer[k] @ D - s[k] * push[k] + left[k]
        after = [np.eye(p)]
        for k in reversed(range(K)):
            after.append(after[-1] @ transfer[k])
        total = after[-1] @ start
        for k in range(K):
            total = total + after[K - 1 - k] @ (left[k] - s[k] * push[k])
        yield _shifted(D, total)


@inequality("T14", 1, "residuals through propagators, by lambda")
def _through(rng: np.random.Generator) -> Iterator[Trial]:
    """Functions of n examples, with their mean for an inner product."""
    while True:
        N, p, n = 3, 2, int(rng.integers(1, 4))
        F, gradients = rng.standard_normal((N, p, p)), rng.standard_normal((N, p, n))
        reached = F @ gradients
        lam, vectors = np.linalg.eigh(np.einsum("ijk,ijl->kl", reached, reached) / (N * n))
        rho = vectors[:, -1] if rng.random() < 0.5 else rng.standard_normal(n)
        yield Trial(rms(reached @ rho / n) ** 2, float(lam[-1]) * rms(rho) ** 2)


@equality("T14", 2, "the mean square of xi over all draws")
def _sampling(rng: np.random.Generator) -> Pairs:
    while True:
        N, atoms, n = int(rng.integers(1, 5)), 3, 2
        phi = rng.standard_normal((atoms, n))
        draws = [rms(phi[list(draw)].mean(axis=0) - phi.mean(axis=0)) ** 2
                 for draw in product(range(atoms), repeat=N)]  # fmt: skip
        yield float(np.mean(draws)), float(phi.var(axis=0).mean()) / N


@inequality("T14", 3, "<rho, delta> from below by u and e")
def _shifted_residuals(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        n = int(rng.integers(1, 4))
        delta, xi = rng.standard_normal((2, n))
        curvature = np.ones(n) if rng.random() < 0.5 else rng.uniform(0, 1, n)
        if rng.random() < 0.5:
            xi = delta * float(rng.exponential())
        beta = float(rng.uniform(0.5, 2))
        rho = beta * curvature * (delta + xi)
        u, e = rms(rho), rms(xi)
        yield Trial(u**2, beta * (float(rho @ delta) / n + u * e))


@identity("T14", 3, "the largest value over u, by f, g, h")
def _coupled() -> Pairs:
    s, c, beta, W, V, X, S, E, e = sp.symbols("s c beta W V X S E e", **_POSITIVE)
    u = sp.symbols("u")
    a, b = 2 * s * c * W / beta - s**2 * S, s * c * V + s**2 * X
    against = W * (u**2 / beta - u * e) - V * sp.sqrt(E) * u
    bound = E - 2 * s * c * against + 2 * s**2 * u * X * sp.sqrt(E) + s**2 * u**2 * S
    yield bound, E - a * u**2 + 2 * u * (b * sp.sqrt(E) + s * c * W * e)
    [best] = sp.solve(sp.diff(bound, u), u)
    f = printed("T14", 1, a=a, b=b)
    g = printed("T14", 2, a=a, b=b, s=s, c=c, W=W)
    h = printed("T14", 3, a=a, s=s, c=c, W=W)
    yield bound.subs(u, best), f * E + 2 * g * e * sp.sqrt(E) + h**2 * e**2


@inequality("T14", 3, "u of the other triples")
def _other_triples(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        delta, _, E, G = _differences(rng)
        mean = np.asarray(delta.mean(axis=0))
        xi = rng.standard_normal(len(mean))
        if rng.random() < 0.3:
            xi = mean * float(rng.exponential())
        curvature = float(rng.uniform(0.1, 2)) * np.ones(len(mean))
        u = rms(curvature * (mean + xi))
        yield Trial(u, float(curvature.max()) * ((G * E) ** 0.5 + rms(xi)))


def _over_draws(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial]]:
    while True:
        draws = int(rng.integers(1, 5))
        E, e, f, g, h = (rng.exponential(size=k) for k in (draws, draws, 1, 1, 1))
        chi, left = rng.exponential(size=2)
        main = f * E + 2 * g * e * np.sqrt(E) + h**2 * e**2
        after = float(((np.sqrt(main) + chi * np.sqrt(E) + left) ** 2).mean())
        yield (
            Trial(after, float(main.mean() ** 0.5 + chi * E.mean() ** 0.5 + left) ** 2),
            Trial(float((e * np.sqrt(E)).mean()), float(((e**2).mean() * E.mean()) ** 0.5)),
        )


inequality("T14", 4, "the rest of a step in the mean over draws")(link(_over_draws, 0))
inequality("T14", 4, "e sqrt(E) in the mean over draws")(link(_over_draws, 1))


unchecked("T15", 1, "definition", "hat theta; its distance by T14, step 1")


@identity("T15", 2, "the derivative of the error in B's neuron")
def _derivative() -> Pairs:
    t, theta, moved = sp.symbols("t theta vartheta")
    for phi, slope in ((sp.tanh, lambda z: 1 - sp.tanh(z) ** 2), (sp.sin, sp.cos)):
        error = phi(t * theta + (1 - t) * moved) - t * phi(theta) - (1 - t) * phi(moved)
        yield (
            sp.diff(error, moved),
            (1 - t) * (slope(t * theta + (1 - t) * moved) - slope(moved)),
        )


def _wave(rng: np.random.Generator) -> tuple[Callable[[Any], Any], Callable[[Any], Any], float]:
    """A neuron of one parameter, h cos(omega theta) in L2: its value, its slope, its H."""
    omega = float(10 ** rng.uniform(-2, 1))
    return (
        lambda theta: np.cos(omega * theta),
        lambda theta: -omega * np.sin(omega * theta),
        omega**2,
    )


@inequality("T15", 2, "it is at most t (1-t) H times the distance")
def _slope_difference(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        _, slope, H = _wave(rng)
        t, (theta, moved) = float(rng.uniform()), rng.standard_normal(2)
        left = (1 - t) * abs(slope(t * theta + (1 - t) * moved) - slope(moved))
        yield Trial(float(left), t * (1 - t) * H * abs(theta - moved))


@identity("T15", 3, "the integral over the segment")
def _segment() -> Pairs:
    tau, U, R, t, H = sp.symbols("tau U R t H", **_POSITIVE)
    integral = sp.integrate(t * (1 - t) * H * R * (U + tau * R), (tau, 0, 1))
    yield integral, t * (1 - t) * H * R * (U + R / 2)


@inequality("T15", 3, "what a neuron adds on its segment")
def _along(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        phi, _, H = _wave(rng)
        t, (theta, hat, other) = float(rng.uniform()), rng.standard_normal(3)

        first, last = (
            float(phi(t * theta + (1 - t) * moved) - (1 - t) * phi(moved)) for moved in (hat, other)
        )
        U, R = abs(theta - hat), abs(other - hat)
        yield Trial(abs(last - first), t * (1 - t) * H * R * (U + R / 2))


@inequality("T15", 3, "the mean over neurons")
def _over_neurons(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        linear, rest = rng.exponential(size=(2, int(rng.integers(1, 4))))
        F, whole = rms(rest), rms(linear)
        yield Trial(float((rest * (linear + rest / 2)).mean()), F * whole + F**2 / 2)
