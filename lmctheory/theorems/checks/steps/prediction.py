"""Steps of the proofs on coherent errors, unions and families (P1 to P2b)."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import sympy as sp
import torch

from lmctheory.theorems._registry import equality, identity, inequality, unchecked
from lmctheory.theorems.checks.steps.draws import Pairs, huber, leaky, link, printed, rms
from lmctheory.theorems.trial import Trial


@identity("P1a", 1, "what a neuron contributes")
def _contributes() -> Pairs:
    """With j written out; output biases of both networks beside it."""
    t, v, w, M, S, T, b, c = sp.symbols("t v w M S T b c")
    middle, j = t * v + (1 - t) * w, M - t * S - (1 - t) * T
    here = middle * M + t * b + (1 - t) * c
    error = here - t * (v * S + b) - (1 - t) * (w * T + c)
    yield error, middle * j + middle * (t * S + (1 - t) * T) - t * v * S - (1 - t) * w * T


@identity("P1a", 2, "all but the first term")
def _rest() -> Pairs:
    t, v, w, S, T = sp.symbols("t v w S T")
    left = (t * v + (1 - t) * w) * (t * S + (1 - t) * T) - t * v * S - (1 - t) * w * T
    yield left, -t * (1 - t) * (v - w) * (S - T)


def _data(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and what the weights of a pair are apart by; every second time along one line."""
    x, apart = rng.standard_normal((int(rng.integers(1, 4)), 2)), rng.standard_normal(2)
    if rng.random() < 0.5:
        size = float(rng.exponential())
        x = np.outer(rng.choice([-1, 1], len(x)), apart * size)
    return x, apart


def _moment(x: np.ndarray) -> float:
    """|| E |x|^2 x x^T ||."""
    return float(np.linalg.norm((x * (x**2).sum(axis=1)[:, None]).T @ x / len(x), 2))


@identity("P1", 1, "the mean of the function error over noise")
def _mean_error() -> Pairs:
    """Of one pair with two values of the noise for each; M is sigma in between."""
    t, g, h, S, T, M, n, p = sp.symbols("t g h S T M n p")
    errors = []
    for nu, other in product((n, -n), (p, -p)):
        v, w = g + nu, h + other
        errors.append((t * v + (1 - t) * w) * M - t * v * S - (1 - t) * w * T)
    j = M - t * S - (1 - t) * T
    right = (t * g + (1 - t) * h) * j - t * (1 - t) * (g - h) * (S - T)
    yield sum(errors) / 4, right


def _gaps(rng: np.random.Generator) -> Iterator[tuple[Trial, ...]]:
    """Norms of a neuron's gaps on the data; for a relu, and for slopes that rise at a rate h."""
    while True:
        x, apart = _data(rng)
        delta, size = x @ apart, float(np.linalg.norm(apart))
        slope, h = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        each = [huber(abs(float(d)), slope, h) for d in delta]
        fourth = rms(delta**2)
        middle = float(((x**2).sum(axis=1) * delta**2).mean())
        # a relu between opposite pre-activations, in the middle
        t, start = float(rng.uniform()), rng.standard_normal(2)
        if rng.random() < 0.5:
            t, start = 0.5, apart / 2
        z, y = x @ start, x @ (start - apart)
        gaps = leaky(t * z + (1 - t) * y, 0) - t * leaky(z, 0) - (1 - t) * leaky(y, 0)
        yield (
            # B_{b,H}(1) with b and H the two norms
            Trial(rms(np.array(each)), huber(1.0, slope * rms(delta), h * fourth)),
            Trial(rms(delta) ** 2, fourth),
            Trial(fourth**2, size**2 * middle),
            Trial(middle, size**2 * _moment(x)),
            Trial(rms(gaps), t * (1 - t) * _moment(x) ** 0.25 * size, 1e-14),
            Trial(
                rms(np.array(each)),
                huber(size, slope * _moment(x) ** 0.25, h * _moment(x) ** 0.5),
            ),
        )


inequality("P1", 2, "the norm inside of the integral")(link(_gaps, 0))
inequality("P1", 2, "the square of a norm by that of the square")(link(_gaps, 1))
inequality("P1", 2, "fourth powers by squares")(link(_gaps, 2))
inequality("P1", 2, "these by the weighted second moment")(link(_gaps, 3))
inequality("P1", 2, "gaps of a relu by b")(link(_gaps, 4))
inequality("P1", 2, "Huber's functions of all inputs by b and H")(link(_gaps, 5))


