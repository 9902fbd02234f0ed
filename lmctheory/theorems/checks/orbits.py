"""Checks on components of linear networks' minima, and on chords of orbits (S4 to S7)."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product

import numpy as np
import torch
from scipy.linalg import block_diag, expm, logm, polar
from scipy.optimize import brentq

from lmctheory.matching import (
    chord_barrier,
    chord_distance,
    lowest_pass,
    minima_components,
    orbit_acceleration,
    orbit_error,
    orientations,
    sagitta,
)
from lmctheory.networks import MLP
from lmctheory.networks.state import copied
from lmctheory.paths import interpolate
from lmctheory.theorems._registry import breaks, tries, tries_trained
from lmctheory.theorems.adversary import Trials
from lmctheory.theorems.checks.trained import WIDTHS, test_examples, trained_pair
from lmctheory.theorems.trial import Trial

Weights = list[np.ndarray]
"""Of a linear network, the first layer first."""
_PLACES = np.linspace(0, 1, 5)


def multiplied(weights: Sequence[np.ndarray]) -> np.ndarray:
    """W_l ... W_1.

    Args:
        weights: W_1, ..., W_l.
    """
    result = weights[0]
    for matrix in weights[1:]:
        result = matrix @ result
    return result


def acted(weights: Weights, layer: int, g: np.ndarray) -> Weights:
    """The network whose hidden layer is multiplied by a matrix, the next one by its inverse.

    Args:
        weights: W_1, ..., W_l.
        layer: counted from 1, hidden.
        g: invertible.
    """
    result = list(weights)
    result[layer - 1] = g @ weights[layer - 1]
    result[layer] = weights[layer] @ np.linalg.inv(g)
    return result


def gauge(rng: np.random.Generator, n: int, sign: int) -> np.ndarray:
    """A well-conditioned matrix whose determinant has the given sign."""
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    g = left @ np.diag(np.exp(rng.uniform(-0.5, 0.5, n))) @ right
    g[0] *= sign * np.sign(np.linalg.det(g))
    return np.asarray(g)


def architecture(rng: np.random.Generator) -> tuple[list[int], int]:
    """Widths of one to four layers, and a rank that is that of many of them."""
    rank = int(rng.integers(4))
    widths = [max(1, rank + int(rng.choice([0, 0, 1, 2]))) for _ in range(rng.integers(2, 6))]
    return widths, rank


def minimum(
    rng: np.random.Generator, widths: list[int], C: np.ndarray, B: np.ndarray, signs: Sequence[int]
) -> Weights:
    """A network that computes C B: other parts of the inputs pass until a layer drops them.

    Args:
        rng: the random numbers.
        widths: of all layers.
        C: ``[n_l, r]``.
        B: ``[r, n_0]``.
        signs: of the determinants of what then mixes the hidden layers.
    """
    r, passes, weights = len(B), True, []
    for layer, n in enumerate(widths[1:], start=1):
        spare, last = widths[layer - 1] - r, layer == len(widths) - 1
        head = C if last else np.eye(n, r)
        if layer == 1:
            passes = not last and bool(rng.random() < 0.5)
            below = np.r_[B, passes * rng.standard_normal((n - r, widths[0]))]
            weights.append(C @ B if last else below)
            continue
        passed, passes = passes, passes and not last and bool(rng.random() < 0.5)
        tail = rng.standard_normal((n, spare)) * (not passed or passes)
        if passed:
            tail[:r] = 0.0
        weights.append(np.c_[head, tail])
    for layer, sign in enumerate(signs, start=1):
        weights = acted(weights, layer, gauge(rng, widths[layer], sign))
    return weights


def to_normal_form(weights: Weights, B: np.ndarray) -> tuple[tuple[int, ...], list[Weights]]:
    """The path of the second step of S4's proof.

    Args:
        weights: of a network that computes C B.
        B: ``[r, n_0]``.

    Returns:
        The signs of the network that it ends at, and networks on the way.
    """
    r, signs, visited = len(B), [], [weights]
    for layer in range(1, len(weights)):
        right = np.linalg.pinv(B) if layer == 1 else np.eye(weights[layer - 1].shape[1], r)
        left = B if layer == 1 else right.T
        visited += _shrunk(weights, layer, right @ left)
        weights = visited[-1]
        g, sign = _straightening(weights[layer - 1] @ right)
        signs.append(sign)
        visited += [acted(weights, layer, near) for near in _way_to(g)]
        weights = visited[-1]
    if signs:
        visited += _shrunk(
            weights, len(weights), np.diag(1.0 * (np.arange(weights[-1].shape[1]) < r))
        )
    return tuple(signs), visited


def _shrunk(weights: Weights, layer: int, kept: np.ndarray) -> list[Weights]:
    """What a projection drops of the inputs of a layer is shrunk to zero."""
    before, matrix, after = weights[: layer - 1], weights[layer - 1], weights[layer:]
    return [[*before, matrix + s * (matrix @ kept - matrix), *after] for s in _PLACES]


def _straightening(w: np.ndarray) -> tuple[np.ndarray, int]:
    """What takes independent columns to the first ones, but for a sign of the last if need be."""
    n, r = w.shape
    rest = np.linalg.svd(w)[0][:, r:] if r else np.eye(n)
    whole = np.c_[w, rest]
    sign = int(np.sign(np.linalg.det(whole)))
    flip = np.eye(n)
    flip[-1, -1] = sign
    return flip @ np.linalg.inv(whole), sign if n == r else 1


def _way_to(g: np.ndarray) -> Iterator[np.ndarray]:
    """From the identity, determinants positive all the way."""
    turn, stretch = polar(g)
    angles, (values, vectors) = logm(turn).real, np.linalg.eigh(stretch)
    for s in _PLACES:
        yield expm(s * angles) @ (vectors * values**s) @ vectors.T


def drawn(rng: np.random.Generator) -> tuple[list[int], int, np.ndarray, np.ndarray]:
    """Widths, a rank, and factors of a matrix of that rank."""
    widths, r = architecture(rng)
    singular = np.exp(rng.uniform(-1, 1, r))
    C = np.linalg.qr(rng.standard_normal((widths[-1], widths[-1])))[0][:, :r] * singular
    B = np.linalg.qr(rng.standard_normal((widths[0], widths[0])))[0][:r]
    return widths, r, C, B


Count = Callable[[list[int], int, str | None], float]


def _claimed(widths: list[int], rank: int, modulo: str | None) -> float:
    return float(minima_components(widths, rank, modulo=modulo))  # type: ignore[arg-type]


def _components(count: Count = _claimed) -> Trials:
    """At most as many as normal forms that paths lead to, at least as many as patterns of signs.

    Where networks on a path do not compute the matrix, it connects nothing: its start counts.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            widths, r, C, B = drawn(rng)
            forms: set[object] = set()
            starts = [
                minimum(rng, widths, C, B, signs)
                for signs in product((1, -1), repeat=len(widths) - 2)
            ]
            for number, start in enumerate(starts):
                form, visited = to_normal_form(start, B)
                off = max(float(np.linalg.norm(multiplied(w) - C @ B)) for w in visited)
                forms.add(form if off < 1e-6 * (1 + np.linalg.norm(C)) else number)
            patterns = {_pattern(start, C @ B) for start in starts}
            yield Trial(float(len(forms)), count(widths, r, None))
            yield Trial(count(widths, r, None), float(len(patterns)))
            for modulo in ("permutations", "signs"):
                classes = float(_classes(starts, C @ B, modulo))
                yield Trial(classes, count(widths, r, modulo))
                yield Trial(count(widths, r, modulo), classes)

    return trials