def _over_pairs(rng: np.random.Generator) -> Iterator[tuple[Trial, Trial, Trial]]:
    while True:
        N, n, t = int(rng.integers(1, 4)), int(rng.integers(1, 3)), float(rng.uniform())
        b, H = (float(part) for part in 10 ** rng.uniform(-1, 1, 2))
        d, V = rng.exponential(size=N), float(rng.exponential())
        g, h = rng.uniform(-V, V, (2, N))
        if rng.random() < 0.5:
            d, g, h = np.full(N, d[0]), np.full(N, V), np.full(N, V)
        sizes = np.array([huber(float(each), b, H) for each in d])
        j = rng.standard_normal((N, n))
        if rng.random() < 0.5:
            j = np.abs(np.outer(np.ones(N), j[0]))
        j *= (sizes / [rms(each) for each in j])[:, None]
        first = (t * g + (1 - t) * h) @ j / N
        G, ell = (float(part) for part in rng.exponential(size=2))
        apart, inner = rng.exponential(size=(2, N))
        moved, phi = rng.uniform(-1, 1, N) * G * apart, rng.standard_normal((N, n))
        if rng.random() < 0.5:
            moved, inner = G * apart, apart * float(rng.exponential())
            phi = np.outer(np.ones(N), phi[0])
        phi *= (ell * inner / [rms(each) for each in phi])[:, None]
        second = moved @ phi / N
        M, M_x = rms(apart) ** 2, rms(inner) ** 2
        yield (
            Trial(float(sizes.mean()), huber(rms(d), b, H)),
            Trial(rms(first), V * huber(rms(d), b, H)),
            Trial(rms(second), G * ell * (M * M_x) ** 0.5),
        )


inequality("P1", 3, "Huber's function over pairs, by Jensen")(link(_over_pairs, 0))
inequality("P1", 3, "the first sum")(link(_over_pairs, 1))
inequality("P1", 4, "the second sum")(link(_over_pairs, 2))


@identity("P1", 4, "c, as it is printed")
def _coherent() -> Pairs:
    tau, V, G, ell, M, M_x, B = sp.symbols("tau V G ell M M_x B", positive=True)
    given = {"tau": tau, "V": V, "G": G, "ell": ell, "M": M, "Mx": M_x}
    found = printed("P1", 1, **given).subs(sp.Function("B")(sp.sqrt(M)), B)
    yield found, tau * V * B + tau * G * ell * sp.sqrt(M * M_x)


@identity("P1", 5, "how the noise enters the function error")
def _noise() -> Pairs:
    t, nu, mu, S, T, M = sp.symbols("t nu mu S T M")
    left = (t * nu + (1 - t) * mu) * M - t * nu * S - (1 - t) * mu * T
    yield left, t * nu * (M - S) + (1 - t) * mu * (M - T)


@inequality("P1", 5, "the mean square of what noise leaves")
def _rest_of_noise(rng: np.random.Generator) -> Iterator[Trial]:
    """Noise of two values each, over all draws; the right-hand side is printed."""
    while True:
        N, n, t, s = int(rng.integers(1, 4)), 2, float(rng.uniform()), float(rng.exponential())
        z, a = rng.standard_normal((2, N, n)), float(rng.uniform(-1, 1))
        if rng.random() < 0.5:
            z = np.abs(z)
        middle = leaky(t * z[0] + (1 - t) * z[1], a)
        moved = np.concatenate([t * (middle - leaky(z[0], a)), (1 - t) * (middle - leaky(z[1], a))])
        draws = np.array(list(product((-s, s), repeat=2 * N)))
        rest = float(np.square(draws @ moved / N).mean())
        M_x = float(np.square(z[0] - z[1]).mean())
        tau = t * (1 - t)
        yield Trial(rest, float(printed("P1", 2, Mx=M_x, ell=1, s=s, tau=tau, N=N)), 1e-14)


@equality("P1", 6, "the mean of a squared distance")
def _squares(rng: np.random.Generator) -> Pairs:
    while True:
        draws, y = rng.standard_normal((int(rng.integers(2, 5)), 3)), rng.standard_normal(3)
        mean = draws.mean(axis=0)
        spread = float(((draws - mean) ** 2).sum(axis=1).mean())
        yield float(((draws - y) ** 2).sum(axis=1).mean()), float(((mean - y) ** 2).sum()) + spread