def _pattern(weights: Weights, target: np.ndarray) -> tuple[int, ...]:
    return tuple(orientations(weights, target).values())


def _classes(starts: list[Weights], target: np.ndarray, modulo: str) -> int:
    """Classes of patterns of signs, of which generators of the group take one to the other."""
    classes = {_pattern(start, target): {_pattern(start, target)} for start in starts}
    for start in starts:
        for layer in range(1, len(start)):
            for g in _generators(len(start[layer - 1]), modulo):
                one, other = (_pattern(w, target) for w in (start, acted(start, layer, g)))
                merged = classes[one] | classes[other]
                classes.update(dict.fromkeys(merged, merged))
    return len(set(map(frozenset, classes.values())))


def _generators(n: int, modulo: str) -> Iterator[np.ndarray]:
    """Neighbours exchanged; one neuron negated."""
    for k in range(n - 1):
        order = np.arange(n)
        order[[k, k + 1]] = k + 1, k
        yield np.eye(n)[order]
    if modulo == "signs":
        yield np.diag(np.r_[-1.0, np.ones(n - 1)])


tries("S4", counts=(25, 200))(_components())

breaks("S4", "every hidden layer counted")(
    _components(
        lambda widths, r, modulo: 1.0 if modulo and r > 1 else 2.0 ** max(0, len(widths) - 2)
    )
)