@inequality("P1", 6, "the barrier of the means")
def _of_means(rng: np.random.Generator) -> Iterator[Trial]:
    """In the mean over inputs; every second time with an error along what the chord is off."""
    while True:
        (f, g, e, y), t = rng.standard_normal((4, 3)), float(rng.uniform())
        chord = t * f + (1 - t) * g
        if rng.random() < 0.5:
            e = (chord - y) * float(rng.exponential())
        D, R, c, tau = rms(f - g), rms(chord - y) ** 2, rms(e), t * (1 - t)
        barrier = rms(chord + e - y) ** 2 - t * rms(f - y) ** 2 - (1 - t) * rms(g - y) ** 2
        size = 4 + rms(f) ** 2 + rms(g) ** 2
        yield Trial(size + barrier, size - tau * D**2 + 2 * R**0.5 * c + c**2, 1e-13)


@equality("P1", 7, "what variances leave")
def _variances(rng: np.random.Generator) -> Pairs:
    """Noise of two values each, over all draws; the networks themselves."""
    while True:
        N, n, t = int(rng.integers(1, 3)), 2, float(rng.uniform())
        (z, y), s = rng.standard_normal((2, N, n)), rng.exponential(size=(2, N))
        first, second, middle = leaky(z, 0.1), leaky(y, 0.1), leaky(t * z + (1 - t) * y, 0.1)
        signs = np.array(list(product((-1, 1), repeat=2 * N)))
        nu, mu = signs[:, :N] * s[0], signs[:, N:] * s[1]

        def variance(outputs: np.ndarray) -> float:
            return float(np.square(outputs - outputs.mean(axis=0)).mean(axis=1).mean())

        here = variance((t * nu + (1 - t) * mu) @ middle / N)
        ends = t * variance(nu @ first / N) + (1 - t) * variance(mu @ second / N)
        size = 1 + here + ends
        left = 0.0
        for i in range(N):
            m, p, q = (rms(of[i]) ** 2 for of in (middle, first, second))
            left += s[0, i] ** 2 * (t**2 * m - t * p)
            left += s[1, i] ** 2 * ((1 - t) ** 2 * m - (1 - t) * q)
        yield size + here - ends, size + float(left) / N**2


@inequality("P1", 7, "two squares of vectors")
def _two_squares(rng: np.random.Generator) -> Iterator[Trial]:
    while True:
        p, delta = rng.standard_normal((2, 2))
        low, high = np.sort(rng.exponential(size=2))
        if rng.random() < 0.5:
            p = low / (high - low) * delta
        left = low * float((p + delta) @ (p + delta)) - high * float(p @ p)
        yield Trial(left, low * high / (high - low) * float(delta @ delta), 1e-13)


@identity("P1", 7, "both brackets, and the first line as printed")
def _brackets() -> Pairs:
    t, ell, delta, s, M_x, N = sp.symbols("t ell delta s M_x N", positive=True)
    low, high, tau = t**2, t, t * (1 - t)
    first = low * high / (high - low) * ((1 - t) * ell * delta) ** 2
    yield first, tau * t * ell**2 * delta**2
    low, high = (1 - t) ** 2, 1 - t
    second = low * high / (high - low) * (t * ell * delta) ** 2
    yield second, tau * (1 - t) * ell**2 * delta**2
    D, R, c = sp.symbols("D R c", positive=True)
    given = {"D": D, "R": R, "c": c, "tau": tau, "s": s, "ell": ell, "Mx": M_x, "N": N}
    variances = s**2 / N**2 * N * M_x * (first + second) / delta**2
    yield -tau * D**2 + 2 * sp.sqrt(R) * c + c**2 + variances, printed("P1", 0, **given)