breaks("S4", "one component modulo permutations for rank 1, too")(
    _components(lambda widths, r, modulo: 1.0 if modulo else _claimed(widths, r, None))
)


def input_moment(rng: np.random.Generator, n: int) -> np.ndarray:
    """A second moment of n inputs, well-conditioned."""
    root = gauge(rng, n, 1)
    return root @ root.T


def excess(weights: Weights, target: np.ndarray, moment: np.ndarray) -> float:
    """Of the squared loss over its minimum."""
    off = multiplied(weights) - target
    return float(np.sum((off @ moment) * off))


def between(a: Weights, b: Weights, s: float) -> Weights:
    """On the segment, a at s = 0."""
    return [W + s * (V - W) for W, V in zip(a, b, strict=True)]


def _crossing(a: Weights, b: Weights, layer: int, basis: np.ndarray) -> float:
    """Where the sign of the layer changes on the segment."""

    def determinant(s: float) -> float:
        return float(np.linalg.det(multiplied(between(a, b, s)[:layer]) @ basis))

    return float(brentq(determinant, 0, 1, xtol=1e-15))


def narrow(rng: np.random.Generator) -> tuple[list[int], int, np.ndarray, np.ndarray]:
    """As `drawn`, with a hidden layer of the width of the rank."""
    while True:
        widths, r, C, B = drawn(rng)
        if r and r in widths[1:-1]:
            return widths, r, C, B


Height = Callable[[np.ndarray, np.ndarray], float]


def _passes(height: Height = lowest_pass, alike: bool = False) -> Trials:
    """The pass of the proof, both directions; then segments, of minima and of other networks.

    Args:
        height: that is claimed.
        alike: whether the ends are in one component, against the hypothesis.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            widths, r, C, B = narrow(rng)
            moment = input_moment(rng, widths[0])
            target = C @ B
            claimed = height(target, moment)
            highest = highest_of_the_pass(widths, target, moment)
            layer = 1 + widths[1:-1].index(r)
            signs = [1] * (len(widths) - 2)
            a = minimum(rng, widths, C, B, signs)
            signs[layer - 1] = 1 if alike else -1
            b = minimum(rng, widths, C, B, signs)
            if alike:
                middle = max(
                    excess(between(a, b, s), target, moment) for s in np.linspace(0, 1, 33)
                )
                yield Trial(claimed, middle)
                continue
            yield Trial(claimed, highest)
            yield Trial(highest, claimed)
            moved = [
                [W + 0.2 * rng.standard_normal(W.shape) for W in weights] for weights in (a, b)
            ]
            for one, other in ((a, b), moved):
                sides = [orientations(w, target, moment)[layer] for w in (one, other)]
                if sides[0] != sides[1]:
                    s = _crossing(one, other, layer, whitened_basis(target, moment, r))
                    yield Trial(claimed, excess(between(one, other, s), target, moment))

    return trials


def whitened_basis(target: np.ndarray, moment: np.ndarray, r: int) -> np.ndarray:
    """Sigma^(1/2) V."""
    values, vectors = np.linalg.eigh(moment)
    root = vectors * np.sqrt(values) @ vectors.T
    return np.asarray(root @ np.linalg.svd(target @ root)[2][:r].T)


def highest_of_the_pass(widths: list[int], target: np.ndarray, moment: np.ndarray) -> float:
    """The largest excess on the path of the fourth step of S5's proof, between two normal forms."""
    values, vectors = np.linalg.eigh(moment)
    root, inverse = (vectors * values**power @ vectors.T for power in (0.5, -0.5))
    U, sigma, V = np.linalg.svd(target @ root)
    r = np.linalg.matrix_rank(target)
    first = np.eye(widths[1], r) @ V[:r] @ inverse
    middle = [np.eye(n, m) * (np.arange(m) < r) for m, n in pairwise(widths[1:-1])]
    last = (U[:, :r] * sigma[:r]) @ np.eye(r, widths[-2])
    shrunk = first.copy()
    shrunk[r - 1] = 0.0
    flipped = last.copy()
    flipped[:, r - 1] *= -1
    grown = first.copy()
    grown[r - 1] *= -1
    stations = [[first, *middle, last], [shrunk, *middle, last], [shrunk, *middle, flipped]]
    stations.append([grown, *middle, flipped])
    return max(
        excess(between(one, other, s), target, moment)
        for one, other in pairwise(stations)
        for s in _PLACES
    )


tries("S5", counts=(40, 5000), searched=100)(_passes())

breaks("S5", "the largest singular value")(
    _passes(lambda target, _: float(np.linalg.norm(target, 2) ** 2))
)

breaks("S5", "inputs taken for white")(_passes(lambda target, _: lowest_pass(target)))

breaks("S5", "ends in one component")(_passes(alike=True))


def _small(rng: np.random.Generator) -> float:
    return float(10 ** rng.uniform(-2, 0.5))


def normal(rng: np.random.Generator, m: int) -> np.ndarray:
    """Blocks of scales and rotations, turned: a normal matrix."""
    blocks = [rng.uniform(-1.5, 1.5, (1, 1)) for _ in range(m % 2)]
    for _ in range(m // 2):
        growth, angle = rng.uniform(-1.5, 1.5, 2) * (float(rng.random() < 0.5), 1.0)
        blocks.append(np.array([[growth, -angle], [angle, growth]]))
    turn = np.linalg.qr(rng.standard_normal((m, m)))[0]
    return np.asarray(turn @ block_diag(*blocks) @ turn.T) * _small(rng)


Distance = Callable[[float, float], float]


def _chords(
    distance: Distance = chord_distance,
    acceleration: Callable[..., float] = orbit_acceleration,
    barrier: Callable[..., float] = chord_barrier,
) -> Trials:
    """Cubic curves; orbits of a hidden layer; losses that are constant on a circle; arcs."""

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            t = float(rng.random())
            yield _cubic(rng, t, distance)
            yield _orbit(rng, t, distance, acceleration)
            angle = min(_small(rng), 3.0)
            yield _circle(rng, t, angle, barrier)
            yield _arcs(rng, angle)

    return trials


def _cubic(rng: np.random.Generator, t: float, distance: Distance) -> Trial:
    """A curve c s^2/2 + e s^3/6 and what is straight; a parabola where e = 0."""
    c, e = rng.standard_normal((2, 3))
    e *= float(rng.random() < 0.5)
    off = np.linalg.norm(c / 2 + e * (1 + t) / 6) * t * (1 - t)
    return Trial(float(off), distance(max(map(float, map(np.linalg.norm, (c, c + e)))), t))


def _arcs(rng: np.random.Generator, turn: float) -> Trial:
    """Four arcs of one length, of radius 1 or more, in a plane, and their chord."""
    bends = np.where(rng.random(4) < 0.5, 1.0, rng.uniform(-1, 1, 4)) * turn / 4
    directions = np.exp(1j * np.r_[0.0, np.cumsum(bends)[:-1]])
    steps = turn / 4 * directions * np.exp(1j * bends / 2) * np.sinc(bends / (2 * np.pi))
    return Trial(abs(steps[:2].sum() - steps[2:].sum()) / 2, sagitta(1.0, turn))


def _orbit(
    rng: np.random.Generator, t: float, distance: Distance, acceleration: Callable[..., float]
) -> Trial:
    d, m, k = (int(rng.integers(1, 5)) for _ in range(3))
    X, W, U = normal(rng, m), rng.standard_normal((m, d)), rng.standard_normal((k, m))
    off = np.hypot(np.linalg.norm(_bow(X, t) @ W), np.linalg.norm(U @ _bow(-X, t)))
    return Trial(float(off), distance(acceleration(X, W, U), t))


def _bow(X: np.ndarray, t: float) -> np.ndarray:
    """e^{tX} - t e^X - (1-t) by its series, whose first term is of second order."""
    power, result = X, np.zeros_like(X)
    for k in range(2, 60):
        power = power @ X / k
        result = result + (t**k - t) * power
    return result


def _circle(
    rng: np.random.Generator, t: float, angle: float, barrier: Callable[..., float]
) -> Trial:
    """L = beta/2 (|theta| - rho)^2 on a circle of radius 1, which is stationary for rho = 1."""
    beta = _small(rng)
    slope = 0.0 if rng.random() < 0.5 else float(rng.exponential())
    # the chord's distance from the circle is 1 - sqrt(1 - q)
    q = 4 * t * (1 - t) * np.sin(angle / 2) ** 2
    off = q / (1 + np.sqrt(1 - q))
    rise = beta / 2 * (off**2 + 2 * slope * off)
    return Trial(rise, barrier(angle**2, beta, t, slope=beta * slope))


tries("S6", counts=(60, 5000), searched=200)(_chords())

breaks("S6", "half of the distance")(_chords(lambda K, t: chord_distance(K, t) / 2))

breaks("S6", "the acceleration at the first end alone")(
    _chords(
        acceleration=lambda X, W, U: float(
            np.hypot(np.linalg.norm(X @ X @ W), np.linalg.norm(U @ X @ X))
        )
    )
)

breaks("S6", "second order where the curve is not stationary")(
    _chords(barrier=lambda K, beta, t, **_: chord_barrier(K, beta, t))
)

Gap = Callable[..., np.ndarray]


def _hidden(
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
    """Inputs, weights, what multiplies the neurons, and whether they are relus."""
    d, m, k, n = (int(rng.integers(1, 5)) for _ in range(4))
    relu = bool(rng.random() < 0.5)
    s = rng.uniform(-1.5, 1.5, m) * _small(rng)
    if relu:
        g = np.diag(np.exp(s))
    else:
        g = expm(normal(rng, m)) if rng.random() < 0.5 else gauge(rng, m, int(rng.choice([-1, 1])))
    x, W = rng.standard_normal((n + m, d)), rng.standard_normal((m, d))
    return x, W, rng.standard_normal((k, m)), g, relu


def _segment(gap: Gap = orbit_error, stationary: bool = True) -> Trials:
    """f_t - f, and the barrier where the outgoing weights are the best ones, both directions.

    Args:
        gap: what f_t - f is claimed to be.
        stationary: whether they are.
    """

    def trials(rng: np.random.Generator) -> Iterator[Trial]:
        while True:
            x, W, U, g, relu = _hidden(rng)
            t = float(rng.random())
            phi = x @ W.T
            phi = np.maximum(phi, 0) if relu else phi
            y = phi @ U.T + rng.standard_normal((len(x), len(U)))
            if stationary:
                U = np.linalg.lstsq(phi, y, rcond=None)[0].T
            z = x @ (t * g @ W + (1 - t) * W).T
            outgoing = t * U @ np.linalg.inv(g) + (1 - t) * U
            f, f_t = phi @ U.T, (np.maximum(z, 0) if relu else z) @ outgoing.T
            claimed = f + gap(g, phi, U, t)
            # beside f, so that neither side is a rounding error
            sides = [float(np.linalg.norm(np.r_[f, outputs])) for outputs in (f_t, claimed)]
            yield Trial(sides[0], sides[1])
            yield Trial(sides[1], sides[0])
            loss = float(np.square(f - y).sum())
            barrier = float(np.square(f_t - y).sum()) - loss
            by_error = float(np.square(claimed - f).sum())
            base = loss + float(np.square(y).sum())
            yield Trial(base + barrier, base + by_error)
            yield Trial(base + by_error, base + barrier)

    return trials


tries("S7", counts=(60, 20_000), searched=200)(_segment())


@tries_trained("S7", counts=(10, 200))
def _trained(rng: np.random.Generator) -> Iterator[Trial]:
    """Trained relu networks and copies whose neurons are scaled, along the segment."""
    x = test_examples().inputs[:40]
    while True:
        net = trained_pair(1, int(rng.choice(WIDTHS)), 0)[0]
        factors, t = np.exp(rng.uniform(-1, 1, net.widths[1])), float(rng.random())
        scaled = copied(net)
        assert isinstance(scaled, MLP)
        first, last = scaled.linears
        with torch.no_grad():
            first.weight.mul_(torch.from_numpy(factors)[:, None])
            first.bias.mul_(torch.from_numpy(factors))
            last.weight.div_(torch.from_numpy(factors))
            phi = torch.relu(net.linears[0](x)).numpy()
            f_t, f = (of(x).numpy() for of in (interpolate(scaled, net, t), net))
        outgoing = net.linears[1].weight.detach().numpy()
        claimed = f + orbit_error(np.diag(factors), phi, outgoing, t)
        sides = [float(np.linalg.norm(outputs)) for outputs in (f_t, claimed)]
        yield Trial(sides[0], sides[1])
        yield Trial(sides[1], sides[0])


breaks("S7", "without the identity twice")(
    _segment(lambda g, phi, U, t: t * (1 - t) * phi @ (g + np.linalg.inv(g)).T @ U.T)
)

breaks("S7", "outgoing weights that are not stationary")(_segment(stationary=False))