class _Net(NamedTuple):
    """Two hidden layers of tanh; weights, then biases, then the output bias."""

    first: torch.Tensor
    hidden: torch.Tensor
    out: torch.Tensor
    biases: tuple[torch.Tensor, torch.Tensor]
    last: torch.Tensor

    @property
    def groups(self) -> list[list[torch.Tensor]]:
        """First weights and hidden biases, hidden weights, output weights, the output bias."""
        return [[self.first, *self.biases], [self.hidden], [self.out], [self.last]]

    def activations(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Of both layers, and the outputs."""
        one = torch.tanh(x @ self.first.mT + self.biases[0])
        two = torch.tanh(one @ self.hidden.mT + self.biases[1])
        return [one, two, two @ self.out.mT + self.last]

    def copied(self, times: int) -> "_Net":
        """Every neuron so many times, outgoing weights divided by it: the target at the start."""
        return _Net(
            self.first.repeat(times, 1),
            self.hidden.repeat(times, times) / times,
            self.out.repeat(1, times) / times,
            (self.biases[0].repeat(times), self.biases[1].repeat(times)),
            self.last.clone(),
        )


def _member(rng: np.random.Generator) -> tuple[_Net, _Net, int, torch.Tensor, torch.Tensor]:
    """A member and its target, the number of copies, inputs and labels."""
    n, c = int(rng.integers(1, 3)), int(rng.integers(2, 4))

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.standard_normal(shape))

    net = _Net(drawn(n, 2), drawn(n, n), drawn(2, n), (drawn(n), drawn(n)), drawn(2))
    return net, net.copied(c), c, drawn(3, 2), drawn(3, 2)


def _grown(net: _Net) -> list[torch.Tensor]:
    leaves = [each for group in net.groups for each in group]
    for each in leaves:
        each.requires_grad_(True)
    return leaves


@equality("P2", 1, "outputs and activations of copies", count=30)
def _copies(rng: np.random.Generator) -> Pairs:
    while True:
        net, target, c, x, _ = _member(rng)
        for own, other in zip(net.activations(x), target.activations(x), strict=True):
            repeated = own.repeat(1, c) if own.shape != other.shape else own
            weights = torch.from_numpy(rng.uniform(1, 2, repeated.shape))
            yield float((weights * (9 + repeated)).sum()), float((weights * (9 + other)).sum())


def _backward(
    net: _Net, x: torch.Tensor, y: torch.Tensor
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Derivatives of a loss by the pre-activations of both layers, and by the leaves."""
    leaves, shifts = _grown(net), [torch.zeros(len(x), len(b)).double() for b in net.biases]
    for each in shifts:
        each.requires_grad_(True)
    one = torch.tanh(x @ net.first.mT + net.biases[0] + shifts[0])
    two = torch.tanh(one @ net.hidden.mT + net.biases[1] + shifts[1])
    loss = (two @ net.out.mT + net.last - y).square().sum().cosh()
    found = torch.autograd.grad(loss / (1 + loss.detach()), [*shifts, *leaves])
    return list(found[:2]), list(found[2:])


def _compared(own: torch.Tensor, other: torch.Tensor) -> tuple[float, float]:
    """Two tensors by one number each, away from 0."""
    size = 1 + own.abs().max()
    weights = torch.linspace(1, 2, own.numel()).double().view_as(own)
    return float((weights * (size + own)).sum()), float((weights * (size + other)).sum())


@equality("P2", 2, "derivatives by pre-activations", count=30)
def _by_pre_activations(rng: np.random.Generator) -> Pairs:
    while True:
        net, target, c, x, y = _member(rng)
        own, other = _backward(net, x, y)[0], _backward(target, x, y)[0]
        for delta, delta_too in zip(own, other, strict=True):
            yield _compared(delta.repeat(1, c) / c, delta_too)


@equality("P2", 3, "gradients of all groups", count=30)
def _gradients(rng: np.random.Generator) -> Pairs:
    while True:
        net, target, c, x, y = _member(rng)
        first, own, other, hidden, out, last = _backward(net, x, y)[1]
        *rest, out_too, last_too = _backward(target, x, y)[1]
        for g, g_too in zip(
            (first.repeat(c, 1), own.repeat(c), other.repeat(c), hidden.repeat(c, c)),
            rest,
            strict=True,
        ):
            yield _compared(g / c, g_too)
        yield _compared(out.repeat(1, c), out_too)
        yield _compared(last, last_too)


@identity("P2", 4, "the member's rates and decays")
def _rates() -> Pairs:
    """A buffer and a step of SGD for each group, from the ratios of steps 1 and 3."""
    r, eta, lam, beta = sp.symbols("r eta lambda beta", positive=True)
    V, g, w = sp.symbols("V g w")
    for q, ratio, rate, decay in (
        (1, r, r, 1 / r),
        (r, r, 1, 1),
        (r, 1, 1 / r, r),
        (1, 1, 1, 1),
    ):
        target = beta * ratio * V + ratio * g + lam * q * w
        member = beta * V + g + decay * lam * w
        yield target, ratio * member
        yield q * w - eta * target, q * (w - rate * eta * member)


def _trained(
    rng: np.random.Generator,
    optimiser: Callable[[list[dict[str, Any]]], torch.optim.Optimizer],
    shared: dict[str, float],
    ratios: dict[str, Callable[[float], tuple[float, float, float]]],
) -> tuple[float, float]:
    """Outputs of a member and of its target after a few steps, on new inputs."""
    net, target, c, x, y = _member(rng)
    found = []
    new = torch.from_numpy(rng.standard_normal((2, 2)))
    for of, r in ((net, 1 / c), (target, 1.0)):
        _grown(of)
        scales = {name: (*ratio(r), 1.0) for name, ratio in ratios.items()}
        groups = [
            {"params": group, **shared, **{k: shared[k] * v[i] for k, v in scales.items()}}
            for i, group in enumerate(of.groups)
        ]
        steps = optimiser(groups)
        for _ in range(4):
            steps.zero_grad()
            torch.autograd.backward([(of.activations(x)[-1] - y).square().mean()])
            steps.step()
        found.append(of.activations(new)[-1].detach())
    return _compared(*found)


@equality("P2", 4, "outputs after steps of SGD", count=20)
def _descended(rng: np.random.Generator) -> Pairs:
    while True:
        nesterov = rng.random() < 0.5
        shared = {"lr": float(rng.uniform(0.01, 0.1)), "weight_decay": float(rng.uniform(0, 0.3))}

        def optimiser(groups: Any, nesterov: bool = nesterov) -> torch.optim.Optimizer:
            return torch.optim.SGD(groups, momentum=0.8, nesterov=nesterov)

        ratios = {
            "lr": lambda r: (r, 1.0, 1 / r),
            "weight_decay": lambda r: (1 / r, 1.0, r),
        }
        yield _trained(rng, optimiser, shared, ratios)


unchecked("P2b", 1, "cited", "P2, steps 1 to 3")


@identity("P2b", 2, "a step of Adam, moments in their ratios")
def _adam() -> Pairs:
    """With m and v of the member, after the corrections of bias."""
    r, eta, eps, lam = sp.symbols("r eta epsilon lambda", positive=True)
    m, root, g, w = sp.symbols("m root g w", positive=True)
    for q, ratio, rate, off, decay in (
        (1, r, 1, 1 / r, 1 / r),
        (r, r, 1 / r, 1 / r, 1),
        (r, 1, 1 / r, 1, r),
        (1, 1, 1, 1, 1),
    ):
        yield ratio * g + lam * q * w, ratio * (g + decay * lam * w)
        target = eta * ratio * m / (sp.sqrt(ratio**2 * root**2) + eps)
        yield target, q * rate * eta * m / (root + off * eps)


_ADAM = {
    "lr": lambda r: (1.0, 1 / r, 1 / r),
    "eps": lambda r: (1 / r, 1 / r, 1.0),
}


def _adam_rates(rng: np.random.Generator) -> dict[str, float]:
    rates = {"lr": 0.1, "weight_decay": 0.3, "eps": 0.3}
    return {name: most * float(rng.uniform(0.1, 1)) for name, most in rates.items()}


@equality("P2b", 2, "outputs after steps of Adam", count=20)
def _by_adam(rng: np.random.Generator) -> Pairs:
    ratios = {**_ADAM, "weight_decay": lambda r: (1 / r, 1.0, r)}
    while True:
        yield _trained(rng, torch.optim.Adam, _adam_rates(rng), ratios)


@identity("P2b", 3, "a decay beside the step")
def _decoupled() -> Pairs:
    r, eta, lam, w = sp.symbols("r eta lambda w", positive=True)
    for rate, decay in ((1, 1), (1 / r, r), (1 / r, r)):
        yield w * (1 - eta * lam), w * (1 - rate * eta * decay * lam)


@equality("P2b", 3, "outputs after steps of AdamW", count=20)
def _by_adamw(rng: np.random.Generator) -> Pairs:
    ratios = {**_ADAM, "weight_decay": lambda r: (1.0, r, r)}
    while True:
        yield _trained(rng, torch.optim.AdamW, _adam_rates(rng), ratios)


@equality("P2a", 1, "the union of members against their mean")
def _union(rng: np.random.Generator) -> Pairs:
    """As one network, whose neurons are all of the members'."""
    while True:
        q, m, x = int(rng.integers(1, 4)), 2, rng.standard_normal(2)
        w, b, v, c = (rng.standard_normal(shape) for shape in ((q, m, 2), (q, m), (q, m), q))
        members = [float(v[k] @ np.tanh(w[k] @ x + b[k]) + c[k]) for k in range(q)]
        hidden = np.tanh(w.reshape(q * m, 2) @ x + b.ravel())
        yield 10 + float(v.ravel() / q @ hidden) + float(c.mean()), 10 + float(np.mean(members))
